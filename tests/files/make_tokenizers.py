#!/usr/bin/env python3
"""Makes tests/files/data/tokenizers/: small tokenizers trained with the Hugging Face tokenizers library (0.23), and what it answers for some texts.

NAME.json is the tokenizer; NAME.expected.json a list of [text, ids of encode(text, add_special_tokens=False)].
"""
import collections
import json
import pathlib
import random
import sys

from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "engines"))
from compare_tokenizers import pieces, strings

FOLDER = pathlib.Path(__file__).parent / "data" / "tokenizers"
LLAMA3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
BYTES = [f"<0x{b:02X}>" for b in range(256)]


def corpus():
    """Texts with the 250 commonest characters: which of several equally common ones a trainer would keep is left to chance."""
    texts = strings(5, 600)
    count = collections.Counter("".join(texts))
    kept = set(sorted(count, key=lambda c: (-count[c], c))[:250])
    return ["".join(c for c in text if c in kept) for text in texts]


CORPUS = corpus()


def trained(tokenizer, size, special, alphabet=()):
    trainer = trainers.BpeTrainer(vocab_size=size, special_tokens=special, initial_alphabet=list(alphabet), show_progress=False)
    tokenizer.train_from_iterator(CORPUS, trainer)
    return json.loads(tokenizer.to_str())


def write(name, data):
    data["added_tokens"] = [t for t in data["added_tokens"] if t["content"] not in BYTES]
    (FOLDER / f"{name}.json").write_text(json.dumps(data, separators=(",", ":")) + "\n")
    tokenizer = Tokenizer.from_file(str(FOLDER / f"{name}.json"))
    rng = random.Random(9)
    texts = ["", " ", "11111", "a  b   c", "<mask>", "x <mask> y", "x<mask>  <mask>z", "word wordy word's sword word", " <s>a</s> <|end|>", "<s> a", "\u1e9b\u0323 e\u0301 \ufb01", "\u0130'S 'LL 'ſ"]
    while len(texts) < 150:
        text = "".join(pieces(rng) for _ in range(rng.randrange(1, 4)))
        if len(text) < 120:
            texts.append(text)
    lines = [json.dumps([text, tokenizer.encode(text, add_special_tokens=False).ids], separators=(",", ":")) for text in texts]
    (FOLDER / f"{name}.expected.json").write_text("[\n" + ",\n".join(lines) + "\n]\n")


FOLDER.mkdir(parents=True, exist_ok=True)

# Llama 3 and Qwen: one expression, bytes, a template.
t = Tokenizer(models.BPE())
t.normalizer = normalizers.NFC()
t.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(LLAMA3), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
data = trained(t, 600, ["<|begin|>", "<|end|>"], pre_tokenizers.ByteLevel.alphabet())
t = Tokenizer.from_str(json.dumps(data))
t.add_tokens([AddedToken("<mask>", lstrip=True, rstrip=True, normalized=False), AddedToken("word", single_word=True, normalized=True)])
t.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=False), processors.TemplateProcessing(single="<|begin|> $A <|end|>", pair="<|begin|> $A $B",
                                        special_tokens=[("<|begin|>", 0), ("<|end|>", 1)])])
write("llama3", json.loads(t.to_str()))

# SmolLM: single digits, GPT-2's expression, and a space before the text; not all bytes.
t = Tokenizer(models.BPE())
t.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=True)])
write("digits", trained(t, 400, ["<|end|>"]))

# Gemma: no words, byte fallback.
t = Tokenizer(models.BPE(byte_fallback=True, fuse_unk=True, unk_token="<unk>"))
t.normalizer = normalizers.Replace(" ", "▁")
t.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
write("gemma", trained(t, 700, ["<unk>", "<s>", "</s>"] + BYTES))

# Llama 2: a lower block before the text; here without bytes, so that unknown characters are fused.
t = Tokenizer(models.BPE(fuse_unk=True, unk_token="<unk>"))
t.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=True)
write("metaspace", trained(t, 350, ["<unk>", "<s>", "</s>"]))

# The older spelling of the same: Prepend and Replace; compatibility forms; runs of digits; delimiters that go with the next word, or away.
t = Tokenizer(models.BPE(unk_token="<unk>"))
t.normalizer = normalizers.Sequence([normalizers.NFKD(), normalizers.Prepend("▁"), normalizers.Replace(Regex(r"[ \u00a0]"), "▁")])
t.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split("▁", "merged_with_next"), pre_tokenizers.Digits(individual_digits=False),
                                           pre_tokenizers.Split(Regex(r"[,;\p{Sm}]+"), "removed"), pre_tokenizers.Split(Regex(r"\d+|[a-z]+"), "contiguous", invert=True)])
write("kinds", trained(t, 350, ["<unk>", "<s>", "</s>"]))
