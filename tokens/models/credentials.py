"""Credentials and their use: what is stored. How they change is in `tokens.lifecycle`."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from tokens import formats
from tokens.permissions import PRESET_LABELS, preset_of
from tokens.querysets import SharedKeyQuerySet, TokenQuerySet

EXPIRES_SOON = timedelta(days=14)


class Credential(models.Model):
    """What bearer tokens and shared keys have in common."""

    class Mode(models.TextChoices):
        LIVE = "live", _("Live")
        TEST = "test", _("Test")

    class Status(models.TextChoices):
        ACTIVE = "active", _("Active")
        INACTIVE = "inactive", _("Inactive")
        REVOKED = "revoked", _("Revoked")
        REMOVED = "removed", _("Removed")

    alias = models.CharField(_("alias"), max_length=80)
    description = models.CharField(_("description"), max_length=500, blank=True)
    mode = models.CharField(_("type"), max_length=4, choices=Mode, default=Mode.LIVE, editable=False)
    status = models.CharField(_("status"), max_length=8, choices=Status, default=Status.ACTIVE, editable=False)
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", editable=False
    )
    changed_at = models.DateTimeField(_("last change"), null=True, editable=False)
    changed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", editable=False
    )
    ended_at = models.DateTimeField(_("ended"), null=True, editable=False)
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True, editable=False)
    replaces = models.ForeignKey("self", models.PROTECT, null=True, related_name="successors", editable=False)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.alias


class Token(Credential):
    """A bearer credential: an API token, an SDK token, or a gateway's own. The secret itself is stored nowhere."""

    class Kind(models.TextChoices):
        API = "api", _("API token")
        SDK = "sdk", _("SDK token")
        GATEWAY = "gtw", _("Gateway credential")

    class RestSlot(models.TextChoices):
        PRIMARY = "rest_primary", _("Primary REST API key")
        SECONDARY = "rest_secondary", _("Secondary REST API key")

    kind = models.CharField(_("kind"), max_length=3, choices=Kind, default=Kind.API, editable=False)
    entity = models.ForeignKey("accounts.Entity", models.PROTECT, null=True, related_name="tokens", editable=False)
    key_id = models.CharField(_("key ID"), max_length=16, unique=True, editable=False)
    digest = models.BinaryField(max_length=32, null=True, editable=False)
    pepper_id = models.PositiveSmallIntegerField(editable=False)
    last4 = models.CharField(max_length=4, editable=False)
    scope = models.CharField(_("permissions"), max_length=1000, blank=True, editable=False)
    networks = models.CharField(_("allowed networks"), max_length=1000, blank=True, editable=False)
    """Space-separated CIDR blocks the token may be used from; empty: from anywhere."""
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="sdk_tokens", editable=False
    )
    """The person an SDK token is bound to: it works only as long as they may sign in and are a member of its entity."""
    slot = models.CharField(_("slot"), max_length=16, choices=RestSlot, blank=True, default="", editable=False)
    """Which of the merchant's REST API keys it is (S4-7); empty: an API token like any other."""
    last_used_at = models.DateTimeField(_("last used"), null=True, editable=False)
    retiring_since = models.DateTimeField(_("retiring since"), null=True, editable=False)
    """When it was rotated. It goes on until `expires_at`, which the rotation has drawn near."""
    expiry_before = models.DateTimeField(null=True, editable=False)
    """What `expires_at` was before the rotation, for one that is called off."""

    objects = TokenQuerySet.as_manager()

    class Meta:
        verbose_name = _("token")
        verbose_name_plural = _("tokens")
        indexes = [
            models.Index(fields=["entity", "status", "-created_at"], name="token_entity_status_newest"),
            models.Index(fields=["entity", "-last_used_at"], name="token_entity_last_used"),
            models.Index(F("last_used_at").desc(), name="token_last_used", condition=Q(last_used_at__isnull=False)),
            models.Index(
                fields=["expires_at"], name="token_expiring", condition=Q(status="active", expires_at__isnull=False)
            ),
        ]
        constraints = [
            models.CheckConstraint(name="token_kind_known", condition=Q(kind__in=["api", "sdk", "gtw"])),
            models.CheckConstraint(name="token_mode_known", condition=Q(mode__in=["live", "test"])),
            models.CheckConstraint(
                name="token_status_known", condition=Q(status__in=["active", "inactive", "revoked", "removed"])
            ),
            models.CheckConstraint(
                name="token_only_gateways_lack_an_entity",
                condition=Q(kind="gtw", entity__isnull=True) | ~Q(kind="gtw") & Q(entity__isnull=False),
            ),
            models.CheckConstraint(
                name="token_only_sdk_is_of_a_person", condition=Q(user__isnull=True) | Q(kind="sdk")
            ),
            models.UniqueConstraint(
                fields=["entity", "mode", "slot"],
                name="token_slot_holds_one",
                condition=Q(status__in=["active", "inactive"]) & ~Q(slot=""),
            ),
            # Whatever else goes wrong, an ended credential has nothing left to be compared with.
            models.CheckConstraint(
                name="token_ended_means_destroyed",
                condition=Q(status__in=["active", "inactive"], digest__isnull=False)
                | Q(status__in=["revoked", "removed"], digest__isnull=True),
            ),
        ]

    def get_absolute_url(self) -> str:
        """The token's page; a gateway's credential belongs to no entity, and only the Django admin shows it."""
        if self.kind == self.Kind.GATEWAY:
            return reverse("admin:tokens_token_change", args=[self.pk])
        return reverse("tokens:detail", args=[self.key_id])

    def get_list_url(self) -> str:
        """Return the address of the page whose list it stands on."""
        if self.kind == self.Kind.SDK and self.entity:
            return f"{reverse('tokens:developers', args=[self.entity.entity_id])}#sdk-tokens"
        return self.entity.get_absolute_url() if self.entity else reverse("portal:dashboard")

    @property
    def subject(self) -> str:
        """Whose SDK token it is, for those who see its entity beside it: a person by name, else the kind of entity."""
        return str(self.user) if self.user else str(self.entity.get_kind_display()) if self.entity else ""

    @property
    def masked(self) -> str:
        """What the interface shows for the token, for ever after its creation (S0-16, S0-27)."""
        return formats.mask(self.kind, self.mode, self.key_id, self.last4)

    @property
    def prefix(self) -> str:
        """The token's public beginning, up to and with the key ID."""
        return f"kh_{self.kind}_{self.mode}_{self.key_id}"

    @property
    def preset_label(self) -> str:
        if self.kind == self.Kind.SDK:
            return _("Payments on a device")
        return PRESET_LABELS[preset_of(frozenset(self.scope.split()))]

    @property
    def note(self) -> str:
        """What a list says below the alias: the preset of an API token, or whose SDK token it is."""
        return self.subject if self.kind == self.Kind.SDK else str(self.preset_label)

    @property
    def state(self) -> str:
        """The status as people see it: the stored one; of an active one, what the clock and a rotation make of it."""
        if self.status != self.Status.ACTIVE:
            return self.status
        if self.is_expired():
            return "expired"
        return "retiring" if self.retiring_since else self.status

    @property
    def state_label(self) -> str:
        return {"expired": _("Expired"), "retiring": _("Retiring")}.get(self.state) or self.get_status_display()

    @property
    def expires_soon(self) -> bool:
        """Whether it works now and will expire within 14 days; a retiring one has its own sign."""
        return self.state == "active" and self.is_expired(timezone.now() + EXPIRES_SOON)

    def is_expired(self, now: datetime | None = None) -> bool:
        """Whether the expiry has passed at `now` (default: now). Read from the clock, never stored."""
        return self.expires_at is not None and self.expires_at <= (now or timezone.now())


