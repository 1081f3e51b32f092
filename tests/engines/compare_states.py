#!/usr/bin/env python3
"""Do the hidden states of PyTorch and transformers (float64, casts to float32 replaced) lie in Snellen's enclosures?

    compare_states.py --case CASE.toml --length N --states FILE [--model PATH]     FILE made by: snellen states CASE.toml --length N --out FILE
    compare_states.py --model PATH --tokens 1,2,3 --states FILE
    compare_states.py --self-test [--case ... | --model ... --tokens ...]          plants errors; each must be caught

Every layer's every entry must lie within TOLERANCE of its enclosure, relative to the largest entry of its vector (one token, one layer).
Exit code 0: agreement; 1: disagreement, NaN, wrong shape, a cast left, other weights; 2: bad usage; 77: skipped, parts are missing.
"""
import argparse
import contextlib
import importlib.metadata
import io
import pathlib
import sys
import tempfile
import tomllib

HERE = pathlib.Path(__file__).resolve().parent
TOLERANCE = 1e-9
SKIPPED = 77


def skip(reason):
    print(f"skipped: {reason}")
    sys.exit(SKIPPED)


def require_pinned_packages():
    for line in (HERE / "requirements.txt").read_text().split():
        package, wanted = line.split("==")
        try:
            found = importlib.metadata.version(package).partition("+")[0]
        except importlib.metadata.PackageNotFoundError:
            skip(f"Python package {package} is not installed (tests/engines/run_heavy.sh --install)")
        if found != wanted:
            skip(f"Python package {package} is {found}, pinned is {wanted} (tests/engines/run_heavy.sh --install)")


require_pinned_packages()

import numpy as np
import safetensors.numpy

import gguf_weights
import torch_engine


class Disagreement(Exception):
    """What must make the test fail."""


def read_case(path, length):
    """The model's path and the tokens of S_length = P . U^length . Q; delimiters and samples are not needed here and are refused."""
    case = tomllib.loads(pathlib.Path(path).read_text())
    family = case["family"]
    unknown = set(family) - {"prefix", "unit", "suffix", "lengths"}
    if unknown:
        raise ValueError(f"{path}: family.{sorted(unknown)[0]}: only prefix, unit and suffix as token ids are understood here")
    return case["model"]["path"], family["prefix"] + family["unit"] * length + family.get("suffix", [])


def read_enclosures(path, names):
    """{name: (lower, upper)}, F64: FILE has exactly `NAME.lower` and `NAME.upper` of each state, or, as fixtures' expected.safetensors, exactly
    `NAME` of each state and of the logits."""
    try:
        tensors = safetensors.numpy.load_file(path)
    except Exception as error:
        raise Disagreement(f"{path}: not a readable safetensors file: {error}")
    points = "hidden.0" in tensors
    names = [name for name in names if points or name != "logits"]
    wanted = set(names) if points else {f"{name}.{end}" for name in names for end in ("lower", "upper")}
    if set(tensors) != wanted:
        raise Disagreement(f"{path}: missing tensors {sorted(wanted - set(tensors))}, unexpected tensors {sorted(set(tensors) - wanted)}")
    for name, tensor in tensors.items():
        if tensor.dtype != np.float64:
            raise Disagreement(f"{path}: {name} is {tensor.dtype}, expected float64")
    return {name: (tensors[name],) * 2 if points else (tensors[f"{name}.lower"], tensors[f"{name}.upper"]) for name in names}


def deviation(values, lower, upper):
    """Of values [tokens, width] from their enclosures: the largest relative to each vector's largest entry, and relative to each entry."""
    outside = np.maximum(np.maximum(lower - values, values - upper), 0)
    of_vector = outside / np.abs(values).max(axis=1, keepdims=True)
    of_entry = outside / np.maximum(np.abs(values), np.finfo(np.float64).tiny)
    return float(of_vector.max()), float(of_entry.max())


def compare(exact, plain, path):
    """Prints a line per layer; raises Disagreement at the end if any is wrong. exact, plain: {name: [tokens, width]}."""
    enclosures = read_enclosures(path, exact)
    wrong = []
    print(f"{'':10} {'deviation, relative to the':>29} {'enclosure width':>16} {'casts left in:':>15} {'largest':>9}")
    print(f"{'state':10} {'vector':>14} {'entry':>14} {'of the vector':>16} {'of the vector':>15} {'entry':>9}")
    for name, (lower, upper) in enclosures.items():
        values = exact[name]
        if not values.shape == lower.shape == upper.shape:
            wrong.append(f"{name}: shapes {lower.shape} and {upper.shape}, expected {values.shape}")
            continue
        if not all(np.isfinite(a).all() for a in (values, lower, upper)):
            wrong.append(f"{name}: NaN or infinity")
            continue
        if (lower > upper).any():
            wrong.append(f"{name}: a lower end above its upper end")
            continue
        of_vector, of_entry = deviation(values, lower, upper)
        width = float(((upper - lower) / np.abs(values).max(axis=1, keepdims=True)).max())
        print(f"{name:10} {of_vector:14.2e} {of_entry:14.2e} {width:16.2e} {deviation(plain[name], lower, upper)[0]:15.2e}"
              f" {np.abs(values).max():9.3g}")
        if not of_vector <= TOLERANCE:
            wrong.append(f"{name}: {of_vector:.2e} outside its enclosure, allowed {TOLERANCE:.0e}")
        if not width <= TOLERANCE:  # a wide enclosure contains anything and says nothing
            wrong.append(f"{name}: an enclosure as wide as {width:.2e}, allowed {TOLERANCE:.0e}")
    if wrong:
        raise Disagreement("; ".join(wrong[:3]) + (f"; and {len(wrong) - 3} more" if len(wrong) > 3 else ""))
    print(f"agreement: {len(enclosures)} states of {exact['final'].shape[0]} tokens, {sum(exact[n].size for n in enclosures)} values")


