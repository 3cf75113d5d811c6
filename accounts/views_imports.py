"""The page on which many entities are added from a file: it is looked at first, and added as a whole."""

from http import HTTPStatus

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from accounts import branches, imports, lifecycle
from accounts.forms import ImportForm
from accounts.models import Entity
from accounts.pages import account_trail
from accounts.permissions import Capability
from accounts.views_members import drawn_tree

SHOWN = 20
"""Rows that the preview draws."""
FAULTS = 100
"""Faults that it tells of."""


@require_http_methods(["GET", "POST"])
def import_below(request: HttpRequest, entity_id: str) -> HttpResponse:
    """Add entities from a file, at any place at or below this one."""
    entity = Entity.objects.get_permitted(request.user, Capability.ENTITY_ADD, entity_id=entity_id)
    lifecycle.check("add", entity)
    return _import(request, entity)


@require_http_methods(["GET", "POST"])
def import_at_top(request: HttpRequest) -> HttpResponse:
    """Add entities from a file, anywhere."""
    if not request.user.has_platform_capability(Capability.ENTITY_ADD):
        raise PermissionDenied
    return _import(request, None)


def _import(request: HttpRequest, entity: Entity | None) -> HttpResponse:
    """Ask for a file; show what it would do; do it once that is confirmed."""
    form = ImportForm(request.POST, request.FILES) if request.method == "POST" else ImportForm()
    if not form.is_valid():
        status = HTTPStatus.UNPROCESSABLE_ENTITY if form.is_bound else HTTPStatus.OK
        return render(request, "accounts/import.html", _page(request, entity) | {"form": form}, status=status)
    plan = imports.read(form.cleaned_data["content"], under=entity)
    if form.cleaned_data["confirmed"] and not plan.faults:
        count = imports.add_all(plan, by=request.user, form_key=form.cleaned_data["form_key"])
        return _done(request, entity, count)
    context = _page(request, entity) | {"form": ImportForm(), "plan": plan}
    if plan.faults:
        context["faults"] = plan.faults[:FAULTS]
        return render(request, "accounts/import.html", context, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    content = form.cleaned_data["content"].decode("utf-8-sig")
    context["rows"] = [(line, Entity.Kind(line.kind).label, plan.parent_name(line)) for line in plan.lines[:SHOWN]]
    context["again"] = ImportForm(initial={"content": content}, auto_id="again_%s")
    return render(request, "accounts/import.html", context)


def _done(request: HttpRequest, entity: Entity | None, count: int) -> HttpResponse:
    words = ngettext("%(count)s entity was added.", "%(count)s entities were added.", count)
    messages.success(request, words % {"count": f"{count:,}"})
    return redirect(entity or "portal:account")


def _page(request: HttpRequest, entity: Entity | None) -> dict:
    steps = [(entity.name, entity.get_absolute_url())] if entity else []
    return {
        "entity": entity,
        "section": "account",
        "breadcrumbs": account_trail(*steps, (_("Import entities"), None)),
        "tree": drawn_tree(request, entity) or branches.forest(request.user),
        "most_rows": imports.MOST_ROWS,
        "most_megabytes": imports.MOST_BYTES // 1_000_000,
        "back": entity.get_absolute_url() if entity else reverse("portal:account"),
    }
