"""`POST /oauth/introspect`, as RFC 7662 has it."""

import io
import json
import threading
from datetime import timedelta
from http import HTTPStatus
from urllib.parse import urlencode

import pytest
from django.utils import timezone

from tests.factories import make_token, put_into
from tests.tokens.conftest import House, with_another_secret
from tests.tokens.questions import introspect
from tokens import usage
from tokens.evidence import evidence_of
from tokens.formats import mint, write


def ask(house: House, secret: str, **options):
    return introspect(urlencode({"token": secret}), gateway=house.gateway_secret, **options)


def test_a_good_token_is_told_with_what_it_may_do(house: House):
    """S0-11, RFC 7662 2.2."""
    expires = timezone.now() + timedelta(days=30)
    token, secret = make_token(house.merchant, expires_at=expires, permissions=frozenset({"customer.view"}))
    status, headers, body = ask(house, secret)
    assert status == HTTPStatus.OK
    assert headers["Content-Type"] == "application/json"
    assert headers["Cache-Control"] == "no-store"
    assert json.loads(body) == {
        "active": True,
        "scope": "customer.view",
        "client_id": token.key_id,
        "sub": house.merchant.entity_id,
        "token_type": "Bearer",
        "kind": "api",
        "mode": "live",
        "exp": int(expires.timestamp()),
    }


def test_whatever_is_wrong_the_answer_is_the_same_bytes(house: House):
    """RFC 7662 2.2: no more than that it is not active."""
    answers = set()
    for status in ("inactive", "revoked", "removed"):
        token, secret = make_token(house.merchant)
        put_into(token, status)
        answers.add(str(ask(house, secret)))
    _, expired = make_token(house.merchant, expires_at=timezone.now())
    unknown, wrong = write(mint("api", "live")), with_another_secret(house.secret)
    answers |= {
        str(ask(house, secret)) for secret in (expired, unknown, wrong, "nonsense", "", "\xff\0", "kh_api_live_")
    }
    house.suspend(house.company)
    answers.add(str(ask(house, house.secret)))
    assert len(answers) == 1
    assert "b'{\"active\": false}'" in answers.pop()


@pytest.mark.parametrize("token", ["good", "malformed"])
def test_nobody_asks_without_a_gateways_credential(house: House, token):
    """RFC 7662 2.1: or the endpoint would let anybody try tokens."""
    body = urlencode({"token": house.secret if token == "good" else "nonsense"})
    answers = {
        str(introspect(body, gateway=gateway))
        for gateway in ("", "nonsense", house.secret, with_another_secret(house.gateway_secret))
    }
    assert len(answers) == 1
    status, headers, content = introspect(body, gateway="")
    assert (status, headers["WWW-Authenticate"]) == (HTTPStatus.UNAUTHORIZED, "Bearer")
    assert json.loads(content)["error"] == "invalid_client", "RFC 6749, 5.2"


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS"])
def test_only_post_is_taken(house: House, method):
    status, headers, _ = ask(house, house.secret, method=method)
    assert (status, headers["Allow"]) == (HTTPStatus.METHOD_NOT_ALLOWED, "POST")


@pytest.mark.parametrize(
    ("body", "options"),
    [
        ("", {}),
        ("token=a&token=b", {}),
        ("other=1", {}),
        ("&".join(f"a{n}=1" for n in range(20)), {}),
        ('{"token": "x"}', {"kind": "application/json"}),
        ("token=x", {"CONTENT_LENGTH": "-1"}),
        ("token=x", {"CONTENT_LENGTH": "x"}),
        ("token=x", {"CONTENT_LENGTH": "9" * 5000}),
        ("token=" + "x" * 5000, {}),
        ("token=x", {"CONTENT_LENGTH": "500"}),
    ],
)
def test_what_is_no_question_is_told_to_be_none(house: House, body, options):
    """RFC 6749 5.2: invalid_request, with a sentence."""
    status, _, content = introspect(body, gateway=house.gateway_secret, **options)
    assert status == HTTPStatus.BAD_REQUEST
    assert json.loads(content)["error"] == "invalid_request"


def test_a_stranger_is_not_told_what_a_question_looks_like():
    """RFC 7662 2.3: whoever has not proved who asks gets 401, whatever was asked."""
    assert introspect("", gateway="nonsense", kind="application/json")[0] == HTTPStatus.UNAUTHORIZED


def test_a_live_gateway_may_introspect_a_test_token_and_is_told_that_it_is_one(house: House):
    """C8, RFC 7662 2.2."""
    _, secret = make_token(house.merchant, mode="test")
    assert json.loads(ask(house, secret)[2])["mode"] == "test"


def test_introspection_counts_as_use(house: House):
    """S0-20."""
    ask(house, house.secret)
    usage.flush()
    assert evidence_of([house.token])[house.token.pk].good == 1


class Endless(io.BytesIO):
    """A form of which the end never comes, until it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.go_on = threading.Event(), threading.Event()

    def read(self, _size: int = -1, /) -> bytes:
        self.asked.set()
        self.go_on.wait(30)
        return b""


def test_strangers_who_never_end_their_forms_hold_one_thread_and_not_all(house: House):
    """ASVS 15.2.2: five of them would otherwise keep a worker from deciding, for as long as they like."""
    form, said = Endless(), []
    ask_for_ever = {"gateway": "nonsense", "CONTENT_LENGTH": "1000", "wsgi.input": form}
    stranger = threading.Thread(target=lambda: said.append(introspect("", **ask_for_ever)[0]))
    stranger.start()
    assert form.asked.wait(30)
    another = Endless()
    assert introspect("", **ask_for_ever | {"wsgi.input": another})[0] == HTTPStatus.UNAUTHORIZED
    assert not another.asked.is_set(), "nobody waited for what it sends"
    _token, secret = make_token(house.merchant)
    assert json.loads(ask(house, secret)[2])["active"], "and whoever proves itself is answered"
    form.go_on.set()
    stranger.join()
    assert said == [HTTPStatus.UNAUTHORIZED]
    assert ask(house, "nonsense")[0] == HTTPStatus.OK, "the thread was given back"
