"""The producer's own book: what was sent to each partition, in order, and what must therefore be in the lake."""

import random
from collections import defaultdict

from confluent_kafka import Producer

from harness.kafka import Kafka

# One block of noise for all payloads, without CR and LF: cutting it costs nothing, and the same everywhere.
_NOISE = bytes(b if b not in b"\r\n" else 0x20 for b in random.Random(3).randbytes(2 << 20))


def sequenced(partition: int, sequence: int, size: int) -> bytes:
    """A value of `size` bytes that says where it belongs; the rest is noise, not valid UTF-8."""
    head = b"%d/%d " % (partition, sequence)
    start = (sequence * 7919) % (1 << 20)
    return head + _NOISE[start : start + max(0, size - len(head))]


def partition_of(line: bytes) -> int:
    """The partition that a sequenced() value names."""
    return int(line[: line.index(b"/")])


def as_line(value: bytes) -> bytes:
    """What a value becomes in the file, without the line's end."""
    return value.replace(b"\r", b" ").replace(b"\n", b" ")


class Book:
    def __init__(self, kafka: Kafka, topic: str, **producer):
        self.topic = topic
        self.lines: dict[int, list[bytes]] = defaultdict(list)  # by partition; no entry for empty values
        self.offsets: dict[int, int] = defaultdict(int)  # the next offset of each partition
        self.empty_values = 0
        self._failed: list = []
        self._producer = Producer({
            "bootstrap.servers": kafka.bootstrap, "enable.idempotence": True, "linger.ms": 5,
            "message.max.bytes": 2_000_000, "queue.buffering.max.kbytes": 128 * 1024, "log_level": 0, **producer})

    @property
    def records(self) -> int:
        return sum(self.offsets.values())

    @property
    def line_count(self) -> int:
        return sum(len(lines) for lines in self.lines.values())

    def send(self, partition: int, value: bytes | None):
        while True:
            try:
                self._producer.produce(self.topic, value, partition=partition, on_delivery=self._delivered)
                break
            except BufferError:
                self._producer.poll(0.05)
        self._producer.poll(0)
        self.offsets[partition] += 1
        if value:
            self.lines[partition].append(as_line(value))
        else:
            self.empty_values += 1

    def send_sequenced(self, partition: int, size: int):
        self.send(partition, sequenced(partition, self.offsets[partition], size))

    def spread(self, partitions: int, count: int, size: int):
        """`count` sequenced values, in turn to each partition."""
        for index in range(count):
            self.send_sequenced(index % partitions, size)
        self.flush()

    def flush(self, timeout_s: float = 120):
        left = self._producer.flush(timeout_s)
        assert left == 0, f"{left} records could not be sent in {timeout_s} s"
        assert not self._failed, f"the broker refused: {self._failed[:3]}"

    def _delivered(self, error, _):
        if error is not None:
            self._failed.append(error)


class CountingBook(Book):
    """Keeps counts alone: what was sent to a place in a partition can be made again. For runs of millions of records."""

    @staticmethod
    def value(partition: int, sequence: int) -> bytes:
        return sequenced(partition, sequence, 100 + (sequence * 31 + partition * 17) % 700)

    def send_next(self, partition: int):
        self.send(partition, self.value(partition, self.offsets[partition]))
        self.lines[partition].clear()

    @property
    def line_count(self) -> int:
        return self.records - self.empty_values
