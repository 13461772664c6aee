"""DuckDB's SQL as Athena understands it, over one project's events and nobody else's.

sqlglot parses, resolves and writes it; what it does not know of this house is done here: maps answer NULL for a key that they don't
have, GROUP BY ALL and ORDER BY ALL are written out, and the tables are what ``analytics.lake.catalog`` says, of one project.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import sqlglot
from django.utils.translation import gettext as _
from sqlglot import exp
from sqlglot.errors import ErrorLevel, SqlglotError
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import traverse_scope

from analytics.lake import catalog
from core.errors import Refusal

Value = str | int | float
_CALLED = re.compile(r"[a-z0-9_]+").fullmatch


class NotTranslated(Refusal):
    """The query can't be said to Athena; the sentence says what of it, or what the parser says."""


def to_athena(*, sql: str, parameters: Mapping[str, Value], app_id: str, database: str) -> str:
    """One SELECT in Athena's words. ``sql``: DuckDB's, with ``$name`` for parameters; ``database``: of Glue. Raises ``NotTranslated``."""
    found = _parsed(sql)
    used = _tables(found)
    _bind(found, parameters)
    try:
        found = qualify(found, dialect="duckdb", schema=_schema(), quote_identifiers=False)
        for select in found.find_all(exp.Select):
            _group_by_all(select)
            _order_by_all(select)
        found = found.transform(_no_median).transform(_plain)
        wanted = _views(used, app_id, database)
        text = _with(found, wanted).sql("athena", unsupported_level=ErrorLevel.RAISE)
        checked = sqlglot.parse(text, read="athena")
    except SqlglotError as fault:
        raise NotTranslated(_("The query can't be translated for Athena: %(why)s") % {"why": _why(fault)}) from fault
    _check(checked, database)
    return text


def _parsed(sql: str) -> exp.Expr:
    try:
        statements = sqlglot.parse(sql, read="duckdb")
    except SqlglotError as fault:
        raise NotTranslated(_("The query can't be translated for Athena: %(why)s") % {"why": _why(fault)}) from fault
    if len(statements) != 1 or not isinstance(statements[0], exp.Query) or not statements[0].selects:
        raise NotTranslated(_("A query is one SELECT."))
    return statements[0]


def _tables(found: exp.Expr) -> set[str]:
    """The tables of the lake that are asked; whatever else is named is refused."""
    known = {one.name for one in catalog.tables()}
    own = {one.alias.lower() for one in found.find_all(exp.CTE)}
    if clash := sorted(own & known):
        raise NotTranslated(_("“%(name)s” is a table of the lake. Call what WITH makes otherwise.") % {"name": clash[0]})
    used = set()
    for one in _real_tables(found):
        name = one.name.lower()
        if not isinstance(one.this, exp.Identifier) or one.args.get("db") or one.args.get("catalog") or name not in known:
            raise NotTranslated(_("There is no table “%(name)s” in the lake.") % {"name": one.sql("duckdb")[:60]})
        used.add(name)
    return used


def _real_tables(found: exp.Expr) -> list[exp.Table]:
    """Those that are no query of WITH where they stand, however nested."""
    return [source for scope in traverse_scope(found) for source in scope.sources.values() if isinstance(source, exp.Table)]


def _bind(found: exp.Expr, parameters: Mapping[str, Value]) -> None:
    for one in [*found.find_all(exp.Placeholder), *found.find_all(exp.Parameter)]:
        if one.name not in parameters:
            raise NotTranslated(_("Give a value for “%(name)s”.") % {"name": one.name or "?"})
        value = parameters[one.name]
        one.replace(exp.Literal.string(value) if isinstance(value, str) else exp.Literal.number(str(value)))


def _schema() -> dict[str, object]:
    return {table.name: {column.name: column.type for column in table.columns} for table in catalog.tables()}


def _group_by_all(select: exp.Select) -> None:
    group = select.args.get("group")
    if group is None or not group.args.get("all"):
        return
    told = [one.unalias() for one in select.selects]
    keys = [one.copy() for one in told if not any(not isinstance(agg.parent, exp.Window) for agg in one.find_all(exp.AggFunc))]
    select.set("group", exp.Group(expressions=keys) if keys else None)


def _order_by_all(select: exp.Select) -> None:
    order = select.args.get("order")
    if order is None or len(order.expressions) != 1 or order.expressions[0].this.name.upper() != "ALL":
        return
    one = order.expressions[0]
    told = [one.copy() for _column in select.selects]
    for number, each in enumerate(told, 1):
        each.set("this", exp.Literal.number(number))
    order.set("expressions", told)


def _no_median(node: exp.Expr) -> exp.Expr:
    return exp.ApproxQuantile(this=node.this, quantile=exp.Literal.number("0.5")) if isinstance(node, exp.Median) else node


def _plain(node: exp.Expr) -> exp.Expr:
    if isinstance(node, exp.Bracket) and len(node.expressions) == 1 and not isinstance(node.expressions[0], exp.Slice):
        return exp.Anonymous(this="ELEMENT_AT", expressions=[node.this, node.expressions[0]])
    if isinstance(node, exp.Explode | exp.Unnest) and isinstance(_holder(node), exp.Select):
        example = "FROM all_events CROSS JOIN UNNEST(map_keys(attributes)) AS t(name)"
        raise NotTranslated(_("Write UNNEST as a join for Athena: %(example)s") % {"example": example})
    return node


def _holder(node: exp.Expr) -> exp.Expr | None:
    """What it stands in: a join or FROM, or the columns and conditions of a SELECT."""
    return node.find_ancestor(exp.From, exp.Join, exp.Lateral, exp.Select)


def _views(used: set[str], app_id: str, database: str) -> list[tuple[str, exp.Expr]]:
    if not _CALLED(database) or not re.fullmatch(r"[0-9a-f]{32}", app_id):
        raise ValueError("the database and the project are named otherwise")
    columns = ["type AS event_type" if column.name == "event_type" else column.name for column in catalog.tables()[0].columns]
    everything = f"SELECT {', '.join(columns)} FROM {database}.{catalog.ALL} WHERE project = '{app_id}'"
    found = [(catalog.ALL, everything), *((name, query) for name, query in catalog.views(paths=())[1:] if name in used)]
    return [(name, sqlglot.parse_one(query, read="duckdb").transform(_plain)) for name, query in found]


def _with(found: exp.Expr, views: list[tuple[str, exp.Expr]]) -> exp.Expr:
    assert isinstance(found, exp.Query)
    own = found.args.get("with_") or found.args.get("with")
    before = [exp.CTE(this=query, alias=exp.TableAlias(this=exp.to_identifier(name))) for name, query in views]
    if own is not None:
        own.set("expressions", [*before, *own.expressions])
        return found
    key = "with_" if "with_" in found.arg_types else "with"
    found.set(key, exp.With(expressions=before))
    return found


def _check(statements: list[exp.Expr | None], database: str) -> None:
    """What came out, read again as Athena reads it: one query, and of tables that are none of its own only the project's events."""
    if len(statements) != 1 or not isinstance(statements[0], exp.Query):
        raise NotTranslated(_("A query is one SELECT."))
    found = _real_tables(statements[0])
    if [(one.text("catalog"), one.text("db"), one.name) for one in found] != [("", database, catalog.ALL)]:
        raise NotTranslated(_("The query can't be translated for Athena: %(why)s") % {"why": "tables"})


def _why(fault: SqlglotError) -> str:
    return re.sub(r"\x1b\[\d+m", "", str(fault)).splitlines()[0][:300]
