"""Writes the hand-made part of the corpus (corpus/<target>/ok-*, bad-*): each file is one way to lie to a reader. python3 tests/fuzz/make_corpus.py"""
import hashlib, json, pathlib, struct

root = pathlib.Path(__file__).parent / "corpus"


def put(target, name, content):
    if isinstance(content, str):
        content = content.encode()
    (root / target).mkdir(parents=True, exist_ok=True)
    (root / target / name).write_bytes(content)


# JSON
put("json", "ok-numbers", "[0, -0.0, 1e308, 5e-324, 18446744073709551615, -9223372036854775808, 0.1]")
put("json", "ok-32-deep", "[" * 32 + "]" * 32)
put("json", "bad-deep", "[" * 50000)
put("json", "bad-deep-objects", '{"a":' * 50000)
put("json", "bad-twice", '{"a": 1, "a": 2}')
put("json", "bad-twice-escaped", '{"a": 1, "\\u0061": 2}')
put("json", "bad-huge-number", "1" + "0" * 400)
put("json", "bad-utf8", b'["\xff\xfe"]')
put("json", "bad-lone-surrogate", '["\\ud800"]')
put("json", "bad-nul", b'["a"]\0')
put("json", "bad-control", b'["\x01"]')
put("json", "bad-empty", "")
put("json", "bad-infinity", "[Infinity]")
put("json", "wide-arrays", "[" + ",".join(["[]"] * 5000) + "]")
put("json", "wide-objects", "[" + ",".join(["{}"] * 5000) + "]")
put("json", "many-keys", "{" + ",".join(f'"{i:x}":0' for i in range(5000)) + "}")


# safetensors
def tensors(header, data=b"", size=None):
    text = header if isinstance(header, bytes) else (header if isinstance(header, str) else json.dumps(header)).encode()
    return struct.pack("<Q", len(text) if size is None else size) + text + data


def entry(shape, begin, end, dtype="F32"):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


put("safetensors", "ok-one", tensors({"a": entry([2, 2], 0, 16)}, bytes(16)))
put("safetensors", "ok-metadata", tensors({"__metadata__": {"format": "pt"}, "a": entry([4], 0, 8, "BF16")}, bytes(8)))
put("safetensors", "ok-empty-tensor", tensors({"a": entry([0, 1 << 62], 0, 0)}))
put("safetensors", "ok-no-tensor", tensors({}))
put("safetensors", "ok-nan", tensors({"a": entry([1], 0, 4)}, b"\xff\xff\xff\xff"))
put("safetensors", "bad-short", b"\0\0\0")
put("safetensors", "bad-header-2-64", struct.pack("<Q", 2**64 - 1) + b"{}")
put("safetensors", "bad-header-2-63", struct.pack("<Q", 2**63) + b"{}")
put("safetensors", "bad-header-wraps", struct.pack("<Q", 2**64 - 8) + b"{}" + bytes(8))
put("safetensors", "bad-header-beyond", tensors({}, size=3))
put("safetensors", "bad-header-empty", struct.pack("<Q", 0))
put("safetensors", "bad-shape-overflows", tensors({"a": entry([1 << 32, 1 << 32], 0, 0)}))
put("safetensors", "bad-shape-overflows-to-size", tensors({"a": entry([1 << 62, 4, 1], 0, 4)}, bytes(4)))
put("safetensors", "bad-shape-negative", tensors({"a": entry([-1, -1], 0, 4)}, bytes(4)))
put("safetensors", "bad-shape-fraction", tensors('{"a":{"dtype":"F32","shape":[1.0],"data_offsets":[0,4]}}', bytes(4)))
put("safetensors", "bad-shape-big", tensors('{"a":{"dtype":"F32","shape":[18446744073709551616],"data_offsets":[0,4]}}', bytes(4)))
put("safetensors", "bad-offsets-reversed", tensors({"a": entry([1], 4, 0)}, bytes(4)))
put("safetensors", "bad-offsets-beyond", tensors({"a": entry([2], 0, 8)}, bytes(4)))
put("safetensors", "bad-offsets-wrap", tensors({"a": entry([1], 2**64 - 4, 0)}, bytes(4)))
put("safetensors", "bad-offsets-three", tensors('{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4,4]}}', bytes(4)))
put("safetensors", "bad-overlap", tensors({"a": entry([2], 0, 8), "b": entry([1], 4, 8)}, bytes(8)))
put("safetensors", "bad-hole", tensors({"a": entry([1], 4, 8)}, bytes(8)))
put("safetensors", "bad-rest", tensors({"a": entry([1], 0, 4)}, bytes(5)))
put("safetensors", "bad-dtype", tensors({"a": entry([1], 0, 4, "F33")}, bytes(4)))
put("safetensors", "bad-twice", tensors('{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}', bytes(4)))
put("safetensors", "bad-unknown-key", tensors('{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"x":1}}', bytes(4)))
put("safetensors", "bad-deep", tensors('{"a":' + "[" * 5000))
put("safetensors", "bad-name-control", tensors(json.dumps({"\x1b[2J\n": 1})))
put("safetensors", "bad-long-name", tensors(json.dumps({"x" * 100000: 1})))
put("safetensors", "long-shape", tensors({"a": entry([1] * 20000, 0, 4)}, bytes(4)))
put("safetensors", "bad-long-shape", tensors({"a": entry([2] * 20000, 0, 4)}, bytes(4)))

