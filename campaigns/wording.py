"""A schedule in words, and instants as people read them."""

from __future__ import annotations

import datetime
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from analytics.hit_classes import OFFERED
from analytics.models import EventKind, HitClass
from campaigns import channels, schedule, treatments
from campaigns.models import Campaign, Outcome, Run
from messaging.delivery.refusals import LABELS, RefusalClass
from projects import zones

_SHOWN = 5  # values of a condition that a sentence names
_NOTED = 4  # attributes and metrics of an event


@dataclass(frozen=True, slots=True)
class Moment:
    """An occurrence: in the schedule's zone, and in UTC (empty for recipients' local time)."""

    shown: str
    utc: str


def step_labels() -> dict[str, str]:
    """The wizard's steps as its navigation names them."""
    return {
        "name": _("Name"), "segment": _("Segment"), "message": _("Message"), "schedule": _("Time"), "review": _("Review"),
    }  # fmt: skip


def sentence(plan: schedule.Schedule) -> str:
    """When it runs, in one sentence."""
    if plan.event is not None:
        return _event_sentence(plan, plan.event)
    names = {
        schedule.Frequency.ONCE: _("once"),
        schedule.Frequency.HOURLY: _("every hour"),
        schedule.Frequency.DAILY: _("every day"),
        schedule.Frequency.WEEKLY: _("every week"),
        schedule.Frequency.MONTHLY: _("every month"),
    }  # of an event campaign: _event_sentence
    zone = _("each recipient's local time") if plan.is_local else zones.short(plan.zone_name)
    given = {"often": names[plan.frequency], "start": f"{plan.start:%Y-%m-%d %H:%M}", "zone": zone}
    if plan.is_immediate and plan.frequency == schedule.Frequency.ONCE:
        return _("At once, when it is launched.")
    if plan.is_immediate:
        text = _("From the launch on, %(often)s (%(zone)s).") % given
    elif plan.frequency == schedule.Frequency.ONCE:
        text = _("Once, at %(start)s (%(zone)s).") % given
    else:
        text = _("From %(start)s on, %(often)s (%(zone)s).") % given
    if plan.end is not None and plan.frequency != schedule.Frequency.ONCE:
        text += " " + _("Until %(end)s.") % {"end": f"{plan.end:%Y-%m-%d %H:%M}"}
    return text


def _event_sentence(plan: schedule.Schedule, wanted: schedule.EventFilter) -> str:
    types = _(" or ").join(f"“{name}”" for name in wanted.types)
    conditions = [f"{name} = {_any_of(values)}" for name, values in wanted.attributes]
    conditions += [
        f"{name} {schedule.COMPARE[comparison][0]} {value.normalize():f}" for name, comparison, value in wanted.metrics
    ]
    given = {
        "events": types, "conditions": _(" and ").join(conditions), "start": f"{plan.start:%Y-%m-%d %H:%M}",
        "end": f"{plan.end:%Y-%m-%d %H:%M}" if plan.end else "–", "zone": zones.short(plan.zone_name),
    }  # fmt: skip
    said = _("When %(events)s happens, if %(conditions)s:") if conditions else _("When %(events)s happens:")
    if plan.is_immediate:
        when = _("within seconds, to whoever did it, from the launch until %(end)s (%(zone)s).")
    else:
        when = _("within seconds, to whoever did it, from %(start)s until %(end)s (%(zone)s).")
    return f"{said % given} {when % given}"


def _any_of(values: Sequence[str]) -> str:
    shown = _(" or ").join(f"“{value}”" for value in values[:_SHOWN])
    if len(values) > _SHOWN:
        shown = _("%(values)s or %(count)s more") % {"values": shown, "count": len(values) - _SHOWN}
    return shown


def winner(test: treatments.Winner) -> str:
    """How a winner is chosen, in one sentence."""
    given = {"percent": test.test_percent, "hours": test.wait_hours}
    if test.metric == "CONVERSION":
        return _(
            "%(percent)s %% of the members are tested; after %(hours)s hours the treatment that led more people to “%(event)s”"
            " goes to the others."
        ) % (given | {"event": test.event})
    if test.metric == "CLICK":
        return (
            _(
                "%(percent)s %% of the members are tested; after %(hours)s hours the treatment with more clicks goes to the others."
            )
            % given
        )
    return (
        _("%(percent)s %% of the members are tested; after %(hours)s hours the treatment with more opens goes to the others.")
        % given
    )


def day(date: datetime.date) -> str:
    """A day as a person says it."""
    return f"{date_format(date, 'DATE_FORMAT')} ({date_format(date, 'D')})"


def moments(plan: schedule.Schedule, *, now: datetime.datetime, limit: int = 5) -> list[Moment]:
    """The next occurrences; none where events decide."""
    if plan.event is not None:
        return []
    after = now - (schedule.DAY_ON_EARTH if plan.is_local else datetime.timedelta(seconds=1))
    found = []
    for occurrence in schedule.upcoming(plan, after=after, limit=limit):
        if plan.is_local:
            found.append(Moment(shown=f"{occurrence.wall:%Y-%m-%d %H:%M}", utc=""))
        else:
            shown = occurrence.at.astimezone(plan.zone)
            found.append(
                Moment(shown=f"{shown:%Y-%m-%d %H:%M} {zones.short(plan.zone_name)}", utc=f"{occurrence.at:%Y-%m-%d %H:%M}")
            )
    return found


