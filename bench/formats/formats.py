"""`./dev bench formats`: the same records landed in every format, what each costs penstock, the lake and its readers.

A real broker, penstock and the readers run on this machine and on 127.0.0.1 alone, are bounded in time, and end by themselves. A
round lands every format once, and every other round runs backwards. Ratios are within a round. The answers of the readers are
compared with what was produced.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bench" / "replay"))

from run import MB, PROGRAMS, Bench  # noqa: E402

import machine  # noqa: E402
import page  # noqa: E402
from forms import CONVERSION, FORMS, KINDS, MEASURE, REQUESTS, STATUS, SUMMED_NUMBERS, SUMMED_TEXTS  # noqa: E402
from harness.paths import DEPS  # noqa: E402

HERE = Path(__file__).parent
STREAMS = ("1k", "300")
PEERS = ("pyarrow", "duckdb")
CONVERSIONS = {"1k": "columns_json_zstd/1024", "300": "columns_json_zstd/300"}  # of bench/micro, of such records
ENGINES = ("duckdb", "spark")
READ_LIMIT_S = 900  # of one engine and one stream
PEER_LIMIT_S = 300
CONVERSION_LIMIT_S = 300
BATCH = {"max_age": "60s", "max_bytes": "256MiB"}


def told(line: str):
    print(line, file=sys.stderr, flush=True)


def files_of(lake: Path) -> list[str]:
    return sorted(str(path) for path in lake.rglob("*") if path.is_file() and path.name[0] not in "._")


def fill(bench: Bench, kind: str) -> dict:
    """What is in each topic. Of requests there are two topics of each size, with the same records as JSON and as Avro."""
    if kind == "gateway":
        return {name: bench.fill(name) for name in ["start", *STREAMS]}
    topics = {"start": bench.fill("start"), **{name: bench.fill(name, records="json") for name in STREAMS}}
    for name in STREAMS:
        topics[f"{name}-avro"] = bench.fill(name, f"{name}-avro", records="avro", count=topics[name]["records"])
    return topics


def landed(bench: Bench, kind: str, stream: str, name: str, lake: Path) -> dict:
    """One format of one stream, into an empty lake."""
    form = KINDS[kind][name]
    shutil.rmtree(lake, ignore_errors=True)
    lake.mkdir(parents=True)
    bench.run_count += 1
    reading = bench.penstock("file", f"{stream}-avro" if form.is_avro else stream, {"url": f"file://{lake}"},
                             batch={**BATCH, **form.batch})
    # Its bytes are those of rows, and differ between formats. The readers count those of values.
    assert reading["records"] == bench.topics[stream]["records"], f"{name} of {stream}: {reading}, of {bench.topics[stream]}"
    stored = sum(os.path.getsize(file) for file in files_of(lake))
    return {**{key: reading[key] for key in ("cpu_s", "wall_s", "peak_rss_bytes")}, "stored_bytes": stored,
            "files": len(files_of(lake))}


def run_peer(kind: str, peer: str, files: list[str], out: Path, made: dict) -> dict:
    done = subprocess.run([sys.executable, HERE / "peers.py", kind, peer, out, *files], capture_output=True, text=True,
                          timeout=PEER_LIMIT_S, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stderr[-3000:]
    reading = json.loads(done.stdout)
    wanted = {"rows": made["records"], **({"value_bytes": made["bytes"]} if kind == "gateway" else {})}
    assert wanted.items() <= reading.items(), f"{peer} made {reading} of {made}"
    return {"cpu_s": reading["cpu_s"], "stored_bytes": out.stat().st_size}


def converted(stream: str, made: dict) -> dict:
    """The conversion of such values into columns alone, without a broker, a stage and a store: for as many bytes as the topic has."""
    done = subprocess.run([PROGRAMS / "bench_micro", f"--benchmark_filter=^{CONVERSIONS[stream]}$", "--benchmark_min_time=1",
                           "--benchmark_format=json"],
                          capture_output=True, text=True, timeout=CONVERSION_LIMIT_S, stdin=subprocess.DEVNULL)
    assert done.returncode == 0 and "ERROR OCCURRED" not in done.stdout, done.stdout[-2000:] + done.stderr[-2000:]
    (reading,) = json.loads(done.stdout)["benchmarks"]
    return {"cpu_s": made["bytes"] / reading["bytes_per_second"], "stored_bytes": 0}


def lands(bench: Bench, kind: str, names: list[str], rounds: int, lakes: Path) -> list[dict]:
    """The rounds. The lakes of the last one stay."""
    results = []
    alone = [CONVERSION] if kind == "requests" else []
    kinds = [(stream, name) for stream in STREAMS for name in [*names, *alone, *PEERS]]
    for number in range(rounds):
        bench.run_count += 1
        start = bench.penstock("start", "start", {"url": "null:"})
        readings: dict = {"start_cpu_s": start["cpu_s"], **{stream: {} for stream in STREAMS}}
        for stream, name in kinds if number % 2 == 0 else kinds[::-1]:
            if name in PEERS:
                source = lakes / f"{stream}-of-peers"  # the same lines in every round
                if not source.exists():
                    landed(bench, kind, stream, MEASURE, source)
                reading = run_peer(kind, name, files_of(source), lakes / "peer.parquet", bench.topics[stream])
            elif name == CONVERSION:
                reading = converted(stream, bench.topics[stream])
            else:
                reading = landed(bench, kind, stream, name, lakes / stream / name)
            readings[stream][name] = reading
            told(f"round {number + 1}/{rounds}  {stream:>4} {name:<15} {reading['cpu_s']:6.2f} s of CPU  "
                 f"{reading['stored_bytes'] / MB:8.1f} MB")
        results.append(readings)
    return results


def wanted_answers(kind: str, lines: list[str], made: dict) -> dict[str, list]:
    """What the readers must answer, by Python's json from plain lines."""
    matching = total = 0
    for file in lines:
        for line in open(file, "rb"):
            value = json.loads(line)
            matching += (value["res"] if kind == "gateway" else value)["status"] >= STATUS
            if kind == "requests":
                total += sum(len(value[name]) for name in SUMMED_TEXTS) + sum(value[name] for name in SUMMED_NUMBERS)
    return {"filtered": [matching], "full": [made["records"], made["bytes"] if kind == "gateway" else total]}


