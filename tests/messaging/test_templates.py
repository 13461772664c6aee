"""Message templates: versions, names, sizes, who needs them."""

from __future__ import annotations

import datetime
import json
import re
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from campaigns.services import launch
from core.audience import Audience
from messaging.message_templates.refusals import DocumentRefused, TemplateRefused
from messaging.models import MessageTemplate, MessageTemplateVersion
from messaging.rendering import TemplateError
from messaging.services import templates
from projects.models import AuditEntry, Project
from tests.factories.campaigns import campaign_document, make_campaign, make_import_segment
from tests.factories.endpoints import make_endpoint
from tests.factories.messaging import make_sender
from tests.factories.projects import make_project

pytestmark = pytest.mark.django_db

NOW = datetime.datetime(2026, 11, 24, 1, 0, tzinfo=datetime.UTC)
EMAIL = {"Subject": "(광고) 소식", "HtmlPart": "<p>{{User.UserAttributes.Name}}</p><a href='{{UnsubscribeUrl}}'>수신 거부</a>"}
MJML = "<mjml><mj-body><mj-section><mj-column><mj-text>{{Attributes.x}}</mj-text></mj-column></mj-section></mj-body></mjml>"


@pytest.fixture
def project() -> Project:
    return make_project()


def make(
    project: Project | None, *, name: str = "News", template_type: str = "EMAIL", document: dict[str, Any] | None = None
) -> MessageTemplate:
    return templates.create_template(
        project=project, actor=None, template_type=template_type, name=name, document=EMAIL if document is None else document, now=NOW
    )  # fmt: skip


def save(template: MessageTemplate, text: str, *, new: bool = True, **more: Any) -> MessageTemplateVersion:
    return templates.update_template(
        template=template, actor=None, document=EMAIL | {"Subject": text}, now=NOW, create_new_version=new, **more
    )


def using(project: Project, template: str, *, version: str | None = None) -> Any:
    make_sender(project=project)
    segment = make_import_segment(project=project, members=Audience([make_endpoint(project=project).pk]))
    document = campaign_document(segment=segment)
    document["MessageConfiguration"] = {"EmailMessage": {"FromAddress": "상점 <shop@example.com>"}}
    document["TemplateConfiguration"] = {"EmailTemplate": {"Name": template} | ({"Version": version} if version else {})}
    return make_campaign(project=project, document=document)


def test_the_first_version_is_1_and_active_and_a_new_one_is_not_active_before_it_is_activated(project: Project) -> None:
    template = make(project)

    second = save(template, "two")

    assert (second.version, template.active_version) == (2, 1)
    templates.activate_version(template=template, actor=None, version="latest", now=NOW)
    assert template.active_version == 2
    templates.activate_version(template=template, actor=None, version="1", now=NOW)
    assert template.active_version == 1
    with pytest.raises(templates.NoSuchVersion):
        templates.activate_version(template=template, actor=None, version="3", now=NOW)
    assert list(AuditEntry.objects.order_by("pk").values_list("verb", flat=True)) == [
        "template.created", "template.saved", "template.activated", "template.activated",
    ]  # fmt: skip


def test_saving_over_writes_the_latest_version_and_no_other(project: Project) -> None:
    template = make(project)
    save(template, "two")

    save(template, "over", new=False, version=2)

    assert [one.document["Subject"] for one in template.versions.order_by("version")] == ["(광고) 소식", "over"]
    with pytest.raises(TemplateRefused, match="not the latest"):
        save(template, "late", new=False, version=1)
    with pytest.raises(TemplateRefused, match="not both"):
        save(template, "both", new=True, version=2)
    assert template.versions.count() == 2


def test_of_two_windows_the_second_is_refused_and_keeps_nothing(project: Project) -> None:
    template = make(project)
    opened = template.revision
    save(template, "theirs", base_revision=opened)

    with pytest.raises(templates.TemplateChanged) as refused:
        save(template, "mine", base_revision=opened)

    assert refused.value.version == template.revision
    assert template.versions.count() == 2
    save(template, "mine, knowingly", base_revision=refused.value.version)
    assert template.versions.count() == 3


def test_a_version_restored_is_a_new_one(project: Project) -> None:
    template = make(project)
    save(template, "two")

    made = templates.restore_version(template=template, actor=None, version=1, now=NOW)

    assert (made.version, made.document["Subject"]) == (3, "(광고) 소식")


@pytest.mark.parametrize("name", ["", "-a", "_a", "a b", "가", "a.b", "a/b", "x" * 129, "a\n"])
def test_a_name_that_the_api_could_not_carry_is_refused(name: str, project: Project) -> None:
    with pytest.raises(TemplateRefused):
        make(project, name=name)

    assert not MessageTemplate.objects.exists()


