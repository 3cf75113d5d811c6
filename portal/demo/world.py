"""What every part of the seed shares: the moment it counts back from, the random generator, the people, the history."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

from accounts.models import Entity, User
from accounts.public_ids import BASE62
from portal.demo.history import History
from tokens.models import UsageBucket

SEED = 42


@dataclass(slots=True)
class World:
    """The demo while it is being made."""

    now: datetime
    rng: Random = field(default_factory=lambda: Random(SEED))  # noqa: S311  must repeat itself, and guards nothing
    history: History = field(default_factory=History)
    people: dict[str, User] = field(default_factory=dict)
    entities: dict[str, Entity] = field(default_factory=dict)
    usage: list[UsageBucket] = field(default_factory=list)
    secrets: dict[str, str] = field(default_factory=dict, repr=False)
    """File name -> one of the two secrets that are kept for the visitor."""

    def ago(self, days: float) -> datetime:
        """Return the moment that many days before the seed."""
        return self.now - timedelta(days=days)

    @staticmethod
    def named_id(prefix: str, name: str) -> str:
        """Return the public ID of whatever is called `name`: the same one wherever in the seed it is made."""
        return f"{prefix}_{''.join(Random(f'{SEED} {prefix} {name}').choices(BASE62, k=16))}"  # noqa: S311  likewise

    def base62(self, length: int) -> str:
        """Return `length` letters and digits for a public ID. Never for a secret: everybody can predict them."""
        return "".join(self.rng.choices(BASE62, k=length))
