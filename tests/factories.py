"""Rows for tests: plain functions that go through the verbs wherever a person would."""

import itertools
from datetime import timedelta
from functools import cache

from django.contrib.auth.hashers import make_password

from accounts import audit, invitations, lifecycle
from accounts.models import Entity, Invitation, Membership, User
from accounts.permissions import Role
from tokens import lifecycle as token_lifecycle
from tokens.models import Token

PASSWORD = "a long password for tests"
SETUP = audit.Operator("test setup")

_numbers = itertools.count(1)


@cache
def hashed_password() -> str:
    """Return PASSWORD as it is stored: hashed once a process, since Argon2id takes a tenth of a second by design."""
    return make_password(PASSWORD)


def make_entity(kind: str, name: str = "", *, under: Entity | None = None) -> Entity:
    """Return a new entity with its position as the database has it now."""
    entity = lifecycle.add(kind=kind, name=name or f"{kind.title()} {next(_numbers)}", under=under, by=SETUP)
    return Entity.objects.get(pk=entity.pk)


def make_merchant(name: str = "", *, under: Entity | None = None) -> Entity:
    return make_entity(Entity.Kind.MERCHANT, name, under=under)


def make_user(role: str | None = None, *, on: Entity | None = None, email: str = "", name: str = "") -> User:
    """Return a new person, with `role` on `on` (None: the whole platform) where a role is given."""
    user = User.objects.create_user(email or f"person{next(_numbers)}@test.example", name=name)
    user.password = hashed_password()
    user.save(update_fields=["password"])
    if role:
        give_role(user, role, on=on)
    return user


def give_role(user: User, role: str, *, on: Entity | None = None) -> None:
    Membership(user=user, role=role, entity=on).save(force_insert=True)
    user.__dict__.pop("grants", None)


def make_administrator(entity: Entity) -> User:
    return make_user(Role.ADMINISTRATOR, on=entity)


def make_invitation(entity: Entity | None, email: str = "", *, role: str = "", by: User) -> tuple[Invitation, str]:
    """Return a new invitation, as if it had been sent two minutes ago, and the secret of its link."""
    role = role or (Role.VIEWER if entity else Role.SUPPORT)
    invitation, secret = invitations.invite(
        entity, email=email or f"invited{next(_numbers)}@test.example", role=role, by=by
    )
    Invitation.objects.filter(pk=invitation.pk).update(sent_at=invitation.sent_at - timedelta(minutes=2))
    return Invitation.objects.get(pk=invitation.pk), secret


def make_token(merchant: Entity, **options) -> tuple[Token, str]:
    """Return a new API token of `merchant` and its secret string."""
    return token_lifecycle.create(merchant, by=SETUP, **options)


def make_gateway(**options) -> tuple[Token, str]:
    """Return a new gateway credential and its secret string."""
    return token_lifecycle.create(None, kind=Token.Kind.GATEWAY, by=SETUP, alias="Test gateway", **options)


def put_into(token: Token, status: str) -> Token:
    """Bring `token` from active into `status` by the verbs that lead there; return it as it is then."""
    verbs = {
        "active": (),
        "inactive": ("deactivate",),
        "revoked": ("deactivate", "revoke"),
        "removed": ("deactivate", "remove"),
    }
    for verb in verbs[status]:
        getattr(token_lifecycle, verb)(Token.objects.get(pk=token.pk), by=SETUP)
    return Token.objects.get(pk=token.pk)
