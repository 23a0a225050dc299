"""`penstock check` agrees with `penstock run`: what it calls a fault keeps the service from its work, and nothing else does.

Each case prepares one thing, asks `check`, and then starts `run` on the same file: once both as root, and once both as the
service's user, who has no rights. What a case says is wanted of both commands. The pair is one of

    works     check exits 0, and the service becomes ready
    warned    the same, with a row "warn" that has the words
    waits     check exits 3 with the words, and the service says the same and is not ready
    refused   check exits 3 with the words, and the service ends with 1
    invalid   check exits 2 or 3 with the words, and the service ends with 2: no restart helps
"""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from azure.storage.blob import ContainerSasPermissions, generate_container_sas

from harness.azurite import ACCOUNT
from harness.kafka import Kafka
from harness.lake import read_container
from harness.paths import penstock_binary
from harness.penstock import Penstock, merged, run_command
from harness.service import free_port, wait_until

NOBODY = 65534
EXIT_OF_CHECK = {"works": {0}, "warned": {0}, "waits": {3}, "refused": {3}, "invalid": {2, 3}}
EXIT_OF_RUN = {"refused": 1, "invalid": 2}


class Place:
    """A directory that every user may enter, and what a case puts there. pytest's own are closed to others."""

    def __init__(self, lands, path: Path, binary: Path):
        self.lands, self.path, self.binary = lands, path, binary
        self.user = 0  # who asks, and whose the deployment is
        self.stage, self.lake = path / "stage", path / "lake"
        self.config = merged(lands.config(), {"stage": {"dir": str(self.stage)}, "source": {"fence_wait": "10s"}})
        self._mounts: list[Path] = []
        self._cgroup: Path | None = None
        self._sockets: list[socket.socket] = []

    def set(self, **sections):
        self.config = merged(self.config, sections)

    def belongs_to(self, user: int):
        self.user = user
        os.chown(self.path, user, user)

    def make(self, path: Path, owner: int | None = None, mode: int = 0o755) -> Path:
        """The asking user's own, if nothing else is said."""
        owner = self.user if owner is None else owner
        path.mkdir(parents=True)
        path.chmod(mode)
        os.chown(path, owner, owner)
        return path

    def mount(self, path: Path, options: str):
        path.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", path], capture_output=True, text=True)
        if done.returncode != 0:
            pytest.skip(f"mount is not allowed here: {done.stderr.strip()}")
        self._mounts.append(path)

    def take_port(self) -> int:
        listener = socket.create_server(("127.0.0.1", 0))
        self._sockets.append(listener)
        return listener.getsockname()[1]

    def limit_memory(self, size: int):
        """What is started from now on has so much."""
        for top, file in (("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max")):
            group = Path(top) / f"penstock-test-{os.getpid()}"
            with contextlib.suppress(OSError):
                group.mkdir()
                self._cgroup = group
                (group / file).write_text(str(size))
                return
            self._remove_cgroup()
        pytest.skip("no memory cgroup can be made here")

    def _remove_cgroup(self):
        if self._cgroup:
            with contextlib.suppress(OSError):
                self._cgroup.rmdir()
            self._cgroup = None

    def enter_cgroup(self):
        if self._cgroup:
            (self._cgroup / "cgroup.procs").write_text(str(os.getpid()))

    def end(self):
        for each in self._sockets:
            each.close()
        for path in reversed(self._mounts):
            subprocess.run(["umount", "-l", path], check=False)
        self._remove_cgroup()

    def words(self, user: int, *words) -> list[str]:
        as_user = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"] if user else []
        return [str(word) for word in (*as_user, self.binary, *words)]


def public_directory() -> Path:
    path = Path(tempfile.mkdtemp(prefix="penstock-check-", dir="/var/tmp"))  # /tmp may be in memory
    path.chmod(0o755)
    return path


@pytest.fixture(scope="module")
def public_binary(binary):
    """Where every user may run it."""
    path = public_directory()
    yield Path(shutil.copy(binary, path))
    shutil.rmtree(path)


