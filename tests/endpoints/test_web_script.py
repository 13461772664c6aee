"""The script for web pages as it is served, and the pages on which it is copied."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.urls import reverse

from core import clock
from endpoints.collecting.script import VERSION, script
from endpoints.services import collecting
from projects.models import AuditEntry, Project, PublicKey, Role
from projects.services import public_keys
from tests.console.hostile import SCRIPT, markup_of
from tests.console.world import logged_in
from tests.endpoints.test_collecting import event
from tests.endpoints.web_page import Page, ask, collector
from tests.factories.projects import make_member, make_project, make_public_key

pytestmark = pytest.mark.django_db(transaction=True)

# A released version is in browsers for a year and in pages with its integrity: what changes gets a new version and a file of its own.
RELEASED: dict[str, str] = {}


@pytest.fixture
def project(clean_redis: Any) -> Project:
    return make_project()


@pytest.fixture
def address() -> Iterator[str]:
    with collector() as found:
        yield found


def test_the_script_is_small_and_a_released_one_stays_as_it_is() -> None:
    newest = script(VERSION)

    assert newest is not None
    assert len(newest.zipped) < 4_000
    assert f'const version = "{VERSION}";' in newest.body.decode()
    for version, integrity in RELEASED.items():
        found = script(version)
        assert found is not None
        assert found.integrity == integrity


def test_a_version_is_kept_for_a_year_and_the_newest_for_an_hour(address: str) -> None:
    pinned, newest = ask(f"{address}/w/pabal-{VERSION}.js"), ask(f"{address}/w/pabal.js")

    assert pinned.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert newest.headers["cache-control"] == "public, max-age=3600"
    for answer in (pinned, newest):
        assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["access-control-allow-origin"] == "*"
        assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
        assert answer.body == (django_settings.BASE_DIR / "static" / "js" / f"pabal-{VERSION}.js").read_bytes()
    found = script(VERSION)
    assert found is not None
    assert found.integrity == f"sha384-{base64.b64encode(hashlib.sha384(pinned.body).digest()).decode()}"


def test_it_is_zipped_for_who_can_read_that_and_not_sent_again_to_who_has_it(address: str) -> None:
    zipped = ask(f"{address}/w/pabal.js", Accept_Encoding="gzip, br")
    again = ask(f"{address}/w/pabal.js", If_None_Match=zipped.headers["etag"])
    head = ask(f"{address}/w/pabal.js", method="HEAD")

    assert zipped.headers["content-encoding"] == "gzip"
    assert gzip.decompress(zipped.body) == ask(f"{address}/w/pabal.js").body
    assert (again.status, again.body) == (304, b"")
    assert (head.status, head.body) == (200, b"")


def test_the_script_of_a_key_knows_the_key_and_whether_consent_is_demanded(address: str, project: Project) -> None:
    plain, strict = (make_public_key(project=project, needs_consent=is_strict) for is_strict in (False, True))
    first, second = (ask(f"{address}/w/{key.token}.js") for key in (plain, strict))

    assert f'd.key="{plain.token}"' in first.body.decode()
    assert "required" not in first.body.decode().splitlines()[0]
    assert 'd.consent="required"' in second.body.decode().splitlines()[0]
    assert first.headers["cache-control"] == "public, max-age=300"
    assert len(gzip.compress(second.body, 9)) < 4_096
    public_keys.revoke_key(key=plain, actor=project.created_by, now=clock.now())
    assert ask(f"{address}/w/{plain.token}.js").status == 404


@pytest.mark.parametrize(
    "name",
    ["", "x", "x.js", "pabal-9.9.9.js", "pabal-../1.0.0.js", "..%2f..%2fsettings.py", "pk_x.js", f"pk_{'0' * 32}.js", "%00"],
)
def test_nothing_else_is_served(address: str, name: str) -> None:
    answer = ask(f"{address}/w/{name}")
    assert answer.status == 404
    assert answer.said["Message"]
    assert ask(f"{address}/w/{name}", method="DELETE").status == 405


def test_the_script_is_javascript_of_2017(tmp_path: Any) -> None:
    """What came later is a syntax error in browsers that know no more."""
    found = script(VERSION)
    assert found is not None
    text = found.body.decode()
    assert (
        subprocess.run(["node", "--check", str(django_settings.BASE_DIR / "static" / "js" / f"pabal-{VERSION}.js")]).returncode
        == 0
    )
    for later in ("?.", "??", "catch {", "async ", "fromEntries", ".flat(", "replaceAll", "#private", "import("):
        assert later not in text, later


# -- the page ----------------------------------------------------------------------------------------------------------


def test_an_owner_makes_changes_and_revokes_keys_and_each_is_noted(project: Project) -> None:
    owner = logged_in(project.created_by)
    create = reverse("endpoints:create-key", args=[project.public_id])
    owner.post(create, {"name": "Shop", "origins": "HTTPS://Shop.example.com/\nhttps://*.example.org"})
    key = PublicKey.objects.get()
    owner.post(
        reverse("endpoints:edit-key", args=[project.public_id, key.pk]),
        {"name": "Shop", "origins": "http://localhost:3000", "needs_consent": "on", "takes_new_names": "on"},
    )
    changed = PublicKey.objects.get()
    page = owner.get(reverse("endpoints:edit-key", args=[project.public_id, key.pk])).content.decode()
    owner.post(reverse("endpoints:revoke-key", args=[project.public_id, key.pk]))
    owner.post(reverse("endpoints:revoke-key", args=[project.public_id, key.pk]))
    refused = owner.post(
        reverse("endpoints:edit-key", args=[project.public_id, key.pk]), {"name": "x", "origins": "http://localhost"}
    )

    assert key.origins == ["https://shop.example.com", "https://*.example.org"]
    assert (key.needs_consent, key.trusts_pages, key.takes_new_names) == (False, False, False)
    assert (changed.origins, changed.needs_consent, changed.takes_new_names) == (["http://localhost:3000"], True, True)
    assert public_keys.secret_of(key) in page
    assert "revoked" in refused.content.decode()
    assert list(AuditEntry.objects.order_by("pk").values_list("verb", flat=True)) == [
        "public_key.made", "public_key.changed", "public_key.revoked",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "origins", ["", "shop", "https://", "https://shop.example.com/path", "ftp://x.example", "https://*", "https://*.com", "*", "null",
                "https://a..b", "javascript:alert(1)", "https://user@shop.example.com", "https://shop.example.com:99999", "https://x:0"],
)  # fmt: skip
def test_what_is_no_origin_is_refused(project: Project, origins: str) -> None:
    create = reverse("endpoints:create-key", args=[project.public_id])
    answer = logged_in(project.created_by).post(create, {"name": "x", "origins": origins})

    assert answer.status_code == 200
    assert answer.context["form"].errors
    assert not PublicKey.objects.exists()


def test_members_copy_the_key_and_owners_alone_see_its_secret(project: Project) -> None:
    key = make_public_key(project=project)
    viewer = logged_in(make_member(project=project, role=Role.VIEWER))
    page = viewer.get(reverse("endpoints:show-web-pages", args=[project.public_id])).content.decode()

    assert page.count(key.token) >= 3
    assert public_keys.secret_of(key) not in page
    for role in (Role.VIEWER, Role.MARKETER):
        member = logged_in(make_member(project=project, role=role))
        assert member.get(reverse("endpoints:edit-key", args=[project.public_id, key.pk])).status_code == 403


def test_what_pages_send_runs_on_no_page_of_the_console(project: Project, address: str) -> None:
    page = Page(address, make_public_key(project=project))
    page.put(
        Endpoint={"Attributes": {SCRIPT[:50]: SCRIPT}, "Demographic": {"Platform": SCRIPT}},
        Identity=page.identity(SCRIPT, UserAttributes={SCRIPT[:50]: SCRIPT}),
        Events={"a": event(SCRIPT[:50], Attributes={SCRIPT[:50]: SCRIPT}), "b": event("_email.open"), SCRIPT: event("x" * 60)},
    )
    collecting.drain_batches()
    Page(address, page.key, origin=f"https://{SCRIPT}").put()
    owner = logged_in(project.created_by)
    pages = [
        "endpoints:show-web-pages", "endpoints:list-seen", "endpoints:list-people", "endpoints:list-attributes", "console:show-events",
        "console:show-funnel", "console:show-overview", "console:show-sql", "segments:create-segment", "analytics:create-webhook",
    ]  # fmt: skip
    paths = [reverse(name, args=[project.public_id]) for name in pages]
    paths += [
        reverse(name, args=[project.public_id, endpoint])
        for endpoint in project_endpoints(project)
        for name in ("endpoints:show-person", "endpoints:edit-person", "campaigns:list-history")
    ]

    for path in paths:
        answer = owner.get(path, headers={"accept-language": "ko"})
        assert answer.status_code == 200, path
        assert not markup_of(answer), path
        assert b"<script>alert" not in answer.content, path
    assert SCRIPT[:20].encode() not in owner.get(paths[0]).content


def project_endpoints(project: Project) -> list[int]:
    from endpoints.models import Endpoint

    return list(Endpoint.objects.filter(project=project).values_list("pk", flat=True))


def test_an_erased_visitor_is_not_seen_any_more(project: Project, address: str) -> None:
    from endpoints.services import erasing

    page = Page(address, make_public_key(project=project))
    page.put(Events={"e": event("cart.viewed")})
    collecting.drain_batches()
    seen = reverse("endpoints:list-seen", args=[project.public_id])
    owner = logged_in(project.created_by)
    before = owner.get(seen).content.decode()
    erasing.erase_person(project=project, actor=None, now=clock.now(), endpoint_pk=project_endpoints(project)[0])

    assert "cart.viewed" in before
    assert "cart.viewed" not in owner.get(seen).content.decode()


def test_what_a_machine_sent_is_marked_as_starting_nothing(project: Project, address: str) -> None:
    page = Page(address, make_public_key(project=project))
    page.put(headers={"User_Agent": "Mozilla/5.0 (X11; Linux x86_64) HeadlessChrome/140.0"}, Events={"e": event("cart.viewed")})
    collecting.drain_batches()

    seen = logged_in(project.created_by).get(reverse("endpoints:list-seen", args=[project.public_id])).content.decode()

    assert "cart.viewed" in seen
    assert "it starts no event campaign" in seen


def test_what_was_refused_is_told_in_the_readers_language_without_values(project: Project, address: str) -> None:
    page = Page(address, make_public_key(project=project))
    page.put(Identity={"UserId": "kim", "Email": "secret@nowhere", "Signature": "x"})
    seen = reverse("endpoints:list-seen", args=[project.public_id])
    owner = logged_in(project.created_by)
    english, korean = (owner.get(seen, headers={"accept-language": language}).content.decode() for language in ("en", "ko"))

    assert "is not an e-mail address" in english
    assert "secret" not in english
    assert "오늘 받지 않은 것" in korean
    assert "is not an" not in korean


def test_answers_are_json_that_a_program_can_read(address: str, project: Project) -> None:
    answer = Page(address, make_public_key(project=project)).post(b"{")
    assert json.loads(answer.body) == {"Error": "NotJson", "Message": answer.said["Message"]}
    assert answer.headers["content-type"] == "application/json"
