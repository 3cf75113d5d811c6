"""The account tree, the people, their memberships and the audit log: what is stored."""

from __future__ import annotations

from typing import TypeAlias

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower, Now
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _
from mptt.managers import TreeManager
from mptt.models import MPTTModel, TreeForeignKey

from accounts.events import EventType, Outcome, known_types, mark_of, outcome_of
from accounts.permissions import PLATFORM_ROLES, Role, held_on
from accounts.public_ids import new_invitation_id, new_membership_id, new_person_id
from accounts.querysets import (
    AuditEventQuerySet,
    EntityQuerySet,
    InvitationQuerySet,
    MembershipQuerySet,
    PersonQuerySet,
)
from accounts.signin.models import FormerPassword, Session, Tries  # noqa: F401  Django finds them here


class Entity(MPTTModel):
    """A node of the account tree. Its position is written by `accounts.tree` alone."""

    class Kind(models.TextChoices):
        PARTNER = "partner", _("Partner")
        COMPANY = "company", _("Company")
        MERCHANT = "merchant", _("Merchant")
        CHANNEL = "channel", _("Channel")
        TERMINAL = "terminal", _("Terminal")

    class Status(models.TextChoices):
        ACTIVE = "active", _("Active")
        SUSPENDED = "suspended", _("Suspended")

    entity_id = models.CharField(_("entity ID"), max_length=20, unique=True, editable=False)
    kind = models.CharField(_("kind"), max_length=10, choices=Kind)
    name = models.CharField(_("name"), max_length=80)
    status = models.CharField(_("status"), max_length=10, choices=Status, default=Status.ACTIVE, editable=False)
    parent = TreeForeignKey("self", models.PROTECT, null=True, blank=True, related_name="children", editable=False)
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)
    created_by = models.ForeignKey("User", models.PROTECT, null=True, related_name="+", editable=False)
    suspended_at = models.DateTimeField(_("suspended"), null=True, editable=False)
    suspended_by_platform = models.BooleanField(
        _("suspended by the platform"), default=False, db_default=False, editable=False
    )
    """Whether only the platform can lift the suspension: nobody else lifts what it has decided."""

    objects = TreeManager.from_queryset(EntityQuerySet)()

    class Meta:
        verbose_name = _("entity")
        verbose_name_plural = _("entities")
        indexes = [
            models.Index(fields=["tree_id", "lft"], name="entity_position"),
            models.Index("parent", Lower("name"), name="entity_children_by_name"),
            models.Index("kind", Lower("name"), name="entity_kind_by_name"),
            models.Index("tree_id", "lft", "rght", "status", name="entity_stopped", condition=Q(status="suspended")),
        ]
        constraints = [
            models.CheckConstraint(
                name="entity_kind_known",
                condition=Q(kind__in=["partner", "company", "merchant", "channel", "terminal"]),
            ),
            models.CheckConstraint(name="entity_status_known", condition=Q(status__in=["active", "suspended"])),
            models.CheckConstraint(name="entity_interval", condition=Q(lft__lt=models.F("rght"))),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("portal:entity", args=[self.entity_id])

    @property
    def is_merchant(self) -> bool:
        return self.kind == self.Kind.MERCHANT

    @property
    def is_suspended(self) -> bool:
        """Whether this entity itself is suspended; an ancestor's suspension counts too and is not told here."""
        return self.status == self.Status.SUSPENDED


NESTING: dict[str, frozenset[str | None]] = {
    Entity.Kind.PARTNER: frozenset({None}),
    Entity.Kind.COMPANY: frozenset({None, Entity.Kind.PARTNER, Entity.Kind.COMPANY}),
    Entity.Kind.MERCHANT: frozenset({None, Entity.Kind.PARTNER, Entity.Kind.COMPANY}),
    Entity.Kind.CHANNEL: frozenset({Entity.Kind.MERCHANT}),
    Entity.Kind.TERMINAL: frozenset({Entity.Kind.MERCHANT, Entity.Kind.CHANNEL}),
}
"""Kind -> the kinds it may stand under; None is the top of the forest (DESIGN 3)."""


class UserManager(BaseUserManager.from_queryset(PersonQuerySet)):
    def create_user(self, email: str, password: str | None = None, **fields) -> User:
        """Return a new, active person; without `password` nobody can sign in as them yet."""
        user = self.model(email=email.strip().casefold(), **fields)
        user.set_password(password)
        user.save(force_insert=True)
        return user

    def get_by_natural_key(self, email: str) -> User:
        return self.get(email__iexact=email)


class User(AbstractBaseUser):
    """A person who signs in by e-mail. What they may do comes from their memberships alone."""

    person_id = models.CharField(_("person ID"), max_length=20, unique=True, default=new_person_id, editable=False)
    email = models.EmailField(_("e-mail address"), unique=True)
    name = models.CharField(_("name"), max_length=80, blank=True)
    is_active = models.BooleanField(_("may sign in"), default=True)
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)

    objects = UserManager()

    USERNAME_FIELD = EMAIL_FIELD = "email"
    REQUIRED_FIELDS = ()

    class Meta:
        verbose_name = _("person")
        verbose_name_plural = _("people")
        constraints = [models.UniqueConstraint(Lower("email"), name="user_email_any_case")]

    def __str__(self) -> str:
        return self.name or self.email

    def get_absolute_url(self) -> str:
        """The address of the page that platform staff have about this person; for everybody else there is none."""
        return reverse("portal:person", args=[self.person_id])

    @cached_property
    def grants(self) -> tuple[tuple[int | None, str], ...]:
        """Pairs of an entity's primary key (None: the whole platform) and a role, read once a request."""
        return tuple(self.memberships.values_list("entity_id", "role"))

    @property
    def is_staff(self) -> bool:
        """Whether this person may open the Django admin: platform-wide roles only."""
        return any(role in PLATFORM_ROLES for entity, role in self.grants if entity is None)

    @property
    def platform_capabilities(self) -> frozenset[str]:
        """Everything this person may do on the whole platform."""
        return held_on((), self.grants) if self.is_active else frozenset()

    def has_platform_capability(self, capability: str) -> bool:
        """Whether this person holds `capability` on the whole platform."""
        return capability in self.platform_capabilities

    def capabilities_on(self, entity: Entity) -> frozenset[str]:
        """Return everything this person may do on `entity`, through memberships at or above it."""
        if not self.is_active:
            return frozenset()
        chain = Entity.objects.above(entity).values_list("pk", flat=True)
        return held_on(list(chain), self.grants)

    # What the Django admin asks of a user. Each ModelAdmin decides by capability; nobody is a superuser.
    def has_perm(self, perm: str, obj: models.Model | None = None) -> bool:
        return False

    def has_module_perms(self, app_label: str) -> bool:
        return self.is_active and self.is_staff


