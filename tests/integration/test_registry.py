"""`batch.schema: registry`: each value is read by the schema that its id names. The registries are doubles
(harness/schema_registry.py). `./dev test witnesses` has clients that nobody here wrote ask and fill them, and a real one."""

import base64
import datetime
import decimal
import io
import json
import signal
import struct
import time
import uuid

import fastavro
import pyarrow.parquet
import pytest

from harness.apicurio import ApicurioNode
from harness.lake import read_container
from harness.metadata_services import Imds
from harness.penstock import merged, run_command
from harness.producing import Producing
from harness.schema_registry import Apicurio, Azure, Confluent
from harness.secrets_told import secret
from harness.security import Authority
from harness.service import wait_until, within
from harness.token_server import Fault, SigningKey

V1 = {"type": "record", "name": "Order", "fields": [{"name": "id", "type": "long"}]}
V2 = {"type": "record", "name": "Order", "fields": [{"name": "id", "type": "long"}, {"name": "note", "type": ["null", "string"]}]}
J1 = {"$schema": "http://json-schema.org/draft-07/schema#", "type": "object", "properties": {"id": {"type": "integer"}}}
V3 = {"type": "record", "name": "Order", "fields": [{"name": "note", "type": "string"}, {"name": "id", "type": "int"}]}


def encoded(schema, value) -> bytes:
    out = io.BytesIO()
    fastavro.schemaless_writer(out, schema, value)
    return out.getvalue()


def prefix(id: str) -> bytes:
    return b"\0" + struct.pack(">I", int(id))


def rows_of(lands, topic: str) -> list[dict]:
    files = [file for file in read_container(lands.azurite, lands.container) if file.metadata["topic"] == topic]
    rows = [json.loads(line) for file in sorted(files, key=lambda file: file.counter) for line in file.lines]
    return sorted(rows, key=lambda row: row["offset"])


def landed(lands, topic: str) -> int:
    return len(rows_of(lands, topic))


def produce(lands, topic: str, records: list) -> None:
    """Values, or values with their headers."""
    with Producing(lands.kafka) as producer:
        for record in records:
            value, headers = record if isinstance(record, tuple) else (record, [])
            producer.send(topic, 0, value, b"k", headers)


def of_registry(lands, registry, changes: dict | None = None, **keys) -> dict:
    kind = type(registry).__name__.lower()
    return merged(merged(lands.config(), {
        "batch": {"max_age": "1s", "format": "envelope", "decode": "avro", "schema": "registry"},
        "registry": {"type": kind, "url": registry.url, **keys}}), changes or {})


def waits(penstock, topic: str, *words: str) -> bool:
    status, page = penstock.get("/readyz")
    return status == 503 and f"topic {topic} waits for a schema" in page and all(word in page for word in words)


