"""The pages of a merchant's integration keys: the DEVELOPERS tab, and a page for each verb of a slot."""

from typing import Any

from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods, require_safe

from accounts import branches, stepup
from accounts.models import Entity
from accounts.pages import account_trail, ask, posted, show, shown_as
from accounts.permissions import Capability
from accounts.standing import standing_at, standing_of
from accounts.views import entity_page
from tokens.keys import lifecycle
from tokens.keys.board import Place, board_of, place_of
from tokens.keys.diagnosis import candidates_of, diagnose
from tokens.keys.forms import CreateKeyForm, PromoteForm, ReplaceKeyForm, SignatureForm
from tokens.keys.slots import SLOTS, USE_CASES
from tokens.models import Token
from tokens.sdk.section import section_of

REVEALED_SECONDS = 60
"""How long a revealed key stands on the screen."""

LABELS = {
    "create": gettext_lazy("Create integration key"),
    "renew": gettext_lazy("Renew integration key"),
    "revoke": gettext_lazy("Revoke integration key"),
    "reveal": gettext_lazy("Reveal integration key"),
    "promote": gettext_lazy("Promote secondary keys"),
}


@require_safe
def developers(request: HttpRequest, entity_id: str) -> HttpResponse:
    """How a system connects with what this entity has: its integration keys, and the guide (S4-1)."""
    standing = standing_at(request.user, Capability.ENTITY_VIEW, entity_id=entity_id)
    entity, held = standing.entity, standing.held
    context = entity_page(request, entity, "developers", standing=standing) | section_of(request, standing)
    if entity.is_merchant and Capability.KEY_VIEW in held:
        mode, table = _mode(request), context["sdk"]["table"]
        board = board_of(entity, mode, held=held, stopped=standing.is_stopped, beside=table.page)
        table.evidence = board.evidence
        context |= {
            "board": board,
            "mode": mode,
            "modes": Token.Mode.choices,
            "can_edit_keys": Capability.KEY_EDIT in held,
        }
    return render(request, "tokens/developers.html", context)


@require_http_methods(["GET", "POST"])
@never_cache
@sensitive_variables()
def create(request: HttpRequest, entity_id: str, slot: str) -> HttpResponse:
    """Fill an empty slot (S4-11). The answer to the POST shows the key."""
    entity, place = _place(request, entity_id, slot, "create")
    form = CreateKeyForm(posted(request))
    context = _page(request, entity, place, "create", form)
    if request.method != "POST" or not form.is_valid():
        return show(request, "tokens/keys/create.html", context, status=shown_as(request))
    key, secret = lifecycle.create(entity, place.slot, mode=place.mode, by=request.user, **form.cleaned_data)
    return show(request, "tokens/keys/created.html", context | {"key": key, "secret": secret})


@require_http_methods(["GET", "POST"])
@never_cache
@sensitive_variables()
def renew(request: HttpRequest, entity_id: str, slot: str) -> HttpResponse:
    """Put a new key in the place of the one that is there: a hard replacement (S4-13, S4-20, S4-21)."""
    entity, place = _place(request, entity_id, slot, "renew")
    form = _replace_form(request, place)
    context = _page(request, entity, place, "renew", form)
    if request.method != "POST" or not form.is_valid():
        return show(request, "tokens/keys/renew.html", context, status=shown_as(request))
    key, secret = lifecycle.renew(place.key, by=request.user)
    return show(request, "tokens/keys/created.html", context | {"key": key, "secret": secret, "renewed": place.key})


@require_http_methods(["GET", "POST"])
def revoke(request: HttpRequest, entity_id: str, slot: str) -> HttpResponse:
    """Deactivate and destroy the key of a slot in one step (S4-16)."""
    entity, place = _place(request, entity_id, slot, "revoke")

    def act(**_typed: str) -> tuple[str, str]:
        lifecycle.revoke(place.key, by=request.user)
        message = _("“%(slot)s” is revoked and deleted for good. Its slot is empty.") % {"slot": place.slot.label}
        return _home(entity, place.mode), message

    context = _page(request, entity, place, "revoke", _replace_form(request, place))
    return ask(request, "tokens/keys/revoke.html", context, act)


@require_http_methods(["GET", "POST"])
@never_cache
@sensitive_variables()
def reveal(request: HttpRequest, entity_id: str, slot: str) -> HttpResponse:
    """Show a recoverable key again, for a minute, to somebody who has just proved who they are (C1)."""
    entity, place = _place(request, entity_id, slot, "reveal")
    stepup.require(request)
    context = _page(request, entity, place, "reveal", Form(posted(request)))
    if request.method != "POST":
        return show(request, "tokens/keys/reveal.html", context)
    context |= {"secret": lifecycle.reveal(place.key, by=request.user), "seconds": REVEALED_SECONDS}
    response = show(request, "tokens/keys/revealed.html", context)
    response["Refresh"] = f"{REVEALED_SECONDS}; url={_home(entity, place.mode)}"  # without JavaScript; htmx ignores it
    return response


