"""Whether this process lives, and whether it can serve: for load balancers and supervisors."""

from http import HTTPStatus

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from tokens import readers
from tokens.readers import Unreachable


@login_not_required
@require_safe
def livez(request: HttpRequest) -> HttpResponse:
    """Answer 200 while the process runs, whatever the database does."""
    return HttpResponse("ok\n", content_type="text/plain")


@login_not_required
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """Answer 200 where the database answers, else 503 in one word: details belong in the log.

    Asked the way decisions ask, so that a database that hangs is told within two seconds as well.
    """
    try:
        readers.fetch("SELECT 1 FROM accounts_entity LIMIT 1")
    except Unreachable:
        return HttpResponse("database\n", content_type="text/plain", status=HTTPStatus.SERVICE_UNAVAILABLE)
    return HttpResponse("ok\n", content_type="text/plain")
