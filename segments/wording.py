"""Stored definitions in words: their sentences with the names of segments, campaigns and links, and the versions of a segment."""

from __future__ import annotations

import zoneinfo
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from projects import zones
from projects.models import Project
from segments import ports, queries
from segments.evaluation import DefinitionRefused, parse_document
from segments.evaluation.tree import Definition, Did
from segments.explanation import explain
from segments.models import Segment, SegmentType, SegmentVersion


def sentence(*, project: Project, document: dict[str, Any]) -> str:
    """The definition in words; raises ``DefinitionRefused``."""
    return _sentences(project, [parse_document(document)])[0]


def _sentences(project: Project, definitions: Sequence[Definition]) -> list[str]:
    ids = {source.segment_id for definition in definitions for group in definition.groups for source in group.sources}
    names = queries.segment_names(project=project, segment_ids=ids)
    campaigns = campaign_names(project=project, campaign_ids=campaigns_in(definitions))
    links = campaign_links(project=project, campaign_ids=campaigns_in(definitions, with_link=True))
    return [
        explain(
            definition=definition, segment_names=names, campaign_names=campaigns, campaign_links=links,
            zone=zoneinfo.ZoneInfo(project.time_zone),
            zone_label=zones.label(project.time_zone).split(" ")[0],
        )
        for definition in definitions
    ]  # fmt: skip


def campaigns_in(definitions: Iterable[Definition], *, with_link: bool = False) -> set[str]:
    """The public ids of the campaigns that filters name; ``with_link``: of those of which a link is meant."""
    dimensions = [dimension for one in definitions for group in one.groups for dimension in group.dimensions]
    tests = [criterion.test for dimension in dimensions for criterion in dimension.criteria]
    return {test.campaign_id for test in tests if isinstance(test, Did) and (test.link is not None or not with_link)} - {""}


def campaign_names(*, project: Project, campaign_ids: Collection[str]) -> dict[str, str]:
    """Public id → name, of the project's campaigns among these, deleted ones too."""
    if not campaign_ids:
        return {}
    return {key: name for found in ports.campaign_names.call(project.pk, campaign_ids) for key, name in found.items()}


def campaign_links(*, project: Project, campaign_ids: Collection[str]) -> dict[str, list[ports.CampaignLink]]:
    """Public id → the campaign's links in the order of their numbers, which begin at 0, of a test of messages for each treatment."""
    if not campaign_ids:
        return {}
    return {key: links for found in ports.campaign_links.call(project.pk, campaign_ids) for key, links in found.items()}


@dataclass(frozen=True, slots=True)
class VersionLine:
    """A version of a segment on its page: the definition in words, or what was imported and how many that made (None: not known)."""

    version: SegmentVersion
    text: str
    size: int | None
    is_newest: bool


def version_lines(*, segment: Segment, versions: Iterable[SegmentVersion]) -> list[VersionLine]:
    """The sentences of all versions with the queries of one."""
    held = list(versions)
    texts: dict[int, str] = {}
    definitions: dict[int, Definition] = {}
    for version in held:
        if segment.segment_type == SegmentType.IMPORT:
            texts[version.pk] = (version.import_definition or {}).get("S3Url", "")
            continue
        try:
            definitions[version.pk] = parse_document(version.document)
        except DefinitionRefused as refusal:
            texts[version.pk] = refusal.message
    texts |= zip(definitions, _sentences(segment.project, list(definitions.values())), strict=True)
    return [
        VersionLine(
            version=version, text=texts[version.pk], size=(version.import_definition or {}).get("Size"),
            is_newest=version.version == segment.version,
        )
        for version in held
    ]  # fmt: skip
