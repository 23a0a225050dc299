"""The package on a booted machine: installed, upgraded under load, removed, purged; and the README's way from nothing."""

import re

from machine import Machine

from harness.service import wait_until

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
        assert "drain" not in each.instance.journal("-p", "err")
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
        machine("apt-get", "-q", "-y", "remove", "penstock", timeout_s=200)
        print(f"remove: {lands.assert_exact()}")
        assert machine.has(lands.instance.file) and machine.has(f"/var/lib/penstock/{lands.instance.name}")
        told = machine("apt-get", "-q", "-y", "purge", "penstock", timeout_s=200)
        assert f"removing the stage /var/lib/private/penstock/{lands.instance.name}" in told
        assert not [path for path in LEFT if machine.has(path)]
        after = set(machine("find", "/etc", "/usr", "/var/lib", "-xdev", "-not", "-path", "/var/lib/dpkg/*",
                            "-not", "-path", "/var/lib/apt/*").splitlines())
        assert not [path for path in after - before if "penstock" in path], sorted(after - before)[:20]
