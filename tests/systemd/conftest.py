"""One broker, one blob service and one booted machine for the whole session; instances and topics are a test's own."""

import itertools
import os
import threading
import time
import urllib.request
from pathlib import Path

import pytest
from confluent_kafka import Consumer, TopicPartition
from machine import HERE, Instance, Machine, image, output_of

from harness.azurite import Azurite
from harness.book import CountingBook
from harness.kafka import Kafka
from harness.lake import files_of, landed_records
from harness.nodes import azurite, azurite_node, kafka, kafka_node  # noqa: F401
from harness.paths import ROOT
from harness.penstock import base_config, merged
from harness.service import free_port, wait_until
from harness.tally import tally
from harness.torture import Plan, Stream

PARTITIONS = 4


def pytest_collection_modifyitems(items):
    """A package is installed in seconds, or in minutes on a busy machine."""
    for item in items:
        item.add_marker(pytest.mark.timeout(900))


@pytest.fixture(scope="session")
def package() -> Path:
    """Built from this checkout; PENSTOCK_PACKAGE is any other one."""
    given = os.environ.get("PENSTOCK_PACKAGE")
    found = [Path(given)] if given else sorted((ROOT / "build" / "package").glob("penstock_*.deb"))
    if not found or not found[-1].exists():
        pytest.fail("there is no package in build/package: ./dev test systemd makes it", pytrace=False)
    return found[-1]


@pytest.fixture(scope="session")
def packages(package, tmp_path_factory) -> Path:
    """penstock.deb, and later.deb: the same with a higher version."""
    made = tmp_path_factory.mktemp("packages")
    (made / "penstock.deb").write_bytes(package.read_bytes())
    output_of("dpkg-deb", "-R", package, made / "tree")
    control = made / "tree" / "DEBIAN" / "control"
    control.write_text("".join(f"{line.rstrip()}.later\n" if line.startswith("Version: ") else line
                               for line in control.read_text().splitlines(keepends=True)))
    output_of("dpkg-deb", "--root-owner-group", "-b", "-Zgzip", "-z1", made / "tree", made / "later.deb")
    made.chmod(0o755)
    return made


@pytest.fixture(scope="session")
def booted_image(package) -> str:
    return image(package)


@pytest.fixture(scope="session")
def machine(booted_image, packages):
    with Machine(booted_image, packages) as made:
        made.install("penstock.deb")
        yield made


class Pauses:
    """How long each partition's committed position stood still while there was something behind it, seen from outside."""

    def __init__(self, kafka: Kafka, group: str, book: CountingBook):
        self.longest = 0.0
        self._book, self._end = book, threading.Event()
        self._consumer = Consumer({"bootstrap.servers": kafka.bootstrap, "group.id": group, "log_level": 0})
        self._thread = threading.Thread(target=self._watch)

    def _watch(self):
        position: dict[int, int] = {}
        since: dict[int, float] = {}
        while not self._end.wait(0.1):
            asked = [TopicPartition(self._book.topic, partition) for partition in range(PARTITIONS)]
            found = self._consumer.committed(asked, timeout=30)
            now = time.monotonic()
            for place in found:
                behind = self._book.offsets.get(place.partition, 0) > max(place.offset, 0)
                if place.offset != position.get(place.partition) or not behind:
                    position[place.partition], since[place.partition] = place.offset, now
                self.longest = max(self.longest, now - since[place.partition])

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._end.set()
        self._thread.join()
        self._consumer.close()


class Service:
    """An instance with a topic, a container and a group of its own, the producer's book, and the count at the end."""

    def __init__(self, machine: Machine, kafka: Kafka, azurite: Azurite, name: str, changes: dict | None = None,
                 port: int | None = None):
        self.kafka, self.azurite = kafka, azurite
        self.topic = kafka.create_topic(PARTITIONS)
        self.container = azurite.create_container()
        self.group = f"penstock-{name}"
        self.book = CountingBook(kafka, self.topic)
        self.admin_port = free_port()
        self.secret = azurite.connection_string(port)
        config = merged(base_config(Path("/nowhere"), [self.topic], kafka.bootstrap, azurite.sink(self.container, port)), {
            "name": name, "source": {"group": self.group}, "batch": {"max_age": "1s"}, "stage": {"max_bytes": "1GiB"},
            "sink": {"auth": {"value": "${credential:storage-key}"}}, "admin": {"listen": f"127.0.0.1:{self.admin_port}"}})
        del config["stage"]["dir"]  # it follows the unit's state directory
        self.instance = Instance(machine, name, merged(config, changes or {}))
        self.instance.drop_in(f"LoadCredential=storage-key:/etc/penstock/secrets/{name}.storage-key", "RestartSec=1s")
        machine.write(f"/etc/penstock/secrets/{name}.storage-key", self.secret, "0600")

    def load(self, per_second: int = 600):
        return Stream(self.book, Plan(seed=14, partitions=PARTITIONS, per_second=per_second))

    def send(self, count: int):
        for index in range(count):
            self.book.send_next(index % PARTITIONS)
        self.book.flush()

    def watched(self) -> Pauses:
        return Pauses(self.kafka, self.group, self.book)

    def page(self, path: str) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.admin_port}{path}", timeout=10) as reply:
            return reply.read().decode()

    def landed(self) -> int:
        return landed_records(self.azurite, self.container)

    def wait_landed(self, at_least: int | None = None, timeout_s: float = 120):
        want = self.book.line_count if at_least is None else at_least
        try:
            wait_until(lambda: self.landed() >= want, timeout_s, f"{want} records landed", 0.3)
        except AssertionError as late:
            raise AssertionError(f"{late}; {self.landed()} did\n{self.instance.journal()[-4000:]}") from None

    def assert_exact(self) -> str:
        """Every record that was sent is in the lake once. What was counted."""
        self.wait_landed()
        found = tally(self.book, files_of(self.azurite, self.container))
        assert found.lines > 0 and (found.lost, found.doubled, found.faults) == (0, 0, []), f"{found}\n{found.faults[:5]}"
        return str(found)


@pytest.fixture
def service(machine, kafka, azurite):
    """service(changes=None, port=None) -> Service, not started yet"""
    made: list[Service] = []

    def make(changes: dict | None = None, port: int | None = None, on: Machine = machine) -> Service:
        name = f"topic-{kafka.fresh_name().rsplit('-', 1)[1]}"
        made.append(Service(on, kafka, azurite, name, changes, port))
        return made[-1]

    yield make
    for each in made:
        each.instance.machine.try_("systemctl", "stop", each.instance.unit)
        journal = each.instance.machine.try_("journalctl", "-q", "--no-pager", f"--unit={each.instance.unit}").stdout
        (HERE / "journals").mkdir(parents=True, exist_ok=True)
        (HERE / "journals" / f"{each.instance.name}.log").write_text(journal)
        assert "Sanitizer" not in journal and "CHECK(" not in journal
