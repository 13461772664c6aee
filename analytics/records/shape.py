"""One event as one object, in Pinpoint's shape (reference, sections 9.2 to 9.5)."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import connection

from analytics.event_names import names_of
from analytics.models import EventKind, HitClass, SourceKind
from analytics.ports import EndpointFacts, RunFacts, endpoint_facts, run_facts
from analytics.stream.reading import StoredEvent
from core.sql import bigint_array
from projects.models import Installation, Project

Record = dict[str, Any]

_APP_VERSION, _VERSION = "3.0", "3.1"
_SENT = """
    SELECT endpoint_id, run_id, max(occurred_at) FROM analytics_event
     WHERE project_id = %s AND endpoint_id = ANY(%s::bigint[]) AND run_id = ANY(%s::bigint[]) AND kind = %s GROUP BY 1, 2
"""
_MAIL = range(EventKind.EMAIL_SEND, EventKind.SMS_BUFFERED)
_SMS = range(EventKind.SMS_BUFFERED, EventKind.SESSION_START)
_SENDS: dict[int, str] = {EventKind.CAMPAIGN_SEND: "campaign", EventKind.JOURNEY_SEND: "journey"}
# What an event of a run's own carries to name it (reference, section 9.3).
_NAMES: dict[int, tuple[str, str]] = {
    SourceKind.CAMPAIGN: ("campaign_id", "campaign_activity_id"), SourceKind.JOURNEY: ("journey_id", "journey_activity_id"),
}  # fmt: skip
_HITS: dict[int, str] = {int(one): str(one.label) for one in HitClass}
# What of the endpoint's document the stream says about a send, and in which order.
_ENDPOINT = (
    "ChannelType", "Address", "EndpointStatus", "OptOut", "RequestId", "Location", "Demographic", "EffectiveDate", "Attributes",
    "Metrics", "User",
)  # fmt: skip


def records_of(*, project: Project, events: Sequence[StoredEvent]) -> list[Record]:
    """The events in Pinpoint's shape, in their order. At most five queries; endpoints are told as they are now."""
    return list(each_record(project=project, events=events))


def each_record(*, project: Project, events: Sequence[StoredEvent]) -> Iterator[Record]:
    """The same, one after the other: thousands of them at once keep the garbage collector busier than all else."""
    ids = {one.endpoint_id for one in events}
    runs = {one.run_id for one in events if one.run_id is not None}
    endpoints: dict[int, EndpointFacts] = {}
    for found in endpoint_facts.call(project.pk, ids):
        endpoints |= found
    facts: dict[int, RunFacts] = {}
    for known in run_facts.call(project.pk, runs):
        facts |= known
    about = _About(
        project, endpoints, facts, names_of(project_id=project.pk), sent_times(project_id=project.pk, events=events), _account()
    )
    yield from map(about.record, events)


def _account() -> str:
    return Installation.objects.values_list("account_id", flat=True).first() or "000000000000"


def sent_times(*, project_id: int, events: Sequence[StoredEvent]) -> dict[tuple[int, int], datetime.datetime]:
    """When each message was sent that something happened to, by endpoint and run."""
    pairs = [(one.endpoint_id, one.run_id) for one in events if one.kind in _MAIL and one.run_id is not None]
    if not pairs:
        return {}
    with connection.cursor() as cursor:
        ids, runs = bigint_array({one for one, _run in pairs}), bigint_array({run for _one, run in pairs})
        cursor.execute(_SENT, [project_id, ids, runs, EventKind.EMAIL_SEND])
        return {(endpoint_id, run_id): at for endpoint_id, run_id, at in cursor.fetchall()}


