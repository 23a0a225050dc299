"""Readers that nobody here wrote find in every format exactly what was produced, by value and by count.

The witnesses are Python's json, pandas, DuckDB, Spark, and fastavro. Two topics land in each format: `texts`, whose values
are JSON of one shape, so that every reader can take it as a table, and `bytes`, which has values and keys of any kind. Each
comparison is also made against what was *not* produced, and has to fail then. `./dev test witnesses`."""

import base64
import copy
import gzip
import json
import random
import zlib
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path

import fastavro
import pytest
import zstandard

from harness.book import as_line
from harness.kafka import Kafka
from harness.penstock import Penstock, base_config, merged
from harness.producing import Producing

pytestmark = [pytest.mark.witnesses, pytest.mark.timeout(900)]

PARTITIONS = 3
PER_PARTITION = 120
FIRST_TIME = 1_764_432_000_000
FORMATS = [("ndjson", "none"), ("ndjson", "gzip"), ("ndjson", "zstd"), ("envelope", "none"), ("envelope", "gzip"),
           ("envelope", "zstd"), ("capture-avro", "none"), ("capture-avro", "deflate")]
LINES = [each for each in FORMATS if each[0] == "ndjson"]
ENVELOPES = [each for each in FORMATS if each[0] == "envelope"]
CAPTURES = [each for each in FORMATS if each[0] == "capture-avro"]
SCHEMA = {  # of a public file of Capture; PLAIN_SCHEMA is that of Microsoft's page
    "type": "record", "name": "EventData", "namespace": "Microsoft.ServiceBus.Messaging", "fields": [
        {"name": "SequenceNumber", "type": "long"}, {"name": "Offset", "type": "string"},
        {"name": "EnqueuedTimeUtc", "type": "string"},
        {"name": "SystemProperties", "type": {"type": "map", "values": ["long", "double", "string", "bytes"]}},
        {"name": "Properties", "type": {"type": "map", "values": ["long", "double", "string", "bytes", "null"]}},
        {"name": "Body", "type": ["null", "bytes"]}]}
PLAIN_SCHEMA = copy.deepcopy(SCHEMA)
PLAIN_SCHEMA["fields"][4]["type"]["values"].remove("null")


@dataclass
class Sent:
    topic: str
    partition: int
    offset: int
    value: bytes | None
    key: bytes | None
    headers: list = field(default_factory=list)

    @property
    def timestamp(self) -> int:
        return FIRST_TIME + 433 * self.offset


# What is produced

TEXTS = ["", " ", "plain", "Zoë € 😀 漢字 \u202eright to left", "line\nbreak\r\nand \t tab", 'quote " and \\ and \\n', "\u2028\u2029\u0085",
         "\x00\x01\x1f", "null", "NaN", "0012", "2026-01-31T12:00:00Z", "<a href='x'>&amp;</a>", "a,b;c|d", "#", "e\u0301"]


def table_value(rng: random.Random, at: int) -> bytes:
    """JSON of one shape: compact or over several lines, and one in ten larger than a block of the sink."""
    text = rng.choice(TEXTS) + "ü" + rng.randbytes(250_000 if at % 10 == 7 else rng.randrange(2000)).hex()
    row = {"id": at // 2, "text": text, "beyond": 2**53 + 1, "max": 2**63 - 1 - at, "min": -(2**63) + at, "real": rng.random(),
           "tiny": 1e-300, "flag": rng.random() < 0.5, "none": None, "list": [1, "", None, {"a": []}],
           "nested": {"deep": {"er": rng.choice(TEXTS)}, "empty": {}}}
    layout = rng.choice([{}, {"indent": 2}, {"separators": (",", ":")}])
    made = json.dumps(row, ensure_ascii=rng.random() < 0.5, **layout)
    return (made.replace("\n", "\r\n") if rng.random() < 0.3 else made).encode()


