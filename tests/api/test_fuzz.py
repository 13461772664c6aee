"""Every operation with inputs made from its own shapes, good ones and broken ones: it answers in Pinpoint's form, and never with a 500."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from django.apps import apps

from api.operations import TABLE
from api.operations.contract import Served
from api.protocol.model import Operation, model
from api.services.access_keys import NewKey
from core.audience import Audience
from projects.models import Project
from tests.api.server import Answer, Server, call
from tests.factories.campaigns import campaign_document, make_campaign, make_import_segment
from tests.factories.endpoints import make_endpoint
from tests.factories.projects import make_project

pytestmark = pytest.mark.django_db
TURNS = 8
SERVED = sorted(name for name, entry in TABLE.items() if isinstance(entry, Served))
_TEXTS = [
    "", " ", "x", "None", "e1", "👩‍👩‍👧 \u202e", "\x00", "x" * 300, "x" * 5_000, "../../etc/passwd", "{{User.UserId}}", "{{#if",
    "' OR 1=1 --", "\r\nBcc: a@b.c", "2026-01-01T00:00:00Z", "9999-99-99", "IMMEDIATE", "s3://bucket/key", "a@example.com",
    "arn:aws:kinesis:x:1:stream/x", "1", "-1", "\\u0000",
]  # fmt: skip
_NUMBERS = [0, 1, -1, 100, 2**31 - 1, 2**31, -(2**63), 10**30, 0.5]
_WRONG = [None, 1, "x", True, [], {}, [[]], {"x": {"x": 1}}, 1e308, "\ud7ff"]


class Made:
    """Values for shapes, the same ones for the same seed."""

    def __init__(self, seed: str, ids: Mapping[str, str]) -> None:
        self._random = random.Random(seed)
        self._ids = ids

    def value(self, shape: str, name: str = "", depth: int = 0) -> Any:
        described = model().shapes[shape]
        kind = described["type"]
        if kind == "structure":
            return self._structure(described, depth)
        if kind == "list":
            return [self.value(described["member"]["shape"], name, depth + 1) for _one in range(self._random.randrange(3))]
        if kind == "map":
            keys = [self._text({}, "") for _one in range(self._random.randrange(3))]
            return {key: self.value(described["value"]["shape"], name, depth + 1) for key in keys}
        if kind == "string":
            return self._text(described, name)
        if kind == "boolean":
            return self._random.random() < 0.5
        if kind in ("integer", "long", "double"):
            return self._random.choice(_NUMBERS)
        return "eA==" if kind == "blob" else "2026-01-01T00:00:00Z"

    def _structure(self, described: Mapping[str, Any], depth: int) -> dict[str, Any]:
        required = described.get("required", [])
        share = 0.6 if depth < 4 else 0.2
        return {
            one.get("locationName", name): self.value(one["shape"], name, depth + 1)
            for name, one in described["members"].items()
            if name in required or self._random.random() < share
        }

    def _text(self, described: Mapping[str, Any], name: str) -> str:
        if described.get("enum") and self._random.random() < 0.9:
            return str(self._random.choice(described["enum"]))
        if name in self._ids and self._random.random() < 0.8:
            return self._ids[name]
        return self._random.choice(_TEXTS)

    def broken(self, document: Any) -> Any:
        """The document with one of its members, at whatever depth, as something else."""
        if isinstance(document, dict) and document and self._random.random() < 0.8:
            name = self._random.choice(sorted(document))
            return document | {name: self.broken(document[name])}
        if isinstance(document, list) and document and self._random.random() < 0.8:
            return [self.broken(document[0]), *document[1:]]
        return self._random.choice(_WRONG)


def ask(server: Server, key: NewKey, operation: Operation, made: Made, *, is_broken: bool) -> Answer:
    members = model().shapes[operation.input]["members"]
    path, query = operation.uri, []
    for name, one in members.items():
        if one.get("location") == "uri":
            text = made.value(one["shape"], name) or "x"
            path = path.replace("{" + one["locationName"] + "}", quote(text, safe=""))
        elif one.get("location") == "querystring":
            found = made.value(one["shape"], name)
            query += [(one["locationName"], each) for each in (found if isinstance(found, list) else [found])]
    payload = model().payload(operation.input)
    document = made.value(payload[1]) if payload else None
    body = json.dumps(made.broken(document) if is_broken else document).encode() if payload else b""
    return call(server.url, key, operation.method, path + (f"?{urlencode(query)}" if query else ""), body)


def rows(project: Project) -> dict[str, list[str]]:
    """What there is of a project."""
    found = {}
    for one in apps.get_models():
        names = {field.name for field in one._meta.concrete_fields}
        if "project" in names and one._meta.app_label != "api":
            found[one._meta.label] = sorted(map(repr, one._base_manager.filter(project=project).values_list("pk", flat=True)))
    return found


@pytest.mark.parametrize("name", SERVED)
def test_whatever_comes_is_answered_in_pinpoints_form(name: str, server: Server, account_key: NewKey) -> None:
    project, other = make_project(), make_project()
    ids = {}
    for one in (other, project):
        endpoint = make_endpoint(project=one, endpoint_id="e1", user_id="u1")
        segment = make_import_segment(project=one, members=Audience([endpoint.pk]))
        campaign = make_campaign(project=one, document=campaign_document(segment=segment))
        ids = {
            "ApplicationId": one.public_id, "SegmentId": segment.public_id, "CampaignId": campaign.public_id, "EndpointId": "e1",
            "UserId": "u1", "KpiName": "unique-deliveries", "Version": "1",
            "ResourceArn": f"arn:aws:mobiletargeting:ap-northeast-2:000000000000:apps/{one.public_id}",
        }  # fmt: skip
    before = rows(other)
    operation = model().operations[name]

    for turn in range(TURNS):
        answer = ask(server, account_key, operation, Made(f"{name} {turn}", ids), is_broken=turn % 2 == 1)

        assert answer.status < 500, (turn, answer.body)
        if answer.status >= 400:
            said = json.loads(answer.body)
            assert said["RequestID"] == answer.headers["x-amzn-RequestId"]
            assert said["Message"]
            assert answer.headers["x-amzn-ErrorType"].endswith("Exception")
        else:
            assert answer.status == operation.status
        if not Project.objects.filter(pk=project.pk, deleted_at=None).exists():
            break
    assert rows(other) == before
