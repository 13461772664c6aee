"""Signatures: what botocore's own signer signed is taken, anything that was altered since is 403 in Pinpoint's form."""

from __future__ import annotations

import datetime
import json
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import pytest
import time_machine

from api.identity import sigv4
from api.models import AccessKey
from api.protocol.errors import Forbidden
from api.services import access_keys
from api.services.access_keys import NewKey
from core import clock
from endpoints.models import Endpoint
from projects.models import Project
from tests.api.server import Answer, Clients, Server, call, send, signed
from tests.factories.api import make_access_key
from tests.factories.endpoints import make_endpoint
from tests.factories.projects import make_project, make_user

pytestmark = pytest.mark.django_db
BODY = json.dumps({"OptOut": "ALL"}).encode()


@pytest.fixture
def project() -> Project:
    return make_project()


@pytest.fixture
def target(project: Project) -> str:
    make_endpoint(project=project, endpoint_id="e/1")
    return f"/v1/apps/{project.public_id}/endpoints/e%2F1"


def refusal(answer: Answer) -> str:
    assert answer.status == 403
    assert answer.headers["x-amzn-ErrorType"] == "ForbiddenException"
    said: dict[str, str] = json.loads(answer.body)
    assert said["RequestID"] == answer.headers["x-amzn-RequestId"]
    return said["Message"]


Altering = Callable[[dict[str, str]], dict[str, Any]]
ALTERED: dict[str, Altering] = {
    "body": lambda _headers: {"body": b'{"OptOut": "NONE"}'},
    "path": lambda _headers: {"path": lambda path: path.replace("e%2F1", "e%2F2")},
    "query": lambda _headers: {"path": lambda path: path + "?x=1"},
    "method": lambda _headers: {"method": "DELETE"},
    "signed header": lambda headers: {"headers": headers | {"Content-Type": "text/plain"}},
    "host": lambda headers: {"headers": headers | {"Host": "elsewhere.example.com"}},
    "date": lambda headers: {"headers": headers | {"X-Amz-Date": headers["X-Amz-Date"][:-3] + "00Z"}},
    "region": lambda headers: {
        "headers": headers | {"Authorization": headers["Authorization"].replace("us-east-1", "eu-west-1")}
    },
    "signature": lambda headers: {"headers": headers | {"Authorization": headers["Authorization"][:-64] + "0" * 64}},
    "algorithm": lambda headers: {"headers": headers | {"Authorization": "Basic eDp5"}},
    "unsigned": lambda headers: {"headers": {name: value for name, value in headers.items() if name != "Authorization"}},
    "body's stated hash": lambda headers: {"headers": headers | {"X-Amz-Content-SHA256": "0" * 64}},
    "token": lambda headers: {"headers": headers | {"X-Amz-Security-Token": "x"}},
}


@pytest.mark.parametrize("what", ALTERED)
def test_what_was_altered_after_it_was_signed_is_refused(what: str, server: Server, account_key: NewKey, target: str) -> None:
    with time_machine.travel(clock.now().replace(second=30, microsecond=0), tick=False):
        request = signed(server.url, account_key, "PUT", target, BODY, {"Content-Type": "application/json"})
        headers = {name: str(value.decode() if isinstance(value, bytes) else value) for name, value in request.headers.items()}
        altered = ALTERED[what](headers)
        path = altered.get("path", lambda path: path)(target)

        answer = send(
            server.url, altered.get("method", "PUT"), path, altered.get("headers", headers), altered.get("body", BODY)
        )  # fmt: skip

        refusal(answer)
        assert Endpoint.objects.get().opt_out == "NONE"
        assert send(server.url, "PUT", target, headers, BODY).status == 202


