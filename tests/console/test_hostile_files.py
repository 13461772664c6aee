"""Hostile names of files, and hostile lines in them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from core import clock
from endpoints.models import Endpoint
from segments.models import ImportJob
from segments.services import running
from tests.console.hostile import SCRIPT, TEXTS, markup_of
from tests.console.world import logged_in, make_world
from tests.factories.campaigns import campaign_document, make_campaign
from tests.factories.projects import make_project

NAMES = ["a\0b.csv", "../../../etc/passwd", "가" * 150 + ".csv", SCRIPT + ".csv", "\r\nX: y.csv", ".csv", " "]


@pytest.mark.django_db
def test_an_address_of_s3_that_is_none_is_refused() -> None:
    world = make_world()
    client = logged_in(world.owner)
    for s3_url in (
        "s3://[x",
        "s3://",
        "http://bucket/x",
        "s3:bucket",
        "s3://bucket",
        "s3://\u2028/x",
        "s3://../x.csv",
        "S3://b/" + "x" * 1_000,
    ):
        answer = client.post(
            reverse("segments:create-import", args=[world.project.public_id]),
            {"source": "S3", "connection": str(world.connection.pk), "s3_url": s3_url, "format": "CSV", "segment_name": ""},
        )
        assert answer.status_code in (200, 302), s3_url


@pytest.mark.django_db(transaction=True)
def test_a_file_with_a_hostile_name_is_imported_under_a_harmless_one(tmp_path: Path) -> None:
    project = make_project()
    client = logged_in(project.created_by)
    path = reverse("segments:create-import", args=[project.public_id])
    for name in NAMES:
        body = (
            b'--B\r\nContent-Disposition: form-data; name="source"\r\n\r\nUPLOAD\r\n'
            b'--B\r\nContent-Disposition: form-data; name="format"\r\n\r\nCSV\r\n'
            b'--B\r\nContent-Disposition: form-data; name="uploads"; filename="' + name.replace('"', "").encode() + b'"\r\n'
            b"Content-Type: text/csv\r\n\r\nId,ChannelType,Address\na,EMAIL,a@example.com\n\r\n--B--\r\n"
        )

        assert client.post(path, body, content_type="multipart/form-data; boundary=B").status_code in (200, 302), name

    jobs = ImportJob.objects.filter(project=project)
    assert jobs.count() >= 3
    for job in jobs:
        assert "/" not in job.upload_name
        assert (tmp_path / "uploads" / job.upload_key).resolve().is_relative_to(tmp_path / "uploads")
        running.run_job(job_id=job.pk, clock=clock.now)
        page = client.get(reverse("segments:show-import", args=[project.public_id, job.public_id]))
        assert page.status_code == 200
        assert not markup_of(page)


@pytest.mark.django_db(transaction=True)
def test_hostile_values_in_a_file_are_refused_or_kept_as_text() -> None:
    project = make_project()
    client = logged_in(project.created_by)
    values = [*(text[:100] for text in TEXTS.values()), "\ud800", "\udfff\ud800", "=1+1", "\0"]
    lines = [
        json.dumps(
            {
                "Id": f"e{n}",
                "ChannelType": "EMAIL",
                "Address": f"a{n}@example.com",
                "User": {"UserId": f"u{n}", "UserAttributes": {"MBR_FULLNM": [value], value[:40] or "x": ["y"]}},
            }
        )
        for n, value in enumerate(values)
    ]
    lines += [
        '{"Id": "\\u0000"}',
        "[" * 20_000,
        '{"Id": 1e999}',
        '{"Id": "x", "Metrics": {"a": NaN}}',
        "\0\0",
        '{"Address": {"a": []}}',
    ]
    file = SimpleUploadedFile("x.jsonl", "\n".join(lines).encode("utf-8", "surrogatepass"))

    client.post(
        reverse("segments:create-import", args=[project.public_id]),
        {"source": "UPLOAD", "uploads": [file], "format": "JSON", "segment_name": SCRIPT},
    )
    job = ImportJob.objects.get()
    running.run_job(job_id=job.pk, clock=clock.now)

    job.refresh_from_db()
    assert job.status == "COMPLETED", job.failure
    assert job.total_failures >= 8
    assert Endpoint.objects.count() == job.total_processed - job.total_failures
    for name in ("show-import", "list-refused-lines"):
        page = client.get(reverse(f"segments:{name}", args=[project.public_id, job.public_id]))
        assert page.status_code == 200
        assert not markup_of(page)
    refused = client.get(reverse("segments:download-refused-lines", args=[project.public_id, job.public_id]))
    assert b"".join(refused.streaming_content)
    assert job.segment is not None
    campaign = make_campaign(project=project, document=campaign_document(segment=job.segment))
    for endpoint in Endpoint.objects.all():
        page = client.get(
            reverse("campaigns:preview-html", args=[project.public_id, campaign.public_id]), {"member": endpoint.endpoint_id}
        )
        assert page.status_code == 200
        assert not markup_of(page)
    builder = client.get(reverse("segments:create-segment", args=[project.public_id]))
    assert not markup_of(builder)
