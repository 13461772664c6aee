"""What SQL finds in the lake: ``all_events`` and the fifteen views of Pinpoint's own sample (reference, section 9.6)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from analytics.lake.schema import SCHEMA
from analytics.models import EventKind

ALL = "all_events"
_TYPES = {
    "string": "VARCHAR", "timestamp[ms]": "TIMESTAMP", "int64": "BIGINT", "int32": "INTEGER",
    "map<string, string>": "MAP(VARCHAR, VARCHAR)", "map<string, double>": "MAP(VARCHAR, DOUBLE)",
}  # fmt: skip
_COMMON = ("event_timestamp", "arrival_timestamp", "client_id", "endpoint_id", "position")
_CAMPAIGN = ("campaign_id", "campaign_activity_id", "treatment_id")
_JOURNEY = ("journey_id", "journey_activity_id")
_HIT = ("hit_class", "user_agent", "ip_address")
_BOUNCE = ("bounce_type", "bounce_sub_type", "code", "reply", "status", "diagnostic_code")
_SMS = (
    "record_status", "iso_country_code", "origination_phone_number", "message_id", "message_type", "number_of_message_parts",
)  # fmt: skip
_MAIL = (*_CAMPAIGN, *_JOURNEY, "attributes['feedback']")
_JOURNEY_SEND = ("journey_send_status", "journey_send_status_code", "journey_send_status_message", "journey_run_id")
_PRICE = "metrics['price_in_millicents_usd']"


def _of_map(*names: str) -> tuple[str, ...]:
    return tuple(f"attributes['{name}']" for name in names)


# Columns of ``all_events``, or what stands in its maps.
_VIEWS: dict[str, tuple[EventKind, tuple[str, ...]]] = {
    "email_send": (EventKind.EMAIL_SEND, _MAIL),
    "email_delivered": (EventKind.EMAIL_DELIVERED, (*_MAIL, *_of_map("smtp_response", "processing_time_millis"))),
    "email_hardbounce": (EventKind.EMAIL_HARDBOUNCE, (*_MAIL, *_of_map(*_BOUNCE))),
    "email_softbounce": (EventKind.EMAIL_SOFTBOUNCE, (*_MAIL, *_of_map(*_BOUNCE))),
    "email_complaint": (EventKind.EMAIL_COMPLAINT, (*_MAIL, "user_agent", *_of_map("complaint_feedback_type", "feedback_id"))),
    "email_rejected": (EventKind.EMAIL_REJECTED, (*_MAIL, *_of_map("reason", "code", "reply"))),
    "email_open": (EventKind.EMAIL_OPEN, (*_MAIL, *_HIT)),
    "email_click": (EventKind.EMAIL_CLICK, (*_MAIL, *_HIT, "link", "link_number")),
    "email_unsubscribe": (EventKind.EMAIL_UNSUBSCRIBE, (*_MAIL, *_HIT, "link")),
    "sms_buffered": (EventKind.SMS_BUFFERED, (*_CAMPAIGN, *_JOURNEY, *_of_map(*_SMS))),
    "sms_success": (EventKind.SMS_SUCCESS, (*_CAMPAIGN, *_JOURNEY, *_of_map(*_SMS), _PRICE)),
    "sms_failure": (EventKind.SMS_FAILURE, (*_CAMPAIGN, *_JOURNEY, *_of_map(*_SMS), _PRICE)),
    "sms_optout": (EventKind.SMS_OPTOUT, (*_CAMPAIGN, *_JOURNEY, *_of_map(*_SMS))),
    "campaign_send": (EventKind.CAMPAIGN_SEND, (*_CAMPAIGN, *_of_map("campaign_send_status"))),
    "journey_send": (EventKind.JOURNEY_SEND, (*_JOURNEY, *_of_map(*_JOURNEY_SEND))),
}


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    type: str


@dataclass(frozen=True, slots=True)
class Table:
    name: str
    columns: tuple[Column, ...]


def views(*, paths: Sequence[str], where: str = "", schema: str = "") -> list[tuple[str, str]]:
    """The name and the query of each view, over these files.

    The type and the day stand in the folders' names: who asks for some opens the files of those only. ``where``: a condition of ours on
    the columns of ``all_events``; ``schema``: in which the views are to be made.
    """
    own = [f"type AS {name}" if name == "event_type" else name for name in SCHEMA.names]
    if paths:
        listed = ", ".join("'" + path.replace("'", "''") + "'" for path in paths)
        partitions = "hive_partitioning = true, hive_types = {'project': VARCHAR, 'type': VARCHAR, 'day': DATE}"
        everything = f"SELECT {', '.join(own)}, day FROM read_parquet([{listed}], {partitions})"
    else:
        columns = tables()[0].columns
        everything = f"SELECT {', '.join(f'NULL::{one.type} AS {one.name}' for one in columns)} WHERE false"
    if where:
        everything = f"SELECT * FROM ({everything}) WHERE {where}"
    before = f"{schema}." if schema else ""
    return [(f"{before}{ALL}", everything), *_views(before)]


def _views(before: str) -> list[tuple[str, str]]:
    return [
        (
            f"{before}{name}",
            f"SELECT {', '.join(map(_expression, _wanted(own)))} FROM {before}{ALL} WHERE event_type = '{kind.label}'",
        )
        for name, (kind, own) in _VIEWS.items()
    ]


def kind_of(name: str) -> EventKind | None:
    """The type of events of a view; None of anything else."""
    found = _VIEWS.get(name)
    return found[0] if found else None


def tables() -> list[Table]:
    """What there is, with the columns, for people and for completion."""
    types = {field.name: _TYPES[str(field.type).split(" ('")[0]] for field in SCHEMA} | {"day": "DATE"}
    everything = Table(ALL, tuple(Column(name, kind) for name, kind in types.items()))
    return [everything, *(Table(name, tuple(_columns(own, types))) for name, (_kind, own) in _VIEWS.items())]


def _columns(own: tuple[str, ...], types: dict[str, str]) -> Iterator[Column]:
    for one in _wanted(own):
        yield Column(_name(one), types.get(one) or ("DOUBLE" if one.startswith("metrics") else "VARCHAR"))


def _wanted(own: tuple[str, ...]) -> tuple[str, ...]:
    return (*_COMMON, *own, "attributes", "day")


def _name(one: str) -> str:
    return one.split("'")[1] if "'" in one else one


def _expression(one: str) -> str:
    return f"{one} AS {_name(one)}" if "'" in one else one
