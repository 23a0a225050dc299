"""No secret may be told: whatever penstock writes or answers in the tests is looked through, for the secrets that the tests
made and for what looks like one."""

import re
from pathlib import Path

_known: set[str] = set()
_LOOKS_LIKE = re.compile(
    r"sig=[A-Za-z0-9%/+=_-]{16,}"          # of a SAS
    r"|Account[Kk]ey=[^;\s\"']{16,}|SharedAccessKey=[^;\s\"']{16,}"
    r"|eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\."  # a JSON Web Token
    r"|client_secret=[^&\s]{4,}|client_assertion=[^&\s]{8,}"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----")


def secret(text: str) -> str:
    """The same text, and from now on nobody may tell it."""
    if len(text) >= 8:
        _known.add(text)
    return text


def first_secret(text: str) -> str | None:
    """What is told there, and where; the secret itself is cut."""
    found = _LOOKS_LIKE.search(text)
    begin = found.start() if found else next((at for known in _known if (at := text.find(known)) >= 0), -1)
    if begin < 0:
        return None
    line = text[text.rfind("\n", 0, begin) + 1:begin + 6]
    return f"...{line[-200:]}... ({'looks like one' if found else 'made by a test'})"


def assert_none(text: str, where: str):
    told = first_secret(text)
    assert told is None, f"{where} tells a secret: {told}"


def in_logs(directory: Path) -> list[str]:
    """Of every log below the directory that tells one."""
    told = []
    for log in sorted([*directory.rglob("penstock.log"), *directory.rglob("run.log")]):
        if (found := first_secret(log.read_text(errors="replace"))) is not None:
            told.append(f"{log}: {found}")
    return told
