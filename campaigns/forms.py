"""The wizard's forms: input into the parts of a campaign's document."""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Sequence
from typing import Any

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from analytics.event_names import said
from campaigns import channels, event_conditions, parts, queries, schedule, treatments
from campaigns.custom import delivery
from core import calling
from core.errors import Refusal
from endpoints.models import ChannelType
from messaging.forms import EmailForm
from projects import zones
from projects.forms import StyledForm, styled
from projects.models import Project
from segments import queries as segment_queries
from segments.forms.segments import read_document


def zone_choices() -> list[tuple[str, str]]:
    """Korea first, then the usual zones, then Pinpoint's offsets."""
    usual = zones.choices()
    return [*usual[:13], *((name, name) for name in schedule.PINPOINT_OFFSETS if name != "UTC"), *usual[13:]]


def _typed_target(text: str) -> calling.Target:
    """What is typed as something to call, checked. Raises ``forms.ValidationError``."""
    target = delivery.target_of(text)
    assert target is not None  # it is not empty
    try:
        target.check()
    except calling.TargetRefused as refused:
        raise forms.ValidationError(refused.message) from None
    return target


class NameForm(StyledForm):
    name = forms.CharField(label=_("Campaign name"), max_length=128)
    description = forms.CharField(label=_("Description"), max_length=500, required=False)
    channel = forms.ChoiceField(
        label=_("Channel"),
        choices=channels.Channel.choices,
        initial=channels.Channel.EMAIL,
        required=False,
        widget=forms.RadioSelect,
    )
    varies = forms.ChoiceField(
        label=_("Kind"),
        choices=[
            ("", _("Standard: one message, one time")),
            ("MESSAGE", _("A/B test of the message")),
            ("SCHEDULE", _("A/B test of the time")),
        ],
        required=False,
        widget=forms.RadioSelect,
    )
    hook = forms.CharField(
        label=_("Filter hook"), max_length=2_000, required=False,
        help_text=_("An https:// address or a Lambda function that says of each fifty members who gets the message. Empty: none."),
    )  # fmt: skip

    def clean_hook(self) -> dict[str, str] | None:
        """Pinpoint's ``Hook`` member."""
        text = str(self.cleaned_data["hook"]).strip()
        if not text:
            return None
        hook = {"WebUrl" if "://" in text else "LambdaFunctionName": text, "Mode": "FILTER"}
        _typed_target(text)
        return hook

    def clean_channel(self) -> str:
        return self.cleaned_data["channel"] or channels.Channel.EMAIL.value


def hook_text(document: dict[str, Any]) -> str:
    """A stored hook as the form's value."""
    hook = document.get("Hook") or {}
    return str(hook.get("WebUrl") or hook.get("LambdaFunctionName") or "")


