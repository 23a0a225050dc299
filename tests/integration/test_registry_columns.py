"""`format: parquet` with `schema: registry`: the columns of a topic grow with the versions of its schema, and versions that come by
turns share their files. pyarrow and DuckDB read back every row."""

import base64
import decimal
import io
import json

import duckdb
import pyarrow
import pyarrow.parquet
import pytest

from harness.lake import read_container
from harness.metadata_services import Imds
from harness.penstock import merged, run_command
from harness.producing import Producing
from harness.schema_registry import Azure, Confluent
from harness.service import wait_until
from harness.token_server import SigningKey
from test_parquet_columns import OWN, assert_clean, in_order, rows_of, tables_of
from test_registry import azures_json, encoded, of_registry, prefix, produce, waits

LINE = {"type": "record", "name": "Line", "fields": [{"name": "sku", "type": "string"}, {"name": "n", "type": ["null", "int"]}]}
FIELDS = {"id": "long", "name": "string", "note": ["null", "string"], "lines": {"type": "array", "items": LINE},
          "rates": {"type": "map", "values": "double"}, "sum": "double"}


JSON_FIELDS = {
    "id": {"type": "integer"}, "name": {"type": "string"}, "note": {"type": ["string", "null"]}, "sum": {"type": "number"},
    "lines": {"type": "array", "items": {"type": "object", "properties": {"sku": {"type": "string"}, "n": {"type": "integer"}}}},
    "rates": {"type": "object", "additionalProperties": {"type": "number"}}}


def json_version(*names: str, **others) -> dict:
    return {"$schema": "http://json-schema.org/draft-07/schema#", "title": "Order", "type": "object",
            "properties": {**{name: JSON_FIELDS[name] for name in names}, **others}}


def version(*names: str, **others) -> dict:
    fields = {**{name: FIELDS[name] for name in names}, **others}
    return {"type": "record", "name": "Order", "fields": [{"name": name, "type": kind} for name, kind in fields.items()]}


V1 = version("id", "name")
V2 = version("note", "id", "lines", "name")
V3 = version("rates", "name", "id", "sum", "note")


def value_of(schema: dict, n: int) -> dict:
    values = {"id": n, "name": f"name {n % 13}", "note": None if n % 5 == 0 else f"note {n}", "sum": n / 8,
              "lines": [{"sku": f"s{j}", "n": None if j == 1 else j} for j in range(n % 4)], "rates": {f"r{j}": j / 2 for j in range(n % 3)}}
    return {field["name"]: values[field["name"]] for field in schema["fields"]}


def in_columns(value: dict, columns: list[str]) -> dict:
    """As pyarrow reads a row: a map is a list of pairs, and a column that the version does not have is null."""
    row = {name: value.get(name) for name in columns}
    return {name: list(each.items()) if name == "rates" and each is not None else each for name, each in row.items()}


def of_parquet(lands, registry, changes: dict | None = None) -> dict:
    return of_registry(lands, registry, merged({"batch": {"format": "parquet", "compression": "zstd", "max_age": "600s"}}, changes or {}))


def values_in(rows: list[dict], columns: list[str]) -> list[dict]:
    return [{name: row[name] for name in columns} for row in rows]


def test_versions_by_turns_make_as_many_files_as_one_version_through_kills(landing, tmp_path):
    """Three times: both topics are read, the process is killed, both are read again, and a stop ends their files."""
    lands = landing(1)
    steady = lands.kafka.create_topic(1)
    columns = ["id", "name", "note", "lines", "rates", "sum"]
    with Confluent() as registry:
        ids = {json.dumps(schema): registry.register(schema) for schema in (V1, V2, V3)}
        penstock = lands.penstock(of_parquet(lands, registry, {"source": {"topics": [lands.topic, steady]}}))
        told, count = [], 600
        for phase in range(3):
            records = []
            for n in range(phase * count, (phase + 1) * count):
                schema = (V1, V2, V1, V3)[n % 4]
                told.append(value_of(schema, n))
                id, bare = prefix(ids[json.dumps(schema)]), encoded(schema, told[-1])
                records.append(id + bare if n % 3 else (bare, [("__value_schema_id", id)]))
            produce(lands, lands.topic, records)
            produce(lands, steady, [prefix(ids[json.dumps(V1)]) + encoded(V1, {"id": n, "name": "n"}) for n in range(count)])
            penstock.start()
            penstock.wait_metric("penstock_records_received_total", 2 * count, 60)
            penstock.service.kill()
            penstock.start()
            penstock.wait_metric("penstock_records_received_total", 2 * count, 60)
            assert penstock.metric("penstock_schema_conflicts_total") == 0
            assert penstock.metric("penstock_undecoded_values_total") == 0
            assert penstock.terminate() == 0
        assert len(tables_of(lands, lands.topic)) == len(tables_of(lands, steady)) == 3
        for stored in tables_of(lands, lands.topic).values():
            assert pyarrow.parquet.ParquetFile(io.BytesIO(stored)).num_row_groups == 1
    rows = rows_of(lands, lands.topic, tmp_path / "read", columns)
    assert [row["_offset"] for row in rows] == list(range(3 * count))
    assert values_in(rows, columns) == [in_columns(value, columns) for value in told]
    assert {row["_rescued"] for row in rows} == {None}
    assert_clean(penstock)


