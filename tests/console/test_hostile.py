"""Hostile input in every field, parameter and address: never a failure of the server, never markup in a page, never a header."""

from __future__ import annotations

import email.parser
import email.policy
import itertools
import json
import re
import time
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from django import forms
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from campaigns.models import Campaign
from campaigns.sending import freezing, worker
from campaigns.sending.message import content_of
from campaigns.services import occurrences
from core import clock
from core.audience import Audience
from endpoints.models import Endpoint
from messaging import rendering
from messaging.mailbox.store import Received, Store
from messaging.models import MailboxMessage, Sender
from projects.models import Project, User
from segments.models import Connection, ImportJob, Segment
from segments.services import running
from segments.views import segments as segment_views
from tests.campaigns.test_sending import RecordingTransport
from tests.console.world import World, addresses, fill, logged_in, make_world
from tests.factories.campaigns import campaign_document, make_campaign, make_import_segment
from tests.factories.endpoints import make_endpoint, make_members
from tests.factories.messaging import make_sender
from tests.factories.projects import make_project

pytestmark = pytest.mark.django_db

ADDRESSES = addresses()
ROOT = Path(__file__).resolve().parent.parent.parent
SCRIPT = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"
TEXTS = {
    "script": SCRIPT,
    "newline": "a\r\nBcc: evil@example.com\r\n\r\n<b>x</b>",
    "nul": "a\0b",
    "long": "가" * 10_000,
    "controls": "\x01\x1b[31m\x7f\x85\u2028\u202e\ufeff\U0010ffff",
    "format": "%(name)s %s {{ x }} {% load %} {0} ${x}",
    "template": "{{#if x}} {{{Address}}} {{Attributes.x.[²]}}",
    "number": "9" * 40,
    "minus": "-1",
    "digits": "9" * 5_000,
    "sql": "' OR 1=1; --\\",
    "path": "../../../../etc/passwd",
    "json": '{"a":' * 2_000,
    "wide": "💥" * 200,
}  # fmt: skip
QUERIES = (
    "%00",
    "q=%00",
    "after=%00",
    "q=%ED%A0%80",
    "q=%FF%FE",
    "=&&=",
    "q[]=1&q[$ne]=2",
    "after=1e9",
    "before=%D9%A3",
    "&" * 2_000,
)
IDS = (
    "%00", "a%00b", "%ED%A0%80", "%FF", "%0d%0aX-Evil:1", "%3Cscript%3E", "9" * 19, "9" * 400, "9" * 5_000, "%EA%B0%80" * 100, "..",
    "%2e%2e%2f",
)  # fmt: skip
# The parameters of addresses that some view reads; a test below looks for others.
PARAMETERS = {"q", "before", "after", "member", "base", "kind", "name"}


@pytest.fixture(autouse=True)
def _no_broker(settings: Any) -> None:
    settings.CELERY_BROKER_URL = "memory://"
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def world() -> World:
    return make_world()


def url(name: str, world: World, **words: str) -> str:
    return reverse(name, kwargs=fill(name, ADDRESSES[name], world.ids()) | words)


def is_calm(answer: HttpResponse) -> bool:
    return answer.status_code < 500


# -- addresses and query strings --------------------------------------------------------------------------------------


def test_all_parameters_of_addresses_are_known_here() -> None:
    apps = ("projects", "segments", "messaging", "campaigns", "console")
    views = "".join(path.read_text() for app in apps for path in (ROOT / app).rglob("*.py") if path.name != "admin.py")

    assert set(re.findall(r'request\.GET\.get\(\s*"(\w+)"', views)) == PARAMETERS, "add the new one to PARAMETERS"


@pytest.mark.parametrize("name", ADDRESSES)
def test_hostile_query_strings_are_answered(name: str, world: World) -> None:
    client = logged_in(world.owner)
    for key, text in TEXTS.items():
        for more in ({}, {"kind": "Attributes", "after": "0"}, {"kind": "Standard", "name": "City"}):
            answer = client.get(url(name, world), dict.fromkeys(PARAMETERS, text) | more)
            assert is_calm(answer), (key, more)
    for raw in QUERIES:
        assert is_calm(client.get(f"{url(name, world)}?{raw}")), raw


