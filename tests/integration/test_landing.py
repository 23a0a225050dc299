"""What lands is what was sent: once, in order, byte for byte."""

import json
import random
import shutil
import subprocess
import time

import pytest

from harness.book import sequenced
from harness.lake import assert_exactly, assert_metadata, read_container, read_directory
from harness.penstock import merged
from harness.process import kernel_workers
from harness.service import wait_until

PARTITIONS = 8


def fill(book, rng: random.Random):
    """Values of every kind, in every partition. Each but the shortest says where it belongs."""
    for partition in range(PARTITIONS):
        for size in (1024, 900_000, 12, 1024):
            book.send_sequenced(partition, size)
        for _ in range(150):
            book.send_sequenced(partition, rng.choice((12, 300, 1024, 3000)))
        head = b"%d/" % partition
        book.send(partition, head + b'{\r\n  "pretty": true,\n  "x": [1,\r2]\n}')
        book.send(partition, head + b"\n")
        book.send(partition, head + bytes(b for b in range(256)))
        book.send(partition, head + b"\xff\xfe\x80 not UTF-8 \xc3")
        book.send(partition, b"")
        book.send(partition, None)
    book.flush()


@pytest.mark.both_sources
@pytest.mark.parametrize("compression", ["none", "gzip", "zstd"])
def test_every_record_lands_once_and_in_order(landing, compression):
    lands = landing(PARTITIONS)
    fill(lands.book, random.Random(1))
    penstock = lands.penstock(merged(lands.config(), {
        "batch": {"compression": compression}, "sink": {"block_bytes": "1MiB"}})).start()
    lands.wait_landed()
    assert penstock.metric("penstock_records_skipped_total") == lands.book.empty_values == 2 * PARTITIONS
    assert penstock.terminate() == 0
    files = read_container(lands.azurite, lands.container)
    assert_exactly(lands.book, files)
    assert_metadata(files, lands.topic, lands.group)
    committed = lands.kafka.committed(lands.group, lands.topic, PARTITIONS)
    assert committed == dict(lands.book.offsets), "the empty values at the ends are committed too"


@pytest.mark.both_sources
def test_one_byte_values(landing):
    lands = landing(1)
    values = [bytes([33 + i % 90]) for i in range(5000)]
    for value in values:
        lands.book.send(0, value)
    lands.book.flush()
    penstock = lands.penstock().start()
    lands.wait_landed()
    assert penstock.terminate() == 0
    files = sorted(read_container(lands.azurite, lands.container), key=lambda file: file.counter)
    assert [line for file in files for line in file.lines] == values


@pytest.mark.parametrize("compression, tool", [("gzip", ["gzip", "-dc"]), ("zstd", ["zstd", "-dcq"])])
def test_standard_tools_read_compressed_files(landing, tmp_path, compression, tool):
    if not shutil.which(tool[0]):
        pytest.skip(f"no {tool[0]} on this machine")
    lands = landing(2)
    lands.book.spread(2, 6000, 1024)
    lake = tmp_path / "lake"
    config = merged(lands.config(), {"batch": {"compression": compression}, "sink": {"block_bytes": "1MiB"}})
    config["sink"] = {"url": f"file://{lake}", "block_bytes": "1MiB"}
    penstock = lands.penstock(config).start()
    penstock.wait_metric("penstock_records_received_total", 6000)
    assert penstock.terminate() == 0
    files = read_directory(lake)
    for file in files:
        unpacked = subprocess.run([*tool, str(lake / file.name)], capture_output=True, check=True).stdout
        assert unpacked == file.content
    assert sum(len(file.lines) for file in files) == 6000


@pytest.mark.both_sources
def test_files_rotate_by_age_and_none_is_empty(landing):
    """Each file is closed though no record follows, and no record makes no file."""
    lands = landing(2)
    penstock = lands.penstock(merged(lands.config(), {"batch": {"max_age": "1s"}})).start()
    for count in (1, 2, 3):
        lands.book.spread(1, 3, 200)
        lands.wait_landed()
        time.sleep(2)  # twice its age: an empty file would be there
        files = read_container(lands.azurite, lands.container)
        assert len(files) == count and all(file.lines for file in files), [(file.name, len(file.lines)) for file in files]
    assert penstock.terminate() == 0
    assert_exactly(lands.book, files)


def test_files_rotate_by_size(landing):
    lands = landing(2)
    lands.book.spread(2, 5000, 1024)
    penstock = lands.penstock(merged(lands.config(), {
        "batch": {"max_age": "60s", "max_bytes": "1MiB"}, "sink": {"block_bytes": "256KiB"}})).start()
    wait_until(lambda: penstock.metric("penstock_blobs_published_total") >= 4, 60, "four files of 1 MiB")
    penstock.wait_metric("penstock_records_received_total", lands.book.line_count)
    assert penstock.terminate() == 0
    files = read_container(lands.azurite, lands.container)
    assert_exactly(lands.book, files)
    assert all(len(file.stored) <= 1 << 20 for file in files)


def test_a_file_for_each_partition(landing):
    lands = landing(4)
    lands.book.spread(4, 400, 500)
    penstock = lands.penstock(merged(lands.config(), {"batch": {
        "group_by": "partition", "path": "{topic}/{partition}/{yyyy}{MM}{dd}T{HH}{mm}{ss}"}})).start()
    lands.wait_landed()
    assert penstock.terminate() == 0
    files = read_container(lands.azurite, lands.container)
    assert_exactly(lands.book, files)
    for file in files:
        assert len(file.ranges) == 1
        assert f"/{next(iter(file.ranges))}/" in file.name


