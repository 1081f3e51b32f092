#!/usr/bin/env python3
"""Does `snellen next` certify, after 50 prompts, the token that PyTorch and transformers choose greedily in float64?

    compare_next_tokens.py SNELLEN MODEL.gguf

Exit code 0: all 50 are certified and agree; 1: a difference, or a choice left open; 77: skipped, parts are missing.
"""
import json
import pathlib
import subprocess
import sys
import tempfile

import compare_states  # skips where the pinned packages are missing
import torch_engine

PROMPTS = [
    "The capital of France is the city of",
    "Once upon a time there was a little",
    "Water boils at one hundred degrees",
    "The opposite of hot is",
    "Two plus two is equal to",
    "The first president of the United States was George",
    "My favourite colour has always been",
    "A week has seven days: Monday, Tuesday,",
    "To be, or not to be, that is the",
    "The quick brown fox jumps over the lazy",
    "1, 2, 3, 4, 5,",
    "2, 4, 8, 16,",
    "1 1 1 1 1 1",
    "a b c d e f g",
    "def add(a, b):\n    return a",
    "for i in range(10):\n    print(",
    "#include <stdio.h>\n\nint main(",
    "SELECT name FROM users WHERE",
    "<html><head><title>My page</",
    "{\"name\": \"Ann\", \"age\":",
    "Photosynthesis is the process by which plants",
    "The speed of light in a vacuum is about",
    "In 1969 the first human being walked on the",
    "The largest planet of the solar system is",
    "A triangle has three sides, and a square has",
    "Dear Sir or Madam, I am writing to",
    "Thank you very much for your",
    "She opened the door and saw a",
    "It was a dark and stormy",
    "He could not believe his own",
    "Question: Is 7 a prime number? Answer:",
    "Translate to French: good morning ->",
    "Le chat est assis sur la",
    "Der Hund läuft durch den",
    "El sol brilla en el",
    "東京は日本の首都",
    "Roses are red, violets are",
    "Knock, knock. Who is",
    "Ingredients: two eggs, a cup of flour, a pinch of",
    "First heat the oven to 180 degrees, then",
    "The patient was given a dose of",
    "According to the theory of evolution,",
    "The derivative of x squared is",
    "If it rains tomorrow, we will stay at",
    "The train to London leaves at nine o'clock in the",
    "Music is a universal language that",
    "The price fell by ten percent, from 100 to",
    "Abraham Lincoln was born in the year",
    "The ship sailed across the Atlantic in eleven days, and when it reached the harbour the whole crew went",
    "Please remember to turn off the lights before you leave the",
]


def lines_of(*command):
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode not in (0, 3):
        sys.exit(f"FAILED: {' '.join(map(str, command))}: {result.stderr.strip()}")
    return [json.loads(line) for line in result.stdout.splitlines()]


def main():
    snellen, model = sys.argv[1:]
    if not pathlib.Path(model).exists():
        compare_states.skip(f"no model at {model} (./snellen fetch smollm2)")
    with tempfile.TemporaryDirectory() as folder:
        texts = pathlib.Path(folder) / "prompts"
        texts.write_text("".join(json.dumps(prompt) + "\n" for prompt in PROMPTS))
        tokens = lines_of(snellen, "tokenize", model, "--json-lines", texts)
        certified = lines_of(snellen, "next", model, texts, "--quiet")
    lengths = [len(ids) for ids in tokens]
    engine = torch_engine.load(model)
    greedy = [int(torch_engine.exact_states(engine, ids)["logits"][-1].argmax()) for ids in tokens]
    wrong = [f"{prompt!r}: certified {ours}, PyTorch {theirs}" for prompt, ours, theirs in zip(PROMPTS, certified, greedy, strict=True) if ours != theirs]
    for line in wrong:
        print(line)
    print(f"{len(PROMPTS)} prompts of {min(lengths)} to {max(lengths)} tokens: {sum(token is not None for token in certified)} next tokens certified, "
          f"{len(PROMPTS) - len(wrong)} agree, {len(set(greedy))} different ones")
    if wrong or len(set(PROMPTS)) != 50 or min(lengths) < 5 or max(lengths) > 24 or len(set(greedy)) < 25:
        print("FAILED")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
