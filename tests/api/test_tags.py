"""Tags of everything that has an ARN, by boto3."""

from __future__ import annotations

from typing import Any

import pytest

from core import clock
from core.audience import Audience
from messaging.services import templates
from projects.models import AuditEntry, Project
from projects.services import installation
from segments.models import SegmentVersion
from tests.api.server import Clients
from tests.factories.api import make_access_key
from tests.factories.campaigns import make_campaign, make_import_segment
from tests.factories.projects import make_project

pytestmark = pytest.mark.django_db
_ROOT = "arn:aws:mobiletargeting:ap-northeast-2:000000000000:"


def arns(project: Project) -> dict[str, str]:
    segment = make_import_segment(project=project, members=Audience([1]))
    campaign = make_campaign(project=project, document={})
    template = templates.create_template(
        project=project, actor=None, template_type="SMS", name=f"news-{project.pk}", document={"Body": "x"}, now=clock.now()
    )
    app = f"{_ROOT}apps/{project.public_id}"
    return {
        "project": app, "segment": f"{app}/segments/{segment.public_id}", "campaign": f"{app}/campaigns/{campaign.public_id}",
        "template": f"{_ROOT}templates/{template.name}/SMS",
    }  # fmt: skip


@pytest.mark.parametrize("what", ["project", "segment", "campaign", "template"])
def test_tags_are_added_changed_and_removed(what: str, pinpoint: Any) -> None:
    arn = arns(make_project())[what]

    added = pinpoint.tag_resource(ResourceArn=arn, TagsModel={"tags": {"team": "crm", "a b/c": "가"}})
    pinpoint.tag_resource(ResourceArn=arn, TagsModel={"tags": {"team": "shop"}})
    both = pinpoint.list_tags_for_resource(ResourceArn=arn)
    removed = pinpoint.untag_resource(ResourceArn=arn, TagKeys=["a b/c", "never there"])
    left = pinpoint.list_tags_for_resource(ResourceArn=arn)

    assert (added["ResponseMetadata"]["HTTPStatusCode"], removed["ResponseMetadata"]["HTTPStatusCode"]) == (204, 204)
    assert both["TagsModel"] == {"tags": {"team": "shop", "a b/c": "가"}}
    assert left["TagsModel"] == {"tags": {"team": "shop"}}
    assert AuditEntry.objects.filter(verb=f"{what}.tagged").count() == 3


def test_arns_name_the_account_and_the_region_of_the_settings(pinpoint: Any, settings: Any) -> None:
    project = make_project()
    settings.ACCOUNT_ID, settings.ACCOUNT_REGION = "123456789012", "us-west-2"
    installation.note_alive(now=clock.now())

    arn = pinpoint.get_app(ApplicationId=project.public_id)["ApplicationResponse"]["Arn"]
    pinpoint.tag_resource(ResourceArn=arn, TagsModel={"tags": {"a": "b"}})
    settings.ACCOUNT_ID = settings.ACCOUNT_REGION = ""  # as it was
    installation.note_alive(now=clock.now())

    assert arn == f"arn:aws:mobiletargeting:us-west-2:123456789012:apps/{project.public_id}"
    assert pinpoint.list_tags_for_resource(ResourceArn=arn)["TagsModel"]["tags"] == {"a": "b"}


def test_the_tags_of_a_segment_make_no_version(pinpoint: Any) -> None:
    arn = arns(make_project())["segment"]
    pinpoint.tag_resource(ResourceArn=arn, TagsModel={"tags": {"team": "crm"}})
    assert SegmentVersion.objects.get().document == {"tags": {"team": "crm"}}


def test_a_resource_has_at_most_fifty_tags(pinpoint: Any) -> None:
    project = make_project()
    arn = f"{_ROOT}apps/{project.public_id}"
    pinpoint.tag_resource(ResourceArn=arn, TagsModel={"tags": {f"k{n}": "" for n in range(50)}})

    for tags in ({"k50": "x"}, {f"n{n}": "" for n in range(51)}, {"aws:x": "1"}, {"": "x"}, {"k" * 129: "x"}, {"k0": "x" * 257}):
        with pytest.raises(pinpoint.exceptions.ClientError) as refused:
            pinpoint.tag_resource(ResourceArn=arn, TagsModel={"tags": tags})
        assert refused.value.response["Error"]["Code"] == "BadRequestException"
    assert len(pinpoint.list_tags_for_resource(ResourceArn=arn)["TagsModel"]["tags"]) == 50


@pytest.mark.parametrize("arn", ["x", "arn:aws:s3:::x", _ROOT, _ROOT + "apps/", _ROOT.replace("000000000000", "1") + "apps/x"])
def test_what_is_no_arn_of_this_installation_is_refused(arn: str, pinpoint: Any) -> None:
    with pytest.raises(pinpoint.exceptions.ClientError) as refused:
        pinpoint.list_tags_for_resource(ResourceArn=arn)
    assert refused.value.response["Error"]["Code"] == "BadRequestException"


@pytest.mark.parametrize("rest", ["/segments/none", "/campaigns/none", "/journeys/x", "/segments", "/x/y/z"])
def test_what_is_not_there_is_404(rest: str, pinpoint: Any) -> None:
    project = make_project()
    with pytest.raises(pinpoint.exceptions.ClientError) as refused:
        pinpoint.list_tags_for_resource(ResourceArn=f"{_ROOT}apps/{project.public_id}{rest}")
    assert refused.value.response["Error"]["Code"] == "NotFoundException"


def test_the_key_of_another_project_reaches_no_tags(clients: Clients) -> None:
    theirs = arns(make_project())
    stranger = clients.with_key(make_access_key(project=make_project()))

    for arn in theirs.values():
        for call, given in (
            (stranger.list_tags_for_resource, {}),
            (stranger.tag_resource, {"TagsModel": {"tags": {"a": "b"}}}),
            (stranger.untag_resource, {"TagKeys": ["a"]}),
        ):
            with pytest.raises(stranger.exceptions.ClientError) as refused:
                call(ResourceArn=arn, **given)
            assert refused.value.response["Error"]["Code"] in ("ForbiddenException", "NotFoundException")
    assert not AuditEntry.objects.filter(verb__endswith=".tagged").exists()
