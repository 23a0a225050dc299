"""`format: capture-avro`: readers of Event Hubs Capture take the files without a change, and find every record in them.

The witnesses are fastavro and Apache's own avro package, which Microsoft's samples read Capture's files with."""

import io
import json
import random
import re
import struct
import time
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timezone

import fastavro
import pytest
from avro.datafile import DataFileReader
from avro.io import DatumReader
from confluent_kafka import Producer

from harness.lake import LandedFile, read_container, read_directory
from harness.penstock import merged, run_command
from harness.producing import Producing
from harness.service import OutOfTime

PARTITIONS = 2
FIRST_TIME = 1_764_432_000_000  # 2025-11-29T16:00:00Z
# As six public files of Capture have it; the text is Microsoft's.
SCHEMA = {
    "type": "record", "name": "EventData", "namespace": "Microsoft.ServiceBus.Messaging", "fields": [
        {"name": "SequenceNumber", "type": "long"}, {"name": "Offset", "type": "string"},
        {"name": "EnqueuedTimeUtc", "type": "string"},
        {"name": "SystemProperties", "type": {"type": "map", "values": ["long", "double", "string", "bytes"]}},
        {"name": "Properties", "type": {"type": "map", "values": ["long", "double", "string", "bytes", "null"]}},
        {"name": "Body", "type": ["null", "bytes"]}]}
NAME = re.compile(r"^raw/[a-zA-Z0-9.-]+/(?P<topic>[^/]+)/(?P<partition>\d+)/\d{4}/\d\d/\d\d/\d\d/\d\d/\d\d-[0-9a-f]{16}-\d+\.avro$")


@dataclass
class Sent:
    key: bytes | None
    value: bytes | None
    headers: list = field(default_factory=list)
    properties: dict = field(default_factory=dict)  # what a reader must find of them
    timestamp: int = FIRST_TIME


def headers() -> list[tuple[list, dict]]:
    """Headers as they go to Kafka, and as they must come out of the file."""
    amqp = [("n", b"\x54\x05"), ("city", b"\xa1\x04Oslo"), ("big", b"\x81" + struct.pack(">q", -2**40)),
            ("ratio", b"\x82" + struct.pack(">d", 0.125)), ("none", b"\x40"), ("raw", b"\xa0\x02\xff\x00"), ("yes", b"\x41")]
    return [
        ([], {}),
        ([("trace", b"00-4bf9"), ("raw", b"\xff\x01"), ("empty", b""), ("nothing", None)],
         {"trace": b"00-4bf9", "raw": b"\xff\x01", "empty": b"", "nothing": None}),
        ([("twice", b"1"), ("once", b"x"), ("twice", b"2")], {"once": b"x", "twice": b"2"}),
        (amqp, {"n": 5, "city": "Oslo", "big": -2**40, "ratio": 0.125, "none": None, "raw": b"\xff\x00", "yes": b"\x41"}),
        ([("n", b"T1")], {"n": b"T1"}),  # a text, though AMQP would call it the number 49
    ]


def values(rng: random.Random) -> list[bytes | None]:
    made = [b"{}", b"", None, b'{"broken":"\r\n"}', b"\xff\xfe\x00", bytes(range(256))]
    return made + [rng.randbytes(size) for size in (1, 300, 1024, 5000, 140_000, 262_144, 900_000, 1_048_576, 1_500_000)]


def produce(lands, per_partition: int, rng: random.Random) -> dict[int, list[Sent]]:
    book: dict[int, list[Sent]] = defaultdict(list)
    with Producing(lands.kafka) as producer:
        for partition in range(PARTITIONS):
            special = values(rng)
            for i in range(per_partition):
                value = special[i] if i < len(special) else json.dumps({"at": i, "text": "y" * rng.randrange(900)}).encode()
                sent_headers, properties = rng.choice(headers())
                sent = Sent(rng.choice([None, b"", b"customer-7", b"\xff\x00"]), value, sent_headers, properties, FIRST_TIME + 433 * i)
                producer.send(lands.topic, partition, sent.value, sent.key, sent.headers, sent.timestamp)
                book[partition].append(sent)
    return book


def read_as_the_samples_do(blob: bytes) -> list[dict]:
    """Microsoft's reader of Capture's files: what has 508 bytes is empty, and all else goes through avro's reader."""
    if len(blob) <= 508:
        return []
    with DataFileReader(io.BytesIO(blob), DatumReader()) as reader:
        return list(reader)


