"""The pages of a token: GET asks, POST acts. The list stands on the entity's page, composed in `portal.views`."""

from datetime import timedelta
from http import HTTPStatus

from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_safe

from accounts import branches, spreadsheets, stepup
from accounts.models import AuditEvent, Entity
from accounts.pages import account_trail, ask, posted, show, shown_as
from accounts.permissions import Capability
from accounts.standing import standing_of
from tokens import lifecycle, owners, rotation
from tokens.evidence import callers_of, evidence_of, refusals_of
from tokens.forms import AddForm, ConfirmForm, EditForm, OverlapForm, RotateForm, groups_of, presets_of
from tokens.models import Token
from tokens.permissions import held_on
from tokens.tables import EXPORTED, TokenFilter, exported, verbs_for

EVENTS = 50


@require_http_methods(["GET", "POST"])
@never_cache
def add(request: HttpRequest, entity_id: str) -> HttpResponse:
    """Create an API token of this merchant. The answer to the POST is the only place where it is ever shown."""
    entity = Entity.objects.get_permitted(request.user, Capability.TOKEN_CREATE, entity_id=entity_id)
    return _create(request, entity, _("Add API token"), initial={})


@require_http_methods(["GET", "POST"])
@never_cache
def duplicate(request: HttpRequest, key_id: str) -> HttpResponse:
    """Create another token with the presets of this one, which may still be changed (S3-8, C7)."""
    token = _token(request, key_id, Capability.TOKEN_CREATE)
    return _create(request, token.entity, _("Duplicate API token"), initial=presets_of(token))


@require_safe
def detail(request: HttpRequest, key_id: str) -> HttpResponse:
    """Everything about one token that can be known: never its secret."""
    token = _token(request, key_id, Capability.TOKEN_VIEW)
    held = held_on(request.user, token)
    successor = token.successors.order_by("-pk").first()
    context = _token_page(request, token, token.alias) | {
        # Ids of its own: a question in the dialog over this page may ask for the alias too.
        "form": EditForm(initial={"alias": token.alias, "description": token.description}, auto_id="general_%s"),
        "predecessor": token.replaces,
        "groups": groups_of(frozenset(token.scope.split())),
        "successor": successor,
        "successor_evidence": evidence_of([successor])[successor.pk] if successor else None,
        "verbs": verbs_for(token, held),
        "evidence": evidence_of([token], callers=True)[token.pk],
        "callers": callers_of(token),
        "refusals": refusals_of(token),
        "events": AuditEvent.objects.visible_to(request.user).filter(target=token.key_id)[:EVENTS],
    }
    return render(request, "tokens/detail.html", context)


@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, key_id: str) -> HttpResponse:
    """Give this token another alias or description."""
    token = _token(request, key_id, Capability.TOKEN_EDIT)

    def act(alias: str, description: str) -> tuple[str, str]:
        told = description if "description" in request.POST else None
        lifecycle.edit(token, alias=alias, description=told, by=request.user)
        # A dialog over the list leaves the list as it is.
        return _below(request, token) or token.get_absolute_url(), _("The changes were saved.")

    form = EditForm(posted(request), initial={"alias": token.alias, "description": token.description})
    return ask(request, "tokens/edit.html", _verb_page(request, token, "edit", form), act)


@require_http_methods(["GET", "POST"])
def deactivate(request: HttpRequest, key_id: str) -> HttpResponse:
    """Stop this token at once."""
    message = gettext_lazy("“%(alias)s” is inactive. Requests that carry it are refused from now on.")
    return _confirm(request, key_id, "deactivate", message)


@require_http_methods(["GET", "POST"])
def reactivate(request: HttpRequest, key_id: str) -> HttpResponse:
    """Let this token work again."""
    return _confirm(request, key_id, "reactivate", gettext_lazy("“%(alias)s” is active again."))


@require_http_methods(["GET", "POST"])
def revoke(request: HttpRequest, key_id: str) -> HttpResponse:
    """End this token for good; it stays on the list."""
    return _confirm(request, key_id, "revoke", gettext_lazy("“%(alias)s” is revoked for good."))


@require_http_methods(["GET", "POST"])
def condemn(request: HttpRequest, key_id: str) -> HttpResponse:
    """Stop this token, which somebody else may know, and end it for good, in one step."""
    message = gettext_lazy("“%(alias)s” is revoked for good. Requests that carry it are refused from now on.")
    return _confirm(request, key_id, "condemn", message)


