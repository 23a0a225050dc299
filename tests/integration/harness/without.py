"""Runs a command on a machine that lacks something: python without.py WHAT... -- COMMAND...

io_uring          io_uring_setup(2) answers EPERM, as under the seccomp profiles of container runtimes
o-direct          openat(2) with O_DIRECT answers EINVAL, as on a file system that does not know it
lockable-memory   8 MiB may be locked, and nobody is above the limit: enough for a ring, not for slabs

The first two are filters of the kernel, which the command takes with it: see seccomp(2).
"""

import contextlib
import ctypes
import errno
import os
import platform
import resource
import sys

PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP = 24, 38, 22
SECCOMP_MODE_FILTER = 2
CAP_IPC_LOCK = 14
LOAD, IF_EQUAL, IF_ANY_BIT, RETURN = 0x20, 0x15, 0x45, 0x06
ALLOW, REFUSE = 0x7FFF0000, 0x00050000
NUMBER, FLAGS_OF_OPENAT = 0, 16 + 2 * 8  # in struct seccomp_data
IO_URING_SETUP = 425
OPENAT = {"x86_64": 257, "aarch64": 56}[platform.machine()]

# Each line: what is done, how many lines further if so, if not, and with which value.
NO_IO_URING = [(LOAD, 0, 0, NUMBER), (IF_EQUAL, 0, 1, IO_URING_SETUP), (RETURN, 0, 0, REFUSE | errno.EPERM),
               (RETURN, 0, 0, ALLOW)]
NO_O_DIRECT = [(LOAD, 0, 0, NUMBER), (IF_EQUAL, 0, 3, OPENAT), (LOAD, 0, 0, FLAGS_OF_OPENAT),
               (IF_ANY_BIT, 0, 1, os.O_DIRECT), (RETURN, 0, 0, REFUSE | errno.EINVAL), (RETURN, 0, 0, ALLOW)]


class Line(ctypes.Structure):
    _fields_ = [("code", ctypes.c_uint16), ("if_so", ctypes.c_uint8), ("if_not", ctypes.c_uint8),
                ("value", ctypes.c_uint32)]


class Program(ctypes.Structure):
    _fields_ = [("count", ctypes.c_ushort), ("lines", ctypes.POINTER(Line))]


def prctl(*arguments):
    libc = ctypes.CDLL(None, use_errno=True)
    whole = [argument if isinstance(argument, ctypes.c_void_p) else ctypes.c_ulong(argument) for argument in arguments]
    whole += [ctypes.c_ulong(0)] * (5 - len(whole))
    if libc.prctl(*whole) != 0:
        raise OSError(ctypes.get_errno(), f"prctl({arguments[0]})")


def filter_calls(lines: list[tuple]):
    program = Program(len(lines), (Line * len(lines))(*[Line(*line) for line in lines]))
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.cast(ctypes.pointer(program), ctypes.c_void_p))


def limit_lockable_memory():
    resource.setrlimit(resource.RLIMIT_MEMLOCK, (8 << 20, 8 << 20))
    with contextlib.suppress(OSError):  # who may not drop it does not have it
        prctl(PR_CAPBSET_DROP, CAP_IPC_LOCK)


WAYS = {"io_uring": lambda: filter_calls(NO_IO_URING), "o-direct": lambda: filter_calls(NO_O_DIRECT),
        "lockable-memory": limit_lockable_memory}

if __name__ == "__main__":
    end = sys.argv.index("--")
    for what in sys.argv[1:end]:
        WAYS[what]()
    os.execvp(sys.argv[end + 1], sys.argv[end + 1:])
