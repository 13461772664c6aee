"""A project with one of everything, and the ids that fill the parameters of addresses."""

from __future__ import annotations

import datetime
import uuid
from dataclasses import dataclass
from typing import Any

from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from analytics.lake.catalog import Column
from analytics.lake.sql import Answer
from analytics.models import EventKind, EventStream, LakeTransform, TransformWindow, Webhook, WebhookDelivery
from api.models import AccessKey
from campaigns.models import Campaign, Run, RunExclusion
from console.models import Dashboard, DashboardTile, QueryRun, RemoteQuery, SavedQuery
from console.services import keeping
from core import secretbox
from core.audience import Audience
from messaging.models import (
    BounceMailbox,
    MailboxMessage,
    MessageImage,
    MessageTemplate,
    MessageTemplateVersion,
    Relay,
    RelayCallback,
    Sender,
    SenderDomain,
    Suppression,
)
from projects.models import Invitation, Member, Project, PublicKey, Role, User
from segments.models import Connection, ExportJob, ImportJob, ImportPiece, RefusedLine, ScheduledImport, Segment
from segments.services import connections, segments
from tests.factories.api import make_access_key
from tests.factories.campaigns import campaign_document, make_campaign, make_import_segment
from tests.factories.endpoints import make_endpoint
from tests.factories.messaging import make_domain, make_relay, make_sender
from tests.factories.projects import make_member, make_project

NOW = datetime.datetime(2026, 11, 24, tzinfo=datetime.UTC)
RAW = (
    b"From: shop@example.com\r\nTo: kim@example.com\r\nSubject: x\r\nMIME-Version: 1.0\r\n"
    b"Content-Type: text/html; charset=utf-8\r\n\r\n<p>x</p>\r\n"
)


@dataclass(frozen=True, slots=True)
class World:
    """A project with one of everything. ``draft`` is a campaign in the wizard, ``campaign`` one that was launched."""

    project: Project
    owner: User
    viewer: User
    campaign: Campaign
    draft: Campaign
    segment: Segment
    dynamic: Segment
    job: ImportJob
    export: ExportJob
    schedule: ScheduledImport
    connection: Connection
    sender: Sender
    domain: SenderDomain
    relay: Relay
    message: MailboxMessage
    member: Member
    invitation: Invitation
    endpoint_id: int
    template: MessageTemplate
    image: MessageImage
    query: SavedQuery
    remote: RemoteQuery
    delivery: WebhookDelivery
    public_key: PublicKey
    tile: DashboardTile
    access_key: AccessKey
    transform: LakeTransform

    def ids(self) -> dict[str, Any]:
        """The parameters of addresses that name a thing of this project."""
        return {
            "project_id": self.project.public_id,
            "campaign_id": self.campaign.public_id,
            "segment_id": self.segment.public_id,
            "job_id": self.job.public_id,
            "connection_id": self.connection.pk,
            "sender_id": self.sender.pk,
            "relay_id": self.relay.pk,
            "domain_id": self.domain.pk,
            "key_id": self.domain.keys.get().pk,
            "export_id": self.export.public_id,
            "schedule_id": self.schedule.public_id,
            "member_id": self.member.pk,
            "invitation_id": self.invitation.pk,
            "pk": self.message.pk,
            "message_id": self.message.pk,
            "endpoint_id": self.endpoint_id,
            "template_id": self.template.pk,
            "image_id": self.image.pk,
            "query_id": self.query.pk,
            "remote_id": self.remote.pk,
            "dashboard_id": self.tile.dashboard_id,
            "tile_id": self.tile.pk,
            "transform_id": self.transform.pk,
            "delivery_id": self.delivery.pk,
            "webhook_id": self.delivery.webhook_id,
            "public_key_id": self.public_key.pk,
            "access_key_pk": self.access_key.pk,
        }