class SharedKey(Credential):
    """An integration key that the platform has to read: an HMAC key or the encryption password.

    Stored as ciphertext under a numbered encryption key that the database does not hold (`tokens.vault`).
    """

    class Slot(models.TextChoices):
        ENCRYPTION = "encryption", _("Encryption password")
        HMAC_PRIMARY = "hmac_primary", _("Primary HMAC key")
        HMAC_SECONDARY = "hmac_secondary", _("Secondary HMAC key")

    entity = models.ForeignKey("accounts.Entity", models.PROTECT, related_name="shared_keys", editable=False)
    slot = models.CharField(_("slot"), max_length=16, choices=Slot, editable=False)
    """Empty only inside the transaction in which two keys change places."""
    key_id = models.CharField(_("key ID"), max_length=16, unique=True, editable=False)
    ciphertext = models.BinaryField(max_length=128, null=True, editable=False)
    vault_key = models.PositiveSmallIntegerField(editable=False)
    """Number of the encryption key under which `ciphertext` stands."""
    last4 = models.CharField(max_length=4, editable=False)
    last_used_at = models.DateTimeField(_("last used"), null=True, editable=False)

    objects = SharedKeyQuerySet.as_manager()

    class Meta:
        verbose_name = _("integration key")
        verbose_name_plural = _("integration keys")
        indexes = [
            models.Index(fields=["vault_key"], name="sharedkey_vault_key", condition=Q(ciphertext__isnull=False))
        ]
        constraints = [
            models.CheckConstraint(
                name="sharedkey_slot_known", condition=Q(slot__in=["encryption", "hmac_primary", "hmac_secondary", ""])
            ),
            models.CheckConstraint(name="sharedkey_mode_known", condition=Q(mode__in=["live", "test"])),
            models.CheckConstraint(name="sharedkey_status_known", condition=Q(status__in=["active", "revoked"])),
            models.CheckConstraint(
                name="sharedkey_ended_means_destroyed",
                condition=Q(status="active", ciphertext__isnull=False) | Q(status="revoked", ciphertext__isnull=True),
            ),
            models.UniqueConstraint(
                fields=["entity", "mode", "slot"],
                name="sharedkey_slot_holds_one",
                condition=Q(status="active") & ~Q(slot=""),
            ),
        ]

    @property
    def masked(self) -> str:
        """What the interface shows for the key: its form and its last four characters."""
        return f"{'' if self.slot == self.Slot.ENCRYPTION else 'whsec_'}…{self.last4}"


class IdempotencyRecord(models.Model):
    """One submission of a form that creates a credential: the same form sent twice creates one. Holds no secret."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    key = models.UUIDField()
    token = models.ForeignKey(Token, models.PROTECT, related_name="+")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("form submission")
        verbose_name_plural = _("form submissions")
        constraints = [models.UniqueConstraint(fields=["user", "key"], name="idempotency_once")]

    def __str__(self) -> str:
        return str(self.key)
