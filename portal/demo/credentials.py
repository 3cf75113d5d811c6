"""The tokens of the demo: rows with a past, and the two secrets that a visitor gets to try them."""

import secrets
from datetime import timedelta

from accounts.models import AuditEvent, Entity, User
from portal.demo.devices import devices_of
from portal.demo.entities import keeper
from portal.demo.plans import GATEWAYS, Plan, plans_for, stopped
from portal.demo.usage import buckets
from portal.demo.world import World
from tokens import digests, formats
from tokens.models import Token, UsageBucket
from tokens.permissions import SDK_SCOPE, write_scope
from tokens.verification import GOOD

Event = AuditEvent.Type
Status = Token.Status

ROTATED = 2.13
"""Days ago on which a token made way for its successor."""

PASTS: dict[str, tuple[Event, ...]] = {
    Status.ACTIVE: (),
    Status.INACTIVE: (Event.TOKEN_DEACTIVATED,),
    Status.REVOKED: (Event.TOKEN_DEACTIVATED, Event.TOKEN_REVOKED),
    Status.REMOVED: (Event.TOKEN_DEACTIVATED, Event.TOKEN_REMOVED),
}
"""Status -> the events that led to it from active (DESIGN 4)."""


def issue(world: World) -> None:
    """Store every token with its history and usage; the secrets that are kept are in `world.secrets` then."""
    for plan in GATEWAYS:
        _issue(world, plan, None, by=world.people["platform"])
    halted = halted_entities()
    for merchant in [entity for entity in world.entities.values() if entity.is_merchant]:
        issued: dict[str, Token] = {}
        for plan in plans_for(merchant.name, world.rng):
            lived = stopped(plan) if merchant.pk in halted else plan
            by = world.people[plan.author] if plan.author else keeper(world, merchant)
            issued[plan.alias] = _issue(world, lived, merchant, by=by, replaces=issued.get(plan.replaces))
    devices: dict[str, Token] = {}
    for place, user, plan in devices_of(world):
        by, replaced = world.people[plan.author], devices.get(plan.replaces)
        devices[plan.alias] = _issue(world, plan, place, by=by, user=user, replaces=replaced)
    UsageBucket.objects.bulk_create(world.usage, batch_size=1000)


def halted_entities() -> set[int]:
    """Return the primary keys of everything at or below a suspended entity."""
    suspended = Entity.objects.filter(status=Entity.Status.SUSPENDED)
    return {key for top in suspended for key in Entity.objects.below(top).values_list("pk", flat=True)}


def _issue(
    world: World,
    plan: Plan,
    entity: Entity | None,
    *,
    by: User,
    user: User | None = None,
    replaces: Token | None = None,
) -> Token:
    token = _token(world, plan, entity, by=by, replaces=replaces)
    token.user = user
    if plan.kept_as:
        world.secrets[plan.kept_as] = _with_secret(token)
    used = list(buckets(world, plan))
    good = [bucket.last_at for bucket in used if bucket.outcome == GOOD]
    token.last_used_at = max(good) if good else token.last_used_at
    token.save(force_insert=True)
    for bucket in used:
        bucket.token = token
    world.usage += used
    _tell(world, plan, token, by=by)
    return token


def _token(world: World, plan: Plan, entity: Entity | None, *, by: User, replaces: Token | None) -> Token:
    ended = plan.status in {Status.REVOKED, Status.REMOVED}
    born = world.ago(plan.born)
    changed = world.ago(plan.changed) if plan.status != Status.ACTIVE else None
    return Token(
        entity=entity,
        kind=_kind(plan, entity),
        key_id=plan.key_id or world.base62(formats.KEY_ID_LENGTH),
        alias=plan.alias,
        mode=plan.mode,
        status=plan.status,
        scope=write_scope(plan.permissions) if entity else "",
        # Random, and the digest of nothing: nobody holds a secret of this token, not even the demo.
        digest=None if ended else secrets.token_bytes(32),
        pepper_id=digests.newest_pepper(),
        last4=world.base62(4),
        created_at=born,
        created_by=by,
        changed_at=changed,
        changed_by=by if changed else None,
        ended_at=changed if ended else None,
        expires_at=world.ago(plan.expires) if plan.expires is not None else None,
        retiring_since=world.ago(ROTATED) if plan.formerly else None,
        last_used_at=world.ago(plan.last_used) if plan.last_used is not None else None,
        replaces=replaces,
    )


def _kind(plan: Plan, entity: Entity | None) -> str:
    if entity is None:
        return Token.Kind.GATEWAY
    return Token.Kind.SDK if plan.permissions == SDK_SCOPE else Token.Kind.API


def _with_secret(token: Token) -> str:
    """Give `token` a secret of its own, fresh from the operating system, and return it."""
    minted = formats.mint(token.kind, token.mode)._replace(key_id=token.key_id)
    text = formats.write(minted)
    token.digest, token.last4 = digests.digest(minted, token.pepper_id), text[-4:]
    return text


def _tell(world: World, plan: Plan, token: Token, *, by: User) -> None:
    """Note what has happened to `token` since it was made."""
    about = {"by": by, "entity": token.entity, "target": token.key_id}
    created = Event.TOKEN_CREATED if token.entity else Event.GATEWAY_CREATED
    alias = plan.formerly or plan.alias
    world.history.note(token.created_at, created, **about, alias=alias, mode=token.mode, scope=token.scope)
    if plan.formerly:
        world.history.note(world.ago(ROTATED), Event.TOKEN_ROTATED, **about, alias=plan.alias)
    for step, event in enumerate(reversed(PASTS[plan.status])):
        at = world.ago(plan.changed) - timedelta(minutes=19 * step)
        world.history.note(at, event, **about, alias=plan.alias)
