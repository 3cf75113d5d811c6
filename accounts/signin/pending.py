"""A sign-in that waits at the second step: bound to how its person signed in when the password was typed.

It is nobody's session yet, so that none of the verbs that end sessions finds it. Instead it stops to hold by itself:
with another password, with one second factor more or less, and once the person is switched off (OWASP ASVS 5.0, 7.4.3).
"""

from django.http import HttpRequest
from django.utils.crypto import constant_time_compare, salted_hmac

from accounts.models import User
from accounts.signin import factors

BOUND_TO = "pending_bound_to"
"""Where the session keeps what has to be as it was."""


def begin(request: HttpRequest, user: User) -> None:
    """Note how `user` signs in now."""
    request.session[BOUND_TO] = _state_of(user)


def holds(request: HttpRequest, user: User) -> bool:
    """Whether `user` may still finish what began in this browser."""
    return user.is_active and constant_time_compare(request.session.get(BOUND_TO, ""), _state_of(user))


def end(request: HttpRequest) -> None:
    request.session.pop(BOUND_TO, None)


def _state_of(user: User) -> str:
    """Return a keyed digest of the password, as Django binds sessions to it, and of which factors there are."""
    numbers = sorted(factors.second_factors_of(user).values_list("pk", flat=True))
    state = f"{user.get_session_auth_hash()} {numbers}"
    return salted_hmac("accounts.signin.pending", state, algorithm="sha256").hexdigest()
