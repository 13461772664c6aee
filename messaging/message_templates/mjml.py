"""MJML to HTML. Nothing is loaded from elsewhere: no includes, no fonts."""

from __future__ import annotations

import re

from django.utils.translation import gettext as _
from mjml import mjml2html

from messaging.message_templates.refusals import DocumentRefused

# The compiler calls itself for each tag within a tag, and takes the whole process down when its stack is full (seen from 1,300
# mj-wrapper in each other on). No depth is greater than the number of tags, and no cleverness within a design changes that.
MJML_TAGS_LIMIT, TAGS_LIMIT = 800, 5_000

_START = re.compile(r"\s*(?:<!--[^>]*-->\s*)?<mjml\b", re.IGNORECASE)


def compiled(source: str) -> str:
    """Raises ``DocumentRefused`` for what is no MJML."""
    mjml_tags = len(re.findall(r"<mj", source, re.IGNORECASE))
    if mjml_tags > MJML_TAGS_LIMIT or source.count("<") > 2 * TAGS_LIMIT:
        raise DocumentRefused(
            _("The design has %(count)s parts; at most %(limit)s are possible.") % {"count": mjml_tags, "limit": MJML_TAGS_LIMIT},
            part="Pabal.Mjml",
        )
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
