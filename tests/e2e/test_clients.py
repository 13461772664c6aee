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

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
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
    groups = [{"SourceSegments": [{"Id": members}], "SourceType": "ANY", "Type": "ALL", "Dimensions": [{"UserAttributes": STAFF}]}]
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
    assert told["PutEvents"]["EventsResponse"]["Results"]["us-east-1:abc/def +ü"]["EventsItemResponse"]["one"]["StatusCode"] == 202
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
