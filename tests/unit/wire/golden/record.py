"""Records the golden batches of this folder from a real broker: the `records` field of raw Fetch responses, as the
broker sent it, and beside it what another client (confluent-kafka, read_committed) read from the same topic.

    ./dev setup test
    build/deps/venv/bin/python tests/unit/wire/golden/record.py [codecs|broker_codecs|transactions|...]

Each case is one partition: NAME.bin holds the bytes, NAME.json says how they were asked for and what is in them.
Offsets, keys and values are the same in every recording; times and producer ids are not, so a new recording changes every
file. Values and keys are text, null, or {"sha256", "bytes"} where they are long.
"""

import hashlib
import json
import socket
import struct
import sys
import tempfile
import time
from pathlib import Path

from confluent_kafka import TIMESTAMP_CREATE_TIME, Consumer, Producer, TopicPartition

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[2] / "integration"))

from harness.kafka import Kafka  # noqa: E402
from harness.service import wait_until  # noqa: E402

TIME_MS = 1_769_817_600_000  # 2026-01-31T00:00:00Z
LONG = 200  # values longer than this are kept as their checksum
CODECS = ("none", "gzip", "snappy", "lz4", "zstd")


# Kafka's protocol, as little of it as one Fetch needs: Fetch v11, request header v1.


def text(value: str) -> bytes:
    return struct.pack(">h", len(value)) + value.encode()


