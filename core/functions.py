"""Lambda functions by boto3, with the installation's own keys: so only those that its operator lists. The only module here that knows
boto3."""

from __future__ import annotations

import functools
from typing import Any

import boto3
import botocore.config
import botocore.exceptions
from django.conf import settings


class FunctionFailed(Exception):
    """No usable answer. ``was_sent``: the function may have run."""

    def __init__(self, message: str, *, was_sent: bool) -> None:
        super().__init__(message)
        self.was_sent = was_sent


def is_allowed(function: str) -> bool:
    return function in settings.HOOK_FUNCTIONS


@functools.cache
def _client(endpoint: str | None, seconds: float) -> Any:
    config = botocore.config.Config(
        connect_timeout=5, read_timeout=seconds, retries={"total_max_attempts": 1}, parameter_validation=False
    )  # fmt: skip
    return boto3.client("lambda", endpoint_url=endpoint, config=config)


def invoke(function: str, payload: bytes, *, seconds: float) -> bytes:
    """Run a function and wait for what it returns. Raises ``FunctionFailed``."""
    if not is_allowed(function):
        raise FunctionFailed(f"the function {function} is not allowed", was_sent=False)
    try:
        answer = _client(settings.LAMBDA_ENDPOINT_URL, seconds).invoke(FunctionName=function, Payload=payload)
        body: bytes = answer["Payload"].read()
    except (botocore.exceptions.EndpointConnectionError, botocore.exceptions.NoCredentialsError) as error:
        raise FunctionFailed(str(error), was_sent=False) from error
    except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError) as error:
        raise FunctionFailed(str(error), was_sent=True) from error
    if answer.get("FunctionError"):
        raise FunctionFailed(f"the function failed: {answer['FunctionError']}", was_sent=True)
    return body
