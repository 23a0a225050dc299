"""The charts of a run, drawn by gnuplot from the numbers of results.json."""

import shutil
import subprocess
from pathlib import Path

from figures import Figures

NAMES = ("cpu.svg", "ratio.svg", "rate.svg", "pace.svg")
KINDS = {"bare": "bare librdkafka consumer", "direct": "our fetch, decode and copy", "null": "penstock into the null store",
         "http": "penstock over HTTP"}
STREAMS = {"1k": "1 KiB", "300": "300 B", "gzip": "1 KiB, gzip batches"}
COLOURS = ["#9aa0a6", "#8ab4f8", "#4285f4", "#174ea6"]

STYLE = """\
set terminal svg size 840,420 font 'sans-serif,13' background '#ffffff'
set output '{file}'
set style data histogram
set style histogram clustered gap 1.2 {errors}
set style fill solid 1.0 border rgb '#3c4043'
set boxwidth 0.95
set grid ytics lc rgb '#dddddd'
set yrange [0:*]
set key outside top horizontal
set ylabel '{label}'
set title '{title}'
set border 3
set tics nomirror
{more}
"""


def _draw(file: Path, title: str, label: str, heads: list[str], rows: list[tuple[str, list]], more: str = ""):
    """`rows`: a label, and for each head a value with its lowest and highest."""
    data = "\n".join(f'"{name}" ' + " ".join(f"{v.middle} {v.low} {v.high}" for v in values) for name, values in rows)
    plots = ", ".join(
        f"$rows using {2 + 3 * i}:{3 + 3 * i}:{4 + 3 * i}:xtic(1) title '{head}' lc rgb '{COLOURS[i]}'" for i, head in enumerate(heads))
    script = STYLE.format(file=file, title=title, label=label, errors="errorbars lw 1", more=more)
    script += f"$rows << EOD\n{data}\nEOD\nplot {plots}\n"
    subprocess.run(["gnuplot"], input=script, text=True, check=True, timeout=60)


def draw(figures: Figures, directory: Path) -> list[str]:
    """The names of the files; none where there is no gnuplot."""
    if shutil.which("gnuplot") is None:
        print("no gnuplot: no charts")
        return []
    directory.mkdir(parents=True, exist_ok=True)
    heads = list(KINDS.values())
    _draw(directory / "cpu.svg", "CPU seconds per GB, median of the rounds, with the lowest and the highest", "CPU s per GB",
          heads, [(title, [figures.costs(f"{kind}/{stream}") for kind in KINDS]) for stream, title in STREAMS.items()])
    _draw(directory / "ratio.svg", "The same as a ratio to the bare consumer of the same round", "of the bare consumer", heads,
          [(title, [figures.ratios(f"{kind}/{stream}") for kind in KINDS]) for stream, title in STREAMS.items()])
    _draw(directory / "rate.svg", "Rate", "MB per s", heads,
          [(title, [figures.rates(f"{kind}/{stream}") for kind in KINDS]) for stream, title in STREAMS.items()])
    names = ["cpu.svg", "ratio.svg", "rate.svg"]
    if figures.results["pace"]:
        rows = [(pace, [_percent(figures, pace, what) for what in ("bare_share_of_core", "share_of_core")])
                for pace in figures.results["pace"]]
        _draw(directory / "pace.svg", "Share of a core at a pace, eight partitions, producer linger 10 ms", "% of a core",
              ["bare librdkafka consumer", "penstock"], rows)
        names.append("pace.svg")
    return names


def _percent(figures: Figures, pace: str, what: str):
    value = figures.paces(pace, what)
    return type(value)(value.middle * 100, value.low * 100, value.high * 100)
