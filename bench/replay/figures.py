"""From the readings of a run to its figures: CPU seconds per GB, ratios within a round, goals."""

from dataclasses import dataclass
from statistics import median

GB = 1e9
MIB = 1 << 20
LIBRARY_KINDS = ("bare", "bare-nocrc", "bare-plain", "direct")  # measured from the first record to the last
SEVERAL_KINDS = ("null-w2", "null-w4", "null-p2")  # workers or processes; four workers are given twice the memory of one
STAGE_WRITES_IN_FLIGHT = 8
LEAST_S = 0.2  # of a run beyond a start, to have a rate
MET, BY_THE_MEDIAN, MISSED = "met", "met by the median, not in every round", "**missed**"


@dataclass
class Spread:
    """The median of the rounds, and the lowest and highest."""

    middle: float
    low: float
    high: float

    def text(self, digits: int = 2) -> str:
        return f"{self.middle:.{digits}f} ({self.low:.{digits}f} to {self.high:.{digits}f})"


def spread(values: list[float]) -> Spread:
    return Spread(median(values), min(values), max(values))


def verdict(middle: bool, every: bool) -> str:
    return MET if every else BY_THE_MEDIAN if middle else MISSED


class Figures:
    def __init__(self, results: dict):
        self.results = results
        self.rounds = results["rounds"]
        self.names = [name for name in self.rounds[0] if not name.startswith("start/")]

    def _net(self, readings: dict, name: str, what: str) -> float:
        value = readings[name][what]
        if name.split("/")[0] in LIBRARY_KINDS:
            return value
        return max(value - readings["start/start"][what], 1e-6)

    def cost(self, readings: dict, name: str) -> float:
        return self._net(readings, name, "cpu_s") / (readings[name]["bytes"] / GB)

    def rate(self, readings: dict, name: str) -> float:
        return readings[name]["bytes"] / 1e6 / self._net(readings, name, "wall_s")

    def is_longer_than_a_start(self, name: str) -> bool:
        """By more than what starts differ in: what is shorter cannot be told from joining the group and leaving it."""
        return all(self._net(readings, name, "wall_s") > LEAST_S for readings in self.rounds)

    def costs(self, name: str) -> Spread:
        return spread([self.cost(readings, name) for readings in self.rounds])

    def rates(self, name: str) -> Spread:
        return spread([self.rate(readings, name) for readings in self.rounds])

    def ratios(self, name: str, measure: str = "bare") -> Spread:
        """To another kind of run of the same stream in the same round."""
        other = f"{measure}/{name.split('/')[1]}"
        return spread([self.cost(readings, name) / self.cost(readings, other) for readings in self.rounds])

    def peak_rss_mib(self, name: str) -> float:
        return max(readings[name]["peak_rss_bytes"] for readings in self.rounds) / MIB

    def start(self, what: str) -> Spread:
        return spread([readings["start/start"][what] for readings in self.rounds])

    def gzip_overhead(self) -> Spread:
        """What compressed output costs above plain output and the compressor's own time, as a share of plain output."""
        costs = [(self.cost(r, "null-gzip/1k"), self.cost(r, "null/1k"), floors["gzip"])
                 for r, floors in zip(self.rounds, self.results["floors"], strict=True)]
        return spread([(packed - own) / plain - 1 for packed, plain, own in costs])

    def floors(self, name: str) -> Spread:
        return spread([floors[name] for floors in self.results["floors"]])

    def rate_ratio(self, name: str) -> Spread:
        bare = "bare/" + name.split("/")[1]
        return spread([self.rate(r, name) / self.rate(r, bare) for r in self.rounds])

    def paces(self, pace: str, what: str) -> Spread:
        return spread([reading[what] for reading in self.results["pace"][pace]])

    @property
    def plain_writes_in_flight(self) -> int:
        return self.results["floors"][0].get("in_flight", 1)  # as it was before it was told

    @property
    def resolution_s(self) -> float:
        """Of the wall times of penstock: how often it looks whether it is at its end."""
        return self.results.get("end_resolution_s", 0.1)  # as it was before it was told

    def goals(self) -> list[tuple[str, str, str, str]]:
        """What, the goal, what was measured, whether it is met."""
        rows = []

        def at_most(what: str, limit: float, measured: Spread, unit: str = " x", digits: int = 2):
            rows.append((what, f"at most {limit:g}{unit}", measured.text(digits) + unit,
                         verdict(measured.middle <= limit, measured.high <= limit)))

        def at_least(what: str, limit: float, measured: Spread):
            rows.append((what, f"at least {limit:g} x", measured.text() + " x",
                         verdict(measured.middle >= limit, measured.low >= limit)))

        for what, name, limit in [
            ("fetch, decode and copy, 1 KiB records", "direct/1k", 0.55),
            ("fetch, decode and copy, 300 B records", "direct/300", 0.40),
            ("fetch, decode and copy, gzip batches", "direct/gzip", 0.35),
            ("whole path to the null store, 1 KiB records", "null/1k", 0.55),
            ("whole path to a discarding HTTP server, 1 KiB records", "http/1k", 0.95),
            ("whole path over HTTP, 300 B records", "http/300", 0.65),
            ("whole path over HTTP, gzip batches in the topic", "http/gzip", 0.40),
        ]:
            at_most(what + ", of the bare consumer's CPU", limit, self.ratios(name))
        overhead = self.gzip_overhead()
        at_most("gzip output, above plain output and ISA-L's own time", 10,
                Spread(overhead.middle * 100, overhead.low * 100, overhead.high * 100), " %", 0)
        at_least("stage writes, of what O_DIRECT overwrites on the same disk do", 0.8, self.floors("stage_share"))
        if self.plain_writes_in_flight < STAGE_WRITES_IN_FLIGHT:
            rows[-1] = (*rows[-1][:-1], f"no comparison: {self.plain_writes_in_flight} in flight against {STAGE_WRITES_IN_FLIGHT}")
        at_least("rate of one worker into the null store, of the bare consumer's", 1.5, self.rate_ratio("null/1k"))
        ours = [name for name in self.names if not name.startswith(LIBRARY_KINDS)]
        paced = [r["peak_rss_bytes"] / MIB for readings in self.results["pace"].values() for r in readings]
        for what, names in [("peak RSS of a process, the highest of all runs", ours),
                            ("peak RSS of a process with one worker, the highest of all runs",
                             [name for name in ours if not name.startswith(SEVERAL_KINDS)])]:
            rss = max([self.peak_rss_mib(name) for name in names] + paced)
            rows.append((what, "at most 256 MiB", f"{rss:.0f} MiB", verdict(rss <= 256, rss <= 256)))
        workers = max(reading.get("kernel_workers", 0) for readings in self.rounds for reading in readings.values())
        rows.append(("kernel workers of io_uring (`iou-wrk`), the most seen in a run", "none", str(workers),
                     verdict(workers == 0, workers == 0)))
        if "300 GB/day" in self.results["pace"]:
            readings = self.results["pace"]["300 GB/day"]
            share = spread([100 * reading["share_of_core"] for reading in readings])
            at_most("300 GB/day pace to a discarding HTTP server, of a core", 0.5, share, " %")
            late = spread([reading["p99_ms"] / 1000 - reading["max_age_s"] for reading in readings])
            at_most("produced to durable at that pace, p99, beyond max_age", 1.0, late, " s")
        return rows
