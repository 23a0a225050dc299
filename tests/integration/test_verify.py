"""`penstock verify` on lakes that real runs made, and on the same lakes after somebody broke them."""

import json
import shutil
import time

import pytest
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

from harness.entries import Entry
from harness.book import Book
from harness.lake import NAME
from harness.penstock import merged, run_command
from harness.service import wait_until


class DirectoryLake:
    """The lake as somebody with a file manager sees it."""

    def __init__(self, root):
        self.root = root
        self.sink = {"url": f"file://{root}"}

    def names(self) -> list[str]:
        return sorted(str(path.relative_to(self.root)) for path in self.root.rglob("*")
                      if path.is_file() and path.name[0] != "." and ".penstock" not in path.parts)

    def _metadata_file(self, name: str):
        path = self.root / name
        return path.with_name(f".{path.name}.meta")

    def remove(self, name: str):
        (self.root / name).unlink()
        self._metadata_file(name).unlink()

    def copy(self, name: str, to: str):
        shutil.copyfile(self.root / name, self.root / to)
        shutil.copyfile(self._metadata_file(name), self._metadata_file(to))

    def put_foreign(self, name: str):
        (self.root / name).write_bytes(b"not ours\n")

    def rewrite(self, name: str, change, metadata: dict | None = None):
        path = self.root / name
        path.write_bytes(change(path.read_bytes()))
        sidecar = self._metadata_file(name)
        if metadata:
            head, kept = sidecar.read_text().splitlines()[:2], self.metadata(name) | metadata
            sidecar.write_text("\n".join([*head, *(f"{key}={value}" for key, value in kept.items())]) + "\n")

    def metadata(self, name: str) -> dict:
        return dict(line.split("=", 1) for line in self._metadata_file(name).read_text().splitlines()[2:])


class AzureLake:
    def __init__(self, azurite, container: str):
        self.container = azurite.client().get_container_client(container)
        self.sink = azurite.sink(container)

    def _blob(self, name: str):
        return self.container.get_blob_client(f"raw/{name}")

    def names(self) -> list[str]:
        return sorted(blob.name.removeprefix("raw/") for blob in self.container.list_blobs())

    def remove(self, name: str):
        self._blob(name).delete_blob()

    def copy(self, name: str, to: str):
        source = self._blob(name)
        self._blob(to).upload_blob(source.download_blob().readall(), metadata=source.get_blob_properties().metadata)

    def put_foreign(self, name: str):
        self._blob(name).upload_blob(b"not ours\n")

    def rewrite(self, name: str, change, metadata: dict | None = None):
        blob = self._blob(name)
        blob.upload_blob(change(blob.download_blob().readall()), metadata=self.metadata(name) | (metadata or {}),
                         overwrite=True)

    def metadata(self, name: str) -> dict:
        return self._blob(name).get_blob_properties().metadata


class Verified:
    def __init__(self, penstock, *options: str):
        done = run_command("verify", "--config", penstock.file, "--json", *options)
        self.code, self.errors = done.returncode, done.stderr
        self.told = json.loads(done.stdout)

    def faults(self, kind: str | None = None) -> list[dict]:
        return [row for row in self.told.get("findings", []) if row["fault"] and kind in (None, row["kind"])]

    def assert_well(self):
        assert (self.code, self.told.get("findings")) == (0, []), self.told


@pytest.fixture(params=["directory", "azure"])
def filled(request, landing, tmp_path, azurite):
    """filled(compression) -> a lake of several files and the penstock that made it, which has ended."""

    def fill(compression: str = "none", partitions: int = 3):
        lands = landing(partitions)
        lake = (AzureLake(azurite, lands.container) if request.param == "azure" else DirectoryLake(tmp_path / "lake"))
        config = merged(lands.config(), {"batch": {"compression": compression}})
        config["sink"] = lake.sink
        penstock = lands.penstock(config, "--exit-at-end")
        for _ in range(3):
            lands.book.spread(partitions, 900, 300)
            penstock.service.start()
            assert penstock.wait(60) == 0
        assert len(lake.names()) >= 3
        return lands, lake, penstock

    return fill


