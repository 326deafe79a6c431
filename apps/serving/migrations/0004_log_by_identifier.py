"""The log is read by its identifiers alone, whose order is that of time: three indexes in place of five are written with a line."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("serving", "0003_prediction_overrides"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="prediction",
            options={"default_permissions": (), "ordering": ["-id"]},
        ),
        migrations.AddIndex(
            model_name="prediction",
            index=models.Index(fields=["role", "skill", "id"], name="prediction_by_pair"),
        ),
        migrations.AddIndex(
            model_name="prediction",
            index=models.Index(fields=["requester", "id"], name="prediction_by_requester"),
        ),
        migrations.RemoveIndex(model_name="prediction", name="prediction_by_time"),
        migrations.RemoveIndex(model_name="prediction", name="prediction_of_pair"),
        migrations.RemoveIndex(model_name="prediction", name="prediction_of_deployment"),
        migrations.RemoveIndex(model_name="prediction", name="prediction_of_requester"),
    ]