@pytest.fixture
def place(landing, public_binary):
    if os.geteuid() != 0:
        pytest.skip("needs root, to be another user for a while")
    path = public_directory()
    made = Place(landing(1), path, public_binary)
    yield made
    made.end()
    shutil.rmtree(path)


# The cases: what each prepares

def nothing(place):
    pass


def own_directory_alone(place):
    """What StateDirectory=penstock/%i of the unit gives: only <stage.dir>/<name> is the user's."""
    place.make(place.stage, 0)
    place.make(place.stage / "gateway", NOBODY)


def stage_of_another_user(place):
    place.make(place.stage, 0)


def stage_left_by_root(place):
    own_directory_alone(place)
    worker = place.make(place.stage / "gateway" / "worker-0", 0, 0o750)
    (worker / "lock").touch()


def segments_left_by_root(place):
    own_directory_alone(place)
    worker = place.make(place.stage / "gateway" / "worker-0", NOBODY, 0o750)
    (worker / "segment-00000001.stage").touch(0o640)


def read_only_below_a_good_directory(place):
    place.make(place.stage)
    place.mount(place.stage / "gateway", "ro,size=1m")


def good_below_a_full_directory(place):
    """stage.dir itself has no room, and the stage is on a disk of its own below it."""
    place.mount(place.stage, "size=1m")
    place.make(place.stage / "gateway")
    place.mount(place.stage / "gateway", "size=1200m")


def no_room_for_two_segments(place):
    place.mount(place.stage / "gateway", "size=100m")


def less_room_than_max_bytes(place):
    place.mount(place.stage / "gateway", "size=200m")


def stage_is_a_file(place):
    place.stage.write_text("")


def stage_in_the_lake(place):
    place.set(stage={"dir": str(place.lake / "stage")})
    place.config["sink"] = {"url": f"file://{place.lake}"}


def lake_of_another_user(place):
    place.config["sink"] = {"url": f"file://{place.make(place.lake, 0)}"}


def lake_without_links(place):
    place.config["sink"] = {"url": f"file://{place.make(place.lake)}"}
    place.mount(place.lake / ".penstock", "size=1m")


def port_taken(place):
    place.set(admin={"listen": f"127.0.0.1:{place.take_port()}"})


def reserved_port(place):
    if int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text()) <= 81:
        pytest.skip("no port is reserved here")
    place.set(admin={"listen": "127.0.0.1:81"})


def address_that_cannot_be(place):
    place.set(admin={"listen": "999.1.1.1:9464"})


def address_of_another_machine(place):
    place.set(admin={"listen": "192.0.2.1:9464", "token": "a-token-that-only-tests-have"})


def no_token_for_others(place):
    place.set(admin={"listen": "0.0.0.0:9464"})


def more_memory_than_there_is(place):
    place.set(runtime={"memory": "1TiB"})


def small_container(place):
    place.limit_memory(128 << 20)


def no_container(place):
    place.config["sink"]["url"] = place.config["sink"]["url"].replace(place.lands.container, "no-such-container")


def wrong_key(place):
    key = "A" * 86 + "=="
    place.config["sink"]["auth"]["value"] = place.lands.azurite.connection_string(key=key)


def key_of_another_account(place):
    place.config["sink"] = {"url": "https://contoso.blob.core.windows.net/lake",
                            "auth": {"type": "shared-key", "account": "fabrikam", "key": "A" * 86 + "=="}}


def listing_not_allowed(place):
    token = generate_container_sas(
        ACCOUNT, place.lands.container, account_key=place.lands.azurite.key,
        permission=ContainerSasPermissions.from_string("racw"), expiry=datetime.now(timezone.utc) + timedelta(hours=1))
    place.config["sink"]["auth"] = {"type": "sas", "token": token}


def no_broker(place):
    place.set(source={"brokers": [f"127.0.0.1:{free_port()}"]})


def topic_with_a_slip(place):
    place.set(source={"topics": [place.lands.topic + "x"]})


