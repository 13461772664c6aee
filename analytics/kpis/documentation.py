"""The declarations as a page for people."""

from __future__ import annotations

from analytics.kpis.declarations import KPIS, Kpi, Scope
from analytics.ports import metric_documents

_HEAD = """# Metrics

Made from the declarations in `analytics/kpis/declarations.py` by `manage.py metrics --write`; a test keeps it so.

Every number is computed from counters (by hour) and sets of endpoints (by day, UTC) that are written with the events, at once and
for as long as the installation keeps them: there is no delay and no end after 90 days. `manage.py rollups verify` compares them with
the events.

- A range of time is inclusive; it counts the hours, and of distinct endpoints the days, that it touches. Default: the last 31 days.
- Opens and clicks count those of people, of mail providers' proxies and of unknown programs, not those of link scanners.
- A group of which nothing is known has no row, and neither has a ratio whose divisor is nothing.
- Ratios are fractions from 0 to 1. Prices are in thousandths of a US cent.
- A mail is one `_email.send`, however often it was tried. A refusal while it is sent is a send and a bounce.
- *Distinct endpoints a run* are added up over runs: somebody who opened two campaigns' mails opened two mails.
"""

_TITLES = {
    Scope.APPLICATION: ("Of a project", "Campaigns' numbers count campaigns, those named `txn-` what no campaign and no journey sent."),
    Scope.CAMPAIGN: ("Of a campaign", "*Campaign activity* is a run."),
    Scope.JOURNEY: ("Of a journey", "*Journey activity* is a step that sends."),
}  # fmt: skip


def metrics_document() -> str:
    parts = [_HEAD]
    for scope, (title, remark) in _TITLES.items():
        found = KPIS[scope].values()
        parts.append(f"\n## {title}: {len(found)}, `{scope.value}`\n\n{remark}\n\n")
        parts.append("| name | value | formula | by | unit |\n|---|---|---|---|---|\n")
        parts += [_line(one) for one in found]
    return "".join([*parts, *metric_documents.call()])


def _line(kpi: Kpi) -> str:
    by = f"`{kpi.grain.key}`" if kpi.grain.key else ""
    return f"| `{kpi.name}` | `{kpi.value_key}` | {kpi.measure.formula} | {by} | {kpi.unit.value} |\n"
