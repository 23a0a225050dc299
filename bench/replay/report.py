"""results.json, the charts and RESULTS.md of a run. Alone: `report.py results.json` writes the latter two again."""

import json
import sys
from pathlib import Path

import charts
import tls_report
from figures import MISSED, Figures

STREAM_NOTES = {"1k": "log-normal around 1 KiB", "300": "around 300 B", "gzip": "log-normal around 1 KiB, batches compressed with gzip",
                "requests": "around 1 KiB, all with the members of one schema"}
WHAT = {
    "bare": "bare librdkafka consumer", "bare-nocrc": "the same, `check.crcs=false`",
    "direct": "our fetch, decode and copy (`direct_reader`)", "null": "penstock into `null:`", "http": "penstock over HTTP",
    "azurite": "penstock into Azurite",
    "null-w2": "penstock into `null:`, 2 workers", "null-w4": "penstock into `null:`, 4 workers",
    "null-p2": "penstock into `null:`, 2 processes, their sum",
    "null-gzip": "penstock into `null:`, gzip output", "http-gzip": "penstock over HTTP, gzip output",
}
FORMS = {
    "null/requests": "lines (`ndjson`)", "null-zstd/requests": "lines, zstd", "null-envelope/requests": "`envelope`",
    "null-parquet/requests": "`parquet`, one column for the value, zstd", "null-columns/requests": "`parquet` with `batch.schema`, zstd",
}
FLOORS = [
    ("receive", "recv from a loopback socket, 1 MiB at a time, of what sendfile sends from the page cache"), ("checksum", "CRC-32C of 1 MiB in the cache, by codec::crc32c"),
    ("copy", "a record at a time, from 1 MiB in the cache to a ring of 8 MiB, line breaks made spaces, by codec::copy_flat"),
    ("write", "O_DIRECT overwrites of 1 MiB, by one thread, one after the other"), ("send", "send to a loopback socket that discards, from 8 MiB"),
    ("gunzip", "gzip members of 1 MiB inflated, by codec::Decompressor"), ("gzip", "gzip at level 1 of ISA-L, by codec::Compressor"),
]


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines) + "\n"


def goals(figures: Figures) -> str:
    return table(["what", "goal", "measured: median (lowest to highest)", ""],
                 list(map(list, figures.goals())))


def missed(figures: Figures) -> str:
    count = sum(verdict == MISSED for *_, verdict in figures.goals())
    return f"{count} of {len(figures.goals())} goals are missed." if count else "No goal is missed."


def streams(figures: Figures) -> str:
    rows = []
    for name in figures.results["topics"]:
        if (note := STREAM_NOTES.get(name)) is None:
            continue
        topic, made = figures.results["topics"][name], figures.results["streams"][name]
        rows.append([f"`{name}`", note, f"{topic['records']:,}", f"{topic['bytes'] / 1e6:,.0f} MB", f"{made['batch'] >> 10} KiB"])
    return table(["topic", "records", "how many", "payload", "producer's batch at most"], rows)


def bulk(figures: Figures) -> str:
    rows = []
    for name in [name for name in figures.names if name not in FORMS]:
        kind, stream = name.split("/")
        calls = figures.rounds[-1][name].get("calls")
        stored = (f"{calls['put_block'] + calls['put_block_list'] + calls['put_blob']} calls, "
                  f"{figures.rounds[-1][name]['files']} files") if calls else ""
        rows.append([f"`{stream}`", WHAT[kind], figures.costs(name).text(3), figures.ratios(name).text(),
                     figures.rates(name).text(0), f"{figures.peak_rss_mib(name):.0f}", stored])
    return table(["topic", "what ran", "CPU s per GB", "ratio to bare", "MB/s", "peak RSS, MiB", "stored by"], rows)


def forms(figures: Figures) -> str:
    """What each form of the same records costs, beside their lines and beside these compressed, in the same round."""
    made = figures.results["topics"]["requests"]["bytes"]
    rows = [[what, figures.costs(name).text(3), figures.ratios(name, "null").text(), figures.ratios(name, "null-zstd").text(), rate(figures, name),
             f"{figures.rounds[-1][name]['stored_bytes'] / made:.2f}", f"{figures.peak_rss_mib(name):.0f}"]
            for name, what in FORMS.items()]
    return table(["files", "CPU s per GB of values", "ratio to lines", "ratio to lines with zstd", "MB/s", "bytes of files per byte of values",
                  "peak RSS, MiB"], rows)