# bundles: sharded indexes and folders
good = tensors({"a": entry([1], 0, 4)}, bytes(4))


def bundle(*entries):
    return b"\n".join((f"%%{kind} {name}\n".encode() if kind == "file" else f"%%{kind} {name}".encode()) + content for kind, name, content in entries)


def index(weight_map):
    return json.dumps({"metadata": {}, "weight_map": weight_map}).encode()


name = "model.safetensors.index.json"
put("safetensors_index", "ok-two", bundle(("file", name, index({"a": "1.safetensors", "b": "2.safetensors"})), ("file", "1.safetensors", good),
                                          ("file", "2.safetensors", tensors({"b": entry([1], 0, 4)}, bytes(4)))))
put("safetensors_index", "ok-cache", bundle(("file", "blobs/abc", good), ("link", "1.safetensors", b" ../../blobs/abc"), ("file", name, index({"a": "1.safetensors"}))))
for label, path in {"parent": "../1.safetensors", "absolute": "/etc/passwd", "backslash": "..\\1.safetensors", "dot": ".", "dots": "..", "empty": "", "nul": "1\0.safetensors",
                    "long": "a" * 5000, "sub": "sub/1.safetensors", "newline": "1\n.safetensors", "itself": name}.items():
    put("safetensors_index", f"bad-shard-{label}", bundle(("file", name, index({"a": path})), ("file", "1.safetensors", good), ("file", "snapshots/1.safetensors", good)))
for label, target in {"out": " ../../1.safetensors", "absolute": " /etc/passwd", "device": " /dev/zero", "loop": " 1.safetensors", "folder": " .", "dangling": " nothing",
                      "other-blobs": " ../../other/blobs/abc", "deep-blobs": " ../../blobs/sub/abc"}.items():
    put("safetensors_index", f"bad-link-{label}", bundle(("file", "other/blobs/abc", good), ("file", "blobs/sub/abc", good), ("link", "1.safetensors", target.encode()),
                                                         ("file", name, index({"a": "1.safetensors"}))))
put("safetensors_index", "bad-index-link-device", bundle(("link", name, b" /dev/zero")))
put("safetensors_index", "bad-missing-tensor", bundle(("file", name, index({"a": "1.safetensors", "b": "1.safetensors"})), ("file", "1.safetensors", good)))
put("safetensors_index", "bad-unlisted-tensor", bundle(("file", name, index({"b": "1.safetensors"})), ("file", "1.safetensors", good)))
put("safetensors_index", "bad-map-of-numbers", bundle(("file", name, b'{"weight_map": {"a": 1}}')))
put("safetensors_index", "bad-no-map", bundle(("file", name, b"[]")))
put("safetensors_index", "ok-empty-map", bundle(("file", name, index({}))))
put("safetensors_index", "bad-nothing", b"")

# Hugging Face folders whose numbers ask for more than there is
small = {"model_type": "llama", "hidden_size": 1, "intermediate_size": 1, "num_hidden_layers": 1, "num_attention_heads": 1, "vocab_size": 1, "head_dim": 2}
for family in ("llama", "mistral", "qwen2", "qwen3", "gemma", "gemma2", "gemma3_text"):
    for key in ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "vocab_size", "head_dim", "sliding_window", "max_position_embeddings"):
        config = dict(small, model_type=family)
        config[key] = 1 << 62
        if key == "num_hidden_layers" or family == "llama":
            put("huggingface", f"bad-{family}-{key}", bundle(("file", "config.json", json.dumps(config).encode()), ("file", "model.safetensors", tensors({}))))
put("huggingface", "bad-llama-alibi-heads", bundle(("file", "config.json", json.dumps(dict(small, position_embedding_type="alibi", num_attention_heads=1 << 40)).encode()),
                                                   ("file", "model.safetensors", tensors({}))))