def test_another_secret_an_unknown_key_and_a_revoked_one_are_refused(
    clients: Clients, account_key: NewKey, project: Project
) -> None:
    other = make_access_key()
    for client in (
        clients.with_secret(account_key.key.access_key_id, other.secret),
        clients.with_secret("PABALAAAAAAAAAAAAAAA", account_key.secret),
        clients.with_secret(account_key.key.access_key_id.lower(), account_key.secret),
    ):
        with pytest.raises(client.exceptions.ForbiddenException):
            client.get_app(ApplicationId=project.public_id)
    good = clients.with_key(account_key)
    good.get_app(ApplicationId=project.public_id)

    access_keys.revoke_access_key(key=account_key.key, actor=make_user(), now=clock.now())

    with pytest.raises(good.exceptions.ForbiddenException) as refused:
        good.get_app(ApplicationId=project.public_id)
    assert refused.value.response["Message"] == "The access key was revoked."


@pytest.mark.parametrize(("seconds", "is_taken"), [(-301, False), (-299, True), (299, True), (301, False)])
def test_clocks_may_differ_by_five_minutes(
    seconds: int, is_taken: bool, server: Server, account_key: NewKey, target: str
) -> None:
    now = clock.now().replace(microsecond=0)
    with time_machine.travel(now + datetime.timedelta(seconds=seconds), tick=False):
        request = signed(server.url, account_key, "GET", target)
    headers = {name: str(value.decode() if isinstance(value, bytes) else value) for name, value in request.headers.items()}
    with time_machine.travel(now, tick=False):
        answer = send(server.url, "GET", target, headers)
    assert (answer.status == 200) is is_taken
    if not is_taken:
        assert now.strftime("%Y%m%dT%H%M%SZ") in refusal(answer)


def test_the_use_of_a_key_is_noted(clients: Clients, account_key: NewKey) -> None:
    assert account_key.key.last_used_at is None
    clients.with_key(account_key).get_apps()
    noted = AccessKey.objects.get(pk=account_key.key.pk).last_used_at
    assert noted is not None
    clients.with_key(account_key).get_apps()
    assert AccessKey.objects.get(pk=account_key.key.pk).last_used_at == noted


def test_a_session_token_must_be_signed_and_is_taken_then(clients: Clients, account_key: NewKey) -> None:
    client = clients.with_secret(account_key.key.access_key_id, account_key.secret, session_token="a/token+==")
    assert client.get_apps()["ResponseMetadata"]["HTTPStatusCode"] == 200


@pytest.mark.parametrize("token", [None, "a/token+=="])
def test_a_presigned_address_holds_as_long_as_it_says(
    token: str | None, server: Server, account_key: NewKey, target: str
) -> None:
    now = clock.now().replace(microsecond=0)
    with time_machine.travel(now, tick=False):
        request = botocore.awsrequest.AWSRequest(method="GET", url=server.url + target)
        credentials = botocore.credentials.Credentials(account_key.key.access_key_id, account_key.secret, token)
        botocore.auth.SigV4QueryAuth(credentials, "mobiletargeting", "ap-northeast-2", expires=600).add_auth(request)
    split = urlsplit(request.url)
    path = f"{split.path}?{split.query}"

    for seconds, status in ((-301, 403), (0, 200), (599, 200), (601, 403)):
        with time_machine.travel(now + datetime.timedelta(seconds=seconds), tick=False):
            assert send(server.url, "GET", path, {}).status == status, seconds
    with time_machine.travel(now, tick=False):
        for altered in (path.replace("e%2F1", "e%2F2"), path.replace("Expires=600", "Expires=900"), path + "&x=1"):
            refusal(send(server.url, "GET", altered, {}))
        refusal(send(server.url, "DELETE", path, {}))
        refusal(send(server.url, "GET", path.replace("Expires=600", "Expires=604801"), {}))


