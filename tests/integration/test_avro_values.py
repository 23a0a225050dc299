"""`batch.decode: avro`: fastavro writes values of random schemas, and Python's json reads them back from the lake."""

import base64
import datetime
import decimal
import io
import json
import math
import random
import struct
import uuid
from dataclasses import dataclass

import fastavro
import pytest

from harness.lake import read_container
from harness.penstock import merged, run_command
from harness.producing import Producing

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
TEXTS = ["", "plain text", "Zoë € 😀", 'quoted "\\" \n\r\t\x00\x7f', "x" * 3000]
LONGS = [0, -1, 63, -64, 64, 2**31, 2**53 + 1, 2**63 - 1, -2**63]
DOUBLES = [0.0, -0.0, 1.0, 0.1, -2.5e-300, 1e22, 5e-324, 1.7976931348623157e308]


@dataclass
class Made:
    """A type, a value of it for fastavro, and what must stand in the row."""
    schema: object
    make: object  # a function of the random generator: (value, told)


def same(values):
    def make(rng):
        value = rng.choice(values)
        return value, value
    return make


def told_float(rng):
    value = rng.choice([*DOUBLES, math.inf, -math.inf, math.nan])
    told = value if math.isfinite(value) else {math.inf: "Infinity", -math.inf: "-Infinity"}.get(value, "NaN")
    return value, told


def told_single(rng):
    value = struct.unpack("<f", struct.pack("<f", rng.uniform(-1e6, 1e6)))[0]
    return value, Single(value)


class Single(float):
    """What is told may have fewer digits, and is the same float all the same."""
    def __eq__(self, other):
        return struct.pack("<f", other) == struct.pack("<f", self)

    __hash__ = float.__hash__


def told_bytes(size=None):
    def make(rng):
        value = rng.randbytes(rng.randrange(40) if size is None else size)
        return value, base64.b64encode(value).decode()
    return make


def told_decimal(precision, scale):
    def make(rng):
        value = decimal.Decimal(rng.randrange(-10**precision + 1, 10**precision)).scaleb(-scale, decimal.Context(prec=200))
        return value, format(value, "f")
    return make


def told_moment(name):
    digits = {"millis": 3, "micros": 6}[name.rsplit("-", 1)[1]]

    def make(rng):
        micros = rng.randrange(-62_135_596_800_000_000, 253_402_300_799_000_000) // 10**(6 - digits) * 10**(6 - digits)
        value = EPOCH + datetime.timedelta(microseconds=micros)
        text = value.strftime("%Y-%m-%dT%H:%M:%S").rjust(19, "0") + f".{value.microsecond // 10**(6 - digits):0{digits}}"
        return (value.replace(tzinfo=None), text) if name.startswith("local") else (value, text + "Z")
    return make


def told_date(rng):
    value = datetime.date.fromordinal(rng.randrange(1, datetime.date.max.toordinal()))
    return value, value.isoformat()


