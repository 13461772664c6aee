"""Amazon SES by boto3 (``sesv2``), one call a message. The only module of messaging that knows boto3.

At most once: boto3 repeats nothing here. A call of which the request may have been read, and no answer came, is UNKNOWN.
"""

from __future__ import annotations

import concurrent.futures
import hashlib
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import boto3
import botocore.config
import botocore.exceptions
from django.conf import settings
from django.utils.translation import gettext as _

from messaging.delivery.pacing import Rate
from messaging.delivery.transport import Delivery, DeliveryStatus, OutgoingMessage, TransportBusy, TransportDown

MESSAGE_TAG = "pabal-message"  # its value is the message's token; SES says it again with each of its events

_REPLY_LIMIT = 500  # characters kept of a server's words
_ACCOUNT_SECONDS = 60.0  # for so long the account's limits are taken as read
_UNKNOWN_LIMIT = 3  # of a batch: then the rest is not begun
_SANDBOX_RATE = 1.0  # messages a second: what the smallest account may, where the limits can't be read
_UNLIMITED = -1
_CONNECT_SECONDS, _READ_SECONDS = 5, 30
_SESSION_SECONDS = 3600  # of an assumed role
_KEYS_SECONDS = 3000  # then it is assumed again

# Nothing is wrong with the message: the same would be said of all.
_ACCOUNT = frozenset({
    "AccountSuspendedException", "SendingPausedException", "MailFromDomainNotVerifiedException", "NotFoundException",
    "AccessDeniedException", "AccessDenied", "UnrecognizedClientException", "InvalidClientTokenId", "InvalidSignatureException",
    "SignatureDoesNotMatch", "ExpiredTokenException", "ExpiredToken", "MissingAuthenticationTokenException",
    "OptInRequired", "InvalidAction", "UnknownOperationException",
})  # fmt: skip
_THROTTLED = frozenset(
    {"TooManyRequestsException", "LimitExceededException", "ThrottlingException", "Throttling", "RequestLimitExceeded"}
)
_UNTRUSTED = ("CERTIFICATE_VERIFY_FAILED", "WRONG_VERSION_NUMBER", "HANDSHAKE_FAILURE", "UNKNOWN_PROTOCOL")


@dataclass(frozen=True, slots=True)
class Account:
    """An account of AWS, by keys, by a role, or by a role that the keys assume; ``external_id`` is what the role asks for."""

    region: str
    access_key_id: str = ""
    secret_access_key: str = ""
    role_arn: str = ""
    external_id: str = ""
    configuration_set: str = ""

    @property
    def name(self) -> str:
        """The same for all relays that share the account's limits."""
        return "ses-" + hashlib.sha256(f"{self.region} {self.role_arn or self.access_key_id}".encode()).hexdigest()[:20]


@dataclass(frozen=True, slots=True)
class _Limits:
    per_second: float
    left_today: float  # messages; infinite where there is no quota
    read_at: float


class _AccountWrong(Exception):
    """The account, the keys or the network: nobody's message would be taken now. Nothing was sent."""


