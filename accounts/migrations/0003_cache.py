from django.core.management import call_command
from django.db import migrations


def create(apps, schema_editor):
    """The tries to sign in are counted for all workers together, so in the database."""
    with schema_editor.connection.cursor():
        call_command("createcachetable", "accounts_cache", database=schema_editor.connection.alias, verbosity=0)


class Migration(migrations.Migration):
    dependencies = [("accounts", "0002_audit_append_only")]
    operations = [migrations.RunPython(create, migrations.RunPython.noop)]
