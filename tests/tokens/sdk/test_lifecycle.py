"""SDK tokens are made for a subject, live as API tokens do, and count towards the merchant's quota."""

import pytest
from django.db import IntegrityError, transaction

from accounts import lifecycle as entities
from accounts import members
from accounts.models import AuditEvent
from accounts.permissions import Role
from accounts.refusals import Refused
from tests.factories import SETUP, give_role, make_entity, make_token, make_user, put_into
from tests.tokens.conftest import stored
from tests.tokens.sdk.conftest import Shop, make_sdk
from tokens import formats, lifecycle, rotation
from tokens.models import Token
from tokens.permissions import CATALOGUE, SDK_SCOPE, VIEW


def test_an_sdk_token_may_take_payments_and_nothing_else(shop: Shop):
    """S2-4, C7: the same for all of them, whatever was asked for, and no back office."""
    for token in shop.sdk.values():
        assert set(token.scope.split()) == SDK_SCOPE < CATALOGUE
    asked, _secret = make_sdk(shop.till, permissions=VIEW)
    assert set(asked.scope.split()) == SDK_SCOPE
    assert {each.partition(".")[0] for each in SDK_SCOPE} == {
        "payment_request", "payment_transaction", "payment_commit", "payment_command",
    }  # fmt: skip


def test_kind_and_mode_are_in_the_prefix(shop: Shop):
    """C8, S2-4."""
    token, secret = make_sdk(shop.till, mode="test")
    assert secret.startswith(f"kh_sdk_test_{token.key_id}_")
    assert formats.parse(secret) is not None
    assert token.masked.startswith("kh_sdk_test_")


def test_without_an_alias_a_token_is_called_after_its_subject(shop: Shop):
    """S0-30."""
    assert [token.alias for token in shop.sdk.values()] == ["All tills", "Till 1", "Noor van Dijk"]
    assert make_sdk(shop.merchant)[0].alias == "SDK token 3"
    assert make_token(shop.merchant)[0].alias == "API token 2"


def test_the_event_of_a_creation_names_the_person(shop: Shop):
    event = AuditEvent.objects.get(target=shop.of_seller.key_id)
    assert (event.type, event.entity, event.details["person"]) == ("token.created", shop.merchant, shop.seller.email)


@pytest.mark.parametrize(("place", "is_own"), [("partner", False), ("partner", True), ("channel", False)])
def test_only_merchants_terminals_and_their_people_have_sdk_tokens(shop: Shop, place, is_own):
    """S2-14."""
    before = Token.objects.count(), AuditEvent.objects.count()
    with pytest.raises(Refused, match="SDK tokens belong to merchants and terminals"):
        make_sdk(getattr(shop, place), user=shop.seller if is_own else None)
    assert (Token.objects.count(), AuditEvent.objects.count()) == before


def test_a_person_of_a_channel_has_their_token_there(shop: Shop):
    seller = make_user(Role.SDK_USER, on=shop.channel)
    token, _secret = make_sdk(shop.channel, user=seller)
    assert (token.entity, token.user) == (shop.channel, seller)
    with pytest.raises(Refused, match="has no role here"):
        make_sdk(shop.merchant, user=seller)


@pytest.mark.parametrize("why", ["stranger", "disabled", "removed"])
def test_a_token_is_bound_to_active_members_only(shop: Shop, why):
    """S2-19."""
    person = make_user(Role.ADMINISTRATOR, on=shop.rival) if why == "stranger" else shop.seller
    if why == "disabled":
        type(person).objects.filter(pk=person.pk).update(is_active=False)
    if why == "removed":
        person.memberships.all().delete()
    with pytest.raises(Refused, match="may not sign in, or has no role here"):
        make_sdk(shop.merchant, user=person)


@pytest.mark.parametrize("ending", ["another role", "removal"])
def test_what_a_role_allowed_ends_with_it_and_does_not_come_back(shop: Shop, ending):
    """S2-19, S2-22, C9: a viewer has no SDK token, nor has somebody who was away."""
    (membership,) = shop.seller.memberships.all()
    if ending == "removal":
        members.remove(membership, by=SETUP)
    else:
        members.change_role(membership, role=Role.VIEWER, by=SETUP)
    assert stored(shop.of_seller)["status"] == "inactive"
    told = AuditEvent.objects.get(type="token.deactivated", target=shop.of_seller.key_id)
    assert "no role here" in told.details["reason"]
    give_role(shop.seller, Role.SDK_USER, on=shop.merchant)
    assert stored(shop.of_seller)["status"] == "inactive"
    assert stored(shop.of_merchant)["status"] == "active"


def test_one_of_two_roles_that_allow_it_is_enough(shop: Shop):
    """S2-19."""
    give_role(shop.seller, Role.DEVELOPER, on=shop.merchant)
    members.remove(shop.seller.memberships.get(role=Role.SDK_USER), by=SETUP)
    assert stored(shop.of_seller)["status"] == "active"


def test_api_tokens_are_bound_to_nobody_in_the_database_too(shop: Shop):
    with pytest.raises(IntegrityError), transaction.atomic():
        Token.objects.filter(pk=shop.api.pk).update(user=shop.seller)


@pytest.mark.parametrize("level", ["partner", "merchant", "channel", "till"])
def test_nothing_is_made_for_a_terminal_under_a_suspension(shop: Shop, level):
    entities.suspend(getattr(shop, level), by=SETUP)
    with pytest.raises(Refused, match="“Till 1” is suspended"):
        make_sdk(shop.till)


def test_tokens_of_terminals_count_towards_the_quota_of_the_merchant(shop: Shop, settings):
    """C5."""
    settings.TOKEN_QUOTA = 5
    elsewhere = make_entity("terminal", "Kiosk", under=shop.merchant)
    make_sdk(elsewhere)
    for entity in (shop.merchant, shop.till):
        with pytest.raises(Refused, match="This merchant has 5 tokens"):
            make_sdk(entity)
    put_into(shop.of_till, "removed")
    make_token(shop.merchant)


def test_it_lives_as_an_api_token_does(shop: Shop):
    """S2-9, S2-16, S2-22, C2 ... C4."""
    token = put_into(shop.of_till, "inactive")
    lifecycle.reactivate(token, by=SETUP)
    lifecycle.condemn(token, by=SETUP)
    token.refresh_from_db()
    assert (token.status, token.digest) == ("revoked", None)
    lifecycle.remove(token, by=SETUP)
    with pytest.raises(Refused):
        lifecycle.reactivate(token, by=SETUP)


def test_a_rotation_keeps_the_subject(shop: Shop):
    """S2-23, C10."""
    for token in shop.sdk.values():
        successor, secret = rotation.rotate(token, overlap=None, by=SETUP)
        assert (successor.kind, successor.entity, successor.user) == ("sdk", token.entity, token.user)
        assert (successor.scope, successor.alias) == (token.scope, token.alias)
        assert secret.startswith("kh_sdk_live_")


def test_nobody_rotates_the_token_of_somebody_who_left(shop: Shop):
    shop.seller.memberships.all().delete()
    with pytest.raises(Refused, match="has no role here"):
        rotation.rotate(shop.of_seller, overlap=None, by=SETUP)
    shop.of_seller.refresh_from_db()
    assert shop.of_seller.retiring_since is None
