"""Whether one of several texts passes, as functions: a subquery about the row would keep a scan from running on several cores.

``pabal_number`` becomes an expression that the planner sees through; it gives what it gave before.
"""

from __future__ import annotations

from django.db import migrations

_EACH = "jsonb_array_elements_text(CASE jsonb_typeof(texts) WHEN 'array' THEN texts ELSE '[]' END) AS it"
_HAS = """
CREATE FUNCTION {name}(texts jsonb, wanted {kind}) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $body$
    SELECT EXISTS (SELECT 1 FROM {each} WHERE {test})
$body$
"""
_TESTS = {
    ("pabal_has_part", "text[]"): "EXISTS (SELECT 1 FROM unnest(wanted) AS part WHERE strpos(it, part) > 0)",
    ("pabal_has_instant", "tstzmultirange"): "pabal_instant(it) <@ wanted",
    ("pabal_has_number", "numrange"): "pabal_number(it) <@ wanted",
}
_NUMBER = r"""
CREATE OR REPLACE FUNCTION pabal_number(value text) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $body$
    SELECT CASE WHEN length(value) <= 60 AND value ~ '^[+-]?[0-9]+([.][0-9]+)?([eE][+-]?[0-9]{1,2})?$' THEN value::numeric END
$body$
"""
_NUMBER_BEFORE = r"""
CREATE OR REPLACE FUNCTION pabal_number(value text) RETURNS numeric
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
    dependencies = [("endpoints", "0008_first_facets")]

    operations = [
        migrations.RunSQL(_NUMBER, _NUMBER_BEFORE),
        *(
            migrations.RunSQL(_HAS.format(name=name, kind=kind, each=_EACH, test=test), f"DROP FUNCTION {name}(jsonb, {kind})")
            for (name, kind), test in _TESTS.items()
        ),
    ]
