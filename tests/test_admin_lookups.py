"""No question to the Django admin tells anything of what is secret: no filter, order, search or pointer reaches it.

`?digest__startswith=` would read a digest byte by byte; what a page leaves out is not hidden (TRAPS). OWASP ASVS 5.0:
8.2.3, 8.3.1, 14.2.6, 15.3.1; PCI DSS 4.0: 3.5.1, 6.2.4, 7.2.5, 8.3.2.
"""

import re
from collections.abc import Iterator
from http import HTTPStatus

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import SuspiciousOperation
from django.db.models import BinaryField, Field, Model
from django.http import QueryDict
from django.test import Client, RequestFactory
from django.urls import reverse

from accounts.models import Entity, User
from accounts.permissions import Role
from tests.factories import make_entity, make_merchant, make_token, make_user
from tests.reading import client_of

DEPTH = 3
SECRET = {
    "accounts.AuditEvent": {"mac"},
    "accounts.FormerPassword": {"encoded"},
    "accounts.Invitation": {"digest", "pepper_id"},
    "accounts.Session": {"session_key", "session_data"},
    "accounts.User": {"password"},
    "mfa.Authenticator": {"data"},
    "tokens.IdempotencyRecord": {"key"},
    "tokens.SeenMessage": {"digest"},
    "tokens.SharedKey": {"ciphertext", "vault_key", "last4"},
    "tokens.Token": {"digest", "pepper_id", "last4", "networks"},
}
"""Model -> columns that a guess could be checked against, or that tell how to attack what they belong to."""

ADMINS = list(admin.site._registry.values())
by_admin = pytest.mark.parametrize("desk", ADMINS, ids=lambda desk: desk.model._meta.label)


@pytest.fixture
def staff(db) -> User:
    return make_user(Role.PLATFORM_ADMINISTRATOR, email="platform@test.example")


def is_secret(field: Field) -> bool:
    return field.name in SECRET.get(field.model._meta.label, ())


def paths(model: type[Model], depth: int = DEPTH, before: str = "") -> Iterator[tuple[str, Field]]:
    """Yield every column that look-ups can name from `model`: its own, and through relations of either direction."""
    for field in model._meta.get_fields(include_hidden=True):
        if isinstance(field, Field):
            yield before + field.name, field
        if field.is_relation and field.related_model and depth:
            name = field.name if isinstance(field, Field) else field.related_query_name or field.name
            yield from paths(field.related_model, depth - 1, f"{before}{name}__")


def lookups(field: Field) -> list[str]:
    """Return every look-up and transform of a field, also behind one another as JSON allows."""
    own = ["", "__pk", "__0", *(f"__{name}" for name in field.get_lookups())]
    return [*own, *(f"{name}__startswith" for name in own)]


def test_what_is_secret_is_known():
    """A new column of bytes, or one named like a secret, has to be told here first."""
    for model in apps.get_models():
        for field in model._meta.concrete_fields:
            if isinstance(field, BinaryField) or re.search("digest|secret|password|cipher|pepper|session_", field.name):
                assert is_secret(field), f"{model._meta.label}.{field.name}"
    for label, names in SECRET.items():
        assert names <= {field.name for field in apps.get_model(label)._meta.concrete_fields}


def test_the_desk_is_for_our_own_models_and_none_that_holds_only_secrets():
    """ASVS 15.3.1: sessions, factors, former passwords, keys and invitations are not looked up here."""
    held = {desk.model._meta.label for desk in ADMINS}
    assert held == {"accounts.Entity", "accounts.User", "accounts.Membership", "accounts.AuditEvent", "tokens.Token"}


@by_admin
def test_a_filter_is_one_that_the_page_offers(desk):
    """ASVS 8.2.3, 15.3.1: an allow-list, for every column within three relations and every look-up it has."""
    allowed, tried = set(), 0
    for path, field in set(paths(desk.model)):
        for lookup in lookups(field):
            tried += 1
            if desk.lookup_allowed(f"{path}{lookup}", "a", None):
                allowed.add(f"{path}{lookup}")
    assert tried > 5_000
    assert allowed == {name for each in desk.list_filter for name in (each, f"{each}__exact")}
    assert not any(is_secret(field) for path, field in paths(desk.model, 0) if path in desk.list_filter)


@by_admin
def test_no_filter_that_reaches_a_secret_is_put_to_the_database(desk, staff):
    """TRAPS: each is refused before it is a query. `get_changelist_instance` is where a page begins to ask."""
    request = RequestFactory().get("/")
    request.user = staff
    tried = 0
    for path in {path for path, field in paths(desk.model) if is_secret(field)}:
        for lookup in ("", "__startswith", "__range"):
            request.GET = QueryDict(f"{path}{lookup}=a")
            with pytest.raises((SuspiciousOperation, IncorrectLookupParameters)):
                desk.get_changelist_instance(request)
            tried += 1
    assert tried > 30


@by_admin
def test_neither_order_nor_search_nor_facet_names_a_secret(desk, staff):
    """An order by the digest would tell its bytes one comparison at a time, a search one guess at a time."""
    request = RequestFactory().get("/")
    request.user = staff
    orders = ["digest", "-digest", "password", *(f"{sign}{number}" for number in range(40) for sign in ("", "-"))]
    for order in orders:
        request.GET = QueryDict(f"o={order}&_facets=True")
        shown: ChangeList = desk.get_changelist_instance(request)
        sql = str(shown.queryset.query)
        assert not re.search("digest|password|pepper|last4|mac|ciphertext", sql.partition("ORDER BY")[2]), order
    own = dict(paths(desk.model))
    for searched in desk.search_fields:
        field = own[searched.lstrip("^=@")]
        assert not is_secret(field)


@by_admin
def test_no_row_is_found_by_a_secret(desk, staff):
    """`_to_field` names the column by which a row is pointed at; `autocomplete` lists rows by what they begin with."""
    client = client_of(staff)
    merchant = make_merchant("Aurora Coffee", under=make_entity("partner"))
    make_token(merchant)
    name = desk.model._meta.label_lower.replace(".", "_")
    pages = [reverse(f"admin:{name}_changelist"), reverse(f"admin:{name}_change", args=["a"])]
    for field in desk.model._meta.concrete_fields:
        for page in pages if not field.primary_key else ():
            assert client.get(page, {"_to_field": field.name}).status_code == HTTPStatus.BAD_REQUEST, field
    asked = {"app_label": desk.model._meta.app_label, "model_name": desk.model._meta.model_name, "field_name": "entity"}
    assert client.get(reverse("admin:autocomplete"), asked | {"term": "a"}).status_code == HTTPStatus.FORBIDDEN


@pytest.mark.parametrize(
    "query",
    ["entity__tokens__digest__startswith=a", "created_by__password__startswith=a", "digest__range=a,b", "digest=a"],
)
def test_over_http_the_answer_is_a_plain_refusal(staff, query):
    """ASVS 16.5.1: 400, the same for every look-up, and nothing in it of what was asked."""
    client = Client(raise_request_exception=False)
    client.force_login(staff)
    answer = client.get(f"{reverse('admin:tokens_token_changelist')}?{query}")
    assert answer.status_code == HTTPStatus.BAD_REQUEST
    assert "digest" not in answer.content.decode()
    assert Entity.objects.count() == 0
