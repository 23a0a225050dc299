"""Writes corpus/stage_recovery: segment files as src/stage/format.h describes them, behind mode bytes (README.md)."""

import struct
import sys
from pathlib import Path

CORPUS = Path(__file__).resolve().parent / "corpus" / "stage_recovery"
BLOCK, HEADER = 4096, 8192
CHECKSUMS, PLACES, PAYLOADS, LATE = 1, 2, 4, 8
ALL = CHECKSUMS | PLACES | PAYLOADS
NEXT_FILE = b"\xff\xff"


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def piece(data):
    """Bytes that begin a block; what follows up to the next one is zero."""
    data = data.rstrip(b"\0")
    return struct.pack("<H", len(data)) + data


def segment(sequence, bytes_=0, state=1, version=1):
    behind = struct.pack("<HHQQ", version, state, sequence, bytes_)
    return piece(b"PENSTAGE" + struct.pack("<I", crc32c(behind.ljust(BLOCK - 12, b"\0"))) + behind)


def chunk(index, payload, ranges=((0, 0, 10),), batch=(7, 1), topic=b"orders", records=10, raw=None, whole=None, recipe_hash=5,
          last=False, sequence=0, offset=0, version=2):
    behind = struct.pack("<HHIQQQQQQIIHHIQ", version, int(last), index, sequence, offset, *batch, records,
                         len(payload) if raw is None else raw, len(payload), crc32c(payload), len(topic), len(ranges),
                         len(payload) if whole is None else whole, recipe_hash)
    behind += topic + b"".join(struct.pack("<iqq", *each) for each in ranges)
    header = b"PSCK" + struct.pack("<I", crc32c(behind.ljust(HEADER - 8, b"\0"))) + behind
    blocks = b"".join(piece(header[at:at + BLOCK]) for at in (0, BLOCK))
    return blocks + b"".join(piece(payload[at:at + BLOCK]) for at in range(0, len(payload), BLOCK))


LINES = b'{"a":1}\n' * 3