def server_trouble(campaign: Campaign, runs: Sequence[Run]) -> str:
    """What is to be said of the mail server: why the campaign was paused by itself, or what it waits for; empty when all is well."""
    if channels.is_custom(campaign.document):
        return _program_trouble(campaign, runs)
    reason = campaign.pause_reason
    if campaign.is_paused and reason:
        given = {"times": reason["times"], "said": reason["said"]}
        if reason["code"] == "unreachable":
            since = timezone.localtime(datetime.datetime.fromisoformat(str(reason["since"])))
            return _(
                "Sending was paused by itself: since %(since)s the mail server could not be reached, %(times)s times (%(said)s). Nobody "
                "was skipped. Resume when the server answers again."
            ) % (given | {"since": f"{since:%Y-%m-%d %H:%M}"})
        return (
            _(
                "Sending was paused by itself: the mail server refused %(times)s people in a row for no reason of theirs (%(said)s). Mend "
                "the sender or the server, then resume: the others get the message then."
            )
            % given
        )
    for run in runs:
        if run.server_failures and run.server_failing_since:
            since = timezone.localtime(run.server_failing_since)
            return _("Since %(since)s the mail server can't be reached (%(said)s). It is tried again every half minute.") % {
                "since": f"{since:%Y-%m-%d %H:%M}", "said": run.server_said,
            }  # fmt: skip
    return ""


def _program_trouble(campaign: Campaign, runs: Sequence[Run]) -> str:
    """The same of the program that a custom channel calls."""
    reason = campaign.pause_reason
    if campaign.is_paused and reason:
        given = {"times": reason["times"], "said": reason["said"]}
        if reason["code"] == "unreachable":
            return (
                _(
                    "Sending was paused by itself: the program could not be reached, %(times)s times (%(said)s). Nobody was skipped. "
                    "Resume when it answers again."
                )
                % given
            )
        return (
            _(
                "Sending was paused by itself: the program did not take %(times)s people in a row (%(said)s), and they are not given to "
                "it again. Mend it, then resume: the others are given to it then."
            )
            % given
        )
    for run in runs:
        if run.server_failures and run.server_failing_since:
            since = timezone.localtime(run.server_failing_since)
            return _("Since %(since)s the program can't be reached (%(said)s). It is tried again every half minute.") % {
                "since": f"{since:%Y-%m-%d %H:%M}", "said": run.server_said,
            }  # fmt: skip
    return ""


def event(kind: int, event_type: str) -> str:
    """What an event says, in a word or two; of a project's own types their name."""
    words: dict[int, str] = {
        EventKind.CAMPAIGN_SEND: _("Campaign message"),
        EventKind.EMAIL_SEND: _("Sent"),
        EventKind.EMAIL_DELIVERED: _("Delivered"),
        EventKind.EMAIL_REJECTED: _("Rejected"),
        EventKind.EMAIL_HARDBOUNCE: _("Bounced for good"),
        EventKind.EMAIL_SOFTBOUNCE: _("Bounced for now"),
        EventKind.EMAIL_COMPLAINT: _("Reported as spam"),
        EventKind.EMAIL_OPEN: _("Opened"),
        EventKind.EMAIL_CLICK: _("Clicked"),
        EventKind.EMAIL_UNSUBSCRIBE: _("Unsubscribed"),
        EventKind.EMAIL_RENDERING_FAILURE: _("Could not be rendered"),
        EventKind.SESSION_START: _("A session began"),
        EventKind.SESSION_STOP: _("A session ended"),
        EventKind.USERAUTH_SIGN_IN: _("Signed in"),
        EventKind.USERAUTH_SIGN_UP: _("Signed up"),
        EventKind.MONETIZATION_PURCHASE: _("Bought something"),
    }
    return words.get(kind, event_type)


@dataclass(frozen=True, slots=True)
class ClassChoice:
    """A class of hits that a page counts or leaves out. ``name`` stands in its address."""

    hit_class: HitClass
    label: str
    meaning: str
    is_chosen: bool

    @property
    def name(self) -> str:
        return str(self.hit_class.label)


def class_choices(chosen: Collection[HitClass]) -> list[ClassChoice]:
    words = {
        HitClass.PERSON: (_("A person"), _("a known mail program, browser or app")),
        HitClass.PROXY: (_("Mail providers' proxies"), _("fetch in somebody's place: Gmail, Naver, Daum, Apple")),
        HitClass.UNKNOWN: (_("Unknown programs"), _("say nothing that is known")),
        HitClass.SCANNER: (_("Link scanners"), _("of mail servers and messengers; usually left out")),
    }
    return [ClassChoice(one, *words[one], one in chosen) for one in OFFERED]


def event_note(kind: int, hit_class: HitClass, data: dict[str, Any]) -> str:
    """What more is known of an event: how the attempt ended, what the mail server said, which link, made by whom."""
    parts = []
    status = data.get("status")
    if kind == EventKind.CAMPAIGN_SEND and status in Outcome.values:
        parts.append(str(Outcome(status).label))
    if data.get("class") in RefusalClass.__members__:
        parts.append(str(LABELS[RefusalClass(data["class"])]))
    parts += [str(data[name]) for name in ("reply", "diagnostic_code", "reason", "link") if data.get(name)]
    told = {**data.get("attributes", {}), **data.get("metrics", {})}
    parts += [f"{name}: {value}" for name, value in list(told.items())[:_NOTED]]
    if hit_class == HitClass.PROXY:
        parts.append(_("by a mail provider's proxy"))
    elif hit_class == HitClass.SCANNER:
        parts.append(_("by a link scanner, not counted"))
    elif hit_class == HitClass.UNKNOWN:
        parts.append(_("by an unknown program"))
    return " · ".join(parts)
