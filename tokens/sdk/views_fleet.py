"""The terminals below a merchant or a channel: which token each has, tokens for many at once, a device that is lost."""

from http import HTTPStatus

from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_safe

from accounts import branches, stepup
from accounts.forms import ReasonForm
from accounts.models import Entity
from accounts.pages import account_trail, ask, posted, show, shown_as
from accounts.permissions import Capability
from accounts.refusals import Refused
from accounts.standing import Standing, standing_of
from accounts.views import entity_page
from tokens.evidence import evidence_of
from tokens.lifecycle import AlreadyCreated
from tokens.models import Token
from tokens.permissions import held_on_sdk
from tokens.sdk import lifecycle
from tokens.sdk.fleet import MOST_AT_ONCE, STATES, check_fleet, narrowed, rows_for, terminals_below, without_token
from tokens.sdk.forms import IssueForm, LostForm
from tokens.sdk.recall import never_used
from tokens.sdk.recall import recall as end_never_used
from tokens.tables import PAGE

NAMED = 10
"""Terminals that the confirmation names; the others are counted."""

ISSUE = gettext_lazy("Issue SDK tokens")
LOST = gettext_lazy("Lost device")
RECALL = gettext_lazy("End never used tokens")


@require_safe
def fleet(request: HttpRequest, entity_id: str) -> HttpResponse:
    """Every terminal below this merchant or channel, with its token's state and last use."""
    entity = Entity.objects.get_permitted(request.user, Capability.SDK_VIEW, entity_id=entity_id)
    check_fleet(entity)
    terminals = terminals_below(request.user, entity)
    state, text = request.GET.get("state", ""), _text(request.GET)
    state = state if state in STATES else ""
    page = Paginator(narrowed(terminals, state=state, text=text), PAGE).get_page(request.GET.get("page"))
    context = entity_page(request, entity, "developers")
    context |= {
        "page": page,
        "rows": rows_for(page),
        "states": STATES.items(),
        "state": state,
        "query": text,
        "can_issue": Capability.SDK_MANAGE in context["held"] and not context["is_stopped"],
        "can_stop": Capability.TOKEN_DEACTIVATE in held_on_sdk(context["held"], is_own=False),
        "missing": without_token(terminals, text=text).count(),
        "most": MOST_AT_ONCE,
    }
    if Capability.SDK_MANAGE in context["held"]:
        context["fresh"] = never_used(narrowed(terminals, state="", text=text)).count()
    return render(request, "tokens/sdk/fleet.html", context)


@require_http_methods(["GET", "POST"])
@never_cache
@sensitive_variables()
def issue(request: HttpRequest, entity_id: str) -> HttpResponse:
    """Create a token for each chosen terminal. The answer to the POST is the only place where they are ever shown."""
    entity = Entity.objects.get_permitted(request.user, Capability.SDK_MANAGE, entity_id=entity_id)
    check_fleet(entity)
    said = request.POST if request.method == "POST" else request.GET
    terminals, form = _chosen(request, entity, said), IssueForm(posted(request))
    if form.is_bound and not said.get("all") and len(terminals) > MOST_AT_ONCE:
        form.add_error(None, _("Choose at most %(most)s terminals at once.") % {"most": f"{MOST_AT_ONCE:,}"})
    context = _page(request, standing_of(request.user, entity), str(ISSUE))
    context |= {"form": form, "home": reverse("tokens:fleet", args=[entity.entity_id])}
    if request.method != "POST" or not form.is_valid():
        return show(request, "tokens/sdk/issue.html", context | _asked(said, terminals), status=shown_as(request))
    wanted = form.wanted()
    if wanted["mode"] == Token.Mode.LIVE:
        stepup.require(request)
    try:
        made = lifecycle.issue(entity, terminals, by=request.user, **wanted)
    except AlreadyCreated:
        return show(request, "tokens/sdk/issued.html", context, status=HTTPStatus.CONFLICT)
    return show(request, "tokens/sdk/issued.html", context | {"made": made, "mode": Token.Mode(wanted["mode"]).label})


