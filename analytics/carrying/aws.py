"""Kinesis Data Streams, Firehose and S3 by boto3. The only module of analytics that knows boto3.

Keys or a role of the project's own: never the server's keys alone, which may open anything.
"""

from __future__ import annotations

import concurrent.futures
import gzip
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import boto3
import botocore.config
import botocore.exceptions
from django.conf import settings

from analytics.carrying.parcel import DestinationFailed, Line, Parcel, batches, by_hour, file_name, waves

IN_FLIGHT = 4  # calls side by side, of lines that may
_COUNT = 500  # records of a call, of both services
_KINESIS_BYTES, _FIREHOSE_BYTES = 5 << 20, 4 << 20  # of a call
KINESIS_LINE_BYTES, FIREHOSE_LINE_BYTES = 1 << 20, 1_000 << 10  # of a record
_PAUSES = (0.1, 0.3, 1.0, 3.0)  # seconds, before what was refused of a call is put again
_CONNECT_SECONDS, _READ_SECONDS = 5, 20
_SESSION_SECONDS = 3_600  # of an assumed role; a turn is shorter
_ARN = re.compile(
    r"arn:aws[a-z-]*:(kinesis|firehose):([a-z]{2}(?:-[a-z]+)+-\d):\d{12}:(stream|deliverystream)/([A-Za-z0-9_.-]{1,128})"
)


@dataclass(frozen=True, slots=True)
class Account:
    """Keys, a role, or a role that the keys assume; ``external_id`` is what the role's trust policy asks for."""

    region: str
    access_key_id: str = ""
    secret_access_key: str = ""
    role_arn: str = ""
    external_id: str = ""


def region_and_name(arn: str) -> tuple[str, str, str]:
    """(service, region, the stream's name) of an ARN; raises ``ValueError``."""
    found = _ARN.fullmatch(arn)
    if found is None or (found[1] == "kinesis") != (found[3] == "stream"):
        raise ValueError(arn)
    return found[1], found[2], found[4]


class Kinesis:
    """``PutRecords``, partitioned by the endpoint's id: one endpoint's records are in one shard, in their order."""

    line_bytes = KINESIS_LINE_BYTES

    def __init__(self, *, arn: str, account: Account) -> None:
        self._arn = arn
        self._client = _client("kinesis", account)

    def put(self, parcel: Parcel) -> None:
        _put_in_waves(parcel, self._call, size=_KINESIS_BYTES)

    def _call(self, lines: Sequence[Line]) -> list[str]:
        records = [{"Data": line.data, "PartitionKey": line.key or parcel_key(line)} for line in lines]
        answer = self._client.put_records(StreamARN=self._arn, Records=records)
        return [_refusal(one) for one in answer["Records"]]

    def close(self) -> None:
        self._client.close()


class Firehose:
    """``PutRecordBatch``; Firehose puts a call's records one after the other, so they end with a newline."""

    line_bytes = FIREHOSE_LINE_BYTES

    def __init__(self, *, name: str, account: Account) -> None:
        self._name = name
        self._client = _client("firehose", account)

    def put(self, parcel: Parcel) -> None:
        _put_in_waves(parcel, self._call, size=_FIREHOSE_BYTES)

    def _call(self, lines: Sequence[Line]) -> list[str]:
        answer = self._client.put_record_batch(DeliveryStreamName=self._name, Records=[{"Data": line.data} for line in lines])
        return [_refusal(one) for one in answer["RequestResponses"]]

    def close(self) -> None:
        self._client.close()


class S3Files:
    """gzip JSON lines, an object for each hour of a parcel."""

    line_bytes = 0

    def __init__(self, *, bucket: str, prefix: str, account: Account) -> None:
        self._bucket, self._prefix = bucket, prefix
        self._client = _client("s3", account)

    def put(self, parcel: Parcel) -> None:
        for hour, lines in by_hour(parcel.lines).items():
            body = gzip.compress(b"".join(lines), mtime=0)
            try:
                self._client.put_object(
                    Bucket=self._bucket, Key=self._prefix + file_name(parcel, hour), Body=body, ContentType="application/gzip"
                )
            except (botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError) as error:
                raise DestinationFailed(_said(error)) from error

    def close(self) -> None:
        self._client.close()


