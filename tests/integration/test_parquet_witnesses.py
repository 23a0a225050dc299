"""Files of `format: parquet` that were written through kills, frozen processes and changes of the schema: pyarrow, DuckDB, pandas
and Spark find in them exactly what was produced, every row and value. What Spark alone would trip over has tests of its own."""

import base64
import datetime
import json
import random
import shutil
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Callable

import pyarrow
import pyarrow.parquet
import pytest

from harness.azurite import Azurite
from harness.deployment import Deployment
from harness.fault_proxy import Fault, FaultProxy, is_blob_commit
from harness.kafka import Kafka
from harness.lake import read_container
from harness.parquet_footer import with_first_column_last
from harness.penstock import Penstock, merged, run_command
from harness.producing import Producing
from harness.schema_registry import Confluent
from harness.service import wait_until
from test_columns import made as table_by_chance, rows_of as rows_of_table
from test_parquet import FIRST_TIME, Book, as_json, headers, values
from test_parquet_columns import EPOCH, JSON_SCHEMA, OWN, as_bytes, fitting, misfitting, reassembled, stripped, tables_of, together
from test_registry import encoded, prefix, produce
from test_registry_columns import LINE, PAYMENT, V1, V2, V3, of_parquet, value_of, version
from test_witnesses import assert_same

pytestmark = [pytest.mark.witnesses, pytest.mark.timeout(900)]

MILLISECOND, MICROSECOND = datetime.timedelta(milliseconds=1), datetime.timedelta(microseconds=1)


# The run

def schema_with(middle: bool, end: bool) -> dict:
    """The columns of test_parquet_columns.py, with one more among them, and one more behind them."""
    members = list(JSON_SCHEMA["properties"].items())
    if middle:
        members.insert(3, ("discount", {"type": ["integer", "null"]}))
    if end:
        members.append(("channel", {"type": "object", "properties": {"name": {"type": "string"}, "n": {"type": "integer"}}}))
    return JSON_SCHEMA | {"properties": dict(members)}


SCHEMAS = [schema_with(False, False), schema_with(True, False), schema_with(True, True)]
WIDEST = SCHEMAS[-1]
# By which schema a process runs, and how it is killed: at any moment, or while a file of that topic is being published, before
# that has an effect or after it. Or it is frozen then, and wakes after the group has moved on: its file comes at once, or late,
# when another process has the partitions. A file of columns takes effect by each schema.
LIVES = [(0, "at any moment", ""), (0, "after", "columns"), (0, "after", "versions"), (0, "after", "envelopes"), (1, "at any moment", ""),
         (1, "before", "versions"), (1, "before", "envelopes"), (1, "frozen", "versions"), (1, "after", "columns"),
         (2, "frozen, its file late", "versions"), (2, "after", "columns"), (2, "after", "versions"), (2, "before", "columns")]
LATE_S = 10  # longer than the session of a group's member


def wider(rng: random.Random, at: int):
    """A value of any of the three versions, or of none."""
    if at % 50 == 7:
        return rng.choice([None, b"", b"no JSON", b"\xff\xfe", b'{"id":1'])
    made = rng.choice([fitting, fitting, misfitting])(rng, at)
    if rng.random() < 0.7:
        made["discount"] = rng.choice([None, at, -2**63, "ten"])
    if rng.random() < 0.5:
        made["channel"] = rng.choice([None, {}, {"name": "web € \0", "n": at}, {"n": 2, "else": [None]}, "web"])
    return made


def with_reals(value, schema: dict = WIDEST):
    """What was produced, with 7.0 for the 7 in a column of reals: JSON does not tell them apart, and the comparison does. What
    does not fit is not in its column, so that it stays as it was: a list or a map as a whole."""
    if not isinstance(value, dict):
        return value
    told = dict(value)
    for name in ("price", "grid", "rates"):  # no other column has reals
        if name in value:
            try:
                told[name] = real(value[name], schema["properties"][name])
            except TypeError:
                pass
    return told


