"""The way out of a lost answer: what was issued to a fleet today, and was never used, is ended at once.

Nobody can be shown a token again. Whoever lost the answer in which a thousand of them stood would have to end each by
itself before every terminal could be given another one.
"""

from datetime import timedelta

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import audit
from accounts.batches import in_batches
from accounts.models import AuditEvent, Entity
from accounts.refusals import Refused
from tokens import owners
from tokens.lifecycle import empty_journal, stamp
from tokens.models import Token

Status = Token.Status

LATELY = timedelta(hours=24)
"""How long ago a token was made at most that counts as one of a lost answer; later it may be on its device, waiting."""


def never_used(terminals: QuerySet[Entity]) -> QuerySet[Token]:
    """Return the active SDK tokens that `terminals` themselves were given lately and that no request ever brought.

    Neither people's, which they were shown, nor what takes part in a rotation: there a device is about to change over.
    """
    fresh = Token.objects.sdk().of_nobody().filter(entity__in=terminals.order_by().values("pk"), status=Status.ACTIVE)
    fresh = fresh.filter(created_at__gte=timezone.now() - LATELY, last_used_at=None, retiring_since=None)
    # Not `IS NULL`, for the reason of `of_nobody`.
    return fresh.alias(former=Coalesce("replaces_id", 0)).filter(former=0)


def recall(fleet: Entity, terminals: QuerySet[Entity], *, by: audit.Actor, reason: str = "") -> int:
    """End every token that `never_used` finds for good, and return how many those were (C2, C4, S2-22).

    As `tokens.lifecycle.condemn`, for all of them or none: deactivated and revoked, with an event each. Their terminals
    are without a token again, so that *Issue for all* offers them, and none of them counts in the merchant's quota.
    The merchant is locked, so that nothing is issued meanwhile. Raises Refused where there is no such token.
    """
    now, told = timezone.now(), {"reason": reason} if reason else {}
    with transaction.atomic():
        owners.lock_merchant(fleet)
        rows = never_used(terminals).select_related("entity").select_for_update(no_key=True, of=("self",))
        ended = list(rows.order_by("pk"))
        if not ended:
            raise Refused(_("No token was issued here in the last 24 hours that was never used. Nothing was changed."))
        fields = {"status": Status.REVOKED, "digest": None, "ended_at": now} | stamp(by)
        for keys in in_batches(token.pk for token in ended):
            Token.objects.filter(pk__in=keys, status=Status.ACTIVE, last_used_at=None).update(**fields)
        events = [(token.entity, token.key_id, {"alias": token.alias} | told) for token in ended]
        audit.record_all(AuditEvent.Type.TOKEN_DEACTIVATED, events, by=by)
        audit.record_all(AuditEvent.Type.TOKEN_REVOKED, events, by=by)
        transaction.on_commit(empty_journal, robust=True)
    return len(ended)
