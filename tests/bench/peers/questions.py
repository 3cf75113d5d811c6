"""The peers' own classes, called as a view calls them."""

from collections.abc import Callable

from django.http import HttpRequest
from knox.auth import TokenAuthentication as KnoxAuthentication
from rest_framework.authentication import TokenAuthentication
from rest_framework_api_key.permissions import HasAPIKey


def questions(presented: dict[str, list[str]]) -> dict[str, tuple[Callable, list]]:
    """Return what is timed in this process: a function, and with what it is called, by name."""
    requests = {name: [_request(value) for value in values] for name, values in presented.items()}

    def ask_api_key(request: HttpRequest) -> None:
        if not HasAPIKey().has_permission(request, None):
            raise AssertionError("A good key was refused.")

    def ask_knox(request: HttpRequest) -> None:  # both raise AuthenticationFailed where they refuse
        KnoxAuthentication().authenticate(request)

    def ask_token(request: HttpRequest) -> None:
        TokenAuthentication().authenticate(request)

    asked = {"knox": ask_knox, "crowd": ask_knox, "token": ask_token, "api-key": ask_api_key}
    return {name: (ask, requests[name]) for name, ask in asked.items()}


def _request(authorization: str) -> HttpRequest:
    request = HttpRequest()
    request.META["HTTP_AUTHORIZATION"] = authorization
    return request
