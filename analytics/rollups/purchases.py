"""Purchases counted again from their events, as ``analytics.events.Purchase`` reads each of them."""

from __future__ import annotations

from analytics.events import MOST_MONEY, MOST_PIECES, PRODUCT_LENGTH

_NUMBER = "CASE jsonb_typeof(data->'metrics'->'{name}') WHEN 'number' THEN (data->'metrics'->>'{name}')::numeric END"
_TEXT = "CASE jsonb_typeof(data->'attributes'->'{name}') WHEN 'string' THEN data->'attributes'->>'{name}' ELSE '' END"


def of(events: str, columns: str) -> str:
    """Of each event of ``events`` (FROM … WHERE …) these columns, and currency, product, quantity and amount."""
    return f"""
        SELECT told.*, round(CASE WHEN abs(price) < {MOST_MONEY} AND abs(price * pieces) < {MOST_MONEY} THEN price * pieces ELSE 0 END, 4)
                       AS amount, round(pieces, 4) AS quantity
          FROM (SELECT said.*, CASE WHEN many > 0 AND many < {MOST_PIECES} THEN many ELSE 1 END AS pieces
                  FROM (SELECT {columns}, coalesce({_NUMBER.format(name="_item_price")}, 0) AS price,
                               coalesce({_NUMBER.format(name="_quantity")}, 1) AS many,
                               CASE WHEN {_TEXT.format(name="_currency")} ~ '^[A-Za-z]{{3}}$'
                                    THEN upper({_TEXT.format(name="_currency")}) ELSE '' END AS currency,
                               left({_TEXT.format(name="_product_id")}, {PRODUCT_LENGTH}) AS product
                          {events}) AS said) AS told
    """
