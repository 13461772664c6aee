"""What the SQL editor completes: the tables that there are, with their columns."""

from __future__ import annotations

import json
from collections.abc import Sequence

from analytics.lake import catalog, own_tables
from analytics.lake.catalog import Table
from analytics.models import LakeTransform
from analytics.transforms.windows import HISTORY


def tables_of(*, project_id: int, but: LakeTransform | None = None) -> list[Table]:
    """The lake's tables, and the project's own before them."""
    own = [own_tables.table_of(one) for one in own_tables.of_project(project_id=project_id) if one != but]
    return [*own, *catalog.tables()]


def words(tables: Sequence[Table], *, with_history: bool = False) -> str:
    """As the editor takes them. ``with_history``: after ``history.`` come the tables."""
    found = [{"name": one.name, "columns": [{"name": each.name, "type": each.type} for each in one.columns]} for one in tables]
    if with_history:
        found.append({"name": HISTORY, "columns": [{"name": one.name, "type": "table"} for one in tables]})
    return json.dumps(found)
