"""A token is made: by whom, for whom, once, and shown once."""

from uuid import uuid4

import pytest

from accounts.models import AuditEvent
from accounts.permissions import Role
from accounts.refusals import Refused
from accounts.standing import standing_of
from tests.factories import make_administrator, make_token, make_user, put_into
from tests.tokens.conftest import House, stored
from tokens import lifecycle, owners, rotation
from tokens.models import IdempotencyRecord, Token
from tokens.permissions import CATALOGUE, VIEW


def test_a_new_token_is_active_and_was_made_by_somebody(house: House):
    """S0-21, S0-29, S1-26."""
    person = make_administrator(house.merchant)
    token, secret = lifecycle.create(house.merchant, by=person, alias="Webshop", mode="test", permissions=VIEW)
    row = stored(token)
    assert (row["status"], row["mode"], row["alias"], row["created_by_id"]) == ("active", "test", "Webshop", person.pk)
    assert set(row["scope"].split()) == VIEW
    assert (row["key_id"], row["last4"]) == (secret.split("_")[3], secret[-4:])
    event = AuditEvent.objects.latest("number")
    assert (event.type, event.target, event.actor) == ("token.created", token.key_id, person)


def test_the_secret_is_in_no_column_and_no_event(house: House):
    """S0-27, S0-28."""
    secret = house.secret.split("_")[4]
    kept = repr([stored(house.token), list(AuditEvent.objects.values()), vars(house.token)])
    assert secret[:43] not in kept
    assert secret[:12] not in kept


def test_several_tokens_are_active_at_once(house: House):
    """S0-13."""
    for _ in range(5):
        make_token(house.merchant)
    assert Token.objects.of(house.merchant).filter(status="active").count() == 6


def test_without_an_alias_a_token_gets_a_numbered_one(house: House):
    """S0-30. A number is not used again, whatever became of its token."""
    second, _ = make_token(house.merchant)
    put_into(second, "removed")
    third, _ = make_token(house.merchant)
    first_of_another, _ = make_token(house.sibling)
    assert [second.alias, third.alias, first_of_another.alias] == ["API token 2", "API token 3", "API token 1"]


@pytest.mark.parametrize("kind", ["partner", "company", "channel", "terminal"])
def test_only_merchants_own_api_tokens(house: House, kind):
    """S0-6, S0-10."""
    entity = getattr(house, kind)
    person = make_administrator(house.partner)
    tokens, events = Token.objects.count(), AuditEvent.objects.count()
    assert not owners.can_create(standing_of(person, entity))
    with pytest.raises(Refused, match=r"API tokens belong to merchants. Choose a merchant"):
        make_token(entity)
    assert (Token.objects.count(), AuditEvent.objects.count()) == (tokens, events)


@pytest.mark.parametrize("level", ["partner", "company", "merchant"])
def test_a_suspended_merchant_gets_no_new_token(house: House, level):
    person = make_administrator(house.merchant)
    house.suspend(getattr(house, level))
    assert not owners.can_create(standing_of(person, house.merchant))
    with pytest.raises(Refused, match=r"“Merchant” is suspended. Add tokens once it is active again."):
        make_token(house.merchant)
    house.reactivate(getattr(house, level))
    assert owners.can_create(standing_of(person, house.merchant))
    make_token(house.merchant)


@pytest.mark.parametrize(("role", "offered"), [
    (Role.ADMINISTRATOR, True), (Role.DEVELOPER, True), (Role.VIEWER, False), (Role.TERMINAL_OPERATOR, False),
])  # fmt: skip
def test_add_is_offered_to_those_who_may(house: House, role, offered):
    """Ruling C9, S4-6."""
    assert owners.can_create(standing_of(make_user(role, on=house.company), house.merchant)) == offered


def test_the_quota_counts_what_could_work_and_nothing_else(house: House, settings):
    """Ruling C5."""
    settings.TOKEN_QUOTA = 3
    second, _ = make_token(house.merchant)
    put_into(second, "inactive")
    third, _ = make_token(house.merchant)
    with pytest.raises(Refused, match=r"This merchant has 3 tokens, the most it may have. Remove one first."):
        make_token(house.merchant)
    put_into(third, "revoked")
    make_token(house.merchant)
    make_token(house.sibling)


def test_a_permission_that_does_not_exist_makes_no_token(house: House):
    tokens = Token.objects.count()
    with pytest.raises(ValueError, match=r"payment_everything.edit"):
        make_token(house.merchant, permissions=VIEW | {"payment_everything.edit"})
    assert Token.objects.count() == tokens
    assert set(make_token(house.merchant)[0].scope.split()) == CATALOGUE


def test_the_same_form_twice_makes_one_token(house: House):
    person, form = make_administrator(house.merchant), uuid4()
    first, secret = lifecycle.create(house.merchant, by=person, form_key=form)
    tokens, events = Token.objects.count(), AuditEvent.objects.count()
    with pytest.raises(lifecycle.AlreadyCreated) as told:
        lifecycle.create(house.merchant, by=person, form_key=form)
    assert told.value.token == first
    assert secret.split("_")[4][:12] not in repr(vars(told.value)) + str(told.value) + repr(vars(told.value.token))
    assert (Token.objects.count(), AuditEvent.objects.count()) == (tokens, events)
    assert IdempotencyRecord.objects.count() == 1


def test_the_form_of_another_person_is_another_form(house: House):
    form = uuid4()
    for person in [make_administrator(house.merchant), make_user()]:
        lifecycle.create(house.merchant, by=person, form_key=form)
    assert IdempotencyRecord.objects.count() == 2


def test_a_form_made_for_one_merchant_makes_nothing_for_another(house: House):
    """S0-8, S2-19: and tells nothing of what it made there. Nor is it the form of a rotation."""
    person, form = make_administrator(house.company), uuid4()
    lifecycle.create(house.merchant, by=person, form_key=form, alias="Of the first")
    tokens, events = Token.objects.count(), AuditEvent.objects.count()
    for again in (
        lambda: lifecycle.create(house.sibling, by=person, form_key=form),
        lambda: rotation.rotate(house.token, overlap=None, by=person, form_key=form),
    ):
        with pytest.raises(Refused, match="sent for something else before") as told:
            again()
        assert not isinstance(told.value, lifecycle.AlreadyCreated)
    assert (Token.objects.count(), AuditEvent.objects.count()) == (tokens, events)
    assert stored(house.token)["retiring_since"] is None
