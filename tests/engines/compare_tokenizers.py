#!/usr/bin/env python3
"""Snellen's tokenizers against the Hugging Face tokenizers library, string by string.

    compare_tokenizers.py SNELLEN [--strings N] [--seed S] NAME=FILE ...

FILE is a .gguf or a tokenizer.json. Of a .gguf the reference is what transformers builds from it; transformers 5 does not know the
pre-tokenizer that SmolLM's files name ("smollm"), so that is set to the one of SmolLM's own tokenizer.json: single digits, then GPT-2's expression.
Exit code: 0 all agree, 1 a difference, 77 a package or a file is missing and the rest agrees.
"""
import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import unicodedata

try:
    import tokenizers
    import transformers
    from tokenizers import Tokenizer, pre_tokenizers
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(77)


def reference(path):
    if path.endswith(".json"):
        return Tokenizer.from_file(path)
    from gguf import GGUFReader

    field = GGUFReader(path).fields.get("tokenizer.ggml.pre")
    pre = field.contents() if field else None
    folder, name = os.path.split(os.path.abspath(path))
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, gguf_file=name, local_files_only=True).backend_tokenizer
    if pre == "smollm":
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)]
        )
    return tokenizer


WORDS = """the of and to in is that for it as was with be by on not he his but at are this have from or had an they which one you were all her she
there would their we him been has when who will no more if out so said what up its about than into them can only other time new some could these two
transformer representation collapse precision certificate Überraschung naïve façade Straße ŒUVRE İstanbul ǅungla ﬁnancial ﬃ it's I'll we've you're
he'd I'm don't IT'S We'Ll 'ſ K'S über-""".split()
CJK = "一二三你好世界日本語テスト한국어시험繁體字漢字かなカナㄅㄆ𠀀𠮷"
EMOJI = ["😀", "👍🏽", "👩‍👩‍👧", "🇩🇪", "❤️", "1️⃣", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "☺", "🤷‍♂️"]
RTL = "שלום עולם مرحبا بالعالم ١٢٣ ۴۵۶ \u200f\u202eאבג\u202c"
MARKS = ["e\u0301", "a\u0308\u0323", "\u0301", "n\u0303", "한", "ह\u093f\u0928\u094d\u0926\u0940", "\u0e01\u0e33", "Å", "Å", "q\u0307\u0323"]
CODE = ["def f(x):\n    return x**2  # comment\n", "for (int i=0;i<n;++i) {\n\t\tsum += a[i];\n\t}\n", "<div class=\"a\">\n  <p>&nbsp;</p>\n</div>", "SELECT * FROM t WHERE x >= 1e-9;",
        "\\frac{1}{2} \\\\ \\alpha_{ij}", "https://example.org/a?b=c&d=%20#e", "x = {'a': [1, 2.5, -3], \"b\": None}"]
SPACES = [" ", "  ", "\t", "\n", "\r\n", "\u00a0", "\u3000", "\u2003", "\u2028", "\u200b", "\u1680", "\u180e", "\x0b", "\x0c", "\x85", "\ufeff"]
SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<bos>", "<eos>", "<unk>", "<pad>", "<start_of_turn>", "<end_of_turn>", "<0x0A>", "<table>", "</h1>", "<unused0>",
            "[multimodal]", "▁", "▁▁", "<s>", "</s>", "<|im_", "end|>"]


def character(random):
    """One that Unicode has assigned."""
    while True:
        c = random.randrange(0x110000)
        if not 0xD800 <= c < 0xE000 and unicodedata.category(chr(c)) not in ("Cn", "Co"):
            return chr(c)


