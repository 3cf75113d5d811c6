"""The decision: every reason, in the right order, with one statement and nothing told to those without the secret."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import Membership
from accounts.permissions import Role
from tests.factories import SETUP, make_gateway, make_merchant, make_token, make_user, put_into
from tests.tokens.conftest import House, rewritten, with_another_secret
from tokens import digests, lifecycle, verification
from tokens.formats import BASE62, mint, write
from tokens.models import Token
from tokens.permissions import CATALOGUE, VIEW
from tokens.verification import GOOD, NOT_ALLOWED, NOT_GOOD, Decision, decide

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def test_a_good_token_is_let_through_with_what_the_payment_core_must_know(house: House):
    assert house.decide() == Decision(
        GOOD,
        token=house.token.pk,
        gateway=house.gateway.pk,
        key_id=house.token.key_id,
        mode="live",
        entity=house.merchant.entity_id,
        scope=house.token.scope,
        kind="api",
    )


def test_a_new_token_works_at_once_and_several_do_together(house: House):
    """S0-13, S0-40, S1-26: rotation needs the old and the new one at the same time."""
    _, second = make_token(house.merchant)
    assert house.reason() == house.reason(second) == GOOD


@pytest.mark.parametrize("wrong", ["", " ", "nonsense", "kh_api_live_", "Bearer x", "é" * 78, "\0" * 78, "\ud800"])
def test_what_is_no_token_is_malformed(house: House, wrong):
    assert house.reason(wrong) == "malformed"


def test_a_token_that_nobody_issued_is_unknown(house: House):
    assert house.reason(write(mint("api", "live"))) == "unknown"


@pytest.mark.parametrize("status", ["active", "inactive", "revoked"])
def test_an_unknown_key_id_says_nothing_of_the_token_whose_row_is_read_in_its_place(house: House, status):
    """So that the unknown takes as long as the known. Key IDs on both sides of the only two there are, and between."""
    put_into(house.token, status)
    held = sorted([house.token.key_id, house.gateway.key_id])
    for key_id in ["0" * 16, *(known[:-1] + ("z" if known[-1] == "a" else "a") for known in held), "z" * 16]:
        decision = house.decide(rewritten(house.secret, key_id=key_id))
        assert decision == Decision("unknown", gateway=house.gateway.pk), key_id


def test_the_right_key_id_with_a_wrong_secret_is_refused(house: House):
    assert house.reason(with_another_secret(house.secret)) == "digest"


@pytest.mark.parametrize("parts", [{"mode": "test"}, {"kind": "sdk"}, {"kind": "gtw"}])
def test_a_prefix_written_anew_gains_nothing(house: House, parts):
    """Ruling C8: the mode in the prefix is the mode in the database, or the token is none."""
    assert house.reason(rewritten(house.secret, **parts)) == "digest"


def test_a_key_id_in_other_letters_is_another_key_id(house: House):
    swapped = house.token.key_id.swapcase()
    assert house.reason(rewritten(house.secret, key_id=swapped)) == "unknown"


@pytest.mark.parametrize(
    ("status", "reason"),
    [("active", GOOD), ("inactive", "inactive"), ("revoked", "revoked"), ("removed", "removed")],
)
def test_only_an_active_token_is_good(house: House, status, reason):
    """S0-32, S3-16, S0-37."""
    put_into(house.token, status)
    assert house.reason() == reason


def test_a_reactivated_token_is_good_again(house: House):
    """S0-34."""
    lifecycle.reactivate(put_into(house.token, "inactive"), by=SETUP)
    assert house.reason() == GOOD


@pytest.mark.parametrize("expires_at", [NOON, NOON + timedelta(microseconds=1), NOON + timedelta(microseconds=999_999)])
def test_a_token_expires_to_the_microsecond(house: House, expires_at):
    with time_machine.travel(NOON - timedelta(days=1), tick=False):
        _, secret = make_token(house.merchant, expires_at=expires_at)
    for moment, reason in [
        (expires_at - timedelta(days=400), GOOD),
        (expires_at - timedelta(microseconds=1), GOOD),
        (expires_at, "expired"),
        (expires_at + timedelta(microseconds=1), "expired"),
        (expires_at + timedelta(days=400), "expired"),
    ]:
        with time_machine.travel(moment, tick=False):
            assert house.reason(secret) == reason, moment


def test_an_expired_token_of_which_the_secret_is_wrong_is_not_told_to_be_expired(house: House):
    _, secret = make_token(house.merchant, expires_at=NOON)
    with time_machine.travel(NOON, tick=False):
        assert house.reason(with_another_secret(secret)) == "digest"


@pytest.mark.parametrize("status", ["revoked", "removed"])
def test_an_ended_token_has_nothing_left_that_a_secret_could_be_compared_with(house: House, status):
    """S3-16, S0-37: so its end is the reason, for the portal, whoever presents its key ID."""
    put_into(house.token, status)
    assert house.reason(with_another_secret(house.secret)) == status


@pytest.mark.parametrize("status", ["active", "inactive"])
def test_without_the_secret_no_status_is_learned(house: House, status):
    put_into(house.token, status)
    house.suspend(house.company)
    decision = house.decide(with_another_secret(house.secret), mode="test", entity=house.sibling.entity_id)
    assert decision == Decision("digest", gateway=house.gateway.pk), "neither a status nor the token's own row"


@pytest.mark.parametrize(("minted", "asked", "reason"), [
    ("live", "live", GOOD), ("test", "test", GOOD), ("live", "test", "mode"), ("test", "live", "mode"),
    ("live", "LIVE", "mode"), ("live", "live test", "mode"),
])  # fmt: skip
def test_live_and_test_never_meet(house: House, minted, asked, reason):
    """S1-7, S1-8, ruling C8."""
    _, secret = make_token(house.merchant, mode=minted)
    assert house.reason(secret, mode=asked) == reason


def test_a_question_without_a_mode_means_that_of_the_gateway(house: House):
    """C8: a live gateway whose question forgot it lets no test token through."""
    _, secret = make_token(house.merchant, mode="test")
    assert (house.reason(secret), house.reason(secret, mode="test"), house.reason()) == ("mode", GOOD, GOOD)


@pytest.mark.parametrize("permission", sorted(CATALOGUE))
def test_each_permission_is_needed_exactly(house: House, permission):
    """S1-17."""
    _, without = make_token(house.merchant, permissions=CATALOGUE - {permission})
    _, only = make_token(house.merchant, permissions=frozenset({permission}))
    assert house.reason(without, permission=permission) == "permission"
    assert house.reason(only, permission=permission) == GOOD


@pytest.mark.parametrize(
    "permission", ["payment_transaction", "view", ".view", "payment_transaction.view payment_route.view", "*", "%", " "]
)
def test_a_part_of_a_permission_is_no_permission(house: House, permission):
    _, secret = make_token(house.merchant, permissions=VIEW)
    assert house.reason(secret, permission=permission) == "permission"


@pytest.mark.parametrize("permission", ["", "payment_transaction.view"])
def test_a_token_without_permissions_may_do_nothing(house: House, permission):
    _, secret = make_token(house.merchant, permissions=frozenset())
    assert house.reason(secret, permission=permission) == "permission"


def test_only_api_tokens_authenticate_requests(house: House):
    _, sdk = make_token(house.merchant, kind=Token.Kind.SDK)
    assert house.reason(sdk) == "kind"
    assert house.reason(house.gateway_secret) == "kind"


def test_what_is_not_good_is_said_before_what_is_not_allowed(house: House):
    """Only whoever holds a good credential hears that it may not do this."""
    elsewhere = {"mode": "test", "entity": house.sibling.entity_id, "permission": "nothing"}
    assert house.reason(**elsewhere) == "mode"
    put_into(house.token, "inactive")
    assert house.reason(**elsewhere) == "inactive"


@pytest.mark.parametrize("status", ["inactive", "revoked", "removed"])
def test_a_gateway_whose_credential_is_not_active_gets_no_decision(house: House, status):
    put_into(house.gateway, status)
    assert house.decide() is None


def test_a_gateway_whose_credential_has_expired_gets_no_decision(house: House):
    _, secret = make_gateway(expires_at=NOON)
    with time_machine.travel(NOON - timedelta(microseconds=1), tick=False):
        assert decide(house.secret, gateway=secret).allowed
    with time_machine.travel(NOON, tick=False):
        assert decide(house.secret, gateway=secret) is None


def test_nothing_but_a_gateways_own_credential_gets_a_decision(house: House):
    _, sdk = make_token(house.merchant, kind=Token.Kind.SDK)
    for wrong in [
        "",
        "nonsense",
        house.secret,
        sdk,
        rewritten(house.secret, kind="gtw"),
        rewritten(house.gateway_secret, mode="test"),
        with_another_secret(house.gateway_secret),
        write(mint("gtw", "live")),
    ]:
        assert decide(house.secret, gateway=wrong) is None, wrong


def test_the_tables_of_reasons_are_complete(house: House):
    """What is in neither would be answered as 401; what is in both would be a contradiction."""
    assert not NOT_GOOD & NOT_ALLOWED
    assert GOOD not in NOT_GOOD | NOT_ALLOWED


def every_question(house: House) -> list[tuple[str, dict]]:
    """Return a credential and bindings for every reason there is."""
    _, inactive = make_token(house.merchant)
    put_into(Token.objects.latest("pk"), "inactive")
    _, expired = make_token(house.merchant, expires_at=NOON - timedelta(days=1))
    stopped = make_merchant(under=house.company)
    _, suspended = make_token(stopped)
    house.suspend(stopped)
    _, sdk = make_token(house.merchant, kind=Token.Kind.SDK)
    _, of_nobody = make_token(house.merchant, kind=Token.Kind.SDK, user=make_user(Role.SDK_USER, on=house.merchant))
    Membership.objects.filter(role=Role.SDK_USER).delete()
    _, at_home = make_token(house.merchant, networks="192.0.2.0/24")
    ended = [make_token(house.merchant) for _ in range(2)]
    put_into(ended[0][0], "revoked")
    put_into(ended[1][0], "removed")
    bindings = {"permission": "payment_transaction.edit", "mode": "live", "entity": house.terminal.entity_id}
    return [
        (house.secret, bindings),
        (write(mint("api", "live")), bindings),
        (with_another_secret(house.secret), bindings),
        (inactive, {}),
        (expired, {}),
        (suspended, {}),
        *((secret, {}) for _, secret in ended),
        (at_home, {"caller": "198.51.100.1"}),
        (sdk, {}),
        (of_nobody, {}),
        (house.secret, {"mode": "test"}),
        (house.secret, {"entity": house.sibling.entity_id}),
        (house.secret, {"permission": "unheard_of"}),
    ]


def test_every_decision_is_exactly_one_statement(house: House):
    seen = set()
    for secret, bindings in every_question(house):
        with CaptureQueriesContext(connection) as statements:
            seen.add(house.reason(secret, **bindings))
        assert len(statements) == 1, statements.captured_queries
        assert statements[0]["sql"].lstrip().upper().startswith("SELECT")
    assert seen == {GOOD} | NOT_ALLOWED | NOT_GOOD - {"malformed"}


def test_a_malformed_credential_never_reaches_the_database(house: House, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert house.reason("kh_api_live_nonsense") == "malformed"
        assert decide(house.secret, gateway="nonsense") is None
        assert decide(house.secret, gateway=house.secret) is None


def test_unknown_and_wrong_cost_the_same_digests(house: House, monkeypatch):
    """An answer that came sooner for unknown key IDs would tell which exist."""
    computed = []
    real = digests.digest
    monkeypatch.setattr(verification.digests, "digest", lambda *args: computed.append(args) or real(*args))
    costs = []
    for secret in [write(mint("api", "live")), with_another_secret(house.secret), house.secret]:
        computed.clear()
        house.decide(secret)
        costs.append(len(computed))
    assert costs == [1, 1, 1], "the client's; the gateway's is remembered"


def test_the_digest_is_in_no_repr_that_an_error_report_could_keep(house: House):
    row, _ = verification.authenticate_gateway(house.gateway_secret)
    assert isinstance(row.digest, bytes)
    assert repr(row.digest) not in repr(row)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    client=st.text(max_size=100) | st.text(BASE62 + "_", min_size=78, max_size=78),
    gateway=st.text(max_size=100),
    permission=st.text(max_size=40),
    mode=st.text(max_size=10),
)
def test_no_text_makes_a_decision_fail_or_lets_anything_through(house: House, client, gateway, permission, mode):
    assert not decide(client, gateway=house.gateway_secret).allowed
    unasked = decide(house.secret, gateway=gateway, permission=permission, mode=mode)
    assert unasked is None
