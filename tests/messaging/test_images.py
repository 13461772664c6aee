"""Pictures for messages: known by their bytes, kept in the storage, shown without a log-in; and the starting designs."""

from __future__ import annotations

import struct
import zlib

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from messaging.message_templates import designs, pictures
from messaging.message_templates.documents import email_content, prepared
from messaging.message_templates.refusals import TemplateRefused
from messaging.models import MessageImage
from messaging.rendering import compile_content, find_warnings
from projects.models import AuditEntry, Project, Role
from tests.factories.projects import make_member, make_project


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int) -> bytes:
    rows = (b"\0" + b"\x1f\x5f\xbf" * min(width, 10)) * min(height, 10)
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", zlib.compress(rows)) + _chunk(b"IEND", b"")


PNG = png(2, 3)
JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0\xff\xff\xc0\x00\x11\x08\x00\x07\x00\x09\x03" + b"\0" * 20
KINDS = [
    (PNG, ("image/png", 2, 3)),
    (JPEG, ("image/jpeg", 9, 7)),
    (b"GIF89a" + struct.pack("<HH", 4, 5) + b"\0" * 10, ("image/gif", 4, 5)),
    (b"RIFF\0\0\0\0WEBPVP8X" + b"\x0a\0\0\0" + b"\0" * 4 + b"\x0b\0\0\x0c\0\0", ("image/webp", 12, 13)),
    (b"RIFF\0\0\0\0WEBPVP8L" + b"\x0a\0\0\0\x2f" + struct.pack("<I", 13 | 14 << 14), ("image/webp", 14, 15)),
    (b"RIFF\0\0\0\0WEBPVP8 " + b"\0" * 10 + struct.pack("<HH", 16, 17), ("image/webp", 16, 17)),
]  # fmt: skip


@pytest.mark.parametrize(("data", "said"), KINDS)
def test_a_picture_is_known_by_its_bytes(data: bytes, said: tuple[str, int, int]) -> None:
    found = pictures.recognised(data)

    assert (found.content_type, found.width, found.height) == said


@pytest.mark.parametrize(
    "data",
    [
        b"", b"<svg onload=alert(1)>", b"<html>", b"\x89PNG\r\n\x1a\n", PNG[:20], JPEG[:8], b"GIF89a", b"\xff\xd8\xff" + b"\xff" * 50,
        b"RIFF\0\0\0\0WEBPVP8X", png(5_000, 2), png(0, 2), PNG + b"\0" * pictures.SIZE_LIMIT,
    ],
)  # fmt: skip
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(TemplateRefused):
        pictures.recognised(data)


@pytest.fixture
def project() -> Project:
    return make_project()


@pytest.fixture
def client(project: Project) -> Client:
    client = Client()
    client.force_login(make_member(project=project, role=Role.MARKETER))
    return client


def upload(client: Client, project: Project, *files: tuple[str, bytes], **more: str) -> object:
    sent = [SimpleUploadedFile(name, data, content_type="text/html") for name, data in files]
    return client.post(reverse("messaging:add-images", args=[project.public_id]), {"files": sent, **more})


@pytest.mark.django_db
def test_an_uploaded_picture_has_an_address_for_everybody_until_it_is_deleted(project: Project, client: Client) -> None:
    answer = upload(client, project, ("../../etc/x.html", PNG))
    image = MessageImage.objects.get()

    shown = Client().get(image.path)

    assert answer.json() == {"added": [{"src": image.url, "name": "x.html", "width": 2, "height": 3, "type": "image"}]}  # type: ignore[attr-defined]
    assert (shown.status_code, shown.content, shown.headers["Content-Type"]) == (200, PNG, "image/png")
    assert shown.headers["X-Content-Type-Options"] == "nosniff"
    assert "immutable" in shown.headers["Cache-Control"]
    assert image.file.startswith(f"images/{project.public_id}/")
    assert Client().get(image.path.replace(".png", ".html")).status_code == 404
    client.post(reverse("messaging:delete-image", args=[project.public_id, image.pk]))
    assert Client().get(image.path).status_code == 404
    assert not default_storage.exists(image.file)
    assert list(AuditEntry.objects.order_by("pk").values_list("verb", flat=True)) == ["image.added", "image.deleted"]


@pytest.mark.django_db
def test_a_refused_file_says_why_and_those_before_it_are_kept(project: Project, client: Client) -> None:
    answer = upload(client, project, ("a.png", PNG), ("b.svg", b"<svg>"), ("c.png", PNG))
    page = upload(client, project, ("b.svg", b"<svg>"), page="1")

    assert answer.status_code == 400  # type: ignore[attr-defined]
    assert "PNG, JPEG" in answer.json()["error"]  # type: ignore[attr-defined]
    assert [image.name for image in MessageImage.objects.all()] == ["a.png"]
    assert page.status_code == 302  # type: ignore[attr-defined]


@pytest.mark.django_db
def test_a_projects_pictures_are_listed_there_alone(project: Project, client: Client) -> None:
    upload(client, project, ("mine.png", PNG))
    other = make_project()
    stranger = Client()
    stranger.force_login(other.created_by)

    mine = client.get(reverse("messaging:list-images", args=[project.public_id])).content.decode()
    theirs = stranger.get(reverse("messaging:list-images", args=[other.public_id])).content.decode()

    assert "mine.png" in mine
    assert "mine.png" not in theirs


ALL = [one.key for language in designs.LANGUAGES for one in designs.designs(language=language)]


@pytest.mark.parametrize("key", [*ALL, "blank.ko", "blank.en"])
def test_each_starting_design_can_be_sent_as_it_is(key: str) -> None:
    design = designs.design(key)
    assert design is not None

    stored = prepared("EMAIL", design.document())
    program = compile_content(email_content(stored))

    assert len(ALL) == 10
    assert program.has_unsubscribe
    assert find_warnings(program=program, known_names=[]) == []
    assert "http://" not in stored["HtmlPart"].replace("http://www.w3.org", "")
    assert len(stored["HtmlPart"].encode()) < 40_000
    assert ("전화" in stored["HtmlPart"]) == key.endswith(".ko")


def test_there_is_no_design_of_another_name() -> None:
    for key in ("", "sale", "sale.xx", "../sale.ko", "nothing.ko", "ko"):
        assert designs.design(key) is None
