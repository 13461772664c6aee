"""Forms of limits: a campaign's own, and a project's settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from campaigns.limits import domains, warm_up
from campaigns.limits.document import BOUNDS, LONGEST_EXPIRY, LONGEST_SPREAD, USUAL_EXPIRY
from projects.forms import StyledForm

_MINUTE = 60  # seconds
_MINUTES = BOUNDS["MaximumDuration"][1] // _MINUTE


def _clock(label: Any) -> forms.TimeField:
    return forms.TimeField(
        label=label, required=False, input_formats=["%H:%M", "%H:%M:%S"],
        widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
    )  # fmt: skip


def _number(label: Any, name: str, help_text: Any = "") -> forms.IntegerField:
    least, most = BOUNDS[name]
    return forms.IntegerField(label=label, min_value=least, max_value=most, required=False, help_text=help_text)


class LimitsForm(StyledForm):
    """A campaign's limits. An empty field is no limit."""

    quiet_start = _clock(_("Quiet from"))
    quiet_end = _clock(_("Quiet until"))
    quiet_mode = forms.ChoiceField(
        label=_("Messages that fall into quiet time"), required=False,
        choices=[("HOLD", _("Hold until it ends")), ("DROP", _("Drop, as Pinpoint did"))],
    )  # fmt: skip
    daily = _number(_("Messages a day to one person"), "Daily", _("Of this campaign, in any 24 hours."))
    total = _number(_("Messages to one person in all"), "Total", _("Over all runs; each run that targets the person counts."))
    per_second = _number(_("Messages a second"), "MessagesPerSecond", _("Empty: as fast as the mail server takes them."))
    minutes = forms.DecimalField(
        label=_("Give up after (minutes)"), min_value=1, max_value=_MINUTES, required=False,
        help_text=_("From the scheduled start of each run; who was not reached by then gets nothing."),
    )  # fmt: skip
    spread_hours = forms.IntegerField(
        label=_("Spread over (hours)"), min_value=1, max_value=LONGEST_SPREAD, required=False,
        help_text=_("Evenly, from the start of each run on."),
    )  # fmt: skip

    def __init__(self, *args: Any, of_treatment: bool = False, **kwargs: Any) -> None:
        """``of_treatment``: of one that is not the first. It has a quiet time of its own; what counts is the campaign's."""
        super().__init__(*args, **kwargs)
        self.of_treatment = of_treatment
        for name in ("daily", "total", "per_second", "minutes") if of_treatment else ():
            del self.fields[name]

    @property
    def is_used(self) -> bool:
        """Whether there is anything in it to be seen, or to be mended."""
        return bool(self.errors) or any(self[name].value() for name in self.fields if name != "quiet_mode")

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        start, end = values.get("quiet_start"), values.get("quiet_end")
        if start and start == end:
            self.add_error("quiet_end", _("Quiet time can't start and end at the same time."))
        for name, given, other in (("quiet_start", start, end), ("quiet_end", end, start)):
            if given is None and other is not None and name not in self.errors:
                self.add_error(name, _("Quiet time needs a start and an end, such as 21:00 and 08:00."))
        hours, minutes = values.get("spread_hours"), values.get("minutes")
        if hours and minutes and hours * 60 > minutes:
            self.add_error(
                "minutes", _("It would give up before all are sent to: it is spread over %(hours)s hours.") % {"hours": hours}
            )
        return values

    def limits(self, *, stored: Mapping[str, Any] | None = None) -> dict[str, Any] | None:
        """Pinpoint's Limits; None when there are none. Of the ``stored`` ones what this form does not show is kept."""
        values = self.cleaned_data
        found = {
            "Daily": values["daily"], "Total": values["total"], "MessagesPerSecond": values["per_second"],
            "MaximumDuration": round(values["minutes"] * _MINUTE) if values["minutes"] else None,
        }  # fmt: skip
        kept = {name: value for name, value in _mapping(stored).items() if name not in BOUNDS}
        return kept | {name: value for name, value in found.items() if value is not None} or None

    def quiet_time(self) -> dict[str, str] | None:
        """Pinpoint's QuietTime, or None."""
        start, end = self.cleaned_data["quiet_start"], self.cleaned_data["quiet_end"]
        return {"Start": f"{start:%H:%M}", "End": f"{end:%H:%M}"} if start and end else None

    def pabal(self) -> dict[str, Any]:
        """Our members beside them; None takes one away."""
        mode = self.cleaned_data["quiet_mode"] or "HOLD"
        hours = self.cleaned_data.get("spread_hours")
        if self.of_treatment:  # empty is an answer: not the first treatment's hours
            hours = hours or 0
        return {"QuietTimeMode": mode if self.quiet_time() else None, "SpreadHours": hours}


