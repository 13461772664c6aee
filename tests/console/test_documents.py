"""The documents say what the code is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps

from console import checks

ROOT = Path(__file__).resolve().parent.parent.parent
APPS = {"core", "projects", "analytics", "endpoints", "segments", "messaging", "campaigns", "api", "console"}
DOCUMENTS = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]


def test_every_setting_is_documented_and_no_other() -> None:
    read = set(re.findall(r'env\.\w+\(\s*"(\w+)"', (ROOT / "console" / "settings.py").read_text()))
    written = set(re.findall(r"`([A-Z][A-Z0-9_]+)`", "".join(
        line.split("|")[1] for line in (ROOT / "docs" / "settings.md").read_text().splitlines() if line.startswith("| `")
    )))  # fmt: skip
    assert read == written, "docs/settings.md lists exactly the environment variables that console/settings.py reads"


def test_every_table_has_an_owner() -> None:
    models = {model._meta.label for model in apps.get_models() if model._meta.app_label in APPS}
    listed = re.findall(r"^\| (\w+\.\w+) \| ([^|]+) \|", (ROOT / "docs" / "ownership.md").read_text(), re.MULTILINE)
    assert {name for name, _by in listed} == models, "docs/ownership.md has one line for each model"
    for name, owners in listed:
        for owner in owners.split(","):
            path = ROOT / owner.strip().replace(".", "/")
            assert path.with_suffix(".py").exists() or path.is_dir(), f"{name}: there is no {owner.strip()}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_of_documents_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", document.read_text()):
        if not target.startswith(("http://", "https://")):
            assert (document.parent / target).exists(), f"{document.name} links to {target}"


def test_a_server_without_secrets_of_its_own_is_refused(settings: object) -> None:
    settings.PUBLIC_URL = "https://console.example.com"  # type: ignore[attr-defined]
    assert [error.id for error in checks.secrets_are_set(None)] == ["pabal.E001", "pabal.E001"]
    settings.SECRET_KEY = settings.SECRETS_KEY = "long and random"  # type: ignore[attr-defined]
    assert checks.secrets_are_set(None) == []


def test_the_account_of_arns_has_its_form(settings: Any) -> None:
    assert checks.account_is_named(None) == []
    settings.ACCOUNT_ID, settings.ACCOUNT_REGION = "123456789012", "us-east-1"
    assert checks.account_is_named(None) == []
    settings.ACCOUNT_ID, settings.ACCOUNT_REGION = "12345", "US East"
    assert [error.id for error in checks.account_is_named(None)] == ["pabal.E002", "pabal.E002"]
