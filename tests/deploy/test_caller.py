"""Where a gateway may tell the client's address, and that nothing else is taken for it."""

from http import HTTPStatus

import pytest

from tests.factories import make_token
from tests.tokens.conftest import House
from tests.tokens.questions import ask
from tokens import usage
from tokens.models import UsageBucket

FORWARDED = "caller=x-forwarded-for"
PAYER, INVENTED = "203.0.113.9", "198.51.100.1"


@pytest.fixture
def noted(house: House):
    """Return a function that asks a question and returns its status and the caller that was counted, if any."""

    def ask_and_count(query: str, secret: str = "", **headers: str) -> tuple[HTTPStatus, str | None]:
        bearer = {"Authorization": f"Bearer {secret or house.secret}", "X_Keyhouse_Gateway": house.gateway_secret}
        status = ask(query, **bearer, **headers).status
        usage.flush()
        callers = list(UsageBucket.objects.values_list("caller", flat=True))
        UsageBucket.objects.all().delete()
        return status, *(callers or [None])

    return ask_and_count


def test_the_address_is_read_where_the_question_says_and_nowhere_else(noted):
    both = {"X_Keyhouse_Caller": PAYER, "X_Forwarded_For": INVENTED}
    for query in ["", "mode=live&permission=payment_transaction.edit"]:
        assert noted(query, **both) == (HTTPStatus.OK, PAYER)
        assert noted(query, X_Forwarded_For=INVENTED) == (HTTPStatus.OK, "unknown")
    swapped = {"X_Keyhouse_Caller": INVENTED, "X_Forwarded_For": PAYER}
    assert noted(f"mode=live&{FORWARDED}", **swapped) == (HTTPStatus.OK, PAYER)
    assert noted(FORWARDED, X_Keyhouse_Caller=INVENTED) == (HTTPStatus.OK, "unknown")


@pytest.mark.parametrize("told", [f"{INVENTED}, {PAYER}", f"{PAYER},", "", "unknown", f"{PAYER}:80", "\xff"])
def test_a_list_of_addresses_is_nobodys(noted, told):
    """Its first entry is what the client wrote. Traefik, told to trust nobody, sends exactly one address."""
    assert noted(FORWARDED, X_Forwarded_For=told) == (HTTPStatus.OK, "unknown")


@pytest.mark.parametrize("query", [
    "caller=x-real-ip", "caller=X-Forwarded-For", "caller=HTTP_COOKIE", "caller=authorization", "caller=x", "caller=",
    f"{FORWARDED}&{FORWARDED}", f"{FORWARDED}&caller=", f"caller=&{FORWARDED}", "caller=%00", "caller=%ff",
])  # fmt: skip
def test_a_question_that_names_another_header_or_two_is_refused(noted, query):
    """On the gateway's account, with the address that it tells in the header of its own."""
    status, caller = noted(query, X_Keyhouse_Caller=PAYER, X_Forwarded_For=INVENTED)
    assert (status, caller) == (HTTPStatus.FORBIDDEN, PAYER)


def test_a_token_for_some_networks_is_held_to_the_address_that_counts(house, noted):
    _, secret = make_token(house.merchant, networks=f"{PAYER}/32")
    ok, no = (HTTPStatus.OK, PAYER), HTTPStatus.FORBIDDEN
    assert noted(FORWARDED, secret, X_Forwarded_For=PAYER, X_Keyhouse_Caller=INVENTED) == ok
    assert noted("", secret, X_Forwarded_For=INVENTED, X_Keyhouse_Caller=PAYER) == ok
    assert noted(FORWARDED, secret, X_Forwarded_For=INVENTED, X_Keyhouse_Caller=PAYER)[0] == no
    assert noted("", secret, X_Forwarded_For=PAYER, X_Keyhouse_Caller=INVENTED)[0] == no
    assert noted(FORWARDED, secret, X_Forwarded_For=f"{PAYER}, {INVENTED}")[0] == no