put("huggingface", "bad-mpt-heads", bundle(("file", "config.json", json.dumps({"model_type": "mpt", "d_model": 1 << 30, "n_heads": 1 << 30, "n_layers": 1, "vocab_size": 1}).encode()),
                                           ("file", "model.safetensors", tensors({}))))
put("huggingface", "bad-gpt2-inner", bundle(("file", "config.json", json.dumps({"model_type": "gpt2", "n_embd": 1 << 32, "n_head": 1, "n_layer": 1, "vocab_size": 1, "n_positions": 1 << 62}).encode()),
                                            ("file", "model.safetensors", tensors({}))))
put("huggingface", "bad-pattern", bundle(("file", "config.json", json.dumps(dict(small, model_type="gemma3_text", sliding_window_pattern=1 << 62, num_hidden_layers=1 << 40)).encode()),
                                         ("file", "model.safetensors", tensors({}))))
put("huggingface", "bad-both", bundle(("file", "config.json", json.dumps(small).encode()), ("file", "model.safetensors", tensors({})), ("file", name, index({}))))
put("huggingface", "bad-config-device", bundle(("link", "config.json", b" /dev/zero"), ("file", "model.safetensors", tensors({}))))
put("huggingface", "bad-weights-folder", bundle(("file", "config.json", json.dumps(small).encode()), ("link", "model.safetensors", b" .")))
put("huggingface", "bad-escape-in-field", bundle(("file", "config.json", json.dumps(dict(small, **{"\x1b]0;x\x07\n": "\x1b[31m"})).encode()), ("file", "model.safetensors", tensors({}))))


# GGUF
def text(value):
    value = value if isinstance(value, bytes) else value.encode()
    return struct.pack("<Q", len(value)) + value


def key(name, kind, value):
    return text(name) + struct.pack("<I", kind) + value


def gguf(tensor_count=0, keys=(), infos=b"", data=b"", version=3, key_count=None, magic=b"GGUF"):
    return magic + struct.pack("<IQQ", version, tensor_count, len(keys) if key_count is None else key_count) + b"".join(keys) + infos + data


def info(name, shape, kind=0, offset=0):
    return text(name) + struct.pack("<I", len(shape)) + b"".join(struct.pack("<Q", n) for n in shape) + struct.pack("<IQ", kind, offset)


def array(kind, count, content=b""):
    return struct.pack("<IQ", kind, count) + content


def padded(head, data):
    return head + bytes(-len(head) % 32) + data


