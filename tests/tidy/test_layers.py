"""src/layers.txt against every #include below src/: a directory is a layer, and a library belongs to one module."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SRC = ROOT / "src"
# Of the C library and the system: any module may include them, as it may the headers of C++, whose names have no dot.
SYSTEM = {"dirent.h", "dlfcn.h", "fcntl.h", "immintrin.h", "netdb.h", "poll.h", "pthread.h", "regex.h", "sched.h", "signal.h",
          "stdlib.h", "termios.h", "unistd.h", "sanitizer/asan_interface.h"}
SYSTEM_DIRECTORIES = ("arpa/", "linux/", "netinet/", "sys/")
# Ours: the one that is for who embeds penstock, and the one that every module speaks.
PUBLIC = {"penstock/penstock.h": {"appliance", "app"}, "penstock/result.h": None}
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


def is_of_the_system(name: str) -> bool:
    return name in SYSTEM or name.startswith(SYSTEM_DIRECTORIES) or not re.search(r"[./]", name)


def why_not(module: str, quote: str, name: str) -> str:
    """Empty: the module may include it."""
    if quote == '"':
        first = name.split("/")[0]
        return "" if first == module or first in MODULES[module] else f"{module} may not include {name}"
    if name in PUBLIC:
        return "" if PUBLIC[name] is None or module in PUBLIC[name] else f"{module} may not include <{name}>"
    owners = [owner for owner, prefixes in LIBRARIES.items() if name.startswith(tuple(prefixes))]
    if owners:
        return "" if module in owners else f"<{name}> belongs to {owners[0]}"
    return "" if is_of_the_system(name) else f"<{name}> belongs to no module: name its library in src/layers.txt"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SRC)))
def test_includes(path):
    for quote, name in INCLUDE.findall(path.read_text()):
        assert quote == "<" or (SRC / name).exists(), f'{path}: "{name}" is not below src/'
        assert not (wrong := why_not(module_of(path), quote, name)), f"{path}: {wrong}"


@pytest.mark.parametrize("module, quote, name", [
    ("stage", '"', "lake/blob_store.h"), ("stage", "<", "penstock/penstock.h"), ("stage", "<", "penstock/other.h"),
    ("stage", "<", "curl/curl.h"), ("stage", "<", "boost/asio.hpp"), ("stage", "<", "jansson.h"),
])
def test_an_include_that_no_line_allows_is_found(module, quote, name):
    assert why_not(module, quote, name)
    assert not why_not("lake", '"', "lake/blob_store.h") and not why_not("app", "<", "penstock/penstock.h")


def test_no_declared_layer_is_unused():
    """What layers.txt allows and nobody needs would hide the next wrong turn."""
    used = {name: set() for name in MODULES}
    for path in FILES:
        for quote, name in INCLUDE.findall(path.read_text()):
            if quote == '"':
                used[module_of(path)].add(name.split("/")[0])
    for module, needs in MODULES.items():
        assert needs <= used[module], f"{module} does not use {needs - used[module]}: take it out of layers.txt"
