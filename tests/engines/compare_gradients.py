#!/usr/bin/env python3
"""Is the certified gradient of a logit, for every input token, the one of PyTorch's autograd in float64?

    compare_gradients.py --case CASE.toml --out FOLDER     FOLDER: what `snellen sensitivity CASE.toml --out FOLDER` wrote

The model, the sequence and the logit are those that FOLDER/sensitivity.json names. Every entry of autograd's gradient has to lie within 1e-8 of the certified enclosure,
relative to the token's largest entry, and the enclosures must be as narrow. Beside it the gradient with the casts to float32 left in, which must not pass: a comparison
that cannot fail would show nothing. Exit code 0: agreement; 1: a difference; 77: skipped, parts are missing.
"""
import argparse
import json
import pathlib
import sys
import tomllib

import compare_states  # skips where the pinned packages are missing
import torch_engine

TOLERANCE = 1e-8


def outside(values, lower, upper):
    """The largest distance of an entry from its enclosure, relative to the token's largest entry; of all tokens the largest."""
    import numpy as np
    scale = np.maximum(np.abs(lower), np.abs(upper)).max(axis=1, keepdims=True)
    away = np.maximum(0, np.maximum(lower - values, values - upper))
    if not np.isfinite(values).all() or not np.isfinite(lower).all() or not np.isfinite(upper).all():
        return float("inf")
    return float((away / np.where(scale > 0, scale, 1)).max())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--case", required=True, type=pathlib.Path)
    parser.add_argument("--out", required=True, type=pathlib.Path)
    arguments = parser.parse_args()
    import numpy as np
    import torch
    from safetensors.numpy import load_file

    case = tomllib.loads(arguments.case.read_text())
    said = json.loads((arguments.out / "sensitivity.json").read_text())
    arrays = load_file(arguments.out / "gradient.safetensors")
    lower, upper = arrays["gradient.lower"], arrays["gradient.upper"]
    tokens = [entry["token"] for entry in said["tokens"]]
    path, token, against = case["model"]["path"], said["token"], said["against"]
    choose = lambda logits: logits[token] if against is None else logits[token] - logits[against]
    rough, _, _ = torch_engine.input_gradient(torch_engine.load(path, torch.float32), tokens, choose)
    exact, logit = torch_engine.exact_input_gradient(torch_engine.load(path), tokens, choose)

    # A token beyond every window has no gradient at all: its enclosure is zero.
    size = np.maximum(np.abs(lower), np.abs(upper)).max(axis=1)
    felt = size > 0
    width = float(((upper - lower).max(axis=1)[felt] / size[felt]).max())
    found, crude = outside(exact, lower, upper), outside(rough, lower, upper)
    norms = np.linalg.norm(exact, axis=1)
    said_norms = np.array([float(entry["frobenius"]["upper"]) for entry in said["tokens"]])
    off = float((np.abs(norms - said_norms) / np.where(felt, norms, 1)).max())
    value = abs(logit - float(said["value"]["upper"])) / max(1, abs(logit))
    planted = exact.copy()
    row = int(felt.argmax())
    planted[row, np.abs(exact[row]).argmax()] *= 1 + 4 * TOLERANCE
    print(f"{len(tokens)} tokens ({int(felt.sum())} felt), width {exact.shape[1]}: enclosures {width:.1e} wide, autograd in float64 {found:.1e} outside, with float32 {crude:.1e}; norms {off:.1e}, logit {value:.1e}")
    caught = outside(planted, lower, upper) > TOLERANCE and crude > TOLERANCE
    if exact.shape != lower.shape or not max(width, found, off, value) <= TOLERANCE or not caught:
        print("FAILED" if caught else "FAILED: a planted error, or the float32 gradient, was not noticed")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
