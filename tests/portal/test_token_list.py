"""The API Tokens section of a merchant: what it lists, in which order, and what it offers."""

from datetime import timedelta
from http import HTTPStatus

import pytest
from django.test import Client
from django.utils import timezone

from accounts import lifecycle as entities
from accounts.models import Entity
from accounts.permissions import Role
from tests.factories import SETUP, make_administrator, make_entity, make_merchant, make_token, make_user, put_into
from tests.reading import Element, client_of, main_of, read, verbs_in
from tokens import lifecycle, usage
from tokens.models import Token
from tokens.verification import GOOD

COLUMNS = ["Alias", "Token", "Type", "Status", "Last 24 h", "Last used", "Enablement"]


@pytest.fixture
def merchant(db) -> Entity:
    return make_merchant("Aurora Coffee", under=make_entity("partner", "Northwind Payments"))


@pytest.fixture
def client(merchant) -> Client:
    return client_of(make_administrator(merchant))


def section_of(client: Client, entity: Entity, **query: str) -> Element:
    response = client.get(entity.get_absolute_url(), query)
    assert response.status_code == HTTPStatus.OK
    return main_of(response).one("section", aria_labelledby="tokens")


def aliases(client: Client, entity: Entity, **query: str) -> list[str]:
    """Return the aliases that are listed, in their order."""
    cells = section_of(client, entity, **query).all("td", data_label="Alias")
    return [cell.one("a").text for cell in cells]


def make_one_of_each(merchant: Entity) -> dict[str, Token]:
    """Return state -> a token in it; each is called what it is."""
    tokens = {state: make_token(merchant, alias=f"The {state}")[0] for state in ("active", "inactive", "revoked")}
    tokens = {state: put_into(token, state) for state, token in tokens.items()}
    tokens["removed"] = put_into(make_token(merchant, alias="The removed")[0], "removed")
    past = timezone.now() - timedelta(hours=1)
    tokens["expired"] = make_token(merchant, alias="The expired", expires_at=past)[0]
    return tokens


def row_of(section: Element, token: Token) -> Element:
    (row,) = [row for row in section.all("tr") if token.get_absolute_url() in row.links]
    return row


def test_the_section_stands_on_the_entity_tab_of_admin_account(client, merchant):
    """S0-1 ... S0-6: Admin > Account > ENTITY tab > a merchant chosen in the account tree > API Tokens."""
    page = read(client.get(merchant.get_absolute_url()))
    navigation = page.one("nav", aria_label="Main")
    assert navigation.one("ul", aria_labelledby="nav-admin").one("a", aria_current="page").text == "Account"
    assert navigation.one("h2", id="nav-admin").text == "Admin"
    assert page.one("nav", aria_label="About this entity").one("a", aria_current="page").text == "Entity"
    tree = page.one("aside", aria_label="Account tree")
    assert "Aurora Coffee" in tree.one("a", aria_current="page").text
    assert page.one("main").one("h2", id="tokens").text == "API Tokens"


def test_the_section_says_what_tokens_are_for_and_how_to_keep_them(client, merchant):
    """S0-7, S0-11, S0-12, S0-40: all channels, server to server, transactions, your architecture, rotation."""
    words = section_of(client, merchant).text
    assert "server-to-server calls and transactions on every channel of this merchant" in words
    assert "according to your system architecture" in words
    assert "add a new one, switch, then deactivate and remove the old one" in words


def test_a_row_tells_alias_masked_token_type_status_and_use(client, merchant):
    """S0-14 ... S0-18, S0-20: the columns and their order; the value itself is masked; use of the last 24 hours."""
    token, secret = make_token(merchant, alias="Checkout backend")
    for _ in range(3):
        usage.count(token.pk, caller="192.0.2.7", outcome=GOOD)
    usage.count(token.pk, caller="192.0.2.8", outcome="permission")
    usage.flush()
    section = section_of(client, merchant)
    assert [head.text for head in section.all("th")] == COLUMNS
    (row,) = section.rows
    assert list(row) == COLUMNS
    assert row | {"Last used": "", "Enablement": ""} == {
        "Alias": "Checkout backendFull access",
        "Token": f"kh_api_live_{token.key_id[:4]}…{secret[-4:]}",
        "Type": "Live",
        "Status": "Active",
        "Last 24 h": "3 ok 1 failed (25.0 %)",
        "Last used": "",
        "Enablement": "",
    }
    assert row["Last used"].endswith("s ago")


