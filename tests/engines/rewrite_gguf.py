#!/usr/bin/env python3
"""Writes a .gguf again with its matrices in another type: rewrite_gguf.py IN.gguf OUT.gguf F32|F16|Q8_0|same. Without a tokenizer it gets llama.cpp's "none"."""
import sys

import gguf
import numpy as np


def rewrite(source, target, kind):
    reader = gguf.GGUFReader(source)
    field = reader.fields["general.architecture"]
    architecture = bytes(field.parts[field.data[-1]]).decode()
    writer = gguf.GGUFWriter(target, architecture)
    for name, field in reader.fields.items():
        if name.startswith("GGUF.") or name == "general.architecture":
            continue
        kinds = field.types
        sub = kinds[-1] if kinds[0] == gguf.GGUFValueType.ARRAY else None
        writer.add_key_value(name, field.contents(), kinds[0], sub_type=sub)
    if "tokenizer.ggml.model" not in reader.fields:
        writer.add_tokenizer_model("none")
        if f"{architecture}.vocab_size" not in reader.fields:
            writer.add_vocab_size(int(next(t for t in reader.tensors if t.name == "token_embd.weight").shape[1]))
    for tensor in reader.tensors:
        matrix = len(tensor.shape) > 1
        wanted = tensor.tensor_type if kind == "same" or not matrix else gguf.GGMLQuantizationType[kind]
        if wanted == tensor.tensor_type:
            writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
        else:
            values = gguf.dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
            writer.add_tensor(tensor.name, gguf.quantize(np.ascontiguousarray(values), wanted), raw_dtype=wanted)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    rewrite(*sys.argv[1:4])
