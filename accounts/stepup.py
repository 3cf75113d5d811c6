"""Step-up: what is weighty needs a proof, not older than five minutes, that it is still the person who signed in.

A view calls `require(request)` once the thing is loaded and the capability is checked, on POST once the form holds, and
goes on as if nothing were: `portal.middleware.StepUp` turns the exception into the question, on a page or in a dialog.
The question leads back to the same address. What was posted travels inside it, in the browser; the server keeps none
of it, so that no session ever holds a form (OWASP ASVS 5.0, 7.5.3; PCI DSS 4.0, 8.4).

A sign-in counts as a proof: whoever has a second factor has just used it there.
"""

import json
from http import HTTPStatus
from typing import Any

from django import forms
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_variables

from accounts import audit, trust
from accounts.models import AuditEvent
from accounts.pages import show
from accounts.signin import factors, passkeys
from accounts.signin.forms import CodeField, CredentialField, check_code, check_password

PREFIX = "proof"
"""Before the names of the question's own fields, so that they meet none of the form that it carries."""

ASKED_ON = f"{PREFIX}-asked_on"


class Unproved(Exception):
    """Something weighty was asked for without a recent proof."""


class ProofForm(forms.Form):
    """Any second factor that the person has; the password where there is none."""

    asked_on = forms.ChoiceField(choices=[("GET", "GET"), ("POST", "POST")], widget=forms.HiddenInput)

    def __init__(self, *args, request: HttpRequest, **kwargs) -> None:
        super().__init__(*args, prefix=PREFIX, **kwargs)
        self.user = request.user
        self.has_passkey = factors.passkeys_of(self.user).exists()
        if self.has_passkey:
            self.fields["credential"] = CredentialField(required=False)
        if factors.has_app(self.user) or factors.recovery_codes_left(self.user):
            label = gettext_lazy("Code from your app, or a recovery code")
            self.fields["code"] = CodeField(label=label, required=False)
        elif not self.has_passkey:
            widget = forms.PasswordInput(attrs={"autocomplete": "current-password"})
            self.fields["password"] = forms.CharField(label=gettext_lazy("Password"), strip=False, widget=widget)

    @sensitive_variables()
    def clean(self) -> dict[str, Any]:
        """Check what was sent, and keep nothing of it but its kind."""
        sent = super().clean() or {}
        if self.errors:
            return {}
        if "password" in self.fields:
            check_password(self.user, sent["password"])
            used = "password"
        elif sent.get("credential"):
            used = passkeys.check_used(self.user, sent["credential"]).type
        elif sent.get("code"):
            used = check_code(self.user, sent["code"]).type
        else:
            raise forms.ValidationError(_("Use one of your second factors."), code="required")
        return {"asked_on": sent["asked_on"], "used": used}


def require(request: HttpRequest) -> None:
    """Go on where the person proved within the last five minutes who they are. Raises Unproved otherwise."""
    if not trust.is_fresh(request):
        raise Unproved


def question(request: HttpRequest, form: ProofForm | None = None) -> HttpResponse:
    """Ask for the proof at the address of `request`, with everything in the page that was posted to it."""
    form = form or ProofForm(request=request, initial={"asked_on": "POST" if request.method == "POST" else "GET"})
    own = ("csrfmiddlewaretoken", f"{PREFIX}-")
    carried = [(name, each) for name, values in request.POST.lists() if not name.startswith(own) for each in values]
    context = {"form": form, "carried": carried, "breadcrumbs": [(_("Confirm that it is you"), None)]}
    if form.has_passkey:
        context["options"] = json.dumps(passkeys.request_options(request.user))
    context["layout"] = "allauth/layouts/entrance.html" if factors.is_required(request.user) else "shell.html"
    # 409, as where something cannot be done in the present state; a 422 would be drawn into the form that was sent.
    status = HTTPStatus.CONFLICT if request.method == "POST" else HTTPStatus.OK
    return show(request, "account/stepup.html", context, status=status)


def answer(request: HttpRequest) -> HttpResponse | None:
    """Take the proof that `request` brings, if it brings one; None lets the view have what else was posted."""
    if request.method != "POST" or ASKED_ON not in request.POST or not request.user.is_authenticated:
        return None
    form = ProofForm(request.POST, request=request)
    request.sensitive_post_parameters = [form.add_prefix(name) for name in form.fields]  # for reports of faults
    if not form.is_valid():
        return question(request, form)
    with transaction.atomic():
        audit.record(AuditEvent.Type.IDENTITY_PROVED, by=request.user, used=form.cleaned_data["used"])
    trust.prove(request)
    rest = request.POST.copy()
    for name in form.fields:
        rest.pop(form.add_prefix(name), None)
    request.POST = rest
    return _back(request) if form.cleaned_data["asked_on"] == "GET" else None


def _back(request: HttpRequest) -> HttpResponse:
    """Lead to the page that was asked for; a dialog fetches it into itself."""
    if not request.htmx:
        return redirect(request.get_full_path())
    place = {"path": request.get_full_path(), "target": "#dialog-body", "swap": "innerHTML"}
    return HttpResponse(headers={"HX-Location": json.dumps(place)})
