"""`format: parquet` with a schema of the values: pyarrow and DuckDB read back each column, and what does not fit is rescued."""

import base64
import datetime
import decimal
import io
import json
import random
import uuid

import duckdb
import fastavro
import pyarrow
import pyarrow.parquet
import pytest
from confluent_kafka import Producer

from harness.lake import read_container
from harness.penstock import merged, run_command
from harness.producing import Producing

OWN = ["_rescued", "_topic", "_partition", "_offset", "_timestamp", "_timestamp_type", "_key", "_headers"]
UTC = datetime.timezone.utc
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=UTC)
LARGE = {"max_message_bytes": 8_000_000}  # of a topic

JSON_SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object", "required": ["id"],
    "properties": {
        "id": {"type": "integer"}, "name": {"type": ["string", "null"]}, "price": {"type": "number"}, "good": {"type": "boolean"},
        "at": {"type": "string", "format": "date-time"}, "day": {"anyOf": [{"type": "null"}, {"type": "string", "format": "date"}]},
        "state": {"enum": ["new", "paid", None]}, "any": {"type": ["string", "integer"]}, "größe.in cm": {"$ref": "#/$defs/size"},
        "order": {"type": "object", "properties": {
            "qty": {"type": "integer"}, "note": {"type": "string"},
            "by": {"type": "object", "properties": {"who": {"type": "string"}, "level": {"type": "integer"}}}}},
        "lines": {"type": "array", "items": {"type": "object", "properties": {
            "sku": {"type": "string"}, "n": {"type": "integer"}, "tags": {"type": "array", "items": {"type": "string"}}}}},
        "grid": {"type": "array", "items": {"type": "array", "items": {"type": "number"}}},
        "rates": {"type": "object", "additionalProperties": {"type": ["number", "null"]}},
        "stock": {"type": "object", "additionalProperties": {"type": "object", "properties": {"n": {"type": "integer"}}}}},
    "$defs": {"size": {"type": "integer"}}}
JSON_COLUMNS = list(JSON_SCHEMA["properties"])

AVRO_FIELDS = {
    "id": "long", "small": "int", "f": "float", "d": "double", "ok": "boolean", "text": "string", "raw": "bytes",
    "four": {"type": "fixed", "name": "Four", "size": 4},
    "amount": {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 2},
    "huge": {"type": "fixed", "name": "Huge", "size": 16, "logicalType": "decimal", "precision": 38, "scale": 10},
    "at": {"type": "long", "logicalType": "timestamp-micros"}, "at_ms": {"type": "long", "logicalType": "timestamp-millis"},
    "local": {"type": "long", "logicalType": "local-timestamp-micros"}, "day": {"type": "int", "logicalType": "date"},
    "time": {"type": "long", "logicalType": "time-micros"}, "uid": {"type": "string", "logicalType": "uuid"},
    "suit": {"type": "enum", "name": "Suit", "symbols": ["HEARTS", "SPADES"]}, "maybe": ["null", "string"],
    "mixed": ["null", "int", "string", {"type": "record", "name": "Pair", "fields": [
        {"name": "a", "type": "int"}, {"name": "b", "type": {"type": "int", "logicalType": "date"}}]}],
    "inner": {"type": "record", "name": "Inner", "fields": [{"name": "n", "type": "int"}, {"name": "limit", "type": [
        "null", {"type": "bytes", "logicalType": "decimal", "precision": 5, "scale": 1}]}]},
    "lines": {"type": "array", "items": {"type": "record", "name": "Line", "fields": [
        {"name": "sku", "type": "string"}, {"name": "when", "type": ["null", {"type": "long", "logicalType": "timestamp-micros"}]}]}},
    "nums": ["null", {"type": "array", "items": ["null", "long"]}], "rates": {"type": "map", "values": "double"},
}
AVRO_COLUMNS = list(AVRO_FIELDS)
AVRO_SCHEMA = {"type": "record", "name": "Order", "namespace": "made.up",
               "fields": [{"name": name, "type": kind} for name, kind in AVRO_FIELDS.items()]}


# What is read

def tables_of(lands, topic: str) -> dict[str, bytes]:
    """The stored files of a topic by name, without tombstones and quarantine."""
    files = [file for file in read_container(lands.azurite, lands.container) if file.metadata.get("topic") == topic]
    return {file.name: file.stored for file in files if file.name.endswith(".parquet")}


