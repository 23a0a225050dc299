"""Every identity from end to end: penstock gets tokens for both sides, a real broker checks their signature by a key set, and
Azurite takes them over TLS. Who issues the tokens is a double (harness/entra.py, harness/metadata_services.py)."""

import contextlib
import itertools
import re
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from harness.at_once import all_of
from harness.azurite import Azurite
from harness.book import Book
from harness.entra import CLIENT, ISSUER, SECRET, TENANT, Application, Entra, federated_token
from harness.kafka import Kafka
from harness.lake import assert_exactly, landed_records, read_container
from harness.metadata_services import SYSTEM, USER_CLIENT, USER_OBJECT, USER_RESOURCE, AppService, Arc, Imds
from harness.paths import penstock_binary
from harness.penstock import Penstock, base_config, merged, run_command
from harness.security import Authority, SecuredByKeySet
from harness.service import free_port, wait_until
from harness.token_server import WEB_PAGE, Fault, SigningKey, TokenServer

AUDIENCE = "https://contoso.servicebus.windows.net"
STORAGE = "https://storage.azure.com"
PARTITIONS = 2
VARIABLES = ["AZURE_FEDERATED_TOKEN_FILE", "AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_AUTHORITY_HOST",
             "AZURE_POD_IDENTITY_AUTHORITY_HOST", "IDENTITY_ENDPOINT", "IDENTITY_HEADER", "IMDS_ENDPOINT",
             "IDENTITY_SERVER_THUMBPRINT"]


class Place:
    """The broker and the store of this file, and the keys of all who issue something."""

    def __init__(self, directory):
        authority = Authority("penstock test CA")
        self.ca = authority.write(directory / "ca.pem")
        self.certificate = directory / "server.pem"
        authority.issue("localhost", self.certificate)
        self.key, self.cluster = SigningKey(), SigningKey()
        self.application = Application(directory / "application.pem")
        self.port = free_port()
        self.kafka = Kafka(directory / "kafka", SecuredByKeySet(
            self.port, self.certificate, key_set=self.key.write_key_set(directory / "keys.json"), audience=AUDIENCE,
            issuer=ISSUER))
        self.azurite = Azurite(directory / "azurite", self.certificate, self.ca, oauth=True)

    def entra(self, lives_s: float = 3600) -> Entra:
        return Entra(self.key, self.certificate, lives_s, self.application.certificate, self.cluster)


@pytest.fixture(scope="module")
def place(binary, tmp_path_factory):
    place = Place(tmp_path_factory.mktemp("identity"))
    place.kafka.format()
    place.kafka.start()
    place.azurite.start()
    yield place
    place.kafka.kill()
    place.azurite.service.kill()


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


@dataclass
class Way:
    """A way in: what is written below auth, what the environment says, and who is asked. `says`: how the log names it."""

    double: TokenServer
    auth: dict
    says: str
    environment: dict = field(default_factory=dict)
    hidden: list = field(default_factory=list)  # what must be nowhere in the output

    def assert_no_secret(self, *texts: str):
        assert self.double.tokens or self.double.fault
        for secret in [*self.double.tokens, *self.double.secrets, *self.hidden]:
            assert not secret or not [text for text in texts if secret in text]


def by_secret(place, directory, lives_s=3600):
    file = directory / "client-secret"
    file.write_text(SECRET)
    double = place.entra(lives_s)
    return Way(double, {"type": "client-secret", "tenant_id": TENANT, "client_id": CLIENT, "authority": double.url,
                        "authority_ca": str(place.ca), "client_secret": f"${{file:{file}}}"},
               f"application {CLIENT} of tenant {TENANT}", hidden=[SECRET])


def by_certificate(place, directory, lives_s=3600):
    double = place.entra(lives_s)
    return Way(double, {"type": "client-certificate", "tenant_id": TENANT, "client_id": CLIENT, "authority": double.url,
                        "authority_ca": str(place.ca), "certificate_file": str(place.application.file)},
               f"application {CLIENT} of tenant {TENANT}, by its certificate",
               hidden=[place.application.file.read_text().splitlines()[3]])  # of its private key


def by_workload(place, directory, lives_s=3600):
    file = directory / "federated"
    file.write_text(federated_token(place.cluster) + "\n")
    double = place.entra(lives_s)
    return Way(double, {"type": "workload-identity", "tenant_id": TENANT, "client_id": CLIENT, "authority": double.url,
                        "authority_ca": str(place.ca), "token_file": str(file)},
               f"workload identity {CLIENT} of tenant {TENANT}")


