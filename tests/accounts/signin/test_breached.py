"""New passwords are looked for among those that came out of breaches elsewhere (OWASP ASVS 5.0, 6.2.12)."""

import hashlib

import pytest
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ImproperlyConfigured, ValidationError

from portal.environment import read_breached

BREACHED = [f"a breached password, number {number}" for number in range(200)]


def hash_of(password: str) -> str:
    return hashlib.sha1(password.encode(), usedforsecurity=False).hexdigest().upper()


@pytest.fixture(params=["\n", "\r\n", ":12\n"], ids=["plain", "crlf", "counted"])
def collection(request, settings, tmp_path):
    path = tmp_path / "breached.txt"
    path.write_bytes(b"".join(f"{each}{request.param}".encode() for each in sorted(map(hash_of, BREACHED))))
    settings.BREACHED_PASSWORDS = path
    return path


def faults_of(password: str) -> list[str]:
    try:
        validate_password(password)
    except ValidationError as error:
        return [each.code for each in error.error_list]
    return []


def test_each_password_of_the_collection_is_refused_and_no_other(collection):
    assert {tuple(faults_of(password)) for password in BREACHED} == {("breached",)}
    assert not any(faults_of(f"{password}!") for password in BREACHED)


def test_without_a_collection_nothing_is_looked_for():
    assert not faults_of(BREACHED[0])


@pytest.mark.parametrize("content", [None, b"", b"password\n", b"5F4DCC3B5AA765D61D8327DEB882CF99\n"])
def test_a_file_that_is_none_stops_the_start(monkeypatch, tmp_path, content):
    path = tmp_path / "breached.txt"
    if content is not None:
        path.write_bytes(content)
    monkeypatch.setenv("KEYHOUSE_BREACHED_PASSWORDS", str(path))
    with pytest.raises(ImproperlyConfigured, match="KEYHOUSE_BREACHED_PASSWORDS"):
        read_breached()


def test_the_file_that_is_named_is_the_one_that_is_read(monkeypatch, collection):
    assert read_breached() is None
    monkeypatch.setenv("KEYHOUSE_BREACHED_PASSWORDS", str(collection))
    assert read_breached() == collection
