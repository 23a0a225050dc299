"""Rules of style that no formatter keeps (CONTRIBUTING.md): widths of comments, section marks, names of tests, openings."""

import re

import pytest
from comments import cpp_comments, text_of, tracked

WIDEST_COMMENT = 110  # columns, as .clang-format has it for code
SHORT_SOURCE = 150  # lines: beyond these a source says at its top how it works

RULER = re.compile(r"^[-=*~#_/]{3,}|[-=*~#_/]{3,}$")
TEST = re.compile(r"^[ \t]*(?:TYPED_)?TEST(?:_[FP])?\(\s*(\w+)\s*,\s*(\w+)\s*\)", re.M)
SUITE_NAME = re.compile(r"[A-Z][A-Za-z0-9]*")
TEST_NAME = re.compile(r"[a-z0-9]+(_[a-z0-9]+)*")


def sources(*beginnings: str) -> list[str]:
    return sorted(name for name in tracked() if name.endswith((".h", ".cc")) and name.startswith(beginnings or ""))


def wide_comments(text: str) -> list[int]:
    """Lines with a comment, and with more columns than a comment may have. A comment of one word, an address, cannot be broken."""
    commented = cpp_comments(text).split("\n")
    return [number for number, (line, comment) in enumerate(zip(text.split("\n"), commented), 1)
            if len(line) > WIDEST_COMMENT and len(comment.split()) > 1]


def rulers(text: str) -> list[int]:
    """Comments that draw a line. A section mark is `// What follows`, with an empty line after it."""
    return [number for number, (line, comment) in enumerate(zip(text.split("\n"), cpp_comments(text).split("\n")), 1)
            if line.lstrip().startswith(("//", "/*")) and RULER.search(comment.strip())]


def misnamed_tests(text: str) -> list[tuple[int, str]]:
    return [(text.count("\n", 0, test.start()) + 1, f"{test.group(1)}.{test.group(2)}") for test in TEST.finditer(text)
            if not SUITE_NAME.fullmatch(test.group(1)) or not TEST_NAME.fullmatch(test.group(2))]


def opens_without_a_word(text: str) -> bool:
    return text.count("\n") > SHORT_SOURCE and not text.startswith("//")


def test_no_comment_is_too_wide():
    wide = [f"{name}:{line}" for name in sources() for line in wide_comments(text_of(name))]
    assert not wide, f"more than {WIDEST_COMMENT} columns:\n" + "\n".join(wide)


def test_section_marks_have_one_form():
    drawn = [f"{name}:{line}" for name in sources() for line in rulers(text_of(name))]
    assert not drawn, "// What follows, and an empty line:\n" + "\n".join(drawn)


def test_names_of_tests_have_one_form():
    misnamed = [f"{name}:{line}: {test}" for name in sources() for line, test in misnamed_tests(text_of(name))]
    assert not misnamed, "TEST(ThingTest, says_what_it_protects):\n" + "\n".join(misnamed)


def test_every_long_source_says_at_its_top_how_it_works():
    """Not those of unit tests: the names of the tests say it."""
    silent = [name for name in sources() if name.endswith(".cc") and not name.startswith("tests/unit/")
              and opens_without_a_word(text_of(name))]
    assert not silent, f"more than {SHORT_SOURCE} lines, and no comment at the top:\n" + "\n".join(silent)


# The rules themselves

@pytest.mark.parametrize("text, lines", [
    ("// " + "ab " * 35 + "ab\n", []),
    ("// " + "ab " * 35 + "abc\n", [1]),
    ("int a;\n  int b;  // " + "ab " * 36 + "\n", [2]),
    ("/* short\n" + "ab " * 40 + "*/\n", [2]),
    ("// https://" + "a" * 120 + "\n", []),
    ('auto a = "// ' + "ab " * 40 + '";\n', []),  # a text; code is .clang-format's
])
def test_a_wide_comment_is_found(text, lines):
    assert wide_comments(text) == lines


@pytest.mark.parametrize("text, lines", [
    ("// ---- opening\n", [1]), ("int a;\n// ==== b ====\n", [2]), ("//////////\n", [1]), ("// Sending ----------\n", [1]),
    ("/* ***** */\n", [1]), ("// *** all ***\n", [1]),
    ("// Sending\n\n", []), ("// --exit-at-end: the log ends seen at start\n", []), ("//   --jobs N    over N processes\n", []),
    ('f("// ----");\n', []), ("int a;  // ---- of a table\n", []), ("/// documented\n", []), ("// a_name__ and b--c\n", []),
])
def test_a_drawn_line_is_found(text, lines):
    assert rulers(text) == lines


def test_a_misnamed_test_is_found():
    text = """TEST(Thing, does_this) {}
TEST_F(ThingTest,
       DoesThat) {}
TEST_P(ThingTest, Does_both) {}
TYPED_TEST(thing, does_nothing) {}
TEST(ThingTest, holds_64_kib_and_1) {}
INSTANTIATE_TEST_SUITE_P(All, Thing, testing::Values(1));
"""
    assert misnamed_tests(text) == [(2, "ThingTest.DoesThat"), (4, "ThingTest.Does_both"), (5, "thing.does_nothing")]


def test_a_source_that_opens_without_a_word_is_found():
    long = "int a;\n" * (SHORT_SOURCE + 1)
    assert opens_without_a_word(long)
    assert not opens_without_a_word("// How it works.\n" + long)
    assert not opens_without_a_word("int a;\n" * SHORT_SOURCE)