@require_http_methods(["GET", "POST"])
def remove(request: HttpRequest, key_id: str) -> HttpResponse:
    """End this token for good and take it off the list."""
    return _confirm(request, key_id, "remove", gettext_lazy("“%(alias)s” was removed for good."))


@require_http_methods(["GET", "POST"])
@never_cache
@sensitive_variables()  # all of them: a fault while the answer is drawn shows the frames of the template engine too
def rotate(request: HttpRequest, key_id: str) -> HttpResponse:
    """Make a successor for this token, and let both work until the overlap ends."""
    token = _token(request, key_id, Capability.TOKEN_ROTATE)
    if token.mode == Token.Mode.LIVE:
        stepup.require(request)
    form = RotateForm(posted(request))
    context = _overlap_page(request, token, "rotate", form)
    if request.method != "POST" or not form.is_valid():
        return show(request, "tokens/rotate.html", context, status=shown_as(request))
    try:
        successor, secret = rotation.rotate(token, by=request.user, **form.cleaned_data)
    except lifecycle.AlreadyCreated as earlier:
        return show(request, "tokens/created.html", context | {"token": earlier.token}, status=HTTPStatus.CONFLICT)
    created = {"token": successor, "secret": secret, "rotated": _token(request, key_id, Capability.TOKEN_VIEW)}
    return show(request, "tokens/created.html", context | created)


@require_http_methods(["GET", "POST"])
def extend(request: HttpRequest, key_id: str) -> HttpResponse:
    """Let this retiring token work longer, or shorter, than was said at its rotation."""
    token = _token(request, key_id, Capability.TOKEN_ROTATE)

    def act(overlap: timedelta | None) -> tuple[str, str]:
        rotation.extend(token, overlap=overlap, by=request.user)
        return token.get_absolute_url(), _("The overlap was changed.")

    return ask(
        request, "tokens/extend.html", _overlap_page(request, token, "extend", OverlapForm(posted(request))), act
    )


@require_http_methods(["GET", "POST"])
def end(request: HttpRequest, key_id: str) -> HttpResponse:
    """End the overlap now: only the successor works from then on."""
    token = _token(request, key_id, Capability.TOKEN_ROTATE)

    def act(**_typed: str) -> tuple[str, str]:
        rotation.end(token, by=request.user)
        return token.get_absolute_url(), _("The overlap has ended. Requests that carry the old token are refused.")

    form = ConfirmForm(posted(request), token=token, evidence=evidence_of([token])[token.pk])
    return ask(request, "tokens/end.html", _overlap_page(request, token, "end", form), act)


@require_http_methods(["GET", "POST"])
def cancel(request: HttpRequest, key_id: str) -> HttpResponse:
    """Call the rotation off: this token works on as before, and its successor is deactivated."""
    token = _token(request, key_id, Capability.TOKEN_ROTATE)
    context = _overlap_page(request, token, "cancel", None)

    def act(**_typed: str) -> tuple[str, str]:
        rotation.cancel(token, by=request.user)
        return token.get_absolute_url(), _("The rotation was called off. This token works on as before.")

    context["form"] = ConfirmForm(posted(request), token=token, evidence=context["successor_evidence"])
    return ask(request, "tokens/cancel.html", context, act)


@require_safe
def export(request: HttpRequest, entity_id: str) -> HttpResponse:
    """The tokens of this merchant as CSV, as the list's filter shows them, without any secret."""
    merchant = Entity.objects.get_permitted(request.user, Capability.TOKEN_VIEW, entity_id=entity_id)
    tokens = Token.objects.visible_to(request.user).of(merchant).api()
    chosen = TokenFilter(request.GET, tokens).qs.by_state(timezone.now())
    return spreadsheets.stream(f"api-tokens-{merchant.entity_id}.csv", EXPORTED, exported(chosen))


LABELS = {
    "edit": gettext_lazy("Edit %(kind)s"),
    "deactivate": gettext_lazy("Deactivate %(kind)s"),
    "reactivate": gettext_lazy("Reactivate %(kind)s"),
    "revoke": gettext_lazy("Revoke %(kind)s"),
    "condemn": gettext_lazy("End a compromised %(kind)s"),
    "remove": gettext_lazy("Remove %(kind)s"),
    "rotate": gettext_lazy("Rotate %(kind)s"),
    "extend": gettext_lazy("Change the overlap"),
    "end": gettext_lazy("End the overlap"),
    "cancel": gettext_lazy("Call the rotation off"),
}


