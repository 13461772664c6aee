"""Logging in, invitations, passwords, roles, languages: who gets in, as what, and who does not."""

from __future__ import annotations

import datetime
import re
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.urls import reverse

from projects.models import AuditEntry, Invitation, Member, Project, Role, User
from tests.console.world import logged_in
from tests.factories.messaging import make_sender
from tests.factories.projects import make_member, make_project, make_user

pytestmark = pytest.mark.django_db

PASSWORD = "a password of eleven words"
LOG_IN = reverse("projects:log-in")
NOW = datetime.datetime(2026, 11, 24, 1, 0, tzinfo=datetime.UTC)


def link_in(mail: Any) -> str:
    found = re.search(r"http://[^/]+(/\S+)", mail.body)
    assert found is not None
    return found[1]


def invited(project: Project, mailoutbox: list[Any], *, email: str = "new@example.com", role: str = "MARKETER") -> str:
    """The path of the link that was mailed."""
    members = reverse("projects:list-members", args=[project.public_id])
    logged_in(project.created_by).post(members, {"email": email, "role": role})
    assert mailoutbox[-1].to == [email]
    return link_in(mailoutbox[-1])


def test_an_address_in_any_case_and_its_password_log_in() -> None:
    make_user(email="kim@example.com", password=PASSWORD)

    answer = Client().post(LOG_IN, {"username": "KIM@example.com", "password": PASSWORD})

    assert (answer.status_code, answer.headers["Location"]) == (302, reverse("projects:list-projects"))


def test_a_wrong_password_is_refused_and_the_tenth_closes_the_door_to_that_address() -> None:
    make_user(email="kim@example.com", password=PASSWORD)
    make_user(email="lee@example.com", password=PASSWORD)
    client = Client()

    codes = [client.post(LOG_IN, {"username": "kim@example.com", "password": "wrong"}).status_code for _try in range(10)]

    assert codes == [200] * 9 + [429]
    assert client.post(LOG_IN, {"username": "kim@example.com", "password": PASSWORD}).status_code == 429
    assert client.post(LOG_IN, {"username": "lee@example.com", "password": PASSWORD}).status_code == 302


def test_a_new_person_makes_an_account_by_the_invitation_and_has_its_role(mailoutbox: list[Any]) -> None:
    project = make_project()
    link = invited(project, mailoutbox, role="VIEWER")
    client = Client()

    assert "new@example.com" in client.get(link).content.decode()
    answer = client.post(link, {"name": "김새봄", "password": PASSWORD})

    assert answer.headers["Location"] == reverse("console:show-overview", args=[project.public_id])
    assert client.get(answer.headers["Location"]).status_code == 200
    assert Member.objects.get(project=project, user__email="new@example.com").role == Role.VIEWER
    assert Client().get(link).status_code == 404
    assert Client().post(LOG_IN, {"username": "new@example.com", "password": PASSWORD}).status_code == 302


def test_a_weak_password_makes_no_account(mailoutbox: list[Any]) -> None:
    link = invited(make_project(), mailoutbox)

    answer = Client().post(link, {"name": "김새봄", "password": "short"})

    assert "password" in answer.context["form"].errors
    assert not User.objects.filter(email="new@example.com").exists()


def test_an_invitation_is_only_for_the_address_that_was_invited(mailoutbox: list[Any]) -> None:
    project = make_project()
    link = invited(project, mailoutbox)
    other = make_user(email="other@example.com")

    assert logged_in(other).post(link).status_code == 302
    assert not project.members.filter(user=other).exists()
    assert logged_in(make_user(email="new@example.com")).post(link).status_code == 302
    assert project.members.filter(user__email="new@example.com").count() == 1


def test_an_invitation_ends_after_seven_days_or_when_it_is_withdrawn_or_sent_again(mailoutbox: list[Any]) -> None:
    project = make_project()
    owner = logged_in(project.created_by)
    with time_machine.travel(NOW, tick=False):
        first = invited(project, mailoutbox)
        second = invited(project, mailoutbox)
        assert [Client().get(link).status_code for link in (first, second)] == [404, 200]
    with time_machine.travel(NOW + datetime.timedelta(days=7), tick=False):
        assert Client().get(second).status_code == 404
    with time_machine.travel(NOW, tick=False):
        assert Client().get(second).status_code == 200
        invitation = Invitation.objects.get(project=project)
        owner.post(reverse("projects:withdraw-invitation", args=[project.public_id, invitation.pk]))
        assert Client().get(second).status_code == 404


def test_a_member_is_not_invited_again(mailoutbox: list[Any]) -> None:
    project = make_project()
    members = reverse("projects:list-members", args=[project.public_id])

    answer = logged_in(project.created_by).post(members, {"email": project.created_by.email.upper(), "role": "VIEWER"})

    assert "is a member of the project already" in answer.content.decode()
    assert mailoutbox == []


