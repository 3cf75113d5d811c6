"""What every answer tells the browser, and what no other site may send.

OWASP ASVS 5.0: 3.3.1 ... 3.3.4, 3.4.1 ... 3.4.8, 3.5.1 ... 3.5.3, 3.7.x, 14.3.1, 14.3.2; PCI DSS 4.0: 6.4.3.
"""

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from accounts.models import Entity
from accounts.permissions import Role
from tests.accounts.signin.typing import type_password
from tests.factories import make_administrator, make_entity, make_merchant, make_token, make_user
from tests.reading import client_of, read


@pytest.fixture
def merchant(db) -> Entity:
    return make_merchant("Aurora Coffee", under=make_entity("partner", "Northwind Payments"))


@pytest.fixture
def client(merchant) -> Client:
    return client_of(make_administrator(merchant.parent))


def pages(merchant: Entity) -> list[str]:
    tabs = [
        reverse(name, args=[merchant.entity_id]) for name in ("portal:entity", "tokens:developers", "accounts:users")
    ]
    return ["/", "/auth/login/", "/nowhere/", "/livez", reverse("account_factors"), *tabs]


EXPECTED = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Access-Control-Allow-Origin": None,
}


def test_every_answer_keeps_other_sites_out(client, merchant):
    """ASVS 3.4.2, 3.4.4, 3.4.5, 3.4.6, 3.4.8, 3.5.8: on pages, refusals, errors and for machines."""
    for url in pages(merchant):
        headers = client.get(url).headers
        assert {name: headers.get(name) for name in EXPECTED} == EXPECTED, url
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"], url
        assert "camera=()" in headers["Permissions-Policy"]
        assert "publickey-credentials-get=(self)" in headers["Permissions-Policy"]


def test_no_answer_is_kept_not_even_one_that_no_view_gives(client, merchant):
    """ASVS 14.3.2: pages, what is missing, an unknown host, a form without its key, and the way to the sign-in."""
    checking = Client(enforce_csrf_checks=True)
    answers = [
        *(client.get(url) for url in pages(merchant)),
        client.get("/", headers={"host": "elsewhere.example"}),
        checking.post("/auth/login/", {"login": "somebody"}),
        Client().get("/merchants/"),
    ]
    assert {answer.status_code for answer in answers} == {200, 302, 400, 403, 404}
    for answer in answers:
        assert "no-store" in answer.headers["Cache-Control"], answer.request["PATH_INFO"]


def test_over_https_nothing_else_is_spoken_any_more(client, merchant, settings):
    """ASVS 3.4.1, 3.7.4: one year, with everything below the host."""
    settings.SECURE_HSTS_SECONDS, settings.SECURE_HSTS_INCLUDE_SUBDOMAINS = 31_536_000, True
    settings.SECURE_SSL_REDIRECT = True
    for url in ("/", "/auth/login/"):
        answer = Client().get(url, secure=True)
        assert answer.headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"
        assert Client().get(url).headers["Location"] == f"https://testserver{url}"


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none", "", "something new"])
def test_a_form_from_elsewhere_is_refused_although_it_holds_the_key(merchant, site):
    """ASVS 3.5.1, 3.5.3: a neighbour below the same domain is elsewhere too."""
    client = client_of(make_administrator(merchant.parent))
    url = reverse("accounts:edit", args=[merchant.entity_id])
    answer = client.post(url, {"name": "Renamed"}, headers={"Sec-Fetch-Site": site})
    assert answer.status_code == 403
    assert "This form is too old" in read(answer).text
    assert Entity.objects.get(pk=merchant.pk).name == "Aurora Coffee"


@pytest.mark.parametrize("headers", [{}, {"Sec-Fetch-Site": "same-origin"}])
def test_a_form_of_our_own_is_taken(client, merchant, headers):
    client.post(reverse("accounts:edit", args=[merchant.entity_id]), {"name": "Renamed"}, headers=headers)
    assert Entity.objects.get(pk=merchant.pk).name == "Renamed"


def test_an_origin_that_was_named_may_send_forms(client, merchant, settings):
    settings.CSRF_TRUSTED_ORIGINS = ["https://portal.merchant.example"]
    url = reverse("accounts:edit", args=[merchant.entity_id])
    for origin, name in [("https://portal.merchant.example", "Renamed"), ("https://evil.example", "Robbed")]:
        client.post(url, {"name": name}, headers={"Sec-Fetch-Site": "cross-site", "Origin": origin})
    assert Entity.objects.get(pk=merchant.pk).name == "Renamed"


def test_a_link_from_elsewhere_is_followed(client):
    assert client.get("/", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 200


@pytest.mark.parametrize("name", ["account_logout", "admin:logout"])
def test_signing_out_clears_what_the_browser_kept(db, name):
    """ASVS 14.3.1."""
    client = client_of(make_user(Role.SUPPORT))
    assert client.post(reverse(name)).headers["Clear-Site-Data"] == '"cache", "storage"'
    assert "Clear-Site-Data" not in client_of(make_user()).get("/").headers


def test_cookies_are_read_by_the_server_alone(merchant):
    """ASVS 3.3.2, 3.3.4: no script reads them, no other site sends them along."""
    client = Client()
    client.get(reverse("account_login"))
    type_password(client, make_administrator(merchant))
    for name in (settings.SESSION_COOKIE_NAME, settings.CSRF_COOKIE_NAME):
        cookie = client.cookies[name]
        assert cookie["httponly"]
        assert cookie["samesite"] == "Lax"
        assert (cookie["domain"], cookie["path"]) == ("", "/")


ADDRESS = re.compile(r"^(?:[a-z][a-z0-9+.-]*:)?//", re.IGNORECASE)


def test_no_page_names_another_host(client, merchant):
    """DESIGN 8, PCI DSS 6.4.3: what a page loads or leads to is our own."""
    make_token(merchant)
    staff = client_of(make_user(Role.PLATFORM_ADMINISTRATOR))
    desk = [reverse(f"admin:{name}") for name in ("index", "tokens_token_changelist", "accounts_entity_changelist")]
    for who, url in [*((client, url) for url in pages(merchant)), *((staff, url) for url in desk)]:
        for element in read(who.get(url)).all():
            for name in ("src", "href", "action", "srcset", "poster", "data", "formaction", "ping"):
                assert not ADDRESS.match(element.attributes.get(name, "")), f"{url}: {element.name} {name}"


def test_no_asset_fetches_anything_from_elsewhere():
    """Vendored files too: their comments may name their home, their code may not go there."""
    fetches = re.compile(
        r"""(?:url\(|@import|import\s*\(|from|fetch\(|\.src\s*=|importScripts\()\s*['"]?(?:https?:)?//"""
    )
    for path in Path(settings.BASE_DIR / "static").rglob("*"):
        if path.suffix in {".css", ".js", ".svg", ".html"}:
            text = re.sub(r"/\*.*?\*/", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
            assert not fetches.search(text), path
            assert "sourceMappingURL" not in text, path
