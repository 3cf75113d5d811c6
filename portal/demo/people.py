"""The people of the demo: those a visitor may sign in as, and colleagues who make the lists look inhabited."""

from dataclasses import dataclass
from datetime import timedelta

from django.contrib.auth.hashers import make_password

from accounts import audit
from accounts.models import AuditEvent, Membership, User
from accounts.permissions import Role
from portal.demo.world import World

DOMAIN = "demo.keyhouse.test"
PASSWORD = "keyhouse-demo-password"  # noqa: S105  printed by the command; the demo listens on the loopback alone
OPERATOR = audit.Operator("manage.py demo")


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with a role on an entity, by its name ("" for the whole platform)."""

    login: str
    name: str
    role: str
    entity: str = ""
    purpose: str = ""

    @property
    def email(self) -> str:
        return f"{self.login}@{DOMAIN}"


PERSONAS = (
    Person("platform", "Amara Okafor", Role.PLATFORM_ADMINISTRATOR, "", "runs the platform; may also open /admin/"),
    Person("support", "Søren Lindqvist", Role.SUPPORT, "", "looks things up, may stop a token, creates nothing"),
    Person("partner", "Priya Raman", Role.ADMINISTRATOR, "Northwind Payments", "administrator of Northwind Payments"),
    Person("merchant", "Elena Marchetti", Role.ADMINISTRATOR, "Aurora Coffee", "administrator of Aurora Coffee"),
    Person("developer", "Jonas Weber", Role.DEVELOPER, "Aurora Coffee", "manages the tokens of Aurora Coffee"),
    Person("viewer", "Mei Tanaka", Role.VIEWER, "Aurora Coffee", "sees Aurora Coffee, changes nothing"),
    Person("terminal", "Tomás Herrera", Role.TERMINAL_OPERATOR, "Old Harbour till 1", "works at a till of its stores"),
    Person("sdk", "Noor van Dijk", Role.SDK_USER, "Aurora Coffee", "takes payments with a SoftPOS phone of theirs"),
    Person("rival", "Greta Holm", Role.ADMINISTRATOR, "Borealis Books", "another partner's merchant: sees none of it"),
)
"""Whom a visitor may sign in as, all with PASSWORD (DESIGN 9)."""

COLLEAGUES = (
    Person("oskar.nyberg", "Oskar Nyberg", Role.ADMINISTRATOR, "Southgate Acquiring"),
    Person("ines.costa", "Inês Costa", Role.DEVELOPER, "Harbour Group"),
    Person("yusuf.demir", "Yusuf Demir", Role.VIEWER, "Northwind Payments"),
    Person("hana.novak", "Hana Nováková", Role.DEVELOPER, "Kestrel Travel"),
    Person("layla.haddad", "ليلى حداد", Role.ADMINISTRATOR, "مقهى الياسمين"),
    Person("ruth.adler", "Ruth Adler", Role.ADMINISTRATOR, "Solstice Foods"),
)
"""People who act in the history and stand in lists, and who cannot sign in."""


def invite(world: World) -> None:
    """Store everybody. The password is hashed once: nine times Argon2id would be half of the whole seed."""
    hashed, nobody = make_password(PASSWORD), make_password(None)
    for number, person in enumerate(PERSONAS + COLLEAGUES):
        user = User(
            email=person.email,
            name=person.name,
            password=hashed if person in PERSONAS else nobody,
            created_at=world.ago(430 - number),
        )
        user.save(force_insert=True)
        world.people[person.login] = user


def appoint(world: World) -> None:
    """Give everybody their role, once the entities are there."""
    for number, person in enumerate(PERSONAS + COLLEAGUES):
        entity = world.entities[person.entity] if person.entity else None
        user = world.people[person.login]
        at = max(entity.created_at, user.created_at) + timedelta(minutes=7 * number) if entity else user.created_at
        Membership(user=user, entity=entity, role=person.role, created_at=at).save(force_insert=True)
        by = world.people["platform"] if entity else OPERATOR
        note = {"person": person.email, "role": str(person.role)}
        world.history.note(at, AuditEvent.Type.MEMBER_ADDED, by=by, entity=entity, target=person.email, **note)


def sign_in(world: World) -> None:
    """Note the sign-ins of the last days, so that the activity pages tell of a working week."""
    for person in PERSONAS:
        for day in range(5):
            at = world.ago(day + world.rng.uniform(0.02, 0.4))
            world.history.note(at, AuditEvent.Type.SIGNED_IN, by=world.people[person.login])
