"""A footer of Parquet with the first column moved behind all others, as a writer might have written that keeps its largest
column first in the file and elsewhere in the schema. Nothing else of the file changes, and it stays as valid.

Thrift's compact protocol, as far as finding things goes: a struct is fields, each a byte with its kind and how much its
number is more than the last one, then the value; a list is a byte with a count and a kind, then the items."""

import struct

BOOLS, BYTE, NUMBERS, DOUBLE, BINARY, LISTS, STRUCT = (1, 2), 3, (4, 5, 6), 7, 8, (9, 10), 12
SCHEMA, ROW_GROUPS, COLUMNS = 2, 4, 1  # the numbers of fields: of FileMetaData, of FileMetaData, of RowGroup


def varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        value |= (data[at] & 0x7f) << shift
        shift, at = shift + 7, at + 1
        if data[at - 1] < 0x80:
            return value, at


def end_of(data: bytes, at: int, kind: int) -> int:
    if kind in BOOLS:
        return at  # a field's kind is its value
    if kind == BYTE:
        return at + 1
    if kind in NUMBERS:
        return varint(data, at)[1]
    if kind == DOUBLE:
        return at + 8
    if kind == BINARY:
        length, at = varint(data, at)
        return at + length
    if kind in LISTS:
        return items(data, at)[1]
    assert kind == STRUCT, f"kind {kind} at {at}"
    return fields(data, at)[1]


def items(data: bytes, at: int) -> tuple[list[tuple[int, int]], int]:
    """Where each begins and ends, and where the list ends."""
    count, kind, at = data[at] >> 4, data[at] & 0xf, at + 1
    if count == 15:
        count, at = varint(data, at)
    found = []
    for _ in range(count):
        found.append((at, at + 1 if kind in BOOLS else end_of(data, at, kind)))
        at = found[-1][1]
    return found, at


def fields(data: bytes, at: int) -> tuple[dict[int, int], int]:
    """Where the value of each begins, by its number, and where the struct ends."""
    found, number = {}, 0
    while data[at] != 0:
        kind, more, at = data[at] & 0xf, data[at] >> 4, at + 1
        if more == 0:
            zigzag, at = varint(data, at)
            number = (zigzag >> 1) ^ -(zigzag & 1)
        else:
            number += more
        found[number] = at
        at = end_of(data, at, kind)
    return found, at + 1


def with_item_last(data: bytes, at: int, index: int) -> bytes:
    """The list at `at` with one of its items behind all others."""
    spans = items(data, at)[0]
    begin, end = spans[index]
    return data[:begin] + data[end:spans[-1][1]] + data[begin:end] + data[spans[-1][1]:]


def with_first_column_last(stored: bytes) -> bytes:
    """A file of columns that are no groups, as they are moved one by one."""
    length, = struct.unpack("<I", stored[-8:-4])
    footer = stored[-8 - length:-8]
    root = fields(footer, 0)[0]
    footer = with_item_last(footer, root[SCHEMA], 1)  # the first element is the root
    for begin, _ in items(footer, root[ROW_GROUPS])[0]:
        footer = with_item_last(footer, fields(footer, begin)[0][COLUMNS], 0)
    assert len(footer) == length
    return stored[:-8 - length] + footer + stored[-8:]
