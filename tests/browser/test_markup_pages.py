"""The same five hundred texts in a real browser: no script runs, no dialog opens, the content policy is silent."""

from functools import partial

import pytest
from django.urls import reverse

from tests import test_markup
from tests.browser.conftest import Visit
from tests.test_markup import TEXTS, fill

LISTEN = "window.reports = []; addEventListener('securitypolicyviolation', (event) => reports.push(event.blockedURI))"
ALIVE = """() => [...document.querySelectorAll('*')].filter((element) => element.localName.includes('zq_7')
    || [...element.attributes].some((attribute) => attribute.name.startsWith('on'))).length"""

whole = test_markup.whole


@pytest.mark.usefixtures("whole")
def test_all_of_them_on_a_few_pages_do_nothing(live_server, visit: Visit):
    """S0-15, S1-9, S3-6: 0 reports and 0 dialogs over the pages that hold every one of them."""
    merchant, reader = fill(TEXTS)
    page, opened, reports = visit(reader), [], []
    page.on("dialog", lambda dialog: (opened.append(dialog.message), dialog.dismiss()))
    page.add_init_script(LISTEN)
    of_merchant = partial(reverse, args=[merchant.entity_id])
    for path in (merchant.get_absolute_url(), of_merchant("accounts:users"), reverse("portal:activity"), "/people/"):
        page.goto(path, timeout=60_000)
        reports += page.evaluate("reports")
        assert page.evaluate(ALIVE) == 0, path
        assert page.evaluate("typeof zq_7") == "undefined"
    assert (reports, opened) == ([], [])
