"""The pages on which people set up and look after their second factors. Signing in itself is django-allauth's."""

import base64
import json

from allauth.account.stages import LoginStageController
from allauth.mfa.adapter import get_adapter
from allauth.mfa.base import views as mfa
from allauth.mfa.stages import AuthenticateStage
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.forms import Form
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods, require_safe

from accounts import stepup, trust
from accounts.pages import ask, posted, shown_as
from accounts.refusals import Refused
from accounts.signin import factors, notices, passkeys, pending, sessions
from accounts.signin.forms import AddAppForm, AddPasskeyForm, RenamePasskeyForm
from accounts.signin.notices import Notice

ENTRANCE, MANAGE = "allauth/layouts/entrance.html", "allauth/layouts/manage.html"


@login_not_required
@require_http_methods(["GET", "POST"])
@never_cache
@sensitive_post_parameters()
def second_step(request: HttpRequest) -> HttpResponse:
    """A code or a passkey after the password, unless the person signs in otherwise by now: then from the beginning.

    That is looked at before a code is, so that none is used up, and nobody learns whether it was right.
    """
    waiting = LoginStageController.enter(request, AuthenticateStage.key)
    if waiting and not request.user.is_authenticated and not pending.holds(request, waiting.login.user):
        pending.end(request)
        messages.info(request, _("Sign in once more."))
        return waiting.abort()
    return mfa.authenticate(request)


@require_safe
def overview(request: HttpRequest) -> HttpResponse:
    """How the reader signs in."""
    user = request.user
    context = _frame(request, _("Sign-in")) | {
        "factors": factors.second_factors_of(user),
        "has_app": factors.has_app(user),
        "codes_left": factors.recovery_codes_left(user),
        "sessions": [
            (each, each.get_decoded(), sessions.is_this_one(each, request)) for each in sessions.sessions_of(user)
        ],
    }
    return render(request, "account/factors.html", context)


@require_http_methods(["GET", "POST"])
def session(request: HttpRequest) -> JsonResponse:
    """How long this session lasts, for the script that warns; on POST, longer. Being asked is no sign of life."""
    if request.method == "POST":
        sessions.note_presence(request.session, at_once=True)
    return JsonResponse(
        {"left": sessions.seconds_left(request.session), "can_last": sessions.can_last(request.session)}
    )


@require_http_methods(["GET", "POST"])
def end_session(request: HttpRequest, key: str) -> HttpResponse:
    """Sign out in another browser."""
    other = sessions.get(request.user, key)
    if sessions.is_this_one(other, request):
        return redirect("account_logout")
    stepup.require(request)

    def act() -> tuple[str, str]:
        sessions.end(other, by=request.user)
        return reverse("account_factors"), _("You are signed out there.")

    context = _frame(request, _("Sign out there")) | {"form": Form(posted(request)), "where": other.get_decoded()}
    return ask(request, "account/end_session.html", context, act)


@require_http_methods(["GET", "POST"])
def end_other_sessions(request: HttpRequest) -> HttpResponse:
    """Sign out in every other browser."""
    stepup.require(request)

    def act() -> tuple[str, str]:
        sessions.end_others(request)
        return reverse("account_factors"), _("You are signed out everywhere but here.")

    context = _frame(request, _("Sign out everywhere else")) | {"form": Form(posted(request))}
    return ask(request, "account/end_session.html", context, act)


@require_safe
def enrol(request: HttpRequest) -> HttpResponse:
    """What somebody without a second factor sees, and nothing else, where one is required."""
    if not factors.is_required(request.user):
        return redirect("account_factors")
    return render(request, "account/enrol.html", _frame(request, _("One more step")))


@require_http_methods(["GET", "POST"])
@never_cache
@sensitive_post_parameters()
@sensitive_variables()
def add_app(request: HttpRequest) -> HttpResponse:
    """Set up an authenticator app: its secret is shown once, and a code from it confirms it."""
    stepup.require(request)
    if factors.has_app(request.user):
        raise Refused(_("You have an authenticator app already. Remove it before you add another."))
    form = AddAppForm(posted(request), user=request.user)
    if request.method == "POST" and form.is_valid():
        fresh = factors.add_app(request.user, secret=form.secret, code=form.cleaned_data["code"])
        return _added(request, fresh, _("The authenticator app is set up."))
    adapter = get_adapter()
    drawn = adapter.build_totp_svg(adapter.build_totp_url(request.user, form.secret)).encode()
    context = _frame(request, _("Authenticator app")) | {
        "form": form,
        "secret": " ".join(form.secret[start : start + 4] for start in range(0, len(form.secret), 4)),
        "picture": f"data:image/svg+xml;base64,{base64.b64encode(drawn).decode('ascii')}",
    }
    return render(request, "account/add_app.html", context, status=shown_as(request))