def assert_event(event: dict, sent: Sent, offset: int):
    at = datetime.fromtimestamp(sent.timestamp // 1000, timezone.utc)
    assert event["SequenceNumber"] == offset and event["Offset"] == str(offset)
    assert datetime.strptime(event["EnqueuedTimeUtc"], "%m/%d/%Y %I:%M:%S %p") == at.replace(tzinfo=None)
    assert not re.search(r"(^|[/ ])0", event["EnqueuedTimeUtc"]), f"{event['EnqueuedTimeUtc']}: a leading zero"
    expected = {"x-opt-enqueued-time": sent.timestamp} | ({"x-opt-kafka-key": sent.key} if sent.key is not None else {})
    assert event["SystemProperties"] == expected, offset
    assert event["Properties"] == sent.properties, offset
    assert {name: type(value) for name, value in event["Properties"].items()} == \
        {name: type(value) for name, value in sent.properties.items()}, offset
    assert event["Body"] == sent.value, offset


def files_by_partition(files: list[LandedFile], topic: str) -> dict[int, list[LandedFile]]:
    found = defaultdict(list)
    for file in files:
        name = NAME.match(file.name)
        assert name and name["topic"] == topic, file.name
        found[int(name["partition"])].append(file)
    return {partition: sorted(of, key=lambda file: file.ranges[partition][0]) for partition, of in found.items()}


@pytest.mark.both_sources
@pytest.mark.parametrize("compression", ["none", "deflate"])
def test_readers_of_capture_find_every_record(landing, compression):
    lands = landing(PARTITIONS)
    book = produce(lands, 400, random.Random(5))
    penstock = lands.penstock(merged(lands.config(), {
        "batch": {"format": "capture-avro", "compression": compression, "max_bytes": "2MiB"},
        "sink": {"block_bytes": "1MiB"}})).start()
    lands.wait_landed(400 * PARTITIONS)
    repeated = sum(len(sent.headers) - len(sent.properties) for of in book.values() for sent in of)
    assert penstock.metric("penstock_headers_repeated_total") == repeated > 0
    assert penstock.terminate() == 0
    files = files_by_partition(read_container(lands.azurite, lands.container), lands.topic)
    assert sorted(files) == list(range(PARTITIONS))
    for partition, of in files.items():
        assert len(of) > 1, "max_bytes ends files"
        read = []
        for file in of:
            events = list(fastavro.reader(io.BytesIO(file.stored)))
            assert read_as_the_samples_do(file.stored) == events
            assert len(events) == int(file.metadata["records"]) > 0
            blocks = list(fastavro.block_reader(io.BytesIO(file.stored)))
            header = fastavro.reader(io.BytesIO(file.stored))
            assert json.loads(header.metadata["avro.schema"]) == SCHEMA
            assert {"avro.schema": header.metadata["avro.schema"], "avro.codec": "null" if compression == "none" else "deflate"} == \
                dict(header.metadata)
            assert sum(block.num_records for block in blocks) == len(events) and all(block.num_records > 0 for block in blocks)
            read += events
        assert len(read) == 400
        for offset, (event, sent) in enumerate(zip(read, book[partition])):
            assert_event(event, sent, offset)
    verified = run_command("verify", "--config", penstock.file, "--deep", "--json")
    assert verified.returncode == 0 and json.loads(verified.stdout)["findings"] == [], verified.stdout + verified.stderr


@pytest.mark.both_sources
@pytest.mark.parametrize("sink", ["azure", "directory"])
def test_a_silent_partition_gets_empty_files(landing, tmp_path, sink):
    lands = landing(PARTITIONS)
    settings = merged(lands.config(), {"batch": {"format": "capture-avro", "max_age": "3s", "empty_files": "true"}})
    if sink == "directory":
        (tmp_path / "lake").mkdir()
        settings["sink"] = {"url": f"file://{tmp_path}/lake"}
    penstock = lands.penstock(settings).start()
    producer = Producer({"bootstrap.servers": lands.kafka.bootstrap, "log_level": 0})
    deadline = time.monotonic() + 120
    sent = 0
    while penstock.metric("penstock_empty_files_total") < 2:  # each record opens a batch in partition 1, or joins one
        if time.monotonic() > deadline:
            raise OutOfTime("no empty file for a silent partition in 120 s")
        producer.produce(lands.topic, b"{}", partition=1)
        assert producer.flush(30) == 0
        sent += 1
        time.sleep(0.5)
    assert penstock.terminate() == 0
    if sink == "azure":
        landed = read_container(lands.azurite, lands.container)
    else:
        landed = read_directory(tmp_path / "lake")
    files = {file.name: file.stored for file in landed}
    silent = [blob for name, blob in files.items() if f"/{lands.topic}/0/" in name]
    busy = [blob for name, blob in files.items() if f"/{lands.topic}/1/" in name]
    assert len(silent) >= 2 and len(silent) + len(busy) == len(files)
    assert all(len(blob) == 508 and list(fastavro.reader(io.BytesIO(blob))) == [] for blob in silent)
    assert all(len(blob) > 508 for blob in busy) and sum(len(read_as_the_samples_do(blob)) for blob in busy) == sent
    verified = run_command("verify", "--config", penstock.file, "--deep", "--json")
    report = json.loads(verified.stdout)
    assert verified.returncode == 0 and report["findings"] == [], verified.stdout + verified.stderr
    assert (report["empty_files"], report["blobs"], report["records"]) == (len(silent), len(busy), sent)
