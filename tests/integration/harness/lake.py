"""The lake as a witness sees it: Azure's own client or plain file reads, Python's gzip, the zstandard package."""

import gzip
import io
import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator

import zstandard

from harness.azurite import Azurite
from harness.book import Book, partition_of

# <path>-<writer's incarnation>-<batch counter>, then .txt or .json, then .gz, .zst or nothing
NAME = re.compile(r"^(?P<path>.+)-(?P<incarnation>[0-9a-f]{16})-(?P<counter>[0-9]+)\.(txt|json)(?P<codec>\.gz|\.zst)?$")


@dataclass
class LandedFile:
    name: str
    stored: bytes
    metadata: dict | None  # None: the lake keeps none

    @property
    def content(self) -> bytes:
        if self.name.endswith(".gz"):
            return gzip.decompress(self.stored)
        if self.name.endswith(".zst"):
            reader = zstandard.ZstdDecompressor().stream_reader(io.BytesIO(self.stored), read_across_frames=True)
            return reader.read()
        return self.stored

    @property
    def is_tombstone(self) -> bool:
        """A name that a successor has closed: a file without content, in a batch's place that was never published."""
        return self.metadata is not None and self.metadata.get("tombstone") == "1"

    @property
    def lines(self) -> list[bytes]:
        content = self.content
        if self.is_tombstone:
            assert content == b"", f"{self.name}: a tombstone that holds {len(content)} bytes"
            return []
        assert content.endswith(b"\n"), f"{self.name} does not end with a line's end"
        return content[:-1].split(b"\n")

    @property
    def ranges(self) -> dict[int, tuple[int, int]]:
        """Partition: first and next position, out of the metadata `p:first-next,...`."""
        found = {}
        if self.is_tombstone:
            return found
        for part in self.metadata["ranges"].split(","):
            partition, first, following = re.fullmatch(r"(\d+):(\d+)-(\d+)", part).groups()
            found[int(partition)] = (int(first), int(following))
        return found

    @property
    def incarnation(self) -> str:
        return NAME.match(self.name)["incarnation"]

    @property
    def counter(self) -> int:
        return int(NAME.match(self.name)["counter"])


def files_of(azurite: Azurite, container: str) -> Iterator[LandedFile]:
    """One after the other: what is in the lake may be more than fits in memory."""
    client = azurite.client().get_container_client(container)
    for blob in client.list_blobs(include=["metadata"]):
        yield LandedFile(blob.name, client.download_blob(blob.name).readall(), blob.metadata or {})


def read_container(azurite: Azurite, container: str) -> list[LandedFile]:
    return list(files_of(azurite, container))


def landed_records(azurite: Azurite, container: str) -> int:
    """The records that the blobs there say they hold: cheap enough to wait on."""
    client = azurite.client().get_container_client(container)
    return sum(int((blob.metadata or {}).get("records", 0)) for blob in client.list_blobs(include=["metadata"]))


def read_directory(directory: Path) -> list[LandedFile]:
    """Every file under `directory` that a reader of the lake would take: not those named with a `_` or `.` in front."""
    return [LandedFile(str(path.relative_to(directory)), path.read_bytes(), None)
            for path in sorted(directory.rglob("*"))
            if path.is_file() and not any(part[0] in "._" for part in path.relative_to(directory).parts)]


def read_directory_with_metadata(directory: Path) -> list[LandedFile]:
    """The same with what the directory keeps beside each: a hidden file whose lines are `key=value`, below two others."""
    files = read_directory(directory)
    for file in files:
        path = directory / file.name
        sidecar = (path.parent / f".{path.name}.meta").read_text()
        file.metadata = dict(line.split("=", 1) for line in sidecar.splitlines()[2:])
    return files


def assert_metadata(files: list[LandedFile], topic: str, group: str):
    """Names and metadata are as the format says, and tell the truth about the content."""
    for file in files:
        assert NAME.match(file.name), file.name
        keys = {"penstock", "topic", "ranges", "records", "skipped", "holes", "bytes", "crc32c", "attempt", "group"}
        assert set(file.metadata) - {"topicid", "before"} == keys, file.name
        assert (file.metadata["topic"], file.metadata["group"]) == (topic, group)
        assert int(file.metadata["records"]) == len(file.lines), file.name
        assert int(file.metadata["bytes"]) == len(file.content), file.name
        told = sum(int(file.metadata[key]) for key in ("records", "skipped", "holes"))
        assert told == sum(following - first for first, following in file.ranges.values()), file.name


def lines_by_partition(file: LandedFile, partition_of_line=partition_of) -> dict[int, list[bytes]]:
    if file.metadata is not None and len(file.ranges) == 1:
        return {next(iter(file.ranges)): file.lines}
    found = defaultdict(list)
    for line in file.lines:
        found[partition_of_line(line)].append(line)
    return found


def _by_partition_in_order(files: list[LandedFile]) -> dict[int, list[tuple[LandedFile, list[bytes]]]]:
    """Each partition's files with its lines in them, in the order of its positions (of the counter, where the lake
    keeps no metadata and one writer wrote all)."""
    found = defaultdict(list)
    for file in files:
        for partition, lines in lines_by_partition(file).items():
            place = file.ranges[partition][0] if file.metadata is not None else file.counter
            found[partition].append((place, file, lines))
    return {partition: [(file, lines) for _, file, lines in sorted(parts, key=lambda part: part[0])]
            for partition, parts in found.items()}


def assert_exactly(book: Book, files: list[LandedFile]):
    """Every record landed once, in its partition's order, byte for byte; ranges neither overlap nor leave a gap."""
    landed = _by_partition_in_order(files)
    for partition, expected in book.lines.items():
        got = [line for _, lines in landed.get(partition, []) for line in lines]
        _assert_same(partition, expected, got)
    assert set(landed) <= set(book.lines), "lines of partitions that were sent none"
    for partition, parts in landed.items():
        ranges = [file.ranges[partition] for file, _ in parts if file.metadata is not None]
        for before, after in zip(ranges, ranges[1:]):
            assert before[1] == after[0], f"partition {partition}: {before} is followed by {after}"
        if ranges:
            assert ranges[0][0] == 0 and ranges[-1][1] <= book.offsets[partition], ranges


def assert_nothing_lost(book: Book, files: list[LandedFile]) -> int:
    """Every record landed at least once, and each file holds a run of its partition in order. Returns the doubles."""
    total = 0
    seen: dict[int, set[int]] = defaultdict(set)
    index = {partition: {line: i for i, line in enumerate(lines)} for partition, lines in book.lines.items()}
    for file in files:
        for partition, lines in lines_by_partition(file).items():
            places = [index[partition][line] for line in lines]
            assert places == list(range(places[0], places[0] + len(places))), f"{file.name}: not a run: {places[:20]}"
            seen[partition].update(places)
            total += len(places)
    for partition, lines in book.lines.items():
        lost = [i for i in range(len(lines)) if i not in seen[partition]]
        assert not lost, f"partition {partition} lost {len(lost)} of {len(lines)} records, the first at {lost[:5]}"
    return total - book.line_count


def _assert_same(partition: int, expected: list[bytes], got: list[bytes]):
    for i, (want, have) in enumerate(zip(expected, got)):
        assert want == have, f"partition {partition}, record {i}: sent {want[:60]!r}..., landed {have[:60]!r}..."
    assert len(expected) == len(got), f"partition {partition}: {len(expected)} sent, {len(got)} landed"
