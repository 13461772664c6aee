"""SQL functions that read an instant or a number out of an attribute's text, and give NULL for any other text.

A plain cast raises on the first value that is not a date, and the order in which PostgreSQL evaluates conditions is its own, so
that a guard beside the cast guards nothing.
"""

from __future__ import annotations

from django.db import migrations

# ISO 8601: a bare date is 00:00:00 UTC, and so is a time without a zone. Declared immutable although the cast is only stable:
# with an ISO date and an explicit zone the result depends on no setting.
_INSTANT = r"""
CREATE FUNCTION pabal_instant(value text) RETURNS timestamptz
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $body$
DECLARE
    year integer; month integer; day integer;
BEGIN
    IF value !~ ('^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])'
                 '([T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,9})?)?(Z|[+-](0[0-9]|1[0-4])(:?[0-5][0-9])?)?)?$')
    THEN
        RETURN NULL;
    END IF;
    year := substr(value, 1, 4)::integer;
    month := substr(value, 6, 2)::integer;
    day := substr(value, 9, 2)::integer;
    IF year = 0 OR day > (CASE
        WHEN month IN (4, 6, 9, 11) THEN 30
        WHEN month <> 2 THEN 31
        WHEN year % 4 = 0 AND (year % 100 <> 0 OR year % 400 = 0) THEN 29
        ELSE 28 END)
    THEN
        RETURN NULL;
    END IF;
    IF length(value) = 10 THEN
        RETURN (value || 'T00:00:00Z')::timestamptz;
    ELSIF substr(value, 11) ~ '[Z+-]' THEN
        RETURN value::timestamptz;
    END IF;
    RETURN (value || 'Z')::timestamptz;
END
$body$
"""
_NUMBER = r"""
CREATE FUNCTION pabal_number(value text) RETURNS numeric
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $body$
BEGIN
    IF length(value) > 60 OR value !~ '^[+-]?[0-9]+([.][0-9]+)?([eE][+-]?[0-9]{1,2})?$' THEN
        RETURN NULL;
    END IF;
    RETURN value::numeric;
END
$body$
"""


class Migration(migrations.Migration):
    dependencies = [("endpoints", "0001_initial")]

    operations = [
        migrations.RunSQL(_INSTANT, "DROP FUNCTION pabal_instant(text)"),
        migrations.RunSQL(_NUMBER, "DROP FUNCTION pabal_number(text)"),
    ]
