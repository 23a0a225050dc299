"""`batch.validate: json`: each record is a line of its file, or of the quarantine file beside it, and once.

A quarantine file counts only if its file is there with data: `counted` below reads no other.
"""

import base64
import json
import random
import re
import signal
import time
from collections import Counter
from pathlib import Path

import pytest
from confluent_kafka import Producer

from harness.lake import LandedFile, read_container
from harness.paths import penstock_binary
from harness.penstock import merged, run_command
from harness.service import Service, wait_until

PREFIX = "_quarantine/"
JUNK = [b"{", b"{} {}", b"plain text", b"NaN", b"01", b'{"broken":"\n"}', b"\xef\xbb\xbf{}", bytes(range(256)), b" ",
        b"[" * 600 + b"]" * 600, b"{" * 150_000]


class Sent:
    """The producer's book, by partition and offset: the value, and the reason for which it is in quarantine, if any."""

    def __init__(self, lands, topic: str | None = None):
        self.topic = topic or lands.topic
        self.values: dict[tuple[int, int], bytes | None] = {}
        self.reasons: dict[tuple[int, int], str] = {}
        self._next: Counter = Counter()
        self._producer = Producer({"bootstrap.servers": lands.kafka.bootstrap, "enable.idempotence": True,
                                   "message.max.bytes": 2_000_000, "log_level": 0})

    def send(self, partition: int, value: bytes | None, reason: str | None = None):
        place = (partition, self._next[partition])
        self._next[partition] += 1
        self.values[place] = value
        if reason:
            self.reasons[place] = reason
        self._producer.produce(self.topic, value, b"key-%d" % place[1], partition, headers=[("trace", b"00-%d" % place[1])])
        self._producer.poll(0)

    def good(self, partition: int, size: int = 300):
        head = '{"at":"%d/%d","pad":"' % (partition, self._next[partition])
        self.send(partition, (head + "x" * max(0, size - len(head) - 2) + '"}').encode())

    def junk(self, partition: int, rng: random.Random):
        self.send(partition, rng.choice(JUNK), "not-json")

    def flush(self):
        assert self._producer.flush(60) == 0


def by_name(files: list[LandedFile]) -> dict[str, LandedFile]:
    return {file.name.removeprefix("raw/"): file for file in files}


def counted(files: list[LandedFile]) -> list[tuple[LandedFile, LandedFile]]:
    """Quarantine files, each with the file that it lies beside."""
    named = by_name(files)
    pairs = []
    for name, file in named.items():
        if name.startswith(PREFIX):
            beside = named.get(name.removeprefix(PREFIX).removesuffix(".json"))
            if beside and not beside.is_tombstone:
                pairs.append((file, beside))
    return pairs


def assert_book(sent: Sent, files: list[LandedFile]):
    """Main lines and lines of counted quarantine files are all that was sent, each in its place, byte for byte."""
    lines = Counter()
    for name, file in by_name(files).items():
        if not name.startswith(PREFIX) and not file.is_tombstone and file.metadata["topic"] == sent.topic and file.content:
            lines.update(file.lines)
    quarantined = {}
    for file, beside in counted(files):
        if file.metadata["topic"] != sent.topic:
            continue
        assert file.metadata["of"] == beside.metadata["attempt"]
        assert int(file.metadata["records"]) == int(beside.metadata["quarantined"]) == len(file.lines)
        for line in file.lines:
            row = json.loads(line)
            assert list(row)[:4] == ["reason", "topic", "partition", "offset"] and row["topic"] == sent.topic
            place = (row["partition"], row["offset"])
            assert place not in quarantined, f"{place} is twice in quarantine"
            quarantined[place] = row
    assert {place: row["reason"] for place, row in quarantined.items()} == sent.reasons
    for place, row in quarantined.items():
        value = base64.b64decode(row["value_base64"]) if "value_base64" in row else json.dumps(row["value"]).encode()
        expected = sent.values[place]
        assert value == expected or json.loads(value) == json.loads(expected), place
        assert row["key"] == f"key-{place[1]}" and row["headers"] == [{"key": "trace", "value": f"00-{place[1]}"}]
    expected_lines = Counter(value.replace(b"\n", b" ") for place, value in sent.values.items()
                             if value is not None and place not in sent.reasons)
    assert lines == expected_lines, (lines - expected_lines, expected_lines - lines)


