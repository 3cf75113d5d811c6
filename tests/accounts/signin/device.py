"""A security key without hardware: makes passkeys and signs with them, as WebAuthn level 2 has it."""

import hashlib
import json
import secrets

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from fido2.cose import ES256
from fido2.utils import websafe_decode, websafe_encode
from fido2.webauthn import AttestationObject, AttestedCredentialData, AuthenticatorData, CollectedClientData

from tests.reading import read

FLAG = AuthenticatorData.FLAG


class Device:
    """One passkey for the host of Django's test client."""

    def __init__(self, *, verifies: bool = True, origin: str = "https://testserver") -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.id = secrets.token_bytes(32)
        self.flags = FLAG.UP | FLAG.UV if verifies else FLAG.UP
        self.origin, self.host = origin, "testserver"
        self.owner = b""

    def create(self, options: dict) -> dict:
        """Answer what the page asks of the browser when a passkey is to be made."""
        asked = options["publicKey"]
        self.owner = websafe_decode(asked["user"]["id"])
        public = AttestedCredentialData.create(b"\0" * 16, self.id, ES256.from_cryptography_key(self.key.public_key()))
        data = AuthenticatorData.create(self._hash(self.host), self.flags | FLAG.AT, 0, public)
        attested = AttestationObject.create("none", data, {})
        client = self._client("webauthn.create", asked["challenge"])
        return self._answer({"clientDataJSON": client, "attestationObject": attested})

    def get(self, options: dict) -> dict:
        """Answer what the page asks of the browser when a passkey is to be used."""
        client = self._client("webauthn.get", options["publicKey"]["challenge"])
        data = AuthenticatorData.create(self._hash(self.host), self.flags, 0)
        signature = self.key.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(SHA256()))
        return self._answer(
            {"clientDataJSON": client, "authenticatorData": data, "signature": signature, "userHandle": self.owner}
        )

    def _client(self, kind: str, challenge: str) -> CollectedClientData:
        return CollectedClientData.create(kind, challenge, self.origin)

    def _answer(self, response: dict[str, bytes]) -> dict:
        encoded = {name: websafe_encode(value) for name, value in response.items()}
        name = websafe_encode(self.id)
        return {"id": name, "rawId": name, "type": "public-key", "response": encoded, "clientExtensionResults": {}}

    @staticmethod
    def _hash(host: str) -> bytes:
        return hashlib.sha256(host.encode()).digest()


def options_in(page: HttpResponse) -> dict:
    """Return what `page` asks of the browser."""
    (form,) = [form for form in read(page).all("form") if "data-options" in form.attributes]
    return json.loads(form.attributes["data-options"])


def make_passkey(client: Client, device: Device, name: str = "Laptop") -> HttpResponse:
    """Make a passkey on the page."""
    url = reverse("account_add_passkey")
    credential = device.create(options_in(client.get(url)))
    return client.post(url, {"name": name, "credential": json.dumps(credential)})
