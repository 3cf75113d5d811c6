"""The pages of an entity: its verbs as pages and dialogs, who has access, what happened."""

from http import HTTPStatus

import pytest
from django.test import Client
from django.urls import reverse

from accounts import lifecycle
from accounts.models import AuditEvent, Entity
from accounts.permissions import Role
from tests.factories import SETUP, make_administrator, make_entity, make_merchant, make_user
from tests.reading import HTMX, client_of, main_of, read

VERBS = ("add", "edit", "move", "suspend", "reactivate")


@pytest.fixture
def partner(db) -> Entity:
    return make_entity("partner", "Northwind Payments")


@pytest.fixture
def merchant(partner) -> Entity:
    return make_merchant("Aurora Coffee", under=partner)


@pytest.fixture
def client(partner) -> Client:
    return client_of(make_administrator(partner))


def address(verb: str, entity: Entity) -> str:
    return reverse(f"accounts:{verb}", args=[entity.entity_id])


def fresh(entity: Entity) -> Entity:
    return Entity.objects.get(pk=entity.pk)


def said(client: Client, entity: Entity) -> str:
    """Return the message that stands on the entity's page, once."""
    text = main_of(client.get(entity.get_absolute_url())).one("ul", class_="messages").text
    assert not main_of(client.get(entity.get_absolute_url())).all("ul", class_="messages")
    return text


def kinds_offered(client: Client, entity: Entity) -> list[str]:
    return [
        radio.attributes["value"] for radio in main_of(client.get(address("add", entity))).all("input", type="radio")
    ]


@pytest.mark.parametrize(
    ("kind", "below"),
    [
        ("partner", ["company", "merchant"]),
        ("company", ["company", "merchant"]),
        ("merchant", ["channel", "terminal"]),
        ("channel", ["terminal"]),
    ],
)
def test_only_kinds_that_may_stand_there_are_offered(client, partner, kind, below):
    """DESIGN 3: partner > company > merchant > channel > terminal."""
    merchant = make_merchant(under=partner)
    entity = {"partner": partner, "merchant": merchant}.get(kind) or make_entity(
        kind, under=merchant if kind == "channel" else partner
    )
    assert kinds_offered(client, entity) == below


def test_nothing_is_added_below_a_terminal(client, merchant):
    terminal = make_entity("terminal", "Till 1", under=merchant)
    response = client.get(address("add", terminal))
    assert response.status_code == HTTPStatus.CONFLICT
    assert "Nothing stands below a terminal." in main_of(response).text
    assert address("add", terminal) not in main_of(client.get(terminal.get_absolute_url())).links


def test_an_entity_is_added_below_another(client, merchant):
    """S0-5: Entity Management adds what tokens need: merchants and their channels."""
    client.post(address("add", merchant), {"kind": "channel", "name": "  Web shop "})
    added = Entity.objects.get(name="Web shop")
    assert (added.parent, added.kind, added.status) == (merchant, "channel", "active")
    assert added.entity_id.startswith("cha_")
    assert said(client, added) == "“Web shop” was added."


def test_a_platform_administrator_adds_at_the_top(db):
    client = client_of(make_user(Role.PLATFORM_ADMINISTRATOR))
    assert reverse("accounts:add_top") in main_of(client.get(reverse("portal:account"))).links
    client.post(reverse("accounts:add_top"), {"kind": "partner", "name": "Westfield Payments"})
    assert Entity.objects.get().parent is None


def test_a_new_name_changes_the_name_alone(client, merchant):
    """S0-5: the entity ID stays; position and status are in no form."""
    before = Entity.objects.filter(pk=merchant.pk).values().get()
    forged = {"kind": "partner", "status": "suspended", "parent": "", "lft": "1", "rght": "99", "tree_id": "7"}
    client.post(address("edit", merchant), {"name": "Aurora Coffee Roasters"} | forged)
    after = Entity.objects.filter(pk=merchant.pk).values().get()
    assert after == before | {"name": "Aurora Coffee Roasters"}
    assert said(client, merchant) == "The changes were saved."


@pytest.mark.parametrize("by", ["entity_id", "name"])
def test_an_entity_moves_with_all_that_is_below(client, partner, merchant, by):
    """The new parent is named by its ID, which the search fills in, or by its name."""
    channel = make_entity("channel", "Web shop", under=merchant)
    company = make_entity("company", "Harbour Group", under=partner)
    client.post(address("move", merchant), {"destination": getattr(company, by)})
    assert list(Entity.objects.above(fresh(channel)).values_list("name", flat=True)) == [
        "Northwind Payments",
        "Harbour Group",
        "Aurora Coffee",
        "Web shop",
    ]
    assert said(client, merchant) == "“Aurora Coffee” was moved."


