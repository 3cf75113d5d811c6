"""`docs/guides/services.md`: every file in it is written out and run, against a real Keyhouse."""

import ast
import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path

import pytest

from tests import processes
from tests.factories import SETUP, make_token
from tests.processes import HOST, ROOT, Server, free_port
from tests.tokens.clients import Edge
from tests.tokens.conftest import House, with_another_secret
from tokens import lifecycle
from tokens.models import Token
from tokens.permissions import VIEW

pytestmark = pytest.mark.django_db(transaction=True)
OK, UNAUTHORIZED, FORBIDDEN = HTTPStatus.OK, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN
UNAVAILABLE = HTTPStatus.SERVICE_UNAVAILABLE

GUIDE = (ROOT / "docs" / "guides" / "services.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"^```python\n# (\w+\.py)\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL))

# What Django needs around the guide's middleware and views to be a service.
DJANGO = """
from django.conf import settings
settings.configure(ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, SECRET_KEY="not one", MIDDLEWARE=[
    "django.middleware.security.SecurityMiddleware", "middleware.KeyhouseMiddleware",
    "django.middleware.common.CommonMiddleware",
])
from django.core.wsgi import get_wsgi_application
app = get_wsgi_application()
from django.urls import path
import views
urlpatterns = [
    path("payments/", views.payments), path("entities/<entity_id>/payments/", views.payments),
    path("health", views.health), path("forgotten", views.forgotten),
]
"""
SERVICES = {"django_service": "wsgi", "fastapi_service": "asgi", "wsgi_service": "wsgi"}
INTROSPECT = """
import json, sys, introspection, keyhouse
for token, permission, mode in json.load(sys.stdin):
    try:
        print(json.dumps(introspection.introspect(token, permission=permission, mode=mode)["sub"]))
    except keyhouse.Refused as refusal:
        print(refusal.status)
"""


NO_CREDENTIAL = [
    "Authorization: Bearer {good}, Bearer {good}", "Authorization: Basic {good}", "Authorization: Bearer \xff\xfe",
    "Authorization: Bearer \u00b2", "Authorization: Bearer " + "a" * 7_000, "Cookie: token={good}",
    "Authorization: Bearer nonsense\r\nAuthorization: Bearer {good}",
    "Authorization: Bearer {good}\r\nAuthorization: Bearer nonsense",
]  # fmt: skip


def written(folder: Path) -> Path:
    """Write the guide's files into `folder` as they stand there."""
    for name, text in FILES.items():
        (folder / name).write_text(text, encoding="utf-8")
    (folder / "django_service.py").write_text(DJANGO, encoding="utf-8")
    return folder


def environment(folder: Path, *, keyhouse: int, credential: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("KEYHOUSE_", "DJANGO_"))}
    # A proxy of the environment would be asked first, and nothing listens there.
    own = {
        "KEYHOUSE_URL": f"http://{HOST}:{keyhouse}",
        "KEYHOUSE_GATEWAY": credential,
        "HTTP_PROXY": "http://127.0.0.1:1",
    }
    return kept | own | {"PYTHONPATH": str(folder)}


@contextmanager
def service(name: str, folder: Path, *, keyhouse: int, credential: str) -> Iterator[Server]:
    """Serve one of the guide's services, which asks Keyhouse on this port."""
    port = free_port()
    words = [sys.executable, "-m", "granian", "--interface", SERVICES[name], "--host", HOST, "--port", str(port)]
    words += ["--workers", "1", "--no-ws", "--log-level", "warning", f"{name}:app"]
    env = environment(written(folder), keyhouse=keyhouse, credential=credential)
    with processes.running(words, port=port, log=folder / f"{name}.log", env=env) as server:
        yield server


@pytest.fixture(scope="module")
def portal(django_db_setup, tmp_path_factory) -> Iterator[Server]:
    with processes.portal(tmp_path_factory.mktemp("portal"), workers=1, KEYHOUSE_USAGE_FLUSH_SECONDS="3600") as server:
        yield server


def test_the_guide_has_no_file_that_is_not_run():
    assert set(FILES) == {
        "keyhouse.py", "middleware.py", "views.py", "fastapi_service.py", "wsgi_service.py", "introspection.py",
    }  # fmt: skip
    assert GUIDE.count("```python") == len(FILES)
    for text in FILES.values():
        ast.parse(text)
        assert max(map(len, text.splitlines())) <= 120


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_serves_those_whom_keyhouse_names_and_nobody_else(name: str, house: House, portal: Server, tmp_path):
    """S0-11, S0-32, S0-34."""
    _, reads = make_token(house.merchant, permissions=VIEW)
    _, test = make_token(house.merchant, mode="test")
    unheard_of = ("/entities", f"//entities/{house.sibling.entity_id}/payments/", "/./payments/")
    with service(name, tmp_path, keyhouse=portal.port, credential=house.gateway_secret) as server:
        edge = Edge(server.port, house)
        for path, secret, expected in [
            ("/payments/", "", OK),
            ("/payments/", None, UNAUTHORIZED),
            ("/payments/", "nonsense", UNAUTHORIZED),
            ("/payments/", with_another_secret(house.secret), UNAUTHORIZED),
            ("/payments/", house.gateway_secret, FORBIDDEN),
            ("/payments/", reads, FORBIDDEN),
            ("/payments/", test, FORBIDDEN),
            (f"/entities/{house.merchant.entity_id}/payments/", "", OK),
            (f"/entities/{house.terminal.entity_id}/payments/", "", OK),
            (f"/entities/{house.sibling.entity_id}/payments/", "", FORBIDDEN),
            (f"/entities/{house.sibling.entity_id}/payments/?entity={house.merchant.entity_id}", "", FORBIDDEN),
            ("/entities/mer_0000000000000000&entity=/payments/", "", FORBIDDEN),
            *((path, "", FORBIDDEN) for path in unheard_of if name == "wsgi_service"),
        ]:
            reply = edge.ask(path, secret, "X-Keyhouse-Entity: spoofed", "X_Keyhouse_Entity: spoofed", method="POST")
            assert reply.status == expected, (path, secret)
            assert reply.headers.get("www-authenticate") == ("Bearer" if expected == UNAUTHORIZED else None)
            if expected == OK:
                named = {"entity": house.merchant.entity_id, "key_id": house.token.key_id}
                assert json.loads(reply.body) == named
        for form in NO_CREDENTIAL:
            line = form.format(good=house.secret)
            assert edge.ask("/payments/", None, line, method="POST").status == UNAUTHORIZED, line
        lifecycle.deactivate(Token.objects.get(pk=house.token.pk), by=SETUP)
        assert edge.ask("/payments/", method="POST").status == UNAUTHORIZED
        if name == "django_service":
            assert edge.ask("/forgotten").status == FORBIDDEN
        if name != "wsgi_service":
            assert edge.ask("/health", None).status == OK


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_lets_nobody_in_while_keyhouse_fails_and_keeps_its_connections(name: str, house: House, tmp_path):
    good = "200 OK\r\n" + "\r\n".join(f"X-Keyhouse-{each}: x" for each in ["Entity", "Key-Id", "Mode", "Request-Id"])
    good += "\r\nX-Keyhouse-Scope: a.view b.edit"
    with (
        processes.payment_core(good, echoes=False) as asked,
        service(name, tmp_path, keyhouse=asked.port, credential="the credential") as server,
    ):
        edge = Edge(server.port, house)
        for _ in range(20):
            reply = edge.ask("/payments/", "", "X-Keyhouse-Caller: 203.0.113.9", "X-Other: y", method="POST")
            assert reply.status == OK
        assert len(asked.asked) == 20
        assert asked.connections <= 2
        line, said = asked.asked[0]["line"], {each.lower(): value.strip() for each, value in asked.asked[0]["headers"]}
        query = "permission=payment_transaction.edit&mode=live"
        assert line == f"GET /gateway/authorize?{query} HTTP/1.1"
        assert said["authorization"] == f"Bearer {house.secret}"
        assert said["x-keyhouse-gateway"] == "the credential"
        assert said["x-keyhouse-caller"] == HOST
        assert "x-other" not in said
        for says, expected in [
            ("503 Service Unavailable", UNAVAILABLE),
            ("500 Internal Server Error", UNAVAILABLE),
            ("200 OK", UNAVAILABLE),
            ("204 No Content", UNAVAILABLE),
            ("302 Found\r\nLocation: /", UNAVAILABLE),
            ("404 Not Found", UNAVAILABLE),
            ("nonsense", UNAVAILABLE),
            ("403 Forbidden\r\nSet-Cookie: a=b", FORBIDDEN),
            ("401 Unauthorized\r\nWWW-Authenticate: Bearer", UNAUTHORIZED),
        ]:
            asked.answer = says
            reply = edge.ask("/payments/", method="POST")
            assert reply.status == expected, says
            assert "set-cookie" not in reply.headers
        asked.shutdown()
        asked.server_close()
        log = (tmp_path / f"{name}.log").read_text(encoding="utf-8")
        assert house.secret not in log
        assert "the credential" not in log


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_whose_keyhouse_is_not_there_says_503(name: str, house: House, tmp_path):
    with service(name, tmp_path, keyhouse=free_port(), credential="the credential") as server:
        edge = Edge(server.port, house)
        assert edge.ask("/payments/", method="POST").status == UNAVAILABLE
        assert edge.ask("/payments/", None, method="POST").status == UNAUTHORIZED


def test_a_service_waits_three_seconds_and_not_longer(house: House, tmp_path):
    with socket.create_server((HOST, 0)) as silent:
        port = silent.getsockname()[1]
        with service("wsgi_service", tmp_path, keyhouse=port, credential="the credential") as server:
            started = time.monotonic()
            assert Edge(server.port, house).ask("/payments/", method="POST").status == UNAVAILABLE
            assert 2.5 < time.monotonic() - started < 10


def test_introspection_tells_the_same_apart(house: House, portal: Server, tmp_path):
    """S0-11, RFC 7662."""
    _, bound = make_token(house.merchant, networks="127.0.0.0/8")
    edit = "payment_transaction.edit"
    asked = [
        (house.secret, edit, "live", f'"{house.merchant.entity_id}"'),
        (house.secret, edit, "test", "403"),
        (house.secret, "payment_transaction", "live", "403"),
        ("nonsense", edit, "live", "401"),
        (with_another_secret(house.secret), edit, "live", "401"),
        ("\u00e9 &token=", edit, "live", "401"),
        (bound, edit, "live", "401"),
    ]

    def answers(keyhouse: int, credential: str) -> list[str]:
        return subprocess.run(
            [sys.executable, "-c", INTROSPECT],
            env=environment(written(tmp_path), keyhouse=keyhouse, credential=credential),
            input=json.dumps([each[:3] for each in asked]),
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()

    assert answers(portal.port, house.gateway_secret) == [each[3] for each in asked]
    assert set(answers(portal.port, house.secret)) == {"503"}, "the service's own credential is at fault"
    assert set(answers(free_port(), house.gateway_secret)) == {"503"}