def verify(penstock, *options: str) -> tuple[int, dict]:
    done = run_command("verify", "--config", penstock.file, "--json", *options)
    return done.returncode, json.loads(done.stdout)


def quarantine_metric(penstock, topic: str, reason: str) -> float:
    return penstock.metric("penstock_quarantined_records_total", topic=topic, reason=reason)


@pytest.mark.both_sources
@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_a_mixed_topic_lands_in_two_places_and_a_topic_of_junk_in_one(landing, compression):
    lands = landing(3)
    mixed, only_junk = Sent(lands), Sent(lands, lands.kafka.create_topic(1))
    rng = random.Random(9)
    for i in range(600):
        partition = i % 3
        mixed.good(partition, rng.randrange(60, 3000))
        if i % 20 == 0:
            mixed.junk(partition, rng)
        if i % 50 == 0:
            mixed.send(partition, None)
            mixed.send(partition, b"", "not-json")
            mixed.send(partition, b'"%s"' % (b"y" * 10_000), "too-large")
    for _ in range(40):
        only_junk.junk(0, rng)
    mixed.flush()
    only_junk.flush()
    config = merged(lands.config(), {
        "source": {"topics": [mixed.topic, only_junk.topic]},
        "batch": {"validate": "json", "max_record_bytes": "200KiB", "compression": compression},
        "overrides": [{"match": f"^{mixed.topic}$", "batch": {"max_record_bytes": "10000B"}}]})
    for place, value in mixed.values.items():
        if value and len(value) > 10_000:
            mixed.reasons[place] = "too-large"
    penstock = lands.penstock(config).start()
    wait_until(lambda: quarantine_metric(penstock, only_junk.topic, "not-json") == 40, 60, "the junk is in quarantine")
    lands.wait_landed(sum(value is not None for value in mixed.values.values()) + 40)
    wait_until(lambda: sum(quarantine_metric(penstock, mixed.topic, reason) for reason in ("not-json", "too-large"))
               == len(mixed.reasons), 60, "what is no JSON is counted")
    for reason, count in Counter(mixed.reasons.values()).items():
        assert quarantine_metric(penstock, mixed.topic, reason) == count
    status = run_command("status", penstock.file)
    assert f"aside    {40 + len(mixed.reasons)} records in quarantine" in status.stdout, status.stdout
    assert penstock.terminate() == 0
    assert re.search(rf"records are not what batch.validate .* topic={only_junk.topic} partition=0 offset=0 reason=not-json",
                     penstock.output), penstock.output[-3000:]

    files = read_container(lands.azurite, lands.container)
    assert_book(mixed, files)
    assert_book(only_junk, files)
    empty = [beside for file, beside in counted(files) if beside.metadata["topic"] == only_junk.topic]
    assert empty and all(beside.content == b"" and beside.metadata["records"] == "0" for beside in empty)
    code, told = verify(penstock, "--deep")
    assert (code, told["findings"]) == (0, []), told
    assert told["quarantined"] == len(mixed.reasons) + 40 and told["quarantine_files"] == len(counted(files))


