"""How a page answers: whole for a browser, its dialog alone for htmx; and where it goes when it is done."""

from collections.abc import Callable
from http import HTTPStatus

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _


def show(request: HttpRequest, template: str, context: dict, *, status: HTTPStatus = HTTPStatus.OK) -> HttpResponse:
    """Render `template`, or only its partial `dialog` where htmx asked for it."""
    return render(request, f"{template}#dialog" if request.htmx else template, context, status=status)


def ask(request: HttpRequest, template: str, context: dict, act: Callable[..., tuple[str, str]]) -> HttpResponse:
    """Show `context["form"]` on GET. On POST check it, call `act` with what was typed, and go where that says.

    `act` returns the URL to go to and the message to show there, empty where it has told what happened itself. A form
    that does not hold is shown again as 422, with its errors; nothing was changed then.
    """
    form = context["form"]
    if request.method != "POST":
        return show(request, template, context)
    if not form.is_valid():
        return show(request, template, context, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    url, message = act(**form.cleaned_data)
    if message:
        messages.success(request, message)
    return redirect(url)


def posted(request: HttpRequest) -> QueryDict | None:
    """Return what was posted, even if that is nothing; None on GET. A form bound to an empty POST tells its errors."""
    return request.POST if request.method == "POST" else None


def account_trail(*steps: tuple[str, str | None]) -> list[tuple[str, str | None]]:
    """Return the breadcrumbs of a page in Admin > Account: `steps` are pairs of a label and a URL or None."""
    return [(_("Admin"), None), (_("Account"), reverse("portal:account")), *steps]


def shown_as(request: HttpRequest) -> HTTPStatus:
    """Return the status of a form that is shown: asked for by GET, or told what is wrong with it after a POST."""
    return HTTPStatus.UNPROCESSABLE_ENTITY if request.method == "POST" else HTTPStatus.OK
