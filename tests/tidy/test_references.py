"""What comments and pages refer to exists: pages, rules of the claim protocol, links with their anchors, source files."""

import posixpath
import re
from functools import cache
from pathlib import Path

import pytest
from comments import comments_of, cpp_comments, text_of, tracked

PROTOCOL = "src/ledger/PROTOCOL.md"  # comments anywhere may name it without its directory
COMMENTED = ("src/", "include/", "tests/", "bench/")

# A file's name as it stands in prose. What follows a placeholder, a wildcard or an angle bracket is no name of a file of ours.
BEFORE_NAME = r"(?<![\w/.<>{}*$@~-])"
PAGE = re.compile(BEFORE_NAME + r"((?:\.\.?/)*(?:[\w.-]+/)*[\w-]+\.md)\b")
SOURCE = re.compile(BEFORE_NAME + r"((?:\.\.?/)*(?:[\w.-]+/)*[\w-]+\.(?:cc|h|py|sh))\b(?![(\w])")
RULE = re.compile(r"\b(R[1-9])\b")
STEP = re.compile(r"\b(Assign|Publish)\s+([1-9])\b(?:(?:\s+to|\s+and|,)\s+([1-9])\b)?")
URL = re.compile(r"\b\w+://[^\s)>\"`]+")
INCLUDE = re.compile(r'^\s*#\s*include\s*<([^>]+)>', re.M)

FENCE = re.compile(r"^(```|~~~).*?^\1[^\n]*$", re.M | re.S)
INLINE_CODE = re.compile(r"`[^`\n]+`")
LINK = re.compile(r"\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)")
LINK_DEFINITION = re.compile(r"^ {0,3}\[[^\]]+\]:\s*<?([^\s>]+)", re.M)
HEADING = re.compile(r"^ {0,3}#{1,6}\s+(.*?)\s*#*$", re.M)
ANCHOR = re.compile(r"<a\s+(?:id|name)=\"([^\"]+)\"")

# Tests that a page names as its evidence, in code spans: `unit_stage: StageTest.name`, `Suite.begin_*`, `test_name`.
EVIDENCE = ("tests/FINDINGS.md", "SECURITY.md", "PROOF.md", "ARCHITECTURE.md")
GTEST = re.compile(r"\bTEST(?:_F|_P)?\(\s*(\w+)\s*,\s*(\w+)\s*\)|\bTYPED_TEST\(\s*(\w+)\s*,\s*(\w+)\s*\)")
PYTEST = re.compile(r"^ *def (test_\w+)", re.M)
NAMED_GTEST = re.compile(r"(?<![\w./])([A-Z]\w+)\.(\*|(?!md\b|name\b|txt\b)[a-z]\w*\*?)")
NAMED_PYTEST = re.compile(r"(?<![\w./-])(test_\w+)(?!\w*\.py|/|=)(\*?)")
ALSO_NAMED = re.compile(r"`\.?([a-z]+_\w*\*?)`")


@cache
def directories() -> frozenset[str]:
    return frozenset(str(parent) for name in tracked() for parent in Path(name).parents)


def pages() -> list[str]:
    return sorted(name for name in tracked() if name.endswith(".md"))


def commented_files() -> list[str]:
    return sorted(name for name in tracked() if name.startswith(COMMENTED) and
                  (name.endswith((".h", ".cc", ".py", ".sh")) or name.endswith("CMakeLists.txt") or name == "src/layers.txt"))


def prose() -> list[tuple[str, str]]:
    """What people read: the comments of sources, and the pages."""
    return [(name, comments_of(name)) for name in commented_files()] + [(name, text_of(name)) for name in pages()]


def found_at(name: str, text: str, match: re.Match) -> str:
    return f"{name}:{text.count(chr(10), 0, match.start()) + 1}"


def without_urls(text: str) -> str:
    return URL.sub(lambda match: " " * len(match.group()), text)


# Where a name leads

def beside_or_above(name: str, file: str) -> bool:
    """From the directory of the file that says it, from any above it up to the root, or from where #include looks."""
    bases = [str(parent) for parent in Path(file).parents] + ["src", "include"]
    return any(posixpath.normpath(posixpath.join(base, name)) in tracked() for base in bases)