def _confirm(request: HttpRequest, key_id: str, verb: str, message: str) -> HttpResponse:
    """Ask before `verb` with the evidence of the last 24 hours, and do it."""
    for needed in sorted(lifecycle.NEEDS[verb]):
        token = _token(request, key_id, needed)
    if verb in {"condemn", "revoke"} and token.mode == Token.Mode.LIVE:
        stepup.require(request)
    evidence = evidence_of([token], callers=True)[token.pk]
    hurts = verb in {"deactivate", "condemn", "remove"}
    form = ConfirmForm(posted(request), token=token, evidence=evidence if hurts else None)
    held = held_on(request.user, token)
    context = _verb_page(request, token, verb, form) | {"evidence": evidence, "verbs": verbs_for(token, held)}

    def act(**_typed: str) -> tuple[str, str]:
        getattr(lifecycle, verb)(token, by=request.user)
        return context["home"], message % {"alias": token.alias}

    return ask(request, f"tokens/{verb}.html", context, act)


@sensitive_variables()
def _create(request: HttpRequest, entity: Entity, title: str, *, initial: dict) -> HttpResponse:
    owners.check_owner(entity)
    form = AddForm(posted(request), initial=initial)
    context = _page(request, entity, title) | {"form": form, "title": title}
    if "preset" in request.POST:  # a preset's button, without JavaScript: show the form with its ticks
        form.apply_preset(request.POST["preset"])
        return show(request, "tokens/add.html", context)
    if request.method != "POST" or not form.is_valid():
        return show(request, "tokens/add.html", context, status=shown_as(request))
    if form.cleaned_data["mode"] == Token.Mode.LIVE:
        stepup.require(request)
    try:
        token, secret = lifecycle.create(entity, by=request.user, **form.wanted())
    except lifecycle.AlreadyCreated as earlier:
        return show(request, "tokens/created.html", context | {"token": earlier.token}, status=HTTPStatus.CONFLICT)
    return show(request, "tokens/created.html", context | {"token": token, "secret": secret})


def _token(request: HttpRequest, key_id: str, capability: str) -> Token:
    """Return the token that the address names; not a gateway's, which the Django admin shows alone."""
    return Token.objects.get_permitted(request.user, capability, key_id=key_id, entity__isnull=False)


def _verb_page(request: HttpRequest, token: Token, verb: str, form: Form) -> dict:
    """Return what the page of `verb` shows. Raises Refused where the token's state does not allow it."""
    lifecycle.check(verb, token)
    return _token_page(request, token, _title(verb, token)) | {"form": form}


def _overlap_page(request: HttpRequest, token: Token, verb: str, form: Form | None) -> dict:
    """Return what a step of a rotation shows: what old and new token are used for. Refused where it cannot be taken."""
    rotation.check(verb, token)
    successor = token.successors.order_by("-pk").first()
    both = [each for each in (token, successor) if each]
    evidence = evidence_of(both, callers=True)
    return _token_page(request, token, _title(verb, token)) | {
        "form": form,
        "evidence": evidence[token.pk],
        "successor": successor,
        "successor_evidence": evidence[successor.pk] if successor else None,
    }


def _title(verb: str, token: Token) -> str:
    return LABELS[verb] % {"kind": token.get_kind_display()}


def _below(request: HttpRequest, token: Token) -> str:
    """Return the address of the list over which a dialog asks about `token`; empty where it is no list."""
    shown = (request.htmx.current_url_abs_path or "").partition("?")[0] if request.htmx else ""
    listed_at = {token.entity.get_absolute_url(), token.get_list_url(), reverse("tokens:my_sdk_tokens")}
    return shown if shown in {address.partition("#")[0] for address in listed_at} else ""


def _token_page(request: HttpRequest, token: Token, title: str) -> dict:
    home = _below(request, token) or token.get_list_url()
    return _page(request, token.entity, title, home=home) | {"token": token}


def _page(request: HttpRequest, entity: Entity, title: str, *, home: str = "") -> dict:
    home = home or entity.get_absolute_url()
    steps = [(entity.name, home), (title, None)]
    trail = account_trail(*steps)
    context = {"entity": entity, "home": home, "page_title": title, "section": "account", "breadcrumbs": trail}
    if not request.htmx:  # a dialog shows no tree
        context["tree"] = branches.forest(request.user, standing_of(request.user, entity).above)
    return context
