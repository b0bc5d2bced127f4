"""The yardstick: what eager PyTorch takes for the benchmark's model on this machine. Prints one JSON line a request.

Each line on standard input is a request: "train N" (N steps), "add N" (N additions of 4x4 tensors) or "quit". Debian: python3-torch.
"""
import json
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F

LAYERS, WIDTH, HEADS, VOCABULARY, ROWS, TOKENS = 4, 256, 4, 4096, 8, 128


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.qkv, self.out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.up, self.down = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)

    def forward(self, x, future):
        rows, tokens, _ = x.shape
        q, k, v = (part.view(rows, tokens, HEADS, WIDTH // HEADS).transpose(1, 2) for part in self.qkv(self.norm1(x)).chunk(3, dim=-1))
        scores = q @ k.transpose(-2, -1) / (WIDTH // HEADS) ** 0.5
        mixed = scores.masked_fill(future, float("-inf")).softmax(dim=-1) @ v
        x = x + self.out(mixed.transpose(1, 2).reshape(rows, tokens, WIDTH))
        return x + self.down(F.gelu(self.up(self.norm2(x))))


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.positions = nn.Embedding(VOCABULARY, WIDTH), nn.Embedding(TOKENS, WIDTH)
        self.layers = nn.ModuleList(Layer() for _ in range(LAYERS))
        self.norm = nn.LayerNorm(WIDTH)
        self.register_buffer("future", torch.ones(TOKENS, TOKENS, dtype=torch.bool).triu(1))
        for parameter in self.parameters():
            if parameter.dim() > 1:
                nn.init.normal_(parameter, std=0.02)

    def forward(self, ids):
        x = self.embed(ids) + self.positions.weight
        for layer in self.layers:
            x = layer(x, self.future)
        return F.linear(self.norm(x)[:, :-1], self.embed.weight)  # the last token has no target; Attune leaves its logits out too


def train(model, optimiser, steps):
    times = []
    for _ in range(steps):
        data = torch.randint(0, VOCABULARY, (ROWS, TOKENS))
        began = time.perf_counter()
        loss = F.cross_entropy(model(data).flatten(0, 1), data[:, 1:].flatten())
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        times.append(time.perf_counter() - began)
    return times


def add(count):
    x = torch.ones(4, 4)
    with torch.no_grad():
        began = time.perf_counter()
        for _ in range(count):
            x + x
        return [(time.perf_counter() - began) / count]


def main():
    torch.set_num_threads(int(sys.argv[1]))
    torch.manual_seed(1)
    model = Model()
    optimiser = torch.optim.AdamW(model.parameters(), lr=3e-4, betas=(0.9, 0.95), weight_decay=0.1)
    print(json.dumps({"torch": torch.__version__, "threads": torch.get_num_threads()}), flush=True)
    for line in sys.stdin:
        what, *count = line.split()
        if what == "quit":
            break
        seconds = train(model, optimiser, int(count[0])) if what == "train" else add(int(count[0]))
        print(json.dumps({"seconds": seconds}), flush=True)


main()
