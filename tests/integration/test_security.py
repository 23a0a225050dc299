"""Logins over TLS: every mechanism, by our own connections and by librdkafka's; and what is said when one cannot be had."""

import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from confluent_kafka.admin import ScramCredentialInfo, ScramMechanism, UserScramCredentialUpsertion

from harness.book import Book
from harness.kafka import Kafka
from harness.lake import assert_exactly, read_directory
from harness.penstock import Penstock, base_config, merged, run_command
from harness.process import connections
from harness.security import PASSWORD, SESSION_MS, USER, Authority, Secured, bearer_token, write_token
from harness.service import free_port, wait_until

FETCHES = ["direct", "librdkafka"]
PARTITIONS = 2


class Place:
    """The broker of this file, its authority, and another one that nobody knows."""

    def __init__(self, directory):
        self.authority, self.stranger = Authority("penstock test CA"), Authority("somebody else's CA")
        self.ca = self.authority.write(directory / "ca.pem")
        self.other_ca = self.stranger.write(directory / "other.pem")
        self.keystore = directory / "broker.pem"
        self.authority.issue("localhost", self.keystore)
        self.port = free_port()
        self.kafka = Kafka(directory / "kafka", Secured(self.port, self.keystore))


@pytest.fixture(scope="module")
def place(binary, tmp_path_factory):
    place = Place(tmp_path_factory.mktemp("secured"))
    place.kafka.format()
    place.kafka.start()
    yield place
    place.kafka.kill()


class Line:
    """A topic, its producer's book, a directory as the lake, and a penstock between them that has to log in."""

    def __init__(self, place: Place, directory, auth: dict, fetch: str):
        self.lake = directory / f"lake-{fetch}"
        self.topic = place.kafka.create_topic(PARTITIONS)
        self.book = Book(place.kafka, self.topic)
        self.config = merged(
            base_config(directory / fetch, [self.topic], f"localhost:{place.port}", {"url": f"file://{self.lake}"}),
            {"source": {"group": f"group-{self.topic}", "fetch": fetch, "auth": auth,
                        "tls": {"enabled": True, "ca": str(place.ca)},
                        # Longer than the broker is away: without its membership a direct source asks for nothing.
                        "librdkafka": {"reconnect.backoff.max.ms": 1000, "session.timeout.ms": 30000}},
             "batch": {"max_age": "1s"}})
        self._directory = directory / fetch

    def penstock(self, *arguments: str) -> Penstock:
        return Penstock(self._directory, self.config, *arguments)

    def landed(self) -> int:
        return sum(len(file.lines) for file in read_directory(self.lake))

    def wait_landed(self, timeout_s: float = 60):
        wait_until(lambda: self.landed() >= self.book.line_count, timeout_s, f"{self.book.line_count} records landed", 0.3)


@pytest.fixture
def line(place, tmp_path):
    """line(auth, fetch) -> Line"""
    place.kafka.start()
    return lambda auth, fetch: Line(place, tmp_path, auth, fetch)


@pytest.fixture
def token_file(tmp_path):
    return tmp_path / "token"


def sasl(mechanism: str, password: str = PASSWORD) -> dict:
    return {"type": f"sasl-{mechanism}", "username": USER, "password": password}


def oauthbearer(token_file) -> dict:
    return {"type": "oauthbearer", "token_file": str(token_file)}


@pytest.mark.parametrize("fetch", FETCHES)
@pytest.mark.parametrize("mechanism", ["plain", "scram-256", "scram-512", "oauthbearer"])
def test_records_land(line, token_file, mechanism, fetch):
    write_token(token_file, bearer_token(60))
    lands = line(oauthbearer(token_file) if mechanism == "oauthbearer" else sasl(mechanism), fetch)
    lands.book.spread(PARTITIONS, 400, 500)
    with lands.penstock("--exit-at-end") as penstock:
        penstock.service.start()
        assert penstock.wait(60) == 0, penstock.output
        assert_exactly(lands.book, read_directory(lands.lake))
        assert PASSWORD not in penstock.output and token_file.read_text().strip() not in penstock.output


