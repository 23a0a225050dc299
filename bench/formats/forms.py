"""The formats that are compared: how penstock is told to write each, and what DuckDB and Spark are told to read.

A format that comes later is one more entry of FORMS.
"""

from dataclasses import dataclass

STATUS = 500  # a record counts whose status is at least this


@dataclass(frozen=True)
class Reads:
    """Two questions to one engine. `source` and `whole` are relations in its SQL, with {files} for a list of names."""

    source: str
    status: str  # of a row of `source`: the member res.status or status, a number
    whole: str
    bytes: str  # of a row of `whole`: how many bytes its value has; of requests the sum over some members
    keeps_bytes: bool = True  # whether that is what the producer sent, and not a reader's text of the same JSON

    def filtered(self, files: str) -> str:
        return f"SELECT count(*) FROM {self.source.format(files=files)} WHERE {self.status} >= {STATUS}"

    def full(self, files: str) -> str:
        return f"SELECT count(*), sum({self.bytes}) FROM {self.whole.format(files=files)}"


@dataclass(frozen=True)
class Form:
    name: str
    batch: dict  # of penstock's configuration
    duckdb: Reads | None  # None: it cannot read such files by itself
    spark: Reads
    is_avro: bool = False  # of requests: what is landed are those in Avro


def _by_duckdb(columns: str) -> str:
    return "read_json({files}, format='newline_delimited', columns={{" + columns + "}})"


# Spark's relations are temporary views, made by `reader(schema)`: see readers.py.
LINES = {
    "duckdb": Reads(_by_duckdb("'res': 'STRUCT(status INTEGER)'"), "res.status",
                    r"read_csv({files}, columns={{'value': 'VARCHAR'}}, header=false, delim='\x01', quote='', escape='')",
                    "strlen(value)"),
    "spark": Reads("json(res struct<status:int>)", "res.status", "text()", "octet_length(value)"),
}
ENVELOPES = {
    "duckdb": Reads(_by_duckdb("'value': 'STRUCT(res STRUCT(status INTEGER))'"), "value.res.status",
                    _by_duckdb("'value': 'JSON'"), "strlen(value)", keeps_bytes=False),
    "spark": Reads("json(value struct<res:struct<status:int>>)", "value.res.status", "json(value string)", "octet_length(value)",
                   keeps_bytes=False),
}
# Spark's source of Avro is a jar of its own. DuckDB's is an extension, which it fetches from its makers.
CAPTURES = {
    "duckdb": None,
    "spark": Reads("avro()", "int(get_json_object(string(Body), '$.res.status'))", "avro()", "octet_length(Body)"),
}
TABLES = {
    "duckdb": Reads("read_parquet({files})", "json_extract(decode(value), '$.res.status')::INTEGER", "read_parquet({files})",
                    "octet_length(value)"),
    "spark": Reads("parquet()", "int(get_json_object(string(value), '$.res.status'))", "parquet()", "octet_length(value)"),
}


def _form(kind: str, compression: str, reads: dict) -> Form:
    name = kind if compression == "none" else f"{kind}+{compression}"
    return Form(name, {"format": kind, "compression": compression}, **reads)


FORMS = {form.name: form for form in [
    _form("ndjson", "none", LINES), _form("ndjson", "gzip", LINES), _form("ndjson", "zstd", LINES),
    _form("envelope", "none", ENVELOPES), _form("envelope", "zstd", ENVELOPES),
    _form("capture-avro", "none", CAPTURES),
    _form("parquet", "none", TABLES), _form("parquet", "snappy", TABLES), _form("parquet", "zstd", TABLES),
]}
MEASURE = "ndjson"  # what the others are divided by
CONVERSION = "conversion"  # no format: the time that columns+zstd of JSON takes without the path from Kafka to the files

# Requests (bench/replay/requests.h), whose members are known. The other question adds up some members of all rows: texts by their
# lengths, numbers as they are.
SUMMED_TEXTS = ("trace", "path", "note")
SUMMED_NUMBERS = ("status", "bytes")
OF_DUCKDB = """{time: 'TIMESTAMPTZ', trace: 'VARCHAR', method: 'VARCHAR', path: 'VARCHAR', status: 'INTEGER', bytes: 'BIGINT',
    ms: 'DOUBLE', cached: 'BOOLEAN', "user": 'VARCHAR', client: 'STRUCT(ip VARCHAR, region VARCHAR)', tags: 'VARCHAR[]',
    items: 'STRUCT(sku VARCHAR, qty INTEGER, price DOUBLE, gift BOOLEAN)[]', note: 'VARCHAR'}"""


def _columns_of_duckdb(names: tuple[str, ...]) -> str:
    types = {"status": "INTEGER", "bytes": "BIGINT"}
    return ", ".join(f"'{name}': '{types.get(name, 'VARCHAR')}'" for name in names)

SUMMED = " + ".join([*(f"length({name})" for name in SUMMED_TEXTS), *SUMMED_NUMBERS])


def _of_spark(names: tuple[str, ...]) -> str:
    types = {"status": "int", "bytes": "bigint"}
    return "json(" + ", ".join(f"{name} {types.get(name, 'string')}" for name in names) + ")"


_ALL = (*SUMMED_TEXTS, *SUMMED_NUMBERS)
_BY_STATUS = ("status",)
_IN_VALUE = {  # of the one column `value`: DuckDB's and Spark's way to a member
    "duckdb": lambda name: f"json_extract_string(decode(value), '$.{name}')",
    "spark": lambda name: f"get_json_object(string(value), '$.{name}')",
}


def _values_as(engine: str, relation: str) -> Reads:
    member = _IN_VALUE[engine]
    summed = " + ".join([*(f"length({member(name)})" for name in SUMMED_TEXTS),
                         *(f"cast({member(name)} as bigint)" for name in SUMMED_NUMBERS)])
    return Reads(relation, f"cast({member('status')} as int)", relation, summed)


_REQUEST_COLUMNS = {"duckdb": Reads("read_parquet({files})", "status", "read_parquet({files})", SUMMED),
                    "spark": Reads("parquet()", "status", "parquet()", SUMMED)}
REQUESTS = {form.name: form for form in [
    Form("ndjson", {"format": "ndjson"}, Reads(_by_duckdb(_columns_of_duckdb(_BY_STATUS)), "status",
                                               _by_duckdb(_columns_of_duckdb(_ALL)), SUMMED),
         Reads(_of_spark(_BY_STATUS), "status", _of_spark(_ALL), SUMMED)),
    Form("parquet+zstd", {"format": "parquet"}, _values_as("duckdb", "read_parquet({files})"), _values_as("spark", "parquet()")),
    Form("columns+zstd", {"format": "parquet", "decode": "json"}, **_REQUEST_COLUMNS),
    Form("columns+snappy", {"format": "parquet", "decode": "json", "compression": "snappy"}, **_REQUEST_COLUMNS),
    Form("avro-columns+zstd", {"format": "parquet", "decode": "avro"}, **_REQUEST_COLUMNS, is_avro=True),
]}
KINDS = {"gateway": FORMS, "requests": REQUESTS}