class Membership(models.Model):
    """A person's role on an entity and its whole subtree, or, without entity, on the whole platform."""

    membership_id = models.CharField(max_length=20, unique=True, default=new_membership_id, editable=False)
    user = models.ForeignKey(User, models.PROTECT, related_name="memberships")
    entity = models.ForeignKey(Entity, models.PROTECT, null=True, blank=True, related_name="memberships")
    role = models.CharField(_("role"), max_length=24, choices=Role)
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)

    objects = MembershipQuerySet.as_manager()

    class Meta:
        verbose_name = _("membership")
        verbose_name_plural = _("memberships")
        constraints = [
            models.UniqueConstraint(fields=["user", "entity", "role"], name="membership_once"),
            models.UniqueConstraint(
                fields=["user", "role"], name="membership_platform_once", condition=Q(entity__isnull=True)
            ),
            models.CheckConstraint(
                name="membership_platform_roles_have_no_entity",
                condition=Q(entity__isnull=True, role__in=sorted(PLATFORM_ROLES))
                | Q(entity__isnull=False) & ~Q(role__in=sorted(PLATFORM_ROLES)),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} · {self.get_role_display()}"


class Invitation(models.Model):
    """A role offered to an e-mail address. How it is made, answered and taken back is in `accounts.invitations`."""

    invitation_id = models.CharField(max_length=20, unique=True, default=new_invitation_id, editable=False)
    entity = models.ForeignKey(Entity, models.PROTECT, null=True, related_name="invitations", editable=False)
    email = models.EmailField(_("e-mail address"), editable=False)
    role = models.CharField(_("role"), max_length=24, choices=Role, editable=False)
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)
    invited_by = models.ForeignKey(User, models.PROTECT, related_name="+", editable=False)
    """Who sent it last: they answer for it, and it is good only as long as they may still give the role."""
    sent_at = models.DateTimeField(_("sent"), editable=False)
    sendings = models.PositiveSmallIntegerField(default=1, editable=False)
    """How often it was sent; each time with a new link, which ends the one before."""
    expires_at = models.DateTimeField(_("expires"), editable=False)
    digest = models.BinaryField(max_length=32, null=True, editable=False)
    """Keyed digest of the link's secret; nothing where the invitation has ended."""
    pepper_id = models.PositiveSmallIntegerField(editable=False)
    ended_at = models.DateTimeField(_("ended"), null=True, editable=False)
    accepted_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", editable=False)

    objects = InvitationQuerySet.as_manager()

    class Meta:
        verbose_name = _("invitation")
        verbose_name_plural = _("invitations")
        constraints = [
            models.UniqueConstraint(
                fields=["entity", "email"], name="invitation_pending_once", condition=Q(ended_at__isnull=True)
            ),
            models.UniqueConstraint(
                fields=["email"],
                name="invitation_platform_pending_once",
                condition=Q(ended_at__isnull=True, entity__isnull=True),
            ),
            # Whatever else goes wrong, an answered or withdrawn invitation has nothing left to be compared with.
            models.CheckConstraint(
                name="invitation_ended_means_destroyed",
                condition=Q(ended_at__isnull=True, digest__isnull=False)
                | Q(ended_at__isnull=False, digest__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.email} · {self.get_role_display()}"

    @property
    def is_expired(self) -> bool:
        """Whether its link is too old. Read from the clock, never stored."""
        return self.expires_at <= timezone.now()


class AuditEvent(models.Model):
    """One link of the audit chain. Written by `accounts.audit` alone; triggers refuse any change afterwards."""

    Type: TypeAlias = EventType

    number = models.BigIntegerField(primary_key=True)
    at = models.DateTimeField(_("time"))
    type = models.CharField(_("event"), max_length=32, choices=known_types)
    actor = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    actor_label = models.CharField(_("by"), max_length=254)
    entity = models.ForeignKey(Entity, models.PROTECT, null=True, related_name="+")
    target = models.CharField(_("object"), max_length=64, blank=True)
    details = models.JSONField(_("details"), default=dict)
    origin = models.CharField(_("origin"), max_length=45, blank=True)
    request_id = models.CharField(_("request ID"), max_length=32, blank=True)
    mac = models.BinaryField(max_length=32)

    objects = AuditEventQuerySet.as_manager()

    class Meta:
        verbose_name = _("audit event")
        verbose_name_plural = _("audit events")
        ordering = ["-number"]
        indexes = [
            models.Index(fields=["entity", "-number"], name="audit_entity_newest"),
            models.Index(fields=["target", "-number"], name="audit_target_newest"),
            models.Index(fields=["actor", "-number"], name="audit_actor_newest"),
            models.Index(fields=["type", "-number"], name="audit_type_newest"),
            models.Index(fields=["at"], name="audit_at"),
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.type} {self.target}"

    @property
    def mark(self) -> tuple[str, str]:
        """The drawing that stands for the event in a list, and its tone."""
        return mark_of(self.type)

    @property
    def outcome(self) -> Outcome:
        """How what it tells of ended."""
        return outcome_of(self.type)
