"""What the machine is."""

import os
import platform
import re
import subprocess
from pathlib import Path


def _said(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=20).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        return ""


def is_committed() -> bool:
    """Whether somebody else can check out the very tree that is measured."""
    commit = _commit()
    return bool(commit) and not commit.endswith("-dirty")


def _commit() -> str:
    return _said("git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty")


def description(directory: Path) -> dict[str, str]:
    cpu = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.M)
    system = re.search(r'^PRETTY_NAME="(.+)"$', Path("/etc/os-release").read_text(), re.M)
    memory = re.search(r"^MemTotal:\s*(\d+) kB$", Path("/proc/meminfo").read_text(), re.M)
    return {
        "processor": f"{os.cpu_count()} x {cpu[1] if cpu else 'unknown'}",
        "memory": f"{int(memory[1]) / 2**20:.0f} GiB" if memory else "unknown",
        "kernel": f"Linux {platform.release()}",
        "system": system[1] if system else "unknown",
        "file system": _said("findmnt", "-n", "-o", "FSTYPE", "-T", str(directory)),
        "compiler": _said("g++", "--version").split("\n")[0],
        "librdkafka": _said("pkg-config", "--modversion", "rdkafka"),
        "libcurl": _said("pkg-config", "--modversion", "libcurl"),
        "commit": _commit(),
    }
