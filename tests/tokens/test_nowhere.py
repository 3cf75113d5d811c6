"""What machines get where no endpoint is: never a page, never a redirect.

OWASP ASVS 5.0: 4.1.1, 4.1.2; TRAPS: redirects and pages are faults for a gateway.
"""

import io
import json
from http import HTTPStatus

import pytest

from portal.wsgi import application
from tokens.gateway import authorize, introspect, keys, signatures


def ask(path: str, method: str) -> tuple[HTTPStatus, dict[str, str], bytes]:
    started = []
    environ = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": io.StringIO(),
    }
    content = b"".join(application(environ, lambda line, headers, _=None: started.append((line, dict(headers)))))
    ((line, headers),) = started
    return HTTPStatus(int(line.split()[0])), headers, content


@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS", "PUT"])
@pytest.mark.parametrize("path", ["/gateway/", "/gateway/nowhere", "/gateway/signatures/x", "/oauth/", "/oauth/token"])
def test_an_address_without_an_endpoint_is_a_problem_and_no_page(settings, path, method):
    settings.SECURE_SSL_REDIRECT = True
    status, headers, content = ask(path, method)
    assert status == HTTPStatus.NOT_FOUND
    assert headers["Content-Type"] == "application/problem+json"
    assert json.loads(content)["detail"] == "There is no such endpoint."
    assert "Location" not in headers


@pytest.mark.parametrize("path", [authorize.PATH, introspect.PATH, signatures.SIGN, signatures.VERIFY, keys.PATH])
def test_a_slash_too_many_is_the_endpoint_itself(db, settings, path):
    settings.SECURE_SSL_REDIRECT = True
    with_slash, without = (ask(each, "POST") for each in (f"{path}/", path))
    assert with_slash == without
    assert with_slash[0] in {HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED}
