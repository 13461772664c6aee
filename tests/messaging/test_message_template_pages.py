"""The pages of templates: made, edited in each type's form, activated, compared, copied, deleted; and who may do so."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from messaging.models import MessageTemplate
from projects.models import Project, Role, User
from tests.factories.endpoints import make_endpoint
from tests.factories.projects import make_member, make_project, make_user
from tests.messaging.test_templates import MJML, make, save, using

pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    return make_project()


def logged_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def url(name: str, project: Project, *args: Any) -> str:
    return reverse(f"messaging:{name}", args=[project.public_id, *args])


def latest(template: MessageTemplate) -> dict[str, Any]:
    return dict(template.versions.order_by("-version")[0].document)


def test_an_email_is_made_saved_over_saved_as_a_version_and_activated(project: Project) -> None:
    client = logged_in(project.created_by)
    made = client.post(url("create-template", project), {"name": "News", "template_type": "EMAIL"})
    template = MessageTemplate.objects.get()
    edit = url("edit-template", project, template.pk)
    assert made.headers["Location"] == edit

    client.post(edit, {"subject": "하나", "html": "<p>1</p>", "defaults": "Attributes.x = 고객", "save": "over", "base": 1})
    client.post(edit, {"subject": "둘", "preheader": "p", "html": "<p>2</p>", "save": "new", "base": 2, "activate": "on"})

    template.refresh_from_db()
    assert (template.active_version, template.last_version) == (2, 2)
    assert [one.document for one in template.versions.order_by("version")] == [
        {"Subject": "하나", "HtmlPart": "<p>1</p>", "DefaultSubstitutions": '{"Attributes.x": "고객"}'},
        {"Subject": "둘", "HtmlPart": "<p>2</p>", "Pabal": {"Preheader": "p"}},
    ]
    compared = client.get(url("compare-template-versions", project, template.pk)).content.decode()
    assert "&lt;p&gt;1&lt;/p&gt;" in compared
    client.post(url("activate-template-version", project, template.pk, 1))
    client.post(url("restore-template-version", project, template.pk, 1))
    template.refresh_from_db()
    assert (template.active_version, template.last_version) == (1, 3)


def test_what_is_wrong_is_said_at_its_field_and_nothing_is_saved(project: Project) -> None:
    template = make(project)
    client = logged_in(project.created_by)

    answer = client.post(url("edit-template", project, template.pk), {"subject": "x", "html": "<p>\n{{Nobody}}", "save": "new"})

    assert answer.status_code == 200
    assert "Line 2, column 1" in answer.context["form"].errors["html"][0]
    assert template.versions.count() == 1


def test_a_save_over_somebodys_newer_one_is_stopped_and_can_be_done_knowingly(project: Project) -> None:
    template = make(project)
    client = logged_in(project.created_by)
    edit = url("edit-template", project, template.pk)
    save(template, "theirs")

    stopped = client.post(edit, {"subject": "mine", "html": "x", "save": "new", "base": 1})
    assert stopped.context["collision"].version == 2
    assert 'value="mine"' in stopped.content.decode()
    assert template.versions.count() == 2

    client.post(edit, {"subject": "mine", "html": "x", "base": 1, "over": 2})
    assert latest(template)["Subject"] == "mine"


FORMS: dict[str, tuple[dict[str, str], dict[str, Any]]] = {
    "SMS": ({"body": "안녕 {{Attributes.x}}", "defaults": "Attributes.x = 고객"}, {
        "Body": "안녕 {{Attributes.x}}", "DefaultSubstitutions": '{"Attributes.x": "고객"}',
    }),
    "VOICE": ({"body": "안녕하세요", "language": "ko-KR", "voice": "Seoyeon"}, {
        "Body": "안녕하세요", "LanguageCode": "ko-KR", "VoiceId": "Seoyeon",
    }),
    "PUSH": ({"Default_Title": "제목", "Default_Action": "URL", "Default_Url": "https://x.example", "APNS_RawContent": "{}"}, {
        "Default": {"Title": "제목", "Action": "URL", "Url": "https://x.example"}, "APNS": {"RawContent": "{}"},
    }),
    "INAPP": ({"layout": "CAROUSEL", "c0_header": "하나",
               "c0_primary_text": "열기", "c0_primary_buttonaction": "LINK", "c1_body": "둘", "custom": "a = b"}, {
        "Layout": "CAROUSEL", "CustomConfig": {"a": "b"}, "Content": [
            {"HeaderConfig": {"Header": "하나"}, "PrimaryBtn": {"DefaultConfig": {"Text": "열기", "ButtonAction": "LINK"}}},
            {"BodyConfig": {"Body": "둘"}},
        ],
    }),
}  # fmt: skip


@pytest.mark.parametrize("kind", FORMS)
def test_each_other_type_has_a_form_that_shows_what_it_saved(kind: str, project: Project) -> None:
    typed, stored = FORMS[kind]
    template = make(project, template_type=kind, document={})
    client = logged_in(project.created_by)
    edit = url("edit-template", project, template.pk)

    answer = client.post(edit, typed | {"save": "over", "base": "1"})
    page = client.get(edit)
    preview = client.get(url("preview-template", project, template.pk))

    assert answer.status_code == 302, answer.context["form"].errors
    assert latest(template) == stored
    assert {name: str(page.context["form"].initial[name]) for name in typed} == typed
    assert preview.status_code == 200
    client.post(edit, typed | {"save": "new", "base": "2"})
    assert latest(template) == stored, "saving what is shown changes nothing"


def test_members_that_no_field_shows_are_kept(project: Project) -> None:
    document = {
        "Subject": "x", "HtmlPart": "<p>1</p>", "Headers": [{"Name": "X-A", "Value": "b"}], "RecommenderId": "r",
    }  # fmt: skip
    template = make(project, document=document)
    push = {"GCM": {"Title": "t", "SmallImageIconUrl": "https://x.example/i.png"}}
    other = make(project, name="P", template_type="PUSH", document=push)
    client = logged_in(project.created_by)

    client.post(
        url("edit-template", project, template.pk), {"subject": "y", "html": "<p>1</p>", "headers": "X-A: b", "save": "new"}
    )
    client.post(url("edit-template", project, other.pk), {"GCM_Title": "u", "save": "new"})

    assert latest(template) == document | {"Subject": "y"}
    assert latest(other) == {"GCM": {"Title": "u", "SmallImageIconUrl": "https://x.example/i.png"}}


def test_the_preview_has_a_members_values_as_text(project: Project) -> None:
    make_endpoint(project=project, user_attributes={"Name": ["<b>김</b>"]})
    template = make(project)
    client = logged_in(project.created_by)

    page = client.get(url("preview-template-html", project, template.pk)).content.decode()
    around = client.get(url("preview-template", project, template.pk)).content.decode()

    assert "&lt;b&gt;김&lt;/b&gt;" in page
    assert "<iframe" in around


def test_the_installations_templates_are_seen_everywhere_and_changed_by_superusers_alone(project: Project) -> None:
    shared = make(None, name="Shared")
    marketer = logged_in(make_member(project=project, role=Role.MARKETER))
    superuser = make_member(project=project, role=Role.VIEWER)
    User.objects.filter(pk=superuser.pk).update(is_superuser=True, is_staff=True)

    page = marketer.get(url("show-template", project, shared.pk))
    refused = [marketer.post(url(name, project, shared.pk)) for name in ("edit-template", "delete-template")]
    refused.append(marketer.post(url("activate-template-version", project, shared.pk, 1)))
    copied = marketer.post(url("copy-template", project, shared.pk), {"name": "Mine"})

    assert page.status_code == 200
    assert not page.context["may_change"]
    assert [one.status_code for one in refused] == [403, 403, 403]
    assert copied.status_code == 302
    assert MessageTemplate.objects.get(name="Mine").project == project
    assert "is_shared" not in marketer.get(url("create-template", project)).context["form"].fields
    marketer.post(url("create-template", project), {"name": "Tried", "template_type": "SMS", "is_shared": "on"})
    assert MessageTemplate.objects.get(name="Tried").project == project


def test_campaigns_of_other_projects_are_counted_and_not_named(project: Project) -> None:
    shared = make(None, name="Shared")
    elsewhere = make_project(name="Secret")
    using(elsewhere, "Shared")
    User.objects.filter(pk=project.created_by_id).update(is_superuser=True)
    client = logged_in(project.created_by)

    shown = client.get(url("show-template", project, shared.pk)).content.decode()
    asked = client.get(url("delete-template", project, shared.pk)).content.decode()
    posted = client.post(url("delete-template", project, shared.pk)).content.decode()

    for page in (shown, asked, posted):
        assert "가을 세일" not in page
        assert "Campaigns of other projects: 1" in page
    assert MessageTemplate.objects.filter(pk=shared.pk).exists()


def test_a_project_lists_its_own_and_the_installations(project: Project) -> None:
    make(project, name="Mine")
    make(None, name="Shared")
    make(make_project(), name="Theirs")
    client = logged_in(project.created_by)

    def names(**query: str) -> list[str]:
        page = client.get(url("list-templates", project), query)
        return [line["template"].name for line in page.context["lines"]]

    assert names() == ["Shared", "Mine"]
    assert names(q="mIn") == ["Mine"]
    assert names(type="SMS") == []


def test_a_design_can_be_turned_into_html(project: Project) -> None:
    template = make(project, document={"Subject": "x", "Pabal": {"Mjml": MJML}})
    compiled = latest(template)["HtmlPart"]
    client = logged_in(project.created_by)

    client.post(url("edit-template", project, template.pk), {"subject": "x", "to_html": "1", "save": "new"})

    assert latest(template) == {"Subject": "x", "HtmlPart": compiled}


def test_headers_are_written_one_a_line_and_what_can_be_none_is_refused_there(project: Project) -> None:
    template = make(project)
    client = logged_in(project.created_by)
    edit = url("edit-template", project, template.pk)

    for wrong in ("no colon", "X Y: a", "X-Ä: a", "X-A: " + "v" * 871, "\n".join(["X-A: b"] * 16)):
        assert (
            "headers" in client.post(edit, {"subject": "x", "html": "y", "headers": wrong, "save": "new"}).context["form"].errors
        )
    client.post(edit, {"subject": "x", "html": "y", "headers": "X-A: b: c\n\nX-B: 가", "save": "new"})

    assert latest(template)["Headers"] == [{"Name": "X-A", "Value": "b: c"}, {"Name": "X-B", "Value": "가"}]
    assert client.get(edit).context["form"].initial["headers"] == "X-A: b: c\nX-B: 가"


def test_what_is_wrong_is_said_while_one_types_with_its_line(project: Project) -> None:
    page, user = reverse("messaging:check-template", args=[project.public_id]), project.created_by

    def errors(html: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = logged_in(user).post(page, {"html": html}).json()["errors"]
        return found

    assert errors("<p>{{upper Attributes.x}}</p>") == []
    (error,) = errors("<p>\n  {{uper Attributes.x}}</p>")
    assert (error["row"], error["column"]) == (1, 2)
    assert "upper" in error["text"]
    assert errors("{{{Attributes.x}}}")[0]["row"] == 0
    assert logged_in(make_user()).post(page, {"html": ""}).status_code == 404
    assert logged_in(make_member(project=project, role=Role.VIEWER)).post(page, {"html": ""}).status_code == 403
    assert logged_in(user).get(page).status_code == 405