def rate(figures: Figures, name: str) -> str:
    """Of a run that takes no longer than to join the group and to leave it, nothing is told."""
    return figures.rates(name).text(0) if figures.is_longer_than_a_start(name) else "too short"


def forms_section(figures: Figures) -> str:
    """As the rounds have measured it, or `--forms` by itself."""
    by_itself = figures.results.get("forms")
    if by_itself:
        of, load = by_itself["machine"], (by_itself["load_before"][0], by_itself["load_after"][0])
        how = (f"Command: `{by_itself['command']}`, by itself, at commit {of['commit']}, on {of['processor']}.\n"
               f"It took {by_itself['seconds']:.0f} s for {len(by_itself['rounds'])} interleaved rounds. The load of the machine was {load[0]:.1f} before\n"
               f"and {load[1]:.1f} after, the run itself included.\n\n")
        shown, into = Figures(by_itself), f"The topic `requests` of {by_itself['topics']['requests']['bytes'] / 1e6:,.0f} MB into `null:`."
    elif FORMS.keys() <= set(figures.names):
        how, shown, into = "", figures, "The topic `requests` into `null:`, in the same rounds."
    else:
        return ""
    return f"""
## The forms of files

{how}{into} Its values are of one schema, from which `batch.schema` makes columns.
Every form has the same records. The bytes of what is read are those of values.

{forms(shown)}"""


def pace(figures: Figures) -> str:
    rows = []
    for name, readings in figures.results["pace"].items():
        percent = {what: figures.paces(name, what) for what in ("share_of_core", "bare_share_of_core")}
        cells = [f"{p.middle:.2%} ({p.low:.2%} to {p.high:.2%})" for p in percent.values()]
        ratio = [reading["share_of_core"] / reading["bare_share_of_core"] for reading in readings]
        durable = ["not kept"] * 4
        if calls := readings[-1].get("calls"):
            durable = [f"{figures.paces(name, 'p50_ms').middle / 1000:.2f} s", f"{figures.paces(name, 'p99_ms').middle / 1000:.2f} s",
                       f"{figures.paces(name, 'max_ms').high / 1000:.2f} s",
                       f"{calls['put_block'] + calls['put_block_list'] + calls['put_blob']} calls, {readings[-1]['files']} files"]
        rows.append([name, f"{figures.paces(name, 'rate_bytes_per_s').middle / 1e6:.1f} MB/s", f"{readings[-1]['seconds']} s", *cells,
                     f"{sorted(ratio)[len(ratio) // 2]:.2f}", *durable, f"{max(r['peak_rss_bytes'] for r in readings) >> 20}"])
    return table(["pace", "rate", "for", "penstock, of a core", "bare consumer, of a core", "ratio", "durable p50", "p99", "max, all runs",
                  "stored by", "peak RSS, MiB"], rows)


def floors(figures: Figures) -> str:
    rows = [[what, figures.floors(name).text(3)] for name, what in FLOORS]
    direct = all(floors["direct"] for floors in figures.results["floors"])
    cached = "" if direct else " Both went through the page cache, because the file system has no O_DIRECT."
    return table(["alone, in a tight loop", "CPU s per GB"], rows) + (
        f"\nThe disk took {figures.floors('write_gb_s').text()} GB/s of those writes, {figures.plain_writes_in_flight} in flight, and\n"
        f"{figures.floors('stage_gb_s').text()} GB/s of the stage's, with eight chunks of 1 MiB in flight.{cached}\n"
        f"gzip shrinks the stream {figures.floors('gzip_ratio').middle:.1f} to 1.\n")


