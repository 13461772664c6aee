"""Whether an attribute's values look like dates: more than half of a sample do."""

from __future__ import annotations

import re
from collections.abc import Iterable

_DATE = re.compile(r"\d{4}-\d\d-\d\d(T[\d:.]+(Z|[+-]\d\d:?\d\d)?)?\Z")
SAMPLE = 1000  # values are enough


def look_like_dates(values: Iterable[str]) -> bool:
    seen = dates = 0
    for value in values:
        seen += 1
        dates += bool(_DATE.match(value))
    return dates * 2 > seen
