"""Mutual TLS: a listener with ssl.client.auth=required takes penstock's certificate as the login, over our own connections and
over librdkafka's; and what is said when it cannot."""

import pytest

from harness.book import Book
from harness.kafka import Kafka
from harness.lake import assert_exactly, read_directory
from harness.penstock import Penstock, base_config, merged, run_command
from harness.security import Authority, Mutual
from harness.service import free_port, wait_until

PARTITIONS = 2


class Place:
    def __init__(self, directory):
        authority, stranger = Authority("penstock test CA"), Authority("somebody else's CA")
        self.ca, self.trusted = directory / "ca.pem", directory / "trusted.pem"
        self.keystore, self.own = directory / "broker.pem", directory / "gateway.pem"
        self.strange, self.locked = directory / "strange.pem", directory / "locked.pem"
        self.broker_of(authority)
        self.gateway_of(authority)
        authority.issue("gateway", self.locked, passphrase=b"what nobody told")
        stranger.issue("gateway", self.strange)
        self.port = free_port()
        self.kafka = Kafka(directory / "kafka", Mutual(self.port, self.keystore, self.trusted))

    def broker_of(self, authority: Authority):
        authority.issue("localhost", self.keystore)
        authority.write(self.trusted)

    def gateway_of(self, authority: Authority):
        authority.write(self.ca)
        authority.issue("gateway", self.own)


@pytest.fixture(scope="module")
def place(binary, tmp_path_factory):
    place = Place(tmp_path_factory.mktemp("mutual"))
    place.kafka.format()
    place.kafka.start()
    yield place
    place.kafka.kill()


@pytest.fixture
def config(place, tmp_path, fetch):
    """config(file of certificate and key, or None) -> configuration, over a topic of its own"""
    def make(own) -> dict:
        topic = place.kafka.create_topic(PARTITIONS)
        tls = {"enabled": True, "ca": str(place.ca)}
        if own:
            tls |= {"certificate": str(own), "key": str(own)}
        return merged(base_config(tmp_path, [topic], f"localhost:{place.port}", {"url": f"file://{tmp_path / 'lake'}"}),
                      {"source": {"group": f"group-{topic}", "fetch": fetch, "tls": tls}, "batch": {"max_age": "1s"}})

    return make


@pytest.mark.both_sources
def test_records_land(place, config, tmp_path):
    written = config(place.own)
    book = Book(place.kafka, written["source"]["topics"][0])
    book.spread(PARTITIONS, 400, 500)
    with Penstock(tmp_path / "run", written, "--exit-at-end") as penstock:
        penstock.service.start()
        assert penstock.wait(60) == 0, penstock.output
    assert_exactly(book, read_directory(tmp_path / "lake"))
    check = run_command("check", "--config", penstock.file)
    assert check.returncode == 0, check.stdout + check.stderr


@pytest.mark.both_sources
def test_another_authority_needs_no_restart(binary, tmp_path, fetch):
    """The broker comes back with certificates that nobody knew before. penstock's own files are replaced then, and it goes on
    with the records: its fetch, its commits and its membership."""
    place = Place(tmp_path)
    place.kafka.format()
    place.kafka.start()
    try:
        topic = place.kafka.create_topic(PARTITIONS)
        tls = {"enabled": True, "ca": str(place.ca), "certificate": str(place.own), "key": str(place.own)}
        written = merged(base_config(tmp_path, [topic], f"localhost:{place.port}", {"url": f"file://{tmp_path / 'lake'}"}),
                         {"source": {"group": f"group-{topic}", "fetch": fetch, "tls": tls}, "batch": {"max_age": "1s"}})
        with Penstock(tmp_path / "run", written) as penstock:
            penstock.start()
            book = Book(place.kafka, topic)
            book.spread(PARTITIONS, 200, 500)
            penstock.wait_metric("penstock_records_landed_total", 200)
            place.kafka.kill()
            successor = Authority("the next CA")
            place.broker_of(successor)
            place.kafka.start()
            wait_until(lambda: "certificate" in penstock.output, 60, "the broker's new certificate is refused")
            place.gateway_of(successor)
            book.spread(PARTITIONS, 200, 500)
            sent = {line for lines in book.lines.values() for line in lines}
            # With at_least_once what was not committed before the broker went comes again.
            wait_until(lambda: {line for file in read_directory(tmp_path / "lake") for line in file.lines} == sent, 60,
                       "every record is in the lake")
            assert penstock.terminate() == 0, penstock.output
        if fetch == "direct":
            assert_exactly(book, read_directory(tmp_path / "lake"))
    finally:
        place.kafka.kill()


@pytest.mark.parametrize("shown, words", [
    (None, "wants a client certificate (its ssl.client.auth): write source.tls.certificate and source.tls.key"),
    ("strange", "does not take the certificate in")])
def test_what_the_broker_does_not_take_is_named(place, config, tmp_path, shown, words):
    """As every listener that is set up in another way than penstock: it is waited for, and the words say for what."""
    penstock = Penstock(tmp_path / "run", config(shown and getattr(place, shown)))
    check = run_command("check", "--config", penstock.file)
    assert check.returncode == 3 and words in check.stdout, check.stdout + check.stderr
    with penstock:
        penstock.service.start()
        wait_until(lambda: "waiting for the brokers" in penstock.output, 30, "run says what is awaited")
        assert words in penstock.output, penstock.output
        assert penstock.terminate() == 0


def test_a_key_with_a_passphrase_is_refused_before_anything_starts(place, config, tmp_path):
    penstock = Penstock(tmp_path / "run", config(place.locked))
    check = run_command("check", "--config", penstock.file)
    assert check.returncode == 2, check.stdout + check.stderr
    said = check.stdout + check.stderr
    assert "source.tls.key" in said and "takes no passphrase" in said and str(place.locked) in said
