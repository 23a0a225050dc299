"""Makes the Parquet files of JSON lines that others would make, in a process of its own and with one thread.

    peers.py gateway|requests pyarrow|duckdb OUT FILE...

The table has the columns of penstock's, compressed with zstd at level 1: of `gateway` the value is one column, of `requests` each of
its members is. The lines do not tell where a record was in Kafka, so
that is made up: a topic, one partition, offsets that count, one time. Prints {"cpu_s": ..., "rows": ..., "value_bytes": ...}; the
latter two are read back, and there are none of requests.
"""

import itertools
import json
import sys
import time

import duckdb
import pyarrow
import pyarrow.compute
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet

from forms import OF_DUCKDB

TIME_MS = 1_764_432_000_000
BLOCK_BYTES = 8 << 20
GROUP_ROWS = 131_072


OWN = pyarrow.schema([("_topic", pyarrow.string()), ("_partition", pyarrow.int32()), ("_offset", pyarrow.int64()),
                      ("_timestamp", pyarrow.timestamp("ms", "UTC")), ("_timestamp_type", pyarrow.string()), ("_key", pyarrow.binary()),
                      ("_headers", pyarrow.string())])
TEXT = pyarrow.string()
MEMBERS = pyarrow.schema([
    ("time", pyarrow.timestamp("ms", "UTC")), ("trace", TEXT), ("method", TEXT), ("path", TEXT), ("status", pyarrow.int32()),
    ("bytes", pyarrow.int64()), ("ms", pyarrow.float64()), ("cached", pyarrow.bool_()), ("user", TEXT),
    ("client", pyarrow.struct([("ip", TEXT), ("region", TEXT)])), ("tags", pyarrow.list_(TEXT)),
    ("items", pyarrow.list_(pyarrow.struct([("sku", TEXT), ("qty", pyarrow.int32()), ("price", pyarrow.float64()),
                                            ("gift", pyarrow.bool_())]))),
    ("note", TEXT)])
OWN_OF_DUCKDB = f"""'orders' AS _topic, 0::INTEGER AS _partition, row_number() OVER () - 1 AS _offset,
                    make_timestamptz({TIME_MS * 1000}) AS _timestamp, 'CreateTime' AS _timestamp_type, NULL::BLOB AS _key,
                    NULL::VARCHAR AS _headers"""


def own_columns(begin: int, rows: int) -> list[pyarrow.Array]:
    return [pyarrow.repeat("orders", rows), pyarrow.repeat(pyarrow.scalar(0, pyarrow.int32()), rows), pyarrow.arange(begin, begin + rows),
            pyarrow.repeat(pyarrow.scalar(TIME_MS, pyarrow.timestamp("ms", "UTC")), rows), pyarrow.repeat("CreateTime", rows),
            pyarrow.nulls(rows, pyarrow.binary()), pyarrow.nulls(rows, pyarrow.string())]


def write(out: str, files: list[str], schema: pyarrow.Schema, read, **options):
    """`read(file)` gives batches of the first columns."""
    pyarrow.set_cpu_count(1)
    pyarrow.set_io_thread_count(1)
    offset = 0
    with pyarrow.parquet.ParquetWriter(out, schema, compression="zstd", compression_level=1, write_page_index=True,
                                       write_page_checksum=True, **options) as writer:
        for batch in itertools.chain.from_iterable(map(read, files)):
            others = [pyarrow.nulls(batch.num_rows, pyarrow.string())] if "_rescued" in schema.names else []
            columns = [*batch.columns, *others, *own_columns(offset, batch.num_rows)]
            writer.write_batch(pyarrow.record_batch(columns, schema=schema), row_group_size=GROUP_ROWS)
            offset += batch.num_rows


def by_pyarrow(out: str, files: list[str]):
    def read(file: str):
        return pyarrow.csv.open_csv(
            file, pyarrow.csv.ReadOptions(use_threads=False, block_size=BLOCK_BYTES, column_names=["value"]),
            pyarrow.csv.ParseOptions(delimiter="\x01", quote_char=False, double_quote=False),
            pyarrow.csv.ConvertOptions(column_types={"value": pyarrow.binary()}))

    plain = {"_partition": "DELTA_BINARY_PACKED", "_offset": "DELTA_BINARY_PACKED", "_timestamp": "DELTA_BINARY_PACKED"}
    write(out, files, pyarrow.schema([("value", pyarrow.binary()), *OWN]), read, use_dictionary=["_topic", "_timestamp_type"],
          column_encoding=plain)


def requests_by_pyarrow(out: str, files: list[str]):
    """Its dictionaries are as it makes them by itself."""
    def read(file: str):
        return pyarrow.json.open_json(file, pyarrow.json.ReadOptions(use_threads=False, block_size=BLOCK_BYTES),
                                      pyarrow.json.ParseOptions(explicit_schema=MEMBERS, unexpected_field_behavior="error"))

    write(out, files, pyarrow.schema([*MEMBERS, ("_rescued", pyarrow.string()), *OWN]), read)


def copy_by_duckdb(out: str, selected: str):
    with duckdb.connect() as connection:
        connection.execute("SET threads = 1")
        connection.execute(f"COPY (SELECT {selected}) TO '{out}' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, "
                           f"ROW_GROUP_SIZE {GROUP_ROWS})")


def by_duckdb(out: str, files: list[str]):
    copy_by_duckdb(out, f"encode(value) AS value, {OWN_OF_DUCKDB} FROM read_csv({files!r}, columns={{'value': 'VARCHAR'}}, "
                        "header=false, delim='\\x01', quote='', escape='')")


def requests_by_duckdb(out: str, files: list[str]):
    copy_by_duckdb(out, f"*, NULL::VARCHAR AS _rescued, {OWN_OF_DUCKDB} FROM read_json({files!r}, format='newline_delimited', "
                        f"columns={OF_DUCKDB})")


CONVERT = {("gateway", "pyarrow"): by_pyarrow, ("gateway", "duckdb"): by_duckdb,
           ("requests", "pyarrow"): requests_by_pyarrow, ("requests", "duckdb"): requests_by_duckdb}


def main():
    kind, peer, out, *files = sys.argv[1:]
    before = time.process_time()
    CONVERT[kind, peer](out, files)
    used = time.process_time() - before
    if kind == "gateway":
        value = pyarrow.parquet.read_table(out, columns=["value"])["value"]
        told = {"rows": len(value), "value_bytes": pyarrow.compute.sum(pyarrow.compute.binary_length(value)).as_py()}
    else:
        told = {"rows": pyarrow.parquet.read_metadata(out).num_rows}
    print(json.dumps({"cpu_s": used, **told}))


if __name__ == "__main__":
    main()
