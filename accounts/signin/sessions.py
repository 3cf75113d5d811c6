"""Sessions: where Django keeps them, how long they last, and where a person is signed in.

A session ends by the server's clock: fifteen minutes after its person asked for something, and twelve hours after the
sign-in (PCI DSS 4.0, 8.2.8). The end stands in the row, so that an old session is not found instead of being refused.
The row holds a hash of the session's key: who reads the database cannot sign in with it.
"""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends import db
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest
from django.utils import timezone

from accounts import audit
from accounts.models import AuditEvent, Session, User
from accounts.trust import BEGAN_AT, IDLE, LONGEST

STEP = timedelta(seconds=30)
"""How much time may pass between two notes of somebody's presence: fewer writes, at the cost of half a minute."""

NOBODY = timedelta(hours=1)
"""How long it is remembered where somebody stands who has not signed in yet."""


class SessionStore(db.SessionStore):
    """Django's sessions in the database, with a person, an end and a hashed key."""

    seen_at: datetime | None = None
    ends_at: datetime | None = None
    """When its person was noted last, and when it ends; None before it is loaded, or where it is new."""

    @classmethod
    def get_model_class(cls) -> type[Session]:
        return Session

    def exists(self, session_key: str) -> bool:
        return Session.objects.filter(pk=at_rest(session_key)).exists()

    def create_model_instance(self, data: dict[str, Any]) -> Session:
        row = super().create_model_instance(data)
        row.session_key, row.user_id, row.seen_at = at_rest(row.session_key), data.get(SESSION_KEY), timezone.now()
        return row

    def delete(self, session_key: str | None = None) -> None:
        key = session_key or self.session_key
        if key:
            Session.objects.filter(pk=at_rest(key)).delete()

    def get_expiry_date(self, **_: Any) -> datetime:
        """Return when this session ends if its person asks for nothing any more."""
        now = timezone.now()
        began_at = self.get(BEGAN_AT)
        if SESSION_KEY not in self:
            return now + NOBODY
        if not isinstance(began_at, float):
            return now
        return min(now + timedelta(seconds=IDLE), datetime.fromtimestamp(began_at, UTC) + timedelta(seconds=LONGEST))

    def _get_session_from_db(self) -> Session | None:
        row: Session | None = Session.objects.filter(
            pk=at_rest(self.session_key), expire_date__gt=timezone.now()
        ).first()
        if row is None:
            self._session_key = None
            return None
        self.seen_at, self.ends_at = row.seen_at, row.expire_date
        return row


def at_rest(key: str) -> str:
    """Return what is stored of the key of a session: 160 bits of SHA-256."""
    return hashlib.sha256(key.encode()).hexdigest()[:40]


def note_presence(store: SessionStore, *, at_once: bool = False) -> None:
    """Let the session of `store` last on, because its person has just asked for something."""
    now = timezone.now()
    if store.seen_at is None or (now - store.seen_at < STEP and not at_once):
        return
    store.seen_at, store.ends_at = now, store.get_expiry_date()
    Session.objects.filter(pk=at_rest(store.session_key)).update(seen_at=now, expire_date=store.ends_at)


def seconds_left(store: SessionStore) -> int:
    """Return how long the session of `store` lasts if nothing happens."""
    return max(0, int(((store.ends_at or store.get_expiry_date()) - timezone.now()).total_seconds()))


def can_last(store: SessionStore) -> bool:
    """Whether the session of `store` can last longer than it would by itself: not beyond twelve hours."""
    return store.get_expiry_date() > (store.ends_at or timezone.now()) + timedelta(seconds=1)


def sessions_of(user: User) -> QuerySet[Session]:
    """Return the sessions in which `user` is signed in, the one seen last first."""
    return Session.objects.filter(user=user, expire_date__gt=timezone.now()).order_by("-seen_at")


def get(user: User, key: str) -> Session:
    """Return the session of `user` with this stored key. Raises Http404 for anybody else's as for none."""
    found = sessions_of(user).filter(pk=key).first()
    if found is None:
        raise Http404
    return found


def is_this_one(session: Session, request: HttpRequest) -> bool:
    """Whether `session` is that of the request."""
    return session.pk == at_rest(request.session.session_key)


def clear_away() -> None:
    """Forget the sessions that are over, with where they came from."""
    over = Session.objects.filter(expire_date__lte=timezone.now())
    over.delete()


def end(session: Session, *, by: User) -> None:
    """Sign `by` out in another browser: its next request is that of nobody."""
    with transaction.atomic():
        ended = Session.objects.filter(pk=session.pk)
        ended.delete()
        audit.record(AuditEvent.Type.SIGNED_OUT_ELSEWHERE, by=by, target=by.person_id, count=1)


def end_all(user: User) -> int:
    """Sign `user` out everywhere; return of how many sessions."""
    ended = sessions_of(user)
    return ended.delete()[0]


def end_everybodys() -> int:
    """Sign everybody out everywhere; return of how many sessions. For a database that knows old ones again."""
    ended = Session.objects.exclude(user=None)
    return ended.delete()[0]


def end_others(request: HttpRequest) -> int:
    """Sign the person behind `request` out everywhere else; return of how many sessions."""
    with transaction.atomic():
        ended = sessions_of(request.user).exclude(pk=at_rest(request.session.session_key))
        count: int = ended.delete()[0]
        if count:
            audit.record(
                AuditEvent.Type.SIGNED_OUT_ELSEWHERE, by=request.user, target=request.user.person_id, count=count
            )
    return count