def refused(lands: Line, *words: str):
    """At the start, in a sentence with these words, and with the exit code of what only a person can mend."""
    with lands.penstock() as penstock:
        penstock.service.start()
        assert penstock.wait(30) == 1, penstock.output
        penstock.assert_did_not_crash()
        for word in words:
            assert word in penstock.output, f"{word!r} is not in:\n{penstock.output}"
        return penstock


@pytest.mark.parametrize("fetch", FETCHES)
@pytest.mark.parametrize("mechanism", ["plain", "scram-512"])
def test_wrong_password(line, mechanism, fetch):
    wrong = "quite another word"
    penstock = refused(line(sasl(mechanism, wrong), fetch), "localhost:", "source.auth")
    assert wrong not in penstock.output


@pytest.mark.parametrize("changes, words, in_check", [
    ({"auth": {"type": "none"}}, "this listener wants a login: write source.auth", "a listener that wants a login closes so"),
    ({"tls": {"enabled": False}}, "this port wants TLS", "it wants TLS"),
], ids=["no login", "no tls"])
def test_what_the_listener_wants_is_named(place, line, changes, words, in_check):
    lands = line({"type": "none"}, "direct")
    lands.config["source"].update(changes)
    if not lands.config["source"]["tls"]["enabled"]:
        lands.config["source"]["tls"].pop("ca", None)
    with lands.penstock() as penstock:
        penstock.service.start()
        wait_until(lambda: "waiting for the brokers" in penstock.output, 30, "run says what is awaited")
        assert words in penstock.output, penstock.output
        check = run_command("check", "--config", penstock.file)
        assert check.returncode == 3 and in_check in check.stdout, check.stdout + check.stderr


@pytest.mark.parametrize("fetch", FETCHES)
def test_expired_token(line, token_file, fetch):
    token = bearer_token(-30)
    write_token(token_file, token)
    penstock = refused(line(oauthbearer(token_file), fetch), str(token_file), "has expired at")
    assert token not in penstock.output


@pytest.mark.parametrize("fetch", FETCHES)
def test_no_token(line, token_file, fetch):
    refused(line(oauthbearer(token_file), fetch), str(token_file), "No such file")


def with_wrong_host(place, lands: Line):
    lands.config["source"]["brokers"] = [f"127.0.0.1:{place.port}"]


def with_unknown_ca(place, lands: Line):
    lands.config["source"]["tls"]["ca"] = str(place.other_ca)


@pytest.mark.parametrize("fetch", FETCHES)
@pytest.mark.parametrize("spoil, words", [
    (with_wrong_host, ["is not for 127.0.0.1 but for localhost", "source.brokers"]),
    (with_unknown_ca, ["CN = localhost", "is issued by nobody whom", "other.pem contains", "source.tls.ca"])])
def test_wrong_certificate(place, line, spoil, words, fetch):
    lands = line(sasl("plain"), fetch)
    spoil(place, lands)
    penstock = refused(lands, *words)
    check = run_command("check", "--config", penstock.file)
    assert check.returncode == 3 and words[0] in check.stdout, check.stdout + check.stderr


@contextmanager
def kept_fresh(token_file: Path, lives_s: float):
    """There is always a token in the file that was made a moment ago, however slow the machine is."""
    end = threading.Event()

    def renew():
        while not end.wait(0.3):
            write_token(token_file, bearer_token(lives_s))

    write_token(token_file, bearer_token(lives_s))
    thread = threading.Thread(target=renew)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join()


def test_a_session_is_renewed_before_it_ends(place, line, token_file):
    """The broker closes what has not logged in again in time: a connection that outlives its session has done so."""
    lands = line(oauthbearer(token_file), "direct")
    with kept_fresh(token_file, SESSION_MS / 1000 + 3), lands.penstock().start() as penstock:
        lands.book.spread(PARTITIONS, 100, 100)
        lands.wait_landed()
        first = connections(penstock.service.pid, place.port)
        assert first
        until = time.monotonic() + 2.2 * SESSION_MS / 1000
        while time.monotonic() < until:
            lands.book.spread(PARTITIONS, 20, 100)
            time.sleep(0.3)
        assert first & connections(penstock.service.pid, place.port), "every connection was lost"
        lands.wait_landed()
        assert penstock.terminate() == 0
        # localhost may be ::1 first, where this broker does not listen
        warnings = [line for line in penstock.output.splitlines() if " warning " in line and "[::1]" not in line
                    and "source.fence_wait" not in line]
        assert not warnings, penstock.output
    assert_exactly(lands.book, read_directory(lands.lake))


