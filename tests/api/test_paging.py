"""Lists in pages of one: each thing once, in the list's order, to the end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from core.audience import Audience
from projects.models import Project
from tests.factories.campaigns import make_campaign, make_import_segment
from tests.factories.projects import make_project

pytestmark = pytest.mark.django_db
ROLE = "arn:aws:iam::123456789012:role/import"
Made = tuple[
    str, str, dict[str, str], str, list[Any]
]  # operation, member of its answer, what names the list, a row's name, what is expected


def _segment(project: Project) -> str:
    return make_import_segment(project=project, members=Audience([1])).public_id


def _imports(pinpoint: Any, project: Project) -> Made:
    ids = {"ApplicationId": project.public_id, "SegmentId": _segment(project)}
    request = {"Format": "CSV", "RoleArn": ROLE, "S3Url": "s3://bucket/x.csv", "DefineSegment": True}
    for _other in range(2):  # of no segment, or of another one
        pinpoint.create_import_job(ApplicationId=project.public_id, ImportJobRequest=request)
    request |= {"SegmentId": ids["SegmentId"]}
    made = [
        pinpoint.create_import_job(ApplicationId=project.public_id, ImportJobRequest=request)["ImportJobResponse"]
        for _n in range(3)
    ]
    return "get_segment_import_jobs", "ImportJobsResponse", ids, "Id", [one["Id"] for one in made][::-1]


def _exports(pinpoint: Any, project: Project, *, of_segment: bool) -> Made:
    ids = {"ApplicationId": project.public_id}
    segment = _segment(project)
    request = {"RoleArn": ROLE, "S3UrlPrefix": "s3://bucket/out/"}
    whole, *made = [
        pinpoint.create_export_job(**ids, ExportJobRequest=request | more)["ExportJobResponse"]["Id"]
        for more in ({}, *[{"SegmentId": segment}] * 3)
    ]
    if of_segment:
        return "get_segment_export_jobs", "ExportJobsResponse", {**ids, "SegmentId": segment}, "Id", made[::-1]
    return "get_export_jobs", "ExportJobsResponse", ids, "Id", [*made[::-1], whole]


def _campaign_versions(pinpoint: Any, project: Project) -> Made:
    campaign = make_campaign(project=project, document={})
    ids = {"ApplicationId": project.public_id, "CampaignId": campaign.public_id}
    for name in ("b", "c"):
        pinpoint.update_campaign(**ids, WriteCampaignRequest={"Name": name})
    return "get_campaign_versions", "CampaignsResponse", ids, "Version", [3, 2, 1]


def _template_versions(pinpoint: Any, _project: Project) -> Made:
    pinpoint.create_sms_template(TemplateName="a", SMSTemplateRequest={"Body": "1"})
    for body in ("2", "3"):
        pinpoint.update_sms_template(TemplateName="a", SMSTemplateRequest={"Body": body}, CreateNewVersion=True)
    ids = {"TemplateName": "a", "TemplateType": "sms"}
    return "list_template_versions", "TemplateVersionsResponse", ids, "Version", ["3", "2", "1"]


@pytest.mark.parametrize(
    "make",
    [
        _imports,
        lambda pinpoint, project: _exports(pinpoint, project, of_segment=True),
        lambda pinpoint, project: _exports(pinpoint, project, of_segment=False),
        _campaign_versions,
        _template_versions,
    ],
)
def test_a_list_is_read_to_its_end(make: Callable[[Any, Project], Made], pinpoint: Any) -> None:
    operation, member, given, name, expected = make(pinpoint, make_project())
    token = "NextToken" if operation == "list_template_versions" else "Token"

    seen: list[Any] = []
    more: dict[str, str] = {}
    while True:
        page = getattr(pinpoint, operation)(**given, **more, PageSize="1")[member]
        assert len(page["Item"]) == 1
        seen += [one[name] for one in page["Item"]]
        if "NextToken" not in page:
            break
        more = {token: page["NextToken"]}

    assert seen == expected
