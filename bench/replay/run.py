"""`./dev bench replay`: the appliance beside a bare, tuned librdkafka consumer, on a real broker, in interleaved rounds.

Everything runs on this machine and on the loopback alone, is bounded in time, and ends by itself. Writes results.json,
charts and RESULTS.md (report.py makes them from the same numbers) to --out.
"""

import argparse
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "integration"))
os.environ.setdefault("PENSTOCK_PRESET", "release")  # before the harness asks for it

from confluent_kafka.admin import NewTopic  # noqa: E402
from harness.kafka import Kafka  # noqa: E402
from harness.paths import PRESET, penstock_binary  # noqa: E402
from harness.penstock import Penstock, base_config, merged  # noqa: E402
from harness.process import cpu_seconds, kernel_workers  # noqa: E402
from harness.service import wait_until  # noqa: E402

import machine  # noqa: E402
import profiling  # noqa: E402
import report  # noqa: E402
import tls  # noqa: E402
import tls_report  # noqa: E402
from stores import STORES  # noqa: E402

PROGRAMS = ROOT / "build" / PRESET / "bench"
PARTITIONS = 8
RUN_LIMIT_S = 150
END_RESOLUTION_S = 0.02  # k_between_end_checks of src/pipeline/worker.cc
MB = 1_000_000

# What is in the topics; `share` of --bytes each. Batches as a producer makes them that is told to be efficient. gzip at level 1,
# for the time that filling the topic takes.
STREAMS = {
    "1k": {"share": 1.0, "mean": 1024, "codec": "none", "linger": 50, "batch": 131072},
    "300": {"share": 0.5, "mean": 300, "codec": "none", "linger": 50, "batch": 131072},
    "gzip": {"share": 0.5, "mean": 1024, "codec": "gzip", "linger": 500, "batch": 524288},
    "requests": {"share": 0.5, "mean": 1024, "codec": "none", "linger": 50, "batch": 131072, "records": "json"},
}

# What a kind of run is told of its files, by the word in its name: `null-zstd`. Others have plain lines.
BATCHES = {
    "gzip": {"compression": "gzip"}, "zstd": {"compression": "zstd"}, "envelope": {"format": "envelope"},
    "parquet": {"format": "parquet"}, "columns": {"format": "parquet", "decode": "json"},
}

# The same requests in every form: lines, these compressed, envelopes, Parquet with one column for the value, and with columns of it.
FORMS_ROUND = [("start", "start"), ("bare", "requests"), ("null", "requests"),
               *[(f"null-{form}", "requests") for form in ("zstd", "envelope", "parquet", "columns")]]

# One round. `start` is a topic of a few records: what it takes penstock to join the group and to leave it, which is taken off
# its other runs, as the consumers are measured from their first record to their last.
ROUND = [
    ("start", "start"),
    ("bare", "1k"), ("bare-nocrc", "1k"), ("direct", "1k"), ("null", "1k"), ("http", "1k"), ("azurite", "1k"),
    ("null-gzip", "1k"), ("http-gzip", "1k"),
    ("null-w2", "1k"), ("null-w4", "1k"), ("null-p2", "1k"),
    ("bare", "300"), ("direct", "300"), ("null", "300"), ("http", "300"),
    ("bare", "gzip"), ("direct", "gzip"), ("null", "gzip"), ("http", "gzip"),
    *FORMS_ROUND[1:],
]

# With --against: the same runs by another build of penstock right beside ours, so that what changed shows and the machine does not.
AGAINST_ROUND = [(kind, stream) for stream in ("1k", "300", "gzip") for kind in ("null", "null-other", "http-other", "http")]
AGAINST_ROUND += [("start", "start"), ("start-other", "start"), ("null-gzip", "1k"), ("null-gzip-other", "1k"), ("bare", "1k")]
AGAINST_ROUND += [(kind + other, "requests") for kind in ("null", "null-parquet", "null-columns") for other in ("", "-other")]

# Workers a process, processes.
SCALES = {"w2": (2, 1), "w4": (4, 1), "p2": (1, 2)}

