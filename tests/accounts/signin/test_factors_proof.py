"""What changes a sign-in asks who one is, unless that was proved within the last five minutes.

OWASP ASVS 5.0, 7.5.1; PCI DSS 4.0, 8.3.3.
"""

import pytest
from allauth.mfa.models import Authenticator
from django.urls import reverse

from accounts.signin import factors
from tests.accounts.signin.device import Device, make_passkey
from tests.factories import make_user
from tests.reading import client_of, let_the_proof_age, main_of

CHANGES = ["account_add_app", "account_add_passkey", "account_recovery_codes", "account_remove_factor"]


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("method", ["get", "post"])
def test_what_changes_a_sign_in_asks_first(db, name, method):
    """ASVS 7.5.1: who found a browser open makes themselves no way in, and takes nobody's away."""
    user = make_user()
    client = client_of(user)
    make_passkey(client, Device())
    before = list(Authenticator.objects.order_by("pk").values())
    numbers = [factors.passkeys_of(user).get().pk] if name == "account_remove_factor" else []
    let_the_proof_age(client)
    answer = getattr(client, method)(reverse(name, args=numbers))
    assert "Confirm that it is you" in main_of(answer).text
    assert list(Authenticator.objects.order_by("pk").values()) == before
