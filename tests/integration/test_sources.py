"""The same topics through both sources, byte for byte and position for position."""

import random
import time

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from harness.book import as_line, sequenced
from harness.lake import read_directory_with_metadata
from harness.penstock import Penstock, base_config, merged
from harness.service import wait_until


class Both:
    """One topic, read to its end over each source into a directory of its own, a file for each partition."""

    def __init__(self, kafka, directory, topic: str, partitions: int):
        self.kafka, self.directory, self.topic, self.partitions = kafka, directory, topic, partitions

    def read(self, fetch: str) -> dict[int, tuple[tuple[int, int], bytes]]:
        """Partition: the positions it was read from and to, and the bytes of its files, in order."""
        lake = self.directory / f"lake-{fetch}"
        group = f"{self.topic}-{fetch}"
        config = merged(base_config(self.directory / fetch, [self.topic], self.kafka.bootstrap, {"url": f"file://{lake}"}), {
            "source": {"group": group, "fetch": fetch, "start": "earliest"},
            "batch": {"max_age": "60s", "group_by": "partition", "path": "{topic}/{partition}/{yyyy}{MM}{dd}T{HH}{mm}{ss}"}})
        with Penstock(self.directory / fetch, config, "--exit-at-end") as penstock:
            penstock.service.start()
            assert penstock.wait(120) == 0, penstock.output[-3000:]
            penstock.assert_did_not_crash()
            said = "records are fetched directly" if fetch == "direct" else "records are fetched by librdkafka"
            assert said in penstock.output
        found = {}
        files = sorted(read_directory_with_metadata(lake), key=lambda file: next(iter(file.ranges.values())))
        for file in files:
            (partition, (first, following)), = file.ranges.items()
            (begin, end), content = found.get(partition, ((first, first), b""))
            assert end == first, f"{file.name} begins at {first}, the file before ends at {end}"
            found[partition] = ((begin, following), content + file.content)
        found["committed"] = self.kafka.committed(group, self.topic, self.partitions)
        return found

    def agree(self) -> dict:
        librdkafka = self.read("librdkafka")
        direct = self.read("direct")
        assert direct.keys() == librdkafka.keys()
        assert direct["committed"] == librdkafka["committed"]
        for partition in direct.keys() - {"committed"}:
            assert direct[partition][0] == librdkafka[partition][0], f"partition {partition}: other positions"
            assert direct[partition][1] == librdkafka[partition][1], f"partition {partition}: other bytes"
        return direct


@pytest.fixture
def both(binary, kafka, tmp_path):
    return lambda topic, partitions=1: Both(kafka, tmp_path, topic, partitions)


def delivered(error, _):
    assert error is None, error


def producer(kafka, **settings) -> Producer:
    return Producer({"bootstrap.servers": kafka.bootstrap, "message.max.bytes": 2_000_000, "log_level": 0,
                     "linger.ms": 20, **settings})


def flushed(sender: Producer):
    assert sender.flush(60) == 0


def lines(content: bytes) -> list[bytes]:
    return content.split(b"\n")[:-1]


def test_all_codecs_sizes_keys_and_headers(both, kafka):
    topic = kafka.create_topic(5)
    rng = random.Random(5)
    sent: dict[int, list[bytes]] = {partition: [] for partition in range(5)}
    for partition, codec in enumerate(["none", "gzip", "snappy", "lz4", "zstd"]):
        # Idempotent, so that a request that is repeated changes no order.
        sender = producer(kafka, **{"compression.type": codec, "on_delivery": delivered, "enable.idempotence": True})
        for sequence in range(400):
            size = rng.choice((1, 1, 30, 300, 1024, 5000)) if sequence % 100 else rng.choice((900 * 1024, 300_000))
            value = sequenced(partition, sequence, size) if size > 1 else b"%c" % (33 + sequence % 90)
            key = rng.choice((None, b"", b"key", b"k" * 500))
            headers = rng.choice((None, [("h", b"v")], [("a", None), ("a", b""), ("long", b"x" * 3000)]))
            sender.produce(topic, value, key=key, partition=partition, headers=headers)
            sender.poll(0)
            sent[partition].append(as_line(value))
        flushed(sender)
    found = both(topic, 5).agree()
    for partition, values in sent.items():
        assert lines(found[partition][1]) == values, f"partition {partition} is not what was sent"
    assert found["committed"] == {partition: 400 for partition in range(5)}


