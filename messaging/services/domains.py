"""Domains as senders: added with a key made here, looked up in DNS, given another key, deleted."""

from __future__ import annotations

import datetime
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from core import secretbox
from core.errors import Refusal
from messaging.delivery import routing
from messaging.domains import doctor, keys, names, records
from messaging.domains.doctor import Check, Finding, Level
from messaging.domains.lookup import DnsAway, Lookup
from messaging.models import DkimKey, SenderDomain
from projects.models import Project, User
from projects.services import audit

_DAILY = datetime.timedelta(days=1)
_SOON = datetime.timedelta(minutes=15)  # while its owner may be at work on the records, or nobody answered
_YOUNG = datetime.timedelta(days=7)
_CLAIMED = datetime.timedelta(minutes=10)  # after so long a check whose worker died is made again
_BATCH = 50  # of a tick
KEYS_LIMIT = 2
_SES_SPF = "amazonses.com"


class DomainRefused(Refusal):
    """The domain or the key was not added, or not removed."""


def add_domain(*, project: Project, actor: User | None, name: str, now: datetime.datetime) -> SenderDomain:
    """Add a domain with its first key, not verified yet; raises ``DomainRefused``."""
    try:
        name = names.normal(name)
    except ValueError:
        raise DomainRefused(_("This is no domain. Enter one such as shop.example.com.")) from None
    if name in names.FREE_MAIL:
        given = {"name": name}
        raise DomainRefused(
            _("%(name)s belongs to a mail provider. Only its owner can sign for it: use a domain of your own.") % given
        )
    try:
        with transaction.atomic():
            domain = SenderDomain.objects.create(
                project=project, name=name, created_by=actor, created_at=now, next_check_at=now + _SOON
            )
            _make_key(domain, now)
            audit.record(project=project, actor=actor, verb="domain.added", target=domain, now=now, name=name)
    except IntegrityError:
        raise DomainRefused(_("This domain is in the project already.")) from None
    return domain


def delete_domain(*, domain: SenderDomain, actor: User, now: datetime.datetime) -> None:
    """Delete a domain with its keys: it can't be signed for any more, and its addresses need a mailed link again."""
    with transaction.atomic():
        audit.record(project=domain.project, actor=actor, verb="domain.deleted", target=domain, now=now, name=domain.name)
        domain.delete()


def add_key(*, domain: SenderDomain, actor: User, now: datetime.datetime) -> DkimKey:
    """A second key. The first one signs until DNS has the new one. Raises ``DomainRefused`` when there are two already."""
    with transaction.atomic():
        held = SenderDomain.objects.select_for_update().get(pk=domain.pk)
        if held.keys.count() >= KEYS_LIMIT:
            raise DomainRefused(_("There are two keys already. Remove the one that signs no more first."))
        key = _make_key(held, now)
        SenderDomain.objects.filter(pk=held.pk).update(next_check_at=now + _SOON)
        audit.record(
            project=domain.project, actor=actor, verb="domain.key_added", target=domain, now=now,
            name=domain.name, selector=key.selector,
        )  # fmt: skip
    return key


def remove_key(*, key: DkimKey, actor: User, now: datetime.datetime) -> None:
    """Remove a key that does not sign; raises ``DomainRefused`` for the one that does, or the last."""
    domain = key.domain
    with transaction.atomic():
        held = SenderDomain.objects.select_for_update().get(pk=domain.pk)
        signing = signing_key(domain=held)
        if held.keys.count() < 2 or (signing is not None and signing.pk == key.pk):
            raise DomainRefused(_("This key signs. Make another one, and wait until DNS has it."))
        audit.record(
            project=domain.project, actor=actor, verb="domain.key_removed", target=domain, now=now,
            name=domain.name, selector=key.selector,
        )  # fmt: skip
        key.delete()


def signing_key(*, domain: SenderDomain) -> DkimKey | None:
    """The newest key that DNS has."""
    return domain.keys.filter(seen_at__isnull=False).order_by("-pk").first()


def check_domain(*, domain: SenderDomain, now: datetime.datetime) -> list[Finding]:
    """Look a domain up and keep what was found. DNS is asked outside of any transaction."""
    held = list(domain.keys.order_by("-pk"))
    patient = patient_of(domain=domain, keys={key.selector: key.public_key for key in held})
    try:
        found = doctor.examine(patient=patient, lookup=Lookup())
    except DnsAway as away:  # this machine has no resolver
        found = [Finding(Check.DKIM, Level.UNKNOWN, "away", {"name": str(away), "selector": key.selector}) for key in held]
    _keep(domain, found, now)
    return found


def patient_of(*, domain: SenderDomain, keys: dict[str, str]) -> doctor.Patient:
    return doctor.Patient(
        domain=domain.name,
        keys=keys,
        return_path=records.return_path_name(domain.name) if settings.RETURN_PATH_HOST else "",
        return_path_host=settings.RETURN_PATH_HOST,
        mechanisms=mechanisms(domain=domain),
        addresses=() if routing.ways_of(project=domain.project, domain=domain.name) else settings.SENDING_ADDRESSES,
    )