@pytest.mark.both_sources
def test_values_of_several_versions_are_each_read_by_their_own(landing):
    """Ids before the value and in headers, of either kind. Each is asked for once."""
    lands = landing(1)
    with Confluent() as registry:
        ids = [registry.register(schema) for schema in (V1, V2, V3)]
        records, told = [], []
        for n in range(300):
            schema, id = (V1, V2, V3)[n % 3], ids[n % 3]
            value = {"id": n, **({"note": f"n{n}"} if n % 3 else {})}
            told.append(value)
            bare = encoded(schema, value)
            records.append([prefix(id) + bare, (bare, [("__value_schema_id", prefix(id))]),
                            (bare, [("__value_schema_id", b"\1" + uuid.UUID(registry.guid(id)).bytes)])][n // 3 % 3])
        produce(lands, lands.topic, [*records, None, b"no avro"])
        penstock = lands.penstock(of_registry(lands, registry)).start()
        lands.wait_landed(302)
        assert penstock.metric("penstock_undecoded_values_total") == 1
        assert penstock.metric("penstock_registry_requests_total", outcome="found") == 6
        assert penstock.metric("penstock_registry_requests_total") == 6
        assert penstock.metric("penstock_topics_without_schema") == 0
        assert penstock.terminate() == 0
        assert not registry.complaints
    rows = rows_of(lands, lands.topic)
    assert [row["value"] for row in rows[:300]] == told
    assert rows[300]["value"] is None
    assert rows[301]["decode_error"] == "does not begin with an id of Confluent's registry, and no header has one"
    verified = run_command("verify", "--config", penstock.file, "--deep", "--json")
    assert verified.returncode == 0 and json.loads(verified.stdout)["findings"] == [], verified.stdout + verified.stderr


def test_the_bodies_of_capture_are_the_json_of_values_by_their_own_schemas(landing):
    """Read by fastavro. What cannot be decoded is there as it came, a large value is, and `verify --deep` reads the rows. What
    has an id of a JSON Schema is there without it."""
    lands = landing(1)
    with Confluent() as registry:
        ids = [registry.register(schema) for schema in (V1, V2)]
        told = [{"id": n, **({"note": "n" * (400_000 if n == 151 else n)} if n % 2 else {})} for n in range(300)]
        produce(lands, lands.topic, [prefix(ids[n % 2]) + encoded((V1, V2)[n % 2], value) for n, value in enumerate(told)])
        strange = [prefix(ids[1]) + b"\2", b"{}", None]
        of_json = prefix(registry.register(J1, kind="JSON"))
        produce(lands, lands.topic, [*strange, of_json + b'{"id":\n303}', of_json + b'{"id":'])
        penstock = lands.penstock(of_registry(lands, registry, {"batch": {
            "format": "capture-avro", "path": "{topic}/{partition}", "max_age": "600s"}})).start()
        penstock.wait_metric("penstock_records_received_total", 305, 60)
        assert penstock.terminate() == 0
    verified = run_command("verify", "--config", penstock.file, "--deep", "--json")
    assert verified.returncode == 0 and json.loads(verified.stdout)["findings"] == [], verified.stdout + verified.stderr
    events = [event for file in read_container(lands.azurite, lands.container) if file.metadata["topic"] == lands.topic
              for event in fastavro.reader(io.BytesIO(file.stored))]
    assert [event["SequenceNumber"] for event in events] == list(range(305))
    assert [json.loads(event["Body"]) for event in events[:300]] == told
    assert [event["Body"] for event in events[300:]] == [*strange, b'{"id":\n303}', of_json + b'{"id":']
    faults = [event["SystemProperties"].get("x-opt-decode-error") for event in events]
    assert faults[:300] == [None] * 300
    assert faults[300] == "ends before its schema does" and faults[301] and faults[302:] == [None, None, "is not JSON"]


@pytest.mark.both_sources
def test_a_registry_that_is_away_holds_up_its_topic_alone(landing):
    """At the start, and later for a schema that is new. What is known goes on meanwhile."""
    lands = landing(1)
    other = lands.kafka.create_topic(1)
    with Confluent() as registry:
        first = registry.register(V1)
        registry.fault = Fault(status=503)
        produce(lands, lands.topic, [prefix(first) + encoded(V1, {"id": n}) for n in range(20)])
        produce(lands, other, [f'{{"n":{n}}}'.encode() for n in range(20)])
        config = of_registry(lands, registry, {
            "source": {"topics": [lands.topic, other]},
            "overrides": [{"match": f"^{other}$", "batch": {"decode": "none"}}]}, patience="1s")
        penstock = lands.penstock(config).start()
        wait_until(lambda: landed(lands, other) == 20, 60, "the other topic lands")
        wait_until(lambda: waits(penstock, lands.topic, registry.url, "answers 503"), 30, "/readyz names topic and registry")
        status = run_command("status", "--config", penstock.file)
        assert f"topic {lands.topic} waits for a schema" in status.stdout, status.stdout
        assert penstock.metric("penstock_topics_without_schema") == 1
        assert penstock.metric("penstock_registry_requests_total", outcome="unavailable") >= 2
        lag = penstock.metric("penstock_partition_lag_seconds", topic=lands.topic)
        wait_until(lambda: penstock.metric("penstock_partition_lag_seconds", topic=lands.topic) > lag + 1, 30, "its lag grows")
        produce(lands, other, [b"{}"])
        wait_until(lambda: landed(lands, other) == 21, 30, "the other topic lands on")
        assert landed(lands, lands.topic) == 0
        registry.fault = None
        wait_until(lambda: landed(lands, lands.topic) == 20, 60, "the topic lands")
        wait_until(lambda: penstock.get("/readyz")[0] == 200, 30, "penstock is ready again")

        registry.fault = Fault(close=True)
        second = registry.register(V2)
        produce(lands, lands.topic, [prefix(first) + encoded(V1, {"id": 20}), prefix(second) + encoded(V2, {"id": 21, "note": "new"})])
        wait_until(lambda: landed(lands, lands.topic) == 21, 30, "what is known lands")
        wait_until(lambda: waits(penstock, lands.topic), 30, "the topic waits")
        registry.fault = None
        wait_until(lambda: landed(lands, lands.topic) == 22, 60, "the rest lands")
        assert penstock.terminate() == 0
        assert penstock.output.count(f"topic {lands.topic} waits for a schema") == 2
        assert penstock.output.count(f"topic {lands.topic} does not wait for a schema any more") == 2
        assert registry.asked_for(first) == 1
    assert [row["value"]["id"] for row in rows_of(lands, lands.topic)] == list(range(22))


@pytest.mark.both_sources
def test_a_topic_goes_on_after_each_of_many_short_waits(landing):
    """Its only partition is held, and read again at once, for each schema that is new to the process. One of them comes late,
    after kill -9."""
    lands = landing(1)
    schemas = [{**V1, "fields": V1["fields"] + [{"name": f"f{n}", "type": "int"}]} for n in range(10)]
    with Confluent() as registry:
        ids = [registry.register(schema) for schema in schemas]
        told = [{"id": n, f"f{n // 20}": n} for n in range(200)]
        produce(lands, lands.topic, [prefix(ids[n // 20]) + encoded(schemas[n // 20], value) for n, value in enumerate(told)])
        registry.hidden.add(ids[5])
        penstock = lands.penstock(of_registry(lands, registry, patience="600s")).start()
        lands.wait_landed(100)
        penstock.service.kill()
        penstock.service.start()
        wait_until(lambda: waits(penstock, lands.topic), 60, "the topic waits")
        registry.hidden.clear()
        wait_until(lambda: {row["offset"] for row in rows_of(lands, lands.topic)} == set(range(200)), 90, "all records landed", 0.5)
        assert penstock.terminate() == 0
    rows = {row["offset"]: row["value"] for row in rows_of(lands, lands.topic)}
    assert [rows[offset] for offset in range(200)] == told


def test_an_unknown_id_is_waited_for_and_then_its_values_land_as_they_came(landing):
    lands = landing(1)
    junk = lands.kafka.create_topic(1)
    with Confluent() as registry:
        known, late = registry.register(V1), registry.register(V2)
        registry.hidden.add(late)
        value = prefix("4711") + b"what is this"
        produce(lands, lands.topic, [prefix(known) + encoded(V1, {"id": 0}), prefix(late) + encoded(V2, {"id": 1, "note": "late"})])
        produce(lands, junk, [value, prefix(known) + encoded(V1, {"id": 2}), value] + [prefix(str(5000 + n)) for n in range(20)])
        config = of_registry(lands, registry, {"source": {"topics": [lands.topic, junk]}}, patience="6s")
        penstock = lands.penstock(config).start()
        wait_until(lambda: registry.asked_for(late) >= 2, 30, "the schema is asked for again")
        registry.hidden.clear()
        wait_until(lambda: landed(lands, lands.topic) == 2, 30, "the late schema is there")
        wait_until(lambda: landed(lands, junk) == 23, 60, "what is no Avro lands")
        assert penstock.metric("penstock_undecoded_values_total") == 22
        assert penstock.metric("penstock_registry_requests_total", outcome="unknown") >= 22
        assert penstock.terminate() == 0
    assert [row["value"]["id"] for row in rows_of(lands, lands.topic)] == [0, 1]
    rows = rows_of(lands, junk)
    assert rows[1]["value"] == {"id": 2}
    for row in (rows[0], rows[2]):
        assert row["decode_error"] == "schema-unknown: the registry has no schema 4711"
        assert base64.b64decode(row["value_base64"]) == value
    assert rows[-1]["decode_error"] == "schema-unknown: the registry has no schema 5019"
    assert "values could not be decoded, and land as they came with the reason" in penstock.output


def test_a_schema_that_cannot_be_used_is_told_in_the_row(landing):
    lands = landing(1)
    with Confluent() as registry:
        ids = [registry.register('syntax = "proto3";', kind="PROTOBUF"),
               registry.register(V1, references=[{"name": "a.B", "subject": "b", "version": 1}]),
               registry.register('{"type":"lang"}')]
        produce(lands, lands.topic, [prefix(id) + b"\2" for id in ids])
        penstock = lands.penstock(of_registry(lands, registry)).start()
        lands.wait_landed(3)
        assert penstock.metric("penstock_registry_requests_total", outcome="unusable") == 3
        assert penstock.terminate() == 0
    assert [row["decode_error"] for row in rows_of(lands, lands.topic)] == [
        "schema-unusable: schema 1 is PROTOBUF, and neither Avro nor a JSON Schema",
        "schema-unusable: schema 2 has references to other schemas, which are not resolved",
        "schema-unusable: schema 3 names 'lang', which is not defined before"]


@pytest.mark.both_sources
@pytest.mark.parametrize("decode", ["avro", "json"])
def test_values_of_json_schemas_stand_in_their_rows_without_the_id(landing, decode):
    """Beside values in Avro, ids in front and in headers. What is no JSON behind its id lands as it came. A schema with
    references is not needed to read its values."""
    lands = landing(1)
    told = [{"id": 0, "more": [1.50, None]}, {"id": 1, "note": "avro"}, {"id": 2}, {"id": 3}, {"id": 4, "text": "Zoë"}]
    with Confluent() as registry:
        one, refers = registry.register(J1, kind="JSON"), registry.register(
            {"properties": {"at": {"$ref": "at.json"}}}, kind="JSON", references=[{"name": "at.json", "subject": "at", "version": 1}])
        avro = registry.register(V2)
        guid = b"\1" + uuid.UUID(registry.guid(one)).bytes
        broken = [prefix(one) + b'{"id":', prefix(one) + encoded(V1, {"id": 7}), prefix(one) + b"null", prefix(one)]
        produce(lands, lands.topic, [
            prefix(one) + b'{"id": 0,\r\n"more":[1.50,null]}', prefix(avro) + encoded(V2, told[1]),
            (b'{"id":2}', [("__value_schema_id", prefix(one))]), (b'{"id":3}', [("__value_schema_id", guid)]),
            prefix(refers) + json.dumps(told[4]).encode(), *broken, None])
        penstock = lands.penstock(of_registry(lands, registry, {"batch": {"decode": decode}})).start()
        lands.wait_landed(10)
        assert penstock.metric("penstock_undecoded_values_total") == 4
        assert penstock.metric("penstock_registry_requests_total", outcome="found") == 4
        assert penstock.metric("penstock_registry_requests_total") == 4
        assert penstock.terminate() == 0
        assert not registry.complaints
    rows = rows_of(lands, lands.topic)
    assert [row["value"] for row in rows[:5]] == told
    assert [row["decode_error"] for row in rows[5:9]] == [
        "is not JSON", "is not JSON", "is null, and would look like a tombstone", "is not JSON"]
    assert [base64.b64decode(row["value_base64"]) for row in rows[5:9]] == broken
    assert rows[9]["value"] is None and "decode_error" not in rows[9]
    stored = b"".join(file.content for file in read_container(lands.azurite, lands.container))
    assert b'"value":{"id": 0,  "more":[1.50,null]}' in stored, "as it was sent, but for the line break"
    verified = run_command("verify", "--config", penstock.file, "--deep", "--json")
    assert verified.returncode == 0 and json.loads(verified.stdout)["findings"] == [], verified.stdout + verified.stderr


def test_who_is_not_let_in_waits_until_the_password_is_right(landing, tmp_path):
    lands = landing(1)
    with Confluent() as registry:
        right, wrong = secret("the right password of the registry"), secret("a wrong password of the registry")
        registry.basic("reader", right)
        file = tmp_path / "password"
        file.write_text(wrong)
        produce(lands, lands.topic, [prefix(registry.register(V1)) + encoded(V1, {"id": 7})])
        penstock = lands.penstock(of_registry(lands, registry, username="reader", password=f"${{file:{file}}}", patience="1s"))
        checked = run_command("check", "--config", penstock.file)
        assert checked.returncode != 0 and "answers 401: it does not believe who asks" in checked.stdout, checked.stdout
        penstock.start()
        wait_until(lambda: waits(penstock, lands.topic, "answers 401", "registry.username"), 30, "/readyz says why")
        assert penstock.metric("penstock_registry_requests_total", outcome="refused") >= 2
        file.write_text(right)
        lands.wait_landed(1)
        checked = run_command("check", "--config", penstock.file)
        assert f"{registry.url} answers, and lets us read" in checked.stdout, checked.stdout
        assert penstock.terminate() == 0
    assert rows_of(lands, lands.topic)[0]["value"] == {"id": 7}


def test_a_bearer_token_is_shown(landing):
    lands = landing(1)
    with Confluent() as registry:
        token = secret("bearer-of-the-registry")
        registry.login = f"Bearer {token}"
        produce(lands, lands.topic, [prefix(registry.register(V1)) + encoded(V1, {"id": 7})])
        penstock = lands.penstock(of_registry(lands, registry, token=token)).start()
        lands.wait_landed(1)
        assert penstock.terminate() == 0
        assert not registry.complaints


NO_REGISTRY = {
    "a web page": Fault(status=200, body=b"<!DOCTYPE html><title>Sign in</title>"),
    "a 404 of somebody else": Fault(status=404, body={"error_code": 404, "message": "HTTP 404 Not Found"}),
    "a redirect": Fault(status=302, headers={"Location": "http://127.0.0.1:1/"}),
    "a cut answer": Fault(status=200, body={"schema": json.dumps(V1)}, cut=True),
}


@pytest.mark.parametrize("answer", NO_REGISTRY)
def test_what_is_no_registry_is_never_believed(landing, answer):
    """The topic waits, and nothing lands undecoded."""
    lands = landing(1)
    with Confluent() as registry:
        produce(lands, lands.topic, [prefix(registry.register(V1)) + encoded(V1, {"id": 7})])
        penstock = lands.penstock(of_registry(lands, registry, patience="0s"))
        registry.fault = NO_REGISTRY[answer]
        if answer == "a web page":
            checked = run_command("check", "--config", penstock.file)
            assert checked.returncode != 0 and "and not as a registry does" in checked.stdout, checked.stdout
        penstock.start()
        asked = len(registry.asked)
        wait_until(lambda: len(registry.asked) >= asked + 2, 90, "it is asked again")
        registry.fault = None
        lands.wait_landed(1, timeout_s=120)
        assert penstock.terminate() == 0
    assert rows_of(lands, lands.topic)[0]["value"] == {"id": 7}


def test_a_stop_ends_while_a_topic_waits_and_the_next_start_lands_the_rest(landing):
    lands = landing(1)
    with Confluent() as registry:
        first, second = registry.register(V1), registry.register(V2)
        registry.hidden.add(second)
        produce(lands, lands.topic, [prefix(first) + encoded(V1, {"id": n}) for n in range(10)] +
                [prefix(second) + encoded(V2, {"id": 10, "note": None})] +
                [prefix(first) + encoded(V1, {"id": n}) for n in range(11, 20)])
        penstock = lands.penstock(of_registry(lands, registry, {"batch": {"max_age": "60s"}})).start()
        wait_until(lambda: registry.asked_for(second) >= 2, 30, "the schema is asked for again")
        with within(15, "the stop"):
            assert penstock.terminate() == 0
        assert [row["value"]["id"] for row in rows_of(lands, lands.topic)] == list(range(10))
        registry.hidden.clear()
        penstock.start()
        penstock.wait_metric("penstock_records_received_total", 10, 60)
        penstock.service.send(signal.SIGTERM)
        assert penstock.wait() == 0
    assert [row["value"]["id"] for row in rows_of(lands, lands.topic)] == list(range(20))
    verified = run_command("verify", "--config", penstock.file, "--deep", "--json")
    assert verified.returncode == 0 and json.loads(verified.stdout)["findings"] == [], verified.stdout + verified.stderr


def test_azures_registry_is_shown_a_token_of_entra(landing, monkeypatch):
    """Ids in the header of today, also as AMQP writes it, and before the value as in 2021."""
    lands = landing(1)
    key = SigningKey()
    with Imds(key) as imds, Azure(key) as registry:
        for name, value in imds.environment().items():
            monkeypatch.setenv(name, value)
        first, second = registry.register(V1), registry.register(V2)
        kind = f"avro/binary+{second}".encode()
        produce(lands, lands.topic, [
            (encoded(V1, {"id": 0}), [("content-type", f"avro/binary+{first}".encode())]),
            (encoded(V2, {"id": 1, "note": "amqp"}), [("content-type", b"\xa1" + bytes([len(kind)]) + kind)]),
            b"\0\0\0\0" + first.encode() + encoded(V1, {"id": 2}),
            (encoded(V1, {"id": 3}), [("content-type", b"avro/binary+soon")]),
            (encoded(V1, {"id": 4}), [("content-type", b"avro/binary+" + b"0" * 31 + b"1")])])
        penstock = lands.penstock(of_registry(lands, registry, patience="2s"))
        checked = run_command("check", "--config", penstock.file)
        assert f"{registry.url} answers, and lets us read" in checked.stdout, checked.stdout
        assert "registry: " in checked.stdout and "https://eventhubs.azure.net" in checked.stdout
        penstock.start()
        lands.wait_landed(5)
        assert penstock.metric("penstock_token_renewals_total", side="registry") == 1
        registry.fault = Fault(status=403)
        checked = run_command("check", "--config", penstock.file)
        assert "give the identity the role Schema Registry Reader" in checked.stdout, checked.stdout
        assert penstock.terminate() == 0
        assert not registry.complaints
    rows = rows_of(lands, lands.topic)
    assert [row.get("value") for row in rows[:3]] == [{"id": 0}, {"id": 1, "note": "amqp"}, {"id": 2}]
    assert [row["decode_error"] for row in rows[3:]] == [
        "has something that is no id in the place of its schema's",
        "schema-unknown: the registry has no schema 00000000000000000000000000000001"]


AZURES_JSON = {"content-type": ("application/json+", "application/json;serialization=Json+"), "schemaId": ("",)}


def azures_json(id: str) -> list[list]:
    """The headers of each client that writes JSON, and as they come over AMQP."""
    plain = [[(name, f"{before}{id}".encode())] for name, kinds in AZURES_JSON.items() for before in kinds]
    return plain + [[(name, b"\xa1" + bytes([len(value)]) + value)] for [(name, value)] in plain]


def test_azures_json_is_read_by_the_ids_that_its_clients_write(landing, monkeypatch):
    lands = landing(1)
    key = SigningKey()
    with Imds(key) as imds, Azure(key) as registry:
        for name, value in imds.environment().items():
            monkeypatch.setenv(name, value)
        json_id, avro_id = registry.register(J1, kind="JSON"), registry.register(V1)
        headers = azures_json(json_id)
        records = [(f'{{"id":{n}}}'.encode(), told) for n, told in enumerate(headers)]
        records.append((encoded(V1, {"id": len(records)}), [("content-type", f"avro/binary+{avro_id}".encode())]))
        produce(lands, lands.topic, [*records, (b'{"id":', headers[0]), (b"{}", [("content-type", b"application/json")])])
        penstock = lands.penstock(of_registry(lands, registry)).start()
        lands.wait_landed(len(records) + 2)
        assert penstock.metric("penstock_registry_requests_total", outcome="found") == 2
        assert penstock.terminate() == 0
        assert not registry.complaints
    rows = rows_of(lands, lands.topic)
    assert [row.get("value") for row in rows[:-2]] == [{"id": n} for n in range(len(records))]
    assert [row["decode_error"] for row in rows[-2:]] == [
        "is not JSON", "does not begin with an id of Azure's registry, and no header has one"]


def test_apicurios_ids_in_headers_are_asked_for_at_its_own_api(landing):
    lands = landing(1)
    with Apicurio() as registry:
        registry.register(V1, id="globalIds/7")
        registry.register(V2, id="contentIds/7")
        registry.register(J1, id="globalIds/9")
        binary = ("apicurio.value.encoding", b"BINARY")
        produce(lands, lands.topic, [
            (encoded(V1, {"id": 0}), [("apicurio.value.globalId", struct.pack(">q", 7)), binary]),
            (encoded(V2, {"id": 1, "note": "x"}), [("apicurio.value.contentId", struct.pack(">q", 7)), binary]),
            (encoded(V1, {"id": 2}), [("apicurio.value.globalId", struct.pack(">q", 8)), binary]),
            (b'{"id":3}', [("apicurio.value.globalId", struct.pack(">q", 9)), ("apicurio.value.encoding", b"JSON")])])
        config = of_registry(lands, registry, patience="0s", url=f"{registry.url}/apis/registry/v2")
        penstock = lands.penstock(config).start()
        lands.wait_landed(4)
        assert penstock.terminate() == 0
        assert not registry.complaints
    rows = rows_of(lands, lands.topic)
    assert [row.get("value") for row in rows] == [{"id": 0}, {"id": 1, "note": "x"}, None, {"id": 3}]
    assert rows[2]["decode_error"] == "schema-unknown: the registry has no schema 8"


# Clients that nobody here wrote

def serialized(url: str, topic: str, made: list[tuple], in_headers: bool = False) -> list:
    """Of (schema, value) what Confluent's serializer makes, which registers the schema at `url`: that of JSON where it is a JSON
    Schema. `in_headers`: every other record has the id in a header."""
    from confluent_kafka import schema_registry
    from confluent_kafka.schema_registry import avro, json_schema
    from confluent_kafka.serialization import MessageField, SerializationContext
    client = schema_registry.SchemaRegistryClient({"url": url})
    records = []
    for n, (schema, value) in enumerate(made):
        headers: list = []
        settings = {"schema.id.serializer": schema_registry.header_schema_id_serializer} if in_headers and n % 2 else {}
        kind = json_schema.JSONSerializer if "$schema" in schema else avro.AvroSerializer
        arguments = (json.dumps(schema), client) if "$schema" in schema else (client, json.dumps(schema))
        serialize = kind(*arguments, conf=settings)
        records.append((serialize(value, SerializationContext(topic, MessageField.VALUE, headers)), headers))
    return records


def of_three_versions(count: int) -> list[tuple]:
    return [((V1, V2, V3)[n % 3], {"id": n, **({"note": f"n{n}"} if n % 3 else {})}) for n in range(count)]


@pytest.mark.witnesses
def test_confluents_serializer_registers_and_writes_what_is_read(landing):
    lands = landing(1)
    with Confluent() as registry:
        made = of_three_versions(30)
        records = serialized(registry.url, lands.topic, made, in_headers=True)
        assert any(headers for _, headers in records) and any(not headers for _, headers in records)
        produce(lands, lands.topic, records)
        penstock = lands.penstock(of_registry(lands, registry)).start()
        lands.wait_landed(30)
        assert penstock.terminate() == 0
    assert [row["value"] for row in rows_of(lands, lands.topic)] == [value for _, value in made]


@pytest.mark.witnesses
@pytest.mark.parametrize("format", ["envelope", "parquet"])
def test_confluents_serializer_of_json_writes_what_is_read(landing, format):
    lands = landing(1)
    two = {**J1, "title": "Order", "properties": {**J1["properties"], "note": {"type": "string"}}}
    made = [((J1 | {"title": "Order"}, two)[n % 2], {"id": n, **({"note": "Zoë"} if n % 2 else {})}) for n in range(30)]
    with Confluent() as registry:
        records = serialized(registry.url, lands.topic, made, in_headers=True)
        assert any(headers for _, headers in records) and any(not headers for _, headers in records)
        assert {schema["type"] for schema in registry.schemas.values()} == {"JSON"}
        produce(lands, lands.topic, records)
        penstock = lands.penstock(of_registry(lands, registry, {"batch": {"format": format, "decode": "json"}})).start()
        penstock.wait_metric("penstock_records_received_total", 30, 60)
        assert penstock.terminate() == 0
    if format == "envelope":
        read = [row["value"] for row in rows_of(lands, lands.topic)]
    else:
        files = [file.stored for file in read_container(lands.azurite, lands.container) if file.metadata["topic"] == lands.topic]
        rows = sorted((row for stored in files for row in pyarrow.parquet.read_table(io.BytesIO(stored)).to_pylist()),
                      key=lambda row: row["_offset"])
        assert {row["_rescued"] for row in rows} == {None}
        read = [{name: row[name] for name in ("id", "note") if row.get(name) is not None} for row in rows]
    assert read == [value for _, value in made]


@pytest.fixture(scope="module")
def apicurio(tmp_path_factory):
    node = ApicurioNode(tmp_path_factory.mktemp("apicurio"))
    node.start()
    yield node
    node.service.kill()


WIDE = {"type": "record", "name": "Order", "namespace": "made.up", "fields": [
    {"name": "id", "type": "long"},
    {"name": "total", "type": {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 2}},
    {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
    {"name": "state", "type": {"type": "enum", "name": "State", "symbols": ["NEW", "PAID"]}},
    {"name": "lines", "type": {"type": "array", "items": {"type": "record", "name": "Line", "fields": [
        {"name": "sku", "type": "string"}, {"name": "n", "type": ["null", "int", "string"], "default": None}]}}},
    {"name": "rates", "type": {"type": "map", "values": "double"}}, {"name": "raw", "type": ["bytes", "null"]}]}


@pytest.mark.witnesses
def test_a_real_registry_and_real_serializers(landing, apicurio):
    """Apicurio by Confluent's API: schemas that Confluent's serializer registers there, a JSON Schema, a schema of neither kind,
    one with a reference, and an id that it does not know."""
    from confluent_kafka.schema_registry import Schema, SchemaReference, SchemaRegistryClient
    lands = landing(1)
    url = f"{apicurio.url}/apis/ccompat/v7"
    at = datetime.datetime(2026, 11, 29, 19, 29, 33, 123000, datetime.timezone.utc)
    value = {"id": 2**62 + 1, "total": decimal.Decimal("12.50"), "at": at, "state": "PAID", "rates": {"EUR": 0.25},
             "lines": [{"sku": "Zoë", "n": 3}, {"sku": "", "n": None}], "raw": b"\xff\x00"}
    told = value | {"total": "12.50", "at": "2026-11-29T19:29:33.123Z", "raw": "/wA="}
    made = of_three_versions(60) + [(WIDE, value)]
    records = serialized(url, lands.topic, made)

    client = SchemaRegistryClient({"url": url})
    of_json = client.register_schema(f"{lands.topic}-json", Schema(json.dumps(J1), "JSON"))
    protobuf = client.register_schema(f"{lands.topic}-protobuf", Schema('syntax = "proto3"; message A { int64 id = 1; }', "PROTOBUF"))
    version = client.get_latest_version(f"{lands.topic}-value").version
    refers = {"type": "record", "name": "Box", "fields": [{"name": "order", "type": "made.up.Order"}]}
    with_reference = client.register_schema(f"{lands.topic}-box", Schema(
        json.dumps(refers), "AVRO", [SchemaReference("made.up.Order", f"{lands.topic}-value", version)]))
    produce(lands, lands.topic, [*records, prefix(of_json) + b'{"id":7}', prefix(protobuf) + b"\2", prefix(with_reference) + b"\2", prefix(2**31 - 1) + b"\2"])
    penstock = lands.penstock(of_registry(lands, apicurio, type="confluent", url=url, patience="2s"))
    checked = run_command("check", "--config", penstock.file)
    assert f"{url} answers, and lets us read" in checked.stdout, checked.stdout
    penstock.start()
    lands.wait_landed(65)
    # A source that reads again, as a slow machine may let it, counts again, and asks only for what is not kept.
    assert penstock.metric("penstock_registry_requests_total", outcome="found") == 5
    assert penstock.metric("penstock_registry_requests_total", outcome="unusable") == 2
    assert penstock.metric("penstock_registry_requests_total", outcome="unknown") >= 1
    assert penstock.terminate() == 0
    rows = rows_of(lands, lands.topic)
    assert [row["value"] for row in rows[:62]] == [value for _, value in made[:60]] + [told, {"id": 7}]
    assert [row["decode_error"] for row in rows[62:]] == [
        f"schema-unusable: schema {protobuf} is PROTOBUF, and neither Avro nor a JSON Schema",
        f"schema-unusable: schema {with_reference} has references to other schemas, which are not resolved",
        f"schema-unknown: the registry has no schema {2**31 - 1}"]
    verified = run_command("verify", "--config", penstock.file, "--deep", "--json")
    assert verified.returncode == 0 and json.loads(verified.stdout)["findings"] == [], verified.stdout + verified.stderr


@pytest.mark.witnesses
def test_apicurios_own_api_by_the_real_one(landing, apicurio):
    lands = landing(1)
    known = [apicurio.register(f"{lands.topic}-{n}", schema) for n, schema in enumerate((V1, V2))]

    def named(header: str, id: int) -> list:
        return [(f"apicurio.value.{header}", struct.pack(">q", id)), ("apicurio.value.encoding", b"BINARY")]

    produce(lands, lands.topic, [
        (encoded(V1, {"id": 0}), named("globalId", known[0]["globalId"])),
        (encoded(V2, {"id": 1, "note": "x"}), named("contentId", known[1]["contentId"])),
        (encoded(V1, {"id": 2}), named("globalId", 4711)), (encoded(V1, {"id": 3}), named("contentId", 4712))])
    url = f"{apicurio.url}/apis/registry/v2"
    penstock = lands.penstock(of_registry(lands, apicurio, type="apicurio", url=url, patience="1s"))
    checked = run_command("check", "--config", penstock.file)
    assert f"{url} answers, and lets us read" in checked.stdout, checked.stdout
    penstock.start()
    lands.wait_landed(4)
    assert penstock.terminate() == 0
    rows = rows_of(lands, lands.topic)
    assert [row.get("value") for row in rows] == [{"id": 0}, {"id": 1, "note": "x"}, None, None]
    assert [row["decode_error"] for row in rows[2:]] == [f"schema-unknown: the registry has no schema {id}" for id in (4711, 4712)]


@pytest.mark.witnesses
def test_azures_own_client_takes_the_answers_of_its_double(tmp_path):
    """So what the double refuses and answers is what Azure's client sends and expects."""
    from azure import schemaregistry
    from azure.core.credentials import AccessToken
    from azure.core.exceptions import ResourceNotFoundError
    authority = Authority("registries")
    key = SigningKey()
    certificate = tmp_path / "registry.pem"
    authority.issue("localhost", certificate)

    class Identity:
        scopes: list = []

        def get_token(self, *scopes, **_):
            self.scopes += scopes
            return AccessToken(registry.new_token("https://eventhubs.azure.net", "me"), int(time.time()) + 3600)

    with Azure(key, certificate) as registry:
        id = registry.register(V2)
        client = schemaregistry.SchemaRegistryClient(
            fully_qualified_namespace=f"localhost:{registry.port}", credential=Identity(),
            connection_verify=str(authority.write(tmp_path / "ca.pem")))
        schema = client.get_schema(id)
        assert json.loads(schema.definition) == V2
        assert schema.properties.id == id and schema.properties.format == schemaregistry.SchemaFormat.AVRO
        assert set(Identity.scopes) == {"https://eventhubs.azure.net/.default"}
        with pytest.raises(ResourceNotFoundError):
            client.get_schema("0" * 32)
        assert not registry.complaints