def in_order(rows: list[dict]) -> list[dict]:
    return sorted(rows, key=lambda row: (row["_partition"], row["_offset"]))


def rows_of(lands, topic: str, directory, columns: list[str]) -> list[dict]:
    """As pyarrow reads them, after DuckDB read the same."""
    rows, paths = [], []
    directory.mkdir(parents=True)
    for i, stored in enumerate(tables_of(lands, topic).values()):
        paths.append(str(directory / f"{i}.parquet"))
        (directory / f"{i}.parquet").write_bytes(stored)
        table = pyarrow.parquet.ParquetFile(paths[-1], page_checksum_verification=True).read()
        assert table.column_names == columns + OWN
        rows += table.to_pylist()
    rows = in_order(rows)
    assert {row["_topic"] for row in rows} <= {topic}
    others = in_order(duckdb.sql(f"select * from read_parquet({paths})").to_arrow_table().to_pylist())
    assert len(others) == len(rows)
    for row, other in zip(rows, others):
        assert row == other, (row["_partition"], row["_offset"])
    return rows


def assert_places(rows: list[dict], counts: list[int]):
    """Each record of each partition, once."""
    assert [(row["_partition"], row["_offset"]) for row in rows] == \
        [(partition, offset) for partition, count in enumerate(counts) for offset in range(count)]


def assert_undecoded(penstock, values: int, of: int):
    """What a slow machine lets penstock read again counts again."""
    counted = penstock.metric("penstock_undecoded_values_total")
    if penstock.metric("penstock_records_received_total") == of:
        assert counted == values
    else:
        assert counted >= values


def assert_clean(penstock):
    verified = run_command("verify", "--config", penstock.file, "--deep", "--json")
    assert verified.returncode == 0 and json.loads(verified.stdout)["findings"] == [], verified.stdout + verified.stderr


# What `penstock schema` tells

WORDS = {"boolean": pyarrow.bool_(), "int32": pyarrow.int32(), "int64": pyarrow.int64(), "float32": pyarrow.float32(),
         "float64": pyarrow.float64(), "bytes": pyarrow.binary(), "text": pyarrow.string(), "json": pyarrow.string(),
         "date": pyarrow.date32(), "timestamp_millis": pyarrow.timestamp("ms", "UTC"),
         "timestamp_micros": pyarrow.timestamp("us", "UTC"), "local_timestamp_millis": pyarrow.timestamp("ms"),
         "local_timestamp_micros": pyarrow.timestamp("us")}


def arrow_type(field: dict) -> pyarrow.DataType:
    word, inner = field["type"], [arrow_field(each) for each in field.get("fields", [])]
    if word == "list":
        return pyarrow.list_(inner[0])
    if word == "map":
        return pyarrow.map_(inner[0].type, inner[1])
    if word == "record":
        return pyarrow.struct(inner)
    if word.startswith("decimal("):
        return pyarrow.decimal128(*map(int, word[8:-1].split(",")))
    return WORDS[word]


def arrow_field(field: dict) -> pyarrow.Field:
    return pyarrow.field(field["name"], arrow_type(field), nullable=field["optional"])


