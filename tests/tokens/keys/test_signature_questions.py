"""Who may ask `/gateway/signatures` and `.../verify`, how, and what is told where there is no answer."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts import lifecycle as entities
from accounts.models import Entity
from tests.accounts.elsewhere import Elsewhere
from tests.factories import SETUP, make_entity, make_gateway, make_merchant, make_token, put_into
from tests.tokens.conftest import with_another_secret
from tests.tokens.keys.conftest import House
from tests.tokens.keys.messages import (
    BAD,
    BODY,
    FORBIDDEN,
    OK,
    SIGN,
    UNAUTHORIZED,
    VERIFY,
    Answer,
    about,
    in_headers,
    post,
    sign,
    verify,
)
from tests.tokens.test_authorize_faults import renamed
from tokens.gateway.signatures import MOST_BODY
from tokens.keys import lifecycle
from tokens.keys.slots import SLOTS

PRIMARY = "hmac_primary"
both = pytest.mark.parametrize("path", [SIGN, VERIFY])


@both
def test_nobody_asks_without_a_gateways_credential(house: House, path):
    _, token = make_token(house.merchant)
    stopped, stopped_secret = make_gateway()
    put_into(stopped, "inactive")
    wrong = with_another_secret(house.gateway_secret)
    answers = set()
    for gateway in ("", "nonsense", token, wrong, stopped_secret, "\xff"):
        for presented in ({"x_keyhouse_gateway": gateway}, {"authorization": f"Bearer {gateway}"}):
            answer = post(path, about(house.merchant), BODY, **presented)
            assert (answer.status, answer.headers["WWW-Authenticate"]) == (UNAUTHORIZED, "Bearer")
            answers.add(answer.sentence)
    assert len(answers) == 1


@both
def test_the_credential_comes_in_either_header_and_never_two_of_them(house: House, path):
    query, bearer = about(house.merchant), {"authorization": f"Bearer {house.gateway_secret}"}
    assert post(path, query, BODY, **bearer).status == OK
    assert post(path, query, BODY, gateway=house.gateway_secret, **bearer).status == OK
    _, other = make_gateway()
    assert post(path, query, BODY, gateway=other, **bearer).status == UNAUTHORIZED
    assert post(path, query, BODY, gateway=house.gateway_secret, authorization="Bearer x").status == UNAUTHORIZED
    assert post(path, query, BODY, gateway=house.gateway_secret, authorization="Basic x").status == OK


@both
def test_a_test_gateway_uses_test_keys_only(house: House, path):
    """C8."""
    _, gateway = make_gateway(mode="test")
    lifecycle.create(house.merchant, SLOTS[PRIMARY], mode="test", by=SETUP)
    assert post(path, about(house.merchant, "test"), BODY, gateway=gateway).status == OK
    answer = post(path, about(house.merchant), BODY, gateway=gateway)
    assert (answer.status, answer.sentence) == (FORBIDDEN, "A gateway of the test environment may use test keys only.")


@both
def test_under_a_suspension_nothing_is_signed_or_believed(house: House, path):
    """The merchant's own, one above it, and one of the channel that was named."""
    company = house.merchant.parent
    for suspended, asked, status in [
        (house.channel, house.channel, FORBIDDEN),
        (house.channel, house.merchant, OK),
        (house.merchant, house.merchant, FORBIDDEN),
        (house.merchant, house.channel, FORBIDDEN),
        (company, house.merchant, FORBIDDEN),
        (company, house.sibling, FORBIDDEN),
    ]:
        with _suspended(suspended):
            answer = post(path, about(asked), BODY, gateway=house.gateway_secret)
        assert answer.status == status
        assert status == OK or "suspended" in answer.sentence
    assert post(path, about(house.merchant), BODY, gateway=house.gateway_secret).status == OK


@contextmanager
def _suspended(entity: Entity) -> Iterator[None]:
    entities.suspend(Entity.objects.get(pk=entity.pk), by=SETUP)
    yield
    entities.reactivate(Entity.objects.get(pk=entity.pk), by=SETUP)


@both
def test_what_is_no_merchant_and_not_below_one_is_not_found(house: House, path):
    other = make_entity(Entity.Kind.PARTNER)
    make_merchant(under=other)
    sentences = set()
    for entity in (house.merchant.parent.entity_id, other.entity_id, "mer_0000000000000000", "%25", "x" * 500):
        answer = post(path, f"entity={entity}&mode=live", BODY, gateway=house.gateway_secret)
        assert answer.status == HTTPStatus.NOT_FOUND, entity
        sentences.add(answer.sentence)
    assert len(sentences) == 1


# What is no question


@both
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "post"])
def test_only_post_is_taken(house: House, path, method):
    answer = post(path, about(house.merchant), BODY, gateway=house.gateway_secret, REQUEST_METHOD=method)
    assert (answer.status, answer.headers["Allow"]) == (HTTPStatus.METHOD_NOT_ALLOWED, "POST")
    assert answer.sentence == "Ask with POST."


