"""`penstock check` walks the chain of each side and names its first link that is wrong. What is behind that is told to be
not tried. test_check.py shows that check and run agree; here each link has its fault."""

import contextlib
import datetime
import json
import os
import socket
import ssl
import subprocess
import threading
from email.utils import format_datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from harness.fault_proxy import Fault
from harness.kafka import Kafka
from harness.lake import read_container
from harness.paths import penstock_binary
from harness.penstock import merged, run_command
from harness.security import PASSWORD, USER, Authority, Secured
from harness.service import free_port

KAFKA_LINKS = ["kafka dns", "kafka tcp", "kafka tls", "kafka versions", "kafka login", "brokers", "topic", "group",
               "commit round trip", "stale stamp"]
SINK_LINKS = ["sink dns", "sink tcp", "sink tls", "sink credential", "sink clock", "sink container", "sink write",
              "sink list", "sink conditional put"]


def self_signed(directory: Path, host: str, days: tuple[int, int]) -> Path:
    """A key and a certificate that signs itself, valid from so many days from now to so many."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = datetime.datetime.now(datetime.timezone.utc)
    made = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + datetime.timedelta(days=days[0]))
            .not_valid_after(now + datetime.timedelta(days=days[1]))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
            .sign(key, hashes.SHA256()))
    file = directory / f"{host}.pem"
    file.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                       serialization.NoEncryption()) + made.public_bytes(serialization.Encoding.PEM))
    return file


class Listener:
    """Takes connections on a port of its own: over TLS with this certificate, or plain, where it answers nothing that it
    understands and closes."""

    def __init__(self, certificate: Path | None):
        self.context = None
        if certificate:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(certificate)
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError):
                connection.settimeout(5)
                if self.context:
                    connection = self.context.wrap_socket(connection, server_side=True)
                connection.recv(4096)
                connection.close()

    def close(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        self.thread.join(10)


@pytest.fixture
def listener():
    made = []

    def make(certificate: Path | None = None) -> Listener:
        made.append(Listener(certificate))
        return made[-1]
    yield make
    for each in made:
        each.close()


def findings(lands, config: dict, **environment) -> tuple[int, list[dict]]:
    file = lands.penstock(config).file
    clean = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    done = subprocess.run([penstock_binary(), "check", "--config", file, "--json"], capture_output=True, text=True,
                          timeout=120, stdin=subprocess.DEVNULL, env={**clean, **environment})
    return done.returncode, json.loads(done.stdout)["findings"]


def row(found: list[dict], link: str) -> dict:
    [only] = [finding for finding in found if finding["subject"] == link]
    return only


def ends_at(found: list[dict], links: list[str], link: str, *words: str):
    """Every link before is fine, this one is the first fault and says the words, and those behind are not tried."""
    place = links.index(link)
    for before in links[:place]:
        assert row(found, before)["ok"], found
    fault = row(found, link)
    assert fault["tried"] and not fault["ok"], found
    assert all(word in fault["text"] for word in words), fault
    for behind in links[place + 1:]:
        not_tried = row(found, behind)
        assert not not_tried["tried"] and not not_tried["ok"], not_tried
        assert link in not_tried["text"], not_tried


def test_both_chains_are_told_in_their_order(landing):
    lands = landing(1)
    code, found = findings(lands, lands.config())
    assert code == 0, found
    assert [finding["subject"] for finding in found if finding["subject"] in KAFKA_LINKS] == KAFKA_LINKS
    assert [finding["subject"] for finding in found if finding["subject"] in SINK_LINKS] == SINK_LINKS
    assert all(finding["tried"] for finding in found)
    assert "127.0.0.1 (loopback)" in row(found, "kafka dns")["text"]
    assert "Metadata 12 of 0-" in row(found, "kafka versions")["text"] and "with the ids" in row(found, "kafka versions")["text"]
    assert "not proved" in row(found, "sink conditional put")["text"]
    assert " 0 s apart" in row(found, "sink clock")["text"] or " 1 s apart" in row(found, "sink clock")["text"]


def test_a_taken_name_is_refused_and_its_file_stays(landing):
    lands = landing(1)
    lands.book.spread(1, 20, 20)
    penstock = lands.penstock(None, "--exit-at-end")
    penstock.service.start()
    assert penstock.wait(60) == 0, penstock.output
    before = read_container(lands.azurite, lands.container)
    code, found = findings(lands, lands.config())
    assert code == 0, found
    assert "refused on" in row(found, "sink conditional put")["text"], found
    assert read_container(lands.azurite, lands.container) == before


# Kafka: name, TCP, TLS, login

def test_a_broker_whose_name_nobody_knows(landing):
    lands = landing(1)
    code, found = findings(lands, merged(lands.config(), {"source": {"brokers": ["no-such-host.invalid:9092"]}}))
    assert code == 3
    ends_at(found, KAFKA_LINKS, "kafka dns", "no-such-host.invalid", "source.brokers")


def test_a_port_that_nobody_listens_on(landing):
    lands = landing(1)
    port = free_port()
    code, found = findings(lands, merged(lands.config(), {"source": {"brokers": [f"127.0.0.1:{port}"]}}))
    assert code == 3
    ends_at(found, KAFKA_LINKS, "kafka tcp", f"127.0.0.1:{port}", "refused", "ECONNREFUSED", "source.brokers")


def test_a_broker_beside_one_that_lets_us_in_is_a_warning(landing):
    lands = landing(1)
    gone = f"127.0.0.1:{free_port()}"
    code, found = findings(lands, merged(lands.config(), {"source": {"brokers": [gone, *lands.config()["source"]["brokers"]]}}))
    assert code == 0, found
    assert [finding["warning"] for finding in found if finding["subject"] == "kafka tcp"] == [True, False]
    assert row(found, "kafka login")["ok"]


def over_tls(lands, port: int, ca: Path, host: str = "localhost") -> dict:
    return merged(lands.config(), {"source": {"brokers": [f"{host}:{port}"], "tls": {"enabled": True, "ca": str(ca)}}})


def test_tls_to_a_plain_port(landing, tmp_path):
    lands = landing(1)
    ca = Authority("test CA").write(tmp_path / "ca.pem")
    port = int(lands.config()["source"]["brokers"][0].rsplit(":", 1)[1])
    code, found = findings(lands, over_tls(lands, port, ca, "127.0.0.1"))
    assert code == 3
    ends_at(found, KAFKA_LINKS, "kafka tls", "TLS", "source.tls.enabled")


def test_plain_words_to_a_tls_port(landing, listener, tmp_path):
    lands = landing(1)
    authority = Authority("test CA")
    authority.issue("localhost", tmp_path / "broker.pem")
    port = listener(tmp_path / "broker.pem").port
    code, found = findings(lands, merged(lands.config(), {"source": {"brokers": [f"localhost:{port}"]}}))
    assert code == 3
    ends_at(found, KAFKA_LINKS, "kafka versions", "TLS")


@pytest.mark.parametrize("side", ["kafka", "sink"])
@pytest.mark.parametrize("spoilt, words", [
    ("issuer", ["is issued by nobody whom", "CN = somebody else's CA", "tls.ca"]),
    ("host", ["is not for localhost but for elsewhere.example"]),
    ("expired", ["has expired on"]),
    ("self-signed", ["is issued by nobody whom", "self-signed"])])
def test_a_certificate_that_is_refused(landing, listener, tmp_path, side, spoilt, words):
    lands = landing(1)
    trusted, stranger = Authority("test CA"), Authority("somebody else's CA")
    ca, pem = trusted.write(tmp_path / "ca.pem"), tmp_path / "server.pem"
    if spoilt == "issuer":
        stranger.issue("localhost", pem)
    elif spoilt == "host":
        trusted.issue("elsewhere.example", pem)
    else:
        pem = self_signed(tmp_path, "localhost", (-9, -1) if spoilt == "expired" else (-1, 1))
        ca = pem if spoilt == "expired" else ca
    port = listener(pem).port
    if side == "kafka":
        code, found = findings(lands, over_tls(lands, port, ca))
        assert code == 3
        ends_at(found, KAFKA_LINKS, "kafka tls", "CN = ", *words)
    else:
        config = lands.config()
        config["sink"] = {"url": f"https://localhost:{port}/devstoreaccount1/lake", "tls": {"ca": str(ca)},
                          "auth": {"type": "shared-key", "key": "A" * 86 + "=="}}
        code, found = findings(lands, config)
        assert code == 3
        ends_at(found, SINK_LINKS, "sink tls", "CN = ", *words)
        assert "source." not in row(found, "sink tls")["text"], "the advice is about the sink"


@pytest.fixture(scope="module")
def secured_kafka(tmp_path_factory):
    directory = tmp_path_factory.mktemp("secured-kafka")
    authority = Authority("test CA")
    ca = authority.write(directory / "ca.pem")
    authority.issue("localhost", directory / "broker.pem")
    kafka = Kafka(directory / "kafka", Secured(free_port(), directory / "broker.pem"))
    kafka.format()
    kafka.start()
    yield kafka, ca
    kafka.kill()


@pytest.mark.parametrize("password, link", [(PASSWORD, None), ("not what the gateway knows", "kafka login")])
def test_a_login(landing, secured_kafka, password, link):
    lands = landing(1)
    kafka, ca = secured_kafka
    config = over_tls(lands, kafka.secured.port, ca)
    config["source"]["topics"] = [kafka.create_topic(1)]
    config["source"]["auth"] = {"type": "sasl-scram-512", "username": USER, "password": password}
    code, found = findings(lands, config)
    assert password not in json.dumps(found)
    certificate = row(found, "kafka tls")["text"]
    assert "CN = localhost, issued by CN = test CA, until " in certificate and "TLSv1.3" in certificate
    if link:
        assert code == 3
        ends_at(found, KAFKA_LINKS, link, "SCRAM", f"localhost:{kafka.secured.port}")
    else:
        assert row(found, "kafka login")["text"].endswith(f"SCRAM-SHA-512 as {USER}")


def test_a_topic_that_is_missing_ends_the_chain(landing):
    lands = landing(1)
    code, found = findings(lands, merged(lands.config(), {"source": {"topics": ["no-such-topic"]}}))
    assert code == 3
    ends_at(found, KAFKA_LINKS, "topic", "no-such-topic")


# The sink: proxy, name, TCP, TLS, clock, list

def sink_at(lands, url: str) -> dict:
    config = lands.config()
    config["sink"] = {"url": url, "auth": {"type": "shared-key", "key": "A" * 86 + "=="}}
    return config


def test_a_store_whose_name_nobody_knows(landing):
    lands = landing(1)
    code, found = findings(lands, sink_at(lands, "https://no-such-account.blob.invalid/lake"))
    assert code == 3
    ends_at(found, SINK_LINKS, "sink dns", "no-such-account.blob.invalid", "sink.url")
    assert row(found, "kafka login")["ok"], "the other side is walked all the same"


def test_a_store_that_nobody_listens_as(landing):
    lands = landing(1)
    port = free_port()
    code, found = findings(lands, sink_at(lands, f"http://127.0.0.1:{port}/devstoreaccount1/lake"))
    assert code == 3
    ends_at(found, SINK_LINKS, "sink tcp", f"127.0.0.1:{port}", "refused", "sink.url")


def test_tls_to_a_store_without(landing):
    lands = landing(1)
    code, found = findings(lands, sink_at(lands, f"https://127.0.0.1:{lands.azurite.port}/devstoreaccount1/lake"))
    assert code == 3
    ends_at(found, SINK_LINKS, "sink tls", "TLS", "sink.url")


def clock(lands, proxy, off: datetime.timedelta) -> tuple[int, list[dict]]:
    there = datetime.datetime.now(datetime.timezone.utc) + off
    fault = Fault(lambda request: request.method == "HEAD", count=1, status=404, code="BlobNotFound",
                  headers={"Date": format_datetime(there, usegmt=True)})
    proxy.add(fault)
    found = findings(lands, lands.config(proxy.port))
    assert fault.requests, "the clock was asked for"
    return found


def test_a_clock_that_is_wrong(landing, proxy):
    lands = landing(1)
    code, found = clock(lands, proxy, datetime.timedelta(minutes=20))
    assert code == 3
    ends_at(found, SINK_LINKS, "sink clock", "GMT, and the store's is", "15 minutes")


def test_a_clock_that_is_a_little_wrong(landing, proxy):
    lands = landing(1)
    code, found = clock(lands, proxy, datetime.timedelta(minutes=-3))
    assert code == 0, found
    assert row(found, "sink clock")["warning"] and " s apart" in row(found, "sink clock")["text"]
    assert row(found, "sink conditional put")["tried"]


def test_a_proxy_is_named_and_never_its_password(landing):
    lands = landing(1)
    port = free_port()
    code, found = findings(lands, sink_at(lands, "https://contoso.blob.core.windows.net/lake"),
                           https_proxy=f"http://user:topsecret@127.0.0.1:{port}")
    assert code == 3
    assert f"https_proxy names 127.0.0.1:{port}" in row(found, "sink proxy")["text"]
    ends_at(found, SINK_LINKS, "sink tcp", "https_proxy")
    assert "topsecret" not in json.dumps(found)


def test_loopback_is_never_reached_by_a_proxy(landing):
    """Neither check nor run. The proxy that the environment names does not exist."""
    lands = landing(1)
    nowhere = f"http://127.0.0.1:{free_port()}"
    code, found = findings(lands, lands.config(), http_proxy=nowhere, all_proxy=nowhere)
    assert code == 0, found
    assert not [finding for finding in found if finding["subject"] == "sink proxy"]


def test_the_rows_stand_in_columns(landing):
    lands = landing(1)
    done = run_command("check", "--config", lands.penstock().file, timeout_s=120)
    lines = done.stdout.splitlines()
    width = 7 + max(len(link) for link in (*KAFKA_LINKS, *SINK_LINKS)) + 1
    assert all(line[width - 1] == " " and line[width] != " " for line in lines), done.stdout
