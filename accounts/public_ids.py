"""Public IDs: safe to show, to copy and to log; they name a row in addresses and are no secret."""

import secrets
import string

BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase


def random_text(length: int) -> str:
    """Return `length` random letters and digits from the operating system: 43 of them hold 256 bits."""
    return "".join(secrets.choice(BASE62) for _ in range(length))


def new_public_id(prefix: str) -> str:
    """Return a fresh public ID such as `usr_8Fk2pQ0xRt71LmNa`: three letters that say of what, and 16 random base62."""
    return f"{prefix}_{random_text(16)}"


def new_entity_id(kind: str) -> str:
    """Return a fresh entity ID such as `mer_8Fk2pQ0xRt71LmNa`: the kind's first letters stand before."""
    return new_public_id(kind[:3])


def new_person_id() -> str:
    return new_public_id("usr")


def new_membership_id() -> str:
    return new_public_id("mem")


def new_invitation_id() -> str:
    return new_public_id("inv")
