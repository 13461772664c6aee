from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("projects", "0003_place")]

    operations = [migrations.AddField("project", "needs_approval", models.BooleanField(default=False, db_default=False))]
