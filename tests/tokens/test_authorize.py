"""`/gateway/authorize`: three answers, whatever arrives, and nothing told that a gateway need not know."""

import re
import tracemalloc
from http import HTTPMethod, HTTPStatus

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.factories import make_gateway, make_merchant, make_token, put_into
from tests.tokens.conftest import House, rewritten, with_another_secret
from tests.tokens.questions import IDENTITY, Answer, ask
from tokens import usage
from tokens.evidence import REASONS, refusals_of
from tokens.formats import mint, write
from tokens.models import Token, UsageBucket

OK, UNAUTHORIZED, FORBIDDEN = HTTPStatus.OK, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN
REFUSED = Answer(
    "401 Unauthorized", [("Content-Length", "0"), ("Cache-Control", "no-store"), ("WWW-Authenticate", "Bearer")]
)
NOT_ALLOWED = Answer("403 Forbidden", [("Content-Length", "0"), ("Cache-Control", "no-store")])


@pytest.fixture
def gateway(house: House):
    """Return a function that asks as the house's gateway."""

    def ask_as_gateway(secret: str | None = None, query: str = "", **headers: str) -> Answer:
        bearer = {"Authorization": f"Bearer {house.secret if secret is None else secret}"}
        return ask(query, **({"X_Keyhouse_Gateway": house.gateway_secret} | bearer | headers))

    return ask_as_gateway


def counted() -> dict[tuple[int, str, str], int]:
    """Write what was counted; return (token, caller, outcome) -> count."""
    usage.flush()
    return {(row.token_id, row.caller, row.outcome): row.count for row in UsageBucket.objects.all()}


def test_a_good_token_gets_200_and_the_headers_that_identify_it(house, gateway):
    answer = gateway(query="permission=payment_transaction.edit&mode=live&entity=" + house.channel.entity_id)
    assert answer.status == OK
    assert answer.identity == {
        "X-Keyhouse-Entity": house.merchant.entity_id,
        "X-Keyhouse-Key-Id": house.token.key_id,
        "X-Keyhouse-Mode": "live",
        "X-Keyhouse-Scope": house.token.scope,
        "X-Keyhouse-Request-Id": answer.identity["X-Keyhouse-Request-Id"],
        "X-Keyhouse-Kind": "api",
    }
    assert set(answer.identity) == IDENTITY
    assert house.secret not in str(answer)


def test_no_tunnel_is_opened_for_anybody(gateway):
    """RFC 9110, 9.3.6: what follows a 200 to CONNECT is no answer any more; nobody asks a gateway for that."""
    assert gateway(REQUEST_METHOD="CONNECT") == NOT_ALLOWED


@pytest.mark.parametrize("method", [*sorted(set(HTTPMethod) - {HTTPMethod.CONNECT}), "PROPFIND", "get", "X"])
def test_every_method_is_the_same_question(gateway, method):
    assert gateway(REQUEST_METHOD=method).status == OK
    assert gateway("nonsense", REQUEST_METHOD=method) == REFUSED


def test_whatever_is_not_good_gets_the_same_401_byte_for_byte(house, gateway):
    """Whoever guesses learns nothing: not whether a token exists, nor what became of it."""
    secrets = []
    for status in ["inactive", "revoked", "removed"]:
        token, secret = make_token(house.merchant)
        put_into(token, status)
        secrets += [secret, with_another_secret(secret)]
    stopped = make_merchant(under=house.company)
    _, suspended = make_token(stopped)
    house.suspend(stopped)
    wrong = with_another_secret(house.secret)
    for secret in [
        *secrets,
        suspended,
        wrong,
        "",
        "nonsense",
        write(mint("api", "live")),
        rewritten(wrong, kind="gtw"),
    ]:
        assert gateway(secret) == REFUSED, secret
        assert gateway(secret, "mode=test&permission=x&entity=y") == REFUSED, secret


def test_whatever_is_good_but_not_allowed_gets_the_same_403_byte_for_byte(house, gateway):
    _, sdk = make_token(house.merchant, kind=Token.Kind.SDK)
    assert gateway(sdk) == gateway(house.gateway_secret) == NOT_ALLOWED
    for query in ["mode=test", f"entity={house.sibling.entity_id}", "entity=mer_none", "permission=x"]:
        assert gateway(query=query) == NOT_ALLOWED, query


def test_a_gateway_that_does_not_prove_itself_gets_401(house, gateway):
    inactive, once = make_gateway()
    put_into(inactive, "inactive")
    wrong = ["", "nonsense", house.secret, once, with_another_secret(house.gateway_secret), write(mint("gtw", "live"))]
    for credential in wrong:
        assert gateway(X_Keyhouse_Gateway=credential) == REFUSED, credential
    both = f"{house.gateway_secret}, {house.gateway_secret}"
    assert gateway(X_Keyhouse_Gateway=both) == gateway(X_Keyhouse_Gateway=f"Bearer {house.gateway_secret}") == REFUSED
    assert counted() == {}, "nobody has asked, so nothing was asked about"


