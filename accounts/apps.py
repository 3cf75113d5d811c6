from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_in
from django.urls import register_converter
from django.utils.translation import gettext_lazy as _

from accounts import trust
from accounts.converters import EntityIdConverter


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = _("Account tree and people")

    def ready(self) -> None:
        """Let addresses name an entity, and whatever else has a public ID; hear of every sign-in."""
        register_converter(EntityIdConverter, "entity_id")
        register_converter(EntityIdConverter, "public_id")
        user_logged_in.connect(trust.begin)
