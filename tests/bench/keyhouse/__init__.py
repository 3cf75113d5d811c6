"""Keyhouse as it is compared, and what a gateway with the recipe of `deploy/nginx` asks it."""

PATH = "/gateway/authorize"
QUERY = "permission=payment_transaction.edit&mode=live"
CALLER, REQUEST_ID = "203.0.113.9", "5f0c954d4e1d4f0a9b9c6d4a3f8e2b17"


def headers(gateway: str) -> dict[str, str]:
    """Return what the gateway says with every question, beside the client's credential."""
    return {"X-Keyhouse-Gateway": gateway, "X-Keyhouse-Caller": CALLER, "X-Request-Id": REQUEST_ID}
