"""Calls with an ``Idempotency-Key``: carried out once a day, however often they come.

The answer is written in the transaction of the deed, so that neither stands without the other; a second call that comes meanwhile waits
for the first. What is sent to people can't be taken back with a transaction: there the intent is written first, and a call that broke
off is answered by 409, because nobody can know whether it went out.
"""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Callable

from django.db import connection, transaction
from django.db.models import Q

from api.models import AccessKey, IdempotentCall
from api.protocol.errors import ApiError, BadRequest, Conflict
from core.errors import Refusal
from endpoints.ports import Erased, ErasedPerson

KEPT = datetime.timedelta(hours=24)
_AT_ONCE = 200  # answers that are looked through in one step of an erasure
LIMIT = 255  # characters of a key
SOME = 100
_CLAIM = """
    INSERT INTO api_idempotentcall (access_key_id, key, fingerprint, created_at) VALUES (%s, %s, %s, %s)
    ON CONFLICT (access_key_id, key) DO NOTHING RETURNING id
"""
_FORGET = f"""
    DELETE FROM api_idempotentcall WHERE id IN (
        SELECT id FROM api_idempotentcall WHERE created_at < %s ORDER BY created_at LIMIT {SOME} FOR UPDATE SKIP LOCKED)
"""
Answer = tuple[int, bytes]


def fingerprint(*parts: bytes) -> str:
    """Of a request: another one under the same key is refused."""
    return hashlib.sha256(b"\0".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()


def once(
    *, access_key: AccessKey, key: str, print_: str, sends: bool, now: datetime.datetime, carry_out: Callable[[], Answer]
) -> tuple[Answer, bool]:
    """The answer, and whether it is an earlier one. Raises ``BadRequest``, ``Conflict`` and what ``carry_out`` raises."""
    if not 1 <= len(key) <= LIMIT or not key.isprintable():
        raise BadRequest(f"Idempotency-Key: it must have 1 to {LIMIT} printable characters.")
    forget(now=now)
    found = _sent(access_key, key, print_, now, carry_out) if sends else _done(access_key, key, print_, now, carry_out)
    if found is not None:
        return found, False
    earlier = IdempotentCall.objects.filter(access_key=access_key, key=key).first()
    if earlier is None:
        raise Conflict("A call with this Idempotency-Key failed a moment ago. Call again.")
    if earlier.fingerprint != print_:
        raise BadRequest("Idempotency-Key: it was used for another request. Choose a new key for a new request.")
    if earlier.status is not None and earlier.body is None:
        raise Conflict("This call was carried out. Its answer named a person who has been erased since, and is no longer kept.")
    if earlier.status is None or earlier.body is None:
        raise Conflict(
            "A call with this Idempotency-Key is being carried out, or broke off: look whether it was, before you use a new key."
        )
    return (earlier.status, bytes(earlier.body)), True


def forget(*, now: datetime.datetime) -> int:
    """Delete up to ``SOME`` of the calls that are older than a day; returns how many there were."""
    with connection.cursor() as cursor:
        cursor.execute(_FORGET, [now - KEPT])
        return int(cursor.rowcount)


def erase_answers(person: ErasedPerson, after: int) -> Erased:
    """The answers that name the person. The keys stay: a call that is made again must not be carried out again."""
    reaching = Q(access_key__project_id=person.project_id) | Q(access_key__project_id=None)
    page = list(IdempotentCall.objects.filter(reaching, pk__gt=after, body__isnull=False).order_by("pk")[:_AT_ONCE])
    naming = [call.pk for call in page if person.is_named_in(bytes(call.body or b"").decode("utf-8", "replace"))]
    rows = IdempotentCall.objects.filter(pk__in=naming).update(body=None)
    return Erased(rows=rows, after=page[-1].pk if len(page) == _AT_ONCE else None)


def _claim(access_key: AccessKey, key: str, print_: str, now: datetime.datetime) -> int | None:
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, [access_key.pk, key, print_, now])
        row = cursor.fetchone()
    return row[0] if row else None


def _keep(pk: int, answer: Answer) -> Answer:
    IdempotentCall.objects.filter(pk=pk).update(status=answer[0], body=answer[1])
    return answer


def _done(access_key: AccessKey, key: str, print_: str, now: datetime.datetime, carry_out: Callable[[], Answer]) -> Answer | None:
    with transaction.atomic():
        pk = _claim(access_key, key, print_, now)
        return _keep(pk, carry_out()) if pk is not None else None


def _sent(access_key: AccessKey, key: str, print_: str, now: datetime.datetime, carry_out: Callable[[], Answer]) -> Answer | None:
    pk = _claim(access_key, key, print_, now)
    if pk is None:
        return None
    try:
        answer = carry_out()
    except (ApiError, Refusal):  # refused before anything was sent
        IdempotentCall.objects.filter(pk=pk).delete()
        raise
    return _keep(pk, answer)