def run_model(path, tokens):
    """The model, its states with casts replaced, and its states as they come."""
    model = torch_engine.load(path)
    if pathlib.Path(path).suffix == ".gguf":
        count = gguf_weights.check(model, path)
        print(f"weights: {count} tensors equal the gguf package's dequantisation; epsilon and RoPE base equal the file's float32 values")
    plain, _ = torch_engine.states(model, tokens)
    return model, torch_engine.exact_states(model, tokens), plain


def self_test(path, tokens):
    """The comparison accepts the engine's own states, widened by 1e-15, and refuses every planted error."""
    model, exact, plain = run_model(path, tokens)
    names = [name for name in exact if name != "logits"]
    last = names[-2]
    enclosures = {}
    for name in names:
        margin = 1e-15 * np.abs(exact[name])
        enclosures |= {f"{name}.lower": exact[name] - margin, f"{name}.upper": exact[name] + margin}

    def moved(name, ends, by):  # entry 3 of token 1 moved by that much of its vector's largest entry
        tensors = {key: tensor.copy() for key, tensor in enclosures.items()}
        for end in ends:
            tensors[f"{name}.{end}"][1, 3] += by * np.abs(exact[name][1]).max()
        return tensors

    def changed(key, change):
        return enclosures | {key: np.ascontiguousarray(change(enclosures[key]))}

    planted = {
        "one entry 1e-8 up": moved("hidden.1", ("lower", "upper"), 1e-8),
        "one entry 2e-9 down": moved(last, ("lower", "upper"), -2e-9),
        "one final entry 2e-9 up": moved("final", ("lower", "upper"), 2e-9),
        "one enclosure too wide": moved("hidden.1", ("upper",), 1e-8),
        "ends swapped": enclosures | {"hidden.1.lower": enclosures["hidden.1.upper"], "hidden.1.upper": enclosures["hidden.1.lower"]},
        "NaN in a lower end": moved("hidden.1", ("lower",), np.nan),
        "NaN in both ends": moved("hidden.1", ("lower", "upper"), np.nan),
        "infinite upper end": moved("hidden.1", ("upper",), np.inf),
        "a token missing": changed("hidden.1.lower", lambda a: a[:-1]),
        "transposed": changed("hidden.1.lower", lambda a: a.T),
        "float32": changed("hidden.1.lower", lambda a: a.astype(np.float32)),
        "a layer missing": {key: a for key, a in enclosures.items() if not key.startswith(f"{last}.")},
        "a layer too many": enclosures | {"hidden.99.lower": enclosures["final.lower"]},
        "last layer normed already": enclosures | {f"{last}.{end}": enclosures[f"final.{end}"] for end in ("lower", "upper")},
        "layers shifted by one": enclosures | {f"hidden.1.{end}": enclosures[f"hidden.0.{end}"] for end in ("lower", "upper")},
        "tokens shifted by one": {key: np.roll(a, 1, axis=0) for key, a in enclosures.items()},
    }
    if any(not np.array_equal(exact[name], plain[name]) for name in names):  # GPT-2 has no casts
        planted["casts to float32 left in"] = {f"{name}.{end}": plain[name] for name in names for end in ("lower", "upper")}
    missed = []

    def record(what, error):
        print(f"caught: {what}: {error}" if error else f"MISSED: {what}")
        missed.extend([] if error else [what])

    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "states.safetensors"

        def refusal():
            try:
                with contextlib.redirect_stdout(io.StringIO()):
                    compare(exact, plain, file)
            except Disagreement as error:
                return error

        safetensors.numpy.save_file(enclosures, file)
        compare(exact, plain, file)
        for what, tensors in planted.items():
            safetensors.numpy.save_file(tensors, file)
            record(what, refusal())
        safetensors.numpy.save_file(enclosures, file)
        file.write_bytes(file.read_bytes()[:-8])
        record("a truncated file", refusal())
    of_weights = list(gguf_weights.planted_errors())
    for what, error in of_weights:
        record(what, error)
    if missed:
        raise Disagreement(f"planted errors not caught: {missed}")
    print(f"self-test: all {len(planted) + 1 + len(of_weights)} planted errors caught")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case")
    parser.add_argument("--length", type=int, default=1)
    parser.add_argument("--model", help="overrides the case's model.path")
    parser.add_argument("--tokens", help="comma-separated token ids, in place of a case")
    parser.add_argument("--states", help="safetensors file of enclosures")
    parser.add_argument("--self-test", action="store_true")
    arguments = parser.parse_args()
    if arguments.self_test and not (arguments.case or arguments.tokens):
        arguments.case = HERE / "fixtures/tiny/llama/case.toml"
        arguments.model = arguments.case.parent
    try:
        path, tokens = read_case(arguments.case, arguments.length) if arguments.case else (None, [int(t) for t in arguments.tokens.split(",")])
    except (OSError, KeyError, TypeError, ValueError, AttributeError) as error:
        parser.error(f"no token ids: {error}")
    path = arguments.model or path
    if not path or not (arguments.states or arguments.self_test):
        parser.error("--states and a model are needed, or --self-test")
    if not pathlib.Path(path).exists():
        skip(f"no model at {path} (./snellen fetch smollm2)")
    if arguments.states and not pathlib.Path(arguments.states).exists():
        parser.error(f"no file {arguments.states}")
    try:
        if arguments.self_test:
            self_test(path, tokens)
        else:
            _, exact, plain = run_model(path, tokens)
            compare(exact, plain, arguments.states)
    except (Disagreement, ArithmeticError) as error:
        print(f"FAILED: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
