"""The broker's second listener, SASL_SSL, and how penstock and the bare consumer reach it; the runs of `--tls`."""

from pathlib import Path

from harness.security import PASSWORD, USER, Authority, Secured
from harness.service import free_port

CA_FILE, IDENTITY_FILE = "ca.pem", "identity.pem"

# An hour: librdkafka 2.0.2 does not log in again within a connection, so that a session's end would cut the bare consumer's.
SESSION_MS = 3_600_000

# Without the tests' -XX:TieredStopAtLevel=1: only the JVM's second compiler uses the processor's AES instructions, and a broker
# that seals slowly would be all that is measured.
JVM_FLAGS = ["-Xms256m", "-Xmx1g", "-XX:+UseSerialGC", "-Djava.awt.headless=true"]

# One round of `--tls`; `-plain` is over the listener without TLS, for what TLS adds.
ROUND = [
    ("start", "start"),
    ("bare", "1k"), ("direct", "1k"), ("null", "1k"), ("https", "1k"),
    ("bare-plain", "1k"), ("null-plain", "1k"), ("http-plain", "1k"),
    ("bare", "300"), ("null", "300"), ("https", "300"),
    ("bare", "gzip"), ("null", "gzip"), ("https", "gzip"),
]

# At a pace: penstock and the bare consumer at the same time, so that both have the same machine. As PACES of run.py.
PACES = {"3 TB/day, HTTPS": (35_000_000, "https", 0.5), "3 TB/day, null:": (35_000_000, "null", 0.5)}

# With --against.
AGAINST_ROUND = [("start", "start"), ("start-other", "start"), ("bare", "1k"),
                 *[(kind, stream) for stream in ("1k", "300", "gzip") for kind in ("null", "null-other", "https-other", "https")]]


class Listener:
    """The listener that wants TLS and SASL PLAIN, as Event Hubs does, with a certificate for localhost of an own authority."""

    def __init__(self, directory: Path):
        authority = Authority("penstock bench CA")
        self.ca = authority.write(directory / CA_FILE)
        authority.issue("localhost", directory / IDENTITY_FILE)
        self.secured = Secured(free_port(), directory / IDENTITY_FILE, SESSION_MS)
        self.brokers = f"localhost:{self.secured.port}"

    def options(self) -> dict:
        """Of bare_consumer and direct_reader."""
        return {"ca": self.ca, "user": USER, "password": PASSWORD}

    def changes(self) -> dict:
        """Of penstock's configuration."""
        return {"source": {"auth": {"type": "sasl-plain", "username": USER, "password": PASSWORD},
                           "tls": {"enabled": True, "ca": str(self.ca)}}}