def test_versions_of_json_schemas_by_turns_share_files_through_kills(landing, tmp_path):
    """What has an id of Avro among them is in the same columns."""
    lands = landing(1)
    columns = ["id", "name", "note", "lines", "rates", "sum"]
    one, two, three = json_version("id", "name"), json_version("note", "id", "lines", "name"), json_version(*columns[3:], "id")
    avro = version("id", "name", "note", "sum")
    with Confluent() as registry:
        ids = [registry.register(schema, kind="JSON") for schema in (one, two, three)] + [registry.register(avro)]
        penstock = lands.penstock(of_parquet(lands, registry, {"batch": {"decode": "json"}}))
        told, count = [], 400
        for phase in range(2):
            records = []
            for n in range(phase * count, (phase + 1) * count):
                which = n % 4
                names = avro["fields"] if which == 3 else [{"name": name} for name in (one, two, three)[which]["properties"]]
                told.append(value_of({"fields": names}, n))
                text = encoded(avro, told[-1]) if which == 3 else json.dumps(told[-1], ensure_ascii=False).encode()
                id = prefix(ids[which])
                records.append(id + text if n % 3 else (text, [("__value_schema_id", id)]))
            produce(lands, lands.topic, records)
            penstock.start()
            penstock.wait_metric("penstock_records_received_total", count, 60)
            penstock.service.kill()
            penstock.start()
            penstock.wait_metric("penstock_records_received_total", count, 60)
            assert penstock.metric("penstock_schema_conflicts_total") == 0
            assert penstock.metric("penstock_undecoded_values_total") == 0
            penstock.wait_metric("penstock_registry_requests_total", 4, 30, outcome="found")
            assert penstock.terminate() == 0
        assert len(tables_of(lands, lands.topic)) == 2
    rows = rows_of(lands, lands.topic, tmp_path / "read", columns)
    assert [row["_offset"] for row in rows] == list(range(2 * count))
    assert values_in(rows, columns) == [in_columns(value, columns) for value in told]
    assert {row["_rescued"] for row in rows} == {None}
    assert_clean(penstock)


def test_what_does_not_fit_the_columns_of_a_json_schema_is_rescued_counted_and_told(landing):
    """Another type, members that are not in the schema, what is no JSON, a schema with references, and one without properties."""
    lands = landing(1)
    with Confluent() as registry:
        one, other = json_version("id", sum={"type": "number"}), json_version("id", sum={"type": "string"})
        refers = json_version("id", at={"$ref": "at.json"})
        ids = [registry.register(one, kind="JSON"), registry.register(other, kind="JSON"),
               registry.register(refers, kind="JSON", references=[{"name": "at.json", "subject": "at", "version": 1}]),
               registry.register({"type": "string"}, kind="JSON")]
        values = [(0, b'{"id":0,"sum":0.5}'), (1, b'{"id":1,"sum":"0.5"}'), (0, b'{"id":2,"sum":"x","more":[{}]}'), (0, b'{"id":3'),
                  (0, b'[3]'), (2, b'{"id":5}'), (3, b'"6"')]
        produce(lands, lands.topic, [prefix(ids[number]) + text for number, text in values])
        penstock = lands.penstock(of_parquet(lands, registry, {"batch": {"max_age": "5s"}})).start()
        lands.wait_landed(7)
        assert penstock.metric("penstock_schema_conflicts_total") == 1
        assert penstock.metric("penstock_undecoded_values_total") == 4
        assert penstock.terminate() == 0
        assert "fields do not fit their columns since a schema changed, and are in _rescued" in penstock.output
        assert "values could not be decoded, and land as they came with the reason" in penstock.output
    rows = in_order([row for stored in tables_of(lands, lands.topic).values()
                     for row in pyarrow.parquet.read_table(io.BytesIO(stored)).to_pylist()])
    assert [(row["id"], row["sum"]) for row in rows] == [(0, 0.5), (1, None), (2, None)] + [(None, None)] * 4
    unusable = "schema-unusable: schema {} makes no columns: it {}"
    assert [row["_rescued"] and json.loads(row["_rescued"]) for row in rows] == [
        None, {"sum": "0.5", "_reason": "has fields that their columns cannot take: sum"}, {"sum": "x", "more": [{}]},
        {"_value": '{"id":3', "_reason": "is not JSON", "_schema": ids[0]}, {"_value": [3], "_reason": "is no object", "_schema": ids[0]},
        {"_value": '{"id":5}', "_schema": ids[2],
         "_reason": unusable.format(ids[2], "has references to other schemas, which are not resolved")},
        {"_value": '"6"', "_schema": ids[3], "_reason": unusable.format(ids[3], "names no properties at its top, and these are the columns")}]
    assert_clean(penstock)


