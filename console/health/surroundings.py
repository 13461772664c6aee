"""What the installation stands on, looked at by ``manage.py doctor``: each fault says what to do about it."""

from __future__ import annotations

import datetime
import shutil
import socket
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.mail import get_connection
from django.db import connection
from kombu.exceptions import OperationalError
from redis import RedisError

from console.celery import app
from console.health import pulse, status
from console.health.status import QUEUES
from core import clock
from core.redis import client

_SKEW = datetime.timedelta(seconds=2)  # leases are 30 seconds and more; signatures of S3 allow minutes
_ROOM_SHARE, _ROOM_BYTES = 0.05, 2 << 30  # less is too little for PostgreSQL's log of one import
_WAIT = 5.0  # seconds
_RECENT = datetime.timedelta(minutes=2)
_PROMPT = {"ticks", "events"}  # queues whose workers always answer
_NOT_LET_IN = (530, 534, 535, 538)  # replies of SMTP
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}


@dataclass(slots=True)
class Report:
    """``faults`` make it bad, ``notes`` do not; ``said`` is the line when there is neither."""

    said: str
    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def redis_durability() -> Report:
    """Whether Redis keeps what it has acknowledged: hits are nowhere else."""
    report = Report("appendonly and appendfsync are as they must be, nothing is evicted")
    wanted = {
        "appendonly": ("yes", "opens and clicks are lost when Redis restarts. Start it with --appendonly yes"),
        "appendfsync": ("always", "acknowledged hits may be lost in a power failure. Start it with --appendfsync always"),
        "maxmemory-policy": (
            "noeviction",
            "Redis throws hits and tasks away when it is full. Start it with --maxmemory-policy noeviction",
        ),
    }
    try:
        for name, (value, why) in wanted.items():
            told = cast("dict[str, str]", client().config_get(name))
            if not told:
                report.notes.append(f"{name} is not known: make sure that it is {value}")
            elif told[name] != value:
                report.faults.append(f"{name} is {told[name]}, not {value}: {why}.")
    except RedisError as error:
        report.notes.append(
            f"Redis does not say its settings ({error}): make sure that appendonly is yes and appendfsync always."
        )
    return report


def storage() -> Report:
    """Whether an uploaded file can be written, read and deleted."""
    where = f"the bucket {settings.UPLOADS_BUCKET}" if settings.UPLOADS_BUCKET else str(Path(settings.VAR_DIR) / "uploads")
    report, content = Report(f"{where} can be written, read and deleted"), uuid.uuid4().hex.encode()
    try:
        name = default_storage.save(f"doctor/{uuid.uuid4().hex}", ContentFile(content))
        try:
            with default_storage.open(name) as file:
                if file.read() != content:
                    report.faults.append(f"{where} gave something else back than was written. Keep uploads elsewhere.")
        finally:
            default_storage.delete(name)
    except Exception as error:  # noqa: BLE001 (each storage has errors of its own; whatever it is, it is what the operator must know)
        mend = "check UPLOADS_BUCKET and its keys" if settings.UPLOADS_BUCKET else f"make {where} writable for this user"
        report.faults.append(f"{where} can't be used ({error}): {mend}.")
    return report


def mail() -> Report:
    """Whether the mail server takes us: connection, TLS and log-in. Nothing is sent."""
    host, port = settings.EMAIL_HOST, settings.EMAIL_PORT
    report = Report(f"{host}:{port} answers" + (" and takes the log-in" if settings.EMAIL_HOST_USER else ""))
    server = get_connection("django.core.mail.backends.smtp.EmailBackend", timeout=_WAIT)
    try:
        server.open()  # by way of TLS and the log-in, as the console's own mails go
    except OSError as error:  # all errors of SMTP are
        if getattr(error, "smtp_code", 0) in _NOT_LET_IN:
            report.faults.append(f"{host}:{port} refuses the log-in: check user and password in EMAIL_URL.")
        else:
            mend = (
                "start the mailbox (manage.py run_mailbox)" if settings.MAILS_TO_MAILBOX else "check EMAIL_URL, and the firewall"
            )
            report.faults.append(f"{host}:{port} can't be reached ({error}): {mend}.")
    finally:
        server.close()
    if settings.MAILS_TO_MAILBOX and _is_public():
        report.notes.append("EMAIL_URL is not set: password links and live projects go to the built-in mailbox only.")
    return report


def address() -> Report:
    """Whether the name in the links of mails leads anywhere, and is one that the console answers to."""
    host = urlsplit(settings.PUBLIC_URL).hostname or ""
    report = Report(f"{host} leads somewhere, and the console answers to it")
    try:
        found = sorted({str(place[4][0]) for place in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)})
        report.said = f"{host} is {', '.join(found)}, and the console answers to it"
    except OSError as error:
        report.faults.append(
            f"{host} has no address in DNS ({error}): links in mails lead nowhere. Add an A record, or mend PUBLIC_URL."
        )
    if not _is_allowed(host):
        report.faults.append(f"The console does not answer to {host}: add it to ALLOWED_HOSTS.")
    if _is_public() and settings.PUBLIC_URL.startswith("http://"):
        report.faults.append(
            "PUBLIC_URL is http: passwords go over the wire in the clear. Put a proxy with TLS in front, and say https."
        )
    return report


