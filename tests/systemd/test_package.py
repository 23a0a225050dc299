"""The package on a booted machine: installed, upgraded under load, removed, purged; and the README's way from nothing."""

import re
import time

from machine import Machine

from harness.book import CountingBook
from harness.lake import files_of, landed_records
from harness.paths import ROOT
from harness.service import wait_until
from harness.tally import tally

LEFT = ("/etc/penstock", "/var/lib/penstock", "/var/lib/private/penstock", "/usr/bin/penstock",
        "/usr/lib/systemd/system/penstock@.service", "/lib/systemd/system/penstock@.service",
        "/usr/share/doc/penstock", "/usr/share/man/man1/penstock.1.gz")


def started_and_stopping(instance) -> tuple[float, float]:
    """When it was last told to stop, and when it was ready after that, as the service manager's own clock has it."""
    stopping = int(instance.shown("InactiveEnterTimestampMonotonic"))
    return stopping / 1e6, int(instance.shown("ActiveEnterTimestampMonotonic")) / 1e6


def test_an_upgrade_restarts_the_instances_one_by_one_and_nothing_is_lost_or_doubled(service, machine):
    lands = [service(), service()]
    stopped = service()
    for each in (*lands, stopped):
        each.instance.start()
    stopped.instance.stop()
    before = [each.instance.pid for each in lands]
    with lands[0].load(), lands[1].load(), lands[0].watched() as first, lands[1].watched() as second:
        for each in lands:
            each.wait_landed(2000)
        told = machine.install("later.deb")
        for each in lands:
            each.wait_landed(each.landed() + 2000)
    assert machine("dpkg-query", "-W", "-f", "${Version}", "penstock").endswith(".later")
    for each, former in zip(lands, before):
        assert f"restarting {each.instance.unit}" in told
        assert each.instance.pid not in (0, former) and each.instance.shown("NRestarts") == "0"
        assert "publishing what was read, then leaving" in each.instance.journal(), "it was asked to drain"
    assert stopped.instance.shown("ActiveState") == "inactive", "what was stopped stays so"
    (first_down, first_up), (second_down, second_up) = sorted(started_and_stopping(each.instance) for each in lands)
    assert first_down < first_up <= second_down < second_up, "the next one waits until the one before is ready"
    for each, pauses in zip(lands, (first, second)):
        print(f"upgrade: {each.assert_exact()}; longest pause of a partition {pauses.longest:.1f} s")
    machine.install("penstock.deb")


def test_a_removal_drains_and_a_purge_leaves_nothing_and_says_where_the_stages_were(booted_image, packages, service):
    with Machine(booted_image, packages) as machine:
        before = set(machine("find", "/etc", "/usr", "/var/lib", "-xdev", "-not", "-path", "/var/lib/dpkg/*",
                             "-not", "-path", "/var/lib/apt/*").splitlines())
        machine.install("penstock.deb")
        lands = service({"batch": {"max_age": "60s"}}, on=machine)
        machine("systemctl", "enable", "--now", lands.instance.unit)
        lands.send(2000)
        wait_until(lambda: re.search(r"^lag 0 records", lands.instance.shown("StatusText")), 60, "all of it was read", 0.3)
        machine("apt-get", "-q", "-y", "remove", "penstock", timeout_s=600)
        print(f"remove: {lands.assert_exact()}")
        assert machine.has(lands.instance.file) and machine.has(f"/var/lib/penstock/{lands.instance.name}")
        told = machine("apt-get", "-q", "-y", "purge", "penstock", timeout_s=600)
        assert f"removing the stage /var/lib/private/penstock/{lands.instance.name}" in told
        assert not [path for path in LEFT if machine.has(path)]
        after = set(machine("find", "/etc", "/usr", "/var/lib", "-xdev", "-not", "-path", "/var/lib/dpkg/*",
                            "-not", "-path", "/var/lib/apt/*").splitlines())
        assert not [path for path in after - before if "penstock" in path], sorted(after - before)[:20]


def commands_of_the_readme() -> list[str]:
    block = re.search(r"records in the lake:\n\n```sh\n(.*?)```", (ROOT / "README.md").read_text(), re.S)[1]
    return [line.strip() for line in block.replace("\\\n", " ").splitlines() if line.strip()]


# What the README's two addresses, its package and its example are here. The broker and the emulator of the tests ask for
# less than the cloud: the example has no login to the brokers, and the storage's secret is a connection string.
START = """\
name: api-gateway
source:
  brokers: [contoso.servicebus.windows.net:9093]
  topics: [api-gateway]
  start: earliest
batch: {max_age: 60s}
sink:
  url: https://contoso.blob.core.windows.net/lake/raw
  auth: {type: connection-string, value: "${credential:storage-key}"}
admin: {listen: 127.0.0.1:9464}
"""


def test_the_readme_leads_from_a_bare_machine_to_records_in_the_lake(booted_image, packages, kafka, azurite):
    commands = commands_of_the_readme()
    assert len(commands) <= 6 and not any("sed " in command for command in commands)
    kafka.create_topic_named("api-gateway", 4)
    book = CountingBook(kafka, "api-gateway")
    for index in range(8000):
        book.send_next(index % 4)
    book.flush()
    container = azurite.create_container()
    here = {"./penstock_*.deb": "/packages/penstock.deb",
            "/usr/share/doc/penstock/examples/event-hubs-to-adls.yaml": "/tmp/start.yaml",
            "contoso.servicebus.windows.net:9093": kafka.bootstrap,
            "https://contoso.blob.core.windows.net/lake/raw": f"{azurite.account_url(None)}/{container}/raw"}
    with Machine(booted_image, packages) as machine:
        # The image has the package's libraries, so that the other tests need no network. A bare machine has not.
        machine("sh", "-c", "apt-get -q update && apt-get -q -y purge --auto-remove librdkafka1 liburing2 'libmimalloc*' "
                "libisal2 'libsnappy*' 'libsimdjson*' 'libyaml-cpp*' 'libspdlog*' libcurl4 ca-certificates "
                "&& rm -rf /var/lib/apt/lists/*", timeout_s=600)
        machine.write("/tmp/start.yaml", START)
        began = time.monotonic()
        for command in commands:
            for shown, real in here.items():
                command = command.replace(shown, real)
            started = time.monotonic()
            paste = "y\n" if command.startswith("apt") else azurite.connection_string()
            machine("sh", "-c", command, timeout_s=600, input=paste)
            print(f"{time.monotonic() - started:6.1f} s  {command[:100]}")
        wait_until(lambda: landed_records(azurite, container) >= book.records, 150, "all of it landed", 0.5)
        print(f"{time.monotonic() - began:6.1f} s  from the first command to {book.records:,} records in the lake")
        assert machine("systemctl", "show", "-P", "StatusText", "penstock@api-gateway").startswith("lag 0 records")
        found = tally(book, files_of(azurite, container))
        assert (found.lost, found.doubled, found.faults) == (0, 0, []), found
        assert machine.has("/usr/share/doc/penstock/examples/event-hubs-to-adls.yaml")
        machine("systemctl", "stop", "penstock@api-gateway")
