"""The unit as the package installs it, on a booted machine: what systemd is told, what it does, and that no record is lost
or doubled by it."""

import re
import signal

import pytest

from harness.fault_proxy import FaultProxy
from harness.service import free_port, wait_until

OWN_KEY = "LoadCredential=storage-key:/etc/penstock/secrets/%i.storage-key"
TEMPLATE = "/usr/lib/systemd/system/penstock@.service"


def test_the_unit_is_well_formed_and_its_sandbox_is_rated_one_and_a_half_at_most(machine):
    template = TEMPLATE if machine.has(TEMPLATE) else TEMPLATE.removeprefix("/usr")
    machine("systemd-analyze", "verify", "--man=no", "--recursive-errors=no", template)
    rated = machine("systemd-analyze", "security", "--offline=true", "--threshold=15", template)
    print(rated.strip().splitlines()[-1])
    refused = machine.try_("systemd-analyze", "security", "--offline=true", "--threshold=5", template)
    assert refused.returncode != 0, "the threshold decides"


def test_it_is_ready_and_says_why_it_waits_while_the_brokers_are_away(service):
    waits = service({"source": {"brokers": [f"127.0.0.1:{free_port()}"]}})
    waits.instance.start()
    assert waits.instance.shown("ActiveState") == "active"
    waits.instance.wait_status("broker")
    assert waits.instance.shown("NRestarts") == "0"
    waits.instance.stop()
    assert waits.instance.shown("Result") == "success"


def test_the_status_says_what_is_in_the_way_of_the_store_and_then_what_lands(service, azurite):
    proxy = FaultProxy(azurite.port)
    lands = service(port=proxy.port)
    proxy.down()
    lands.send(400)
    lands.instance.start()
    assert lands.instance.shown("ActiveState") == "active"
    lands.instance.wait_status("uploads fail|the store|sink")
    proxy.up()
    lands.wait_landed()
    status = lands.instance.wait_status(r"^lag \d+ records, [\d,]+ files, \d+ MB, the last file \d+ s ago")
    print(f"status: {status}")
    proxy.down()


def test_a_process_that_stands_still_is_killed_and_started_again(service):
    lands = service()
    lands.instance.drop_in(OWN_KEY, "RestartSec=1s", "WatchdogSec=3s")
    lands.instance.start()
    with lands.load(500), lands.watched() as pauses:
        lands.wait_landed(500)
        lands.instance.kill("STOP")
        lands.instance.wait_restarted(1)
        lands.wait_landed(lands.book.records)
    assert "Watchdog timeout" in lands.instance.journal()
    print(f"watchdog: {lands.assert_exact()}; longest pause of a partition {pauses.longest:.1f} s")


def test_what_is_killed_starts_again_and_goes_on_where_it_was(service):
    lands = service()
    lands.instance.start()
    with lands.load(), lands.watched() as pauses:
        for kills in (1, 2, 3):
            lands.wait_landed(lands.landed() + 1500)
            lands.instance.kill("KILL")
            lands.instance.wait_restarted(kills)
    print(f"kill -9: {lands.assert_exact()}; longest pause of a partition {pauses.longest:.1f} s")


def test_a_stop_publishes_what_was_read_and_the_next_start_goes_on(service):
    lands = service({"batch": {"max_age": "60s"}})  # so that all of it lands by the drain
    lands.instance.start()
    with lands.load():
        # Read, and in no file yet.
        wait_until(lambda: _received(lands) >= 3000, 60, "3000 records were read")
        lands.instance.stop()
        assert lands.instance.shown("Result") == "success"
        drained = lands.landed()
        assert drained >= 3000
        committed = lands.kafka.committed(lands.group, lands.topic, 4)
        assert sum(max(0, offset) for offset in committed.values()) == drained, "what landed is committed, and no more"
    lands.instance.start()
    wait_until(lambda: _received(lands) >= lands.book.records - drained, 60, "the rest was read")
    lands.instance.stop()
    print(f"drain: {lands.assert_exact()}; {drained:,} of them by the first stop")


def _received(lands) -> int:
    try:
        found = re.findall(r"^penstock_records_received_total(?:{[^}]*})? (\d+)", lands.page("/metrics"), re.M)
    except OSError:
        return 0
    return sum(int(number) for number in found)