@both
def test_a_question_says_exactly_what_it_is_about(house: House, path):
    entity = f"entity={house.merchant.entity_id}"
    for query in [
        "", "mode=live", entity, f"{entity}&mode=", f"{entity}&mode=LIVE", f"{entity}&mode=live&mode=live",
        f"{entity}&{entity}&mode=live", f"{entity}&mode=live&slot=hmac_primary", f"{entity}&mode=live&x=1",
        f"{entity}&mode=live&", f"{entity}&mode=%ff", "entity=%00&mode=live", "entity=a+b&mode=live",
        f"{entity}&mode=live&{'x' * 2_000}=1", "&".join(["mode=live"] * 50), "entity", f"{entity};mode=live",
        "entity=%c3%a9&mode=live", "entity=&mode=live",
    ]:  # fmt: skip
        answer = post(path, query, BODY, gateway=house.gateway_secret)
        assert answer.status == BAD, query
        assert answer.sentence.startswith(("The query string says `entity` and `mode`", "`mode` is `live`")), query


@pytest.mark.parametrize(
    ("header", "text"),
    [
        ("webhook_id", ""),
        ("webhook_timestamp", ""),
        ("webhook_id", "a.b"),
        ("webhook_id", "\xff"),
        ("webhook_id", "a b"),
        ("webhook_id", "x" * 129),
    ]
    + [("webhook_timestamp", text) for text in ("x", "-1", "1.5", "01", "9" * 5_000)],
)
def test_a_header_that_cannot_be_signed_is_refused_with_a_sentence(house: House, header, text):
    answer = sign(house, **{header: text})
    assert answer.status == BAD
    assert answer.sentence.startswith(f"`{header.replace('_', '-')}`")


@both
def test_a_message_that_is_too_large_is_refused_and_not_read(house: House, path):
    class Endless(io.RawIOBase):
        taken = 0

        def read(self, size: int) -> bytes:
            self.taken += size
            return b"x" * size

    def ask(**given: object) -> tuple[Answer, int]:
        body = Endless()
        given = {"gateway": house.gateway_secret, "wsgi.input": body} | given
        return post(path, about(house.merchant), **given), body.taken

    for length in (str(MOST_BODY + 1), "9" * 30):
        answer, taken = ask(CONTENT_LENGTH=length)
        assert (answer.status, taken) == (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, 0)
    answer, taken = ask(CONTENT_LENGTH=None)
    assert answer.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    assert taken <= MOST_BODY + 1, "sent in chunks, it is read no further than it takes to know"
    assert "1,000,000 bytes" in answer.sentence
    answer, taken = ask(CONTENT_LENGTH="5000", gateway="nobody")
    assert (answer.status, taken) == (UNAUTHORIZED, 0)


def test_a_message_without_a_length_is_read_to_its_end(house: House):
    body = b"x" * MOST_BODY
    signed = sign(house, body, CONTENT_LENGTH=None).told
    assert verify(house, signed, body)["valid"]


@both
def test_a_message_that_was_cut_off_is_not_taken_for_a_whole_one(house: House, path):
    answer = post(path, about(house.merchant), b"half", gateway=house.gateway_secret, CONTENT_LENGTH="8")
    assert (answer.status, answer.sentence) == (BAD, "The message ended before it was complete.")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    query=st.text(st.characters(max_codepoint=255)), header=st.text(st.characters(max_codepoint=255)), body=st.binary()
)
def test_whatever_arrives_is_answered_and_never_a_fault(house: House, query, header, body):
    """TRAPS: one odd byte is a 500."""
    for path in (SIGN, VERIFY):
        for asked in (query, f"entity={query}&mode=live", about(house.merchant)):
            given = {"webhook_id": header, "webhook_timestamp": header, "webhook_signature": header}
            answer = post(path, asked, body, gateway=house.gateway_secret, **given)
            assert answer.status in {OK, BAD, HTTPStatus.NOT_FOUND}
            assert post(path, asked, body, gateway=header).status == UNAUTHORIZED


# Faults


@both
def test_a_key_that_cannot_be_read_is_a_fault_and_no_answer(house: House, path, settings, caplog):
    """It must not look as if a message had a wrong signature, nor be signed with the other key alone."""
    signed = in_headers(sign(house).told)
    settings.VAULT_KEYS = {2: bytes(32)}
    answer = post(path, about(house.merchant), BODY, gateway=house.gateway_secret, **signed)
    assert answer.status == HTTPStatus.SERVICE_UNAVAILABLE
    assert answer.sentence == "Keyhouse has a fault and cannot answer now. Its log says which."
    assert "Unreadable" in caplog.text
    assert house.gateway_secret not in caplog.text


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("path", "table"),
    [(path, table) for path in (SIGN, VERIFY) for table in ("tokens_token", "tokens_sharedkey")]
    + [(VERIFY, "tokens_seenmessage")],
)
def test_a_database_that_cannot_answer_lets_nothing_pass_and_recovers(house: House, path, table):
    signed = in_headers(sign(house).told)
    with renamed(table):
        answer = post(path, about(house.merchant), BODY, gateway=house.gateway_secret, **signed)
        assert answer.status == HTTPStatus.SERVICE_UNAVAILABLE
    answer = post(path, about(house.merchant), BODY, gateway=house.gateway_secret, **signed)
    assert answer.status == OK
    assert path == SIGN or answer.told["valid"]


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_died_while_it_was_idle_costs_no_verification(house: House):
    """After a restart of PostgreSQL the thread that notes messages has a dead one."""
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has no connections that could be cut")
    assert verify(house, sign(house).told)["valid"]
    signed, pid = sign(house).told, connection.connection.info.backend_pid
    with Elsewhere() as elsewhere:
        elsewhere.do(lambda: connection.cursor().execute("SELECT pg_terminate_backend(%s, 5000)", [pid]))
    assert verify(house, signed)["valid"]
    assert connection.connection.info.backend_pid != pid
