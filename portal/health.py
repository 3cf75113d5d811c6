"""Whether this process lives, and whether it can serve: for load balancers and supervisors."""

import logging
from http import HTTPStatus

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from tokens import readers, vault
from tokens.gateway.authorize import is_news
from tokens.readers import Unreachable

logger = logging.getLogger(__name__)

TEXT = "text/plain; charset=utf-8"


@login_not_required
@require_safe
def livez(request: HttpRequest) -> HttpResponse:
    """Answer 200 while the process runs, whatever the database does."""
    return HttpResponse("ok\n", content_type=TEXT)


@login_not_required
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """Answer 200 where the database answers and the vault's keys fit it, else 503 in one word.

    Asked the way decisions ask, so that a database that hangs is told within two seconds as well. Details belong in
    the log: what is wrong with the vault's keys stops `serve`, which says it.
    """
    try:
        readers.fetch("SELECT 1 FROM accounts_entity LIMIT 1")
        if faults := vault.faults():
            if is_news("vault"):
                logger.error(" ".join(faults))
            return HttpResponse("vault\n", content_type=TEXT, status=HTTPStatus.SERVICE_UNAVAILABLE)
    except Unreachable:
        return HttpResponse("database\n", content_type=TEXT, status=HTTPStatus.SERVICE_UNAVAILABLE)
    return HttpResponse("ok\n", content_type=TEXT)