# At a pace: files every few seconds, so that a short run has some; the wait of a fetch as a minute's files would have it.
PACE_MAX_AGE_S = 5
PACE_FETCH_WAIT_MS = 500
PACE_FETCH_MIN = 524288  # the bare consumer's, which alone makes it cheap at such a rate
WARM_UP_S = 3

# Bytes per second, the store, and the part of --pace-seconds that it goes on.
PACES = {
    "300 GB/day": (3_500_000, "http", 1.0), "3 TB/day": (35_000_000, "http", 0.5),
    "300 GB/day, Azurite": (3_500_000, "azurite", 0.5), "3 TB/day, Azurite": (35_000_000, "azurite", 0.5),
    "300 GB/day, null:": (3_500_000, "null", 0.5), "3 TB/day, null:": (35_000_000, "null", 0.5),
}
PACE_SECONDS_MIN = 8


def program(name: str) -> Path:
    return PROGRAMS / f"replay_{name}"


def words(**options) -> list[str]:
    return [word for name, value in options.items() for word in (f"--{name.replace('_', '-')}", str(value))]


def batches_of(kind: str) -> list[dict]:
    """What the words of a kind of run say of its files: at most one of them does."""
    return [BATCHES[word] for word in kind.split("-") if word in BATCHES]


def schema_of_requests() -> str:
    return json.dumps(run_program("produce", show="schema"))


