"""The section in which an entity's SDK tokens stand, on every page that shows it (S2-13 ... S2-16)."""

from django.http import HttpRequest
from django.utils.translation import gettext as _

from accounts.models import Entity
from accounts.permissions import Capability
from accounts.standing import Standing
from tokens.listing import listing
from tokens.models import Token
from tokens.owners import WITH_PEOPLES_TOKENS, can_create_sdk
from tokens.permissions import held_on_sdk
from tokens.sdk.lifecycle import can_lose


def section_of(request: HttpRequest, standing: Standing) -> dict:
    """Return `{"sdk": what the section shows}` to the reader, or nothing where they have to do with no SDK token here.

    Whoever has only their own sees those. At most eight queries.
    """
    entity, held = standing.entity, standing.held
    if entity.kind not in WITH_PEOPLES_TOKENS or not held & {Capability.SDK_VIEW, Capability.SDK_OWN}:
        return {}
    tokens = Token.objects.visible_to(request.user).of(entity).sdk().select_related("entity", "user")
    told = listing(request, tokens, held=held, label=_("SDK tokens"))
    told["can_add"] = can_create_sdk(standing)
    told["only_own"] = Capability.SDK_VIEW not in held
    told["has_fleet"] = Capability.SDK_VIEW in held and entity.kind != Entity.Kind.TERMINAL
    if entity.kind == Entity.Kind.TERMINAL:
        living = tokens.living()
        told["is_lost"] = living.exists() and not living.filter(status=Token.Status.ACTIVE).exists()
        may_stop = Capability.TOKEN_DEACTIVATE in held_on_sdk(held, is_own=False)
        told["can_lose"] = may_stop and can_lose(entity)
    return {"sdk": told}
