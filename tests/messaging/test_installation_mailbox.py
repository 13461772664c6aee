"""Password links and invitations that no mail server takes out: who finds them, and who must not."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from messaging import queries
from messaging.mailbox.store import Received, Store
from messaging.models import MailboxMessage
from projects.models import Project, Role
from projects.services import members
from tests.console.world import logged_in
from tests.factories.projects import make_member, make_project, make_user

pytestmark = pytest.mark.django_db(transaction=True)
NOW = datetime.datetime(2026, 11, 24, 1, 0, tzinfo=datetime.UTC)
LIST = "/mailbox/"


def delivered(mail: Any) -> MailboxMessage:
    """As the built-in mailbox takes it."""
    store = Store()
    store.put(Received("pabal@localhost", mail.to[0], mail.message().as_bytes())).result(timeout=10)
    store.close()
    return MailboxMessage.objects.latest("pk")


@pytest.fixture
def project() -> Project:
    return make_project()


def test_a_superuser_finds_a_password_link_and_nobody_else_does(project: Project, mailoutbox: list[Any]) -> None:
    victim = make_user(email="victim@example.com", password="a long secret 1")
    Client().post(reverse("projects:reset-password"), {"email": victim.email})
    message = delivered(mailoutbox[-1])
    url = reverse("messaging:show-installation-message", args=[message.pk])

    html = logged_in(make_user(is_staff=True, is_superuser=True)).get(url).content.decode()
    assert "/password-reset/" in html
    assert message.recipient in logged_in(make_user(is_staff=True, is_superuser=True)).get(LIST).content.decode()

    members_ = [project.created_by, *(make_member(project=project, role=role) for role in (Role.MARKETER, Role.VIEWER))]
    for user in [*members_, victim, make_user(is_staff=True), make_user(is_superuser=True)]:
        client = logged_in(user)
        assert (client.get(LIST).status_code, client.get(url).status_code) == (404, 404)
    for member in members_:
        client = logged_in(member)
        assert (
            "victim@example.com" not in client.get(reverse("messaging:list-mailbox", args=[project.public_id])).content.decode()
        )
        for name in ("show-mailbox-message", "show-mailbox-html", "download-mailbox-message"):
            assert client.get(reverse(f"messaging:{name}", args=[project.public_id, message.pk])).status_code == 404
    assert Client().get(url).headers["Location"].startswith(reverse("projects:log-in"))


def test_no_member_reads_the_invitation_of_another(project: Project, mailoutbox: list[Any]) -> None:
    """A viewer who reads it would make the account of the owner who was invited."""
    members.invite(project=project, actor=project.created_by, email="boss@example.com", role=Role.OWNER, now=NOW)
    message = delivered(mailoutbox[-1])

    assert queries.mailbox(project=project) == []
    assert [found.pk for found in queries.mailbox(project=None)] == [message.pk]


def test_a_message_of_a_project_is_not_the_installation_s(project: Project) -> None:
    message = MailboxMessage.objects.create(
        project=project, recipient="kim@example.com", mail_from="a@b.c", subject="secret", raw=b"x"
    )
    operator = logged_in(make_user(is_staff=True, is_superuser=True))

    assert operator.get(reverse("messaging:show-installation-message", args=[message.pk])).status_code == 404
    assert "secret" not in operator.get(LIST).content.decode()


def test_pages_say_where_the_mail_lies_only_while_there_is_no_mail_server(project: Project, settings: Any) -> None:
    pages = {
        reverse("projects:reset-password-sent"): Client(),
        reverse("projects:list-members", args=[project.public_id]): logged_in(project.created_by),
    }
    for goes_to_mailbox in (True, False):
        settings.MAILS_TO_MAILBOX = goes_to_mailbox
        for address, client in pages.items():
            html = client.get(address, headers={"accept-language": "en"}).content.decode()
            assert ("has no mail server yet" in html) is goes_to_mailbox, address


def test_the_page_is_linked_for_superusers_alone(project: Project) -> None:
    projects = reverse("projects:list-projects")

    assert f'href="{LIST}"' in logged_in(make_user(is_staff=True, is_superuser=True)).get(projects).content.decode()
    assert f'href="{LIST}"' not in logged_in(make_user(is_staff=True)).get(projects).content.decode()
