"""A server process of a test: started with its output in a file, suspended, stopped, killed, started again."""

import itertools
import os
import signal
import socket
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path


def _ports_of_this_worker():
    """One block for each pytest worker, below the ports that the kernel gives to outgoing connections: nobody takes the port
    of a server that is away for a while, and no client connects to itself there. A second run on the machine begins at
    another place of the block."""
    ephemeral = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    first, workers = 10_000, 16
    size = (ephemeral - first) // workers
    assert size >= 200, f"there are too few ports below {ephemeral}, the first of net.ipv4.ip_local_port_range"
    block = first + int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]) % workers * size
    begin = os.getpid() * 101 % size
    return itertools.cycle([block + (begin + i) % size for i in range(size)])


_ports = _ports_of_this_worker()


def free_port() -> int:
    """One that nobody listens on. It is given out again only after all others of the block."""
    for port in itertools.islice(_ports, 2000):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:  # somebody else's
                pass
    raise AssertionError("no port is free")


class OutOfTime(AssertionError):
    """Something did not come in the time that a test gives it: it never comes, or the machine is slow. `./dev test integration`
    asks such a test a second time, and tells so; what a test finds wrong is never asked again."""


def wait_until(condition, timeout_s: float, what: str, interval_s: float = 0.1):
    """The first true value of condition(); OutOfTime naming `what` if there is none in time."""
    deadline = time.monotonic() + timeout_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise OutOfTime(f"not within {timeout_s} s: {what}")
        time.sleep(interval_s)


@contextmanager
def within(limit_s: float, what: str):
    """OutOfTime naming `what` if the block takes longer. It is not interrupted."""
    began = time.monotonic()
    yield
    if (took := time.monotonic() - began) >= limit_s:
        raise OutOfTime(f"{what}: {took:.1f} s, which is not within {limit_s} s")


def accepts(port: int, host: str = "127.0.0.1") -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((host, port)) == 0


class Service:
    """One command that may run again and again; its output is appended to `log`."""

    def __init__(self, command: list, log: Path, env: dict | None = None):
        self.command = [str(word) for word in command]
        self.log = log
        self.env = {**os.environ, **(env or {})}
        self.process: subprocess.Popen | None = None

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    @property
    def pid(self) -> int:
        return self.process.pid

    def start(self):
        assert not self.running
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, env=self.env,
                start_new_session=True)

    def wait_port(self, port: int, timeout_s: float = 60, host: str = "127.0.0.1"):
        def answered():
            assert self.running, f"ended at its start ({self.process.returncode}):\n{self.output()[-3000:]}"
            return accepts(port, host)

        wait_until(answered, timeout_s, f"{self.command[0]} listens on {port}")

    def send(self, signal_number: int):
        self.process.send_signal(signal_number)

    def suspend(self):
        self.send(signal.SIGSTOP)

    def resume(self):
        self.send(signal.SIGCONT)

    def wait(self, timeout_s: float) -> int:
        return self.process.wait(timeout_s)

    def stop(self, timeout_s: float = 20):
        """SIGTERM, and SIGKILL for one that does not listen: a test's server must be gone afterwards."""
        if not self.running:
            return
        self.send(signal.SIGTERM)
        self.send(signal.SIGCONT)
        try:
            self.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self):
        if self.running:
            self.send(signal.SIGKILL)
            self.wait(20)

    def output(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""
