"""How people are invited: a role offered to an e-mail address, by a link that works once and for 72 hours.

The link holds a secret of 256 bits that is stored nowhere: the row has a digest of it under a pepper from outside the
database, which also covers what is offered to whom. Whoever has the link has read the mail that was sent to that
address; so a person who is new here gets their account with it, and one who is not must sign in with that address.
An invitation is good only as long as whoever sent it may still give the role: a move of the entity, another role or
the end of their own membership ends what they have offered.
"""

import hashlib
import hmac
from collections.abc import Sequence
from datetime import timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables

from accounts import audit
from accounts.models import AuditEvent, Entity, Invitation, Membership, User
from accounts.permissions import ROLES_AT, held_on, roles_to_give
from accounts.public_ids import random_text
from accounts.refusals import Refused

LIFETIME = timedelta(hours=72)
PAUSE = timedelta(minutes=1)
"""Between two mails to the same address for the same entity."""
MOST_IN_AN_HOUR = 100
"""Mails of one sender: nobody invites more people by hand, and no script fills mailboxes through us."""
SECRET_LENGTH = 43


def check(invitation: Invitation) -> None:
    """Raise Refused, with a sentence, where `invitation` is answered or withdrawn: then nothing is left to be done."""
    if invitation.ended_at:
        raise Refused(_("This invitation was answered or withdrawn."))


@sensitive_variables()
def invite(entity: Entity | None, *, email: str, role: str, by: User) -> tuple[Invitation, str]:
    """Offer `role` on `entity` (None: on the whole platform) to whoever reads the mail to `email`.

    Returns the invitation and the secret of its link, which exists nowhere else. Whether somebody signs in with that
    address already makes no difference here, so that nobody can ask us who does.

    Raises Refused where the role means nothing there, where an invitation to the address is pending there, and where
    `by` has sent too many in the last hour.
    """
    if role not in ROLES_AT[entity.kind if entity else None]:
        raise Refused(_("This role cannot be given here."))
    invitation = Invitation(entity=entity, email=email.lower(), role=role)
    _check_pace(by)
    secret = _renew(invitation, by=by)
    with transaction.atomic():
        try:
            with transaction.atomic():
                invitation.save(force_insert=True)
        except IntegrityError:
            raise Refused(_("An invitation to this address is pending already. Send that one again.")) from None
        _record(AuditEvent.Type.INVITATION_SENT, invitation, by=by)
    return invitation, secret


@sensitive_variables()
def resend(invitation: Invitation, *, by: User) -> str:
    """Make a new link for `invitation`, good for another 72 hours, and return its secret; the old one ends.

    Whoever sends it again answers for it from then on. Raises Refused where it is answered or withdrawn, or where it
    was sent less than a minute ago.
    """
    before = invitation.sendings
    if invitation.sent_at > timezone.now() - PAUSE:
        raise Refused(_("This invitation was sent a moment ago. Wait a minute before you send it again."))
    _check_pace(by)
    secret = _renew(invitation, by=by)
    with transaction.atomic():
        same = Invitation.objects.filter(pk=invitation.pk, ended_at__isnull=True, sendings=before)
        renewed = {name: getattr(invitation, name) for name in ("invited_by", "sent_at", "expires_at", "digest")}
        if not same.update(sendings=before + 1, pepper_id=invitation.pepper_id, **renewed):
            raise Refused(_changed_meanwhile())
        _record(AuditEvent.Type.INVITATION_RESENT, invitation, by=by)
    invitation.sendings = before + 1
    return secret


def withdraw(invitation: Invitation, *, by: audit.Actor) -> None:
    """End `invitation`; its link does not work any more. Raises Refused where it has ended already."""
    with transaction.atomic():
        if not _end(invitation):
            raise Refused(_changed_meanwhile())
        _record(AuditEvent.Type.INVITATION_WITHDRAWN, invitation, by=by)


@sensitive_variables()
def find(invitation_id: str, secret: str) -> Invitation | None:
    """Return the invitation whose link this is, if it is good now. Nothing tells why one is not."""
    found = pending(invitation_id)
    pepper = settings.TOKEN_PEPPERS.get(found.pepper_id) if found else None
    if found is None or pepper is None:
        return None
    return found if hmac.compare_digest(bytes(found.digest or b""), _digest(found, secret, pepper)) else None


def pending(invitation_id: str, *, sendings: int | None = None) -> Invitation | None:
    """Return the invitation if it can be accepted now; with `sendings`, if it was not sent again since."""
    rows = Invitation.objects.select_related("entity", "invited_by")
    found: Invitation | None = rows.filter(invitation_id=invitation_id, ended_at__isnull=True).first()
    if found is None or found.is_expired or sendings not in {None, found.sendings}:
        return None
    return found if backed_among([found], found.entity) else None


