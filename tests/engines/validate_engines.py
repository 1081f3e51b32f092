#!/usr/bin/env python3
"""True engines pass `snellen validate` under their own profile, and planted bugs fail at their own operation.

    validate_engines.py --snellen COMMAND [--true MODEL ...] [--planted MODEL] [--tokens N] [--report FILE]

MODEL: a Hugging Face folder or a .gguf. For --true: PyTorch in float64 (with casts to float32 replaced and as it is), float32, bfloat16 and float16, no `fail`
allowed. For --planted: every bug below in every type; its operation must be the first that fails, or the table says why the dump does not show it: the engine without the bug writes
the same bits; or it lies inside the envelope, and then what would have been caught, and what a probe shows. Exit code 0: all as it should be; 1: a false alarm, a missed bug, or a wrong operation; 77: skipped.
"""
import argparse
import contextlib
import json
import math
import pathlib
import random
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "adapters"))

try:
    import safetensors.torch
    import torch

    import huggingface_dump
    import huggingface_probe
    import torch_engine
except ImportError as error:
    print(f"skipped: {error} (tests/engines/run_heavy.sh --install)")
    sys.exit(77)

TYPES = {"float64": "huggingface-fp64", "float32": "huggingface-fp32", "bfloat16": "huggingface-bf16", "float16": "huggingface-fp16"}


def tokens_for(model, count):
    generator = random.Random(7)
    return [generator.randrange(model.config.get_text_config().vocab_size) for _ in range(count)]


def validate(snellen, model, tokens, tensors, profile, folder, extra=("--local",)):
    """The exit code, the parsed report and the seconds that it took."""
    dump = pathlib.Path(folder) / "dump.safetensors"
    safetensors.torch.save_file(tensors, dump)
    began = time.monotonic()
    given = ["--tokens", ",".join(map(str, tokens))] if tokens else []
    run = subprocess.run([snellen, "validate", "--model", str(model), *given, "--dump", str(dump), "--profile", profile, "--out", str(folder), "--quiet", *extra],
                         capture_output=True, text=True, check=False)
    if run.returncode not in (0, 1, 3):
        raise RuntimeError(f"snellen validate ended with {run.returncode}: {run.stderr.strip()}")
    return run.returncode, json.loads((pathlib.Path(folder) / "validation.json").read_text())["dumps"][0], time.monotonic() - began


def true_engines(snellen, path, count, folder, lines):
    wrong = 0
    for name, profile in [*TYPES.items(), ("float64, exact casts", "fp64")]:
        exact = name.endswith("casts")
        model = huggingface_dump.load(path, getattr(torch, name.split(",")[0]))
        tokens = tokens_for(model, count)
        context = contextlib.nullcontext()
        if exact:
            torch_engine.replace_casts(model)
            context = torch_engine.float32_means_float64()
        with context:
            tensors = huggingface_dump.dump(model, tokens)
        if "GPT2" in type(model).__name__ and name in ("bfloat16", "float16"):
            profile = profile.replace("huggingface", "huggingface-gpt2")
        code, report, seconds = validate(snellen, path, tokens, tensors, profile, folder)
        operations = report["operations"]
        open_ = [o for o in operations if o["verdict"] == "inconclusive"]
        determined = sum(o["determined"] for o in operations) / sum(o["entries"] for o in operations)
        lines.append(f"| {pathlib.Path(path).parent.name if pathlib.Path(path).suffix else pathlib.Path(path).name} | {name} | {profile} | {report['verdict']} | {len(operations)} | {len(open_)} | {determined:.1%} | {seconds:.1f} |")
        print(lines[-1], flush=True)
        for o in open_:
            print(f"    inconclusive: {o['operation']}: smallest change that would have been caught {o['caught']['smallest_relative']} of the vector's largest", flush=True)
        if code == 1:
            wrong += 1
            print("    FALSE ALARM: " + report["sentence"], flush=True)
    return wrong