def beside(name: str, suffix: str) -> str:
    """A free name in the same directory."""
    found = NAME.match(name)
    return f"{found['path']}-{found['incarnation']}-{int(found['counter']) + 1000}{suffix}"


def test_a_lake_that_nobody_touched_is_well(filled):
    lands, lake, penstock = filled()
    verified = Verified(penstock)
    verified.assert_well()
    assert verified.told["records"] == lands.book.line_count == 2700
    assert verified.told["blobs"] == len(lake.names())
    assert {row["committed"] for row in verified.told["partitions"]} == {900}
    assert all(row["in_blobs"] == row["log"] == {"first": 0, "next": 900} for row in verified.told["partitions"])
    people = run_command("verify", "--config", penstock.file)
    assert people.returncode == 0 and "every record once" in people.stdout, people.stdout + people.stderr


@pytest.mark.parametrize("compression", ["none", "gzip", "zstd"])
def test_deep_counts_what_is_in_the_blobs(filled, compression):
    lands, lake, penstock = filled(compression)
    verified = Verified(penstock, "--deep")
    verified.assert_well()
    assert verified.told["bytes_read"] > 0
    hit = lake.names()[1]
    # In the middle, and a line's end more where there is no checksum: as long as before.
    lake.rewrite(hit, lambda stored: stored[:40] + (b"\n" if compression == "none" else bytes([stored[40] ^ 255])) + stored[41:])
    Verified(penstock).assert_well()  # the metadata are as they were
    verified = Verified(penstock, "--deep")
    assert verified.code == 3
    assert [row["blobs"] for row in verified.faults()] == [[hit]], verified.told


def test_deep_finds_a_line_that_is_a_copy_of_its_neighbour(filled):
    """As many lines and bytes as before."""
    lands, lake, penstock = filled()
    hit = lake.names()[1]

    def copy_a_line(stored: bytes) -> bytes:
        lines = stored.splitlines(keepends=True)
        at = next(at for at in range(1, len(lines)) if len(lines[at]) == len(lines[at - 1]))
        return b"".join([*lines[:at], lines[at - 1], *lines[at + 1:]])

    lake.rewrite(hit, copy_a_line)
    Verified(penstock).assert_well()
    verified = Verified(penstock, "--deep")
    assert verified.code == 3
    assert [(row["kind"], row["blobs"]) for row in verified.faults()] == [("content", [hit])], verified.told
    assert "checksum" in verified.faults()[0]["text"]


def test_a_line_that_was_never_written_is_a_position_without_one(filled):
    """The writer skipped a record: content and metadata agree, and the ranges hold one position more."""
    lands, lake, penstock = filled()
    hit = lake.names()[1]
    said = lake.metadata(hit)
    first = []
    lake.rewrite(hit, lambda stored: first.append(stored.splitlines(keepends=True)[0]) or stored[len(first[0]):])
    without = {key: value for key, value in said.items() if key != "crc32c"}
    assert set(said) - set(without) == {"crc32c"}, "the checksum is compared in another test"
    lake.rewrite(hit, lambda stored: stored, {"records": str(int(said["records"]) - 1),
                                              "bytes": str(int(said["bytes"]) - len(first[0]))})
    verified = Verified(penstock)
    assert verified.code == 3
    assert [(row["kind"], row["blobs"]) for row in verified.faults()] == [("content", [hit])], verified.told
    assert "1 positions without a line" in verified.faults()[0]["text"]


