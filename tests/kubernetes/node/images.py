"""Images for the node without a registry and without a builder: a layer of files that are here, in the form of `docker save`."""

import hashlib
import io
import json
import os
import re
import subprocess
import tarfile
from pathlib import Path

CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")


def libraries(binary: Path) -> list[Path]:
    """What the binary is loaded with, and the loader."""
    told = subprocess.run(["ldd", binary], capture_output=True, text=True, check=True).stdout
    assert "not found" not in told, told
    return [Path(path) for path in re.findall(r"(?:=> )?(/\S+) \(0x", told)]


def of_binary(file: Path, name: str, binary: Path, inside: str, user: str = "65532:65532", arguments: tuple = ()):
    """An image that has the binary, what it is loaded with, and nothing else: no shell."""
    files = {inside: binary, **{str(path): path for path in libraries(binary)}}
    if CERTIFICATES.exists():
        files[str(CERTIFICATES)] = CERTIFICATES
    write(file, name, files, {"Entrypoint": [inside], "Cmd": list(arguments), "User": user})


def write(file: Path, name: str, files: dict[str, Path], config: dict, links: dict[str, str] | None = None):
    """`links`: symbolic ones, by their paths."""
    layer = file.with_suffix(".layer")
    with tarfile.open(layer, "w") as tar:
        for path, source in files.items():
            entry = tarfile.TarInfo(path.lstrip("/"))
            entry.mode = 0o755 if os.access(source, os.X_OK) else 0o644
            content = Path(source).read_bytes()
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
        for path, target in (links or {}).items():
            entry = tarfile.TarInfo(path.lstrip("/"))
            entry.type, entry.linkname = tarfile.SYMTYPE, target
            tar.addfile(entry)
    described = json.dumps({
        "architecture": {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine], "os": "linux", "config": config,
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer.read_bytes()).hexdigest()}"]}}).encode()
    manifest = json.dumps([{"Config": "config.json", "RepoTags": [name], "Layers": ["layer.tar"]}]).encode()
    with tarfile.open(file, "w") as tar:
        tar.add(layer, "layer.tar")
        for path, content in (("config.json", described), ("manifest.json", manifest)):
            entry = tarfile.TarInfo(path)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    layer.unlink()


def name_in(file: Path) -> str:
    """Of the one image of an archive."""
    with tarfile.open(file) as tar:
        return json.load(tar.extractfile("manifest.json"))[0]["RepoTags"][0]
