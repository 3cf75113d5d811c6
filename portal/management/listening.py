"""Whether a command may listen where it was told to."""

import socket

from django.core.management.base import CommandError

from portal.management.operators import WRONG_USE


def check_port(host: str, port: int) -> None:
    """Raise CommandError where nothing can listen at `host` and `port` now.

    The server would not notice: its workers share their port with whatever else has it (SO_REUSEPORT), and another
    Keyhouse, with another database, would be asked every other question.
    """
    if not 0 < port < 65_536:
        raise CommandError("--port: Choose a number from 1 to 65535.", returncode=WRONG_USE)
    try:
        family, kind, protocol, _name, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port just let go of is free
            probe.bind(address)
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise CommandError(f"Nothing can listen on port {port} of {host}: {why}. Choose another with --port.") from None
