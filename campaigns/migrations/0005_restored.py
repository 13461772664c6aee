from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0004_limits")]

    operations = [
        migrations.AddField("campaign", "restored_from", models.DateTimeField(blank=True, null=True)),
        migrations.AlterField(
            "winnertest",
            "why",
            models.CharField(
                blank=True,
                choices=[
                    ("BEST", "the best figures"),
                    ("TIE", "no treatment was better than the others, so the default one was taken"),
                    ("NO_DATA", "nobody had reacted yet, so the default one was taken"),
                    ("BY_HAND", "chosen by hand"),
                    ("LOST", "given up after a restore: it may have gone to the others already"),
                ],
                max_length=7,
            ),
        ),
    ]