# ---- Planted bugs: each takes the model (and may patch it) and returns the tokens, and undoes nothing: the model is loaded afresh for each. ----------------------------------------

def layers_of(model):
    return model.model.layers


def set_rope(model, change):
    rotary = model.model.rotary_emb
    forward = rotary.forward
    rotary.forward = lambda x, position_ids, *rest, **more: change(forward, x, position_ids)


def wrong_base(model):
    rotary = model.model.rotary_emb
    base = model.config.rope_parameters["rope_theta"]
    rotary.inv_freq = rotary.inv_freq ** (math.log(base * 1.1) / math.log(base))


def shifted_position(model):
    set_rope(model, lambda forward, x, position_ids: forward(x, position_ids + 1))


def missing_scale(model):
    layers_of(model)[1].self_attn.scaling = 1.0


def swapped_heads(model):
    attention = layers_of(model)[1].self_attn
    size = attention.head_dim
    rows = torch.arange(attention.q_proj.weight.shape[0])
    rows[:size], rows[size:2 * size] = torch.arange(size, 2 * size), torch.arange(size)
    attention.q_proj.weight.data = attention.q_proj.weight.data[rows].clone()


def swapped_groups(model):
    attention = layers_of(model)[1].self_attn
    module = sys.modules[type(attention).__module__]
    repeat = module.repeat_kv

    def wrong(states, n):  # interleaved in place of repeated
        out = repeat(states, n)
        heads = states.shape[1]
        return out.reshape(out.shape[0], heads, n, *out.shape[2:]).transpose(1, 2).reshape(out.shape) if n > 1 else out.flip(1)

    module.repeat_kv = wrong
    return lambda: setattr(module, "repeat_kv", repeat)


def wrong_epsilon(factor):
    def plant(model):
        layers_of(model)[1].input_layernorm.variance_epsilon *= factor
    return plant


def replaced_activation(function):
    def plant(model):
        layer = layers_of(model)[1]
        layer.mlp.act_fn = function
    return plant


class LowActivation(torch.nn.Module):  # x * sigmoid(x), each step in the storage type of one lower format
    def __init__(self, dtype):
        super().__init__()
        self.low = dtype

    def forward(self, x):
        y = x.to(self.low)
        return (y / (1 + torch.exp(-y))).to(x.dtype)


class TanhForErf(torch.nn.Module):
    def forward(self, x):
        return torch.nn.functional.gelu(x, approximate="tanh")


def patched_softmax(change):
    def plant(_):
        softmax = torch.nn.functional.softmax
        torch.nn.functional.softmax = lambda x, *args, **more: change(softmax, x, *args, **more)
        return lambda: setattr(torch.nn.functional, "softmax", softmax)
    return plant


def low_softmax(softmax, x, *args, **more):
    y = x.to(torch.bfloat16)
    e = torch.exp(y - y.amax(-1, keepdim=True))
    return (e / e.sum(-1, keepdim=True)).to(more.get("dtype") or x.dtype)


def cast_before_sum(softmax, x, *args, **more):
    wide = more.get("dtype") or torch.float32
    y = x.to(wide)
    e = torch.exp(y - y.amax(-1, keepdim=True)).to(torch.bfloat16 if x.dtype != torch.float16 else torch.float16).to(wide)
    return e / e.sum(-1, keepdim=True)


def linear_in(dtype, name):
    """One linear map accumulated in a narrower format."""
    def plant(model):
        module = getattr(layers_of(model)[1].mlp, name)
        weight = module.weight.data.to(dtype)

        def forward(x):
            y, total = x.to(dtype), torch.zeros(*x.shape[:-1], weight.shape[0], dtype=dtype)
            for i in range(weight.shape[1]):
                total = total + y[..., i:i + 1] * weight[:, i]
            return total.to(x.dtype)

        module.forward = forward
    return plant


