"""Fixtures for every test. The servers are real: `make test` starts them, DATABASE_URL and REDIS_URL name them."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

hypothesis.settings.register_profile("pabal", deadline=None)  # how long an example takes says how busy the machine is
hypothesis.settings.load_profile("pabal")
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")  # sync playwright leaves an event loop running
os.environ["TZ"] = "America/St_Johns"  # no code may depend on the machine's zone
time.tzset()

DATA = Path(__file__).parent / "data"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that start processes of their own run one after the other, beside all others."""
    for item in items:
        if item.get_closest_marker("e2e") or item.get_closest_marker("crash"):
            item.add_marker(pytest.mark.xdist_group("processes"))


@pytest.fixture(autouse=True)
def _own_folder(settings: Any, tmp_path: Path) -> None:
    """Files of the console (spool, uploads, keys) go to a folder of the test's own."""
    from django.core.cache import cache

    from analytics import signing_keys
    from projects.services import known_keys

    settings.VAR_DIR = tmp_path
    settings.SEND_COME_BACK_SECONDS = 0  # the database writes a checkpoint when it likes
    settings.DNS_RESOLVER = "127.0.0.1:9"  # nobody: a test asks the world nothing
    settings.WHITENOISE_AUTOREFRESH = True  # else each new client lists every static file
    settings.PASSWORD_HASHERS = [
        "django.contrib.auth.hashers.MD5PasswordHasher"
    ]  # a slow one costs each log-in a tenth of a second
    settings.STORAGES = settings.STORAGES | {
        "default": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": str(tmp_path / "uploads")},
        },
    }
    signing_keys.forget()
    known_keys.forget()
    cache.clear()


@pytest.fixture
def clean_redis() -> Iterator[Any]:
    """The test's Redis database, empty."""
    from core.redis import client

    client().flushdb()
    yield client()
    client().flushdb()


@pytest.fixture
def data() -> Path:
    return DATA


@pytest.fixture(autouse=True)
def _language_of_the_installation(settings: Any) -> None:
    """A page that was asked for in Korean leaves its thread in Korean."""
    from django.utils import translation

    translation.activate(settings.LANGUAGE_CODE)


def _is_committed(request: pytest.FixtureRequest) -> bool:
    """Whether what the test writes is seen by other connections: it is in no transaction of the test's own."""
    marker = request.node.get_closest_marker("django_db")
    is_marked = bool(marker and marker.kwargs.get("transaction"))
    return is_marked or bool({"live_server", "transactional_db"} & set(request.fixturenames))


@pytest.fixture(autouse=True)
def _no_beat_within_the_tests_transaction(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A heartbeat renews over a connection of its own, which does not see the lease: it would call it lost after a second."""
    if not _is_committed(request):
        from segments import heartbeat

        monkeypatch.setattr(heartbeat, "_SECONDS", 3600.0)


@pytest.fixture(autouse=True)
def _empty_event_table(request: pytest.FixtureRequest) -> Iterator[None]:
    """Django's flush knows managed tables only."""
    yield
    if request.node.get_closest_marker("django_db") and _is_committed(request):
        from django.db import connection

        request.getfixturevalue("django_db_blocker").unblock()
        with connection.cursor() as cursor:
            cursor.execute("TRUNCATE analytics_event")


@pytest.fixture
def s3(settings: Any, request: pytest.FixtureRequest) -> Any:
    """A real S3 API on loopback (moto's server) with the bucket ``sample-audience`` and the samples; a boto3 client."""
    import boto3

    endpoint = request.getfixturevalue("_s3_server")
    settings.S3_ENDPOINT_URL = endpoint
    for name, value in (
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_DEFAULT_REGION", "ap-northeast-2"),
    ):
        os.environ[name] = value
    client = boto3.client("s3", endpoint_url=endpoint, region_name="ap-northeast-2")
    client.create_bucket(Bucket="sample-audience", CreateBucketConfiguration={"LocationConstraint": "ap-northeast-2"})
    for name in ("members.csv", "members.jsonl", "broken.csv"):
        client.upload_file(str(DATA / name), "sample-audience", name)
    yield client
    import urllib.request

    urllib.request.urlopen(urllib.request.Request(f"{endpoint}/moto-api/reset", method="POST")).close()
    client.close()


@pytest.fixture(scope="session")
def _s3_server() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()
