"""Tokens that penstock gets for itself: renewed while records land, asked for anew when a broker refuses one, and what is
said of an identity that there is not. The metadata service is the test's, the broker is a real one."""

import contextlib
import json
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from harness.lake import assert_exactly, read_directory
from harness.penstock import run_command
from harness.security import bearer_token
from harness.service import wait_until
from test_security import FETCHES, PARTITIONS, Line, Place

SCOPE = "https://contoso.servicebus.windows.net/.default"
AUDIENCE = SCOPE.removesuffix("/.default")
WRONG = {"error": "invalid_request", "error_description": "Identity not found"}


class MetadataService:
    """IMDS, as far as penstock asks it. A token lives for `lives_s`, and says of itself `told_s`."""

    def __init__(self, lives_s: float, told_s: float | None = None):
        self.lives_s, self.told_s = lives_s, told_s
        self.fault: tuple[int, dict] | None = None
        self.tokens: list[str] = []
        self.asked = 0
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                status, body = service.answer(urllib.parse.urlparse(self.path), self.headers)
                content = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def answer(self, asked, headers) -> tuple[int, dict]:
        query = urllib.parse.parse_qs(asked.query)
        assert asked.path == "/metadata/identity/oauth2/token" and headers["Metadata"] == "true"
        assert query["resource"] == [AUDIENCE], query
        self.asked += 1
        if self.fault:
            return self.fault
        token = bearer_token(self.lives_s)
        self.tokens.append(token)
        told = self.lives_s if self.told_s is None else self.told_s
        return 200, {"access_token": token, "expires_in": str(int(told)), "expires_on": str(int(time.time() + told)),
                     "resource": AUDIENCE, "token_type": "Bearer"}

    def end(self):
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture(scope="module")
def place(binary, tmp_path_factory):
    place = Place(tmp_path_factory.mktemp("tokens"))
    place.kafka.format()
    place.kafka.start()
    yield place
    place.kafka.kill()


@pytest.fixture
def service_of(monkeypatch):
    """service_of(...) -> the MetadataService that every penstock of this test asks"""
    with contextlib.ExitStack() as ends:
        def begin(*arguments) -> MetadataService:
            service = MetadataService(*arguments)
            ends.callback(service.end)
            monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", service.url)
            return service
        yield begin


def line_of(place: Place, directory, fetch: str) -> Line:
    return Line(place, directory, {"type": "managed-identity", "scope": SCOPE}, fetch)


def assert_no_secret(penstock, service: MetadataService):
    said = penstock.output + penstock.file.read_text()
    assert service.tokens and not [token for token in service.tokens if token in said]


@pytest.mark.parametrize("fetch", FETCHES)
def test_a_token_is_renewed_while_records_land(place, service_of, tmp_path, fetch):
    service = service_of(8)
    lands = line_of(place, tmp_path, fetch)
    with lands.penstock().start() as penstock:
        while len(service.tokens) < 4:
            lands.book.spread(PARTITIONS, 20, 100)
            time.sleep(0.2)
        lands.wait_landed()
        assert penstock.metric("penstock_token_renewals_total", side="source", audience=AUDIENCE) >= 4
        assert penstock.metric("penstock_token_failures_total", audience=AUDIENCE) == 0
        left = penstock.metric("penstock_token_expiry_timestamp_seconds", audience=AUDIENCE) - time.time()
        assert 0 < left <= 8
        assert penstock.terminate() == 0
        for word in ("refused", "SASL", "authentication"):
            assert word not in penstock.output, penstock.output
        assert_no_secret(penstock, service)
    assert_exactly(lands.book, read_directory(lands.lake))


def test_a_token_that_a_broker_refuses_is_replaced(place, service_of, tmp_path):
    """It ends long before the service said. Nobody but the broker can tell, at the next login; and a token is not asked
    for again within half a minute of the last."""
    service = service_of(12, 3600)
    lines = {fetch: line_of(place, tmp_path, fetch) for fetch in FETCHES}
    with contextlib.ExitStack() as stack:
        running = {fetch: stack.enter_context(lands.penstock().start()) for fetch, lands in lines.items()}
        at_first = len(service.tokens)
        assert at_first == len(FETCHES), "one token for each process"
        for lands in lines.values():
            lands.book.spread(PARTITIONS, 100, 100)
            lands.wait_landed()
        service.lives_s = 3600
        wait_until(lambda: len(service.tokens) == 2 * at_first, 90, "a new token for each process")
        for lands in lines.values():
            lands.book.spread(PARTITIONS, 100, 100)
        for lands in lines.values():
            lands.wait_landed()
        for fetch, penstock in running.items():
            wait_until(lambda: penstock.get("/readyz")[0] == 200, 60, f"{fetch} is ready again")
            assert_no_secret(penstock, service)
            assert penstock.terminate() == 0
        assert "a new token is asked for" in running["direct"].output
        assert len(service.tokens) == 2 * at_first, "and no more"
    for lands in lines.values():
        assert_exactly(lands.book, read_directory(lands.lake))


def test_an_identity_that_there_is_not_ends_the_start(place, service_of, tmp_path):
    service = service_of(60)
    service.fault = (400, WRONG)
    lands = line_of(place, tmp_path, "direct")
    with lands.penstock() as penstock:
        penstock.service.start()
        penstock.ends_with(1, "source.auth: ", "no identity is assigned to this machine")
        check = run_command("check", "--config", penstock.file)
        assert check.returncode == 3
        row = [line for line in check.stdout.splitlines() if line.split()[1:2] == ["token"]]
        assert len(row) == 1 and row[0].startswith("FAULT") and "system-assigned managed identity" in row[0], check.stdout


def test_what_a_service_that_fails_for_a_while_does(place, service_of, tmp_path):
    """At the start it is waited for. Later the old token serves, and the end of it is told before it comes."""
    service = service_of(40)  # when its renewal fails, a fifth is left
    service.fault = (503, {})
    lands = line_of(place, tmp_path, "direct")
    with lands.penstock() as penstock:
        penstock.service.start()
        wait_until(lambda: "there is no token yet" in penstock.get("/readyz")[1], 30, "/readyz says what is awaited")
        assert "503" in penstock.get("/readyz")[1]
        service.fault = None
        wait_until(lambda: penstock.get("/readyz")[0] == 200, 60, "it goes on by itself")
        check = run_command("check", "--config", penstock.file)
        row = [line for line in check.stdout.splitlines() if line.split()[1:2] == ["token"]]
        assert len(row) == 1 and row[0].startswith("ok") and AUDIENCE in row[0] and ", until 20" in row[0], check.stdout
        service.fault = (503, {})
        wait_until(lambda: "was not renewed" in penstock.get("/readyz")[1], 120, "the token that is not renewed is named")
        lands.book.spread(PARTITIONS, 100, 100)
        lands.wait_landed()
        assert penstock.metric("penstock_token_failures_total", audience=AUDIENCE) >= 1
        service.fault = None
        wait_until(lambda: penstock.get("/readyz")[0] == 200, 60, "it is renewed")
        assert penstock.terminate() == 0
        assert_no_secret(penstock, service)
    assert_exactly(lands.book, read_directory(lands.lake))