@pytest.mark.parametrize(
    "authorization",
    [
        "AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256 ", "AWS4-HMAC-SHA256 Credential=x,SignedHeaders=host,Signature=x",
        "AWS4-HMAC-SHA256 Credential=a/b/c/d/e, SignedHeaders=host", "AWS4-HMAC-SHA256 =,=,=", "AWS4-ECDSA-P256-SHA256 Credential=x",
        "AWS4-HMAC-SHA256 Credential=PABAL/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=é",
        "AWS4-HMAC-SHA256 Credential=PABAL/20260101/us-east-1/mobiletargeting/aws4_request, SignedHeaders=, Signature=0",
    ],
)  # fmt: skip
@pytest.mark.parametrize("stamp", ["20260101T000000Z", "yesterday", ""])
def test_what_can_not_be_read_as_a_signature_is_refused(authorization: str, stamp: str, server: Server) -> None:
    headers = {"Authorization": authorization.encode().decode("latin-1"), "X-Amz-Date": stamp}
    refusal(send(server.url, "GET", "/v1/apps", headers))


def test_the_date_header_does_where_there_is_no_other(server: Server, account_key: NewKey) -> None:
    request = botocore.awsrequest.AWSRequest(method="GET", url=server.url + "/v1/apps")
    credentials = botocore.credentials.Credentials(account_key.key.access_key_id, account_key.secret)
    request.headers["Date"] = "Thu, 01 Jan 2026 00:00:00 GMT"  # the signer puts the present one in its place
    botocore.auth.SigV4Auth(credentials, "mobiletargeting", "us-east-1").add_auth(request)
    headers = {name: str(value) for name, value in request.headers.items()}
    assert "X-Amz-Date" not in headers
    assert send(server.url, "GET", "/v1/apps", headers).status == 200


def test_rights_are_asked_for(clients: Clients, project: Project) -> None:
    reader, writer = (clients.with_key(make_access_key(rights=[right])) for right in ("READ", "WRITE"))
    make_endpoint(project=project, endpoint_id="e")
    given = {"ApplicationId": project.public_id, "EndpointId": "e"}

    assert reader.get_endpoint(**given)["EndpointResponse"]["Id"] == "e"
    assert writer.update_endpoint(**given, EndpointRequest={"OptOut": "ALL"})["MessageBody"]["Message"] == "Accepted"
    with pytest.raises(writer.exceptions.ForbiddenException) as refused:
        writer.get_endpoint(**given)
    assert refused.value.response["Message"] == "This access key may not call GetEndpoint: it lacks the right READ."
    with pytest.raises(reader.exceptions.ForbiddenException):
        reader.update_endpoint(**given, EndpointRequest={"OptOut": "NONE"})
    assert Endpoint.objects.get().opt_out == "ALL"


def test_the_key_of_a_deleted_project_is_refused(clients: Clients, project: Project) -> None:
    client = clients.with_key(make_access_key(project=project))
    Project.objects.filter(pk=project.pk).update(deleted_at=clock.now())
    with pytest.raises(client.exceptions.ForbiddenException):
        client.get_apps()


def test_a_signature_is_checked_within_its_time(account_key: NewKey) -> None:
    """0.15 ms a call is the goal; here ten times that, because others use the machine."""
    request = signed("http://127.0.0.1:1", account_key, "PUT", "/v1/apps/x/endpoints/e%2F1?a=b", b"x" * 4_000)
    headers = {
        name.lower(): str(value.decode() if isinstance(value, bytes) else value) for name, value in request.headers.items()
    }
    headers["host"] = "127.0.0.1:1"
    asked = sigv4.SignedRequest("PUT", "/v1/apps/x/endpoints/e%2F1", "a=b", headers, b"x" * 4_000)
    began = time.perf_counter()
    for _turn in range(1_000):
        sigv4.verify(asked, sigv4.read_claim(asked), secret=account_key.secret, now=clock.now())
    assert time.perf_counter() - began < 1.5
    with pytest.raises(Forbidden):
        sigv4.verify(asked, sigv4.read_claim(asked), secret="x", now=clock.now())


def test_calls_are_signed_with_every_header_that_was_named(server: Server, account_key: NewKey) -> None:
    answer = call(
        server.url, account_key, "GET", "/v1/apps?page-size=2", headers={"X-Amz-Meta": "  two   words ", "Accept": "a,b"}
    )
    assert answer.status == 200
