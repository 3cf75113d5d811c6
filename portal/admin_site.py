"""The Django admin, as support staff's tool."""

from allauth.account.adapter import get_adapter
from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _

OURS = {"accounts", "tokens"}


class KeyhouseAdminSite(AdminSite):
    """Open to platform-wide roles only, through the portal's own sign-in, and for our own models only."""

    site_header = _("Keyhouse support")
    site_title = _("Keyhouse support")
    index_title = _("Look up")
    enable_nav_sidebar = False

    def register(self, model_or_iterable, admin_class=None, **options) -> None:
        """Leave out what other apps would like to have edited here: groups, e-mail addresses."""
        models = model_or_iterable if isinstance(model_or_iterable, list | tuple) else [model_or_iterable]
        ours = [model for model in models if model._meta.app_label in OURS]
        super().register(ours, admin_class, **options)

    def login(self, request: HttpRequest, extra_context: dict | None = None) -> HttpResponse:
        return redirect("portal:dashboard" if request.user.is_authenticated else "account_login")

    def logout(self, request: HttpRequest, extra_context: dict | None = None) -> HttpResponse:
        if request.method == "POST":
            get_adapter(request).logout(request)
        return redirect("account_logout")

    def autocomplete_view(self, request: HttpRequest) -> HttpResponse:
        """Refuse: it would list what is looked at without a note in the audit log."""
        raise PermissionDenied

    def password_change(self, request: HttpRequest, extra_context: dict | None = None) -> HttpResponse:
        return redirect("account_change_password")
