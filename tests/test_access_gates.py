"""What stands in front of every URL whatever the role: the reason that support gives, and the second factor.

PCI DSS 4.0: 7.2.1, 7.2.2, 8.4.2; OWASP ASVS 5.0: 8.2.1, 8.4.2.
"""

from http import HTTPStatus

import pytest
from django.test import Client
from django.urls import URLResolver, get_resolver, reverse

from tests.access_world import address, make_world, undone, urls
from tests.reading import read

ASKED = "Why do you open this?"
START = reverse("account_enrol")
OPEN = {"account_enrol", "account_add_app", "account_add_passkey", "account_logout"}
"""URLs of the set-up itself."""
PROBES = {"livez", "readyz", "metrics"}


@pytest.fixture(scope="module")
def world(kept_database) -> dict:
    return make_world()


def named(resolver: URLResolver, namespace: str = "") -> set[str]:
    """Return the names of all addresses that name an entity or a credential."""
    found = set()
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLResolver):
            found |= named(pattern, f"{namespace}{pattern.namespace}:" if pattern.namespace else namespace)
        elif {"entity_id", "key_id"} & pattern.pattern.regex.groupindex.keys():
            found.add(namespace + pattern.name)
    return found


@pytest.mark.parametrize("name", sorted(named(get_resolver()) - {"accounts:branch"}))
def test_every_address_of_a_merchants_data_asks_support_first(world, name):
    """Pages, exports and verbs, those of every later day too; nothing of the merchant is in the answer but its name."""
    client, rival = Client(raise_request_exception=False), world["clients"]["rival"]
    url = address(name, world, world["aurora"])
    with undone(client), undone(rival):
        client.force_login(world["people"]["support"])
        for response, status in [(client.get(url), HTTPStatus.OK), (client.post(url), HTTPStatus.CONFLICT)]:
            assert ASKED in read(response).text
            assert response.status_code == status
            assert "kh_api_" not in response.content.decode()
        assert "Aurora" not in rival.get(url).content.decode()


@pytest.mark.parametrize("name", sorted(urls(get_resolver()) - OPEN - PROBES))
def test_until_there_is_a_second_factor_no_page_can_be_reached(world, name, settings):
    """Every URL there is, the Django admin's too."""
    settings.REQUIRE_MFA = True
    client = world["clients"]["platform"]
    for method in ("get", "post"):
        with undone(client):
            response = getattr(client, method)(address(name, world, world["aurora"]))
        assert (response.status_code, response.headers.get("Location")) == (HTTPStatus.FOUND, START), method