def overflowing(model):
    layers_of(model)[1].mlp.up_proj.forward = lambda x, w=layers_of(model)[1].mlp.up_proj.weight.data: ((x.to(torch.float16) * 60000) @ w.to(torch.float16).T / 60000).to(x.dtype)


def one_ulp(model):
    weight = layers_of(model)[1].mlp.down_proj.weight.data
    weight[3, 5] = torch.nextafter(weight[3, 5], torch.tensor(float("inf"), dtype=weight.dtype))


def one_weight(model):
    weight = layers_of(model)[1].mlp.down_proj.weight.data
    weight[3, 5] += weight.abs().max()


def mask_off_by_one(model):
    layer = layers_of(model)[1]
    forward = layer.self_attn.forward

    def wrong(*args, **more):
        mask = more.get("attention_mask")
        more["attention_mask"] = torch.where(torch.ones_like(mask).tril(1).bool(), torch.zeros_like(mask), mask)
        return forward(*args, **more)

    layer.self_attn.forward = wrong


def stale_cache(model):
    """The key of token 1 as attention reads it in layer 1 is that of token 0."""
    attention = layers_of(model)[1].self_attn
    module = sys.modules[type(attention).__module__]
    original = module.eager_attention_forward

    def wrong(caller, query, key, value, *args, **more):
        if caller is attention:
            key = key.clone()
            key[:, :, 1] = key[:, :, 0]
        return original(caller, query, key, value, *args, **more)

    module.eager_attention_forward = wrong
    return lambda: setattr(module, "eager_attention_forward", original)


def dropped_bias(model):
    layers_of(model)[1].self_attn.q_proj.bias = None


# name: (plant, operations where it may be found first, may rounding hide it?)
BUGS = {
    "wrong RoPE base (10% off)": (wrong_base, {"layer.0.query_rotated"}, False),
    "positions off by one": (shifted_position, {"layer.0.query_rotated"}, False),
    "missing scale": (missing_scale, {"layer.1.scores"}, False),
    "swapped heads": (swapped_heads, {"layer.1.query"}, False),
    "swapped KV groups": (swapped_groups, {"layer.0.scores"}, False),
    "epsilon of the norm times 1.0001": (wrong_epsilon(1.0001), {"layer.1.attention_norm"}, True),
    "epsilon of the norm times 1.1": (wrong_epsilon(1.1), {"layer.1.attention_norm"}, True),
    "epsilon of the norm times 100": (wrong_epsilon(100), {"layer.1.attention_norm"}, True),
    "dropped bias": (dropped_bias, {"layer.1.query"}, False),
    "tanh GELU for another activation": (replaced_activation(TanhForErf()), {"layer.1.activation"}, False),
    "SiLU in bfloat16 at every step": (replaced_activation(LowActivation(torch.bfloat16)), {"layer.1.activation"}, True),
    "softmax in bfloat16": (patched_softmax(low_softmax), {"layer.0.probabilities"}, True),
    "probabilities cast before the sum": (patched_softmax(cast_before_sum), {"layer.0.probabilities"}, True),
    "fp16 accumulation": (linear_in(torch.float16, "down_proj"), {"layer.1.down"}, True),
    "bf16 accumulation": (linear_in(torch.bfloat16, "down_proj"), {"layer.1.down"}, True),
    "fp16 overflow": (overflowing, {"layer.1.up"}, False),
    "one wrong weight": (one_weight, {"layer.1.down"}, False),
    "one weight off by one ulp": (one_ulp, {"layer.1.down"}, True),
    "stale KV entry": (stale_cache, {"layer.1.scores"}, False),
    "mask off by one": (mask_off_by_one, {"layer.1.scores"}, False),
}


