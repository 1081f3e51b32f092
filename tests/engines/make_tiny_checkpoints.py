#!/usr/bin/env python3
"""Writes tiny random checkpoints, one folder a family, as transformers saves them, with their exact hidden states beside them.

    make_tiny_checkpoints.py FOLDER          (tests/engines/fixtures/tiny holds what this wrote)

Each folder: config.json and weights; case.toml (16 tokens, --length 1); expected.safetensors with F64 tensors `hidden.0` (embeddings) to `hidden.L`
(before the final norm) and `final`, [tokens, width], and `logits` [tokens, vocabulary], from PyTorch in float64 with the casts replaced.
Weights are scaled so that every constant matters: attention is far from uniform, epsilon is a tenth of a mean square, no norm is all ones.
"""
import json
import pathlib
import shutil
import sys

import gguf
import numpy as np
import safetensors.numpy
import torch
import transformers

import gguf_weights
import torch_engine

VOCABULARY = 32
COMMON = dict(vocab_size=VOCABULARY, max_position_embeddings=64, bos_token_id=1, eos_token_id=2, pad_token_id=None)
TINY = COMMON | dict(hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, rms_norm_eps=0.003)


def rope(base):
    return {"rope_theta": base, "rope_type": "default"}


def older_rope(config, **keys):
    """A config.json as transformers 4 wrote it: the RoPE bases at the top."""
    del config["rope_parameters"]
    config.update(keys)


def older_gemma3(config):
    older_rope(config, rope_theta=7000.0, rope_local_base_freq=50.0, rope_scaling=None, sliding_window_pattern=2)
    del config["layer_types"], config["_sliding_window_pattern"]


LLAMA = transformers.LlamaConfig(**TINY | dict(hidden_size=32, intermediate_size=32), rope_parameters=rope(1234.5), tie_word_embeddings=False)

# family, a new one last, since its number is its seed: (config, stored type, change of config.json, largest shard)
FAMILIES = {
    "llama": (LLAMA, torch.bfloat16, None, None),
    "mistral": (transformers.MistralConfig(**TINY | dict(num_hidden_layers=3), sliding_window=4, rope_parameters=rope(100.0), tie_word_embeddings=False),
                torch.float32, lambda c: older_rope(c, rope_theta=100.0), None),
    "qwen2": (transformers.Qwen2Config(**TINY, rope_parameters=rope(1e6), tie_word_embeddings=True), torch.float16, None, None),
    "qwen3": (transformers.Qwen3Config(**TINY, head_dim=8, rope_parameters=rope(5000.0), tie_word_embeddings=True), torch.bfloat16,
              lambda c: older_rope(c, rope_theta=5000.0, rope_scaling=None), None),
    "gemma": (transformers.GemmaConfig(**TINY | dict(num_key_value_heads=1), head_dim=8, rope_parameters=rope(300.0)), torch.float32, None, None),
    "gemma2": (transformers.Gemma2Config(**TINY | dict(num_hidden_layers=3), head_dim=8, rope_parameters=rope(300.0), sliding_window=4,
                                         query_pre_attn_scalar=10, attn_logit_softcapping=2.5, final_logit_softcapping=1.5),
               torch.bfloat16, None, None),
    "gemma3_text": (transformers.Gemma3TextConfig(**TINY | dict(num_hidden_layers=3), head_dim=8, sliding_window=4, query_pre_attn_scalar=10,
                                                  layer_types=["sliding_attention", "full_attention", "sliding_attention"],
                                                  rope_parameters={"sliding_attention": rope(50.0), "full_attention": rope(7000.0)}),
                    torch.float32, None, None),
    "gemma3_text_older": (transformers.Gemma3TextConfig(**TINY | dict(num_hidden_layers=3), head_dim=8, sliding_window=4, query_pre_attn_scalar=7),
                          torch.bfloat16, older_gemma3, None),
    "gpt2": (transformers.GPT2Config(vocab_size=VOCABULARY, n_positions=24, n_embd=16, n_layer=2, n_head=4, layer_norm_epsilon=0.003,
                                     bos_token_id=1, eos_token_id=2), torch.float32, None, "12KB"),
    "llama_gguf": (LLAMA, None, None, None),
    "mpt": (transformers.MptConfig(vocab_size=VOCABULARY, max_seq_len=24, d_model=18, n_layers=2, n_heads=6, layer_norm_epsilon=0.003),  # 6: no power of two
            torch.bfloat16, None, None),
}


