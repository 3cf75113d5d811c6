"""`/metrics`: what a Prometheus collects. Sums come from the database, so every worker tells the same ones."""

import platform
import tomllib
from collections.abc import Iterator, Mapping
from functools import lru_cache
from ipaddress import ip_address

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import connection
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from accounts import journal
from portal.middleware import AuditOrigin
from tokens import ledger, usage
from tokens.gateway.authorize import TIMED
from tokens.readers import Unreachable

TEXT = "text/plain; version=0.0.4; charset=utf-8"
"""The content type of Prometheus' text format."""


@login_not_required
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Answer those who ask from one of METRICS_NETWORKS; for everybody else there is no such page."""
    try:
        address = ip_address(AuditOrigin.address_of(request))
    except ValueError:
        raise Http404 from None
    if not any(address in network for network in settings.METRICS_NETWORKS):
        raise Http404
    return HttpResponse("\n".join([*_of_this_process(), *_of_all_processes(), ""]), content_type=TEXT)


def _of_this_process() -> Iterator[str]:
    yield from _head("keyhouse_build_info", "gauge", "What runs here. The value is always 1.")
    runs = {"version": _version(), "python": platform.python_version(), "database": connection.vendor}
    labels = ",".join(f'{name}="{value}"' for name, value in runs.items())
    yield f"keyhouse_build_info{{{labels}}} 1"
    about = "For how long the process that answers this has had counts to write; a second or two while all is well."
    yield from _head("keyhouse_usage_unwritten_seconds", "gauge", about)
    yield f"keyhouse_usage_unwritten_seconds {usage.unwritten_seconds():.3f}"
    about = "Audit events that the process that answers this could not write to the journal yet; 0 while all is well."
    yield from _head("keyhouse_audit_journal_unwritten", "gauge", about)
    yield f"keyhouse_audit_journal_unwritten {journal.unwritten()}"


def _of_all_processes() -> Iterator[str]:
    """Tell the sums since the beginning, and whether the database could be asked for them."""
    try:
        totals, figures = ledger.totals(), ledger.figures()
    except Unreachable:
        totals, figures = None, {}
    yield from _head("keyhouse_database_up", "gauge", "Whether the database answers the process that answers this.")
    yield f"keyhouse_database_up {int(totals is not None)}"
    if totals is None:
        return
    yield from _head(
        "keyhouse_decisions_total", "counter", "Decisions on credentials, by outcome; `good` let the request through."
    )
    yield from (f'keyhouse_decisions_total{{outcome="{outcome}"}} {count}' for outcome, count in totals.items())
    yield from _seconds(figures)
    about = "How often counts could not be written; they are kept and written later."
    yield from _head("keyhouse_usage_flush_failures_total", "counter", about)
    yield f"keyhouse_usage_flush_failures_total {figures.get(ledger.FAILURES, 0):.0f}"


def _seconds(figures: Mapping[str, float]) -> Iterator[str]:
    """Tell how long decisions took, as a histogram: each bucket holds those before it as well."""
    name, count = "keyhouse_decision_seconds", 0.0
    about = f"How long a decision took inside Keyhouse; one in {TIMED} is timed."
    yield from _head(name, "histogram", about)
    for bound, told in [*((bound, str(bound)) for bound in ledger.BOUNDS), ("more", "+Inf")]:
        count += figures.get(f"{ledger.SECONDS} {bound}", 0)
        yield f'{name}_bucket{{le="{told}"}} {count:.0f}'
    yield f"{name}_sum {figures.get(f'{ledger.SECONDS} sum', 0):.6f}"
    yield f"{name}_count {count:.0f}"


def _head(name: str, kind: str, about: str) -> tuple[str, str]:
    return f"# HELP {name} {about}", f"# TYPE {name} {kind}"


@lru_cache
def _version() -> str:
    found = tomllib.loads((settings.BASE_DIR / "pyproject.toml").read_text(encoding="utf-8"))
    return str(found["project"]["version"])
