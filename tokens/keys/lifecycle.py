"""How the keys in a merchant's five slots change: create, renew, revoke, promote, reveal (S4-11 ... S4-22).

As in `tokens.lifecycle`, every verb is conditional and writes its audit events in the same transaction; it raises
Refused, having changed nothing, where the slot is not (or no longer) in a state that allows it. The merchant's row is
locked first, so that two verbs on the same merchant's slots stand in line on both databases.
"""

import base64
import secrets
from datetime import timedelta

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables

from accounts import audit
from accounts.lifecycle import is_stopped
from accounts.models import AuditEvent, Entity, User
from accounts.permissions import Capability
from accounts.refusals import Refused
from tokens import digests, formats, vault
from tokens.keys.slots import ENCRYPTION, PAIRS, SLOTS, Slot
from tokens.lifecycle import empty_journal, stamp
from tokens.models import SharedKey, Token
from tokens.permissions import CATALOGUE, write_scope

Key = SharedKey | Token
"""What fills a slot: a key that can be read again, or a bearer token."""

Event = AuditEvent.Type
LIVING = (Token.Status.ACTIVE, Token.Status.INACTIVE)
"""States in which a key fills its slot. Only a REST API key can be inactive: support may deactivate it."""

CAPABILITY = {
    "create": Capability.KEY_EDIT,
    "renew": Capability.KEY_EDIT,
    "revoke": Capability.KEY_EDIT,
    "promote": Capability.KEY_EDIT,
    "reveal": Capability.KEY_REVEAL,
}
"""Verb -> what it needs (S4-6)."""

MOST_REVEALS = 10
"""How often one person may reveal keys in an hour: enough for work, too little for carrying them all away."""

PASSWORD_LENGTH = 24
"""Characters of base62: 142 bits."""


def keys_of(merchant: Entity, mode: str) -> dict[str, Key]:
    """Return what fills the slots of `merchant` in `mode`, by the slot's name; an empty slot is not in it."""
    keys: list[Key] = [*_living(SharedKey, merchant, mode), *_living(Token, merchant, mode)]
    return {key.slot: key for key in keys}


def check_owner(entity: Entity) -> None:
    """Raise Refused unless `entity` has slots at all: only merchants do (S4-7)."""
    if not entity.is_merchant:
        raise Refused(_("Integration keys belong to merchants. Choose a merchant in the account tree."))


def check(verb: str, slot: Slot, key: Key | None) -> None:
    """Raise Refused, with a sentence, where `verb` cannot be done on `slot`, which `key` fills (None: nothing)."""
    words = {"slot": slot.label}
    if verb == "create" and key is not None:
        raise Refused(_("“%(slot)s” is filled already. Renew the key, or revoke it first.") % words)
    if verb != "create" and key is None:
        raise Refused(_("“%(slot)s” is empty. Create a key first.") % words)
    if verb == "reveal" and not slot.is_recoverable:
        raise Refused(_("A REST API key is shown once, at its creation, and never again. Renew it instead."))


def can(verb: str, slot: Slot, key: Key | None, *, held: frozenset[str], stopped: bool) -> bool:
    """Whether `verb` is offered to somebody who holds `held` on the merchant, which is suspended or not."""
    try:
        check(verb, slot, key)
    except Refused:
        return False
    return CAPABILITY[verb] in held and not (stopped and verb in {"create", "renew"})


@sensitive_variables()
def create(merchant: Entity, slot: Slot, *, mode: str, by: audit.Actor, note: str = "") -> tuple[Key, str]:
    """Fill an empty slot, and return the key, which works at once, with its secret (S4-11).

    Raises Refused where the slot is filled, the entity is no merchant, or it is suspended.
    """
    with transaction.atomic():
        check("create", slot, _locked(merchant, mode).get(slot.name))
        key, secret = fill(merchant, slot, mode=mode, by=by, note=note)
        _record(Event.KEY_CREATED, key, by=by)
    return key, secret