def randomise(model, random):
    """Every parameter from `random`, by what it is."""
    unit_offset = "Gemma" in type(model).__name__
    for name, parameter in model.named_parameters():
        values = random.standard_normal(tuple(parameter.shape))
        if name.endswith("bias"):
            values *= 0.3
        elif "norm" in name or ".ln_" in name:
            values = 0.3 * values + (0 if unit_offset else 1) + (0.6 if "q_norm" in name or "k_norm" in name else 0)
        elif "embed_tokens" in name or "wte" in name or "wpe" in name:
            values *= 0.2 / (model.config.hidden_size**0.5 if unit_offset else 1)
        else:
            queries_or_keys = any(part in name for part in ("q_proj", "k_proj", "c_attn", "Wqkv"))
            values *= (1.8 if queries_or_keys else 0.8) / model.config.hidden_size**0.5
        parameter.data = torch.tensor(values, dtype=torch.float32)


def write_hugging_face(folder, family, random):
    config, dtype, change, shard = FAMILIES[family]
    model = transformers.AutoModelForCausalLM.from_config(config)
    randomise(model, random)
    model.to(dtype).save_pretrained(folder, **({"max_shard_size": shard} if shard else {}))
    (folder / "generation_config.json").unlink(missing_ok=True)
    if change:
        file = folder / "config.json"
        config = json.loads(file.read_text())
        change(config)
        file.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    return folder


def write_gguf(folder, random):
    """A llama model with Q and K permuted and a different type for every linear map, as converters write it."""
    config, *_ = FAMILIES["llama_gguf"]
    model = transformers.AutoModelForCausalLM.from_config(config)
    randomise(model, random)
    heads = {"attn_q": config.num_attention_heads, "attn_k": config.num_key_value_heads}
    types = {"token_embd": "Q8_0", "output": "F16", "attn_q": "Q4_1", "attn_k": "Q5_0", "attn_v": "Q5_1", "attn_output": "Q4_0",
             "ffn_gate": "BF16", "ffn_up": "Q4_1", "ffn_down": "Q8_0"}
    writer = gguf.GGUFWriter(folder / "model.gguf", "llama")
    writer.add_name("tiny")
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(1234.56)
    writer.add_rope_dimension_count(config.head_dim)
    writer.add_vocab_size(VOCABULARY)
    weights = model.state_dict()
    blocks = [f"blk.{i}.{kind}" for i in range(config.num_hidden_layers) for kind in gguf_weights.NAMES if kind.startswith(("attn", "ffn"))]
    for name in ["token_embd", "output_norm", *blocks, "output"]:
        kind = name.split(".")[-1]
        values = weights[gguf_weights.hugging_face_name(f"{name}.weight", gguf_weights.NAMES)].numpy()
        if kind in heads:
            values = gguf_weights.interleaved_rows(values, heads[kind])
        stored = gguf.GGMLQuantizationType[types.get(kind, "F32")]
        data = gguf.quantize(np.ascontiguousarray(values), stored)
        writer.add_tensor(f"{name}.weight", data, raw_dtype=stored)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return folder / "model.gguf"


def main():
    root = pathlib.Path(sys.argv[1])
    for seed, family in enumerate(FAMILIES):
        random = np.random.Generator(np.random.PCG64(seed + 1))
        folder = root / family
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        path = write_gguf(folder, random) if family == "llama_gguf" else write_hugging_face(folder, family, random)
        tokens = [int(token) for token in random.integers(0, VOCABULARY, 16)]
        shown = pathlib.Path("tests/engines/fixtures/tiny") / path.relative_to(root)
        (folder / "case.toml").write_text(f'title = "A tiny {family} checkpoint"\n[model]\npath = "{shown}"\n'
                                          f"[family]\nprefix = {tokens[:-1]}\nunit = {tokens[-1:]}\nlengths = {{ from = 1, to = 1 }}\n")
        plain, _ = torch_engine.states(torch_engine.load(path), tokens)
        exact = torch_engine.exact_states(torch_engine.load(path), tokens)
        safetensors.numpy.save_file(exact, folder / "expected.safetensors")
        size = sum(file.stat().st_size for file in folder.iterdir())
        print(f"{family:17} {size:6} bytes, casts to float32 left in move the states by "
              f"{max(torch_engine.relative_distance(exact[name], plain[name]) for name in exact):.1e}")


if __name__ == "__main__":
    main()
