"""The beginning of an import's first file, and what its columns probably are."""

from __future__ import annotations

from segments.files import copying
from segments.files.mapping import Mapping, guess
from segments.models import ImportJob
from segments.services import mappings, preparing


def first_look(*, job: ImportJob, encoding: str = "", sheet: str = "") -> copying.Look:
    """Raises ``SourceRefused`` or ``FileRefused`` when there is nothing to see."""
    source = preparing.source_of(job)
    files = [file for file in preparing.files_of(job, source) if file.size] or preparing.files_of(job, source)
    with source.open(files[0].key, etag=files[0].etag) as stream:
        return copying.look(stream, encoding=encoding, sheet=sheet)


def proposed(*, job: ImportJob, look: copying.Look) -> tuple[Mapping, bool]:
    """The mapping that the project remembers for these names (True), else a guess (False)."""
    remembered = mappings.remembered(project=job.project, names=look.names)
    return (remembered, True) if remembered is not None else (guess(look.names), False)
