"""`format: parquet`: independent readers find every record, with all that is known of it, also when penstock is killed.

The witnesses are pyarrow and DuckDB."""

import base64
import json
import random
import re
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import pyarrow.parquet
import pytest

from harness.lake import LandedFile, read_container
from harness.penstock import merged, run_command
from harness.producing import Producing

PARTITIONS = 3
FIRST_TIME = 1_764_432_000_000  # 2025-11-29T16:00:00Z
LATEST_HELD = 253_402_300_799_999  # the last millisecond of the year 9999
COLUMNS = ["value", "_topic", "_partition", "_offset", "_timestamp", "_timestamp_type", "_key", "_headers"]
COUNT = "penstock_records_received_total"


@dataclass
class Sent:
    value: bytes | None
    key: bytes | None = None
    headers: list = field(default_factory=list)
    timestamp: int = FIRST_TIME


def headers(rng: random.Random) -> list:
    return rng.choice([[], [], [("trace", b"00-4bf9")], [("raw", b"\xff\x01"), ("nothing", None), ("raw", b"")]])


def as_json(sent_headers: list) -> str | None:
    def member(name: str, value: bytes | None) -> dict:
        try:
            return {name: None if value is None else value.decode()}
        except UnicodeDecodeError:
            return {f"{name}_base64": base64.b64encode(value).decode()}
    told = [{"key": key} | member("value", value) for key, value in sent_headers]
    return json.dumps(told, separators=(",", ":")) if told else None


def values(rng: random.Random) -> list[bytes | None]:
    made = [b"{}", b"", None, b'{"broken":"\r\n"}', b"\xff\xfe\x00", None, None, bytes(range(256))]
    return made + [rng.randbytes(size) for size in (1, 300, 5000, 140_000, 262_144, 900_000, 1_048_576, 1_500_000)]


class Book:
    def __init__(self, lands):
        self.lands = lands
        self.sent: dict[int, list[Sent]] = defaultdict(list)

    def produce(self, per_partition: int, rng: random.Random, special: list = ()):
        with Producing(self.lands.kafka) as producer:
            for partition in range(PARTITIONS):
                for i in range(per_partition):
                    text = json.dumps({"at": i, "text": "y" * rng.randrange(900), "n": rng.randrange(10**9)}).encode()
                    sent = Sent(special[i] if i < len(special) else text, rng.choice([None, b"", b"customer-7", b"\xff" * 70]),
                                headers(rng), rng.choice([FIRST_TIME + 433 * i, LATEST_HELD]))
                    producer.send(self.lands.topic, partition, sent.value, sent.key, sent.headers, sent.timestamp)
                    self.sent[partition].append(sent)

    def rows(self) -> list[tuple]:
        return sorted((partition, offset, sent.value, sent.timestamp, sent.key, as_json(sent.headers))
                      for partition, of in self.sent.items() for offset, sent in enumerate(of))

    @property
    def count(self) -> int:
        return sum(map(len, self.sent.values()))


def save(files: list[LandedFile], directory: Path) -> list[Path]:
    directory.mkdir(parents=True)
    paths = [directory / Path(file.name).name for file in files]
    for path, file in zip(paths, files):
        assert path.suffix == ".parquet"
        path.write_bytes(file.stored)
    return paths


def by_pyarrow(paths: list[Path], topic: str) -> list[tuple]:
    rows = []
    for path in paths:
        table = pyarrow.parquet.ParquetFile(path, page_checksum_verification=True).read()
        assert table.column_names == COLUMNS
        assert set(table["_topic"].to_pylist()) <= {topic} and set(table["_timestamp_type"].to_pylist()) <= {"CreateTime"}
        rows += zip(*(table[name].to_pylist() for name in ("_partition", "_offset", "value")),
                    table["_timestamp"].cast("int64").to_pylist(), table["_key"].to_pylist(), table["_headers"].to_pylist())
    return sorted(rows)


def by_duckdb(paths: list[Path]) -> list[tuple]:
    return sorted(duckdb.sql(
        "select _partition, _offset, value, epoch_ms(_timestamp), _key, _headers "
        f"from read_parquet({[str(path) for path in paths]})").fetchall())


def assert_read_back(book: Book, files: list[LandedFile], directory: Path):
    """Every row and every value, once."""
    paths = save(files, directory)
    expected = book.rows()
    assert by_pyarrow(paths, book.lands.topic) == expected
    assert by_duckdb(paths) == expected


def assert_whole(penstock, files: list[LandedFile]):
    for file in files:
        if "tombstone" not in file.metadata:
            told = pyarrow.parquet.read_metadata(pyarrow.BufferReader(file.stored)).metadata
            assert told[b"penstock.ranges"].decode() == file.metadata["ranges"]
            assert told[b"penstock.group"].decode() == file.metadata["group"]
            assert told[b"penstock.attempt"].decode() == file.metadata["attempt"]
    verified = run_command("verify", "--config", penstock.file, "--deep", "--json")
    assert verified.returncode == 0 and json.loads(verified.stdout)["findings"] == [], verified.stdout + verified.stderr


