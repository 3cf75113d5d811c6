"""What holds for every page: who may send it what, where an event came from, what is never stored, who has to do what
first, and how a refusal is told."""

import secrets
from collections.abc import Callable
from http import HTTPStatus
from types import MappingProxyType

from django.conf import settings
from django.contrib.admin import ModelAdmin
from django.contrib.admin.utils import unquote
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.csrf import csrf_failure

from accounts import audit, origin, stepup, support
from accounts.models import Entity, User
from accounts.refusals import Refused
from accounts.signin import factors, sessions
from tokens.models import Token

Next = Callable[[HttpRequest], HttpResponse]


class AuditOrigin:
    """Give every audit event of a request its caller's address and one request ID."""

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with audit.origin(self.address_of(request), secrets.token_hex(16)):
            request.audit_origin = audit.came_from()  # for what is logged of the request once it is answered
            return self.get_response(request)

    @staticmethod
    def address_of(request: HttpRequest) -> str:
        """Return the caller's address; behind our own proxy, the one it appended, never one the caller wrote."""
        address = request.META.get("REMOTE_ADDR", "")
        if settings.BEHIND_PROXY:
            address = request.META.get("HTTP_X_FORWARDED_FOR", "").rpartition(",")[2].strip()
        try:
            return str(origin.parse(address))
        except ValueError:
            return "" if settings.BEHIND_PROXY else address


class Isolation:
    """Keep other sites out: they embed nothing of ours, open no window into it and send it no forms.

    The check of where a form comes from stands beside the key in it (OWASP ASVS 5.0, 3.5.1): browsers say it, and no
    page can make them say something else. What is no browser says nothing and is let through.
    """

    HEADERS = MappingProxyType(
        {
            "Cross-Origin-Resource-Policy": "same-origin",
            "Permissions-Policy": ", ".join(
                [
                    *(f"{each}=(self)" for each in ("publickey-credentials-create", "publickey-credentials-get")),
                    "clipboard-write=(self)",
                    *(f"{each}=()" for each in ("camera", "geolocation", "microphone", "payment", "usb")),
                    *(f"{each}=()" for each in ("display-capture", "midi", "screen-wake-lock", "serial", "hid")),
                ]
            ),
        }
    )
    SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
    LEAVING = frozenset({"account_logout", "admin:logout"})

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = csrf_failure(request) if self.is_foreign(request) else self.get_response(request)
        for name, value in self.HEADERS.items():
            response.headers.setdefault(name, value)
        left = request.method == "POST" and request.resolver_match and request.resolver_match.view_name in self.LEAVING
        if left:
            response.headers["Clear-Site-Data"] = '"cache", "storage"'
        return response

    @classmethod
    def is_foreign(cls, request: HttpRequest) -> bool:
        """Whether a page of another origin, one that is not named in KEYHOUSE_ORIGINS, sends this."""
        if request.method in cls.SAFE or request.headers.get("Sec-Fetch-Site", "same-origin") == "same-origin":
            return False
        return request.headers.get("Origin") not in settings.CSRF_TRUSTED_ORIGINS


class NeverStored:
    """Keep every answer out of caches, also what no view gives; static files say themselves how long they last."""

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Cache-Control", "no-store, private")
        return response


class WholePages:
    """Send htmx to a redirect's target as a whole page."""

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if request.htmx and response.status_code in {HTTPStatus.FOUND, HTTPStatus.SEE_OTHER}:
            # Followed silently, the sign-in page or a whole list would land inside the dialog.
            response.headers["HX-Redirect"] = response.headers["Location"]
            del response.headers["Location"]
            response.status_code = HTTPStatus.OK
        return response