# Parameters that name no thing of a project.
WORDS: dict[str, str | int] = {
    "version": 1,
    "step": "review",
    "what": "targeted",
    "token": "no-such-token",
    "file_name": "no-such.png",
    "design": "sale.ko",
    "uidb64": "MQ",
}
# Names too general to be filled by name alone: which addresses may use them.
_MAILBOX = {"messaging:show-mailbox-message", "messaging:show-mailbox-html", "messaging:download-mailbox-message"}


def make_world(*, text: str = "가을") -> World:
    """``text`` is the name of everything that has one, an attribute's name and its value."""
    project = make_project(name=text[:64], description=text)
    owner = project.created_by
    User.objects.filter(pk=owner.pk).update(name=text[:100])
    endpoint = make_endpoint(
        project=project, user_attributes={"MBR_FULLNM": [text]}, attributes={text[:50]: [text]}, location={"City": text}
    )
    segment = make_import_segment(project=project, members=Audience([endpoint.pk]), name=text[:128])
    group = {"SourceSegments": [{"Id": segment.public_id}], "Type": "ALL", "Dimensions": [
        {"Attributes": {text[:50]: {"AttributeType": "INCLUSIVE", "Values": [text[:100]]}}}
    ]}  # fmt: skip
    dynamic = segments.create_segment(
        project=project, actor=owner, name=text[:128], document={"SegmentGroups": {"Include": "ALL", "Groups": [group]}}, now=NOW
    )
    connection = connections.create_connection(
        project=project, actor=owner, name=text[:64], access_key_id=text[:128], secret_access_key="x", now=NOW
    )
    sender = make_sender(project=project, name=text[:64])
    domain = make_domain(project=project, params={"name": text[:200], "record": text[:200]})
    document = campaign_document(segment=segment, Preheader=text, DefaultSubstitutions={"User.UserAttributes.MBR_FULLNM": text})
    document["MessageConfiguration"]["EmailMessage"]["Title"] = text
    campaign = make_campaign(project=project, document=document, name=text[:128], state="COMPLETED", launched_at=NOW)
    run = Run.objects.create(
        project=project, campaign=campaign, occurrence_at=NOW, due_at=NOW, state="COMPLETED", completed_at=NOW, campaign_version=1,
        targeted=1, content={"Message": document["MessageConfiguration"]["EmailMessage"], "Pabal": document["Pabal"]}, message_key="k" * 32,
    )  # fmt: skip
    _outcomes(project, text)
    delivery = _out(project, text)
    query = _query(project, text)
    RunExclusion.objects.create(run=run, reason="ENDPOINT_OPT_OUT", members=Audience([endpoint.pk]), total=1)
    return World(
        project=project, owner=owner, viewer=make_member(project=project, role=Role.VIEWER), campaign=campaign,
        draft=make_campaign(project=project, document=document, name=text[:128]), segment=segment, dynamic=dynamic,
        job=_job(project, connection, text), schedule=_schedule(project, connection, text), export=ExportJob.objects.create(
            project=project, name=text[:128], destination="S3", s3_url_prefix="s3://bucket/x/", connection=connection, format="JSON",
            status="FAILED", failure={"code": "NoSuchBucket", "params": {"bucket": text}},
        ), connection=connection, sender=sender, domain=domain, relay=_relay(project, text),
        message=MailboxMessage.objects.create(project=project, recipient="kim@example.com", mail_from="a@b.c", subject=text, raw=RAW),
        member=Member.objects.get(project=project, user=owner), invitation=Invitation.objects.create(
            project=project, email="new@example.com", role=Role.VIEWER, token_hash=f"h{project.pk}", invited_by=owner,
            expires_at=datetime.datetime(2999, 1, 1, tzinfo=datetime.UTC),
        ), endpoint_id=endpoint.pk, template=_template(project, text),
        delivery=delivery, public_key=PublicKey.objects.create(
            project=project, token=f"pk_{project.pk:032x}", name=text[:64], origins=["https://shop.example.com"],
            sealed_secret=secretbox.seal("sk_x"), created_by=owner,
        ),
        image=MessageImage.objects.create(
            project=project, token=f"{project.pk:032x}", name=text[:200], content_type="image/png", width=1, height=1, size=1,
            file=f"images/{project.public_id}/none.png",
        ), query=query, remote=_remote(project, text), tile=_tile(query, text), transform=_transform(project, text),
        access_key=make_access_key(project=project, name=text[:64]).key,
    )  # fmt: skip


