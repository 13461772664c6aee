"""Hostile parameters and ids in every address: never a failure of the server, never markup in a page, never a header."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.urls import reverse

from tests.console.hostile import ADDRESSES, TEXTS, is_calm, markup_of, url
from tests.console.world import World, fill, logged_in, make_world

pytestmark = pytest.mark.django_db

ROOT = Path(__file__).resolve().parent.parent.parent
APPS = ("projects", "endpoints", "segments", "messaging", "campaigns", "console")
# The parameters that views read.
PARAMETERS = {
    name
    for app in APPS
    for path in (ROOT / app).rglob("*.py")
    if path.name != "admin.py"
    for name in re.findall(r'request\.GET\.get\(\s*"(\w+)"', path.read_text())
}
VALUES = ("script", "nul", "long", "controls", "digits", "minus")
QUERIES = ("q=%ED%A0%80&after=%00", "q=%FF%FE&=&&=", "q[]=1&q[$ne]=2", "after=1e9&before=%D9%A3", "&" * 2_000)
IDS = ("%00", "%ED%A0%80", "%FF", "%0d%0aX-Evil:1", "%3Cscript%3E", "9" * 19, "9" * 5_000, "..")


@pytest.fixture
def world() -> World:
    return make_world()


def test_the_walk_finds_the_parameters() -> None:
    assert {"q", "before", "after", "member", "base", "kind", "name"} <= PARAMETERS


@pytest.mark.parametrize("name", ADDRESSES)
def test_hostile_parameters_are_answered_and_come_back_as_text(name: str, world: World) -> None:
    client = logged_in(world.owner)
    for key in VALUES:
        answer = client.get(url(name, world), dict.fromkeys(PARAMETERS, TEXTS[key]))
        assert is_calm(answer), key
        assert not markup_of(answer), key
    for raw in QUERIES:
        assert is_calm(client.get(f"{url(name, world)}?{raw}")), raw


@pytest.mark.parametrize("name", ["City", "<script>", "a\0b"])
@pytest.mark.parametrize("kind", ["UserAttributes", "Attributes", "Standard", "no-such"])
def test_hostile_words_find_no_values(kind: str, name: str, world: World) -> None:
    client = logged_in(world.owner)
    for text in TEXTS.values():
        answer = client.get(url("segments:list-values", world), {"kind": kind, "name": name, "q": text})

        assert is_calm(answer), text[:40]


@pytest.mark.parametrize("name", [name for name, held in ADDRESSES.items() if held])
def test_malformed_ids_are_not_found(name: str, world: World) -> None:
    client = logged_in(world.owner)
    values = fill(name, ADDRESSES[name], world.ids())
    marks = {
        key: 700_000 + number if isinstance(value, int) else f"mark{number}" for number, (key, value) in enumerate(values.items())
    }
    pattern = reverse(name, kwargs=marks)
    for key in values:
        for hostile in IDS:
            path = pattern
            for other, mark in marks.items():
                path = path.replace(str(mark), hostile if other == key else str(values[other]))
            for answer in (client.get(path), client.post(path)):
                assert is_calm(answer), path
                assert answer.status_code >= 300 or key in ("token", "uidb64"), path
                assert "X-Evil" not in answer.headers