def page_exists(name: str, file: str) -> bool:
    return name == posixpath.basename(PROTOCOL) or beside_or_above(name, file)


@cache
def ends_of_paths() -> frozenset[str]:
    return frozenset("/".join(parts[i:]) for name in tracked() for parts in [name.split("/")] for i in range(len(parts)))


@cache
def foreign_headers() -> frozenset[str]:
    """Headers of libraries and of the kernel, by every end of the path that some source of ours includes them by."""
    included = {header for name in tracked() if name.endswith((".h", ".cc")) for header in INCLUDE.findall(text_of(name))}
    return frozenset("/".join(parts[i:]) for header in included for parts in [header.split("/")] for i in range(len(parts)))


def source_exists(name: str, file: str) -> bool:
    """In full, or by the end of its path: in prose `keys.cc` is enough where there is one."""
    return beside_or_above(name, file) or name in ends_of_paths() or name in foreign_headers()


# Headings

def slug(heading: str) -> str:
    """As GitHub makes an anchor of a heading."""
    shown = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").replace("*", "")
    return re.sub(r"[^\w\- ]", "", shown.lower()).replace(" ", "-")


def blanked(text: str, *patterns: re.Pattern) -> str:
    for pattern in patterns:
        text = pattern.sub(lambda match: re.sub(r"[^\n]", " ", match.group()), text)
    return text


@cache
def anchors_of(name: str) -> frozenset[str]:
    text = blanked(text_of(name), FENCE)
    anchors = set(ANCHOR.findall(text))
    times: dict[str, int] = {}
    for heading in HEADING.findall(text):
        anchor = slug(heading)
        count = times[anchor] = times.get(anchor, -1) + 1
        anchors.add(f"{anchor}-{count}" if count else anchor)
    return frozenset(anchors)


def rules_with_heading() -> set[str]:
    return {heading for heading in HEADING.findall(text_of(PROTOCOL)) if RULE.fullmatch(heading) or STEP.fullmatch(heading)}


def rules_named_in(text: str) -> list[tuple[re.Match, str]]:
    named = [(match, match.group(1)) for match in RULE.finditer(text)]
    for match in STEP.finditer(text):
        named += [(match, f"{match.group(1)} {number}") for number in match.groups()[1:] if number]
    return named


def why_link_fails(link: str, page: str) -> str:
    """Empty, or what is wrong with it."""
    path, _, anchor = link.partition("#")
    base = "" if path.startswith("/") else posixpath.dirname(page)
    target = posixpath.normpath(posixpath.join(base, path.lstrip("/"))) if path else page
    if target not in tracked() and target not in directories():
        return "leads nowhere"
    if anchor and target.endswith(".md") and anchor not in anchors_of(target):
        return f"{target} has no such heading"
    if anchor and not target.endswith(".md") and not re.fullmatch(r"L\d+(-L\d+)?", anchor):
        return f"{target} has no headings"
    return ""


# Tests

@cache
def every_test() -> tuple[frozenset[str], frozenset[str]]:
    """"Suite.name" of googletest, and the names of pytest."""
    sources = [text_of(name) for name in tracked() if name.startswith("tests/") and name.endswith(".cc")]
    gtests = {".".join(part for part in match.groups() if part) for text in sources for match in GTEST.finditer(text)}
    scripts = [text_of(name) for name in tracked() if name.startswith("tests/") and name.endswith(".py")]
    return frozenset(gtests), frozenset(name for text in scripts for name in PYTEST.findall(text))


def named_in(text: str) -> list[str]:
    """What its code spans name. A name that ends with * stands for all that begin so. Behind `Suite.name`, `.other` or `other_*`
    is of that suite."""
    named, suite, end = [], "", 0
    for span in INLINE_CODE.finditer(blanked(text, FENCE)):
        gtests = [] if "--" in span.group() else list(NAMED_GTEST.finditer(span.group()))
        also = ALSO_NAMED.fullmatch(span.group())
        if gtests:
            suite = gtests[-1].group(1)
            named += [f"{match.group(1)}.{match.group(2)}" for match in gtests]
        elif suite and also and text[end:span.start()].strip() == ",":
            named.append(f"{suite}.{also.group(1)}")
        else:
            suite = ""
            named += [match.group(1) + match.group(2) for match in NAMED_PYTEST.finditer(span.group())]
        end = span.end()
    return named


