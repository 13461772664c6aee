"""The inverted index: for each (project, subject, value) the bitmap of the endpoints that carry it, exact at every moment.

Writers call ``Changes`` (or, where speed does not matter, ``tracked``) in their own transaction; readers call ``read``. Base bitmaps lie
in chunks of the id space (``FacetChunk``), what was written since in small append-only rows (``FacetDelta``), which ``fold`` folds in.
"""

from endpoints.facets.changes import Changes, given_up
from endpoints.facets.reading import Facet, Snapshot, moment, read
from endpoints.facets.subjects import ADDRESS, EVERYONE, SHARED, STANDARD_NAMES, Subject, SubjectKind, number_text, values_of
from endpoints.facets.tracking import tracked

__all__ = [
    "ADDRESS",
    "EVERYONE",
    "SHARED",
    "STANDARD_NAMES",
    "Changes",
    "Facet",
    "Snapshot",
    "Subject",
    "SubjectKind",
    "given_up",
    "moment",
    "number_text",
    "read",
    "tracked",
    "values_of",
]
