"""`format: parquet` with a schema: independent readers find every value of tables by chance, in whatever they lie.

The witnesses are pyarrow and DuckDB. The files are made by `made_table`, which needs no broker and no store."""

import datetime
import json
import struct
import subprocess
from decimal import Context, Decimal

import duckdb
import pyarrow
import pyarrow.parquet
import pytest

from harness.paths import penstock_binary

OWN = ["_rescued", "_topic", "_partition", "_offset", "_timestamp", "_timestamp_type", "_key", "_headers"]
EPOCH = datetime.datetime(1970, 1, 1)
EXACT = Context(prec=60)


def as_told(kind: pyarrow.DataType, value):
    """A value as made_table tells it."""
    if value is None:
        return None
    if pyarrow.types.is_struct(kind):
        return {kind.field(i).name: as_told(kind.field(i).type, value[kind.field(i).name]) for i in range(kind.num_fields)}
    if pyarrow.types.is_map(kind):
        return [[as_told(kind.key_type, key), as_told(kind.item_type, item)] for key, item in value]
    if pyarrow.types.is_list(kind):
        return [as_told(kind.value_type, item) for item in value]
    if pyarrow.types.is_date(kind):
        return (value - EPOCH.date()).days
    if pyarrow.types.is_timestamp(kind):
        return (value.replace(tzinfo=None) - EPOCH) // datetime.timedelta(microseconds=1)
    if pyarrow.types.is_decimal(kind):
        return int(Decimal(value).scaleb(kind.scale, EXACT))
    if pyarrow.types.is_floating(kind):
        return struct.pack(">d", value).hex() if value == value else "NaN"
    return value.hex() if pyarrow.types.is_binary(kind) else value


def without_payload(value):
    """All values that are no number are told alike: a reader may change their bits."""
    if isinstance(value, list):
        return [without_payload(each) for each in value]
    if isinstance(value, dict):
        return {name: without_payload(each) for name, each in value.items()}
    return "NaN" if value in ("7ff8000000000000", "fff8000000000000") else value


def rows_of(table: pyarrow.Table, columns: int) -> list[list]:
    told = [[as_told(table.schema.field(i).type, value) for value in table.column(i).to_pylist()] for i in range(columns)]
    return [list(row) for row in zip(*told)]


def made(tmp_path, seed: int, fields: int, rows: int, compression: str, groups: str):
    file, told = tmp_path / "made.parquet", tmp_path / "made.jsonl"
    subprocess.run([penstock_binary().parent / "tests" / "made_table", str(seed), str(fields), str(rows), compression, groups,
                    file, told], check=True)
    return file, [without_payload(json.loads(line)) for line in told.read_text().split("\n") if line]


@pytest.mark.parametrize(("seed", "fields", "rows", "compression", "groups"), [
    *((seed, 1 + seed % 7, 300, ["none", "snappy", "zstd"][seed % 3], ["few", "many"][seed % 2]) for seed in range(1, 25)),
    (101, 6, 6000, "zstd", "few"), (102, 8, 6000, "none", "many"), (103, 40, 800, "snappy", "many")])
def test_readers_find_every_value(tmp_path, seed, fields, rows, compression, groups):
    file, expected = made(tmp_path, seed, fields, rows, compression, groups)
    with pyarrow.parquet.ParquetFile(file, page_checksum_verification=True) as opened:
        by_pyarrow = opened.read()
        assert groups == "few" or rows < 800 or opened.metadata.num_row_groups > 1
    assert by_pyarrow.column_names[fields:] == OWN
    assert rows_of(by_pyarrow, fields + 1) == expected
    assert by_pyarrow["_offset"].to_pylist() == list(range(rows))
    by_duckdb = duckdb.sql(f"select * from read_parquet('{file}') order by _offset").to_arrow_table()
    assert rows_of(by_duckdb, fields + 1) == expected


def test_bounds_skip_nothing_that_a_query_asks_for(tmp_path):
    """A row group or page is skipped by its bounds alone: each value that is there is found by asking for it."""
    file, _ = made(tmp_path, 7, 30, 1500, "zstd", "many")
    table = pyarrow.parquet.read_table(file)
    asked = 0
    for name in table.column_names[:30]:
        kind = table.schema.field(name).type
        if pyarrow.types.is_nested(kind) or pyarrow.types.is_boolean(kind):
            continue
        values = [value for value in table[name].to_pylist() if value is not None and value == value]
        for value in {*values[:20], min(values), max(values)}:
            found = pyarrow.parquet.read_table(file, filters=[(name, "==", value)], columns=[name]).num_rows
            by_duckdb = duckdb.execute(f"select count(*) from read_parquet('{file}') where {name} = ?", [value]).fetchall()[0][0]
            assert found == by_duckdb == values.count(value), (name, kind, value)
            asked += 1
    assert asked > 100
