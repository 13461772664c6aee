"""Endpoints, from export files: those that are not here yet come by the house's own import, and nothing that is here is changed.

So the order of files and the number of times do not matter, and whoever opted out here since stays opted out. Inactive endpoints are
written first, each in the transaction that makes it inactive.
"""

from __future__ import annotations

import itertools
import json
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from django.core.files.base import File as Upload

from console.moving.checking import check
from console.moving.exports import Group, Line, groups, read_lines
from console.moving.fields import instant
from console.moving.folder import File
from console.moving.move import Move
from console.moving.report import Fate
from core.audience import Audience
from core.errors import Refusal
from endpoints import queries
from endpoints.services import moving
from endpoints.services.moving import Past
from endpoints.writing.refusals import ItemRefused
from projects.models import Project
from segments import importing
from segments.models import ImportJob, JobStatus
from segments.services import imports, running

CHUNK_BYTES = 16 << 20  # of lines that become one import; read, they take some fifteen times as much memory
_BATCH = 500  # inactive endpoints of one transaction
_LOOKUP = 10_000  # Ids asked for at once
_LISTED = 20  # faults of one file that are listed; the others are counted
_UPLOAD = "from-pinpoint.jsonl"  # how the imports of a move call their files
_PAUSE_SECONDS = 0.5  # between two looks at a job that another worker has


@dataclass(slots=True)
class Members:
    """Who is in a segment whose export was found; ``lines``: how many it named."""

    lines: int = 0
    audience: Audience = field(default_factory=Audience)


def take_endpoints(move: Move) -> dict[str, Members]:
    """All endpoints; returns the members of the segments that have an export, by the segments' ids."""
    found: dict[str, Members] = {}
    with tempfile.TemporaryDirectory(prefix="moving-") as scratch:
        single = _as_file(move, Path(scratch))
        some = groups(move, [*move.found.exports, *([single] if single else [])])
        takers = {project: _Taker(move, project) for project in dict.fromkeys(group.project for group in some)}
        for taker in takers.values():
            taker.finish()
        for group in some:
            takers[group.project].take_inactive(group)
        for group in some:
            for chunk in _chunks(read_lines(move, group)):
                takers[group.project].take(chunk, Path(scratch))
                if group.segment_id:
                    members = found.setdefault(group.segment_id, Members())
                    ids = [line.id for line in chunk]
                    members.lines += len(ids)
                    members.audience = members.audience | takers[group.project].named(ids)
    return found


def _as_file(move: Move, scratch: Path) -> File | None:
    """Endpoints that were saved one by one (get-endpoint), as if they had been exported."""
    if not move.found.endpoints:
        return None
    path = scratch / "endpoints.json"
    with path.open("w") as out:
        for saved in move.found.endpoints:
            try:
                out.write(json.dumps(saved.document) + "\n")
            except RecursionError:
                move.report.add(Fate.FAULT, "endpoint", where=saved.where, why="it is nested too deep for an endpoint.")
    return File(path, move.found.endpoints[0].where.partition(",")[0])


def _chunks(lines: Iterable[Line]) -> Iterator[list[Line]]:
    chunk: list[Line] = []
    size = 0
    for line in lines:
        chunk.append(line)
        size += len(line.raw)
        if size >= CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


