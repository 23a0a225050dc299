"""A producer's counting book against every line of a lake, file by file: what was lost, what was doubled."""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Iterable

from harness.book import CountingBook, as_line, partition_of
from harness.lake import LandedFile


@dataclass
class Tally:
    files: int = 0
    lines: int = 0
    tombstones: int = 0
    lost: int = 0
    doubled: int = 0
    faults: list[str] = field(default_factory=list)

    def __str__(self):
        return (f"{self.lines:,} lines in {self.files:,} files, {self.tombstones:,} tombstones: "
                f"{self.lost} lost, {self.doubled} doubled, {len(self.faults)} faults")


def tally(book: CountingBook, files: Iterable[LandedFile]) -> Tally:
    """A fault is whatever is wrong, losses and doubles included; it names the blobs that have to do with it."""
    found = Tally()
    runs: dict[int, list[tuple[int, int, str]]] = defaultdict(list)  # by partition: first, next, blob
    for file in files:
        found.files += 1
        found.tombstones += file.is_tombstone
        try:
            lines = file.lines
            mine = _runs(lines)
        except (AssertionError, ValueError) as wrong:
            found.faults.append(f"{file.name}: {wrong}")
            continue
        found.lines += len(lines)
        for partition, (first, following) in mine.items():
            runs[partition].append((first, following, file.name))
        if mine != file.ranges:
            found.faults.append(f"{file.name}: it holds {mine}, and its metadata says {file.ranges}")
    for partition in set(runs) | set(book.offsets):
        _compare(found, partition, sorted(runs[partition]), book.offsets.get(partition, 0))
    return found


def _runs(lines: list[bytes]) -> dict[int, tuple[int, int]]:
    """Each partition's first and next sequence, all between in order, and every line byte for byte what was sent."""
    runs: dict[int, tuple[int, int]] = {}
    for line in lines:
        partition = partition_of(line)
        sequence = int(line[line.index(b"/") + 1 : line.index(b" ")])
        first, due = runs.get(partition, (sequence, sequence))
        assert sequence == due, f"partition {partition}: {sequence} where {due} was due"
        assert line == as_line(CountingBook.value(partition, sequence)), f"{partition}/{sequence} is not what was sent"
        runs[partition] = (first, due + 1)
    return runs


def _compare(found: Tally, partition: int, runs: list[tuple[int, int, str]], sent: int):
    due, before = 0, "the beginning"
    for first, following, name in [*runs, (sent, sent, "the end")]:
        if first > due:
            found.lost += first - due
            found.faults.append(f"partition {partition}: {due} to {first} are in no file, between {before} and {name}")
        elif first < due:
            found.doubled += min(due, following) - first
            found.faults.append(f"partition {partition}: {first} to {min(due, following)} are in {before} and in {name}")
        if following > due:
            due, before = following, name
    if due > sent:
        found.faults.append(f"partition {partition}: {due} landed, {sent} were sent")
