"""AWS's own clients against everything that ``make run`` starts: they know the address and a key, and go on as they did."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.account import Account, open_account
from tests.e2e.conftest import Stack, speak
from tests.waiting import wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(420)]
ROLE = "arn:aws:iam::123456789012:role/PinpointImport"
HTML = '<p>{{User.UserAttributes.MBR_FULLNM}} <a href="https://shop.example.com/sale">sale</a></p>'
STAFF = {"status": {"AttributeType": "INCLUSIVE", "Values": ["정상"]}, "type": {"AttributeType": "INCLUSIVE", "Values": ["직원"]}}


@pytest.fixture(scope="module")
def account(stack: Stack) -> Account:
    return open_account(stack)


@pytest.fixture(scope="module")
def app(account: Account) -> str:
    """A project with the sample's members, of whom 80 can be sent to among the active staff."""
    made: str = account.cli("create-app", create_application_request="Name=CLI")["Id"]
    identity = "arn:aws:ses:ap-northeast-2:123456789012:identity/example.com"
    request = f"FromAddress=shop@example.com,Identity={identity},Enabled=true"
    assert account.cli("update-email-channel", application_id=made, email_channel_request=request)["Enabled"] is True
    return made


@pytest.fixture(scope="module")
def members(account: Account, app: str) -> str:
    """The imported segment's id."""
    request = f"Format=CSV,RoleArn={ROLE},S3Url=s3://sample-audience/members.csv,RegisterEndpoints=true,DefineSegment=true"
    job = account.cli("create-import-job", application_id=app, import_job_request=request)
    pinpoint = account.boto3()
    ids = {"ApplicationId": app, "JobId": job["Id"]}
    wait_until(lambda: pinpoint.get_import_job(**ids)["ImportJobResponse"]["JobStatus"] in ("COMPLETED", "FAILED"), seconds=60)
    done = account.cli("get-import-job", application_id=app, job_id=job["Id"])
    assert (done["JobStatus"], done["TotalProcessed"], done["TotalFailures"]) == ("COMPLETED", 2_000, 0)
    found: str = done["Definition"]["SegmentId"]
    return found


def log_in(page: Page, stack: Stack) -> None:
    page.goto("/login/")
    speak(page, "en")
    page.goto("/login/")
    page.get_by_label("E-mail address").fill(stack.email)
    page.get_by_label("Password").fill(stack.password)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="Projects")).to_be_visible()


def test_the_aws_cli_walks_from_a_project_to_its_numbers(
    account: Account, app: str, members: str, stack: Stack, page: Page
) -> None:
    groups = [
        {"SourceSegments": [{"Id": members}], "SourceType": "ANY", "Type": "ALL", "Dimensions": [{"UserAttributes": STAFF}]}
    ]
    segment = account.cli(
        "create-segment", application_id=app,
        write_segment_request={"Name": "정상 직원", "SegmentGroups": {"Include": "ALL", "Groups": groups}},
    )  # fmt: skip
    campaign = account.cli(
        "create-campaign", application_id=app,
        write_campaign_request={
            "Name": "가을 세일", "SegmentId": segment["Id"], "SegmentVersion": segment["Version"],
            "MessageConfiguration": {"EmailMessage": {"Title": "Hello", "HtmlBody": HTML}},
            "Schedule": {"StartTime": "IMMEDIATE", "Frequency": "ONCE"},
        },
    )  # fmt: skip
    ids = {"application_id": app, "campaign_id": campaign["Id"]}
    pinpoint = account.boto3()

    def state() -> str:
        found = pinpoint.get_campaign(ApplicationId=app, CampaignId=campaign["Id"])
        status: str = found["CampaignResponse"]["State"]["CampaignStatus"]
        return status

    wait_until(lambda: state() == "COMPLETED", seconds=60)
    (activity,) = account.cli("get-campaign-activities", **ids)["Item"]
    assert (activity["State"], activity["Result"]) == ("COMPLETED", "SUCCESS")
    assert (activity["TotalEndpointCount"], activity["SuccessfulEndpointCount"]) == (80, 80)
    assert (activity["ExecutionMetrics"]["ENDPOINT_PRODUCED"], activity["ExecutionMetrics"]["ENDPOINT_OPT_OUT"]) == ("80", "2")

    def number(name: str) -> str:
        (row,) = pinpoint.get_campaign_date_range_kpi(ApplicationId=app, CampaignId=campaign["Id"], KpiName=name)[
            "CampaignDateRangeKpiResponse"
        ]["KpiResult"]["Rows"]
        value: str = row["Values"][0]["Value"]
        return value

    wait_until(lambda: number("unique-deliveries") == "80.0")
    (row,) = account.cli("get-campaign-date-range-kpi", **ids, kpi_name="unique-deliveries")["KpiResult"]["Rows"]
    assert row == {"GroupedBys": [], "Values": [{"Key": "UniqueDeliveries", "Type": "Double", "Value": "80.0"}]}
    assert [number(name) for name in ("successful-delivery-rate", "hard-bounce-rate", "email-open-rate")] == ["1.0", "0.0", "0.0"]

    log_in(page, stack)
    page.goto(f"/p/{app}/campaigns/{campaign['Id']}/")
    expect(page.locator('[data-number="Sent"]')).to_have_text("80")