def inputs():
    def put(name, body, mode=ALL, segments=6, cut=0, refused=0):
        return name, bytes([mode, segments, cut, refused]) + body

    three = [chunk(i, LINES, ((0, 10 * i, 10 * i + 10),), last=i == 2) for i in range(3)]
    yield put("empty", b"")
    yield put("without_chunks", segment(3))
    yield put("never_used", segment(0, state=0) + chunk(0, LINES))
    yield put("used_and_not", segment(3, state=0) + chunk(0, LINES))
    yield put("without_a_header", piece(b"") + chunk(0, LINES))
    yield put("another_version", segment(3, version=2))
    yield put("sealed_batch", segment(3) + b"".join(three))
    yield put("open_batch", segment(3) + b"".join(three[:2]))
    yield put("checksums_as_they_are",
              segment(3, 2 * BLOCK + HEADER) + chunk(0, LINES, sequence=3, offset=BLOCK), mode=0)
    yield put("payload_damaged", segment(3) + chunk(0, LINES).replace(LINES, LINES[:-1] + b"!"), mode=CHECKSUMS | PLACES)
    yield put("header_damaged",
              segment(3, 3 * BLOCK + 2 * HEADER) + chunk(0, LINES, sequence=3, offset=BLOCK) +
              chunk(1, LINES, sequence=3, offset=2 * BLOCK + HEADER).replace(b"orders", b"borders"), mode=0)
    yield put("earlier_life_behind",
              segment(3, 3 * BLOCK + 2 * HEADER) + chunk(0, LINES, sequence=3, offset=BLOCK) +
              chunk(1, LINES, sequence=2, offset=2 * BLOCK + HEADER), mode=0)
    yield put("later_life_than_the_segment",
              segment(3, 2 * BLOCK + HEADER) + chunk(0, LINES, sequence=4, offset=BLOCK), mode=0)
    yield put("cut_file", segment(3) + b"".join(three), cut=1)
    yield put("longer_than_its_segment",
              segment(3) + chunk(0, LINES).replace(struct.pack("<I", len(LINES)), b"\xff\xff\xff\xff"))
    yield put("two_files_one_batch",
              segment(4) + three[1] + three[2] + NEXT_FILE + segment(3) + three[0])
    yield put("one_segment_is_kept", segment(4) + three[1] + NEXT_FILE + segment(3) + three[0], segments=1)
    yield put("same_sequence_twice", segment(3) + three[0] + NEXT_FILE + segment(3) + three[1])
    yield put("hole_in_the_indices", segment(3) + three[0] + three[2])
    yield put("hole_that_no_range_shows", segment(3) + three[0] + chunk(2, LINES, ((1, 0, 10),)))
    yield put("chunk_written_twice", segment(3) + three[0] + three[1] + three[1] + three[2])
    yield put("cut_behind_a_whole_record", segment(3) + chunk(0, LINES, raw=16, whole=16))
    yield put("record_over_two_chunks",
              segment(3) + chunk(0, LINES, raw=16, whole=16) + chunk(1, LINES, ((0, 10, 12),), raw=32))
    yield put("compressed_open_batch", segment(3) + chunk(0, b"\x28\xb5\x2f\xfd" + LINES, raw=4000, whole=0, ranges=()) +
              chunk(1, LINES, raw=4000))
    yield put("large_chunk_without_the_end_of_a_record",
              segment(3) + chunk(0, LINES * 300, ranges=(), raw=0, whole=0, records=0) + chunk(1, LINES, raw=7224))
    yield put("not_to_be_used_again", segment(3) + chunk(0, LINES, recipe_hash=0))
    yield put("made_in_two_ways", segment(3) + three[0] + chunk(1, LINES, ((0, 10, 20),), recipe_hash=6))
    yield put("ranges_do_not_join", segment(3) + three[0] + chunk(1, LINES, ((0, 11, 20),)))
    yield put("empty_and_negative_ranges",
              segment(3) + chunk(0, LINES, ((0, 5, 5),)) + chunk(0, LINES, ((1, -1, 5),), batch=(7, 2)))
    yield put("range_twice_in_a_chunk", segment(3) + chunk(0, LINES, ((0, 0, 5), (0, 5, 9))))
    yield put("two_topics_in_a_batch", segment(3) + three[0] + chunk(1, LINES, ((0, 10, 20),), topic=b"other"))
    many = tuple((partition, 3, 9) for partition in range(200))
    yield put("most_partitions_and_longest_topic", segment(3) + chunk(0, LINES, many, topic=b"t" * 249))
    yield put("too_long_a_topic", segment(3) + chunk(0, LINES, topic=b"t" * 250))
    chain = [chunk(0, LINES, ((0, 10 * i, 10 * i + 10), (i, 7, 8)) if i else ((0, 0, 10),), batch=(7, i)) for i in range(4)]
    yield put("chain_of_batches", segment(3) + b"".join(chain))
    one_partition = [chunk(0, LINES, ((0, 10 * i, 10 * i + 10),), batch=(7, i)) for i in range(3)]
    yield put("chain_out_of_order", segment(3) + b"".join(reversed(one_partition)))
    yield put("chain_with_a_refusal", segment(3) + b"".join(chain), refused=2)
    yield put("chain_read_from_its_end", segment(3) + b"".join(chain), mode=ALL | LATE)
    yield put("two_that_wait_for_each_other",
              segment(3) + chunk(0, LINES, ((0, 0, 9), (1, 5, 9))) + chunk(0, LINES, ((0, 5, 9), (1, 0, 9)), batch=(8, 1)) +
              chunk(0, LINES, ((0, 0, 5),), batch=(9, 1)))


def main():
    CORPUS.mkdir(parents=True, exist_ok=True)
    for name, data in inputs():
        (CORPUS / name).write_bytes(data)
    return 0


if __name__ == "__main__":
    sys.exit(main())