@require_http_methods(["GET", "POST"])
def promote(request: HttpRequest, entity_id: str) -> HttpResponse:
    """Let primary and secondary keys change places, without another value (S4-22)."""
    entity = Entity.objects.get_permitted(request.user, Capability.KEY_EDIT, entity_id=entity_id)
    lifecycle.check_owner(entity)
    mode, held = _mode(request), request.user.capabilities_on(entity)
    board = board_of(entity, mode, held=held, stopped=False)
    if mode == Token.Mode.LIVE:
        stepup.require(request)
    keys = {name: place.key for name, place in board.places.items() if place.key}
    lifecycle.check_promotion(keys)
    shown = lifecycle.written(keys)

    def act() -> tuple[str, str]:
        lifecycle.promote(entity, mode=mode, by=request.user, shown=shown)
        return _home(entity, mode), _("The keys have changed places. Revoke the old ones once nobody uses them.")

    context = _frame(request, entity, LABELS["promote"]) | {
        "form": PromoteForm(posted(request), shown=shown),
        "board": board,
        "mode": mode,
    }
    return ask(request, "tokens/keys/promote.html", context, act)


@require_http_methods(["GET", "POST"])
@sensitive_post_parameters()
def signature(request: HttpRequest, entity_id: str) -> HttpResponse:
    """Tell which key verifies a pasted message, or why none does. Changes nothing, keeps nothing."""
    entity = Entity.objects.get_permitted(request.user, Capability.KEY_VIEW, entity_id=entity_id)
    lifecycle.check_owner(entity)
    mode = _mode(request)
    form = SignatureForm(posted(request))
    context = _frame(request, entity, _("Check a signature")) | {"form": form, "mode": mode}
    if request.method == "POST" and form.is_valid():
        context["finding"] = diagnose(candidates_of(entity, mode), mode=mode, **form.cleaned_data)
    status = shown_as(request) if not form.is_valid() else 200
    return show(request, "tokens/keys/signature.html", context, status=status)


def _place(request: HttpRequest, entity_id: str, name: str, verb: str) -> tuple[Entity, Place]:
    """Return the merchant and the slot that the address names.

    Raises Refused where `verb` cannot be done there, Unproved where a live key wants a proof of who somebody is first.
    """
    entity = Entity.objects.get_permitted(request.user, lifecycle.CAPABILITY[verb], entity_id=entity_id)
    lifecycle.check_owner(entity)
    place = place_of(entity, SLOTS[name], _mode(request))
    lifecycle.check(verb, place.slot, place.key)
    if place.mode == Token.Mode.LIVE:
        stepup.require(request)
    return entity, place


def _mode(request: HttpRequest) -> str:
    return Token.Mode.TEST.value if request.GET.get("mode") == Token.Mode.TEST else Token.Mode.LIVE.value


def _replace_form(request: HttpRequest, place: Place) -> ReplaceKeyForm:
    return ReplaceKeyForm(posted(request), key=place.key, evidence=place.evidence, label=str(place.slot.label))


def _home(entity: Entity, mode: str) -> str:
    """Return the address of the page that shows the slots of this mode."""
    address = reverse("tokens:developers", args=[entity.entity_id])
    return f"{address}?mode=test" if mode == Token.Mode.TEST else address


def _page(request: HttpRequest, entity: Entity, place: Place, verb: str, form: Form) -> dict[str, Any]:
    """Return what the page of a verb shows about its slot."""
    return _frame(request, entity, LABELS[verb]) | {
        "form": form,
        "place": place,
        "slot": place.slot,
        "key": place.key,
        "mode": place.mode,
        "mode_label": Token.Mode(place.mode).label,
        "use_case": USE_CASES.get(verb),
        "secondary": SLOTS[place.slot.secondary] if place.slot.secondary else None,
        "home": _home(entity, place.mode),
    }


def _frame(request: HttpRequest, entity: Entity, title: str) -> dict[str, Any]:
    steps = [(entity.name, reverse("tokens:developers", args=[entity.entity_id])), (title, None)]
    context = {"entity": entity, "title": title, "section": "account", "breadcrumbs": account_trail(*steps)}
    if not request.htmx:  # a dialog shows no tree
        context["tree"] = branches.forest(request.user, standing_of(request.user, entity).above)
    return context