@pytest.mark.parametrize("name", [name for name, held in ADDRESSES.items() if held])
def test_malformed_ids_are_not_found(name: str, world: World) -> None:
    client = logged_in(world.owner)
    values = fill(name, ADDRESSES[name], world.ids())
    marks = {
        key: 700_000 + number if isinstance(value, int) else f"mark{number}" for number, (key, value) in enumerate(values.items())
    }
    pattern = reverse(name, kwargs=marks)
    for key in values:
        for hostile in IDS:
            path = pattern
            for other, mark in marks.items():
                path = path.replace(str(mark), hostile if other == key else str(values[other]))
            for answer in (client.get(path), client.post(path)):
                assert is_calm(answer), path
                assert answer.status_code >= 300 or key in ("token", "uidb64"), path
                assert "X-Evil" not in answer.headers


# -- fields of forms --------------------------------------------------------------------------------------------------


NO_FORM = {"projects:home", "projects:set-language", "projects:log-out"}


def pages_with_forms(world: World) -> list[str]:
    """The addresses whose page shows a form, with a draft in the wizard for the campaign."""
    draft = world.draft.public_id
    found = [
        *(reverse(name) for name, held in ADDRESSES.items() if not held and name not in NO_FORM),
        *(url(name, world) for name, held in ADDRESSES.items() if "project_id" in held and "campaign_id" not in held),
        *(
            url("campaigns:edit-campaign", world, campaign_id=draft, step=step)
            for step in ("name", "segment", "message", "schedule")
        ),
        reverse("segments:edit-segment", args=[world.project.public_id, world.dynamic.public_id]),
    ]
    return found


def forms_of(answer: Any) -> Iterator[forms.BaseForm]:
    seen = set()
    for layer in answer.context or ():
        for value in layer.values() if hasattr(layer, "values") else layer.flatten().values():
            if isinstance(value, forms.BaseForm) and id(value) not in seen:
                seen.add(id(value))
                yield value


def good(form: forms.BaseForm) -> dict[str, str]:
    """Values that the form takes."""
    values = {}
    for name, field in form.fields.items():
        value = form.get_initial_for_field(field, name)
        if not value and isinstance(field, forms.ChoiceField):
            value = next((key for key, _label in field.choices if key), "")
        elif not value and isinstance(field, forms.EmailField):
            value = "someone@example.com"
        elif not value and isinstance(field, forms.CharField) and (field.required or name in ("s3_url", "subject", "html")):
            value = "{}" if name == "document" else "s3://bucket/x.csv" if name == "s3_url" else "some text"
        if value not in (None, ""):
            values[form.add_prefix(name)] = value if isinstance(value, list) else str(value)
    return values


def test_hostile_texts_in_every_field_are_answered(world: World) -> None:
    tried = set()
    log_in = reverse("projects:log-in")
    for path in pages_with_forms(world):
        client = Client(raise_request_exception=False) if path == log_in else logged_in(world.owner)
        for form in forms_of(client.get(path)):
            base = good(form)
            for field, (key, text) in itertools.product(form.fields, TEXTS.items()):
                if path != log_in:
                    client.force_login(world.owner)  # a changed password logs out
                answer = client.post(path, base | {form.add_prefix(field): text})
                assert is_calm(answer), (path, field, key)
                assert not markup_of(answer), (path, field, key)
                tried.add((type(form).__name__, field))
    assert {name for name, _field in tried} >= {
        "LogInForm", "ResetForm", "ProjectForm", "AccountForm", "PasswordChangeForm", "InviteForm", "SenderForm", "ConnectionForm", "ImportForm",
        "SegmentForm", "NameForm", "SegmentStepForm", "MessageForm", "ScheduleForm", "TestSendForm",
    }  # fmt: skip
    assert_pages_are_clean(world)


# -- pages ------------------------------------------------------------------------------------------------------------


