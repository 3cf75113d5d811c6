"""What each role may do: literal tables, in which absent means denied (DESIGN 5, rulings C9 and S4-6)."""

from collections.abc import Iterable, Sequence

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class Capability(TextChoices):
    """One thing a role may do, written `<thing>.<verb>`."""

    ENTITY_VIEW = "entity.view", _("See entities")
    ENTITY_ADD = "entity.add", _("Add entities below")
    ENTITY_EDIT = "entity.edit", _("Rename entities")
    ENTITY_MOVE = "entity.move", _("Move entities")
    ENTITY_SUSPEND = "entity.suspend", _("Suspend and reactivate entities")
    ENTITY_RELEASE = "entity.release", _("Lift the platform's own suspensions")
    ACTIVITY_VIEW = "activity.view", _("Read the activity log")
    MEMBER_VIEW = "member.view", _("See who has access")
    MEMBER_MANAGE = "member.manage", _("Invite people, change their roles, remove them")
    PERSON_DISABLE = "person.disable", _("Stop people from signing in")
    PERSON_ENABLE = "person.enable", _("Let people sign in again")
    TOKEN_VIEW = "token.view", _("See API tokens, masked")
    TOKEN_CREATE = "token.create", _("Create API tokens")
    TOKEN_EDIT = "token.edit", _("Rename API tokens")
    TOKEN_DEACTIVATE = "token.deactivate", _("Deactivate API tokens")
    TOKEN_REACTIVATE = "token.reactivate", _("Reactivate API tokens")
    TOKEN_ROTATE = "token.rotate", _("Rotate API tokens")
    TOKEN_REVOKE = "token.revoke", _("Revoke API tokens")
    TOKEN_REMOVE = "token.remove", _("Remove API tokens")
    SDK_VIEW = "sdk.view", _("See SDK tokens, masked")
    SDK_MANAGE = "sdk.manage", _("Generate and manage SDK tokens of terminals, stop the others")
    SDK_OTHERS = "sdk.others", _("Generate and manage SDK tokens of merchants and of people")
    SDK_OWN = "sdk.own", _("Generate and manage one's own SDK tokens")
    KEY_VIEW = "key.view", _("See integration keys, masked")
    KEY_EDIT = "key.edit", _("Create, renew and revoke integration keys")
    KEY_REVEAL = "key.reveal", _("Reveal HMAC keys and encryption passwords")


class Role(TextChoices):
    """What a membership makes of a person; the last two hold for the whole platform only."""

    ADMINISTRATOR = "administrator", _("Administrator")
    DEVELOPER = "developer", _("Developer")
    VIEWER = "viewer", _("Viewer")
    TERMINAL_OPERATOR = "terminal_operator", _("Terminal operator")
    SDK_USER = "sdk_user", _("SDK user")
    PLATFORM_ADMINISTRATOR = "platform_administrator", _("Platform administrator")
    SUPPORT = "support", _("Support")


PLATFORM_ROLES = frozenset({Role.PLATFORM_ADMINISTRATOR, Role.SUPPORT})

_READ = frozenset(
    {
        Capability.ENTITY_VIEW,
        Capability.ACTIVITY_VIEW,
        Capability.MEMBER_VIEW,
        Capability.TOKEN_VIEW,
        Capability.SDK_VIEW,
        Capability.KEY_VIEW,
    }
)
_SDK = frozenset({Capability.SDK_VIEW, Capability.SDK_MANAGE, Capability.SDK_OWN})
_CREDENTIALS = _SDK | frozenset(
    {
        Capability.SDK_OTHERS,
        Capability.TOKEN_CREATE,
        Capability.TOKEN_EDIT,
        Capability.TOKEN_DEACTIVATE,
        Capability.TOKEN_REACTIVATE,
        Capability.TOKEN_ROTATE,
        Capability.TOKEN_REVOKE,
        Capability.TOKEN_REMOVE,
        Capability.KEY_EDIT,
        Capability.KEY_REVEAL,
    }
)
_TREE = frozenset({Capability.ENTITY_ADD, Capability.ENTITY_EDIT, Capability.ENTITY_MOVE, Capability.ENTITY_SUSPEND})
_PEOPLE = frozenset({Capability.PERSON_DISABLE, Capability.PERSON_ENABLE})

