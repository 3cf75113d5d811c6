"""Where what happens now came from: noted once a request, told to whatever is recorded meanwhile."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

NAT64 = ip_network("64:ff9b::/96")
"""Where IPv4 addresses stand in IPv6 behind a translator (RFC 6052, 2.1); none but those of the internet, 3.1."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a change came from: the caller's address and the ID of the request."""

    address: str = ""
    request_id: str = ""


_origin: ContextVar[Origin] = ContextVar("audit_origin", default=Origin())  # noqa: B039  Origin is frozen


@contextmanager
def origin(address: str, request_id: str) -> Iterator[None]:
    """Note where everything recorded inside the block came from."""
    token = _origin.set(Origin(address[:45], request_id[:32]))
    try:
        yield
    finally:
        _origin.reset(token)


def came_from() -> Origin:
    """Return where what happens now came from."""
    return _origin.get()


def parse(address: str) -> IPv4Address | IPv6Address:
    """Return `address`, of IPv4 also where a listener for both, or a translator, has written it as IPv6.

    Otherwise the whole of IPv4 would look like one IPv6 network. Raises ValueError where it is none.
    """
    parsed = ip_address(address)
    if isinstance(parsed, IPv4Address):
        return parsed
    if parsed in NAT64 and (inside := IPv4Address(parsed.packed[-4:])).is_global:
        return inside
    return parsed.ipv4_mapped or parsed
