"""What is stored about signing in, beside the second factors, which django-allauth keeps."""

from importlib import import_module

from django.conf import settings
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _


class Tries(models.Model):
    """How often somebody tried to be one person, from one address. Written by `accounts.signin.attempts` alone."""

    whose = models.CharField(max_length=64, editable=False)
    """Keyed digest of what was tried and of whom: people type passwords where their e-mail address belongs."""
    address = models.CharField(max_length=45, editable=False)
    count = models.PositiveIntegerField(editable=False)
    until = models.BigIntegerField(editable=False)
    """When this is forgotten, in seconds since 1970."""

    class Meta:
        verbose_name = _("tries to sign in")
        verbose_name_plural = _("tries to sign in")
        constraints = [models.UniqueConstraint(fields=["whose", "address"], name="tries_once")]
        indexes = [models.Index(fields=["until"], name="tries_until")]

    def __str__(self) -> str:
        return f"{self.count} from {self.address}"


class FormerPassword(models.Model):
    """The hash of a password that was replaced, so that it does not come back. See `accounts.signin.passwords`."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", editable=False)
    encoded = models.CharField(max_length=128, editable=False)
    replaced_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("former password")
        verbose_name_plural = _("former passwords")
        indexes = [models.Index(fields=["user", "-replaced_at"], name="former_password_newest")]

    def __str__(self) -> str:
        return f"{self.replaced_at:%Y-%m-%d}"


class Session(AbstractBaseSession):
    """A browser somebody is signed in with. Its key is stored as a hash; see `accounts.signin.sessions`."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", editable=False)
    seen_at = models.DateTimeField(_("last seen"), editable=False)

    class Meta(AbstractBaseSession.Meta):
        indexes = [models.Index(fields=["user", "-seen_at"], name="session_of_user")]

    @classmethod
    def get_session_store_class(cls) -> type:
        """Return the store that reads what is kept here, as Django asks for it."""
        store: type = import_module(settings.SESSION_ENGINE).SessionStore
        return store
