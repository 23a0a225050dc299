"""What the kernel refuses: penstock says so, and runs with what there is."""

import sys

import pytest

from harness import without
from harness.lake import assert_exactly, read_container
from harness.penstock import Penstock, merged


def on_a_machine_without(what: str, penstock: Penstock) -> Penstock:
    penstock.service.command = [sys.executable, without.__file__, what, "--", *penstock.service.command]
    return penstock


def lands_all_the_same(lands, penstock: Penstock) -> list[str]:
    """The warnings."""
    lands.book.spread(2, 2000, 1000)
    lands.wait_landed()
    assert penstock.terminate() == 0
    assert_exactly(lands.book, read_container(lands.azurite, lands.container))
    return [line for line in penstock.output.splitlines() if " warning " in line]


def test_io_uring_that_is_refused_is_done_without(landing):
    lands = landing(2)
    penstock = on_a_machine_without("io_uring", lands.penstock()).start()
    assert penstock.metric("penstock_io_backend", backend="portable") == 1
    assert 'backend="io_uring"' not in penstock.get("/metrics")[1]
    assert "the portable I/O fallback is in use" in penstock.output
    assert "io_uring is forbidden to this process (EPERM)" in penstock.output
    lands_all_the_same(lands, penstock)


def test_io_uring_that_is_demanded_and_refused_ends_it(landing):
    lands = landing(1)
    lands.book.spread(1, 10, 100)
    penstock = on_a_machine_without("io_uring", lands.penstock(merged(lands.config(), {"runtime": {"io": "io_uring"}})))
    penstock.service.start()
    assert penstock.wait(30) == 1
    penstock.assert_did_not_crash()
    assert "io_uring is forbidden to this process (EPERM): allow io_uring_setup" in penstock.output
    assert read_container(lands.azurite, lands.container) == []


def test_o_direct_that_is_refused_is_done_without(landing):
    lands = landing(2)
    penstock = on_a_machine_without("o-direct", lands.penstock()).start()
    assert penstock.metric("penstock_direct_io") == 0
    warnings = lands_all_the_same(lands, penstock)
    assert any("the stage is written through the page cache" in line and "refuses O_DIRECT (EINVAL)" in line
               for line in warnings), warnings


def test_too_little_memory_that_may_be_locked_is_done_without(landing):
    lands = landing(2)
    penstock = on_a_machine_without("lockable-memory", lands.penstock()).start()
    if "io_uring is in use" not in penstock.output:
        pytest.skip("no io_uring here")
    lands_all_the_same(lands, penstock)
    assert "set LimitMEMLOCK=infinity in the service's unit, or ulimit -l" in penstock.output
    assert "the machine's own hard limit is lower" in penstock.output