@pytest.mark.both_sources
@pytest.mark.parametrize("compression", ["none", "snappy", None])
def test_every_row_and_value_is_read_back(landing, tmp_path, compression):
    lands = landing(PARTITIONS)
    book = Book(lands)
    rng = random.Random(5)
    book.produce(3000, rng, values(rng))
    batch = {"format": "parquet", "max_bytes": "6MiB"} | ({"compression": compression} if compression else {})
    penstock = lands.penstock(merged(lands.config(), {"batch": batch, "sink": {"block_bytes": "1MiB"}})).start()
    lands.wait_landed(book.count)
    assert penstock.terminate() == 0
    files = read_container(lands.azurite, lands.container)
    assert len(files) > 1, "max_bytes ends files"
    assert_read_back(book, files, tmp_path / "lake")
    assert_whole(penstock, files)
    used = {chunk.compression for file in files for chunk in chunks_of(file)}
    assert used == {{"none": "UNCOMPRESSED", "snappy": "SNAPPY", None: "ZSTD"}[compression]}
    chunks = [chunk for file in files for chunk in chunks_of(file)]
    assert chunks and all(chunk.has_offset_index for chunk in chunks)
    # Of 70 times ff the first 64 bytes are a key's greatest, and nothing greater can be told: the keys have no bounds then.
    assert all(chunk.has_column_index for chunk in chunks if chunk.path_in_schema not in ("value", "_headers", "_key"))


def chunks_of(file: LandedFile) -> list:
    metadata = pyarrow.parquet.read_metadata(pyarrow.BufferReader(file.stored))
    groups = [metadata.row_group(i) for i in range(metadata.num_row_groups)]
    return [group.column(column) for group in groups for column in range(len(COLUMNS))]


def test_a_killed_process_leaves_nothing_doubled_and_nothing_out(landing, tmp_path):
    """What was staged of an open file cannot be finished by another process: it is read again."""
    lands = landing(PARTITIONS)
    book = Book(lands)
    rng = random.Random(6)
    penstock = lands.penstock(merged(lands.config(), {
        "batch": {"format": "parquet", "max_age": "2s", "max_bytes": "4MiB"}, "sink": {"block_bytes": "1MiB"},
        "stage": {"max_bytes": "1GiB"}})).start()
    for _ in range(4):
        book.produce(1500, rng, values(rng))
        penstock.wait_metric(COUNT, 500)
        penstock.service.kill()
        penstock.start()
    book.produce(100, rng)
    lands.wait_landed(book.count)
    assert penstock.terminate() == 0
    files = read_container(lands.azurite, lands.container)
    assert_read_back(book, files, tmp_path / "lake")
    assert_whole(penstock, files)


def test_a_kill_in_an_outage_drops_what_was_staged(landing, tmp_path):
    lands = landing(PARTITIONS)
    book = Book(lands)
    rng = random.Random(7)
    penstock = lands.penstock(merged(lands.config(), {
        "batch": {"format": "parquet", "max_age": "300s"}, "sink": {"block_bytes": "1MiB"}})).start()
    book.produce(50, rng)
    penstock.wait_metric(COUNT, book.count)
    assert penstock.terminate() == 0  # so that the group has a position for each partition
    penstock.start()
    lands.azurite.stop()
    book.produce(3000, rng)
    penstock.wait_metric(COUNT, 3000 * PARTITIONS)
    penstock.service.kill()
    lands.azurite.start()
    goes_on = lands.penstock(merged(lands.config(), {"batch": {"format": "parquet"}}), "--exit-at-end")
    goes_on.service.start()
    assert goes_on.wait() == 0, goes_on.output[-3000:]
    assert not re.search(r" used_bytes=[1-9]", goes_on.output), "a staged batch without its footer was used"
    files = read_container(lands.azurite, lands.container)
    assert_read_back(book, files, tmp_path / "lake")


def test_a_file_of_junk_alone_is_a_table_without_rows(landing, tmp_path):
    lands = landing(PARTITIONS)
    book = Book(lands)
    book.produce(200, random.Random(8))
    only_junk = lands.kafka.create_topic(1)
    with Producing(lands.kafka) as producer:
        for _ in range(40):
            producer.send(only_junk, 0, b"{")
    penstock = lands.penstock(merged(lands.config(), {
        "source": {"topics": [lands.topic, only_junk]}, "batch": {"format": "parquet", "validate": "json"}})).start()
    lands.wait_landed(book.count + 40)
    assert penstock.terminate() == 0
    files = read_container(lands.azurite, lands.container)
    of_junk = [file for file in files if file.metadata["topic"] == only_junk]
    tables = [file for file in of_junk if file.name.endswith(".parquet")]
    assert sum(int(file.metadata["quarantined"]) for file in tables) == 40
    assert any(file.name.endswith(".parquet.json") for file in of_junk)
    for file in tables:
        table = pyarrow.parquet.read_table(pyarrow.BufferReader(file.stored))
        assert table.num_rows == 0 and table.column_names == COLUMNS and table.schema.field("value").type == "string"
    good = [file for file in files if file.metadata["topic"] == lands.topic]
    for partition in book.sent.values():
        for sent in partition:
            sent.value = sent.value.decode()  # every value was judged to be JSON
    assert_read_back(book, good, tmp_path / "lake")
    assert_whole(penstock, good)
    ddl = run_command("schema", penstock.file, "--topic", lands.topic, "--ddl", "spark").stdout
    assert "(\n  `value` STRING,\n" in ddl, ddl