def real(value, schema: dict):
    """TypeError says that it does not fit."""
    if value is None:
        return None
    if "items" in schema and isinstance(value, list):
        return [real(item, schema["items"]) for item in value]
    if "additionalProperties" in schema and isinstance(value, dict):
        return {key: real(item, schema["additionalProperties"]) for key, item in value.items()}
    if "number" in schema["type"] and type(value) in (int, float):  # a bool is an int, and no number
        return float(value)
    raise TypeError


@dataclass
class Columns:
    """What was produced of the topic whose values become columns."""
    topic: str
    rows: list = field(default_factory=list)
    counts: list = field(default_factory=lambda: [0, 0])

    def produce(self, kafka: Kafka, rng: random.Random, per_partition: int):
        with Producing(kafka) as producer:
            for partition in range(len(self.counts)):
                for _ in range(per_partition):
                    at = self.counts[partition]
                    made, key, told = wider(rng, at), rng.choice([None, b"", b"\xff" * 70]), headers(rng)
                    value = made if isinstance(made, bytes | None) else as_bytes(made)
                    producer.send(self.topic, partition, value, key, told, FIRST_TIME + 433 * at)
                    self.rows.append({"partition": partition, "offset": at, "timestamp": FIRST_TIME + 433 * at, "key": key,
                                      "headers": as_json(told), "value": with_reals(stripped(made))})
                    self.counts[partition] += 1


# The versions of the topic whose schemas are in a registry, by the order in which they come. Those that are there come by turns.
# `n` gets wider, which a column can follow, and then comes in both types. `total` becomes a text, which no column of numbers
# can follow. A line gets a field within its list.
WIDER_LINE = {**LINE, "fields": [*LINE["fields"], {"name": "gift", "type": ["null", "boolean"]}]}
VERSIONS = [version("id", "name", n="int", total="int"),
            version("note", "id", n="long", total="int"),
            version("id", "lines", "name", total="string", n="long"),
            version("rates", "id", n="long", lines={"type": "array", "items": WIDER_LINE}, total="int")]
CANNOT = "has fields that their columns cannot take: "
OF_VERSIONS = ["id", "name", "n", "total", "note", "lines", "rates"]


def of_version(rng: random.Random, schema: dict, at: int) -> dict:
    types = {field["name"]: field["type"] for field in schema["fields"]}
    total = rng.choice([0, -at, 2**31 - 1, -2**31])
    values = {
        "id": rng.choice([at, -2**63, 2**63 - 1]), "name": rng.choice(["", "Zoë € 😀", f"n{at % 7}"]),
        "n": rng.choice([at, -1, *([2**40 + at, -2**63] if types["n"] == "long" else [-2**31])]),
        "total": f"{total}.50" if types["total"] == "string" else total, "note": rng.choice([None, f"note {at}"]),
        "rates": {f"r{j}": j / 4 for j in range(rng.randrange(3))},
        "lines": [{"sku": f"s{j}", "n": rng.choice([None, j])} for j in range(rng.randrange(4))]}
    if schema is VERSIONS[3]:
        values["lines"] = [line | {"gift": rng.choice([None, True, False])} for line in values["lines"]]
    return {name: values[name] for name in types}


def from_versions(row: dict):
    """The value that was produced: an object, or the bytes of what is not of its schema, without the id in front."""
    columns = {name: row.get(name) for name in OF_VERSIONS}
    if columns["rates"] is not None:
        columns["rates"] = dict(columns["rates"])  # a list of pairs, or Spark's dict
    rescued = json.loads(row["_rescued"]) if row["_rescued"] is not None else {}
    if "_value" in rescued or "_value_base64" in rescued:
        assert set(columns.values()) == {None}
        return base64.b64decode(rescued["_value_base64"]) if "_value_base64" in rescued else rescued["_value"]
    assert rescued.pop("_reason", CANNOT).startswith(CANNOT)
    return stripped(together(stripped(columns), rescued))


