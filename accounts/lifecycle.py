"""How an entity changes: one function per verb, each with its audit event in the same transaction.

Every verb takes the person or operator who acts as `by`, raises Refused with a sentence for people where it cannot be
done, and tells by its return value that it was done.
"""

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import audit, tree
from accounts.models import AuditEvent, Entity, Membership, User
from accounts.permissions import Capability, Role
from accounts.public_ids import new_entity_id
from accounts.refusals import Refused

CAPABILITY = {
    "add": Capability.ENTITY_ADD,
    "edit": Capability.ENTITY_EDIT,
    "move": Capability.ENTITY_MOVE,
    "suspend": Capability.ENTITY_SUSPEND,
    "reactivate": Capability.ENTITY_SUSPEND,
}
"""Verb -> the capability it needs on the entity."""

TRANSITIONS = {
    "suspend": (Entity.Status.ACTIVE, Entity.Status.SUSPENDED, AuditEvent.Type.ENTITY_SUSPENDED),
    "reactivate": (Entity.Status.SUSPENDED, Entity.Status.ACTIVE, AuditEvent.Type.ENTITY_REACTIVATED),
}
"""Verb -> status before, status after, event."""


def can(verb: str, entity: Entity, held: frozenset[str]) -> bool:
    """Whether `verb` is offered on `entity` to somebody who holds the capabilities `held` there."""
    try:
        check(verb, entity)
    except Refused:
        return False
    is_kept = verb == "reactivate" and entity.suspended_by_platform and Capability.ENTITY_RELEASE not in held
    return CAPABILITY[verb] in held and not is_kept


def check(verb: str, entity: Entity, *, by: audit.Actor | None = None) -> None:
    """Raise Refused, with a sentence, where the state of `entity` does not allow `verb` now, or not to `by`."""
    if verb in TRANSITIONS and entity.status != TRANSITIONS[verb][0]:
        status = entity.get_status_display().lower()
        raise Refused(_("“%(name)s” is %(status)s already.") % {"name": entity.name, "status": status})
    if verb == "add" and entity.kind == Entity.Kind.TERMINAL:
        raise Refused(_("Nothing stands below a terminal."))
    if verb == "reactivate" and entity.suspended_by_platform and by and not is_of_platform(by):
        text = _("The platform has suspended “%(name)s”, and nobody else can lift that. Ask its support.")
        raise Refused(text % {"name": entity.name})


def is_of_platform(by: audit.Actor) -> bool:
    """Whether `by` suspends for the platform, and lifts what was suspended so: its administrators and operators."""
    return not isinstance(by, User) or by.has_platform_capability(Capability.ENTITY_RELEASE)


def is_stopped(entity: Entity) -> bool:
    """Whether `entity` or anything above it is suspended: then no credential at or below it is good."""
    return Entity.objects.above(entity).filter(status=Entity.Status.SUSPENDED).exists()


def add(*, kind: str, name: str, under: Entity | None, by: audit.Actor) -> Entity:
    """Create an entity of `kind` called `name` below `under` (None: at the top) and return it.

    Raises Refused where that kind may not stand there.
    """
    entity = Entity(
        kind=kind, name=name, entity_id=new_entity_id(kind), created_by=by if isinstance(by, User) else None
    )
    with tree.locked():
        tree.insert(entity, under=under.pk if under else None)
        audit.record(
            AuditEvent.Type.ENTITY_ADDED,
            by=by,
            entity=entity,
            target=entity.entity_id,
            name=name,
            kind=str(kind),
            under=under.entity_id if under else "",
        )
    return entity


def edit(entity: Entity, *, name: str, by: audit.Actor) -> None:
    """Rename `entity`. Raises Refused where somebody else renamed it since it was read."""
    if name == entity.name:
        return
    with transaction.atomic():
        if not Entity.objects.filter(pk=entity.pk, name=entity.name).update(name=name):
            raise Refused(_("Somebody else has renamed this entity meanwhile. Nothing was changed."))
        audit.record(
            AuditEvent.Type.ENTITY_RENAMED,
            by=by,
            entity=entity,
            target=entity.entity_id,
            before=entity.name,
            after=name,
        )


