"""What the audit log tells of: every kind of event there is."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class EventType(models.TextChoices):
    """A kind of event, written `<thing>.<what happened to it>`; never renamed, because the chain covers it."""

    ENTITY_ADDED = "entity.added", _("Entity added")
    ENTITY_RENAMED = "entity.renamed", _("Entity renamed")
    ENTITY_MOVED = "entity.moved", _("Entity moved")
    ENTITY_SUSPENDED = "entity.suspended", _("Entity suspended")
    ENTITY_REACTIVATED = "entity.reactivated", _("Entity reactivated")
    ENTITIES_IMPORTED = "entity.imported", _("Entities imported")
    MEMBER_ADDED = "member.added", _("Member added")
    MEMBER_CHANGED = "member.changed", _("Role changed")
    MEMBER_REMOVED = "member.removed", _("Member removed")
    INVITATION_SENT = "invitation.sent", _("Person invited")
    INVITATION_RESENT = "invitation.resent", _("Invitation sent again")
    INVITATION_WITHDRAWN = "invitation.withdrawn", _("Invitation withdrawn")
    PERSON_DISABLED = "person.disabled", _("Sign-in switched off")
    PERSON_ENABLED = "person.enabled", _("Sign-in switched on")
    TOKEN_CREATED = "token.created", _("Token created")
    TOKEN_RENAMED = "token.renamed", _("Token renamed")
    TOKEN_DESCRIBED = "token.described", _("Description changed")
    TOKEN_DEACTIVATED = "token.deactivated", _("Token deactivated")
    TOKEN_REACTIVATED = "token.reactivated", _("Token reactivated")
    TOKEN_ROTATED = "token.rotated", _("Token rotated")
    OVERLAP_CHANGED = "token.overlap_changed", _("Overlap changed")
    OVERLAP_ENDED = "token.overlap_ended", _("Overlap ended")
    ROTATION_CANCELLED = "token.rotation_cancelled", _("Rotation called off")
    TOKEN_REVOKED = "token.revoked", _("Token revoked")
    TOKEN_REMOVED = "token.removed", _("Token removed")
    TOKENS_VIEWED = "token.viewed", _("Tokens looked at by support")
    KEY_CREATED = "key.created", _("Integration key created")
    KEY_RENEWED = "key.renewed", _("Integration key renewed")
    KEY_DEACTIVATED = "key.deactivated", _("Integration key deactivated")
    KEY_REVOKED = "key.revoked", _("Integration key revoked")
    KEYS_PROMOTED = "key.promoted", _("Secondary keys promoted")
    KEY_REVEALED = "key.revealed", _("Integration key revealed")
    KEY_READ = "key.read", _("Integration key read by the platform")
    KEYS_REENCRYPTED = "key.reencrypted", _("Integration keys encrypted anew")
    GATEWAY_CREATED = "gateway.created", _("Gateway credential created")
    SUPPORT_OPENED = "support.opened", _("Opened by support")
    SIGNED_IN = "session.started", _("Signed in")
    SIGN_IN_FAILED = "session.refused", _("Sign-in refused")
    SIGNED_OUT = "session.ended", _("Signed out")
    SIGNED_OUT_ELSEWHERE = "session.ended_elsewhere", _("Signed out in other browsers")
    SIGN_IN_LOCKED = "session.locked", _("Sign-in locked after many tries")
    IDENTITY_PROVED = "session.proved", _("Identity confirmed")
    PROOF_REFUSED = "session.proof_refused", _("Confirmation of identity refused")
    PASSWORD_CHANGED = "password.changed", _("Password changed")
    FACTOR_ADDED = "factor.added", _("Second factor added")
    FACTOR_RENAMED = "factor.renamed", _("Passkey renamed")
    FACTOR_REMOVED = "factor.removed", _("Second factor removed")
    FACTORS_RESET = "factor.reset", _("Second factors taken away")
    RECOVERY_CODES_MADE = "factor.codes_made", _("Recovery codes made")
    RECOVERY_CODE_USED = "factor.code_used", _("Recovery code used")
    LOG_VIEWED = "log.viewed", _("Activity log read")
    LOG_EXPORTED = "log.exported", _("Activity log exported")
    LOG_RESTORED = "log.restored", _("Backup put back")
    LOG_ACKNOWLEDGED = "log.acknowledged", _("Put-back backup acknowledged")


class Outcome(models.TextChoices):
    """How what an event tells of ended (PCI DSS 4.0, 10.2.2): it follows from its kind and is stored nowhere."""

    DONE = "done", _("Done")
    REFUSED = "refused", _("Refused")


REFUSALS = frozenset({EventType.SIGN_IN_FAILED, EventType.SIGN_IN_LOCKED, EventType.PROOF_REFUSED})
"""Kinds of events that tell of something that was tried and not let happen. Everything else was done."""


def outcome_of(event_type: str) -> Outcome:
    """Return how what a kind of event tells of ended."""
    return Outcome.REFUSED if event_type in REFUSALS else Outcome.DONE


GROUPS = {
    "entities": (_("Entities"), ("entity",)),
    "people": (_("People and invitations"), ("member", "invitation", "person")),
    "tokens": (_("Tokens"), ("token", "gateway")),
    "keys": (_("Integration keys"), ("key",)),
    "sign-in": (_("Sign-in"), ("session", "password", "factor")),
    "reading": (_("Support and this log"), ("support", "log")),
}
"""Name of a group of kinds -> what it is called, and with what words its kinds begin."""


def types_of(group: str) -> list[EventType]:
    """Return the kinds of events in a group, in the order in which they are listed."""
    return [each for each in EventType if each.value.partition(".")[0] in GROUPS[group][1]]


ENDINGS = frozenset(
    {
        EventType.ENTITY_SUSPENDED,
        EventType.PERSON_DISABLED,
        EventType.INVITATION_WITHDRAWN,
        EventType.TOKEN_DEACTIVATED,
        EventType.TOKEN_ROTATED,
        EventType.OVERLAP_CHANGED,
        EventType.OVERLAP_ENDED,
        EventType.TOKEN_REVOKED,
        EventType.TOKEN_REMOVED,
        EventType.KEY_RENEWED,
        EventType.KEY_DEACTIVATED,
        EventType.KEY_REVOKED,
    }
)
"""What takes something away that a backup put back would bring to life again (`portal.replay`)."""


def known_types() -> list[tuple[str, str]]:
    """Return the choices of the column.

    Migrations know this function and not its answer: a new kind of event needs none, and the table stays as it is.
    """
    return EventType.choices


MARKS = {
    "created": ("key", "accent"),
    "added": ("add", "accent"),
    "imported": ("add", "accent"),
    "reactivated": ("reactivate", "ok"),
    "enabled": ("reactivate", "ok"),
    "deactivated": ("deactivate", "warn"),
    "suspended": ("deactivate", "warn"),
    "disabled": ("deactivate", "warn"),
    "revoked": ("revoke", "bad"),
    "refused": ("revoke", "bad"),
    "removed": ("remove", "bad"),
    "withdrawn": ("remove", "bad"),
    "revealed": ("reveal", "warn"),
    "read": ("reveal", "warn"),
    "viewed": ("reveal", ""),
    "exported": ("download", ""),
    "renewed": ("rotate", "warn"),
    "rotated": ("rotate", ""),
    "promoted": ("rotate", ""),
    "restored": ("rotate", "warn"),
    "reencrypted": ("rotate", ""),
    "overlap_changed": ("rotate", ""),
    "rotation_cancelled": ("rotate", ""),
    "overlap_ended": ("check", ""),
    "renamed": ("edit", ""),
    "described": ("edit", ""),
    "changed": ("edit", ""),
    "moved": ("move", ""),
    "sent": ("envelope", ""),
    "resent": ("envelope", ""),
    "accepted": ("people", "ok"),
    "acknowledged": ("check", ""),
    "started": ("person", ""),
    "ended": ("person", ""),
}
"""What happened -> the drawing that stands for it in a list, and its tone."""


def mark_of(event_type: str) -> tuple[str, str]:
    """Return the drawing and the tone of a kind of event."""
    return MARKS.get(event_type.partition(".")[2], ("activity", ""))
