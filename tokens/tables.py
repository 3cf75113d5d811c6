"""The list of a merchant's tokens: which columns there are and what sorts by what."""

from collections.abc import Iterator

import django_filters
import django_tables2 as tables
from django.db.models import F, Func, QuerySet
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.batches import in_batches
from accounts.models import User
from accounts.permissions import Capability
from tokens import lifecycle, rotation
from tokens.evidence import Evidence, evidence_of
from tokens.models import Token
from tokens.permissions import held_on

PAGE = 25
STATES = {
    "active": _("Active"),
    "retiring": _("Retiring"),
    "expiring": _("Expires within 14 days"),
    "inactive": _("Inactive"),
    "expired": _("Expired"),
    "revoked": _("Revoked"),
    "removed": _("Removed"),
}
VERBS = ("edit", "deactivate", "condemn", "reactivate", "revoke", "remove")

EXPORTED = (
    "Alias",
    "Description",
    "Key ID",
    "Token",
    "Type",
    "Permissions",
    "Allowed networks",
    "Status",
    "Created",
    "Expires",
    "Last used",
    "Accepted in 24 h",
    "Refused in 24 h",
)
"""The columns of the CSV: what programs read is not translated."""


def verbs_for(token: Token, held: frozenset[str]) -> list[str]:
    """Return what is offered on `token` to somebody who holds the capabilities `held` on its entity."""
    verbs = [verb for verb in VERBS if lifecycle.can(verb, token, held)]
    verbs += [verb for verb in rotation.VERBS if rotation.can(verb, token, held)]
    if Capability.TOKEN_CREATE in held and token.status in {Token.Status.ACTIVE, Token.Status.INACTIVE}:
        verbs.append("duplicate")
    return verbs


def exported(tokens: QuerySet[Token]) -> Iterator[list[str]]:
    """Yield a row of EXPORTED for each of `tokens`, a few at a time from the database."""
    for batch in in_batches(tokens.defer("digest").iterator(chunk_size=500), 500):
        evidence = evidence_of(batch)
        for token in batch:
            moments = (token.created_at, token.expires_at, token.last_used_at)
            written = [moment.isoformat(timespec="seconds") if moment else "" for moment in moments]
            about = [token.alias, token.description, token.key_id, token.masked, token.mode, token.scope]
            counts = [str(evidence[token.pk].good), str(evidence[token.pk].refused)]
            yield [*about, token.networks, token.state, *written, *counts]


class TokenFilter(django_filters.FilterSet):
    """By status, and by alias or key ID. Without a status, everything but removed tokens (ruling C3)."""

    status = django_filters.ChoiceFilter(choices=tuple(STATES.items()), method="filter_status", label=_("Status"))
    q = django_filters.CharFilter(method="filter_text", label=_("Find a token"))

    class Meta:
        model = Token
        fields = ()

    @property
    def qs(self) -> QuerySet:
        found = super().qs
        return found if self.form.cleaned_data.get("status") else found.listed()

    def filter_status(self, queryset: QuerySet, _name: str, state: str) -> QuerySet:
        return queryset.in_state(state, timezone.now())

    def filter_text(self, queryset: QuerySet, _name: str, text: str) -> QuerySet:
        return queryset.search(text[:80])


class TokenTable(tables.Table):
    """S0-15 ... S0-20. The order is by status, then the newest first (S3-2)."""

    alias = tables.Column(verbose_name=_("Alias"))
    token = tables.Column(verbose_name=_("Token"), accessor="masked", orderable=False)
    mode = tables.Column(verbose_name=_("Type"))
    status = tables.Column(verbose_name=_("Status"))
    last_day = tables.Column(verbose_name=_("Last 24 h"), accessor="pk", orderable=False)
    last_used_at = tables.Column(verbose_name=_("Last used"), empty_values=())
    enablement = tables.Column(verbose_name=_("Enablement"), accessor="pk", orderable=False)

    class Meta:
        order_by = "status"
        template_name = "tokens/_table.html"

    def __init__(self, *args, held: frozenset[str], user: User, label: str, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.held, self.user, self.label = held, user, label
        self.evidence: dict[int, Evidence] | None = None
        """The use of the page's tokens, where it has been read together with that of others."""

    def order_alias(self, queryset: QuerySet, is_descending: bool) -> tuple[QuerySet, bool]:
        """By the letters, whatever their case, as on every database."""
        return _in_order(queryset, Lower("alias"), is_descending)

    def order_mode(self, queryset: QuerySet, is_descending: bool) -> tuple[QuerySet, bool]:
        return _in_order(queryset, F("mode"), is_descending)

    def order_status(self, queryset: QuerySet, is_descending: bool) -> tuple[QuerySet, bool]:
        return queryset.by_state(timezone.now(), descending=is_descending), True

    def order_last_used_at(self, queryset: QuerySet, is_descending: bool) -> tuple[QuerySet, bool]:
        """Never used comes last either way, as on every database."""
        return _in_order(queryset, F("last_used_at"), is_descending, nulls_last=True)

    def tokens(self) -> list[dict]:
        """Return `{token, evidence, verbs}` for each token of the page that is shown, in two queries."""
        shown = list(self.page)
        evidence = evidence_of(shown) if self.evidence is None else self.evidence
        return [
            {
                "token": token,
                "evidence": evidence.get(token.pk, Evidence()),
                "verbs": verbs_for(token, held_on(self.user, token, self.held)),
            }
            for token in shown
        ]


def _in_order(
    queryset: QuerySet, by: F | Func, is_descending: bool, *, nulls_last: bool | None = None
) -> tuple[QuerySet, bool]:
    """Return `queryset` by `by`, the newest first where that is the same: no row may stand on two pages or on none."""
    order = by.desc(nulls_last=nulls_last) if is_descending else by.asc(nulls_last=nulls_last)
    return queryset.order_by(order, "-created_at", "-pk"), True
