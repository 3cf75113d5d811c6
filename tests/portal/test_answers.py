"""What answers are, and where they lead: those that are no pages too.

OWASP ASVS 5.0: 3.2.1, 3.3.1, 3.3.3, 3.4.3, 3.4.4, 3.4.6, 3.7.2, 4.1.1, 6.2.6, 6.2.7, 13.4.4.
"""

import base64
import io
import os
import subprocess
import sys
from http import HTTPStatus

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from accounts.models import Entity
from tests.factories import make_administrator, make_gateway, make_merchant, make_token, make_user
from tests.reading import client_of, read
from tokens.gateway import introspect, keys, signatures


@pytest.fixture
def merchant(db) -> Entity:
    return make_merchant("Aurora Coffee")


def told(application, **environ: str) -> dict[str, str]:
    """Return the headers with which a machine endpoint answers a question of nobody."""
    started = []
    question = {"REQUEST_METHOD": "POST", "PATH_INFO": "/", "QUERY_STRING": "", "wsgi.input": io.BytesIO()} | environ
    b"".join(application(question, lambda status, headers: started.append((status, dict(headers)))))
    ((_status, headers),) = started
    return headers


@pytest.mark.parametrize("application", [introspect.application, keys.application, signatures.sign, signatures.verify])
def test_what_machines_are_told_is_taken_for_nothing_else(db, application):
    """ASVS 3.2.1, 3.4.4, 4.1.1: JSON that says so; in front of Django, whose headers it has not."""
    headers = told(application)
    assert headers["Content-Type"] in {"application/json", "application/problem+json"}
    assert (headers["X-Content-Type-Options"], headers["Cache-Control"]) == ("nosniff", "no-store")


def test_files_are_held_to_the_policy_of_pages(db, settings, tmp_path):
    """ASVS 3.4.3, 3.4.4, 3.4.6: a drawing that is opened by itself runs nothing and stands in no frame."""
    (tmp_path / "drawing.svg").write_text("<svg/>")
    settings.STATIC_ROOT = tmp_path
    answer = Client().get("/static/drawing.svg")
    answer.close()
    assert answer.headers["Content-Type"] == "image/svg+xml"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "object-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]


