#!/usr/bin/env python3
"""The shortest prefix of a sequence at which an engine fails `snellen validate`: for errors that begin at some length (caches, blocks, windows, overflows).

    bisect_length.py --snellen COMMAND --model PATH --tokens FILE --profile P --engine 'python adapters/huggingface_dump.py --model PATH --tokens {tokens} --dtype bfloat16 --out {dump}'

The engine is run on prefixes; {tokens} and {dump} are filled in. Bisection assumes that a prefix fails if a shorter one does, and the two neighbours that it ends at are both run. (In one run over
the whole sequence the first failing token is in the report already; an engine that decodes differently by length needs this.) Exit code 0: no prefix fails; 1: one does; 2: bad input.
"""
import argparse
import json
import pathlib
import shlex
import subprocess
import sys
import tempfile


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("snellen", "model", "tokens", "profile", "engine"):
        parser.add_argument("--" + name, required=True)
    arguments = parser.parse_args()
    tokens = pathlib.Path(arguments.tokens).read_text().replace(",", " ").split()
    failures = {}

    def fails(length, folder):
        if length in failures:
            return failures[length]
        dump, given = pathlib.Path(folder) / "dump.safetensors", ",".join(tokens[:length])
        command = [part.replace("{tokens}", given).replace("{dump}", str(dump)) for part in shlex.split(arguments.engine)]
        subprocess.run(command, check=True, capture_output=True)
        run = subprocess.run([arguments.snellen, "validate", "--model", arguments.model, "--tokens", given, "--dump", str(dump), "--profile", arguments.profile, "--local", "--quiet", "--out", folder],
                             capture_output=True, text=True, check=False)
        if run.returncode not in (0, 1, 3):
            print(run.stderr.strip(), file=sys.stderr)
            sys.exit(2)
        failures[length] = json.loads((pathlib.Path(folder) / "validation.json").read_text())["dumps"][0]["first_failure"] if run.returncode == 1 else None
        print(f"{length} tokens: {failures[length] or 'no failure'}", flush=True)
        return failures[length]

    with tempfile.TemporaryDirectory() as folder:
        if not fails(len(tokens), folder):
            print("no failure")
            return 0
        low, high = 0, len(tokens)  # no token: nothing fails
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if fails(middle, folder) else (middle, high)
        print(f"the first prefix that fails has {high} tokens, at {failures[high]}")
        return 1


if __name__ == "__main__":
    sys.exit(main())
