"""The pages about who has access: the USERS tab, the people of the platform, and what can be done with a membership."""

from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.db.models.functions import Lower
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from accounts import branches, invitations, members, stepup
from accounts.forms import ReasonForm
from accounts.forms_people import RoleForm
from accounts.models import Entity, Invitation, Membership
from accounts.pages import account_trail, ask, posted
from accounts.permissions import ROLE_ABOUT, ROLE_CAPABILITIES, ROLES_AT, Capability
from accounts.standing import Standing, standing_at, standing_of
from accounts.views import PAGE, entity_page

FEW = 10
"""People up to which a list needs no search."""


@require_safe
def users(request: HttpRequest, entity_id: str) -> HttpResponse:
    """Who has access to this entity, through it or through one above it that the reader sees (S2-17)."""
    standing = standing_at(request.user, Capability.MEMBER_VIEW, entity_id=entity_id)
    entity = standing.entity
    context = entity_page(request, entity, "users", standing=standing)
    seen = Membership.objects.visible_to(request.user).filter(entity__in=standing.above)
    offered = Invitation.objects.visible_to(request.user).filter(entity=entity)
    context |= _lists(request, seen.order_by("-entity__lft", Lower("user__email"), "pk"), offered, standing)
    context["is_cut"] = standing.above[0].parent_id is not None
    return render(request, "accounts/users.html", context)


@require_safe
def platform_users(request: HttpRequest) -> HttpResponse:
    """Who may do what on the whole platform; for those alone who may see that."""
    if not request.user.has_platform_capability(Capability.MEMBER_VIEW):
        raise PermissionDenied
    seen = Membership.objects.visible_to(request.user).filter(entity__isnull=True)
    offered = Invitation.objects.visible_to(request.user).filter(entity__isnull=True)
    context = {"held": request.user.platform_capabilities, "entity": None, "section": "people"}
    context["breadcrumbs"] = platform_trail()
    context |= _lists(request, seen.order_by("role", Lower("user__email"), "pk"), offered, None)
    return render(request, "accounts/platform_users.html", context)


@require_http_methods(["GET", "POST"])
def change_role(request: HttpRequest, membership_id: str) -> HttpResponse:
    """Give somebody another role on the same entity."""
    membership = _membership(request, membership_id)

    def act(role: str) -> tuple[str, str]:
        stepup.require(request)
        members.change_role(membership, role=role, by=request.user)
        return _back(request, membership), _("The role of %(person)s was changed.") % {"person": membership.user}

    form = RoleForm(
        posted(request),
        entity=membership.entity,
        held=held_at(request, membership.entity),
        initial={"role": membership.role},
    )
    return ask(request, "accounts/change_role.html", _verb_page(request, membership, form), act)


@require_http_methods(["GET", "POST"])
def remove(request: HttpRequest, membership_id: str) -> HttpResponse:
    """End somebody's membership."""
    membership = _membership(request, membership_id)

    def act(reason: str) -> tuple[str, str]:
        members.remove(membership, by=request.user, reason=reason)
        return _back(request, membership), _("%(person)s was removed.") % {"person": membership.user}

    return ask(request, "accounts/remove.html", _verb_page(request, membership, ReasonForm(posted(request))), act)


def held_at(request: HttpRequest, entity: Entity | None) -> frozenset[str]:
    """Return what the reader may do on `entity`, or on the whole platform."""
    return request.user.capabilities_on(entity) if entity else request.user.platform_capabilities


def users_page(entity: Entity | None) -> str:
    """Return the address of the list that the people of `entity` stand on."""
    return reverse("accounts:users", args=[entity.entity_id]) if entity else reverse("accounts:platform_users")


def platform_trail(*steps: tuple[str, str | None]) -> list[tuple[str, str | None]]:
    """Return the breadcrumbs of a page about the people of the platform."""
    people = [(_("Admin"), None), (_("People"), reverse("portal:people"))]
    return [*people, (_("The platform"), reverse("accounts:platform_users") if steps else None), *steps]


def trail(entity: Entity | None, label: str) -> list[tuple[str, str | None]]:
    """Return the breadcrumbs of a verb about the people of `entity`."""
    if entity is None:
        return platform_trail((label, None))
    steps = [(entity.name, entity.get_absolute_url()), (_("Users"), users_page(entity)), (label, None)]
    return account_trail(*steps)


def drawn_tree(request: HttpRequest, entity: Entity | None) -> branches.Branch | None:
    """Return the tree beside a verb's page, open at `entity`; a dialog shows none."""
    if request.htmx or entity is None:
        return None
    return branches.forest(request.user, standing_of(request.user, entity).above)


def _lists(request: HttpRequest, seen: QuerySet, offered: QuerySet, standing: Standing | None) -> dict:
    """Return the people, the pending invitations and the roles as the page shows them."""
    entity, chain = (standing.entity, standing.chain) if standing else (None, ())
    text = request.GET.get("q", "").replace("\0", "").strip()[:80]
    found = seen.search(text) if text else seen
    page = Paginator(found.select_related("user", "entity"), PAGE).get_page(request.GET.get("page"))
    pending = offered.filter(ended_at__isnull=True).select_related("invited_by").order_by("-sent_at", "pk")
    waiting = Paginator(pending, PAGE).get_page(request.GET.get("invitations"))
    return {
        "members": page,
        "query": text,
        "has_search": bool(text) or page.paginator.count > FEW,
        "last": members.last_among(entity),
        "invitations": waiting,
        "backed": invitations.backed_among(list(waiting), entity, chain),
        "roles": [(role, ROLE_ABOUT[role], _in_words(role)) for role in ROLES_AT[entity.kind if entity else None]],
    }


def _in_words(role: str) -> list[str]:
    return [each.label for each in Capability if each in ROLE_CAPABILITIES[role]]


def _membership(request: HttpRequest, membership_id: str) -> Membership:
    return Membership.objects.select_related("user", "entity").get_permitted(
        request.user, Capability.MEMBER_MANAGE, membership_id=membership_id
    )


def _verb_page(request: HttpRequest, membership: Membership, form) -> dict:
    """Return what the page of a verb shows. Raises Refused where it cannot be done to this membership."""
    members.check(membership)
    entity = membership.entity
    return {
        "membership": membership,
        "entity": entity,
        "form": form,
        "section": "account" if entity else "people",
        "breadcrumbs": trail(entity, str(membership.user)),
        "tree": drawn_tree(request, entity),
        "back": users_page(entity),
    }


def _back(request: HttpRequest, membership: Membership) -> str:
    """Return where a change leads: to the list, unless it has taken that away from the reader."""
    return reverse("portal:account") if membership.user == request.user else users_page(membership.entity)
