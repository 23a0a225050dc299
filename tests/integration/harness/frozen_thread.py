"""One thread of a process stopped while the others go on, as by a disk that does not answer: ptrace(2)."""

import ctypes
import os
from pathlib import Path

import pytest

PTRACE_SEIZE, PTRACE_INTERRUPT, PTRACE_DETACH = 0x4206, 0x4207, 17
WALL = 0x40000000  # waitpid: threads too

_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.restype = ctypes.c_long
_libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]


def _ptrace(request: int, thread: int):
    if _libc.ptrace(request, thread, None, None) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"ptrace of thread {thread}: {os.strerror(number)}")


class FrozenThread:
    """Entered and left on one thread of ours, since only that one is the tracer."""

    def __init__(self, pid: int, name: str):
        self._id = next(int(task.name) for task in Path(f"/proc/{pid}/task").iterdir()
                        if (task / "comm").read_text().strip() == name)

    def __enter__(self):
        try:
            _ptrace(PTRACE_SEIZE, self._id)
        except PermissionError as refused:
            pytest.skip(f"this machine does not let a process trace its child: {refused}")
        _ptrace(PTRACE_INTERRUPT, self._id)
        os.waitpid(self._id, WALL)
        return self

    def __exit__(self, *_):
        _ptrace(PTRACE_DETACH, self._id)
