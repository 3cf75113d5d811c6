"""Pages that show the account tree and the tokens together. They ask each app's querysets and own no rule."""

from django.core.exceptions import PermissionDenied
from django.core.paginator import Page, Paginator
from django.db.models import F
from django.db.models.functions import Lower
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from accounts import branches, reading, spreadsheets, support
from accounts import people as people_verbs
from accounts.models import Entity, User
from accounts.pages import account_trail
from accounts.permissions import Capability
from accounts.timeline import Asked, stretch
from accounts.views import entity_page
from portal.attention import asked_less, attention_of
from portal.merchants import EXPORTED, LEAVES, MerchantFilter, exported, rows_for
from portal.overview import first_step, held_anywhere, totals_for
from portal.people import dossier_of
from tokens.listing import listing
from tokens.models import Token
from tokens.owners import can_create
from tokens.sdk.section import section_of
from tokens.tables import PAGE

RECENT = 8
MERCHANT = Entity.Kind.MERCHANT


@require_safe
def dashboard(request: HttpRequest) -> HttpResponse:
    """What needs the reader's attention below what they may see, what happened there, and how much there is of what."""
    totals, held = totals_for(request.user), held_anywhere(request.user)
    groups, expired = attention_of(request.user, tokens=totals.tokens, are_too_many=totals.are_too_many)
    context = {
        "section": "dashboard",
        "breadcrumbs": [(_("Dashboard"), None)],
        "totals": totals.with_expired(expired),
        "held": held,
        "groups": groups,
        "asked_less": asked_less(request.user, tokens=totals.tokens, are_too_many=totals.are_too_many),
        "step": first_step(totals, held),
        "is_platform": request.user.has_platform_capability(Capability.ENTITY_VIEW),
    }
    if Capability.ACTIVITY_VIEW in held:
        context["events"] = stretch(request.user, among=support.opened_by(request), size=RECENT).events
    else:
        context["recent_tokens"] = _recent_tokens(request.user)
    return render(request, "portal/dashboard.html", context)


@require_safe
def merchants(request: HttpRequest) -> HttpResponse:
    """The grid of every merchant the reader may see (S1-1, S3-1)."""
    chosen = MerchantFilter(request.GET, Entity.objects.visible_to(request.user).filter(kind=Entity.Kind.MERCHANT))
    page = Paginator(chosen.sorted(), PAGE).get_page(request.GET.get("page"))
    context = {
        "section": "merchants",
        "breadcrumbs": [(_("Merchants"), None)],
        "filter": chosen,
        "page": page,
        "rows": rows_for(request.user, list(page)),
        "can_add": Entity.objects.permitted(request.user, Capability.ENTITY_ADD).exclude(kind__in=LEAVES).exists(),
    }
    return render(request, "portal/merchants.html", context)


@require_safe
def merchants_export(request: HttpRequest) -> HttpResponse:
    """The same merchants as CSV."""
    chosen = MerchantFilter(request.GET, Entity.objects.visible_to(request.user).filter(kind=Entity.Kind.MERCHANT))
    return spreadsheets.stream("merchants.csv", EXPORTED, exported(request.user, chosen.sorted()))


@require_safe
def people(request: HttpRequest) -> HttpResponse:
    """Everybody who has or had access, for platform staff."""
    if not request.user.has_platform_capability(Capability.MEMBER_VIEW):
        raise PermissionDenied
    text = request.GET.get("q", "").replace("\0", "").strip()[:80]
    seen = User.objects.visible_to(request.user)
    found = (seen.search(text) if text else seen).prefetch_related("memberships__entity").order_by(Lower("email"))
    page = Paginator(found, PAGE).get_page(request.GET.get("page"))
    context = {"section": "people", "breadcrumbs": [(_("Admin"), None), (_("People"), None)]}
    return render(request, "portal/people.html", context | {"people": page, "query": text})


