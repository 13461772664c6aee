"""Amazon SNS over HTTPS: its messages, whether it signed them, and confirming a subscription.

Whoever has an AWS account has SNS sign messages, so that the signature alone says nothing of who sent one: the address that it comes to is
secret, and its topic is remembered.
"""

from __future__ import annotations

import base64
import binascii
import datetime
import json
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from django.conf import settings

from core import outbound

_HOST = re.compile(r"sns\.[a-z]{2}(?:-[a-z]+)+-[0-9]{1,2}\.amazonaws\.com(?:\.cn)?")
_SIGNED = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
    "UnsubscribeConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}
_HASHES = {"1": hashes.SHA1, "2": hashes.SHA256}  # by SignatureVersion
_SECONDS = 5.0
_CERTIFICATE_BYTES = 64 << 10
_KEPT = 32  # certificates; AWS has one a region at a time

_lock = threading.Lock()
_certificates: dict[str, x509.Certificate] = {}


class NotFromSns(Exception):
    """It is no message of SNS, or nobody can say that it is one."""


class SnsAway(Exception):
    """SNS could not be asked. It tries again."""


@dataclass(frozen=True, slots=True)
class SnsMessage:
    type: str
    message_id: str
    topic_arn: str
    message: str
    subscribe_url: str


def fetched(url: str) -> bytes:
    """What SNS has at an address of its own. ``SNS_ENDPOINT_URL`` stands in for all its hosts. Raises ``SnsAway``."""
    if settings.SNS_ENDPOINT_URL:
        parts = urlsplit(url)
        url = settings.SNS_ENDPOINT_URL.rstrip("/") + parts.path + (f"?{parts.query}" if parts.query else "")
    try:
        answer = outbound.call(
            url, method="GET", seconds=_SECONDS, limit=_CERTIFICATE_BYTES, allow_private=bool(settings.SNS_ENDPOINT_URL)
        )
    except outbound.OutboundError as error:
        raise SnsAway(str(error)) from error
    if answer.status != 200:
        raise SnsAway(f"the answer was {answer.status}")
    return answer.body


def read(body: bytes, *, now: datetime.datetime, fetch: Callable[[str], bytes] = fetched) -> SnsMessage:
    """A message that SNS signed. Raises ``NotFromSns``, and ``SnsAway`` while its certificate can't be had."""
    try:
        told = json.loads(body)
    except ValueError:
        raise NotFromSns("not JSON; turn raw message delivery off") from None
    if not isinstance(told, dict) or told.get("Type") not in _SIGNED:
        raise NotFromSns("not a message of SNS; turn raw message delivery off")
    fields = {name: value for name, value in told.items() if isinstance(value, str)}
    hashed = _HASHES.get(fields.get("SignatureVersion", ""))
    if hashed is None:
        raise NotFromSns("a signature of an unknown version")
    try:
        signature = base64.b64decode(fields.get("Signature", ""), validate=True)
    except (binascii.Error, ValueError):
        raise NotFromSns("no signature") from None
    key = _public_key(fields.get("SigningCertURL", ""), now, fetch)
    try:
        key.verify(signature, _text(fields).encode(), padding.PKCS1v15(), hashed())
    except (InvalidSignature, UnicodeEncodeError):
        raise NotFromSns("the signature is wrong") from None
    return SnsMessage(
        type=fields["Type"], message_id=fields.get("MessageId", ""), topic_arn=fields.get("TopicArn", ""),
        message=fields.get("Message", ""), subscribe_url=fields.get("SubscribeURL", ""),
    )  # fmt: skip


def confirm(message: SnsMessage, *, fetch: Callable[[str], bytes] = fetched) -> None:
    """Confirm a subscription. Raises ``NotFromSns`` for an address that is none of SNS, and ``SnsAway``."""
    _check_host(message.subscribe_url)
    fetch(message.subscribe_url)


def forget_certificates() -> None:
    with _lock:
        _certificates.clear()


def _text(fields: dict[str, str]) -> str:
    return "".join(f"{name}\n{fields[name]}\n" for name in _SIGNED[fields["Type"]] if name in fields)


def _public_key(url: str, now: datetime.datetime, fetch: Callable[[str], bytes]) -> rsa.RSAPublicKey:
    _check_host(url)
    with _lock:
        certificate = _certificates.get(url)
    if certificate is None:
        try:
            certificate = x509.load_pem_x509_certificate(fetch(url))
        except ValueError:
            raise NotFromSns("no certificate is there") from None
        with _lock:
            if len(_certificates) >= _KEPT:
                _certificates.clear()
            _certificates[url] = certificate
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
        raise NotFromSns("its certificate is out of date")
    key = certificate.public_key()
    if not isinstance(key, rsa.RSAPublicKey):
        raise NotFromSns("a certificate of another kind")
    return key


def _check_host(url: str) -> None:
    """Only what AWS has at one of its SNS hosts, over TLS."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise NotFromSns("not an address of SNS") from None
    is_plain = "@" not in parts.netloc and "\\" not in url and port in (None, 443)
    if parts.scheme != "https" or not is_plain or not _HOST.fullmatch(parts.hostname or ""):
        raise NotFromSns("not an address of SNS")
