"""Does transformers, loading a GGUF of the llama family or Gemma 3, hold the function that the file states?

A block format means what its reference dequantiser (the gguf package) returns in float32; a float32 in the metadata means its own
value; llama's rows of Q and K, stored permuted, are put back; Gemma's norms are stored as 1 + weight, which is what must come out.
"""
import pathlib

import gguf
import numpy as np

NAMES = {
    "token_embd": "model.embed_tokens", "output": "lm_head", "output_norm": "model.norm", "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm", "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj",
}


GEMMA3_NAMES = NAMES | {
    "attn_q_norm": "self_attn.q_norm", "attn_k_norm": "self_attn.k_norm", "post_attention_norm": "post_attention_layernorm",
    "ffn_norm": "pre_feedforward_layernorm", "post_ffw_norm": "post_feedforward_layernorm",
}


class DifferentFunction(ArithmeticError):
    """transformers holds other numbers than the file states."""


def rotary_rows(weight, heads):
    """Row h * head_size + 2 f + s of the file is row h * head_size + s * head_size / 2 + f of Hugging Face, whose RoPE pairs f and f + head_size / 2."""
    return weight.reshape(heads, -1, 2, weight.shape[-1]).swapaxes(1, 2).reshape(weight.shape)


def interleaved_rows(weight, heads):
    """The inverse of rotary_rows, as converters to GGUF permute Q and K."""
    return weight.reshape(heads, 2, -1, weight.shape[-1]).swapaxes(1, 2).reshape(weight.shape)


def hugging_face_name(name, names):
    parts = name.split(".")
    return ".".join((["model.layers", parts[1]] if parts[0] == "blk" else []) + [names[parts[-2]], parts[-1]])


def require(found, stated, what):
    if found != stated:
        raise DifferentFunction(f"{what} is {found!r} in transformers, the GGUF states {stated!r}")


def check(model, path):
    """The number of weight tensors compared, bit by bit; raises DifferentFunction at the first difference."""
    reader = gguf.GGUFReader(path)
    field = lambda name, missing=None: reader.fields[name].contents() if name in reader.fields else missing
    architecture = field("general.architecture")
    gemma = architecture == "gemma3"
    require(architecture in ("llama", "gemma3"), True, "the architecture checked here")
    epsilon = float(np.float32(field(f"{architecture}.attention.layer_norm_rms_epsilon")))
    require(model.config.rms_norm_eps, epsilon, "rms_norm_eps")
    for name, module in model.named_modules():
        for attribute in ("variance_epsilon", "eps"):
            if hasattr(module, attribute):
                require(getattr(module, attribute), epsilon, f"epsilon of {name}")
    base = float(np.float32(field(f"{architecture}.rope.freq_base", 10000.0)))
    rope = {"rope_theta": base, "rope_type": "default"}
    stated_rope = {"full_attention": rope, "sliding_attention": rope | {"rope_theta": 10000.0}} if gemma else rope
    require(model.config.rope_parameters, stated_rope, "RoPE")
    require([name for name in reader.fields if name.startswith(f"{architecture}.rope.scaling")], [], "RoPE scaling")
    if gemma:
        require(model.config.sliding_window, field("gemma3.attention.sliding_window"), "the window")
        layers = ["sliding_attention" if (i + 1) % 6 else "full_attention" for i in range(field("gemma3.block_count"))]
        require(model.config.layer_types, layers, "the layers with a window")
    heads = {} if gemma else {"attn_q": field("llama.attention.head_count"), "attn_k": field("llama.attention.head_count_kv")}
    weights = dict(model.state_dict())
    tied = model.config.tie_word_embeddings
    require(tied, all(tensor.name != "output.weight" for tensor in reader.tensors), "tie_word_embeddings")
    if tied:
        weights.pop("lm_head.weight")
    for tensor in reader.tensors:
        stated = gguf.dequantize(tensor.data, tensor.tensor_type).astype(np.float64)
        kind = tensor.name.split(".")[-2]
        if kind in heads:
            stated = rotary_rows(stated, heads[kind])
        found = weights.pop(hugging_face_name(tensor.name, GEMMA3_NAMES if gemma else NAMES)).numpy()
        if gemma and kind.endswith("_norm"):
            found = 1 + found
        if found.shape != stated.shape or not np.array_equal(found, stated):
            raise DifferentFunction(f"{tensor.name} differs from its dequantisation")
    require(sorted(weights), [], "weights that the file does not have")
    return len(reader.tensors)


def planted_errors():
    """(what was planted into a tiny GGUF model's loaded weights, the error it raised or None), one after another."""
    import torch_engine
    path = pathlib.Path(__file__).resolve().parent / "fixtures/tiny/llama_gguf/model.gguf"
    model = torch_engine.load(path)
    check(model, path)
    attention, norm = model.model.layers[1].self_attn, model.model.norm
    heads = model.config.num_attention_heads

    def caught(change, undo):
        change()
        try:
            check(model, path)
            return None
        except DifferentFunction as error:
            return error
        finally:
            undo()
            check(model, path)

    def with_weight(parameter, values):
        before = parameter.data
        return caught(lambda: setattr(parameter, "data", before.new_tensor(values)), lambda: setattr(parameter, "data", before))

    query = attention.q_proj.weight
    nudged = norm.weight.data.numpy().copy()
    nudged[5] = np.nextafter(np.float32(nudged[5]), np.float32(9))
    yield "a weight one float32 ulp up", with_weight(norm.weight, nudged)
    yield "Q not put back", with_weight(query, interleaved_rows(query.data.numpy(), heads))
    yield "epsilon as a decimal", caught(lambda: setattr(norm, "variance_epsilon", round(norm.variance_epsilon, 6)),
                                        lambda: setattr(norm, "variance_epsilon", model.config.rms_norm_eps))
    base = model.config.rope_parameters["rope_theta"]
    yield "another RoPE base", caught(lambda: model.config.rope_parameters.update(rope_theta=base * (1 + 1e-8)),
                                     lambda: model.config.rope_parameters.update(rope_theta=base))
