"""Held against the measured peak: the memory that `attune doctor` foresees for supervised fine-tuning, reward training and PPO.

usage: python3 bench/memory_peaks.py [--program "./attune"] [--sizes small,medium,large] [--only WORD] [--keep DIR]

Everything goes through the program as users have it. Models, data and recipes are made up here; each stage runs for two steps in a process of
its own, whose largest resident memory the system tells (ru_maxrss). Prints a table in Markdown.
"""

import argparse
import json
import os
import random
import shlex
import sys
import tempfile

SIZES = {  # layers, width, heads, vocabulary, tokens a row, rows a pass
    "small": (4, 256, 4, 4096, 128, 8),
    "medium": (8, 512, 8, 8192, 192, 8),
    "large": (12, 768, 12, 16384, 256, 8),
}


def run(program, *arguments, folder):
    """Runs the program; its output, and the most memory that it held in bytes."""
    out = os.path.join(folder, "stdout.txt")
    err = os.path.join(folder, "stderr.txt")
    child = os.fork()
    if child == 0:
        os.dup2(os.open(out, os.O_CREAT | os.O_WRONLY | os.O_TRUNC), 1)
        os.dup2(os.open(err, os.O_CREAT | os.O_WRONLY | os.O_TRUNC), 2)
        os.execvp(program[0], [*program, *arguments])
    _, status, usage = os.wait4(child, 0)
    if status != 0:
        sys.exit(f"{' '.join(arguments)} ended with {status}: {open(err).read()[-2000:]}")
    return open(out).read(), usage.ru_maxrss * 1024


def words(draws, vocabulary):
    """Made-up words, so many that a tokenizer of the wanted size can be learned from them."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    return ["".join(draws.choice(letters) for _ in range(draws.randint(3, 7))) for _ in range(vocabulary)]


def write(path, text):
    with open(path, "w") as file:
        file.write(text)
    return path


def prepare(program, folder, size, draws):
    layers, width, heads, vocabulary, tokens, _ = SIZES[size]
    known = words(draws, vocabulary)
    lines = [" ".join(known[k:k + 8]) for _ in range(3) for k in range(0, len(known), 8)]
    corpus = write(os.path.join(folder, "corpus.txt"), "\n".join(lines) + "\n")
    recipe = write(os.path.join(folder, "pretrain.yaml"), f"""
model: {{layers: {layers}, width: {width}, heads: {heads}, context: {2 * tokens}}}
vocabulary: {vocabulary}
corpus: [{{path: {corpus}, linePerDocument: true}}]
pretrain: {{steps: 1, batch: 1, microBatch: 1, warmUpSteps: 0}}
""")
    run(program, "pretrain", recipe, "--out", os.path.join(folder, "base"), folder=folder)

    def text(count):
        return " ".join(draws.choice(known) for _ in range(count))

    write(os.path.join(folder, "demonstrations.jsonl"), "".join(json.dumps({"prompt": text(4), "response": " " + text(tokens)}) + "\n" for _ in range(64)))
    write(os.path.join(folder, "pairs.jsonl"),
          "".join(json.dumps({"id": k, "prompt": text(4), "chosen": " " + text(tokens), "rejected": " " + text(tokens)}) + "\n" for k in range(120)))
    write(os.path.join(folder, "prompts.txt"), "".join(text(tokens // 4) + "\n" for _ in range(64)))


def recipes(folder, size):
    """Name, verb and text of each recipe; two steps or so."""
    _, _, _, _, tokens, rows = SIZES[size]
    model = os.path.join(folder, "base", "model")
    sft = f"""
from: {model}
data: [{{path: {folder}/demonstrations.jsonl, format: prompts}}]
rows: {{longest: {tokens}, overlong: cut-end}}
sft: {{steps: 2, batch: {2 * rows}, microBatch: {rows}, warmUpSteps: 0}}
"""
    reward = f"""
from: {model}
preferences: [{{path: {folder}/pairs.jsonl}}]
data: {{longest: {tokens}, most: {4 * rows}, mostEvaluated: 4}}
reward: {{batchSize: {rows}, microBatchSequences: {rows}}}
normalise: {{samples: 0}}
"""
    ppo = f"""
from: {model}
rewards: [{{function: length-target, length: 20}}]
prompts: {{data: [{{path: {folder}/prompts.txt}}], maximumTokens: {tokens // 4}}}
ppo: {{steps: 2, promptsPerStep: {2 * rows}, microBatch: {rows}, maximumLength: {3 * tokens // 4}, epochs: 1, minibatches: 1}}
samples: {{every: 0}}
rollouts: {{every: 0}}
"""
    adapter = "adapter: {rank: 16}\n"
    packed = "adapter: {rank: 16, baseBits: 4}\n"

    def recomputing(text):
        return text.replace("microBatch", "checkpointing: true, microBatch")

    def critic(text):
        return text.replace("epochs: 1", "critic: separate, epochs: 1")

    def scale(text):
        return text.replace("samples: 0", f"samples: 128, newTokens: {tokens // 2}")

    yield "sft", "sft", sft
    yield "sft, recomputing", "sft", recomputing(sft)
    yield "sft, adapter", "sft", sft + adapter
    yield "sft, adapter, recomputing", "sft", recomputing(sft) + adapter
    yield "sft, adapter on 4 bits", "sft", sft + packed
    yield "reward", "reward", reward
    yield "reward, recomputing", "reward", recomputing(reward)
    yield "reward, scale", "reward", scale(reward)
    yield "reward, adapter", "reward", reward + adapter
    yield "reward, adapter, recomputing", "reward", recomputing(reward) + adapter
    yield "reward, adapter, scale", "reward", scale(reward) + adapter
    yield "ppo", "ppo", ppo
    yield "ppo, recomputing", "ppo", recomputing(ppo)
    yield "ppo, own critic", "ppo", critic(ppo)
    yield "ppo, own critic, recomputing", "ppo", recomputing(critic(ppo))
    yield "ppo, adapter", "ppo", ppo + adapter
    yield "ppo, adapter, recomputing", "ppo", recomputing(ppo) + adapter
    yield "ppo, adapter, own critic", "ppo", critic(ppo) + adapter


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", default="./attune")
    parser.add_argument("--sizes", default=",".join(SIZES))
    parser.add_argument("--only", default="", help="stages whose name has this word")
    parser.add_argument("--keep", help="a folder for models and recipes that stays")
    options = parser.parse_args()
    program = shlex.split(options.program)
    print("| size | stage | foreseen, MB | measured, MB | foreseen/measured |\n|---|---|---|---|---|", flush=True)
    for size in options.sizes.split(","):
        with tempfile.TemporaryDirectory() as temporary:
            folder = os.path.abspath(os.path.join(options.keep, size)) if options.keep else temporary
            os.makedirs(folder, exist_ok=True)
            if not os.path.exists(os.path.join(folder, "prompts.txt")):
                prepare(program, folder, size, random.Random(1))
            for name, verb, text in recipes(folder, size):
                if options.only not in name:
                    continue
                recipe = write(os.path.join(folder, "recipe.yaml"), text)
                seen, _ = run(program, "doctor", recipe, "--json", folder=folder)
                foreseen = json.loads(seen)
                foreseen = (foreseen[0] if isinstance(foreseen, list) else foreseen)["memoryBytes"] / 1e6
                _, peak = run(program, verb, recipe, "--out", os.path.join(folder, "run"), "--force", folder=folder)
                print(f"| {size} | {name} | {foreseen:.0f} | {peak / 1e6:.0f} | {foreseen / (peak / 1e6):.2f} |", flush=True)


main()
