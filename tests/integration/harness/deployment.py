"""A test's own topics, group and lake with penstocks between them, and a count of every line that was sent and landed.

Topics here are deleted, made anew and kept from being read, so a line is known by what it says and not by its offset.
"""

import re
from collections import Counter
from pathlib import Path

from confluent_kafka import Producer

from harness.azurite import Azurite
from harness.kafka import Kafka
from harness.lake import read_container, read_directory
from harness.penstock import Penstock, merged, base_config, run_command
from harness.service import OutOfTime, wait_until


class Deployment:
    """`azurite`: the lake is a container there. Otherwise it is a directory."""

    def __init__(self, kafka: Kafka, directory: Path, azurite: Azurite | None = None):
        self.kafka, self.directory, self.azurite = kafka, directory, azurite
        self.lake = directory / "lake"
        self.container = azurite.create_container() if azurite else None
        self.group = f"group-of-{kafka.fresh_name()}"
        self.sent: Counter = Counter()
        self._started: list[Penstock] = []
        self._numbers = 0

    # What runs

    def config(self, topics: list[str], changes: dict | None = None, port: int | None = None) -> dict:
        """`port`: of the proxy to go to the store through."""
        sink = self.azurite.sink(self.container, port) if self.azurite else {"url": f"file://{self.lake}"}
        return merged(merged(base_config(self.directory, topics, self.kafka.bootstrap, sink), {
            "source": {"group": self.group, "librdkafka": {"topic.metadata.refresh.interval.ms": 1000}},
            "batch": {"max_age": "1s"}}), changes or {})

    def penstock(self, config: dict, *arguments: str, stage: str = "stage") -> Penstock:
        """Not started yet. Those with one `stage` follow each other; those side by side need one each."""
        config = merged(config, {"stage": {"dir": str(self.directory / stage)}})
        made = Penstock(self.directory / f"penstock-{len(self._started)}", config, *arguments)
        self._started.append(made)
        return made

    def end(self):
        for penstock in self._started:
            if penstock.service.running:
                penstock.service.kill()
        for penstock in self._started:
            penstock.assert_nothing_reported()

    # What was sent

    def send(self, topic: str, partitions: int | list[int], count: int, size: int = 100, kafka: Kafka | None = None):
        """`count` lines to each partition, counted as sent. A new client each time: an old one remembers a topic that
        was deleted."""
        self.sent.update(self.send_uncounted(topic, partitions, count, size, kafka))

    def send_uncounted(self, topic: str, partitions: int | list[int], count: int, size: int = 100,
                       kafka: Kafka | None = None) -> list[bytes]:
        failed, lines = [], []
        producer = Producer({"bootstrap.servers": (kafka or self.kafka).bootstrap, "linger.ms": 5, "log_level": 0})
        for _ in range(count):
            for partition in range(partitions) if isinstance(partitions, int) else partitions:
                self._numbers += 1
                lines.append(f"{topic}/{partition}/{self._numbers} ".encode().ljust(size, b"."))
                producer.produce(topic, lines[-1], partition=partition,
                                 on_delivery=lambda error, _: failed.append(error) if error else None)
                producer.poll(0)
        left = producer.flush(60)
        assert not failed, f"the broker refused: {failed[:3]}"
        if left:
            raise OutOfTime(f"the broker took all but {left} lines in 60 s")
        return lines

    # What landed

    def landed(self) -> Counter:
        """Every line of the lake and how often it is there."""
        files = read_container(self.azurite, self.container) if self.azurite else read_directory(self.lake)
        return Counter(line for file in files for line in file.lines)

    def wait_landed(self, timeout_s: float = 30):
        """Until all that was sent is there. What is there twice or was never sent fails at once."""
        def all_of_it() -> bool:
            landed = self.landed()
            assert not landed - self.sent, f"landed twice or never sent: {told(landed - self.sent)}"
            return landed == self.sent
        try:
            wait_until(all_of_it, timeout_s, "all that was sent landed", 0.3)
        except OutOfTime as late:
            raise OutOfTime(f"{late}; missing: {told(self.sent - self.landed())}") from None

    def assert_exactly(self):
        landed = self.landed()
        assert not self.sent - landed, f"lost: {told(self.sent - landed)}"
        assert not landed - self.sent, f"landed twice or never sent: {told(landed - self.sent)}"

    def verify(self, penstock: Penstock):
        """`penstock verify --deep` has nothing to say against the lake."""
        done = run_command("verify", "--config", penstock.file, "--deep")
        assert done.returncode == 0, done.stdout + done.stderr

    # What the group says

    def entry(self, topic: str, partition: int = 0) -> tuple[int, str]:
        """Offset and metadata; -1001 where there is no entry."""
        found = self.kafka.entries(self.group, topic, [partition])[0]
        return found.offset, found.metadata

    def assert_finished(self, topic: str, offsets: dict[int, int]):
        """Every entry is there, and none holds a claim of something that is still to be published."""
        for partition, offset in offsets.items():
            found, metadata = self.entry(topic, partition)
            assert (found, is_claim(metadata)) == (offset, False), f"{topic}/{partition}: ({found}, {metadata!r})"


def is_claim(metadata: str) -> bool:
    return re.match(r"p\d;", metadata) is not None


def told(lines: Counter) -> str:
    """A few of them: for people."""
    by_place = Counter(line.rsplit(b"/", 1)[0].decode() for line in lines.elements())
    return f"{sum(lines.values())} lines, by topic and partition {dict(by_place)}"


def wait_not_ready(penstock: Penstock, *words: str, timeout_s: float = 15):
    """Until /readyz is 503 with a sentence that has these words."""
    def says_so() -> bool:
        status, body = penstock.get("/readyz")
        return status == 503 and all(word in body for word in words)
    try:
        wait_until(says_so, timeout_s, f"/readyz is 503 and says {words}", 0.2)
    except OutOfTime as late:
        raise OutOfTime(f"{late}; it is {penstock.get('/readyz')}") from None


def wait_said(penstock: Penstock, pattern: str, timeout_s: float = 30) -> str:
    """The first line of the log with this pattern."""
    def line():
        return next((line for line in penstock.output.splitlines() if re.search(pattern, line)), None)
    return wait_until(line, timeout_s, f"the log says {pattern!r}")


def landed_by_last_line(penstock: Penstock) -> tuple[int, int]:
    """Records and files of the closing line."""
    found = re.findall(r"landed ([\d,]+) records .* in ([\d,]+) files", penstock.output)
    assert found, penstock.output[-2000:]
    return tuple(int(number.replace(",", "")) for number in found[-1])
