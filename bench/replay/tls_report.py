"""The part of RESULTS.md that is over TLS, made of what `--tls` has put under "tls" into results.json."""

from figures import MISSED, Figures, spread, verdict

READING_AT_MOST, WHOLE_PATH_AT_MOST = 0.6, 1.0

WHAT = {
    "bare": "bare librdkafka consumer, SASL_SSL", "direct": "our fetch, decode and copy (`direct_reader`), SASL_SSL",
    "null": "penstock, SASL_SSL into `null:`", "https": "penstock, SASL_SSL in, HTTPS out",
    "bare-plain": "bare librdkafka consumer without TLS", "null-plain": "penstock without TLS into `null:`",
    "http-plain": "penstock without TLS, HTTP out",
}
STREAMS = {"1k": "1 KiB records", "300": "300 B records", "gzip": "gzip batches"}
FLOORS = [
    ("receive", "recv from a loopback socket, 1 MiB at a time"),
    ("open_256", "AES-256-GCM, records of 16 KiB opened: what the broker has chosen"),
    ("open_128", "AES-128-GCM, opened"),
    ("seal_128", "AES-128-GCM, sealed: what the store has let us choose"),
    ("seal_256", "AES-256-GCM, sealed"),
    ("open_chacha", "ChaCha20-Poly1305, opened"),
    ("record_copy", "one memcpy of a record that is in the cache"),
    ("send", "send to a loopback socket that discards, from 8 MiB"),
]


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines) + "\n"


class TlsFigures(Figures):
    def goals(self) -> list[tuple[str, str, str, str]]:
        """What, the goal, what was measured, whether it is met."""
        wanted = [(f"{what}, {note}", self.ratios(f"{kind}/{stream}"), limit)
                  for stream, note in STREAMS.items()
                  for kind, what, limit in (("null", "reading over TLS into the null store", READING_AT_MOST),
                                            ("https", "whole path with TLS both ways", WHOLE_PATH_AT_MOST))]
        return [(what + ", of the bare consumer's CPU", f"at most {limit:g} x", ratio.text() + " x",
                 verdict(ratio.middle <= limit, ratio.high <= limit)) for what, ratio, limit in wanted]

    def added(self, kind: str) -> list[float]:
        """What TLS adds, in CPU seconds per GB: the kind over TLS less the same without, by round."""
        plain = {"https": "http-plain"}.get(kind, f"{kind}-plain")
        return [self.cost(readings, f"{kind}/1k") - self.cost(readings, f"{plain}/1k") for readings in self.rounds]


def bulk(figures: TlsFigures) -> str:
    rows = []
    for name in figures.names:
        kind, stream = name.split("/")
        rows.append([f"`{stream}`", WHAT[kind], figures.costs(name).text(3), figures.ratios(name).text(), figures.rates(name).text(0),
                     f"{figures.peak_rss_mib(name):.0f}"])
    return table(["topic", "what ran", "CPU s per GB", "ratio to bare over TLS", "MB/s", "peak RSS, MiB"], rows)


def pace(figures: TlsFigures) -> str:
    rows = []
    for name, readings in figures.results["pace"].items():
        shares = [figures.paces(name, what) for what in ("share_of_core", "bare_share_of_core")]
        ratio = spread([reading["share_of_core"] / reading["bare_share_of_core"] for reading in readings])
        rows.append([name, f"{figures.paces(name, 'rate_bytes_per_s').middle / 1e6:.1f} MB/s", f"{readings[-1]['seconds']} s",
                     *(f"{share.middle:.2%} ({share.low:.2%} to {share.high:.2%})" for share in shares), ratio.text()])
    return table(["pace", "rate", "for", "penstock, of a core", "bare consumer, of a core", "ratio"], rows)


def section(results: dict) -> str:
    figures = TlsFigures(results)
    count = sum(verdict == MISSED for *_, verdict in figures.goals())
    cipher = figures.rounds[-1]["https/1k"]["calls"]["cipher"]
    added = {kind: spread(figures.added(kind)).text() for kind in ("bare", "null", "https")}
    floors = table(["alone, in a tight loop", "CPU s per GB"], [[what, figures.floors(name).text(3)] for name, what in FLOORS])
    uncommitted = " The tree had changes beyond that commit." if results["machine"]["commit"].endswith("-dirty") else ""
    return f"""
## Over TLS

Command: `{results['command']}`, by itself, at commit {results['machine']['commit']}, on {results['machine']['processor']}.{uncommitted}
It took {results['seconds']:.0f} s for {len(figures.rounds)} interleaved rounds. The load of the machine was {results['load_before'][0]:.1f} before
and {results['load_after'][0]:.1f} after, the run itself included.

SASL_SSL in (TLS 1.3, SASL PLAIN, as Event Hubs wants it), HTTPS out. The bare consumer reads from the same listener.
The broker is the JVM's TLS: it chooses AES-256-GCM whatever a client prefers, and sends each record of 16 KiB by itself.
The HTTPS server takes what the client prefers: {cipher}.

{table(["what", "goal", "measured: median (lowest to highest)", ""], list(map(list, figures.goals())))}
{f"{count} of {len(figures.goals())} of these goals are missed." if count else "None of these goals is missed."} \
[README.md](README.md#over-tls) says what was done, and where the rest goes.

{bulk(figures)}
TLS adds, in CPU seconds per GB of 1 KiB records: {added['bare']} to the bare consumer, {added['null']} to penstock
reading, {added['https']} to the whole path, TLS both ways.

At a pace penstock and the bare consumer read the same stream at the same time, as above:

{pace(figures)}
What TLS costs at least, measured in the same run:

{floors}"""


def is_any_missed(results: dict) -> bool:
    return any(verdict == MISSED for *_, verdict in TlsFigures(results).goals())
