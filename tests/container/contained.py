"""penstock in a container, hardened as container/README.md has it, on the network of this machine: the broker and the store of
the tests listen on its loopback."""

import itertools
import json
import os
import resource
import subprocess
from pathlib import Path

from harness.paths import ROOT
from harness.penstock import Penstock, merged

IMAGE = os.environ.get("PENSTOCK_IMAGE", "localhost/penstock:latest")
USER = 65532
SECCOMP = ROOT / "container" / "seccomp.json"
IO_URING = {"io_uring_setup", "io_uring_enter", "io_uring_register"}
MEMORY_BYTES, PIDS = 512 << 20, 256

# The crun of Debian 12 refuses a machine that has both versions of cgroups.
_PODMAN = ["podman", "--runtime", "runc"]
_names = itertools.count()


def _limits() -> list[str]:
    """Below those of this process. Podman's own are higher, and not every root may raise a limit."""
    words = []
    for name, kind, wanted in (("nofile", resource.RLIMIT_NOFILE, 20_000), ("nproc", resource.RLIMIT_NPROC, 4096)):
        hard = resource.getrlimit(kind)[1]
        limit = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
        words.append(f"--ulimit={name}={limit}:{limit}")
    return [*words, "--ulimit=core=0"]


def hardened(seccomp: Path | None = SECCOMP) -> list[str]:
    """seccomp None: the runtime's default profile."""
    return ["--read-only", "--cap-drop=all", "--security-opt=no-new-privileges", f"--user={USER}:{USER}",
            f"--memory={MEMORY_BYTES}", f"--pids-limit={PIDS}", *_limits(),
            *([f"--security-opt=seccomp={seccomp}"] if seccomp else [])]


def podman(*words, timeout_s: float = 120) -> subprocess.CompletedProcess:
    return subprocess.run([*_PODMAN, *map(str, words)], capture_output=True, text=True, errors="replace", timeout=timeout_s,
                          stdin=subprocess.DEVNULL)


def told(*words) -> str:
    """What podman prints, which has to succeed."""
    done = podman(*words)
    assert done.returncode == 0, f"podman {' '.join(map(str, words))}: {done.stderr[-2000:]}"
    return done.stdout


def inspected(kind: str, name: str) -> dict:
    return json.loads(told(kind, "inspect", name))[0]


def refusing(error_number: int, directory: Path) -> Path:
    """The profile with another answer to the calls of io_uring."""
    profile = json.loads(SECCOMP.read_text())
    kept = [rule for rule in profile["syscalls"] if not IO_URING & set(rule["names"])]
    assert len(kept) == len(profile["syscalls"]) - 1
    refused = {"names": sorted(IO_URING), "action": "SCMP_ACT_ERRNO", "errnoRet": error_number}
    path = directory / f"seccomp-{error_number}.json"
    path.write_text(json.dumps({**profile, "syscalls": [*kept, refused]}))
    return path


class Contained(Penstock):
    """`podman run` in the foreground, with the container's output and exit code. The secret of the store is a file of its own."""

    def __init__(self, directory: Path, config: dict, stage: str, seccomp: Path | None = SECCOMP,
                 options: tuple[str, ...] = ("--network=host",), secrets: dict[str, str] | None = None):
        """`stage`: the name of a volume, which outlives the container. `secrets`: by their names in /run/secrets/penstock."""
        secret_files = directory / "secrets"
        secret_files.mkdir(parents=True)
        for name, value in {"storage": config["sink"]["auth"]["value"], **(secrets or {})}.items():
            (secret_files / name).write_text(value)
        for path in (secret_files, *secret_files.iterdir()):
            os.chown(path, USER, USER)
            path.chmod(0o500)
        super().__init__(directory, merged(config, {
            "stage": {"dir": "/var/lib/penstock"}, "sink": {"auth": {"value": "${file:/run/secrets/penstock/storage}"}}}))
        self.file.chmod(0o444)
        self.name = f"penstock-test-{os.getpid()}-{next(_names)}"
        self.service.command = [
            *_PODMAN, "run", "--rm", f"--name={self.name}", f"--hostname={self.name}", *options, *hardened(seccomp),
            "--stop-timeout=120", "-v", f"{self.file}:/etc/penstock/penstock.yaml:ro",
            "-v", f"{secret_files}:/run/secrets/penstock:ro", "-v", f"{stage}:/var/lib/penstock:U", IMAGE]

    @property
    def pid(self) -> int:
        """On this machine."""
        return inspected("container", self.name)["State"]["Pid"]

    def stop(self) -> int:
        """As an operator does: it drains. The container's exit code."""
        told("stop", self.name)
        return self.wait(30)

    def kill(self):
        """Nothing drains."""
        told("kill", "--signal=KILL", self.name)
        self.wait(30)

    def health(self, *words: str) -> subprocess.CompletedProcess:
        return podman("exec", self.name, "/usr/bin/penstock", "health", *words)

    def remove(self):
        podman("rm", "--force", "--time=0", "--ignore", self.name)
        if self.service.process is not None:
            self.service.wait(30)
        self.assert_nothing_reported()
