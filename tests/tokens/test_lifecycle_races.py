"""People who act on the same token in the same moment: one wins, and the others are told so."""

from collections.abc import Callable
from threading import Barrier
from uuid import uuid4

import pytest

from accounts.models import AuditEvent
from accounts.refusals import Refused
from tests.accounts.elsewhere import Elsewhere
from tests.factories import SETUP, make_administrator, make_token, put_into
from tests.tokens.conftest import House, stored
from tests.tokens.test_lifecycle import EVENTS
from tokens import lifecycle
from tokens.models import IdempotencyRecord, Token

pytestmark = pytest.mark.django_db(transaction=True)
PEOPLE = 4


def all_at_once(act: Callable[[], object]) -> tuple[list, list[Refused]]:
    """Let several people, each over a connection of their own, do the same; return what came of it and the refusals."""
    line = Barrier(PEOPLE)

    def run() -> object:
        line.wait(10)
        try:
            return act()
        except Refused as refusal:
            return refusal

    with Elsewhere(PEOPLE) as elsewhere:
        ends = [started.result(60) for started in [elsewhere.start(run) for _ in range(PEOPLE)]]
    refusals = [end for end in ends if isinstance(end, Refused)]
    return [end for end in ends if end not in refusals], refusals


@pytest.mark.parametrize(
    ("verb", "status", "sentence"),
    [
        ("deactivate", "inactive", "“Till” is inactive already."),
        ("reactivate", "active", "“Till” is active already."),
        ("revoke", "revoked", "“Till” is revoked already."),
        ("remove", "removed", "“Till” is removed already."),
    ],
)
def test_the_losers_of_a_race_are_told_and_leave_no_event(house: House, verb, status, sentence):
    for _ in range(5):
        token, _ = make_token(house.merchant, alias="Till")
        put_into(token, "active" if verb == "deactivate" else "inactive")
        loaded = [Token.objects.get(pk=token.pk) for _ in range(PEOPLE)]
        done, refused = all_at_once(lambda loaded=loaded: getattr(lifecycle, verb)(loaded.pop(), by=SETUP))
        assert (len(done), [str(refusal) for refusal in refused]) == (1, [sentence] * (PEOPLE - 1))
        assert stored(token)["status"] == status
        assert AuditEvent.objects.filter(target=token.key_id, type=EVENTS[verb]).count() == 1


def test_of_several_who_rename_one_does(house: House):
    names = ["One", "Two", "Three", "Four"]
    loaded = [Token.objects.get(pk=house.token.pk) for _ in names]
    done, refused = all_at_once(lambda: lifecycle.edit(loaded.pop(), alias=names.pop(), by=SETUP))
    assert (len(done), len(refused)) == (1, PEOPLE - 1)
    event = AuditEvent.objects.get(target=house.token.key_id, type="token.renamed")
    assert event.details["after"] == stored(house.token)["alias"]


def test_removing_and_reactivating_at_once_leaves_a_token_that_is_one_or_the_other(house: House):
    for _ in range(5):
        token, _ = make_token(house.merchant)
        put_into(token, "inactive")
        verbs = [lifecycle.remove, lifecycle.reactivate] * (PEOPLE // 2)
        loaded = [Token.objects.get(pk=token.pk) for _ in range(PEOPLE)]
        done, _ = all_at_once(lambda verbs=verbs, loaded=loaded: verbs.pop()(loaded.pop(), by=SETUP))
        row = stored(token)
        assert len(done) == 1
        assert row["status"] in {"active", "removed"}
        assert (row["digest"] is None) == (row["status"] == "removed")


def test_a_form_sent_four_times_at_once_makes_one_token(house: House):
    person, form = make_administrator(house.merchant), uuid4()
    tokens = Token.objects.count()
    done, refused = all_at_once(lambda: lifecycle.create(house.merchant, by=person, form_key=form))
    assert (len(done), len(refused)) == (1, PEOPLE - 1)
    ((made, _secret),) = done
    assert {refusal.token for refusal in refused} == {made}
    assert Token.objects.count() == tokens + 1
    assert IdempotencyRecord.objects.get().token == made
    assert AuditEvent.objects.filter(target=made.key_id).count() == 1


def test_the_last_place_of_the_quota_is_given_once(house: House, settings):
    settings.TOKEN_QUOTA = Token.objects.of(house.merchant).count() + 1
    done, refused = all_at_once(lambda: make_token(house.merchant))
    assert (len(done), len(refused)) == (1, PEOPLE - 1)
    assert Token.objects.of(house.merchant).count() == settings.TOKEN_QUOTA


def test_tokens_made_at_once_get_numbers_of_their_own(house: House):
    done, _ = all_at_once(lambda: make_token(house.sibling))
    assert sorted(token.alias for token, _ in done) == [f"API token {number}" for number in range(1, PEOPLE + 1)]