@dataclass(frozen=True, slots=True)
class _About:
    project: Project
    endpoints: dict[int, EndpointFacts]
    runs: dict[int, RunFacts]
    names: dict[int, str]
    sent: dict[tuple[int, int], datetime.datetime]
    account: str
    subjects: dict[tuple[int, int], str] = field(default_factory=dict)  # by endpoint and run, as they are asked for

    def record(self, e: StoredEvent) -> Record:
        if e.kind in _SENDS:
            return self._send(e)
        if e.kind in _MAIL:
            return self._mail(e)
        if e.kind in _SMS:
            return self._sms(e)
        return self._app(e)

    def _common(self, e: StoredEvent, *, at: int, version: str = _VERSION) -> Record:
        endpoint = self.endpoints.get(e.endpoint_id)
        return {
            "event_type": self.names.get(e.kind, f"custom.{e.kind}"),
            "event_timestamp": at,
            "arrival_timestamp": _millis(e.occurred_at),
            "event_version": version,
            "application": {"app_id": self.project.public_id, "sdk": {}},
            "client": {"client_id": endpoint.public_id if endpoint else ""},
            "device": {"platform": {}},
            "session": {},
            "attributes": {},
        }

    def _source(self, e: StoredEvent) -> dict[str, str]:
        """The attributes that name the campaign or journey."""
        run = self.runs.get(e.run_id) if e.run_id is not None else None
        if run is None or e.source_kind not in _NAMES:
            return {}
        source, activity = _NAMES[e.source_kind]
        named = {source: run.source_id, activity: run.activity_id}
        return named | ({"treatment_id": str(e.treatment)} if e.source_kind == SourceKind.CAMPAIGN else {})

    def _send(self, e: StoredEvent) -> Record:
        """``_campaign.send`` and ``_journey.send``; the endpoint is JSON in a text."""
        data, word = e.data or {}, _SENDS[e.kind]
        run = self.runs.get(e.run_id) if e.run_id is not None else None
        record = self._common(e, at=_millis(e.occurred_at))
        if word == "campaign":
            own = {"delivery_type": run.channel if run else "", "campaign_send_status": data.get("status", "")}
        else:
            status = {"journey_send_status": data.get("status", ""), "journey_send_status_code": data.get("code", "")}
            own = status | {
                "journey_send_status_message": data.get("reply", ""), "journey_activity_type": run.channel if run else "",
                "journey_run_id": data.get("journey_run_id", ""),
            }  # fmt: skip
        record["attributes"] = {name: str(value) for name, value in (self._source(e) | own).items()}
        endpoint = self.endpoints.get(e.endpoint_id)
        told = {name: endpoint.document[name] for name in _ENDPOINT if name in endpoint.document} if endpoint else {}
        record["client_context"] = {"custom": {"endpoint": json.dumps(told, ensure_ascii=False, separators=(",", ":"))}}
        return record | {"awsAccountId": self.account}

    def _mail(self, e: StoredEvent) -> Record:
        data = e.data or {}
        sent = self.sent.get((e.endpoint_id, e.run_id), e.occurred_at) if e.run_id is not None else e.occurred_at
        record = self._common(e, at=_millis(sent))
        feedback, member, detail = _DETAILS[e.kind](self, e, data)
        record["attributes"] = self._source(e) | ({"feedback": feedback} if feedback else {})
        custom = {"legacy_identifier": self.project.public_id}
        if e.hit_class != HitClass.NONE:
            custom["pabal_hit_class"] = _HITS[e.hit_class]
        record["client_context"] = {"custom": custom}
        mail_event = {"mail": self._message(e, sent), member: detail}
        return record | {"awsAccountId": self.account, "facets": {"email_channel": {"mail_event": mail_event}}}

    def _message(self, e: StoredEvent, sent: datetime.datetime) -> Record:
        run = self.runs.get(e.run_id) if e.run_id is not None else None
        endpoint, to = self.endpoints.get(e.endpoint_id), self._address(e)
        sender = run.from_header or run.from_address if run else ""
        subject = self._subject(e, run, endpoint) if run and endpoint else ""
        headers = {"From": sender, "To": to, "Subject": subject, "MIME-Version": "1.0", "Content-Type": "multipart/alternative"}
        return {
            "message_id": (e.data or {}).get("message_id") or (f"{run.activity_id}.{e.endpoint_id}" if run else ""),
            "message_send_timestamp": _millis(sent),
            "from_address": run.from_address if run else "",
            "destination": [to],
            "headers_truncated": False,
            "headers": [{"name": name, "value": value} for name, value in headers.items()],
            "common_headers": {"from": sender, "to": [to], "subject": subject},
        }

    def _subject(self, e: StoredEvent, run: RunFacts, endpoint: EndpointFacts) -> str:
        key = (e.endpoint_id, e.run_id or 0)
        if key not in self.subjects:
            self.subjects[key] = run.subject_of(endpoint.document)
        return self.subjects[key]

    def _address(self, e: StoredEvent) -> str:
        endpoint = self.endpoints.get(e.endpoint_id)
        return endpoint.address if endpoint else ""

    def delivery(self, e: StoredEvent, data: Record) -> Record:
        run = self.runs.get(e.run_id) if e.run_id is not None else None
        sent = self.sent.get((e.endpoint_id, e.run_id or 0), e.occurred_at)
        took = data.get("processing_time_millis", max(_millis(e.occurred_at) - _millis(sent), 0))
        return {
            "smtp_response": data.get("smtp_response", "250"),  # over SMTP that answer is the delivery
            "reporting_mta": data.get("reporting_mta") or (run.domain if run else ""),
            "recipients": [self._address(e)],
            "processing_time_millis": took,
        }

    def bounce(self, e: StoredEvent, data: Record) -> Record:
        recipient = {
            "email_address": self._address(e), "action": data.get("action", "failed"),
            "status": data.get("status") or data.get("code", ""),
            "diagnostic_code": data.get("diagnostic_code") or data.get("reply", ""),
        }  # fmt: skip
        return {
            "bounce_type": data.get("bounce_type", ""), "bounce_sub_type": data.get("bounce_sub_type", "General"),
            "bounced_recipients": [recipient], "feedback_id": data.get("feedback_id", ""),
            "reporting_mta": data.get("reporting_mta", ""),
        }  # fmt: skip

    def complaint(self, e: StoredEvent, data: Record) -> Record:
        return {"complained_recipients": [{"email_address": self._address(e)}]} | {
            name: data.get(name, "") for name in ("feedback_id", "user_agent", "complaint_feedback_type")
        }

    def _sms(self, e: StoredEvent) -> Record:
        data = e.data or {}
        record = self._common(e, at=_millis(e.occurred_at))
        record["client"] = {"client_id": self.account}
        told = {
            "sender_request_id": data.get("request_id", ""), "origination_phone_number": data.get("from", ""),
            "destination_phone_number": self._address(e), "record_status": data.get("status", ""),
            "iso_country_code": data.get("country", ""), "number_of_message_parts": str(data.get("parts", 1)),
            "message_id": data.get("message_id", ""), "message_type": data.get("message_type", "Transactional"),
            "customer_context": json.dumps(data.get("context") or {}, ensure_ascii=False, separators=(",", ":")),
        }  # fmt: skip
        record["attributes"] = told | self._source(e)
        if "millicents" in data:
            record["metrics"] = {"price_in_millicents_usd": float(data["millicents"])}
        return record | {"awsAccountId": self.account}

    def _app(self, e: StoredEvent) -> Record:
        """What a program said: sessions, sign-ins, purchases, notifications that were opened, types of its own."""
        data = e.data or {}
        app, session = data.get("app", {}), data.get("session", {})
        record = self._common(e, at=_millis(e.occurred_at), version=_APP_VERSION)
        record["arrival_timestamp"] = data.get("arrived", record["arrival_timestamp"])
        sdk = {"name": app.get("SdkName", ""), "version": app.get("ClientSdkVersion", "")}
        record["application"] = {
            "app_id": self.project.public_id, "cognito_identity_pool_id": "", "package_name": app.get("AppPackageName", ""),
            "sdk": sdk, "title": app.get("AppTitle", ""), "version_name": app.get("AppVersionName", ""),
            "version_code": app.get("AppVersionCode", ""),
        }  # fmt: skip
        record["client"] = {**record["client"], "cognito_id": ""}
        record["device"] = self._device(e)
        if session:
            record["session"] = {
                name: value
                for name, value in (
                    ("session_id", session.get("id")), ("start_timestamp", session.get("start")), ("stop_timestamp", session.get("stop")),
                )
                if value is not None
            }  # fmt: skip
        record["attributes"] = data.get("attributes", {}) | self._source(e)
        return record | {"metrics": data.get("metrics", {}), "client_context": {"custom": {}}, "awsAccountId": self.account}

    def _device(self, e: StoredEvent) -> Record:
        endpoint = self.endpoints.get(e.endpoint_id)
        known = endpoint.document.get("Demographic", {}) if endpoint else {}
        place = endpoint.document.get("Location", {}) if endpoint else {}
        code = str(known.get("Locale") or "")
        language, _bar, country = code.replace("-", "_").partition("_")
        return {
            "locale": {"code": code, "country": country or str(place.get("Country") or ""), "language": language},
            "make": known.get("Make", ""), "model": known.get("Model", ""),
            "platform": {"name": known.get("Platform", ""), "version": known.get("PlatformVersion", "")},
        }  # fmt: skip


