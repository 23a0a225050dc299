"""Many topics in one process: mixed rates, one silent, one whose files cannot have a name, one whose files the store
refuses for a while, one of junk that lands in quarantine, and some that come later. Everything is exact, memory keeps its bound, and as many files are made as `penstock check` has predicted.

Against the release build (sanitizers multiply memory, and files come late on a busy machine), by `./dev test long`. What
was measured is printed.
"""

import base64
import hashlib
import io
import itertools
import json
import random
import time
from collections import Counter
from dataclasses import dataclass, field

import pyarrow.parquet
import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import NewTopic

from harness.fault_proxy import Fault, FaultProxy
from harness.kafka import Kafka
from harness.lake import files_of
from harness.penstock import Penstock, base_config, merged, run_command
from harness.producing import Producing
from harness.service import wait_until

RSS_BYTES_MAX = 256 << 20
PARTITIONS = 5
DAY_S = 86_400
PARQUET_TOPICS = 200
PARQUET_RECORDS = 1500  # of each topic: with keys of 64 bytes 19 MB, where a worker holds 12 MiB at most
COLUMN_RECORDS = 720  # of each topic: with 256 bytes of text that do not shrink 37 MB, and a worker holds 12 MiB of columns at most
FOUND_WITHIN_S = 60  # a new topic, or a new partition


@dataclass
class Size:
    topics: int
    feed_s: int
    max_age_s: int
    thin_s: float  # a thin topic gets a record so often
    refresh_ms: int | None  # None: what a user has
    off_max: float  # of the files, from those predicted


SMALL = Size(topics=40, feed_s=20, max_age_s=3, thin_s=3, refresh_ms=2000, off_max=0.2)
LARGE = Size(topics=200, feed_s=120, max_age_s=10, thin_s=7, refresh_ms=None, off_max=0.1)


@dataclass
class Feed:
    """Records at random moments, as many a second as the topic's rate says, to random partitions."""

    kafka: Kafka
    rates: dict[str, tuple[float, int]]  # a second, and bytes
    sent: dict[str, Counter] = field(default_factory=dict)
    number: int = 0
    latest_s: float = 0  # the longest that a record was on its way to the broker: with seconds, no rate is steady

    def __post_init__(self):
        self.random = random.Random(1)
        self.failed = []
        self.connect()

    def connect(self):
        """A new client each time that topics have changed: an old one knows those of before."""
        self.producer = Producer({"bootstrap.servers": self.kafka.bootstrap, "linger.ms": 5, "log_level": 0})

    def put(self, topic: str, value: bytes, partition: int):
        while True:
            try:
                self.producer.produce(topic, value, partition=partition, on_delivery=self.delivered)
                break
            except BufferError:  # the broker is slower than the feed
                self.producer.poll(0.1)
        self.producer.poll(0)
        if value:
            self.sent.setdefault(topic, Counter())[value.replace(b"\r", b" ").replace(b"\n", b" ")] += 1

    def delivered(self, error, message):
        self.latest_s = max(self.latest_s, message.latency() or 0)
        if error:
            self.failed.append(error)

    def line(self, topic: str, size: int) -> bytes:
        self.number += 1
        return f'{{"topic":"{topic}","number":{self.number},"x":"'.encode().ljust(size - 2, b"x") + b'"}'

    def run(self, seconds: float):
        began = time.monotonic()
        due = {topic: self.random.expovariate(rate) for topic, (rate, _) in self.rates.items()}
        while (now := time.monotonic() - began) < seconds:
            for topic, (rate, size) in self.rates.items():
                while due[topic] <= now:
                    self.put(topic, self.line(topic, size), self.random.randrange(PARTITIONS))
                    due[topic] += self.random.expovariate(rate)
            self.producer.poll(0.005)
        self.flush()

    def flush(self):
        assert self.producer.flush(60) == 0 and not self.failed, self.failed[:3]


def junk(source: random.Random) -> list[bytes]:
    """What is no JSON: bytes of any kind, line ends, nothing, and much of it."""
    return ([source.randbytes(source.randrange(1, 2000)) for _ in range(200)] +
            [b"", b"\n", b"\r\n\r\n", b"\0", b"{", b"[" * 5000, b"\xff\xfe", source.randbytes(900_000)])


def create(kafka: Kafka, names: list[str], partitions: int = PARTITIONS):
    admin = kafka.admin()
    for future in admin.create_topics([NewTopic(name, partitions, 1) for name in names], request_timeout=120).values():
        future.result(120)
    wait_until(lambda: all(kafka.has_leaders(admin, name, partitions) for name in names), 120, "every partition has a leader")