def by_pod(place, directory, lives_s=3600):
    """What AKS' webhook sets, and not a word in the configuration."""
    way = by_workload(place, directory, lives_s)
    return Way(way.double, {"type": "entra", "authority_ca": str(place.ca)}, way.says + ", as AZURE_FEDERATED_TOKEN_FILE is set",
               {"AZURE_AUTHORITY_HOST": way.double.url + "/", "AZURE_TENANT_ID": TENANT, "AZURE_CLIENT_ID": CLIENT,
                "AZURE_FEDERATED_TOKEN_FILE": way.auth["token_file"]})


def by_machine(place, directory, lives_s=86400):
    double = Imds(place.key, lives_s)
    return Way(double, {"type": "entra"}, "the system-assigned managed identity (IMDS), as AZURE_FEDERATED_TOKEN_FILE is not set",
               double.environment())


def by_client_id(place, directory, lives_s=86400):
    double = Imds(place.key, lives_s)
    return Way(double, {"type": "managed-identity", "client_id": USER_CLIENT}, f"managed identity {USER_CLIENT} (IMDS)",
               double.environment())


def by_resource_id(place, directory, lives_s=86400):
    double = Imds(place.key, lives_s)
    return Way(double, {"type": "managed-identity", "resource_id": USER_RESOURCE}, f"managed identity {USER_RESOURCE} (IMDS)",
               double.environment())


def by_app_service(place, directory, lives_s=86400):
    double = AppService(place.key, lives_s)
    return Way(double, {"type": "managed-identity", "object_id": USER_OBJECT}, f"managed identity {USER_OBJECT} (App Service)",
               double.environment())


def by_arc(place, directory, lives_s=86400):
    try:
        double = Arc(place.key, lives_s)
    except PermissionError as refused:
        pytest.skip(f"Arc's agent writes keys where only root may: {refused}")
    return Way(double, {"type": "managed-identity"}, "the system-assigned managed identity (Azure Arc)", double.environment())


WAYS = [by_secret, by_certificate, by_workload, by_pod, by_machine, by_client_id, by_resource_id, by_app_service, by_arc]


def name_of(way) -> str:
    return way.__name__.removeprefix("by_")


class Line:
    """A topic, its producer's book, a container, and a penstock between them that has tokens for both sides."""

    _numbers = itertools.count()

    def __init__(self, place: Place, directory, source: Way, sink: Way, monkeypatch, fetch: str = "direct"):
        self.place, self.ways, self._directory = place, (source, sink), directory / f"penstock-{next(self._numbers)}"
        for name, value in {**source.environment, **sink.environment}.items():
            monkeypatch.setenv(name, value)
        self.topic = place.kafka.create_topic(PARTITIONS)
        self.book = Book(place.kafka, self.topic)
        self.container = place.azurite.create_container()
        self.config = merged(
            base_config(self._directory, [self.topic], f"localhost:{place.port}", {
                "url": f"{place.azurite.account_url(None)}/{self.container}/raw", "auth": sink.auth,
                "tls": {"ca": str(place.ca)}}),
            {"source": {"group": f"group-{self.topic}", "fetch": fetch, "auth": {**source.auth, "scope": f"{AUDIENCE}/.default"},
                        "tls": {"enabled": True, "ca": str(place.ca)},
                        "librdkafka": {"reconnect.backoff.max.ms": 1000, "session.timeout.ms": 30000}},
             "batch": {"max_age": "1s"}})

    def penstock(self, *arguments: str) -> Penstock:
        return Penstock(self._directory, self.config, *arguments)

    def wait_landed(self, timeout_s: float = 60):
        wait_until(lambda: landed_records(self.place.azurite, self.container) >= self.book.line_count, timeout_s,
                   f"{self.book.line_count} records landed", 0.3)

    def assert_exactly(self):
        assert_exactly(self.book, read_container(self.place.azurite, self.container))


@pytest.fixture
def ways(place, tmp_path):
    """ways(a way, its tokens' life) -> Way"""
    with contextlib.ExitStack() as ends:
        def make(way, *life) -> Way:
            made = way(place, tmp_path, *life)
            ends.callback(made.double.end)
            return made

        make.ends = ends
        yield make


