from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0009_sessions"),
    ]

    operations = [
        migrations.AddField(
            model_name="entity",
            name="suspended_by_platform",
            field=models.BooleanField(
                db_default=False, default=False, editable=False, verbose_name="suspended by the platform"
            ),
        ),
    ]