def test_a_row_copies_the_key_id_and_leads_to_the_token(client, merchant):
    """S3-3, S3-5, C1: what can be copied on the grid is the key ID; the token itself is nowhere on the page."""
    token, secret = make_token(merchant, alias="Checkout backend")
    section = section_of(client, merchant)
    (copied,) = section.all("button", class_="copy js-only")
    assert copied.attributes["data-copy"] == token.key_id
    assert copied.attributes["aria-label"] == "Copy the key ID of Checkout backend"
    assert secret[-20:] not in client.get(merchant.get_absolute_url()).content.decode()
    assert section.one("a", class_="cell-main").attributes["href"] == token.get_absolute_url()
    assert main_of(client.get(token.get_absolute_url())).one("h1").text == "Checkout backend"


@pytest.mark.parametrize("where", ["list", "token"])
def test_what_each_status_means_stands_where_it_is_shown(client, merchant, where):
    """S3-18 ... S3-21: Enabled at creation, Disabled until enabled, Revoked for ever, in a legend."""
    token, _ = make_token(merchant)
    page = main_of(client.get((merchant if where == "list" else token).get_absolute_url()))
    legend = {each.one("dt").text: each.one("dd").text for each in page.one("details", class_="legend").all("div")}
    assert list(legend) == ["Active", "Retiring", "Inactive", "Expired", "Revoked"]
    assert legend["Active"].startswith("Enabled: required for use. Set automatically when a token is created.")
    assert "may affect access to the data linked to it. Usable again only after" in legend["Inactive"]
    assert "it cannot move to any other status, and there is no recovery" in legend["Revoked"]


def test_a_token_never_used_says_so(client, merchant):
    """S0-20: no requests is told in words."""
    make_token(merchant, mode="test")
    (row,) = section_of(client, merchant).rows
    assert (row["Type"], row["Last 24 h"], row["Last used"]) == ("Test", "no requests", "Never")


@pytest.mark.parametrize(
    ("state", "verbs"),
    [
        ("active", ["edit", "deactivate", "condemn"]),
        ("expired", ["edit", "deactivate", "condemn"]),
        ("inactive", ["edit", "reactivate", "revoke", "remove"]),
        ("revoked", ["remove"]),
        ("removed", []),
    ],
)
def test_a_row_offers_what_the_state_allows(client, merchant, state, verbs):
    """S0-18, S0-19, S0-34, S0-36, S3-15, S3-22: Remove and Revoke only once a token is inactive."""
    token = make_one_of_each(merchant)[state]
    row = row_of(section_of(client, merchant, status=state), token)
    assert sorted(verbs_in(row)) == sorted(verbs)


@pytest.mark.parametrize(
    ("role", "verbs"),
    [
        (Role.DEVELOPER, ["edit", "deactivate", "condemn"]),
        (Role.VIEWER, []),
        (Role.SUPPORT, ["deactivate"]),
        (Role.PLATFORM_ADMINISTRATOR, ["edit", "deactivate", "condemn"]),
    ],
)
def test_a_row_offers_what_the_role_may_do(merchant, role, verbs):
    """S2-17, C9: the buttons are those of the role; who may not create sees no Add."""
    token, _ = make_token(merchant)
    place = None if role in {Role.SUPPORT, Role.PLATFORM_ADMINISTRATOR} else merchant
    section = section_of(client_of(make_user(role, on=place)), merchant)
    assert verbs_in(row_of(section, token)) == verbs
    assert ("Add API token" in section.text) == ("edit" in verbs)


def test_the_list_shows_everything_but_what_was_removed(client, merchant):
    """S0-14, S0-39, S3-17, C3: a revoked token stays on the grid, a removed one leaves it."""
    make_one_of_each(merchant)
    assert set(aliases(client, merchant)) == {"The active", "The expired", "The inactive", "The revoked"}


