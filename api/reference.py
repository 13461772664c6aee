"""docs/api.md: every operation, what serves it and who may call it, from the table in the code."""

from __future__ import annotations

from api.identity.rates import rate_of
from api.operations import GROUPS, TABLE
from api.operations.contract import Entry, Served
from api.protocol.model import model

_HEAD = """# Pinpoint's API

Programs that were written for Amazon Pinpoint change one line, the endpoint URL, and sign with an access key of this installation.
Written by `manage.py api_reference --write`; a test compares it with the code.

```python
import boto3

pinpoint = boto3.client(
    "pinpoint",
    endpoint_url="https://pabal.example.com",
    region_name="ap-northeast-2",
    aws_access_key_id="PABAL…",
    aws_secret_access_key="…",
)
pinpoint.get_apps()
```

Keys are made on the page *Project settings → Access keys*, or by `manage.py create_access_key` (`--account`: for every project and all
templates).
A key has rights (read, write, send) and never does more than its maker may: it is refused when he is no member any more.
Keys for apps and browsers may call PutEvents and UpdateEndpoint of one project.

- Signatures: SigV4 for the service `mobiletargeting`, any region, in the header or in the query; the clock may be wrong by five minutes.
- Errors have Pinpoint's types and bodies; what is not served answers 501 `NotImplementedException` and says so.
- `RateLimit-*` and, with 429, `Retry-After` say what is left; the limits are Pinpoint's of 2023, the setting `API_RATES` changes them.
- `Idempotency-Key`: a call that comes twice within a day under one key is carried out once, and answered the same.

A proxy in front must hand over the path and the host as they came, because both are signed, and bodies of 7 MB. With nginx:

```nginx
location / {
    proxy_pass http://127.0.0.1:8000;  # no path and no slash behind it: nginx would decode %2F
    proxy_set_header Host $http_host;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    proxy_set_header X-Forwarded-Proto $scheme;
    client_max_body_size 8m;
}
```

"""


def text() -> str:
    served = sum(isinstance(entry, Served) for entry in TABLE.values())
    return _HEAD + f"{served} of {len(TABLE)} operations are served.\n\n" + "\n".join(_group(title) for title in GROUPS)


def _group(title: str) -> str:
    lines = [f"## {title}\n", "| operation | address | rights | role | a second | |", "|---|---|---|---|---|---|"]
    for name, entry in GROUPS[title].items():
        operation = model().operations[name]
        lines.append(f"| {name} | {operation.method} `{operation.uri}` | {_who(name, entry)} |")
    return "\n".join(lines) + "\n"


def _who(name: str, entry: Entry) -> str:
    if not isinstance(entry, Served):
        return f"– | – | – | 501: {entry.reason}"
    rights = ", ".join(sorted(right.lower() for right in entry.rights)) + (", app" if entry.for_apps else "")
    said = " ".join((entry.function.__doc__ or "").split("\n\n")[0].split())
    return f"{rights} | {entry.at_least.lower()} | {rate_of(name):,} | {said}"
