"""Projects and their settings, by boto3."""

from __future__ import annotations

import re
from typing import Any

import pytest

from api.services.access_keys import NewKey
from projects.models import Member, Project, Role, SendingSettings
from tests.api.server import Clients
from tests.factories.api import make_access_key
from tests.factories.projects import make_project

pytestmark = pytest.mark.django_db


def test_a_project_is_made_with_its_tags_and_belongs_to_whoever_made_the_key(pinpoint: Any, account_key: NewKey) -> None:
    answer = pinpoint.create_app(CreateApplicationRequest={"Name": "가을", "tags": {"team": "crm"}})

    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 201
    found = answer["ApplicationResponse"]
    project = Project.objects.get()
    assert found == {
        "Id": project.public_id, "Name": "가을", "tags": {"team": "crm"},
        "Arn": f"arn:aws:mobiletargeting:ap-northeast-2:000000000000:apps/{project.public_id}", "CreationDate": found["CreationDate"],
    }  # fmt: skip
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", found["CreationDate"])
    assert Member.objects.get(project=project).user == account_key.key.created_by
    assert Member.objects.get(project=project).role == Role.OWNER
    assert pinpoint.get_app(ApplicationId=project.public_id)["ApplicationResponse"] == found


def test_projects_are_paged_to_the_end(pinpoint: Any) -> None:
    made = [make_project(name=f"p{n}").public_id for n in range(5)]

    seen, token = [], None
    while True:
        answer = pinpoint.get_apps(PageSize="2", **({"Token": token} if token else {}))["ApplicationsResponse"]
        assert len(answer["Item"]) <= 2
        seen += [one["Id"] for one in answer["Item"]]
        token = answer.get("NextToken")
        if token is None:
            break

    assert seen == made


@pytest.mark.parametrize("given", [{"PageSize": "0"}, {"PageSize": "x"}, {"PageSize": "-1"}, {"Token": "x"}, {"Token": "eA=="}])
def test_what_is_no_page_is_refused(pinpoint: Any, given: dict[str, str]) -> None:
    with pytest.raises(pinpoint.exceptions.BadRequestException) as refused:
        pinpoint.get_apps(**given)
    assert next(iter(given)).replace("PageSize", "page-size").lower() in refused.value.response["Message"]


def test_a_deleted_project_is_gone(pinpoint: Any) -> None:
    project = make_project(name="old")

    answer = pinpoint.delete_app(ApplicationId=project.public_id)

    assert answer["ApplicationResponse"]["Id"] == project.public_id
    with pytest.raises(pinpoint.exceptions.NotFoundException) as refused:
        pinpoint.get_app(ApplicationId=project.public_id)
    assert refused.value.response["Message"] == "Application not found"
    assert refused.value.response["RequestID"] == refused.value.response["ResponseMetadata"]["RequestId"]
    assert pinpoint.get_apps()["ApplicationsResponse"]["Item"] == []


def test_the_key_of_a_project_sees_that_one_and_makes_no_other(clients: Clients) -> None:
    mine, other = make_project(), make_project()
    client = clients.with_key(make_access_key(project=mine))

    assert [one["Id"] for one in client.get_apps()["ApplicationsResponse"]["Item"]] == [mine.public_id]
    for application_id in (other.public_id, "0" * 32):
        with pytest.raises(client.exceptions.ForbiddenException) as refused:
            client.get_app(ApplicationId=application_id)
        assert refused.value.response["Message"] == "This access key is of another project."
    with pytest.raises(client.exceptions.ForbiddenException):
        client.create_app(CreateApplicationRequest={"Name": "x"})
    assert Project.objects.count() == 2


def test_settings_are_changed_member_by_member_and_kept_with_what_the_pages_know(pinpoint: Any) -> None:
    project = make_project()
    SendingSettings.objects.create(project=project, document={"Pabal": {"QuietTimeMode": "HOLD"}, "Limits": {"Daily": 9}})
    before = pinpoint.get_application_settings(ApplicationId=project.public_id)["ApplicationSettingsResource"]

    answer = pinpoint.update_application_settings(
        ApplicationId=project.public_id,
        WriteApplicationSettingsRequest={
            "Limits": {"Daily": 0, "MaximumDuration": 600, "MessagesPerSecond": 50, "Total": 3},
            "QuietTime": {"Start": "21:00", "End": "08:00"},
        },
    )["ApplicationSettingsResource"]

    assert before["Limits"] == {"Daily": 9}
    assert answer["Limits"] == {"MaximumDuration": 600, "MessagesPerSecond": 50, "Total": 3}
    assert answer["QuietTime"] == {"Start": "21:00", "End": "08:00"}
    stored = SendingSettings.objects.get(project=project).document
    assert stored["Pabal"] == {"QuietTimeMode": "HOLD"}
    pinpoint.update_application_settings(ApplicationId=project.public_id, WriteApplicationSettingsRequest={"QuietTime": {}})
    answer = pinpoint.get_application_settings(ApplicationId=project.public_id)["ApplicationSettingsResource"]
    assert "QuietTime" not in answer
    assert answer["Limits"]["Total"] == 3


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({"Limits": {"Daily": 101}}, "Limits.Daily"),
        ({"Limits": {"MaximumDuration": 59}}, "Limits.MaximumDuration"),
        ({"QuietTime": {"Start": "25:00", "End": "08:00"}}, "QuietTime.Start"),
    ],
)
def test_settings_that_can_not_be_are_refused_with_their_path(pinpoint: Any, given: dict[str, Any], path: str) -> None:
    project = make_project()

    with pytest.raises(pinpoint.exceptions.BadRequestException) as refused:
        pinpoint.update_application_settings(ApplicationId=project.public_id, WriteApplicationSettingsRequest=given)

    assert path in refused.value.response["Message"]
    assert not SendingSettings.objects.exists()
