"""A sender is verified by a mailed link, within 24 hours, once."""

from __future__ import annotations

import datetime
import re
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.urls import reverse

from messaging.models import Sender
from projects.models import Project, Role
from tests.console.world import logged_in
from tests.factories.projects import make_member, make_project

pytestmark = pytest.mark.django_db

NOW = datetime.datetime(2026, 11, 24, 1, 0, tzinfo=datetime.UTC)
ADDRESS = "shop@example.com"


def added(project: Project, mailoutbox: list[Any]) -> str:
    """The path of the mailed link."""
    answer = logged_in(project.created_by).post(
        reverse("messaging:list-senders", args=[project.public_id]), {"name": "상점", "address": ADDRESS}
    )
    assert answer.status_code == 302
    return link_in(mailoutbox[-1])


def link_in(mail: Any) -> str:
    assert mail.to == [ADDRESS]
    found = re.search(r"http://[^/]+(/\S+)", mail.body)
    assert found is not None
    return found[1]


def is_verified() -> bool:
    return Sender.objects.get(address=ADDRESS).is_verified


def test_the_button_behind_the_link_verifies_and_the_link_alone_does_not(mailoutbox: list[Any]) -> None:
    link = added(make_project(), mailoutbox)

    assert Client().get(link).status_code == 200
    assert not is_verified()
    assert Client().post(link).status_code == 200
    assert is_verified()
    assert Client().post(link).status_code == 410


def test_the_link_ends_after_24_hours(mailoutbox: list[Any]) -> None:
    with time_machine.travel(NOW, tick=False):
        link = added(make_project(), mailoutbox)
    with time_machine.travel(NOW + datetime.timedelta(hours=24), tick=False):
        assert Client().post(link).status_code == 404
    assert not is_verified()

    with time_machine.travel(NOW + datetime.timedelta(hours=24, seconds=-1), tick=False):
        assert Client().post(link).status_code == 200
    assert is_verified()


def test_a_new_link_ends_the_old_one(mailoutbox: list[Any]) -> None:
    project = make_project()
    old = added(project, mailoutbox)
    sender = Sender.objects.get(project=project)

    logged_in(project.created_by).post(reverse("messaging:resend-verification", args=[project.public_id, sender.pk]))

    assert Client().post(old).status_code == 404
    assert Client().post(link_in(mailoutbox[-1])).status_code == 200
    assert is_verified()


def test_an_address_is_a_sender_once_in_a_project_and_again_in_another(mailoutbox: list[Any]) -> None:
    project = make_project()
    added(project, mailoutbox)
    path = reverse("messaging:list-senders", args=[project.public_id])

    answer = logged_in(project.created_by).post(path, {"name": "x", "address": ADDRESS})

    assert "is a sender of the project already" in answer.content.decode()
    assert len(mailoutbox) == 1
    added(make_project(), mailoutbox)
    assert Sender.objects.filter(address=ADDRESS).count() == 2


def test_a_viewer_and_a_stranger_add_no_sender(mailoutbox: list[Any]) -> None:
    project = make_project()
    path = reverse("messaging:list-senders", args=[project.public_id])
    data = {"name": "x", "address": ADDRESS}

    assert logged_in(make_member(project=project, role=Role.VIEWER)).post(path, data).status_code == 403
    assert logged_in(make_project().created_by).post(path, data).status_code == 404
    assert not Sender.objects.exists()
    assert mailoutbox == []


def test_a_link_that_was_used_or_ended_says_so_before_any_click(mailoutbox: list[Any]) -> None:
    with time_machine.travel(NOW, tick=False):
        used, expired = added(make_project(), mailoutbox), added(make_project(), mailoutbox)
        Client().post(used)
    client = Client(headers={"accept-language": "en"})
    with time_machine.travel(NOW + datetime.timedelta(days=2), tick=False):
        pages = [client.get(link) for link in (used, expired, expired[:-4] + "abc/")]

    said = [page.content.decode() for page in pages]
    assert f"{ADDRESS} was confirmed with this link on 2026-11-24 10:00 KST already." in said[0]
    assert f"This link for {ADDRESS} expired on 2026-11-25 10:00 KST. Ask for a new one" in said[1]
    assert "This link is no longer valid. Ask for a new one" in said[2]
    assert [page.status_code for page in pages] == [410, 404, 404]
    assert not any('<form method="post"><input' in text for text in said)
    assert Sender.objects.filter(verified_at=None).count() == 1
