"""``manage.py translations check|compile|missing APP``: Korean, complete. Needs no GNU gettext."""

from __future__ import annotations

import io
import re
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils.translation.template import templatize

_APPS = ("core", "projects", "analytics", "endpoints", "segments", "messaging", "campaigns", "api", "console")
_KEYWORDS = {
    "_": None, "gettext": None, "gettext_lazy": None, "gettext_noop": None, "ngettext": (1, 2), "ngettext_lazy": (1, 2),
    "pgettext": ((1, "c"), 2),
}  # fmt: skip
_PLACEHOLDER = re.compile(r"%\((\w+)\)[sd]")


class Command(BaseCommand):
    help = __doc__
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("action", choices=["check", "compile", "missing"])
        parser.add_argument("app", nargs="?", choices=_APPS)

    def handle(self, *args: Any, **options: Any) -> None:
        if options["action"] == "compile":
            for app in _APPS:
                _compile(app)
            return
        apps = [options["app"]] if options["app"] else _APPS
        faults = []
        for app in apps:
            catalog = _catalog(app)
            missing = [text for text in sorted(_texts(app)) if not _translated(catalog, text)]
            if options["action"] == "missing":
                for text in missing:
                    self.stdout.write(_entry(text))
                continue
            faults += [f"{app}: not in Korean yet: {text!r}" for text in missing]
            faults += [f"{app}: other placeholders: {text!r}" for text in _texts(app) if not _same_placeholders(catalog, text)]
        if faults:
            raise CommandError("\n".join([*faults, f"{len(faults)} faults: mend them in <app>/locale/ko/LC_MESSAGES/django.po"]))


def _po(app: str) -> Path:
    return Path(settings.BASE_DIR) / app / "locale" / "ko" / "LC_MESSAGES" / "django.po"


def _catalog(app: str) -> Catalog:
    path = _po(app)
    return read_po(io.BytesIO(path.read_bytes()), locale="ko") if path.exists() else Catalog(locale="ko")


def _compile(app: str) -> None:
    path = _po(app)
    if path.exists():
        with path.with_suffix(".mo").open("wb") as out:
            write_mo(out, _catalog(app))


def _texts(app: str) -> set[str]:
    """All English texts of an app: its Python, and its templates."""
    base = Path(settings.BASE_DIR)
    found: set[str] = set()
    for path in (base / app).rglob("*.py"):
        if "migrations" not in path.parts:
            found |= set(_extracted(path.read_bytes()))
    templates = [*(base / "templates" / app).rglob("*.html"), *(base / "templates" / app).rglob("*.txt")]
    if app == "console":
        templates += [*(base / "templates").glob("*.html"), *(base / "templates" / "components").glob("*.html")]
    for path in templates:
        # What templatize leaves is no Python but for the calls; its indentation would stop the extractor.
        lines = templatize(path.read_text(encoding="utf-8")).splitlines()
        found |= set(_extracted("\n".join(line.lstrip() for line in lines).encode()))
    return found


def _extracted(source: bytes) -> Iterator[str]:
    for _line, message, _comments, _context in extract("python", io.BytesIO(source), keywords=_KEYWORDS):
        text = message[0] if isinstance(message, tuple) else message
        if text:
            yield text


def _translated(catalog: Catalog, text: str) -> bool:
    message = catalog.get(text)
    if message is None or message.fuzzy:
        return False
    return bool(message.string if isinstance(message.string, str) else all(message.string or ()))


def _same_placeholders(catalog: Catalog, text: str) -> bool:
    message = catalog.get(text)
    if message is None or not message.string:
        return True
    string = message.string if isinstance(message.string, str) else message.string[0]
    return set(_PLACEHOLDER.findall(text)) == set(_PLACEHOLDER.findall(string))


def _entry(text: str) -> str:
    quoted = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'msgid "{quoted}"\nmsgstr ""\n'
