"""`penstock replay`: a range of a topic again, into another prefix, exactly once; and what its own files, its group and the
service beside it say of it."""

import json
import signal
from collections import Counter

import pytest
from confluent_kafka import Producer

from harness.lake import files_of
from harness.paths import penstock_binary
from harness.penstock import merged, run_command
from harness.service import Service, wait_until

DAY_MS = 1_769_817_600_000  # 2026-01-31T00:00:00Z


class Replay:
    """`penstock replay` of the only topic of a landing, into a prefix of its container."""

    def __init__(self, lands, config_file, *words: str, into: str = "again"):
        self.lands, self.into = lands, into
        self.words = ["replay", "--config", config_file, "--topic", lands.topic, "--into", into, *words]

    def run(self, *more: str, timeout_s: float = 90):
        return run_command(*self.words, *more, timeout_s=timeout_s)

    def start(self, log) -> Service:
        service = Service([penstock_binary(), *self.words], log)
        service.start()
        return service

    def files(self):
        return [file for file in files_of(self.lands.azurite, self.lands.container) if file.name.startswith(f"{self.into}/")]

    def lines(self) -> Counter:
        return Counter(line for file in self.files() for line in file.lines)

    def assert_verified(self):
        done = self.run("--verify", "--deep", "--json")
        assert (done.returncode, json.loads(done.stdout)["findings"]) == (0, []), done.stdout + done.stderr


def lines_between(book, first: int, following: int, partitions) -> Counter:
    return Counter(line for partition in partitions for line in book.lines[partition][first:following])


@pytest.fixture
def filled(landing, tmp_path):
    """filled(partitions, records each, changes) -> a landing with records, and the file of its service's configuration."""

    def fill(partitions: int, each: int, changes: dict | None = None, size: int = 200):
        lands = landing(partitions)
        lands.book.spread(partitions, partitions * each, size)
        config = merged(lands.config(), changes or {})
        config["admin"] = {"listen": "none"}
        file = tmp_path / "service.yaml"
        file.write_text(json.dumps(config))
        return lands, file

    return fill


@pytest.mark.both_sources
def test_a_range_of_offsets_lands_exactly_and_the_service_beside_it_does_not_notice(filled, landing, tmp_path, fetch):
    lands, file = filled(3, 400)
    service = lands.penstock().start()
    lands.wait_landed()
    replay = Replay(lands, file, "--from", "100", "--to", "250", "--summary", str(tmp_path / "summary.json"))
    whole = {partition: 400 for partition in range(3)}
    wait_until(lambda: lands.kafka.committed(lands.group, lands.topic, 3) == whole, 30, "the service has finished")
    done = replay.run("--json")
    assert done.returncode == 0, done.stderr
    lands.book.spread(3, 300, 200)
    assert replay.lines() == lines_between(lands.book, 100, 250, range(3))
    assert json.loads((tmp_path / "summary.json").read_text())["records"] == json.loads(done.stdout)["records"] == 450
    assert lands.kafka.committed(lands.group, lands.topic, 3) == whole
    wait_until(lambda: sum(file.name.startswith("raw/") and len(file.lines) for file in
                           files_of(lands.azurite, lands.container)) == 1500, 60, "the service lands what comes")
    assert service.metric("penstock_rebalances_total") == 1, "the replay was no member of its group"
    if fetch == "direct":
        replay.assert_verified()
    assert service.terminate() == 0


def test_times_are_looked_up_in_each_partition(filled):
    lands, file = filled(2, 0)
    producer = Producer({"bootstrap.servers": lands.kafka.bootstrap, "log_level": 0})
    for partition, step_ms in ((0, 1000), (1, 7000)):
        for index in range(100):
            producer.produce(lands.topic, f"{partition}/{index}".encode(), partition=partition,
                             timestamp=DAY_MS + index * step_ms)
    assert producer.flush(30) == 0
    replay = Replay(lands, file, "--from", "2026-01-31T00:00:10Z", "--to", "2026-01-31T00:01:10Z")
    done = replay.run()
    assert done.returncode == 0, done.stderr
    assert replay.lines() == Counter([f"0/{index}".encode() for index in range(10, 70)]
                                     + [f"1/{index}".encode() for index in range(2, 10)])
    replay.assert_verified()