def move(entity: Entity, *, under: Entity | None, by: audit.Actor) -> None:
    """Hang `entity` and its subtree below `under` (None: at the top).

    Raises Refused where its kind may not stand there, where it stands there already, for a place inside itself, and for
    a channel or terminal that would come below another merchant: its tokens are the merchant's who holds them.
    """
    with tree.locked():
        _check_escape(entity, by=by)
        _check_merchant(entity, under)
        before = Entity.objects.filter(children=entity.pk).first()
        if before == under:
            raise Refused(_("It stands there already. Nothing was changed."))
        moved = tree.move(entity.pk, under=under.pk if under else None)
        audit.record(
            AuditEvent.Type.ENTITY_MOVED,
            by=by,
            entity=moved,
            target=moved.entity_id,
            before=before.entity_id if before else "",
            after=under.entity_id if under else "",
        )


def _check_merchant(entity: Entity, under: Entity | None) -> None:
    if entity.kind not in {Entity.Kind.CHANNEL, Entity.Kind.TERMINAL} or under is None:
        return
    before, after = Entity.objects.merchant_of(entity), Entity.objects.merchant_of(under)
    if before and after and before != after:
        raise Refused(
            _("A channel or terminal stays with its merchant, whose tokens it has. Add it anew at the other one.")
        )


def _check_escape(entity: Entity, *, by: audit.Actor) -> None:
    """Raise Refused where a move would lift a suspension that this person could not lift."""
    if is_of_platform(by):
        return
    above = Entity.objects.above(entity).exclude(pk=entity.pk).filter(status=Entity.Status.SUSPENDED)
    theirs = above.permitted(by, Capability.ENTITY_SUSPEND).filter(suspended_by_platform=False)
    if above.count() > theirs.count():
        raise Refused(_("An entity above it is suspended. Whoever suspended that one can move this one."))


def suspend(entity: Entity, *, by: audit.Actor, reason: str = "") -> None:
    """Stop every credential of `entity` and of everything below it, at once and without a write to any of them.

    Raises Refused where it is suspended already.
    """
    by_platform = is_of_platform(by)
    _change("suspend", entity, by=by, reason=reason, suspended_at=timezone.now(), suspended_by_platform=by_platform)


def reactivate(entity: Entity, *, by: audit.Actor, reason: str = "") -> None:
    """End the suspension of `entity`; credentials below it work again unless something else stops them.

    Raises Refused where it is not suspended, or where the platform has suspended it and `by` is not of the platform.
    """
    _change("reactivate", entity, by=by, reason=reason, suspended_at=None, suspended_by_platform=False)


def _change(verb: str, entity: Entity, *, by: audit.Actor, reason: str, **fields) -> None:
    before, after, event = TRANSITIONS[verb]
    rows = Entity.objects.filter(pk=entity.pk, status=before)
    if verb == "reactivate" and not is_of_platform(by):
        rows = rows.filter(suspended_by_platform=False)  # also where the platform has suspended it since it was read
    with transaction.atomic():
        if not rows.update(status=after, **fields):
            raise Refused(_("“%(name)s” has changed meanwhile. Nothing was changed now.") % {"name": entity.name})
        details = {"reason": reason} if reason else {}
        audit.record(event, by=by, entity=entity, target=entity.entity_id, **details)


def add_platform_administrator(*, email: str, name: str, password: str, by: audit.Actor) -> User:
    """Create a person who runs the whole platform. Raises Refused where somebody has that e-mail address already."""
    with transaction.atomic():
        if User.objects.filter(email__iexact=email).exists():
            raise Refused(_("Somebody signs in with this e-mail address already."))
        person = User.objects.create_user(email, password, name=name)
        Membership(user=person, role=Role.PLATFORM_ADMINISTRATOR).save(force_insert=True)
        details = {"person": email, "role": Role.PLATFORM_ADMINISTRATOR.value}
        audit.record(AuditEvent.Type.MEMBER_ADDED, by=by, target=person.person_id, **details)
    return person
