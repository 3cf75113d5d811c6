"""The WSGI application: the gateways' endpoints in front, Django behind them.

Django's request stack costs more than a decision itself; so those are picked by their path before it.
"""

import os
from collections.abc import Callable, Iterable

from django.conf import settings
from django.core.wsgi import get_wsgi_application

from portal.bulkhead import Bulkhead
from portal.server import keep_to_one_core

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
site = get_wsgi_application()

from tokens.gateway import authorize, introspect, keys, signatures  # noqa: E402  apps are loaded before their models
from tokens.gateway.problems import nowhere  # noqa: E402  likewise

ENDPOINTS = {
    authorize.PATH: authorize.application,
    introspect.PATH: introspect.application,
    signatures.SIGN: signatures.sign,
}
WRITING = {keys.PATH: keys.application, signatures.VERIFY: signatures.verify}
"""They wait for the database's writer as pages do, and like pages they leave threads for decisions."""

if settings.ONE_CORE_EACH:
    keep_to_one_core()


MACHINES = ("/gateway/", "/oauth/")
"""Beginnings of addresses at which no page is, and nothing that leads to one."""


def _waiting(environ: dict, start_response: Callable) -> Iterable[bytes]:
    rest = nowhere if environ["PATH_INFO"].startswith(MACHINES) else site
    return WRITING.get(environ["PATH_INFO"].rstrip("/"), rest)(environ, start_response)


pages = Bulkhead(_waiting, at_once=settings.PAGES_AT_ONCE, patient=settings.PAGES_WAITING)


def application(environ: dict, start_response: Callable) -> Iterable[bytes]:
    """Hand a gateway's question to its endpoint and everything else to Django."""
    return ENDPOINTS.get(environ["PATH_INFO"].rstrip("/"), pages)(environ, start_response)