def test_a_page_that_refuses_a_foreign_form_has_the_policy_too(merchant):
    """ASVS 3.4.3."""
    answer = Client().post(reverse("account_login"), headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == HTTPStatus.FORBIDDEN
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/metrics", "/auth/login/", "/nowhere/"])
def test_text_says_in_which_characters_it_is(db, path):
    """ASVS 4.1.1."""
    kind = Client().get(path).headers["Content-Type"]
    assert kind.startswith("text/")
    assert kind.endswith("charset=utf-8")


def test_over_https_each_cookie_is_for_this_host_alone(tmp_path):
    """ASVS 3.3.1, 3.3.3: the browser refuses one of that name that is not Secure, or that a neighbour has set."""
    names = "SESSION_COOKIE_NAME", "CSRF_COOKIE_NAME", "DEVICE_COOKIE_NAME", "THEME_COOKIE_NAME"
    words = f"from portal import settings as s; print(*(getattr(s, name) for name in {names}), s.SESSION_COOKIE_SECURE)"
    ours = os.environ | {"KEYHOUSE_HTTPS": "yes", "KEYHOUSE_VAR": str(tmp_path)}
    told_by = subprocess.check_output([sys.executable, "-c", words], env=ours, cwd=settings.BASE_DIR, text=True)
    *told_names, secure = told_by.split()
    assert (len(told_names), secure) == (4, "True")
    assert all(name.startswith("__Host-keyhouse") for name in told_names)


@pytest.mark.parametrize("where", ["https://evil.example/", "//evil.example/", "https:evil.example", "/\\evil.example"])
def test_signing_in_leads_to_no_other_site(merchant, where):
    """ASVS 3.7.2."""
    user, client = make_administrator(merchant), Client()
    answer = client.post(
        f"{reverse('account_login')}?next={where}",
        {"login": user.email, "password": "a long password for tests", "next": where},
    )
    assert answer.status_code == HTTPStatus.FOUND
    assert answer.headers["Location"] == reverse("portal:dashboard")


@pytest.mark.parametrize(
    "path",
    ["/static/", "/static/js/", "/.git/config", "/static/../manage.py", "/static/%2e%2e/manage.py", "/manage.py"],
)
def test_no_file_is_served_but_those_that_were_gathered(db, settings, tmp_path, path):
    """ASVS 13.4.1, 13.4.3: no list of them, no repository, no source."""
    (tmp_path / "js").mkdir()
    (tmp_path / "js" / "start.js").write_text("start()")
    settings.STATIC_ROOT = tmp_path
    client = Client()
    there = client.get("/static/js/start.js")
    there.close()
    assert there.status_code == HTTPStatus.OK
    answer = client.get(path, follow=True)
    assert answer.status_code == HTTPStatus.NOT_FOUND
    assert "start" not in answer.content.decode().partition("<main")[2]


def test_a_request_is_not_told_back(merchant):
    """ASVS 13.4.4: TRACE would show a script the cookies it may not read."""
    client = client_of(make_administrator(merchant))
    for url in ("/", merchant.get_absolute_url(), "/auth/login/", "/admin/", "/livez"):
        answer = client.generic("TRACE", url, headers={"X-Canary": "told-back"})
        assert "told-back" not in str(answer.headers) + answer.content.decode(), url
        assert client.session.session_key not in str(answer.headers) + answer.content.decode(), url


@pytest.mark.parametrize(
    "path", ["/nowhere%0a2026-01-01 WARNING forged", "/nowhere%0d%0aforged", "/account/%E2%80%A8x"]
)
def test_no_address_begins_a_line_of_its_own_in_the_log(db, path, caplog):
    """ASVS 16.4.1."""
    Client().get(path)
    (record,) = [each for each in caplog.records if each.name == "django.request"]
    assert record.getMessage().startswith("Not Found: /")
    assert len(record.getMessage().splitlines()) == 1


def test_passwords_are_typed_unseen_and_filled_in_by_whoever_keeps_them(merchant):
    """ASVS 6.2.6, 6.2.7: masked, and open to password managers and to pasting."""
    inside = client_of(make_user())
    found = []
    for client, name in ((Client(), "account_login"), (inside, "account_change_password")):
        for field in read(client.get(reverse(name))).all("input"):
            if "password" in field.attributes.get("name", ""):
                found.append((field.attributes["type"], field.attributes["autocomplete"]))
                assert "onpaste" not in field.attributes
    assert found == [("password", "current-password")] * 2 + [("password", "new-password")] * 2


def test_no_credential_of_a_system_opens_a_page(merchant):
    """PCI DSS 8.6.1: what machines hold signs nobody in, whichever way it is sent."""
    for secret in (make_token(merchant)[1], make_gateway()[1]):
        basic = base64.b64encode(f"{secret}:{secret}".encode()).decode()
        for sent in ({"Authorization": f"Bearer {secret}"}, {"Authorization": f"Basic {basic}"}):
            for url in ("/", merchant.get_absolute_url(), "/admin/"):
                assert Client().get(url, headers=sent | {"X-Keyhouse-Gateway": secret}).status_code == HTTPStatus.FOUND
        browser = Client()
        browser.cookies[settings.SESSION_COOKIE_NAME] = secret
        assert browser.get(merchant.get_absolute_url()).status_code == HTTPStatus.FOUND


def test_signing_out_stands_on_every_page(merchant):
    """ASVS 7.4.4."""
    client = client_of(make_administrator(merchant))
    for url in ("/", merchant.get_absolute_url(), reverse("portal:settings"), reverse("account_factors")):
        page = read(client.get(url))
        assert reverse("account_logout") in page.links + [form.attributes.get("action") for form in page.all("form")], (
            url
        )
