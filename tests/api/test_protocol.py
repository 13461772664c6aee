"""What every operation has in common: errors, sizes, rates, calls that come twice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings

from api import reference
from api.identity import idempotency
from api.models import IdempotentCall
from api.operations import TABLE
from api.operations.contract import Served
from api.protocol.model import model
from api.services.access_keys import NewKey
from api.tasks import tick_calls
from core import clock
from core.audience import Audience
from endpoints.ports import ErasedPerson
from projects.models import Project
from segments.models import SegmentVersion
from tests.api.server import Clients, Server, call, send, signed
from tests.factories.campaigns import make_import_segment
from tests.factories.projects import make_project

pytestmark = pytest.mark.django_db


def test_the_table_names_every_operation_of_the_model() -> None:
    assert set(TABLE) == set(model().operations)
    assert len(TABLE) == 122


def test_the_reference_says_what_the_table_says() -> None:
    path = Path(django_settings.BASE_DIR) / "docs" / "api.md"
    assert path.read_text() == reference.text(), "manage.py api_reference --write"


@pytest.mark.parametrize("name", [name for name, entry in TABLE.items() if not isinstance(entry, Served)])
def test_what_is_not_served_says_so(name: str, server: Server, account_key: NewKey) -> None:
    operation = model().operations[name]
    path = "/".join("x" if part.startswith("{") else part for part in operation.uri.split("/"))
    answer = call(server.url, account_key, operation.method, path, b"{}" if operation.method in ("POST", "PUT") else b"")
    assert (answer.status, answer.headers["x-amzn-ErrorType"]) == (501, "NotImplementedException")
    assert json.loads(answer.body)["Message"].startswith(f"{name}: ")


@pytest.mark.parametrize(
    ("method", "path", "status", "kind"),
    [
        ("PATCH", "/v1/apps", 405, "MethodNotAllowedException"),
        ("DELETE", "/v1/apps", 405, "MethodNotAllowedException"),
        ("GET", "/v1/nothing", 404, "NotFoundException"),
        ("GET", "/v1/apps/x/y/z", 404, "NotFoundException"),
        ("GET", "/v1/apps/%FF", 400, "BadRequestException"),
        ("GET", "/v1/apps/%00", 400, "BadRequestException"),
        ("GET", "/v1/apps/x", 404, "NotFoundException"),
        ("GET", "/v1/apps?page-size=%FF", 400, "BadRequestException"),
    ],
)
def test_errors_have_pinpoints_form(method: str, path: str, status: int, kind: str, server: Server, account_key: NewKey) -> None:
    answer = call(server.url, account_key, method, path)
    said = json.loads(answer.body)
    assert (answer.status, answer.headers["x-amzn-ErrorType"]) == (status, kind)
    assert set(said) == {"RequestID", "Message"}
    assert said["RequestID"] == answer.headers["x-amzn-RequestId"]
    assert answer.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "the body is empty"),
        (b"{", "the body is no JSON"),
        (b"[]", "it must be an object"),
        (b"{}", "Name: it is missing"),
        (b'{"Name": 1}', "Name: it must be a text"),
        (b'{"Name": null}', "Name: it is missing"),
        (b'{"name": "x"}', "name: there is no such member; did you mean Name?"),
        (b'{"Name": ""}', "Name: it must not be empty"),
        (b'{"Name": "' + b"x" * 65 + b'"}', "Name: it has 65 characters; 64 are possible"),
        (b'{"Name": "x", "tags": {"a": 1}}', "tags.a: it must be a text"),
        (b'{"Name": "a\\u0000b"}', "Name: it holds a NUL character"),
        (b'{"Name": "x", "CreateApplicationRequest": {}}', "CreateApplicationRequest: there is no such member"),
    ],
)
def test_what_the_model_refuses_is_named(body: bytes, said: str, server: Server, account_key: NewKey) -> None:
    answer = call(server.url, account_key, "POST", "/v1/apps", body)
    assert answer.status == 400
    assert said in json.loads(answer.body)["Message"]
    assert not Project.objects.exists()


def test_what_goes_wrong_here_is_500_in_pinpoints_form_and_told_by_the_log(
    server: Server, account_key: NewKey, caplog: pytest.LogCaptureFixture
) -> None:
    project = make_project()
    segment = make_import_segment(project=project, members=Audience([1]))
    SegmentVersion.objects.update(import_definition="no object")
    answer = call(server.url, account_key, "GET", f"/v1/apps/{project.public_id}/segments/{segment.public_id}")
    said = json.loads(answer.body)
    assert (answer.status, answer.headers["x-amzn-ErrorType"]) == (500, "InternalServerErrorException")
    assert said["Message"] == "An internal error occurred. The server's log has it under this RequestID."
    assert said["RequestID"] in caplog.text


def test_a_body_beyond_seven_megabytes_is_413(server: Server, account_key: NewKey) -> None:
    answer = call(server.url, account_key, "POST", "/v1/apps", b'{"Name": "x"}' + b" " * 7_000_000)
    assert (answer.status, answer.headers["x-amzn-ErrorType"]) == (413, "PayloadTooLargeException")


def test_a_key_that_calls_too_often_is_told_to_wait(settings: Any, clients: Clients, account_key: NewKey) -> None:
    settings.API_RATES = {"GetApps": 2}  # refilled in a second; three calls take some twenty milliseconds
    client = clients.with_key(account_key)
    headers = client.get_apps()["ResponseMetadata"]["HTTPHeaders"]
    assert (headers["ratelimit-limit"], headers["ratelimit-remaining"]) == ("2", "1")
    client.get_apps()
    with pytest.raises(client.exceptions.TooManyRequestsException) as refused:
        client.get_apps()
    assert refused.value.response["ResponseMetadata"]["HTTPHeaders"]["retry-after"] == "1"
    assert client.create_app(CreateApplicationRequest={"Name": "x"})["ApplicationResponse"]["Name"] == "x"


def test_a_call_with_an_idempotency_key_is_carried_out_once(server: Server, account_key: NewKey) -> None:
    headers = {"Idempotency-Key": "one"}
    first, again = (call(server.url, account_key, "POST", "/v1/apps", b'{"Name": "x"}', headers) for _turn in range(2))
    other = call(server.url, account_key, "POST", "/v1/apps", b'{"Name": "y"}', headers)

    assert first.status == again.status == 201
    assert first.body == again.body
    assert again.headers["Idempotency-Replayed"] == "true"
    assert other.status == 400
    assert Project.objects.count() == 1
    assert IdempotentCall.objects.count() == 1


def test_answers_are_kept_for_a_day(server: Server, account_key: NewKey) -> None:
    for name in ("one", "two"):
        call(server.url, account_key, "POST", "/v1/apps", b'{"Name": "x"}', {"Idempotency-Key": name})
    IdempotentCall.objects.filter(key="one").update(created_at=clock.now() - idempotency.KEPT)

    tick_calls()

    assert [one.key for one in IdempotentCall.objects.all()] == ["two"]


def test_an_answer_that_names_an_erased_person_goes_and_its_call_is_not_carried_out_again(
    server: Server, account_key: NewKey
) -> None:
    project = make_project()
    bodies = {name: json.dumps({"Name": name}).encode() for name in ("kim@example.com", "park@example.com")}
    for name, body in bodies.items():
        call(server.url, account_key, "POST", "/v1/apps", body, {"Idempotency-Key": name})
    person = ErasedPerson(
        project_id=project.pk, endpoint_ids=(), user_pk=None, addresses=("kim@example.com",), names=(), asked_at=clock.now()
    )

    assert idempotency.erase_answers(person, 0).rows == 1
    kim, park = (
        call(server.url, account_key, "POST", "/v1/apps", body, {"Idempotency-Key": name}) for name, body in bodies.items()
    )

    assert (kim.status, park.status) == (409, 201)
    assert b"erased" in kim.body
    assert Project.objects.filter(name__in=bodies).count() == 2


def test_a_refused_call_takes_no_idempotency_key(server: Server, account_key: NewKey) -> None:
    headers = {"Idempotency-Key": "one"}
    refused = call(server.url, account_key, "POST", "/v1/apps", b"{}", headers)
    taken = call(server.url, account_key, "POST", "/v1/apps", b'{"Name": "x"}', headers)
    assert (refused.status, taken.status) == (400, 201)


def test_the_pages_are_no_part_of_the_api_and_the_api_sets_no_cookie(server: Server, account_key: NewKey) -> None:
    make_project()
    answer = call(server.url, account_key, "GET", "/v1/apps")
    page = send(server.url, "GET", "/login/", {"Host": server.url.removeprefix("http://")})
    assert "Set-Cookie" not in answer.headers
    assert page.status == 200


def test_a_signed_request_can_be_sent_again_as_with_aws(server: Server, account_key: NewKey) -> None:
    request = signed(server.url, account_key, "GET", "/v1/apps")
    headers: dict[str, Any] = {
        name: str(one.decode() if isinstance(one, bytes) else one) for name, one in request.headers.items()
    }
    assert [send(server.url, "GET", "/v1/apps", headers).status for _turn in range(2)] == [200, 200]