def test_a_name_is_one_per_type_in_the_whole_installation_and_case_matters(project: Project) -> None:
    make(project, name="News")

    make(project, name="news")
    make(project, name="News", template_type="SMS", document={"Body": "x"})
    with pytest.raises(TemplateRefused, match="whole installation"):
        make(make_project(), name="News")
    with pytest.raises(IntegrityError), transaction.atomic():
        MessageTemplate.objects.create(project=None, template_type="EMAIL", name="News")
    assert MessageTemplate.objects.count() == 3


def test_limits_of_templates_and_versions(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    template = make(project)
    monkeypatch.setattr(templates, "TEMPLATES_LIMIT", 1)
    monkeypatch.setattr(templates, "VERSIONS_LIMIT", 2)
    save(template, "two")

    with pytest.raises(TemplateRefused, match="Delete one first"):
        make(project, name="More")
    with pytest.raises(TemplateRefused, match="2 versions"):
        save(template, "three")
    save(template, "over", new=False)
    assert template.last_version == 2


@pytest.mark.parametrize(
    ("template_type", "document", "part"),
    [
        ("EMAIL", {"HtmlPart": "x" * 600_001}, "HtmlPart"),
        ("EMAIL", {"HtmlPart": "x" * 400_000, "TextPart": "x" * 200_001}, "HtmlPart"),
        ("EMAIL", {"Subject": "a\nb"}, "Subject"),
        ("EMAIL", {"Headers": [{"Name": "X", "Value": "v"}] * 16}, "Headers"),
        ("EMAIL", {"Headers": [{"Name": "X" * 127, "Value": "v"}]}, "Headers.Name"),
        ("EMAIL", {"Headers": [{"Name": "X", "Value": "v" * 871}]}, "Headers.Value"),
        ("EMAIL", {"Headers": [{"Name": "X: y", "Value": "v"}]}, "Headers"),
        ("EMAIL", {"Headers": [{"Name": "X", "Value": "v\r\nBcc: x@y.z"}]}, "Headers"),
        ("EMAIL", {"DefaultSubstitutions": "{"}, "DefaultSubstitutions"),
        ("EMAIL", {"DefaultSubstitutions": {"a": "b"}}, "DefaultSubstitutions"),
        ("EMAIL", {"Html": "x"}, "Html"),
        ("EMAIL", {"HtmlPart": 1}, "HtmlPart"),
        ("EMAIL", {"Pabal": {"Mjml": "<p>no</p>"}}, "Pabal.Mjml"),
        ("EMAIL", {"Pabal": {"Mjml": "<mjml><mj-body><mj-section>"}}, "Pabal.Mjml"),
        ("EMAIL", {"Pabal": {"Mjml": '<mjml><mj-body><mj-include path="/etc/passwd" /></mj-body></mjml>'}}, "Pabal.Mjml"),
        ("EMAIL", {"Pabal": {"Mjml": "<mjml><mj-body>" + "<mj-wrapper>" * 20_000}}, "Pabal.Mjml"),
        ("EMAIL", {"Pabal": {"Mjml": "<mjml><mj-body><mj-section><mj-column><mj-text>" + "<b>" * 9_000}}, "Pabal.Mjml"),
        ("SMS", {"Body": "x" * 1_601}, "Body"),
        ("VOICE", {"Body": "x" * 10_001}, "Body"),
        ("PUSH", {"Default": {"Body": "x" * 4_001}}, "Default"),
        ("PUSH", {"APNS": {"Title": "x" * 2_000, "Body": "x" * 2_001}}, "APNS"),
        ("PUSH", {"ADM": {"RawContent": "x" * 6_001}}, "ADM"),
        ("PUSH", {"GCM": {"Action": "JUMP"}}, "GCM.Action"),
        ("PUSH", {"Default": {"ImageUrl": "x"}}, "Default.ImageUrl"),
        ("INAPP", {"Content": [{"BodyConfig": {"Body": "x" * 200_000}}]}, "Content"),
        ("INAPP", {"Layout": "OVERLAYS", "Content": [{}, {}]}, "Content"),
        ("INAPP", {"Layout": "SIDE"}, "Layout"),
        ("INAPP", {"Content": [{"PrimaryBtn": {"IOS": {"ButtonAction": "JUMP"}}}]}, "Content.PrimaryBtn.IOS.ButtonAction"),
        ("INAPP", {"DefaultSubstitutions": "{}"}, "DefaultSubstitutions"),
    ],
)  # fmt: skip
def test_what_no_message_can_carry_is_refused_by_the_member_that_is_wrong(
    template_type: str, document: dict[str, Any], part: str, project: Project
) -> None:
    with pytest.raises(DocumentRefused) as refused:
        make(project, template_type=template_type, document=document)

    assert refused.value.part == part
    assert len(refused.value.message) > 10
    assert not MessageTemplate.objects.exists()


@pytest.mark.parametrize(
    ("template_type", "document"),
    [
        ("EMAIL", {"HtmlPart": "x" * 599_990, "Headers": [{"Name": "X" * 126, "Value": "v" * 870}] * 15}),
        ("SMS", {"Body": "x" * 1_600}),
        ("VOICE", {"Body": "x" * 10_000, "LanguageCode": "ko-KR", "VoiceId": "Seoyeon"}),
        ("PUSH", {"Default": {"Body": "x" * 4_000}, "ADM": {"RawContent": "x" * 6_000, "Action": "OPEN_APP"}}),
        ("INAPP", {"Layout": "CAROUSEL", "Content": [{"HeaderConfig": {"Header": "x", "Alignment": "LEFT", "TextColor": "#000"}}] * 5}),
    ],
)  # fmt: skip
def test_what_just_fits_is_stored_as_it_is(template_type: str, document: dict[str, Any], project: Project) -> None:
    template = make(project, template_type=template_type, document=document)

    assert template.versions.get().document == document


@pytest.mark.parametrize(
    ("template_type", "document", "part", "place"),
    [
        ("EMAIL", {"HtmlPart": "<p>\n  {{Attributes.x"}, "HtmlPart", (2, 3)),
        ("EMAIL", {"Subject": "{{Nobody}}"}, "Subject", (1, 1)),
        ("EMAIL", {"Pabal": {"Preheader": "a {{"}}, "Pabal.Preheader", (1, 3)),
        ("SMS", {"Body": "a\nb {{Nobody}}"}, "Body", (2, 3)),
        ("VOICE", {"Body": "{{Nobody}}"}, "Body", (1, 1)),
        ("PUSH", {"Default": {"Body": "x"}, "APNS": {"Title": "a{{Nobody}}"}}, "APNS.Title", (1, 2)),
    ],
)
def test_a_broken_variable_is_refused_when_one_saves_with_line_and_column(
    template_type: str, document: dict[str, Any], part: str, place: tuple[int, int], project: Project
) -> None:
    with pytest.raises(TemplateError) as refused:
        make(project, template_type=template_type, document=document)

    assert (refused.value.part, refused.value.line, refused.value.column) == (part, *place)


def test_a_design_is_compiled_to_the_html_part_when_it_is_saved(project: Project) -> None:
    template = make(project, document={"Subject": "x", "HtmlPart": "old", "Pabal": {"Mjml": MJML}})

    stored = template.versions.get().document

    assert stored["Pabal"]["Mjml"] == MJML
    assert stored["HtmlPart"].startswith("<!doctype html>")
    assert "{{Attributes.x}}" in stored["HtmlPart"]
    assert not re.search(r"fonts\.googleapis|<link", stored["HtmlPart"])


def test_a_template_that_a_campaign_uses_is_not_deleted_and_the_campaign_is_named(project: Project) -> None:
    template = make(project)
    campaign = using(project, "News")

    with pytest.raises(templates.TemplateInUse) as refused:
        templates.delete_template(template=template, actor=None, now=NOW)

    assert "가을 세일" in refused.value.message
    assert [user.key for user in refused.value.users] == [campaign.public_id]
    campaign.state = "COMPLETED"
    campaign.save(update_fields=["state"])
    templates.delete_template(template=template, actor=None, now=NOW)
    assert not MessageTemplate.objects.exists()
    assert not MessageTemplateVersion.objects.exists()
    assert AuditEntry.objects.filter(verb="template.deleted", data__name="News").exists()


def test_a_treatments_template_counts_and_another_projects_campaign_does_not(project: Project) -> None:
    template = make(project)
    other = make_campaign(project=project, document={"AdditionalTreatments": [
        {"TemplateConfiguration": {"EmailTemplate": {"Name": "News", "Version": "1"}}, "SizePercent": 10}
    ]})  # fmt: skip
    using(make_project(), "News")

    with pytest.raises(templates.TemplateInUse) as refused:
        templates.delete_template(template=template, actor=None, now=NOW)

    assert [(user.key, user.version) for user in refused.value.users] == [(other.public_id, 1)]


def test_the_version_that_a_campaign_was_launched_with_is_not_saved_over(project: Project) -> None:
    template = make(project)
    campaign = using(project, "News", version="1")
    launch.launch_campaign(campaign=campaign, actor=None, now=NOW)

    with pytest.raises(templates.TemplateInUse, match="Save a new version"):
        save(template, "over", new=False)
    assert template.versions.get().document["Subject"] == "(광고) 소식"
    assert save(template, "two").version == 2
    save(template, "over two", new=False)


def test_a_copy_says_what_a_version_says(project: Project) -> None:
    template = make(project)
    save(template, "two")

    copied = templates.copy_template(template=template, project=project, actor=None, name="Other", now=NOW)
    second = templates.copy_template(template=template, project=project, actor=None, name="Third", version=2, now=NOW)

    assert copied.versions.get().document == EMAIL
    assert (second.versions.get().document["Subject"], second.last_version) == ("two", 1)


def test_defaults_are_json_in_a_string(project: Project) -> None:
    text = json.dumps({"User.UserAttributes.Name": "고객", "Attributes.n": 3}, ensure_ascii=False)

    template = make(project, document=EMAIL | {"DefaultSubstitutions": text})

    assert template.versions.get().document["DefaultSubstitutions"] == text
