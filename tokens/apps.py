from django.apps import AppConfig
from django.urls import register_converter
from django.utils.module_loading import autodiscover_modules
from django.utils.translation import gettext_lazy as _

from tokens.converters import KeyIdConverter, SlotConverter


class TokensConfig(AppConfig):
    name = "tokens"
    verbose_name = _("Credentials")

    def ready(self) -> None:
        """Let addresses name a credential and a slot: `<key_id:key_id>`, `<slot:slot>`."""
        register_converter(KeyIdConverter, "key_id")
        register_converter(SlotConverter, "slot")
        autodiscover_modules("sdk.lifecycle")  # it hears of access that has ended