@dataclass
class Versions(Columns):
    """What was produced of the topic whose schemas are in a registry."""
    registry: Confluent = None
    ids: list = field(default_factory=list)

    def produce(self, kafka: Kafka, rng: random.Random, per_partition: int, known: int):
        """Of the first `known` versions, by turns."""
        while len(self.ids) < known:
            self.ids.append(self.registry.register(VERSIONS[len(self.ids)]))
            self.registry.latest[f"{self.topic}-value"] = self.ids[-1]
        with Producing(kafka) as producer:
            for partition in range(len(self.counts)):
                for _ in range(per_partition):
                    at, which = self.counts[partition], rng.randrange(known)
                    made = rng.choice([None, b"\xff"]) if at % 60 == 9 else of_version(rng, VERSIONS[which], at)
                    value = None if made is None else prefix(self.ids[which]) + (
                        made if isinstance(made, bytes) else encoded(VERSIONS[which], made))
                    producer.send(self.topic, partition, value, b"k", [], FIRST_TIME + at)
                    self.rows.append({"partition": partition, "offset": at, "timestamp": FIRST_TIME + at, "key": b"k",
                                      "headers": None, "value": stripped(made)})
                    self.counts[partition] += 1


class Tortured:
    """Three topics, landed by processes of which each but the last one was killed by kill -9, or frozen until the group had moved
    on."""

    def __init__(self, kafka: Kafka, azurite: Azurite, registry: Confluent, directory: Path):
        rng = random.Random(16)
        self.envelopes = Book(SimpleNamespace(kafka=kafka, topic=kafka.create_topic(3)))
        self.columns = Columns(kafka.create_topic(2))
        self.versions = Versions(kafka.create_topic(2), registry=registry)
        self.topics = {"envelopes": self.envelopes.lands.topic, "columns": self.columns.topic, "versions": self.versions.topic}
        self.directory = directory
        deployed = Deployment(kafka, directory / "deployment", azurite)
        proxy = FaultProxy(azurite.port)
        schema = directory / "schema.json"
        config = deployed.config(list(self.topics.values()), {
            "batch": {"format": "parquet", "max_bytes": "2MiB"}, "sink": {"block_bytes": "1MiB"},
            "registry": {"type": "confluent", "url": registry.url},
            "overrides": [{"match": f"^{self.columns.topic}$", "batch": {"decode": "json", "schema": f"${{file:{schema}}}"}},
                          {"match": f"^{self.versions.topic}$", "batch": {"decode": "avro", "schema": "registry"}}]},
            proxy.port)
        try:
            penstock = deployed.penstock(config)
            for life, (number, way, kind) in enumerate(LIVES):
                schema.write_text(json.dumps(SCHEMAS[number]))
                penstock.start()
                fault = self._fault(penstock, way, self.topics.get(kind, ""))
                if fault:
                    proxy.add(fault)
                self.envelopes.produce(500, rng, values(rng)[:None if life == 0 else 12])  # the others are large
                self.columns.produce(kafka, rng, 600)
                self.versions.produce(kafka, rng, 300, min(1 + (life + 1) // 2, len(VERSIONS)))
                if way.startswith("frozen"):
                    wait_until(lambda: fault.requests, 60, f"it is {way}, as a file is published")
                    heir = deployed.penstock(merged(config, {"source": {"instance": f"heir-{life}"}}), stage=f"heir-{life}")
                    self._inherits(heir, penstock, lambda: self.versions.produce(kafka, rng, 300, len(VERSIONS)))
                elif fault:
                    wait_until(lambda: not penstock.service.running, 60, f"it is killed {way} a file is published")
                else:
                    penstock.wait_metric("penstock_records_received_total", rng.randrange(100, 2000))
                    penstock.service.kill()
            last = deployed.penstock(config, "--exit-at-end")
            last.service.start()
            assert last.wait(120) == 0, last.output[-3000:]
            verified = run_command("verify", "--config", last.file, "--deep", "--json")
            assert verified.returncode == 0 and json.loads(verified.stdout)["findings"] == [], verified.stdout + verified.stderr
            self.ddl = {}
            for kind in ("columns", "versions"):
                told = run_command("schema", last.file, "--topic", self.topics[kind], "--ddl", "spark")
                assert told.returncode == 0, told.stdout + told.stderr
                self.ddl[kind] = told.stdout
        finally:
            deployed.end()
            proxy.down()
        files = read_container(azurite, deployed.container)
        self.tombstones = {Path(file.name).name for file in files if file.is_tombstone}
        for kind, topic in self.topics.items():
            (directory / kind).mkdir()
            for file in files:
                if f"/{topic}/" in file.name:
                    (directory / kind / Path(file.name).name).write_bytes(file.stored)

    @staticmethod
    def _fault(penstock: Penstock, way: str, topic: str) -> Fault | None:
        """What kills it at the next file of the topic. It is in wait before anything is produced. That it asks about the name of
        a killed one, by a tombstone, is no file."""
        def matches(request) -> bool:
            is_tombstone = any(name.lower() == "x-ms-meta-tombstone" for name in request.headers)
            return is_blob_commit(request) and not is_tombstone and f"/{topic}/" in request.path

        kill = penstock.service.kill
        return {"before": Fault(matches, reset=True, on_arrival=kill),
                "after": Fault(matches, lose_reply=True, on_effect=kill),
                "frozen": Fault(matches, on_arrival=penstock.service.suspend),
                "frozen, its file late": Fault(matches, on_arrival=penstock.service.suspend, delay_s=LATE_S)}.get(way)

    @staticmethod
    def _inherits(heir: Penstock, frozen: Penstock, produce: Callable[[], None]):
        """The heir reads on where the frozen one has committed. Then that one wakes, and both work, and are stopped."""
        heir.start()
        heir.wait_metric("penstock_records_received_total", 1)
        frozen.service.resume()
        produce()
        wait_until(lambda: frozen.get("/metrics")[0] == 200, 60, "it is awake")
        for penstock in (frozen, heir):
            code = penstock.terminate()
            assert code == 0 or code == 1 and "the drain was given up" in penstock.output, penstock.output[-3000:]

    def paths(self, kind: str) -> list[str]:
        return sorted(str(path) for path in (self.directory / kind).glob("*.parquet"))

    def produced(self, kind: str) -> list[dict]:
        if kind != "envelopes":
            return getattr(self, kind).rows
        names = ("partition", "offset", "value", "timestamp", "key", "headers")
        return [dict(zip(names, row)) for row in self.envelopes.rows()]


@pytest.fixture(scope="module")
def tortured(binary, kafka_node, azurite_node, tmp_path_factory) -> Tortured:
    kafka_node.start()
    azurite_node.start()
    with Confluent() as registry:
        return Tortured(kafka_node, azurite_node, registry, tmp_path_factory.mktemp("tortured"))


# The readers. Each gives the rows of the files as dicts.

def by_pyarrow(paths: list[str]) -> list[dict]:
    tables = [pyarrow.parquet.ParquetFile(path, page_checksum_verification=True).read() for path in paths]
    return [row for table in tables for row in table.to_pylist()]


def by_duckdb(paths: list[str]) -> list[dict]:
    import duckdb
    return duckdb.sql(f"select * from read_parquet({paths}, union_by_name=true)").to_arrow_table().to_pylist()


def by_spark(spark, tortured, kind: str) -> list[dict]:
    if kind == "versions":
        return [row for paths in alike(tortured.paths(kind)) for row in rows_of_spark(spark.read.parquet(*paths))]
    return rows_of_spark(table_of(spark, tortured, kind))


def by_pandas(paths: list[str]) -> list[dict]:
    """In numpy's own types an integer that may be null would be a real, and within a list or a struct it always is."""
    import pandas

    def plain(value):
        return None if value is pandas.NA else value.to_pydatetime() if isinstance(value, pandas.Timestamp) else value

    frames = [pandas.read_parquet(path, dtype_backend="pyarrow") for path in paths]
    return [dict(zip(frame.columns, map(plain, row))) for frame in frames for row in zip(*(frame[name] for name in frame))]


def rows_of_spark(frame) -> list[dict]:
    """Spark's own conversion of a time goes through the zone of this process."""
    times = [name for name, kind in frame.dtypes if kind == "timestamp"]
    told = [f"unix_micros(`{name}`) AS `{name}`" if name in times else f"`{name}`" for name in frame.columns]
    rows = [row.asDict(recursive=True) for row in frame.selectExpr(*told).collect()]
    for row in rows:
        row.update({name: bytes(value) for name, value in row.items() if isinstance(value, bytearray)})
        row.update({name: EPOCH + row[name] * MICROSECOND for name in times if row[name] is not None})
    return rows


def as_produced(row: dict, kind: str) -> dict:
    """A reader's row. A file of an earlier schema does not have all columns."""
    told = {name: row[f"_{name}"] for name in ("partition", "offset", "key", "headers")}
    told["timestamp"] = (row["_timestamp"] - EPOCH) // MILLISECOND
    if kind == "envelopes":
        return told | {"value": row["value"]}
    if kind == "versions":
        return told | {"value": from_versions(row)}
    return told | {"value": reassembled({name: row.get(name) for name in [*WIDEST["properties"], *OWN]}, WIDEST)}


def table_of(spark, tortured: Tortured, kind: str):
    """Of the columns, as a table that `penstock schema` tells Spark to make."""
    place = tortured.directory / kind
    if kind == "envelopes":
        return spark.read.parquet(str(place))
    return made_table(spark, tortured.ddl[kind], place)


def made_table(spark, ddl: str, place: Path):
    statement = ddl.strip().removesuffix(";")
    table = statement.split("`")[1]
    spark.sql(f"DROP TABLE IF EXISTS `{table}`")
    spark.sql(f"{statement} LOCATION '{place}'")
    return spark.table(f"`{table}`")


def alike(paths: list[str]) -> list[list[str]]:
    """Those of one schema together. Files of another process may have another type of `total`, and a table of both would be of texts."""
    found = defaultdict(list)
    for path in paths:
        found[pyarrow.parquet.read_schema(path).remove_metadata().to_string()].append(path)
    return list(found.values())


def test_the_run_has_killed_writers_of_every_kind(tortured):
    """Otherwise the others would not show much: names that were claimed and never filled, and files of every schema."""
    for kind in tortured.topics:
        assert any(Path(path).name in tortured.tombstones for path in tortured.paths(kind)), kind
    names = [pyarrow.parquet.read_schema(path).names for path in tortured.paths("columns")]
    for schema in SCHEMAS:
        assert [*schema["properties"], *OWN] in names


def test_the_run_has_versions_of_every_kind(tortured):
    """Columns that got wider, fields that no column can take, a list that got wider within, and files of versions by turns."""
    tables = [pyarrow.parquet.read_table(path) for path in tortured.paths("versions")]
    assert {str(table.schema.field("n").type) for table in tables if "n" in table.column_names} == {"int32", "int64"}
    rescued = [json.loads(text) for table in tables for text in table["_rescued"].to_pylist() if text is not None]
    assert any("total" in each for each in rescued)
    assert any("gift" in str(table.schema.field("lines").type) for table in tables if "lines" in table.column_names)
    both = [table for table in tables if {"name", "note"} <= set(table.column_names)]
    assert any(table["name"].null_count and table["note"].null_count < table.num_rows for table in both)


@pytest.mark.parametrize("kind", ["envelopes", "columns", "versions"])
@pytest.mark.parametrize("reader", ["pyarrow", "duckdb", "pandas", "spark", "spark without vectors"])
def test_a_torture_run_is_read_to_what_was_produced(tortured, request, kind, reader):
    if reader.startswith("spark"):
        spark = request.getfixturevalue("spark")
        spark.conf.set("spark.sql.parquet.enableVectorizedReader", reader == "spark")
        try:
            rows = by_spark(spark, tortured, kind)
        finally:
            spark.conf.unset("spark.sql.parquet.enableVectorizedReader")
    else:
        paths = tortured.paths(kind)
        read = {"pyarrow": by_pyarrow, "duckdb": by_duckdb, "pandas": by_pandas}[reader]
        rows = [row for each in (alike(paths) if kind == "versions" else [paths]) for row in read(each)]
    assert {(row["_topic"], row["_timestamp_type"]) for row in rows} == {(tortured.topics[kind], "CreateTime")}
    assert_same(tortured.produced(kind), [as_produced(row, kind) for row in rows])


@pytest.mark.parametrize("vectors", [True, False])
def test_a_column_that_got_wider_is_one_column_of_a_table_of_all_files(tortured, spark, tmp_path, vectors):
    """Of all but those in which `total` is a text. Spark reads them as `penstock schema` tells it, DuckDB by their names."""
    for path in tortured.paths("versions"):
        schema = pyarrow.parquet.read_schema(path)
        if "total" not in schema.names or schema.field("total").type == pyarrow.int32():
            shutil.copy(path, tmp_path)
    paths = sorted(map(str, tmp_path.glob("*.parquet")))
    types = {str(schema.field("n").type) for schema in map(pyarrow.parquet.read_schema, paths) if "n" in schema.names}
    assert types == {"int32", "int64"}, "this test cannot tell"
    spark.conf.set("spark.sql.parquet.enableVectorizedReader", vectors)
    try:
        table = made_table(spark, tortured.ddl["versions"], tmp_path)
        assert dict(table.dtypes)["n"] == "bigint"
        rows = rows_of_spark(table)
    finally:
        spark.conf.unset("spark.sql.parquet.enableVectorizedReader")

    def in_the_table(of: list[dict]) -> list[dict]:
        """The statement is of the latest version, which does not have all columns."""
        return [as_produced({name: value for name, value in row.items() if name in table.columns}, "versions") for row in of]

    expected = in_the_table(by_pyarrow(paths))
    assert_same(expected, in_the_table(rows))
    assert_same(expected, in_the_table(by_duckdb(paths)))


# Spark, and files of several schemas

def in_order(rows: list[dict]) -> list[dict]:
    return sorted(rows, key=lambda row: (row["_partition"], row["_offset"]))


def test_envelopes_have_one_schema_whoever_wrote_them(tortured):
    schemas = [pyarrow.parquet.read_schema(path).remove_metadata() for path in tortured.paths("envelopes")]
    assert all(schema.equals(schemas[0]) for schema in schemas)


def test_spark_merges_the_schemas_to_the_columns_of_the_last_one(tortured, spark):
    told = table_of(spark, tortured, "columns")
    merged_frame = spark.read.option("mergeSchema", True).parquet(str(tortured.directory / "columns"))
    assert sorted(merged_frame.dtypes) == sorted(told.dtypes)
    assert in_order(rows_of_spark(merged_frame.select(*[f"`{name}`" for name in told.columns]))) == in_order(rows_of_spark(told))


@pytest.mark.parametrize("first", ["0", "1", "2", "a tombstone"])
def test_without_mergeschema_spark_has_the_columns_of_one_file_and_every_row(tortured, spark, tmp_path, first):
    """Of the file whose name is the first one. All rows are there, with what they have in these columns."""
    def is_the_one(path: str) -> bool:
        if first == "a tombstone":
            return Path(path).name in tortured.tombstones
        return pyarrow.parquet.read_schema(path).names == [*SCHEMAS[int(first)]["properties"], *OWN]

    paths = tortured.paths("columns")
    chosen = next(path for path in paths if is_the_one(path))
    for path in paths:
        shutil.copy(path, tmp_path / ("0.parquet" if path == chosen else Path(path).name))
    frame = spark.read.parquet(str(tmp_path))
    assert frame.columns == pyarrow.parquet.read_schema(chosen).names
    told = table_of(spark, tortured, "columns").select(*[f"`{name}`" for name in frame.columns])
    assert frame.dtypes == told.dtypes
    assert in_order(rows_of_spark(frame)) == in_order(rows_of_spark(told))


# Schemas of a registry

@pytest.mark.parametrize("columns", ["fields", "records"])
def test_spark_and_pandas_read_versions_and_types_that_come_by_turns(landing, spark, tmp_path, columns):
    """Two versions of an order, of `fields` a third and of `records` a payment, with a kill between. Spark merges the schemas."""
    lands = landing(1)
    kinds = (V1, V3, V2) if columns == "fields" else (V1, PAYMENT, V2)
    told, records = [], []
    with Confluent() as registry:
        ids = [registry.register(schema) for schema in kinds]
        for n in range(900):
            schema = kinds[n % 3 if n > 300 else n % 2]
            payment = {"id": f"p{n}", "order": n, "parts": [n / 4] * (n % 3)}
            told.append((schema, payment if schema is PAYMENT else value_of(schema, n)))
            records.append(prefix(ids[kinds.index(schema)]) + encoded(schema, told[-1][1]))
        produce(lands, lands.topic, records[:300])  # no record of these ends a file
        penstock = lands.penstock(of_parquet(lands, registry, {"batch": {"columns": columns}})).start()
        penstock.wait_metric("penstock_records_received_total", 300, 60)
        penstock.service.kill()
        produce(lands, lands.topic, records[300:])
        penstock.start()
        penstock.wait_metric("penstock_records_received_total", 900, 60)
        assert penstock.terminate() == 0
    paths = []
    for n, stored in enumerate(tables_of(lands, lands.topic).values()):
        paths.append(tmp_path / f"{n}.parquet")
        paths[-1].write_bytes(stored)
    rows = [row.asDict(recursive=True) for row in
            spark.read.option("mergeSchema", "true").parquet(*map(str, paths)).orderBy("_offset").collect()]
    assert [row["_offset"] for row in rows] == list(range(900))
    assert [row["_offset"] for row in in_order(by_pandas(list(map(str, paths))))] == list(range(900))
    names = ["id", "name", "note", "lines", "rates", "sum"] if columns == "fields" else ["Order", "Payment"]
    for row, (schema, value) in zip(rows, told):
        if columns == "fields":
            assert {name: row[name] for name in names} == {name: value.get(name) for name in names}
        else:
            order = {name: value.get(name) for name in ("id", "name", "note", "lines")}
            assert row["Payment"] == (value if schema is PAYMENT else None)
            assert row["Order"] == (None if schema is PAYMENT else order)
    if columns == "records":
        frame = spark.read.option("mergeSchema", "true").parquet(*map(str, paths))
        assert frame.where("Order is not null").selectExpr("Order.*").count() == sum(schema is not PAYMENT for schema, _ in told)


def test_spark_reads_a_column_that_changed_its_type_by_the_ddl_and_refuses_to_merge_it(landing, spark, tmp_path):
    """It is an int, then a string, and then a long. The files before that have INT32 in them."""
    lands = landing(1)
    kinds = [version(id=kind) for kind in ("int", "string", "long")]
    told = [1, "2", 2**40]
    with Confluent() as registry:
        ids = registry.subjects[f"{lands.topic}-value"] = []
        penstock = lands.penstock(of_parquet(lands, registry, {"batch": {"max_age": "1s"}})).start()
        for n, kind in enumerate(kinds):
            ids.append(registry.register(kind))
            produce(lands, lands.topic, [prefix(ids[n]) + encoded(kind, {"id": told[n]})])
            lands.wait_landed(n + 1)
        assert penstock.terminate() == 0
        ddl = run_command("schema", penstock.file, "--ddl", "spark").stdout
    place = tmp_path / "table"
    place.mkdir()
    for n, stored in enumerate(tables_of(lands, lands.topic).values()):
        (place / f"{n}.parquet").write_bytes(stored)
    name = ddl.split("`")[1]
    spark.sql(ddl.strip().removesuffix(";") + f" LOCATION 'file:{place}'")
    rows = spark.sql(f"select id, _rescued from `{name}` order by _offset").collect()
    assert [row["id"] for row in rows] == [1, None, 2**40]
    assert [row["_rescued"] is not None for row in rows] == [False, True, False]
    with pytest.raises(Exception, match="CANNOT_MERGE_SCHEMAS"):
        spark.read.option("mergeSchema", "true").parquet(str(place)).collect()


# Schemas and values by chance

@pytest.mark.parametrize("seed", range(201, 221))
def test_spark_finds_every_value_of_tables_by_chance(spark, tmp_path, seed):
    """As pyarrow and DuckDB do in test_columns.py, of the same kind of tables: by both of Spark's readers in turn."""
    fields = 1 + seed % 7
    file, expected = table_by_chance(tmp_path, seed, fields, 300, ["none", "snappy", "zstd"][seed % 3], ["few", "many"][seed // 2 % 2])
    spark.conf.set("spark.sql.parquet.enableVectorizedReader", seed % 2 == 0)
    try:
        table = spark.read.parquet(str(file)).orderBy("_offset").toArrow()
    finally:
        spark.conf.unset("spark.sql.parquet.enableVectorizedReader")
    assert table.column_names[fields:] == OWN
    assert rows_of_table(table, fields + 1) == expected
    assert table["_offset"].to_pylist() == list(range(300))


# Spark, and the place of the first column

def landed_in_one_file(landing, records: list[tuple], batch: dict) -> bytes:
    """Values and keys, in a file that is not compressed."""
    lands = landing(1)
    with Producing(lands.kafka) as producer:
        for value, key in records:
            producer.send(lands.topic, 0, value, key)
    config = merged(lands.config(), {"batch": {"format": "parquet", "max_age": "300s", "compression": "none"} | batch})
    penstock = lands.penstock(config, "--exit-at-end")
    penstock.service.start()
    assert penstock.wait(120) == 0, penstock.output[-3000:]
    files = read_container(lands.azurite, lands.container)
    assert len(files) == 1
    return files[0].stored


@pytest.mark.parametrize("kind", ["envelopes", "columns"])
def test_spark_finds_every_row_group_however_it_splits_a_file(landing, spark, tmp_path, kind):
    """It gives a row group to the task in whose part of the file the middle of the group is, and takes for the group's begin
    where the first column of the schema begins. The same bytes with another first column show what this rule protects from:
    Spark reads too few of their rows, and tells no error."""
    rng = random.Random(3)
    if kind == "envelopes":
        records, batch = [(rng.randbytes(6000), rng.randbytes(900)) for _ in range(2500)], {}
    else:
        records = [(as_bytes({"text": rng.randbytes(3000).hex(), "n": n}), None) for n in range(2500)]
        schema = {"properties": {"text": {"type": "string"}, "n": {"type": "integer"}}}
        batch = {"decode": "json", "schema": json.dumps(schema)}
    stored = landed_in_one_file(landing, records, batch)
    groups = pyarrow.parquet.read_metadata(pyarrow.BufferReader(stored)).num_row_groups
    assert groups > 2
    for name, content in (("ours", stored), ("moved", with_first_column_last(stored))):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file.parquet").write_bytes(content)
    try:
        spark.conf.set("spark.sql.files.maxPartitionBytes", "1MB")
        frame = spark.read.parquet(str(tmp_path / "ours"))
        assert frame.rdd.getNumPartitions() > groups
        rows = sorted(frame.collect(), key=lambda row: row["_offset"])
        assert frame.where(f"_offset >= {len(records) - 1}").count() == 1
        assert spark.read.parquet(str(tmp_path / "moved")).count() < len(records), "this test cannot tell"
    finally:
        spark.conf.unset("spark.sql.files.maxPartitionBytes")
    assert [(bytes(row["value"]), bytes(row["_key"])) if kind == "envelopes" else
            (as_bytes({"text": row["text"], "n": row["n"]}), None) for row in rows] == records
    others = pyarrow.parquet.read_table(tmp_path / "moved" / "file.parquet")
    assert others.num_rows == len(records), "the moved column leaves a file that others read"
