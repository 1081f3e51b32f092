#!/usr/bin/env python3
"""Sends one-hot and scaled vectors through single linear maps and norms of a Hugging Face model, for `snellen validate --probes`.

    huggingface_probe.py --model PATH --operation layer.0.down --dtype bfloat16 --out PROBES.safetensors
    snellen validate --probes --model PATH --dump PROBES.safetensors --profile huggingface-bf16

A one-hot vector through a linear map gives one column of weights (and the bias), each known bit for bit: one weight that is off by one ulp is a failure, which sums of hundreds of products hide. Vectors of
constants 2^-k through a norm show its epsilon, where the mean square is no larger.
"""
import argparse
import sys

import safetensors.torch
import torch

import huggingface_dump

INPUTS = {"query": "attention_norm", "key": "attention_norm", "value": "attention_norm", "attention_output": "mix", "gate": "mlp_norm", "up": "mlp_norm", "down": "inner",
          "mlp_norm": "residual"}


def module_of(layer, name):
    return {"query": lambda: layer.self_attn.q_proj, "key": lambda: layer.self_attn.k_proj, "value": lambda: layer.self_attn.v_proj, "attention_output": lambda: layer.self_attn.o_proj,
            "gate": lambda: layer.mlp.gate_proj, "up": lambda: layer.mlp.up_proj, "down": lambda: layer.mlp.down_proj, "attention_norm": lambda: layer.input_layernorm,
            "mlp_norm": lambda: getattr(layer, "pre_feedforward_layernorm", layer.post_attention_layernorm)}[name]()


def probes(model, operation):
    """{name: tensor}: the operation's inputs, one probe a row, and its outputs."""
    _, index, name = operation.split(".")
    module = module_of(model.base_model.layers[int(index)], name)
    dtype = module.weight.dtype
    if name.endswith("norm"):
        width = module.weight.shape[0]
        inputs = torch.stack([torch.full((width,), 2.0**-k, dtype=dtype) for k in range(0, 16)])
    else:
        inputs = torch.eye(module.weight.shape[1], dtype=dtype)
    with torch.no_grad():
        outputs = module(inputs[None])[0]
    source = f"hidden.{index}" if name == "attention_norm" else f"layer.{index}.{INPUTS[name]}"
    return {source: inputs, operation: outputs.contiguous()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--operation", required=True, help="layer.L.query, key, value, attention_output, gate, up, down, attention_norm, mlp_norm")
    parser.add_argument("--dtype", default="float32", choices=["float64", "float32", "bfloat16", "float16"])
    parser.add_argument("--out", required=True)
    arguments = parser.parse_args()
    tensors = probes(huggingface_dump.load(arguments.model, getattr(torch, arguments.dtype)), arguments.operation)
    safetensors.torch.save_file(tensors, arguments.out)
    print(f"{next(iter(tensors.values())).shape[0]} probes of {arguments.operation}: {arguments.out}")


if __name__ == "__main__":
    sys.exit(main())
