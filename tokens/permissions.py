"""What a token may do: the permission catalogue and its presets (S1-12 ... S1-21), as literal tables."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from accounts.permissions import ROLE_CAPABILITIES, Capability

if TYPE_CHECKING:
    from accounts.models import User
    from tokens.models import Token

MERCHANT_SCOPE = {
    "customer": _("Customer"),
    "currency_account": _("Currency account"),
    "merchant_account": _("Merchant account"),
}
PAYMENTS_SCOPE = {
    "payment_route": _("Payment route"),
    "payment_statement": _("Payment statement"),
    "payment_transaction": _("Payment transaction"),
    "payment_commit": _("Payment commit"),
    "payment_request": _("Payment request"),
    "payment_command": _("Payment command"),
    "payment_scheme": _("Payment scheme"),
}
THINGS = MERCHANT_SCOPE | PAYMENTS_SCOPE

VIEW = frozenset(f"{thing}.view" for thing in THINGS)
EDIT = frozenset(f"{thing}.edit" for thing in THINGS)
CATALOGUE = VIEW | EDIT

SDK_SCOPE = frozenset(
    f"{thing}.{verb}"
    for thing in ("payment_request", "payment_transaction", "payment_commit", "payment_command")
    for verb in ("view", "edit")
)
"""What every SDK token may do: take payments, and nothing of what a back office does. Nobody chooses."""

KEYS_READ = "keys.read"
"""What only a gateway can hold, beyond asking: to be told merchants' keys themselves (S4-3)."""
OF_GATEWAYS = frozenset({KEYS_READ})

PRESETS = {"read_only": VIEW, "write": EDIT, "full_access": CATALOGUE}
PRESET_LABELS = {
    "read_only": _("Read-only"),
    "write": _("Write"),
    "full_access": _("Full access"),
    "custom": _("Custom"),
}


def write_scope(permissions: frozenset[str]) -> str:
    """Return `permissions` as RFC 6749 writes a scope: space-separated, here in the catalogue's order."""
    unknown = permissions - CATALOGUE
    if unknown:
        raise ValueError(f"Not in the catalogue: {', '.join(sorted(unknown))}")
    return " ".join(name for thing in THINGS for name in (f"{thing}.view", f"{thing}.edit") if name in permissions)


def preset_of(permissions: frozenset[str], within: Iterable[str] = THINGS) -> str:
    """Return the name of the preset whose exact set `permissions` is, else `custom` (S1-20, S1-21).

    `within` looks at the permissions on some things only: what a group of them is marked as.
    """
    looked_at = frozenset(f"{thing}.{verb}" for thing in within for verb in ("view", "edit"))
    held = permissions & looked_at
    return next((name for name, preset in PRESETS.items() if preset & looked_at == held), "custom")


ON_SDK_TOKENS = frozenset(
    {
        Capability.TOKEN_VIEW,
        Capability.TOKEN_EDIT,
        Capability.TOKEN_DEACTIVATE,
        Capability.TOKEN_REACTIVATE,
        Capability.TOKEN_ROTATE,
        Capability.TOKEN_REVOKE,
        Capability.TOKEN_REMOVE,
    }
)
"""What there is to do with an SDK token once it exists. Its permissions are fixed, so there is no duplicate of it."""


def held_on_sdk(held: frozenset[str], *, is_own: bool = False, is_device: bool = True) -> frozenset[str]:
    """Return what somebody who holds `held` on an entity may do with an SDK token there, in the words for API tokens.

    The one place where the two meet. Whoever only sees SDK tokens may still deactivate them where they may deactivate
    API tokens: that is support. `is_own` says that the token is bound to this person, `is_device` that it is a
    terminal's. Whoever manages devices alone may stop another person's token or the whole merchant's, and no more: a
    new secret would act in a name that is not theirs to give. Each rule asks for one capability, so that two roles
    together never give more than the one and the other.
    """
    managed = Capability.SDK_MANAGE if is_device else Capability.SDK_OTHERS
    if managed in held or (is_own and Capability.SDK_OWN in held):
        return ON_SDK_TOKENS
    if Capability.SDK_MANAGE in held:
        return frozenset({Capability.TOKEN_VIEW, Capability.TOKEN_DEACTIVATE})
    if Capability.SDK_VIEW in held:
        return frozenset({Capability.TOKEN_VIEW}) | (held & {Capability.TOKEN_DEACTIVATE})
    return frozenset()


@cache
def sdk_roles_with(capability: str, *, is_own: bool = False, is_device: bool = True) -> frozenset[str]:
    """Return the roles that hold `capability`, in the words for API tokens, on SDK tokens."""
    whose = {"is_own": is_own, "is_device": is_device}
    return frozenset(role for role, held in ROLE_CAPABILITIES.items() if capability in held_on_sdk(held, **whose))


def held_on(user: User, token: Token, held: frozenset[str] | None = None) -> frozenset[str]:
    """Return what `user` may do with `token`, whatever its kind: capabilities in the words for API tokens.

    `held` is what they hold on its entity, where that has been read already.
    """
    if held is None:
        held = user.capabilities_on(token.entity)
    if token.kind != "sdk":
        return held
    is_device = token.user_id is None and token.entity.kind == "terminal"
    return held_on_sdk(held, is_own=token.user_id == user.pk, is_device=is_device)
