"""What the kernel says of a process that somebody else runs."""

import contextlib
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
