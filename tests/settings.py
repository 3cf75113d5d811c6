"""The settings of the tests: the portal's own, with fixed secrets and a database that no other run shares."""

import os
import tempfile

for _name in [name for name in os.environ if name.startswith("KEYHOUSE_")]:
    del os.environ[_name]  # what this machine serves with is no business of its tests
os.environ |= {
    "KEYHOUSE_DEMO": "1",  # plain HTTP on the loopback and printed secrets; also for the servers that tests start
    "KEYHOUSE_SECRET_KEY": "secret-key-of-the-tests-" * 3,
    "KEYHOUSE_TOKEN_PEPPERS": "1:" + "first-pepper-of-the-tests-" * 2,
    "KEYHOUSE_VAULT_KEYS": "1:" + "0123456789abcdef" * 4,
    "KEYHOUSE_AUDIT_KEY": "audit-key-of-the-tests-" * 3,
    "KEYHOUSE_USAGE_FLUSH_SECONDS": "0",  # no thread; tests flush when they want to see counts
    "KEYHOUSE_HTTPS": "no",  # the test browser speaks plain HTTP to the loopback
    "KEYHOUSE_REQUIRE_MFA": "no",  # tests of second factors switch it on
    "KEYHOUSE_VAR": f"{tempfile.gettempdir()}/keyhouse-tests-{os.getuid()}",
}

from portal.settings import *  # noqa: F403 - the one place that extends the settings; the environment comes first
from portal.settings import DATABASES, STORAGES, VAR

DEMO = False  # in this process, pages and commands are those of a real house

(VAR / "static").mkdir(mode=0o700, parents=True, exist_ok=True)  # WhiteNoise warns where its folder is missing
_run = os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))[-12:]
_on_disk = DATABASES["default"]["ENGINE"].endswith("sqlite3")
# A file, not memory: the browser's server, other processes and the SQLite journal are part of what is tested.
DATABASES["default"]["TEST"] = {"NAME": str(VAR / f"{_run}.sqlite3") if _on_disk else f"test_keyhouse_{_run}"}
# Another process of the same run writes another file; each test begins with none.
AUDIT_JOURNAL = VAR / f"{_run}-{os.getpid()}.journal"
# The manifest exists only after collectstatic.
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
# What a test writes and rolls back, only Django's own connection sees; tests/tokens/test_readers.py uses the others.
DECISIONS_THROUGH_DJANGO = True
# Emptied before each test, also before those without a database.
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
# A test looks into the mailbox when the answer is there.
MAIL_AT_ONCE = True