class _Looking(HTMLParser):
    """Finds what our own pages never hold: inline scripts, handlers, styles, foreign pictures, scripted links."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        held = dict(attrs)
        wrong = [name for name in held if name.startswith("on") or name == "style"]
        if tag == "script" and not (held.get("src") or "").startswith("/static/"):
            wrong.append("inline script")
        if tag == "img" and held.get("src") == "x":
            wrong.append("picture")
        if (held.get("href") or "").strip().lower().startswith("javascript:"):
            wrong.append("scripted link")
        self.found += [f"{tag}: {name}" for name in wrong]


def markup_of(answer: Any) -> list[str]:
    if answer.streaming or not answer.headers.get("Content-Type", "").startswith("text/html"):
        return []
    looking = _Looking()
    looking.feed(answer.content.decode())
    is_mail = "sandbox" in answer.headers.get("Content-Security-Policy", "")  # a preview's hidden preheader has a style
    return [found for found in looking.found if not (is_mail and found == "div: style")]


def assert_pages_are_clean(world: World) -> None:
    client = logged_in(world.owner)
    one, steps = world.project.public_id, ("name", "segment", "message", "schedule", "review")
    paths = [url(name, world) for name in ADDRESSES]
    paths += [url("campaigns:edit-campaign", world, campaign_id=world.draft.public_id, step=step) for step in steps]
    paths += [reverse(f"segments:{name}", args=[one, world.dynamic.public_id]) for name in ("show-segment", "edit-segment")]
    paths += [url("campaigns:list-people", world, what=what) for what in ("excluded", "excluded-ENDPOINT_OPT_OUT")]
    for path in paths:
        for language in ("ko", "en"):
            answer = client.get(path, headers={"accept-language": language})
            assert is_calm(answer), path
            assert not markup_of(answer), path
            assert answer.status_code != 200 or answer.streaming or b"<script>alert" not in answer.content, path


@pytest.mark.parametrize("key", ["script", "newline", "format", "controls"])
def test_hostile_names_of_everything_stay_text_on_every_page(key: str) -> None:
    assert_pages_are_clean(make_world(text=TEXTS[key]))


def test_what_is_searched_for_comes_back_as_text(world: World) -> None:
    client = logged_in(world.owner)
    for name in ADDRESSES:
        answer = client.get(url(name, world), dict.fromkeys(PARAMETERS, SCRIPT))
        assert not markup_of(answer), name


def test_a_members_values_are_text_in_the_preview() -> None:
    world = make_world(text=SCRIPT)
    client = logged_in(world.owner)

    page = client.get(url("campaigns:preview-html", world, campaign_id=world.draft.public_id))

    assert "&lt;script&gt;alert(1)" in page.content.decode()
    assert "sandbox" in page.headers["Content-Security-Policy"]
    assert "script-src" not in page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]


# -- single doors -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [
    '{"Pabal": "\\u0000"}', '{"Pabal": "\\ud800"}', '{"Pabal": NaN}', '{"Pabal": 1e999}', '{"Pabal": ' + "[" * 90_000 + "]" * 90_000 + "}",
    '{"tags": ' + "9" * 5_000 + "}", '{"SegmentGroups": null}', '{"SegmentGroups": {"Groups": [[]]}}', "[]", "null", "1", '"x"', "{", "",
    '{"Dimensions": {"Metrics": {"a": {"ComparisonOperator": "EQUAL", "Value": 1e308}}}}',
    '{"Dimensions": {"Metrics": {"a": {"ComparisonOperator": {}, "Value": 1}}}}',
    '{"Dimensions": {"Attributes": {"a": {"AttributeType": [], "Values": ["x"]}}}}',
    '{"Dimensions": {"Attributes": {"a": {"AttributeType": "AFTER", "Values": ["9999-12-31T23:59:59Z"]}}}}',
    '{"Dimensions": {"Attributes": {"a": {"AttributeType": "BEFORE", "Values": ["0001-01-01T00:00:00Z"]}}}}',
    '{"Dimensions": {"Attributes": {"a\\u0000": {"AttributeType": "INCLUSIVE", "Values": ["x\\ud800"]}}}}',
    '{"SegmentGroups": {"Include": [], "Groups": []}}', '{"SegmentGroups": {"Groups": [{"Type": {}, "SourceSegments": [{"Id": "a", "Version": 1e400}]}]}}',
])  # fmt: skip
@pytest.mark.parametrize("zone", ["Asia/Seoul", "America/Los_Angeles"])
def test_a_hostile_definition_is_refused_or_evaluated(text: str, zone: str) -> None:
    project = make_project(time_zone=zone)
    campaign = make_campaign(project=project, document={})
    client = logged_in(project.created_by)
    one = project.public_id

    assert client.post(reverse("segments:count-document", args=[one]), {"document": text}).status_code == 200
    made = client.post(reverse("segments:create-segment", args=[one]), {"name": "x", "document": text})
    step = reverse("campaigns:edit-campaign", args=[one, campaign.public_id, "segment"])
    assert client.post(step, {"way": "filter", "document": text, "holdout": "0"}).status_code in (200, 302)
    assert made.status_code in (200, 302)
    for segment in Segment.objects.filter(project=project):
        for name in ("show-segment", "edit-segment"):
            assert client.get(reverse(f"segments:{name}", args=[one, segment.public_id])).status_code == 200
    assert client.get(step.replace("/segment/", "/review/")).status_code == 200


def test_a_copy_of_a_segment_whose_base_is_gone_is_refused(world: World) -> None:
    Segment.objects.filter(pk=world.segment.pk).update(deleted_at=clock.now())

    answer = logged_in(world.owner).post(
        reverse("segments:copy-segment", args=[world.project.public_id, world.dynamic.public_id])
    )

    assert answer.status_code == 302
    assert Segment.objects.filter(project=world.project).count() == 2


def test_a_count_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    project = make_project()
    make_members(project=project, count=20_000)
    parts = ["(x+x+)+y", *(f"{number}{'x' * 90}" for number in range(99))]
    filters = [{"UserAttributes": {"MBR_FULLNM": {"AttributeType": "CONTAINS", "Values": parts}}} for _n in range(3)]
    document = {"SegmentGroups": {"Include": "ALL", "Groups": [{"Type": "ALL", "Dimensions": filters}]}}
    monkeypatch.setattr(segment_views, "_COUNT_MILLISECONDS", 1)

    answer = logged_in(project.created_by).post(
        reverse("segments:count-document", args=[project.public_id]), {"document": json.dumps(document)}
    )

    assert answer.status_code == 200
    assert "takes too long" in answer.context["refusal"]


@pytest.mark.parametrize("start", ["0001-01-01T00:00", "9999-12-31T23:59", "1970-01-01T00:00", "2026-02-30T00:00", "x", "-1"])
@pytest.mark.parametrize("zone", ["Asia/Seoul", "America/Los_Angeles", "UTC-11"])
@pytest.mark.parametrize("frequency", ["ONCE", "HOURLY", "MONTHLY"])
def test_a_schedule_at_the_ends_of_the_calendar_is_refused(start: str, zone: str, frequency: str) -> None:
    project = make_project()
    campaign = make_campaign(project=project, document={})
    client = logged_in(project.created_by)
    step = reverse("campaigns:edit-campaign", args=[project.public_id, campaign.public_id, "schedule"])
    for more in ({"start": start}, {"start": "2027-01-01T00:00", "end": start}, {"start": start, "is_local": "on"}):
        data = {"start_kind": "later", "frequency": frequency, "zone": zone, "missing_zone": "SKIP", "past_zone": "SKIP"} | more

        assert client.post(step, data).status_code == 200
        assert (
            client.post(reverse("campaigns:list-moments", args=[project.public_id, campaign.public_id]), data).status_code == 200
        )
    assert client.get(step.replace("/schedule/", "/review/")).status_code == 200
    campaign.refresh_from_db()
    assert campaign.document == {}


def test_addresses_longer_than_their_column_are_refused(world: World) -> None:
    client = logged_in(world.owner)
    long = "a@" + ".".join(["b" * 60] * 4) + ".com"  # 249 characters
    longer = "a" * 60 + long
    one = [world.project.public_id]
    connection = {"name": "n", "region": "x", "access_key_id": "x", "secret_access_key": "x"}

    assert client.post(reverse("messaging:list-senders", args=one), {"name": "n", "address": longer}).status_code == 200
    assert client.post(reverse("projects:list-members", args=one), {"email": longer, "role": "VIEWER"}).status_code == 200
    url_too_long = connection | {"endpoint_url": "https://example.com/" + "x" * 400}
    assert client.post(reverse("segments:list-connections", args=one), url_too_long).status_code == 200
    assert client.post(reverse("messaging:list-senders", args=one), {"name": "n", "address": long}).status_code == 302
    assert Sender.objects.filter(project=world.project).count() == 2
    assert Connection.objects.filter(project=world.project).count() == 1


def test_an_address_of_s3_that_is_none_is_refused(world: World) -> None:
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
        answer = logged_in(world.owner).post(
            reverse("segments:create-import", args=[world.project.public_id]),
            {"source": "S3", "connection": str(world.connection.pk), "s3_url": s3_url, "format": "CSV", "segment_name": ""},
        )
        assert answer.status_code in (200, 302), s3_url


@pytest.mark.parametrize(
    "name", ["a\0b.csv", "../../../etc/passwd", "가" * 300 + ".csv", SCRIPT + ".csv", "\r\nX: y.csv", ".csv", " ", "a" * 5_000]
)
@pytest.mark.django_db(transaction=True)
def test_a_file_with_a_hostile_name_is_imported_under_a_harmless_one(name: str, settings: Any, tmp_path: Path) -> None:
    project = make_project()
    client = logged_in(project.created_by)
    body = (
        b'--B\r\nContent-Disposition: form-data; name="source"\r\n\r\nUPLOAD\r\n'
        b'--B\r\nContent-Disposition: form-data; name="format"\r\n\r\nCSV\r\n'
        b'--B\r\nContent-Disposition: form-data; name="uploads"; filename="' + name.replace('"', "").encode() + b'"\r\n'
        b"Content-Type: text/csv\r\n\r\nId,ChannelType,Address\na,EMAIL,a@example.com\n\r\n--B--\r\n"
    )

    answer = client.post(
        reverse("segments:create-import", args=[project.public_id]), body, content_type="multipart/form-data; boundary=B"
    )

    assert answer.status_code in (200, 302)
    for job in ImportJob.objects.filter(project=project):
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
    lines = [json.dumps({"Id": f"e{n}", "ChannelType": "EMAIL", "Address": f"a{n}@example.com", "User": {
        "UserId": f"u{n}", "UserAttributes": {"MBR_FULLNM": [value], value[:40] or "x": ["y"]}}}) for n, value in enumerate(values)]  # fmt: skip
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


# -- templates --------------------------------------------------------------------------------------------------------


def test_a_template_of_a_megabyte_is_refused_with_a_reason(world: World) -> None:
    step = url("campaigns:edit-campaign", world, campaign_id=world.draft.public_id, step="message")
    client = logged_in(world.owner)

    for field in ("html", "text", "preheader", "subject", "defaults"):
        answer = client.post(
            step, {"sender": "shop@example.com", "subject": "x", "html": "x", field: "가" * 350_000 + "x" * 650_000}
        )
        assert answer.status_code == 200, field
        assert field in answer.context["form"].errors
    assert client.post(step, {"html": "x" * (5 << 20)}).status_code == 400
    world.draft.refresh_from_db()
    assert world.draft.version == 1


@pytest.mark.parametrize("piece", [
    "<", "<a ", '<a href="', "<a href='x' ", "<body ", "</body ", "<!--", "<![CDATA[", "<?", "</", "<b></i>", "<b>", "{{Address}}", "&#", "<p></b x",
    "<a href=http://x.y/>", "<img src=x>", " href", "<!",
])  # fmt: skip
def test_no_template_keeps_a_worker_busy(piece: str) -> None:
    """Half a megabyte of one piece, and the same closed at its end: what reads it must not begin again at each of them."""
    for html in (piece * (550_000 // len(piece)), piece * (540_000 // len(piece)) + "\"' >"):
        begun = time.process_time()

        program = rendering.compile_content(rendering.MessageContent(from_address="a@example.com", subject="x", html=html))
        rendering.find_warnings(program=program, known_names=["Attributes.x"])
        rendering.render(program, document={"Address": "a@example.com"})

        assert time.process_time() - begun < 15, "seconds; a quadratic reader takes minutes"


@pytest.mark.parametrize("index", ["²", "٣", "9" * 5_000, "-1", "1e3", "", " "])
def test_an_index_that_is_no_number_is_refused(index: str) -> None:
    with pytest.raises(rendering.TemplateError):
        rendering.compile_content(
            rendering.MessageContent(from_address="a@b.c", subject="x", html="{{Attributes.x.[%s]}}" % index)
        )


# -- mails ------------------------------------------------------------------------------------------------------------

EVIL_LINES = ["a\r\nBcc: evil@example.com", "a\nBcc: evil@example.com\n\nbody", "a\rBcc: evil@example.com", "a\u2028Bcc: e@example.com\x85X: y",
              "=?utf-8?B?DQpCY2M6IGV2aWxAZXhhbXBsZS5jb20=?=", "x" * 2_000 + "\r\nBcc: e@example.com", SCRIPT, '"; Bcc: evil@example.com', "a, b <c@d.e>"]  # fmt: skip
CAMPAIGN_HEADERS = {
    "From", "MIME-Version", "Content-Type", "X-Pabal-Project", "List-Id", "Feedback-ID", "Precedence", "To", "Subject", "Date",
    "Message-ID", "List-Unsubscribe", "List-Unsubscribe-Post",
}  # fmt: skip


@pytest.mark.parametrize("evil", EVIL_LINES)
def test_no_name_or_value_adds_a_header_to_a_campaigns_mail(evil: str) -> None:
    project = make_project(name=evil[:64])
    make_sender(project=project, name=evil[:64])
    member = make_endpoint(project=project, user_attributes={"MBR_FULLNM": [evil]}, attributes={"x": [evil]})
    segment = make_import_segment(project=project, members=Audience([member.pk]), name=evil[:128])
    document = campaign_document(segment=segment, Preheader=evil + "{{Attributes.x}}", ReplyTo="")
    document["MessageConfiguration"]["EmailMessage"] |= {
        "FromAddress": Sender.objects.get(project=project).header, "Title": "{{Attributes.x}}" + evil, "Body": "text\r\n.\r\n" + evil,
    }  # fmt: skip
    campaign = make_campaign(project=project, document=document, name=evil[:128])
    logged_in(project.created_by).post(reverse("campaigns:launch-campaign", args=[project.public_id, campaign.public_id]))
    (run_id,) = occurrences.claim_due(now=clock.now())
    freezing.freeze_run(run_id=run_id, clock=clock.now)
    transport = RecordingTransport()

    worker.send_run(run_id=run_id, owner="t", clock=clock.now, transport=transport)

    (sent,) = transport.messages
    assert sent.envelope_from == "shop@example.com"
    parsed = email.parser.BytesParser(policy=email.policy.default).parsebytes(sent.data)
    assert set(parsed.keys()) == CAMPAIGN_HEADERS
    assert len(parsed.keys()) == len(CAMPAIGN_HEADERS)
    assert [address.addr_spec for address in parsed["From"].addresses] == ["shop@example.com"]
    assert [address.addr_spec for address in parsed["To"].addresses] == [member.address]
    assert [part.get_content_type() for part in parsed.walk()] == ["multipart/alternative", "text/plain", "text/html"]
    assert all(len(line) <= 998 for line in sent.data.split(b"\r\n"))
    assert sent.data.count(b"\n") == sent.data.count(b"\r\n") == sent.data.count(b"\r")
    html = parsed.get_body(("html",))
    assert html is not None
    assert "<img src=x" not in html.get_content()


@pytest.mark.parametrize("evil", EVIL_LINES)
def test_no_name_adds_a_header_to_the_consoles_own_mails(evil: str, mailoutbox: list[Any]) -> None:
    project = make_project(name=evil[:64])
    User.objects.filter(pk=project.created_by.pk).update(name=evil[:100])
    sender = make_sender(project=project, name=evil[:64], is_verified=False)
    client = logged_in(project.created_by)

    client.post(reverse("projects:list-members", args=[project.public_id]), {"email": "new@example.com", "role": "VIEWER"})
    client.post(reverse("messaging:resend-verification", args=[project.public_id, sender.pk]))
    client.post(reverse("projects:reset-password"), {"email": project.created_by.email})

    assert [mail.to for mail in mailoutbox] == [["new@example.com"], ["shop@example.com"], [project.created_by.email]]
    for mail in mailoutbox:
        parsed = email.parser.BytesParser(policy=email.policy.default).parsebytes(mail.message().as_bytes())
        known = {"Content-Type", "MIME-Version", "Content-Transfer-Encoding", "Subject", "From", "To", "Date", "Message-ID"}
        assert set(parsed.keys()) - {"X-Pabal-Project"} == known
        assert not parsed.is_multipart()


@pytest.mark.parametrize(
    "name",
    ["Kim, Co", 'The "Shop"', "a <evil@example.com>", "back\\slash", "x@y", "상점 (본사); 1호", "=?utf-8?q?x?=", "O'Neill"],
)
def test_a_senders_name_comes_through_whatever_it_holds(name: str, world: World) -> None:
    client = logged_in(world.owner)
    client.post(reverse("messaging:list-senders", args=[world.project.public_id]), {"name": name, "address": "named@example.com"})

    client.post(
        url("campaigns:edit-campaign", world, campaign_id=world.draft.public_id, step="message"),
        {"sender": "named@example.com", "subject": "x", "html": "x"},
    )

    world.draft.refresh_from_db()
    content = content_of({"Message": world.draft.document["MessageConfiguration"]["EmailMessage"]})
    assert (content.from_name, content.from_address) == (name, "named@example.com")


@pytest.mark.parametrize("raw", [
    b"Subject: \xff\xfe\xed\xa0\x80\r\nContent-Type: text/html; charset=no-such\r\n\r\n\xff\xfe",
    b"Subject: a\0b\r\nX-Pabal-Project: \0\r\n\r\n\0", b"", b"\r\n\r\n", b"Subject: =?utf-8?B?AA==?=\r\n\r\nx", b"Subject: =?x?Q?=ED=A0=80?=\r\n\r\nx",
    b'Content-Type: multipart/mixed; boundary=""\r\n\r\n--', b"To: \"\r\nFrom: <<<>>>\r\nDate: x\r\nMessage-ID: <\r\n\r\nx",
    b"Content-Type: text/plain; charset=\"\xff\"\r\nContent-Transfer-Encoding: base64\r\n\r\n!!!!", b"Content-Type: message/rfc822\r\n\r\n\xff",
    b"Content-Type: text/plain; charset*=x''%E3\r\n\r\nx", b"Subject: " + b"=?utf-8?Q?=EA=B0=80?= " * 2_000 + b"\r\n\r\nx", b"\xff: y\r\n\r\n",
])  # fmt: skip
@pytest.mark.django_db(transaction=True)
def test_the_mailbox_keeps_and_shows_whatever_arrives(raw: bytes) -> None:
    project = make_project()
    header = b"X-Pabal-Project: " + project.public_id.encode() + b"\r\n"
    store = Store()
    try:
        store.put(Received("a\0@\ufffd", "b\0\ufffd@example.com", header + raw)).result(timeout=10)
        store.put(Received("a@b.c", "b@example.com", raw)).result(timeout=10)
        store.put(Received("a@b.c", "b@example.com", header + b"Subject: the next\r\n\r\nx")).result(timeout=10)
    finally:
        store.close()
    client = logged_in(project.created_by)
    kept = MailboxMessage.objects.filter(project=project)

    assert MailboxMessage.objects.count() == 3
    assert client.get(reverse("messaging:list-mailbox", args=[project.public_id])).status_code == 200
    for message in kept:
        for name in ("show-mailbox-message", "show-mailbox-html", "download-mailbox-message"):
            assert client.get(reverse(f"messaging:{name}", args=[project.public_id, message.pk])).status_code == 200, name


def test_a_live_project_tests_and_sends_from_verified_senders_only(world: World) -> None:
    Project.objects.filter(pk=world.project.pk).update(mode="LIVE")
    Sender.objects.filter(pk=world.sender.pk).update(verified_at=None)
    test = url("campaigns:send-test", world, campaign_id=world.draft.public_id)
    Campaign.objects.filter(pk=world.campaign.pk).update(state="SCHEDULED")
    run = world.campaign.runs.get()
    type(run).objects.filter(pk=run.pk).update(state="FREEZING", completed_at=None)

    answer = logged_in(world.owner).post(test, {"addresses": "kim@example.com"}, follow=True)
    freezing.freeze_run(run_id=run.pk, clock=clock.now)

    assert "The sender shop@example.com is not verified." in answer.content.decode()
    run.refresh_from_db()
    assert run.state == "FAILED"