def set_scram_password(kafka: Kafka, password: str):
    info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_256, 4096)
    change = UserScramCredentialUpsertion(USER, info, password.encode())
    admin = kafka.admin()
    admin.alter_user_scram_credentials([change])[USER].result(30)


def go_through(lines: list[Line], spoil, words: dict[str, str], mend):
    """Both fetches at once: all is well, then spoil(), which each has to name in its words, then mend(), and all lands."""
    running = [lands.penstock() for lands in lines]
    try:
        for lands, penstock in zip(lines, running):
            penstock.service.start()
            lands.book.spread(PARTITIONS, 100, 100)
        for lands in lines:
            lands.wait_landed()
        spoil()
        for fetch, penstock in zip(words, running):
            wait_until(lambda: words[fetch] in penstock.output, 40, f"{fetch} says: {words[fetch]}")
        time.sleep(2)  # it tries again meanwhile
        mend()
        for lands, penstock in zip(lines, running):
            assert penstock.service.running, penstock.output[-3000:]
            lands.book.spread(PARTITIONS, 100, 100)
        for fetch, lands, penstock in zip(words, lines, running):
            lands.wait_landed()
            assert penstock.output.count(words[fetch]) <= 2, "it is said at most every 30 s"
            told = [line for line in penstock.output.splitlines() if " debug " not in line]
            assert not [line for line in told if "FAIL: " in line or "SSLCERTVRFY" in line]
            assert penstock.terminate() == 0
            assert_exactly(lands.book, read_directory(lands.lake))
    finally:
        for penstock in running:
            penstock.service.kill()
    for penstock in running:
        penstock.assert_nothing_reported()


def test_a_password_that_changes_while_running(place, line):
    lines = [line(sasl("scram-256"), fetch) for fetch in FETCHES]
    go_through(lines, spoil=lambda: set_scram_password(place.kafka, "a newer word"),
               words={"direct": f"logging in at localhost:{place.port}: ", "librdkafka": "_AUTHENTICATION"},
               mend=lambda: set_scram_password(place.kafka, PASSWORD))


def test_a_certificate_that_changes_while_running(place, line):
    def restart_with(authority: Authority):
        place.kafka.stop()
        authority.issue("localhost", place.keystore)
        place.kafka.start()

    lines = [line(sasl("plain"), fetch) for fetch in FETCHES]
    sentence = f"the certificate of localhost:{place.port} (CN = localhost) is issued by nobody whom"
    go_through(lines, spoil=lambda: restart_with(place.stranger),
               words={"direct": f" warning {sentence}", "librdkafka": f": {sentence}"},
               mend=lambda: restart_with(place.authority))


@pytest.mark.parametrize("fetch", FETCHES)
def test_a_password_that_changes_in_its_file_needs_no_restart(place, line, token_file, fetch):
    """Sessions end, and so logins come, every few seconds here."""
    write_token(token_file, PASSWORD)
    lands = line({"type": "sasl-scram-256", "username": USER, "password": f"${{file:{token_file}}}"}, fetch)
    with lands.penstock().start() as penstock:
        lands.book.spread(PARTITIONS, 100, 100)
        lands.wait_landed()
        try:
            set_scram_password(place.kafka, "another one")
            write_token(token_file, "another one")
            time.sleep(2 * SESSION_MS / 1000)
            lands.book.spread(PARTITIONS, 100, 100)
            lands.wait_landed()
            assert penstock.terminate() == 0
        finally:
            set_scram_password(place.kafka, PASSWORD)
        assert "another one" not in penstock.output and PASSWORD not in penstock.output
    assert_exactly(lands.book, read_directory(lands.lake))
