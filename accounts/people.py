"""How platform staff stop a person from signing in, and let them again."""

from datetime import timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import audit, members
from accounts.models import AuditEvent, Entity, Membership, User
from accounts.permissions import Capability, Role
from accounts.refusals import Refused
from accounts.signin.sessions import end_all

CAPABILITY = {"disable": Capability.PERSON_DISABLE, "enable": Capability.PERSON_ENABLE}
"""Verb -> the capability it needs on the whole platform."""

UNUSED = timedelta(days=90)
"""After so long without a sign-in nobody looks after an account any more (PCI DSS 4.0, 8.2.6)."""


def can(verb: str, person: User, *, by: User) -> bool:
    """Whether `verb` is offered to `by` on the page of `person`."""
    try:
        check(verb, person, by=by)
    except Refused:
        return False
    return by.has_platform_capability(CAPABILITY[verb])


def check(verb: str, person: User, *, by: audit.Actor) -> None:
    """Raise Refused, with a sentence, where `verb` cannot be done to `person` by `by` now."""
    if person.is_active == (verb == "enable"):
        state = _("may sign in") if person.is_active else _("may not sign in")
        raise Refused(_("%(person)s %(state)s already.") % {"person": person, "state": state})
    if person == by:
        raise Refused(_("You cannot switch off your own sign-in."))
    if isinstance(by, User) and not person.platform_capabilities <= by.platform_capabilities:
        raise Refused(_("%(person)s may do more on the platform than you.") % {"person": person})


def disable(person: User, *, by: audit.Actor, reason: str = "") -> None:
    """Stop `person` from signing in, and sign them out everywhere: their next request is that of nobody.

    Everything they made stays as it is. A company may be left without an administrator who may sign in: whoever is
    switched off may have lost their password to somebody else, and that must not wait for a successor. The platform
    may not.

    Raises Refused where it is so already, for oneself, for somebody who may do more on the platform, and for the last
    administrator of the platform.
    """
    check("disable", person, by=by)
    with transaction.atomic():
        if members.lock_administrators(None) == {person.pk}:
            who = {"person": person}
            raise Refused(_("%(person)s is the last administrator of the platform. Appoint another one first.") % who)
        _switch(person, AuditEvent.Type.PERSON_DISABLED, by=by, reason=reason)


def enable(person: User, *, by: audit.Actor, reason: str = "") -> None:
    """Let `person` sign in again, with the roles they have. They have to sign in anew: no old session wakes up.

    Raises Refused as `disable`.
    """
    check("enable", person, by=by)
    with transaction.atomic():
        _switch(person, AuditEvent.Type.PERSON_ENABLED, by=by, reason=reason)


def administers_alone(person: User) -> list[Entity]:
    """Return the entities whose only administrator who may sign in is `person`."""
    others = Membership.objects.filter(entity=OuterRef("entity"), role=Role.ADMINISTRATOR, user__is_active=True)
    alone = person.memberships.filter(~Exists(others.exclude(user=person)), role=Role.ADMINISTRATOR)
    return [membership.entity for membership in alone.select_related("entity").order_by("entity__name")]


def unused() -> QuerySet[User]:
    """Return who may sign in and has not done so for UNUSED, or not at all since then; who was seen last comes last."""
    seen = Coalesce("last_login", "created_at")
    return (
        User.objects.filter(is_active=True).alias(seen=seen).filter(seen__lt=timezone.now() - UNUSED).order_by("seen")
    )


def _switch(person: User, event: AuditEvent.Type, *, by: audit.Actor, reason: str) -> None:
    before = person.is_active
    if not User.objects.filter(pk=person.pk, is_active=before).update(is_active=not before):
        raise Refused(_("Somebody else has changed this meanwhile. Nothing was changed now."))
    end_all(person)
    details = {"reason": reason} if reason else {}
    audit.record(event, by=by, target=person.person_id, person=person.email, **details)
