"""`format: envelope`: Python's json reads back every record with all that Kafka knew of it, byte for byte."""

import base64
import json
import random
import re
from collections import defaultdict
from dataclasses import dataclass, field

import pytest

from harness.book import as_line
from harness.lake import LandedFile, assert_metadata, read_container
from harness.penstock import merged, run_command
from harness.producing import Producing

PARTITIONS = 3
FIRST_TIME = 1_764_432_000_000


@dataclass
class Sent:
    key: bytes | None
    value: bytes | None
    headers: list = field(default_factory=list)
    timestamp: int = FIRST_TIME


def values(rng: random.Random) -> list[bytes | None]:
    """JSON of all kinds, what looks like it, what does not, and nothing."""
    made = [b"{}", b"[]", b"0", b"-1.5e300", b"1e999", b"123456789012345678901234567890", b"true", b' "text" ',
            '{"name":"Zoë € 😀"}'.encode(), b'{"escaped":"\\u0000\\ud83d\\ude00\\n"}', b'{"a":1,"a":2}',
            b'{\r\n  "pretty": [1,\n\t2]\r\n}\n', b"[" * 512 + b"]" * 512,
            b"null", b" null\n", b"", None, b"{", b"{} {}", b"plain text", b'{"broken":"\n"}', b"NaN", b"01", b"'a'",
            b"\xef\xbb\xbf{}", b"\xff\xfe\x00", bytes(range(256)), b"[" * 600 + b"]" * 600]
    for size in (1, 300, 1024, 5000, 140_000, 900_000):
        made.append(json.dumps({"n": size, "text": "x" * size}).encode())
        made.append(rng.randbytes(size))
    return made


def keys() -> list[bytes | None]:
    return [None, b"", b"customer-7", "Zoë".encode(), b'{"id":"7\n"}', b"\x00\x1f\x7f", b"\xff\x00"]


def headers() -> list[list]:
    return [[], [("trace", b"00-4bf9")], [("twice", b"1"), ("twice", None), ("", b""), ("raw", b"\xff\x01"), ("quoted", b'"\n')]]


def produce(lands, per_partition: int, rng: random.Random) -> dict[int, list[Sent]]:
    """Every value with changing keys and headers, then JSON lines until it is so many."""
    book: dict[int, list[Sent]] = defaultdict(list)
    with Producing(lands.kafka) as producer:
        for partition in range(PARTITIONS):
            special = values(rng)
            for i in range(per_partition):
                value = special[i] if i < len(special) else json.dumps({"at": i, "text": "y" * rng.randrange(900)}).encode()
                sent = Sent(rng.choice(keys()), value, rng.choice(headers()), FIRST_TIME + i)
                producer.send(lands.topic, partition, sent.value, sent.key, sent.headers, sent.timestamp)
                book[partition].append(sent)
    return book


def told(row: dict, name: str) -> bytes | None:
    """The bytes of a string or of its base64."""
    if f"{name}_base64" in row:
        assert name not in row
        return base64.b64decode(row[f"{name}_base64"], validate=True)
    return row[name].encode() if row[name] is not None else None


def is_embedded(value: bytes) -> bool:
    """Whether it is one JSON value, by Python's opinion, that other readers can be asked to take."""
    depth = len(value) - len(value.lstrip(b"["))
    try:
        text = value.decode()
        parsed = json.loads(text, parse_constant=lambda word: 1 / 0)
    except (ValueError, RecursionError, ZeroDivisionError):
        return False
    return parsed is not None and depth <= 512


def assert_row(line: bytes, sent: Sent, topic: str, partition: int, offset: int, timestamp_type: str):
    row = json.loads(line)
    assert list(row)[:5] == ["topic", "partition", "offset", "timestamp", "timestamp_type"]
    assert (row["topic"], row["partition"], row["offset"], row["timestamp_type"]) == (topic, partition, offset, timestamp_type)
    if timestamp_type == "CreateTime":
        assert row["timestamp"] == sent.timestamp
    else:
        assert row["timestamp"] > sent.timestamp
    assert told(row, "key") == sent.key, offset
    assert [(told(header, "key"), told(header, "value")) for header in row["headers"]] == \
        [(key.encode(), value) for key, value in sent.headers], offset
    if sent.value is None:
        assert row["value"] is None
    elif is_embedded(sent.value):
        assert line.endswith(b',"value":' + as_line(sent.value) + b"}"), (offset, line[-200:])
        assert row["value"] == json.loads(sent.value)
    else:
        assert base64.b64decode(row["value_base64"], validate=True) == sent.value, (offset, sent.value[:40])
        assert "value" not in row


