"""What the kernel says of a process that somebody else runs."""

import contextlib
import os
import time
from pathlib import Path


def cpu_seconds(pid: int) -> float:
    """Of all threads of a process, those that have ended too, to the nanosecond: its CPU clock, see clock_getcpuclockid(3)."""
    return time.clock_gettime((~pid << 3) | 2)


def kernel_workers(pid: int) -> list[str]:
    """The threads that the kernel has made for requests of io_uring that it could not take at once."""
    names = []
    for comm in Path(f"/proc/{pid}/task").glob("*/comm"):
        with contextlib.suppress(OSError):  # it has ended
            names.append(comm.read_text().strip())
    return [name for name in names if name.startswith("iou-wrk")]


def connections(pid: int, port: int) -> set[int]:
    """The local ports of its established connections to `port` on IPv4."""
    sockets = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):  # it has been closed
            sockets.add(os.readlink(descriptor))
    with open("/proc/net/tcp") as table:
        rows = [row.split() for row in list(table)[1:]]
    return {int(row[1].split(":")[1], 16) for row in rows
            if row[3] == "01" and int(row[2].split(":")[1], 16) == port and f"socket:[{row[9]}]" in sockets}
