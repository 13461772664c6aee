"""ARNs in Pinpoint's form: ``arn:aws:mobiletargeting:REGION:ACCOUNT:apps/ID/segments/ID``. Region and account are the installation's."""

from __future__ import annotations

import re
from dataclasses import dataclass

from django.db import connection

from api.identity.sigv4 import SERVICE
from projects.models import Installation

_ARN = re.compile(rf"arn:aws[a-z-]*:{SERVICE}:([a-z0-9-]*):(\d*):(.+)\Z", re.DOTALL)
_ACCOUNT = "SELECT account_id, region FROM projects_installation"  # one row


@dataclass(frozen=True, slots=True)
class Account:
    account_id: str
    region: str

    def arn(self, resource: str) -> str:
        """``resource``: ``apps/ID``, ``apps/ID/campaigns/ID``, ``templates/NAME/EMAIL``."""
        return f"arn:aws:{SERVICE}:{self.region}:{self.account_id}:{resource}"

    def resource(self, arn: str) -> str | None:
        """What an ARN of this installation names; None for any other text."""
        found = _ARN.match(arn)
        return found[3] if found and (found[1], found[2]) == (self.region, self.account_id) else None


def account() -> Account:
    """One statement."""
    with connection.cursor() as cursor:
        cursor.execute(_ACCOUNT)
        found = cursor.fetchone()
    return Account(*found) if found else Account(account_id=Installation().account_id, region=Installation().region)
