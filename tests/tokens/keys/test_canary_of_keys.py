"""Keys are in nothing that the verbs and the endpoints leave behind, and a destroyed one is gone from the disk."""

import logging
import secrets
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from http import HTTPStatus

import pytest
from django.db import connection
from django.views.debug import ExceptionReporter

from accounts.models import AuditEvent
from tests import processes
from tests.canary import database_files, shapes, tables, traces
from tests.factories import SETUP, make_gateway
from tests.tokens.keys.conftest import House
from tests.tokens.keys.messages import BODY, OK, SIGN, VERIFY, about, in_headers, post, sign, verify
from tests.tokens.keys.test_reading import PATH, READER
from tokens import replays, signing, vault
from tokens.keys import lifecycle
from tokens.keys.slots import SLOTS
from tokens.models import SharedKey

RECOVERABLE = [name for name, slot in SLOTS.items() if slot.is_recoverable]
committed = pytest.mark.django_db(transaction=True)


def left_in(sinks: dict, *given: list[str]) -> dict:
    """Return sink -> shapes of the secrets that were found there; the rule is that there are none."""
    searched = [secret for each in given for secret in each]
    return {name: found for name, sink in sinks.items() if (found := traces(sink, searched))}


def every_verb(house: House, settings) -> list[str]:
    """Do everything to the slots that can be done; return all values there were."""
    values = list(house.secrets.values())
    values += [lifecycle.renew(house.key(name), by=house.developer, reason="canary")[1] for name in SLOTS]
    for name in RECOVERABLE:
        assert lifecycle.reveal(house.key(name), by=house.developer) in values
        assert lifecycle.read(house.key(name), by=SETUP) in values
    lifecycle.promote(house.merchant, mode="live", by=house.developer)
    settings.VAULT_KEYS = settings.VAULT_KEYS | {2: secrets.token_bytes(32)}
    assert [step.done for step in vault.rotate(by=SETUP)] == [3]
    lifecycle.revoke(house.key("hmac_secondary"), by=house.developer)
    values.append(lifecycle.create(house.merchant, SLOTS["hmac_secondary"], mode="live", by=house.developer)[1])
    return values


@committed
def test_a_key_is_in_no_table_file_log_or_output(house: House, settings, caplog, capfd):
    """S4-3, C1, TRAPS: after every verb and every endpoint, all that was written is searched, in every shape."""
    caplog.set_level(logging.DEBUG)
    values = every_verb(house, settings)
    _, core = make_gateway(permissions=READER)
    answers = {"signed": sign(house).body}
    assert verify(house, sign(house).told)["valid"]
    for name in RECOVERABLE:
        told = post(PATH, f"{about(house.merchant)}&slot={name}", gateway=core)
        assert told.told["value"] in values
    for bad in ("", "entity=x&mode=live", f"{about(house.merchant)}&slot=rest_primary"):
        for path in (SIGN, VERIFY, PATH):
            answers[f"{path} {bad}"] = post(path, bad, BODY, gateway=core).body
    sinks = tables() | answers | {"log": caplog.text, "output": "".join(capfd.readouterr())}
    sinks |= {f"file {path.suffix}": path.read_bytes() for path in database_files()}
    assert left_in(sinks, values, [core, house.gateway_secret]) == {}
    assert len(set(values)) == len(values) == 11
    # The search does see: what may be kept is found where it should be.
    key = house.key("hmac_primary")
    assert key.key_id in sinks["tokens_sharedkey"]
    assert bytes(key.ciphertext).hex() in sinks["tokens_sharedkey"]
    assert key.key_id in sinks["accounts_auditevent"]


def test_the_search_finds_a_key_in_every_shape(house: House):
    """What cannot fail shows nothing."""
    for name in RECOVERABLE:
        secret = house.secrets[name]
        for shape_name, shape in shapes(secret).items():
            assert shape_name in traces(b"before " + shape + b" after", [secret])
            assert len(shape) >= 8
    assert "bytes" in traces(signing.secret_of(house.secrets["hmac_primary"]), [house.secrets["hmac_primary"]])


