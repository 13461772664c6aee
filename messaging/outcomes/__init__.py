"""What becomes of messages, as others tell it: Amazon SES by SNS, signed callbacks, and mails in a bounce mailbox, all as ``Report``."""

from messaging.outcomes.report import Report, ReportKind

__all__ = ["Report", "ReportKind"]