def told_time(digits):
    def make(rng):
        value = datetime.time(rng.randrange(24), rng.randrange(60), rng.randrange(60), rng.randrange(10**6) // 1000 * 1000)
        return value, value.strftime("%H:%M:%S.") + f"{value.microsecond:06}"[:digits]
    return make


def told_uuid(rng):
    value = uuid.UUID(bytes=rng.randbytes(16))
    return value, str(value)


class Schemas:
    """Random types. Each that has a name has one of its own."""

    def __init__(self, rng: random.Random):
        self.rng = rng
        self.names = 0

    def name(self) -> str:
        self.names += 1
        return f"T{self.names}"

    def scalar(self) -> Made:
        fixed = {"type": "fixed", "name": self.name(), "size": 5}
        symbols = {"type": "enum", "name": self.name(), "symbols": ["HEARTS", "SPADES", "_"]}
        logical = lambda kind, name, **more: {"type": kind, "logicalType": name, **more}  # noqa: E731
        return self.rng.choice([
            Made("null", same([None])), Made("boolean", same([True, False])), Made("int", same([0, -2**31, 2**31 - 1])),
            Made("long", same(LONGS)), Made("double", told_float), Made("float", told_single), Made("string", same(TEXTS)),
            Made("bytes", told_bytes()), Made(fixed, told_bytes(5)), Made(symbols, same(symbols["symbols"])),
            Made(logical("bytes", "decimal", precision=38, scale=9), told_decimal(38, 9)),
            Made(logical("bytes", "decimal", precision=5), told_decimal(5, 0)),
            Made({**fixed, "name": self.name(), "size": 9, "logicalType": "decimal", "precision": 18, "scale": 18},
                 told_decimal(18, 18)),
            Made(logical("int", "date"), told_date), Made(logical("string", "uuid"), told_uuid),
            Made(logical("int", "time-millis"), told_time(3)), Made(logical("long", "time-micros"), told_time(6)),
            *[Made(logical("long", name), told_moment(name)) for name in (
                "timestamp-millis", "timestamp-micros", "local-timestamp-millis", "local-timestamp-micros")]])

    def any(self, depth: int) -> Made:
        kind = self.rng.randrange(8) if depth < 4 else 7
        if kind == 0:
            item = self.any(depth + 1)
            return Made({"type": "array", "items": item.schema}, lambda rng: self.list_of(rng, item))
        if kind == 1:
            item = self.any(depth + 1)
            return Made({"type": "map", "values": item.schema}, lambda rng: self.map_of(rng, item))
        if kind == 2:
            inner = self.scalar()
            while inner.schema == "null":
                inner = self.scalar()
            return Made(["null", inner.schema], lambda rng: rng.choice([(None, None), inner.make(rng)]))
        return self.record(depth) if kind in (3, 4) else self.scalar()

    @staticmethod
    def list_of(rng, item):
        made = [item.make(rng) for _ in range(rng.randrange(5))]
        return [value for value, _ in made], [told for _, told in made]

    @staticmethod
    def map_of(rng, item):
        made = {key: item.make(rng) for key in rng.sample(TEXTS, rng.randrange(4))}
        return {key: value for key, (value, _) in made.items()}, {key: told for key, (_, told) in made.items()}

    def record(self, depth: int) -> Made:
        fields = {f"f{i}": self.any(depth + 1) for i in range(self.rng.randrange(1, 6))}

        def make(rng):
            made = {name: field.make(rng) for name, field in fields.items()}
            return {name: value for name, (value, _) in made.items()}, {name: told for name, (_, told) in made.items()}
        return Made({"type": "record", "name": self.name(), "namespace": "made.up",
                     "fields": [{"name": name, "type": field.schema} for name, field in fields.items()]}, make)


def encoded(schema, value) -> bytes:
    out = io.BytesIO()
    fastavro.schemaless_writer(out, schema, value)
    return out.getvalue()


def produce(kafka, topic: str, records: list) -> None:
    with Producing(kafka) as producer:
        for value, headers in records:
            producer.send(topic, 0, value, b"k", headers)


def rows_of(lands, topic: str) -> list[dict]:
    files = [file for file in read_container(lands.azurite, lands.container) if file.metadata["topic"] == topic]
    rows = [json.loads(line) for file in sorted(files, key=lambda file: file.counter) for line in file.lines]
    return sorted(rows, key=lambda row: row["offset"])


@pytest.mark.both_sources
def test_values_of_random_schemas_are_read_back(landing, tmp_path):
    """Each topic has a schema of its own, under overrides. Two values of it are cut, and land as they came."""
    lands = landing(1)
    rng = random.Random(11)
    topics = {}
    for i in range(12):
        made = Schemas(random.Random(i)).record(0)
        topic = lands.kafka.create_topic(1)
        values = [made.make(rng) for _ in range(40)]
        bytes_of = [encoded(fastavro.parse_schema(made.schema), value) for value, _ in values]
        (tmp_path / f"{topic}.avsc").write_text(json.dumps(made.schema, indent=2))
        topics[topic] = (bytes_of, [told for _, told in values])
        produce(lands.kafka, topic, [(value, []) for value in bytes_of] + [(bytes_of[0] + b"\0", []), (None, [])])
    config = merged(lands.config(), {
        "source": {"topics": list(topics)}, "batch": {"format": "envelope"},
        "overrides": [{"match": f"^{topic}$", "batch": {"decode": "avro", "schema": f"${{file:{tmp_path}/{topic}.avsc}}"}}
                      for topic in topics]})
    penstock = lands.penstock(config).start()
    lands.wait_landed(42 * len(topics))
    assert penstock.metric("penstock_undecoded_values_total") == len(topics)
    assert penstock.terminate() == 0
    for topic, (bytes_of, told) in topics.items():
        rows = rows_of(lands, topic)
        assert len(rows) == 42
        for row, expected in zip(rows, told):
            assert row["value"] == expected, (topic, row["offset"])
        assert rows[40]["decode_error"] == "has bytes behind the end of its schema" and "value" not in rows[40]
        assert base64.b64decode(rows[40]["value_base64"]) == bytes_of[0] + b"\0"
        assert rows[41]["value"] is None
    verified = run_command("verify", "--config", penstock.file, "--deep", "--json")
    assert verified.returncode == 0 and json.loads(verified.stdout)["findings"] == [], verified.stdout + verified.stderr


@pytest.mark.both_sources
def test_ids_of_registries_are_passed_over_and_their_headers_read(landing):
    """Also where the rows have no headers: the framing needs them."""
    lands = landing(1)
    other = lands.kafka.create_topic(1)
    schema = {"type": "record", "name": "R", "fields": [{"name": "n", "type": "long"}]}
    bare = [encoded(schema, {"n": n}) for n in range(3)]
    azure_id = b"0123456789abcdef0123456789abcdef"
    produce(lands.kafka, lands.topic, [(b"\0\0\0\0\x07" + bare[0], []), (bare[1], [("__value_schema_id", b"\0\0\0\0\x07")]),
                                       (bare[2], [])])
    produce(lands.kafka, other, [(b"\0\0\0\0" + azure_id + bare[0], []), (bare[1], [("content-type", b"avro/binary+" + azure_id)]),
                                 (bare[2], [("content-type", b"application/json")])])
    config = merged(lands.config(), {
        "source": {"topics": [lands.topic, other]},
        "batch": {"format": "envelope", "decode": "avro", "schema": json.dumps(schema), "framing": "confluent",
                  "envelope_fields": ["offset", "value"]},
        "overrides": [{"match": f"^{other}$", "batch": {"framing": "azure"}}]})
    penstock = lands.penstock(config).start()
    lands.wait_landed(6)
    assert penstock.metric("penstock_undecoded_values_total") == 2
    assert penstock.terminate() == 0
    assert "values could not be decoded" in penstock.output
    for topic, whose in ((lands.topic, "Confluent"), (other, "Azure")):
        assert rows_of(lands, topic) == [
            {"offset": 0, "value": {"n": 0}}, {"offset": 1, "value": {"n": 1}},
            {"offset": 2, "decode_error": f"does not begin with an id of {whose}'s registry, and no header has one",
             "value_base64": base64.b64encode(bare[2]).decode()}]


def test_values_whose_json_is_many_times_larger_land_whole(landing):
    """Rows that are larger than a slab, from values that are not, and one that would be larger than 8 MiB."""
    lands = landing(1)
    schema = {"type": "array", "items": {"type": "record", "name": "Point", "fields": [
        {"name": "a_rather_long_name_of_a_field", "type": "int"}, {"name": "another_rather_long_name", "type": ["null", "int"]}]}}
    counts = [1, 20_000, 3, 50_000, 400_000, 2]
    values = [encoded(fastavro.parse_schema(schema), [
        {"a_rather_long_name_of_a_field": 1, "another_rather_long_name": None}] * count) for count in counts]
    produce(lands.kafka, lands.topic, [(value, []) for value in values])
    penstock = lands.penstock(merged(lands.config(), {
        "batch": {"format": "envelope", "decode": "avro", "schema": json.dumps(schema), "compression": "zstd"}})).start()
    lands.wait_landed(len(counts))
    assert penstock.terminate() == 0
    rows = rows_of(lands, lands.topic)
    assert [len(row.get("value", [])) for row in rows] == [1, 20_000, 3, 50_000, 0, 2]
    assert rows[3]["value"][-1] == {"a_rather_long_name_of_a_field": 1, "another_rather_long_name": None}
    assert rows[4]["decode_error"] == "is too large as JSON" and base64.b64decode(rows[4]["value_base64"]) == values[4]
