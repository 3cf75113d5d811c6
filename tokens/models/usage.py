"""How often credentials are used: what is stored. Who counts is `tokens.usage`."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from tokens.models.credentials import SharedKey, Token
from tokens.querysets import SignatureQuerySet, UsageQuerySet, UsageTotalQuerySet


class UsageBucket(models.Model):
    """How often a token was presented in one hour, from one address, with one outcome."""

    token = models.ForeignKey(Token, models.PROTECT, related_name="usage")
    hour = models.DateTimeField()
    caller = models.CharField(max_length=45)
    outcome = models.CharField(max_length=16)
    count = models.PositiveBigIntegerField()
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()

    objects = UsageQuerySet.as_manager()

    class Meta:
        verbose_name = _("usage bucket")
        verbose_name_plural = _("usage buckets")
        constraints = [
            models.UniqueConstraint(fields=["token", "hour", "caller", "outcome"], name="usage_bucket_once"),
        ]

    def __str__(self) -> str:
        return f"{self.token_id} {self.hour:%Y-%m-%d %H}:00 {self.outcome}: {self.count}"


class UsageTotal(models.Model):
    """How often the tokens of one kind of an entity were presented in one hour, all together: what lists add up.

    A merchant may have 10,000 tokens, each with a bucket for every hour and caller: too many to read for one sum.
    Kept for the hours that pages look back on, and no longer.
    """

    entity = models.ForeignKey("accounts.Entity", models.PROTECT, related_name="+", db_index=False)
    kind = models.CharField(max_length=3, choices=Token.Kind)
    hour = models.DateTimeField()
    good = models.PositiveBigIntegerField()
    refused = models.PositiveBigIntegerField()

    objects = UsageTotalQuerySet.as_manager()

    class Meta:
        verbose_name = _("usage total")
        verbose_name_plural = _("usage totals")
        # As `tokens.attention` asks for the hours in which much was refused; the others are not looked at.
        indexes = [models.Index(fields=["hour"], name="usage_total_refused", condition=Q(refused__gte=20))]
        constraints = [models.UniqueConstraint(fields=["entity", "kind", "hour"], name="usage_total_once")]

    def __str__(self) -> str:
        return f"{self.entity_id} {self.kind} {self.hour:%Y-%m-%d %H}:00: {self.good} good, {self.refused} refused"


class SignatureBucket(models.Model):
    """How often an HMAC key signed or verified something in one hour, for one gateway, with one outcome."""

    key = models.ForeignKey(SharedKey, models.PROTECT, related_name="usage")
    hour = models.DateTimeField()
    caller = models.CharField(max_length=45)
    outcome = models.CharField(max_length=16)
    count = models.PositiveBigIntegerField()
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()

    objects = SignatureQuerySet.as_manager()

    class Meta:
        verbose_name = _("signature bucket")
        verbose_name_plural = _("signature buckets")
        constraints = [
            models.UniqueConstraint(fields=["key", "hour", "caller", "outcome"], name="signature_bucket_once"),
        ]

    def __str__(self) -> str:
        return f"{self.key_id} {self.hour:%Y-%m-%d %H}:00 {self.outcome}: {self.count}"


class SeenMessage(models.Model):
    """A signed message that has been verified: within the tolerance, the same one again is a replay."""

    digest = models.BinaryField(max_length=32, unique=True)
    until = models.DateTimeField(db_index=True)

    class Meta:
        verbose_name = _("verified message")
        verbose_name_plural = _("verified messages")

    def __str__(self) -> str:
        return f"{bytes(self.digest).hex()[:12]} until {self.until:%H:%M:%S}"


class OperatingFigure(models.Model):
    """A sum over all workers and machines since the beginning, for /metrics. `tokens.ledger` knows the names."""

    name = models.CharField(max_length=64, primary_key=True)
    value = models.FloatField()

    class Meta:
        verbose_name = _("operating figure")
        verbose_name_plural = _("operating figures")

    def __str__(self) -> str:
        return f"{self.name}: {self.value}"


class DecisionTotal(models.Model):
    """How many decisions had an outcome, on all workers and machines together, since the beginning: for /metrics."""

    outcome = models.CharField(max_length=16, primary_key=True)
    count = models.PositiveBigIntegerField()

    class Meta:
        verbose_name = _("decision total")
        verbose_name_plural = _("decision totals")

    def __str__(self) -> str:
        return f"{self.outcome}: {self.count}"