def test_kill_9_again_and_again_leaves_each_record_in_one_place(landing):
    """Each life is killed somewhere between its first record and its last finish; what lies beside no file counts not."""
    lands = landing(2)
    sent = Sent(lands)
    rng = random.Random(11)
    penstock = lands.penstock(merged(lands.config(), {
        "batch": {"validate": "json", "max_age": "1s"}, "source": {"fence_wait": "1s"}, "sink": {"block_bytes": "1MiB"}}))
    for life in range(8):
        penstock.service.start()
        for i in range(400):
            partition = i % 2
            sent.junk(partition, rng) if rng.random() < 0.2 else sent.good(partition, rng.randrange(60, 4000))
            if i % 100 == 0:
                sent.flush()
                time.sleep(rng.random())
        sent.flush()
        time.sleep(rng.random() * 4)
        penstock.service.kill()
    penstock.start()
    wait_until(lambda: penstock.metric("penstock_open_batches") + penstock.metric("penstock_publishing_batches") == 0
               and penstock.metric("penstock_assigned_partitions") == 2, 60, "a life that goes on")
    sent.good(0)
    sent.junk(1, rng)
    sent.flush()
    wait_until(lambda: len(verify(penstock)[1]["partitions"]) == 2 and all(
        partition["committed"] == partition["log"]["next"] for partition in verify(penstock)[1]["partitions"]), 90,
        "all is committed")
    assert penstock.terminate() == 0
    files = read_container(lands.azurite, lands.container)
    assert_book(sent, files)
    code, told = verify(penstock, "--deep")
    assert code == 0, told["findings"]
    orphans = sum(name.startswith(PREFIX) for name in by_name(files)) - len(counted(files))
    notes = [finding for finding in told["findings"] if finding["kind"] == "quarantine"]
    assert len(notes) == orphans and not any(note["fault"] for note in notes)
    print(f"\n{len(sent.values)} records, {len(sent.reasons)} in quarantine; {orphans} quarantine files beside no file")


@pytest.fixture
def broken(landing, tmp_path) -> tuple:
    """A lake in a directory with one file and its quarantine, after a clean end."""
    lands = landing(1)
    sent = Sent(lands)
    for i in range(20):
        sent.good(0)
        sent.send(0, b"junk %d" % i, "not-json")
    sent.flush()
    lake = tmp_path / "lake"
    lake.mkdir()
    config = merged(lands.config(), {"batch": {"validate": "json"}})
    config["sink"] = {"url": f"file://{lake}"}
    penstock = lands.penstock(config, "--exit-at-end")
    penstock.service.start()
    assert penstock.wait() == 0, penstock.output[-3000:]
    assert verify(penstock, "--deep")[0] == 0
    [beside] = [path for path in (lake / "_quarantine").rglob("*.json") if path.name[0] != "."]
    return penstock, lake, beside


def sidecar(path: Path) -> Path:
    return path.with_name(f".{path.name}.meta")


def faults(penstock, *options: str) -> list[dict]:
    code, told = verify(penstock, *options)
    found = [finding for finding in told["findings"] if finding["fault"]]
    assert code == (3 if found else 0)
    return found


def test_verify_finds_a_quarantine_that_is_gone(broken):
    penstock, lake, beside = broken
    beside.unlink()
    sidecar(beside).unlink()
    [fault] = faults(penstock)
    assert fault["kind"] == "quarantine" and "is not there, and 20 records" in fault["text"]
    assert fault["blobs"] == [str(beside.relative_to(lake))]


def test_verify_finds_a_quarantine_that_is_another(broken):
    penstock, _, beside = broken
    sidecar(beside).write_text(sidecar(beside).read_text().replace("records=20", "records=21"))
    [fault] = faults(penstock)
    assert fault["kind"] == "quarantine" and "21 records, and the file beside it says 20" in fault["text"]
    sidecar(beside).write_text(re.sub("of=.*", "of=ffff", sidecar(beside).read_text().replace("records=21", "records=20")))
    [fault] = faults(penstock)
    assert "another attempt" in fault["text"]


def test_verify_deep_counts_the_lines_of_a_quarantine(broken):
    penstock, _, beside = broken
    text = beside.read_bytes()
    beside.write_bytes(text.replace(b'"offset":1,', b'"offset":2,'))
    assert faults(penstock) == [], "as long as before"
    [fault] = faults(penstock, "--deep")
    assert fault["kind"] == "content" and "another checksum" in fault["text"]
    beside.write_bytes(text[: text[:-1].rindex(b"\n") + 1])
    [fault] = faults(penstock)
    assert fault["kind"] == "content"


