"""Key IDs in addresses."""

from accounts.converters import EntityIdConverter


class KeyIdConverter(EntityIdConverter):
    regex = "[0-9A-Za-z]{16}"
