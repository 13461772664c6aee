"""Export files: whose they are, and their lines, checked as far as that is needed to know what to do with them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from console.moving import folder
from console.moving.fields import Unfit, public_id, text
from console.moving.folder import File, Unreadable
from console.moving.move import Move
from console.moving.report import Fate
from projects.models import Project

# The members of EndpointResponse. Others are left out: the importer would refuse a line for them.
_MEMBERS = frozenset({
    "Id", "ApplicationId", "Address", "ChannelType", "OptOut", "RequestId", "EffectiveDate", "EndpointStatus", "CohortId", "CreationDate",
    "Attributes", "Metrics", "Demographic", "Location", "User",
})  # fmt: skip
_LISTED = 20  # faults of one file that are listed; the others are counted


@dataclass(frozen=True, slots=True)
class Line:
    """An endpoint as its line says it; ``raw`` is the line for the importer, with its end."""

    file: File
    number: int
    id: str
    document: dict[str, Any]
    raw: bytes

    @property
    def is_inactive(self) -> bool:
        return self.document.get("EndpointStatus") == "INACTIVE"


@dataclass(slots=True)
class Group:
    """The files of one project that tell of one segment (``segment_id``), or of none. ``newest``: the latest EffectiveDate in them."""

    project: Project
    segment_id: str
    files: list[File]
    newest: str = ""


def groups(move: Move, files: Sequence[File]) -> list[Group]:
    """Every file read once, so that a damaged one is known before anything is written; those that tell the newest come first."""
    prefixes = _prefixes(move)
    found: dict[tuple[str, str], Group] = {}
    for file in files:
        segment_id = _segment_of(move, file, prefixes)
        try:
            app_id, newest = _scan(file)
            project = move.project(app_id or _only_app(move, file))
        except (Unreadable, Unfit) as fault:
            move.report.add(Fate.FAULT, "export", file.name, where=file.name, why=str(fault))
            if segment_id:
                move.damaged[segment_id] = file.name
            continue
        group = found.setdefault((project.public_id, segment_id), Group(project, segment_id, []))
        group.files.append(file)
        group.newest = max(group.newest, newest)
        move.report.add(Fate.TAKEN, "export", file.name, project=project.public_id, where=file.name)
    return sorted(found.values(), key=lambda group: group.newest, reverse=True)


def _scan(file: File) -> tuple[str, str]:
    """The project's id in the first line that tells it, and the latest EffectiveDate. Raises ``Unreadable``."""
    app_id = newest = ""
    for _number, line in folder.lines(file):
        try:
            document = orjson.loads(line) if line is not None else None
        except orjson.JSONDecodeError:
            continue
        if isinstance(document, dict):
            app_id = app_id or str(document.get("ApplicationId") or "")
            newest = max(newest, str(document.get("EffectiveDate") or "")[:32])
    return app_id, newest


def _only_app(move: Move, file: File) -> str:
    """Of lines that don't say whose they are: a folder's name says it, or there is but one project. Raises ``Unfit``."""
    named = [part for part in file.parts if part in move.found.apps]
    if named or len(move.found.apps) == 1:
        return named[-1] if named else next(iter(move.found.apps))
    raise Unfit("its lines don't say which project they belong to. Put it into a folder that has the project's id as its name.")


def _prefixes(move: Move) -> dict[tuple[str, ...], str]:
    """The folders to which export jobs of segments wrote → the segment's id."""
    found = {}
    for saved in move.found.export_jobs:
        definition = saved.document.get("Definition")
        if isinstance(definition, dict) and definition.get("SegmentId"):
            key = str(definition.get("S3UrlPrefix") or "").removeprefix("s3://").strip("/").split("/")[1:]
            if key:
                found[tuple(key)] = str(definition["SegmentId"])
    return found


def _segment_of(move: Move, file: File, prefixes: dict[tuple[str, ...], str]) -> str:
    """The segment whose export a file is: one of its folders is called as it, or is where its export job wrote."""
    for part in reversed(file.parts):
        if part in move.found.segments:
            return part
    for key, segment_id in prefixes.items():
        if any(file.parts[start : start + len(key)] == key for start in range(len(file.parts))):
            return segment_id
    return ""


def read_lines(move: Move, group: Group, *, is_quiet: bool = False) -> Iterator[Line]:
    """The lines of a group. What is no endpoint of its project is said and counted, unless it was before (``is_quiet``)."""
    for file in group.files:
        faults = 0
        for number, line in folder.lines(file):
            try:
                yield _line(move, group.project, file, number, line)
            except Unfit as fault:
                faults += 1
                if not is_quiet:
                    move.report.count(group.project.public_id, "not taken")
                    if faults <= _LISTED:
                        move.report.add(Fate.FAULT, "endpoint", where=f"{file.name}, line {number}", why=str(fault))


def _line(move: Move, project: Project, file: File, number: int, line: bytes | None) -> Line:
    if line is None:
        raise Unfit(f"the line is longer than {folder.LINE_BYTES >> 20} MB.")
    try:
        document = orjson.loads(line)
    except orjson.JSONDecodeError as fault:
        raise Unfit(f"it is no JSON: {str(fault)[:200]}.") from None
    if not isinstance(document, dict):
        raise Unfit("it is no JSON object.")
    if document.get("ApplicationId") and public_id(document, "ApplicationId") != project.public_id:
        raise Unfit("ApplicationId: the endpoint belongs to another project than the file's other ones.")
    unknown = document.keys() - _MEMBERS
    for member in unknown:
        del document[member]
        move.report.advise(f"Lines of exports have a member “{member[:50]}”, which this version does not know: it was left out.")
    try:
        raw = orjson.dumps(document) if unknown else line.rstrip(b"\r\n")
    except orjson.JSONEncodeError as fault:
        raise Unfit(f"it can't be an endpoint: {str(fault)[:200]}.") from None
    return Line(file, number, text(document, "Id"), document, raw + b"\n")