def test_azures_json_becomes_columns(landing, tmp_path, monkeypatch):
    lands = landing(1)
    key = SigningKey()
    with Imds(key) as imds, Azure(key) as registry:
        for name, value in imds.environment().items():
            monkeypatch.setenv(name, value)
        one, two = (registry.register(json_version(*names), kind="JSON") for names in (("id",), ("id", "note")))
        headers = [told for pair in zip(azures_json(one), azures_json(two)) for told in pair]
        values = [{"id": n, "note": f"n{n}"} if n % 2 else {"id": n} for n in range(len(headers))]
        produce(lands, lands.topic, [(json.dumps(value).encode(), told) for value, told in zip(values, headers)])
        penstock = lands.penstock(of_parquet(lands, registry)).start()
        penstock.wait_metric("penstock_records_received_total", len(values), 60)
        assert penstock.terminate() == 0
        assert not registry.complaints
    rows = rows_of(lands, lands.topic, tmp_path / "read", ["id", "note"])
    assert values_in(rows, ["id", "note"]) == [{"note": None, **value} for value in values]
    assert {row["_rescued"] for row in rows} == {None}
    assert_clean(penstock)


def test_row_groups_that_were_written_before_a_column_came_have_nulls_in_it(landing, tmp_path):
    """With snappy, and values that fill several row groups of the first version. A filter finds what is in the new column."""
    lands = landing(1, max_message_bytes=8_000_000)
    first, second = version("id", text="string"), version("lines", "rates", "note", "id", text="string", amount={
        "type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}, ok="boolean")
    columns = ["id", "text", "lines", "rates", "note", "amount", "ok"]
    with Confluent() as registry:
        one, two = registry.register(first), registry.register(second)
        noise = [base64.b64encode(json.dumps([n * 7919 * k for k in range(12_000)]).encode()).decode() for n in range(90)]
        records = [prefix(one) + encoded(first, {"id": n, "text": noise[n]}) for n in range(90)]
        more = {"lines": [{"sku": "a", "n": None}], "rates": {}, "note": "new", "amount": decimal.Decimal("12.34"), "ok": True}
        records += [prefix(two) + encoded(second, {"id": n, "text": "t", **more}) if n % 2 else
                    prefix(one) + encoded(first, {"id": n, "text": "t"}) for n in range(90, 200)]
        produce(lands, lands.topic, records)
        penstock = lands.penstock(of_parquet(lands, registry, {"batch": {"compression": "snappy"}})).start()
        penstock.wait_metric("penstock_records_received_total", 200, 60)
        assert penstock.terminate() == 0
    [stored] = tables_of(lands, lands.topic).values()
    told = pyarrow.parquet.ParquetFile(io.BytesIO(stored)).metadata
    assert told.num_row_groups > 1
    late = told.row_group(0).column(2)
    assert late.data_page_offset > told.row_group(told.num_row_groups - 1).column(0).data_page_offset
    assert late.statistics.null_count == told.row_group(0).num_rows
    rows = rows_of(lands, lands.topic, tmp_path / "read", columns)
    empty = dict.fromkeys(columns[2:])
    assert values_in(rows, columns) == [
        {"id": n, "text": noise[n] if n < 90 else "t", **({**more, "rates": []} if n >= 90 and n % 2 else empty)} for n in range(200)]
    file = str(tmp_path / "read" / "0.parquet")
    assert duckdb.sql(f"select count(*), min(id) from '{file}' where note = 'new'").fetchall() == [(55, 91)]
    assert duckdb.sql(f"select count(*) from '{file}' where ok is null").fetchall() == [(145,)]
    assert_clean(penstock)


def test_what_does_not_fit_since_a_schema_changed_is_rescued_counted_and_told(landing, tmp_path):
    """Another type, more within a column, an id that nobody knows, and what is not of its schema."""
    lands = landing(1)
    inner = {"type": "record", "name": "By", "fields": [{"name": "who", "type": "string"}]}
    wider = {"type": "record", "name": "By", "fields": [{"name": "at", "type": "int"}, {"name": "who", "type": "string"}]}
    one, two, three = version("id", sum="int", by=inner), version("id", sum="string", by=inner), version("id", sum="long", by=wider)
    with Confluent() as registry:
        ids = [registry.register(schema) for schema in (one, two, three)]

        def record(number: int, schema: dict, value: dict) -> bytes:
            return prefix(ids[number]) + encoded(schema, value)

        unknown = prefix("4711") + b"\2"
        produce(lands, lands.topic, [
            record(0, one, {"id": 0, "sum": 5, "by": {"who": "me"}}), record(1, two, {"id": 1, "sum": "5", "by": {"who": "me"}}),
            record(2, three, {"id": 2, "sum": 2**40, "by": {"at": 7, "who": "me"}}), record(0, one, {"id": 3, "sum": 6, "by": {"who": "you"}}),
            unknown, prefix(ids[0]) + b"\2", None])
        penstock = lands.penstock(of_parquet(lands, registry, {"registry": {"patience": "1s"}})).start()
        penstock.wait_metric("penstock_records_received_total", 7, 60)
        penstock.wait_metric("penstock_schema_conflicts_total", 1, 10)
        assert penstock.terminate() == 0
        assert "fields do not fit their columns since a schema changed, and are in _rescued" in penstock.output
    files = [pyarrow.parquet.read_table(io.BytesIO(stored)) for stored in tables_of(lands, lands.topic).values()]
    assert len(files) == 2, "another file is begun once, for what is new within a column"
    rows = in_order([row for file in files for row in file.to_pylist()])
    assert [(row["id"], row["sum"], row["by"] and row["by"]["who"]) for row in rows] == [
        (0, 5, "me"), (1, None, "me"), (2, 2**40, "me"), (3, 6, "you"), (None, None, None), (None, None, None), (None, None, None)]
    assert rows[2]["by"] == {"who": "me", "at": 7} and rows[3]["by"] == {"who": "you", "at": None}
    assert [row["_rescued"] and json.loads(row["_rescued"]) for row in rows] == [
        None, {"sum": "5", "_reason": "has fields that their columns cannot take: sum"}, None, None,
        {"_value": unknown.decode(), "_reason": "schema-unknown: the registry has no schema 4711"},
        {"_value_base64": "Ag==", "_reason": "ends before its schema does", "_schema": ids[0]}, {"_value": None}]
    assert files[0].column_names == files[1].column_names == ["id", "sum", "by"] + OWN
    assert_clean(penstock)


PAYMENT = {"type": "record", "name": "shop.Payment", "fields": [
    {"name": "id", "type": "string"}, {"name": "order", "type": "long"}, {"name": "parts", "type": {"type": "array", "items": "double"}}]}


def test_records_of_several_types_by_turns_have_a_column_each_and_share_their_files(landing, tmp_path):
    """An order and a payment have an `id` of different types: each is in the column of its record. A version of one of them with a
    new field ends the file once, and the process that is killed between makes no other file."""
    lands = landing(1)
    with Confluent() as registry:
        ids = [registry.register(schema) for schema in (V1, PAYMENT, V2)]
        penstock = lands.penstock(of_parquet(lands, registry, {"batch": {"columns": "records"}}))
        told, records = [], []
        for n in range(900):
            kind = n % 2 if n < 450 else n % 3
            value = value_of((V1, None, V2)[kind], n) if kind != 1 else {"id": f"p{n}", "order": n - 1, "parts": [n / 4] * (n % 3)}
            told.append({"Order": value if kind != 1 else None, "Payment": value if kind == 1 else None})
            records.append(prefix(ids[kind]) + encoded((V1, PAYMENT, V2)[kind], value))
        produce(lands, lands.topic, records[:450])  # no record of these ends a file
        penstock.start()
        penstock.wait_metric("penstock_records_received_total", 450, 60)
        penstock.service.kill()
        produce(lands, lands.topic, records[450:])
        penstock.start()
        penstock.wait_metric("penstock_records_received_total", 900, 60)
        assert penstock.metric("penstock_schema_conflicts_total") == 0
        assert penstock.terminate() == 0

        registry.subjects[f"{lands.topic}-value"] = [ids[1]]
        ddl = run_command("schema", penstock.file, "--ddl", "spark").stdout
        assert "  `Payment` STRUCT<`id`: STRING, `order`: BIGINT, `parts`: ARRAY<DOUBLE>>,\n  `_rescued` STRING," in ddl, ddl
    files = [pyarrow.parquet.read_table(io.BytesIO(stored)) for stored in tables_of(lands, lands.topic).values()]
    assert [file.column_names[:2] for file in files] == [["Order", "Payment"]] * 2
    rows = in_order([row for file in files for row in file.to_pylist()])
    assert [row["_offset"] for row in rows] == list(range(900))
    assert {row["_rescued"] for row in rows} == {None}
    columns = ["id", "name", "note", "lines"]
    for row, value in zip(rows, told):
        assert row["Payment"] == value["Payment"]
        order = row["Order"] and {name: row["Order"].get(name) for name in columns}
        assert order == (value["Order"] and {name: value["Order"].get(name) for name in columns})
    for n, stored in enumerate(tables_of(lands, lands.topic).values()):
        (tmp_path / f"{n}.parquet").write_bytes(stored)
    counted = duckdb.sql(f"""select count("Order"), count("Payment"), sum("Order".id), max("Payment".id)
                             from read_parquet('{tmp_path}/*.parquet', union_by_name = true)""").fetchall()
    assert counted == [(sum(value["Order"] is not None for value in told), sum(value["Payment"] is not None for value in told),
                        sum(value["Order"]["id"] for value in told if value["Order"]), "p99")]
    assert_clean(penstock)


def test_a_topic_whose_schema_is_not_known_holds_up_no_other(landing):
    lands = landing(1)
    other = lands.kafka.create_topic(1)
    with Confluent() as registry:
        known, late = registry.register(V1), registry.register(V2)
        registry.hidden.add(late)
        produce(lands, lands.topic, [prefix(known) + encoded(V1, value_of(V1, 0)), prefix(late) + encoded(V2, value_of(V2, 1))])
        produce(lands, other, [prefix(known) + encoded(V1, value_of(V1, n)) for n in range(5)])
        penstock = lands.penstock(of_parquet(lands, registry, {
            "source": {"topics": [lands.topic, other]}, "batch": {"max_age": "1s"}})).start()
        wait_until(lambda: len(tables_of(lands, other)) == 1, 30, "the other topic lands")
        wait_until(lambda: waits(penstock, lands.topic, f"schema {late} is not known"), 30, "the topic waits")
        registry.hidden.clear()
        wait_until(lambda: sum(int(file.metadata["records"]) for file in read_container(lands.azurite, lands.container)
                               if file.metadata["topic"] == lands.topic) == 2, 30, "it lands")
        assert penstock.terminate() == 0
    assert_clean(penstock)


BY = {"type": "record", "name": "By", "fields": [{"name": "who", "type": "string"}]}
BY_AND_AT = {"type": "record", "name": "By", "fields": [{"name": "at", "type": "int"}, {"name": "who", "type": "string"}]}
# `sum` is an int first, and then a string, and then a long. `by` has more in it.
CHANGED = [version("id", sum="int", by=BY), version("id", sum="string", by=BY, sum2="int"),
           version("id", sum="long", by=BY_AND_AT, sum2="string")]


def changed_value(which: int, n: int) -> dict:
    return [{"id": n, "sum": n, "by": {"who": "me"}}, {"id": n, "sum": f"{n}", "by": {"who": "me"}, "sum2": n},
            {"id": n, "sum": n, "by": {"at": n, "who": "me"}, "sum2": f"{n}"}][which]


def columns_in(stored: bytes) -> dict:
    schema = pyarrow.parquet.read_schema(io.BytesIO(stored))
    return {name: str(schema.field(name).type) for name in schema.names if name not in OWN}


@pytest.mark.parametrize("columns", ["fields", "records"])
def test_which_version_comes_first_says_nothing_of_the_types_of_columns(landing, tmp_path, columns):
    """Two processes of a group, each of which reads one version first, and one after a restart, which reads the third."""
    lands = landing(2)
    subject = f"{lands.topic}-value"
    with Confluent() as registry:
        ids = registry.subjects[subject] = [registry.register(schema) for schema in CHANGED]

        def produce_to(partition: int, which: int, numbers: range) -> None:
            with Producing(lands.kafka) as producer:
                for n in numbers:
                    producer.send(lands.topic, partition, prefix(ids[which]) + encoded(CHANGED[which], changed_value(which, n)), b"k", [])

        config = of_parquet(lands, registry, {"batch": {"columns": columns, "max_age": "3s"}})
        one, other = (lands.penstock(merged(config, {"stage": {"dir": str(tmp_path / member)}})).start() for member in ("one", "other"))
        wait_until(lambda: [each.metric("penstock_assigned_partitions") for each in (one, other)] == [1, 1], 60, "each has a partition")
        produce_to(0, 0, range(50))
        produce_to(1, 1, range(50))
        lands.wait_landed(100)
        assert one.terminate() == other.terminate() == 0
        produce_to(0, 2, range(50, 60))
        produce_to(0, 1, range(60, 70))
        one.start()
        lands.wait_landed(120)
        assert one.terminate() == 0
        assert set(registry.versions_asked) == {subject}

        files = list(tables_of(lands, lands.topic).values())
        told = [columns_in(stored) for stored in files]
        inner = "struct<who: string, at: int32>"
        wanted = {"id": "int64", "sum": "int64", "by": inner, "sum2": "int32"}
        if columns == "records":
            wanted = {"Order": f"struct<{', '.join(f'{name}: {kind}' for name, kind in wanted.items())}>"}
        assert told == [wanted] * len(told)
        assert len(files) <= 4, "no file is ended for columns"
        ddl = run_command("schema", one.file, "--ddl", "spark").stdout
        assert ("`sum` BIGINT" if columns == "fields" else "`sum`: BIGINT") in ddl, ddl
    rows = in_order([row for stored in files for row in pyarrow.parquet.read_table(io.BytesIO(stored)).to_pylist()])
    assert len(rows) == 120
    rescued = [json.loads(row["_rescued"])["_reason"] for row in rows if row["_rescued"]]
    assert rescued.count("has fields that their columns cannot take: sum") == 60
    assert rescued.count("has fields that their columns cannot take: sum2") == 10
    assert_clean(one)


def test_a_version_that_is_registered_later_makes_a_column_wider_from_then_on(landing, tmp_path):
    """Also after a restart. DuckDB reads the files together, and one process takes a version that no record has yet."""
    lands = landing(1)
    narrow, other, wide = version(id="int"), version(id="string"), version("note", id="long")
    with Confluent() as registry:
        ids = registry.subjects[f"{lands.topic}-value"] = [registry.register(narrow)]
        config = of_parquet(lands, registry, {"batch": {"max_age": "1s"}})
        penstock = lands.penstock(config).start()
        produce(lands, lands.topic, [prefix(ids[0]) + encoded(narrow, {"id": 1})])
        lands.wait_landed(1)
        ids += [registry.register(schema) for schema in (other, wide)]
        produce(lands, lands.topic, [prefix(ids[1]) + encoded(other, {"id": "2"})])
        lands.wait_landed(2)
        assert penstock.terminate() == 0
        penstock.start()
        produce(lands, lands.topic, [prefix(ids[0]) + encoded(narrow, {"id": 3})])
        lands.wait_landed(3)
        assert penstock.terminate() == 0
    stored = sorted(tables_of(lands, lands.topic).values(), key=lambda file: pyarrow.parquet.read_table(io.BytesIO(file))["_offset"][0].as_py())
    assert [columns_in(file) for file in stored] == [{"id": "int32"}] + [{"id": "int64", "note": "string"}] * 2
    for n, file in enumerate(stored):
        (tmp_path / f"{n}.parquet").write_bytes(file)
    told = duckdb.sql(f"select id, typeof(id), _rescued from read_parquet('{tmp_path}/*.parquet', union_by_name = true) order by _offset")
    assert told.fetchall() == [(1, "BIGINT", None), (
        None, "BIGINT", '{"id":"2","_reason":"has fields that their columns cannot take: id"}'), (3, "BIGINT", None)]
    assert_clean(penstock)


def test_a_field_that_can_be_no_column_is_rescued_alone_and_told(landing):
    """In both kinds of schemas. The other fields are in their columns, and so are those of a version without it."""
    lands = landing(1)
    avro = version("id", "note", _offset="long", ID="int")
    of_json = json_version("id", "note", _key={"type": "string"})
    with Confluent() as registry:
        ids = registry.subjects[f"{lands.topic}-value"] = [
            registry.register(avro), registry.register(of_json, kind="JSON"), registry.register(V2)]
        produce(lands, lands.topic, [
            prefix(ids[0]) + encoded(avro, {"id": 1, "note": "a", "_offset": 5, "ID": 6}),
            prefix(ids[1]) + b'{"id":2,"note":"b","_key":"k"}', prefix(ids[2]) + encoded(V2, value_of(V2, 3))])
        penstock = lands.penstock(of_parquet(lands, registry, {"batch": {"max_age": "3s"}})).start()
        lands.wait_landed(3)
        assert penstock.metric("penstock_schema_conflicts_total") == 2
        assert penstock.metric("penstock_undecoded_values_total") == 0
        assert penstock.terminate() == 0

        why = 'the schema has the field "{}", and penstock writes a column of that name itself; rename the field'
        checked = run_command("check", "--config", penstock.file)
        assert "fields that are in _rescued alone: 3, of which the first is \"_offset\", as " + why.format("_offset") in checked.stdout, \
            checked.stdout
        shown = run_command("schema", penstock.file).stdout
        for name in ("_offset", "_key"):
            assert f'  "{name}" is in _rescued alone, as ' + why.format(name) in shown, shown
        assert '-- "ID" is in _rescued alone, as the schema has the field "ID" and another' in \
            run_command("schema", penstock.file, "--ddl", "spark").stdout
        told = json.loads(run_command("schema", penstock.file, "--json").stdout)["tables"][0]
        assert [each["name"] for each in told["left_out"]] == ["_offset", "ID", "_key"]
        assert [field["name"] for field in told["columns"]] == ["id", "note", "lines", "name"]
    rows = in_order([row for stored in tables_of(lands, lands.topic).values()
                     for row in pyarrow.parquet.read_table(io.BytesIO(stored)).to_pylist()])
    assert [(row["id"], row["note"], row["_offset"]) for row in rows] == [(1, "a", 0), (2, "b", 1), (3, "note 3", 2)]
    assert [row["_rescued"] and json.loads(row["_rescued"]) for row in rows] == [
        {"_offset": 5, "ID": 6, "_reason": "has fields that can be no columns: _offset, ID"},
        {"_key": "k", "_reason": "has fields that their columns cannot take: _key"}, None]
    assert_clean(penstock)


def test_delta_maps_names_that_it_does_not_take_as_they_are(tmp_path):
    file = tmp_path / "orders.json"
    for name, options in (("order id", " TBLPROPERTIES ('delta.columnMapping.mode' = 'name');\n"), ("order_id", "\n);\n")):
        file.write_text(json.dumps({"properties": {"at": {"properties": {name: {"type": "integer"}}}}}))
        told = run_command("schema", file, "--ddl", "databricks").stdout
        assert told.endswith(options) and f"`{name}`: BIGINT" in told, told
        assert run_command("schema", file, "--ddl", "spark").stdout.endswith(") USING PARQUET;\n")


def test_a_registry_that_hides_its_versions_is_waited_for_and_then_done_without(landing):
    """Another topic does not wait. One that may not ask for versions goes on at once."""
    lands = landing(1)
    other = lands.kafka.create_topic(1)
    with Confluent() as registry:
        ids = registry.subjects[f"{lands.topic}-value"] = [registry.register(schema) for schema in (V1, V2)]
        registry.versions_refusal = 503, {}, {"error_code": 50301, "message": "down"}
        for topic in (lands.topic, other):
            produce(lands, topic, [prefix(ids[1]) + encoded(V2, value_of(V2, 1))])
        penstock = lands.penstock(of_parquet(lands, registry, {
            "source": {"topics": [lands.topic, other]}, "batch": {"max_age": "1s"}, "registry": {"patience": "20s"},
            "overrides": [{"match": other, "batch": {"format": "envelope", "compression": "none"}}]})).start()
        wait_until(lambda: waits(penstock, lands.topic, f"the versions of {lands.topic}-value cannot be had: ", "answers 503"), 30,
                   "the topic waits")
        lands.wait_landed(1)
        wait_until(lambda: len(tables_of(lands, lands.topic)) == 1, 60, "it goes on without them")
        assert penstock.terminate() == 0
        [stored] = tables_of(lands, lands.topic).values()
        assert list(columns_in(stored)) == ["note", "id", "lines", "name"]

        registry.versions_refusal = 403, {}, {"error_code": 40301, "message": "User is denied"}
        produce(lands, lands.topic, [prefix(ids[0]) + encoded(V1, value_of(V1, 1))])
        penstock.start()
        wait_until(lambda: len(tables_of(lands, lands.topic)) == 2, 15, "it goes on at once")
        assert penstock.terminate() == 0
    assert_clean(penstock)


def test_check_and_schema_show_the_columns_of_all_versions(landing):
    lands = landing(1)
    other = lands.kafka.create_topic(1)
    with Confluent() as registry:
        registry.subjects[f"{lands.topic}-value"] = [registry.register(V2), registry.register(V1)]
        penstock = lands.penstock(of_parquet(lands, registry, {"source": {"topics": [lands.topic, other]}}))
        checked = run_command("check", "--config", penstock.file)
        assert f"the versions of {lands.topic}-value make 5 columns; `penstock schema` shows them" in checked.stdout, checked.stdout
        assert f"no columns of {other}: the registry has nothing by the name {other}-value" in checked.stdout
        assert checked.returncode == 0
        told = json.loads(run_command("schema", penstock.file, "--json").stdout)["tables"]
        assert [field["name"] for field in told[0]["columns"]] == ["note", "id", "lines", "name"]
        assert all(field["optional"] for field in told[0]["columns"])
        assert told[1]["columns"] is None and f"{other}-value" in told[1]["why_not"]
        shown = run_command("schema", penstock.file, "--topic", lands.topic)
        assert f"{lands.topic}: 5 columns of the schema's versions in the registry" in shown.stdout
        ddl = run_command("schema", penstock.file, "--ddl", "spark").stdout
        assert f"CREATE TABLE `{lands.topic.replace('-', '_')}` (\n  `note` STRING" in ddl
        assert f"-- {other}: its columns are not known: " in ddl
        registry.login = "Basic none"
        shown = run_command("schema", penstock.file, "--topic", lands.topic)
        assert "which are not known" in shown.stdout and "answers 401" in shown.stdout


class WithoutSubjects(Confluent):
    """One that answers nothing that is asked by a subject."""

    def refuses(self, asked):
        return (503, {}, {"error_code": 50301, "message": "down"}) if asked.path.startswith("/subjects") else super().refuses(asked)


def test_a_registry_that_is_away_is_asked_for_the_first_topic_alone(landing):
    lands = landing(1)
    topics = [lands.topic, lands.kafka.create_topic(1), lands.kafka.create_topic(1)]
    with WithoutSubjects() as registry:
        penstock = lands.penstock(of_registry(lands, registry, {"source": {"topics": topics}, "batch": {"format": "parquet"}},
                                              type="confluent"))
        run_command("schema", penstock.file, "--topic", topics[0])
        for_one = len(registry.asked)
        told = json.loads(run_command("schema", penstock.file, "--json").stdout)["tables"]
        assert [table["topic"] for table in told] == topics
        assert all("answers 503" in table["why_not"] for table in told), told
        assert len(registry.asked) == 2 * for_one
        checked = run_command("check", "--config", penstock.file)
        assert checked.stdout.count("no columns of ") == 1 and f"no columns of {topics[0]}: " in checked.stdout, checked.stdout


def test_schema_asks_for_a_topic_and_for_no_expression(tmp_path):
    file = tmp_path / "penstock.yaml"
    with Confluent() as registry:
        registry.subjects["orders.a-value"] = [registry.register(V1)]

        def told(source: dict, *words: str):
            file.write_text(json.dumps({
                "name": "x", "source": {"brokers": ["127.0.0.1:1"], **source}, "sink": {"url": "null:"},
                "batch": {"format": "parquet", "decode": "avro", "schema": "registry"},
                "overrides": [{"match": "^orders\\.b", "batch": {"max_age": "5s"}}],
                "registry": {"type": "confluent", "url": registry.url}}))
            return run_command("schema", file, *words)

        found = {"topics_regex": "^orders"}
        for expression in ("^orders", "^orders\\.b"):
            assert f"{expression}: columns of the schemas that its records name, which are not known: " \
                "an expression finds its topics; name one with --topic\n" in told(found).stdout
        assert not registry.asked
        assert told(found, "--topic", "orders.a").stdout.startswith("orders.a: 2 columns of the schema's versions in the registry\n")
        asked = len(registry.asked)
        for source, topic, why in ((found, "payments", "source.topics_regex does not match it: ^orders"),
                                   ({"topics": ["orders.a"]}, "orders.b", "source.topics does not have it")):
            refused = told(source, "--topic", topic)
            assert refused.returncode == 2 and f"--topic {topic}: {why}" in refused.stderr, refused.stdout + refused.stderr
        assert len(registry.asked) == asked


def test_check_and_schema_show_the_columns_of_a_json_schema(landing):
    lands = landing(1)
    other = lands.kafka.create_topic(1)
    with Confluent() as registry:
        registry.subjects[f"{lands.topic}-value"] = [registry.register(json_version("note", "id", "lines"), kind="JSON")]
        registry.subjects[f"{other}-value"] = [registry.register(
            json_version("id"), kind="JSON", references=[{"name": "a", "subject": "a", "version": 1}])]
        penstock = lands.penstock(of_parquet(lands, registry, {"source": {"topics": [lands.topic, other]}}))
        checked = run_command("check", "--config", penstock.file)
        assert f"the versions of {lands.topic}-value make 4 columns; `penstock schema` shows them" in checked.stdout, checked.stdout
        why_not = f"the latest schema of {other}-value makes no columns: it has references to other schemas, which are not resolved"
        assert f"no columns of {other}: {why_not}" in checked.stdout
        assert checked.returncode == 0
        told = json.loads(run_command("schema", penstock.file, "--json").stdout)["tables"]
        assert [field["name"] for field in told[0]["columns"]] == ["note", "id", "lines"]
        assert told[1]["columns"] is None and told[1]["why_not"] == why_not
        ddl = run_command("schema", penstock.file, "--ddl", "spark").stdout
        assert "`id` BIGINT" in ddl and "`lines` ARRAY<STRUCT<`sku`: STRING, `n`: BIGINT>>" in ddl, ddl
