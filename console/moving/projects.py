"""Projects with their settings and channels, and the suppression list."""

from __future__ import annotations

from collections.abc import Iterable

from django.conf import settings

from api.identity.arns import account
from api.operations.channels import KINDS, SECRETS
from api.protocol.model import model
from campaigns.services import project_settings
from console.moving.fields import FAULTS, Unfit, as_request, instant, public_id, text, without_empty
from console.moving.inventory import Saved
from console.moving.move import Move
from console.moving.report import Fate
from core.errors import Refusal
from messaging.models import ProjectChannel, Suppression
from messaging.services import channels, suppressions
from projects.models import Project, SendingSettings
from projects.services import projects

_SHAPES = {kind.value: shape for kind, shape in KINDS.values()}
_REASONS = {"BOUNCE": Suppression.Reason.HARD_BOUNCE, "COMPLAINT": Suppression.Reason.COMPLAINT}


def take_projects(move: Move) -> None:
    """All projects; they are in practice mode, in which nothing leaves the house."""
    for app_id, saved in move.found.apps.items():
        name = str(saved.document.get("Name") or "")
        there = Project.objects.filter(public_id=app_id).first()
        if there is not None:
            fate = Fate.THERE if there.deleted_at is None else Fate.LEFT
            why = "" if there.deleted_at is None else "it was deleted here, with all that it had."
            move.report.add(fate, "project", app_id, name=name, where=saved.where, why=why)
            continue
        try:
            made = _project(move, app_id, saved)
        except FAULTS as fault:
            move.report.add(Fate.FAULT, "project", app_id, name=name, where=saved.where, why=str(fault))
            continue
        move.made(made)
        move.report.add(Fate.TAKEN, "project", app_id, name=made.name, where=saved.where)
        move.report.advise(
            f"The project “{made.name}” is in practice mode: what it sends stays in the built-in mailbox. Let its senders be "
            "verified under Senders, then go live in its settings."
        )
    _advise_account(move)


def _project(move: Move, app_id: str, saved: Saved) -> Project:
    request = as_request("CreateApplicationRequest", saved.document)
    now = move.clock()
    moved = projects.Moved(public_id=app_id, created_at=instant(saved.document, "CreationDate") or now)
    return projects.create_project(
        actor=move.actor, name=request["Name"], description="", time_zone=settings.DEFAULT_PROJECT_TIME_ZONE,
        tags=request.get("tags"), moved=moved, now=now,
    )  # fmt: skip


def _advise_account(move: Move) -> None:
    """ARNs that programs hold name the account and the region; with the settings they stay true."""
    held = account()
    named = {
        tuple(parts[3:5]) for saved in move.found.apps.values() if len(parts := str(saved.document.get("Arn")).split(":")) == 6
    }
    if len(named) == 1 and named != {(held.region, held.account_id)}:
        ((region, account_id),) = named
        move.report.advise(
            "Programs that name resources by ARN go on unchanged when the installation has the account's number and region: set "
            f"ACCOUNT_ID={account_id[:12]} and ACCOUNT_REGION={region[:32]} (docs/settings.md)."
        )


def take_settings(move: Move) -> None:
    """A project that has settings of its own by now keeps them."""
    for app_id, saved in move.found.settings.items():
        _take(move, "settings", app_id, saved, _settings)


def _settings(move: Move, app_id: str, saved: Saved) -> Fate:
    project = move.project(app_id)
    if SendingSettings.objects.filter(project=project).exists():
        return Fate.THERE
    given = as_request("WriteApplicationSettingsRequest", without_empty(saved.document))
    project_settings.update_settings(project=project, actor=move.actor, given=given, now=move.clock())
    return Fate.TAKEN


def take_channels(move: Move) -> None:
    """Without their secrets, which Pinpoint never showed."""
    for (app_id, kind), saved in move.found.channels.items():
        _take(move, "channel", f"{app_id} {kind}", saved, _channel)


def _channel(move: Move, _id: str, saved: Saved) -> Fate:
    project, kind = move.project(public_id(saved.document, "ApplicationId")), text(saved.document, "Platform")
    if kind not in _SHAPES:
        raise Unfit(f"Platform: “{kind[:20]}” is no channel.")
    if ProjectChannel.objects.filter(project=project, kind=kind).exists():
        return Fate.THERE
    if saved.document.get("IsListed"):
        if not saved.document.get("Enabled"):
            return Fate.LEFT
        raise Unfit(
            f"only that it is there was saved. Save what it says: aws pinpoint get-{kind.lower().replace('_', '-')}-channel."
        )
    if model().shapes[_SHAPES[kind]].get("required", []) and set(model().shapes[_SHAPES[kind]]["required"]) & SECRETS:
        raise Unfit("Pinpoint never shows its keys, and it is nothing without them. Set it here: Update…Channel of the API.")
    document = as_request(_SHAPES[kind], saved.document)
    is_enabled = bool(document.pop("Enabled", True))
    channels.save_channel(
        project=project, actor=move.actor, kind=kind, document=document, secrets={}, is_enabled=is_enabled, now=move.clock()
    )
    if kind == "EMAIL" and is_enabled:
        move.report.advise(
            f"Add the sender {document['FromAddress']} of the project “{project.name}” under Senders, and verify it."
        )
    elif saved.document.get("HasCredential") and kind not in ("SMS", "VOICE"):
        move.report.advise(f"Pinpoint never shows the keys of the channel {kind} of “{project.name}”: set them again by the API.")
    return Fate.TAKEN


def take_suppressed(move: Move) -> None:
    """Addresses of SES's account-wide list, for all projects: who bounced or complained there gets nothing from here."""
    by_reason: dict[str, list[str]] = {}
    for saved in move.found.suppressed:
        reason = _REASONS.get(str(saved.document.get("Reason")), Suppression.Reason.IMPORT)
        address = saved.document.get("EmailAddress")
        if isinstance(address, str):
            by_reason.setdefault(str(reason), []).append(address)
    for said, addresses in by_reason.items():
        _suppress(move, said, addresses)


def _suppress(move: Move, reason: str, addresses: Iterable[str]) -> None:
    try:
        added = suppressions.add(
            project=None, actor=move.actor, lines=addresses, reason=reason, source=Suppression.Source.FILE, now=move.clock()
        )
    except Refusal as refusal:
        move.report.add(Fate.FAULT, "suppression list", reason, why=refusal.message)
        return
    name = f"{added.new:,} added, {added.known:,} there already"
    move.report.add(Fate.TAKEN if added.new else Fate.THERE, "suppression list", reason, name=name)
    if added.wrong_total:
        some = ", ".join(added.wrong)
        move.report.add(
            Fate.FAULT, "suppression list", reason, why=f"{added.wrong_total:,} are no e-mail addresses, the first: {some}."
        )


def _take(move: Move, what: str, id: str, saved: Saved, take: object) -> None:
    try:
        fate = take(move, id, saved)  # type: ignore[operator]
    except FAULTS as fault:
        move.report.add(Fate.FAULT, what, id, where=saved.where, why=str(fault))
        return
    why = "it was off in Pinpoint, and what it said was not saved." if fate is Fate.LEFT else ""
    move.report.add(fate, what, id, where=saved.where, why=why)
