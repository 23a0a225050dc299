"""A broker and a store on this machine, and the image that ./dev image has made."""

import itertools
import os
from pathlib import Path

import pytest
from contained import IMAGE, Contained, podman

from harness.azurite import Azurite
from harness.book import CountingBook
from harness.kafka import Kafka
from harness.lake import files_of, landed_records
from harness.nodes import azurite, azurite_node, kafka, kafka_node  # noqa: F401: fixtures
from harness.penstock import base_config, merged
from harness.secrets_told import in_logs
from harness.service import wait_until
from harness.tally import Tally, tally

_volumes = itertools.count()


@pytest.fixture(scope="session")
def image() -> str:
    if podman("image", "exists", IMAGE).returncode != 0:
        pytest.fail(f"there is no image {IMAGE}: ./dev image", pytrace=False)
    return IMAGE


class Intake:
    """A topic, its producer's book, a container of the store, and containers of penstock between them."""

    def __init__(self, kafka: Kafka, azurite: Azurite, directory: Path, partitions: int):
        self.azurite, self.directory, self.partitions = azurite, directory, partitions
        self.topic = kafka.create_topic(partitions)
        self.book = CountingBook(kafka, self.topic)
        self.lake = azurite.create_container()
        self.config = merged(base_config(directory, [self.topic], kafka.bootstrap, azurite.sink(self.lake)), {
            "source": {"group": f"penstock-{self.topic}"}, "batch": {"max_age": "1s"}})
        self._made: list[Contained] = []
        self._volumes: list[str] = []

    def volume(self) -> str:
        self._volumes.append(f"penstock-test-{os.getpid()}-stage-{next(_volumes)}")
        return self._volumes[-1]

    def contained(self, changes: dict | None = None, stage: str | None = None, **options) -> Contained:
        """Not started yet. Without `stage`: with one of its own."""
        self._made.append(Contained(self.directory / f"container-{len(self._made)}", merged(self.config, changes or {}),
                                    stage or self.volume(), **options))
        return self._made[-1]

    def send(self, count: int):
        for index in range(count):
            self.book.send_next(index % self.partitions)
        self.book.flush()

    def wait_landed(self, timeout_s: float = 90):
        wait_until(lambda: landed_records(self.azurite, self.lake) >= self.book.line_count, timeout_s, "all records landed", 0.3)

    def tally(self) -> Tally:
        return tally(self.book, files_of(self.azurite, self.lake))

    def end(self):
        for each in self._made:
            each.remove()
        for volume in self._volumes:
            podman("volume", "rm", "--force", volume)


@pytest.fixture
def intake(image, kafka, azurite, tmp_path):  # noqa: F811
    """intake(partitions) -> Intake, between the session's broker and store unless others are given."""
    made: list[Intake] = []

    def make(partitions: int, broker: Kafka = kafka, store: Azurite = azurite) -> Intake:
        made.append(Intake(broker, store, tmp_path / f"intake-{len(made)}", partitions))
        return made[-1]

    yield make
    for each in made:
        each.end()
    assert not in_logs(tmp_path)