class SegmentStepForm(StyledForm):
    """Existing segments (several are possible), or filters made here."""

    way = forms.ChoiceField(
        label=_("Whom it goes to"), choices=[("existing", _("A segment that exists")), ("filter", _("Filter here"))],
        widget=forms.RadioSelect, initial="existing",
    )  # fmt: skip
    segments = forms.MultipleChoiceField(label=_("Segments"), required=False, widget=forms.CheckboxSelectMultiple)
    document = forms.CharField(required=False, widget=forms.HiddenInput, max_length=200_000)
    holdout = forms.IntegerField(
        label=_("Hold out (%)"), min_value=0, max_value=99, initial=0, required=False,
        help_text=_("This share of the members gets nothing, to compare with."),
    )  # fmt: skip

    def __init__(self, *args: Any, project: Project, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        listed = segment_queries.listed_segments(project=project)[:500]
        self.fields["segments"].choices = [(one.public_id, one.name) for one in listed]  # type: ignore[attr-defined]
        for name in ("way",):
            self.fields[name].widget.attrs |= {"data-reveal-target": "choice", "data-action": "reveal#update"}

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        if values.get("way") == "filter":
            values["document"] = read_document(values.get("document") or "{}")
        elif not values.get("segments"):
            self.add_error("segments", _("Choose at least one segment."))
        return values


class CustomForm(StyledForm):
    """What is called for each fifty members, whom that concerns, and what is said beside them."""

    uri = forms.CharField(
        label=_("Address or function"), max_length=2_000,
        help_text=_("An https:// address, or the ARN of a Lambda function that this installation may call."),
    )  # fmt: skip
    types = forms.MultipleChoiceField(
        label=_("Endpoints"), choices=ChannelType.choices, widget=forms.CheckboxSelectMultiple,
        help_text=_("Members whose endpoint is of another type are left out."),
    )  # fmt: skip
    text = forms.CharField(
        label=_("Data"), required=False, strip=False, widget=forms.Textarea(attrs={"rows": 6, "spellcheck": "false"}),
        help_text=_("A text that each call brings, for the program to read: at most 5 KB. The members' values come beside it."),
    )  # fmt: skip

    def clean_uri(self) -> str:
        text = str(self.cleaned_data["uri"]).strip()
        _typed_target(text)
        return text

    def clean_text(self) -> str:
        data = str(self.cleaned_data["text"]).replace("\r\n", "\n")
        if len(data.encode()) > channels.DATA_LIMIT:
            raise forms.ValidationError(_("The data has more than 5 KB."))
        return data

    def part(self) -> parts.Part:
        values = self.cleaned_data
        configuration = {"DeliveryUri": values["uri"], "EndpointTypes": values["types"]}
        return parts.Part(
            members={
                "MessageConfiguration": {"CustomMessage": {"Data": values["text"]}}, "CustomDeliveryConfiguration": configuration,
                "TemplateConfiguration": None,
            },
            pabal={"Preheader": None, "DefaultSubstitutions": None},
        )  # fmt: skip


def custom_initial(document: dict[str, Any]) -> dict[str, Any]:
    said = channels.custom_of(document)
    return {"uri": said.uri, "types": said.types or ("CUSTOM",), "text": said.data}


class MessageForm(EmailForm):
    """The message written here, or a template and (none: whichever is active) its version."""

    way = forms.ChoiceField(
        label=_("Message"), choices=[("own", _("Write it here")), ("template", _("Use a template"))], widget=forms.RadioSelect,
        initial="own", required=False,
    )  # fmt: skip
    template = forms.ChoiceField(label=_("Template"), required=False)
    template_version = forms.IntegerField(
        label=_("Version"), min_value=1, max_value=10**6, required=False,
        help_text=_("Empty: the version that is active when a run begins."),
    )  # fmt: skip
    sender = forms.ChoiceField(label=_("Sender"), required=False)

    def __init__(self, *args: Any, senders: list[tuple[str, str]], templates: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["sender"].choices = [("", _("Choose a sender")), *senders]  # type: ignore[attr-defined]
        self.fields["template"].choices = [("", _("Choose a template")), *templates]  # type: ignore[attr-defined]
        self.fields["way"].widget.attrs |= {"data-reveal-target": "choice", "data-action": "reveal#update"}

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        if values.get("way") == "template" and not values.get("template") and "template" not in self.errors:
            self.add_error("template", _("Choose a template."))
        return values

    def template_configuration(self) -> dict[str, Any] | None:
        """Pinpoint's ``TemplateConfiguration`` as it stands in the form; None: the message is written here."""
        values = self.typed()
        if values["way"] != "template" or not values["template"]:
            return None
        version = {"Version": values["template_version"]} if values["template_version"] else {}
        return {"EmailTemplate": {"Name": values["template"]} | version}


class WallClockField(forms.DateTimeField):
    """A wall-clock time without a zone: the zone is a field of its own, and an hour that one zone skips exists in another."""

    default_validators = [  # far from the ends of the calendar, where another zone's clock has no year any more
        MinValueValidator(datetime.datetime(2000, 1, 1)),  # noqa: DTZ001 (a wall clock)
        MaxValueValidator(datetime.datetime(2100, 1, 1)),  # noqa: DTZ001
    ]

    def to_python(self, value: Any) -> datetime.datetime | None:
        with timezone.override(datetime.UTC):
            found = super().to_python(value)
        return found.replace(tzinfo=None) if found else None


class ScheduleForm(StyledForm):
    start_kind = forms.ChoiceField(
        label=_("Start"),
        choices=[("now", _("Now, when I launch it")), ("later", _("At a time"))],
        widget=forms.RadioSelect,
        initial="now",
    )
    frequency = forms.ChoiceField(
        label=_("How often"),
        choices=[("ONCE", _("Once")), ("HOURLY", _("Every hour")), ("DAILY", _("Every day")), ("WEEKLY", _("Every week")),
                 ("MONTHLY", _("Every month")), ("EVENT", _("When an event happens"))],
    )  # fmt: skip
    event_types = forms.MultipleChoiceField(
        label=_("Events"), required=False, widget=forms.SelectMultiple(attrs={"size": 6}),
        help_text=_("Any of these starts the message, to whoever did it and is in the segment."),
    )  # fmt: skip
    event_type = forms.CharField(
        label=_("Another event"), required=False, max_length=50,
        help_text=_("The name of one that no program has told yet."),
    )  # fmt: skip
    event_conditions = forms.CharField(
        label=_("Only if"), required=False, max_length=5_000,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false", "placeholder": "category = shoes, bags\nprice >= 100"}),
        help_text=_("One attribute or metric a line; all lines must hold. Several values: any of them. Signs of metrics: == > < >= <="),
    )  # fmt: skip
    start = WallClockField(
        label=_("Start at"), required=False, input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"],
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )  # fmt: skip
    end = WallClockField(
        label=_("End"), required=False, input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"],
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        help_text=_("Only for campaigns that run again and again; empty: without end. One that events start needs an end."),
    )  # fmt: skip
    zone = forms.ChoiceField(label=_("Time zone"), choices=zone_choices, initial="Asia/Seoul")
    is_local = forms.BooleanField(label=_("In each recipient's local time"), required=False)
    missing_zone = forms.ChoiceField(
        label=_("Members without a time zone"), choices=[("PROJECT", _("Send in the project's zone")), ("SKIP", _("Leave out"))]
    )
    past_zone = forms.ChoiceField(
        label=_("Zones whose hour is past"), choices=[("SEND", _("Send at once")), ("SKIP", _("Leave out"))]
    )

    def __init__(self, *args: Any, events: Sequence[str] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.event_filter: schedule.EventFilter | None = None
        chosen = self.initial.get("event_types", ())
        self.fields["event_types"].choices = [(one, said(one)) for one in dict.fromkeys([*events, *chosen])]  # type: ignore[attr-defined]
        for name in ("start_kind", "frequency", "is_local"):
            self.fields[name].widget.attrs |= {"data-reveal-target": "choice", "data-action": "reveal#update"}

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        if values.get("start_kind") == "later" and not values.get("start") and "start" not in self.errors:
            self.add_error("start", _("Choose the time of the start."))
        if values.get("frequency") == "EVENT":
            self._clean_event(values)
        return values

    def _clean_event(self, values: dict[str, Any]) -> None:
        types = tuple(
            dict.fromkeys([*values.get("event_types", ()), *filter(None, [str(values.get("event_type") or "").strip()])])
        )
        if not types and "event_types" not in self.errors:
            self.add_error("event_types", _("Choose an event."))
        if not values.get("end") and "end" not in self.errors:
            self.add_error("end", _("Choose when it stops waiting for events."))
        try:
            found = event_conditions.read(values.get("event_conditions") or "", types=types)
            self.event_filter = schedule.parse_event_filter(schedule.event_filter_document(found)) if types else None
        except Refusal as refused:
            self.add_error("event_conditions", refused.message)

    @property
    def is_by_events(self) -> bool:
        """Whether events start it, as the form stands, right or not."""
        return bool(self["frequency"].value() == "EVENT")

    def schedule_document(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Pinpoint's Schedule, and our members beside it."""
        values = self.cleaned_data
        zone = schedule.zone_of(values["zone"])
        is_later = values["start_kind"] == "later"
        is_event = values["frequency"] == "EVENT"
        is_local = is_later and values["is_local"] and not is_event
        document: dict[str, Any] = {
            "StartTime": _moment(values["start"], zone, is_local=is_local) if is_later else "IMMEDIATE",
            "Frequency": values["frequency"],
            "Timezone": values["zone"]
            if values["zone"] in schedule.PINPOINT_OFFSETS
            else "UTC+09"
            if values["zone"] == "Asia/Seoul"
            else "UTC",
            "IsLocalTime": is_local,
        }
        if values["end"] and values["frequency"] != "ONCE":
            document["EndTime"] = _moment(values["end"], zone, is_local=is_local)
        if is_event and self.event_filter is not None:
            document["EventFilter"] = schedule.event_filter_document(self.event_filter)
        own = {"TimeZone": values["zone"], "MissingTimeZone": values["missing_zone"], "PastZone": values["past_zone"]}
        return document, own


def _moment(wall: datetime.datetime, zone: datetime.tzinfo, *, is_local: bool) -> str:
    naive = wall.replace(tzinfo=None)
    if is_local:
        return naive.isoformat(timespec="seconds")
    return schedule.resolve(naive, zone).strftime("%Y-%m-%dT%H:%M:%SZ")


def schedule_initial(document: dict[str, Any], project_zone: str) -> dict[str, Any]:
    """A stored schedule as the form's values."""
    stored, own = document.get("Schedule", {}), document.get("Pabal", {})
    zone_name = own.get("TimeZone") or project_zone
    is_later = bool(stored.get("StartTime")) and stored["StartTime"] != "IMMEDIATE"
    values: dict[str, Any] = {
        "start_kind": "later" if is_later else "now",
        "frequency": stored.get("Frequency", "ONCE"),
        "zone": zone_name,
        "is_local": stored.get("IsLocalTime", False),
        "missing_zone": own.get("MissingTimeZone", "SKIP" if stored else "PROJECT"),  # Pinpoint skipped them
        "past_zone": own.get("PastZone", "SEND"),
    }
    if stored.get("EventFilter"):
        with contextlib.suppress(Refusal):  # one that can't be read is chosen anew
            found = schedule.parse_event_filter(stored["EventFilter"])
            values |= {"event_types": list(found.types), "event_conditions": event_conditions.write(found)}
    for name, member in (("start", "StartTime"), ("end", "EndTime")):
        text = stored.get(member, "")
        if text and text != "IMMEDIATE":
            moment = datetime.datetime.fromisoformat(text)
            if moment.tzinfo is not None:
                moment = moment.astimezone(schedule.zone_of(zone_name)).replace(tzinfo=None)
            values[name] = moment.strftime("%Y-%m-%dT%H:%M")
    return values


class TestSendForm(StyledForm):
    __test__ = False  # not a test of pytest's

    addresses = forms.CharField(label=_("Send a test to"), help_text=_("Up to five addresses, separated by commas."))

    def clean_addresses(self) -> list[str]:
        found = [one.strip() for one in str(self.cleaned_data["addresses"]).split(",") if one.strip()]
        if len(found) > 5:
            raise forms.ValidationError(_("At most five addresses."))
        field = forms.EmailField()
        return [field.clean(one) for one in found]


class TreatmentsForm(StyledForm):
    """Each treatment's name and share (the default one's is what the others leave), and the automatic choice of a winner."""

    is_automatic = forms.BooleanField(label=_("Choose the winner automatically"), required=False)
    test_percent = forms.IntegerField(
        label=_("Test with (% of the members)"), min_value=1, max_value=99, initial=20, required=False,
        help_text=_("The treatments share this part; the others wait for the winner."),
    )  # fmt: skip
    wait_hours = forms.IntegerField(
        label=_("Wait (hours)"), min_value=1, max_value=720, initial=4, required=False,
        help_text=_("From the start of the test on."),
    )  # fmt: skip
    metric = forms.ChoiceField(
        label=_("The winner has more"), required=False,
        choices=[("OPEN", _("Opens")), ("CLICK", _("Clicks")), ("CONVERSION", _("Conversions"))],
    )  # fmt: skip
    event = forms.CharField(
        label=_("Conversion event"), max_length=schedule.NAME_LIMIT, required=False,
        widget=forms.TextInput(attrs={"list": "event-types"}),
        help_text=_(
            "For conversions: whoever got the message and did this since the start of the test, with any endpoint of his, counts."
        ),
    )  # fmt: skip

    def __init__(self, *args: Any, document: dict[str, Any], **kwargs: Any) -> None:
        test = document.get("Pabal", {}).get("Winner") or {}
        initial = {"is_automatic": bool(test)}
        initial |= {"test_percent": test.get("TestPercent", 20), "wait_hours": test.get("WaitHours", 4)}
        super().__init__(
            *args, initial=initial | {"metric": test.get("Metric", "OPEN"), "event": test.get("Event", "")}, **kwargs
        )
        self._held = int(document.get("HoldoutPercent") or 0)
        self.count = len(treatments.numbers(document))
        if treatments.variation(document) != treatments.Variation.MESSAGE:
            for name in ("is_automatic", "test_percent", "wait_hours", "metric", "event"):
                del self.fields[name]
        shares = treatments.shares(document)
        for number, name in enumerate(treatments.names(document)):
            self.fields[f"name_{number}"] = forms.CharField(label=_("Name"), max_length=128, initial=name)
            if number:
                self.fields[f"share_{number}"] = forms.IntegerField(
                    label=_("Share (%)"), min_value=1, max_value=99, initial=shares[number],
                    widget=forms.NumberInput(attrs={"data-shares-target": "share", "data-action": "shares#update"}),
                )  # fmt: skip
        styled(self)
        if "is_automatic" in self.fields:
            self.fields["is_automatic"].widget.attrs |= {"data-reveal-target": "choice", "data-action": "reveal#update"}

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        total = sum(self.percents())
        if total > 99 - self._held:
            raise forms.ValidationError(
                _("The shares are %(total)s %% together with the holdout: leave at least 1 %% for the first treatment.")
                % {"total": total + self._held}
            )
        if values.get("is_automatic"):
            for name in ("test_percent", "wait_hours"):
                if values.get(name) is None and name not in self.errors:
                    self.add_error(name, _("Enter a number."))
            if values.get("metric") == "CONVERSION" and not values.get("event") and "event" not in self.errors:
                self.add_error("event", _("Say which event is a conversion."))
            elif values.get("event") and not queries.may_start(values["event"]):
                self.add_error("event", _("That is what sending a message does, not a person. Choose another event."))
        return values

    def percents(self) -> list[int]:
        """The shares of all but the default one."""
        return [int(self.cleaned_data.get(f"share_{number}") or 0) for number in range(1, self.count)]

    def called(self) -> list[str]:
        return [str(self.cleaned_data[f"name_{number}"]) for number in range(self.count)]

    def winner(self) -> dict[str, Any] | None:
        """Our ``Winner`` member."""
        values = self.cleaned_data
        if not values.get("is_automatic"):
            return None
        found = {"TestPercent": values["test_percent"], "WaitHours": values["wait_hours"], "Metric": values["metric"] or "OPEN"}
        return found | ({"Event": values["event"]} if found["Metric"] == "CONVERSION" else {})


class NoteForm(StyledForm):
    """What the author says to those who approve."""

    note = forms.CharField(
        label=_("Note for those who approve"), max_length=500, required=False, widget=forms.Textarea(attrs={"rows": 2})
    )


class AnswerForm(StyledForm):
    """What is to be mended before it is approved."""

    answer = forms.CharField(label=_("What is to be mended"), max_length=1000, widget=forms.Textarea(attrs={"rows": 2}))
