#!/usr/bin/env python3
"""Dumps every operation of llama.cpp (through llama-cpp-python) on a .gguf, as a CPU computes it.

    llama_cpp_dump.py --model MODEL.gguf --tokens 1,2,3 --out DUMP.safetensors [--cache f16|f32]

Snellen's names (huggingface_dump.py has the list), all float32. llama.cpp's graph is watched node by node (cb_eval), without flash attention. Rows of queries and keys, which
llama-architecture GGUF files keep in pairs (2f, 2f + 1), are put back in the order (f, f + size/2). Scores are not dumped: llama.cpp scales and masks them inside the softmax.
Needs: pip install llama-cpp-python==0.3.36
"""
import argparse
import ctypes
import pathlib
import sys

import numpy as np
import safetensors.numpy

import llama_cpp

import token_ids


class Tensor(ctypes.Structure):  # ggml.h, struct ggml_tensor
    _fields_ = [("type", ctypes.c_int), ("buffer", ctypes.c_void_p), ("ne", ctypes.c_int64 * 4), ("nb", ctypes.c_size_t * 4), ("op", ctypes.c_int), ("op_params", ctypes.c_int32 * 16),
                ("flags", ctypes.c_int32), ("src", ctypes.c_void_p * 10), ("view_src", ctypes.c_void_p), ("view_offs", ctypes.c_size_t), ("data", ctypes.c_void_p), ("name", ctypes.c_char * 64)]


# (name of the node, its operation): the operation of Snellen's.
NODES = {
    ("attn_norm", "MUL"): "attention_norm", ("Qcur", "MUL_MAT"): "query", ("Qcur", "ADD"): "query", ("Kcur", "MUL_MAT"): "key", ("Kcur", "ADD"): "key",
    ("Vcur", "MUL_MAT"): "value", ("Vcur", "ADD"): "value", ("Qcur", "ROPE"): "query_rotated", ("Kcur", "ROPE"): "key_rotated", ("Qcur_normed", "MUL"): "query_norm",
    ("Kcur_normed", "MUL"): "key_norm", ("kq_soft_max", "SOFT_MAX"): "probabilities", ("kqv_out", "CONT"): "mix", ("attn_out", "MUL_MAT"): "attention_output",
    ("attn_post_norm", "MUL"): "post_attention_norm", ("ffn_inp", "ADD"): "residual", ("ffn_norm", "MUL"): "mlp_norm", ("ffn_gate", "MUL_MAT"): "gate", ("ffn_up", "MUL_MAT"): "up",
    ("ffn_swiglu", "GLU"): "inner", ("ffn_geglu", "GLU"): "inner", ("ffn_out", "MUL_MAT"): "down", ("ffn_post_norm", "MUL"): "post_mlp_norm",
}


def library():
    folder = pathlib.Path(llama_cpp.__file__).parent / "lib"
    base = ctypes.CDLL(str(folder / "libggml-base.so"))
    base.ggml_op_desc.restype = ctypes.c_char_p
    base.ggml_op_desc.argtypes = [ctypes.c_void_p]
    return base


def values_of(tensor):
    """[ne3, ne2, ne1, ne0], float32, whatever its strides."""
    shape = list(tensor.ne)
    strides = list(tensor.nb)
    size = sum((n - 1) * s for n, s in zip(shape, strides)) + 4
    raw = np.ctypeslib.as_array(ctypes.cast(tensor.data, ctypes.POINTER(ctypes.c_uint8)), (size,))
    return np.lib.stride_tricks.as_strided(raw.view(np.float32), shape[::-1], strides[::-1]).copy()


def dump(path, tokens, cache="f16", nodes=None):
    base = library()
    llama_cpp.llama_backend_init()
    parameters = llama_cpp.llama_model_default_params()
    parameters.n_gpu_layers = 0
    if hasattr(parameters, "use_extra_bufts"):
        parameters.use_extra_bufts = False  # weights stay as the file has them
    model = llama_cpp.llama_model_load_from_file(str(path).encode(), parameters)
    if not model:
        raise SystemExit(f"llama.cpp cannot load {path}")
    heads = llama_cpp.llama_model_n_head(model)
    kv_heads = llama_cpp.llama_model_n_head_kv(model)
    interleaved = llama_cpp.llama_model_rope_type(model) == 0
    count, result = len(tokens), {}

    def halves_first(values, groups):  # rows (2f, 2f + 1) of each head to (f, f + size/2)
        size = values.shape[1] // groups
        return np.ascontiguousarray(values.reshape(count, groups, size // 2, 2).transpose(0, 1, 3, 2).reshape(count, -1))

    def keep(node, ask, _):
        if ask:
            return True
        tensor = ctypes.cast(node, ctypes.POINTER(Tensor)).contents
        name, operation = tensor.name.decode(), base.ggml_op_desc(node).decode()
        if nodes is not None:
            nodes.append((name, operation, list(tensor.ne), tensor.type))
        if tensor.type != 0 or not tensor.data:
            return True
        stem, _, layer = name.partition("-")
        key = {"result_norm": "final", "result_output": "logits"}.get(name)
        if name == "inp_embd" and operation == "GET_ROWS":
            key = "hidden.0"
        elif stem == "l_out" and layer.isdigit():
            key = f"hidden.{int(layer) + 1}"
        elif layer.isdigit() and (stem, operation) in NODES:
            key = f"layer.{int(layer)}.{NODES[stem, operation]}"
        if key is None:
            return True
        values = values_of(tensor)
        if key.endswith("probabilities"):
            result[key] = np.ascontiguousarray(values[0, :, :count, :count])
            return True
        values = values.reshape(count, -1)
        for word, groups in (("query", heads), ("key", kv_heads)):
            if interleaved and f".{word}" in key:
                values = halves_first(values, groups)
        result[key] = values
        return True

    callback = llama_cpp.ggml_backend_sched_eval_callback(keep)
    settings = llama_cpp.llama_context_default_params()
    settings.n_ctx, settings.n_batch, settings.n_ubatch = max(256, count), max(256, count), max(256, count)
    settings.n_threads = settings.n_threads_batch = 1
    settings.flash_attn_type = 0
    settings.cb_eval = callback
    settings.type_k = settings.type_v = {"f16": llama_cpp.GGML_TYPE_F16, "f32": llama_cpp.GGML_TYPE_F32}[cache]
    context = llama_cpp.llama_init_from_model(model, settings)
    batch = llama_cpp.llama_batch_init(count, 0, 1)
    batch.n_tokens = count
    for i, token in enumerate(tokens):
        batch.token[i], batch.pos[i], batch.n_seq_id[i], batch.logits[i] = token, i, 1, 1
        batch.seq_id[i][0] = 0
    if llama_cpp.llama_decode(context, batch) != 0:
        raise SystemExit("llama_decode failed")
    llama_cpp.llama_batch_free(batch)
    llama_cpp.llama_free(context)
    llama_cpp.llama_model_free(model)
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--tokens", required=True, help="token ids: 1,2,3 or a file of them")
    parser.add_argument("--cache", default="f16", choices=["f16", "f32"])
    parser.add_argument("--out", required=True)
    parser.add_argument("--nodes", action="store_true", help="print the graph's nodes")
    arguments = parser.parse_args()
    nodes = [] if arguments.nodes else None
    tensors = dump(arguments.model, token_ids.read(arguments.tokens), arguments.cache, nodes)
    for node in nodes or []:
        print(*node)
    safetensors.numpy.save_file(tensors, arguments.out)
    print(f"{len(tensors)} tensors: {arguments.out}")


if __name__ == "__main__":
    sys.exit(main())
