"""What relays call when they know what became of messages: Amazon SNS, and whoever signs as docs/callbacks.md says.

The address says which relay it is, signed; the caller's own signature says that it is who it should be. Neither needs the database.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from django.db import Error
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from core import clock
from messaging.models import OutcomeNotice
from messaging.outcomes import doors, ses, signed, sns
from messaging.services import notices, relay_callbacks


@csrf_exempt  # machines post without cookies; signatures are what authorises
@require_POST
def take_sns(request: HttpRequest, token: str) -> HttpResponse:
    return _answered(token, lambda door: _take_sns(request, door))


@csrf_exempt
@require_POST
def take_callback(request: HttpRequest, token: str) -> HttpResponse:
    return _answered(token, lambda door: _take_callback(request, door))


def _answered(token: str, take: Callable[[doors.Door], HttpResponse]) -> HttpResponse:
    try:
        door = doors.read_door(token)
    except doors.BadDoor:
        return _plain("There is no such address. Copy it again from the relay's page.", 404)
    except OSError:  # no database, and no copy of the keys
        return _plain("Not now. Try again.", 503)
    try:
        return take(door)
    except (sns.NotFromSns, signed.BadSignature) as bad:
        with contextlib.suppress(Error):  # the caller is answered whether it can be noted or not
            relay_callbacks.note_refused(door=door, why=str(bad), now=clock.now())
        return _plain(f"{bad}\n", 403)
    except (sns.SnsAway, Error, OSError) as away:
        return _plain(f"Not now. Try again. ({type(away).__name__})\n", 503)


def _take_sns(request: HttpRequest, door: doors.Door) -> HttpResponse:
    now = clock.now()
    message = sns.read(request.body, now=now)
    if message.type == "SubscriptionConfirmation":
        try:
            relay_callbacks.confirm_topic(door=door, message=message, now=now)
        except relay_callbacks.TopicRefused as refused:
            return _plain(f"{refused}\n", 403)
    elif message.type == "UnsubscribeConfirmation":
        relay_callbacks.note_unsubscribed(door=door, message=message)
    else:
        notices.keep(now=now, notice=notices.Notice(
            relay_id=door.relay_id, generation=door.generation, kind=OutcomeNotice.Kind.SES, notice_id=message.message_id[:200],
            topic_arn=message.topic_arn[:300], body=message.message.replace("\0", ""),
        ))  # fmt: skip
    return _plain("", 200)


def _take_callback(request: HttpRequest, door: doors.Door) -> HttpResponse:
    now = clock.now()
    notice_id = request.headers.get("webhook-id", "")
    signed.check(
        body=request.body, key=door.key, notice_id=notice_id, now=now,
        timestamp=request.headers.get("webhook-timestamp", ""), signature=request.headers.get("webhook-signature", ""),
    )  # fmt: skip
    try:
        body = request.body.decode()
        signed.read(body, notice_id=notice_id)  # what can't be read is said at once
    except (UnicodeDecodeError, ses.Unreadable) as unreadable:
        return _plain(f"{unreadable}\n", 400)
    notices.keep(now=now, notice=notices.Notice(
        relay_id=door.relay_id, generation=door.generation, kind=OutcomeNotice.Kind.SIGNED, notice_id=notice_id, body=body,
    ))  # fmt: skip
    return _plain("", 202)


def _plain(text: str, status: int) -> HttpResponse:
    return HttpResponse(text, content_type="text/plain; charset=utf-8", status=status)
