"""Questions that stand in the way: asked at the address that was wanted, or in the open dialog, and leading back.

What was posted travels inside the question, in the browser; the server keeps none of it, so that no session ever holds
a form. A question's own fields begin with its prefix, so that they meet none of the form that it carries.
"""

import json
from http import HTTPStatus

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from accounts.pages import show


class Question(forms.Form):
    """A form that interrupts another one, or a page. Its `prefix` names it."""

    asked_on = forms.ChoiceField(choices=[("GET", "GET"), ("POST", "POST")], widget=forms.HiddenInput)

    def __init__(self, *args, request: HttpRequest, **kwargs) -> None:
        kwargs.setdefault("initial", {"asked_on": "POST" if request.method == "POST" else "GET"})
        super().__init__(*args, **kwargs)
        self.request = request

    @classmethod
    def is_answered_by(cls, request: HttpRequest) -> bool:
        """Whether `request` brings an answer to a question of this kind."""
        return request.method == "POST" and f"{cls.prefix}-asked_on" in request.POST

    def carried(self) -> list[tuple[str, str]]:
        """Return what was posted beside the answer, as pairs of name and value."""
        own = ("csrfmiddlewaretoken", f"{self.prefix}-")
        posted = self.request.POST.lists()
        return [(name, each) for name, values in posted if not name.startswith(own) for each in values]

    def ask(self, template: str, context: dict) -> HttpResponse:
        """Show the question. 409, as where something cannot be done in the present state; a 422 would be drawn into the
        form that was sent."""
        status = HTTPStatus.CONFLICT if self.request.method == "POST" else HTTPStatus.OK
        return show(self.request, template, {"form": self, "carried": self.carried()} | context, status=status)

    def go_on(self) -> HttpResponse | None:
        """Leave the rest of the POST to the view (None), or lead to the page that was wanted."""
        rest = self.request.POST.copy()
        for name in [name for name in rest if name.startswith(f"{self.prefix}-")]:
            del rest[name]
        self.request.POST = rest
        return None if self.cleaned_data["asked_on"] == "POST" else _back(self.request)


def _back(request: HttpRequest) -> HttpResponse:
    """Lead to the page that was asked for; a dialog fetches it into itself."""
    if not request.htmx:
        return redirect(request.get_full_path())
    place = {"path": request.get_full_path(), "target": "#dialog-body", "swap": "innerHTML"}
    return HttpResponse(headers={"HX-Location": json.dumps(place)})
