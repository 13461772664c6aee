"""Hostile texts in every field, and as the name of everything: answered, and text on every page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django import forms
from django.test import Client
from django.urls import reverse

from messaging.models import Sender
from segments.models import Connection
from tests.console.hostile import ADDRESSES, SCRIPT, TEXTS, assert_pages_are_clean, is_calm, markup_of, url
from tests.console.world import World, logged_in, make_world

pytestmark = pytest.mark.django_db

NO_FORM = {"projects:home", "projects:set-language", "projects:log-out"}
STEPS = ("name", "segment", "message", "schedule")
PLACES = [
    *(name for name, held in ADDRESSES.items() if not held and name not in NO_FORM),
    *(name for name, held in ADDRESSES.items() if "project_id" in held and "campaign_id" not in held),
    *(f"campaigns:edit-campaign {step}" for step in STEPS),
]
VALUES = ("script", "newline", "nul", "long", "controls", "digits")


@pytest.fixture
def world() -> World:
    return make_world()


def path_of(place: str, world: World) -> str:
    """An address, with a draft in the wizard and a segment that can be edited."""
    name, _space, step = place.partition(" ")
    if step:
        return url(name, world, campaign_id=world.draft.public_id, step=step)
    return url(name, world, **({"segment_id": world.dynamic.public_id} if name == "segments:edit-segment" else {}))


def forms_of(answer: Any) -> Iterator[forms.BaseForm]:
    seen = set()
    for layer in answer.context or ():
        for value in layer.values() if hasattr(layer, "values") else layer.flatten().values():
            if isinstance(value, forms.BaseForm) and id(value) not in seen:
                seen.add(id(value))
                yield value


def good(form: forms.BaseForm) -> dict[str, str]:
    """Values that the form takes."""
    values = {}
    for name, field in form.fields.items():
        value = form.get_initial_for_field(field, name)
        if not value and isinstance(field, forms.ChoiceField):
            value = next((key for key, _label in field.choices if key), "")
        elif not value and isinstance(field, forms.EmailField):
            value = "someone@example.com"
        elif not value and isinstance(field, forms.CharField) and (field.required or name in ("s3_url", "subject", "html")):
            value = "{}" if name == "document" else "s3://bucket/x.csv" if name == "s3_url" else "some text"
        if value not in (None, ""):
            values[form.add_prefix(name)] = value if isinstance(value, list) else str(value)
    return values


def test_the_walk_finds_the_forms(world: World) -> None:
    answers = {
        place: (Client() if place == "projects:log-in" else logged_in(world.owner)).get(path_of(place, world)) for place in PLACES
    }

    assert {type(form).__name__ for answer in answers.values() for form in forms_of(answer)} >= {
        "LogInForm",
        "ResetForm",
        "ProjectForm",
        "AccountForm",
        "PasswordChangeForm",
        "InviteForm",
        "SenderForm",
        "ConnectionForm",
        "ImportForm",
        "SegmentForm",
        "NameForm",
        "SegmentStepForm",
        "MessageForm",
        "ScheduleForm",
        "TestSendForm",
    }


@pytest.mark.parametrize("place", PLACES)
def test_hostile_texts_in_every_field_are_answered(place: str, world: World) -> None:
    client = Client(raise_request_exception=False) if place == "projects:log-in" else logged_in(world.owner)
    path = path_of(place, world)
    for form in forms_of(client.get(path)):
        base = good(form)
        for field in form.fields:
            for key in VALUES:
                if place != "projects:log-in":
                    client.force_login(world.owner)  # a changed password logs out
                answer = client.post(path, base | {form.add_prefix(field): TEXTS[key]})
                assert is_calm(answer), (field, key)
                assert not markup_of(answer), (field, key)
    again = client.get(path)
    assert is_calm(again)
    assert not markup_of(again)


@pytest.mark.parametrize("key", ["script", "newline", "format", "controls"])
def test_hostile_names_of_everything_stay_text_on_every_page(key: str) -> None:
    assert_pages_are_clean(make_world(text=TEXTS[key]), languages=("ko", "en") if key == "format" else ("ko",))


def test_a_members_values_are_text_in_the_preview() -> None:
    world = make_world(text=SCRIPT)
    client = logged_in(world.owner)

    page = client.get(url("campaigns:preview-html", world, campaign_id=world.draft.public_id))

    assert "&lt;script&gt;alert(1)" in page.content.decode()
    assert "sandbox" in page.headers["Content-Security-Policy"]
    assert "script-src" not in page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]


def test_addresses_longer_than_their_column_are_refused(world: World) -> None:
    client = logged_in(world.owner)
    long = "a@" + ".".join(["b" * 60] * 4) + ".com"  # 249 characters
    longer = "a" * 60 + long
    one = [world.project.public_id]
    connection = {"name": "n", "region": "x", "access_key_id": "x", "secret_access_key": "x"}

    assert client.post(reverse("messaging:list-senders", args=one), {"name": "n", "address": longer}).status_code == 200
    assert client.post(reverse("projects:list-members", args=one), {"email": longer, "role": "VIEWER"}).status_code == 200
    url_too_long = connection | {"endpoint_url": "https://example.com/" + "x" * 400}
    assert client.post(reverse("segments:list-connections", args=one), url_too_long).status_code == 200
    assert client.post(reverse("messaging:list-senders", args=one), {"name": "n", "address": long}).status_code == 302
    assert Sender.objects.filter(project=world.project).count() == 2
    assert Connection.objects.filter(project=world.project).count() == 1