@sensitive_variables()
def renew(key: Key, *, by: audit.Actor, reason: str = "") -> tuple[Key, str]:
    """Put a new key in the place of `key`, and return it with its secret; `key` is dead from now on (S4-13, S4-15).

    Raises Refused where `key` does not fill its slot any more: the same form sent twice renews once.
    """
    slot = SLOTS[key.slot]
    with transaction.atomic():
        _locked(key.entity, key.mode)
        _end(key, slot, by=by)
        new, secret = fill(key.entity, slot, mode=key.mode, by=by, note=key.description, replaces=key)
        _record(Event.KEY_RENEWED, new, by=by, replaced=key.key_id, **_why(reason))
    return new, secret


def revoke(key: Key, *, by: audit.Actor, reason: str = "") -> None:
    """Deactivate `key` and destroy it, in one step with two events: its slot is empty then (S4-16, S4-18, C4)."""
    slot = SLOTS[key.slot]
    with transaction.atomic():
        _locked(key.entity, key.mode, even_stopped=True)
        _end(key, slot, by=by)
        if key.status == Token.Status.ACTIVE:
            _record(Event.KEY_DEACTIVATED, key, by=by, **_why(reason))
        _record(Event.KEY_REVOKED, key, by=by, **_why(reason))


def check_promotion(keys: dict[str, Key]) -> dict[str, str]:
    """Return the pairs (primary slot -> secondary one) that would change places. Raises Refused where there is none."""
    pairs = {primary: secondary for primary, secondary in PAIRS.items() if secondary in keys}
    if not pairs:
        raise Refused(_("There is no secondary key that could be promoted. Create one first."))
    return pairs


def written(keys: dict[str, Key]) -> str:
    """Return which key fills which slot, as one word: by it a form says what it showed."""
    return ".".join(f"{slot}-{keys[slot].key_id}" for slot in sorted(keys))


def promote(merchant: Entity, *, mode: str, by: audit.Actor, shown: str = "") -> list[str]:
    """Let each secondary key and its primary one change places, without another value (S4-22).

    Returns the primary slots whose key is another one now. Where a primary slot was empty, the secondary one is empty
    afterwards. Raises Refused where there is no secondary key.
    """
    with transaction.atomic():
        keys = _locked(merchant, mode)
        pairs = check_promotion(keys)
        if shown and shown != written(keys):
            raise Refused(_("These keys have changed meanwhile. Nothing was changed now."))
        for primary, secondary in pairs.items():
            if primary in keys:
                _move(keys[primary], "", by=by)
            _move(keys[secondary], primary, by=by)
            if primary in keys:
                _move(keys[primary], secondary, by=by)
        slots = {primary: keys[secondary].key_id for primary, secondary in pairs.items()}
        audit.record(Event.KEYS_PROMOTED, by=by, entity=merchant, target=merchant.entity_id, mode=mode, **slots)
    return list(pairs)


@sensitive_variables()
def reveal(key: SharedKey, *, by: User) -> str:
    """Return the value of `key` to a person, at most MOST_REVEALS times an hour; each time is an event (C1).

    Raises Refused beyond that, or where `key` is revoked meanwhile or cannot be read.
    """
    with transaction.atomic():
        # Two tries at once stand in line here, so that the limit is exact.
        person = User.objects.select_for_update(no_key=True).get(pk=by.pk)
        since = timezone.now() - timedelta(hours=1)
        recent = AuditEvent.objects.filter(actor=person, type=Event.KEY_REVEALED, at__gt=since)
        if recent.count() >= MOST_REVEALS:
            words = {"most": MOST_REVEALS}
            raise Refused(_("You have revealed %(most)d keys within an hour, the most a person may. Wait.") % words)
        value = _value(key)
        _record(Event.KEY_REVEALED, key, by=by)
    return value


@sensitive_variables()
def read(key: SharedKey, *, by: audit.Actor) -> str:
    """Return the value of `key` to the platform itself, with an event: a use of it. Raises Refused as `reveal` does."""
    with transaction.atomic():
        value = _value(key)
        SharedKey.objects.filter(pk=key.pk).update(last_used_at=timezone.now())
        _record(Event.KEY_READ, key, by=by)
    return value


@sensitive_variables()
def _value(key: SharedKey) -> str:
    now = SharedKey.objects.working().filter(pk=key.pk).first()
    if now is None:
        raise Refused(_("This key has been revoked or renewed meanwhile. Load the page again."))
    try:
        return vault.open_(now).decode("ascii")
    except vault.Unreadable:
        raise Refused(_("This key cannot be read. Whoever runs Keyhouse finds out why with /readyz.")) from None


