"""Makes tests/files/data/quantized.gguf: random blocks of every type that lib/files/quantized.cpp decodes, and beside each
("<type>.expected") the float32 values that the reference dequantisers of the gguf Python package return for them.

    python tests/files/make_fixtures.py

Made with Python 3.11, gguf==0.19.0, numpy==2.4.6. The output is committed; running this again reproduces it byte for byte.
"""

import pathlib

import gguf
import numpy as np

SEED = 20240604  # of the paper's arXiv number
BLOCKS = {  # type: (blocks a row, rows, byte offsets of its fp16 scales)
    "Q8_0": (3, 2, [0]),
    "Q4_0": (3, 2, [0]),
    "Q4_1": (3, 2, [0, 2]),
    "Q5_0": (3, 2, [0]),
    "Q5_1": (3, 2, [0, 2]),
    "Q4_K": (1, 2, [0, 2]),
    "Q5_K": (1, 2, [0, 2]),
    "Q6_K": (1, 2, [208]),
    "F16": (64, 2, [0]),
    "BF16": (64, 2, []),
}


def random_blocks(rng, kind, per_row, rows, scales):
    _, size = gguf.GGML_QUANT_SIZES[kind]
    blocks = rng.integers(0, 256, (rows * per_row, size), dtype=np.uint8)
    for offset in scales:  # every fp16 but infinities and NaN: subnormals and both signs included
        bits = rng.integers(0, 0x7C00, rows * per_row, dtype=np.uint16) | rng.integers(0, 2, rows * per_row, dtype=np.uint16) << 15
        blocks[:, offset : offset + 2] = bits[:, None].view(np.uint8)
    if kind == gguf.GGMLQuantizationType.BF16:
        blocks[:, 1] &= 0xBF  # keeps the exponent below 255
    return blocks.reshape(rows, per_row * size)


def main():
    rng = np.random.Generator(np.random.PCG64(SEED))
    path = pathlib.Path(__file__).parent / "data" / "quantized.gguf"
    writer = gguf.GGUFWriter(path, "test")
    for name, (per_row, rows, scales) in BLOCKS.items():
        kind = gguf.GGMLQuantizationType[name]
        blocks = random_blocks(rng, kind, per_row, rows, scales)
        expected = np.ascontiguousarray(gguf.dequantize(blocks, kind), dtype=np.float32)
        writer.add_tensor(name, blocks, raw_dtype=kind)
        writer.add_tensor(name + ".expected", expected)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    main()
