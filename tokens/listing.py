"""A list of one entity's tokens as a page shows it: narrowed by status and search, sorted, one page at a time."""

from django.core.paginator import Paginator
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from tokens.models import EXPIRES_SOON, Token
from tokens.tables import PAGE, STATES, TokenFilter, TokenTable

LISTED = ("active", "retiring", "expired", "inactive", "revoked")
"""The states of what a list shows unasked, no token in two of them (ruling C3)."""


def listing(request: HttpRequest, tokens: QuerySet[Token], *, held: frozenset[str], label: str) -> dict:
    """Return what the list of `tokens`, called `label`, shows to the reader, who holds `held` on their entity.

    Three queries, one more where it is searched.
    """
    chosen = TokenFilter(request.GET, tokens)
    rows = TokenTable(chosen.qs, held=held, user=request.user, label=label)
    rows.order_by = request.GET.getlist(rows.prefixed_order_by_field) or rows.order_by
    states = _states(tokens)
    status, query = (chosen.form.cleaned_data.get(name, "") for name in ("status", "q"))
    # Of the rows in the database: those of the table would be read all at once to be counted.
    rows.paginator = Paginator(rows.data.data, PAGE)
    if not query:
        counts = {state: count for state, _label, count in states}
        rows.paginator.count = counts[status] if status else sum(counts[state] for state in LISTED)
    rows.page = rows.paginator.get_page(request.GET.get("page"))
    return {"table": rows, "filter": chosen, "states": states, "status": status, "query": query}


def _states(tokens: QuerySet[Token]) -> list[tuple[str, str, int]]:
    """Return (state, label, how many tokens are in it) for each state, in one query."""
    now = timezone.now()
    works = Q(Q(expires_at__isnull=True) | Q(expires_at__gt=now), status="active")
    stays = Q(works, retiring_since__isnull=True)
    soon = Q(expires_at__lte=now + EXPIRES_SOON)
    which = {
        "active": stays,
        "retiring": Q(works, retiring_since__isnull=False),
        "expiring": stays & soon,
        "expired": Q(status="active", expires_at__lte=now),
    }
    which |= {status: Q(status=status) for status in ("inactive", "revoked", "removed")}
    counts = tokens.aggregate(**{state: Count("pk", filter=which[state]) for state in STATES})
    return [(state, label, counts[state]) for state, label in STATES.items()]