def pieces(random):
    """One piece of text of a kind drawn at random."""
    digits = lambda n: "".join(random.choice("0123456789") for _ in range(n))
    kinds = [
        lambda: " ".join(random.choice(WORDS) for _ in range(random.randrange(1, 12))),
        lambda: digits(random.randrange(1, 40)),
        lambda: random.choice("0123456789") * random.randrange(1, 60),
        lambda: random.choice([",", " ", ", ", "-", "\n", "."]).join(digits(random.randrange(1, 4)) for _ in range(random.randrange(1, 12))),
        lambda: "".join(random.choice(CJK) for _ in range(random.randrange(1, 20))),
        lambda: "".join(random.choice(EMOJI) for _ in range(random.randrange(1, 6))),
        lambda: "".join(random.choice(RTL) for _ in range(random.randrange(1, 20))),
        lambda: "".join(random.choice(MARKS) for _ in range(random.randrange(1, 8))),
        lambda: random.choice(CODE),
        lambda: random.choice(SPACES) * random.randrange(1, 50),
        lambda: "".join(random.choice(SPACES) for _ in range(random.randrange(1, 12))),
        lambda: "".join(chr(random.randrange(0x20)) for _ in range(random.randrange(1, 10))) + "\x7f",
        lambda: "".join(chr(random.randrange(0x20, 0x7F)) for _ in range(random.randrange(1, 30))),
        lambda: "".join(character(random) for _ in range(random.randrange(1, 12))),
        lambda: "".join(random.choice("abcdefghijklmnopqrstuvwxyzABCXYZ") for _ in range(random.randrange(30, 400))),
        lambda: random.choice(["a", "ab", "=", "ha", "!", "é", "的", "_"]) * random.randrange(1, 300),
        lambda: random.choice(SPECIALS),
        lambda: "".join(random.choice("²³½Ⅷ①٣๙〇") for _ in range(random.randrange(1, 6))),
    ]
    return random.choice(kinds)()


def strings(seed, count):
    rng = random.Random(seed)
    fixed = ["", " ", "\n", "0", "11111", "1" * 1000, "a" * 3000, " " * 500, "\n" * 200, "\t" * 100, " \n" * 100]
    return fixed + ["".join(pieces(rng) for _ in range(rng.randrange(1, 7))) for _ in range(count - len(fixed))]


class Snellen:
    """`snellen tokenize FILE --json-lines TEXTS`: one JSON string a line in, one list of ids a line out."""

    def __init__(self, command, path):
        self.command = [command, "tokenize", path]

    def encode(self, texts):
        with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
            file.writelines(json.dumps(text) + "\n" for text in texts)
            file.flush()
            out = subprocess.run(self.command + ["--json-lines", file.name], check=True, capture_output=True, text=True).stdout
        return [json.loads(line) for line in out.splitlines()]

    def refusal(self, data):
        run = subprocess.run(self.command + ["--ids"], input=data, capture_output=True)
        return run.returncode, run.stderr.decode("utf-8", "replace")


# Bytes, and where they stop being UTF-8.
INVALID = [(b"\xff", 0), (b"abc\x80", 3), (b"\xc3", 0), ("é".encode() + b"\xc0\xaf", 2), (b"a\xed\xa0\x80", 1), (b"\xf4\x90\x80\x80", 0), (b"ab\xe2\x82", 2), (b"\xf0\x8f\xbf\xbf", 0)]


def compare(name, path, command, texts):
    theirs = reference(path)
    ours = Snellen(command, path)
    expected = [encoding.ids for encoding in theirs.encode_batch(texts, add_special_tokens=False)]
    found = ours.encode(texts)
    assert len(found) == len(expected) == len(texts)
    wrong = [i for i in range(len(texts)) if found[i] != expected[i]]
    for i in wrong[:5]:
        at = next((k for k, (a, b) in enumerate(zip(found[i], expected[i])) if a != b), min(len(found[i]), len(expected[i])))
        around = slice(max(0, at - 2), at + 6)
        print(f"  differs: {texts[i][:120]!r}\n    token {at}: found {found[i][around]}, expected {expected[i][around]} "
              f"{[theirs.id_to_token(t) for t in expected[i][around]]}")
    refused = 0
    for data, at in INVALID:
        code, message = ours.refusal(data)
        if code == 2 and f"byte {at}:" in message:
            refused += 1
        else:
            print(f"  {data!r}: exit code {code}, {message!r}, expected a refusal at byte {at}")
    tokens = sum(map(len, expected))
    print(f"{name}: {len(texts) - len(wrong)} of {len(texts)} strings agree ({tokens} tokens); {refused} of {len(INVALID)} invalid texts refused at their byte")
    return not wrong and refused == len(INVALID) and tokens > len(texts)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("snellen")
    parser.add_argument("models", nargs="*", metavar="NAME=FILE")
    parser.add_argument("--strings", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_intermixed_args()
    models = [model.split("=", 1) for model in arguments.models]
    there = [(name, path) for name, path in models if os.path.exists(path)]
    for name, path in models:
        if not os.path.exists(path):
            print(f"skipped: {name}: {path} is not there")
    if not there:
        sys.exit(77)
    print(f"tokenizers {tokenizers.__version__}, transformers {transformers.__version__}")
    texts = strings(arguments.seed, arguments.strings)
    agreed = all([compare(name, path, arguments.snellen, texts) for name, path in there])
    sys.exit(1 if not agreed else 0 if len(there) == len(models) else 77)


if __name__ == "__main__":
    main()