def _hit(e: StoredEvent, data: Record) -> Record:
    return {"ip_address": data.get("ip", ""), "user_agent": data.get("ua", "")}


def _click(_about: _About, e: StoredEvent, data: Record) -> tuple[str, str, Record]:
    link = data.get("link", "")
    return link, "click", _hit(e, data) | {"link": link, "link_tags": {}}


def _unsubscribe(_about: _About, e: StoredEvent, data: Record) -> tuple[str, str, Record]:
    return "optout", "click", _hit(e, data) | {"link": data.get("link", ""), "link_tags": {"unsubscribeLinkTag": ["optout"]}}


# (what ``attributes.feedback`` says, the name of the object beside ``mail``, the object)
_DETAILS: dict[int, Callable[[_About, StoredEvent, Record], tuple[str, str, Record]]] = {
    EventKind.EMAIL_SEND: lambda about, e, data: ("received", "send", {}),
    EventKind.EMAIL_DELIVERED: lambda about, e, data: ("delivered", "delivery", about.delivery(e, data)),
    EventKind.EMAIL_REJECTED: lambda about, e, data: ("rejected", "reject", {"reason": data.get("reason", "")}),
    EventKind.EMAIL_HARDBOUNCE: lambda about, e, data: ("hardbounce", "bounce", about.bounce(e, data)),
    EventKind.EMAIL_SOFTBOUNCE: lambda about, e, data: ("softbounce", "bounce", about.bounce(e, data)),
    EventKind.EMAIL_COMPLAINT: lambda about, e, data: ("complaint", "complaint", about.complaint(e, data)),
    EventKind.EMAIL_OPEN: lambda about, e, data: ("opened", "open", _hit(e, data)),
    EventKind.EMAIL_CLICK: _click,
    EventKind.EMAIL_UNSUBSCRIBE: _unsubscribe,
    EventKind.EMAIL_RENDERING_FAILURE: lambda about, e, data: (
        "",
        "rendering_failure",
        {"error_message": data.get("reason", "")},
    ),
}


def _millis(at: datetime.datetime) -> int:
    return int(at.timestamp() * 1000)