class PlainRefusals:
    """Turn a verb's Refused into a page, or a dialog, that says its sentence; nothing was changed."""

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not isinstance(exception, Refused):
            return None
        inside = "refused.html#dialog" if request.htmx else "refused.html"
        template = inside if request.user.is_authenticated else "refused_outside.html"
        context = {"sentence": str(exception), "section": "account", "back": self.address_of_object(request)}
        return render(request, template, context, status=HTTPStatus.CONFLICT)

    @staticmethod
    def address_of_object(request: HttpRequest) -> str:
        """Return the page of the token or entity that the request was about; a verb refuses only what one may see."""
        about = request.resolver_match.kwargs if request.resolver_match else {}
        if "key_id" in about:
            return reverse("tokens:detail", args=[about["key_id"]])
        if "entity_id" in about:
            return reverse("portal:entity", args=[about["entity_id"]])
        return reverse("portal:account")


class Presence:
    """Note that somebody is there, so that their session lasts on.

    What a script asks by itself is no sign of life: the state of the session, or whatever says so in a header.
    """

    ASKED_BY_SCRIPTS = "account_session"
    HEADER = "X-Keyhouse-Unattended"

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Callable, *_view: object) -> None:
        by_itself = request.resolver_match.view_name == self.ASKED_BY_SCRIPTS or self.HEADER in request.headers
        if getattr(view, "login_required", True) and not by_itself and request.user.is_authenticated:
            sessions.note_presence(request.session)


class SecondFactorFirst:
    """Let somebody without a second factor do nothing but set one up, where one is required (PCI DSS 4.0, 8.4.2)."""

    OPEN = frozenset({"account_enrol", "account_add_app", "account_add_passkey", "account_logout"})
    PROBES = frozenset({"livez", "readyz", "metrics"})
    KNOWN = "has_second_factor"
    """Where the session keeps that there is one, so that not every request asks the database."""

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, *_view: object) -> HttpResponse | None:
        if not settings.REQUIRE_MFA or request.resolver_match.view_name in self.OPEN | self.PROBES:
            return None
        if not request.user.is_authenticated or request.session.get(self.KNOWN):
            return None
        if factors.is_required(request.user):
            return redirect("account_enrol")
        request.session[self.KNOWN] = True
        return None


class StepUp:
    """Take the proof that a request brings, and ask for one where a view requires it."""

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, *_view: object) -> HttpResponse | None:
        return stepup.answer(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        return stepup.question(request) if isinstance(exception, stepup.Unproved) else None


class SupportReason:
    """Ask support why, before it opens anything that an address names as a merchant's, a person, or many merchants."""

    PERSON, MANY = "portal:person", "portal:merchants_export"
    """What names nobody's entity, and shows what belongs to merchants all the same."""

    NAMES_ALONE = frozenset({"accounts:branch"})
    """The tree shows names and entity IDs, as the search does: how support finds a merchant at all."""

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable, _args: tuple, about: dict[str, str]
    ) -> HttpResponse | None:
        name = request.resolver_match.view_name
        is_named = bool({"entity_id", "key_id"} & about.keys()) or name == self.PERSON
        desk = getattr(view, "model_admin", None)
        if not (is_named or desk or name == self.MANY) or name in self.NAMES_ALONE:
            return None
        if not support.is_support(request.user):
            return None
        place = self.place_named_by(request, about, desk)
        # What is not there is told by the view, as to everybody.
        return None if is_named and place is None else support.ask_first(request, place)

    @staticmethod
    def place_named_by(request: HttpRequest, about: dict[str, str], desk: ModelAdmin | None) -> support.Place:
        """Return what the address is about: a person, or an entity, by its own ID or by that of something it owns."""
        if "person_id" in about:
            return User.objects.visible_to(request.user).filter(person_id=about["person_id"]).first()
        if "entity_id" in about:
            return Entity.objects.visible_to(request.user).filter(entity_id=about["entity_id"]).first()
        if "key_id" in about:
            token = (
                Token.objects.visible_to(request.user).filter(key_id=about["key_id"]).select_related("entity").first()
            )
            return token.entity if token else None
        row = desk.get_object(request, unquote(about["object_id"])) if desk and "object_id" in about else None
        return row if isinstance(row, Entity) else getattr(row, "entity", None)
