"""The bucket with the sample files on the local S3, which forgets everything when it stops."""

from __future__ import annotations

from pathlib import Path

import boto3
import botocore.config

BUCKET = "sample-audience"
FILES = ("members.csv", "members.jsonl", "broken.csv")


def fill_bucket(*, endpoint_url: str, folder: Path) -> None:
    """Make the bucket and put the samples in, as often as one likes."""
    config = botocore.config.Config(retries={"max_attempts": 10, "mode": "standard"}, connect_timeout=2)
    client = boto3.client(
        "s3",
        endpoint_url=endpoint_url,
        region_name="us-east-1",
        aws_access_key_id="demo",
        aws_secret_access_key="demo",
        config=config,
    )
    client.create_bucket(Bucket=BUCKET)
    for name in FILES:
        if (folder / name).exists():
            client.upload_file(str(folder / name), BUCKET, name)