def in_backticks(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def spark_type(kind: pyarrow.DataType) -> str:
    if pyarrow.types.is_map(kind):
        return f"MAP<{spark_type(kind.key_type)}, {spark_type(kind.item_type)}>"
    if pyarrow.types.is_list(kind):
        return f"ARRAY<{spark_type(kind.value_type)}>"
    if pyarrow.types.is_struct(kind):
        return f"STRUCT<{', '.join(f'{in_backticks(field.name)}: {spark_type(field.type)}' for field in kind)}>"
    if pyarrow.types.is_decimal(kind):
        return f"DECIMAL({kind.precision},{kind.scale})"
    if pyarrow.types.is_timestamp(kind):
        return "TIMESTAMP" if kind.tz else "TIMESTAMP_NTZ"
    return {"bool": "BOOLEAN", "int32": "INT", "int64": "BIGINT", "float": "FLOAT", "double": "DOUBLE", "binary": "BINARY",
            "string": "STRING", "date32[day]": "DATE"}[str(kind)]


def assert_schema_is_told(penstock, lands, topic: str):
    """The schema of all files is the one that `penstock schema` tells of the configuration."""
    files = tables_of(lands, topic).values()
    schemas = [pyarrow.parquet.read_schema(pyarrow.BufferReader(stored)).remove_metadata() for stored in files]
    told = run_command("schema", penstock.file, "--topic", topic, "--json")
    assert told.returncode == 0, told.stdout + told.stderr
    [table] = json.loads(told.stdout)["tables"]
    columns = pyarrow.schema([arrow_field(field) for field in table["columns"]])
    ddl = run_command("schema", penstock.file, "--topic", topic, "--ddl", "spark")
    assert ddl.returncode == 0, ddl.stdout + ddl.stderr
    assert schemas
    for schema in schemas:
        assert schema.names == columns.names + OWN
        assert pyarrow.schema(list(schema)[:len(columns)]).equals(columns), f"{schema}\n is not \n{columns}"
        for field in schema:
            assert f"  {in_backticks(field.name)} {spark_type(field.type)}" in ddl.stdout


# JSON

def moment(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text)


def fitting(rng: random.Random, i: int) -> dict:
    made = {
        "id": rng.choice([i, -i, 2**63 - 1, -2**63, 2**53 + 1]), "name": rng.choice([None, "", "Zoë € 😀", "a\"\\\n\0b", f"n{i % 7}"]),
        "price": rng.choice([0.0, 0.1, -2.5e-300, 1e22, rng.uniform(-9, 9), 7]), "good": rng.random() < 0.5,
        "at": (EPOCH + datetime.timedelta(microseconds=rng.randrange(-6 * 10**16, 2 * 10**17))).isoformat(),
        "day": rng.choice([None, datetime.date.fromordinal(rng.randrange(1, 3_652_059)).isoformat()]),
        "state": rng.choice(["new", "paid", None]), "any": rng.choice(["text", 12, None]), "größe.in cm": rng.randrange(300),
        "order": {"qty": rng.randrange(10**9), "note": "y" * rng.randrange(300), "by": rng.choice([None, {}, {"who": "me", "level": 2}])},
        "lines": [{"sku": f"s{j}", "n": j, "tags": rng.choice([None, [], ["a"], ["a", None, "c"]])} for j in range(rng.randrange(4))],
        "grid": [[j / 4] * rng.randrange(3) for j in range(rng.randrange(3))],
        "rates": {f"EUR{j}": rng.choice([j, None, 0.25]) for j in range(rng.randrange(3))},
        "stock": {name: {"n": j} for j, name in enumerate(["x", "", "ü"][:rng.randrange(4)])}}
    for name in rng.sample(JSON_COLUMNS, rng.choice([0, 0, 3, 10])):
        del made[name]
    return made


def misfitting(rng: random.Random, i: int) -> dict:
    made = fitting(rng, i)
    for _ in range(rng.randrange(1, 4)):
        where, what = rng.choice([
            ("id", rng.choice([1.5, "1", 2**63, [], True])), ("name", rng.choice([1, {"a": 1}])), ("price", "1"), ("good", 1), ("at", i),
            ("at", "yesterday"), ("at", "2026-13-01T00:00:00Z"), ("at", "2026-01-01T00:00:00"), ("day", "2026-02-30"), ("state", 7),
            ("order", [1]), ("order", {"qty": "x", "note": 1, "new": [1, {"b": 2}], "by": {"level": 1.5, "who": "w", "else": {}}}),
            ("lines", [{"sku": 1}]), ("lines", [{"sku": "a", "unknown": 1}, {"n": 2}]), ("lines", {"sku": "a"}), ("grid", [[1], 2]),
            ("rates", {"a": "b"}), ("stock", {"a": {"n": 1, "more": 2}}), ("stock", {"a": {"n": "x"}}), ("new \"one\"\n€", {"x": [None]}),
            ("größe.in cm", {"x": 1}), ("Id", 3)])
        made[where] = what
    return made


def stripped(value):
    """Without the members that are null: a column does not tell them from those that are missing."""
    if isinstance(value, dict):
        return {key: stripped(member) for key, member in value.items() if member is not None}
    return [stripped(item) for item in value] if isinstance(value, list) else value


def from_column(value, schema: dict):
    """As it was in the value, with times as moments."""
    if value is None:
        return None
    if "properties" in schema:
        return {name: from_column(value[name], inner) for name, inner in schema["properties"].items()}
    if "items" in schema:
        return [from_column(item, schema["items"]) for item in value]
    if "additionalProperties" in schema:
        pairs = value.items() if isinstance(value, dict) else value  # Spark has a dict
        return {key: from_column(item, schema["additionalProperties"]) for key, item in pairs}
    return json.loads(value) if schema == JSON_SCHEMA["properties"]["any"] else value


def together(columns, rescued):
    if isinstance(columns, dict) and isinstance(rescued, dict):
        return columns | {name: together(columns.get(name), value) for name, value in rescued.items()}
    return rescued


def reassembled(row: dict, schema: dict = JSON_SCHEMA):
    """The value that was produced: an object, or the bytes of what is none."""
    columns = from_column({name: row[name] for name in schema["properties"]}, schema)
    for name, read in (("at", lambda at: at.isoformat()), ("day", lambda day: day.isoformat())):
        columns[name] = None if columns[name] is None else read(columns[name])
    rescued = json.loads(row["_rescued"]) if row["_rescued"] is not None else {}
    if "_value_base64" in rescued:
        assert set(columns.values()) == {None} and rescued["_reason"] == "is not JSON"
        return base64.b64decode(rescued["_value_base64"])
    if "_value" in rescued:
        assert set(columns.values()) == {None}
        if rescued.get("_reason") == "is not JSON":
            return rescued["_value"].encode()
        return None if rescued["_value"] is None else stripped(rescued["_value"])
    return stripped(together(stripped(columns), rescued))


def as_bytes(value) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


# A value, the columns that it has, and what is rescued.
JSON_CASES = [
    (b"{}", {}, None),
    (b'{"id":7.0,"price":1e2,"rates":{"a":null}}', {"id": 7, "price": 100.0, "rates": [("a", None)]}, None),
    (b' { "id" : 7e0 , "\\u0069d" : 8 } ', {"id": 7}, {"id": 8}),
    (b'{"name":"\\ud83d\\ude00\\u0000","n\\u0061me":"again"}', {"name": "😀\0"}, {"name": "again"}),
    (b'{"at":"2026-11-29T20:29:33.5+01:00","day":"2026-11-29"}',
     {"at": moment("2026-11-29T19:29:33.500000+00:00"), "day": datetime.date(2026, 11, 29)}, None),
    (b'{"at":"2026-11-29T20:29:33.1234567Z","id":1}', {"id": 1}, {"at": "2026-11-29T20:29:33.1234567Z"}),
    (b'{"order":{"qty":"x","by":{"who":"me","new":1}},"id":3,"new":[1,{"a":null}]}',
     {"id": 3, "order": {"qty": None, "note": None, "by": {"who": "me", "level": None}}},
     {"order": {"qty": "x", "by": {"new": 1}}, "new": [1, {"a": None}]}),
    (b'{"order":{"by":{}}}', {"order": {"qty": None, "note": None, "by": {"who": None, "level": None}}}, None),
    (b'{"order":{}}', {"order": {"qty": None, "note": None, "by": None}}, None),
    (b'{"order":null,"lines":null,"grid":null,"rates":null,"any":null}', {}, None),
    (b'{"lines":[],"rates":{},"grid":[[],[1,null],null]}', {"lines": [], "rates": [], "grid": [[], [1.0, None], None]}, None),
    (b'{"lines":[{"sku":"a","tags":[]},null,{}]}',
     {"lines": [{"sku": "a", "n": None, "tags": []}, None, {"sku": None, "n": None, "tags": None}]}, None),
    (b'{"lines":[{"sku":"a"},{"n":1.5}],"id":4}', {"id": 4}, {"lines": [{"sku": "a"}, {"n": 1.5}]}),
    (b'{"lines":[{"sku":"a","x":1}],"id":5}', {"id": 5, "lines": [{"sku": "a", "n": None, "tags": None}]},
     {"lines": [{"sku": "a", "x": 1}]}),
    (b'{"stock":{"a":{"n":1},"b":null}}', {"stock": [("a", {"n": 1}), ("b", None)]}, None),
    (b'{"any":{"a":[1, 2]},"id":9223372036854775808}', {"any": '{"a":[1, 2]}'}, {"id": 2**63}),
    (b'{"price":1e999,"good":null}', {}, {"price": float("inf")}),
    (b'{"_value":1,"_rescued":2,"_offset":3,"id":1}', {"id": 1}, {"_value": 1, "_rescued": 2, "_offset": 3}),
    (b"[1,{}]", {}, {"_value": [1, {}], "_reason": "is no object"}),
    (b'"text"', {}, {"_value": "text", "_reason": "is no object"}),
    (b'{"id":1', {}, {"_value": '{"id":1', "_reason": "is not JSON"}),
    (b'{"id":01}', {}, {"_value": '{"id":01}', "_reason": "is not JSON"}),
    (b'{"id":1}{"id":2}', {}, {"_value": '{"id":1}{"id":2}', "_reason": "is not JSON"}),
    (b'{"name":"\\ud800"}', None, None),  # half a character, which no text can have
    (b'{"name":"a\nb"}', {}, {"_value": '{"name":"a\nb"}', "_reason": "is not JSON"}),
    (b"", {}, {"_value": "", "_reason": "is not JSON"}),
    (b"\x00\x01 \x7f", {}, {"_value": "\0\1 \x7f", "_reason": "is not JSON"}),
    (b'{"name":"\xff"}', {}, {"_value_base64": base64.b64encode(b'{"name":"\xff"}').decode(), "_reason": "is not JSON"}),
    (None, {}, {"_value": None}),
]
UNDECODED = sum(1 for value, _, rescued in JSON_CASES if value is not None and rescued and (
    set(rescued) in ({"_value", "_reason"}, {"_value_base64", "_reason"}, {"_value"}))) + 1  # half a character


def large_values() -> list[bytes]:
    """Each is larger than a slab. The last one has no tokens, and is rescued as a whole."""
    lines = [{"sku": f"s{i}", "n": i, "tags": ["t"] * (i % 3)} for i in range(25_000)]
    return [as_bytes({"id": 1, "name": "n" * 2_000_000, "more": "m" * 500_000}), as_bytes({"id": 2, "lines": lines}),
            as_bytes({"id": 3, "grid": [[0.5] * 30] * 1000, "any": list(range(200_000))}), as_bytes({"id": 4, "name": "x" * 4_500_000})]


def produce_large(kafka, topic: str, partition: int, values: list[bytes]):
    failed = []
    producer = Producer({"bootstrap.servers": kafka.bootstrap, "message.max.bytes": 8_000_000, "log_level": 0})
    for value in values:
        producer.produce(topic, value, partition=partition, on_delivery=lambda error, _: failed.append(error) if error else None)
    assert producer.flush(60) == 0 and not failed, failed


def assert_filters(rows: list[dict], paths: str):
    """Bounds lead no reader past a row."""
    large = "n" * 2_000_000
    for column, of_sql in (("id", "{}"), ("name", "'{}'"), ("good", "{}"), ("state", "'{}'"), ('"größe.in cm"', "{}")):
        name = column.strip('"')
        for value in sorted({row[name] for row in rows} - {None, 'a"\\\n\0b', large}, key=str)[:2]:
            found = duckdb.sql(f"select _offset from read_parquet('{paths}') where {column} = {of_sql.format(value)}").fetchall()
            assert len(found) == sum(row[name] == value for row in rows), (column, value)


def test_members_of_json_are_read_back_and_the_rest_is_rescued(landing, tmp_path):
    """The same values in two topics, of which one is not compressed."""
    lands = landing(2, **LARGE)
    plain = lands.kafka.create_topic(2, **LARGE)
    rng = random.Random(3)
    objects = [rng.choice([fitting, fitting, misfitting])(rng, i) for i in range(800)]
    large = large_values()
    for topic in (lands.topic, plain):
        with Producing(lands.kafka) as producer:
            for i, (value, _, _) in enumerate(JSON_CASES):
                producer.send(topic, 0, value, None if i % 2 else b"k", [("trace", b"00-4b")] if i % 3 else [])
            for value in objects:
                producer.send(topic, 1, as_bytes(value), b"\xff", [])
        produce_large(lands.kafka, topic, 0, large)
    config = merged(lands.config(), {
        "source": {"topics": [lands.topic, plain]}, "sink": {"block_bytes": "1MiB"},
        "batch": {"format": "parquet", "decode": "json", "schema": json.dumps(JSON_SCHEMA)},
        "overrides": [{"match": f"^{plain}$", "batch": {"compression": "none"}}]})
    penstock = lands.penstock(config).start()
    counts = [len(JSON_CASES) + len(large), len(objects)]
    lands.wait_landed(2 * sum(counts))
    assert_undecoded(penstock, 2 * (UNDECODED + 1), 2 * sum(counts))
    assert penstock.terminate() == 0
    assert_clean(penstock)
    for topic, codec in ((lands.topic, "ZSTD"), (plain, "UNCOMPRESSED")):
        rows = rows_of(lands, topic, tmp_path / topic, JSON_COLUMNS)
        assert_places(rows, counts)
        assert_json_cases(rows[:len(JSON_CASES)])
        for row, value in zip(rows[len(JSON_CASES):], large + objects):
            expected = json.loads(value) if isinstance(value, bytes) else value
            assert reassembled(row) == stripped(expected), (topic, row["_partition"], row["_offset"])
        assert [row["_rescued"] is None for row in rows[len(JSON_CASES):counts[0]]] == [False, True, True, False]
        assert_filters(rows, f"{tmp_path / topic}/*.parquet")
        assert_schema_is_told(penstock, lands, topic)
        for stored in tables_of(lands, topic).values():
            metadata = pyarrow.parquet.read_metadata(pyarrow.BufferReader(stored))
            groups = [metadata.row_group(i) for i in range(metadata.num_row_groups)]
            assert {group.column(i).compression for group in groups for i in range(metadata.num_columns)} == {codec}


def assert_json_cases(rows: list[dict]):
    for i, (row, (value, columns, rescued)) in enumerate(zip(rows, JSON_CASES)):
        assert row["_key"] == (None if i % 2 else b"k")
        assert row["_headers"] == ('[{"key":"trace","value":"00-4b"}]' if i % 3 else None)
        if columns is None:
            columns, rescued = {}, {"_value": value.decode(), "_reason": "is not JSON"}
        assert {name: row[name] for name in JSON_COLUMNS} == dict.fromkeys(JSON_COLUMNS) | columns, value
        assert (None if row["_rescued"] is None else json.loads(row["_rescued"])) == rescued, value


def test_values_that_would_grow_too_much_are_rescued(landing, tmp_path):
    """Three or five bytes of JSON by turns, and another level in each of 200 columns. The same items behind each other have
    the same levels, which take next to nothing."""
    lands = landing(1)
    schema = {"properties": {"wide": {"type": "array", "items": {"properties": {f"c{i}": {"type": "integer"} for i in range(200)}}}}}
    values = [b'{"wide":[' + b",".join([b"{}"] * 1000) + b"]}", b'{"wide":[' + b",".join([b"{}", b"null"] * 500) + b"]}",
              b'{"wide":[{"c39":1}]}']
    with Producing(lands.kafka) as producer:
        for value in values:
            producer.send(lands.topic, 0, value)
    penstock = lands.penstock(merged(lands.config(), {
        "batch": {"format": "parquet", "max_age": "1s", "decode": "json", "schema": json.dumps(schema)}})).start()
    lands.wait_landed(len(values))
    assert_undecoded(penstock, 1, len(values))
    assert penstock.terminate() == 0
    rows = rows_of(lands, lands.topic, tmp_path / "lake", ["wide"])
    assert_places(rows, [3])
    assert [row["wide"] and row["wide"][0]["c39"] for row in rows] == [None, None, 1]
    assert rows[0]["wide"] == [{f"c{i}": None for i in range(200)}] * 1000 and rows[0]["_rescued"] is None
    rescued = json.loads(rows[1]["_rescued"])
    assert rescued == {"_value": values[1].decode(), "_reason": "would become more than eight times as large in columns"}
    assert_clean(penstock)
    assert "could not be decoded" in penstock.output and "decode_error" not in penstock.output, "which no file of Parquet has"


def test_an_id_before_json_is_passed_over(landing, tmp_path):
    lands = landing(1)
    with Producing(lands.kafka) as producer:
        for n in range(3):
            producer.send(lands.topic, 0, b"\0\0\0\0\x07" + as_bytes({"n": n}))
    penstock = lands.penstock(merged(lands.config(), {
        "batch": {"format": "parquet", "max_age": "1s", "decode": "json", "framing": "confluent",
                  "schema": '{"properties":{"n":{"type":"integer"}}}'}})).start()
    lands.wait_landed(3)
    assert penstock.terminate() == 0
    assert_clean(penstock)
    rows = rows_of(lands, lands.topic, tmp_path / "lake", ["n"])
    assert [(row["n"], row["_rescued"]) for row in rows] == [(0, None), (1, None), (2, None)]


# Avro

def avro_value(rng: random.Random, i: int) -> tuple[dict, dict]:
    """For fastavro, and as it is in the columns."""
    dec = lambda digits, scale: decimal.Decimal(rng.randrange(-10**digits + 1, 10**digits)).scaleb(  # noqa: E731
        -scale, decimal.Context(prec=60))
    at = EPOCH + datetime.timedelta(microseconds=rng.randrange(-6 * 10**16, 2 * 10**17))
    day = datetime.date.fromordinal(rng.randrange(1, 3_652_059))
    time = datetime.time(rng.randrange(24), rng.randrange(60), rng.randrange(60), rng.randrange(10**6))
    uid = uuid.UUID(int=rng.getrandbits(128))
    mixed, told_mixed = rng.choice([(None, None), (i, str(i)), ("a \"b\"", '"a \\"b\\""'), ({"a": 1, "b": day}, None)])
    if isinstance(mixed, dict):
        told_mixed = json.dumps({"a": 1, "b": day.isoformat()}, separators=(",", ":"))
    value = {
        "id": rng.choice([i, 2**63 - 1, -2**63]), "small": rng.choice([0, -2**31, 2**31 - 1]), "f": rng.choice([0.5, -0.25, float("inf")]),
        "d": rng.choice([0.1, -2.5e-300, 1e308]), "ok": rng.random() < 0.5, "text": rng.choice(["", "Zoë\0", "x" * 400]),
        "raw": rng.randbytes(rng.randrange(5)), "four": rng.randbytes(4), "amount": dec(12, 2), "huge": dec(38, 10),
        "at": at, "at_ms": at.replace(microsecond=at.microsecond // 1000 * 1000), "local": at.replace(tzinfo=None), "day": day,
        "time": time, "uid": uid, "suit": rng.choice(["HEARTS", "SPADES"]), "maybe": rng.choice([None, "m"]), "mixed": mixed,
        "inner": {"n": i, "limit": rng.choice([None, dec(5, 1)])},
        "lines": [{"sku": f"s{j}", "when": rng.choice([None, at])} for j in range(rng.randrange(4))],
        "nums": rng.choice([None, [], [1, None, -5]]), "rates": {f"k{j}": j / 2 for j in range(rng.randrange(3))}}
    return value, value | {"time": time.strftime("%H:%M:%S.%f"), "uid": str(uid), "mixed": told_mixed, "rates": list(value["rates"].items())}


def encoded(value: dict, plain: tuple = ()) -> bytes:
    """`plain`: fields that are written without their logical type, so that they may be what it does not allow."""
    fields = [{"name": field["name"], "type": field["type"]["type"]} if field["name"] in plain else field for field in AVRO_SCHEMA["fields"]]
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(AVRO_SCHEMA | {"fields": fields}), value)
    return out.getvalue()


def whole(value: bytes, reason: str) -> dict:
    return {"_value_base64": base64.b64encode(value).decode(), "_reason": reason}


def avro_cases(rng: random.Random, prefix: bytes) -> list[tuple]:
    """(value, headers, columns, rescued). None of the last are undecoded but those that have a reason."""
    made = [avro_value(rng, i) for i in range(700)]
    cases = [(prefix + encoded(value), [], told, None) for value, told in made]
    value, told = made[0]
    nothing = dict.fromkeys(AVRO_COLUMNS)
    late, lots = 253_402_300_800_000_000, 10**12
    cases += [
        (prefix + encoded(value | {"at": late}, ("at",)), [], told | {"at": None}, {"at": "+010000-01-01T00:00:00.000000Z"}),
        (prefix + encoded(value | {"amount": lots.to_bytes(6, "big")}, ("amount",)), [], told | {"amount": None},
         {"amount": "10000000000.00"}),
        (prefix + encoded(value | {"amount": lots.to_bytes(6, "big"), "day": -10**6}, ("amount", "day")), [],
         told | {"amount": None, "day": None}, {"amount": "10000000000.00", "day": "-000768-02-04"}),
        (prefix + encoded(value)[:-1], [], nothing, whole(encoded(value)[:-1], "ends before its schema does")),
        (prefix + encoded(value) + b"\0", [], nothing, whole(encoded(value) + b"\0", "has bytes behind the end of its schema")),
        (prefix, [], nothing, whole(b"", "ends before its schema does")),
        (None, [], nothing, {"_value": None})]
    if prefix:
        bad = "does not begin with an id of Confluent's registry, and no header has one"
        cases += [(encoded(value), [("__value_schema_id", prefix)], told, None),
                  (b"\xff" + encoded(value), [], nothing, whole(b"\xff" + encoded(value), bad)),
                  (b"\0\0\xfe", [], nothing, whole(b"\0\0\xfe", bad)),
                  (b"text", [], nothing, {"_value": "text", "_reason": bad})]
    return cases


@pytest.mark.both_sources
def test_fields_of_avro_are_read_back_and_the_rest_is_rescued(landing, tmp_path):
    """Two topics: bare values, and such with an id of Confluent's registry."""
    lands = landing(1)
    framed = lands.kafka.create_topic(1)
    cases = {lands.topic: avro_cases(random.Random(1), b""), framed: avro_cases(random.Random(2), b"\0\0\0\0\x07")}
    for topic, records in cases.items():
        with Producing(lands.kafka) as producer:
            for value, headers, _, _ in records:
                producer.send(topic, 0, value, None, headers)
    penstock = lands.penstock(merged(lands.config(), {
        "source": {"topics": list(cases)}, "batch": {"format": "parquet", "decode": "avro", "schema": json.dumps(AVRO_SCHEMA)},
        "overrides": [{"match": f"^{framed}$", "batch": {"framing": "confluent"}}]})).start()
    lands.wait_landed(sum(map(len, cases.values())))
    assert_undecoded(penstock, 3 + 3 + 3, sum(map(len, cases.values())))
    assert penstock.terminate() == 0
    for topic, records in cases.items():
        rows = rows_of(lands, topic, tmp_path / topic, AVRO_COLUMNS)
        assert_places(rows, [len(records)])
        for row, (_, _, columns, rescued) in zip(rows, records):
            assert {name: row[name] for name in AVRO_COLUMNS} == columns, (topic, row["_offset"], row["_rescued"])
            assert (None if row["_rescued"] is None else json.loads(row["_rescued"])) == rescued, (topic, row["_offset"])
        assert_schema_is_told(penstock, lands, topic)
    assert_clean(penstock)


# Faults

def test_a_killed_process_leaves_nothing_doubled_and_nothing_out(landing, tmp_path):
    lands = landing(2)
    rng = random.Random(6)
    penstock = lands.penstock(merged(lands.config(), {
        "batch": {"format": "parquet", "decode": "json", "schema": json.dumps(JSON_SCHEMA), "max_bytes": "1MiB", "max_age": "1s"},
        "sink": {"block_bytes": "1MiB"}})).start()
    sent = [[], []]
    for kills in range(4):
        with Producing(lands.kafka) as producer:
            for partition, of in enumerate(sent):
                for _ in range(1200):
                    of.append(rng.choice([fitting, misfitting])(rng, len(of)))
                    producer.send(lands.topic, partition, as_bytes(of[-1]))
        if kills < 3:
            penstock.wait_metric("penstock_records_received_total", 400)
            penstock.service.kill()
            penstock.start()
    lands.wait_landed(sum(map(len, sent)))
    assert penstock.terminate() == 0
    rows = rows_of(lands, lands.topic, tmp_path / "lake", JSON_COLUMNS)
    assert_places(rows, [len(of) for of in sent])
    for row, value in zip(rows, sent[0] + sent[1]):
        assert reassembled(row) == stripped(value), (row["_partition"], row["_offset"])
    assert_schema_is_told(penstock, lands, lands.topic)
    assert_clean(penstock)


def test_a_file_of_junk_alone_is_a_table_without_rows(landing):
    """With the columns of its topic's schema."""
    lands = landing(1)
    with Producing(lands.kafka) as producer:
        for _ in range(40):
            producer.send(lands.topic, 0, b"{")
    penstock = lands.penstock(merged(lands.config(), {"batch": {
        "format": "parquet", "max_age": "1s", "decode": "json", "schema": json.dumps(JSON_SCHEMA), "validate": "json"}})).start()
    lands.wait_landed(40)
    assert penstock.terminate() == 0
    tables = tables_of(lands, lands.topic)
    assert tables
    for stored in tables.values():
        table = pyarrow.parquet.read_table(pyarrow.BufferReader(stored))
        assert table.num_rows == 0 and table.column_names == JSON_COLUMNS + OWN
    assert any(file.name.endswith(".parquet.json") for file in read_container(lands.azurite, lands.container))
    assert_schema_is_told(penstock, lands, lands.topic)
    assert_clean(penstock)