@require_safe
def person(request: HttpRequest, person_id: str) -> HttpResponse:
    """One person: memberships, sessions, what they made; for platform staff."""
    chosen = User.objects.get_permitted(request.user, Capability.MEMBER_VIEW, person_id=person_id)
    reading.note(request, target=chosen.person_id)
    context = {
        "section": "people",
        "breadcrumbs": [(_("Admin"), None), (_("People"), reverse("portal:people")), (str(chosen), None)],
        "person": chosen,
        "dossier": dossier_of(chosen, reader=request.user),
        "stretch": stretch(request.user, asked=Asked(actor=chosen), before=request.GET.get("before", "")),
        "verbs": [verb for verb in people_verbs.CAPABILITY if people_verbs.can(verb, chosen, by=request.user)],
    }
    return render(request, "portal/person.html", context)


@require_safe
def settings(request: HttpRequest) -> HttpResponse:
    """Who the reader is here, and what that lets them do."""
    context = {
        "section": "settings",
        "breadcrumbs": [(_("Settings"), None)],
        "memberships": request.user.memberships.select_related("entity").order_by("entity__name"),
        "token_merchants": Entity.objects.permitted(request.user, Capability.TOKEN_VIEW).filter(kind=MERCHANT)[:2],
    }
    return render(request, "portal/settings.html", context)


@require_safe
def account(request: HttpRequest) -> HttpResponse:
    """The account tree with nothing chosen yet; where there is one top only, that one."""
    tree = branches.forest(request.user)
    if len(tree.nodes) == 1:
        return redirect(tree.nodes[0].entity)
    context = {"section": "account", "breadcrumbs": account_trail(), "tree": tree}
    context["can_add_top"] = request.user.has_platform_capability(Capability.ENTITY_ADD)
    return render(request, "portal/account.html", context)


@require_safe
def entity(request: HttpRequest, entity_id: str) -> HttpResponse:
    """The ENTITY tab: details, children, and the API tokens of a merchant (S0-1 ... S0-20)."""
    chosen = Entity.objects.get_permitted(request.user, Capability.ENTITY_VIEW, entity_id=entity_id)
    context = entity_page(request, chosen, "entity")
    standing = context["standing"]
    context["children"] = _children(request, chosen, context["tree"])
    if chosen.is_merchant and Capability.TOKEN_VIEW in standing.held:
        tokens = Token.objects.visible_to(request.user).of(chosen).api()
        context |= listing(request, tokens, held=standing.held, label=_("API tokens"))
        context["can_add_token"] = can_create(standing)
    elif not chosen.is_merchant:
        context |= _where_tokens_live(request, chosen)
    if chosen.kind == Entity.Kind.TERMINAL:
        context |= section_of(request, standing)
    return render(request, "portal/entity.html", context)


def _children(request: HttpRequest, chosen: Entity, tree: branches.Branch) -> Page:
    """Return a page of what stands directly below; the tree beside it has read that already, unless it is very much."""
    drawn = branches.chosen_branch(tree)
    if drawn and drawn.next_offset is None:
        children = [node.entity for node in drawn.nodes]
    else:
        children = Entity.objects.visible_to(request.user).filter(parent=chosen).order_by(Lower("name"), "pk")
    return Paginator(children, PAGE).get_page(request.GET.get("children"))


def _where_tokens_live(request: HttpRequest, chosen: Entity) -> dict:
    """Return the merchants around a node that owns no tokens itself: those below it, or the one above (S0-10)."""
    merchants = Entity.objects.visible_to(request.user).filter(kind=Entity.Kind.MERCHANT)
    below = merchants.below(chosen).order_by(Lower("name"), "pk")
    return {
        "merchants_below": Paginator(below, PAGE).get_page(request.GET.get("merchants")),
        "merchant_above": merchants.above(chosen).first(),
    }


def _recent_tokens(user: User) -> list[Token]:
    """Return the newest of what somebody without a log has: their devices' tokens, those used last first."""
    tokens = Token.objects.visible_to(user).of_systems().living().select_related("entity")
    return list(tokens.order_by(F("last_used_at").desc(nulls_last=True), "-pk")[:RECENT])
