"""Glue and Athena by boto3, with the machine's own keys, as the lake's bucket is opened.

Another address than AWS's own: boto3's ``AWS_ENDPOINT_URL_GLUE`` and ``AWS_ENDPOINT_URL_ATHENA``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import boto3
import botocore.config
import botocore.exceptions

_CREATED_AT_ONCE, _DELETED_AT_ONCE = 100, 25  # partitions of a call
_PAGE = 1_000  # rows of an answer
_LIMITS = botocore.config.Config(connect_timeout=5, read_timeout=20, retries={"max_attempts": 3, "mode": "standard"})


class AwsFailed(Exception):
    """What AWS answered, or (``is_answer`` is False) that it did not: then it may have done what it was asked."""

    def __init__(self, message: str, *, is_answer: bool = True) -> None:
        super().__init__(message)
        self.is_answer = is_answer


@dataclass(frozen=True, slots=True)
class Partition:
    """``values``: of the partition's columns, in their order; ``location``: the folder with its list of files."""

    values: tuple[str, ...]
    location: str


@dataclass(frozen=True, slots=True)
class Execution:
    """``state``: QUEUED, RUNNING, SUCCEEDED, FAILED or CANCELLED; ``scanned``: bytes that are paid for."""

    state: str
    reason: str
    scanned: int
    milliseconds: int


class Glue:
    """The catalog's database and one table of it."""

    def __init__(self, *, database: str, table: str) -> None:
        self._client = _client("glue")
        self._database, self._table = database, table

    def ensure_table(self, description: dict[str, Any]) -> None:
        """Make the database and the table, or make the table what ``description`` (a TableInput without its name) says."""
        wanted = description | {"Name": self._table}
        with _faults():
            _unless_there(lambda: self._client.create_database(DatabaseInput={"Name": self._database}))
            if _unless_there(lambda: self._client.create_table(DatabaseName=self._database, TableInput=wanted)):
                return
            held = self._client.get_table(DatabaseName=self._database, Name=self._table)["Table"]
            if any(held.get(name) != value for name, value in wanted.items()):
                self._client.update_table(DatabaseName=self._database, TableInput=wanted)

    def create_partitions(self, partitions: Sequence[Partition], storage: dict[str, Any]) -> None:
        """Those that are there already stay as they are."""
        for at in range(0, len(partitions), _CREATED_AT_ONCE):
            some = partitions[at : at + _CREATED_AT_ONCE]
            given = [{"Values": list(one.values), "StorageDescriptor": storage | {"Location": one.location}} for one in some]
            with _faults():
                answer = self._client.batch_create_partition(
                    DatabaseName=self._database, TableName=self._table, PartitionInputList=given
                )
            _raise_but(answer, "AlreadyExistsException")

    def delete_partitions(self, partitions: Sequence[tuple[str, ...]]) -> None:
        """Those that are gone already are no fault."""
        for at in range(0, len(partitions), _DELETED_AT_ONCE):
            given = [{"Values": list(values)} for values in partitions[at : at + _DELETED_AT_ONCE]]
            with _faults():
                answer = self._client.batch_delete_partition(
                    DatabaseName=self._database, TableName=self._table, PartitionsToDelete=given
                )
            _raise_but(answer, "EntityNotFoundException")


class Athena:
    """Queries of one workgroup, their answers below ``output`` (``s3://…``; empty: as the workgroup says)."""

    def __init__(self, *, workgroup: str, output: str) -> None:
        self._client = _client("athena")
        self._given: dict[str, Any] = {"WorkGroup": workgroup}
        if output:
            self._given["ResultConfiguration"] = {"OutputLocation": output}

    def start(self, *, sql: str, token: str) -> str:
        """The execution's id. Said again with the same ``token`` (32 characters or more) it is the same execution."""
        with _faults():
            return str(
                self._client.start_query_execution(QueryString=sql, ClientRequestToken=token, **self._given)["QueryExecutionId"]
            )

    def state(self, execution_id: str) -> Execution:
        with _faults():
            found = self._client.get_query_execution(QueryExecutionId=execution_id)["QueryExecution"]
        status, figures = found["Status"], found.get("Statistics", {})
        return Execution(
            status["State"], status.get("StateChangeReason", ""), figures.get("DataScannedInBytes", 0),
            figures.get("EngineExecutionTimeInMillis", 0),
        )  # fmt: skip

    def rows(self, execution_id: str, *, limit: int) -> Iterator[list[str | None]]:
        """The names of the columns, then at most so many rows; texts, or None."""
        given: dict[str, Any] = {"QueryExecutionId": execution_id, "MaxResults": _PAGE}
        left = limit + 1
        while True:
            with _faults():
                answer = self._client.get_query_results(**given)
            for row in answer["ResultSet"]["Rows"][:left]:
                yield [cell.get("VarCharValue") for cell in row["Data"]]
            left -= len(answer["ResultSet"]["Rows"])
            if left <= 0 or not answer.get("NextToken"):
                return
            given["NextToken"] = answer["NextToken"]

    def stop(self, execution_id: str) -> None:
        with _faults():
            self._client.stop_query_execution(QueryExecutionId=execution_id)


def _client(service: str) -> Any:
    session: Any = boto3.session.Session()
    return session.client(service, config=_LIMITS)


class _faults:
    """What boto3 raises, as ``AwsFailed``."""

    def __enter__(self) -> None: ...

    def __exit__(self, _kind: object, fault: BaseException | None, _where: object) -> None:
        if isinstance(fault, botocore.exceptions.ClientError):
            error = fault.response["Error"]
            raise AwsFailed(f"{error.get('Code')}: {error.get('Message')}") from fault
        if isinstance(fault, botocore.exceptions.BotoCoreError):
            raise AwsFailed(str(fault), is_answer=False) from fault


def _unless_there(make: Any) -> bool:
    """Whether it was made; False: it was there."""
    try:
        make()
    except botocore.exceptions.ClientError as error:
        if error.response["Error"]["Code"] != "AlreadyExistsException":
            raise
        return False
    return True


def _raise_but(answer: dict[str, Any], harmless: str) -> None:
    for one in answer.get("Errors", ()):
        detail = one["ErrorDetail"]
        if detail["ErrorCode"] != harmless:
            raise AwsFailed(f"{detail['ErrorCode']}: {detail.get('ErrorMessage')}")
