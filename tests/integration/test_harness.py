"""The witnesses themselves: a harness that cannot tell right from wrong proves nothing."""

import errno
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from azure.core.exceptions import HttpResponseError, ServiceRequestError, ServiceResponseError
from azure.storage.blob import BlobServiceClient

from harness import without
from harness.book import Book, CountingBook, as_line, sequenced
from harness.fault_proxy import Fault
from harness.kafka_proxy import OFFSET_COMMIT, KafkaProxy
from harness.lake import LandedFile, assert_exactly, assert_nothing_lost, read_container
from harness.service import free_port, wait_until
from harness.tally import tally
from harness.torture import Plan


class _WrittenBook:
    """A book without a broker."""

    def __init__(self, **lines):
        self.lines = {int(p[1:]): values for p, values in lines.items()}
        self.offsets = {p: len(values) for p, values in self.lines.items()}
        self.line_count = sum(map(len, self.lines.values()))


def _file(counter: int, ranges: str, *lines: bytes) -> LandedFile:
    return LandedFile(f"x-{'0' * 16}-{counter}.txt", b"".join(line + b"\n" for line in lines), {"ranges": ranges})


A, B, C = (sequenced(0, i, 20) for i in range(3))


@pytest.mark.parametrize("files, complaint", [
    ([_file(0, "0:0-2", A, B)], "3 sent, 2 landed"),
    ([_file(0, "0:0-2", A, B), _file(1, "0:2-3", C), _file(2, "0:2-3", C)], "3 sent, 4 landed"),
    ([_file(0, "0:0-3", A, C, B)], "record 1"),
    ([_file(0, "0:0-3", A, B, C[:-1])], "record 2"),
    ([_file(0, "0:0-1", A), _file(1, "0:2-3", B, C)], "is followed by"),
])
def test_exactly_once_is_not_taken_for_granted(files, complaint):
    with pytest.raises(AssertionError, match=complaint):
        assert_exactly(_WrittenBook(p0=[A, B, C]), files)


def test_doubles_are_counted_and_losses_found():
    book = _WrittenBook(p0=[A, B, C])
    assert assert_nothing_lost(book, [_file(0, "0:0-2", A, B), _file(1, "0:1-3", B, C)]) == 1
    with pytest.raises(AssertionError, match="lost 1 of 3"):
        assert_nothing_lost(book, [_file(0, "0:0-2", A, B)])
    with pytest.raises(AssertionError, match="not a run"):
        assert_nothing_lost(book, [_file(0, "0:0-3", A, C, B)])


def test_the_broker_keeps_records_over_a_stop_and_a_kill(kafka):
    topic = kafka.create_topic(2)
    book = Book(kafka, topic)
    book.spread(2, 10, 100)
    for end in (kafka.stop, kafka.kill):
        end()
        kafka.start()
    book.spread(2, 10, 100)
    assert (book.offsets[0], book.offsets[1]) == (10, 10)
    assert book.lines[0][0] == as_line(sequenced(0, 0, 100))


def test_the_blob_service_keeps_blobs_over_a_stop(azurite):
    container = azurite.create_container()
    blob = azurite.client().get_blob_client(container, "a.txt")
    blob.upload_blob(b"one\n", metadata={"topic": "t"})
    azurite.stop()
    azurite.start()
    files = read_container(azurite, container)
    assert [(file.stored, file.metadata) for file in files] == [(b"one\n", {"topic": "t"})]


def test_the_proxy_passes_on_fails_and_remembers(azurite, proxy):
    container = azurite.create_container()
    through = BlobServiceClient.from_connection_string(azurite.connection_string(proxy.port), retry_total=0)
    blob = through.get_blob_client(container, "a.txt")
    blob.upload_blob(b"x" * 100_000)
    assert blob.download_blob().readall() == b"x" * 100_000

    proxy.add(Fault(lambda request: request.method == "PUT", status=503, headers={"Retry-After": "1"}))
    with pytest.raises(HttpResponseError) as refused:
        blob.upload_blob(b"y", overwrite=True)
    assert (refused.value.status_code, refused.value.response.headers["Retry-After"]) == (503, "1")

    proxy.add(Fault(lambda request: request.method == "PUT", reset=True))
    with pytest.raises((ServiceRequestError, ServiceResponseError)):
        blob.upload_blob(b"y", overwrite=True)
    assert blob.download_blob().readall() == b"x" * 100_000

    proxy.add(Fault(lambda request: request.method == "PUT", lose_reply=True))
    with pytest.raises((ServiceRequestError, ServiceResponseError)):
        blob.upload_blob(b"z", overwrite=True)
    assert blob.download_blob().readall() == b"z"

    began = time.monotonic()
    proxy.add(Fault(lambda request: request.method == "PUT", delay_s=0.3))
    blob.upload_blob(b"w", overwrite=True)
    assert time.monotonic() - began >= 0.3

    proxy.down()
    with socket.socket() as another, pytest.raises(OSError, match="in use"):
        another.bind(("127.0.0.1", proxy.port))
    with pytest.raises((ServiceRequestError, ServiceResponseError)):
        blob.download_blob()
    proxy.up()
    assert blob.download_blob().readall() == b"w"
    assert [request.status for request in proxy.seen(lambda r: r.method == "PUT")] == [201, 503, 0, 0, 201]