def _is_public() -> bool:
    return (urlsplit(settings.PUBLIC_URL).hostname or "") not in _LOOPBACK


def _is_allowed(host: str) -> bool:
    return any(one == "*" or one == host or (one.startswith(".") and host.endswith(one)) for one in settings.ALLOWED_HOSTS)


def clocks() -> Report:
    """This machine's clock against PostgreSQL's and Redis's: leases and schedules compare them."""
    report, skews = Report("this machine, PostgreSQL and Redis agree"), []
    before = clock.now()
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        skews.append(("PostgreSQL", cursor.fetchone()[0], before, clock.now()))
    try:
        before = clock.now()
        seconds, micros = client().time()
        skews.append(("Redis", datetime.datetime.fromtimestamp(seconds + micros / 1e6, datetime.UTC), before, clock.now()))
    except RedisError:
        pass  # the check of Redis says so
    for name, theirs, begun, ended in skews:
        off = max(begun - theirs, theirs - ended)
        if off > _SKEW:
            report.faults.append(
                f"{name}'s clock is {off.total_seconds():.1f} s off: run NTP (chrony, systemd-timesyncd) on both machines."
            )
    return report


def workers() -> Report:
    """Whether a living worker listens to each queue."""
    report = Report("each queue has a worker")
    try:
        told = app.control.inspect(timeout=2.0).active_queues() or {}
    except (OperationalError, OSError) as error:
        report.faults.append(f"The broker does not answer ({error}): check CELERY_BROKER_URL.")
        return report
    heard = {queue["name"] for queues in told.values() for queue in queues}
    silent = set(QUEUES) - heard - _recent()
    is_busy = any(line.held for line in status.leases(now=clock.now()))
    for name in sorted(silent):
        said = f"No worker of the queue {name} answers"
        if is_busy and name not in _PROMPT:  # one that is at a long task listens to nobody
            report.notes.append(f"{said}; it may be at a long task, since work is under way.")
        else:
            report.faults.append(f"{said}: start one, as docker-compose.yml does.")
    report.said = f"{len(told)} workers answer"
    return report


def _recent() -> set[str]:
    """Queues of which a task was done just now."""
    try:
        return {name for name, beat in pulse.last_of_queues().items() if clock.now() - beat.at < _RECENT}
    except RedisError:
        return set()


def disk() -> Report:
    """Room where this machine keeps its files."""
    usage = shutil.disk_usage(settings.VAR_DIR)
    report = Report(f"{settings.VAR_DIR}: {usage.free / 2**30:.1f} GiB of {usage.total / 2**30:.1f} GiB are free")
    if usage.free < min(_ROOM_BYTES, usage.total * _ROOM_SHARE):
        report.faults.append(
            f"Only {usage.free / 2**20:.0f} MiB are free at {settings.VAR_DIR}: make room, or PostgreSQL and the spool stop."
        )
    return report


def unsafe_settings() -> Report:
    """Settings that a server must not have; on one machine, for oneself, they do no harm."""
    report = Report("nothing unsafe")
    found: Iterable[tuple[bool, str]] = [
        (settings.DEBUG, "DEBUG is on: pages of errors show secrets to everybody. Unset it."),
        ("*" in settings.ALLOWED_HOSTS, "ALLOWED_HOSTS is *: password links may be forged for another host. Name the hosts."),
        (settings.SECRET_KEY == settings.KNOWN_SECRET_KEY, "SECRET_KEY is the one that everybody knows: set a long random one."),
        (settings.SECRETS_KEY == settings.KNOWN_SECRET_KEY, "SECRETS_KEY is the one that everybody knows: set one, keep it."),
        (_is_public() and not settings.SESSION_COOKIE_SECURE, "Cookies go without TLS: say https in PUBLIC_URL."),
    ]  # fmt: skip
    told = [text for holds, text in found if holds]
    if _is_public():
        report.faults = told
    else:
        report.notes = [f"{text} (harmless while PUBLIC_URL is this machine alone)" for text in told]
    if settings.SECRETS_KEY == settings.SECRET_KEY:
        report.notes.append(
            "SECRETS_KEY is SECRET_KEY: changing the latter would close every stored key. Set SECRETS_KEY by itself."
        )
    return report


CHECKS: dict[str, Any] = {
    "durability": redis_durability, "storage": storage, "mail": mail, "address": address, "clocks": clocks, "workers": workers,
    "disk": disk, "settings": unsafe_settings,
}  # fmt: skip