def expression_without_a_topic(place):
    del place.config["source"]["topics"]
    place.set(source={"topics_regex": "^no-such-topic"})


def property_with_a_slip(place):
    place.set(source={"librdkafka": {"sesion.timeout.ms": 6000}})


def certificates_that_are_not_there(place):
    place.set(source={"tls": {"enabled": True, "ca": "/nonexistent.pem"}})


def short_fence_wait(place):
    place.set(source={"fence_wait": "500ms"})


CASES = [  # what is prepared, what is to come of it as the service's user and as root, words of both
    (nothing, "works", "works", []),
    (own_directory_alone, "works", "works", []),
    (stage_of_another_user, "refused", "works", ["stage/gateway", "EACCES"]),
    (stage_left_by_root, "refused", "works", ["worker-0", "EACCES"]),
    (segments_left_by_root, "works", "works", []),  # they are moved aside
    (read_only_below_a_good_directory, "refused", "refused", ["stage/gateway", "EROFS"]),
    (good_below_a_full_directory, "warned", "warned", ["tmpfs"]),
    (no_room_for_two_segments, "refused", "refused", ["free some room"]),
    (less_room_than_max_bytes, "warned", "warned", ["stage.max_bytes is 1GiB"]),
    (stage_is_a_file, "refused", "refused", ["making the stage directory"]),
    (stage_in_the_lake, "invalid", "invalid", ["stage.dir", "into the lake"]),
    (lake_of_another_user, "refused", "works", ["lake", "EACCES"]),
    (lake_without_links, "refused", "refused", ["link(2)", "cross-device"]),
    (port_taken, "refused", "refused", ["another process"]),
    (reserved_port, "refused", "works", ["81"]),
    (address_that_cannot_be, "invalid", "invalid", ["admin.listen"]),
    (address_of_another_machine, "refused", "refused", ["192.0.2.1"]),
    (no_token_for_others, "invalid", "invalid", ["admin.listen", "token:"]),
    (more_memory_than_there_is, "invalid", "invalid", ["runtime.memory", "1TiB"]),
    (small_container, "invalid", "invalid", ["runtime.memory", "192MiB", "128MiB"]),
    (no_container, "refused", "refused", ["no-such-container"]),
    (wrong_key, "refused", "refused", ["403"]),
    (key_of_another_account, "invalid", "invalid", ["sink.auth", "fabrikam", "contoso"]),
    (listing_not_allowed, "warned", "warned", ["listing is not"]),
    (no_broker, "waits", "waits", ["source.brokers"]),
    (topic_with_a_slip, "waits", "waits", []),
    (expression_without_a_topic, "warned", "warned", ["no-such-topic"]),
    (property_with_a_slip, "invalid", "invalid", ["sesion.timeout.ms"]),
    (certificates_that_are_not_there, "invalid", "invalid", ["source.tls.ca", "/nonexistent.pem"]),
    (short_fence_wait, "warned", "warned", ["source.fence_wait"]),
]


def check(place, file: Path, user: int) -> tuple[int, str]:
    done = subprocess.run(place.words(user, "check", "--config", file), capture_output=True, text=True, timeout=120,
                          preexec_fn=place.enter_cgroup, stdin=subprocess.DEVNULL)
    return done.returncode, done.stdout + done.stderr


def outcome_of_run(place, file: Path, admin_port: int, user: int, words: list[str]) -> tuple[str | int, str]:
    """An exit code, or "ready", or "waits" where it is not and says the words, if there are any."""
    log = place.path / "run.log"
    with open(log, "wb") as out:
        process = subprocess.Popen(place.words(user, "run", "--config", file), stdout=out, stderr=subprocess.STDOUT,
                                   preexec_fn=place.enter_cgroup, stdin=subprocess.DEVNULL)
    asked = Penstock.__new__(Penstock)
    asked.admin_port = admin_port
    try:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if process.poll() is not None:
                return process.returncode, log.read_text()
            status, page = asked.get("/readyz")
            told = log.read_text() + page
            if status == 200:
                return "ready", told
            if status == 503 and words and all(word in told for word in words):
                return "waits", told
            time.sleep(0.1)
        raise AssertionError(f"neither ready nor refused nor waiting:\n{log.read_text()}")
    finally:
        process.terminate()
        process.wait(60)


