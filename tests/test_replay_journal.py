"""A backup that is put back brings nothing to life that had ended: the journal ends it again before anybody is served.

TRAPS: a restore of a backup revives revoked tokens. PCI DSS 4.0: 10.3.4; OWASP ASVS 5.0: 16.4.2.
"""

import os
import sqlite3
from contextlib import closing
from datetime import timedelta
from http import HTTPStatus

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client

from accounts import audit, journal, lifecycle, people
from accounts.events import ENDINGS
from accounts.models import AuditEvent, Entity, Session, User
from accounts.permissions import Role
from portal import replay as replays
from portal.replay import replay
from tests.backups import House, acknowledge, backed_up, end_everything, restored  # noqa: F401  a fixture
from tests.commands import run
from tests.factories import (
    SETUP,
    make_administrator,
    make_invitation,
    make_merchant,
    make_token,
    make_user,
    put_into,
)
from tests.reading import client_of
from tests.test_checks import tamper
from tokens import lifecycle as tokens
from tokens import rotation
from tokens.models import SharedKey, Token

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "sqlite", reason="a backup is put back as SQLite does it"),
]


def states() -> dict[str, list]:
    """Return what the database says of everything that can end."""
    return {
        "tokens": list(Token.objects.order_by("pk").values_list("alias", "status", "expires_at", "digest")),
        "keys": list(SharedKey.objects.order_by("pk").values_list("slot", "status", "ciphertext")),
        "entities": list(Entity.objects.order_by("pk").values_list("status")),
        "people": list(User.objects.order_by("pk").values_list("is_active")),
        "events": list(AuditEvent.objects.order_by("pk").values_list("number", "type", "target")),
    }


def test_a_backup_revives_nothing_that_had_ended(house: House):
    """S0-32, S0-37, S3-15: deactivated, revoked, removed, given way to another, of a lost device; keys, too."""
    end_everything(house)
    house.put_back()
    assert all(house.is_let_through(alias) for alias in house.secrets), "this is the trap"
    code, out, _ = run("replay_journal")
    assert code == 0
    assert [alias for alias in house.secrets if house.is_let_through(alias)] == ["kept"]
    assert {token.alias: token.status for token in Token.objects.filter(slot="", kind__in=["api", "sdk"])} == {
        "kept": "active",
        "stopped": "inactive",
        "ended": "revoked",
        "gone": "removed",
        "old": "inactive",
        "till": "inactive",
    }
    assert not Token.objects.filter(slot="rest_primary", digest__isnull=False).exists()
    assert not SharedKey.objects.filter(ciphertext__isnull=False).exists()
    assert "A backup was put back" in out
    assert house.token("ended").key_id in out
    assert set(AuditEvent.objects.filter(type="token.revoked").values_list("actor_label", flat=True)) == {
        AuditEvent.objects.get(type="log.restored").actor_label
    }


def test_twice_is_the_same_as_once(house: House):
    end_everything(house)
    house.put_back()
    run("replay_journal")
    once = states()
    assert run("replay_journal")[1] == "The database is as the journal tells. Nothing to do.\n"
    assert states() == once
    tokens.reactivate(house.token("stopped"), by=SETUP)
    run("replay_journal")
    assert house.is_let_through("stopped"), "what somebody decided afterwards holds"


def test_after_it_the_log_goes_on_and_is_checked(house: House):
    """Numbers are used a second time; the journal says from where on, and never forgets that it was so."""
    before = AuditEvent.objects.count()
    end_everything(house)
    house.put_back()
    assert run("check_audit")[0] == 1
    run("replay_journal")
    make_merchant()
    told = f"after event {before} the log begins anew, as event {restored()} tells."
    code, out, _ = run("check_audit")
    assert (code, out.count("\n")) == (1, 1)
    assert told in out
    acknowledge()
    code, out, err = run("check_audit")
    assert (code, err) == (0, "")
    assert f"{told} Somebody has acknowledged it." in out
    tamper(f"DELETE FROM accounts_auditevent WHERE number > {AuditEvent.objects.count() - 1}")  # noqa: S608
    assert run("check_audit")[0] == 1, "a later cut is found as before"


def test_a_crash_in_the_middle_leaves_it_to_be_done_again(house: House, monkeypatch):
    """What was done is in the database already; only the note in the journal is missing."""
    end_everything(house)
    house.put_back()
    with monkeypatch.context() as patch:
        patch.setattr(journal, "_append", lambda *_, **__: None)
        assert len(replay(by=SETUP).done) == 10
    done = states()
    again = replay(by=SETUP)
    assert (again.lost > 0, again.done) == (True, [])
    assert states()["tokens"] == done["tokens"]
    assert replay(by=SETUP).lost == 0
    acknowledge()
    assert run("check_audit")[0] == 0


def test_what_was_done_before_the_journal_was_replayed_hides_nothing(house: House):
    """An operator may run a command before `serve`: its events have the numbers of those that are lost."""
    end_everything(house)
    house.put_back()
    for _ in range(3):
        make_merchant()
    replay(by=SETUP)
    assert [alias for alias in house.secrets if house.is_let_through(alias)] == ["kept"]
    acknowledge()
    assert run("check_audit")[0] == 0
    assert replay(by=SETUP).lost == 0


