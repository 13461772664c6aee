"""What Terraform's AWS provider calls for a Pinpoint project, in its order: made, read without a difference, changed, destroyed.

The provider (internal/service/pinpoint) writes the settings of a project right after it is made, reads all that it keeps in its state
after each write, changes tags by their ARN, and takes a 404 for "destroyed already".
"""

from __future__ import annotations

from typing import Any

import pytest

from projects.models import Project

pytestmark = pytest.mark.django_db
HOOK = {"LambdaFunctionName": "arn:aws:lambda:us-east-1:123456789012:function:hook", "Mode": "FILTER"}
LIMITS = {"Daily": 3, "MaximumDuration": 600, "MessagesPerSecond": 50, "Total": 100}
QUIET = {"Start": "00:00", "End": "03:00"}
ROLE = "arn:aws:iam::123456789012:role/pinpoint"


class AppState:
    """``aws_pinpoint_app`` as it stands in the state after a read."""

    def __init__(self, pinpoint: Any, application_id: str) -> None:
        app = pinpoint.get_app(ApplicationId=application_id)["ApplicationResponse"]
        settings = pinpoint.get_application_settings(ApplicationId=application_id)["ApplicationSettingsResource"]
        self.id, self.arn, self.name = app["Id"], app["Arn"], app["Name"]
        self.blocks = {name: settings.get(name) for name in ("CampaignHook", "Limits", "QuietTime")}
        self.tags = pinpoint.list_tags_for_resource(ResourceArn=self.arn)["TagsModel"]["tags"]


def test_an_app_is_made_changed_and_destroyed(pinpoint: Any) -> None:
    made = pinpoint.create_app(CreateApplicationRequest={"Name": "tf", "tags": {"env": "test", "old": "1"}})[
        "ApplicationResponse"
    ]
    ids = {"ApplicationId": made["Id"]}
    written = {"CampaignHook": HOOK, "Limits": LIMITS, "QuietTime": QUIET}
    pinpoint.update_application_settings(**ids, WriteApplicationSettingsRequest=written)
    first = AppState(pinpoint, made["Id"])

    changed = {"Limits": {**LIMITS, "Daily": 5}, "QuietTime": {"Start": "21:00", "End": "08:00"}}
    pinpoint.update_application_settings(**ids, WriteApplicationSettingsRequest=changed)
    pinpoint.untag_resource(ResourceArn=first.arn, TagKeys=["old"])
    pinpoint.tag_resource(ResourceArn=first.arn, TagsModel={"tags": {"env": "live", "new": "2"}})
    second = AppState(pinpoint, made["Id"])
    pinpoint.update_application_settings(**ids, WriteApplicationSettingsRequest={"CampaignHook": {}})
    without_hook = AppState(pinpoint, made["Id"])
    pinpoint.delete_app(**ids)

    assert (first.id, first.arn, first.name) == (made["Id"], made["Arn"], "tf")
    assert (first.blocks, first.tags) == (written, {"env": "test", "old": "1"})
    assert (second.blocks, second.tags) == ({"CampaignHook": HOOK, **changed}, {"env": "live", "new": "2"})
    assert without_hook.blocks["CampaignHook"] in (None, {})
    for call in (pinpoint.get_app, pinpoint.delete_app):
        with pytest.raises(pinpoint.exceptions.NotFoundException):
            call(**ids)
    assert not Project.objects.filter(deleted_at=None).exists()


def test_an_app_without_blocks_is_made_and_imported_by_its_id(pinpoint: Any) -> None:
    made = pinpoint.create_app(CreateApplicationRequest={"Name": "tf"})["ApplicationResponse"]
    pinpoint.update_application_settings(ApplicationId=made["Id"], WriteApplicationSettingsRequest={})
    state = AppState(pinpoint, made["Id"])
    assert all(not block for block in state.blocks.values())
    assert state.tags == {}


def test_a_channel_of_e_mail_is_made_changed_and_destroyed(pinpoint: Any) -> None:
    app = pinpoint.create_app(CreateApplicationRequest={"Name": "tf"})["ApplicationResponse"]
    ids = {"ApplicationId": app["Id"]}
    written = {
        "Enabled": True, "FromAddress": "user@example.com", "Identity": "arn:aws:ses:us-east-1:123456789012:identity/example.com",
        "RoleArn": ROLE, "ConfigurationSet": "set", "OrchestrationSendingRoleArn": ROLE,
    }  # fmt: skip

    def state() -> dict[str, Any]:
        channel = pinpoint.get_email_channel(**ids)["EmailChannelResponse"]
        assert channel["ApplicationId"] == app["Id"]
        return {name: channel.get(name) for name in written}

    pinpoint.update_email_channel(**ids, EmailChannelRequest=written)
    first = state()
    changed = {**written, "Enabled": False, "FromAddress": "other@example.com"}
    pinpoint.update_email_channel(**ids, EmailChannelRequest=changed)
    second = state()
    pinpoint.delete_email_channel(**ids)

    assert (first, second) == (written, changed)
    for call in (pinpoint.get_email_channel, pinpoint.delete_email_channel):
        with pytest.raises(pinpoint.exceptions.NotFoundException):
            call(**ids)


def test_an_event_stream_is_made_replaced_and_destroyed(pinpoint: Any) -> None:
    app = pinpoint.create_app(CreateApplicationRequest={"Name": "tf"})["ApplicationResponse"]
    ids = {"ApplicationId": app["Id"]}
    for name in ("one", "two"):
        written = {"DestinationStreamArn": f"arn:aws:kinesis:us-east-1:123456789012:stream/{name}", "RoleArn": ROLE}
        pinpoint.put_event_stream(**ids, WriteEventStream=written)
        found = pinpoint.get_event_stream(**ids)["EventStream"]
        assert {member: found[member] for member in written} == written
    pinpoint.delete_event_stream(**ids)
    with pytest.raises(pinpoint.exceptions.NotFoundException):
        pinpoint.get_event_stream(**ids)


def test_a_template_of_e_mail_is_made_changed_and_destroyed(pinpoint: Any) -> None:
    written = {
        "Subject": "hi {{Attributes.name}}", "HtmlPart": "<p>hi</p>", "TextPart": "hi", "TemplateDescription": "by Terraform",
        "DefaultSubstitutions": '{"Attributes.name": "you"}', "Headers": [{"Name": "X-Team", "Value": "crm"}],
    }  # fmt: skip

    def state() -> dict[str, Any]:
        found = pinpoint.get_email_template(TemplateName="tf")["EmailTemplateResponse"]
        return {name: found.get(name) for name in written}

    pinpoint.create_email_template(TemplateName="tf", EmailTemplateRequest={**written, "tags": {"env": "test"}})
    arn = pinpoint.get_email_template(TemplateName="tf")["EmailTemplateResponse"]["Arn"]
    first, tags = state(), pinpoint.list_tags_for_resource(ResourceArn=arn)["TagsModel"]["tags"]
    changed = {**written, "Subject": "bye"}
    pinpoint.update_email_template(TemplateName="tf", EmailTemplateRequest=changed)
    second = state()
    pinpoint.delete_email_template(TemplateName="tf")

    assert (first, second, tags) == (written, changed, {"env": "test"})
    with pytest.raises(pinpoint.exceptions.NotFoundException):
        pinpoint.get_email_template(TemplateName="tf")
