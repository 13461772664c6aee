"""Message templates, by boto3."""

from __future__ import annotations

import json
from typing import Any

import pytest

from messaging.models import MessageTemplate
from projects.models import AuditEntry
from tests.api.server import Clients
from tests.factories.api import make_access_key
from tests.factories.campaigns import make_campaign
from tests.factories.projects import make_project

pytestmark = pytest.mark.django_db
# The method's part of the name → the member of its request, what it says, and the member of its answer.
KINDS: dict[str, tuple[str, dict[str, Any], str]] = {
    "email": (
        "EmailTemplateRequest",
        {"Subject": "{{User.UserAttributes.name}}", "HtmlPart": "<p>x</p>", "TextPart": "x", "Headers": [{"Name": "X-A", "Value": "b"}]},
        "EmailTemplateResponse",
    ),
    "sms": ("SMSTemplateRequest", {"Body": "안녕 {{Attributes.name}}"}, "SMSTemplateResponse"),
    "push": (
        "PushNotificationTemplateRequest", {"Default": {"Title": "t", "Body": "b", "Action": "OPEN_APP"}},
        "PushNotificationTemplateResponse",
    ),
    "voice": ("VoiceTemplateRequest", {"Body": "x", "LanguageCode": "ko-KR", "VoiceId": "Seoyeon"}, "VoiceTemplateResponse"),
    "in_app": (
        "InAppTemplateRequest",
        {"Layout": "TOP_BANNER", "Content": [{"BodyConfig": {"Body": "x", "Alignment": "LEFT", "TextColor": "#000000"}}]},
        "InAppTemplateResponse",
    ),
}  # fmt: skip
PATHS = {"email": "email", "sms": "sms", "push": "push", "voice": "voice", "in_app": "inapp"}


def call(pinpoint: Any, verb: str, kind: str, **given: Any) -> Any:
    return getattr(pinpoint, f"{verb}_{kind}_template")(TemplateName="news", **given)


@pytest.mark.parametrize("kind", KINDS)
def test_a_template_is_made_read_versioned_activated_and_deleted(kind: str, pinpoint: Any) -> None:
    member, said, answered = KINDS[kind]
    described = said | {"TemplateDescription": "설명"}
    if kind != "in_app":
        described |= {"DefaultSubstitutions": json.dumps({"User.UserAttributes.name": "고객"})}

    made = call(pinpoint, "create", kind, **{member: described | {"tags": {"team": "crm"}}})
    first = call(pinpoint, "get", kind)[answered]
    updated = call(pinpoint, "update", kind, **{member: said}, CreateNewVersion=True)
    active = call(pinpoint, "get", kind)[answered]
    second = call(pinpoint, "get", kind, Version="2")[answered]
    pinpoint.update_template_active_version(
        TemplateName="news", TemplateType=PATHS[kind], TemplateActiveVersionRequest={"Version": "latest"}
    )
    latest = call(pinpoint, "get", kind)[answered]
    listed = pinpoint.list_template_versions(TemplateName="news", TemplateType=PATHS[kind])["TemplateVersionsResponse"]["Item"]
    deleted = call(pinpoint, "delete", kind)

    assert (made["ResponseMetadata"]["HTTPStatusCode"], updated["ResponseMetadata"]["HTTPStatusCode"]) == (201, 202)
    assert made["TemplateCreateMessageBody" if kind == "in_app" else "CreateTemplateMessageBody"]["Arn"] == first["Arn"]
    assert first["Arn"].endswith(f":templates/news/{first['TemplateType']}")
    assert {name: first[name] for name in described} == described
    assert (first["Version"], first["tags"], active["Version"]) == ("1", {"team": "crm"}, "1")
    assert (second["Version"], latest["Version"]) == ("2", "2")
    assert "TemplateDescription" not in second
    assert [one["Version"] for one in listed] == ["2", "1"]
    assert deleted["ResponseMetadata"]["HTTPStatusCode"] == 202
    with pytest.raises(pinpoint.exceptions.NotFoundException):
        call(pinpoint, "get", kind)
    assert not MessageTemplate.objects.exists()


def test_the_latest_version_alone_is_saved_over(pinpoint: Any) -> None:
    call(pinpoint, "create", "sms", SMSTemplateRequest={"Body": "1"})
    call(pinpoint, "update", "sms", SMSTemplateRequest={"Body": "1b"})
    call(pinpoint, "update", "sms", SMSTemplateRequest={"Body": "2"}, CreateNewVersion=True)
    call(pinpoint, "update", "sms", SMSTemplateRequest={"Body": "2b"}, Version="2")

    for given in ({"Version": "1"}, {"Version": "x"}, {"Version": "2", "CreateNewVersion": True}):
        with pytest.raises(pinpoint.exceptions.BadRequestException):
            call(pinpoint, "update", "sms", SMSTemplateRequest={"Body": "no"}, **given)
    assert [call(pinpoint, "get", "sms", Version=v)["SMSTemplateResponse"]["Body"] for v in "12"] == ["1b", "2b"]