@pytest.mark.parametrize(
    ("destination", "sentence"),
    [
        ("", "Choose the new parent."),
        ("Nowhere", "There is no such entity under which you may add."),
        ("Borealis Group", "There is no such entity under which you may add."),
        ("Twin", "Several entities have this name. Give the entity ID."),
    ],
)
def test_a_place_that_cannot_be_taken_is_told_at_the_field(client, partner, merchant, destination, sentence):
    """S2-18: a foreign place is answered as one that does not exist."""
    make_entity("company", "Borealis Group", under=make_entity("partner", "Southgate Acquiring"))
    for _ in range(2):
        make_entity("company", "Twin", under=partner)
    response = client.post(address("move", merchant), {"destination": destination})
    assert response.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert sentence in main_of(response).text
    assert main_of(response).one("input", name="destination").attributes["aria-invalid"] == "true"
    assert fresh(merchant).parent == partner


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "dialog"])
def test_a_place_inside_itself_is_refused(client, partner, headers):
    upper = make_entity("company", "Upper", under=partner)
    lower = make_entity("company", "Lower", under=upper)
    response = client.post(address("move", upper), {"destination": lower.entity_id}, **headers)
    assert response.status_code == HTTPStatus.CONFLICT
    assert "An entity cannot be moved into itself or below itself." in read(response).text
    assert fresh(upper).parent == partner


def test_suspend_and_reactivate_say_what_they_stop(client, merchant):
    """S0-32: suspending stops every token at once; reactivating ends that. The reason is kept."""
    channel = make_entity("channel", "Web shop", under=merchant)
    assert "Every token here and below stops at once." in main_of(client.get(address("suspend", merchant))).text
    client.post(address("suspend", merchant), {"reason": "Chargebacks"})
    page = main_of(client.get(merchant.get_absolute_url()))
    assert "“Aurora Coffee” is suspended. Tokens at and below it are refused from now on." in page.text
    assert "This entity is suspended." in page.text
    assert "“Aurora Coffee”, above this entity, is suspended." in main_of(client.get(channel.get_absolute_url())).text
    assert "“Chargebacks”" in main_of(client.get(reverse("accounts:activity", args=[merchant.entity_id]))).text
    client.post(address("reactivate", merchant))
    assert said(client, merchant) == "“Aurora Coffee” is active again."
    assert fresh(merchant).status == "active"


@pytest.mark.parametrize(("verb", "sentence"), [("suspend", "suspended already"), ("reactivate", "active already")])
def test_what_is_so_already_is_refused(client, merchant, verb, sentence):
    if verb == "suspend":
        lifecycle.suspend(merchant, by=SETUP)
    events = AuditEvent.objects.count()
    response = client.post(address(verb, merchant))
    assert response.status_code == HTTPStatus.CONFLICT
    assert sentence in main_of(response).text
    assert AuditEvent.objects.count() == events


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_is_a_page_and_a_dialog(client, merchant, verb):
    """DESIGN 7: whole for a browser, its dialog alone for htmx; done, the dialog leads to the entity's page."""
    if verb == "reactivate":
        lifecycle.suspend(merchant, by=make_administrator(merchant.parent))
    company = make_entity("company", "Harbour Group", under=merchant.parent)
    page, dialog = client.get(address(verb, merchant)), client.get(address(verb, merchant), **HTMX)
    assert read(dialog).one("h2", id="dialog-title").text == main_of(page).one("h1").text
    assert "<html" not in dialog.content.decode()
    typed = {
        "add": {"kind": "terminal", "name": "Till"},
        "edit": {"name": "New"},
        "move": {"destination": company.entity_id},
    }
    done = client.post(address(verb, merchant), typed.get(verb, {}), **HTMX)
    target = Entity.objects.get(name="Till") if verb == "add" else merchant
    assert (done.status_code, done.headers["HX-Redirect"]) == (HTTPStatus.OK, target.get_absolute_url())


@pytest.mark.parametrize("verb", VERBS)
def test_a_dialog_of_somebody_signed_out_leads_to_the_sign_in_page(merchant, verb):
    response = Client().get(address(verb, merchant), **HTMX)
    assert response.headers["HX-Redirect"] == f"{reverse('account_login')}?next={address(verb, merchant)}"


def test_the_users_tab_shows_who_has_access_through_what_one_sees(partner, merchant):
    """S2-17: people of the entity and of those above it that the reader sees; the roles in words."""
    make_user(Role.ADMINISTRATOR, on=partner, email="above@test.example")
    make_user(Role.DEVELOPER, on=merchant, email="here@test.example", name="Dana")
    rows = main_of(
        client_of(make_administrator(partner)).get(reverse("accounts:users", args=[merchant.entity_id]))
    ).rows
    assert {row["Person"]: (row["Role"], row["Through"]) for row in rows}["above@test.example"] == (
        "Administrator",
        "Northwind Payments",
    )
    page = main_of(client_of(make_administrator(merchant)).get(reverse("accounts:users", args=[merchant.entity_id])))
    assert "Danahere@test.example" in [row["Person"] for row in page.rows]
    assert "above@test.example" not in page.text
    assert "Terminal operator" in page.text


def test_the_activity_tab_tells_of_the_entity_and_all_below(client, partner, merchant):
    """S0-20: who did what, the newest first; nothing of entities elsewhere."""
    make_entity("channel", "Web shop", under=merchant)
    make_merchant("Cedar Cycles", under=partner)
    page = main_of(client.get(reverse("accounts:activity", args=[merchant.entity_id])))
    events = [event.one("strong").text for event in page.all("li", class_="event")]
    assert events == ["Activity log read", "Entity added", "Entity added"]
    assert page.text.index("Web shop") < page.text.rindex("Aurora Coffee")
    assert "Cedar" not in page.text
