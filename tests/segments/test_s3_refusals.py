"""What S3 and STS may answer, and what a marketer is told: by a server on loopback that answers with the service's own errors."""

from __future__ import annotations

import datetime
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3
import pytest

from projects.models import Project
from segments.models import Connection
from segments.services import connections
from segments.sources import SourceRefused
from segments.sources.s3 import S3Source
from tests.factories.projects import make_project

pytestmark = pytest.mark.django_db
NOW = datetime.datetime(2026, 11, 24, tzinfo=datetime.UTC)
LISTED = """<ListBucketResult><Contents><Key>a/x.csv</Key><ETag>"1"</ETag><Size>9</Size></Contents></ListBucketResult>"""
# The bucket's name → how it answers: status, code, more of the body.
ANSWERS = {
    "denies": (403, "AccessDenied", ""),
    "expired": (400, "ExpiredToken", ""),
    "elsewhere": (301, "PermanentRedirect", "<Region>us-east-1</Region>"),
    "malformed": (400, "AuthorizationHeaderMalformed", "<Region>eu-west-1</Region>"),
    "wrong-secret": (403, "SignatureDoesNotMatch", ""),
    "unknown-key": (403, "InvalidAccessKeyId", ""),
    "gone": (404, "NoSuchBucket", ""),
    "strange": (418, "Teapot", ""),
}


class _Service(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        bucket, _, key = self.path.split("?")[0].lstrip("/").partition("/")
        if bucket == "breaks":
            if key:
                self._answer(200, b"only this", length=1_000, etag='"1"')
            else:
                self._answer(200, LISTED.encode())
            return
        status, code, more = ANSWERS[bucket]
        self._answer(status, f"<Error><Code>{code}</Code><Message>no</Message>{more}</Error>".encode())

    def do_POST(self) -> None:  # STS
        self.rfile.read(int(self.headers["Content-Length"]))
        body = b"<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>"
        self._answer(403, body)

    def _answer(self, status: int, body: bytes, *, length: int | None = None, etag: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(length or len(body)))
        if etag:
            self.send_header("ETag", etag)
        self.end_headers()
        self.wfile.write(body)
        if length:
            self.close_connection = True

    def log_message(self, *_args: Any) -> None:
        pass


@pytest.fixture(scope="module")
def service() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Service)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def project() -> Project:
    return make_project()


def connect(project: Project, service: str, **fields: str) -> Connection:
    given = {"access_key_id": "test", "secret_access_key": "test"} | fields
    return connections.create_connection(project=project, actor=None, name="bucket", endpoint_url=service, now=NOW, **given)


@pytest.mark.parametrize(
    ("bucket", "told"),
    [
        ("denies", "needs s3:ListBucket and s3:GetObject"),
        ("expired", "credentials have expired"),
        ("elsewhere", "in another region (us-east-1)"),
        ("malformed", "in another region (eu-west-1)"),
        ("wrong-secret", "refused the connection's secret access key"),
        ("unknown-key", "does not know the connection's access key id"),
        ("gone", "“gone” does not exist"),
        ("strange", "S3 answered: no"),
        ("breaks", "broke off while “a/x.csv” was being read"),
    ],
)
def test_what_s3_answers_is_said_with_what_to_do(project: Project, service: str, bucket: str, told: str) -> None:
    with pytest.raises(SourceRefused) as refused:
        _read_all(connect(project, service), bucket)

    assert told in refused.value.message


def _read_all(connection: Connection, bucket: str) -> None:
    source = S3Source(connection=connection, bucket=bucket)
    for file in source.find("a/"):
        with source.open(file.key, etag=file.etag) as stream:
            while stream.read(100):
                pass


def test_a_role_that_may_not_be_assumed_names_the_external_id(project: Project, service: str) -> None:
    connection = connect(project, service, role_arn="arn:aws:iam::123456789012:role/pabal")

    with pytest.raises(SourceRefused) as refused:
        connections.check_connection(connection=connection, s3_url="s3://bucket/a/")

    assert project.public_id in refused.value.message
    assert "role/pabal" in refused.value.message


def test_a_role_without_any_keys_of_the_server_is_said(project: Project, service: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)  # it would remember the keys that an earlier test found
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    connection = connect(
        project, service, role_arn="arn:aws:iam::123456789012:role/pabal", access_key_id="", secret_access_key=""
    )  # fmt: skip

    with pytest.raises(SourceRefused, match="no AWS credentials"):
        connections.check_connection(connection=connection, s3_url="s3://bucket/a/")
