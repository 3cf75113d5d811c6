"""What `manage.py check --deploy` warns of: somebody may mean it so, and should know it. What nobody may mean so stops
the start (`portal.production`)."""

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Tags, register

from portal.production import is_loopback

IN_THE_CLEAR = frozenset({"", "disable", "allow", "prefer"})
"""libpq's `sslmode`s with which it speaks TLS to nobody, or to whoever likes it."""


@register(Tags.security, deploy=True)
def second_factor(**_: object) -> list[CheckMessage]:
    """Warn where a password is all that is asked for (PCI DSS 4.0, 8.4.2)."""
    if settings.REQUIRE_MFA:
        return []
    hint = "Unset it: everybody then sets up a second factor at their next sign-in."
    return [
        checks.Warning("KEYHOUSE_REQUIRE_MFA is off: a password alone lets people in.", hint=hint, id="keyhouse.W001")
    ]


@register(Tags.security, deploy=True)
def database_tls(**_: object) -> list[CheckMessage]:
    """Warn where what the database is told travels in the clear to another machine (PCI DSS 4.0, 4.2.1)."""
    database = settings.DATABASES["default"]
    host, mode = database.get("HOST", ""), database.get("OPTIONS", {}).get("sslmode", "")
    here = not host or host.startswith("/") or is_loopback(host)
    if here or mode not in IN_THE_CLEAR:
        return []
    told = "DATABASE_URL names another machine without TLS: digests, names and addresses travel in the clear."
    return [checks.Warning(told, hint="End it with ?sslmode=verify-full&sslrootcert=<file>.", id="keyhouse.W002")]
