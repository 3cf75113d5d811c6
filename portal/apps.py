from django.apps import AppConfig
from django.contrib.admin import apps as admin

from portal import checks  # noqa: F401  they register themselves


class PortalConfig(AppConfig):
    default = True
    name = "portal"


class KeyhouseAdminConfig(admin.AdminConfig):
    """Django's admin with our own site; here, because a site can only be imported once all models are."""

    default = False
    default_site = "portal.admin_site.KeyhouseAdminSite"
