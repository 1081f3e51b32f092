"""Makes tests/files/data/quantizers.gguf: float32 rows of different kinds, and beside them ("<type>.expected") the blocks that the reference
quantisers of the gguf Python package make of them.

    python tests/files/make_quantized_fixture.py

Made with Python 3.11, gguf==0.19.0, numpy==2.4.6. The output is committed; running this again reproduces it byte for byte.
"""

import pathlib

import gguf
import numpy as np

SEED = 20240604  # of the paper's arXiv number


def rows(rng):
    width = 96
    normal = rng.standard_normal((6, width)).astype(np.float32)
    sizes = (rng.standard_normal((4, width)) * np.exp2(rng.integers(-30, 12, (4, width)))).astype(np.float32)
    whole = rng.integers(-8, 8, (2, width)).astype(np.float32)  # ties in the largest magnitude, and halves after scaling
    ramp = np.linspace(-1, 1, width, dtype=np.float32)[None]
    return np.concatenate([normal, sizes, whole, ramp, np.abs(normal[:1]), np.zeros((1, width), np.float32), np.full((1, width), 0.3, np.float32)])


def main():
    values = rows(np.random.Generator(np.random.PCG64(SEED)))
    path = pathlib.Path(__file__).parent / "data" / "quantizers.gguf"
    writer = gguf.GGUFWriter(path, "test")
    writer.add_tensor("values", values)
    for name in ("Q8_0", "Q4_0", "Q4_1"):
        kind = gguf.GGMLQuantizationType[name]
        writer.add_tensor(name + ".expected", gguf.quantize(values, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    main()
