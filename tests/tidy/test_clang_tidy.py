"""Every source of src/ by itself under clang-tidy (.clang-tidy): its checks, and that each source includes what it needs.

The sources of a module are compiled as one (PENSTOCK_UNITY), where an include that is missing in one of them is made good
by the one before. A source that passed is not looked at again until it, a header of ours below it, or a rule has changed.
"""

import hashlib
import json
import os
import re
import shlex
import subprocess
from functools import cache
from pathlib import Path

import pytest
from comments import ROOT, text_of, tracked

PRESET = os.environ.get("PENSTOCK_PRESET", "dev")
CLANG_TIDY = ROOT / "build" / "deps" / "venv" / "bin" / "clang-tidy"
PASSED = ROOT / "build" / "clang-tidy"  # an empty file per source that passed, named by the hash of all that decides it
INCLUDE = re.compile(r'^\s*#\s*include\s*(?:"([^"]+)"|<(penstock/[^>]+)>)', re.M)
SOURCES = sorted(name for name in tracked() if name.startswith("src/") and name.endswith(".cc"))
# Warnings of gcc's that clang does not know, what CHECK means, and the C library's own macros.
CLANG_FLAGS = ("-Wno-unknown-warning-option", "-Wno-overloaded-shift-op-parentheses", "-Wno-gnu-statement-expression")
KEPT_FLAGS = re.compile(r"-(I|D|W|std=|march=)")


def target_of(source: str) -> str:
    return "penstock" if source.startswith("src/app/main/") else "penstock_" + source.split("/")[1]


def flags_for_clang(command: str) -> list[str]:
    """Of a compiler's command, what a parse by clang depends on: not its sanitizers, its output, or what only gcc knows."""
    words = iter(shlex.split(command))
    kept = []
    for word in words:
        if word == "-isystem":
            kept += [word, next(words)]
        elif KEPT_FLAGS.match(word) and word != "-Werror":
            kept.append(word)
    return [*kept, *CLANG_FLAGS]


@cache
def commands() -> dict[tuple[str, str], str]:
    """By target and source. The source is empty for the one that stands for the target: all but a few are compiled alike."""
    found = {}
    for entry in json.loads((ROOT / "build" / PRESET / "compile_commands.json").read_text()):
        if target := re.search(r" -o \S*CMakeFiles/(\w+)\.dir/", entry["command"]):
            found[target.group(1), entry["file"]] = found[target.group(1), ""] = entry["command"]
    return found


def flags_of(source: str) -> list[str]:
    target = target_of(source)
    return flags_for_clang(commands().get((target, str(ROOT / source))) or commands()[target, ""])


@cache
def includes_of(name: str) -> tuple[str, ...]:
    named = [quoted or angled for quoted, angled in INCLUDE.findall(text_of(name))]
    return tuple(path for one in named for path in (f"src/{one}", f"include/{one}") if path in tracked())


def with_all_headers(source: str) -> list[str]:
    reached, ahead = {source}, [source]
    while ahead:
        new = set(includes_of(ahead.pop())) - reached
        reached |= new
        ahead += new
    return sorted(reached)


@cache
def version() -> str:
    return subprocess.run([CLANG_TIDY, "--version"], capture_output=True, text=True, check=True).stdout


def fingerprint(source: str) -> str:
    everything = [version(), text_of(".clang-tidy"), *flags_of(source)]
    for name in with_all_headers(source):
        everything += [name, text_of(name)]
    return hashlib.sha256("\0".join(everything).encode()).hexdigest()


@pytest.mark.parametrize("source", SOURCES)
def test_a_source_by_itself_is_clean(source):
    passed = PASSED / fingerprint(source)
    if passed.exists():
        return
    done = subprocess.run([CLANG_TIDY, "--quiet", source, "--", *flags_of(source)], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    PASSED.mkdir(parents=True, exist_ok=True)
    passed.touch()


def test_flags_are_those_of_a_parse():
    command = ("/usr/bin/ccache g++ -DA='\"1 2\"' -I/a/include -isystem /usr/include/b -Wall -Werror -fsanitize=address "
               "-march=x86-64-v2 -std=c++20 -g -o CMakeFiles/penstock_io.dir/a.cc.o -c /a/a.cc")
    assert flags_for_clang(command)[:-len(CLANG_FLAGS)] == ['-DA="1 2"', "-I/a/include", "-isystem", "/usr/include/b", "-Wall",
                                             "-march=x86-64-v2", "-std=c++20"]


def test_a_source_depends_on_the_headers_of_its_headers():
    reached = with_all_headers("src/stage/stage.cc")
    assert {"src/stage/stage.cc", "src/stage/stage.h", "include/penstock/result.h"} <= set(reached)


def test_a_fault_and_a_missing_include_are_found(tmp_path):
    """What is checked, checks: a fault of each kind that the settings are there for."""
    faulty = tmp_path / "faulty.cc"
    body = "\n".join("  a += 1;" for _ in range(80))
    faulty.write_text("#include <utility>\n#include <vector>\n"
                      "int moved(std::vector<int> a) { auto b = std::move(a); return a.size() > b.size(); }\n"
                      f"int grown(int a) {{\n{body}\n  return a;\n}}\n"
                      "std::string unknown();\n")
    done = subprocess.run([CLANG_TIDY, "--quiet", f"--config-file={ROOT}/.clang-tidy", faulty, "--", "-std=c++20"],
                          capture_output=True, text=True)
    assert done.returncode != 0
    for check in ("bugprone-use-after-move", "readability-function-size", "clang-diagnostic-error"):
        assert check in done.stdout