def test_the_unit_gives_the_two_secrets_of_the_readme_and_an_instance_may_have_its_own(service, machine):
    lands = service()
    machine("rm", "-rf", f"/etc/systemd/system/{lands.instance.unit}.d")
    machine("systemctl", "daemon-reload")
    refused = machine.try_("systemctl", "start", lands.instance.unit)
    assert refused.returncode != 0
    assert lands.instance.shown("ExecMainStatus") == "2", "no restart cures this"
    assert lands.instance.shown("NRestarts") == "0"
    assert "needs the credential storage-key, which is empty" in lands.instance.journal("-p", "err")
    machine.write("/etc/penstock/secrets/storage-key", lands.secret, "0600")
    lands.send(100)
    lands.instance.start()
    lands.assert_exact()
    environment = machine("cat", f"/proc/{lands.instance.pid}/environ", f"/proc/{lands.instance.pid}/cmdline")
    assert "CREDENTIALS_DIRECTORY=" in environment and lands.secret not in environment
    machine("rm", "/etc/penstock/secrets/storage-key")


def test_the_stage_is_in_the_state_directory_whatever_the_name(service, machine):
    """No stage.dir is written, and the name is not the instance's."""
    lands = service({"name": "another-name"})
    lands.send(100)
    lands.instance.start()
    lands.assert_exact()
    assert machine.has(f"/var/lib/penstock/{lands.instance.name}/another-name/worker-0")
    assert "outside of it" not in lands.instance.journal()


def test_check_by_hand_looks_at_what_the_unit_would_get(service, machine):
    lands = service()
    machine.write("/etc/penstock/secrets/storage-key", lands.secret, "0600")
    told = machine("penstock", "check", "--config", lands.instance.file)
    assert f"penstock@{lands.instance.name}, as systemd runs it" in told
    assert f"/var/lib/penstock/{lands.instance.name}/worker-0" in told
    machine("chmod", "0600", lands.instance.file)
    unreadable = machine.try_("penstock", "check", "--config", lands.instance.file)
    assert unreadable.returncode != 0 and "FAULT  instance" in unreadable.stdout
    machine("chmod", "0644", lands.instance.file)
    # As systemd/README.md has it, as the service's user.
    told = machine("systemd-run", "--pipe", "--wait", "-q", "-p", "DynamicUser=yes",
                   "-p", f"StateDirectory=penstock/{lands.instance.name}", "-p", "UMask=0077",
                   "-p", "LoadCredential=storage-key:/etc/penstock/secrets/storage-key",
                   "penstock", "check", "--config", lands.instance.file)
    assert f"/var/lib/penstock/{lands.instance.name}/worker-0" in told and "FAULT" not in told
    machine("rm", "/etc/penstock/secrets/storage-key")


@pytest.mark.parametrize("limit, backend", [("4M", "io_uring"), ("64K", "portable")])
def test_with_little_locked_memory_it_works_and_says_so(service, limit, backend):
    """4M: the ring fits, and its buffers stay unregistered. 64K: not even the ring fits, and threads write."""
    lands = service()
    lands.instance.drop_in(OWN_KEY, f"LimitMEMLOCK={limit}")
    lands.instance.start()
    lands.send(2000)
    found = lands.assert_exact()
    page = lands.page("/metrics")
    assert re.search(rf'^penstock_io_backend{{.*backend="{backend}"', page, re.M)
    assert re.search(r"^penstock_registered_bytes{[^}]*} 0$", page, re.M)
    assert "set LimitMEMLOCK=" in lands.instance.journal() or "raise LimitMEMLOCK=" in lands.instance.journal()
    print(f"LimitMEMLOCK={limit}, {backend}: {found}")


def test_without_io_uring_it_works_with_threads(service):
    for number, refusal in enumerate(("SystemCallErrorNumber=EPERM", "SystemCallErrorNumber=ENOSYS")):
        lands = service()
        lands.instance.drop_in(OWN_KEY,
                               "SystemCallFilter=~@aio", refusal)
        lands.instance.start()
        lands.send(2000)
        found = lands.assert_exact()
        assert re.search(r'^penstock_io_backend{.*backend="portable"', lands.page("/metrics"), re.M)
        print(f"io_uring refused {number}: {found}")


def test_a_crash_leaves_no_core_file(service, machine):
    lands = service()
    lands.instance.start()
    assert re.search(r"^Max core file size +0 +0 ", machine("cat", f"/proc/{lands.instance.pid}/limits"), re.M)
    assert machine("cat", f"/proc/{lands.instance.pid}/coredump_filter").strip() == "00000000"
    lands.instance.kill(signal.SIGABRT.name)
    lands.instance.wait_restarted(1)
    assert "core-dump" not in lands.instance.journal().replace("status=6/ABRT", "")
