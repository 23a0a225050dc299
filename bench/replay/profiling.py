"""Where the CPU time of a run goes, stage by stage: perf's samples, each given to the first stage that its call chain names."""

import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path

SAMPLES_PER_SECOND = 2999

# First match wins, over the frames of a sample from the innermost out; so a copy in the kernel belongs to who asked for it.
STAGES = [
    ("membership (librdkafka's threads)", None),  # by the thread's name
    ("memory: page faults, zeroing", r"clear_page|page_fault|do_anonymous|zap_|unmap|__munmap|mremap|populate|shmem_|free_pages"),
    ("receive", r"_recvmsg|io_recv|sock_read"),
    ("TLS: ciphers (libcrypto)", r"libcrypto"),
    ("TLS: records (libssl)", r"libssl|TlsStream"),
    ("stage write", r"io_write|ext4_|iomap|blk_|submit_bio|bio_|nvme|virtio|virtblk|fsync|fallocate|fadvise|penstock::stage::"),
    ("upload", r"_sendmsg|io_send|[Cc]url|penstock::http::|penstock::azure::|penstock::lake::"),
    ("checksum", r"crc32"),
    ("inflate", r"isal_inflate|inflate|decode_huffman|Decompressor|decompress"),
    ("compress", r"isal_deflate|deflate|gen_icf|encode_df|isal_update_histogram|Compressor|compress_raw"),
    ("copy, newline", r"copy_flat|flatten|BatchWriter::append|write_plain|write_raw|penstock::bench"),
    ("decode", r"RecordsCursor|record_batch|read_on|penstock::wire::"),
    ("ledger, batcher", r"Batcher|Ledger|ledger|share_of|BatchWriter|ChunkStore"),
    ("fetch requests", r"Fetcher|DirectSource|FetchLane"),
    ("loop, wake-ups", r"io_uring|UringLoop|run_once|epoll|schedule|futex|clock_gettime|Worker::|eventfd|syscall"),
]

SAMPLE = re.compile(r"^(?P<thread>.{1,16}?)\s+\d+\s*$")
FRAME = re.compile(r"^\s+[0-9a-f]+ (?P<symbol>.+?)(?:\+0x[0-9a-f]+)?(?: \((?P<object>[^()]*)\))?$")
OPENSSL = re.compile(r"lib(?:crypto|ssl)\.so")  # their assembly has no symbols


def _stage_of(thread: str, frames: list[str]) -> str:
    if thread.startswith("rdk:"):
        return STAGES[0][0]
    for frame in frames:
        for stage, pattern in STAGES[1:]:
            if re.search(pattern, frame):
                return stage
    # libcurl and OpenSSL keep no frame pointers: their copies are called by nobody.
    return "copies of libcurl and OpenSSL" if frames and "memmove" in frames[0] else "else"


def _samples(script: str):
    thread, frames = "", []
    for line in script.splitlines():
        if not line.strip():
            if thread:
                yield thread, frames
            thread, frames = "", []
        elif (found := FRAME.match(line)) and thread:
            library = OPENSSL.search(found["object"] or "")
            frames.append(f"{found['symbol']} of {library[0]}" if library else found["symbol"])
        elif found := SAMPLE.match(line):
            thread = found["thread"].strip()
    if thread:
        yield thread, frames


def wrapped(data: Path) -> list[str]:
    """What to put before a command to record it."""
    if shutil.which("perf") is None:
        raise RuntimeError("no perf: apt-get install linux-perf")
    return ["perf", "record", "-q", "-e", "cpu-clock", "-F", str(SAMPLES_PER_SECOND), "--call-graph", "fp", "-o", str(data), "--"]


def breakdown(data: Path) -> tuple[Counter, Counter, int]:
    """Samples by stage, by innermost function, and all."""
    script = subprocess.run(["perf", "script", "-i", str(data), "-F", "comm,tid,ip,sym,dso"], capture_output=True, text=True, timeout=300)
    stages, functions = Counter(), Counter()
    begun = False
    for thread, frames in _samples(script.stdout):
        # What it takes to start is measured by itself.
        begun = begun or any("RecordsCursor" in frame for frame in frames)
        if not begun:
            continue
        stages[_stage_of(thread, frames)] += 1
        functions[frames[0] if frames else "[unknown]"] += 1
    return stages, functions, sum(stages.values())


def text(title: str, data: Path, cpu_s: float, payload_bytes: int) -> str:
    stages, functions, total = breakdown(data)
    per_gb = cpu_s / (payload_bytes / 1e9)
    lines = [f"## {title}: {per_gb:.3f} CPU s per GB, {total} samples", ""]
    lines += [f"{per_gb * count / total:8.3f} s/GB {100 * count / total:5.1f} %  {stage}" for stage, count in stages.most_common()]
    lines += ["", "innermost functions:"]
    lines += [f"{100 * count / total:8.1f} %  {name[:110]}" for name, count in functions.most_common(40)]
    return "\n".join(lines) + "\n"
