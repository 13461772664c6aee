"""Purchases in numbers, and those that were made before."""

from django.db import migrations, models

BOUGHT = """
    WITH said AS (
        SELECT project_id, source_kind, coalesce(source_id, 0) AS source_id, coalesce(run_id, 0) AS run_id, treatment, kind,
               date_trunc('hour', occurred_at, 'UTC') AS hour,
               coalesce(CASE jsonb_typeof(data->'metrics'->'_item_price') WHEN 'number'
                        THEN (data->'metrics'->>'_item_price')::numeric END, 0) AS price,
               coalesce(CASE jsonb_typeof(data->'metrics'->'_quantity') WHEN 'number'
                        THEN (data->'metrics'->>'_quantity')::numeric END, 1) AS many,
               CASE WHEN jsonb_typeof(data->'attributes'->'_currency') = 'string' AND data->'attributes'->>'_currency' ~ '^[A-Za-z]{3}$'
                    THEN upper(data->'attributes'->>'_currency') ELSE '' END AS currency,
               left(CASE jsonb_typeof(data->'attributes'->'_product_id') WHEN 'string'
                    THEN data->'attributes'->>'_product_id' ELSE '' END, 200) AS product
          FROM analytics_event WHERE kind = 37 AND hit_class <> 3
    ), told AS (
        SELECT said.*, CASE WHEN many > 0 AND many < 1000000000 THEN many ELSE 1 END AS pieces FROM said
    ), bought AS (
        SELECT told.*, round(pieces, 4) AS quantity,
               round(CASE WHEN abs(price) < 1000000000000 AND abs(price * pieces) < 1000000000000
                          THEN price * pieces ELSE 0 END, 4) AS amount
          FROM told
    )
"""
FILL = f"""
{BOUGHT}
INSERT INTO analytics_revenuecounter
       (project_id, source_kind, source_id, run_id, treatment, kind, currency, hour, purchases, quantity, amount)
SELECT project_id, source_kind, source_id, run_id, treatment, kind, currency, hour, count(*), sum(quantity), sum(amount)
  FROM bought GROUP BY 1, 2, 3, 4, 5, 6, 7, 8;
{BOUGHT}
INSERT INTO analytics_productcounter (project_id, hour, kind, currency, product, purchases, quantity, amount)
SELECT project_id, hour, kind, currency, product, count(*), sum(quantity), sum(amount) FROM bought GROUP BY 1, 2, 3, 4, 5;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("analytics", "0023_events_by_kind"),
    ]

    operations = [
        migrations.CreateModel(
            name="ProductCounter",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("project_id", models.BigIntegerField()),
                ("kind", models.SmallIntegerField()),
                ("currency", models.CharField(blank=True, max_length=3)),
                ("product", models.CharField(blank=True, max_length=200)),
                ("hour", models.DateTimeField()),
                ("purchases", models.BigIntegerField(default=0)),
                ("quantity", models.DecimalField(decimal_places=4, default=0, max_digits=24)),
                ("amount", models.DecimalField(decimal_places=4, default=0, max_digits=28)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("project_id", "hour", "kind", "currency", "product"),
                        include=("purchases", "quantity", "amount"),
                        name="product_counter_once",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="RevenueCounter",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("project_id", models.BigIntegerField()),
                ("source_kind", models.SmallIntegerField(choices=[(0, "direct"), (1, "campaign"), (2, "journey")])),
                ("source_id", models.BigIntegerField()),
                ("run_id", models.BigIntegerField()),
                ("treatment", models.SmallIntegerField(default=0)),
                ("kind", models.SmallIntegerField()),
                ("currency", models.CharField(blank=True, max_length=3)),
                ("hour", models.DateTimeField()),
                ("purchases", models.BigIntegerField(default=0)),
                ("quantity", models.DecimalField(decimal_places=4, default=0, max_digits=24)),
                ("amount", models.DecimalField(decimal_places=4, default=0, max_digits=28)),
            ],
            options={
                "indexes": [models.Index(fields=["project_id", "hour"], name="revenue_by_hour")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("project_id", "source_kind", "source_id", "run_id", "treatment", "kind", "currency", "hour"),
                        name="revenue_counter_once",
                    )
                ],
            },
        ),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
    ]