def test_a_quarantine_beside_nothing_is_a_note_and_a_moved_one_a_fault(broken):
    penstock, lake, beside = broken
    lonely = beside.with_name("t-0123456789abcdef-1.txt.json")
    lonely.write_bytes(beside.read_bytes())
    sidecar(lonely).write_bytes(sidecar(beside).read_bytes())
    assert faults(penstock) == []
    [note] = verify(penstock)[1]["findings"]
    assert note["kind"] == "quarantine" and "counts for nothing" in note["text"]
    moved = lake / lonely.name
    lonely.rename(moved)
    sidecar(lonely).rename(sidecar(moved))
    [fault] = faults(penstock)
    assert fault["kind"] == "foreign" and "does not lie among them" in fault["text"]


class Requeue:
    """A service that lands what its rules let in, and then, by other rules, `replay --from-quarantine` of the rest."""

    def __init__(self, lands, directory: Path, strict: dict, into: str = "requeued"):
        self.lands, self.sent, self.into = lands, Sent(lands), into
        self.strict = merged(lands.config(), {"batch": {"max_age": "1s", **strict}})
        self.changed = directory / "changed.yaml"
        self.change({})

    def change(self, rules: dict):
        """The rules as they are now."""
        config = merged(self.strict, rules)
        config["admin"] = {"listen": "none"}
        config["batch"] = dict(config["batch"])
        for rule in ("validate", "max_record_bytes"):
            if rule not in rules.get("batch", {}):
                config["batch"].pop(rule, None)
        self.changed.write_text(json.dumps(config))

    def land(self):
        self.sent.flush()
        service = self.lands.penstock(self.strict, "--exit-at-end")
        service.service.start()
        assert service.wait() == 0, service.output[-3000:]

    @property
    def words(self) -> list[str]:
        return ["replay", "--config", str(self.changed), "--topic", self.lands.topic, "--from-quarantine", "--into", self.into]

    def run(self, *more: str):
        return run_command(*self.words, *more, timeout_s=90)

    def done(self, *more: str) -> str:
        done = self.run(*more)
        assert done.returncode == 0, done.stderr
        return done.stderr

    def files(self) -> list[LandedFile]:
        return [file for file in read_container(self.lands.azurite, self.lands.container)
                if file.name.startswith(f"{self.into}/") and not file.is_tombstone]

    def file_count(self) -> int:
        """Without a look into them, which would take longer than the replay."""
        container = self.lands.azurite.client().get_container_client(self.lands.container)
        return sum(1 for _ in container.list_blob_names(name_starts_with=f"{self.into}/"))

    def lines(self) -> Counter:
        return Counter(line for file in self.files() if PREFIX not in file.name for line in file.lines)

    def wanted(self, *reasons: str) -> Counter:
        return Counter(self.sent.values[place].replace(b"\n", b" ")
                       for place, reason in self.sent.reasons.items() if reason in reasons)

    def assert_verified(self):
        done = self.run("--verify", "--deep", "--json")
        assert (done.returncode, json.loads(done.stdout)["findings"]) == (0, []), done.stdout + done.stderr


