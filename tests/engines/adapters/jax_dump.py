#!/usr/bin/env python3
"""Runs a Llama-architecture model (Hugging Face folder or .gguf: SmolLM2, Llama, Mistral without window) in JAX, compiled by XLA, and dumps every operation.

    jax_dump.py --model PATH --tokens 1,2,3 --dtype float32|bfloat16 --out DUMP.safetensors

Weights are read by transformers, the forward pass is this file's: matrix products accumulated in float32, norms, softmax, rotation and activations in float32, results cast to dtype. Its profile is
bf16-acc32 or fp32, shipped with Snellen. Needs: pip install jax==0.8.0
"""
import argparse
import sys

import jax
import jax.numpy as jnp
import numpy as np
import safetensors.torch
import torch

import huggingface_dump
import token_ids


def forward(weights, tokens, config, dtype):
    """{name: array} of every operation; weights: {name: array in dtype}."""
    heads, kv_heads = config.num_attention_heads, config.num_key_value_heads
    size = getattr(config, "head_dim", None) or config.hidden_size // heads
    count, out, wide = len(tokens), {}, jnp.float32

    def linear(x, name):
        y = jnp.matmul(x.astype(wide), weights[name + ".weight"].T.astype(wide))  # XLA has no bf16 x bf16 -> fp32 on every CPU
        bias = weights.get(name + ".bias")
        return (y if bias is None else y + bias.astype(wide)).astype(dtype)

    def norm(x, name):
        y = x.astype(wide)
        return (y * jax.lax.rsqrt(jnp.mean(y * y, -1, keepdims=True) + config.rms_norm_eps) * weights[name + ".weight"].astype(wide)).astype(dtype)

    base = config.rope_parameters["rope_theta"]
    frequencies = 1.0 / base ** (jnp.arange(0, size, 2, dtype=wide) / size)
    angles = jnp.arange(count, dtype=wide)[:, None] * frequencies
    cos, sin = jnp.cos(angles)[:, None], jnp.sin(angles)[:, None]

    def rotate(x, groups):
        y = x.reshape(count, groups, size).astype(wide)
        a, b = y[..., :size // 2], y[..., size // 2:]
        return jnp.concatenate([a * cos - b * sin, b * cos + a * sin], -1).astype(dtype)

    x = out["hidden.0"] = weights["model.embed_tokens.weight"][jnp.asarray(tokens)]
    mask = jnp.tril(jnp.ones((count, count), bool))
    for i in range(config.num_hidden_layers):
        name, keep = f"model.layers.{i}.", lambda what, value: out.__setitem__(f"layer.{i}.{what}", value) or value
        h = keep("attention_norm", norm(x, name + "input_layernorm"))
        q, k, v = (keep(what, linear(h, f"{name}self_attn.{what[0]}_proj")) for what in ("query", "key", "value"))
        q, k, v = rotate(q, heads), rotate(k, kv_heads), v.reshape(count, kv_heads, size)
        keep("query_rotated", q.reshape(count, -1)), keep("key_rotated", k.reshape(count, -1))
        k, v = jnp.repeat(k, heads // kv_heads, 1), jnp.repeat(v, heads // kv_heads, 1)
        scores = jnp.einsum("thd,shd->hts", q.astype(wide), k.astype(wide)) * jnp.float32(size**-0.5)
        scores = keep("scores", jnp.where(mask, scores, -jnp.inf))
        p = keep("probabilities", jax.nn.softmax(scores, -1).astype(dtype))
        mix = keep("mix", jnp.einsum("hts,shd->thd", p.astype(wide), v.astype(wide)).astype(dtype).reshape(count, -1))
        x = keep("residual", x + keep("attention_output", linear(mix, name + "self_attn.o_proj")))
        h = keep("mlp_norm", norm(x, name + "post_attention_layernorm"))
        gate, up = keep("gate", linear(h, name + "mlp.gate_proj")), keep("up", linear(h, name + "mlp.up_proj"))
        inner = keep("inner", keep("activation", jax.nn.silu(gate.astype(wide)).astype(dtype)) * up)
        x = out[f"hidden.{i + 1}"] = x + keep("down", linear(inner, name + "mlp.down_proj"))
    y = out["final"] = norm(x, "model.norm")
    head = "lm_head" if "lm_head.weight" in weights else "model.embed_tokens"
    out["logits"] = linear(y, head)
    return out


def as_torch(array):  # numpy has no bfloat16 of its own
    array = np.ascontiguousarray(array)
    return torch.from_numpy(array.view(np.int16).copy()).view(torch.bfloat16) if array.dtype.name == "bfloat16" else torch.from_numpy(array.copy())


def dump(path, tokens, dtype):
    model = huggingface_dump.load(path, getattr(torch, dtype))
    weights = {name: jnp.asarray(tensor.float().numpy()).astype(dtype) for name, tensor in model.state_dict().items()}
    run = jax.jit(lambda w: forward(w, tokens, model.config, jnp.dtype(dtype)))
    return {name: as_torch(np.asarray(value)) for name, value in run(weights).items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--tokens", required=True, help="token ids: 1,2,3 or a file of them")
    parser.add_argument("--dtype", default="float32", choices=["float32", "bfloat16"])
    parser.add_argument("--out", required=True)
    arguments = parser.parse_args()
    tensors = dump(arguments.model, token_ids.read(arguments.tokens), arguments.dtype)
    safetensors.torch.save_file(tensors, arguments.out)
    print(f"{len(tensors)} tensors: {arguments.out}")


if __name__ == "__main__":
    sys.exit(main())
