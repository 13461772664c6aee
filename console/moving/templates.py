"""Message templates with their versions. They are the installation's, as they were the account's."""

from __future__ import annotations

from collections.abc import Mapping

from api.operations.templates import KINDS
from console.moving.fields import FAULTS, Unfit, as_request, instant
from console.moving.inventory import Saved
from console.moving.move import Move
from console.moving.report import Fate
from messaging.models import MessageTemplate
from messaging.rendering import TemplateError
from messaging.services import moving
from messaging.services.moving import MovedVersion

_SHAPES = {kind.value: shape for kind, shape in KINDS.values()}


def take_templates(move: Move) -> None:
    for key, versions in move.found.templates.items():
        kind, name = key
        newest = versions[max(versions)]
        try:
            fate, why = _template(move, kind, name, versions)
        except FAULTS as fault:
            fate, why = Fate.FAULT, _reason(fault)
        move.report.add(fate, "template", f"{kind} {name}", where=newest.where, why=why)
    for key, saved in move.found.listed.items():
        kind, name = key
        if key not in move.found.templates and not _is_there(kind, name):
            why = f"only its name was saved. Save what it says: aws pinpoint get-{_command(kind)}-template --template-name {name[:128]}"
            move.report.add(Fate.FAULT, "template", f"{kind} {name}", where=saved.where, why=why)


def _is_there(kind: str, name: str) -> bool:
    return MessageTemplate.objects.filter(template_type=kind, name=name).exists()


def _template(move: Move, kind: str, name: str, versions: Mapping[int, Saved]) -> tuple[Fate, str]:
    if kind not in _SHAPES:
        raise Unfit(f"TemplateType: “{kind[:20]}” is no type of template.")
    if _is_there(kind, name):
        return Fate.THERE, ""
    numbers = sorted(versions)
    now = move.clock()
    taken = []
    for number in numbers:
        document = as_request(_SHAPES[kind], versions[number].document)
        document.pop("tags", None)
        made_at = instant(versions[number].document, "CreationDate") or now
        changed_at = instant(versions[number].document, "LastModifiedDate") or made_at
        taken.append(MovedVersion(version=number, document=document, created_at=made_at, updated_at=changed_at))
    active, why = _active(move, kind, name, numbers)
    tags = as_request(_SHAPES[kind], versions[active].document).get("tags", {})
    moving.take_template(
        actor=move.actor, template_type=kind, name=name, versions=taken, active=active, tags=tags, now=now
    )  # fmt: skip
    if any(one.document.get("RecommenderId") for one in taken):
        why = f"{why} It uses a recommender, which this version has not: those variables stay empty.".strip()
    return Fate.TAKEN, why


def _active(move: Move, kind: str, name: str, numbers: list[int]) -> tuple[int, str]:
    """Which version is sent: ListTemplates says so, or there is only one. Else the newest, and why somebody should look."""
    listed = move.found.listed.get((kind, name))
    said = str(listed.document.get("Version")) if listed else ""
    if said.isdecimal() and int(said) in numbers:
        return int(said), ""
    if said:
        raise Unfit(
            f"its active version {said[:9]} was not saved. Save it: get-{_command(kind)}-template --template-version {said[:9]}."
        )
    why = "which version was active was not saved (list-templates), so it is the newest." if len(numbers) > 1 else ""
    return numbers[-1], why


def _command(kind: str) -> str:
    return {"INAPP": "in-app"}.get(kind, kind.lower()[:20])


def _reason(fault: Exception) -> str:
    return f"{fault.part}: {fault}" if isinstance(fault, TemplateError) and fault.part else str(fault)
