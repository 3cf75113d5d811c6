from http import HTTPStatus

import pytest
from django.urls import reverse

from tokens import usage


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_the_counts_of_all_workers_are_told_on_the_loopback(db, client, address):
    for outcome in ("good", "good", "digest"):
        usage.count(None, caller="", outcome=outcome)
    usage.flush()
    usage.count(None, caller="", outcome="good")
    usage.flush()
    answer = client.get(reverse("metrics"), REMOTE_ADDR=address)
    assert answer.status_code == HTTPStatus.OK
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    lines = answer.content.decode().splitlines()
    assert 'keyhouse_decisions_total{outcome="good"} 3' in lines
    assert 'keyhouse_decisions_total{outcome="digest"} 1' in lines


@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::1", "", "nonsense"])
def test_for_everybody_else_there_is_no_such_page(db, client, address):
    assert client.get(reverse("metrics"), REMOTE_ADDR=address).status_code == HTTPStatus.NOT_FOUND
