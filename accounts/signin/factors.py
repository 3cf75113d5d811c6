"""Second factors: authenticator apps, passkeys and recovery codes, and how they come and go.

The rows are django-allauth's, whose sign-in asks for them. They are written here, each change with its event in the
same transaction; what they hold is sealed or hashed.
"""

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables

from accounts import audit, sealing
from accounts.models import AuditEvent, User
from accounts.refusals import Refused
from accounts.signin import attempts, codes

Type = Authenticator.Type
Event = AuditEvent.Type

SECOND = (Type.TOTP, Type.WEBAUTHN)
"""What counts as a second factor; recovery codes only stand in for one that is lost."""

RECOVERY_CODES = 10
MOST_PASSKEYS = 10


def has_second_factor(user: User) -> bool:
    return Authenticator.objects.filter(user_id=user.pk, type__in=SECOND).exists()


def has_app(user: User) -> bool:
    return Authenticator.objects.filter(user_id=user.pk, type=Type.TOTP).exists()


def passkeys_of(user: User) -> QuerySet[Authenticator]:
    return Authenticator.objects.filter(user_id=user.pk, type=Type.WEBAUTHN).order_by("created_at")


def second_factors_of(user: User) -> QuerySet[Authenticator]:
    """Return the authenticator app and the passkeys of `user`, the oldest first."""
    return Authenticator.objects.filter(user_id=user.pk, type__in=SECOND).order_by("created_at")


def get(user: User, number: int, *types: str) -> Authenticator:
    """Return the factor of `user` with this number. Raises Http404 for anybody else's as for none."""
    found = Authenticator.objects.filter(user_id=user.pk, pk=number, type__in=types or SECOND).first()
    if found is None:
        raise Http404
    return found


def recovery_codes_left(user: User) -> int:
    row = Authenticator.objects.filter(user_id=user.pk, type=Type.RECOVERY_CODES).first()
    return len(row.data["hashes"]) if row else 0


def is_required(user: User) -> bool:
    """Whether `user` has to set up a second factor before anything else."""
    return settings.REQUIRE_MFA and not has_second_factor(user)


@sensitive_variables()
def add_app(user: User, *, secret: str, code: str) -> list[str]:
    """Let `user` sign in with the app that holds `secret`, as `code` shows; return recovery codes, if there were none.

    Raises Refused where there is an app already or the code is not right (any more).
    """
    step = codes.step_of(secret, code)
    with transaction.atomic():
        _lock(user)
        if has_app(user):
            raise Refused(_("You have an authenticator app already. Remove it before you add another."))
        if step is None:
            raise Refused(_("This code is not right any more. Wait for the next one."))
        data = {"secret": sealing.seal(secret, _place(user)), "step": step}
        return _add(user, Authenticator(user=user, type=Type.TOTP, data=data))


def add_passkey(user: User, *, name: str, credential: dict) -> list[str]:
    """Let `user` sign in with the passkey `credential`; return recovery codes, if there were none.

    Raises Refused where there are too many already.
    """
    with transaction.atomic():
        _lock(user)
        if passkeys_of(user).count() >= MOST_PASSKEYS:
            most = {"most": MOST_PASSKEYS}
            raise Refused(_("You have %(most)d passkeys, the most a person may have. Remove one first.") % most)
        data = {"name": name, "credential": credential}
        return _add(user, Authenticator(user=user, type=Type.WEBAUTHN, data=data))


def rename(passkey: Authenticator, *, name: str, by: User) -> None:
    with transaction.atomic():
        data = passkey.data | {"name": name}
        if not Authenticator.objects.filter(pk=passkey.pk).update(data=data):
            raise Refused(_("This passkey has been removed meanwhile."))
        audit.record(Event.FACTOR_RENAMED, by=by, target=by.person_id, before=passkey.data["name"], after=name)