def test_the_sdk_for_javascript_calls_each_group_of_operations(account: Account) -> None:
    told = account.sdk_for_javascript(Path(__file__).with_name("aws_sdk.mjs"))

    refused = {name: (one["error"], one["status"]) for name, one in told.items() if "error" in one}
    assert refused == {
        "ListJourneys": ("NotImplementedException", 501), "GetRecommenderConfigurations": ("NotImplementedException", 501),
        "GetApp": ("NotFoundException", 404),
    }  # fmt: skip
    statuses = {name: one["status"] for name, one in told.items() if name not in refused}
    assert {name for name, status in statuses.items() if status == 201} == {
        "CreateApp", "CreateSegment", "CreateImportJob", "CreateCampaign", "CreateSmsTemplate",
    }  # fmt: skip
    assert {name for name, status in statuses.items() if status == 202} == {"UpdateEndpoint", "PutEvents"}
    assert set(statuses.values()) == {200, 201, 202, 204}
    (endpoint,) = told["GetUserEndpoints"]["EndpointsResponse"]["Item"]
    assert (endpoint["Id"], endpoint["User"]["UserId"]) == ("us-east-1:abc/def +ü", "u/1 +")
    assert (
        told["PutEvents"]["EventsResponse"]["Results"]["us-east-1:abc/def +ü"]["EventsItemResponse"]["one"]["StatusCode"] == 202
    )
    assert told["SendMessages"]["MessageResponse"]["Result"]["direct@example.com"]["DeliveryStatus"] == "SUCCESSFUL"
    assert told["PhoneNumberValidate"]["NumberValidateResponse"]["PhoneType"] == "MOBILE"
    assert told["GetCampaignDateRangeKpi"]["CampaignDateRangeKpiResponse"]["KpiResult"]["Rows"] == []


@pytest.mark.parametrize(
    "endpoint_id",
    ["a/b", "us-east-1:0a1b/c", "a%2Fb", "a b+c", "../e", "a//b", "/a", "a?b=c&d", "a#b", "한글/é👍", "a;b,c'(d)!~*", "."],
)
def test_ids_reach_the_operation_as_they_stood_on_the_wire(endpoint_id: str, account: Account, app: str) -> None:
    pinpoint = account.boto3()
    ids = {"ApplicationId": app, "EndpointId": endpoint_id}
    request = {"ChannelType": "EMAIL", "Address": "paths@example.com", "User": {"UserId": f"u:{endpoint_id}"}}

    pinpoint.update_endpoint(**ids, EndpointRequest=request)
    found = pinpoint.get_endpoint(**ids)["EndpointResponse"]
    of_user = pinpoint.get_user_endpoints(ApplicationId=app, UserId=f"u:{endpoint_id}")["EndpointsResponse"]["Item"]
    pinpoint.delete_endpoint(**ids)

    assert (found["Id"], [one["Id"] for one in of_user]) == (endpoint_id, [endpoint_id])
    with pytest.raises(pinpoint.exceptions.NotFoundException):
        pinpoint.get_endpoint(**ids)


def test_an_unsigned_call_of_the_running_server_is_403(stack: Stack) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{stack.address}/v1/apps")
    with refused.value as answer:
        assert (answer.code, answer.headers["x-amzn-ErrorType"]) == (403, "ForbiddenException")
        assert set(json.load(answer)) == {"RequestID", "Message"}


