"""What a bounded run, a replay and a verification tell a terminal meanwhile: one line that is rewritten. And what they tell
where there is no terminal."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
import threading

import pytest

from harness.paths import penstock_binary
from harness.penstock import merged

COLUMNS = 90


def on_a_terminal(*words, timeout_s: float = 90) -> tuple[int, str]:
    """Exit code, and what standard error wrote to a terminal of so many columns."""
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 24, COLUMNS, 0, 0))
    written = []

    def read():
        try:
            while piece := os.read(ours, 4096):
                written.append(piece)
        except OSError:  # the other end is closed
            pass

    process = subprocess.Popen([penstock_binary(), *map(str, words)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=its)
    os.close(its)
    reader = threading.Thread(target=read)
    reader.start()
    try:
        code = process.wait(timeout_s)
    finally:
        process.kill()
        reader.join(10)
        os.close(ours)
    return code, b"".join(written).decode()


def rewritten(text: str) -> list[str]:
    """What stood in the line, one after the other."""
    return re.findall(r"\r([^\r\n\x1b]+)\x1b\[K", text)


@pytest.fixture
def many(landing):
    lands = landing(2)
    lands.book.spread(2, 30_000, 1000)
    config = merged(lands.config(), {"batch": {"max_bytes": "1MiB"}, "admin": {"listen": "none"}})
    return lands, lands.penstock(config)


def test_a_bounded_run_rewrites_one_line_and_log_lines_stay_whole(many):
    lands, service = many
    code, text = on_a_terminal("run", "--config", service.file, "--exit-at-end")
    assert code == 0, text
    shown = rewritten(text)
    assert shown and all(re.match(r"landed [\d,]+ of 30,000 offsets \(\d+ %\)", line) for line in shown), shown
    assert any(re.search(r", [\d,]+ offsets/s, \d+m?\d*s left$", line) for line in shown), shown
    assert max(map(len, shown)) < COLUMNS
    done = [int(line.split()[1].replace(",", "")) for line in shown]
    assert done == sorted(done)
    lines = [re.split(r"\x1b\[K", line)[-1].rstrip("\r") for line in text.split("\n") if line.strip("\r")]
    assert all(re.match(r"(2\d{3}-\d\d-\d\dT|penstock: )", line) for line in lines), lines


def test_a_deep_verification_knows_how_much_it_reads(many):
    lands, service = many
    code, _ = on_a_terminal("run", "--config", service.file, "--exit-at-end")
    assert code == 0
    code, text = on_a_terminal("verify", "--config", service.file, "--deep")
    assert code == 0, text
    assert text.endswith("\r\x1b[K") or not rewritten(text), "the line is cleared at the end"
    for line in rewritten(text):
        assert re.match(r"(counting|looking): [\d,]+ blobs", line), line
        read = re.search(r"read ([\d.]+) of ([\d.]+) MB \((\d+) %\)", line)
        assert "read" not in line or (read and float(read[1]) <= float(read[2]) and 29 < float(read[2]) < 32), line


def test_without_a_terminal_the_log_tells_it_now_and_then(many, proxy):
    """In plain lines, with the time in front as all others: one each ten seconds."""
    lands, _ = many
    slow = lands.penstock(merged(lands.config(proxy.port), {"batch": {"max_age": "2s"}, "admin": {"listen": "none"}}))
    proxy.down()
    running = subprocess.Popen([penstock_binary(), "run", "--config", slow.file, "--exit-at-end"], stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    told = ""
    while " info landed 0 " not in told and (line := running.stderr.readline()):
        told += line
    proxy.up()
    told += running.stderr.read()
    assert running.wait(60) == 0, told
    assert re.search(r"^2\S+ info landed 0 of 30,000 offsets \(0 %\)$", told, re.M), told
    assert "\r" not in told and "\x1b" not in told
