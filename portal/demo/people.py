"""The people of the demo: those a visitor may sign in as, and colleagues who make the lists look inhabited."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.hashers import make_password

from accounts import audit, invitations
from accounts.models import AuditEvent, Invitation, Membership, User
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
    Person("lucia.ferri", "Lucia Ferri", Role.ADMINISTRATOR, "Harbour Group"),
    Person("pavel.horak", "Pavel Horák", Role.DEVELOPER, "Aurora Coffee"),
    Person("aisha.bello", "Aisha Bello", Role.ADMINISTRATOR, "Northwind Payments"),
    Person("matti.korhonen", "Matti Korhonen", Role.ADMINISTRATOR, "Ridgeline Retail"),
    Person("chloe.martin", "Chloé Martin", Role.VIEWER, "Ridgeline Retail"),
    Person("diego.vargas", "Diego Vargas", Role.DEVELOPER, "Meridian Hospitality"),
    Person("sana.malik", "Sana Malik", Role.PLATFORM_ADMINISTRATOR),
    Person("liam.byrne", "Liam Byrne", Role.SUPPORT),
)
"""People who act in the history and stand in lists, and who cannot sign in."""

LEFT = {"pavel.horak": 20.4}
"""Login -> days ago on which support switched the sign-in off."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A role that somebody was offered and has not answered: by whom, and how many days ago."""

    email: str
    role: str
    entity: str
    by: str
    days: float


OFFERS = (
    Offer("sofia.lind@auroracoffee.example", Role.DEVELOPER, "Aurora Coffee", "merchant", 0.21),
    Offer("tariq.aziz@auroracoffee.example", Role.VIEWER, "Aurora Coffee", "merchant", 5.3),
    Offer("till.two@auroracoffee.example", Role.TERMINAL_OPERATOR, "Old Harbour till 2", "merchant", 1.6),
    Offer("daniel.okoro@northwind.example", Role.VIEWER, "Northwind Payments", "partner", 0.9),
    Offer("books@borealis.example", Role.ADMINISTRATOR, "Borealis Books", "rival", 2.2),
    Offer("ines.moreau@keyhouse.example", Role.SUPPORT, "", "platform", 0.08),
)
"""Invitations that are pending, one of them too old to be accepted. Nobody has their links."""


def invite(world: World) -> None:
    """Store everybody. The password is hashed once: nine times Argon2id would be half of the whole seed."""
    hashed, nobody = make_password(PASSWORD), make_password(None)
    for number, person in enumerate(PERSONAS + COLLEAGUES):
        user = User(
            person_id=world.named_id("usr", person.login),
            email=person.email,
            is_active=person.login not in LEFT,
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
        public_id = world.named_id("mem", person.login)
        row = Membership(membership_id=public_id, user=user, entity=entity, role=person.role, created_at=at)
        row.save(force_insert=True)
        by = world.people["platform"] if entity else OPERATOR
        note = {"person": person.email, "role": str(person.role)}
        world.history.note(at, AuditEvent.Type.MEMBER_ADDED, by=by, entity=entity, target=user.person_id, **note)
    for login, days in LEFT.items():
        left, by = world.people[login], world.people["support"]
        note = {"person": left.email, "reason": "Has left the company."}
        world.history.note(world.ago(days), AuditEvent.Type.PERSON_DISABLED, by=by, target=left.person_id, **note)


def offer(world: World) -> None:
    """Store the invitations that are pending."""
    for each in OFFERS:
        entity, by, sent_at = world.entities.get(each.entity), world.people[each.by], world.ago(each.days)
        invitation = Invitation(
            invitation_id=world.named_id("inv", each.email),
            entity=entity,
            email=each.email,
            role=each.role,
            created_at=sent_at,
            invited_by=by,
            sent_at=sent_at,
            expires_at=sent_at + invitations.LIFETIME,
            digest=secrets.token_bytes(32),  # of nothing: the demo sends no mail
            pepper_id=max(settings.TOKEN_PEPPERS),
        )
        invitation.save(force_insert=True)
        about = {"by": by, "entity": entity, "target": invitation.invitation_id}
        note = {"person": each.email, "role": str(each.role)}
        world.history.note(sent_at, AuditEvent.Type.INVITATION_SENT, **about, **note)


def sign_in(world: World) -> None:
    """Note the sign-ins of the last days, so that the activity pages tell of a working week."""
    for person in PERSONAS:
        for day in range(5):
            _note_sign_in(world, person, world.ago(day + world.rng.uniform(0.02, 0.4)))
    for person in COLLEAGUES:
        _note_sign_in(world, person, world.ago(LEFT.get(person.login, 0) + world.rng.uniform(0.3, 9)))


def _note_sign_in(world: World, person: Person, at: datetime) -> None:
    user = world.people[person.login]
    world.history.note(at, AuditEvent.Type.SIGNED_IN, by=user, target=user.person_id)
    if user.last_login is None or user.last_login < at:
        user.last_login = at
        user.save(update_fields=["last_login"])
