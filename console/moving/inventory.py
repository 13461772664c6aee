"""Everything that a folder holds, sorted: one entry for each thing, however often and wherever it was saved."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from console.moving import folder
from console.moving.fields import Unfit, instant, number, public_id, text
from console.moving.folder import File, Unreadable
from console.moving.kinds import Document, Kind, recognised
from console.moving.report import Fate, Report

_LEFT = {
    Kind.JOURNEY: "this version has no journeys. Its document stays in your file; a campaign or a scheduled segment may do for it.",
    Kind.RECOMMENDER: "this version has no recommenders. Write what a model recommends into an attribute by an import instead.",
    Kind.EVENT_STREAM: "events would begin to flow to AWS at once. If you want that, set it under Events out, or by PutEventStream.",
    Kind.OTHER_KPI: "figures are kept for campaigns only; those of a project or a journey have no place here.",
    Kind.OTHER: "it is none of the answers that the guide saves (docs/moving.md).",
}
# Answers that tell of other things, and are nothing by themselves.
_PASSED = frozenset({Kind.IMPORT_JOB, Kind.TEMPLATE_VERSION_LISTED, Kind.TAGS})


@dataclass(frozen=True, slots=True)
class Saved:
    """One answer, and the file (and the place in it) where it was found."""

    document: Document
    where: str


@dataclass(slots=True)
class Inventory:
    """``segments`` and ``campaigns`` are by id and version, ``templates`` by (type, name) and version, ``channels`` by (project, kind)."""

    apps: dict[str, Saved] = field(default_factory=dict)
    settings: dict[str, Saved] = field(default_factory=dict)
    channels: dict[tuple[str, str], Saved] = field(default_factory=dict)
    segments: dict[str, dict[int, Saved]] = field(default_factory=dict)
    campaigns: dict[str, dict[int, Saved]] = field(default_factory=dict)
    activities: dict[str, list[Saved]] = field(default_factory=dict)
    figures: dict[str, list[Saved]] = field(default_factory=dict)
    templates: dict[tuple[str, str], dict[int, Saved]] = field(default_factory=dict)
    listed: dict[tuple[str, str], Saved] = field(default_factory=dict)
    endpoints: list[Saved] = field(default_factory=list)
    exports: list[File] = field(default_factory=list)
    export_jobs: list[Saved] = field(default_factory=list)
    suppressed: list[Saved] = field(default_factory=list)


def read(root: Path, *, report: Report) -> Inventory:
    """Read the whole folder; what can't be read goes into the report, and the rest is read all the same."""
    found = Inventory()
    for file in folder.files(root):
        if isinstance(file, tuple):
            name, why = file
            report.add(Fate.FAULT, "file", name, where=name, why=why)
            continue
        try:
            if folder.is_export(file):
                found.exports.append(file)
            else:
                _read_documents(file, found, report)
        except Unreadable as fault:
            report.add(Fate.FAULT, "file", file.name, where=file.name, why=str(fault))
        except RecursionError:
            report.add(Fate.FAULT, "file", file.name, where=file.name, why="it is nested too deep for an answer of Pinpoint's.")
        except OSError as fault:
            report.add(Fate.FAULT, "file", file.name, where=file.name, why=f"it can't be read: {fault.strerror}.")
    return found


def _read_documents(file: File, found: Inventory, report: Report) -> None:
    for kind, document, where in _things(file):
        if kind in _PASSED:
            continue
        name = str(document.get("Name") or document.get("KpiName") or "")
        try:
            if kind in _LEFT:
                fate = Fate.FAULT if kind is Kind.OTHER else Fate.LEFT
                report.add(fate, kind.value, _some_id(document), name=name, where=where, why=_LEFT[kind])
            else:
                _KEEPERS[kind](found, document, Saved(document, where))
        except Unfit as fault:
            report.add(Fate.FAULT, kind.value, _some_id(document), name=name, where=where, why=str(fault))


def _things(file: File) -> Iterator[tuple[Kind, Document, str]]:
    for place, value in enumerate(folder.documents(file)):
        for inner, (kind, document) in enumerate(recognised(value)):
            is_alone = isinstance(value, dict) and inner == 0 and place == 0
            where = file.name if is_alone else f"{file.name}, {_ordinal(place, inner)}"
            yield kind, document, where


def _ordinal(place: int, inner: int) -> str:
    return f"document {place + 1}, item {inner + 1}" if place else f"item {inner + 1}"


def _some_id(document: Document) -> str:
    return str(document.get("Id") or document.get("TemplateName") or document.get("ApplicationId") or "")


# -- one keeper for each kind -------------------------------------------------------------------------------------------


def _app(found: Inventory, document: Document, saved: Saved) -> None:
    found.apps[public_id(document)] = saved


def _settings(found: Inventory, document: Document, saved: Saved) -> None:
    found.settings[public_id(document, "ApplicationId")] = saved


def _channel(found: Inventory, document: Document, saved: Saved) -> None:
    key = (public_id(document, "ApplicationId"), text(document, "Platform"))
    if key not in found.channels or not document.get("IsListed"):
        found.channels[key] = saved


def _segment(found: Inventory, document: Document, saved: Saved) -> None:
    segment_id, version = public_id(document), number(document)
    found.segments.setdefault(segment_id, {})[version] = saved


def _campaign(found: Inventory, document: Document, saved: Saved) -> None:
    """Of several that were saved of one version, the one that was changed last says its state."""
    campaign_id, version = public_id(document), number(document)
    versions = found.campaigns.setdefault(campaign_id, {})
    before = versions.get(version)
    if before is None or _changed(before.document) <= _changed(document):
        versions[version] = saved


def _changed(document: Document) -> str:
    at = instant(document, "LastModifiedDate")
    return at.isoformat() if at else ""


def _of_campaign(name: str) -> Callable[[Inventory, Document, Saved], None]:
    def keep(found: Inventory, document: Document, saved: Saved) -> None:
        getattr(found, name).setdefault(public_id(document, "CampaignId"), []).append(saved)

    return keep


def _template(found: Inventory, document: Document, saved: Saved) -> None:
    key, version = (text(document, "TemplateType"), text(document, "TemplateName")), number(document)
    found.templates.setdefault(key, {})[version] = saved


def _listed(found: Inventory, document: Document, saved: Saved) -> None:
    found.listed[text(document, "TemplateType"), text(document, "TemplateName")] = saved


def _in_list(name: str) -> Callable[[Inventory, Document, Saved], None]:
    def keep(found: Inventory, _document: Document, saved: Saved) -> None:
        getattr(found, name).append(saved)

    return keep


_KEEPERS: dict[Kind, Callable[[Inventory, Document, Saved], None]] = {
    Kind.APP: _app,
    Kind.SETTINGS: _settings,
    Kind.CHANNEL: _channel,
    Kind.SEGMENT: _segment,
    Kind.CAMPAIGN: _campaign,
    Kind.ACTIVITY: _of_campaign("activities"),
    Kind.CAMPAIGN_KPI: _of_campaign("figures"),
    Kind.TEMPLATE: _template,
    Kind.TEMPLATE_LISTED: _listed,
    Kind.ENDPOINT: _in_list("endpoints"),
    Kind.EXPORT_JOB: _in_list("export_jobs"),
    Kind.SUPPRESSED: _in_list("suppressed"),
}
