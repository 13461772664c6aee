"""AWS Signature Version 4, the verifying side: https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html

Pure: a request and a secret in, nothing or a refusal out. Of a body the hash is signed, of the path the form it has on the wire (encoded
once more, as AWS asks of every service but S3), of the query all but the signature itself.
"""

from __future__ import annotations

import datetime
import email.utils
import functools
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote

from api.protocol.errors import Forbidden

SERVICE = "mobiletargeting"
SKEW = datetime.timedelta(minutes=5)
_ALGORITHM = "AWS4-HMAC-SHA256"
_LONGEST = 7 * 24 * 3600  # seconds for which a presigned address may hold
_STAMP = "%Y%m%dT%H%M%SZ"
_PLAIN_QUERY = re.compile(r"(?:[A-Za-z0-9_.~=&-]|%[0-9A-F]{2})*\Z")
_TOKEN = "x-amz-security-token"  # noqa: S105 (a header's name)


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """``path`` and ``query`` as they stood on the wire; ``headers`` by their names in lower case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Claim:
    """What a request says of its signature; nothing of it is true before ``verify``. ``expires``: seconds, of a presigned one."""

    access_key_id: str
    day: str
    region: str
    at: datetime.datetime
    signed_headers: tuple[str, ...]
    signature: str
    expires: int | None = None

    @property
    def is_presigned(self) -> bool:
        return self.expires is not None

    @property
    def scope(self) -> str:
        return f"{self.day}/{self.region}/{SERVICE}/aws4_request"


def read_claim(request: SignedRequest) -> Claim:
    """Raises ``Forbidden`` for a request that is not signed, or not so that it could be checked."""
    authorization = request.headers.get("authorization")
    if authorization is not None:
        return _from_header(request, authorization)
    if "X-Amz-Signature=" in request.query:
        return _from_query(request)
    raise Forbidden("Missing Authentication Token: sign the request (SigV4) with an access key of this installation.")


def verify(request: SignedRequest, claim: Claim, *, secret: str, now: datetime.datetime) -> None:
    """Raises ``Forbidden`` when another key signed, or something else, or at another time."""
    _check_time(claim, now)
    expected = _signature(request, claim, secret)
    if not hmac.compare_digest(expected.encode(), claim.signature.encode()):
        raise Forbidden(
            "The request signature we calculated does not match the signature you provided. "
            "Check your secret access key and signing method."
        )


def _from_header(request: SignedRequest, authorization: str) -> Claim:
    algorithm, _space, rest = authorization.partition(" ")
    if algorithm != _ALGORITHM:
        raise Forbidden(f"The Authorization header must begin with {_ALGORITHM}.")
    parts = dict(part.strip().partition("=")[::2] for part in rest.split(","))
    try:
        credential, names, signature = parts["Credential"], parts["SignedHeaders"], parts["Signature"]
    except KeyError as missing:
        raise Forbidden(f"The Authorization header has no {missing.args[0]}.") from None
    stamp = request.headers.get("x-amz-date")
    at = _stamp(stamp) if stamp is not None else _date(request.headers.get("date", ""))
    return _claim(request, credential, names, signature, at, None)


def _from_query(request: SignedRequest) -> Claim:
    given = dict(parse_qsl(request.query, keep_blank_values=True))
    if given.get("X-Amz-Algorithm") != _ALGORITHM:
        raise Forbidden(f"X-Amz-Algorithm must be {_ALGORITHM}.")
    seconds = given.get("X-Amz-Expires", "")
    if not (seconds.isascii() and seconds.isdecimal() and len(seconds) < 8 and 1 <= int(seconds) <= _LONGEST):
        raise Forbidden(f"X-Amz-Expires must be a number of seconds from 1 to {_LONGEST}.")
    at = _stamp(given.get("X-Amz-Date", ""))
    credential, names = given.get("X-Amz-Credential", ""), given.get("X-Amz-SignedHeaders", "")
    return _claim(request, credential, names, given["X-Amz-Signature"], at, int(seconds))


def _claim(
    request: SignedRequest, credential: str, names: str, signature: str, at: datetime.datetime, expires: int | None
) -> Claim:
    parts = credential.split("/")
    if len(parts) != 5 or parts[3:] != [SERVICE, "aws4_request"]:
        raise Forbidden(f"The credential must be KEY/DATE/REGION/{SERVICE}/aws4_request.")
    access_key_id, day, region = parts[:3]
    if day != at.strftime("%Y%m%d"):
        raise Forbidden("The date of the credential is not that of the request.")
    signed = tuple(names.split(";"))
    if "host" not in signed:
        raise Forbidden("The host header must be signed.")
    for name in request.headers:
        if (
            name.startswith("x-amz-")
            and name not in signed
            and (name in ("x-amz-date", _TOKEN) or name == "x-amz-content-sha256")
        ):
            raise Forbidden(f"The header {name} must be signed.")
    return Claim(access_key_id, day, region, at, signed, signature, expires)


def _stamp(text: str) -> datetime.datetime:
    try:
        return datetime.datetime.strptime(text, _STAMP).replace(tzinfo=datetime.UTC)
    except ValueError:
        raise Forbidden("The date of the signature must be in the form 20260131T090000Z.") from None


def _date(text: str) -> datetime.datetime:
    try:
        at = email.utils.parsedate_to_datetime(text)  # without a zone for "-0000", which is UTC
        return at.replace(tzinfo=datetime.UTC) if at.tzinfo is None else at.astimezone(datetime.UTC)
    except (TypeError, ValueError, OverflowError):
        raise Forbidden("The request has neither a valid X-Amz-Date nor a Date.") from None


def _check_time(claim: Claim, now: datetime.datetime) -> None:
    said, here = claim.at.strftime(_STAMP), now.strftime(_STAMP)
    if claim.at > now + SKEW:
        raise Forbidden(f"Signature not yet current: {said} is later than the time here, {here}, by more than 5 minutes.")
    until = claim.at + (datetime.timedelta(seconds=claim.expires) if claim.expires is not None else SKEW)
    if now > until:
        raise Forbidden(f"Signature expired: {said} was good until {until.strftime(_STAMP)}, and the time here is {here}.")


# -- the calculation --------------------------------------------------------------------------------------------------


def _signature(request: SignedRequest, claim: Claim, secret: str) -> str:
    canonical = "\n".join(
        (
            request.method,
            _canonical_path(request.path),
            _canonical_query(request.query, without_signature=claim.is_presigned),
            *(f"{name}:{' '.join(request.headers.get(name, '').split())}" for name in claim.signed_headers),
            "",
            ";".join(claim.signed_headers),
            _payload_hash(request),
        )
    )
    digest = hashlib.sha256(canonical.encode("utf-8", "surrogateescape")).hexdigest()
    text = f"{_ALGORITHM}\n{claim.at.strftime(_STAMP)}\n{claim.scope}\n{digest}"
    return hmac.digest(_signing_key(secret, claim.day, claim.region), text.encode(), "sha256").hex()


@functools.lru_cache(maxsize=1_024)
def _signing_key(secret: str, day: str, region: str) -> bytes:
    key = b"AWS4" + secret.encode()
    for part in (day, region, SERVICE, "aws4_request"):
        key = hmac.digest(key, part.encode("utf-8", "surrogateescape"), "sha256")
    return key


def _payload_hash(request: SignedRequest) -> str:
    """The hash of what was received. A client that states one has it compared, so that a body can't be swapped under the header."""
    received = hashlib.sha256(request.body).hexdigest()
    stated = request.headers.get("x-amz-content-sha256")
    if stated is not None and stated != received:
        raise Forbidden("The body is not the one that X-Amz-Content-Sha256 names.")
    return received


def _canonical_path(path: str) -> str:
    if "//" in path or "/." in path:
        path = _without_dots(path)
    return quote(path or "/", safe="/~")


def _without_dots(path: str) -> str:
    kept: list[str] = []
    for part in path.split("/"):
        if part == "..":
            del kept[-1:]
        elif part not in ("", "."):
            kept.append(part)
    return "/" + "/".join(kept) + ("/" if path.endswith("/") and kept else "")


def _canonical_query(query: str, *, without_signature: bool) -> str:
    if not query:
        return ""
    if _PLAIN_QUERY.match(query):
        pairs = [pair.partition("=")[::2] for pair in query.split("&") if pair]
    else:  # not in the form that is signed: brought into it, as AWS does
        pairs = [
            (quote(name, safe="-_.~"), quote(value, safe="-_.~")) for name, value in parse_qsl(query, keep_blank_values=True)
        ]
    if without_signature:
        pairs = [pair for pair in pairs if pair[0] != "X-Amz-Signature"]
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))
