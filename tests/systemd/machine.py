"""A booted Debian in a container: systemd as process 1, with penstock's package installed as a person would.

How it works. mmdebstrap makes a tree of the release that this machine runs, with systemd and the libraries that the package
depends on, and podman keeps it as an image until one of these changes. A test's machine is a container of it with the
network of the host, so that the brokers and the blob service of the other suites are on its loopback. What systemd needs of
the container:

* runc: crun refuses a machine whose cgroups are of both versions.
* SYS_ADMIN, and `mount --make-rshared /` before init: systemd mounts each service's credentials and sandbox. Without shared
  mounts LoadCredential= gives an empty directory, and says nothing.
* SYS_PTRACE: without it DynamicUser=, PrivateUsers= and ProtectProc= together end with 217/USER.
* io_uring's calls allowed, which podman's own list refuses.
* limits of its own: this machine may not be allowed to raise them.
"""

import hashlib
import itertools
import json
import os
import re
import resource
import subprocess
from pathlib import Path

from harness.paths import ROOT
from harness.secrets_told import assert_none
from harness.service import wait_until

HERE = ROOT / "build" / "systemd"
ALLOWED_BY_PODMAN = Path("/usr/share/containers/seccomp.json")
OF_SYSTEMD = ["systemd", "systemd-sysv", "dbus", "procps", "ca-certificates"]
NAMED = itertools.count(1)


def output_of(*command, timeout_s: float = 120, **of_run) -> str:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, errors="replace",
                          timeout=timeout_s, **of_run)
    assert done.returncode == 0, f"{' '.join(map(str, command))[:300]}: {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
    return done.stdout


# The image

def release() -> str:
    return re.search(r"^VERSION_CODENAME=(\w+)$", Path("/etc/os-release").read_text(), re.M)[1]


def sources() -> Path:
    deb822 = Path("/etc/apt/sources.list.d/debian.sources")
    return deb822 if deb822.exists() else Path("/etc/apt/sources.list")


def libraries_of(package: Path) -> list[str]:
    """The package's dependencies by name, the first of alternatives."""
    depends = output_of("dpkg-deb", "-f", package, "Depends")
    return sorted({re.split(r"[ (|]", word.strip(), maxsplit=1)[0] for word in depends.split(",")})


def image(package: Path) -> str:
    names = sorted({*OF_SYSTEMD, *libraries_of(package)})
    key = hashlib.sha256(" ".join([release(), *names]).encode()).hexdigest()[:12]
    name = f"localhost/penstock-systemd-{release()}:{key}"
    if subprocess.run(["podman", "image", "exists", name]).returncode == 0:
        return name
    HERE.mkdir(parents=True, exist_ok=True)
    tree = HERE / f"{release()}-{key}.tar"
    output_of("mmdebstrap", "--variant=minbase", f"--include={','.join(names)}", release(), tree, sources(), timeout_s=550)
    output_of("podman", "import", "-q", tree, name, timeout_s=300)
    tree.unlink()
    return name


def _container_files() -> tuple[Path, Path]:
    HERE.mkdir(parents=True, exist_ok=True)
    profile = json.loads(ALLOWED_BY_PODMAN.read_text())
    profile["syscalls"].append({"names": ["io_uring_setup", "io_uring_enter", "io_uring_register"],
                                "action": "SCMP_ACT_ALLOW", "args": [], "includes": {}, "excludes": {}})
    allow = HERE / "seccomp.json"
    allow.write_text(json.dumps(profile))
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    tasks = min(resource.getrlimit(resource.RLIMIT_NPROC)[1] % (1 << 63), 4096)
    limits = HERE / "containers.conf"
    limits.write_text(f'[containers]\ndefault_ulimits = ["nofile={files}:{files}", "nproc={tasks}:{tasks}"]\n')
    return allow, limits


