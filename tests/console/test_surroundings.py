"""``manage.py doctor`` on what the installation stands on: each fault is found, and says what to do."""

from __future__ import annotations

import io
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.core.management.base import OutputWrapper

from console.health import pulse, surroundings
from console.health.status import QUEUES
from core import clock
from tests.messaging.smtp_server import ScriptedServer


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    made = ScriptedServer()
    yield made
    made.close()


def test_redis_that_forgets_is_a_fault(clean_redis: Any) -> None:
    kept = {name: clean_redis.config_get(name)[name] for name in ("appendonly", "appendfsync", "maxmemory-policy")}
    try:
        clean_redis.config_set("appendonly", "no")
        clean_redis.config_set("maxmemory-policy", "allkeys-lru")
        forgetful = surroundings.redis_durability().faults
        clean_redis.config_set("appendonly", "yes")
        clean_redis.config_set("appendfsync", "always")
        clean_redis.config_set("maxmemory-policy", "noeviction")
        durable = surroundings.redis_durability().faults
    finally:
        for name, value in kept.items():
            clean_redis.config_set(name, value)

    assert [fault.split(" is ")[0] for fault in forgetful if not fault.startswith("appendfsync")] == [
        "appendonly",
        "maxmemory-policy",
    ]
    assert "--appendonly yes" in forgetful[0]
    assert durable == []


def test_a_redis_that_does_not_say_is_a_note(settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"

    report = surroundings.redis_durability()

    assert report.faults == []
    assert "make sure that appendonly is yes" in report.notes[0]


def test_uploads_that_cannot_be_written_are_a_fault(settings: Any, tmp_path: Path) -> None:
    assert surroundings.storage().faults == []
    assert list((tmp_path / "uploads").rglob("doctor/*")) == []

    (tmp_path / "uploads" / "doctor").rmdir()
    (tmp_path / "uploads" / "doctor").write_text("a file where a folder must be")

    assert "make" in surroundings.storage().faults[0]


def test_the_mail_server_is_asked_and_sent_nothing(settings: Any, server: ScriptedServer) -> None:
    settings.EMAIL_HOST, settings.EMAIL_PORT, settings.MAILS_TO_MAILBOX = "127.0.0.1", server.port, False

    assert surroundings.mail().faults == []
    assert server.bodies == []


def test_a_mail_server_that_is_away_is_a_fault(settings: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", taken.getsockname()[1]
    settings.MAILS_TO_MAILBOX = False

    assert "check EMAIL_URL" in surroundings.mail().faults[0]


@pytest.mark.parametrize(
    ("url", "hosts", "faults"),
    [
        ("http://127.0.0.1:8000", ["127.0.0.1"], []),
        ("https://localhost", ["localhost"], []),
        ("https://localhost", ["example.com"], ["ALLOWED_HOSTS"]),
        ("https://no-such-host.invalid", [".invalid"], ["Add an A record"]),
        ("http://no-such-host.invalid", ["*"], ["Add an A record", "say https"]),
    ],
)
def test_the_address_of_the_installation(settings: Any, url: str, hosts: list[str], faults: list[str]) -> None:
    settings.PUBLIC_URL, settings.ALLOWED_HOSTS = url, hosts

    found = surroundings.address().faults

    assert len(found) == len(faults)
    assert all(expected in fault for expected, fault in zip(faults, found, strict=True))


@pytest.mark.django_db
def test_clocks_that_differ_are_a_fault(clean_redis: Any) -> None:
    assert surroundings.clocks().faults == []

    with time_machine.travel(clock.now().replace(year=2031), tick=True):
        found = surroundings.clocks().faults

    assert [fault.split("'")[0] for fault in found] == ["PostgreSQL", "Redis"]
    assert "NTP" in found[0]


@pytest.mark.django_db
def test_queues_without_a_worker_are_faults_unless_something_was_done_just_now(clean_redis: Any) -> None:
    for name in set(QUEUES) - {"imports"}:
        pulse.note(task="x", queue=name, beat=pulse.Beat(clock.now(), 0.1, ""))

    assert surroundings.workers().faults == ["No worker of the queue imports answers: start one, as docker-compose.yml does."]


def test_room_on_the_disk_is_said() -> None:
    report = surroundings.disk()

    assert "GiB are free" in report.said


def test_unsafe_settings_are_faults_on_a_server_and_notes_on_ones_own_machine(settings: Any) -> None:
    settings.DEBUG, settings.ALLOWED_HOSTS = True, ["*"]
    settings.SECRET_KEY = settings.SECRETS_KEY = settings.KNOWN_SECRET_KEY

    settings.PUBLIC_URL = "http://127.0.0.1:8000"
    at_home = surroundings.unsafe_settings()
    settings.PUBLIC_URL = "http://pabal.example.com"
    on_a_server = surroundings.unsafe_settings()

    assert at_home.faults == []
    assert len(at_home.notes) == 5
    assert [fault.split(" ")[0] for fault in on_a_server.faults] == [
        "DEBUG",
        "ALLOWED_HOSTS",
        "SECRET_KEY",
        "SECRETS_KEY",
        "Cookies",
    ]


@pytest.mark.django_db
def test_the_doctor_says_each_fault_and_fails(settings: Any) -> None:
    settings.PUBLIC_URL, settings.ALLOWED_HOSTS = "https://no-such-host.invalid", ["*"]
    out = OutputWrapper(io.StringIO())

    with pytest.raises(CommandError, match="Not well: address"):
        call_command("doctor", "address", "disk", stdout=out)

    assert "FAILED address: 1 faults" in out._out.getvalue()
    assert "         no-such-host.invalid has no address in DNS" in out._out.getvalue()
    assert "ok     disk" in out._out.getvalue()


@pytest.mark.django_db
def test_the_doctor_goes_on_when_the_broker_and_redis_are_away() -> None:
    root = Path(__file__).resolve().parent.parent.parent
    nowhere = {"REDIS_URL": "redis://127.0.0.1:1/0", "CELERY_BROKER_URL": "redis://127.0.0.1:1/0"}
    command = [sys.executable, "manage.py", "doctor", "redis", "workers", "queues", "backlogs", "disk"]

    done = subprocess.run(command, cwd=root, env=os.environ | nowhere, capture_output=True, text=True)

    assert "FAILED redis: Redis does not answer" in done.stdout
    assert "The broker does not answer" in done.stdout
    assert "ok     disk" in done.stdout
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("CommandError: Not well: redis, workers")
