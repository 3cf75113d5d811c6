"""`manage.py rotate_keys`, and what else is said about the vault's keys: `serve` and `/readyz`."""

import subprocess
import sys
import urllib.error
import urllib.request
from http import HTTPStatus

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import AuditEvent
from tests import processes
from tests.commands import last_event, run
from tests.test_commands import ME
from tests.tokens.keys.conftest import House
from tokens import vault
from tokens.models import SharedKey

NEW = bytes(range(100, 132))
LACKS = "KEYHOUSE_VAULT_KEYS lacks key number 1, under which integration keys are stored."
ANOTHER = "KEYHOUSE_VAULT_KEYS holds another key as number 1 than the one that was used before."


def test_progress_and_the_end_are_told(house: House, settings, monkeypatch):
    monkeypatch.setattr(vault, "BATCH", 2)
    settings.VAULT_KEYS = settings.VAULT_KEYS | {2: NEW}
    code, out, err = run("rotate_keys")
    assert (code, err) == (0, "")
    first, second, done, advice = out.splitlines()
    assert (first, second) == ("2 of 3 keys encrypted anew.", "3 of 3 keys encrypted anew.")
    assert done.startswith("Done in 0.")
    assert done.endswith(" s: 3 keys stand under key number 2 now.")
    assert "for backups only" in advice
    assert (last_event().type, last_event().actor_label) == ("key.reencrypted", f"manage.py rotate_keys, run by {ME}")
    assert last_event().details == {"keys": 1, "vault_key": 2}


def test_a_second_run_has_nothing_to_do(house: House):
    before = AuditEvent.objects.count()
    assert run("rotate_keys") == (0, "All integration keys stand under key number 1 already. Nothing to do.\n", "")
    assert AuditEvent.objects.count() == before


def test_keys_that_do_not_open_are_named_and_the_others_done(house: House, settings):
    broken = house.key("encryption")
    SharedKey.objects.filter(pk=broken.pk).update(ciphertext=b"\1nonsense")
    settings.VAULT_KEYS = settings.VAULT_KEYS | {2: NEW}
    code, out, err = run("rotate_keys")
    assert code == 1
    assert "2 keys stand under key number 2 now" in out
    assert err.startswith(f"These keys do not open and were left as they are: {broken.key_id}. ")
    assert vault.waiting() == 1


@pytest.mark.parametrize(("keys", "sentence"), [({2: NEW}, LACKS), ({1: NEW, 2: NEW}, ANOTHER)])
def test_with_a_wrong_key_nothing_is_touched(house: House, settings, keys, sentence):
    before = list(SharedKey.objects.order_by("pk").values_list("ciphertext", "vault_key"))
    settings.VAULT_KEYS = keys
    assert run("rotate_keys") == (1, "", sentence)
    assert list(SharedKey.objects.order_by("pk").values_list("ciphertext", "vault_key")) == before


# The probes


@pytest.mark.parametrize("keys", [{2: NEW}, {1: NEW}])
def test_a_wrong_key_is_not_ready_but_lives(house: House, settings, keys, caplog):
    client = Client()
    assert client.get(reverse("readyz")).status_code == HTTPStatus.OK
    settings.VAULT_KEYS = keys
    answer = client.get(reverse("readyz"))
    assert (answer.status_code, answer.content) == (HTTPStatus.SERVICE_UNAVAILABLE, b"vault\n")
    assert "KEYHOUSE_VAULT_KEYS" in caplog.text
    assert client.get(reverse("livez")).status_code == HTTPStatus.OK


def test_a_probe_costs_three_statements(house: House, client, django_assert_num_queries):
    with django_assert_num_queries(3):
        client.get(reverse("readyz"))


# The server


@pytest.mark.django_db(transaction=True)
def test_the_server_does_not_start_with_a_wrong_key_and_other_commands_run(house: House, tmp_path):
    (tmp_path / "static").mkdir()
    (tmp_path / "static" / "staticfiles.json").write_text('{"version": "1.1", "paths": {}}', encoding="utf-8")
    for keys, sentence in [("2:" + NEW.hex(), LACKS), ("1:" + NEW.hex(), ANOTHER)]:
        environment = processes.environment(tmp_path, KEYHOUSE_VAULT_KEYS=keys)

        def command(*words: str, environment: dict = environment) -> subprocess.CompletedProcess:
            words = (sys.executable, "manage.py", *words)
            return subprocess.run(
                words, cwd=processes.ROOT, env=environment, capture_output=True, text=True, check=False, timeout=60
            )

        served = command("serve", "--port", str(processes.free_port()))
        assert (served.returncode, served.stdout) == (1, "")
        assert served.stderr.strip() == f"CommandError: {sentence}"
        assert command("issue_token", house.merchant.entity_id).returncode == 0
        assert command("check_tree").returncode == 0


@pytest.mark.django_db(transaction=True)
def test_a_server_that_runs_says_so_when_its_keys_no_longer_fit(house: House, tmp_path):
    """Somebody gave another server a new key and this one none: decisions go on, whoever balances load is told."""

    def status(url: str) -> int:
        try:
            return urllib.request.urlopen(url, timeout=30).status
        except urllib.error.HTTPError as error:
            return error.code

    with processes.portal(tmp_path, workers=1) as server:
        assert status(f"{server.url}/readyz") == HTTPStatus.OK
        SharedKey.objects.filter(pk=house.key("encryption").pk).update(vault_key=2)
        assert status(f"{server.url}/readyz") == HTTPStatus.SERVICE_UNAVAILABLE
        assert status(f"{server.url}/livez") == HTTPStatus.OK