def _living(model: type[SharedKey] | type[Token], merchant: Entity, mode: str) -> QuerySet:
    living = model._default_manager.filter(entity=merchant, mode=mode, status__in=LIVING).exclude(slot="")
    return living.select_related("entity", "created_by")


def _locked(merchant: Entity, mode: str, *, even_stopped: bool = False) -> dict[str, Key]:
    """Lock the row of `merchant` for this transaction, and return its keys. Raises Refused where it may have none."""
    owner = Entity.objects.select_for_update(no_key=True).get(pk=merchant.pk)
    check_owner(owner)
    if not even_stopped and is_stopped(owner):
        raise Refused(_("“%(name)s” is suspended. Change its keys once it is active again.") % {"name": owner.name})
    return keys_of(owner, mode)


@sensitive_variables()
def fill(
    merchant: Entity, slot: Slot, *, mode: str, by: audit.Actor, note: str, replaces: Key | None = None
) -> tuple[Key, str]:
    """Make the key that fills an empty slot, without an event: a verb's part, and the demo's."""
    row = {
        "entity": merchant,
        "slot": slot.name,
        "mode": mode,
        "alias": str(slot.label),
        "description": note,
        "created_by": by if isinstance(by, User) else None,
        "replaces": replaces,
    }
    if not slot.is_recoverable:
        return _bearer(row)
    value = _random_password() if slot.name == ENCRYPTION else _random_hmac_key()
    key = SharedKey(key_id=formats.random_text(formats.KEY_ID_LENGTH), last4=_last4(value), **row)
    vault.seal(value.encode("ascii"), key)
    key.save(force_insert=True)
    return key, value


@sensitive_variables()
def _bearer(row: dict) -> tuple[Token, str]:
    minted = formats.mint(Token.Kind.API, row["mode"])
    text, pepper_id = formats.write(minted), digests.newest_pepper()
    digest = digests.digest(minted, pepper_id)
    token = Token(key_id=minted.key_id, digest=digest, pepper_id=pepper_id, last4=text[-4:], **row)
    token.scope = write_scope(CATALOGUE)
    token.save(force_insert=True)
    return token, text


def _end(key: Key, slot: Slot, *, by: audit.Actor) -> None:
    """Destroy what `key` is, if it still fills `slot`; in the file and in SQLite's journal."""
    gone = {"ciphertext": None} if isinstance(key, SharedKey) else {"digest": None}
    same = type(key)._default_manager.filter(pk=key.pk, slot=slot.name, status=key.status)
    ended = {"status": Token.Status.REVOKED, "ended_at": timezone.now()} | gone | stamp(by)
    if key.status not in LIVING or not same.update(**ended):
        raise Refused(_("This key has been revoked or renewed meanwhile. Nothing was changed now."))
    transaction.on_commit(empty_journal, robust=True)


@sensitive_variables()
def _move(key: Key, to: str, *, by: audit.Actor) -> None:
    """Put `key` into the slot `to`; a recoverable one is sealed again, since it is bound to its slot."""
    came_from = key.slot
    changed: dict[str, object] = {"slot": to} | stamp(by)
    if to:
        changed["alias"] = str(SLOTS[to].label)
    if isinstance(key, SharedKey):
        value = vault.open_(key)
        key.slot = to
        vault.seal(value, key)
        changed |= {"ciphertext": key.ciphertext, "vault_key": key.vault_key}
    key.slot = to
    same = type(key)._default_manager.filter(pk=key.pk, slot=came_from, status__in=LIVING)
    if not same.update(**changed):
        raise Refused(_("These keys have changed meanwhile. Nothing was changed now."))


def _record(event: Event, key: Key, *, by: audit.Actor, **details: str) -> None:
    audit.record(event, by=by, entity=key.entity, target=key.key_id, slot=key.slot, mode=str(key.mode), **details)


def _why(reason: str) -> dict[str, str]:
    return {"reason": reason} if reason else {}


def _last4(value: str) -> str:
    return value.rstrip("=")[-4:]


def _random_hmac_key() -> str:
    """Return 32 random bytes as Standard Webhooks 1.0 writes a symmetric key."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode("ascii")


def _random_password() -> str:
    return formats.random_text(PASSWORD_LENGTH)