def remove(factor: Authenticator, *, by: User) -> None:
    """Let nobody sign in with `factor` any more; recovery codes go with the last one.

    Raises Refused for the last one where a second factor is required.
    """
    user = factor.user
    with transaction.atomic():
        _lock(user)
        if settings.REQUIRE_MFA and second_factors_of(user).count() < 2:
            raise Refused(_("This is your only second factor, and you need one. Add another before you remove it."))
        removed = Authenticator.objects.filter(pk=factor.pk)
        if not removed.delete()[0]:
            raise Refused(_("This has been removed meanwhile."))
        if not has_second_factor(user):
            _drop(user)
        audit.record(Event.FACTOR_REMOVED, by=by, target=user.person_id, factor=factor.type, name=str(factor))


def reset(user: User, *, by: audit.Actor, reason: str = "") -> None:
    """Take all second factors from somebody who has lost them: the next sign-in asks for a new one.

    Whoever calls this has made sure who is asking, and signs the person out everywhere.
    """
    with transaction.atomic():
        _lock(user)
        count = second_factors_of(user).count()
        _drop(user)
        attempts.forget_codes(user.email)
        audit.record(Event.FACTORS_RESET, by=by, target=user.person_id, person=user.email, count=count, reason=reason)


def renew_recovery_codes(user: User) -> list[str]:
    """Make new recovery codes in the place of the old ones, and return them: they are nowhere else.

    Raises Refused where there is no second factor that they could stand in for.
    """
    with transaction.atomic():
        _lock(user)
        if not has_second_factor(user):
            raise Refused(_("Recovery codes stand in for a second factor. Add one first."))
        return _make_recovery_codes(user)


@sensitive_variables()
def use_code(user: User, code: str) -> Authenticator | None:
    """Return what `code` belongs to, the app or the recovery codes of `user`, and use it up; None where it is wrong.

    A code is good once, also for two who type it at the same moment.
    """
    with transaction.atomic():
        rows = Authenticator.objects.filter(user_id=user.pk, type__in=(Type.TOTP, Type.RECOVERY_CODES))
        for row in rows.select_for_update(no_key=True):
            left = _without_code(user, row, code)
            if left is not None:
                rows.filter(pk=row.pk).update(data=left, last_used_at=timezone.now())
                if row.type == Type.RECOVERY_CODES:
                    audit.record(Event.RECOVERY_CODE_USED, by=user, target=user.person_id, left=len(left["hashes"]))
                return row
    return None


@sensitive_variables()
def _without_code(user: User, row: Authenticator, code: str) -> dict | None:
    """Return what `row` holds once `code` is used up; None where it is not in there."""
    if row.type == Type.TOTP:
        step = codes.step_of(sealing.open_(row.data["secret"], _place(user)), code, after=row.data["step"])
        return None if step is None else row.data | {"step": step}
    hashed = codes.hash_of(code, user.person_id)
    if not codes.found_in(row.data["hashes"], hashed):
        return None
    return {"hashes": [each for each in row.data["hashes"] if each != hashed]}


def _add(user: User, factor: Authenticator) -> list[str]:
    """Store `factor` with its event; return recovery codes where there are none yet."""
    factor.save(force_insert=True)
    audit.record(Event.FACTOR_ADDED, by=user, target=user.person_id, factor=factor.type, name=str(factor))
    return [] if recovery_codes_left(user) else _make_recovery_codes(user)


@sensitive_variables()
def _make_recovery_codes(user: User) -> list[str]:
    fresh = codes.new_recovery_codes(RECOVERY_CODES)
    data = {"hashes": [codes.hash_of(code, user.person_id) for code in fresh]}
    known = Authenticator.objects.filter(user_id=user.pk, type=Type.RECOVERY_CODES)
    if not known.update(data=data, created_at=timezone.now(), last_used_at=None):
        Authenticator(user=user, type=Type.RECOVERY_CODES, data=data).save(force_insert=True)
    audit.record(Event.RECOVERY_CODES_MADE, by=user, target=user.person_id, count=RECOVERY_CODES)
    return fresh


def _drop(user: User) -> None:
    left = Authenticator.objects.filter(user_id=user.pk)
    left.delete()


def _lock(user: User) -> None:
    """Let the changes of one person's factors stand in line; without the key, to which audit events refer."""
    User.objects.select_for_update(no_key=True).get(pk=user.pk)


def _place(user: User) -> str:
    return f"app|{user.person_id}"