def test_a_lake_whose_blobs_are_all_gone_is_never_well(landing):
    """With `start: latest` nothing is expected from before the first blob: the entry says whether there was one."""
    lands = landing(1)
    lake_files = DirectoryLake(lands.directory / "lake")
    config = merged(lands.config(), {"source": {"start": "latest"}})
    config["sink"] = lake_files.sink
    lands.book.spread(1, 50, 100)
    penstock = lands.penstock(config).start()
    wait_until(lambda: lands.kafka.committed(lands.group, lands.topic, 1)[0] == 50, 30, "the start is pinned")
    verified = Verified(penstock)
    assert verified.code == 0, verified.told
    people = run_command("verify", "--config", penstock.file)
    assert "every record once" not in people.stdout and "nothing has landed" in people.stdout
    lands.book.spread(1, 20, 100)
    wait_until(lambda: lands.kafka.committed(lands.group, lands.topic, 1)[0] == 70, 60, "the records are committed")
    assert penstock.terminate() == 0
    assert Verified(penstock).faults() == []
    for name in lake_files.names():
        lake_files.remove(name)
    verified = Verified(penstock, "--deep")
    assert verified.code == 3
    assert [row["kind"] for row in verified.faults()] in (["gone"], ["gap"]), verified.told
    lands.kafka.delete_records_before(lands.topic, {0: 70})
    verified = Verified(penstock)
    assert verified.code == 3
    assert [row["kind"] for row in verified.faults()] == ["gone"], verified.told


def test_a_blob_that_was_removed_is_a_gap_by_its_positions(filled):
    lands, lake, penstock = filled(partitions=1)
    ranges = sorted((row["first"], row["next"]) for row in [Verified(penstock).told["partitions"][0]["in_blobs"]])
    assert ranges == [(0, 2700)]
    for gone in lake.names()[:2]:
        lake.remove(gone)
        verified = Verified(penstock)
        assert verified.code == 3
        assert {row["kind"] for row in verified.faults()} == {"gap"}, verified.told
    held = verified.told["records"]
    missing = sum(row["range"]["next"] - row["range"]["first"] for row in verified.faults("gap"))
    assert held + missing == 2700, "every record is in a blob or in a gap"


def test_a_missing_blob_of_many_partitions_is_one_fault_between_two_names(filled):
    lands, lake, penstock = filled()
    names = lake.names()
    assert len(names) == 3
    lake.remove(names[1])
    verified = Verified(penstock)
    (fault,) = verified.faults()
    assert sorted(part["partition"] for part in fault["parts"]) == [0, 1, 2], verified.told
    assert names[0] in fault["text"] and names[2] in fault["text"]
    people = run_command("verify", "--config", penstock.file)
    assert "1 FAULT" in people.stdout and "partitions 0:" in people.stdout, people.stdout


def test_a_blob_that_was_copied_is_an_overlap_of_both_names(filled):
    lands, lake, penstock = filled(partitions=1)
    twice = lake.names()[1]
    copy = beside(twice, ".txt")
    lake.copy(twice, copy)
    verified = Verified(penstock)
    assert verified.code == 3
    assert [sorted(row["blobs"]) for row in verified.faults()] == [sorted([twice, copy])], verified.told
    assert verified.faults()[0]["kind"] == "overlap"
    people = run_command("verify", "--config", penstock.file)
    assert people.returncode == 3 and twice in people.stdout and copy in people.stdout and "1 FAULT" in people.stdout


def test_a_file_of_somebody_else_is_named(filled):
    lands, lake, penstock = filled(partitions=1)
    lake.put_foreign("notes.txt")
    verified = Verified(penstock)
    assert verified.code == 3 and verified.told["foreign"] == 1
    assert [(row["kind"], row["blobs"]) for row in verified.faults()] == [("foreign", ["notes.txt"])]


