from django.apps import AppConfig
from django.urls import register_converter
from django.utils.translation import gettext_lazy as _

from tokens.converters import KeyIdConverter


class TokensConfig(AppConfig):
    name = "tokens"
    verbose_name = _("Credentials")

    def ready(self) -> None:
        """Let addresses name a credential: `<key_id:key_id>`."""
        register_converter(KeyIdConverter, "key_id")