def exactly(connection: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        piece = connection.recv(count - len(data))
        assert piece, "the broker closed the connection"
        data += piece
    return data


def fetch(port: int, topic: str, offset: int, bytes_max: int) -> tuple[bytes, list[tuple[int, int]]]:
    """The records field and the aborted transactions of partition 0 from `offset`."""
    request = struct.pack(">hhi", 1, 11, 7) + text("golden")
    request += struct.pack(">iiiibii", -1, 500, 1, bytes_max, 1, 0, -1)  # isolation 1: read_committed; no session
    request += struct.pack(">i", 1) + text(topic) + struct.pack(">i", 1)
    request += struct.pack(">iiqqi", 0, -1, offset, -1, bytes_max)
    request += struct.pack(">i", 0) + text("")
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(struct.pack(">i", len(request)) + request)
        response = exactly(connection, *struct.unpack(">i", exactly(connection, 4)))
    at = 4 + 4  # correlation id, throttle time
    error, _, topics, length = struct.unpack_from(">hiih", response, at)
    assert (error, topics) == (0, 1), error
    at += 12 + length
    partitions, partition, error, _, _, _, aborted_count = struct.unpack_from(">iihqqqi", response, at)
    assert (partitions, partition, error) == (1, 0, 0), error
    at += 38
    aborted = []
    for _ in range(max(aborted_count, 0)):
        aborted.append(struct.unpack_from(">qq", response, at))
        at += 16
    _, length = struct.unpack_from(">ii", response, at)  # preferred replica first
    at += 8
    assert at + length == len(response)
    return response[at:], aborted


def end_of_batches(records: bytes) -> int:
    """The position behind the last whole batch."""
    at = end = 0
    while at + 61 <= len(records) and at + 12 + struct.unpack_from(">i", records, at + 8)[0] <= len(records):
        base, length = struct.unpack_from(">qi", records, at)
        end = base + struct.unpack_from(">i", records, at + 23)[0] + 1
        at += 12 + length
    return end


# What is recorded.


class Recorder:
    def __init__(self, kafka: Kafka):
        self.kafka = kafka

    def produce(self, topic: str, records: list[tuple], codec: str = "none", **settings):
        """One flush, and so, with a long linger, one batch. A record: key, value, headers, and its time."""
        producer = Producer({"bootstrap.servers": self.kafka.bootstrap, "compression.type": codec, "linger.ms": 200,
                             "message.max.bytes": 2_000_000, **settings})
        self.send(producer, topic, records)

    @staticmethod
    def send(producer: Producer, topic: str, records: list[tuple]):
        for key, value, headers, time_ms in records:
            producer.produce(topic, value=value, key=key, headers=headers, timestamp=time_ms, partition=0)
        assert producer.flush(30) == 0

    def read(self, topic: str, offset: int) -> tuple[list[dict], int]:
        """The records from `offset` on, and the position at their end."""
        consumer = Consumer({"bootstrap.servers": self.kafka.bootstrap, "group.id": "golden",
                             "isolation.level": "read_committed", "enable.partition.eof": True})
        consumer.assign([TopicPartition(topic, 0, offset)])
        found = []
        while True:
            message = consumer.poll(30)
            assert message is not None, "neither a record nor the end"
            if message.error():
                end = message.offset()  # it is no record, but the end of the partition
                break
            kind, time_ms = message.timestamp()
            found.append({
                "offset": message.offset(), "key": shown(message.key()), "value": shown(message.value()),
                "headers": [[name, shown(value)] for name, value in message.headers() or []],
                "timestamp_ms": time_ms, "create_time": kind == TIMESTAMP_CREATE_TIME})
        consumer.close()
        return found, end

    def save(self, name: str, topic: str, offset: int = 0, bytes_max: int = 1 << 24, to_the_end: bool = True):
        """One response. It may end before the partition does: cut, or because a response holds one segment's data."""
        records, aborted = fetch(self.kafka.port, topic, offset, bytes_max)
        expected, end = self.read(topic, offset)
        if not to_the_end:
            end = end_of_batches(records)
            expected = [record for record in expected if record["offset"] < end]
        (HERE / f"{name}.bin").write_bytes(records)
        (HERE / f"{name}.json").write_text(json.dumps(
            {"asked": offset, "aborted": [list(each) for each in aborted], "next": end, "records": expected}, indent=0) + "\n")
        print(f"{name}: {len(records)} bytes, {len(expected)} records, {len(aborted)} aborted transactions")


def now_ms() -> int:
    return int(time.time() * 1000)


def shown(value: bytes | str | None):
    if value is None:
        return None
    if isinstance(value, str):
        value = value.encode()
    if len(value) > LONG:
        return {"sha256": hashlib.sha256(value).hexdigest(), "bytes": len(value)}
    return value.decode()


def mixed_records(first: int, count: int) -> list[tuple]:
    """Keys, values and headers in all their forms, and times that go back and forth."""
    records = []
    for number in range(first, first + count):
        headers = [None, [("trace", f"t-{number}".encode())], [("empty", b""), ("null", None), ("trace", b"x" * 70)]][number % 3]
        key = [None, f"key-{number}", ""][number % 3]
        value = [f'{{"number":{number},"text":"{"abcdefgh" * (number % 20)}"}}', None, ""][0 if number % 7 else number % 3]
        records.append((key, value, headers, TIME_MS + number * 1000 - (number % 4) * 5000))
    return records


def codecs(recorder: Recorder):
    """Compressed by librdkafka: two batches."""
    for codec in CODECS:
        topic = recorder.kafka.create_topic(1)
        recorder.produce(topic, mixed_records(0, 40), codec)
        recorder.produce(topic, mixed_records(40, 25), codec)
        recorder.save(codec, topic)
    recorder.save("asked_inside_a_batch", topic, offset=17)
    recorder.save("asked_in_the_last_batch", topic, offset=64)


def broker_codecs(recorder: Recorder):
    """Compressed by the broker, and so by Kafka's Java code: snappy-java's stream, for one."""
    for codec in CODECS[1:]:
        topic = recorder.kafka.create_topic(1, compression_type=codec)
        recorder.produce(topic, mixed_records(0, 40))
        recorder.save(f"java_{codec}", topic)


def transactions(recorder: Recorder):
    """Committed and aborted, of two producers interleaved, and plain records between them. The times are real: the broker
    gives its markers its own, and a week's distance would begin a new segment, where a response ends."""
    topic = recorder.kafka.create_topic(1)
    first, second = (Producer({"bootstrap.servers": recorder.kafka.bootstrap, "transactional.id": f"golden-{number}",
                               "linger.ms": 50}) for number in (1, 2))
    for producer in (first, second):
        producer.init_transactions(30)

    def batch(producer, label, count=3):
        recorder.send(producer, topic, [(label, f"{label}-{n}", None, now_ms()) for n in range(count)])

    first.begin_transaction()
    batch(first, "committed-1")
    first.commit_transaction(30)
    first.begin_transaction()
    batch(first, "aborted-1")
    second.begin_transaction()
    batch(second, "committed-2")
    batch(first, "aborted-1-more")
    recorder.produce(topic, [("plain", "plain", None, now_ms())])
    second.commit_transaction(30)
    batch(first, "aborted-1-still")
    first.abort_transaction(30)
    second.begin_transaction()
    batch(second, "aborted-2")
    first.begin_transaction()
    batch(first, "committed-3")
    second.abort_transaction(30)
    first.commit_transaction(30)
    second.begin_transaction()
    batch(second, "aborted-at-the-end")
    second.abort_transaction(30)
    time.sleep(2)  # the coordinator writes the markers after it has answered
    recorder.save("transactions", topic)
    recorder.save("transactions_asked_inside", topic, offset=9)


def compaction(recorder: Recorder):
    """Overwritten keys are gone: from inside batches, from their ends, and whole batches."""
    for name, codec in (("compacted", "none"), ("compacted_zstd", "zstd")):
        topic = recorder.kafka.create_topic(1, cleanup_policy="compact", segment_ms=500, min_cleanable_dirty_ratio=0.001,
                                            min_compaction_lag_ms=0, max_compaction_lag_ms=1000, delete_retention_ms=3_600_000)
        # A segment is closed by a record that is 500 ms later than its first, so the times are real; only what is closed
        # is cleaned.
        for turn in range(4):
            recorder.produce(topic, [(f"key-{(turn * 3 + n) % 9}", None if n == 5 else f"turn-{turn}-{n}", None, now_ms())
                                     for n in range(7)], codec)
            time.sleep(0.7)
        for n in range(3):
            recorder.produce(topic, [("last", f"last-{n}", None, now_ms())], codec)
            time.sleep(0.7)
        wait_until(lambda: len(recorder.read(topic, 0)[0]) <= 12, 90, f"{name}: compacted", 1)
        time.sleep(3)
        recorder.save(name, topic, to_the_end=False)


def times(recorder: Recorder):
    topic = recorder.kafka.create_topic(1, message_timestamp_type="LogAppendTime")
    recorder.produce(topic, mixed_records(0, 10), "gzip")
    recorder.save("log_append_time", topic)


def large(recorder: Recorder):
    topic = recorder.kafka.create_topic(1, max_message_bytes=1_500_000)
    recorder.produce(topic, [("large", "0123456789abcdef" * (900 * 64), None, TIME_MS), ("small", "x", None, TIME_MS)], "gzip")
    recorder.save("large_value", topic)


def cuts(recorder: Recorder):
    """More than one batch, and a limit inside the second: the broker cuts it there."""
    topic = recorder.kafka.create_topic(1)
    recorder.produce(topic, mixed_records(0, 10))
    recorder.produce(topic, mixed_records(10, 10))
    whole, _ = fetch(recorder.kafka.port, topic, 0, 1 << 24)
    first = 12 + struct.unpack_from(">i", whole, 8)[0]
    recorder.save("cut", topic, bytes_max=first + 100, to_the_end=False)


def main():
    with tempfile.TemporaryDirectory() as directory:
        kafka = Kafka(Path(directory))
        with open(Path(directory) / "server.properties", "a") as properties:
            properties.write("log.cleaner.backoff.ms=500\nlog.retention.check.interval.ms=1000\n")
        kafka.format()
        kafka.start()
        try:
            recorder = Recorder(kafka)
            for part in (codecs, broker_codecs, transactions, compaction, times, large, cuts):
                if not sys.argv[1:] or part.__name__ in sys.argv[1:]:
                    part(recorder)
        finally:
            kafka.kill()


if __name__ == "__main__":
    main()