@pytest.mark.both_sources
def test_topics_by_regex_with_an_override(landing):
    lands = landing(1)
    other = lands.kafka.create_topic(1)
    lands.book.spread(1, 50, 100)
    config = merged(lands.config(), {"overrides": [{"match": f"^{lands.topic}$", "batch": {"compression": "gzip"}}]})
    del config["source"]["topics"]
    config["source"]["topics_regex"] = f"^({lands.topic}|{other})$"
    penstock = lands.penstock(config).start()
    lands.wait_landed()
    assert penstock.terminate() == 0
    files = read_container(lands.azurite, lands.container)
    assert_exactly(lands.book, files)
    assert all(file.name.endswith(".txt.gz") for file in files)


def test_a_directory_as_the_lake(landing, tmp_path):
    lands = landing(3)
    lands.book.spread(3, 3000, 1024)
    config = lands.config()
    config["sink"] = {"url": f"file://{tmp_path}/lake", "block_bytes": "256KiB"}
    penstock = lands.penstock(config).start()
    penstock.wait_metric("penstock_records_received_total", 3000)
    assert penstock.terminate() == 0
    assert_exactly(lands.book, read_directory(tmp_path / "lake"))
    assert not list((tmp_path / "lake").rglob("*.part")), "unfinished files were left behind"


def test_the_portable_io_lands_the_same(landing):
    lands = landing(2)
    lands.book.spread(2, 3000, 1024)
    penstock = lands.penstock(merged(lands.config(), {"runtime": {"io": "portable"}})).start()
    lands.wait_landed()
    assert penstock.metric("penstock_io_backend", backend="portable") == 1
    assert "fallback" in penstock.output
    assert penstock.terminate() == 0
    assert_exactly(lands.book, read_container(lands.azurite, lands.container))


@pytest.mark.both_sources
def test_reading_to_the_end_and_no_further(landing, tmp_path):
    lands = landing(4)
    lands.book.spread(4, 2000, 700)
    summary = tmp_path / "summary.json"
    config = merged(lands.config(), {"batch": {"max_age": "60s"}, "runtime": {"workers": 2}})
    penstock = lands.penstock(config, "--exit-at-end", "--summary", str(summary))
    penstock.service.start()
    assert penstock.wait(60) == 0
    files = read_container(lands.azurite, lands.container)
    assert_exactly(lands.book, files)
    told = json.loads(summary.read_text())
    assert told["records"] == 2000 and told["blobs"] == len(files)
    assert "landed 2,000 records" in penstock.output
    # A second run finds nothing new and writes nothing.
    again = lands.penstock(config, "--exit-at-end")
    again.service.start()
    assert again.wait(60) == 0
    assert len(read_container(lands.azurite, lands.container)) == len(files)


def test_an_empty_topic_ends_at_once(landing):
    lands = landing(2)
    penstock = lands.penstock(lands.config(), "--exit-at-end")
    penstock.service.start()
    assert penstock.wait(60) == 0
    assert read_container(lands.azurite, lands.container) == []


@pytest.mark.both_sources
def test_start_latest_takes_only_what_comes_later(landing):
    lands = landing(1)
    lands.book.spread(1, 100, 100)
    penstock = lands.penstock(merged(lands.config(), {"source": {"start": "latest"}})).start()
    later = [sequenced(0, 100 + i, 100) for i in range(50)]
    for value in later:
        lands.book.send(0, value)
    lands.book.flush()
    lands.wait_landed(50)
    assert penstock.terminate() == 0
    files = sorted(read_container(lands.azurite, lands.container), key=lambda file: file.counter)
    assert [line for file in files for line in file.lines] == later


def test_stage_writes_need_no_kernel_workers(landing):
    lands = landing(1)
    penstock = lands.penstock(merged(lands.config(), {"batch": {"max_age": "1s"}})).start()
    if "io_uring is in use" not in penstock.output or not penstock.metric("penstock_direct_io"):
        pytest.skip("neither io_uring nor O_DIRECT here")
    lands.book.spread(1, 2000, 1000)
    lands.wait_landed()
    for _ in range(10):
        written = penstock.metric("penstock_stage_written_bytes_total")
        lands.book.spread(1, 2000, 1000)
        penstock.wait_metric("penstock_stage_written_bytes_total", written + 2_000_000)
        assert not kernel_workers(penstock.service.pid)  # one that was there for these writes stays for five seconds
    lands.wait_landed()
    assert penstock.terminate() == 0
    assert_exactly(lands.book, read_container(lands.azurite, lands.container))


def test_what_a_small_batch_costs(landing, proxy):
    """One call to the storage, and at most two offset commits: the claim, and the finish or the next claim."""
    lands = landing(2)
    penstock = lands.penstock(merged(lands.config(proxy.port), {"batch": {"max_age": "1s"}})).start()
    lands.book.spread(2, 10, 500)
    lands.wait_landed()  # the starts of both partitions are pinned
    wait_until(lambda: penstock.metric("penstock_publishing_batches") == 0, 20, "the batch is finished")
    commits, batches = penstock.metric("penstock_commits_total"), penstock.metric("penstock_blobs_published_total")
    before = len(proxy.seen(lambda request: True))
    for _ in range(60):
        lands.book.spread(2, 10, 500)
        time.sleep(0.1)
    lands.wait_landed()
    wait_until(lambda: penstock.metric("penstock_publishing_batches") == 0, 20, "all batches are finished")
    batches = penstock.metric("penstock_blobs_published_total") - batches
    assert batches >= 4
    assert len(proxy.seen(lambda request: True)) - before == batches
    assert penstock.metric("penstock_commits_total") - commits <= 2 * batches
    assert penstock.terminate() == 0
    assert_exactly(lands.book, read_container(lands.azurite, lands.container))
