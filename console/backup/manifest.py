"""What a backup holds, and whether it is all there."""

from __future__ import annotations

import datetime
import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from console.backup import programs
from console.backup.errors import BackupRefused

NAME = "manifest.json"
DUMP = "pabal.dump"
_FORMAT = 1
_BLOCK = 1 << 20  # bytes read at once


@dataclass(frozen=True, slots=True)
class File:
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """``migrations``: app → the newest one that was applied. ``uploads``: where they are, when they are not in the backup."""

    made_at: datetime.datetime
    version: str
    server_version: int
    dump_version: int  # of the pg_dump that wrote it: an older pg_restore can't read that
    migrations: dict[str, str]
    uploads: str
    sealed: str  # a word sealed with SECRETS_KEY: a restore with another key is noticed
    files: dict[str, File]  # path below the backup's folder, the manifest aside

    def text(self) -> str:
        document = asdict(self) | {"format": _FORMAT, "made_at": self.made_at.isoformat()}
        return json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False)


def read(backup: Path) -> Manifest:
    """Raises ``BackupRefused`` for what is no whole backup."""
    try:
        found = json.loads((backup / NAME).read_text())
        if found["format"] != _FORMAT:
            raise BackupRefused(f"{backup} was made by a newer Pabal: use that one.")
        files = {path: File(**said) for path, said in found.pop("files").items()}
        made_at = datetime.datetime.fromisoformat(found.pop("made_at"))
        return Manifest(made_at=made_at, files=files, **{name: said for name, said in found.items() if name != "format"})
    except FileNotFoundError:
        raise BackupRefused(f"{backup} is no backup: it has no {NAME}.") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BackupRefused(f"{backup / NAME} can't be read: {error}") from error


def verify(backup: Path) -> Manifest:
    """Read every byte and compare it with the manifest; the dump's table of contents as well. Raises ``BackupRefused``."""
    manifest = read(backup)
    faults = list(_faults(backup, manifest))
    if faults:
        more = f" (and {len(faults) - 5} more)" if len(faults) > 5 else ""
        raise BackupRefused(f"{backup} is damaged: {'; '.join(faults[:5])}{more}. Use another backup.")
    programs.run(programs.find("pg_restore", at_least=manifest.dump_version), "--list", str(backup / DUMP), database=False)
    return manifest


def _faults(backup: Path, manifest: Manifest) -> Iterator[str]:
    if DUMP not in manifest.files:
        yield f"{DUMP} is missing"
    for path, said in manifest.files.items():
        try:
            found = of_file(backup / path)
        except OSError as error:
            yield f"{path}: {error.strerror}"
            continue
        if found != said:
            yield f"{path} is not what was written ({found.size:,} of {said.size:,} bytes)"


def of_file(path: Path) -> File:
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
            size += len(block)
    return File(size=size, sha256=digest.hexdigest())
