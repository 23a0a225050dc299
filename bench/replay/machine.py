"""What the machine is, and what a process on it has used."""

import os
import platform
import re
import subprocess
import time
from pathlib import Path


def cpu_seconds(pid: int) -> float:
    """Of all threads of a process, those that have ended too, to the nanosecond: its CPU clock, see clock_getcpuclockid(3)."""
    return time.clock_gettime((~pid << 3) | 2)


def kernel_workers(pid: int) -> int:
    """Threads that the kernel has made for the process's io_uring requests, because it could not take them at once."""
    count = 0
    for name in Path(f"/proc/{pid}/task").glob("*/comm"):
        try:
            count += name.read_text().startswith("iou-wrk")
        except OSError:
            pass  # it has ended
    return count


def _said(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=20).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        return ""


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
        "commit": _said("git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"),
    }
