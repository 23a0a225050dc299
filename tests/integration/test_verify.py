"""`penstock verify` on lakes that real runs made, and on the same lakes after somebody broke them."""

import json
import shutil

import pytest
from confluent_kafka import Consumer, KafkaException, TopicPartition

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

    def rewrite(self, name: str, change):
        path = self.root / name
        path.write_bytes(change(path.read_bytes()))


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

    def rewrite(self, name: str, change):
        blob = self._blob(name)
        blob.upload_blob(change(blob.download_blob().readall()), metadata=blob.get_blob_properties().metadata,
                         overwrite=True)


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


def test_a_gap_of_empty_values_is_no_fault(landing):
    """A batch of nothing but empty values makes no file; the log tells that nothing is missing."""
    lands = landing(1)
    penstock = lands.penstock(lands.config(), "--exit-at-end")
    for values in ([b"0/a", b"0/b"], [b"", None, b""], [b"0/c"]):
        for value in values:
            lands.book.send(0, value)
        lands.book.flush()
        penstock.service.start()
        assert penstock.wait(60) == 0
    verified = Verified(penstock)
    assert verified.code == 0, verified.told
    assert [(row["kind"], row["range"]) for row in verified.told["findings"]] == [("gap", {"first": 2, "next": 5})]


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
    commit_by_hand(kafka, lands.group, TopicPartition(lands.topic, 0, 2700, metadata="p1;2800;ffffffff;elsewhere/x.txt"))
    verified = Verified(penstock)
    assert verified.code == 3
    (fault,) = verified.faults("claim")
    # This client commits its C string's end too; penstock's own claims have none.
    assert [name.rstrip("\0") for name in fault["blobs"]] == ["elsewhere/x.txt"]
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