def test_one_version_is_deleted_and_its_number_never_given_again(pinpoint: Any) -> None:
    call(pinpoint, "create", "sms", SMSTemplateRequest={"Body": "1"})
    for body in ("2", "3"):
        call(pinpoint, "update", "sms", SMSTemplateRequest={"Body": body}, CreateNewVersion=True)

    call(pinpoint, "delete", "sms", Version="3")
    with pytest.raises(pinpoint.exceptions.NotFoundException):
        call(pinpoint, "delete", "sms", Version="3")
    with pytest.raises(pinpoint.exceptions.BadRequestException):
        call(pinpoint, "delete", "sms", Version="1")
    call(pinpoint, "update", "sms", SMSTemplateRequest={"Body": "2b"}, Version="2")
    call(pinpoint, "update", "sms", SMSTemplateRequest={"Body": "4"}, CreateNewVersion=True)
    listed = pinpoint.list_template_versions(TemplateName="news", TemplateType="sms")["TemplateVersionsResponse"]["Item"]
    for version in ("4", "2", "1"):
        call(pinpoint, "delete", "sms", Version=version)

    assert [one["Version"] for one in listed] == ["4", "2", "1"]
    assert not MessageTemplate.objects.exists()
    assert [one.verb for one in AuditEntry.objects.order_by("pk")][-3:] == ["template.version_deleted"] * 2 + ["template.deleted"]


def test_a_version_that_a_campaign_pins_stays(pinpoint: Any) -> None:
    project = make_project()
    call(pinpoint, "create", "email", EmailTemplateRequest={"Subject": "1", "HtmlPart": "<p>1</p>"})
    for subject in ("2", "3"):
        call(pinpoint, "update", "email", EmailTemplateRequest={"Subject": subject}, CreateNewVersion=True)
    campaign = make_campaign(
        project=project, document={"TemplateConfiguration": {"EmailTemplate": {"Name": "news", "Version": "2"}}}
    )

    with pytest.raises(pinpoint.exceptions.BadRequestException) as refused:
        call(pinpoint, "delete", "email", Version="2")
    call(pinpoint, "delete", "email", Version="3")

    assert campaign.name in refused.value.response["Message"]
    assert MessageTemplate.objects.get().versions.count() == 2


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("-x", {"Body": "x"}),
        ("x" * 129, {"Body": "x"}),
        ("x y", {"Body": "x"}),
        ("ok", {"Body": "x" * 1_601}),
        ("ok", {"Body": "{{#if"}),
    ],
)
def test_a_template_that_can_not_be_is_refused(name: str, body: dict[str, str], pinpoint: Any) -> None:
    with pytest.raises(pinpoint.exceptions.BadRequestException):
        pinpoint.create_sms_template(TemplateName=name, SMSTemplateRequest=body)
    assert not MessageTemplate.objects.exists()


def test_a_name_is_taken_once_a_type(pinpoint: Any) -> None:
    call(pinpoint, "create", "sms", SMSTemplateRequest={"Body": "x"})
    call(pinpoint, "create", "voice", VoiceTemplateRequest={"Body": "x"})
    with pytest.raises(pinpoint.exceptions.BadRequestException):
        call(pinpoint, "create", "sms", SMSTemplateRequest={"Body": "y"})
    for version in ("9", "x"):
        with pytest.raises(pinpoint.exceptions.NotFoundException):
            call(pinpoint, "get", "sms", Version=version)
    with pytest.raises(pinpoint.exceptions.BadRequestException):
        pinpoint.list_template_versions(TemplateName="news", TemplateType="fax")


def test_templates_are_listed_by_prefix_and_type_to_the_end(pinpoint: Any) -> None:
    for name in ("b2", "a1", "b1", "B1"):
        pinpoint.create_sms_template(TemplateName=name, SMSTemplateRequest={"Body": "x"})
    pinpoint.create_voice_template(TemplateName="b1", VoiceTemplateRequest={"Body": "x"})

    seen, given = [], {"PageSize": "2"}
    while True:
        answer = pinpoint.list_templates(**given)["TemplatesResponse"]
        seen += [(one["TemplateName"], one["TemplateType"]) for one in answer["Item"]]
        if "NextToken" not in answer:
            break
        given["NextToken"] = answer["NextToken"]
    by_prefix = pinpoint.list_templates(Prefix="b", TemplateType="SMS")["TemplatesResponse"]["Item"]

    assert seen == [("B1", "SMS"), ("a1", "SMS"), ("b1", "SMS"), ("b1", "VOICE"), ("b2", "SMS")]
    assert [one["TemplateName"] for one in by_prefix] == ["b1", "b2"]
    with pytest.raises(pinpoint.exceptions.BadRequestException):
        pinpoint.list_templates(TemplateType="FAX")


def test_a_projects_key_makes_its_own_and_sees_the_installations(pinpoint: Any, clients: Clients) -> None:
    mine, other = (clients.with_key(make_access_key(project=make_project())) for _turn in range(2))
    pinpoint.create_sms_template(TemplateName="all", SMSTemplateRequest={"Body": "all"})
    mine.create_sms_template(TemplateName="mine", SMSTemplateRequest={"Body": "mine"})

    assert [one["TemplateName"] for one in mine.list_templates()["TemplatesResponse"]["Item"]] == ["all", "mine"]
    assert [one["TemplateName"] for one in other.list_templates()["TemplatesResponse"]["Item"]] == ["all"]
    for call_, given in (
        (other.get_sms_template, {}),
        (other.delete_sms_template, {}),
        (other.update_sms_template, {"SMSTemplateRequest": {}}),
    ):
        with pytest.raises(other.exceptions.NotFoundException):
            call_(TemplateName="mine", **given)
    for call_, given in ((mine.delete_sms_template, {}), (mine.update_sms_template, {"SMSTemplateRequest": {"Body": "x"}})):
        with pytest.raises(mine.exceptions.ForbiddenException):
            call_(TemplateName="all", **given)
    assert pinpoint.get_sms_template(TemplateName="all")["SMSTemplateResponse"]["Body"] == "all"