def is_in(name: str, known: frozenset[str]) -> bool:
    return any(each.startswith(name[:-1]) for each in known) if name.endswith("*") else name in known


def test_every_page_that_a_comment_or_a_page_names_exists():
    missing = []
    for name, text in prose():
        text = without_urls(text)
        missing += [f"{found_at(name, text, match)}: {match.group(1)}" for match in PAGE.finditer(text)
                    if not page_exists(match.group(1), name)]
    assert not missing, "\n".join(missing)


def test_every_rule_that_is_named_has_its_heading():
    known = rules_with_heading()
    assert {"R1", "R8", "Assign 4", "Publish 5"} <= known, f"{PROTOCOL} has the headings {sorted(known)}"
    unknown = []
    for name, text in prose():
        unknown += [f"{found_at(name, text, match)}: {rule}" for match, rule in rules_named_in(text) if rule not in known]
    assert not unknown, "\n".join(unknown)


def test_every_link_of_a_page_resolves():
    broken = []
    for name in pages():
        text = blanked(text_of(name), FENCE, INLINE_CODE)
        for match in [*LINK.finditer(text), *LINK_DEFINITION.finditer(text)]:
            link = match.group(1)
            if re.match(r"[a-z][a-z+.-]*:", link):  # another place: https:, mailto:
                continue
            if why := why_link_fails(link, name):
                broken.append(f"{found_at(name, text, match)}: {link}: {why}")
    assert not broken, "\n".join(broken)


def test_every_source_that_a_page_or_a_comment_names_exists():
    missing = []
    for name, text in prose():
        text = without_urls(text)
        missing += [f"{found_at(name, text, match)}: {match.group(1)}" for match in SOURCE.finditer(text)
                    if not source_exists(match.group(1), name)]
    assert not missing, "\n".join(missing)


@pytest.mark.parametrize("page", EVIDENCE)
def test_every_test_that_a_page_names_exists(page):
    gtests, pytests = every_test()
    named = named_in(text_of(page))
    missing = [name for name in named if not is_in(name, gtests if "." in name else pytests)]
    assert not missing, "\n".join(missing)


def test_a_test_that_is_named_and_not_there_is_found():
    page = "`unit_x: Suite.begin_*`, `.other_one`, `two_*` and `a_b`, `Other.*`, `test_a.py`: `test_b[c]`; `x --gtest_filter=No.no`"
    assert named_in(page) == ["Suite.begin_*", "Suite.other_one", "Suite.two_*", "Other.*", "test_b"]
    assert is_in("Suite.begin_*", frozenset({"Suite.begin_here"})) and not is_in("Suite.begin", frozenset({"Suite.begin_here"}))
    assert len(every_test()[0]) > 1000 and len(every_test()[1]) > 100


@pytest.mark.parametrize("heading, anchor", [
    ("Assign 4", "assign-4"), ("R8", "r8"), ("What fails, and what then happens", "what-fails-and-what-then-happens"),
    ("`sink.url` and [the rest](x.md)", "sinkurl-and-the-rest"), ("a_b — c", "a_b--c")])
def test_an_anchor_is_what_github_makes_of_its_heading(heading, anchor):
    assert slug(heading) == anchor


def test_a_comment_is_told_from_a_text_that_looks_like_one():
    code = 'int a = 1\'000;  // one.md\nauto b = "// two.md";\nauto c = R"(\n// three.md)"; /* four.md\nfive.md */ char d = \'"\';  // six.md\n'
    comments = cpp_comments(code)
    assert [found_at("x", comments, match) + " " + match.group(1) for match in PAGE.finditer(comments)] == [
        "x:1 one.md", "x:4 four.md", "x:5 five.md", "x:5 six.md"]


def test_a_rule_is_found_across_a_line_and_a_row_of_them_is_taken_apart():
    named = [rule for _, rule in rules_named_in("see Assign\n 2 to 5, Publish 1 and 2, R8, but not R10, IR8 or Publish it")]
    assert named == ["R8", "Assign 2", "Assign 5", "Publish 1", "Publish 2"]
