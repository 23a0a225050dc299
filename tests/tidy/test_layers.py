"""src/layers.txt against every #include below src/: a directory is a layer, and a library belongs to one module."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SRC = ROOT / "src"
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)


def read_layers() -> tuple[dict[str, set[str]], dict[str, list[str]]]:
    modules, libraries = {}, {}
    for line in (SRC / "layers.txt").read_text().splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        name, _, rest = line.partition(":")
        ours, _, foreign = rest.partition("|")
        modules[name] = set(ours.split())
        libraries[name] = foreign.split()
    return modules, libraries


MODULES, LIBRARIES = read_layers()
FILES = sorted(path for path in SRC.rglob("*") if path.suffix in (".h", ".cc"))


def module_of(path: Path) -> str:
    return path.relative_to(SRC).parts[0]


def test_each_directory_is_a_layer_and_each_layer_a_directory():
    assert {path.name for path in SRC.iterdir() if path.is_dir()} == set(MODULES)


def test_a_layer_stands_only_on_lower_ones():
    seen = set()
    for name, needs in MODULES.items():
        assert needs <= seen, f"{name} stands on {needs - seen}, which come later in layers.txt"
        seen.add(name)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SRC)))
def test_includes(path):
    module = module_of(path)
    for quote, name in INCLUDE.findall(path.read_text()):
        first = name.split("/")[0]
        if quote == '"':
            assert (SRC / name).exists(), f'{path}: "{name}" is not below src/'
            assert first == module or first in MODULES[module], f"{path}: {module} may not include {name}"
        elif not name.startswith("penstock/"):
            for owner, prefixes in LIBRARIES.items():
                if any(name.startswith(prefix) for prefix in prefixes):
                    assert owner == module, f"{path}: <{name}> belongs to {owner}"


def test_no_declared_layer_is_unused():
    """What layers.txt allows and nobody needs would hide the next wrong turn."""
    used = {name: set() for name in MODULES}
    for path in FILES:
        for quote, name in INCLUDE.findall(path.read_text()):
            if quote == '"':
                used[module_of(path)].add(name.split("/")[0])
    for module, needs in MODULES.items():
        assert needs <= used[module], f"{module} does not use {needs - used[module]}: take it out of layers.txt"
