"""What each of the operations refuses, and how: the errors that Pinpoint's documents name, in its form."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from api.operations import TABLE
from api.operations.contract import Served
from api.protocol.model import Operation, model
from api.services.access_keys import NewKey
from tests.api.server import Answer, Server, call, send
from tests.factories.api import make_access_key
from tests.factories.projects import make_project

pytestmark = pytest.mark.django_db
SERVED = sorted(name for name, entry in TABLE.items() if isinstance(entry, Served))
OF_A_PROJECT = [name for name in SERVED if "ApplicationId" in model().shapes[model().operations[name].input]["members"]]
_IDS = {
    "ResourceArn": "arn:aws:mobiletargeting:ap-northeast-2:000000000000:apps/none",
    "Version": "1",
    "KpiName": "unique-deliveries",
    "TemplateType": "sms",
}
_NOBODY = "0" * 32
_NOT_RESOURCES = {"application-id", "kpi-name", "attribute-type"}  # parts of addresses


def names_a_resource(name: str) -> bool:
    """Whether the operation is about something that must be there, beside the project."""
    parts = {part[1:-1] for part in model().operations[name].uri.split("/") if part.startswith("{")}
    creates = name.startswith("Create") or name == "UpdateEndpoint"
    return re.match(r"(Get|Delete)(\w+Channel|EventStream)\Z", name) is not None or (bool(parts - _NOT_RESOURCES) and not creates)


def least(shape: str) -> Any:
    """A document of the shape with the members that it must have, and nothing else."""
    described = model().shapes[shape]
    match described["type"]:
        case "structure":
            members = described["members"]
            return {
                members[name].get("locationName", name): least(members[name]["shape"]) for name in described.get("required", [])
            }
        case "list":
            return [least(described["member"]["shape"])]
        case "map":
            return {"x": least(described["value"]["shape"])}
        case "string":
            return (described.get("enum") or ["x"])[0]
        case "boolean":
            return True
        case "blob":
            return "eA=="
    return "2026-01-01T00:00:00Z" if described["type"] == "timestamp" else 1


def address(operation: Operation, application_id: str) -> str:
    members: Mapping[str, Any] = model().shapes[operation.input]["members"]
    path, query = operation.uri, {}
    for name, one in members.items():
        given = application_id if name == "ApplicationId" else _IDS.get(name, "none")
        if one.get("location") == "uri":
            path = path.replace("{" + one["locationName"] + "}", quote(given, safe=""))
        elif one.get("location") == "querystring" and name in model().shapes[operation.input].get("required", []):
            query[one["locationName"]] = given
    return path + (f"?{urlencode(query)}" if query else "")


def body(operation: Operation) -> bytes:
    payload = model().payload(operation.input)
    return json.dumps(least(payload[1])).encode() if payload else b""


def ask(server: Server, key: NewKey, name: str, application_id: str, document: bytes | None = None) -> Answer:
    operation = model().operations[name]
    given = body(operation) if document is None else document
    return call(server.url, key, operation.method, address(operation, application_id), given)


def refusal(answer: Answer, status: int, kind: str) -> str:
    said: dict[str, str] = json.loads(answer.body)
    assert (answer.status, answer.headers["x-amzn-ErrorType"]) == (status, kind), said
    assert said["RequestID"] == answer.headers["x-amzn-RequestId"]
    return said["Message"]


@pytest.mark.parametrize("name", SERVED)
def test_who_may_not_call_is_refused(name: str, server: Server) -> None:
    project = make_project()
    entry, operation = TABLE[name], model().operations[name]
    assert isinstance(entry, Served)
    lacking = [right for right in ("READ", "WRITE", "SEND") if right not in entry.rights]

    unsigned = send(server.url, operation.method, address(operation, project.public_id), {}, body(operation))
    without = ask(server, make_access_key(project=project, rights=lacking), name, project.public_id)
    in_app = ask(server, make_access_key(project=project, rights=["APP"]), name, project.public_id)

    assert refusal(unsigned, 403, "ForbiddenException").startswith("Missing Authentication Token")
    assert "it lacks the right" in refusal(without, 403, "ForbiddenException")
    if not entry.for_apps:
        refusal(in_app, 403, "ForbiddenException")


@pytest.mark.parametrize("name", OF_A_PROJECT)
def test_a_project_that_is_not_there_is_404_and_another_ones_403(name: str, server: Server, account_key: NewKey) -> None:
    mine, other = make_project(), make_project()
    key = make_access_key(project=mine)

    assert refusal(ask(server, account_key, name, _NOBODY), 404, "NotFoundException") == "Application not found"
    for application_id in (other.public_id, _NOBODY):
        said = refusal(ask(server, key, name, application_id), 403, "ForbiddenException")
        assert said == "This access key is of another project."


@pytest.mark.parametrize("name", [name for name in SERVED if names_a_resource(name)])
def test_what_is_not_there_is_404(name: str, server: Server, account_key: NewKey) -> None:
    refusal(ask(server, account_key, name, make_project().public_id), 404, "NotFoundException")


@pytest.mark.parametrize("name", SERVED)
def test_a_path_says_which_methods_it_has(name: str, server: Server, account_key: NewKey) -> None:
    operation = model().operations[name]
    answer = call(server.url, account_key, "PATCH", address(operation, _NOBODY))
    refusal(answer, 405, "MethodNotAllowedException")
    assert operation.method in answer.headers["Allow"]


@pytest.mark.parametrize("name", SERVED)
def test_a_key_that_calls_too_often_is_429(name: str, server: Server, account_key: NewKey, settings: Any) -> None:
    settings.API_RATES = {name: 1}
    answers = [ask(server, account_key, name, _NOBODY) for _turn in range(2)]
    while answers[-1].status != 429:  # a second has passed between them
        answers.append(ask(server, account_key, name, _NOBODY))
        assert len(answers) < 100
    assert f"calls of {name} a second" in refusal(answers[-1], 429, "TooManyRequestsException")
    assert answers[-1].headers["Retry-After"] == "1"


@pytest.mark.parametrize("name", [name for name in SERVED if model().payload(model().operations[name].input)])
def test_a_body_that_is_none_or_too_large_is_refused(name: str, server: Server, account_key: NewKey) -> None:
    operation = model().operations[name]
    entry = TABLE[name]
    assert isinstance(entry, Served)
    project = make_project()
    payload = model().payload(operation.input)
    assert payload is not None

    assert "no JSON" in refusal(ask(server, account_key, name, project.public_id, b"{"), 400, "BadRequestException")
    wrong = refusal(ask(server, account_key, name, project.public_id, b'{"Nope": 1}'), 400, "BadRequestException")
    assert wrong.startswith("Nope: there is no such member")
    for member in least(payload[1]):
        document = {one: value for one, value in least(payload[1]).items() if one != member}
        said = refusal(
            ask(server, account_key, name, project.public_id, json.dumps(document).encode()), 400, "BadRequestException"
        )
        assert said == f"{member}: it is missing"
    headers = {"Content-Length": str(entry.body_bytes + 1)}
    refusal(send(server.url, operation.method, address(operation, project.public_id), headers), 413, "PayloadTooLargeException")