u32, f32, boolean, string, arr, u64 = 4, 6, 7, 8, 9, 10
put("gguf", "ok-empty", gguf())
put("gguf", "ok-one", padded(gguf(1, infos=info("a", [2, 2])), bytes(16)))
put("gguf", "ok-nested", gguf(keys=[key("a", arr, array(arr, 1, array(arr, 1, array(string, 1, text("x")))))]))
put("gguf", "bad-magic", gguf(magic=b"GGML"))
put("gguf", "bad-version", gguf(version=1))
put("gguf", "bad-endian", gguf(version=3 << 24))
put("gguf", "bad-tensor-count", gguf(2**64 - 1))
put("gguf", "bad-key-count", gguf(key_count=2**63))
put("gguf", "bad-key-length", gguf(key_count=1) + struct.pack("<Q", 2**64 - 1) + bytes(64))
put("gguf", "bad-key-length-wraps", gguf(key_count=1) + struct.pack("<Q", 2**64 - 24) + bytes(64))
put("gguf", "bad-array-count", gguf(keys=[key("a", arr, array(u64, 2**61 + 1))]))
put("gguf", "bad-array-count-strings", gguf(keys=[key("a", arr, array(string, 2**61, bytes(64)))]))
put("gguf", "bad-array-depth", gguf(keys=[key("a", arr, array(arr, 1) * 5000)]))
put("gguf", "bad-array-bomb", gguf(keys=[key("a", arr, array(arr, 3, array(arr, 3, array(arr, 3, array(arr, 2**40)))))]))
put("gguf", "bad-array-type", gguf(keys=[key("a", arr, array(99, 1, bytes(8)))]))
put("gguf", "bad-value-type", gguf(keys=[key("a", 13, bytes(8))]))
put("gguf", "bad-bool", gguf(keys=[key("a", boolean, b"\2")]))
put("gguf", "bad-key-twice", gguf(keys=[key("a", boolean, b"\1")] * 2))
put("gguf", "bad-alignment-0", padded(gguf(1, [key("general.alignment", u32, struct.pack("<I", 0))], info("a", [1])), bytes(4)))
put("gguf", "bad-alignment-3", padded(gguf(1, [key("general.alignment", u32, struct.pack("<I", 3))], info("a", [1])), bytes(4)))
put("gguf", "bad-alignment-2-31", padded(gguf(1, [key("general.alignment", u32, struct.pack("<I", 1 << 31))], info("a", [1])), bytes(4)))
put("gguf", "bad-alignment-type", padded(gguf(1, [key("general.alignment", u64, struct.pack("<Q", 32))], info("a", [1])), bytes(4)))
put("gguf", "bad-dimensions-0", gguf(1, infos=info("a", []) + bytes(32)))
put("gguf", "bad-dimensions-many", gguf(1, infos=text("a") + struct.pack("<I", 2**32 - 1) + bytes(64)))
put("gguf", "bad-dimension-0", padded(gguf(1, infos=info("a", [0, 4])), b""))
put("gguf", "bad-shape-overflows", padded(gguf(1, infos=info("a", [2**32, 2**32])), bytes(32)))
put("gguf", "bad-shape-overflows-blocks", padded(gguf(1, infos=info("a", [2**59 + 32, 32], 2)), bytes(32)))
put("gguf", "bad-block", padded(gguf(1, infos=info("a", [31], 2)), bytes(18)))
put("gguf", "bad-type", padded(gguf(1, infos=info("a", [1], 4)), bytes(4)))
put("gguf", "bad-offset", padded(gguf(1, infos=info("a", [1], 0, 2**64 - 32)), bytes(32)))
put("gguf", "bad-offset-overlap", padded(gguf(2, infos=info("a", [8]) + info("b", [8])), bytes(64)))
put("gguf", "bad-offset-hole", padded(gguf(2, infos=info("a", [8]) + info("b", [8], 0, 64)), bytes(96)))
put("gguf", "bad-end", padded(gguf(1, infos=info("a", [8])), bytes(31)))
put("gguf", "bad-rest", padded(gguf(1, infos=info("a", [8])), bytes(64)))
put("gguf", "bad-name-twice", padded(gguf(2, infos=info("a", [8]) + info("a", [8], 0, 32)), bytes(64)))
put("gguf", "bad-name-control", padded(gguf(1, infos=info("\x1b[2J\n", [8], 99)), bytes(32)))
put("gguf", "many-empty-strings", gguf(keys=[key("a", arr, array(string, 4000, bytes(32000)))]))


def llama(**changes):
    values = dict(embedding_length=2, block_count=1, feed_forward_length=1, context_length=1)
    values.update({k: v for k, v in changes.items() if v is not None})
    keys = [key("general.architecture", string, text("llama"))]
    keys += [key(f"llama.{k}", u64, struct.pack("<Q", v)) for k, v in values.items()]
    keys += [key("llama.attention.head_count", u64, struct.pack("<Q", changes.get("heads", 1))), key("llama.attention.layer_norm_rms_epsilon", f32, struct.pack("<f", 1e-5))]
    return padded(gguf(1, keys, info("token_embd.weight", [2, 1])), bytes(8) + bytes(24))


for field in ("embedding_length", "block_count", "feed_forward_length", "context_length"):
    put("gguf_model", f"bad-{field}", llama(**{field: 2**62}))
put("gguf_model", "bad-split", gguf(keys=[key("general.architecture", string, text("llama")), key("split.count", u64, struct.pack("<Q", 2))]))


def vocabulary(tokens, types=None, scores=None, merges=None, model="llama", extra=()):
    keys = [key("general.architecture", string, text("llama")), key("tokenizer.ggml.model", string, text(model)),
            key("tokenizer.ggml.tokens", arr, array(string, len(tokens), b"".join(map(text, tokens))))]
    keys.append(key("tokenizer.ggml.token_type", arr, array(5, len(types or tokens), b"".join(struct.pack("<i", t) for t in (types or [1] * len(tokens))))))
    if scores is not None:
        keys.append(key("tokenizer.ggml.scores", arr, array(f32, len(scores), struct.pack(f"<{len(scores)}f", *scores))))
    if merges is not None:
        keys.append(key("tokenizer.ggml.merges", arr, array(string, len(merges), b"".join(map(text, merges)))))
    return gguf(keys=keys + list(extra))