ROLE_CAPABILITIES: dict[str, frozenset[str]] = {
    Role.ADMINISTRATOR: _READ | _CREDENTIALS | _TREE | {Capability.MEMBER_MANAGE},
    Role.DEVELOPER: _READ | _CREDENTIALS,
    Role.VIEWER: _READ,
    Role.TERMINAL_OPERATOR: _SDK | {Capability.ENTITY_VIEW},
    Role.SDK_USER: frozenset({Capability.ENTITY_VIEW, Capability.SDK_OWN}),
    Role.PLATFORM_ADMINISTRATOR: _READ
    | _CREDENTIALS
    | _TREE
    | _PEOPLE
    | {Capability.MEMBER_MANAGE, Capability.ENTITY_RELEASE},
    Role.SUPPORT: _READ | {Capability.TOKEN_DEACTIVATE, Capability.PERSON_DISABLE},
}

ROLES_AT: dict[str | None, tuple[Role, ...]] = {
    None: (Role.PLATFORM_ADMINISTRATOR, Role.SUPPORT),
    "partner": (Role.ADMINISTRATOR, Role.DEVELOPER, Role.VIEWER),
    "company": (Role.ADMINISTRATOR, Role.DEVELOPER, Role.VIEWER),
    "merchant": (Role.ADMINISTRATOR, Role.DEVELOPER, Role.VIEWER, Role.TERMINAL_OPERATOR, Role.SDK_USER),
    "channel": (Role.ADMINISTRATOR, Role.VIEWER, Role.TERMINAL_OPERATOR, Role.SDK_USER),
    "terminal": (Role.VIEWER, Role.TERMINAL_OPERATOR, Role.SDK_USER),
}
"""Kind of an entity (None: the whole platform) -> the roles that mean something there: tokens live at merchants, and
nothing stands below a terminal that somebody could administer."""

ROLE_ABOUT = {
    Role.ADMINISTRATOR: _("Everything here and below: entities, credentials and people."),
    Role.DEVELOPER: _("Creates and manages credentials here and below. No people, no entities."),
    Role.VIEWER: _("Sees what is here and below, never a secret. Changes nothing."),
    Role.TERMINAL_OPERATOR: _("Works with the SDK tokens of the terminals here and below."),
    Role.SDK_USER: _("Works with SDK tokens of their own."),
    Role.PLATFORM_ADMINISTRATOR: _("Everything, on the whole platform."),
    Role.SUPPORT: _("Looks things up on the whole platform; may stop a token or a person. Creates nothing."),
}
"""Role -> what it lets somebody do, in one line; `ROLE_CAPABILITIES` is what counts."""

FROM_ABOVE = frozenset({Capability.ENTITY_MOVE, Capability.ENTITY_SUSPEND})
"""Held only below the entity of the membership: nobody lifts the suspension of what their own rights hang on."""


def held_on(chain: Sequence[int], grants: Iterable[tuple[int | None, str]]) -> frozenset[str]:
    """Return the capabilities that `grants` (pairs of an entity's primary key, None: the platform, and a role) give.

    `chain` holds the primary keys of an entity's ancestors and, last, its own; it is empty for the platform itself.
    """
    held: set[str] = set()
    own = chain[-1] if chain else None
    for at, role in grants:
        if at is None or at in chain:
            held |= ROLE_CAPABILITIES[role] - (FROM_ABOVE if at is not None and at == own else frozenset())
    return frozenset(held)


def roles_to_give(kind: str | None, held: frozenset[str]) -> list[Role]:
    """Return the roles that somebody who holds `held` on an entity of `kind` may give there: none is more than that."""
    if Capability.MEMBER_MANAGE not in held:
        return []
    return [role for role in ROLES_AT[kind] if ROLE_CAPABILITIES[role] - FROM_ABOVE <= held]


def roles_with(capability: str) -> frozenset[str]:
    """Return the roles that hold `capability`."""
    return frozenset(role for role, held in ROLE_CAPABILITIES.items() if capability in held)