class SendingSettingsForm(LimitsForm):
    """A project's settings: defaults for campaigns made later, and rules for all of them."""

    daily = _number(
        _("Messages a day to one person"),
        "Daily",
        _("Of all campaigns together, in any 24 hours. Holds at once, for every campaign."),
    )
    rates = forms.CharField(
        label=_("Messages a minute to a recipient domain"), required=False, max_length=20_000,
        widget=forms.Textarea(attrs={"rows": 5, "spellcheck": "false"}),
        help_text=_("One limit a line; domains of one provider share it: daum.net, hanmail.net = 300"),
    )  # fmt: skip
    warm_up_start = forms.DateField(
        label=_("Warm-up from day"), required=False, widget=forms.DateInput({"type": "date"}, "%Y-%m-%d")
    )
    warm_up_caps = forms.CharField(
        label=_("Messages on each day of the warm-up"), required=False, max_length=2_000,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
        help_text=_("One number a day, separated by commas. What exceeds it waits for tomorrow."),
    )  # fmt: skip
    event_minutes = forms.IntegerField(
        label=_("Minutes after which a message to an event is dropped"), required=False, min_value=1, max_value=LONGEST_EXPIRY,
        help_text=_("Of campaigns that events start: what can't be sent so soon after the event is not sent at all. Empty: 5."),
    )  # fmt: skip
    base = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        del self.fields["spread_hours"]

    def clean_rates(self) -> list[dict[str, Any]]:
        found = []
        for line in str(self.cleaned_data["rates"]).splitlines():
            if not line.strip():
                continue
            names, _is_there, count = line.partition("=")
            number = count.strip().replace(",", "")
            per_minute = int(number) if number.isascii() and number.isdecimal() and len(number) < 10 else 0
            found.append({"Domains": [one.strip().lower() for one in names.split(",") if one.strip()], "PerMinute": per_minute})
        try:
            domains.parse_rates(found)
        except ValueError as error:
            raise forms.ValidationError(str(error)) from None
        return found

    def clean(self) -> dict[str, Any]:
        values = super().clean()
        caps, start = str(values.get("warm_up_caps") or ""), values.get("warm_up_start")
        parts = [one.strip() for one in caps.replace("\n", ",").split(",") if one.strip()]
        if start and not parts:
            parts = [str(cap) for cap in warm_up.USUAL]
        stored = {
            "Start": start.isoformat() if start else None,
            "Caps": [int(one) if one.isascii() and one.isdecimal() and len(one) < 10 else 0 for one in parts],
        }
        values["warm_up"] = stored if start else None
        if start:
            try:
                warm_up.parse_warm_up(stored)
            except ValueError as error:
                self.add_error("warm_up_caps", str(error))
        return values

    def settings(self, *, stored: Mapping[str, Any]) -> dict[str, Any]:
        """The document of the settings, over the ``stored`` one."""
        minutes = self.cleaned_data["event_minutes"]
        pabal = {
            "QuietTimeMode": self.pabal()["QuietTimeMode"], "DomainRates": self.cleaned_data["rates"],
            "WarmUp": self.cleaned_data["warm_up"], "EventExpiryMinutes": None if minutes == USUAL_EXPIRY else minutes,
        }  # fmt: skip
        found = {
            **stored, "Limits": self.limits(stored=stored.get("Limits")), "QuietTime": self.quiet_time(),
            "Pabal": {name: value for name, value in {**(stored.get("Pabal") or {}), **pabal}.items() if value},
        }  # fmt: skip
        return {name: value for name, value in found.items() if value is not None}


def limits_initial(document: Mapping[str, Any]) -> dict[str, Any]:
    """A campaign's stored limits as the form's values."""
    quiet = _mapping(_mapping(document.get("Schedule")).get("QuietTime"))
    return _initial(_mapping(document.get("Limits")), quiet, _mapping(document.get("Pabal")))


def _mapping(value: Any) -> Mapping[str, Any]:
    """Nothing, where a document that came another way has something else."""
    return value if isinstance(value, Mapping) else {}


def settings_initial(document: Mapping[str, Any]) -> dict[str, Any]:
    """A project's stored settings as the form's values; what stands there before any were saved, when there are none."""
    pabal = document.get("Pabal") or {}
    rates = pabal.get("DomainRates") or [] if document else domains.USUAL
    plan = pabal.get("WarmUp") or {}
    return _initial(document.get("Limits") or {}, document.get("QuietTime") or {}, pabal) | {
        "rates": "\n".join(f"{', '.join(one['Domains'])} = {one['PerMinute']}" for one in rates),
        "warm_up_start": plan.get("Start"),
        "event_minutes": pabal.get("EventExpiryMinutes") or USUAL_EXPIRY,
        "warm_up_caps": ", ".join(map(str, plan.get("Caps") or warm_up.USUAL)),
    }


def _initial(stored: Mapping[str, Any], quiet: Mapping[str, Any], pabal: Mapping[str, Any]) -> dict[str, Any]:
    seconds = stored.get("MaximumDuration")
    return {
        "daily": stored.get("Daily"), "total": stored.get("Total"), "per_second": stored.get("MessagesPerSecond"),
        "minutes": f"{seconds / _MINUTE:.10g}" if isinstance(seconds, int) else None,
        "quiet_start": quiet.get("Start"), "quiet_end": quiet.get("End"),
        "quiet_mode": pabal.get("QuietTimeMode") or ("DROP" if quiet else "HOLD"), "spread_hours": pabal.get("SpreadHours"),
    }  # fmt: skip
