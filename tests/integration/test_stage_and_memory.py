"""What is in the stage's directory, what becomes of it there, and what does not fit into memory."""

import pytest

from harness.book import Book
from harness.lake import assert_exactly, read_container
from harness.penstock import merged

# The least that one worker runs with: 12 slabs of 1 MiB.
LITTLE_MEMORY = {"runtime": {"memory": "76MiB"}, "sink": {"block_bytes": "1MiB"}}


def test_files_of_others_are_moved_aside_whole(landing):
    lands = landing(1)
    lands.book.spread(1, 100, 100)
    penstock = lands.penstock()
    assert penstock.start().terminate() == 0  # its directories are there
    directory = next((lands.directory / "stage").rglob("segment-*")).parent
    (directory / "notes.txt").write_bytes(b"mine")
    segment = next(directory.glob("segment-*"))
    damaged = b"\xff" * 4096 + segment.read_bytes()[4096:8192]
    segment.write_bytes(damaged)
    penstock.start()
    lands.wait_landed()
    assert penstock.terminate() == 0
    assert (directory / "aside" / "notes.txt").read_bytes() == b"mine"
    assert (directory / "aside" / segment.name).read_bytes() == damaged
    for name in ("notes.txt", segment.name):
        assert f"{name} aside to " in penstock.output
    assert_exactly(lands.book, read_container(lands.azurite, lands.container))


def test_staged_bytes_that_changed_end_it_and_nothing_is_lost(landing, proxy):
    """The store is away until most of what was read is on the stage alone. Somebody changes the files. Kafka has it all."""
    lands = landing(2)
    config = merged(lands.config(proxy.port), merged(LITTLE_MEMORY, {"batch": {"max_age": "300s", "max_bytes": "4MiB"}}))
    penstock = lands.penstock(config).start()
    proxy.down()
    lands.book.spread(2, 40_000, 1000)
    penstock.wait_metric("penstock_records_received_total", 40_000)
    penstock.wait_metric("penstock_stage_live_bytes", 30_000_000)
    for segment in (lands.directory / "stage").rglob("segment-*"):
        with open(segment, "r+b") as file:
            for place in range(4096 + 100_000, segment.stat().st_size, 200_000):
                file.seek(place)
                file.write(b"somebody was here")
    proxy.up()
    penstock.ends_with(1, "reading the stage file", "does not match its checksum")
    again = lands.penstock(merged(config, {"stage": {"dir": str(lands.directory / "another-stage")}}), "--exit-at-end")
    again.service.start()
    assert again.wait(60) == 0
    assert_exactly(lands.book, read_container(lands.azurite, lands.container))


@pytest.mark.both_sources
def test_a_value_larger_than_the_memory_ends_it_and_is_named(landing):
    lands = landing(1, max_message_bytes=64 << 20)
    lands.book = Book(lands.kafka, lands.topic, **{"message.max.bytes": 64 << 20})
    lands.book.spread(1, 10, 100)
    lands.book.send(0, b"0" * (24 << 20))
    lands.book.spread(1, 10, 100)
    penstock = lands.penstock(merged(lands.config(), merged(LITTLE_MEMORY, {"source": {"max_batch_bytes": "64MiB"}})))
    penstock.service.start()
    penstock.ends_with(1, f"topic {lands.topic}, partition 0, offset 10: ", "Nothing was skipped")
    files = read_container(lands.azurite, lands.container)
    assert [line for file in files for line in file.lines] == lands.book.lines[0][:10]
    assert lands.kafka.committed(lands.group, lands.topic, 1) == {0: 10}