@pytest.mark.parametrize("make", WAYS, ids=name_of)
def test_records_land_by(place, ways, tmp_path, monkeypatch, make):
    way = ways(make)
    lands = Line(place, tmp_path, way, way, monkeypatch)
    lands.book.spread(PARTITIONS, 200, 300)
    with lands.penstock("--exit-at-end") as penstock:
        penstock.service.start()
        assert penstock.wait(60) == 0, penstock.output
        assert way.says in penstock.output
        way.assert_no_secret(penstock.output, penstock.file.read_text())
        audiences = [place.key.claims_of(token)["aud"] for token in way.double.tokens]
        assert sorted(audiences) == [AUDIENCE, STORAGE], "one token an audience and process"
        assert not way.double.complaints
    lands.assert_exactly()


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_tokens_of_two_minutes_for_ten_minutes(place, ways, tmp_path, monkeypatch):
    """Both sides and both sources: no record is lost or doubled, and nobody is refused."""
    life, run_s = 120, 600
    pairs = {"direct": (ways(by_secret, life), ways(by_certificate, life)),
             "librdkafka": (ways(by_workload, life), ways(by_machine, life))}
    lines = {fetch: Line(place, tmp_path, *pair, monkeypatch, fetch) for fetch, pair in pairs.items()}
    with contextlib.ExitStack() as stack:
        running = {fetch: stack.enter_context(line.penstock().start()) for fetch, line in lines.items()}
        until = time.monotonic() + run_s
        while time.monotonic() < until:
            for line in lines.values():
                line.book.spread(PARTITIONS, 100, 300)
            time.sleep(0.25)
            for fetch, penstock in running.items():
                assert penstock.service.running, penstock.output[-3000:]
        for line in lines.values():
            line.wait_landed(120)
        for fetch, penstock in running.items():
            renewals = {side: penstock.metric("penstock_token_renewals_total", side=side) for side in ("source", "sink")}
            assert all(count >= run_s / life for count in renewals.values()), renewals
            assert penstock.metric("penstock_token_failures_total") == 0
            assert penstock.get("/readyz")[0] == 200
            assert penstock.terminate() == 0, penstock.output[-3000:]
            for word in ("refused", "403", "401", "invalid_token", "AuthenticationFailed", "is doubled"):
                assert word not in penstock.output, penstock.output[-6000:]
            for way in pairs[fetch]:
                assert not way.double.complaints
                way.assert_no_secret(penstock.output, penstock.file.read_text())
            lines[fetch].assert_exactly()
            verified = run_command("verify", "--config", penstock.file, "--deep", timeout_s=300)
            assert verified.returncode == 0, verified.stdout + verified.stderr
            print(f"{fetch}: {lines[fetch].book.line_count} records, tokens renewed {renewals}")
    refused = re.findall(r".*(?:Failed authentication|invalid_token).*", place.kafka.service.output())
    assert not refused, refused[:5]


# Sources of tokens times their faults. One process has two of them, one a side.

PAIRS = [(by_secret, by_machine), (by_certificate, by_app_service), (by_workload, by_arc)]
TOKENLESS = {"token_type": "Bearer", "expires_in": 3600}

LONG = {"hang", "slow"}  # half a minute each, and the same code for all

# Fault; what is said of Entra, and what of a service of the machine. All of these may pass.
PASSING = {
    "hang": (Fault(hang=True), "hangs, or something in between does", "hangs, or something in between does"),
    "slow": (Fault(200, b"{" + b" " * 300, slow_s=1), "hangs, or something in between does", "hangs, or something in between does"),
    "cut": (Fault(200, TOKENLESS, cut=True), "the connection was closed within the answer", "the connection was closed within the answer"),
    "close": (Fault(close=True), "without an answer", "without an answer"),
    "503": (Fault(503, {}), "Entra has a fault of its own (503)", "it has a fault of its own (503)"),
    "500 page": (Fault(500, WEB_PAGE), "Entra has a fault of its own (500)", "it has a fault of its own (500)"),
    "429": (Fault(429, {}, {"Retry-After": "3"}), "Entra asks to slow down (429)", "it asks to slow down (429)"),
    "page": (Fault(200, WEB_PAGE), "it is no JSON object", "it is no JSON object"),
    "no token": (Fault(200, TOKENLESS), "access_token is missing", "access_token is missing"),
    "no end": (Fault(200, {"access_token": "x"}), "does not say when it expires", "does not say when it expires"),
    "ended": (Fault(200, {"access_token": "x", "expires_in": "0"}), "see this machine's clock", "see this machine's clock"),
}

DESCRIBED = {"error": "invalid_client", "error_description": "AADSTS7000222: The provided client secret keys are expired.",
             "trace_id": "7c7c", "timestamp": "2026-01-31 10:00:00Z"}