def _query(project: Project, text: str) -> SavedQuery:
    asked = {"project": project, "sql": f"SELECT '{text}' = :name", "parameters": {"name": text}}
    QueryRun.objects.create(actor=project.created_by, began_at=NOW, seconds=0.5, rows=1, **asked)
    chart = {"kind": "bar", "x": text, "series": "", "y": ["n"]}
    return SavedQuery.objects.create(name=text[:100], saved_by=project.created_by, saved_at=NOW, chart=chart, **asked)


def _transform(project: Project, text: str) -> LakeTransform:
    """One that failed."""
    transform = LakeTransform.objects.create(
        project=project, name="by_hour", sql=f"SELECT '{text}' AS x FROM all_events", mode="HOUR", columns=[["x", "VARCHAR"]],
        reads=["all_events"], next_at=NOW, created_by=project.created_by, created_at=NOW, changed_at=NOW, failed_at=NOW, failures=1,
        failure={"code": "sql", "params": {}, "detail": text}, not_before=NOW,
    )  # fmt: skip
    TransformWindow.objects.create(transform=transform, starts_at=NOW)
    return transform


def _tile(query: SavedQuery, text: str) -> DashboardTile:
    """On a dashboard, with an answer whose cells and columns are called so, too."""
    dashboard = Dashboard.objects.create(project=query.project, name=text[:100], made_by=query.saved_by, made_at=NOW)
    answer = Answer([Column(text, "VARCHAR"), Column("n", "BIGINT")], [[text, 1], [text * 2, 2]], is_cut=False, seconds=0.5)
    key = keeping.key_of(sql=query.sql, parameters=query.parameters)
    keeping.keep(project_id=query.project_id, key=key, answer=answer, now=NOW)
    return DashboardTile.objects.create(dashboard=dashboard, query=query, place=0)


def _remote(project: Project, text: str) -> RemoteQuery:
    return RemoteQuery.objects.create(
        project=project, actor=project.created_by, sql=f"SELECT '{text}'", translated=f"SELECT '{text}'", state="FAILED", reason=text,
        began_at=NOW,
    )  # fmt: skip


def _relay(project: Project, text: str) -> Relay:
    relay = make_relay(project=project, name=text[:64], host="mail.invalid")
    RelayCallback.objects.create(relay=relay, topic_arn=f"arn:{text}"[:300], last_error=text[:500], last_error_at=NOW)
    return relay


def _out(project: Project, text: str) -> WebhookDelivery:
    """An event stream and a webhook that fail."""
    EventStream.objects.create(
        project=project, kind="HTTPS", target="https://out.invalid/", sealed_signing_secret=secretbox.seal("whsec_eA=="),
        transform=text[:1_000], last_error=text[:500], last_error_at=NOW, transform_error=text[:500], transform_error_at=NOW,
    )  # fmt: skip
    webhook = Webhook.objects.create(
        project=project, url="https://hook.invalid/", types=["_email.open", text[:50]], sealed_secret=secretbox.seal("whsec_eA=="),
        state="DISABLED", last_error=text[:500], last_error_at=NOW, disabled_at=NOW,
    )  # fmt: skip
    return WebhookDelivery.objects.create(
        webhook=webhook, event_id=uuid.uuid4(), occurred_at=NOW, kind=EventKind.EMAIL_OPEN, state="FAILED", error=text[:200],
    )  # fmt: skip