def rates_of(names: list[str], size: Size) -> dict[str, tuple[float, int]]:
    """One in twenty is heavy, one in four has some, and the others are thin."""
    return {name: (200, 1000) if index % 20 == 0 else (5, 500) if index % 4 == 1 else (1 / size.thin_s, 300)
            for index, name in enumerate(names)}


@dataclass
class Landed:
    """Of each topic."""

    lines: dict[str, Counter] = field(default_factory=dict)
    files: Counter = field(default_factory=Counter)
    quarantined: dict[str, Counter] = field(default_factory=dict)  # values, as they were sent
    quarantine_files: Counter = field(default_factory=Counter)


def landed(azurite, container: str) -> Landed:
    found = Landed()
    for file in files_of(azurite, container):
        _, top, *rest = file.name.split("/")  # the first is the prefix of the sink
        if top == "_quarantine":
            found.quarantine_files[rest[0]] += 1
            for row in map(json.loads, file.lines):
                assert row["reason"] == "not-json"
                found.quarantined.setdefault(rest[0], Counter())[base64.b64decode(row["value_base64"])] += 1
            continue
        found.files[top] += 1
        if file.content:  # of a file without a good record there is none
            found.lines.setdefault(top, Counter()).update(file.lines)
    return found


def assert_same(sent: dict[str, Counter], got: dict[str, Counter]):
    wrong = {topic: (sum((sent.get(topic, Counter()) - got.get(topic, Counter())).values()),
                     sum((got.get(topic, Counter()) - sent.get(topic, Counter())).values()))
             for topic in sent.keys() | got.keys() if sent.get(topic) != got.get(topic)}
    assert not wrong, f"topics with (lost, doubled or strange) lines: {wrong}"


