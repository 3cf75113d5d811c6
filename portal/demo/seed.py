"""The one way in: make the demo where it is not made yet."""

from datetime import datetime

from django.db import transaction

from accounts.models import User
from portal.demo import credentials, entities, keys, people
from portal.demo.world import World
from tokens import ledger


def seed(now: datetime) -> dict[str, str]:
    """Fill the database, counting back from `now`, unless the demo is there already; then change nothing.

    Returns file name -> secret for the credentials that a visitor gets; empty where nothing was made.
    """
    with transaction.atomic():
        if User.objects.filter(email=people.PERSONAS[0].email).exists():
            return {}
        world = World(now)
        people.invite(world)
        entities.plant(world)
        people.appoint(world)
        people.offer(world)
        credentials.issue(world)
        keys.fill(world)
        ledger.sum_up()
        people.sign_in(world)
        world.history.write()
    return world.secrets