def why_not(engine: str) -> str | None:
    if engine == "spark" and not ((DEPS / "witnesses" / "pyspark").exists() and (DEPS / "spark-avro").exists()):
        return "pyspark and its jar of Avro are not installed: `./dev setup witnesses` does that"
    return None


def answers(engine: str, kind: str, files: dict[str, list[str]], rounds: int, directory: Path) -> list[dict]:
    environment = {**os.environ, "PYTHONPATH": str(DEPS / "witnesses")} if engine == "spark" else os.environ
    done = subprocess.run(
        [sys.executable, HERE / "readers.py", engine], capture_output=True, text=True, timeout=READ_LIMIT_S, env=environment,
        input=json.dumps({"kind": kind, "rounds": rounds, "files": files, "directory": str(directory)}))
    assert done.returncode == 0, done.stderr[-3000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


def read_back(bench: Bench, engine: str, kind: str, names: list[str], rounds: int, lakes: Path) -> dict:
    """For each stream the rounds; of each format what the two questions took."""
    results: dict = {}
    for stream in STREAMS:
        files = {name: files_of(lakes / stream / name) for name in names if getattr(KINDS[kind][name], engine) is not None}
        wanted = wanted_answers(kind, files[MEASURE], bench.topics[stream])
        results[stream] = [{name: {} for name in files} for _ in range(rounds)]
        for each in answers(engine, kind, files, rounds, lakes):
            compared = slice(None) if getattr(KINDS[kind][each["format"]], engine).keeps_bytes else slice(1)
            assert each["answer"][compared] == wanted[each["question"]][compared], f"{engine}, {stream}: {each}, and not {wanted}"
            if each["round"] > 0:
                results[stream][each["round"] - 1][each["format"]][each["question"]] = each["cpu_s"]
            told(f"{engine}, round {each['round']}/{rounds}  {stream:>4} {each['format']:<15} {each['question']:<8} "
                 f"{each['cpu_s']:6.2f} s of CPU")
    return results


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./dev bench formats", description=__doc__)
    parser.add_argument("--bytes", type=int, default=400 * MB, help="of the records of 1 KiB; half as many of those of 300 B (default 400 MB)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="2 MB, one round: does it run? The figures mean little")
    parser.add_argument("--columns", action="store_true", help="values that become columns, of records whose members are known")
    parser.add_argument("--formats", nargs="+", metavar="FORMAT", choices=[*FORMS, *REQUESTS],
                        help=f"of {', '.join(FORMS)}; with --columns of {', '.join(REQUESTS)} (default all)")
    parser.add_argument("--readers", nargs="*", default=list(ENGINES), choices=ENGINES, help="(default both)")
    parser.add_argument("--json", action="store_true", help="print the results as JSON, and not as tables")
    parser.add_argument("--page", action="store_true", help="write bench/formats.json or columns.json, and its tables into bench/FORMATS.md")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.bytes, arguments.rounds = 2 * MB, 1
    arguments.kind = "requests" if arguments.columns else "gateway"
    arguments.formats = arguments.formats or list(KINDS[arguments.kind])
    if not set(arguments.formats) <= set(KINDS[arguments.kind]):
        parser.error(f"the formats are {', '.join(KINDS[arguments.kind])}")
    if MEASURE not in arguments.formats:
        arguments.formats.insert(0, MEASURE)
    if arguments.page and not machine.is_committed():
        parser.error("the page gets the figures of a commit: commit what was changed")
    return arguments


def main():
    arguments = parse()
    began, load_before = time.monotonic(), os.getloadavg()
    scratch = ROOT / "build" / "bench"
    scratch.mkdir(parents=True, exist_ok=True)
    described = machine.description(scratch)  # now, because the tree may change while it runs
    directory = Path(tempfile.mkdtemp(prefix="formats-", dir=scratch))
    bench = Bench(directory, arguments.bytes)
    try:
        bench.start()
        bench.topics = fill(bench, arguments.kind)
        rounds = lands(bench, arguments.kind, arguments.formats, arguments.rounds, directory / "lakes")
        bench.stop()
        reading: dict = {}
        for engine in arguments.readers:
            reading[engine] = why_not(engine) or read_back(bench, engine, arguments.kind, arguments.formats, arguments.rounds, directory / "lakes")
    finally:
        bench.stop()
        shutil.rmtree(directory, ignore_errors=True)
    results = {
        "kind": arguments.kind, "command": " ".join(["./dev bench formats", *sys.argv[1:]]), "date": time.strftime("%Y-%m-%d"), "machine": described,
        "load_before": load_before, "load_after": os.getloadavg(), "seconds": time.monotonic() - began,
        "topics": bench.topics, "rounds": rounds, "reading": reading,
    }
    if arguments.page:
        page.write(results, ROOT / "bench")
    print(json.dumps(results) if arguments.json else page.tables(results))


if __name__ == "__main__":
    main()