def parcel_key(line: Line) -> str:
    """A partition for what belongs to no endpoint: any, but the same when it is put again."""
    return f"{line.at.timestamp():.6f}"


def _put_in_waves(parcel: Parcel, call: Callable[[Sequence[Line]], list[str]], *, size: int) -> None:
    with concurrent.futures.ThreadPoolExecutor(IN_FLIGHT) as pool:
        for wave in waves(parcel.lines):
            calls = [pool.submit(_put_all, call, some) for some in batches(wave, count=_COUNT, size=size)]
            done, _waiting = concurrent.futures.wait(calls, return_when=concurrent.futures.FIRST_EXCEPTION)
            for one in calls:
                one.cancel()  # those that were not begun, after a failure
            for one in done:
                one.result()
            for one in calls:
                if not one.cancelled():
                    one.result()


def _put_all(call: Callable[[Sequence[Line]], list[str]], lines: Sequence[Line]) -> None:
    """Put some lines, and again those of them that were refused. Raises ``DestinationFailed``."""
    left = list(lines)
    for pause in (*_PAUSES, None):
        try:
            refusals = call(left)
        except (botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError) as error:
            raise DestinationFailed(_said(error)) from error
        said = next((one for one in refusals if one), "")
        left = [line for line, refusal in zip(left, refusals, strict=True) if refusal]
        if not left:
            return
        if pause is None:
            raise DestinationFailed(f"{len(left)} of {len(lines)} records were refused: {said}")
        time.sleep(pause)


def _refusal(answer: dict[str, Any]) -> str:
    """Empty for a record that was taken."""
    code = answer.get("ErrorCode")
    return f"{code}: {answer.get('ErrorMessage', '')}" if code else ""


def _said(error: Exception) -> str:
    if isinstance(error, botocore.exceptions.ClientError):
        answer = error.response["Error"]
        return f"{answer['Code']}: {answer.get('Message', '')}"
    return str(error)


def _client(service: str, account: Account) -> Any:
    """Raises ``DestinationFailed``."""
    if not (account.access_key_id or account.role_arn):
        raise DestinationFailed("there are neither keys nor a role")
    endpoint = settings.EVENT_STREAM_ENDPOINT_URL or (settings.S3_ENDPOINT_URL if service == "s3" else None)
    config = botocore.config.Config(
        connect_timeout=_CONNECT_SECONDS, read_timeout=_READ_SECONDS, retries={"total_max_attempts": 2, "mode": "standard"},
        max_pool_connections=IN_FLIGHT, parameter_validation=False,
        s3={"addressing_style": "path"} if endpoint else {},
    )  # fmt: skip
    session: Any = boto3.session.Session()  # of its own: the shared one is not safe for threads
    try:
        keys = _keys(session, account)
        return session.client(service, region_name=account.region, endpoint_url=endpoint, config=config, **keys)
    except (botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError, ValueError) as error:
        raise DestinationFailed(_said(error)) from error


def _keys(session: Any, account: Account) -> dict[str, str]:
    keys: dict[str, str] = {}
    if account.access_key_id:
        keys = {"aws_access_key_id": account.access_key_id, "aws_secret_access_key": account.secret_access_key}
    if not account.role_arn:
        return keys
    config = botocore.config.Config(connect_timeout=_CONNECT_SECONDS, read_timeout=_READ_SECONDS, retries={"max_attempts": 3})
    endpoint = settings.EVENT_STREAM_ENDPOINT_URL
    sts = session.client("sts", region_name=account.region, endpoint_url=endpoint, config=config, **keys)
    given = sts.assume_role(
        RoleArn=account.role_arn, RoleSessionName=f"pabal-{account.external_id[:16]}", ExternalId=account.external_id,
        DurationSeconds=_SESSION_SECONDS,
    )["Credentials"]  # fmt: skip
    return {
        "aws_access_key_id": given["AccessKeyId"], "aws_secret_access_key": given["SecretAccessKey"],
        "aws_session_token": given["SessionToken"],
    }  # fmt: skip
