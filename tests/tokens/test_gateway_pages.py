"""A gateway's credential belongs to no entity: the portal has no page for it, the Django admin has."""

from http import HTTPStatus

import pytest
from django.contrib.contenttypes.models import ContentType
from django.urls import reverse

from accounts.permissions import Role
from tests.factories import make_administrator, make_entity, make_gateway, make_user
from tests.reading import client_of
from tokens.models import Token
from tokens.urls import urlpatterns

OF_A_TOKEN = [f"tokens:{each.name}" for each in urlpatterns if str(each.pattern).startswith("tokens/")]
MISSING = "0000000000000000"


@pytest.mark.parametrize("role", [Role.PLATFORM_ADMINISTRATOR, Role.SUPPORT, Role.ADMINISTRATOR])
def test_no_page_of_a_token_knows_a_gateway(db, role):
    """S2-19: whoever asks, it is as good as not there, and nothing happens to it."""
    gateway, _secret = make_gateway()
    staff = role != Role.ADMINISTRATOR
    client = client_of(make_user(role) if staff else make_administrator(make_entity("partner")))
    before = Token.objects.values().get()
    assert OF_A_TOKEN
    for name in OF_A_TOKEN:
        for method in ("get", "post"):
            response, missing = (
                getattr(client, method)(reverse(name, args=[key])) for key in (gateway.key_id, MISSING)
            )
            assert response.status_code in {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED}, name
            assert (response.status_code, response.content) == (missing.status_code, missing.content), name
    assert Token.objects.values().get() == before


def test_the_support_desk_leads_to_the_gateways_page_there(db):
    """S2-19: what *View on site* says of a gateway is its page in the Django admin, for staff alone."""
    gateway, _secret = make_gateway()
    client = client_of(make_user(Role.SUPPORT))
    kind = ContentType.objects.get_for_model(Token)
    response = client.get(reverse("admin:view_on_site", args=[kind.pk, gateway.pk]))
    page = client.get(response.headers["Location"])
    assert page.status_code == HTTPStatus.OK
    assert gateway.key_id in page.content.decode()
