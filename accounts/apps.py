from django.apps import AppConfig
from django.urls import register_converter
from django.utils.translation import gettext_lazy as _

from accounts.converters import EntityIdConverter


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = _("Account tree and people")

    def ready(self) -> None:
        """Let addresses name an entity: `<entity_id:entity_id>`."""
        register_converter(EntityIdConverter, "entity_id")
