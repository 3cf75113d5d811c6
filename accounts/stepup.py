"""Step-up: what is weighty needs a proof, not older than five minutes, that it is still the person who signed in.

A view calls `require(request)` once the thing is loaded and the capability is checked, on POST once the form holds, and
goes on as if nothing were: `portal.middleware.StepUp` turns the exception into the question, on a page or in a dialog.
The question leads back to the same address. What was posted travels inside it, in the browser; the server keeps none
of it, so that no session ever holds a form (OWASP ASVS 5.0, 7.5.3; PCI DSS 4.0, 8.4).

A sign-in counts as a proof: whoever has a second factor has just used it there.
"""

import json
from typing import Any

from django import forms
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_variables

from accounts import audit, trust
from accounts.models import AuditEvent
from accounts.questions import Question
from accounts.signin import factors, passkeys
from accounts.signin.forms import CodeField, CredentialField, check_code, check_password


class Unproved(Exception):
    """Something weighty was asked for without a recent proof."""


class ProofForm(Question):
    """Any second factor that the person has; the password where there is none."""

    prefix = "proof"

    @sensitive_variables()
    def __init__(self, *args, request: HttpRequest, **kwargs) -> None:
        super().__init__(*args, request=request, **kwargs)
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
    form = form or ProofForm(request=request)
    context: dict[str, Any] = {"breadcrumbs": [(_("Confirm that it is you"), None)]}
    if form.has_passkey:
        context["options"] = json.dumps(passkeys.request_options(request.user))
    context["layout"] = "allauth/layouts/entrance.html" if factors.is_required(request.user) else "shell.html"
    return form.ask("account/stepup.html", context)


def answer(request: HttpRequest) -> HttpResponse | None:
    """Take the proof that `request` brings, if it brings one; None lets the view have what else was posted."""
    if not ProofForm.is_answered_by(request) or not request.user.is_authenticated:
        return None
    form = ProofForm(request.POST, request=request)
    request.sensitive_post_parameters = [form.add_prefix(name) for name in form.fields]  # for reports of faults
    if not form.is_valid():
        return question(request, form)
    with transaction.atomic():
        audit.record(AuditEvent.Type.IDENTITY_PROVED, by=request.user, used=form.cleaned_data["used"])
    trust.prove(request)
    return form.go_on()
