"""`/metrics`: what a Prometheus collects. Figures come from the database, so every worker tells the same ones."""

from ipaddress import ip_address

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from portal.middleware import AuditOrigin
from tokens.usage import totals

TEXT = "text/plain; version=0.0.4; charset=utf-8"
"""The content type of Prometheus' text format."""

HEAD = """# HELP keyhouse_decisions_total Decisions on credentials, by outcome; `good` let the request through.
# TYPE keyhouse_decisions_total counter
"""


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
    lines = [f'keyhouse_decisions_total{{outcome="{outcome}"}} {count}\n' for outcome, count in totals()]
    return HttpResponse(HEAD + "".join(lines), content_type=TEXT)