class Machine:
    """Boots on `with`. `packages` is /packages in it."""

    def __init__(self, image_name: str, packages: Path):
        allow, limits = _container_files()
        self.name = f"penstock-systemd-{os.getpid()}-{next(NAMED)}"
        self._env = {**os.environ, "CONTAINERS_CONF": str(limits)}
        self._run = ["podman", "--runtime", "runc", "run", "-d", "--name", self.name, "--systemd=always", "--network=host",
                     "--cap-add=SYS_ADMIN,SYS_PTRACE", f"--security-opt=seccomp={allow}", f"--volume={packages}:/packages:ro",
                     image_name, "/bin/sh", "-c", "mount --make-rshared / && exec /sbin/init"]

    def __enter__(self):
        output_of(*self._run, env=self._env)
        wait_until(lambda: self.try_("systemctl", "is-system-running").stdout.strip() in ("running", "degraded"), 120,
                   "the machine has booted")
        failed = self("systemctl", "list-units", "--failed", "--plain", "--no-legend")
        assert not failed.strip(), f"units of the bare machine failed:\n{failed}"
        return self

    def __exit__(self, *_):
        subprocess.run(["podman", "rm", "-f", "-t", "0", self.name], capture_output=True, timeout=120)

    def try_(self, *command, timeout_s: float = 120, **of_run) -> subprocess.CompletedProcess:
        given = ["-i"] if "input" in of_run else []
        done = subprocess.run(["podman", "exec", *given, self.name, *map(str, command)], capture_output=True, text=True,
                              errors="replace", timeout=timeout_s, **of_run)
        assert_none(done.stdout + done.stderr, " ".join(map(str, command))[:100])
        return done

    def __call__(self, *command, timeout_s: float = 120, **of_run) -> str:
        done = self.try_(*command, timeout_s=timeout_s, **of_run)
        assert done.returncode == 0, f"{' '.join(map(str, command))}: {done.returncode}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
        return done.stdout

    def write(self, path: str, text: str, mode: str = "0644"):
        # As in the README: the directory is made, and the text never stands in an argument.
        self("install", "-D", "-m", mode, "/dev/stdin", path, input=text)

    def install(self, package: str):
        return self("apt-get", "-q", "-y", "--allow-downgrades", "--reinstall", "install", f"/packages/{package}",
                    timeout_s=600)

    def has(self, path: str) -> bool:
        return self.try_("test", "-e", path).returncode == 0


class Instance:
    """penstock@NAME: /etc/penstock/NAME.yaml and what systemd says of it."""

    def __init__(self, machine: Machine, name: str, config: dict):
        self.machine, self.name, self.unit = machine, name, f"penstock@{name}.service"
        self.file = f"/etc/penstock/{name}.yaml"
        # YAML takes JSON as it is.
        machine.write(self.file, json.dumps(config, indent=1))

    def drop_in(self, *lines: str):
        text = "[Service]\n" + "".join(f"{line}\n" for line in lines)
        self.machine.write(f"/etc/systemd/system/{self.unit}.d/test.conf", text)
        self.machine("systemctl", "daemon-reload")

    def start(self):
        self.machine("systemctl", "start", self.unit)
        return self

    def stop(self):
        self.machine("systemctl", "stop", self.unit)

    def shown(self, key: str) -> str:
        return self.machine("systemctl", "show", "-P", key, self.unit).strip()

    @property
    def pid(self) -> int:
        return int(self.shown("MainPID"))

    def kill(self, signal_name: str):
        self.machine("systemctl", "kill", "--kill-who=main", f"--signal={signal_name}", self.unit)

    def journal(self, *more: str) -> str:
        return self.machine("journalctl", "-q", "--no-pager", "-o", "cat", *more, f"--unit={self.unit}")

    def wait_status(self, pattern: str, timeout_s: float = 60) -> str:
        def status() -> str | None:
            text = self.shown("StatusText")
            return text if re.search(pattern, text) else None
        try:
            return wait_until(status, timeout_s, f"the status says {pattern!r}", 0.3)
        except AssertionError as late:
            raise AssertionError(f"{late}; it is {self.shown('StatusText')!r}\n{self.journal()[-3000:]}") from None

    def wait_restarted(self, times: int, timeout_s: float = 60):
        wait_until(lambda: int(self.shown("NRestarts")) >= times and self.shown("ActiveState") == "active", timeout_s,
                   f"{self.unit} was restarted {times} times", 0.3)