@pytest.mark.parametrize("user", [NOBODY, 0], ids=["service", "root"])
@pytest.mark.parametrize("prepare, as_service, as_root, words", CASES, ids=[case[0].__name__ for case in CASES])
def test_check_and_run_agree(place, prepare, as_service, as_root, words, user):
    verdict = as_service if user else as_root
    words = [] if verdict == "works" else words
    place.belongs_to(user)
    admin_port = free_port()
    place.set(admin={"listen": f"127.0.0.1:{admin_port}"})
    prepare(place)
    if prepare is topic_with_a_slip:
        words = [place.lands.topic + "x"]
    if verdict in ("works", "warned"):
        admin_port = int(place.config["admin"]["listen"].rpartition(":")[2])
    file = place.path / "penstock.yaml"
    file.write_text(json.dumps(place.config))
    before = {path for path in place.path.rglob("*")}

    code, told = check(place, file, user)
    assert code in EXIT_OF_CHECK[verdict], told
    severity = {"works": "ok ", "warned": "warn "}.get(verdict, "FAULT")
    rows = [line for line in told.splitlines() if verdict == "invalid" or line.startswith(severity)]
    assert any(all(word in row for word in words) for row in rows), told
    assert verdict != "works" or len(rows) == len(told.splitlines()), told
    assert {path for path in place.path.rglob("*")} == before, "it leaves nothing behind"
    if prepare is topic_with_a_slip:
        assert f"did you mean {place.lands.topic}?" in told

    outcome, said = outcome_of_run(place, file, admin_port, user, words if verdict == "waits" else [])
    if verdict in ("works", "warned"):
        assert outcome == "ready", said
    else:
        assert outcome == EXIT_OF_RUN.get(verdict, "waits"), said
        assert all(word in said for word in words), said


def test_a_planted_link_is_not_written_through(place):
    """Root asks in a directory of a service that somebody has taken over."""
    worker = place.make(place.stage / "gateway" / "worker-0", NOBODY)
    victim = place.path / "of-root"
    victim.write_text("precious")
    for name in (".check", "lock", "direct-probe.tmp", "segment-00000001.stage"):
        (worker / name).symlink_to(victim)
    (place.stage / ".check").symlink_to(victim)
    file = place.path / "penstock.yaml"
    file.write_text(json.dumps(merged(place.config, {"admin": {"listen": "none"}})))
    check(place, file, 0)
    assert victim.read_text() == "precious"


def test_nothing_is_left_behind(place):
    """No consumer group, no blob, no directory; not even those of a lake that is a directory."""
    groups = place.lands.kafka.admin()
    place.config["sink"] = {"url": f"file://{place.lake}"}
    file = place.path / "penstock.yaml"
    file.write_text(json.dumps(merged(place.config, {"admin": {"listen": "none"}})))
    before = {path for path in place.path.rglob("*")}
    code, told = check(place, file, 0)
    assert code == 0, told
    assert "refuses stale commits" in told
    assert {path for path in place.path.rglob("*")} == before
    assert not [group.group_id for group in groups.list_consumer_groups().result().valid
                if group.group_id.startswith(place.lands.group)], told
    assert read_container(place.lands.azurite, place.lands.container) == []


