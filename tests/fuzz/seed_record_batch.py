"""Writes corpus/record_batch from the golden batches of tests/unit/wire/golden: each behind two mode bytes (README.md)."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
GOLDEN = HERE.parent / "unit" / "wire" / "golden"
CORPUS = HERE / "corpus" / "record_batch"
FIX_CHECKSUMS, ABORTED, ASKED, HEADERS = 1, 2, 4, 8


def main():
    CORPUS.mkdir(parents=True, exist_ok=True)
    for path in sorted(GOLDEN.glob("*.bin")):
        mode = FIX_CHECKSUMS | HEADERS
        if path.stem.startswith("transactions"):
            mode |= ABORTED
        if "asked" in path.stem:
            mode |= ASKED
        # Without headers the same bytes are another way through the parser; three records a step, a step within a batch.
        (CORPUS / path.stem).write_bytes(bytes([mode, 2]) + path.read_bytes())
    smallest = min(GOLDEN.glob("*.bin"), key=lambda path: path.stat().st_size)
    (CORPUS / "checksums_as_they_are").write_bytes(bytes([0, 255]) + smallest.read_bytes())
    return 0


if __name__ == "__main__":
    sys.exit(main())