@pytest.mark.parametrize("form", ["Bearer {}", "bearer {}", "BEARER {}", "Bearer   {}", "Bearer {} "])
def test_the_scheme_may_be_written_in_any_case(house, gateway, form):
    """RFC 9110, 11.1."""
    assert gateway(Authorization=form.format(house.secret)).status == OK


@pytest.mark.parametrize("form", [
    "", "Bearer", "Bearer ", "{}", "Basic {}", "Token {}", "Bearer: {}", "Bearer\t{}", " Bearer {}", "Bearer {}\xa0",
    "Bearer {},", "Bearer {0} {0}", "Bearer {0}, {0}", "Bearer {0}, Bearer {0}", "Basic eA==, Bearer {}",
    'Bearer "{}"', "Bearer {}, Basic eA==", "Bearer {}\x00", "Bearer {}\r\nX: y", "Bearer \xff{}",
])  # fmt: skip
def test_every_other_way_to_write_a_credential_is_refused(house, gateway, form):
    """Two credentials in one header among them: which of them would count is anybody's guess."""
    assert gateway(Authorization=form.format(house.secret)) == REFUSED


def test_a_credential_in_the_address_or_a_cookie_is_refused_even_where_it_is_good(house, gateway):
    assert gateway("", f"access_token={house.secret}") == REFUSED
    assert gateway("", Cookie=f"token={house.secret}") == REFUSED
    assert gateway(query=f"mode=live&access_token={house.secret}") == REFUSED
    assert gateway(query=f"mode=live&x={house.gateway_secret}") == REFUSED
    assert gateway(Cookie=f"a=b; token={house.secret}") == REFUSED


def test_a_payers_cookie_that_looks_a_little_like_a_token_changes_nothing(gateway):
    assert gateway(Cookie="session=aGVsbGkh_d29ybGQ; shop=pkh_1").status == OK


@pytest.mark.parametrize("query", [
    # misspelt, or none of ours
    "permision=payment_transaction.edit", "Permission=payment_route.view", "permission%20=payment_route.view",
    "x=y", "mode=live&x=y", "mode=live&Mode=live", "method=GET", "é=\xff", "mode=live;permission=payment_route.view",
    # said twice
    "mode=live&mode=live", "mode=live&mode=test", "mode=live&%6dode=live", "entity=&entity=",
    "permission=payment_route.view&permission=payment_route.edit", "mode=live&" * 50_000,
    # blank
    "mode=", "mode", "permission=&mode=live", "entity=", "caller=", "entity=%20", "entity=+", "mode=live&entity=",
    # no list of parameters
    "&", "&&", "mode=live&", "mode=live&&permission=payment_route.view", "=", "=live", "?mode=live",
    # what no parameter can say
    "mode=x", "mode=Live", "mode=%ff", "entity=%00", "mode=live%00", "entity=%ed%a0%80", "mode=live%0a",
    "entity=\ud800", "entity=m%C3%A9r", "entity=" + "x" * 1_000, "&".join(f"x{number}=y" for number in range(17)),
])  # fmt: skip
def test_a_question_that_is_not_exact_lets_nobody_through(house, gateway, query):
    """What a misspelt or blank parameter was to bind, nothing would bind."""
    assert gateway(query=query) == gateway("nonsense", query) == NOT_ALLOWED
    assert counted() == {(house.gateway.pk, "unknown", "question"): 2}, "the gateway's fault, and on its account"


@pytest.mark.parametrize(
    "query", ["", "mode=live", "mode=%6cive", "m%6fde=live", "mode=live&permission=payment_transaction.edit"]
)
def test_an_exact_question_is_understood_however_it_is_encoded(gateway, query):
    assert gateway(query=query).status == OK


def test_what_is_wrong_with_a_question_is_told_to_nobody_without_a_gateways_credential(house, gateway, caplog):
    for credential in ["", "nonsense", house.secret, with_another_secret(house.gateway_secret)]:
        assert gateway(query="permision=x", X_Keyhouse_Gateway=credential) == REFUSED
    assert counted() == {}
    assert "permision" not in caplog.text


def test_the_operator_finds_what_is_wrong_in_the_log_once_and_in_the_portal(house, gateway, caplog):
    for _ in range(3):
        gateway(query="mode=live&permission=&entity=mer_1")
    said = [record.getMessage() for record in caplog.records]
    fault = "it leaves `permission` blank, or says what cannot be"
    assert said == [f"The questions of gateway {house.gateway.key_id} are refused: {fault}."]
    counted()
    assert refusals_of(house.gateway) == [(REASONS["question"], 3)]


