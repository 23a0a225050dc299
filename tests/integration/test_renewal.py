"""Credentials that change while penstock runs: a SAS and a password that are written anew, and what is said of their end."""

import os
import signal
import time
from datetime import datetime, timedelta, timezone

import pytest
from azure.storage.blob import generate_container_sas

from harness.azurite import ACCOUNT
from harness.deployment import wait_not_ready, wait_said
from harness.service import wait_until

RIGHTS = "racwl"


class SasFile:
    """A file with a SAS for the container, which is put in the place of the former at once."""

    def __init__(self, file, azurite, container):
        self.file, self.azurite, self.container = file, azurite, container

    def write(self, lives_s: float, key: str | None = None):
        until = datetime.now(timezone.utc) + timedelta(seconds=lives_s)
        fresh = self.file.with_suffix(".fresh")
        fresh.write_text(generate_container_sas(ACCOUNT, self.container, key or self.azurite.key, permission=RIGHTS,
                                                expiry=until) + "\n")
        os.replace(fresh, self.file)

    def auth(self) -> dict:
        return {"type": "sas", "token": f"${{file:{self.file}}}"}


class Renewed:
    """A topic, a container, and a penstock between them whose SAS is in a file."""

    def __init__(self, deployed, kafka, azurite, directory):
        self.deployed = deployed
        self.topic = kafka.create_topic(2)
        self.sas = SasFile(directory / "sas", azurite, deployed.container)
        config = deployed.config([self.topic])
        config["sink"]["auth"] = self.sas.auth()
        self.penstock = deployed.penstock(config)

    def send_and_wait(self, count: int = 100):
        self.deployed.send(self.topic, 2, count)
        self.deployed.wait_landed()

    def refusals(self) -> int:
        """Also of requests that were sent again with the secret that was read then: no metric has those."""
        return self.penstock.output.count("the storage has refused the sink's credential")


@pytest.fixture
def renewed(deployment, kafka, azurite, tmp_path):
    return Renewed(deployment(kafka, azurite), kafka, azurite, tmp_path)


def test_a_sas_that_is_renewed_in_time_is_never_refused(renewed):
    renewed.sas.write(6)
    renewed.penstock.start()
    for _ in range(6):
        renewed.send_and_wait()
        time.sleep(2)  # the life of a SAS is what is tried here
        renewed.sas.write(6)
    assert renewed.refusals() == 0
    assert renewed.penstock.terminate() == 0
    renewed.deployed.assert_exactly()
    assert "sig=" not in renewed.penstock.output


def test_a_wrong_sas_is_mended_by_its_file_without_a_restart(renewed):
    renewed.sas.write(3600)
    renewed.penstock.start()
    renewed.send_and_wait()
    renewed.sas.write(3600, key="d3Jvbmc=")
    renewed.deployed.send(renewed.topic, 2, 100)
    wait_said(renewed.penstock, "the sink's credential has changed")
    wait_not_ready(renewed.penstock, "uploads fail", timeout_s=60)
    assert renewed.refusals() > 0
    renewed.sas.write(3600)
    renewed.deployed.wait_landed(60)
    wait_until(lambda: renewed.penstock.get("/readyz")[0] == 200, 30, "it is ready again")
    assert renewed.penstock.terminate() == 0
    renewed.deployed.assert_exactly()


def test_a_file_that_is_half_written_leaves_the_former_sas(renewed):
    renewed.sas.write(3600)
    renewed.penstock.start()
    for text in ("", "sv=2021", "\0"):
        renewed.sas.file.write_text(text)
        renewed.penstock.service.send(signal.SIGHUP)
        renewed.send_and_wait()
    assert renewed.refusals() == 0
    wait_said(renewed.penstock, "SIGHUP: secrets that come from files are read again")
    assert renewed.penstock.terminate() == 0
    renewed.deployed.assert_exactly()


def test_a_sas_that_has_ended_is_a_wrong_configuration(renewed):
    renewed.sas.write(-5)
    renewed.penstock.service.start()
    assert renewed.penstock.wait(60) == 2
    assert "sink.auth.token: holds a signature that has ended at" in renewed.penstock.output


def test_a_sas_that_ends_within_days_is_warned_of_and_measured(renewed):
    renewed.sas.write(2.5 * 86400)
    renewed.penstock.start()
    wait_said(renewed.penstock, "sink.auth.token: the signature ends in 2 days")
    end = renewed.penstock.metric("penstock_credential_expiry_timestamp_seconds", side="sink")
    assert abs(end - time.time() - 2.5 * 86400) < 120
    assert renewed.penstock.terminate() == 0


@pytest.mark.long
def test_a_sas_of_ninety_seconds_that_is_replaced_every_minute_for_ten_minutes(renewed):
    renewed.sas.write(90)
    renewed.penstock.start()
    pid = renewed.penstock.service.pid
    begun = replaced = time.monotonic()
    while time.monotonic() - begun < 600:
        renewed.deployed.send(renewed.topic, 2, 200)
        time.sleep(1)
        if time.monotonic() - replaced >= 60:
            renewed.sas.write(90)
            replaced = time.monotonic()
    renewed.deployed.wait_landed(60)
    refused = renewed.refusals()
    print(f"records sent: {sum(renewed.deployed.sent.values())}, refused as not authenticated: {refused}")
    assert refused <= 1
    assert renewed.penstock.service.running and renewed.penstock.service.pid == pid
    assert renewed.penstock.terminate() == 0
    renewed.deployed.assert_exactly()