def _counted(*files: tuple[str, list[tuple[int, int]]]):
    """What tally() says of files with these lines (partition, sequence), against a book of three records."""
    book = SimpleNamespace(offsets={0: 3})
    return tally(book, [LandedFile(f"{i}.txt", b"".join(as_line(CountingBook.value(*at)) + b"\n" for at in lines),
                                   {"ranges": ranges}) for i, (ranges, lines) in enumerate(files)])


def test_a_tally_finds_what_is_lost_doubled_or_out_of_order():
    good = _counted(("0:0-2", [(0, 0), (0, 1)]), ("0:2-3", [(0, 2)]))
    assert (good.lines, good.lost, good.doubled, good.faults) == (3, 0, 0, [])
    assert _counted(("0:0-2", [(0, 0), (0, 1)])).lost == 1
    assert _counted(("0:1-3", [(0, 1), (0, 2)])).lost == 1
    assert _counted(("0:0-1", [(0, 0)]), ("0:2-3", [(0, 2)])).lost == 1
    assert _counted(("0:0-3", [(0, 0), (0, 1), (0, 2)]), ("0:1-2", [(0, 1)])).doubled == 1
    assert "where 1 was due" in _counted(("0:0-3", [(0, 0), (0, 2), (0, 1)])).faults[0]
    assert "its metadata says" in _counted(("0:0-4", [(0, 0), (0, 1), (0, 2)])).faults[0]
    assert "were sent" in _counted(("0:0-4", [(0, 0), (0, 1), (0, 2), (0, 3)])).faults[-1]
    empty = tally(SimpleNamespace(offsets={}), [LandedFile("x.txt", b"", {"tombstone": "1"}),
                                                LandedFile("y.txt", b"no\n", {"tombstone": "1"})])
    assert empty.tombstones == 2 and len(empty.faults) == 1


@pytest.mark.parametrize("end", ["orderly", "reset"])
def test_a_kept_commit_arrives_unless_its_connection_was_reset(end):
    broker = socket.create_server(("127.0.0.1", 0))
    proxy = KafkaProxy()
    proxy.toward(broker.getsockname()[1])
    client = socket.create_connection(("127.0.0.1", proxy.port))
    upstream, _ = broker.accept()
    upstream.settimeout(1)
    commit, other = (struct.pack(">ihh", 4, api, 7) for api in (OFFSET_COMMIT, 1))
    client.sendall(other)
    assert upstream.recv(100) == other
    proxy.keep_next_commit()
    client.sendall(commit)
    wait_until(lambda: proxy.keeping, 5, "the commit is kept")
    if end == "reset":
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    wait_until(lambda: proxy.keeping.ended, 5, "the end is seen")
    assert proxy.keeping.ended == end
    proxy.deliver()
    if end == "orderly":
        assert upstream.recv(100) == commit
    else:
        with pytest.raises(TimeoutError):
            upstream.recv(100)
    proxy.close()


@pytest.mark.parametrize("plan", [Plan(seed=1), Plan(seed=1, kills=20, zombies=4)])
def test_a_torture_of_test_or_by_hand_draws_every_kind_of_event(plan):
    """As `./dev test` and `./dev torture` run it without a word."""
    assert set(plan.events) == {"kill", "kill at a commit", "zombie", "zombie at a commit", "leave", "broker frozen",
                                "broker killed"}
    assert all(plan.events.values()), plan.events


def test_ports_are_not_of_those_that_clients_get():
    ephemeral = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    ports = [free_port() for _ in range(50)]
    assert len(set(ports)) == 50 and max(ports) < ephemeral


@pytest.mark.parametrize("what, call, error", [
    ("io_uring", "ctypes.CDLL(None, use_errno=True).syscall(425, 1, 0) == -1 and ctypes.get_errno()", errno.EPERM),
    ("o-direct", "refused(lambda: os.open('/tmp', os.O_DIRECT))", errno.EINVAL),
    ("lockable-memory", "resource.getrlimit(resource.RLIMIT_MEMLOCK)[1]", 8 << 20)])
def test_a_machine_without(what, call, error):
    """It lacks this, and nothing else."""
    program = ("import ctypes, os, resource\n"
               "def refused(call):\n"
               "    try: call()\n"
               "    except OSError as error: return error.errno\n"
               f"assert refused(lambda: os.open('/tmp', 0)) is None\nprint({call})")
    done = subprocess.run([sys.executable, without.__file__, what, "--", sys.executable, "-c", program],
                          capture_output=True, text=True)
    assert (done.stdout.strip(), done.stderr) == (str(int(error)), "")
