"""The tables of FORMATS.md from the results of a run. Alone: `page.py` writes them again from bench/formats.json and, where there is
one, bench/columns.json."""

import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bench" / "replay"))

from figures import GB, MIB, Spread, spread  # noqa: E402
from forms import CONVERSION, MEASURE  # noqa: E402
from report import table  # noqa: E402

PEERS = {"pyarrow": "pyarrow", "duckdb": "DuckDB"}
ENGINES = {"duckdb": "DuckDB", "spark": "Spark"}
QUESTIONS = {"gateway": {"filtered": "count with a filter", "full": "all values"},
             "requests": {"filtered": "count with a filter", "full": "a sum over five members"}}
STREAMS = {"1k": "1 KiB", "300": "300 B"}
BEGIN, END = "<!-- the tables of a run: bench/formats/page.py -->\n", "<!-- their end -->\n"
BEGIN_COLUMNS = "<!-- the tables of a run with --columns: bench/formats/page.py -->\n"
RESULTS = {"gateway": "formats.json", "requests": "columns.json"}


def times(values: list[float]) -> str:
    return "1 x" if set(values) == {1.0} else f"{spread(values).text()} x"


def cpu_s(readings: dict, stream: str, name: str) -> float:
    """Without what joining and leaving the group takes, in this round. A peer and the conversion alone have none."""
    used = readings[stream][name]["cpu_s"]
    return used if name in (*PEERS, CONVERSION) else max(used - readings["start_cpu_s"], 1e-6)


def costs(results: dict, stream: str, name: str) -> Spread:
    return spread([cpu_s(each, stream, name) / (results["topics"][stream]["bytes"] / GB) for each in results["rounds"]])


def ratios(results: dict, stream: str, name: str, to: str = MEASURE) -> str:
    return times([cpu_s(each, stream, name) / cpu_s(each, stream, to) for each in results["rounds"]])


def sizes(results: dict, stream: str, name: str) -> str:
    """Beside the lines."""
    last = results["rounds"][-1][stream]
    return f"{last[name]['stored_bytes'] / last[MEASURE]['stored_bytes']:.3f}"


def landing(results: dict) -> str:
    head = ["format", *(f"{what}, {size}" for size in STREAMS.values() for what in ("bytes in the lake", "CPU of penstock")),
            "peak RSS, MiB"]
    rows = []
    for name in results["rounds"][0]["1k"]:
        if name in (*PEERS, CONVERSION):
            continue
        cells = [cell for stream in STREAMS for cell in (sizes(results, stream, name), ratios(results, stream, name))]
        peak = max(each[stream][name]["peak_rss_bytes"] for each in results["rounds"] for stream in STREAMS)
        rows.append([f"`{name}`", *cells, f"{peak / MIB:.0f}"])
    measure = ", ".join(f"{costs(results, stream, MEASURE).text()} CPU s per GB of values of {size}" for stream, size in STREAMS.items())
    return table(head, rows) + f"\n1 x is {MEASURE}: {measure}.\n"


def kind_of(results: dict) -> str:
    return results.get("kind", "gateway")


def peers(results: dict) -> str:
    ours = {"gateway": "parquet+zstd", "requests": "columns+zstd"}[kind_of(results)]
    if ours not in results["rounds"][0]["1k"]:
        return f"`{ours}` was not measured.\n"
    head = ["who", *(f"{what}, {size}" for size in STREAMS.values() for what in ("CPU s per GB", "beside penstock", "bytes"))]
    rows = []
    for name in (ours, *PEERS):
        cells = [cell for stream in STREAMS
                 for cell in (costs(results, stream, name).text(), ratios(results, stream, name, ours),
                              sizes(results, stream, name))]
        rows.append([PEERS.get(name, f"penstock, `{name}`, from Kafka to the files"), *cells])
    return table(head, rows) + (f"\n{conversions(results)}" if CONVERSION in results["rounds"][0]["1k"] else "")


def conversions(results: dict) -> str:
    """The peers have no broker before them and no stage behind. Beside them is what does as much and no more."""
    head = ["who, in the same rounds", *(f"{what}, {size}" for size in STREAMS.values() for what in ("CPU s per GB", "beside the conversion"))]
    names = {CONVERSION: "penstock, the conversion alone (`columns_json_zstd` of bench/micro)", **PEERS}
    return table(head, [[told, *(cell for stream in STREAMS
                                 for cell in (costs(results, stream, name).text(), ratios(results, stream, name, CONVERSION)))]
                        for name, told in names.items()])


def reading(results: dict, engine: str) -> str:
    rounds = results["reading"].get(engine, "it was not asked for")
    if isinstance(rounds, str):
        return f"{ENGINES[engine]}: not measured, {rounds}.\n"
    questions = QUESTIONS[kind_of(results)]
    head = [ENGINES[engine], *(f"{what}, {size}" for size in STREAMS.values() for what in questions.values())]
    rows = []
    for name in rounds["1k"][0]:
        cells = [times([each[name][question] / each[MEASURE][question] for each in rounds[stream]])
                 for stream in STREAMS for question in questions]
        rows.append([f"`{name}`", *cells])
    measure = ", ".join(
        f"{spread([each[MEASURE][question] / (results['topics'][stream]['bytes'] / GB) for each in rounds[stream]]).text()}"
        for stream in STREAMS for question in questions)
    return table(head, rows) + f"\n1 x is {MEASURE}: {measure} CPU s per GB of values, in the order of the columns.\n"


def how_measured(results: dict) -> str:
    of, load = results["machine"], (results["load_before"][0], results["load_after"][0])
    topics = " and ".join(f"{results['topics'][stream]['bytes'] / 1e6:,.0f} MB of records of {size}" for stream, size in STREAMS.items())
    return (f"`{results['command']}` on {results['date']}, commit `{of['commit']}`: {topics}, {len(results['rounds'])} rounds in "
            f"{results['seconds'] / 60:.0f} minutes, on {of['processor']}, {of['memory']}, {of['kernel']}, {of['file system']}. The load "
            f"of the machine was {load[0]:.1f} before and {load[1]:.1f} after. A figure is the median of the rounds, with the least and "
            "the greatest.\n")


def tables(results: dict) -> str:
    where = {"gateway": "", "requests": ", as columns"}[kind_of(results)]
    return (f"{how_measured(results)}\n"
            f"### What it costs to land{where}\n\n{landing(results)}\n"
            f"### What it costs to read{where}\n\n{reading(results, 'duckdb')}\n{reading(results, 'spark')}\n"
            f"### The same table made by others{where}\n\n{peers(results)}")


def with_tables(text: str, results: dict) -> str:
    begin = {"gateway": BEGIN, "requests": BEGIN_COLUMNS}[kind_of(results)]
    return re.sub(re.escape(begin) + ".*?" + re.escape(END), lambda _: f"{begin}\n{tables(results)}\n{END}", text, flags=re.S)


def write(results: dict, directory: Path):
    (directory / RESULTS[kind_of(results)]).write_text(json.dumps(results, indent=1) + "\n")
    file = directory / "FORMATS.md"
    file.write_text(with_tables(file.read_text(), results))


if __name__ == "__main__":
    for stored in RESULTS.values():
        if (ROOT / "bench" / stored).exists():
            write(json.loads((ROOT / "bench" / stored).read_text()), ROOT / "bench")
