"""Entities, people and the audit log as support staff look them up. Nothing here writes: the tree has one writer."""

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest, HttpResponse

from accounts import reading, support
from accounts.models import AuditEvent, Entity, Membership, User
from accounts.permissions import Capability


class LookUpOnly(admin.ModelAdmin):
    """A model to be searched and read by those who hold `capability` on the whole platform."""

    capability: str
    actions = None
    list_per_page = 25
    show_full_result_count = False

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.is_authenticated and request.user.has_platform_capability(self.capability)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def changelist_view(self, request: HttpRequest, extra_context: dict | None = None) -> HttpResponse:
        """List rows, having told the merchants whose they are."""
        response = super().changelist_view(request, extra_context)
        shown = getattr(response, "context_data", {}).get("cl")
        owners = [getattr(row, "entity", None) for row in shown.result_list] if shown else []
        support.tell(request, filter(None, owners))
        return response

    def lookup_allowed(self, lookup: str, value: object, request: HttpRequest | None = None) -> bool:
        """Refuse every filter but those the page offers: `?digest__startswith=` would read a digest byte by byte.

        NUL is refused as well, which PostgreSQL does not take.
        """
        return lookup.removesuffix("__exact") in self.list_filter and "\0" not in str(value)


@admin.register(Entity)
class EntityAdmin(LookUpOnly):
    capability = Capability.ENTITY_VIEW
    list_display = ("name", "entity_id", "kind", "status", "parent")
    list_select_related = ("parent",)
    list_filter = ("kind", "status")
    search_fields = ("name", "=entity_id")
    fields = ("name", "entity_id", "kind", "status", "parent", "created_at", "created_by")
    fields += ("suspended_at", "suspended_by_platform")
    readonly_fields = fields


@admin.register(User)
class UserAdmin(LookUpOnly):
    capability = Capability.MEMBER_VIEW
    list_display = ("email", "name", "is_active")
    list_filter = ("is_active",)
    search_fields = ("email", "name")
    fields = ("email", "name", "is_active", "created_at", "last_login")
    readonly_fields = fields


@admin.register(Membership)
class MembershipAdmin(LookUpOnly):
    capability = Capability.MEMBER_VIEW
    list_display = ("user", "role", "entity")
    list_select_related = ("user", "entity")
    list_filter = ("role",)
    search_fields = ("user__email", "entity__name", "=entity__entity_id")
    fields = ("user", "role", "entity", "created_at")
    readonly_fields = fields


@admin.register(AuditEvent)
class AuditEventAdmin(LookUpOnly):
    capability = Capability.ACTIVITY_VIEW
    list_display = ("number", "at", "type", "actor_label", "entity", "target")
    list_select_related = ("entity",)
    list_filter = ("type",)
    search_fields = ("=target", "=entity__entity_id", "actor_label")
    fields = ("number", "at", "type", "actor_label", "entity", "target", "details", "origin", "request_id")
    readonly_fields = fields

    def changelist_view(self, request: HttpRequest, extra_context: dict | None = None) -> HttpResponse:
        """List events, having noted that they are read."""
        if self.has_view_permission(request):
            reading.note(request)
        return super().changelist_view(request, extra_context)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict | None = None
    ) -> HttpResponse:
        """Show one event, having noted that it is read."""
        if self.has_view_permission(request):
            reading.note(request)
        return super().change_view(request, object_id, form_url, extra_context)