# Reports of faults


def fail(*_: object, **__: object) -> None:
    raise RuntimeError("The disk is full.")


def reports_of(work: Callable[[], object]) -> list[str]:
    """Return the reports of the fault in `work`, as Django would mail them. A frame of its own, without secrets."""
    try:
        work()
    except Exception:  # noqa: BLE001  whatever it is
        reporter = ExceptionReporter(None, *sys.exc_info())
        return [reporter.get_traceback_html(), reporter.get_traceback_text()]
    raise AssertionError("It was done.")


VERBS = {
    "create": lambda house: lifecycle.create(house.sibling, SLOTS["hmac_primary"], mode="live", by=SETUP),
    "create bearer": lambda house: lifecycle.create(house.sibling, SLOTS["rest_primary"], mode="live", by=SETUP),
    "renew": lambda house: lifecycle.renew(house.key("encryption"), by=SETUP),
    "renew bearer": lambda house: lifecycle.renew(house.key("rest_primary"), by=SETUP),
    "revoke": lambda house: lifecycle.revoke(house.key("hmac_primary"), by=SETUP),
    "promote": lambda house: lifecycle.promote(house.merchant, mode="live", by=SETUP),
    "reveal": lambda house: lifecycle.reveal(house.key("encryption"), by=house.developer),
    "read": lambda house: lifecycle.read(house.key("encryption"), by=SETUP),
    "rotate": lambda _house: list(vault.rotate(by=SETUP)),
}


@pytest.mark.parametrize("verb", VERBS)
def test_a_report_of_a_fault_in_a_verb_does_not_hold_the_key(house: House, monkeypatch, settings, verb):
    """TRAPS: local variables are in such reports. The audit log fails last, when everything is in some variable."""
    values = list(house.secrets.values())
    for module, name in [
        (lifecycle, "_random_hmac_key"),
        (lifecycle, "_random_password"),
        (lifecycle.formats, "write"),
    ]:
        monkeypatch.setattr(module, name, remembered(getattr(module, name), values))
    settings.VAULT_KEYS = settings.VAULT_KEYS | {2: secrets.token_bytes(32)}
    monkeypatch.setattr(lifecycle.audit, "record", fail)
    del house.__dict__["secrets"]
    reports = reports_of(lambda: VERBS[verb](house))
    assert left_in(dict(enumerate(reports)), values) == {}
    assert all("The disk is full." in report for report in reports)
    for key in settings.VAULT_KEYS.values():
        assert not any(key.hex() in report or repr(key)[2:-1] in report for report in reports)


def remembered(make: Callable, values: list[str]) -> Callable:
    """Return `make` as it is, but what it returns is noted."""

    def make_and_note(*given: object) -> str:
        values.append(make(*given))
        return values[-1]

    return make_and_note


