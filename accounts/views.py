"""The pages of the account tree itself. What shows tokens too is composed in `portal.views`."""

from functools import partial

from django.core.exceptions import PermissionDenied
from django.db.models.functions import Lower
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_safe

from accounts import branches, lifecycle
from accounts.forms import AddForm, AddMerchantForm, EditForm, MoveForm, ReasonForm
from accounts.models import NESTING, Entity, User
from accounts.pages import account_trail, ask, posted
from accounts.permissions import Capability
from accounts.standing import Standing, standing_of

SEARCH_RESULTS = 20
PAGE = 25


@require_safe
def branch(request: HttpRequest, entity_id: str) -> HttpResponse:
    """One branch of the tree: the children of an entity, from `?offset=` on."""
    parent = Entity.objects.get_permitted(request.user, Capability.ENTITY_VIEW, entity_id=entity_id)
    found = branches.branch(request.user, parent, offset=_offset(request))
    return render(request, "accounts/_tree_branch.html", {"branch": found, "level": _level(request)})


@require_safe
def roots(request: HttpRequest) -> HttpResponse:
    """More of the entities at the top of the tree, from `?offset=` on."""
    found = branches.branch(request.user, None, offset=_offset(request))
    return render(request, "accounts/_tree_branch.html", {"branch": found, "level": 1})


@require_safe
def search(request: HttpRequest) -> HttpResponse:
    """Entities by name or entity ID, all of `?kind=` where that is said, for the tree and wherever one is chosen."""
    text = request.GET.get("q", "").replace("\0", "").strip()[:80]
    visible = Entity.objects.visible_to(request.user)
    if request.GET.get("kind") in Entity.Kind.values:
        visible = visible.filter(kind=request.GET["kind"])
    found = visible.search(text).order_by(Lower("name"))[: SEARCH_RESULTS + 1] if text else visible.none()
    context = {
        "section": "account",
        "breadcrumbs": account_trail((_("Search"), None)),
        "query": text,
        "results": list(found)[:SEARCH_RESULTS],
        "has_more": len(found) > SEARCH_RESULTS,
        "tree": None if request.htmx else branches.forest(request.user),
    }
    return render(request, "accounts/_search_results.html" if request.htmx else "accounts/search.html", context)


@require_http_methods(["GET", "POST"])
def add(request: HttpRequest, entity_id: str) -> HttpResponse:
    """Add an entity below this one."""
    entity = Entity.objects.get_permitted(request.user, Capability.ENTITY_ADD, entity_id=entity_id)
    context = _verb_page(request, entity, "add", AddForm(posted(request), parent=entity))
    return ask(request, "accounts/add.html", context, partial(_add, entity, request.user))


@require_http_methods(["GET", "POST"])
def add_top(request: HttpRequest) -> HttpResponse:
    """Add an entity at the top of the forest."""
    if not request.user.has_platform_capability(Capability.ENTITY_ADD):
        raise PermissionDenied
    context = {"form": AddForm(posted(request), parent=None), "entity": None, "section": "account"}
    context |= {"breadcrumbs": account_trail((_("Add entity"), None)), "tree": branches.forest(request.user)}
    return ask(request, "accounts/add.html", context, partial(_add, None, request.user))


@require_http_methods(["GET", "POST"])
def add_merchant(request: HttpRequest) -> HttpResponse:
    """Add a merchant under any entity one administers (S1-2)."""
    parents = Entity.objects.permitted(request.user, Capability.ENTITY_ADD)
    parents = parents.filter(kind__in=[kind for kind in NESTING[Entity.Kind.MERCHANT] if kind])
    if not parents.exists():
        raise PermissionDenied
    only = list(parents[:2])
    initial = {"parent": only[0].entity_id} if len(only) == 1 else {}

    def act(name: str, parent: Entity) -> tuple[str, str]:
        return _add(parent, request.user, kind=Entity.Kind.MERCHANT, name=name)

    form = AddMerchantForm(posted(request), user=request.user, initial=initial)
    trail = [(_("Merchants"), reverse("portal:merchants")), (_("Add merchant"), None)]
    context = {"form": form, "section": "merchants", "breadcrumbs": trail}
    return ask(request, "accounts/add_merchant.html", context, act)


