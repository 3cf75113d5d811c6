"""What is stored about credentials and their use. How it changes is in the `lifecycle` modules."""

from tokens.models.credentials import EXPIRES_SOON, Credential, IdempotencyRecord, SharedKey, Token
from tokens.models.usage import DecisionTotal, OperatingFigure, SeenMessage, SignatureBucket, UsageBucket, UsageTotal

__all__ = [
    "EXPIRES_SOON",
    "Credential",
    "DecisionTotal",
    "IdempotencyRecord",
    "OperatingFigure",
    "SeenMessage",
    "SharedKey",
    "SignatureBucket",
    "Token",
    "UsageBucket",
    "UsageTotal",
]