def test_what_was_taken_back_is_not_ended(house: House):
    """S0-34: the last word counts, in the order in which it was said."""
    tokens.deactivate(house.token("stopped"), by=SETUP)
    tokens.reactivate(house.token("stopped"), by=SETUP)
    rotation.rotate(house.token("old"), overlap=timedelta(hours=1), by=SETUP)
    rotation.cancel(house.token("old (old)"), by=SETUP)
    lifecycle.suspend(house.merchant, by=SETUP)
    lifecycle.reactivate(Entity.objects.get(pk=house.merchant.pk), by=SETUP)
    house.put_back()
    assert "Ended again: 0." in str(replay(by=SETUP))
    assert all(house.is_let_through(alias) for alias in house.secrets)


def test_people_and_entities_and_invitations_are_ended_too_and_everybody_is_signed_out(tmp_path, house: House):
    person = make_user(Role.VIEWER, on=house.merchant)
    boss = make_administrator(house.merchant)
    invitation, _secret = make_invitation(house.merchant, by=boss)
    client = client_of(boss)
    with closing(sqlite3.connect(tmp_path / "later.sqlite3")) as backup:
        connection.connection.backup(backup)
        people.disable(person, by=SETUP)
        lifecycle.suspend(house.merchant, by=SETUP)
        replays.invitations.withdraw(invitation, by=SETUP)
        Session.objects.all().delete()
        backup.backup(connection.connection)
    assert Session.objects.count() == 1
    done = replay(by=SETUP)
    assert [line.type for line in done.done] == ["person.disabled", "entity.suspended", "invitation.withdrawn"]
    assert not User.objects.get(pk=person.pk).is_active
    assert Entity.objects.get(pk=house.merchant.pk).is_suspended
    invitation.refresh_from_db()
    assert invitation.ended_at
    assert client.get("/").status_code == HTTPStatus.FOUND


def test_what_cannot_be_done_again_is_said(house: House):
    new, _secret = make_token(house.merchant, alias="made after the backup")
    put_into(new, "revoked")
    rotation.rotate(house.token("old"), overlap=timedelta(hours=1), by=SETUP)
    house.put_back()
    done = replay(by=SETUP)
    assert {line.target for line in done.unknown} == {new.key_id}
    assert [line.target for line, _why in done.by_hand] == [house.token("old").key_id]
    assert "rotate it once more" in str(done)


def test_of_a_new_journal_nothing_is_replayed_and_the_end_of_the_log_is_noted(house: House):
    for path in journal.files():
        path.unlink()
    assert not replay(by=SETUP).lost
    event, checked = [line.split() for line in settings.AUDIT_JOURNAL.read_text().splitlines()]
    assert event[1] == checked[1] == str(AuditEvent.objects.count())
    assert run("check_audit")[2] == ""


def test_lines_that_could_not_be_written_are_added(house: House):
    whole = settings.AUDIT_JOURNAL.read_bytes()
    settings.AUDIT_JOURNAL.write_bytes(b"".join(whole.splitlines(keepends=True)[:-3]))
    replay(by=SETUP)
    assert settings.AUDIT_JOURNAL.read_bytes().startswith(whole)


def test_a_journal_that_nobody_of_ours_wrote_ends_nothing(house: House, settings):
    """A forged line would end the tokens of others."""
    token = house.token("kept")
    key, settings.AUDIT_KEY = settings.AUDIT_KEY, b"guessed by somebody who may write the file"
    forged = journal._sealed(99, "0" * 64, "token.revoked", token.key_id, "")
    settings.AUDIT_KEY = key
    with settings.AUDIT_JOURNAL.open("ab") as file:
        file.write(forged)
    assert replay(by=SETUP).lost == 0
    assert house.is_let_through("kept")


def test_there_is_a_way_to_do_each_kind_of_ending_again():
    assert set(replays.VERBS) == ENDINGS
    assert all(undone <= ENDINGS for undone in replays.UNDOES.values())


def test_serve_does_it_before_it_serves(house: House, monkeypatch, tmp_path):
    """No request is decided on what a backup revived, not even the first."""
    tokens.deactivate(house.token("stopped"), by=SETUP)
    house.put_back()
    seen = []
    monkeypatch.setattr(os, "execv", lambda *_: seen.append(house.token("stopped").status))
    monkeypatch.setattr(settings, "STATIC_ROOT", tmp_path)
    (tmp_path / "staticfiles.json").touch()
    monkeypatch.setattr("portal.management.commands.serve.prefer_throughput", lambda: None)
    for name in ("KEYHOUSE_DB_POOL", "KEYHOUSE_PAGES_AT_ONCE", "KEYHOUSE_PAGES_WAITING", "KEYHOUSE_ONE_CORE_EACH"):
        monkeypatch.setenv(name, "1")  # what it would leave to the server
    code, _, err = run("serve", "--port", "1")
    assert (code, seen) == (0, ["inactive"])
    assert "A backup was put back" in err
    assert AuditEvent.objects.get(type="log.restored").actor_label.startswith("manage.py serve, run by ")
    assert list(audit.verify()) == []


def test_serve_does_not_start_where_it_cannot_tell(house: House, tmp_path, monkeypatch):
    """A database that is being put back may come up after us."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE accounts_auditevent RENAME TO away")
    try:
        code, _, err = run("serve", "--port", "1")
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE away RENAME TO accounts_auditevent")
    assert code == 1
    assert "Whether a backup was put back cannot be told" in err
    assert Client().get("/readyz").status_code == HTTPStatus.OK
