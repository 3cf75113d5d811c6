"""What a token may do: the permission catalogue and its presets (S1-12 ... S1-21), as literal tables."""

from collections.abc import Iterable

from django.utils.translation import gettext_lazy as _

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
