#!/usr/bin/env python3
"""How long PyTorch's forward pass of a model takes: answers lines with lines, for tests/bench/smollm2_bench.cpp.

    forward_pass.py MODEL

says "ready" (or "skipped: why", exit code 77), then for each line "float64|bfloat16 THREADS TOKEN,TOKEN,..." one line: seconds on the wall,
CPU seconds, and the last token's vector after the final norm in decimals that read back as they are. The pass is Hugging Face's, weights in
that type, PyTorch's own fused attention, no cache and no logits: what the certified evaluation computes, too. The first pass of a type and length is not
timed.
"""
import os
import sys
import time

os.environ["TQDM_DISABLE"] = "1"


def main():
    from compare_states import require_pinned_packages, skip
    path = sys.argv[1]
    if not os.path.exists(path):
        skip(f"no {path} (./snellen fetch smollm2)")
    require_pinned_packages()
    import torch
    import torch_engine

    model = torch_engine.load(path)
    model.set_attn_implementation("sdpa")
    decoders = {"float64": model.model, "bfloat16": None}
    warm = set()
    print("ready", flush=True)
    for line in sys.stdin:
        kind, threads, tokens = line.split()
        if decoders[kind] is None:
            decoders[kind] = torch_engine.load(path).to(torch.bfloat16).model
            decoders[kind].set_attn_implementation("sdpa")
        torch.set_num_threads(int(threads))
        ids = torch.tensor([[int(token) for token in tokens.split(",")]])
        with torch.inference_mode():
            if (kind, threads, ids.shape) not in warm:
                decoders[kind](ids, use_cache=False)
                warm.add((kind, threads, ids.shape))
            wall, cpu = time.perf_counter(), time.process_time()
            states = decoders[kind](ids, use_cache=False).last_hidden_state
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        print(wall, cpu, *states[0, -1].double().tolist(), flush=True)


if __name__ == "__main__":
    main()
