"""Tries to be somebody: counted before they are evaluated, for each person and address on its own.

Ten tries lock that person for that address for half an hour (PCI DSS 4.0, 8.3.4). Nobody else is locked, and neither is
the same person elsewhere: otherwise everybody could lock out everybody. One statement counts and tells, so that tries
at the same moment, on any worker, stand in line.
"""

from enum import StrEnum
from ipaddress import IPv6Address, ip_network
from time import time

from django.db import connection
from django.utils.crypto import salted_hmac

from accounts import origin
from accounts.signin.models import Tries

MOST = 10
"""Tries that are evaluated from one address."""

MOST_OF_CODES = 20
"""Tries at the codes of one person from everywhere together (NIST SP 800-63B, 3.2.2): whoever gets as far knows the
password, so that it is no way of locking strangers out. An app's code is one of three in a million at any moment."""

LOCKED_FOR = 30 * 60
"""Seconds until it is forgotten, counted from the last try that was evaluated."""

CODES_LOCKED_FOR = 24 * 3600
"""The same for codes from everywhere: a day, so that patience finds none."""

EVERYWHERE = ""
"""The address that stands for all of them."""

COUNT = """INSERT INTO accounts_tries (whose, address, count, until) VALUES (%s, %s, 1, %s)
ON CONFLICT (whose, address) DO UPDATE SET
count = CASE WHEN accounts_tries.until <= %s THEN 1 WHEN accounts_tries.count > %s THEN accounts_tries.count
    ELSE accounts_tries.count + 1 END,
until = CASE WHEN accounts_tries.until > %s AND accounts_tries.count >= %s THEN accounts_tries.until
    ELSE excluded.until END
RETURNING count"""


class Kind(StrEnum):
    """What is tried. Each has its own count: a right password must not make up for wrong codes."""

    PASSWORD = "password"  # noqa: S105  a word, no password
    CODE = "code"


def admit(kind: Kind, account: str, address: str) -> bool:
    """Count one more try at `kind` of `account` (an e-mail address) from `address`; return whether to evaluate it."""
    if _count(kind, account, _place(address), most=MOST, lasts=LOCKED_FOR) > MOST:
        return False
    if kind != Kind.CODE:
        return True
    return _count(kind, account, EVERYWHERE, most=MOST_OF_CODES, lasts=CODES_LOCKED_FOR) <= MOST_OF_CODES


def is_last(kind: Kind, account: str, address: str) -> bool:
    """Whether the last try that was counted is the last one that is evaluated: then the account's owner is told."""
    tries = Tries.objects.filter(whose=_digest(kind, account), address__in=[_place(address), EVERYWHERE])
    counts = dict(tries.values_list("address", "count"))
    here = counts.get(_place(address), 0)
    return here == MOST or (here < MOST and counts.get(EVERYWHERE) == MOST_OF_CODES)


def forget(kind: Kind, account: str, address: str) -> None:
    """Begin anew after a try that was right; and clear away what is over."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM accounts_tries WHERE until <= %s OR (whose = %s AND address IN (%s, %s))",
            [int(time()), _digest(kind, account), _place(address), EVERYWHERE],
        )


def forget_codes(account: str) -> None:
    """Begin anew with the codes of `account` from everywhere, since its factors are gone."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM accounts_tries WHERE whose = %s", [_digest(Kind.CODE, account)])


def _count(kind: Kind, account: str, place: str, *, most: int, lasts: int) -> int:
    now = int(time())
    with connection.cursor() as cursor:
        cursor.execute(COUNT, [_digest(kind, account), place, now + lasts, now, most, now, most])
        count: int = cursor.fetchone()[0]
        return count


def _digest(kind: Kind, account: str) -> str:
    return salted_hmac(
        "accounts.signin.attempts", f"{kind} {account.strip().casefold()}", algorithm="sha256"
    ).hexdigest()


def _place(address: str) -> str:
    """Return `address`, of IPv6 the network: one subscriber has 2**64 addresses."""
    try:
        parsed = origin.parse(address)
    except ValueError:
        return "unknown"
    return str(ip_network((parsed, 64), strict=False) if isinstance(parsed, IPv6Address) else parsed)
