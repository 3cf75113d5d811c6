"""The terminals below a merchant or a channel, each with the SDK token it has."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import Entity, User
from accounts.permissions import Capability
from accounts.refusals import Refused
from tokens.models import Token

MOST_AT_ONCE = 1000
"""Terminals for which tokens are issued in one go."""

STATES = {
    "none": _("Without a token"),
    "inactive": _("No token that works"),
    "unused": _("Never used"),
}
"""What a fleet is narrowed to."""

BY_NAME = (Lower("name"), "pk")


@dataclass(slots=True)
class Row:
    """A terminal and its tokens that have not ended."""

    terminal: Entity
    token: Token | None = None
    """The one that works and is newest; where none works, the newest."""
    others: int = 0
    last_used_at: datetime | None = None

    @property
    def works(self) -> bool:
        """Whether one of its tokens works."""
        return self.token is not None and _works(self.token)

    def add(self, token: Token) -> None:
        """Take one more of its tokens into account; they come the newest first."""
        used = [moment for moment in (self.last_used_at, token.last_used_at) if moment]
        self.last_used_at = max(used, default=None)
        if self.token is None:
            self.token = token
            return
        self.others += 1
        if _works(token) and not self.works:
            self.token = token


def check_fleet(entity: Entity) -> None:
    """Raise Refused unless terminals stand below entities of this kind: merchants and channels."""
    if entity.kind not in {Entity.Kind.MERCHANT, Entity.Kind.CHANNEL}:
        raise Refused(_("Terminals stand below merchants and channels. Choose one in the account tree."))


def terminals_below(user: User, entity: Entity) -> QuerySet[Entity]:
    """Return the terminals below `entity` whose SDK tokens `user` may see, by name."""
    seen = Entity.objects.permitted(user, Capability.SDK_VIEW).below(entity)
    return seen.filter(kind=Entity.Kind.TERMINAL).order_by(*BY_NAME)


def narrowed(terminals: QuerySet[Entity], *, state: str, text: str) -> QuerySet[Entity]:
    """Return those in `state`, one of STATES or empty, and with `text` in their name or at the start of their ID."""
    living = Token.objects.filter(entity=OuterRef("pk")).sdk().of_nobody().living()
    works = living.filter(Q(expires_at=None) | Q(expires_at__gt=timezone.now()), status=Token.Status.ACTIVE)
    if state == "none":
        terminals = terminals.filter(~Exists(living))
    elif state == "inactive":
        terminals = terminals.filter(Exists(living), ~Exists(works))
    elif state == "unused":
        terminals = terminals.filter(Exists(works), ~Exists(living.exclude(last_used_at=None)))
    return terminals.search(text) if text else terminals


def without_token(terminals: QuerySet[Entity], *, text: str) -> QuerySet[Entity]:
    """Return those that have no token and could be given one: neither they nor what is above them is suspended."""
    return narrowed(terminals, state="none", text=text).with_stops().filter(is_stopped=False)


def stopped_among(terminals: Iterable[Entity]) -> Entity | None:
    """Return one of `terminals` that is suspended, itself or by what is above it; None where there is none."""
    keys = [terminal.pk for terminal in terminals]
    return Entity.objects.filter(pk__in=keys).with_stops().filter(is_stopped=True).order_by(*BY_NAME).first()


def rows_for(terminals: Iterable[Entity]) -> list[Row]:
    """Return a row for each of `terminals`, in one query."""
    rows = {terminal.pk: Row(terminal) for terminal in terminals}
    tokens = Token.objects.filter(entity__in=list(rows)).sdk().of_nobody().living()
    for token in tokens.order_by("-created_at", "-pk"):
        rows[token.entity_id].add(token)
    return list(rows.values())


def _works(token: Token) -> bool:
    return token.state in {"active", "retiring"}