def backed_among(rows: Sequence[Invitation], entity: Entity | None, chain: Sequence[int] | None = None) -> set[int]:
    """Return which of `rows`, all of them of `entity`, are from somebody who may still give the role. Two queries.

    One where `chain` holds the primary keys of what stands above the entity, and its own.
    """
    if not rows:
        return set()
    grants: dict[int, list[tuple[int | None, str]]] = {row.invited_by_id: [] for row in rows}
    memberships = Membership.objects.filter(user__in=list(grants), user__is_active=True)
    for user, at, role in memberships.values_list("user", "entity", "role"):
        grants[user].append((at, role))
    if chain is None:
        chain = list(Entity.objects.above(entity).values_list("pk", flat=True)) if entity else []
    kind = entity.kind if entity else None
    may_give = {user: roles_to_give(kind, held_on(chain, found)) for user, found in grants.items()}
    return {row.pk for row in rows if row.role in may_give[row.invited_by_id]}


def invitee(invitation: Invitation) -> User | None:
    """Return the person who signs in with the address of `invitation`. To be told only to who has its link."""
    person: User | None = User.objects.filter(email__iexact=invitation.email).first()
    return person


def accept(invitation: Invitation, *, by: User) -> None:
    """Give `by` the role that is offered to them.

    Raises Refused for anybody else than whoever signs in with the address, and where the link has ended meanwhile.
    """
    if by.email.lower() != invitation.email.lower():
        raise Refused(_("This invitation was sent to another e-mail address than yours."))
    with transaction.atomic():
        _join(invitation, by)


@sensitive_variables()
def accept_as_new(invitation: Invitation, *, name: str, password: str) -> User:
    """Create the person to whom `invitation` was sent, with the role that is offered; return them.

    Raises Refused where somebody signs in with that address already, and where the link has ended meanwhile.
    """
    try:
        with transaction.atomic():
            person = User.objects.create_user(invitation.email, password, name=name)
            _join(invitation, person)
    except IntegrityError:
        raise Refused(_("Somebody signs in with this e-mail address already. Sign in to accept.")) from None
    return person


def _join(invitation: Invitation, person: User) -> None:
    # Read anew: since the page was made, whoever sent it may have lost what they offer.
    fresh = pending(invitation.invitation_id, sendings=invitation.sendings)
    if fresh is None or not _end(invitation, expires_at__gt=timezone.now(), accepted_by=person):
        raise Refused(over())
    # The same role again, given in another way meanwhile, is not an error.
    joined = Membership(user=person, entity=invitation.entity, role=invitation.role)
    Membership.objects.bulk_create([joined], ignore_conflicts=True)
    _record(AuditEvent.Type.MEMBER_ADDED, invitation, by=person, target=person.person_id)


def over() -> str:
    """Return what is said of every link that does not work, whatever the reason."""
    return _("This link does not work any more. Ask whoever invited you for a new one.")


def _check_pace(sender: User) -> None:
    since = timezone.now() - timedelta(hours=1)
    if Invitation.objects.filter(invited_by=sender, sent_at__gt=since).count() >= MOST_IN_AN_HOUR:
        raise Refused(_("You have sent very many invitations in the last hour. Wait a while before you send more."))


def _end(invitation: Invitation, *, accepted_by: User | None = None, **conditions: object) -> bool:
    """End `invitation` if it is as it was read; return whether it was."""
    same = Invitation.objects.filter(
        pk=invitation.pk, ended_at__isnull=True, sendings=invitation.sendings, **conditions
    )
    return bool(same.update(ended_at=timezone.now(), digest=None, accepted_by=accepted_by))


@sensitive_variables()
def _renew(invitation: Invitation, *, by: User) -> str:
    """Set on `invitation` what each sending has of its own; return the secret."""
    secret = random_text(SECRET_LENGTH)
    invitation.invited_by, invitation.sent_at = by, timezone.now()
    invitation.expires_at = invitation.sent_at + LIFETIME
    invitation.pepper_id = max(settings.TOKEN_PEPPERS)
    invitation.digest = _digest(invitation, secret, settings.TOKEN_PEPPERS[invitation.pepper_id])
    return secret


def _digest(invitation: Invitation, secret: str, pepper: bytes) -> bytes:
    """Return the HMAC-SHA-256 of the secret and of everything that the link promises, 32 bytes."""
    promised = (
        "invitation",  # no digest of a token begins so: the pepper is the same
        invitation.invitation_id,
        invitation.email,
        invitation.role,
        str(invitation.entity_id or ""),
        str(int(invitation.expires_at.timestamp())),
        secret,
    )
    return hmac.digest(pepper, "\0".join(promised).encode("utf-8", "surrogatepass"), hashlib.sha256)


def _record(event: AuditEvent.Type, invitation: Invitation, *, by: audit.Actor, target: str = "") -> None:
    details = {"person": invitation.email, "role": str(invitation.role)}
    audit.record(event, by=by, entity=invitation.entity, target=target or invitation.invitation_id, **details)


def _changed_meanwhile() -> str:
    return _("This invitation has been answered, withdrawn or sent again meanwhile. Nothing was changed now.")