def any_value(rng: random.Random, at: int) -> bytes | None:
    kinds = [None, b"", b"null", b"{}", b'"text"', b"true", b"-0", b"plain\r\ntext\n", b"\xff\xfe\x00", bytes(range(256)), b"{} {}",
             b'{"a":1,"a":2}', b"[" * 100 + b"]" * 100, "\ufeff{}".encode(), b'{"broken":"\n"}', rng.randbytes(600_000)]
    return kinds[at] if at < len(kinds) else rng.choice([rng.randbytes(rng.randrange(3000)), table_value(rng, 1)])


def any_headers(rng: random.Random) -> list:
    return rng.choice([[], [("trace", b"00-4bf9"), ("raw", b"\xff\x01"), ("empty", b""), ("nothing", None)],
                       [("twice", b"1"), ("once", "Zoë".encode()), ("twice", b"2")], [("", b"no name"), ("naïve \u2028", b'"\n')]])


def produce(kafka: Kafka) -> dict[str, list[Sent]]:
    rng = random.Random(15)
    book = {}
    with Producing(kafka) as producer:
        for kind, make in (("texts", table_value), ("bytes", any_value)):
            topic = kafka.create_topic(PARTITIONS)
            book[kind] = []
            for partition in range(PARTITIONS):
                for at in range(PER_PARTITION):
                    keys = [None, b"", b"customer-7", "Zoë\n".encode()] + ([] if kind == "texts" else [b"\xff\x00"])
                    sent = Sent(topic, partition, at, make(rng, at), rng.choice(keys), any_headers(rng))
                    producer.send(topic, partition, sent.value, sent.key, sent.headers, sent.timestamp)
                    book[kind].append(sent)
    return book


class Lakes:
    """What was produced, and a directory for each format with all of it."""

    def __init__(self, kafka: Kafka, directory: Path):
        self.sent = produce(kafka)
        self.topics = {kind: sent[0].topic for kind, sent in self.sent.items()}
        self.directory = directory
        for form, compression in FORMATS:
            self._land(kafka, form, compression)

    def _land(self, kafka: Kafka, form: str, compression: str):
        at = self.directory / f"{form}-{compression}"
        lake = at / "lake"
        lake.mkdir(parents=True)
        sink = {"url": f"file://{lake}", "block_bytes": "256KiB"}
        config = merged(base_config(at, list(self.topics.values()), kafka.bootstrap, sink), {
            "source": {"group": f"{form}-{compression}"}, "batch": {"format": form, "compression": compression, "max_bytes": "4MiB"}})
        with Penstock(at / "penstock", config, "--exit-at-end") as penstock:
            penstock.service.start()
            assert penstock.wait(120) == 0, penstock.output[-3000:]

    def files(self, form: str, compression: str, kind: str) -> list[str]:
        """The files of that topic, several of the texts, as a job of the lake's readers would list them."""
        lake = self.directory / f"{form}-{compression}" / "lake"
        found = sorted(str(path) for path in lake.rglob("*") if path.is_file() and path.name[0] not in "._"
                       and self.topics[kind] in str(path.relative_to(lake)))
        assert len(found) > (1 if kind == "texts" else 0), found
        return found


@pytest.fixture(scope="module")
def lakes(binary, kafka_node, tmp_path_factory) -> Lakes:
    kafka_node.start()
    return Lakes(kafka_node, tmp_path_factory.mktemp("lakes"))


@pytest.fixture(scope="module")
def duck():
    import duckdb
    with duckdb.connect() as connection:
        yield connection


# What must be found, and the comparison

def canonical(row) -> str:
    """One text for equal values. Numbers keep their type, and bytes are told from text."""
    return json.dumps(row, sort_keys=True, ensure_ascii=True, default=lambda of: {"bytes": of.hex()})


def assert_same(expected: list, got: list):
    """As many of each row. The comparison must be able to tell: a changed, a missing and a doubled row are tried on it."""
    want, have = Counter(map(canonical, expected)), Counter(map(canonical, got))
    if want != have:
        pytest.fail(f"{len(expected)} rows produced, {len(got)} read; missing {sum((want - have).values())}: "
                    f"{[row[:300] for row in (want - have)][:2]}; not produced {sum((have - want).values())}: "
                    f"{[row[:300] for row in (have - want)][:2]}")
    place = len(got) // 2
    for damaged in (got[:place] + [changed(got[place])] + got[place + 1:], got[1:], got + [got[place]]):
        assert Counter(map(canonical, damaged)) != want, "the comparison cannot tell"


