"""Several processes change the tree at once, and it stays whole."""

import pytest

from tests.campaigns.tree_storm import storm


@pytest.mark.django_db(transaction=True)
def test_the_tree_holds_in_a_storm_of_four_processes():
    """4 x 500 additions, moves, renamings, suspensions and reactivations, made on rows that are mostly stale."""
    report = storm(workers=4, operations=500)
    print(report)  # noqa: T201  the figures, with `pytest -s`
    assert report.errors == []
    assert report.broken == []
    assert report.done.total() == 2000
    assert report.done["move"] > 200