def lines_by_partition(files: list[LandedFile]) -> dict[int, list[bytes]]:
    found = defaultdict(list)
    for file in sorted(files, key=lambda file: file.counter):
        for line in file.lines:
            found[int(re.search(rb'"partition":(\d+)', line)[1])].append(line)
    return found


@pytest.mark.both_sources
@pytest.mark.parametrize("compression", ["none", "gzip", "zstd"])
def test_every_record_is_read_back_with_all_that_kafka_knew(landing, compression):
    lands = landing(PARTITIONS)
    book = produce(lands, 400, random.Random(5))
    penstock = lands.penstock(merged(lands.config(), {
        "batch": {"format": "envelope", "compression": compression}, "sink": {"block_bytes": "1MiB"}})).start()
    lands.wait_landed(400 * PARTITIONS)
    assert penstock.metric("penstock_records_skipped_total") == 0, "a tombstone has a row"
    assert penstock.terminate() == 0
    files = read_container(lands.azurite, lands.container)
    suffix = {"none": ".json", "gzip": ".json.gz", "zstd": ".json.zst"}[compression]
    assert all(file.name.endswith(suffix) for file in files), [file.name for file in files]
    assert_metadata(files, lands.topic, lands.group)
    landed = lines_by_partition(files)
    assert {partition: len(lines) for partition, lines in landed.items()} == {p: 400 for p in range(PARTITIONS)}
    for partition, lines in landed.items():
        for offset, (line, sent) in enumerate(zip(lines, book[partition])):
            assert_row(line, sent, lands.topic, partition, offset, "CreateTime")
    verified = run_command("verify", "--config", penstock.file, "--deep", "--json")
    assert verified.returncode == 0 and json.loads(verified.stdout)["findings"] == [], verified.stdout + verified.stderr


@pytest.mark.both_sources
def test_the_time_of_the_append_is_told_apart(landing):
    lands = landing(PARTITIONS, message_timestamp_type="LogAppendTime")
    book = produce(lands, 50, random.Random(6))
    penstock = lands.penstock(merged(lands.config(), {"batch": {"format": "envelope"}})).start()
    lands.wait_landed(50 * PARTITIONS)
    assert penstock.terminate() == 0
    for partition, lines in lines_by_partition(read_container(lands.azurite, lands.container)).items():
        for offset, (line, sent) in enumerate(zip(lines, book[partition])):
            assert_row(line, sent, lands.topic, partition, offset, "LogAppendTime")


@pytest.mark.both_sources
def test_fields_are_chosen_by_topic_beside_plain_lines(landing):
    """The fields of the override are all that its topic's files have, and the other topic has lines as before."""
    lands = landing(1)
    other = lands.kafka.create_topic(1)
    lands.book.send(0, b'{"plain": 1}')
    lands.book.flush()
    with Producing(lands.kafka) as producer:
        producer.send(other, 0, b'{"n": 1}', b"k", [("h", b"v")])
    config = merged(lands.config(), {"source": {"topics": [lands.topic, other]}, "overrides": [
        {"match": f"^{other}$", "batch": {"format": "envelope", "envelope_fields": ["value", "key", "headers"]}}]})
    penstock = lands.penstock(config).start()
    lands.wait_landed(2)
    assert penstock.terminate() == 0
    files = {file.metadata["topic"]: file for file in read_container(lands.azurite, lands.container)}
    assert files[lands.topic].name.endswith(".txt") and files[lands.topic].content == b'{"plain": 1}\n'
    assert files[other].name.endswith(".json")
    assert files[other].content == b'{"key":"k","headers":[{"key":"h","value":"v"}],"value":{"n": 1}}\n'
