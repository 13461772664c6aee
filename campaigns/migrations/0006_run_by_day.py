from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("campaigns", "0005_restored")]

    operations = [AddIndexConcurrently("run", models.Index(fields=["project", "due_at"], name="run_by_day"))]
