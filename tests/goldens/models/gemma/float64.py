"""Gemma's logits from the formulas alone, in Python's float64 with exactly rounded sums: python3 float64.py > float64.json

Reads config.json, model.safetensors and the inputs of expected.json beside it, and prints the logits behind the last token of each input.
"""

import json
import math
import os
import struct

FOLDER = os.path.dirname(os.path.abspath(__file__))


def read(name, mode="r"):
    with open(os.path.join(FOLDER, name), mode) as file:
        return file.read()


def tensors(data):
    (length,) = struct.unpack("<Q", data[:8])
    found = {}
    for name, entry in json.loads(data[8:8 + length]).items():
        if name != "__metadata__":
            begin, end = (8 + length + offset for offset in entry["data_offsets"])
            flat = struct.unpack(f"<{(end - begin) // 4}f", data[begin:end])
            columns = entry["shape"][-1]
            found[name] = flat if len(entry["shape"]) == 1 else [flat[k:k + columns] for k in range(0, len(flat), columns)]
    return found


config = json.loads(read("config.json"))
weights = tensors(read("model.safetensors", "rb"))
HEADS, GROUPS, WIDTH = config["num_attention_heads"], config["num_key_value_heads"], config["head_dim"]


def linear(matrix, x):
    return [math.fsum(a * b for a, b in zip(row, x)) for row in matrix]


def norm(gain, x):
    root = math.sqrt(math.fsum(a * a for a in x) / len(x) + config["rms_norm_eps"])
    return [a / root * (1 + g) for a, g in zip(x, gain)]


def turned(head, place):
    half = WIDTH // 2
    turns = [place * config["rope_theta"] ** (-2 * k / WIDTH) for k in range(half)]
    first = [head[k] * math.cos(t) - head[k + half] * math.sin(t) for k, t in enumerate(turns)]
    return first + [head[k + half] * math.cos(t) + head[k] * math.sin(t) for k, t in enumerate(turns)]


def heads(x, count):
    return [x[k * WIDTH:(k + 1) * WIDTH] for k in range(count)]


def attended(query, keys, values):
    scores = [math.fsum(a * b for a, b in zip(query, key)) / math.sqrt(WIDTH) for key in keys]
    shares = [math.exp(score - max(scores)) for score in scores]
    return [math.fsum(s * v[k] for s, v in zip(shares, values)) / math.fsum(shares) for k in range(WIDTH)]


def gelu(x):
    return x / 2 * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x ** 3)))


def logits(ids):
    embed = weights["model.embed_tokens.weight"]
    rows = [[math.sqrt(config["hidden_size"]) * value for value in embed[token]] for token in ids]
    for layer in range(config["num_hidden_layers"]):
        def of(name):
            return weights[f"model.layers.{layer}.{name}.weight"]

        normed = [norm(of("input_layernorm"), row) for row in rows]
        queries = [[turned(h, place) for h in heads(linear(of("self_attn.q_proj"), x), HEADS)] for place, x in enumerate(normed)]
        keys = [[turned(h, place) for h in heads(linear(of("self_attn.k_proj"), x), GROUPS)] for place, x in enumerate(normed)]
        values = [heads(linear(of("self_attn.v_proj"), x), GROUPS) for x in normed]
        for place in range(len(rows)):
            mixed = []
            for head in range(HEADS):
                group = head * GROUPS // HEADS
                mixed += attended(queries[place][head], [k[group] for k in keys[:place + 1]], [v[group] for v in values[:place + 1]])
            rows[place] = [a + b for a, b in zip(rows[place], linear(of("self_attn.o_proj"), mixed))]
            x = norm(of("post_attention_layernorm"), rows[place])
            inner = [gelu(g) * u for g, u in zip(linear(of("mlp.gate_proj"), x), linear(of("mlp.up_proj"), x))]
            rows[place] = [a + b for a, b in zip(rows[place], linear(of("mlp.down_proj"), inner))]
    return linear(embed, norm(weights["model.norm.weight"], rows[-1]))


inputs = [sample["input_ids"] for sample in json.loads(read("expected.json"))["forward"]]
print(json.dumps({"last_logits": [logits(ids) for ids in inputs]}))
