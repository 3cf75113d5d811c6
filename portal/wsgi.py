"""The WSGI application: the gateways' endpoints in front, Django behind them.

Django's request stack costs more than a decision itself; so those are picked by their path before it.
"""

import os
from collections.abc import Callable, Iterable

from django.conf import settings
from django.core.wsgi import get_wsgi_application

from portal.bulkhead import Bulkhead

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
pages = Bulkhead(get_wsgi_application(), at_once=settings.PAGES_AT_ONCE)

from tokens.gateway import authorize, introspect, keys, signatures  # noqa: E402  apps are loaded before their models

ENDPOINTS = {each.PATH: each.application for each in (authorize, introspect, keys)} | signatures.ENDPOINTS


def application(environ: dict, start_response: Callable) -> Iterable[bytes]:
    """Hand a gateway's question to its endpoint and everything else to Django."""
    return ENDPOINTS.get(environ["PATH_INFO"].rstrip("/"), pages)(environ, start_response)