def test_empty_values_are_no_gap_also_once_retention_has_passed_them(landing):
    """A batch of nothing but empty values makes no file. The entry says so, and the next file of the partition."""
    lands = landing(1)
    penstock = lands.penstock(lands.config(), "--exit-at-end")
    lake = AzureLake(lands.azurite, lands.container)
    for values, files in (([b"", b""], 0), ([b"0/a", b"0/b"], 1), ([b"", None, b""], 1), ([None], 1), ([b"0/c"], 2)):
        for value in values:
            lands.book.send(0, value)
        lands.book.flush()
        penstock.service.start()
        assert penstock.wait(60) == 0
        Verified(penstock, "--deep").assert_well()
        assert len(lake.names()) == files
    assert [lake.metadata(name).get("before") for name in lake.names()] == ["0:0-2", "0:4-8"]
    lands.kafka.delete_records_before(lands.topic, {0: 8})
    Verified(penstock, "--deep").assert_well()
    lake.remove(lake.names()[0])
    lands.kafka.delete_records_before(lands.topic, {0: 9})
    Verified(penstock).assert_well()  # from the beginning: the lake's own retention may have done that


def run_to_the_end(penstock):
    penstock.service.start()
    assert penstock.wait(60) == 0


def test_verify_is_silent_after_retention_and_aborted_transactions(landing):
    """Markers and aborted records are holes of their blobs; no question to the log is needed."""
    lands = landing(1)
    penstock = lands.penstock(lands.config(), "--exit-at-end")
    sender = Producer({"bootstrap.servers": lands.kafka.bootstrap, "transactional.id": lands.topic, "log_level": 0})
    sender.init_transactions(60)
    landed = 0
    for keeps in (True, False, True, False):
        sender.begin_transaction()
        for number in range(5):
            sender.produce(lands.topic, b"0/%d" % number, partition=0)
        sender.flush(30)
        (sender.commit_transaction if keeps else sender.abort_transaction)(60)
        landed += 5 if keeps else 0
        run_to_the_end(penstock)
        verified = Verified(penstock, "--deep")
        verified.assert_well()
        assert verified.told["records"] == landed
    assert verified.told["holes"] >= 1  # the marker behind the first records; the others are in no blob yet
    ends = lands.kafka.log_ends(lands.topic, 1)
    assert ends[0] == 24
    lands.kafka.delete_records_before(lands.topic, ends)
    Verified(penstock, "--deep").assert_well()


def test_verify_is_silent_after_compaction(landing, kafka):
    lands = landing(1)
    topic = kafka.create_topic(1, cleanup_policy="compact", segment_ms=100, segment_bytes=20_000,
                               min_cleanable_dirty_ratio=0.001, max_compaction_lag_ms=100, delete_retention_ms=100)
    config = lands.config()
    config["source"]["topics"] = [topic]
    penstock = lands.penstock(config, "--exit-at-end")
    sender = Producer({"bootstrap.servers": kafka.bootstrap, "linger.ms": 0, "log_level": 0})
    keys = 20
    for number in range(30):
        for key in range(keys):
            sender.produce(topic, b"%d/%d " % (number, key) + b"x" * 200, key=b"%d" % key, partition=0)
        sender.flush(30)
    time.sleep(0.2)
    sender.produce(topic, b"the last", key=b"last", partition=0)  # rolls the segment before it
    sender.flush(30)

    def first_kept() -> int:
        consumer = Consumer({"bootstrap.servers": kafka.bootstrap, "group.id": "none", "log_level": 0})
        consumer.assign([TopicPartition(topic, 0, 0)])
        try:
            message = consumer.poll(20)
            return message.offset() if message is not None and not message.error() else 0
        finally:
            consumer.close()

    wait_until(lambda: first_kept() > keys, 90, "the broker compacts", 1)
    run_to_the_end(penstock)
    verified = Verified(penstock, "--deep")
    verified.assert_well()
    assert verified.told["holes"] > keys
    assert verified.told["records"] + verified.told["holes"] == 30 * keys + 1