def run_program(name: str, **options) -> dict:
    done = subprocess.run([program(name), *words(**options)], capture_output=True, text=True, timeout=RUN_LIMIT_S,
                          stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise RuntimeError(f"{name} failed: {done.stderr[-2000:]}")
    return json.loads(done.stdout)


class Bench:
    def __init__(self, directory: Path, bytes_total: int, other: Path | None = None, over_tls: bool = False):
        self.directory = directory
        self.other = other  # another build's binary
        self.bytes_total = bytes_total
        self.listener = tls.Listener(directory) if over_tls else None
        self.kafka = (Kafka(directory / "kafka", self.listener.secured, jvm_flags=tls.JVM_FLAGS) if self.listener
                      else Kafka(directory / "kafka"))
        self.topics: dict[str, dict] = {}  # what the producer says is in each
        self.run_count = 0

    def start(self):
        self.kafka.format()
        self.kafka.start()

    def stop(self):
        self.kafka.stop()

    def new_topic(self, name: str):
        admin = self.kafka.admin()
        admin.create_topics([NewTopic(name, PARTITIONS, 1)])[name].result(30)
        wait_until(lambda: self.kafka.has_leaders(admin, name, PARTITIONS), 30, f"{name} has leaders")

    def fill(self, stream: str, topic: str | None = None, **others) -> dict:
        """`others` are options of the producer, for `topic`: other records of the same sizes."""
        made = STREAMS.get(stream, {"mean": 1024, "codec": "none", "linger": 5, "batch": 131072})
        amount = int(self.bytes_total * made["share"]) if stream in STREAMS else 6000
        if "records" in made:
            others = {"records": made["records"], **others}
        self.new_topic(topic or stream)
        return run_program(
            "produce", **others, brokers=self.kafka.bootstrap, topic=topic or stream, partitions=PARTITIONS, seed=1, bytes=amount,
            mean=made["mean"], codec=made["codec"], level=1 if made["codec"] == "gzip" else -1,
            linger=made["linger"], batch=made["batch"])

    def is_over_tls(self, kind: str) -> bool:
        return self.listener is not None and not kind.endswith("-plain")

    def access(self, kind: str) -> dict:
        """How bare_consumer and direct_reader reach the broker."""
        if self.is_over_tls(kind):
            return {"brokers": self.listener.brokers, **self.listener.options()}
        return {"brokers": self.kafka.bootstrap}

    def schema_file(self) -> Path:
        """The schema of the requests, for values that become columns."""
        file = self.directory / "request.avsc"
        if not file.exists():
            file.write_text(schema_of_requests())
        return file

    # One run of a round: a reading of the same shape whatever ran.
    def run(self, kind: str, stream: str) -> dict:
        self.run_count += 1
        if (scale := kind.rsplit("-", 1)[-1]) in SCALES:
            reading = self.scaled(*SCALES[scale], stream)
        elif kind in ("bare", "bare-nocrc", "bare-plain", "direct"):
            options = {"crcs": "false"} if kind == "bare-nocrc" else {}
            reading = run_program("direct_reader" if kind == "direct" else "bare_consumer",
                                  **self.access(kind), topic=stream, **options)
        else:
            with self.store(kind) as store:
                reading = self.penstock(kind, stream, store.sink())
            reading["calls"] = store.counts
            if kind in ("http", "http-other", "http-plain", "https", "https-other", "azurite"):
                assert store.counts["body_bytes"] >= reading["bytes"] + reading["records"], store.counts
        told = self.topics[stream]
        if any("format" in batch for batch in batches_of(kind)):  # penstock counts the bytes of rows, which hold more than the value
            reading["bytes"] = told["bytes"]
        # What landed, for penstock: members that join one after the other may read a record twice, and land it once.
        assert (reading["records"], reading["bytes"]) == (told["records"], told["bytes"]), \
            f"{kind} of {stream} came to {reading}, but the producer wrote {told}"
        return reading

    def store(self, kind: str, stamps: bool = False):
        """The one that a kind of run is named after; the few records of `start` go nowhere."""
        return STORES["null" if kind.startswith("start") else kind.split("-")[0]](self.directory, RUN_LIMIT_S + 60, stamps)

    def config(self, name: str, topic: str, sink: dict, changes: dict, over_tls: bool = False) -> dict:
        base = base_config(self.directory / name, [topic], self.listener.brokers if over_tls else self.kafka.bootstrap, sink)
        if over_tls:
            base = merged(base, self.listener.changes())
        ours = {"source": {"group": f"bench-{name}", "librdkafka": {}}, "batch": {"max_age": "60s", "max_bytes": "256MiB"},
                "stage": {"max_bytes": "4GiB"}, "log": {"level": "warn"}}
        config = merged(merged(base, ours), changes)
        config["source"].pop("librdkafka")
        return config

    def scaled(self, workers: int, processes: int, stream: str) -> dict:
        """Several workers or processes into the null store: the sum of what they used."""
        with ThreadPoolExecutor() as pool:
            readings = list(pool.map(lambda number: self.penstock(f"null-{number}", stream, self.store("null").sink(), workers=workers),
                                     range(processes)))
        summed = {key: sum(reading[key] for reading in readings) for key in ("records", "bytes", "cpu_s", "files", "retries")}
        return {**summed, **{key: max(reading[key] for reading in readings) for key in ("wall_s", "peak_rss_bytes", "kernel_workers")}}

    def penstock(self, kind: str, stream: str, sink: dict, before: tuple[str, ...] = (), workers: int = 1,
                 batch: dict | None = None) -> dict:
        name = f"run-{self.run_count}"
        directory = self.directory / f"{name}-{kind}"
        directory.mkdir()
        changes = {"admin": {"listen": "none"}, "source": {"instance": directory.name}, "stage": {"dir": str(directory / "stage")},
                   "runtime": {"workers": workers, "memory": f"{max(workers, 2) * 96}MiB"}}
        for told in [batch] if batch else batches_of(kind):
            changes["batch"] = {**told, "schema": f"${{file:{self.schema_file()}}}"} if "decode" in told else told
        config = directory / "penstock.yaml"
        config.write_text(json.dumps(self.config(name, stream, sink, changes, self.is_over_tls(kind)), indent=2))
        summary = directory / "summary.json"
        binary = self.other if kind.endswith("-other") else penstock_binary()
        command = [*before, binary, "run", "--config", config, "--exit-at-end", "--summary", summary]
        at_ready = self.to_the_end(command, directory)
        told = json.loads(summary.read_text())
        shutil.rmtree(directory)
        return {"records": told["records"], "bytes": told["bytes"], "wall_s": told["seconds"] - at_ready["wall_s"],
                "cpu_s": told["cpu_seconds"] - at_ready["cpu_s"], "at_ready": at_ready,
                "peak_rss_bytes": told["peak_rss_bytes"], "kernel_workers": at_ready["kernel_workers"], "files": told["blobs"], "stored_bytes": told["blob_bytes"],
                "retries": told["retries"]}

    def to_the_end(self, command: list, directory: Path) -> dict:
        """Runs penstock until it ends; says what it had used when it told that it was ready, its memory taken and touched."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready:
            ready.bind(str(directory / "ready"))
            ready.settimeout(30)
            began = time.monotonic()
            with open(directory / "log", "w") as log:
                process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                           env={**os.environ, "NOTIFY_SOCKET": str(directory / "ready")})
            try:
                while b"READY=1" not in ready.recv(4096):
                    pass
                used = {"cpu_s": cpu_seconds(process.pid), "wall_s": time.monotonic() - began, "kernel_workers": 0}
                while process.poll() is None:
                    used["kernel_workers"] = max(used["kernel_workers"], len(kernel_workers(process.pid)))
                    if time.monotonic() > began + RUN_LIMIT_S:
                        raise TimeoutError
                    time.sleep(0.05)
                code = process.returncode
            except TimeoutError as late:
                raise RuntimeError(f"penstock is late: {(directory / 'log').read_text()[-3000:]}") from late
            finally:
                process.kill()
        if code != 0:
            raise RuntimeError(f"penstock failed: {(directory / 'log').read_text()[-3000:]}")
        return used

    def pace(self, rate: int, seconds: int, kind: str) -> dict:
        """penstock into a store and the bare consumer at once on one stream that is being produced."""
        self.run_count += 1
        name = f"pace-{self.run_count}"
        self.new_topic(name)
        changes = {"batch": {"max_age": f"{PACE_MAX_AGE_S}s"}, "source": {"fetch_wait": f"{PACE_FETCH_WAIT_MS}ms"}}
        with self.store(kind, stamps=True) as store:
            with Penstock(self.directory / name, self.config(name, name, store.sink(), changes, self.is_over_tls(kind))) as appliance:
                appliance.start()
                producer = subprocess.Popen(
                    [program("produce"), *words(brokers=self.kafka.bootstrap, topic=name, partitions=PARTITIONS, seed=2,
                                                mean=1024, linger=10, rate=rate, seconds=seconds + WARM_UP_S + 2)],
                    stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
                try:
                    reading = self.paced_reading(name, appliance, seconds)
                    output, errors = producer.communicate(timeout=seconds + 60)
                finally:
                    producer.kill()
                assert producer.returncode == 0, errors
                produced = json.loads(output)
                appliance.wait_metric("penstock_records_received_total", produced["records"], 20)
                assert appliance.terminate(60) == 0, appliance.output[-3000:]
        reading |= {"rate_bytes_per_s": produced["bytes"] / produced["wall_s"], "produced": produced, "max_age_s": PACE_MAX_AGE_S}
        if calls := store.counts:
            assert calls["body_bytes"] >= produced["bytes"] + produced["records"], f"{calls}, but the producer wrote {produced}"
            reading |= {"calls": calls, "files": calls["put_blob"] + calls["put_block_list"],
                        **{key: calls[key] for key in ("p50_ms", "p99_ms", "max_ms")}}
        return reading

    def paced_reading(self, topic: str, appliance: Penstock, seconds: int) -> dict:
        time.sleep(WARM_UP_S)
        bare = subprocess.Popen(
            [program("bare_consumer"), *words(**self.access("bare"), topic=topic, seconds=seconds,
                                              fetch_min=PACE_FETCH_MIN, fetch_wait=PACE_FETCH_WAIT_MS)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            begun, used = time.monotonic(), cpu_seconds(appliance.service.pid)
            time.sleep(seconds)
            share = (cpu_seconds(appliance.service.pid) - used) / (time.monotonic() - begun)
            output, errors = bare.communicate(timeout=60)
        finally:
            bare.kill()
        assert bare.returncode == 0, errors
        reading = json.loads(output)
        return {"share_of_core": share, "bare_share_of_core": reading["cpu_s"] / reading["wall_s"], "seconds": seconds,
                "peak_rss_bytes": appliance.peak_rss_bytes}


def interleaved(bench: Bench, rounds: int, kinds: list[tuple[str, str]]) -> tuple[list[dict], list[dict]]:
    """The readings and the floors of `rounds` rounds, every other one backwards: what drifts with time falls on all alike."""
    results, floors = [], []
    for number in range(rounds):
        order = kinds if number % 2 == 0 else kinds[::-1]
        readings = {}
        for kind, stream in order:
            reading = bench.run(kind, stream)
            readings[f"{kind}/{stream}"] = reading
            print(f"round {number + 1}/{rounds}  {kind:>15} of {stream:<5} {reading['bytes'] / MB:7.0f} MB  "
                  f"{reading['wall_s']:6.2f} s  {reading['cpu_s']:6.2f} s of CPU  {reading['peak_rss_bytes'] >> 20:4d} MiB",
                  flush=True)
        results.append(readings)
        floors.append(run_program("floors", dir=bench.directory))
        if bench.listener:
            floors[-1] |= run_program("tls_floors")
    return results, floors


def compared(rounds: list[dict]) -> str:
    """CPU seconds of this build divided by those of the other, for each kind of run: the median of the rounds, and their ends."""
    lines = ["CPU of this build / of the other, by round: median (least to most)"]
    for name in rounds[0]:
        kind, stream = name.split("/")
        if (other := f"{kind}-other/{stream}") in rounds[0]:
            ratios = sorted(one[name]["cpu_s"] / one[other]["cpu_s"] for one in rounds)
            lines.append(f"{kind:>10} of {stream:<5}  {statistics.median(ratios):.3f} ({ratios[0]:.3f} to {ratios[-1]:.3f})")
    return "\n".join(lines)


def paced(bench: Bench, rounds: int, seconds: int, paces: dict[str, tuple]) -> dict[str, list[dict]]:
    results: dict[str, list[dict]] = {name: [] for name in paces}
    for number in range(rounds):
        for name, (rate, store, part) in paces.items():
            reading = bench.pace(rate, max(int(seconds * part), min(seconds, PACE_SECONDS_MIN)), store)
            results[name].append(reading)
            durable = (f"; durable after {reading['p50_ms']} ms (p50), {reading['p99_ms']} ms (p99); {reading['files']} files"
                       if "calls" in reading else "")
            print(f"pace {number + 1}/{rounds}  {name}: {reading['rate_bytes_per_s'] / MB:.1f} MB/s, "
                  f"{reading['share_of_core']:.2%} of a core, the bare consumer {reading['bare_share_of_core']:.2%}{durable}", flush=True)
    return results


def profiled(bench: Bench) -> str:
    """What perf says of the appliance over each stream, into the null store, over HTTP and into Azurite."""
    texts = []
    kinds = [("start", "start"), ("null", "1k"), ("http", "1k"), ("azurite", "1k"), ("null-gzip", "1k"), ("http", "300"), ("http", "gzip")]
    if bench.listener:
        kinds = [("start", "start"), ("null", "1k"), ("https", "1k"), ("https", "300")]
    for kind, stream in kinds:
        data = bench.directory / "perf.data"
        with bench.store(kind) as store:
            reading = bench.penstock(kind, stream, store.sink(), tuple(profiling.wrapped(data)))
        bench.run_count += 1
        texts.append(profiling.text(f"{kind} of {stream}", data, reading["cpu_s"], max(reading["bytes"], 1)))
        print(texts[-1], flush=True)
    return "\n".join(texts)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./dev bench replay", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the bytes, one short pace: does it run? The figures mean little")
    parser.add_argument("--bytes", type=int, help="of the largest topic (default 2 GB)")
    parser.add_argument("--tls", action="store_true", help="SASL_SSL in, HTTPS out: only the part of the results that is over TLS")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--pace-seconds", type=int)
    parser.add_argument("--profile", action="store_true", help="only profile the appliance, with perf, into profile.txt")
    parser.add_argument("--paces", nargs="*", default=list(PACES), choices=list(PACES), help="of these (default all)")
    parser.add_argument("--forms", action="store_true", help="the forms of the same records: only the part of the results that is of them")
    parser.add_argument("--against", type=Path, metavar="BINARY",
                        help="compare with another build's penstock: its runs beside ours, only the ratios are printed")
    parser.add_argument("--only", nargs="+", metavar="KIND/STREAM", help="with --against: only these runs, and the other's beside them")
    parser.add_argument("--out", type=Path, help="where results go (default bench/, with --quick build/bench-quick)")
    arguments = parser.parse_args()
    arguments.bytes = arguments.bytes or (200 * MB if arguments.quick else 2000 * MB)
    arguments.pace_seconds = arguments.pace_seconds or (10 if arguments.quick else 30)
    arguments.out = arguments.out or ROOT / ("build/bench-quick" if arguments.quick else "bench")
    if arguments.only and not arguments.against:
        parser.error("--only is for --against; --forms measures the forms of files alone")
    if arguments.out.resolve() == ROOT / "bench" and not arguments.against and not machine.is_committed():
        parser.error("bench/ gets the figures of a commit: commit what was changed, or write elsewhere with --out")
    return arguments


def kinds_of(arguments: argparse.Namespace) -> list[tuple[str, str]]:
    """What runs in a round, and of which stream."""
    if arguments.against:
        return [(kind, stream) for kind, stream in (tls.AGAINST_ROUND if arguments.tls else AGAINST_ROUND)
                if not arguments.only or f"{kind.removesuffix('-other')}/{stream}" in arguments.only]
    return FORMS_ROUND if arguments.forms else tls.ROUND if arguments.tls else ROUND


def main():
    arguments = parse()
    began = time.monotonic()
    load_before = os.getloadavg()
    scratch = ROOT / "build" / "bench"
    scratch.mkdir(parents=True, exist_ok=True)
    described = machine.description(scratch)  # now, because the tree may change while it runs
    directory = Path(tempfile.mkdtemp(prefix="replay-", dir=scratch))
    bench = Bench(directory, arguments.bytes, arguments.against, arguments.tls)
    kinds = kinds_of(arguments)
    try:
        bench.start()
        with ThreadPoolExecutor() as pool:
            names = sorted({"start", *(stream for _, stream in kinds)})
            bench.topics = dict(zip(names, pool.map(bench.fill, names), strict=True))
        for name, made in bench.topics.items():
            print(f"topic {name}: {made}", flush=True)
        if arguments.profile:
            arguments.out.mkdir(parents=True, exist_ok=True)
            (arguments.out / "profile.txt").write_text(profiled(bench))
            return
        if arguments.against:
            print(compared(interleaved(bench, arguments.rounds, kinds)[0]))
            return
        if arguments.tls:
            bench.run("null", "1k")  # the broker's JVM compiles its TLS while it runs: for no figure
        rounds, floors = interleaved(bench, arguments.rounds, kinds)
        paces = {} if arguments.forms else tls.PACES if arguments.tls else {name: PACES[name] for name in arguments.paces}
        paces = paced(bench, 1 if arguments.quick else arguments.rounds, arguments.pace_seconds, paces)
    finally:
        bench.stop()
        shutil.rmtree(directory, ignore_errors=True)
    results = {
        "end_resolution_s": END_RESOLUTION_S, "command": " ".join(["./dev bench replay", *sys.argv[1:]]),
        "machine": described, "load_before": load_before, "load_after": os.getloadavg(),
        "seconds": time.monotonic() - began, "partitions": PARTITIONS, "streams": STREAMS, "topics": bench.topics,
        "floors": floors, "rounds": rounds, "pace": paces,
    }
    if arguments.forms:
        report.write_forms(results, arguments.out)
        return
    if arguments.tls:
        report.write_tls(results, arguments.out)
        sys.exit(0 if arguments.quick or not tls_report.is_any_missed(results) else 1)
    report.write(results, arguments.out)
    if not arguments.quick and report.is_any_missed(results):
        sys.exit(1)


if __name__ == "__main__":
    main()