@require_http_methods(["GET", "POST"])
@never_cache
@sensitive_variables()
def add_passkey(request: HttpRequest) -> HttpResponse:
    """Make a passkey: with it the reader signs in without a password."""
    stepup.require(request)
    form = AddPasskeyForm(posted(request), initial={"name": trust.system_of(request) or _("Security key")})
    if request.method == "POST" and form.is_valid():
        fresh = factors.add_passkey(request.user, **form.cleaned_data)
        return _added(request, fresh, _("The passkey is set up."))
    options = json.dumps(passkeys.creation_options(request.user))
    context = _frame(request, _("Passkey")) | {"form": form, "options": options}
    return render(request, "account/add_passkey.html", context, status=shown_as(request))


@require_http_methods(["GET", "POST"])
def rename_passkey(request: HttpRequest, number: int) -> HttpResponse:
    """Give a passkey another name."""
    passkey = factors.get(request.user, number, factors.Type.WEBAUTHN)

    def act(name: str) -> tuple[str, str]:
        factors.rename(passkey, name=name, by=request.user)
        return reverse("account_factors"), _("The changes were saved.")

    form = RenamePasskeyForm(posted(request), initial={"name": str(passkey)})
    context = _frame(request, _("Rename passkey")) | {"form": form, "passkey": passkey}
    return ask(request, "account/rename_passkey.html", context, act)


@require_http_methods(["GET", "POST"])
def remove_factor(request: HttpRequest, number: int) -> HttpResponse:
    """Sign in without this factor from now on."""
    factor = factors.get(request.user, number)
    stepup.require(request)

    def act() -> tuple[str, str]:
        factors.remove(factor, by=request.user)
        _changed(request, Notice.FACTOR_REMOVED)
        return reverse("account_factors"), _("It was removed. Nobody can sign in with it any more.")

    context = _frame(request, _("Remove second factor")) | {"form": Form(posted(request)), "factor": factor}
    return ask(request, "account/remove_factor.html", context, act)


@require_http_methods(["GET", "POST"])
@never_cache
@sensitive_variables()
def recovery_codes(request: HttpRequest) -> HttpResponse:
    """Make new recovery codes; the answer to the POST shows them."""
    stepup.require(request)
    if request.method != "POST":
        context = _frame(request, _("New recovery codes")) | {"left": factors.recovery_codes_left(request.user)}
        return render(request, "account/renew_codes.html", context)
    fresh = factors.renew_recovery_codes(request.user)
    notices.send(Notice.CODES_MADE, request.user, request)
    return _shown(request, fresh)


def _changed(request: HttpRequest, notice: Notice) -> None:
    """Let nothing of the trust from before a change last: another session here, none elsewhere, and its owner knows."""
    trust.prove(request)
    sessions.end_others(request)
    notices.send(notice, request.user, request)


@sensitive_variables()
def _added(request: HttpRequest, fresh: list[str], message: str) -> HttpResponse:
    """Answer where a factor was added: with the recovery codes that came with it, or with the list."""
    _changed(request, Notice.FACTOR_ADDED)
    messages.success(request, message)
    return _shown(request, fresh) if fresh else redirect("account_factors")


@sensitive_variables()
def _shown(request: HttpRequest, fresh: list[str]) -> HttpResponse:
    context = _frame(request, _("Recovery codes")) | {"codes": fresh, "home": reverse("account_factors")}
    return render(request, "account/recovery_codes.html", context)


def _frame(request: HttpRequest, title: str) -> dict:
    """Return what each of these pages shows around its own: inside the portal, or before it while one may not enter."""
    steps = [(_("Settings"), reverse("portal:settings")), (_("Sign-in"), reverse("account_factors")), (title, None)]
    outside = factors.is_required(request.user)
    return {
        "title": title,
        "section": "settings",
        "breadcrumbs": steps if title != _("Sign-in") else [steps[0], (title, None)],
        "layout": ENTRANCE if outside else MANAGE,
        "is_enrolling": outside,
        "is_required": settings.REQUIRE_MFA,
    }