@pytest.mark.parametrize(("told", "noted"), [
    ("203.0.113.9", "203.0.113.9"), (" 203.0.113.9 ", "203.0.113.9"), ("2001:DB8::0:1", "2001:db8::1"),
    ("fe80::1%eth0", "fe80::1"), ("fe80::1%" + "x" * 5_000, "fe80::1"), ("fe80::1%\0", "fe80::1"),
    ("", "unknown"), ("203.0.113.9, 10.0.0.1", "unknown"), ("203.0.113.9:80", "unknown"), ("x" * 9_000, "unknown"),
    ("\xff", "unknown"), ("\0", "unknown"), ("127.1", "unknown"), ("0x7f.0.0.1", "unknown"), ("%", "unknown"),
])  # fmt: skip
def test_the_caller_is_an_address_or_unknown(house, gateway, told, noted):
    """Whatever else stood there would one day not fit its column, and every later count would wait behind it."""
    assert gateway(X_Keyhouse_Caller=told).status == OK
    assert counted() == {(house.token.pk, noted, "good"): 1}


def test_every_question_is_counted_where_it_belongs(house, gateway):
    """On the token where its holder asked, else on the gateway: nobody can foul another's figures."""
    gateway()
    gateway(query="mode=test")
    gateway(with_another_secret(house.secret))
    gateway(write(mint("api", "live")))
    gateway("nonsense")
    assert counted() == {
        (house.token.pk, "unknown", "good"): 1,
        (house.token.pk, "unknown", "mode"): 1,
        (house.gateway.pk, "unknown", "digest"): 1,
        (house.gateway.pk, "unknown", "unknown"): 1,
    }


@pytest.mark.parametrize("given_id", ["a", "0123456789abcdef0123456789abcdef", "A.b_c-9", "x" * 64])
def test_the_gateways_request_id_is_kept(gateway, given_id):
    assert gateway(X_Request_Id=given_id).identity["X-Keyhouse-Request-Id"] == given_id


@pytest.mark.parametrize("given_id", ["", "x" * 65, "a b", "a\r\nX-Keyhouse-Entity: mer_other", "é", "a\n", "a,b"])
def test_any_other_request_id_is_replaced(gateway, given_id):
    first, second = (gateway(X_Request_Id=given_id).identity["X-Keyhouse-Request-Id"] for _ in range(2))
    assert re.fullmatch(r"[0-9a-f]{32}", first)
    assert first != second


def test_nothing_that_a_stranger_may_make_long_is_remembered(gateway):
    """Questions, addresses and gateways' credentials are remembered taken apart, thousands of them in each process."""
    gateway()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for number in range(100):
        long = f"{number}".rjust(100_000, "x")
        gateway(X_Keyhouse_Caller=long)
        gateway(query=f"entity={long}")
        gateway(X_Keyhouse_Gateway=long)
        gateway(long)
    kept = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert kept < 2_000_000


class Unreadable:
    """A request body that must not be touched: nginx sends none, Envoy may send megabytes."""

    def read(self, *_: object) -> bytes:
        raise AssertionError("The body was read.")

    readline = readlines = __iter__ = read


def test_the_body_is_never_read(gateway):
    answer = gateway(REQUEST_METHOD="POST", CONTENT_LENGTH="9000000", **{"wsgi.input": Unreadable()})
    assert answer.status == OK


@pytest.mark.parametrize("path", ["/gateway/authorize", "/gateway/authorize/", "/gateway/authorize//"])
def test_with_or_without_a_slash_there_is_no_redirect(gateway, path):
    assert gateway(PATH_INFO=path).status == OK


@pytest.mark.parametrize("path", ["/gateway/authorizes", "/gateway", "/gateway/authorize/x", "/x/gateway/authorize"])
def test_no_other_path_is_a_decision(gateway, settings, path):
    settings.ALLOWED_HOSTS = ["*"]
    answer = gateway(PATH_INFO=path)
    assert answer.status != OK
    assert not answer.identity


def test_a_question_is_one_statement_that_reads(gateway, django_assert_num_queries):
    with django_assert_num_queries(1) as statements:
        gateway()
    assert statements[0]["sql"].lstrip().startswith("SELECT")


header = st.binary(max_size=300).map(lambda raw: raw.decode("latin-1"))


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(authorization=header, asking=header, caller=header, request_id=header, cookie=header, query=header)
@example("Bearer \xff", "\xff", "\xff", "\xff", "\xff", "\xff")
@example("Bearer \0", "\0", "\0", "\0", "\0", "entity=%00")
@example("Bearer " + "a" * 100_000, "a" * 100_000, "1" * 100_000, "a" * 100_000, "a" * 100_000, "a" * 100_000)
def test_no_bytes_get_anything_but_the_three_answers(
    house, gateway, authorization, asking, caller, request_id, cookie, query
):
    odd = {"X_Keyhouse_Caller": caller, "X_Request_Id": request_id, "Cookie": cookie}
    assert gateway(Authorization=authorization, **odd) == REFUSED
    assert gateway(query=query, Authorization=authorization, **odd) in (REFUSED, NOT_ALLOWED)
    assert gateway(query=query, X_Keyhouse_Gateway=asking, **odd) == REFUSED
    answer = gateway(query=query, **odd)
    assert answer.status in {OK, UNAUTHORIZED, FORBIDDEN}
    assert set(answer.identity) == (IDENTITY if answer.status == OK else set())
    assert all(value.isascii() and value.isprintable() for value in answer.identity.values())
    usage.flush()
