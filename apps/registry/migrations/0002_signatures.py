"""Signatures of versions, the keys that made them, and where each pair was published."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("registry", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="SigningKey",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key_id", models.CharField(max_length=64, unique=True)),
                ("public_key", models.CharField(max_length=64)),
                ("created_at", models.DateTimeField()),
                ("created_by", models.CharField(max_length=150)),
                ("current", models.BooleanField(default=True)),
                ("retired_at", models.DateTimeField(null=True)),
                ("retired_by", models.CharField(blank=True, default="", max_length=150)),
            ],
            options={
                "ordering": ["-id"],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("current", True)), fields=("current",), name="signing_key_one_current"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("current", True), ("retired_at__isnull", True), ("retired_by", "")),
                            models.Q(
                                ("current", False),
                                ("retired_at__isnull", False),
                                models.Q(("retired_by", ""), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="signing_key_current_until_retired",
                    ),
                ],
            },
        ),
        migrations.AddField(model_name="modelversion", name="signature", field=models.JSONField(null=True)),
        migrations.AddField(
            model_name="modelversion",
            name="published_path",
            field=models.CharField(blank=True, default="", max_length=1024),
        ),
    ]