def hidden_reason(snellen, path, bug, plant, places, tokens, tensors, report, name, folder):
    """Why a dump does not show the bug: the engine without it writes the same bits, or the change is below what the envelope of a sum or a norm can tell; then a probe or a larger one must."""
    dtype = getattr(torch, name)
    operation, = places
    honest = huggingface_dump.dump(huggingface_dump.load(path, dtype), tokens)
    if torch.equal(honest[operation], tensors[operation]):
        return "provably undetectable from this dump: the engine without the bug writes the same bits"
    caught = next(o for o in report["operations"] if o["operation"] == operation)["caught"]
    said = f"inside the envelope (any change of an entry above {caught['any_above_relative']:.2g} of the largest is caught)"
    if bug == "one weight off by one ulp":
        model = huggingface_dump.load(path, dtype)
        plant(model)
        code, probe, _ = validate(snellen, path, [], huggingface_probe.probes(model, operation), TYPES[name], folder, ("--probes",))
        worst = probe["operations"][0]["worst"]
        return f"{said}; detected by probes: row {worst['token']}, entry {worst['entry']}, {worst['ulps_outside']} ulp" if code == 1 else None
    if bug.startswith("epsilon"):
        low, high = 1.0, 1.1  # the least factor that is detected, by bisection
        for _ in range(8):
            middle = (low + high) / 2
            model = huggingface_dump.load(path, dtype)
            wrong_epsilon(middle)(model)
            found = validate(snellen, path, tokens, huggingface_dump.dump(model, tokens), TYPES[name], folder)[1]["first_failure"]
            low, high = (low, middle) if found == operation else (middle, high)
        return f"{said}; on this dump detected from a factor of {high:.5f} on"
    return said


def planted(snellen, path, count, folder, lines):
    wrong = 0
    for name in ("float32", "bfloat16", "float16"):
        for bug, (plant, places, may_hide) in BUGS.items():
            model = huggingface_dump.load(path, getattr(torch, name))
            if bug == "dropped bias" and layers_of(model)[1].self_attn.q_proj.bias is None:
                continue
            tokens = tokens_for(model, count)
            undo = plant(model)
            try:
                tensors = huggingface_dump.dump(model, tokens)
            finally:
                if callable(undo):
                    undo()
            _, report, _ = validate(snellen, path, tokens, tensors, TYPES[name], folder)
            found = report["first_failure"]
            if found in places:
                operation = next(o for o in report["operations"] if o["operation"] == found)
                said = f"detected at {found}: {operation['outside']} of {operation['entries']} entries, worst {operation['worst']['ulps_outside']} ulps outside"
            elif found:
                said = f"WRONG PLACE: {found}"
                wrong += 1
            elif may_hide:
                said = hidden_reason(snellen, path, bug, plant, places, tokens, tensors, report, name, folder)
                wrong += said is None
                said = said or "MISSED by the probe, too"
            else:
                said = "MISSED"
                wrong += 1
            lines.append(f"| {bug} | {name} | {said} |")
            print(lines[-1], flush=True)
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--snellen", required=True)
    parser.add_argument("--true", nargs="*", default=[])
    parser.add_argument("--planted", nargs="*", default=[])
    parser.add_argument("--tokens", type=int, default=16)
    parser.add_argument("--report")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    wrong, text = 0, []
    with tempfile.TemporaryDirectory() as folder:
        if arguments.true:
            lines = ["| model | PyTorch in | profile | verdict | operations | inconclusive | known bit for bit | seconds |", "|---|---|---|---|---:|---:|---:|---:|"]
            for path in arguments.true:
                wrong += true_engines(arguments.snellen, path, arguments.tokens, folder, lines)
            text += lines + [""]
        for path in arguments.planted:
            lines = ["| planted bug | PyTorch in | |", "|---|---|---|"]
            wrong += planted(arguments.snellen, path, arguments.tokens, folder, lines)
            text += [f"Planted in {pathlib.Path(path).name}:", ""] + lines + [""]
    if arguments.report:
        pathlib.Path(arguments.report).write_text("\n".join(text))
    print(f"{wrong} wrong" if wrong else "all as it should be")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