@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, entity_id: str) -> HttpResponse:
    """Rename this entity."""
    entity = Entity.objects.get_permitted(request.user, Capability.ENTITY_EDIT, entity_id=entity_id)

    def act(name: str) -> tuple[str, str]:
        lifecycle.edit(entity, name=name, by=request.user)
        return entity.get_absolute_url(), _("The changes were saved.")

    form = EditForm(posted(request), initial={"name": entity.name})
    return ask(request, "accounts/edit.html", _verb_page(request, entity, "edit", form), act)


@require_http_methods(["GET", "POST"])
def move(request: HttpRequest, entity_id: str) -> HttpResponse:
    """Hang this entity and its subtree elsewhere."""
    entity = Entity.objects.get_permitted(request.user, Capability.ENTITY_MOVE, entity_id=entity_id)

    def act(destination: Entity | None) -> tuple[str, str]:
        lifecycle.move(entity, under=destination, by=request.user)
        return entity.get_absolute_url(), _("“%(name)s” was moved.") % {"name": entity.name}

    form = MoveForm(posted(request), user=request.user)
    return ask(request, "accounts/move.html", _verb_page(request, entity, "move", form), act)


@require_http_methods(["GET", "POST"])
def suspend(request: HttpRequest, entity_id: str) -> HttpResponse:
    """Stop every credential of this entity and of everything below it."""
    entity = Entity.objects.get_permitted(request.user, Capability.ENTITY_SUSPEND, entity_id=entity_id)

    def act(reason: str) -> tuple[str, str]:
        lifecycle.suspend(entity, by=request.user, reason=reason)
        message = _("“%(name)s” is suspended. Tokens at and below it are refused from now on.")
        return entity.get_absolute_url(), message % {"name": entity.name}

    form = ReasonForm(posted(request))
    return ask(request, "accounts/suspend.html", _verb_page(request, entity, "suspend", form), act)


@require_http_methods(["GET", "POST"])
def reactivate(request: HttpRequest, entity_id: str) -> HttpResponse:
    """End the suspension of this entity."""
    entity = Entity.objects.get_permitted(request.user, Capability.ENTITY_SUSPEND, entity_id=entity_id)

    def act(reason: str) -> tuple[str, str]:
        lifecycle.reactivate(entity, by=request.user, reason=reason)
        return entity.get_absolute_url(), _("“%(name)s” is active again.") % {"name": entity.name}

    form = ReasonForm(posted(request))
    return ask(request, "accounts/reactivate.html", _verb_page(request, entity, "reactivate", form), act)


def entity_page(request: HttpRequest, entity: Entity, tab: str, *, standing: Standing | None = None) -> dict:
    """Return what every page about `entity` shows around its own content: tree, header, tabs.

    `standing` is how it stands for the reader, where that has been read already.
    """
    standing = standing or standing_of(request.user, entity)
    return {
        "section": "account",
        "tab": tab,
        "entity": entity,
        "standing": standing,
        "held": standing.held,
        "parent": standing.parent,
        "is_stopped": standing.is_stopped,
        "suspended_by": standing.suspended_by,
        "verbs": [verb for verb in lifecycle.CAPABILITY if lifecycle.can(verb, entity, standing.held)],
        "breadcrumbs": account_trail((entity.name, None)),
        "tree": branches.forest(request.user, standing.above),
    }


VERB_LABELS = {
    "add": gettext_lazy("Add entity"),
    "edit": gettext_lazy("Edit entity"),
    "move": gettext_lazy("Move entity"),
    "suspend": gettext_lazy("Suspend entity"),
    "reactivate": gettext_lazy("Reactivate entity"),
}


def _verb_page(request: HttpRequest, entity: Entity, verb: str, form: Form) -> dict:
    """Return what the page of `verb` shows. Raises Refused where the entity's state does not allow it."""
    lifecycle.check(verb, entity, by=request.user)
    steps = [(entity.name, entity.get_absolute_url()), (VERB_LABELS[verb], None)]
    context = {"entity": entity, "form": form, "section": "account", "breadcrumbs": account_trail(*steps)}
    if not request.htmx:  # a dialog shows no tree
        context["tree"] = branches.forest(request.user, standing_of(request.user, entity).above)
    return context


def _add(under: Entity | None, by: User, *, kind: str, name: str) -> tuple[str, str]:
    added = lifecycle.add(kind=kind, name=name, under=under, by=by)
    return added.get_absolute_url(), _("“%(name)s” was added.") % {"name": added.name}


def _offset(request: HttpRequest) -> int:
    text = request.GET.get("offset", "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 8 else 0


def _level(request: HttpRequest) -> int:
    text = request.GET.get("level", "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 3 else 1
