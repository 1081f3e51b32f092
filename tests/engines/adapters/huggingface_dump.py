#!/usr/bin/env python3
"""Dumps every operation of a Hugging Face causal language model, eager attention, as PyTorch computes it on this machine.

    huggingface_dump.py --model PATH --tokens 1,2,3 --dtype bfloat16 --out DUMP.safetensors

PATH: a folder or a .gguf. The tensors have Snellen's names (`snellen validate --help`) and the types that PyTorch has them in:

    hidden.0, layer.L.attention_norm, .query, .key, .value, .query_norm, .key_norm, .query_rotated, .key_rotated, .scores, .probabilities, .mix,
    .attention_output, .post_attention_norm, .residual, .mlp_norm, .gate, .up, .activation, .inner, .down, .post_mlp_norm, hidden.L+1, final, logits

all [tokens, width]; scores and probabilities [heads, tokens, tokens]. --cached decodes token by token with a KV cache; --exact-casts replaces PyTorch's
casts to float32 in norms, softmax and RoPE (for float64).
"""
import argparse
import contextlib
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import safetensors.torch
import torch

import token_ids
import torch_engine


def load(path, dtype):
    """The model with its weights in dtype. Not float32 and then .to(dtype): that rounds RoPE's inv_freq, too, which Hugging Face keeps in float32."""
    path = pathlib.Path(path)
    folder, gguf = (path.parent, {"gguf_file": path.name}) if path.suffix == ".gguf" else (path, {})
    model = torch_engine.transformers.AutoModelForCausalLM.from_pretrained(
        folder, dtype=dtype, attn_implementation="eager", local_files_only=True, **gguf)
    return model.eval()