@pytest.mark.parametrize("state", ["active", "inactive", "expired", "revoked", "removed"])
def test_a_status_filter_shows_those_tokens_and_how_many(client, merchant, state):
    """S0-17, C3: each status with its count; Removed shows what has left the list. An expired one is not active."""
    make_one_of_each(merchant)
    put_into(make_token(merchant, alias="Another inactive")[0], "inactive")
    section = section_of(client, merchant, status=state)
    (entry,) = section.all("a", aria_current="true")
    count = 2 if state == "inactive" else 1
    assert entry.text == f"{state.title()} {count}"
    assert section.one("summary", class_="btn btn-quiet").text == entry.text
    expected = {f"The {state}"} | ({"Another inactive"} if state == "inactive" else set())
    assert set(aliases(client, merchant, status=state)) == expected


def test_a_filter_that_nothing_matches_leads_back(client, merchant):
    make_token(merchant, alias="Only one")
    section = section_of(client, merchant, status="revoked")
    assert "No token matches" in section.text
    assert merchant.get_absolute_url() in section.links


@pytest.mark.parametrize("sought", ["check", "OUT B", "key ID"])
def test_a_token_is_found_by_alias_or_key_id(client, merchant, sought):
    """S0-15: by part of the alias in any case, or by the beginning of the key ID."""
    token, _ = make_token(merchant, alias="Checkout backend")
    make_token(merchant, alias="Settlement")
    text = token.key_id[:10] if sought == "key ID" else sought
    assert aliases(client, merchant, q=text) == ["Checkout backend"]


def test_several_tokens_are_active_at_once(client, merchant):
    """S0-13: multiple tokens can be active."""
    for number in range(5):
        make_token(merchant, alias=f"Token {number}")
    assert {row["Status"] for row in section_of(client, merchant).rows} == {"Active"}
    assert len(section_of(client, merchant).rows) == 5


def test_another_entity_shows_its_own_tokens_only(merchant):
    """S0-8, S0-9: choosing another entity shows that one's tokens."""
    other = make_merchant("Cedar Cycles", under=merchant.parent)
    make_token(merchant, alias="Of Aurora")
    make_token(other, alias="Of Cedar")
    client = client_of(make_administrator(merchant.parent))
    assert aliases(client, merchant) == ["Of Aurora"]
    assert aliases(client, other) == ["Of Cedar"]


def test_what_is_no_api_token_is_not_listed(client, merchant):
    """S2-5: SDK tokens have places of their own."""
    lifecycle.create(merchant, kind=Token.Kind.SDK, by=SETUP, alias="A terminal's")
    assert "No API token yet" in section_of(client, merchant).text


def test_an_empty_list_says_what_to_do_next(client, merchant):
    """S0-21: Add stands in the empty list as well."""
    section = section_of(client, merchant)
    assert "Create one for each system" in section.text
    assert section.links.count(f"/account/{merchant.entity_id}/tokens/add/") == 2


@pytest.mark.parametrize("kind", ["partner", "company", "channel", "terminal"])
def test_what_is_no_merchant_says_where_tokens_live(merchant, kind):
    """S0-6, S0-10: no token list anywhere else; the page leads to the merchants around."""
    company = make_entity("company", "Harbour Group", under=merchant.parent)
    below = make_merchant("Delta Flowers", under=company)
    channel = make_entity("channel", "Web shop", under=merchant)
    terminal = make_entity("terminal", "Till 1", under=channel)
    make_token(merchant, alias="Out of sight")
    chosen = {"partner": merchant.parent, "company": company, "channel": channel, "terminal": terminal}[kind]
    client = client_of(make_administrator(merchant.parent))
    section = section_of(client, chosen)
    assert "API tokens are managed at" in section.text
    expected = below if kind == "company" else merchant
    assert expected.get_absolute_url() in section.links
    assert not section.all("table")
    assert "Out of sight" not in section.text
    assert "tokens/add" not in "".join(section.links)


def test_a_merchant_that_was_suspended_takes_no_new_tokens(client, merchant):
    """S0-10: a stopped merchant says so instead of offering Add."""
    make_token(merchant, alias="Stopped with it")
    entities.suspend(merchant.parent, by=SETUP)
    page = main_of(client.get(merchant.get_absolute_url()))
    assert "An entity above this one is suspended." in page.text
    assert "tokens/add" not in "".join(page.links)