def test_killed_it_goes_on_and_once_done_it_does_nothing_until_it_is_forgotten(filled, tmp_path):
    lands, file = filled(2, 12_000, {"batch": {"max_bytes": "1MiB"}}, size=1000)
    replay = Replay(lands, file, "--from", "1000", "--to", "end")
    want = lines_between(lands.book, 1000, 12_000, range(2))
    for kill in range(2):
        running = replay.start(tmp_path / f"killed-{kill}.log")
        known = len(replay.files())
        wait_until(lambda: len(replay.files()) > known + 1, 60, "some of it landed", 0.02)
        running.send(signal.SIGKILL)
        running.wait(10)
    unfinished = replay.run("--verify")
    assert unfinished.returncode == 3 and "the replay has not ended" in unfinished.stdout, unfinished.stdout
    lands.book.spread(2, 200, 1000)  # behind the end that the first run saw
    done = replay.run()
    assert done.returncode == 0 and "of them are landed already" in done.stderr, done.stderr
    assert replay.lines() == want
    replay.assert_verified()
    names = sorted(file.name for file in replay.files())
    again = replay.run()
    assert again.returncode == 0 and "nothing to do: all 22,000 offsets" in again.stderr, again.stderr
    assert sorted(file.name for file in replay.files()) == names
    assert not list((lands.directory / "stage").glob("gateway-replay-*")), "its stage is gone"
    assert replay.run("--forget").returncode == 0
    assert "there is no such replay" in replay.run("--verify").stderr


def test_verify_finds_what_is_missing_at_the_beginning_and_in_the_middle(filled):
    lands, file = filled(1, 300, {"batch": {"max_bytes": "16KiB"}})
    replay = Replay(lands, file, "--from", "100", "--to", "300")
    assert replay.run().returncode == 0
    replay.assert_verified()
    files = sorted((file.ranges[0], file.name) for file in replay.files())
    assert len(files) >= 2, files
    client = lands.azurite.client().get_container_client(lands.container)
    client.get_blob_client(files[0][1]).delete_blob()
    broken = replay.run("--verify")
    first, following = files[0][0]
    assert broken.returncode == 3 and f"{first}-{following} are in no blob" in broken.stdout, broken.stdout


def test_what_retention_has_taken_is_an_error_or_told_and_a_replay_that_is_done_stays_done(filled, tmp_path):
    lands, file = filled(2, 300)
    whole = Replay(lands, file, "--from", "0", "--to", "200", into="whole")
    assert whole.run().returncode == 0
    lands.kafka.delete_records_before(lands.topic, {0: 250, 1: 50})
    done = whole.run()
    assert done.returncode == 0 and "nothing to do" in done.stderr, done.stderr
    whole.assert_verified()
    late = Replay(lands, file, "--from", "20", "--to", "280")
    refused = late.run()
    assert refused.returncode == 1 and "partition 0: offsets 20 to 249 have left the log" in refused.stderr, refused.stderr
    tolerant = tmp_path / "tolerant.yaml"
    tolerant.write_text(json.dumps(merged(json.loads(file.read_text()), {"source": {"on_data_loss": "continue"}})))
    late = Replay(lands, tolerant, "--from", "20", "--to", "280")
    done = late.run()
    assert done.returncode == 0 and "partition 1: offsets 20 to 49 have left the log" in done.stderr, done.stderr
    assert late.lines() == lines_between(lands.book, 250, 280, [0]) + lines_between(lands.book, 50, 280, [1])
    late.assert_verified()


def test_partitions_are_chosen_and_a_range_without_records_is_done_at_once(filled):
    lands, file = filled(4, 100)
    replay = Replay(lands, file, "--from", "earliest", "--to", "60", "--partition", "3", "--partition", "1")
    assert replay.run().returncode == 0
    assert replay.lines() == lines_between(lands.book, 0, 60, [1, 3])
    replay.assert_verified()
    empty = Replay(lands, file, "--from", "500", "--to", "600", into="empty").run()
    assert empty.returncode == 0 and "no partition has an offset in this range" in empty.stderr, empty.stderr
    missing = Replay(lands, file, "--from", "0", "--to", "end", "--partition", "4", into="missing").run()
    assert missing.returncode == 2 and "has 4 partitions" in missing.stderr, missing.stderr


def test_it_never_lands_where_the_service_does(filled):
    lands, file = filled(1, 10)
    for into in ("raw", "raw/again"):
        done = Replay(lands, file, "--from", "0", "--to", "end", into=into).run()
        assert done.returncode == 2 and "is where sink.url puts the service's files" in done.stderr, done.stderr
    assert list(files_of(lands.azurite, lands.container)) == []


def test_stopped_by_a_signal_it_publishes_what_it_read_and_goes_on_later(filled, tmp_path):
    lands, file = filled(2, 8000, {"batch": {"max_bytes": "1MiB", "max_age": "60s"}}, size=1000)
    replay = Replay(lands, file, "--from", "0", "--to", "8000")
    running = replay.start(tmp_path / "stopped.log")
    wait_until(lambda: replay.files(), 60, "some of it landed", 0.02)
    running.send(signal.SIGTERM)
    assert running.wait(60) == 0
    assert replay.run().returncode == 0
    assert replay.lines() == lines_between(lands.book, 0, 8000, range(2))
    replay.assert_verified()