def mechanisms(*, domain: SenderDomain) -> list[str]:
    """What an SPF record should allow: what the domain's relays ask for, else the installation's mail server."""
    ways = routing.ways_of(project=domain.project, domain=domain.name)
    if ways:
        names_of = (relay.spf_include or (_SES_SPF if relay.is_ses else "") for relay in ways)
        return [f"include:{name}" for name in dict.fromkeys(names_of) if name]
    found = [f"include:{settings.SPF_INCLUDE}"] if settings.SPF_INCLUDE else []
    return found + [f"{'ip6' if ':' in address else 'ip4'}:{address}" for address in settings.SENDING_ADDRESSES]


def wanted_records(*, domain: SenderDomain) -> list[records.Record]:
    """The records to copy: every key's, and of the others those that the last check did not find in order."""
    wanted = [
        records.dkim(domain=domain.name, selector=key.selector, public=key.public_key) for key in domain.keys.order_by("pk")
    ]
    found = {finding.check: finding for finding in map(doctor.restored, domain.checks)}
    if settings.RETURN_PATH_HOST and not _is_good(found.get(Check.RETURN_PATH)):
        wanted.append(records.return_path(name=records.return_path_name(domain.name), host=settings.RETURN_PATH_HOST))
    allowed = mechanisms(domain=domain)
    if allowed and not _is_good(found.get(Check.SPF)):
        existing = str(found[Check.SPF].params.get("record", "")) if Check.SPF in found else ""
        wanted.append(records.spf(name=_spf_name(domain), existing=existing, mechanisms=allowed))
    if Check.DMARC in found and found[Check.DMARC].code == "dmarc_missing":
        wanted.append(records.dmarc(domain=domain.name, report_to=f"dmarc@{domain.name}"))
    return wanted


def _spf_name(domain: SenderDomain) -> str:
    return records.return_path_name(domain.name) if domain.return_path_at else domain.name


def _is_good(finding: Finding | None) -> bool:
    return finding is not None and finding.level == Level.GOOD


def claim_due(*, now: datetime.datetime) -> list[int]:
    """Domains whose hour has come, each for the one that moves it first."""
    due = SenderDomain.objects.filter(next_check_at__lte=now, project__deleted_at=None).order_by("next_check_at")
    return [
        pk
        for pk, at in list(due.values_list("pk", "next_check_at")[:_BATCH])
        if SenderDomain.objects.filter(pk=pk, next_check_at=at).update(next_check_at=now + _CLAIMED)
    ]


def _make_key(domain: SenderDomain, now: datetime.datetime) -> DkimKey:
    pair = keys.make_pair()
    return DkimKey.objects.create(
        domain=domain, selector=keys.make_selector(), public_key=pair.public,
        sealed_private_key=secretbox.seal(pair.private), created_at=now,
    )  # fmt: skip


def _keep(domain: SenderDomain, found: list[Finding], now: datetime.datetime) -> None:
    """Write what a check found. An answer that did not come changes nothing that was known."""
    with transaction.atomic():
        held = SenderDomain.objects.select_for_update().filter(pk=domain.pk).first()
        if held is None:  # deleted meanwhile
            return
        was_usable, was_new = held.is_usable, held.verified_at is None
        asked = _keep_keys(held, found, now)
        is_seen = held.keys.filter(seen_at__isnull=False).exists()
        if is_seen:
            held.verified_at, held.broken_since = held.verified_at or now, None
        elif held.verified_at is not None and asked:
            held.broken_since = held.broken_since or now
        held.return_path_at = _return_path_at(held, found, now)
        held.checks, held.checked_at = [finding.stored() for finding in found], now
        held.next_check_at = now + _until_next(held, found, now)
        held.save(update_fields=[
            "verified_at", "broken_since", "return_path_at", "checks", "checked_at", "next_check_at",
        ])  # fmt: skip
        if held.is_usable != was_usable:
            verb = ("domain.verified" if was_new else "domain.mended") if held.is_usable else "domain.broken"
            audit.record(project=held.project, actor=None, verb=verb, target=held, now=now, name=held.name)
    domain.refresh_from_db()


def _keep_keys(held: SenderDomain, found: list[Finding], now: datetime.datetime) -> bool:
    """Note which keys DNS has; whether it answered for all of them."""
    by_selector: dict[Any, Finding] = {one.params.get("selector"): one for one in found if one.check == Check.DKIM}
    answered = True
    for key in held.keys.all():
        finding = by_selector.get(key.selector)
        if finding is None or finding.level == Level.UNKNOWN:
            answered = False
        elif finding.level == Level.BAD and key.seen_at is not None:
            DkimKey.objects.filter(pk=key.pk).update(seen_at=None)
        elif finding.level != Level.BAD and key.seen_at is None:
            DkimKey.objects.filter(pk=key.pk).update(seen_at=now)
    return answered


def _return_path_at(held: SenderDomain, found: list[Finding], now: datetime.datetime) -> datetime.datetime | None:
    finding = next((one for one in found if one.check == Check.RETURN_PATH), None)
    if finding is None:
        return None
    if finding.level == Level.UNKNOWN:
        return held.return_path_at
    return (held.return_path_at or now) if finding.level == Level.GOOD else None


def _until_next(held: SenderDomain, found: list[Finding], now: datetime.datetime) -> datetime.timedelta:
    is_waiting = held.keys.filter(seen_at=None, created_at__gt=now - _YOUNG).exists()
    return _SOON if is_waiting or any(one.level == Level.UNKNOWN for one in found) else _DAILY
