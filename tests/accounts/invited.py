"""Inviting as a person does it: through the form, with the link from the mail."""

import re
from http import HTTPStatus

from django.core import mail
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from accounts.models import Entity, User
from tests.reading import client_of, main_of

ACCEPT = reverse("accept_invitation")
LINK = re.compile(r"http://testserver(/auth/invitation/(inv_[0-9A-Za-z]{16})/([0-9A-Za-z]{43}))\n")
NEW = {"name": "Nora New", "password": "four green herons sing", "again": "four green herons sing"}
"""What a new person types who accepts."""


def invite(by: User, entity: Entity | None, email: str, role: str = "developer", **headers) -> HttpResponse:
    """Send the form as `by`; without `entity` that of the platform."""
    own = reverse("accounts:invite", args=[entity.entity_id]) if entity else reverse("accounts:invite_to_platform")
    return client_of(by).post(own, {"email": email, "role": role}, **headers)


def link_in_mail() -> str:
    """Return the address in the last mail, as a reader would open it."""
    found = LINK.search(mail.outbox[-1].body)
    assert found, mail.outbox[-1].body
    return found[1]


def opened(link: str, client: Client | None = None) -> Client:
    """Return a browser in which the link was opened; it always leads to the same page."""
    client = client or Client()
    response = client.get(link)
    assert (response.status_code, response.headers["Location"]) == (HTTPStatus.FOUND, ACCEPT)
    return client


def is_over(client: Client) -> bool:
    """Tell whether the page in this browser says that the link does not work."""
    response = client.get(ACCEPT)
    return response.status_code == HTTPStatus.NOT_FOUND and "does not work any more" in main_of(response).text
