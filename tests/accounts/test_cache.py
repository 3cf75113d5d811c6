"""What django-allauth remembers for a while is JSON: nobody who can write to the database runs code with it.

OWASP ASVS 5.0: 1.5.2, 6.3.1.
"""

import base64
import os
import pickle
from datetime import timedelta

import pytest
from django.core.cache import caches
from django.core.cache.backends.db import DatabaseCache
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts.cache import JsonCache
from portal import settings as production
from tests.accounts.elsewhere import Elsewhere
from tests.accounts.signin.typing import type_password


@pytest.fixture
def memory(db) -> JsonCache:
    return JsonCache("", {})


class Planted:
    def __init__(self, path) -> None:
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_production_uses_it():
    assert production.CACHES["default"] == {"BACKEND": "accounts.cache.JsonCache"}


def test_what_is_kept_is_there_until_its_time_is_over(memory, time_machine):
    now = timezone.now()
    time_machine.move_to(now, tick=False)
    memory.set("tries", [1.5, 2.5], 60)
    memory.set("always", {"a": None}, None)
    assert memory.add("tries", []) is False
    assert (memory.get("tries"), memory.get("nothing"), memory.get("nothing", 7)) == ([1.5, 2.5], None, 7)
    time_machine.move_to(now + timedelta(seconds=59), tick=False)
    assert memory.get("tries") == [1.5, 2.5]
    assert memory.touch("tries", 10)
    time_machine.move_to(now + timedelta(seconds=69), tick=False)
    assert (memory.get("tries"), memory.touch("tries"), "tries" in memory) == (None, False, False)
    assert memory.add("tries", [3], 60) is True
    assert (memory.get("tries"), memory.get("always")) == ([3], {"a": None})


def test_what_is_deleted_or_over_leaves_the_table(memory, time_machine):
    now = timezone.now()
    time_machine.move_to(now, tick=False)
    for number in range(5):
        memory.set(f"old {number}".replace(" ", "-"), number, 60)
    assert (memory.delete("old-0"), memory.delete("old-0")) == (True, False)
    time_machine.move_to(now + timedelta(seconds=61), tick=False)
    memory.set("new", 1)
    with connection.cursor() as cursor:
        cursor.execute("SELECT COUNT(*) FROM accounts_cache")
        assert cursor.fetchone()[0] == 1
    memory.clear()
    assert memory.get("new") is None


def test_a_planted_pickle_is_not_run(memory, tmp_path):
    """ASVS 1.5.2: Django's own backend would run it at the next look at the sign-in page."""
    planted = base64.b64encode(pickle.dumps(Planted(tmp_path / "was-run"))).decode()
    memory.set("tries", [1])
    with connection.cursor() as cursor:
        cursor.execute("UPDATE accounts_cache SET value = %s", [planted])
    assert memory.get("tries", "nothing") == "nothing"
    assert not (tmp_path / "was-run").exists()
    DatabaseCache("accounts_cache", {}).get("tries")
    assert (tmp_path / "was-run").exists(), "Django's own would have run it"


@pytest.mark.django_db(transaction=True)
def test_of_several_who_add_at_once_one_has_added():
    memory = JsonCache("", {})
    with Elsewhere(threads=6) as elsewhere:
        done = [each.result(timeout=60) for each in [elsewhere.start(memory.add, "lock", True, 10) for _ in range(6)]]
    assert sum(done) == 1


def test_the_sign_in_page_counts_with_it(db, settings):
    """ASVS 6.3.1: and the count is the same for all workers."""
    settings.CACHES = production.CACHES
    settings.ACCOUNT_RATE_LIMITS = {"login": "2/m/ip", "login_failed": None}
    pages = [type_password(Client(), "nobody@test.example", "not the password of anybody") for _ in range(3)]
    assert [page.status_code for page in pages] == [200, 200, 429]
    assert isinstance(caches["default"], JsonCache)
