"""A server for tests, and clients that sign."""

from __future__ import annotations

import http.client
import threading
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import boto3
import botocore.auth
import botocore.awsrequest
import botocore.config
import botocore.credentials
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, connections

from api.services.access_keys import NewKey
from console.wsgi import application


class _Handler(WSGIRequestHandler):
    """Hands the path over as it came, as gunicorn does."""

    def get_environ(self) -> dict[str, Any]:
        return {**super().get_environ(), "RAW_URI": self.path}

    def log_message(self, *_args: Any) -> None:
        pass


class _WsgiServer(ThreadedWSGIServer):
    def _close_connections(self) -> None:
        """The connection is the test's."""


def _keeping_the_connection(environ: Any, start_response: Any) -> Any:
    """As Django's own test client does (which connects the signals again after each request): in a transaction nothing is old."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    return application(environ, start_response)


class Server:
    """Its threads use the test's own connection while the test waits for the answer."""

    def __init__(self) -> None:
        self._connection = connections["default"]
        self._connection.ensure_connection()
        self._connection.inc_thread_sharing()
        self._server = _WsgiServer(("127.0.0.1", 0), _Handler, connections_override={"default": self._connection})
        self._server.set_app(_keeping_the_connection)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        self._connection.dec_thread_sharing()
        for signal in (request_started, request_finished):
            signal.connect(close_old_connections)


class Clients:
    """boto3's clients, which are closed together."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._made: list[Any] = []

    def with_key(self, key: NewKey, **config: Any) -> Any:
        return self.with_secret(key.key.access_key_id, key.secret, **config)

    def with_secret(self, access_key_id: str, secret: str, *, session_token: str | None = None, **config: Any) -> Any:
        client = boto3.client(
            "pinpoint", endpoint_url=self._url, region_name="us-east-1", aws_access_key_id=access_key_id,
            aws_secret_access_key=secret, aws_session_token=session_token,
            config=botocore.config.Config(**{"retries": {"total_max_attempts": 1}} | config),
        )  # fmt: skip
        self._made.append(client)
        return client

    def close(self) -> None:
        for client in self._made:
            client.close()


@dataclass(frozen=True)
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes


def signed(
    url: str, key: NewKey, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
) -> botocore.awsrequest.AWSPreparedRequest:
    """A request that botocore's own signer signed; ``path`` with its query, encoded as it goes over the wire."""
    request = botocore.awsrequest.AWSRequest(method=method, url=url + path, data=body, headers=headers or {})
    credentials = botocore.credentials.Credentials(key.key.access_key_id, key.secret)
    botocore.auth.SigV4Auth(credentials, "mobiletargeting", "us-east-1").add_auth(request)
    return request.prepare()


def send(url: str, method: str, path: str, headers: dict[str, str], body: bytes = b"") -> Answer:
    """As it stands, whatever it is."""
    split = urlsplit(url)
    wire = http.client.HTTPConnection(split.hostname or "", split.port, timeout=30)
    try:
        wire.putrequest(method, path, skip_host="host" in {name.lower() for name in headers}, skip_accept_encoding=True)
        for name, value in headers.items():
            wire.putheader(name, value)
        if body and "content-length" not in {name.lower() for name in headers}:
            wire.putheader("Content-Length", str(len(body)))
        wire.endheaders(body or None)
        got = wire.getresponse()
        return Answer(got.status, got.headers, got.read())
    finally:
        wire.close()


def call(url: str, key: NewKey, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None) -> Answer:
    """Signed, and sent as it was signed."""
    request = signed(url, key, method, path, body, headers)
    given = {name: value.decode() if isinstance(value, bytes) else value for name, value in request.headers.items()}
    return send(url, method, path, given, body)
