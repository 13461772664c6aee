"""Access keys: whose they are, what they may do, and the page on which they are made and revoked."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from api.models import AccessKey
from api.services.access_keys import NewKey
from projects.models import Member, Project, Role, User
from tests.api.server import Clients
from tests.console.world import logged_in
from tests.factories.api import make_access_key
from tests.factories.projects import make_member, make_project, make_user

pytestmark = pytest.mark.django_db


def page(name: str, project: Project, *more: object) -> str:
    return reverse(f"api:{name}", args=[project.public_id, *more])


def test_a_key_that_the_page_made_signs_and_its_secret_is_shown_once(clients: Clients) -> None:
    project = make_project()
    browser = logged_in(project.created_by)

    answer = browser.post(page("create-access-key", project), {"name": "CRM", "use": "SERVER", "rights": ["READ"]})
    made: NewKey = answer.context["made"]
    listed = browser.get(page("list-access-keys", project)).content.decode()

    assert made.secret in answer.content.decode()
    assert "no-store" in answer.headers["Cache-Control"]
    assert made.key.access_key_id in listed
    assert made.secret not in listed
    assert clients.with_key(made).get_app(ApplicationId=project.public_id)["ApplicationResponse"]["Id"] == project.public_id


@pytest.mark.parametrize(
    "form",
    [
        {"name": "", "use": "SERVER", "rights": ["READ"]},
        {"name": "x", "use": "SERVER"},
        {"name": "x", "use": "y"},
        {"name": "x", "use": "SERVER", "rights": ["APP"]},
    ],
)
def test_a_key_without_a_name_or_a_right_is_not_made(form: dict[str, Any]) -> None:
    project = make_project()
    answer = logged_in(project.created_by).post(page("create-access-key", project), form)
    assert answer.status_code == 200
    assert "made" not in answer.context
    assert not AccessKey.objects.exists()


def test_owners_revoke_every_key_and_marketers_their_own() -> None:
    project = make_project()
    marketer = make_member(project=project, role=Role.MARKETER)
    of_owner, of_marketer = make_access_key(project=project).key, make_access_key(project=project, actor=marketer).key

    refused = logged_in(marketer).post(page("revoke-access-key", project, of_owner.pk))
    logged_in(marketer).post(page("revoke-access-key", project, of_marketer.pk))
    of_owner.refresh_from_db()
    held = of_owner.revoked_at
    logged_in(project.created_by).post(page("revoke-access-key", project, of_owner.pk))

    assert (refused.status_code, held) == (403, None)
    assert AccessKey.objects.filter(revoked_at=None).count() == 0


def test_a_key_does_what_its_maker_may_do_now(clients: Clients) -> None:
    project = make_project()
    marketer = make_member(project=project, role=Role.MARKETER)
    client = clients.with_key(make_access_key(project=project, actor=marketer))
    given: dict[str, Any] = {"ApplicationId": project.public_id}
    endpoint = {"EndpointId": "e", "EndpointRequest": {"Address": "a@example.com", "ChannelType": "EMAIL"}}
    client.update_endpoint(**given, **endpoint)

    with pytest.raises(client.exceptions.ForbiddenException) as owners:
        client.delete_app(**given)
    Member.objects.filter(user=marketer).update(role=Role.VIEWER)
    assert client.get_app(**given)["ApplicationResponse"]["Id"] == project.public_id
    with pytest.raises(client.exceptions.ForbiddenException):
        client.update_endpoint(**given, **endpoint)
    Member.objects.filter(user=marketer).delete()
    with pytest.raises(client.exceptions.ForbiddenException) as left:
        client.get_app(**given)

    assert "whoever made it is a MARKETER, and a OWNER may" in owners.value.response["Message"]
    assert left.value.response["Message"] == "Whoever made this access key has no access any more. Make a new one."
    assert Project.objects.get().deleted_at is None


def test_the_key_of_the_account_is_a_superusers(clients: Clients) -> None:
    boss = make_user(is_superuser=True)
    client = clients.with_key(make_access_key(actor=boss))
    client.get_apps()
    for change in ({"is_superuser": False}, {"is_superuser": True, "is_active": False}):
        User.objects.filter(pk=boss.pk).update(**change)
        with pytest.raises(client.exceptions.ForbiddenException):
            client.get_apps()


def test_the_key_of_an_app_stays_when_its_maker_leaves(clients: Clients) -> None:
    project = make_project()
    maker = make_member(project=project, role=Role.MARKETER)
    client = clients.with_key(make_access_key(project=project, actor=maker, rights=["APP"]))
    Member.objects.filter(user=maker).delete()
    client.update_endpoint(
        ApplicationId=project.public_id, EndpointId="e", EndpointRequest={"Address": "a@example.com", "ChannelType": "EMAIL"}
    )


def test_the_command_makes_keys_of_the_account_and_of_a_project(clients: Clients) -> None:
    make_user(is_superuser=True)
    project = make_project()
    for given in (["--account"], ["--project", project.public_id, "--rights", "READ"]):
        out = StringIO()
        call_command("create_access_key", *given, "--json", stdout=out)
        made = json.loads(out.getvalue())
        client = clients.with_secret(made["AccessKeyId"], made["SecretAccessKey"])
        assert len(client.get_apps()["ApplicationsResponse"]["Item"]) == 1
    for wrong in (
        ["--project", "x"],
        ["--account", "--email", "nobody@example.com"],
        ["--account", "--email", project.created_by.email],
    ):
        with pytest.raises(CommandError):
            call_command("create_access_key", *wrong)
    assert AccessKey.objects.count() == 2


def test_the_commands_key_is_refused_by_its_limits_in_words() -> None:
    with pytest.raises(CommandError, match="superuser"):
        call_command("create_access_key", "--account")
