"""A catch-up onto a new stage by two builds of penstock in turn: what a byte costs the disk, and how long it all takes.

All that is read stays on the stage until the end, because the topic's one file is open so long. --cgroup puts each run
into a cgroup, whose limits make a slow disk of a fast one. ../README.md has a whole example.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from run import MB, Bench, cpu_seconds, kernel_workers, merged, penstock_binary

RUN_LIMIT_S = 300
CHANGES = {"admin": {"listen": "none"}, "batch": {"max_age": "1h", "max_bytes": "16GiB"}, "stage": {"max_bytes": "16GiB"}}


def written_bytes(pid: int) -> int:
    """Which the kernel had to bring to a disk, of a process that may have ended but was not waited for."""
    lines = Path(f"/proc/{pid}/io").read_text().splitlines()
    return int(dict(line.split(": ") for line in lines)["write_bytes"])


def catch_up(bench: Bench, binary: Path, number: int, cgroup: Path | None) -> dict:
    directory = bench.directory / f"catch-up-{number}"
    directory.mkdir()
    changes = merged(CHANGES, {"source": {"instance": directory.name}, "stage": {"dir": str(directory / "stage")}})
    config = directory / "penstock.yaml"
    config.write_text(json.dumps(bench.config(directory.name, "1k", {"url": "null:"}, changes)))
    summary = directory / "summary.json"
    command = [binary, "run", "--config", config, "--exit-at-end", "--summary", summary]
    if cgroup is not None:
        command = ["sh", "-c", 'echo $$ > "$0"/cgroup.procs && exec "$@"', cgroup, *command]
    with open(directory / "log", "w+") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            workers, began = 0, time.monotonic()
            while os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
                workers = max(workers, len(kernel_workers(process.pid)))
                if time.monotonic() > began + RUN_LIMIT_S:
                    raise TimeoutError(f"{binary} is late")
                time.sleep(0.02)
            used = {"written": written_bytes(process.pid), "cpu_s": cpu_seconds(process.pid), "workers": workers}
        finally:
            process.kill()
            process.wait()
        log.seek(0)
        text = log.read()
    if process.returncode != 0:
        raise RuntimeError(f"{binary} failed: {text[-3000:]}")
    told = json.loads(summary.read_text())
    shutil.rmtree(directory)
    assert told["records"] == bench.topics["1k"]["records"], told
    return {**used, "bytes": told["bytes"], "seconds": told["seconds"], "files": told["blobs"], "no_room": text.count("no room on the stage")}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--against", type=Path, required=True, help="another build's penstock")
    parser.add_argument("--bytes", type=int, default=1000 * MB)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cgroup", type=Path)
    options = parser.parse_args()
    builds = {"other": options.against.resolve(), "this": penstock_binary()}
    readings: dict[str, list[dict]] = {name: [] for name in builds}
    with tempfile.TemporaryDirectory(prefix="penstock-bench-") as directory:
        bench = Bench(Path(directory), options.bytes)
        bench.start()
        try:
            bench.topics["1k"] = bench.fill("1k")
            for number in range(2 * options.rounds):
                name = list(builds)[(number + number // 2) % 2]  # other, this, this, other, and so on
                reading = catch_up(bench, builds[name], number, options.cgroup)
                readings[name].append(reading)
                print(f"{name:>5}  {reading['written'] / reading['bytes']:.2f} bytes written per byte of payload, "
                      f"{reading['seconds']:6.1f} s, {reading['bytes'] / reading['seconds'] / MB:5.0f} MB/s, "
                      f"{reading['cpu_s']:.2f} s of CPU, {reading['workers']} kernel workers, {reading['files']} files, "
                      f"\"no room on the stage\" said {reading['no_room']} times", flush=True)
        finally:
            bench.stop()
    for key in ("written", "seconds", "cpu_s"):
        ratios = [this[key] / other[key] for this, other in zip(readings["this"], readings["other"], strict=True)]
        print(f"{key}, this build / the other, median of the rounds: {statistics.median(ratios):.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