no_bos = key("tokenizer.ggml.add_bos_token", boolean, b"\0")
put("gguf_model", "vocabulary", vocabulary(["a", "b", "ab"], scores=[0, 0, 1], extra=[no_bos]))
put("gguf_model", "bad-scores-nan", vocabulary(["a", "b", "ab"], scores=[0, float("nan"), 1], extra=[no_bos]))
put("gguf_model", "bad-types-short", vocabulary(["a", "b", "ab"], types=[1], scores=[0, 0, 1], extra=[no_bos]))
put("gguf_model", "bad-utf8", vocabulary([b"\xff"], scores=[0], extra=[no_bos]))
put("gguf_model", "long-token", vocabulary(["a"] + ["a" * n for n in range(2, 400)], scores=[0] * 399, extra=[no_bos]))
put("gguf_model", "bad-bos", vocabulary(["a"], scores=[0], extra=[key("tokenizer.ggml.bos_token_id", u32, struct.pack("<I", 2**32 - 1))]))


# tokenizer.json
def tokenizer(text=None, **changes):
    value = {"version": "1.0", "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": ["a b"]}}
    value.update(changes)
    return json.dumps(value).encode() + (b"" if text is None else b"\0" + (text if isinstance(text, bytes) else text.encode()))


def split(pattern, text="aaaaaaaaaaaaaaaaaaaaaaaa!"):
    return tokenizer(text, pre_tokenizer={"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False})


def model(**changes):
    return dict({"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": ["a b"]}, **changes)


put("tokenizer", "ok-plain", tokenizer("abab"))
put("tokenizer", "ok-text-not-utf8", tokenizer(b"\xff\xfe\x80"))
put("tokenizer", "ok-catastrophe", split("(?:a+)+b"))
put("tokenizer", "ok-catastrophe-alternatives", split("(?:a|a|a)+b"))
put("tokenizer", "ok-long-text", tokenizer("ab" * 20000))
put("tokenizer", "bad-regex-backreference", split("(a)\\1"))
put("tokenizer", "bad-regex-recursion", split("(?R)"))
put("tokenizer", "bad-regex-deep", split("(?:" * 3000 + "a" + ")" * 3000))
put("tokenizer", "bad-regex-repeat", split("(?:(?:(?:a{1,60000}){1,60000}){1,60000}){1,60000}"))
put("tokenizer", "regex-repeat", split("(?:(?:(?:a{1,99}){1,99}){1,99}){1,9}"))
put("tokenizer", "regex-look-behind", split("(?<=a{1,9}b|c)a+"))
put("tokenizer", "bad-regex-empty", split("a*"))
put("tokenizer", "bad-id-negative", tokenizer(model=model(vocab={"a": -1})))
put("tokenizer", "bad-id-fraction", tokenizer(model=model(vocab={"a": 0.5})))
put("tokenizer", "bad-id-2-32", tokenizer(model=model(vocab={"a": 2**32})))
put("tokenizer", "bad-merge-unknown", tokenizer(model=model(merges=["a c"])))
put("tokenizer", "bad-merge-spaces", tokenizer(model=model(merges=["a  b"])))
put("tokenizer", "bad-merge-empty", tokenizer(model=model(merges=[" b"])))
put("tokenizer", "sparse-ids", tokenizer("ab", model=model(vocab={"a": 0, "b": 4294967295, "ab": 2147483648})))
put("tokenizer", "bad-sequence-deep", ('{"model": {"type": "BPE", "vocab": {}, "merges": []}, "normalizer": ' + '{"type": "Sequence", "normalizers": [' * 2000))
put("tokenizer", "normalizer-grows", tokenizer("a" * 200, normalizer={"type": "Sequence", "normalizers": [
    {"type": "Replace", "pattern": {"String": "a"}, "content": "aaaaaaaaaa"}] * 3}))
put("tokenizer", "normalizer-explodes", tokenizer("a", normalizer={"type": "Sequence", "normalizers": [
    {"type": "Replace", "pattern": {"String": "a"}, "content": "aaaaaaaaaa"}] * 12}))
put("tokenizer", "added-explodes", tokenizer("a", added_tokens=[{"id": 3, "content": "aa", "normalized": True}], normalizer={"type": "Sequence", "normalizers": [
    {"type": "Replace", "pattern": {"String": "a"}, "content": "aaaaaaaaaa"}] * 12}))
put("tokenizer", "prepend-explodes", tokenizer("a", normalizer={"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "x" * 1000}] * 200}))

# cases
head = '[model]\nrandom = { layers = 1, width = 8, heads = 2, hidden = 8, vocab = 6 }\n[family]\nprefix = [1]\nunit = [2]\nlengths = { to = 3 }\n'
put("case", "ok-small", head)
put("case", "ok-softmax", "[softmax]\nlengths = { to = 9 }\n")
put("case", "bad-deep", "a = " + "[" * 5000)
put("case", "bad-deep-keys", "[" + ".".join("a" * 5000) + "]\nb = 1")
put("case", "bad-deep-tables", "a = " + "{a = " * 2000)
put("case", "bad-bits", head + "[precision]\nmax_bits = 9223372036854775807\n")
put("case", "bad-integer", head.replace("to = 3", "to = 9223372036854775808"))
put("case", "bad-length-max", head.replace("to = 3", "to = 9223372036854775807"))
put("case", "bad-from-max", head.replace("to = 3", "from = 9223372036854775807, to = 9223372036854775807"))
put("case", "bad-width", head.replace("width = 8", "width = 9223372036854775807"))
put("case", "bad-layers", head.replace("layers = 1", "layers = 9223372036854775807"))
put("case", "bad-width-negative", head.replace("width = 8", "width = -1"))
put("case", "bad-token-negative", head.replace("[2]", "[-1]"))
put("case", "bad-eps-nan", head + "[measure]\neps = nan\n")
put("case", "bad-eps-infinite", head + "[measure]\neps = inf\n")
put("case", "bad-format", head + '[measure]\nformats = ["p99999999999999999999:0:1"]\n')
put("case", "bad-format-digits", head + '[measure]\nformats = ["p' + "9" * 5000 + ':0:1"]\n')
put("case", "bad-name-control", head + '"\\u001b[2J" = 1\n')
put("case", "bad-long-key", head + "x" * 100000 + " = 1\n")
put("case", "bad-path-device", head.replace("random = { layers = 1, width = 8, heads = 2, hidden = 8, vocab = 6 }", 'path = "/dev/zero"').replace("[2]", '"a"'))
put("case", "bad-path-nul", head.replace("random = { layers = 1, width = 8, heads = 2, hidden = 8, vocab = 6 }", 'path = "a\\u0000b"').replace("[2]", '"a"'))
put("case", "bad-sample-range", head.replace("unit = [2]", "sample = { tokens = { from = 0, to = 9223372036854775807 } }"))
put("case", "sample-range", head.replace("unit = [2]", "sample = { tokens = { from = 0, to = 1048575 } }"))
put("case", "ok-sample-weights-huge", head.replace("unit = [2]", "sample = { tokens = [1, 2], weights = [1e308, 1e308] }"))
put("case", "delimiter-max", head + "delimiter = { every = 9223372036854775807, tokens = [1] }\n")
put("case", "bad-utf8", head.encode() + b'title = "\xff"\n')
put("case", "many-tokens", head.replace("[2]", "[" + "2," * 4000 + "2]"))

# prompts
put("prompts", "ok-ids", "[1, 2]\n[3]\n")
put("prompts", "ok-text", '"abab"\n')
put("prompts", "ok-none", "")
put("prompts", "bad-id", "[1, -2]\n")
put("prompts", "bad-id-big", "[4611686018427387905]\n")
put("prompts", "bad-nested", "[[1]]\n")
put("prompts", "bad-object", "{}\n")
put("prompts", "bad-line", "[1]\n\n")
put("prompts", "bad-long-id", "[" + '"' + "x" * 50000 + '"' + "]\n")
put("prompts", "bad-control", '["\\u001b[2J"]\n')
put("prompts", "bad-deep", "[" * 50000 + "\n")
put("prompts", "many", "[0]\n" * 3000)

# sweeps
axis = '[[axis]]\nkey = "model.random.seed"\nseeds = 3\n'
body = "".join("[case." + part if part.startswith(("model]", "family]")) else part for part in head.replace("[model]", "\0model]").replace("[family]", "\0family]").split("\0"))
put("sweep", "ok-small", body + axis)
put("sweep", "bad-no-axis", body)
put("sweep", "bad-seeds", body + axis.replace("3", "9223372036854775807"))
put("sweep", "bad-product", body + (axis.replace("3", "100000")).replace("seed\"", "seed\"") + '[[axis]]\nkey = "model.random.layers"\nvalues = [' + ", ".join(map(str, range(1, 100))) + "]\n")
put("sweep", "bad-twice", body + axis + axis)
put("sweep", "bad-key", body + axis.replace("model.random.seed", "model.random." + "x" * 5000))
put("sweep", "bad-deep", body + "a = " + "[" * 5000)
put("sweep", "bad-name-control", body + axis.replace("model.random.seed", "\\u001b[2J"))


# points
def point(body, sha256=None, size=None, commit="c", schema="snellen.point-file/1"):
    content = body.encode()
    head = {"schema": schema, "sha256": sha256 or hashlib.sha256(content).hexdigest(), "bytes": len(content) if size is None else size, "commit": commit}
    return json.dumps(head).encode() + b"\n" + content + b"\n"


whole = '{"schema":"snellen.point/1","point":"name"}'
put("point_file", "ok-whole", point(whole))
put("point_file", "bad-other", point(whole.replace("name", "other")))
put("point_file", "bad-digest", point(whole, sha256="0" * 64))
put("point_file", "bad-digest-control", point(whole, sha256="\x1b[2J"))
put("point_file", "bad-cut", point(whole)[:-9])
put("point_file", "bad-more", point(whole) + b"x")
put("point_file", "bad-size", point(whole, size=5))
put("point_file", "bad-size-wraps", point("", size=2**64 - 1)[:-1])
put("point_file", "bad-schema", point(whole, schema="snellen.point-file/2"))
put("point_file", "bad-deep", "[" * 50000 + "\n")
put("point_file", "bad-empty", "")
put("point_file", "bad-no-line", "{}")

# a sweep's folder: what its sweep.json says
def manifest(**changes):
    value = {"schema": "snellen.sweep/1", "title": "t", "name": "t", "sha256": "0" * 64, "version": "1", "distances": False, "layout": {"x": "", "y": "", "criterion": "", "norm": ""},
             "axes": [{"label": "a", "names": ["1", "2"], "numbers": [1, None], "seeds": False, "keys": []}],
             "points": [["0" * 32, [0]], ["f" * 32, [1]]]}
    value.update(changes)
    return json.dumps(value)


axes = [{"label": str(i), "names": [str(n) for n in range(1000)], "numbers": [None] * 1000, "seeds": False} for i in range(6)]
put("manifest", "ok-two", manifest())
put("manifest", "bad-schema", manifest(schema="snellen.sweep/2"))
put("manifest", "bad-name-path-2026-11-28", manifest(points=[["../../../../../../etc/snellen-test-abcde"[:32], [0]], ["f" * 32, [1]]]))
put("manifest", "bad-name-short", manifest(points=[["0" * 31, [0]], ["f" * 32, [1]]]))
put("manifest", "bad-place-beyond-2026-11-28", manifest(points=[["0" * 32, [2]], ["f" * 32, [1]]]))
put("manifest", "bad-place-negative", manifest(points=[["0" * 32, [-1]], ["f" * 32, [1]]]))
put("manifest", "bad-place-fraction", manifest(points=[["0" * 32, [0.5]], ["f" * 32, [1]]]))
put("manifest", "bad-places-many", manifest(points=[["0" * 32, [0, 0]], ["f" * 32, [1]]]))
put("manifest", "bad-places-none", manifest(points=[["0" * 32, []], ["f" * 32, [1]]]))
put("manifest", "bad-no-axes-2026-11-28", manifest(axes=[], points=[["0" * 32, []]]))
put("manifest", "bad-axes-product", manifest(axes=axes))
put("manifest", "bad-numbers-short", manifest(axes=[{"label": "a", "names": ["1", "2"], "numbers": [1], "seeds": False}]))
put("manifest", "bad-title-number", manifest(title=5))
put("manifest", "bad-layout", manifest(layout=[]))
put("manifest", "bad-points-fewer", manifest(points=[["0" * 32, [0]]]))
put("manifest", "bad-deep", "[" * 50000)
put("manifest", "bad-control", manifest(points=[["\x1b[2J", [0]], ["f" * 32, [1]]]))


# arrays of engines
def npy(descr, shape, data=b"", order="False", version=1, header=None):
    header = header if header is not None else "{'descr': %s, 'fortran_order': %s, 'shape': %s, }\n" % (descr, order, shape)
    return b"\x93NUMPY" + bytes([version, 0]) + struct.pack("<H" if version == 1 else "<I", len(header)) + header.encode() + data


def npz(members, method=0, shared=False, count=None, start=None):
    archive = directory = b""
    for name, content in members:
        size = len(members[0][1]) if shared else len(content)
        common = struct.pack("<HHHIIIIHH", 20, 0, method, 0, 0, size, size, len(name), 0)
        directory += struct.pack("<IH", 0x02014B50, 20) + common + struct.pack("<HHHII", 0, 0, 0, 0, 0 if shared else len(archive)) + name.encode()
        if not (shared and archive):
            archive += struct.pack("<I", 0x04034B50) + common + name.encode() + content
    return archive + directory + struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, len(members), len(members) if count is None else count, len(directory), len(archive) if start is None else start, 0)


one = npy("'<f4'", "(2, 1)", bytes(8))
put("array", "ok-npy", one)
put("array", "ok-npy-scalar", npy("'<f8'", "()", bytes(8)))
put("array", "ok-npy-bfloat16", npy("'|V2'", "(3,)", bytes(6), version=3))
put("array", "ok-npz", npz([("a.npy", one), ("b", npy("'<f2'", "(0, 5)"))]))
put("array", "ok-npz-empty", npz([]))
put("array", "bad-overlap-2026-11-28", npz([(f"{i:x}.npy", npy("'<f4'", "(" + "1," * 15000 + ")", bytes(4))) for i in range(700)], shared=True))
put("array", "bad-long-shape-2026-11-28", npy("'<f4'", "(" + "22," * 15000 + ")"))
put("array", "bad-shape-overflows", npy("'<f4'", "(4294967296, 4294967296)"))
put("array", "bad-shape-overflows-to-size", npy("'<f4'", "(4611686018427387904, 4)"))
put("array", "bad-shape-digits", npy("'<f4'", "(" + "9" * 30000 + ",)"))
put("array", "bad-shape-names", npy("'<f4'", "(a, b)"))
put("array", "bad-fortran", npy("'<f4'", "(2,)", bytes(8), order="True"))
put("array", "bad-object", npy("'|O'", "(1,)", bytes(8)))
put("array", "bad-structured", npy("[('a', '<f4')]", "(1,)", bytes(4)))
put("array", "bad-header-beyond", b"\x93NUMPY\x02\x00" + struct.pack("<I", 2**32 - 1))
put("array", "bad-header-empty", npy("", "", header=""))
put("array", "bad-header-open", npy("", "", header="{'descr': '<f4"))
put("array", "bad-version", npy("'<f4'", "(1,)", bytes(4), version=4))
put("array", "bad-cut", one[:-1])
put("array", "bad-deflated", npz([("a.npy", one)], method=8))
put("array", "bad-twice", npz([("a.npy", one), ("a.npy", one)]))
put("array", "bad-count", npz([("a.npy", one)], count=65534))
put("array", "bad-directory-beyond", npz([("a.npy", one)], start=2**32 - 2))
put("array", "bad-name-control", npz([("\x1b[2J\n", b"x")]))
put("array", "bad-name-long", npz([("x" * 65000, b"x")]))
put("array", "path", npz([("../../a.npy", one), ("/etc/passwd", one)]))
put("array", "bad-zip-short", b"PK\5\6")

# engine profiles
profile = '[formats]\nstorage = "bf16"\naccumulator = "fp32"\n'
put("engine_profile", "ok-two-formats", profile)
put("engine_profile", "ok-all", profile + '[sums]\norder = "blocks"\nlanes = 8\nblock = 64\ncombine = "halves"\nchains = "fused"\n[casts]\nnorm = "any"\n[library]\nexp = 2\nangle = 0\n[activations]\nblocks = "ggml"\n')
put("engine_profile", "bad-none", "")
put("engine_profile", "bad-format", profile.replace("bf16", "p99999999999999999999:0:1"))
put("engine_profile", "bad-format-wide", profile.replace("bf16", "p26:-100:100"))
put("engine_profile", "bad-format-control", profile.replace("bf16", "\\u001b[2J"))
put("engine_profile", "bad-lanes", profile + '[sums]\norder = "blocks"\nlanes = 9223372036854775807\n')
put("engine_profile", "bad-lanes-negative", profile + '[sums]\norder = "blocks"\nlanes = -1\n')
put("engine_profile", "bad-aligned-0", profile + '[sums]\naddition = "aligned"\naligned_bits = 0\naligned_block = 0\n')
put("engine_profile", "bad-aligned", profile + '[sums]\naddition = "aligned"\n')
put("engine_profile", "bad-ulps-nan", profile + "[library]\nexp = nan\n")
put("engine_profile", "bad-ulps-huge", profile + "[library]\nexp = 1e300\n")
put("engine_profile", "bad-ulps-negative", profile + "[library]\nangle = -1\n")
put("engine_profile", "bad-function-empty", profile + "function = []\n")
put("engine_profile", "bad-deep", "a = " + "[" * 5000)
put("engine_profile", "bad-key-long", profile + "x" * 60000 + " = 1\n")
put("engine_profile", "ok-description", 'description = "\\u001b[2J"\n' + profile)