def test_a_segment_drawn_in_the_builder_is_a_document_that_create_segment_accepts(
    account: Account, app: str, members: str, stack: Stack, page: Page
) -> None:
    log_in(page, stack)
    page.goto(f"/p/{app}/segments/{members}/")
    page.get_by_role("link", name="Filter this segment").click()
    page.get_by_label("Segment name").fill("정상 직원 2")
    for name, value in (("status", "정상"), ("type", "직원")):
        page.get_by_role("button", name="Add a filter").click()
        row = page.locator(".filter-row").last
        row.get_by_label("Attribute").select_option(f"UserAttributes.{name}")
        row.locator(".ts-control input").fill(value)
        page.keyboard.press("Enter")
        page.get_by_label("Segment name").click()
        expect(page.locator(".ts-dropdown:visible")).to_have_count(0)
    expect(page.locator('[data-count="eligible"]')).to_have_text("80")
    page.get_by_role("button", name="Save the segment").click()
    expect(page.get_by_role("link", name="Edit")).to_be_visible()

    pinpoint = account.boto3()
    found = pinpoint.get_segments(ApplicationId=app)["SegmentsResponse"]["Item"]
    drawn = next(one for one in found if one["Name"] == "정상 직원 2")
    written = {name: drawn[name] for name in ("Name", "SegmentGroups", "tags")}
    again = pinpoint.create_segment(ApplicationId=app, WriteSegmentRequest=written)["SegmentResponse"]

    assert drawn["tags"] == {}
    assert {name: again[name] for name in written} == written
    page.goto(f"/p/{app}/segments/{again['Id']}/")
    expect(page.locator('[data-count="eligible"]')).to_have_text("80")
    page.get_by_role("link", name="Edit").click()
    expect(page.locator(".filter-row")).to_have_count(2)


def test_a_campaign_made_by_a_program_opens_in_the_wizard_and_what_is_changed_there_is_read_by_the_program(
    account: Account, app: str, members: str, stack: Stack, page: Page
) -> None:
    pinpoint = account.boto3()
    mail: dict[str, Any] = {"FromAddress": "상점 <shop@example.com>", "Title": "(광고) by boto3", "HtmlBody": HTML}
    mail |= {"Headers": [{"Name": "X-Team", "Value": "crm"}]}
    request: dict[str, Any] = {
        "Name": "by boto3", "SegmentId": members, "IsPaused": True, "MessageConfiguration": {"EmailMessage": mail},
        "Schedule": {
            "StartTime": "2099-01-01T09:00:00+09:00", "EndTime": "2099-01-05T09:00:00+09:00", "Frequency": "DAILY", "Timezone": "UTC+09",
        },
        "Limits": {"Daily": 2}, "HoldoutPercent": 10,
    }  # fmt: skip
    made = pinpoint.create_campaign(ApplicationId=app, WriteCampaignRequest=request)["CampaignResponse"]
    ids = {"ApplicationId": app, "CampaignId": made["Id"]}

    log_in(page, stack)
    wizard = f"/p/{app}/campaigns/{made['Id']}/edit/"
    page.goto(wizard + "segment/")
    expect(page.locator("input[name=segments]:checked")).to_have_value(members)
    page.goto(wizard + "schedule/")
    expect(page.get_by_label("How often")).to_have_value("DAILY")
    page.goto(wizard + "message/")
    expect(page.get_by_label("Sender", exact=True)).to_have_value("shop@example.com")
    expect(page.get_by_label("Subject", exact=True)).to_have_value("(광고) by boto3")
    page.get_by_label("Subject", exact=True).fill("(광고) by a person")
    page.get_by_role("button", name="Next: the time").click()
    expect(page.get_by_label("How often")).to_be_visible()

    changed = pinpoint.get_campaign(**ids)["CampaignResponse"]
    written = changed["MessageConfiguration"]["EmailMessage"]
    assert written | {"Body": ""} == {**mail, "Title": "(광고) by a person", "Body": ""}
    kept = ("Name", "SegmentId", "Schedule", "Limits", "HoldoutPercent", "IsPaused")
    assert {name: changed[name] for name in kept} == {name: made[name] for name in kept}
    pinpoint.delete_campaign(**ids)
