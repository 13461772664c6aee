"""What the audit trail says of the weekly report, in words."""

from __future__ import annotations

from django.utils.translation import gettext_noop as _

SENTENCES = {
    "report.chosen": _("%(who)s chose who gets the weekly report: %(readers)s."),
    "report.turned_off": _("%(who)s gets the weekly report no more, by the link in the mail."),
}