# Those that a person must mend.
LASTING = {
    "400": (Fault(400, DESCRIBED), "the client secret has expired: make a new one for the application (400, invalid_client, "
            "AADSTS7000222, trace 7c7c, 2026-01-31 10:00:00Z)", "no identity is assigned to this machine"),
    "403 page": (Fault(403, WEB_PAGE), "not an answer of Entra but of something in between", "it cannot be reached from here"),
    "302": (Fault(302, b"", {"Location": "http://127.0.0.1:1/"}), "not an answer of Entra but of something in between",
            "an answer that is none of its own"),
}


def cells(place, ways, tmp_path, faults: dict) -> list[tuple]:
    """Name, fault, words of either side, its ways, and a penstock that is not started."""
    topic, container = place.kafka.create_topic(1), place.azurite.create_container()
    made = []
    for (name, (fault, *words)), (source, sink) in itertools.product(faults.items(), PAIRS):
        if name in LONG and source is not by_certificate:
            continue
        directory = tmp_path / f"{name_of(source)}-{name_of(sink)}-{name.replace(' ', '-')}"
        directory.mkdir()
        pair = ways(source), ways(sink)
        for way in pair:
            way.double.fault = fault
        config = merged(
            base_config(directory, [topic], f"localhost:{place.port}", {
                "url": f"{place.azurite.account_url(None)}/{container}/raw", "auth": pair[1].auth, "tls": {"ca": str(place.ca)}}),
            {"source": {"group": directory.name, "auth": {**pair[0].auth, "scope": f"{AUDIENCE}/.default"},
                        "tls": {"enabled": True, "ca": str(place.ca)}}})
        penstock = Penstock(directory, config)
        for way in pair:
            penstock.service.env.update(way.environment)
        made.append((directory.name, words, pair, penstock))
    return made


def check_of(penstock) -> subprocess.CompletedProcess:
    return subprocess.run([penstock_binary(), "check", "--config", penstock.file], env=penstock.service.env, text=True,
                          capture_output=True, timeout=60, stdin=subprocess.DEVNULL)


def test_what_may_pass_is_said_and_waited_for(place, ways, tmp_path):
    def run(name, words, pair, penstock):
        with penstock:
            penstock.service.start()
            seen = wait_until(lambda: (body := penstock.get("/readyz")[1]).count(": asking ") == 2 and body, 60,
                              f"{name}: /readyz has both")
            print(name, "->", seen)
            for side, (way, said) in zip(("source", "sink"), zip(pair, words)):
                assert re.search(rf"{side}\.auth: there is no token yet, of .*{re.escape(said)}", seen), seen
                assert penstock.metric("penstock_token_failures_total", side=side) > 0, f"{name} leaves no trace in a metric"
                way.double.fault = None
            wait_until(lambda: penstock.get("/readyz")[0] == 200, 60, f"{name}: it goes on by itself")
            assert penstock.terminate() == 0, penstock.output
            for way in pair:
                way.assert_no_secret(penstock.output, seen)

    all_of(cells(place, ways, tmp_path, PASSING), run, 6)


def test_what_a_person_must_mend_ends_the_start(place, ways, tmp_path):
    def run(name, words, pair, penstock):
        with penstock:
            penstock.service.start()
            penstock.ends_with(1, "source.auth: ", words[0])
        check = check_of(penstock)
        assert check.returncode == 3, check.stdout + check.stderr
        rows = [line for line in check.stdout.splitlines() if line.split()[1] == "token"]
        print(name, "->", rows)
        for side, said in zip(("source", "sink"), words):
            assert [row for row in rows if row.startswith("FAULT") and f"{side}: none of" in row and said in row], rows

    all_of(cells(place, ways, tmp_path, LASTING), run, 4)


# What is wrong at home: in a file, in the environment, in the configuration; and what the doubles refuse by themselves.

def secret_that_is_its_id(place, way):
    way.auth["client_secret"] = "7f0c4d7e-9a53-2f6c-1a9d-4b100b1e3a52"
    way.hidden.append(way.auth["client_secret"])


def certificate_of_another(place, way):
    file = place.application.file.with_name("another.pem")
    Application(file)
    way.auth["certificate_file"] = str(file)


def certificate_that_is_not_there(place, way):
    way.auth["certificate_file"] = "/nowhere/application.pem"


def certificate_without_key(place, way):
    way.auth["certificate_file"] = str(place.ca)


def token_of(**changes):
    def spoil(place, way):
        token = federated_token(place.cluster, **changes)
        way.hidden.append(token)
        file = Path(way.auth["token_file"])
        file.write_text(token)
    return spoil


def token_that_is_not_there(place, way):
    way.auth["token_file"] = "/nowhere/token"


def authority_of_nobody(place, way):
    way.auth.pop("authority_ca")


