"""What a secret looks like wherever it might have been left, and where to look for it."""

import base64
from collections.abc import Iterable
from pathlib import Path

from django.db import connection

from accounts.models import Session
from tokens import formats
from tokens.signing import PREFIX, secret_of


def shapes(secret: str) -> dict[str, bytes]:
    """Return name -> bytes for every shape in which somebody could have kept the secret, or enough of it.

    A secret is a token, an HMAC key or an encryption password; of what stands before it everything may be known.
    """
    presented = formats.parse(secret)
    text = presented.secret if presented else secret.removeprefix(PREFIX)
    middle = len(text) // 2
    half = text[middle:].encode()
    found = {
        "token": secret.encode(),
        "secret": text.encode(),
        "first half": text[:middle].encode(),
        "second half": half,
        "reversed": text[::-1].encode(),
        "UTF-16": text.encode("utf-16-le")[2:-2],
        "hex": half.hex().encode(),
        "HEX": half.hex().upper().encode(),
    }
    for shift in range(3):  # base64 depends on where in a group of three bytes the secret begins
        encoded = base64.b64encode(b"\0" * shift + half)
        found[f"base64 {shift}"] = encoded[4:-4]
        found[f"base64url {shift}"] = encoded[4:-4].translate(bytes.maketrans(b"+/", b"-_"))
    if secret.startswith(PREFIX):
        raw = secret_of(secret)
        found |= {"bytes": raw, "repr": repr(raw)[2:-1].encode(), "bytes in hex": raw.hex().encode()}
    return found


def traces(sink: bytes | str | Path, secrets: Iterable[str]) -> list[str]:
    """Return the names of the shapes of `secrets` that `sink` (bytes, text, or a file) holds."""
    content = sink.read_bytes() if isinstance(sink, Path) else sink.encode() if isinstance(sink, str) else sink
    return [name for secret in secrets for name, shape in shapes(secret).items() if shape in content]


def tables() -> dict[str, str]:
    """Return table -> everything in it as text, bytes also decoded, session data opened."""
    with connection.cursor() as cursor:
        contents = {}
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")  # noqa: S608  names from the database
            contents[table] = "\n".join(as_text(value) for row in cursor.fetchall() for value in row)
    contents["sessions, decoded"] = repr([session.get_decoded() for session in Session.objects.all()])
    return contents


def as_text(value: object) -> str:
    raw = bytes(value) if isinstance(value, bytes | memoryview) else None
    return f"{raw!r} {raw.hex()} {raw.decode('latin-1')}" if raw is not None else str(value)


def database_files() -> list[Path]:
    """Return the files in which SQLite keeps the database of this test; none on PostgreSQL."""
    if connection.vendor != "sqlite":
        return []
    name = str(connection.settings_dict["NAME"])
    return [path for path in (Path(name), Path(f"{name}-wal"), Path(f"{name}-shm")) if path.exists()]


def files_under(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]
