"""What a token may do: the catalogue, its two scopes and its presets, as the documents have them."""

import pytest

from tokens.permissions import CATALOGUE, MERCHANT_SCOPE, PAYMENTS_SCOPE, PRESETS, THINGS, preset_of, write_scope

MERCHANT = ("Customer", "Currency account", "Merchant account")
WHAT = ("route", "statement", "transaction", "commit", "request", "command", "scheme")
PAYMENTS = tuple(f"Payment {what}" for what in WHAT)


def test_the_merchant_scope_has_three_things():
    """S1-15."""
    assert tuple(map(str, MERCHANT_SCOPE.values())) == MERCHANT


def test_the_payments_scope_has_seven_things():
    """S1-16."""
    assert tuple(map(str, PAYMENTS_SCOPE.values())) == PAYMENTS


def test_every_thing_can_be_viewed_and_edited_and_nothing_else():
    """S1-17: ten things, twenty permissions."""
    names = [label.lower().replace(" ", "_") for label in MERCHANT + PAYMENTS]
    assert {f"{name}.{verb}" for name in names for verb in ("view", "edit")} == CATALOGUE
    assert len(CATALOGUE) == 20


@pytest.mark.parametrize(
    ("preset", "holds"),
    [("read_only", ("view",)), ("write", ("edit",)), ("full_access", ("view", "edit"))],
)
def test_a_preset_is_all_views_all_edits_or_both(preset, holds):
    """S1-14, S1-18."""
    assert {permission for permission in CATALOGUE if permission.split(".")[1] in holds} == PRESETS[preset]
    assert preset_of(PRESETS[preset]) == preset


@pytest.mark.parametrize("preset", PRESETS)
def test_one_permission_more_or_less_is_custom_until_it_is_taken_back(preset):
    """S1-20, S1-21: whichever it is."""
    for permission in CATALOGUE:
        changed = PRESETS[preset] ^ {permission}
        assert preset_of(changed) == "custom", permission
        assert preset_of(changed ^ {permission}) == preset


def test_a_group_is_marked_by_its_own_permissions():
    """S1-20: the other group does not matter to it."""
    held = PRESETS["read_only"] | {"customer.edit"}
    assert preset_of(held, within=MERCHANT_SCOPE) == "custom"
    assert preset_of(held, within=PAYMENTS_SCOPE) == "read_only"


def test_a_scope_is_written_in_one_order_however_it_was_ticked():
    """RFC 6749, 3.3: the same permissions are the same string."""
    assert write_scope(CATALOGUE) == " ".join(f"{thing}.{verb}" for thing in THINGS for verb in ("view", "edit"))