def _outcomes(project: Project, text: str) -> None:
    """A suppression list (one of an erased person on it) and a bounce mailbox that can't be read."""
    for address, key in (("gone@example.com", "gone@example.com"), ("", "#" + "0" * 64)):
        Suppression.objects.create(
            project=project, address=address, address_key=key, reason="MANUAL", source="CONSOLE", actor=project.created_by, at=NOW
        )
    BounceMailbox.objects.create(
        project=project, host="imap.invalid", user=text[:256], next_look_at=datetime.datetime(2999, 1, 1, tzinfo=datetime.UTC),
        last_error=text[:500], last_error_at=NOW, folder="INBOX",
    )  # fmt: skip


def _job(project: Project, connection: Connection, text: str) -> ImportJob:
    job = ImportJob.objects.create(
        project=project, segment_name=text[:128], source="S3", s3_url="s3://bucket/x.csv", connection=connection, format="CSV",
        status="FAILED", total_processed=1, total_failures=1, failure={"code": "NoSuchKey", "params": {"key": text, "bucket": text}},
        notes=[{"code": "skipped_format", "params": {"file": text}}, {"code": "ignored_column", "params": {"file": text, "column": text}}],
    )  # fmt: skip
    piece = ImportPiece.objects.create(job=job, number=0, file_name=text, start_byte=0, end_byte=1, first_line=2, header=["Id"])
    RefusedLine.objects.create(
        job=job, piece=piece, file_name=text, line_number=2, column=text[:200], code="channel", params={"value": text},
        line=text,
    )  # fmt: skip
    return job


def _template(project: Project, text: str) -> MessageTemplate:
    document = {"Subject": text[:990], "HtmlPart": "<p>{{User.UserAttributes.MBR_FULLNM}}</p>", "TemplateDescription": text[:500]}
    template = MessageTemplate.objects.create(project=project, template_type="EMAIL", name=f"News-{project.pk}", last_version=2)
    for version in (1, 2):
        MessageTemplateVersion.objects.create(
            template=template, version=version, document=document | {"TextPart": text * version}
        )
    return template


def _schedule(project: Project, connection: Connection, text: str) -> ScheduledImport:
    return ScheduledImport.objects.create(
        project=project, name=text[:128], s3_url="s3://bucket/folder/", connection=connection, format="CSV", every=1, unit="DAYS",
        next_run_at=NOW, last_run_at=NOW, last_failure={"code": "NoSuchKey", "params": {"key": text, "bucket": text}},
    )  # fmt: skip


def logged_in(user: User) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(user)
    return client


def addresses() -> dict[str, list[str]]:
    """Every address of the console but the admin's: its full name to its parameters."""
    return dict(_walk(get_resolver(), "", []))


def _walk(resolver: URLResolver, namespace: str, parameters: list[str]) -> list[tuple[str, list[str]]]:
    found: list[tuple[str, list[str]]] = []
    for entry in resolver.url_patterns:
        held = list(dict.fromkeys([*parameters, *entry.pattern.converters, *entry.pattern.regex.groupindex]))
        if isinstance(entry, URLPattern):
            assert entry.name, f"{entry.pattern} has no name"
            found.append((f"{namespace}{entry.name}", held))
        elif entry.namespace != "admin":
            found += _walk(entry, f"{namespace}{entry.namespace}:" if entry.namespace else namespace, held)
    return found


def fill(name: str, parameters: list[str], ids: dict[str, Any]) -> dict[str, Any]:
    """Values for an address's parameters. A parameter that is not known here fails: say how to fill it, above."""
    values = ids | WORDS
    for parameter in parameters:
        assert parameter in values, f"{name}: tests/console/world.py must know how to fill <{parameter}>"
        assert parameter != "pk" or name in _MAILBOX, f"{name}: give <pk> a name of its own"
    return {parameter: values[parameter] for parameter in parameters}