def test_topics_and_times_can_be_left_out(landing, kafka):
    lands = landing(1)
    other = Book(kafka, kafka.create_topic(1))
    config = lands.config()
    config["source"]["topics"].append(other.topic)
    penstock = lands.penstock(config, "--exit-at-end")
    lake = AzureLake(lands.azurite, lands.container)
    lands.book.spread(1, 10, 100)
    other.spread(1, 10, 100)
    run_to_the_end(penstock)
    early = lake.names()
    time.sleep(1.1)
    since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    time.sleep(1.1)
    lands.book.spread(1, 10, 100)
    run_to_the_end(penstock)
    assert Verified(penstock, "--deep", "--topic", lands.topic).told["records"] == 20
    assert Verified(penstock, "--topic", lands.topic, "--topic", other.topic).told["records"] == 30
    verified = Verified(penstock, "--deep", "--since", since)
    assert (verified.code, verified.told["records"], verified.told["left_out"]) == (0, 10, 2), verified.told
    for name in early:
        lake.remove(name)
    Verified(penstock, "--deep", "--since", since).assert_well()
    assert Verified(penstock).code == 3
    for name in lake.names():
        lake.remove(name)
    verified = Verified(penstock, "--since", since)
    assert [row["topic"] for row in verified.faults()] == [lands.topic], verified.told
    for wrong in (["--since", "yesterday"], ["--topic", "absent"]):
        assert Verified(penstock, *wrong).code == 2


def commit_by_hand(kafka, group: str, entry: TopicPartition):
    """As an operator would, once the group is empty: a static member stays in it until its session times out."""
    consumer = Consumer({"bootstrap.servers": kafka.bootstrap, "group.id": group, "enable.auto.commit": False, "log_level": 0})

    def committed() -> bool:
        try:
            consumer.commit(offsets=[entry], asynchronous=False)
            return True
        except KafkaException:
            return False

    try:
        wait_until(committed, 30, "the group is empty")
    finally:
        consumer.close()


def test_a_position_set_back_leaves_blobs_beyond_it(filled, kafka):
    lands, lake, penstock = filled(partitions=1)
    commit_by_hand(kafka, lands.group, TopicPartition(lands.topic, 0, 1000))
    verified = Verified(penstock)
    assert verified.code == 3
    assert [(row["kind"], row["range"]) for row in verified.faults()] == [("beyond", {"first": 1000, "next": 2700})]


def test_a_pending_claim_is_named_with_its_blob(filled, kafka):
    lands, lake, penstock = filled(partitions=1)
    commit_by_hand(kafka, lands.group, TopicPartition(lands.topic, 0, 2700))
    kafka.write_entry(lands.group, lands.topic, 0, Entry(2700, -1, "p1;2800;ffffffff;elsewhere/x.txt"))
    verified = Verified(penstock)
    assert verified.code == 3
    (fault,) = verified.faults("claim")
    assert fault["blobs"] == ["elsewhere/x.txt"]
    assert fault["range"] == {"first": 2700, "next": 2800}


def test_verify_while_a_service_runs_finds_nothing_wrong(landing):
    lands = landing(2)
    penstock = lands.penstock(merged(lands.config(), {"batch": {"max_age": "1s"}})).start()
    for _ in range(8):
        lands.book.spread(2, 300, 300)
        verified = Verified(penstock)
        assert verified.faults() == [] and verified.code == 0, verified.told
    assert penstock.terminate() == 0


def test_what_cannot_be_looked_at_is_no_finding(landing, tmp_path):
    lands = landing(1)
    config = lands.config()
    config["sink"] = {"url": f"file://{tmp_path}/absent"}
    verified = Verified(lands.penstock(config))
    assert verified.code == 1 and "absent" in verified.told["error"]
    config["sink"] = {"url": "null:"}
    assert Verified(lands.penstock(config)).code == 2
    config = merged(lands.config(), {"source": {"brokers": ["127.0.0.1:1"]}})
    verified = Verified(lands.penstock(config))
    assert verified.code == 1 and verified.told["error"]
