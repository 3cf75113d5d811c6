from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0009_sessions"),
        ("tokens", "0005_usage_totals"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddIndex(
            model_name="token",
            index=models.Index(
                condition=models.Q(("expires_at__isnull", False), ("status", "active")),
                fields=["expires_at"],
                name="token_expiring",
            ),
        ),
        migrations.AddIndex(
            model_name="usagetotal",
            index=models.Index(condition=models.Q(("refused__gte", 20)), fields=["hour"], name="usage_total_refused"),
        ),
    ]