def test_a_forgotten_password_is_set_by_a_mailed_link_once(mailoutbox: list[Any]) -> None:
    make_user(email="kim@example.com", password=PASSWORD)
    Client().post(reverse("projects:reset-password"), {"email": "kim@example.com"})
    Client().post(reverse("projects:reset-password"), {"email": "nobody@example.com"})
    (mail,) = mailoutbox
    link, client = link_in(mail), Client()
    form = client.get(link).headers["Location"]

    answer = client.post(form, {"new_password1": "quite another password", "new_password2": "quite another password"})

    assert answer.headers["Location"] == LOG_IN
    codes = {
        word: Client().post(LOG_IN, {"username": "kim@example.com", "password": word}).status_code
        for word in (PASSWORD, "quite another password")
    }
    assert codes == {PASSWORD: 200, "quite another password": 302}
    assert Client().get(link).status_code == 200  # a page that says the link was used
    assert "new_password1" not in Client().get(link).content.decode()


def test_only_an_owner_changes_people_and_the_last_owner_stays(mailoutbox: list[Any]) -> None:
    project = make_project()
    owner, marketer = project.created_by, make_member(project=project, role=Role.MARKETER)

    def change(who: User, whom: User, **data: str) -> int:
        member = Member.objects.get(project=project, user=whom)
        path = reverse("projects:change-member", args=[project.public_id, member.pk])
        return logged_in(who).post(path, data).status_code

    assert change(marketer, marketer, role="OWNER") == 403
    assert change(make_project().created_by, marketer, role="OWNER") == 404
    assert change(owner, owner, role="VIEWER") == 302
    assert change(owner, owner, remove="1") == 302
    assert Member.objects.get(project=project, user=owner).role == Role.OWNER
    assert change(owner, marketer, role="OWNER") == 302
    assert change(owner, owner, remove="1") == 302
    assert list(Member.objects.filter(project=project).values_list("user", "role")) == [(marketer.pk, Role.OWNER)]
    assert mailoutbox == []


def test_a_language_is_kept_with_the_person() -> None:
    user = make_user(email="kim@example.com", password=PASSWORD)
    client = logged_in(user)
    path = reverse("projects:list-projects")
    assert "프로젝트 만들기" in client.get(path, headers={"accept-language": "ko"}).content.decode()

    client.post(reverse("projects:set-language"), {"language": "en", "next": "https://evil.example.com/"})

    assert "Create a project" in client.get(path, headers={"accept-language": "ko"}).content.decode()
    elsewhere = Client()
    elsewhere.post(LOG_IN, {"username": "kim@example.com", "password": PASSWORD})
    assert "Create a project" in elsewhere.get(path, headers={"accept-language": "ko"}).content.decode()


def test_the_language_of_the_first_log_in_is_the_one_of_later_mails() -> None:
    user = make_user(email="kim@example.com", password=PASSWORD)

    Client().post(LOG_IN, {"username": "kim@example.com", "password": PASSWORD}, headers={"accept-language": "ko-KR"})
    user.refresh_from_db()
    assert user.language == "ko"

    Client().post(LOG_IN, {"username": "kim@example.com", "password": PASSWORD}, headers={"accept-language": "en"})
    user.refresh_from_db()
    assert user.language == "ko"


def test_going_live_asks_for_a_verified_sender(settings: Any) -> None:
    settings.EMAIL_URL = "smtp://mail.example.com:25"
    project = make_project()
    sender = make_sender(project=project, is_verified=False)
    path = reverse("projects:set-mode", args=[project.public_id])

    assert logged_in(make_member(project=project)).post(path, {"mode": "LIVE"}).status_code == 403
    logged_in(project.created_by).post(path, {"mode": "LIVE"})
    project.refresh_from_db()
    assert project.mode == Project.Mode.PRACTICE
    type(sender).objects.filter(pk=sender.pk).update(verified_at=NOW)
    logged_in(project.created_by).post(path, {"mode": "LIVE"})

    project.refresh_from_db()
    assert project.mode == Project.Mode.LIVE
    assert AuditEntry.objects.filter(project=project, verb="project.mode_changed").count() == 1


def test_a_project_is_deleted_by_typing_its_name() -> None:
    project = make_project(name="가을 상점")
    path = reverse("projects:delete-project", args=[project.public_id])
    overview = reverse("console:show-overview", args=[project.public_id])
    owner = logged_in(project.created_by)

    owner.post(path, {"name": "봄 상점"})
    assert owner.get(overview).status_code == 200
    owner.post(path, {"name": "가을 상점"})

    assert owner.get(overview).status_code == 404
    assert "가을 상점" not in owner.get(reverse("projects:list-projects")).content.decode()
