"""The activity log: of an entity and what is below it, of everything one may see, on a page and as CSV."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from accounts import reading, spreadsheets, support, timeline
from accounts.events import EventType
from accounts.filters import ActivityFilter
from accounts.models import Entity
from accounts.permissions import Capability
from accounts.views import entity_page


@require_safe
def everywhere(request: HttpRequest) -> HttpResponse:
    """Everything that happened below what the reader may see, the newest first."""
    context = {"section": "activity", "breadcrumbs": [(_("Admin"), None), (_("Activity"), None)]}
    context["is_narrowed"] = support.is_support(request.user)
    return render(request, "portal/activity.html", context | _asked(request, None))


@require_safe
def activity(request: HttpRequest, entity_id: str) -> HttpResponse:
    """What happened to this entity and to everything below it, the newest first."""
    entity = Entity.objects.get_permitted(request.user, Capability.ACTIVITY_VIEW, entity_id=entity_id)
    context = entity_page(request, entity, "activity")
    return render(request, "accounts/activity.html", context | _asked(request, entity))


@require_safe
def export_everywhere(request: HttpRequest) -> HttpResponse:
    """The same events as CSV."""
    return _export(request, None, "activity.csv", page=reverse("portal:activity"))


@require_safe
def export(request: HttpRequest, entity_id: str) -> HttpResponse:
    """The events of this entity and of everything below it as CSV."""
    entity = Entity.objects.get_permitted(request.user, Capability.ACTIVITY_VIEW, entity_id=entity_id)
    page = reverse("accounts:activity", args=[entity.entity_id])
    return _export(request, entity, f"activity-{entity.entity_id}.csv", page=page)


def _asked(request: HttpRequest, within: Entity | None) -> dict:
    """Return what a page shows of the log, having noted that it is read: nothing where the filter does not hold."""
    reading.note(request, entity=within)
    form = ActivityFilter(request.GET)
    stretch = timeline.Stretch([], is_newest=True, older=None)
    if form.is_valid():
        before = request.GET.get("before", "")
        among = None if within else support.opened_by(request)
        stretch = timeline.stretch(request.user, within=within, among=among, asked=form.asked(), before=before)
    return {"form": form, "stretch": stretch}


def _export(request: HttpRequest, within: Entity | None, name: str, *, page: str) -> HttpResponse:
    """Stream the events as CSV; where the filter does not hold, lead to the page that says why."""
    form = ActivityFilter(request.GET)
    if not form.is_valid():
        return redirect(f"{page}?{request.GET.urlencode()}")
    reading.note(request, entity=within, event=EventType.LOG_EXPORTED)
    among = None if within else support.opened_by(request)
    rows = timeline.exported(request.user, within, form.asked(), among=among)
    return spreadsheets.stream(name, timeline.EXPORTED, rows)
