"""The pages of SDK tokens: generating one, and what belongs to one's own role. Verbs are those of every token."""

from http import HTTPStatus

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_safe

from accounts import branches, stepup
from accounts.models import Entity
from accounts.pages import account_trail, posted, show, shown_as
from accounts.permissions import Capability
from accounts.standing import Standing, standing_of
from tokens import lifecycle
from tokens.models import Token
from tokens.owners import check_subjects
from tokens.sdk.forms import AddSdkForm
from tokens.sdk.mine import page_of

CREATORS = frozenset({Capability.SDK_MANAGE, Capability.SDK_OWN})


@require_http_methods(["GET", "POST"])
@never_cache
@sensitive_variables()
def add(request: HttpRequest, entity_id: str) -> HttpResponse:
    """Generate an SDK token of this entity, of a member or of oneself. The answer to the POST alone shows it."""
    standing = creating_at(request, entity_id)
    form = AddSdkForm(posted(request), standing=standing, subjects=check_subjects(standing), user=request.user)
    context = _page(request, standing, _("Generate SDK token")) | {"form": form}
    if request.method != "POST" or not form.is_valid():
        return show(request, "tokens/sdk/add.html", context, status=shown_as(request))
    wanted = form.wanted()
    if wanted["mode"] == Token.Mode.LIVE:
        stepup.require(request)
    try:
        token, secret = lifecycle.create(standing.entity, by=request.user, kind=Token.Kind.SDK, **wanted)
    except lifecycle.AlreadyCreated as earlier:
        return show(request, "tokens/created.html", context | {"token": earlier.token}, status=HTTPStatus.CONFLICT)
    return show(request, "tokens/created.html", context | {"token": token, "secret": secret})


@require_safe
def mine(request: HttpRequest) -> HttpResponse:
    """The SDK tokens of the reader's own roles: a merchant's, a terminal's, or their own (S2-14, S2-15)."""
    context = {
        "section": "settings",
        "breadcrumbs": [(_("Settings"), reverse("portal:settings")), (_("SDK tokens"), None)],
        "groups": page_of(request.user, request.GET.get("page")),
        "is_platform": any(entity is None for entity, _role in request.user.grants),
    }
    return render(request, "tokens/sdk/mine.html", context)


def creating_at(request: HttpRequest, entity_id: str) -> Standing:
    """Return how the entity stands, at which the reader may create SDK tokens. Raises as `get_permitted`."""
    entity = Entity.objects.get_permitted(request.user, Capability.ENTITY_VIEW, entity_id=entity_id)
    standing = standing_of(request.user, entity)
    if not standing.held & CREATORS:
        raise PermissionDenied
    return standing


def _page(request: HttpRequest, standing: Standing, title: str) -> dict:
    entity = standing.entity
    home = reverse("tokens:developers", args=[entity.entity_id])
    if request.GET.get("from") == "settings":
        home = reverse("tokens:my_sdk_tokens")
    context = {
        "entity": entity,
        "title": title,
        "home": home,
        "section": "account",
        "breadcrumbs": account_trail((entity.name, home), (title, None)),
    }
    if not request.htmx:  # a dialog shows no tree
        context["tree"] = branches.forest(request.user, standing.above)
    return context
