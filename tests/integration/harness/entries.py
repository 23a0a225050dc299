"""The entries of a group, read with a request of our own: confluent_kafka 2.11 hands over their metadata with whatever
bytes follow in memory."""

import socket
import struct
from dataclasses import dataclass

from harness.service import wait_until

FIND_COORDINATOR, OFFSET_FETCH, OFFSET_COMMIT = 10, 9, 8
FOR_THE_MOMENT = (14, 15, 16)  # loading, none yet, moved


@dataclass(frozen=True)
class Entry:
    offset: int  # -1001 where the group has none, as elsewhere
    leader_epoch: int  # -1 where the entry names none
    metadata: str


def _text(value: str) -> bytes:
    return struct.pack(">h", len(value.encode())) + value.encode()


class _Answer:
    def __init__(self, data: bytes):
        self.data, self.at = data, 0

    def take(self, layout: str):
        value, = struct.unpack_from(">" + layout, self.data, self.at)
        self.at += struct.calcsize(">" + layout)
        return value

    def text(self) -> str:
        size = self.take("h")
        value = self.data[self.at : self.at + max(0, size)]
        self.at += max(0, size)
        return value.decode()


def _ask(address: tuple[str, int], api: int, version: int, body: bytes) -> _Answer:
    request = struct.pack(">hhi", api, version, 1) + _text("witness") + body
    with socket.create_connection(address, timeout=10) as connection:
        connection.sendall(struct.pack(">i", len(request)) + request)
        stream = connection.makefile("rb")
        size, = struct.unpack(">i", stream.read(4))
        answer = _Answer(stream.read(size))
    assert answer.take("i") == 1
    return answer


def _coordinator(address: tuple[str, int], group: str) -> tuple[str, int] | None:
    answer = _ask(address, FIND_COORDINATOR, 0, _text(group))
    error = answer.take("h")
    if error in FOR_THE_MOMENT:
        return None
    assert error == 0, f"no coordinator of {group}: error {error}"
    answer.take("i")  # the node
    return answer.text(), answer.take("i")


def read_entries(address: tuple[str, int], group: str, topic: str, partitions: list[int]) -> list[Entry]:
    return wait_until(lambda: _read_once(address, group, topic, partitions), 30, f"the entries of {group}")


def write_entry(address: tuple[str, int], group: str, topic: str, partition: int, entry: Entry):
    """As a consumer does that is no member, which a broker takes while the group has none."""
    wait_until(lambda: _write_once(address, group, topic, partition, entry), 30, f"an entry of {group} is written")


def _write_once(address, group: str, topic: str, partition: int, entry: Entry) -> bool:
    coordinator = _coordinator(address, group)
    if coordinator is None:
        return False
    member = struct.pack(">i", -1) + _text("")
    row = struct.pack(">iqi", partition, entry.offset, entry.leader_epoch) + _text(entry.metadata)
    body = _text(group) + member + struct.pack(">i", 1) + _text(topic) + struct.pack(">i", 1) + row
    answer = _ask(coordinator, OFFSET_COMMIT, 6, body)
    answer.take("i"), answer.take("i"), answer.text(), answer.take("i"), answer.take("i")
    error = answer.take("h")
    assert error in (0, 3, *FOR_THE_MOMENT), f"{topic}/{partition}: error {error}"  # 3: it was made a moment ago
    return error == 0


def _read_once(address, group: str, topic: str, partitions: list[int]) -> list[Entry] | None:
    coordinator = _coordinator(address, group)
    if coordinator is None:
        return None
    body = _text(group) + struct.pack(">i", 1) + _text(topic) + struct.pack(f">i{len(partitions)}i", len(partitions), *partitions)
    answer = _ask(coordinator, OFFSET_FETCH, 5, body)
    answer.take("i")  # throttling
    if answer.take("i") == 0:  # topics: none where the whole question has an error
        error = answer.take("h")
        assert error in FOR_THE_MOMENT, f"the entries of {group}: error {error}"
        return None
    answer.text(), answer.take("i")  # the topic, and how many partitions
    found = {}
    for _ in partitions:
        partition, offset, epoch = answer.take("i"), answer.take("q"), answer.take("i")
        metadata, error = answer.text(), answer.take("h")
        assert error in (0, *FOR_THE_MOMENT), f"{topic}/{partition}: error {error}"
        found[partition] = Entry(offset if offset >= 0 else -1001, epoch, metadata)
    if answer.take("h") in FOR_THE_MOMENT:
        return None
    return [found[partition] for partition in partitions]