class _Taker:
    """The endpoints of one project."""

    def __init__(self, move: Move, project: Project) -> None:
        self._move, self._project = move, project
        self._faults: dict[str, int] = {}
        self._made = Audience()  # by this run: another file that names them again does not find them "there already"
        self._there = Audience()  # before this run, as far as files have named them
        self._checked: set[int] = set()  # the same of a dry run, by hashes of Ids

    def named(self, ids: list[str]) -> Audience:
        some = (ids[start : start + _LOOKUP] for start in range(0, len(ids), _LOOKUP))
        return Audience.union([moving.named(project=self._project, endpoint_ids=one) for one in some])

    def finish(self) -> None:
        """End what a run before this one began: carried out later, it would write over what is changed meanwhile."""
        begun = ImportJob.objects.filter(project=self._project, upload_name=_UPLOAD).exclude(
            status__in=[JobStatus.COMPLETED, JobStatus.FAILED]
        )
        if not self._move.is_dry_run:
            for job in begun.order_by("pk"):
                self._wait(job)

    def take_inactive(self, group: Group) -> None:
        """Those that Pinpoint had switched off; they would be ACTIVE by an import."""
        if self._move.is_dry_run:
            return
        off = (line for line in read_lines(self._move, group, is_quiet=True) if line.is_inactive)
        while batch := list(itertools.islice(off, _BATCH)):
            fresh = self._fresh(batch)
            answers = moving.take_inactive(project=self._project, items=[line.document for line in fresh], now=self._move.clock())
            for line, answer in zip(fresh, answers, strict=True):
                if isinstance(answer, ItemRefused):
                    self._fault(line.file.name, line.number, answer.column, str(answer.message))
                else:
                    self._count("taken")
                    self._made = self._made | Audience([answer.id])

    def take(self, chunk: list[Line], scratch: Path) -> None:
        """Those of a chunk that are not here yet."""
        fresh = self._fresh(chunk)
        if self._move.is_dry_run:
            self._check(chunk, fresh)
            return
        there = self.named(list({line.id for line in chunk} - {line.id for line in fresh})) - self._made - self._there
        self._there = self._there | there
        self._count("there already", len(there))
        wanted = [line for line in fresh if not line.is_inactive]  # one that is, and not here, was refused before
        if wanted:
            self._import(wanted, scratch)
            self._made = self._made | self.named([line.id for line in wanted])
        past = [_past(line) for line in chunk]
        for start in range(0, len(past), _LOOKUP):
            moving.keep_past(project=self._project, past=past[start : start + _LOOKUP])

    def _check(self, chunk: list[Line], fresh: list[Line]) -> None:
        self._count("there already", len({line.id for line in chunk}) - len(fresh))
        for line in fresh:
            number = hash(line.id.lower())
            if number in self._checked:
                continue
            self._checked.add(number)
            refused = check(line.raw, number=line.number)
            if refused is None:
                self._count("taken")
            else:
                self._fault(line.file.name, line.number, *refused)

    def _count(self, what: str, number: int = 1) -> None:
        self._move.report.count(self._project.public_id, what, number)

    def _fresh(self, lines: list[Line]) -> list[Line]:
        """Those that are not here, each once."""
        ids = list({line.id.lower() for line in lines})
        known: set[str] = set()
        for start in range(0, len(ids), _LOOKUP):
            known |= queries.endpoint_pks(project_id=self._project.pk, keys=ids[start : start + _LOOKUP]).keys()
        fresh = []
        for line in lines:
            if line.id.lower() not in known:
                known.add(line.id.lower())
                fresh.append(line)
        return fresh

    def _import(self, lines: list[Line], scratch: Path) -> None:
        path = scratch / _UPLOAD
        with path.open("wb") as out:
            out.writelines(line.raw for line in lines)
        name = f"Pinpoint: {lines[0].file.name}"[-128:]
        order = imports.Order(format=ImportJob.Format.JSON, segment_name=name, define_segment=False)
        try:
            with path.open("rb") as stream:
                job = imports.create_upload_import(
                    project=self._project, actor=self._move.actor, upload=Upload(stream, name=path.name), order=order,
                    now=self._move.clock(),
                )  # fmt: skip
            self._wait(job)
            if job.status != JobStatus.COMPLETED:
                raise imports.ImportRefused(importing.failure_sentence(job) or "the import was not completed.")
        except Refusal as refusal:
            self._count("not taken", len(lines))
            self._move.report.add(Fate.FAULT, "endpoints", lines[0].file.name, where=lines[0].file.name, why=refusal.message)
            return
        self._count("taken", job.total_processed - job.total_failures)
        for row in importing.all_refused(job=job):
            line = lines[row.line_number - 1]
            self._fault(line.file.name, line.number, row.column, row.reason)

    def _wait(self, job: ImportJob) -> None:
        """Carry a job out until it is done, whoever does it: a worker may have been quicker."""
        while not job.is_finished:
            running.run_job(job_id=job.pk, clock=self._move.clock)
            job.refresh_from_db()
            if not job.is_finished:
                time.sleep(_PAUSE_SECONDS)

    def _fault(self, name: str, number: int, column: str, reason: str) -> None:
        self._count("not taken")
        self._faults[name] = self._faults.get(name, 0) + 1
        if self._faults[name] <= _LISTED:
            where = f"{name}, line {number}"
            self._move.report.add(Fate.FAULT, "endpoint", where=where, why=f"{column}: {reason}" if column else reason)
        elif self._faults[name] == _LISTED + 1:
            why = "more of its lines are refused; they are counted, and listed under Segments → Imports."
            self._move.report.add(Fate.FAULT, "endpoint", where=name, why=why)


def _past(line: Line) -> Past:
    cohort = line.document.get("CohortId")
    digits = cohort if isinstance(cohort, str) and cohort.isascii() and cohort.isdecimal() and len(cohort) < 3 else ""
    return Past(
        endpoint_id=line.id,
        effective_at=instant(line.document, "EffectiveDate"),
        created_at=instant(line.document, "CreationDate"),
        cohort=int(digits) if digits else None,
    )
