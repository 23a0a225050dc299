"""A container that may do next to nothing lands every record, with io_uring and without."""

import errno
import re
from pathlib import Path

import pytest
from contained import MEMORY_BYTES, PIDS, SECCOMP, USER, inspected, podman, refusing

from harness.secrets_told import assert_none, secret
from harness.service import free_port, wait_until


def status_of(pid: int) -> dict[str, str]:
    return dict(re.findall(r"^(\w+):\s+(.*)$", Path(f"/proc/{pid}/status").read_text(), re.M))


def cgroup_limit(pid: int, controller: str, of_v1: str, of_v2: str) -> int:
    for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        number, controllers, path = line.split(":", 2)
        if controller in controllers.split(","):
            return int(Path(f"/sys/fs/cgroup/{controller}{path}/{of_v1}").read_text())
        if number == "0" and (unified := Path(f"/sys/fs/cgroup{path}/{of_v2}")).exists():
            return int(unified.read_text())
    raise AssertionError(f"{pid} is in no cgroup of {controller}")


def assert_hardened(pid: int):
    status = status_of(pid)
    assert status["Uid"].split() == [str(USER)] * 4 and status["Gid"].split() == [str(USER)] * 4
    assert {status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
    mounts = [line.split() for line in Path(f"/proc/{pid}/mountinfo").read_text().splitlines()]
    of = {fields[4]: fields[5].split(",") for fields in mounts}
    assert "ro" in of["/"] and "ro" in of["/etc/penstock/penstock.yaml"] and "ro" in of["/run/secrets/penstock"]
    assert "rw" in of["/var/lib/penstock"]
    assert cgroup_limit(pid, "memory", "memory.limit_in_bytes", "memory.max") == MEMORY_BYTES
    assert cgroup_limit(pid, "pids", "pids.max", "pids.max") == PIDS


@pytest.mark.parametrize("profile, backend, words", [
    ("ours", "io_uring", "io_uring is in use"),
    ("EPERM", "portable", "io_uring is forbidden to this process (EPERM)"),
    ("ENOSYS", "portable", "io_uring is hidden by a seccomp profile"),
    ("the runtime's", None, "")])
def test_every_record_lands_once(intake, tmp_path, profile, backend, words):
    """The runtime's default profile may allow io_uring or refuse it. It is refused in either way. What has been read waits for
    company when the container is stopped, and lands all the same."""
    here = intake(2)
    seccomp = {"ours": SECCOMP, "the runtime's": None}.get(profile, SECCOMP)
    if profile in ("EPERM", "ENOSYS"):
        seccomp = refusing(getattr(errno, profile), tmp_path)
    container = here.contained({"batch": {"max_age": "10m"}}, seccomp=seccomp).start()
    assert_hardened(container.pid)
    here.send(800)
    container.wait_metric("penstock_records_received_total", 800)
    if backend:
        assert container.metric("penstock_io_backend", backend=backend) == 1
    assert words in container.output
    healthy = container.health()
    assert (healthy.returncode, healthy.stdout.strip()) == (0, "ok"), healthy.stdout + healthy.stderr
    assert podman("healthcheck", "run", container.name).returncode == 0
    assert here.tally().lines == 0
    assert container.stop() == 0, container.output[-3000:]
    counted = here.tally()
    print(f"seccomp {profile}: {counted}")
    assert not counted.faults and counted.lines == 800, counted.faults


def test_a_container_s_description_tells_no_secret(intake):
    here = intake(1)
    container = here.contained({"log": {"level": "debug"}}).start()
    here.send(20)
    here.wait_landed()
    assert_none(str(inspected("container", container.name)), "podman inspect")
    assert_none(Path(f"/proc/{container.pid}/environ").read_text(), "its environment")
    assert_none(Path(f"/proc/{container.pid}/cmdline").read_text(), "its arguments")
    assert container.stop() == 0
    assert_none(container.output, "the log")


def test_without_brokers_it_lives_and_is_not_ready(intake):
    """In a network of its own, where nobody listens on the loopback; the published port is reached from outside."""
    here = intake(1)
    port = free_port()
    container = here.contained({"admin": {"listen": "0.0.0.0:9464", "token": "${file:/run/secrets/penstock/admin}"}}, options=("-p", f"127.0.0.1:{port}:9464"),
                               secrets={"admin": secret("who-may-look-at-the-container")})
    container.admin_port = port
    container.service.start()
    wait_until(lambda: container.get("/healthz")[0] == 200, 60, "it answers")
    assert container.get("/readyz")[0] == 503
    refused, alive = container.health(), container.health("--live")
    assert refused.returncode == 1 and "broker" in refused.stdout, refused.stdout + refused.stderr
    assert alive.returncode == 0, alive.stdout + alive.stderr
    assert podman("healthcheck", "run", container.name).returncode == 1
    assert container.stop() == 0, container.output[-3000:]