def assert_found_in_time(penstock: Penstock, partitions: int, size: Size):
    began = time.monotonic()
    wait_until(lambda: penstock.metric("penstock_assigned_partitions") == partitions, FOUND_WITHIN_S + 15, "they are found", 0.5)
    print(f"found after {time.monotonic() - began:.0f} s")


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("size", [pytest.param(SMALL, id="40 topics"), pytest.param(LARGE, id="200 topics")])
def test_many_topics(binary, kafka, azurite, proxy: FaultProxy, tmp_path, size):
    prefix = f"many{size.topics}"
    silent, junky, broken, refused = (f"{prefix}-{kind}" for kind in ("silent", "junk", "broken.", "refused"))
    normal = [f"{prefix}-{index}" for index in range(size.topics - 4)]
    create(kafka, [*normal, silent, junky, broken, refused])
    container = azurite.create_container()
    config = merged(base_config(tmp_path, [], kafka.bootstrap, azurite.sink(container, proxy.port)), {
        "source": {"group": prefix, "topics_regex": f"^{prefix}-"}, "batch": {"max_age": f"{size.max_age_s}s"},
        "overrides": [{"match": f"^{junky}$", "batch": {"validate": "json"}}],
        "stage": {"max_bytes": "4GiB"}, "runtime": {"workers": "auto"}})
    refusal = Fault(lambda request: request.is_data_write and f"/{refused}/" in request.path, count=1_000_000, status=403,
                    code="AuthorizationPermissionMismatch")
    proxy.add(refusal)
    del config["source"]["topics"]
    # That of a user: a claim that a busy broker takes longer for than half of it costs every open batch its file.
    del config["source"]["fence_wait"]
    config["source"]["librdkafka"] = {"topic.metadata.refresh.interval.ms": size.refresh_ms} if size.refresh_ms else {}
    feed = Feed(kafka, rates_of([*normal, refused], size))
    with Penstock(tmp_path / "penstock", config) as penstock:
        penstock.service.start()  # it is not ready: of one topic the files cannot have a name
        wait_until(penstock.has_workers, 60, "it has workers")
        wait_until(lambda: penstock.metric("penstock_assigned_partitions") == PARTITIONS * size.topics, 60, "an assignment")
        assert broken in penstock.get("/readyz")[1], "and that is said"

        useless = junk(feed.random)
        for index, value in enumerate(useless):
            feed.put(junky, value, index % PARTITIONS)
        feed.put(broken, b"not read", 0)
        del feed.sent[junky], feed.sent[broken]
        feed.flush()
        before = landed_files(penstock)
        feed.run(size.feed_s)
        checked = run_command("check", "--config", penstock.file, "--json", timeout_s=120)
        check = json.loads(checked.stdout)
        predicted = {each["topic"]: each["files_per_day"] * size.feed_s / DAY_S for each in check["files"]["topics"]}
        print(next(each["text"] for each in check["findings"] if each["subject"] == "files"))

        late = f"{prefix}-late"
        create(kafka, [late])
        kafka.add_partitions(normal[1], PARTITIONS + 1)
        assert_found_in_time(penstock, PARTITIONS * (size.topics + 1) + 1, size)
        feed.connect()
        for partition in range(PARTITIONS):
            feed.put(late, feed.line(late, 300), partition)
        feed.put(normal[1], feed.line(normal[1], 300), PARTITIONS)
        feed.flush()
        assert refusal.requests and penstock.metric("penstock_topic_refused", topic=refused) == 1
        assert refused in penstock.get("/readyz")[1], "and that is said"
        assert penstock.metric("penstock_topic_blobs_total", topic=refused) == 0
        others = {topic: lines.total() for topic, lines in feed.sent.items() if topic != refused}
        wait_until(lambda: all(penstock.metric("penstock_topic_records_total", topic=topic) >= count
                               for topic, count in others.items()), 120, "the others land", 2)
        proxy.remove(refusal)
        wanted = sum(sum(lines.values()) for lines in feed.sent.values())
        wait_until(lambda: penstock.metric("penstock_records_landed_total") >= wanted, 120, "all landed", 0.5)
        peak = penstock.peak_rss_bytes
        assert penstock.terminate(120) == 0
        verified = run_command("verify", "--config", penstock.file, "--deep", timeout_s=300)
    assert before == 0
    found = landed(azurite, container)
    files = found.files
    assert_same(feed.sent, found.lines)
    assert found.quarantined == {junky: Counter(useless)}
    prediction = next(each for each in check["files"]["topics"] if each["topic"] == junky)
    assert found.quarantine_files[junky] <= files[junky], "at most one beside each file, as check counts them"
    assert prediction["quarantine_files_per_day"] == prediction["files_per_day"] > 0
    assert verified.returncode == 0, verified.stdout[-3000:] + verified.stderr
    made = sum(files[name] for name in normal) - 1  # one is of the partition that came later
    expected = sum(predicted[name] for name in normal)
    for rate in sorted({rate for rate, _ in feed.rates.values()}):
        of_rate = [name for name in normal if feed.rates[name][0] == rate]
        print(f"{len(of_rate)} topics of {rate:.2g} records a second: {sum(files[name] for name in of_rate)} files, "
              f"{sum(predicted[name] for name in of_rate):.0f} predicted")
    print(f"{size.topics} topics, {PARTITIONS * size.topics} partitions: {wanted} records in {sum(files.values())} files; "
          f"{made} files of steady traffic, {expected:.0f} predicted; peak RSS {peak / 2**20:.0f} MiB; "
          f"the broker took records up to {feed.latest_s:.1f} s late")
    assert broken not in predicted and predicted[silent] == 0
    assert abs(made - expected) <= size.off_max * expected
    assert peak <= RSS_BYTES_MAX


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("compression, workers", [("zstd", 1), ("none", 2)])
def test_many_open_parquet_files(binary, kafka, azurite, tmp_path, compression, workers):
    """Every topic has an open file, in which keys wait that do not shrink: more in all than a worker may hold."""
    prefix = f"table-{compression}-{workers}"
    topics = [f"{prefix}-{index}" for index in range(PARQUET_TOPICS)]
    create(kafka, topics, 1)
    container = azurite.create_container()
    config = merged(base_config(tmp_path, [], kafka.bootstrap, azurite.sink(container)), {
        "source": {"group": prefix, "topics_regex": f"^{prefix}-"}, "runtime": {"workers": workers, "memory": "200MiB"},
        "batch": {"format": "parquet", "compression": compression, "max_age": "10m"}, "drain_timeout": "100s"})
    del config["source"]["topics"]
    summary, source, sent = tmp_path / "summary.json", random.Random(2), Counter()
    with Penstock(tmp_path / "penstock", config, "--summary", summary) as penstock:
        penstock.start()
        wait_until(lambda: penstock.metric("penstock_assigned_partitions") == len(topics), 60, "an assignment")
        for begin in range(0, PARQUET_RECORDS, 30):
            with Producing(kafka) as producer:
                for number, topic in itertools.product(range(begin, begin + 30), topics):
                    value, key = f'{{"number":{number}}}'.encode().ljust(400), source.randbytes(64)
                    producer.send(topic, 0, value, key)
                    sent[topic, value, key] += 1
        wait_until(lambda: penstock.metric("penstock_records_received_total") == sent.total(), 120, "all received", 0.5)
        opened = penstock.metric("penstock_open_batches")
        assert penstock.terminate(120) == 0
        verified = run_command("verify", "--config", penstock.file, "--deep", timeout_s=300)
    peak, files, got = json.loads(summary.read_text())["peak_rss_bytes"], 0, Counter()
    for file in files_of(azurite, container):
        files += 1
        table = pyarrow.parquet.read_table(io.BytesIO(file.stored), columns=["_topic", "value", "_key"])
        got.update(zip(*(column.to_pylist() for column in table.columns)))
    print(f"{len(topics)} topics, {workers} workers, parquet and {compression}: {sent.total()} records in {files} files, {opened:.0f} open "
          f"at the end; peak RSS {peak / 2**20:.0f} MiB")
    assert got == sent
    assert verified.returncode == 0, verified.stdout[-3000:] + verified.stderr
    assert opened == len(topics), "no file has ended"
    assert peak <= RSS_BYTES_MAX