def test_a_deployment_that_is_running_may_be_checked(landing):
    """Before a restart with other settings. A second one beside it is refused."""
    lands = landing(1)
    penstock = lands.penstock().start()
    wait_until(lambda: "partitions assigned" in penstock.output, 30, "it is a member")
    done = run_command("check", "--config", penstock.file, "--json", timeout_s=120)
    assert done.returncode == 0, done.stdout
    warned = {finding["subject"]: finding["text"] for finding in json.loads(done.stdout)["findings"] if finding["warning"]}
    assert {"stage", "instance", "admin"} <= set(warned), done.stdout
    assert "Another penstock uses it" in warned["stage"]
    assert "this deployment is running" in warned["instance"]
    assert penstock.service.running, "it was not put out of its group"
    second = run_command("run", "--config", penstock.file, timeout_s=120)
    assert second.returncode == 1, second.stderr
    assert penstock.terminate() == 0


def test_an_instance_that_another_process_has_is_told(landing):
    lands = landing(1)
    named = merged(lands.config(), {"source": {"instance": "one"}})
    penstock = lands.penstock(named).start()
    wait_until(lambda: "partitions assigned" in penstock.output, 30, "it is a member")
    other = lands.penstock(merged(named, {"stage": {"dir": str(lands.directory / "other-stage")}}))
    done = run_command("check", "--config", other.file, timeout_s=120)
    assert done.returncode == 0, done.stdout
    [row] = [line for line in done.stdout.splitlines() if " instance " in line]
    assert row.startswith("warn") and "puts it out of the group" in row
    assert penstock.terminate() == 0


def test_many_topics_are_one_row(landing):
    lands = landing(1)
    prefix = f"many-{lands.topic}"
    for number in range(12):
        lands.kafka.create_topic_named(f"{prefix}-{number}", 1)
    config = lands.config()
    del config["source"]["topics"]
    config["source"]["topics_regex"] = f"^{prefix}"
    done = run_command("check", "--config", lands.penstock(config).file, timeout_s=120)
    assert done.returncode == 0, done.stdout
    [row] = [line for line in done.stdout.splitlines() if line.startswith("ok     topic ")]
    assert "12 topics, 12 partitions" in row


def test_a_state_directory_that_the_stage_is_not_in_is_told(landing):
    lands = landing(1)
    penstock = lands.penstock()
    done = subprocess.run([penstock_binary(), "check", "--config", penstock.file], capture_output=True, text=True,
                          timeout=120, env={**os.environ, "STATE_DIRECTORY": "/var/lib/penstock/orders"})
    assert done.returncode == 0, done.stdout
    assert any(line.startswith("warn") and "/var/lib/penstock/orders" in line for line in done.stdout.splitlines()), done.stdout


def test_a_summary_that_cannot_be_written_is_told_at_the_start(landing, tmp_path):
    lands = landing(1)
    for summary in (tmp_path / "missing" / "totals.json", tmp_path):
        penstock = lands.penstock(None, "--exit-at-end", "--summary", str(summary))
        penstock.service.start()
        assert penstock.wait() == 2, penstock.output
        assert str(summary) in penstock.output
        assert "starting" not in penstock.output


def test_check_has_given_up_and_does_not_say_that_it_goes_on(landing):
    lands = landing(1)
    penstock = lands.penstock(merged(lands.config(), {"source": {"brokers": [f"127.0.0.1:{free_port()}"]}}))
    for command in ("check", "verify"):
        done = run_command(command, "--config", penstock.file, timeout_s=120)
        assert done.returncode != 0
        assert "source.brokers" in done.stdout + done.stderr
        assert "goes on" not in done.stdout + done.stderr


def test_a_broker_that_has_just_started_is_no_fault(deployment, tmp_path):
    """It does not coordinate its groups yet, and says so at first."""
    kafka = Kafka(tmp_path / "kafka")
    kafka.format()
    kafka.start()
    try:
        topic = kafka.create_topic(1)
        deployed = deployment(kafka)
        penstock = deployed.penstock(deployed.config([topic]))
        done = run_command("check", "--config", penstock.file, timeout_s=120)
        assert done.returncode == 0, done.stdout
        kafka.kill()
        kafka.start()
        done = run_command("check", "--config", penstock.file, timeout_s=120)
        assert done.returncode == 0, done.stdout
    finally:
        kafka.kill()