class SesTransport:
    """Sends a batch over several connections at once. ``clock`` counts seconds."""

    def __init__(self, *, account: Account, connections: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._account = account
        self._connections = connections
        self._clock = clock
        self._client: Any = None
        self._client_until = 0.0
        self._limits: _Limits | None = None

    def check(self) -> None:
        """Read the account, and send nothing. Raises ``TransportDown``."""
        self._limits = None
        self._read_limits()

    def rate(self) -> Rate:
        """The account's own limit, which all its senders share. Raises ``TransportDown``."""
        return Rate(name=self._account.name, per_second=self._read_limits().per_second)

    def send_batch(self, messages: Sequence[OutgoingMessage]) -> list[Delivery]:
        client = self._connected()
        if self._read_limits().left_today < 1:
            raise TransportBusy(_("The day's quota of Amazon SES is used up."))
        stop = threading.Event()
        said: list[str] = []
        unknown: list[int] = []

        def send(message: OutgoingMessage) -> Delivery | None:
            """None: it was not begun."""
            if stop.is_set():
                return None
            try:
                delivery = self._send(client, message)
            except _AccountWrong as wrong:
                said.append(str(wrong))
                stop.set()
                return None
            if delivery.status == DeliveryStatus.UNKNOWN:
                unknown.append(message.endpoint_id)
                if len(unknown) >= _UNKNOWN_LIMIT:
                    stop.set()
            return delivery

        with concurrent.futures.ThreadPoolExecutor(min(self._connections, max(1, len(messages)))) as pool:
            found = list(pool.map(send, messages))
        reason = said[0] if said else ""
        if messages and not any(found):
            raise TransportDown(reason)
        return [
            delivery or Delivery(message.endpoint_id, DeliveryStatus.DEFERRED, "", reason[:_REPLY_LIMIT])
            for message, delivery in zip(messages, found, strict=True)
        ]

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    def _send(self, client: Any, message: OutgoingMessage) -> Delivery:
        request: dict[str, Any] = {
            "Destination": {"ToAddresses": [message.recipient]},
            "Content": {"Raw": {"Data": message.data}},
        }
        if message.token:
            request["EmailTags"] = [{"Name": MESSAGE_TAG, "Value": message.token}]
        if self._account.configuration_set:
            request["ConfigurationSetName"] = self._account.configuration_set
        try:
            answer = client.send_email(**request)
        except (botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError) as error:
            status, code = judge(error)
            return Delivery(message.endpoint_id, status, code, _said(error)[:_REPLY_LIMIT])
        return Delivery(message.endpoint_id, DeliveryStatus.SUCCESS, "200", answer.get("MessageId", ""))

    def _connected(self) -> Any:
        if self._client is None or self._clock() >= self._client_until:
            self.close()
            try:
                self._client = _client(self._account, self._connections)
            except (botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError, ValueError) as error:
                raise TransportDown(_said(error)) from error
            self._client_until = self._clock() + _KEYS_SECONDS
        return self._client

    def _read_limits(self) -> _Limits:
        if self._limits is not None and self._clock() - self._limits.read_at < _ACCOUNT_SECONDS:
            return self._limits
        try:
            answer = self._connected().get_account()
        except botocore.exceptions.ClientError as error:
            if error.response["Error"]["Code"] not in (
                "AccessDeniedException",
                "AccessDenied",
                "404",
                "NotFoundException",
                "Unknown",
            ):
                raise TransportDown(_said(error)) from error
            quota: Any = {}  # keys that may send, and not read
        except botocore.exceptions.BotoCoreError as error:
            raise TransportDown(_said(error)) from error
        else:
            quota = answer.get("SendQuota", {})
        most = float(quota.get("Max24HourSend", _UNLIMITED))
        self._limits = _Limits(
            per_second=float(quota.get("MaxSendRate", 0)) or _SANDBOX_RATE,
            left_today=float("inf") if most == _UNLIMITED else most - float(quota.get("SentLast24Hours", 0)),
            read_at=self._clock(),
        )
        return self._limits


def judge(error: Exception) -> tuple[DeliveryStatus, str]:
    """What an error of a call says of its message: (status, HTTP status or empty). Raises ``_AccountWrong``."""
    if isinstance(error, botocore.exceptions.ClientError):
        return _judge_answer(error)
    if isinstance(error, botocore.exceptions.SSLError) and not any(word in str(error).upper() for word in _UNTRUSTED):
        return DeliveryStatus.UNKNOWN, ""  # it may have broken after the request was written
    if isinstance(error, botocore.exceptions.ReadTimeoutError | botocore.exceptions.ConnectionClosedError):
        return DeliveryStatus.UNKNOWN, ""
    if isinstance(error, (
        botocore.exceptions.EndpointConnectionError, botocore.exceptions.ConnectTimeoutError,
        botocore.exceptions.ProxyConnectionError, botocore.exceptions.SSLError, botocore.exceptions.NoCredentialsError,
        botocore.exceptions.CredentialRetrievalError,
    )):  # fmt: skip
        raise _AccountWrong(_said(error)) from error
    if isinstance(error, botocore.exceptions.ParamValidationError):
        return DeliveryStatus.FAILURE_PERMANENT, ""
    return DeliveryStatus.UNKNOWN, ""  # every other failure of the connection or of the answer


def _judge_answer(error: botocore.exceptions.ClientError) -> tuple[DeliveryStatus, str]:
    code, text = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
    http = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    if code in _THROTTLED or http == 429:
        return DeliveryStatus.DEFERRED, str(http)
    if code in _ACCOUNT or http in (401, 403) or (code == "MessageRejected" and "not verified" in text):
        raise _AccountWrong(_said(error)) from error
    if http in (408, 504):  # a gateway gave up waiting for the answer
        return DeliveryStatus.UNKNOWN, str(http)
    if http >= 500:
        return DeliveryStatus.DEFERRED, str(http)
    return DeliveryStatus.FAILURE_PERMANENT, str(http)


def _said(error: Exception) -> str:
    if isinstance(error, botocore.exceptions.ClientError):
        answer = error.response["Error"]
        return f"{answer['Code']}: {answer.get('Message', '')}"
    return str(error)


def _client(account: Account, connections: int) -> Any:
    config = botocore.config.Config(
        connect_timeout=_CONNECT_SECONDS, read_timeout=_READ_SECONDS, retries={"total_max_attempts": 1, "mode": "standard"},
        max_pool_connections=connections,
    )  # fmt: skip
    keys: dict[str, str] = {}
    if account.access_key_id:
        keys = {"aws_access_key_id": account.access_key_id, "aws_secret_access_key": account.secret_access_key}
    if account.role_arn:
        keys = _assume(account, keys)
    session: Any = boto3.session.Session()  # of its own: the shared one is not safe for threads
    return session.client("sesv2", region_name=account.region, endpoint_url=settings.SES_ENDPOINT_URL, config=config, **keys)


def _assume(account: Account, keys: dict[str, str]) -> dict[str, str]:
    """Keys of the account's role for an hour, taken by its own keys or by the server's."""
    config = botocore.config.Config(connect_timeout=_CONNECT_SECONDS, read_timeout=_READ_SECONDS, retries={"max_attempts": 3})
    session: Any = boto3.session.Session()
    sts = session.client("sts", region_name=account.region, endpoint_url=settings.SES_ENDPOINT_URL, config=config, **keys)
    given = sts.assume_role(
        RoleArn=account.role_arn, RoleSessionName=f"pabal-{account.external_id[:16]}", ExternalId=account.external_id,
        DurationSeconds=_SESSION_SECONDS,
    )["Credentials"]  # fmt: skip
    return {
        "aws_access_key_id": given["AccessKeyId"],
        "aws_secret_access_key": given["SecretAccessKey"],
        "aws_session_token": given["SessionToken"],
    }