COLUMNS = {**{f"text{i}": "string" for i in range(8)}, **{f"number{i}": "long" for i in range(7)},
           **{f"real{i}": "double" for i in range(3)}, "on": "boolean", "off": "boolean"}


def row_of(topic: str, number: int) -> dict:
    """Of twenty columns. Its texts are those of no other row."""
    digits = hashlib.shake_128(f"{topic}/{number}".encode()).hexdigest(8 * 16)
    return {**{f"text{i}": digits[32 * i:32 * i + 32] for i in range(8)}, "number0": number,
            **{f"number{i}": number * 10 ** i for i in range(1, 7)}, **{f"real{i}": number / 2 ** i for i in range(3)},
            "on": number % 2 == 0, "off": number % 3 == 0}


@pytest.mark.long
@pytest.mark.timeout(900)
def test_many_open_files_of_columns(binary, kafka, azurite, tmp_path):
    """Every topic has an open file of twenty columns, which hold more in all than a worker may: row groups end early."""
    topics = [f"columns-{index}" for index in range(PARQUET_TOPICS)]
    create(kafka, topics, 1)
    container = azurite.create_container()
    schema = {"type": "record", "name": "Row", "fields": [{"name": name, "type": kind} for name, kind in COLUMNS.items()]}
    assert len(COLUMNS) == 20
    config = merged(base_config(tmp_path, [], kafka.bootstrap, azurite.sink(container)), {
        "source": {"group": "columns", "topics_regex": "^columns-"}, "runtime": {"workers": 1, "memory": "200MiB"},
        "batch": {"format": "parquet", "decode": "json", "schema": json.dumps(schema), "max_age": "10m"}, "drain_timeout": "100s"})
    del config["source"]["topics"]
    del config["source"]["fence_wait"]  # that of a user
    summary, wanted = tmp_path / "summary.json", len(topics) * COLUMN_RECORDS
    with Penstock(tmp_path / "penstock", config, "--summary", summary) as penstock:
        penstock.start()
        wait_until(lambda: penstock.metric("penstock_assigned_partitions") == len(topics), 60, "an assignment")
        for begin in range(0, COLUMN_RECORDS, 30):
            with Producing(kafka) as producer:
                for number, topic in itertools.product(range(begin, begin + 30), topics):
                    producer.send(topic, 0, json.dumps(row_of(topic, number)).encode())
        wait_until(lambda: penstock.metric("penstock_records_received_total") >= wanted, 120, "all received", 0.5)
        opened = penstock.metric("penstock_open_batches")
        assert penstock.terminate(120) == 0
        verified = run_command("verify", "--config", penstock.file, "--deep", timeout_s=300)
    peak, files, groups, got = json.loads(summary.read_text())["peak_rss_bytes"], 0, 0, Counter()
    for file in files_of(azurite, container):
        table = pyarrow.parquet.ParquetFile(io.BytesIO(file.stored))
        files += 1
        groups += table.num_row_groups
        for row in table.read(columns=["_topic", "_rescued", *COLUMNS]).to_pylist():
            topic, rescued = row.pop("_topic"), row.pop("_rescued")
            assert rescued is None and row == row_of(topic, row["number0"])
            got[topic, row["number0"]] += 1
    print(f"{len(topics)} topics of {len(COLUMNS)} columns: {wanted} records in {files} files with {groups} row groups, {opened:.0f} open "
          f"at the end; peak RSS {peak / 2**20:.0f} MiB")
    assert got == Counter(itertools.product(topics, range(COLUMN_RECORDS)))
    assert verified.returncode == 0, verified.stdout[-3000:] + verified.stderr
    assert groups > files, "they held too much, and ended row groups"
    assert peak <= RSS_BYTES_MAX


def landed_files(penstock: Penstock) -> float:
    return penstock.metric("penstock_blobs_published_total")