@pytest.mark.parametrize(
    ("path", "module", "name"),
    [
        (SIGN, signing, "sign"),
        (SIGN, signing, "content"),
        (VERIFY, signing, "verify"),
        (VERIFY, replays, "is_first"),
        (PATH, lifecycle.audit, "record"),
        (PATH, lifecycle, "read"),
    ],
)
def test_a_report_of_a_fault_in_an_endpoint_holds_no_key_and_no_credential(
    house: House, monkeypatch, path, module, name
):
    """Whoever attaches a reporter to the log, by mail or to a service, gets no key with it."""
    _, core = make_gateway(permissions=READER)
    signed = in_headers(sign(house).told)
    reports: list[str] = []

    class Reporter(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            reporter = ExceptionReporter(None, *record.exc_info)
            reports.extend([reporter.get_traceback_html(), reporter.get_traceback_text(), self.format(record)])

    handler, logger = Reporter(), logging.getLogger("tokens.gateway.problems")
    monkeypatch.setattr(module, name, fail)
    logger.addHandler(handler)
    try:
        query = about(house.merchant) + ("&slot=hmac_primary" if path == PATH else "")
        answer = post(path, query, BODY, gateway=core, **signed)
    finally:
        logger.removeHandler(handler)
    assert answer.status == HTTPStatus.SERVICE_UNAVAILABLE
    assert len(reports) == 3
    assert all("The disk is full." in report for report in reports)
    assert left_in(dict(enumerate([*reports, answer.body])), list(house.secrets.values()), [core]) == {}


# What is destroyed


def on_disk(pieces: list[bytes]) -> int:
    """Return how many of `pieces` are in the files of the database, or in its tables where it has none."""
    content = b"".join(path.read_bytes() for path in database_files()) or repr(tables()).encode()
    return sum(piece in content or piece.hex().encode() in content for piece in pieces)


def pieces_of_ciphertexts() -> list[bytes]:
    """Return every eight bytes of every stored ciphertext, without the version in front."""
    stored = [bytes(each)[1:] for each in SharedKey.objects.values_list("ciphertext", flat=True) if each]
    return [each[start : start + 8] for each in stored for start in range(0, len(each) - 8, 8)]


@committed
@pytest.mark.parametrize("verb", ["revoke", "renew", "promote and revoke", "rotate"])
def test_a_destroyed_key_leaves_no_ciphertext_behind(house: House, settings, verb):
    """S4-16 irretrievably deleted, S4-15: not in the row, and on SQLite not in free pages or the write-ahead log."""
    pieces = pieces_of_ciphertexts()
    assert on_disk(pieces) == len(pieces) > 15
    if verb == "promote and revoke":
        lifecycle.promote(house.merchant, mode="live", by=SETUP)
        pieces += pieces_of_ciphertexts()
    if verb == "rotate":
        settings.VAULT_KEYS = settings.VAULT_KEYS | {2: secrets.token_bytes(32)}
        assert list(vault.rotate(by=SETUP))
    else:
        for name in RECOVERABLE:
            getattr(lifecycle, verb.rpartition(" ")[2])(house.key(name), by=SETUP)
    assert on_disk(pieces) == 0
    if connection.vendor == "sqlite":
        assert on_disk([house.merchant.entity_id.encode()]) == 1, "the search does see the file"


# A server


@committed
def test_a_server_at_its_most_talkative_says_nothing_about_keys(house: House, tmp_path):
    """TRAPS: the production server, its log and the database while it serves."""
    _, core = make_gateway(permissions=READER)

    def send(url: str, body: bytes = BODY, **headers: str) -> tuple[int, bytes]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            with urllib.request.urlopen(urllib.request.Request(url, body, named, method="POST"), timeout=30) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    with processes.portal(tmp_path, workers=1, KEYHOUSE_LOG_LEVEL="DEBUG") as server:
        asked = f"{server.url}{{}}?{about(house.merchant)}"
        signed = in_headers(sign(house).told)
        good = {"X_Keyhouse_Gateway": core}
        answers = [
            send(asked.format(SIGN), **good),
            send(asked.format(VERIFY), **good, **signed),
            send(asked.format(VERIFY), **good, **signed),
            send(asked.format(SIGN), body=b"x" * 1_000_001, **good),
            send(asked.format(SIGN), X_Keyhouse_Gateway=house.secrets["rest_primary"]),
            send(asked.format(PATH) + "&slot=encryption", X_Keyhouse_Gateway=house.gateway_secret),
        ]
        status, told = send(asked.format(PATH) + "&slot=encryption", **good)
        while_serving = {path.name: path.read_bytes() for path in database_files()}
    assert [each[0] for each in answers] == [OK, OK, OK, 413, 401, 403]
    assert (status, house.secrets["encryption"].encode() in told) == (OK, True)
    assert AuditEvent.objects.filter(type="key.read").count() == 1
    sinks = tables() | while_serving | {"log": server.log.read_bytes()} | dict(enumerate(each[1] for each in answers))
    assert left_in(sinks, list(house.secrets.values()), [core, house.gateway_secret]) == {}
