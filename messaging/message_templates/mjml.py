"""MJML to HTML. Nothing is loaded from elsewhere: no includes, no fonts."""

from __future__ import annotations

import re

from django.utils.translation import gettext as _
from mjml import mjml2html

from messaging.message_templates.refusals import DocumentRefused

# The compiler calls itself for each tag within a tag, and takes the whole process down when its stack is full (seen with 2,000
# mj-wrapper in each other, and with 9,000 <b>). No depth is greater than the number of tags, and no cleverness changes that.
MJML_TAGS_LIMIT, TAGS_LIMIT = 800, 6_000  # those that open; those that open or close

_START = re.compile(r"\s*(?:<!--[^>]*-->\s*)?<mjml\b", re.IGNORECASE)


def compiled(source: str) -> str:
    """Raises ``DocumentRefused`` for what is no MJML."""
    for count, limit in ((len(re.findall(r"<mj", source, re.IGNORECASE)), MJML_TAGS_LIMIT), (source.count("<"), TAGS_LIMIT)):
        if count > limit:
            given = {"count": f"{count:,}", "limit": f"{limit:,}"}
            raise DocumentRefused(_("The design has %(count)s parts; at most %(limit)s are possible.") % given, part="Pabal.Mjml")
    if re.search(r"<mj-include\b", source, re.IGNORECASE):
        raise DocumentRefused(_("mj-include is not possible: put what is included here."), part="Pabal.Mjml")
    if not _START.match(source):
        raise DocumentRefused(_("This is no MJML: it begins with <mjml> and ends with </mjml>."), part="Pabal.Mjml")
    try:
        return str(mjml2html(source, fonts={}))
    except ValueError as error:
        raise DocumentRefused(
            _("The design can't be read as MJML (%(reason)s).") % {"reason": error}, part="Pabal.Mjml"
        ) from error
