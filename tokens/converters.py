"""Key IDs and slots in addresses."""

from accounts.converters import EntityIdConverter

SLOTS = ("encryption", "hmac_primary", "hmac_secondary", "rest_primary", "rest_secondary")
"""As in `tokens.keys.slots`, which cannot be read yet when the address patterns are made."""


class KeyIdConverter(EntityIdConverter):
    regex = "[0-9A-Za-z]{16}"


class SlotConverter(EntityIdConverter):
    regex = "|".join(SLOTS)
