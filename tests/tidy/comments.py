"""The files of the tree, and what is comment in them."""

import io
import re
import subprocess
import tokenize
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@cache
def tracked() -> frozenset[str]:
    listed = subprocess.run(["git", "ls-files", "-z", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True,
                            check=True).stdout
    return frozenset(name for name in listed.split("\0") if name and (ROOT / name).is_file())


@cache
def text_of(name: str) -> str:
    return (ROOT / name).read_text()


# Comments. Each function gives a text of as many lines as the file has, with nothing left but the comments.

CPP_TOKEN = re.compile(r'R"(\w*)\((?:.*?)\)\1"|"(?:[^"\\\n]|\\.)*"|(?<!\w)\'(?:[^\'\\\n]|\\.)+\'|//([^\n]*)|/\*(.*?)\*/', re.S)


def cpp_comments(text: str) -> str:
    kept = []
    for token in CPP_TOKEN.finditer(text):
        kept.append("\n" * (text.count("\n", 0, token.start()) - sum(part.count("\n") for part in kept)))
        kept.append(token.group(2) or token.group(3) or "")
    return "".join(kept)


def python_comments(text: str) -> str:
    lines = [""] * text.count("\n")
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            lines[token.start[0] - 1] = token.string.lstrip("#")
    return "\n".join(lines)


def hash_comments(text: str) -> str:
    return "\n".join(match.group(1) if (match := re.search(r"(?:^|\s)#(?!!)(.*)", line)) else "" for line in text.splitlines())


@cache
def comments_of(name: str) -> str:
    if name.endswith((".h", ".cc")):
        return cpp_comments(text_of(name))
    return python_comments(text_of(name)) if name.endswith(".py") else hash_comments(text_of(name))
