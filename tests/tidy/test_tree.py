"""The tree as a reader finds it: headers that stand alone, one format, pages that are up to date, no stray paths."""

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PRESET = os.environ.get("PENSTOCK_PRESET", "dev")
LONGEST_SOURCE = 600  # lines: beyond it a file has two jobs


def tracked(*patterns: str) -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z", "-co", "--exclude-standard", *patterns], cwd=ROOT, capture_output=True,
                            text=True, check=True).stdout
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).exists()]


def is_first_in_its_source(header: Path) -> bool:
    """Then test_clang_tidy.py compiles it by itself, as what stands before everything else."""
    source = header.with_suffix(".cc")
    if not header.is_relative_to(ROOT / "src") or not source.exists():
        return False
    first = re.search(r'^\s*#\s*include\s*[<"](.+)[">]', source.read_text(), re.M)
    return first is not None and first[1] == str(header.relative_to(ROOT / "src"))


HEADERS = [path for path in tracked("*.h")
           if "tests" not in path.relative_to(ROOT).parts and not is_first_in_its_source(path)]


@pytest.mark.parametrize("header", HEADERS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_header_is_self_contained(header):
    done = subprocess.run(
        ["g++", "-std=c++20", "-fsyntax-only", "-Wall", "-Wextra", f"-I{ROOT}/include", f"-I{ROOT}/src", "-x", "c++", "-"],
        input=f'#include "{header}"\n', capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[:1500]


def test_every_file_is_formatted():
    formatter = ROOT / "build" / "deps" / "venv" / "bin" / "clang-format"
    if not formatter.exists():
        pytest.skip("no clang-format of tests/requirements.txt; ./dev setup test installs it")
    done = subprocess.run([formatter, "--dry-run", "-Werror", *tracked("*.h", "*.cc")], capture_output=True, text=True)
    unformatted = sorted({line.split(":")[0] for line in done.stderr.splitlines() if "error:" in line})
    assert done.returncode == 0, f"./dev format would change {unformatted}"


def test_the_reference_page_is_the_program_s_own():
    binary = ROOT / "build" / PRESET / "penstock"
    page = subprocess.run([binary, "reference"], capture_output=True, text=True, check=True).stdout
    assert (ROOT / "conf" / "REFERENCE.md").read_text() == page, "penstock reference > conf/REFERENCE.md"


def test_no_source_has_grown_too_long():
    long = {str(path.relative_to(ROOT)): lines for path in tracked("src/*.h", "src/*.cc", "include/*.h")
            if (lines := path.read_text().count("\n")) > LONGEST_SOURCE}
    assert not long, long


def test_no_path_of_a_machine_and_no_host_of_a_registry():
    # Put together here, so that this file does not find itself.
    forbidden = re.compile("|".join(("/wo" "rk/", "/ro" "ot/", "/ho" "me/[a-z]", r"registry\.np" "mjs", r"repo1?\.ma" "ven",
                                     r"deb\.deb" "ian", r"files\.python" "hosted", r"proxy\.gol" "ang")))
    found = []
    for path in tracked():
        if path.name == "package-lock.json" or path.is_symlink():
            continue
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue
        found += [f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}"
                  for number, line in enumerate(text.splitlines(), 1) if forbidden.search(line)]
    assert not found, "\n".join(found)


def test_every_module_has_a_page():
    without = [path.name for path in (ROOT / "src").iterdir() if path.is_dir() and not (path / "README.md").exists()]
    assert not without