def client_of_another_tenant(place, way):
    way.auth["client_id"] = TENANT


def tenant_that_is_none(place, way):
    way.auth["tenant_id"] = CLIENT


def namespace_of_another_tenant(place, way):
    way.double.resources = {STORAGE}


def no_identity(place, way):
    way.double.identities = []


def identity_of_another_machine(place, way):
    way.auth = {"type": "managed-identity", "client_id": CLIENT}


def nobody_there(place, way):
    way.environment["AZURE_POD_IDENTITY_AUTHORITY_HOST"] = f"http://127.0.0.1:{free_port()}"


def wrong_header(place, way):
    way.environment["IDENTITY_HEADER"] = "another"


def challenge_that_names(path: str):
    def spoil(place, way):
        way.double.renamed = lambda file: path
    return spoil


def key_of(written):
    def spoil(place, way):
        way.double.written = written
    return spoil


def agent_of_old(place, way):
    """It does not know of the identities that a user assigns."""
    way.auth = {"type": "managed-identity", "client_id": USER_CLIENT}
    known = way.double.members
    way.double.members = lambda query, named: {**known(query, named), "client_id": SYSTEM}


AT_HOME = [
    (by_machine, nobody_there, "asking the metadata service of this machine for a token: request to 127.0.0.1"),  # slow, so first
    (by_secret, secret_that_is_its_id, "write the secret's value, not its id (401, invalid_client, AADSTS7000215, trace "),
    (by_secret, client_of_another_tenant, "the application is not in this tenant: see client_id and tenant_id (400"),
    (by_secret, tenant_that_is_none, "there is no such tenant: see tenant_id"),
    (by_secret, namespace_of_another_tenant, "the resource is not in this tenant"),
    (by_secret, authority_of_nobody, "authority_ca"),
    (by_certificate, certificate_of_another, "the certificate is not registered with the application"),
    (by_certificate, certificate_that_is_not_there, "/nowhere/application.pem"),
    (by_certificate, certificate_without_key, "ca.pem"),
    (by_workload, token_of(lives_s=-1), "the assertion is not within its time"),
    (by_workload, token_of(sub="system:serviceaccount:default:default"), "system:serviceaccount:NAMESPACE:NAME"),
    (by_workload, token_of(aud="api://another"), "it is api://AzureADTokenExchange"),
    (by_workload, token_of(iss="https://another/"), "see the cluster's OIDC issuer address"),
    (by_workload, token_that_is_not_there, "/nowhere/token"),
    (by_machine, no_identity, "no identity is assigned to this machine"),
    (by_client_id, identity_of_another_machine, "or not the one that is named"),
    (by_app_service, wrong_header, "it refuses whoever asks"),
    (by_arc, challenge_that_names("/etc/passwd"), "names a file that is no key in /var/opt/azcmagent/tokens/"),
    (by_arc, challenge_that_names("/var/opt/azcmagent/tokens/not-there.key"), "not-there.key"),
    (by_arc, key_of(lambda content: content * 100), "4096"),
    (by_arc, key_of(lambda content: "0" * 64), "it refuses the key of its challenge"),
    (by_arc, agent_of_old, "it gave that of another identity than was asked for: update the agent"),
]


def test_what_is_wrong_at_home_is_said(place, ways, tmp_path):
    jobs = []
    for number, (make, spoil, words) in enumerate(AT_HOME):
        directory = tmp_path / f"{number:02}-{name_of(make)}"
        directory.mkdir()
        way = make(place, directory)
        ways.ends.callback(way.double.end)
        spoil(place, way)
        config = merged(
            base_config(directory, ["none"], f"localhost:{place.port}", {"url": f"file://{directory}/lake"}),
            {"source": {"auth": {**way.auth, "scope": f"{AUDIENCE}/.default"}, "tls": {"enabled": True, "ca": str(place.ca)}}})
        penstock = Penstock(directory, config)
        penstock.service.env.update(way.environment)
        jobs.append((f"{number} {name_of(make)} {spoil.__name__}", way, words, penstock))

    def run(name, way, words, penstock):
        check = check_of(penstock)
        rows = [line for line in check.stdout.splitlines() if line.split()[1] == "token"]
        print(name, "->", rows, check.stderr)
        assert check.returncode == 3 and len(rows) == 1, check.stdout + check.stderr
        assert rows[0].startswith("FAULT") and words in rows[0], rows[0]
        told = check.stdout + check.stderr
        assert not [secret for secret in [*way.double.secrets, *way.hidden] if secret and secret in told]

    all_of(jobs, run, 4)