def test_a_transactional_topic_with_aborted_transactions(both, kafka):
    topic = kafka.create_topic(2)
    senders = [producer(kafka, **{"transactional.id": f"{topic}-{i}", "compression.type": codec})
               for i, codec in enumerate(("none", "lz4"))]
    kept: dict[int, list[bytes]] = {0: [], 1: []}
    for sender in senders:
        sender.init_transactions(60)
    for number in range(12):  # two open at a time, so that their batches lie between one another
        for sender in senders:
            sender.begin_transaction()
        values = []
        for sequence in range(40):
            for which, sender in enumerate(senders):
                value = b"%d/%d/%d" % (number, which, sequence)
                sender.produce(topic, value, partition=sequence % 2)
                values.append((which, sequence % 2, value))
            if sequence % 10 == 0:
                for sender in senders:
                    flushed(sender)
        for which, sender in enumerate(senders):
            aborted = (number + which) % 3 == 0
            (sender.abort_transaction if aborted else sender.commit_transaction)(60)
            if not aborted:
                for by, partition, value in values:
                    if by == which:
                        kept[partition].append(value)
    found = both(topic, 2).agree()
    for partition in (0, 1):
        assert sorted(lines(found[partition][1])) == sorted(kept[partition])
        assert found["committed"][partition] > len(kept[partition]), "behind the markers and what was aborted"


def log_start(kafka, topic: str) -> int:
    consumer = Consumer({"bootstrap.servers": kafka.bootstrap, "group.id": "none", "log_level": 0})
    try:
        return consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=20)[0]
    finally:
        consumer.close()


def records_kept(kafka, topic: str) -> int:
    consumer = Consumer({"bootstrap.servers": kafka.bootstrap, "group.id": "none", "log_level": 0,
                         "enable.partition.eof": True, "enable.auto.commit": False})
    consumer.assign([TopicPartition(topic, 0, 0)])
    count = 0
    try:
        while True:
            message = consumer.poll(20)
            if message is None or message.error():
                return count
            count += 1
    finally:
        consumer.close()


def test_a_compacted_topic_with_holes(both, kafka):
    topic = kafka.create_topic(1, cleanup_policy="compact", segment_ms=100, segment_bytes=20_000,
                               min_cleanable_dirty_ratio=0.001, max_compaction_lag_ms=100, delete_retention_ms=100)
    sender = producer(kafka, **{"linger.ms": 0, "on_delivery": delivered})
    for round_ in range(40):
        for key in range(50):
            if key % 10 == 0 or round_ == key % 40:
                sender.produce(topic, b"%d/%d " % (round_, key) + b"x" * 200, key=b"%d" % key)
        flushed(sender)
    sent = sum(1 for round_ in range(40) for key in range(50) if key % 10 == 0 or round_ == key % 40)
    time.sleep(0.2)
    sender.produce(topic, b"the last", key=b"last")  # rolls the segment before it
    flushed(sender)
    wait_until(lambda: records_kept(kafka, topic) < sent // 2, 90, "the broker compacts", 1)
    found = both(topic).agree()
    (begin, end), content = found[0]
    assert end - begin > 2 * len(lines(content)), "there are holes"
    assert found["committed"][0] == sent + 1


def test_a_topic_whose_old_records_are_deleted(both, kafka):
    topic = kafka.create_topic(1, segment_bytes=100_000)
    sender = producer(kafka, **{"batch.size": 20_000, "on_delivery": delivered})
    for sequence in range(2000):
        sender.produce(topic, sequenced(0, sequence, 500))
    flushed(sender)
    admin: AdminClient = kafka.admin()
    for each in admin.delete_records([TopicPartition(topic, 0, 1234)]).values():
        each.result(30)
    wait_until(lambda: log_start(kafka, topic) == 1234, 30, "the log begins later")
    found = both(topic).agree()
    assert found[0][0] == (1234, 2000)
    assert lines(found[0][1])[0].startswith(b"0/1234 ")
