"""The same over a broker of Kafka 4.1, which has dropped the oldest versions of every request: all codecs over both sources,
and what can happen to processes. Any other test runs over it with PENSTOCK_KAFKA=4.1."""

import random

import pytest

from harness.book import Book
from harness.kafka import JARS, Kafka
from harness.lake import assert_exactly, assert_metadata, read_container
from harness.penstock import merged
from harness.torture import Plan, Torture

CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]


@pytest.fixture(scope="module")
def kafka_node(tmp_path_factory) -> Kafka:
    """In the place of the one that all other files share."""
    assert JARS["4.1"].is_dir(), f"{JARS['4.1']} is not there: ./dev setup test"
    node = Kafka(tmp_path_factory.mktemp("kafka-4.1"), version="4.1")
    node.format()
    node.start()
    yield node
    node.kill()


@pytest.mark.both_sources
def test_every_codec_lands(landing, kafka):
    lands = landing(len(CODECS))
    rng = random.Random(4)
    for partition, codec in enumerate(CODECS):
        sender = Book(kafka, lands.topic, **{"compression.type": codec})
        for _ in range(300):
            sender.send_sequenced(partition, rng.choice((12, 300, 1024, 5000, 300_000 if rng.random() < 0.05 else 40)))
        sender.flush()
        lands.book.lines[partition] = sender.lines[partition]
        lands.book.offsets[partition] = sender.offsets[partition]
    penstock = lands.penstock(merged(lands.config(), {"batch": {"compression": "zstd"}})).start()
    lands.wait_landed()
    assert penstock.terminate() == 0
    files = read_container(lands.azurite, lands.container)
    assert_exactly(lands.book, files)
    assert_metadata(files, lands.topic, lands.group)
    assert kafka.committed(lands.group, lands.topic, len(CODECS)) == dict(lands.book.offsets)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_whatever_happens_each_record_lands_once(binary, kafka, azurite, tmp_path):
    torture = Torture(kafka, azurite, tmp_path / "torture", Plan(seed=41, kills=30, zombies=4))
    found = torture.run()
    torture.say()
    print(found)
    assert not found.faults, "\n".join([str(found), *found.faults[:40]])
    assert found.lost == found.doubled == 0 and found.lines == torture.book.records, str(found)
    code, verified = torture.verify()
    assert code == 0 and verified["records"] == found.lines