def page(figures: Figures, images: list[str]) -> str:
    results = figures.results
    machine = "\n".join(f"- {key}: {value}" for key, value in results["machine"].items())
    uncommitted = "" if not results["machine"]["commit"].endswith("-dirty") else (
        "\nThe tree had changes beyond that commit, so nobody can check it out. Such figures are not written here any more.\n")
    start, start_s = figures.start("cpu_s"), figures.start("wall_s")
    picture = "\n".join(f"![{name.removesuffix('.svg')}](charts/{name})\n" for name in images)
    first_pace = next(iter(results["pace"].values()), None)
    paced = "" if first_pace is None else f"""
## At a pace

Records are produced at the rate of the table, into eight partitions. The producer lingers for 10 ms, so that the
broker's batches are small. penstock and the bare consumer read them at the same time. penstock has `max_age`
{first_pace[0]['max_age_s']} s, so that a short run has files, and `fetch_wait` 500 ms, which is the default with one file per minute.
The bare consumer has `fetch.min.bytes` 512 KiB and `fetch.wait.max.ms` 500.

*Durable* is the time from the one that a record carries to the publication of its file, over all records. The store
is the HTTP server that discards, unless the row names another. Azurite is asked for its list ten times per second,
and a file's time is when the list has it first.

{pace(figures)}"""
    return f"""<!-- Generated by bench/replay/report.py from results.json: run `./dev bench replay`, do not edit. -->
# Results of bench/replay

Command: `{results['command']}`. It took {results['seconds']:.0f} s in all, for {len(figures.rounds)} interleaved rounds.
The load of the machine was {results['load_before'][0]:.1f} before and {results['load_after'][0]:.1f} after, the run itself included.
Absolute figures are this machine's. Ratios are taken within a round. [README.md](README.md) describes the programs
and how they measure.

{machine}
{uncommitted}
## Goals

{goals(figures)}
{missed(figures)} A goal is met if the median of the rounds meets it; the table says where a round did not.

## As fast as it goes

{streams(figures)}
Every run reads its whole topic. Its records and bytes are compared with the producer's count.

penstock has its default configuration, but for these keys: `source.fence_wait` 500 ms instead of 10 s, which touches
the wall time of a start and no CPU; `stage.max_bytes` 4 GiB instead of 20 GiB; `runtime.workers` 1 or what the row
says; `runtime.memory` 96 MiB a worker and at least 192 MiB, which is the default; `source.instance` a name; no admin
server; `log.level` warn.

The consumers are measured from the first record to the last. penstock is measured from the moment it says that it is
ready. What a topic of a few records takes from there to the end, in the same round, is subtracted. That is joining the
group and leaving it: {start.text(3)} s of CPU, {start_s.text()} s.

The rates share two cores with the broker and the server. The figures are medians, with the lowest and the highest.
The wall times of penstock are steps of {figures.resolution_s:g} s, as it looked so often whether it was at its end. A run that takes
0.4 s in all is therefore known to a quarter, and so is its rate. CPU times are not touched by it.

{bulk(figures)}
{picture}{forms_section(figures)}{paced}
## Floors

This is what the stages cost at least, measured in the same run:

{floors(figures)}{tls_report.section(results["tls"]) if "tls" in results else ""}"""


def is_any_missed(results: dict) -> bool:
    return any(verdict == MISSED for *_, verdict in Figures(results).goals())


def write(results: dict, out: Path):
    out.mkdir(parents=True, exist_ok=True)
    figures = Figures(results)
    if "tls" not in results and (over_tls := stored(out).get("tls")):
        results = {**results, "tls": over_tls}  # which this run has not measured
        figures = Figures(results)
    (out / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    images = charts.draw(figures, out / "charts")
    (out / "RESULTS.md").write_text(page(figures, images))
    tell(figures)
    print(missed(figures))
    print(f"written: {out / 'RESULTS.md'}")


def write_tls(measured: dict, out: Path):
    """Puts what `--tls` has measured beside the rest, which stays as it is; alone where there is no rest."""
    out.mkdir(parents=True, exist_ok=True)
    results = {**stored(out), "tls": measured}
    (out / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    images = [name for name in charts.NAMES if (out / "charts" / name).exists()]
    (out / "RESULTS.md").write_text(page(Figures(results), images) if "rounds" in results else tls_report.section(measured))
    tell(tls_report.TlsFigures(measured))
    print(f"written: {out / 'RESULTS.md'}")


def write_forms(measured: dict, out: Path):
    """Puts what `--forms` has measured beside the rest, which stays as it is; alone where there is no rest."""
    out.mkdir(parents=True, exist_ok=True)
    results = {**stored(out), "forms": measured}
    (out / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    images = [name for name in charts.NAMES if (out / "charts" / name).exists()]
    figures = Figures(results if "rounds" in results else {"forms": measured, "rounds": measured["rounds"]})
    (out / "RESULTS.md").write_text(page(figures, images) if "rounds" in results else forms_section(figures))
    print(forms(Figures(measured)))
    print(f"written: {out / 'RESULTS.md'}")


def stored(out: Path) -> dict:
    file = out / "results.json"
    return json.loads(file.read_text()) if file.exists() else {}


def tell(figures: Figures):
    for what, goal, measured, verdict in figures.goals():
        print(f"{verdict.strip('*')}: {what}: {measured}; goal {goal}")


if __name__ == "__main__":
    source = Path(sys.argv[1])
    write(json.loads(source.read_text()), source.parent)
