"""A mail looked at before it is sent: what a filter, a mail program or the law would find. Each remark says what to do."""

from messaging.inspection.inbox import CLIPPED_AT, Inbox, inbox
from messaging.inspection.remarks import find_remarks

__all__ = ["CLIPPED_AT", "Inbox", "find_remarks", "inbox"]
