"""Tokens as support staff look them up: masked, read-only but for *deactivate*, every look an audit event."""

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.utils import unquote
from django.core.exceptions import BadRequest
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from accounts import audit, support
from accounts.admin import LookUpOnly
from accounts.models import AuditEvent, Entity
from accounts.permissions import Capability
from accounts.refusals import Refused
from tokens import lifecycle
from tokens.evidence import evidence_of, refusals_of
from tokens.models import Token


@admin.register(Token)
class TokenAdmin(LookUpOnly):
    capability = Capability.TOKEN_VIEW
    actions = ("deactivate_tokens",)
    list_display = ("alias", "masked", "entity", "kind", "mode", "state_shown", "last_used_at")
    list_select_related = ("entity",)
    list_filter = ("status", "mode", "kind")
    search_fields = ("alias", "=key_id", "entity__name", "=entity__entity_id")
    fields = (
        "alias",
        "masked",
        "key_id",
        "entity",
        "kind",
        "mode",
        "state_shown",
        "scope",
        "created_at",
        "created_by",
        "changed_at",
        "changed_by",
        "expires_at",
        "last_used_at",
        "refusals",
    )
    readonly_fields = fields

    @admin.display(description=_("status"), ordering="status")
    def state_shown(self, token: Token) -> str:
        """What people see everywhere else: an expired token is not called active."""
        return str(token.state_label)

    @admin.display(description=_("refused in the last 24 hours"))
    def refusals(self, token: Token) -> str:
        """Why and how often, in words: a gateway whose question is at fault is found here."""
        return "; ".join(f"{reason}: {total}" for reason, total in refusals_of(token))

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        """Leave what a guess could be checked against in the database: it is not needed to show anything."""
        return super().get_queryset(request).defer("digest")

    def changelist_view(self, request: HttpRequest, extra_context: dict | None = None) -> HttpResponse:
        response = super().changelist_view(request, extra_context)
        shown = getattr(response, "context_data", {}).get("cl")
        if shown is not None:
            _note_look(request, shown.result_list)
        return response

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict | None = None
    ) -> HttpResponse:
        response = super().change_view(request, object_id, form_url, extra_context)
        # Asked as the page asked: the address has more spellings than one, and each of them is a look.
        shown = self.get_object(request, unquote(object_id))
        _note_look(request, [shown] if shown else [])
        return response

    def history_view(self, request: HttpRequest, object_id: str, extra_context: dict | None = None) -> HttpResponse:
        """Lead to the token itself: its history is in the audit log."""
        return redirect("admin:tokens_token_change", object_id)

    def response_action(self, request: HttpRequest, queryset: QuerySet) -> HttpResponse | None:
        """Act on what is ticked on this page, by row numbers; never on everything that a filter finds."""
        chosen = request.POST.getlist(ACTION_CHECKBOX_NAME)
        if not all(number.isascii() and number.isdecimal() and len(number) < 19 for number in chosen):
            raise BadRequest("Rows are chosen by their numbers.")
        request.POST = request.POST.copy()
        request.POST["select_across"] = "0"
        return super().response_action(request, queryset)

    def has_deactivate_permission(self, request: HttpRequest) -> bool:
        return request.user.has_platform_capability(Capability.TOKEN_DEACTIVATE)

    @admin.action(description=_("Deactivate the chosen tokens"), permissions=["deactivate"])
    def deactivate_tokens(self, request: HttpRequest, queryset: QuerySet) -> TemplateResponse | None:
        """Show what the chosen tokens are used for; deactivate them once that is confirmed (S0-33)."""
        tokens = list(queryset.select_related("entity")[: self.list_per_page])
        if "confirmed" not in request.POST:
            return self._ask_first(request, tokens)
        done = 0
        for token in tokens:
            try:
                lifecycle.deactivate(token, by=request.user)
                done += 1
            except Refused as refusal:
                self.message_user(request, str(refusal), messages.WARNING)
        if done:
            text = ngettext("%(count)d token is inactive now.", "%(count)d tokens are inactive now.", done)
            self.message_user(request, text % {"count": done}, messages.SUCCESS)
        return None

    def _ask_first(self, request: HttpRequest, tokens: list[Token]) -> TemplateResponse:
        evidence = evidence_of(tokens, callers=True)
        context = self.admin_site.each_context(request) | {
            "title": _("Deactivate these tokens?"),
            "opts": self.opts,
            "rows": [(token, evidence[token.pk]) for token in tokens],
            "action_checkbox_name": ACTION_CHECKBOX_NAME,
        }
        _note_look(request, tokens)
        return TemplateResponse(request, "admin/tokens/deactivate.html", context)


def _note_look(request: HttpRequest, tokens) -> None:
    """Record, for each merchant whose tokens were shown, that this person looked at them."""
    seen: dict[Entity, list[str]] = {}
    for token in tokens:
        if token.entity:
            seen.setdefault(token.entity, []).append(token.key_id)
    support.tell(request, seen)
    with transaction.atomic():
        for entity, key_ids in seen.items():
            target = key_ids[0] if len(key_ids) == 1 else entity.entity_id
            audit.record(AuditEvent.Type.TOKENS_VIEWED, by=request.user, entity=entity, target=target, tokens=key_ids)
