"""Step-up: what is weighty needs a proof, not older than five minutes, that it is still the person who signed in.

A view calls `require(request)` once the thing is loaded and the capability is checked, on POST once the form holds, and
goes on as if nothing were: `portal.middleware.StepUp` turns the exception into the question, on a page or in a dialog.
The question leads back to the same address. What was posted travels inside it, in the browser; the server keeps none
of it, so that no session ever holds a form (OWASP ASVS 5.0, 7.5.3; PCI DSS 4.0, 8.4).

A sign-in counts as a proof: whoever has a second factor has just used it there.
"""

import json
from http import HTTPStatus

from allauth.account.adapter import get_adapter
from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_variables

from accounts import trust
from accounts.pages import show

PREFIX = "proof"
"""Before the names of the question's own fields, so that they meet none of the form that it carries."""

ASKED_ON = f"{PREFIX}-asked_on"


class Unproved(Exception):
    """Something weighty was asked for without a recent proof."""


class ProofForm(forms.Form):
    """The password once more."""

    asked_on = forms.ChoiceField(choices=[("GET", "GET"), ("POST", "POST")], widget=forms.HiddenInput)
    password = forms.CharField(
        label=gettext_lazy("Password"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )

    def __init__(self, *args, request: HttpRequest, **kwargs) -> None:
        super().__init__(*args, prefix=PREFIX, **kwargs)
        self.request = request

    @sensitive_variables()
    def clean_password(self) -> str:
        if not get_adapter(self.request).reauthenticate(self.request.user, self.cleaned_data["password"]):
            raise forms.ValidationError(_("This is not your password."), code="wrong")
        return ""


def require(request: HttpRequest) -> None:
    """Go on where the person proved within the last five minutes who they are. Raises Unproved otherwise."""
    if not trust.is_fresh(request):
        raise Unproved


def question(request: HttpRequest, form: ProofForm | None = None) -> HttpResponse:
    """Ask for the proof at the address of `request`, with everything in the page that was posted to it."""
    form = form or ProofForm(request=request, initial={"asked_on": "POST" if request.method == "POST" else "GET"})
    own = {"csrfmiddlewaretoken", *(form.add_prefix(name) for name in form.fields)}
    carried = [(name, value) for name, values in request.POST.lists() if name not in own for value in values]
    context = {"form": form, "carried": carried, "breadcrumbs": [(_("Confirm that it is you"), None)]}
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