def changed(row):
    """One bit of it is another: of its last field that can be told apart."""
    if isinstance(row, dict) and (names := [name for name, value in row.items() if value is not None]):
        return row | {max(names): changed(row[max(names)])}
    if isinstance(row, (bytes, str)):
        return row[:-1] + (b"\x7f" if isinstance(row, bytes) else "\x7f")
    return [row]


def row_of_table(sent: Sent) -> dict:
    return json.loads(sent.value)


def row_of_envelope(sent: Sent) -> dict:
    """By the README: a value is its JSON, or bytes; the text `null` is bytes."""
    value = sent.value
    try:
        text = value.decode() if value is not None else "null"
        value = {"json": json.loads(text)} if text.strip() != "null" else value
    except ValueError:
        pass
    return {"topic": sent.topic, "partition": sent.partition, "offset": sent.offset, "timestamp": sent.timestamp,
            "timestamp_type": "CreateTime", "key": sent.key, "value": value,
            "headers": [[name.encode(), value] for name, value in sent.headers]}


def row_of_capture(sent: Sent) -> dict:
    at = datetime.fromtimestamp(sent.timestamp // 1000, timezone.utc)
    return {"SequenceNumber": sent.offset, "Offset": str(sent.offset), "Body": sent.value, "Properties": dict(sent.headers),
            "EnqueuedTimeUtc": at.strftime("%-m/%-d/%Y %-I:%M:%S %p"),
            "SystemProperties": {"x-opt-enqueued-time": sent.timestamp} |
                                ({"x-opt-kafka-key": sent.key} if sent.key is not None else {})}


def told(row: dict, name: str) -> bytes | None:
    if row.get(f"{name}_base64") is not None:
        assert row.get(name) is None
        return base64.b64decode(row[f"{name}_base64"], validate=True)
    return row[name].encode() if row.get(name) is not None else None


def from_envelope(row: dict) -> dict:
    """Of a reader's row, whose value is what its JSON means."""
    value = {"json": row["value"]} if row.get("value") is not None else told(row, "value")
    return {name: row[name] for name in ("topic", "partition", "offset", "timestamp", "timestamp_type")} | {
        "key": told(row, "key"), "value": value,
        "headers": [[told(header, "key"), told(header, "value")] for header in row["headers"] or []]}


# Python's json, with gzip and zstandard

def content(path: str) -> bytes:
    stored = Path(path).read_bytes()
    if path.endswith(".gz"):
        return gzip.decompress(stored)
    if path.endswith(".zst"):
        return zstandard.ZstdDecompressor().stream_reader(stored, read_across_frames=True).read()
    return stored


def lines_of(files: list[str]) -> list[bytes]:
    return [line for file in files for line in content(file)[:-1].split(b"\n")]


def parts(path: str) -> int:
    """Members of a gzip file, frames of a zstd file."""
    rest, count = Path(path).read_bytes(), 0
    while rest:
        of = zlib.decompressobj(31) if path.endswith(".gz") else zstandard.ZstdDecompressor().decompressobj()
        of.decompress(rest)
        rest, count = of.unused_data, count + 1
    return count


@pytest.mark.parametrize("form, compression", [each for each in FORMATS if each[1] in ("gzip", "zstd")])
def test_the_files_have_many_members_and_frames(lakes, form, compression):
    """Otherwise the others would not show that readers go on behind the first."""
    for kind in lakes.topics:
        assert max(map(parts, lakes.files(form, compression, kind))) > 2


@pytest.mark.parametrize("form, compression", LINES)
def test_lines_by_json(lakes, form, compression):
    lines = lines_of(lakes.files(form, compression, "texts"))
    assert_same([as_line(sent.value) for sent in lakes.sent["texts"]], lines)
    assert_same(list(map(row_of_table, lakes.sent["texts"])), list(map(json.loads, lines)))
    assert_same([as_line(sent.value) for sent in lakes.sent["bytes"] if sent.value], lines_of(lakes.files(form, compression, "bytes")))


@pytest.mark.parametrize("form, compression", ENVELOPES)
@pytest.mark.parametrize("kind", ["texts", "bytes"])
def test_envelopes_by_json(lakes, form, compression, kind):
    rows = [from_envelope(json.loads(line)) for line in lines_of(lakes.files(form, compression, kind))]
    assert_same(list(map(row_of_envelope, lakes.sent[kind])), rows)


# pandas

def by_pandas(files: list[str]) -> list[dict]:
    import pandas
    frames = [pandas.read_json(file, lines=True, dtype=False, convert_dates=False, precise_float=True) for file in files]
    rows = [row for frame in frames for row in frame.astype(object).to_dict("records")]
    return [{name: None if value is pandas.NaT or value != value else value for name, value in row.items()} for row in rows]


@pytest.mark.parametrize("form, compression", LINES)
def test_lines_by_pandas(lakes, form, compression):
    assert_same(list(map(row_of_table, lakes.sent["texts"])), by_pandas(lakes.files(form, compression, "texts")))


@pytest.mark.parametrize("form, compression", ENVELOPES)
def test_envelopes_by_pandas(lakes, form, compression):
    rows = list(map(from_envelope, by_pandas(lakes.files(form, compression, "texts"))))
    assert_same(list(map(row_of_envelope, lakes.sent["texts"])), rows)


# DuckDB

def by_duckdb(duck, files: list[str], columns: dict) -> list[dict]:
    found = duck.execute("SELECT * FROM read_json($files, format='newline_delimited', columns=" + repr(columns) + ")",
                         {"files": files})
    names = [of[0] for of in found.description]
    return [dict(zip(names, row)) for row in found.fetchall()]


TABLE = {"id": "BIGINT", "text": "VARCHAR", "beyond": "BIGINT", "max": "BIGINT", "min": "BIGINT", "real": "DOUBLE",
         "tiny": "DOUBLE", "flag": "BOOLEAN", "none": "JSON", "list": "JSON", "nested": "JSON"}
PAIR = "STRUCT(key VARCHAR, key_base64 VARCHAR, value VARCHAR, value_base64 VARCHAR)[]"
ENVELOPE = {"topic": "VARCHAR", "partition": "INTEGER", "offset": "BIGINT", "timestamp": "BIGINT", "timestamp_type": "VARCHAR",
            "key": "VARCHAR", "key_base64": "VARCHAR", "headers": PAIR, "value": "JSON", "value_base64": "VARCHAR"}


def parsed(rows: list[dict], *names: str) -> list[dict]:
    """Columns that a reader gave as the text of a JSON value."""
    return [row | {name: json.loads(row[name]) if row[name] is not None else None for name in names} for row in rows]


@pytest.mark.parametrize("form, compression", LINES)
def test_lines_by_duckdb(lakes, duck, form, compression):
    rows = by_duckdb(duck, lakes.files(form, compression, "texts"), TABLE)
    assert_same(list(map(row_of_table, lakes.sent["texts"])), parsed(rows, "none", "list", "nested"))


@pytest.mark.parametrize("form, compression", ENVELOPES)
@pytest.mark.parametrize("kind", ["texts", "bytes"])
def test_envelopes_by_duckdb(lakes, duck, form, compression, kind):
    rows = parsed(by_duckdb(duck, lakes.files(form, compression, kind), ENVELOPE), "value")
    assert_same(list(map(row_of_envelope, lakes.sent[kind])), list(map(from_envelope, rows)))


# Spark

SPARK_TABLE = "id long, text string, beyond long, max long, min long, real double, tiny double, flag boolean, " \
              "none string, list string, nested string"
SPARK_ENVELOPE = "topic string, partition int, offset long, timestamp long, timestamp_type string, key string, key_base64 string, " \
                 "headers array<struct<key:string,key_base64:string,value:string,value_base64:string>>, value string, value_base64 string"


def by_spark(spark, files: list[str], schema: str) -> list[dict]:
    """Rows of JSON; one that does not fit the schema ends the job."""
    return [row.asDict(recursive=True) for row in spark.read.json(files, schema=schema, mode="FAILFAST").collect()]


@pytest.mark.parametrize("form, compression", LINES)
def test_lines_by_spark(lakes, spark, form, compression):
    files = lakes.files(form, compression, "texts")
    assert_same([as_line(sent.value) for sent in lakes.sent["texts"]], [row.value.encode() for row in spark.read.text(files).collect()])
    rows = parsed(by_spark(spark, files, SPARK_TABLE), "none", "list", "nested")
    assert_same(list(map(row_of_table, lakes.sent["texts"])), rows)


@pytest.mark.parametrize("form, compression", ENVELOPES)
def test_envelopes_by_spark(lakes, spark, form, compression):
    rows = parsed(by_spark(spark, lakes.files(form, compression, "texts"), SPARK_ENVELOPE), "value")
    assert_same(list(map(row_of_envelope, lakes.sent["texts"])), list(map(from_envelope, rows)))


# Files of Capture

def by_fastavro(files: list[str]) -> list[dict]:
    rows = []
    for file in files:
        with open(file, "rb") as opened:
            rows += list(fastavro.reader(opened))
    return rows


def by_pandas_avro(files: list[str]) -> list[dict]:
    """pandas has no reader of Avro: its users make a frame of what fastavro reads."""
    import pandas
    rows = pandas.concat([pandas.DataFrame.from_records(by_fastavro([file])) for file in files]).astype(object).to_dict("records")
    return [{name: None if value is pandas.NaT or value != value else value for name, value in row.items()} for row in rows]


def by_spark_avro(spark, files: list[str]) -> list[dict]:
    """Spark makes a union a struct with a member for each of its types."""
    def plain(pairs) -> dict:
        return {name: next((told for told in (union or ()) if told is not None), None) for name, union in pairs.items()}

    def unbuffered(value):
        return bytes(value) if isinstance(value, bytearray) else value

    rows = [row.asDict() for row in spark.read.format("avro").load(files).collect()]
    return [{name: {key: unbuffered(of) for key, of in plain(value).items()} if isinstance(value, dict) else unbuffered(value)
             for name, value in row.items()} for row in rows]


def file_of_capture(path: Path, schema: dict, codec: str, sent: list[Sent]) -> list[dict]:
    """As Event Hubs would write it, with values of every type of its maps."""
    rows = []
    for each in sent:
        row = row_of_capture(each)
        row["SystemProperties"] |= {"x-opt-publisher": "device 7"}
        row["Properties"] = {"n": each.offset, "ratio": 0.5, "city": "Zoë", "raw": b"\xff\x00"}
        if "null" in schema["fields"][4]["type"]["values"]:
            row["Properties"]["nothing"] = None
        rows.append(row)
    with path.open("wb") as opened:
        fastavro.writer(opened, schema, rows, codec=codec)
    return rows


@pytest.mark.parametrize("reader", ["fastavro", "pandas", "spark"])
@pytest.mark.parametrize("form, compression", CAPTURES)
def test_files_of_capture_go_through_the_reader_of_ours(lakes, tmp_path, request, reader, form, compression):
    """One function reads ours and those by the public schemas, whose files it could not tell from one another."""
    if reader == "spark":
        spark = request.getfixturevalue("spark")
    read = {"fastavro": by_fastavro, "pandas": by_pandas_avro, "spark": lambda files: by_spark_avro(spark, files)}[reader]

    for kind, sent in lakes.sent.items():
        assert_same(list(map(row_of_capture, sent)), read(lakes.files(form, compression, kind)))
    codec = {"none": "null"}.get(compression, compression)
    for name, schema in (("with_null", SCHEMA), ("without_null", PLAIN_SCHEMA)):
        foreign = tmp_path / f"{name}.avro"
        assert_same(file_of_capture(foreign, schema, codec, lakes.sent["texts"]), read([str(foreign)]))
    ours = lakes.files(form, compression, "texts")
    assert len(read([*ours, str(tmp_path / "with_null.avro")])) == 2 * len(lakes.sent["texts"])
