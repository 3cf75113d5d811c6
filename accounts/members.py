"""How a membership changes: it gets another role, or it ends. Both take effect with the person's next request.

An entity that has administrators of its own keeps at least one who may sign in, and so does the platform. Every verb
that could take the last one away first locks all of them, so that of two such changes at once the second one finds
what the first has left.
"""

from django.db import IntegrityError, transaction
from django.dispatch import Signal
from django.utils.translation import gettext as _

from accounts import audit
from accounts.models import AuditEvent, Entity, Membership, User
from accounts.permissions import ROLES_AT, Capability, Role
from accounts.refusals import Refused

access_changed = Signal()
"""Sent in the transaction in which a membership of `person` has changed or ended, `by` somebody, before its event is
written: whatever hung on that membership is ended with it, or not at all."""

ADMINISTRATORS = frozenset({Role.ADMINISTRATOR, Role.PLATFORM_ADMINISTRATOR})


def can_manage(membership: Membership, held: frozenset[str], *, last: set[int]) -> bool:
    """Whether a change is offered to somebody who holds `held` where `membership` hangs.

    `last` are the memberships of last administrators among those that are listed, from `last_among`.
    """
    return Capability.MEMBER_MANAGE in held and membership.pk not in last


def check(membership: Membership) -> None:
    """Raise Refused, with a sentence, where `membership` is that of the last administrator."""
    if membership.pk in last_among(membership.entity):
        raise Refused(_refusal(membership))


def last_among(entity: Entity | None) -> set[int]:
    """Return the membership of the one active administrator of `entity` itself, if there is just one. One query.

    Without `entity` those of the whole platform are meant.
    """
    found = set(_administrators(entity).filter(user__is_active=True).values_list("pk", flat=True)[:2])
    return found if len(found) == 1 else set()


def change_role(membership: Membership, *, role: str, by: audit.Actor) -> None:
    """Give the person of `membership` another role on the same entity.

    Raises Refused where the role means nothing there, where they have it already, where they are the last
    administrator, or where somebody else has changed the membership since it was read.
    """
    entity = membership.entity
    if role not in ROLES_AT[entity.kind if entity else None]:
        raise Refused(_("This role cannot be given here."))
    if role == membership.role:
        return
    with transaction.atomic():
        _keep_one(membership)
        try:
            with transaction.atomic():
                same = Membership.objects.filter(pk=membership.pk, role=membership.role)
                changed = same.update(role=role)
        except IntegrityError:
            raise Refused(_("%(person)s has this role here already.") % {"person": membership.user}) from None
        if not changed:
            raise Refused(_changed_meanwhile())
        access_changed.send(Membership, person=membership.user, by=by)
        details = {"person": membership.user.email, "role_before": str(membership.role), "role": str(role)}
        audit.record(AuditEvent.Type.MEMBER_CHANGED, by=by, entity=entity, target=membership.user.person_id, **details)


def remove(membership: Membership, *, by: audit.Actor, reason: str = "") -> None:
    """End `membership`. What the person made stays, with their name on it.

    The row is deleted, not marked: whatever reads memberships would have to know the mark, and one that does not would
    let somebody in. That it was there is in the audit log.

    Raises Refused for the last administrator, and where somebody else has changed the membership since it was read.
    """
    with transaction.atomic():
        _keep_one(membership)
        ended = Membership.objects.filter(pk=membership.pk, role=membership.role)
        if not ended.delete()[0]:
            raise Refused(_changed_meanwhile())
        access_changed.send(Membership, person=membership.user, by=by)
        details = {"person": membership.user.email, "role": str(membership.role)}
        if reason:
            details["reason"] = reason
        audit.record(
            AuditEvent.Type.MEMBER_REMOVED,
            by=by,
            entity=membership.entity,
            target=membership.user.person_id,
            **details,
        )


def lock_administrators(entity: Entity | None) -> set[int]:
    """Hold the administrators of `entity` itself (None: of the platform) until the transaction ends.

    Returns the people among them who may sign in. In the order of their keys, so that two who lock do not wait for
    each other. SQLite needs no lock: its transactions begin IMMEDIATE, one after the other.
    """
    administrators = _administrators(entity)
    list(administrators.select_for_update(no_key=True).order_by("pk").values_list("pk"))
    # Asked again: what the lock waited for may have ended some of them.
    return set(administrators.filter(user__is_active=True).values_list("user", flat=True))


def _administrators(entity: Entity | None):
    return Membership.objects.filter(entity=entity, role__in=ADMINISTRATORS)


def _keep_one(membership: Membership) -> None:
    if membership.role in ADMINISTRATORS and lock_administrators(membership.entity) == {membership.user_id}:
        raise Refused(_refusal(membership))


def _refusal(membership: Membership) -> str:
    who = {"person": membership.user}
    if membership.entity is None:
        return _("%(person)s is the last administrator of the platform. Appoint another one first.") % who
    name = {"name": membership.entity.name}
    return _("%(person)s is the last administrator of “%(name)s”. Appoint another one first.") % (who | name)


def _changed_meanwhile() -> str:
    return _("Somebody else has changed this membership meanwhile. Nothing was changed now.")


def memberships_of(user: User) -> list[Membership]:
    """Return what `user` may do where, the platform first."""
    found = user.memberships.select_related("entity").order_by("entity__tree_id", "entity__lft", "role")
    return sorted(found, key=lambda membership: membership.entity is not None)
