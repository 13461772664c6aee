"""What the types of events are called: Pinpoint's own, and those of a project's programs."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from analytics.models import EventKind, EventType

_NAMES = {int(kind): str(kind.label) for kind in EventKind}
_WORDS = {
    EventKind.CAMPAIGN_SEND.label: _("Campaign message sent"),
    EventKind.CAMPAIGN_OPENED_NOTIFICATION.label: _("Campaign's push notification opened"),
    EventKind.CAMPAIGN_RECEIVED_FOREGROUND.label: _("Campaign's push notification received, app open"),
    EventKind.CAMPAIGN_RECEIVED_BACKGROUND.label: _("Campaign's push notification received, app not open"),
    EventKind.JOURNEY_SEND.label: _("Journey message sent"),
    EventKind.JOURNEY_OPENED_NOTIFICATION.label: _("Journey's push notification opened"),
    EventKind.JOURNEY_RECEIVED_FOREGROUND.label: _("Journey's push notification received, app open"),
    EventKind.JOURNEY_RECEIVED_BACKGROUND.label: _("Journey's push notification received, app not open"),
    EventKind.EMAIL_SEND.label: _("E-mail sent"),
    EventKind.EMAIL_DELIVERED.label: _("E-mail delivered"),
    EventKind.EMAIL_REJECTED.label: _("E-mail rejected"),
    EventKind.EMAIL_HARDBOUNCE.label: _("E-mail bounced for good"),
    EventKind.EMAIL_SOFTBOUNCE.label: _("E-mail bounced for now"),
    EventKind.EMAIL_COMPLAINT.label: _("E-mail reported as spam"),
    EventKind.EMAIL_OPEN.label: _("E-mail opened"),
    EventKind.EMAIL_CLICK.label: _("E-mail clicked"),
    EventKind.EMAIL_UNSUBSCRIBE.label: _("Unsubscribed from e-mail"),
    EventKind.EMAIL_RENDERING_FAILURE.label: _("E-mail could not be rendered"),
    EventKind.SMS_BUFFERED.label: _("SMS under way"),
    EventKind.SMS_SUCCESS.label: _("SMS delivered"),
    EventKind.SMS_FAILURE.label: _("SMS failed"),
    EventKind.SMS_OPTOUT.label: _("Opted out of SMS"),
    EventKind.SESSION_START.label: _("Session began"),
    EventKind.SESSION_STOP.label: _("Session ended"),
    EventKind.SESSION_PAUSE.label: _("Session paused"),
    EventKind.SESSION_RESUME.label: _("Session went on"),
    EventKind.USERAUTH_SIGN_IN.label: _("Signed in"),
    EventKind.USERAUTH_SIGN_UP.label: _("Signed up"),
    EventKind.USERAUTH_AUTH_FAIL.label: _("Signing in failed"),
    EventKind.MONETIZATION_PURCHASE.label: _("Bought something"),
}


def names_of(*, project_id: int) -> dict[int, str]:
    """The name of each number that the project's events can have."""
    return _NAMES | dict(EventType.objects.filter(project_id=project_id).values_list("number", "name"))


def spoken_names_of(*, project_id: int) -> dict[int, str]:
    """The same for people: in words, where there are some."""
    return {number: words_of(name) or name for number, name in names_of(project_id=project_id).items()}


def words_of(name: str) -> str:
    """What a type of Pinpoint's own says; of a project's own types nothing."""
    return str(_WORDS.get(name, ""))


def said(name: str) -> str:
    """A type as a person chooses it: what it says, and its name; of a project's own types the name alone."""
    words = words_of(name)
    return f"{words} ({name})" if words else name