@pytest.mark.both_sources
def test_by_other_rules_the_quarantine_lands_once_and_what_comes_later_is_added(landing, tmp_path, fetch):
    requeue = Requeue(landing(3), tmp_path, {"validate": "json", "max_record_bytes": "2000B"})
    sent, rng = requeue.sent, random.Random(5)

    def send(count: int):
        for i in range(count):
            sent.good(i % 3, rng.randrange(60, 1500))
            if i % 7 == 0:
                sent.send(i % 3, b'"%d-%s"' % (len(sent.values), b"y" * 4000), "too-large")
            if i % 5 == 0:
                sent.send(i % 3, b"junk %d" % len(sent.values), "not-json")

    send(300)
    requeue.land()
    lonely = requeue.lands.azurite.client().get_container_client(requeue.lands.container)
    [first, *_] = [file for file, _ in counted(read_container(requeue.lands.azurite, requeue.lands.container))]
    lonely.upload_blob(first.name.replace("_quarantine/", "_quarantine/lonely/"), first.content, metadata=first.metadata)

    requeue.change({"batch": {"validate": "json"}})  # of any size from now on
    told = requeue.done()
    assert "1 quarantine files count for nothing" in told and f"replays {len(sent.reasons)} records in quarantine" in told, told
    assert requeue.lines() == requeue.wanted("too-large")
    again = [file for file in requeue.files() if PREFIX in file.name]
    assert Counter(json.loads(line)["reason"] for file in again for line in file.lines) == Counter(
        reason for reason in sent.reasons.values() if reason == "not-json")
    assert "nothing to do: of the records in quarantine, none is left" in requeue.done()
    send(200)
    requeue.land()
    requeue.done()
    assert requeue.lines() == requeue.wanted("too-large")
    if fetch == "direct":
        requeue.assert_verified()

    requeue.change({})
    requeue.into = "all"
    requeue.done()
    assert requeue.lines() == requeue.wanted("too-large", "not-json")


def test_a_replay_of_a_quarantine_without_records_is_right_and_one_that_was_not_run_is_not(landing, tmp_path):
    requeue = Requeue(landing(1), tmp_path, {"validate": "json"})
    requeue.sent.good(0)
    requeue.land()
    assert "nothing to do: of the records in quarantine, none is left" in requeue.done()
    requeue.assert_verified()
    requeue.sent.send(0, b"junk", "not-json")
    requeue.land()
    missing = requeue.run("--verify")
    assert missing.returncode == 1 and "there is no such replay" in missing.stderr, missing.stderr
    requeue.done()
    requeue.assert_verified()
    assert "-range are removed" in requeue.done("--forget"), "both groups are named"


def test_killed_on_the_way_the_quarantine_lands_once(landing, tmp_path):
    requeue = Requeue(landing(2), tmp_path, {"validate": "json", "max_bytes": "1MiB"})
    for i in range(24_000):
        requeue.sent.send(i % 2, b"junk %d %s" % (i, b"z" * 900), "not-json") if i % 3 else requeue.sent.good(i % 2)
    requeue.land()
    for kill in range(2):
        known = requeue.file_count()
        running = Service([penstock_binary(), *requeue.words], tmp_path / f"killed-{kill}.log")
        running.start()
        wait_until(lambda: requeue.file_count() > known + 1, 60, "some of it landed", 0.02)
        running.send(signal.SIGKILL)
        running.wait(10)
    unfinished = requeue.run("--verify")
    assert unfinished.returncode == 3 and "the replay has not ended" in unfinished.stdout, unfinished.stdout
    requeue.done()
    assert requeue.lines() == requeue.wanted("not-json")
    requeue.assert_verified()


def test_what_has_left_the_log_is_named_and_what_is_landed_is_not_missed(landing, tmp_path):
    requeue = Requeue(landing(1), tmp_path, {"validate": "json"})
    for i in range(50):
        requeue.sent.send(0, b"junk %d" % i, "not-json")
    requeue.land()
    requeue.done()
    for i in range(50, 200):
        requeue.sent.send(0, b"junk %d" % i, "not-json") if i % 2 else requeue.sent.good(0)
    requeue.land()
    requeue.lands.kafka.delete_records_before(requeue.lands.topic, {0: 100})
    refused = requeue.run()
    assert refused.returncode == 1 and "partition 0: 25 records in quarantine, of offsets 51 to 99" in refused.stderr, refused.stderr
    requeue.change({"source": {"on_data_loss": "continue"}})
    assert "have left the log (retention); the quarantine files still have them" in requeue.done()
    assert requeue.lines() == Counter(b"junk %d" % i for i in range(200) if i < 50 or (i > 100 and i % 2))
    requeue.assert_verified()
