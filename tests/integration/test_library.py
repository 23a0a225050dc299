"""The README's program, built by tests/CMakeLists.txt as it stands there, does what the binary does."""

from harness.lake import assert_exactly, read_container
from harness.paths import penstock_binary


def test_the_program_of_the_readme_lands_records(landing):
    lands = landing(2)
    lands.book.spread(2, 2000, 500)
    lands.book.flush()
    embedded = lands.penstock()
    embedded.service.command[:] = [str(penstock_binary().parent / "tests" / "embed_example"), str(embedded.file)]
    embedded.start()
    lands.wait_landed()
    assert embedded.metric("penstock_records_received_total") == 2000
    embedded.service.kill()
    assert_exactly(lands.book, read_container(lands.azurite, lands.container))