@require_http_methods(["GET", "POST"])
def recall(request: HttpRequest, entity_id: str) -> HttpResponse:
    """End every token that the terminals listed were given in the last 24 hours and never used."""
    entity = Entity.objects.get_permitted(request.user, Capability.SDK_MANAGE, entity_id=entity_id)
    check_fleet(entity)
    text = _text(request.POST if request.method == "POST" else request.GET)
    terminals = narrowed(terminals_below(request.user, entity), state="", text=text)
    modes = list(never_used(terminals).values_list("mode", flat=True))
    if not modes:
        raise Refused(_("No token was issued here in the last 24 hours that was never used. Nothing was changed."))
    if Token.Mode.LIVE in modes:
        stepup.require(request)
    context = _page(request, standing_of(request.user, entity), str(RECALL)) | {"form": ReasonForm(posted(request))}
    context |= {"count": len(modes), "query": text, "home": reverse("tokens:fleet", args=[entity.entity_id])}

    def act(reason: str) -> tuple[str, str]:
        ended = end_never_used(entity, terminals, by=request.user, reason=reason)
        words = ngettext("%(count)s token has ended for good.", "%(count)s tokens have ended for good.", ended)
        return context["home"], words % {"count": f"{ended:,}"}

    return ask(request, "tokens/sdk/recall.html", context, act)


@require_http_methods(["GET", "POST"])
def lost(request: HttpRequest, entity_id: str) -> HttpResponse:
    """Deactivate every SDK token of this terminal, whose device is lost."""
    entity = Entity.objects.get_permitted(request.user, Capability.ENTITY_VIEW, entity_id=entity_id)
    standing = standing_of(request.user, entity)
    if Capability.TOKEN_DEACTIVATE not in held_on_sdk(standing.held, is_own=False):
        raise PermissionDenied
    lifecycle.check_lose(entity)
    tokens = list(lifecycle.active_of(entity).select_related("entity", "user").order_by("-created_at"))
    evidence = evidence_of(tokens)

    def act(reason: str) -> tuple[str, str]:
        ended = lifecycle.lose(entity, by=request.user, reason=reason)
        text = ngettext("%(count)d token is inactive now.", "%(count)d tokens are inactive now.", ended)
        return entity.get_absolute_url(), text % {"count": ended}

    rows = [(token, evidence[token.pk]) for token in tokens]
    context = _page(request, standing, str(LOST)) | {"form": LostForm(posted(request)), "rows": rows}
    return ask(request, "tokens/sdk/lost.html", context, act)


def _text(said: QueryDict) -> str:
    return said.get("q", "").replace("\0", "").strip()[:80]


def _chosen(request: HttpRequest, entity: Entity, said: QueryDict) -> QuerySet[Entity]:
    """Return the terminals that are meant: those that are ticked, or all that are listed without a token.

    Raises Refused where none is ticked, or where one of them is not (or no longer) a terminal here.
    """
    terminals = terminals_below(request.user, entity)
    if said.get("all"):
        return without_token(terminals, text=_text(said))[:MOST_AT_ONCE]
    ticked = set(said.getlist("terminal")[: MOST_AT_ONCE + 1])
    chosen = terminals.filter(entity_id__in=[each for each in ticked if "\0" not in each])
    if not ticked:
        raise Refused(_("Choose at least one terminal: tick it in the list, then issue tokens."))
    if chosen.count() != len(ticked):
        raise Refused(_("Some of these terminals are not here any more. Nothing was changed. Choose again."))
    return chosen


def _asked(said: QueryDict, terminals: QuerySet[Entity]) -> dict:
    """Return what the confirmation shows of the terminals that are meant."""
    named = list(terminals)
    return {
        "all": bool(said.get("all")),
        "query": _text(said),
        "count": len(named),
        "named": named[:NAMED],
        "others": max(0, len(named) - NAMED),
        "ticked": [] if said.get("all") else [each.entity_id for each in named],
        "have": sum(1 for row in rows_for(named) if row.token) if not said.get("all") else 0,
    }


def _page(request: HttpRequest, standing: Standing, title: str) -> dict:
    entity = standing.entity
    home = reverse("tokens:developers", args=[entity.entity_id])
    trail = account_trail((entity.name, home), (title, None))
    context = {"entity": entity, "page_title": title, "section": "account", "breadcrumbs": trail, "home": home}
    if not request.htmx:  # a dialog shows no tree
        context["tree"] = branches.forest(request.user, standing.above)
    return context
