"""Answers that are kept a while: a picture is drawn of one, and a dashboard opens, without asking the lake again."""

from __future__ import annotations

import datetime
import hashlib
import json
import zlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from analytics.lake import sql as lake
from analytics.lake.catalog import Column
from console.models import DashboardTile, KeptAnswer

ROWS, BYTES = 2_000, 512 << 10  # of an answer that is kept
_UNUSED = datetime.timedelta(hours=1)  # an answer that no dashboard shows


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of an answer: its first rows (``is_cut``: there were more), or why there is none."""

    columns: list[Column]
    rows: list[list[Any]]
    is_cut: bool
    seconds: float
    made_at: datetime.datetime
    refusal: Mapping[str, Any]

    @property
    def names_people(self) -> bool:
        return any(column.name in lake.PEOPLE for column in self.columns)

    @property
    def failure(self) -> str:
        """The refusal's sentence, in the reader's language."""
        return lake.sentence(self.refusal["code"], self.refusal["params"]) if self.refusal else ""


def key_of(*, sql: str, parameters: Mapping[str, str]) -> str:
    """The same for the same query with the same values."""
    asked = json.dumps([sql, sorted(parameters.items())], ensure_ascii=False)
    return hashlib.sha256(asked.encode("utf-8", "surrogatepass")).hexdigest()


def keep(*, project_id: int, key: str, answer: lake.Answer | lake.SqlRefused, now: datetime.datetime) -> None:
    """Keep an answer in the place of an older one. A refusal is kept, too: it is not asked for again and again."""
    values: dict[str, Any] = {"made_at": now, "seconds": 0.0, "refusal": {}, "body": b""}
    if isinstance(answer, lake.SqlRefused):
        values["refusal"] = {"code": answer.code, "params": answer.params, "detail": answer.detail.replace("\0", "")}
    else:
        values |= {"seconds": answer.seconds, "body": _packed(answer)}
    KeptAnswer.objects.update_or_create(project_id=project_id, key=key, defaults=values)


def kept(*, project_id: int, keys: Collection[str]) -> dict[str, Kept]:
    """What is kept, by key. One query."""
    rows = KeptAnswer.objects.filter(project_id=project_id, key__in=keys)
    return {row.key: _unpacked(row) for row in rows}


def sweep(*, now: datetime.datetime) -> int:
    """Forget answers that no dashboard shows."""
    tiles = DashboardTile.objects.select_related("query").values_list("query__project_id", "query__sql", "query__parameters")
    shown = {(project_id, key_of(sql=sql, parameters=parameters)) for project_id, sql, parameters in tiles.distinct()}
    old = KeptAnswer.objects.filter(made_at__lt=now - _UNUSED).values_list("pk", "project_id", "key")
    gone = [pk for pk, project_id, key in old if (project_id, key) not in shown]
    KeptAnswer.objects.filter(pk__in=gone).delete()
    return len(gone)


def _packed(answer: lake.Answer) -> bytes:
    lines: list[str] = []
    size = 0
    for row in answer.rows[:ROWS]:
        line = json.dumps(row, ensure_ascii=False)
        size += len(line)
        if size > BYTES:
            break
        lines.append(line)
    columns = json.dumps([[column.name, column.type] for column in answer.columns], ensure_ascii=False)
    is_cut = json.dumps(answer.is_cut or len(lines) < len(answer.rows))
    text = f'{{"columns": {columns}, "is_cut": {is_cut}, "rows": [{", ".join(lines)}]}}'
    return zlib.compress(text.encode("utf-8", "surrogatepass"), 1)


def _unpacked(row: KeptAnswer) -> Kept:
    said: dict[str, Any] = {"columns": [], "rows": [], "is_cut": False}
    if row.body:
        said = json.loads(zlib.decompress(bytes(row.body)).decode("utf-8", "surrogatepass"))
    columns: Sequence[Sequence[str]] = said["columns"]
    return Kept(
        [Column(name, kind) for name, kind in columns], said["rows"], said["is_cut"], row.seconds, row.made_at, row.refusal
    )