class Recorder:
    """Hooks on every operation; `tensors` collects them under Snellen's names, token after token where the model is called several times."""

    def __init__(self, model):
        self.tensors, self.layer, self.handles, self.undo = {}, None, [], []
        decoder = model.base_model
        self.layers = next(getattr(decoder, name) for name in ("h", "blocks", "layers") if hasattr(decoder, name))
        final_norm = next(getattr(decoder, name) for name in ("ln_f", "norm_f", "norm") if hasattr(decoder, name))
        for i, layer in enumerate(self.layers):
            self.before(layer, None, enter=i)
            if i == 0:
                self.before(layer, "hidden.0", absolute=True)
            self.add_layer(layer)
            self.after(layer, f"hidden.{i + 1}", absolute=True)
        self.after(final_norm, "final", absolute=True)
        self.after(model.get_output_embeddings(), "logits", absolute=True)
        self.patch_functions(type(self.layers[0]).__module__)

    def keep(self, name, tensor, absolute=False):
        tensor = tensor[0] if isinstance(tensor, tuple) else tensor
        self.tensors.setdefault(name if absolute else f"layer.{self.layer}.{name}", []).append(tensor.detach()[0].clone())

    def before(self, module, name, absolute=False, enter=None):
        def hook(_, args, kwargs):
            if enter is not None:
                self.layer = enter
            if name:
                self.keep(name, args[0] if args else kwargs["hidden_states"], absolute)
        self.handles.append(module.register_forward_pre_hook(hook, with_kwargs=True))

    def after(self, module, name, absolute=False):
        self.handles.append(module.register_forward_hook(lambda _, args, out: self.keep(name, out, absolute)))

    def thirds(self, module, sizes):
        """A fused query, key and value."""
        def hook(_, args, out):
            for name, part in zip(("query", "key", "value"), out.split(sizes, dim=-1)):
                self.keep(name, part)
        self.handles.append(module.register_forward_hook(hook))

    def add_layer(self, layer):
        if hasattr(layer, "self_attn"):
            attention, mlp = layer.self_attn, layer.mlp
            for module, name in ((attention.q_proj, "query"), (attention.k_proj, "key"), (attention.v_proj, "value"), (attention.o_proj, "attention_output"),
                                 (mlp.gate_proj, "gate"), (mlp.up_proj, "up"), (mlp.act_fn, "activation"), (mlp.down_proj, "down"),
                                 (layer.input_layernorm, "attention_norm")):
                self.after(module, name)
            self.before(attention.o_proj, "mix")
            self.before(mlp.down_proj, "inner")
            if hasattr(attention, "q_norm"):
                # Gemma norms [1, heads, tokens, size], Qwen [1, tokens, heads, size].
                heads_first = "Gemma" in type(attention).__name__
                for module, name in ((attention.q_norm, "query_norm"), (attention.k_norm, "key_norm")):
                    self.handles.append(module.register_forward_hook(
                        lambda _, args, out, name=name: self.keep(name, (out.transpose(1, 2) if heads_first else out).flatten(2))))
            mlp_norm = getattr(layer, "pre_feedforward_layernorm", layer.post_attention_layernorm)
            if mlp_norm is not layer.post_attention_layernorm:
                self.after(layer.post_attention_layernorm, "post_attention_norm")
                self.after(layer.post_feedforward_layernorm, "post_mlp_norm")
            self.before(mlp_norm, "residual")
            self.after(mlp_norm, "mlp_norm")
        elif hasattr(layer, "ln_1"):  # GPT-2
            width = layer.attn.split_size
            self.after(layer.ln_1, "attention_norm")
            self.thirds(layer.attn.c_attn, [width] * 3)
            self.before(layer.attn.c_proj, "mix")
            self.after(layer.attn.c_proj, "attention_output")
            self.before(layer.ln_2, "residual")
            self.after(layer.ln_2, "mlp_norm")
            self.after(layer.mlp.c_fc, "up")
            self.before(layer.mlp.c_proj, "activation")
            self.after(layer.mlp.c_proj, "down")
        else:  # MPT
            width = layer.attn.hidden_size
            self.after(layer.norm_1, "attention_norm")
            self.thirds(layer.attn.Wqkv, [width] * 3)
            self.before(layer.attn.out_proj, "mix")
            self.after(layer.attn.out_proj, "attention_output")
            self.before(layer.norm_2, "residual")
            self.after(layer.norm_2, "mlp_norm")
            self.after(layer.ffn.up_proj, "up")
            self.before(layer.ffn.down_proj, "activation")
            self.after(layer.ffn.down_proj, "down")

    def patch_functions(self, module):
        """What is a function and no module: RoPE, softmax."""
        def tokens_first(x):  # [1, heads, tokens, size] -> [1, tokens, heads * size]
            return x.transpose(1, 2).flatten(2)

        modelling = sys.modules[module]
        if hasattr(modelling, "apply_rotary_pos_emb"):
            rotate = modelling.apply_rotary_pos_emb

            def rotated(q, k, *args, **kwargs):
                if self.layer == 0:
                    self.rope_tables = args[0], args[1]
                q, k = rotate(q, k, *args, **kwargs)
                self.keep("query_rotated", tokens_first(q))
                self.keep("key_rotated", tokens_first(k))
                return q, k

            modelling.apply_rotary_pos_emb = rotated
            self.undo.append(lambda: setattr(modelling, "apply_rotary_pos_emb", rotate))
        softmax = torch.nn.functional.softmax

        def recorded(x, *args, **kwargs):
            out = softmax(x, *args, **kwargs)
            self.keep("scores", x)
            self.keep("probabilities", out.to(self.layers[0].parameters().__next__().dtype))
            return out

        torch.nn.functional.softmax = recorded
        self.undo.append(lambda: setattr(torch.nn.functional, "softmax", softmax))

    def close(self):
        for handle in self.handles:
            handle.remove()
        for undo in self.undo:
            undo()

    def result(self):
        """{name: tensor}: calls joined along the tokens, score matrices padded to the whole sequence."""
        joined = {}
        for name, parts in self.tensors.items():
            if len(parts) > 1 and name.endswith(("scores", "probabilities")):
                total = parts[-1].shape[-1]
                filler = float("-inf") if name.endswith("scores") else 0.0
                parts = [torch.nn.functional.pad(part, (0, total - part.shape[-1]), value=filler) for part in parts]
                joined[name] = torch.cat(parts, dim=1).contiguous()
            else:
                joined[name] = torch.cat(parts, dim=0).contiguous()
        return joined


def dump(model, tokens, cached=False):
    recorder = Recorder(model)
    try:
        with torch.no_grad():
            if cached:
                past = None
                for token in tokens:
                    past = model(torch.tensor([[token]]), past_key_values=past, use_cache=True).past_key_values
            else:
                model(torch.tensor([tokens]), use_cache=False)
    finally:
        recorder.close()
    return recorder.result()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--tokens", required=True, help="token ids: 1,2,3 or a file of them")
    parser.add_argument("--dtype", default="float32", choices=["float64", "float32", "bfloat16", "float16"])
    parser.add_argument("--out", required=True)
    parser.add_argument("--cached", action="store_true", help="decode token by token with a KV cache")
    parser.add_argument("--exact-casts", action="store_true", help="casts to float32 become casts to float64")
    arguments = parser.parse_args()
    tokens = token_ids.read(arguments.tokens)
    model = load(arguments.model, getattr(torch, arguments.dtype))
    context = contextlib.nullcontext()
    if arguments.exact_casts:
        torch_engine.replace_casts(model)
        context = torch_engine.float32_means_float64()
    with context:
        tensors = dump(model, tokens, arguments.cached)
    safetensors.torch.save_file(tensors, arguments.out)
    print(f"{len(tensors)} tensors of {len(tokens)} tokens, {sum(t.numel() for t in tensors.values())} values: {arguments.out}")


if __name__ == "__main__":
    main()
