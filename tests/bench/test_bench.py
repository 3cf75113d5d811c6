"""The benchmark's own pieces work; what it measures is only for a machine that is calm."""

import importlib.util
import shutil
import subprocess
import sys

import pytest

from tests.bench.decisions import INSTALL, PACKAGES
from tests.bench.report import Verdict
from tests.bench.samples import Rounds, Sample
from tests.processes import ROOT

QUICK = [sys.executable, "-m", "tests.bench.decisions", "--quick", "--database", "sqlite"]
has_peers = all(importlib.util.find_spec(name) for name in PACKAGES)


def test_a_quick_run_measures_everything_in_process_and_leaves_nothing(tmp_path, monkeypatch):
    if not has_peers:
        pytest.skip(f"what Keyhouse is compared with is not installed: {INSTALL}")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    done = subprocess.run([*QUICK, "--seconds", "0.2"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for what in ["Keyhouse, `decide()`", "django-rest-knox", "djangorestframework-api-key", "DRF TokenAuthentication"]:
        assert f"| {what} |" in done.stdout
    assert "unknown key ID and wrong secret apart" in done.stdout
    assert not list(tmp_path.iterdir())


def test_a_quick_run_of_signatures_measures_both_ways_and_leaves_nothing(tmp_path, monkeypatch):
    if not shutil.which("wrk"):
        pytest.skip("no wrk on this machine (apt-get install wrk)")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    words = [sys.executable, "-m", "tests.bench.signatures", "--quick", "--database", "sqlite"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for what in ["`/gateway/signatures`", "`/gateway/signatures/verify`, a new message", "an empty 204, the ceiling"]:
        assert f"| {what} |" in done.stdout
    assert not list(tmp_path.glob("keyhouse-bench-*"))


def test_without_the_peers_it_says_how_to_install_them():
    if has_peers:
        pytest.skip("they are installed")
    done = subprocess.run(QUICK, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert INSTALL in done.stderr


def test_only_the_calmer_half_of_the_rounds_counts_and_ratios_are_taken_within_a_round():
    def rounds(*rates: tuple[float, float]) -> Rounds:
        samples = [{"yardstick": Sample(fixed, 1, 1), "own": Sample(own, 1, 1)} for fixed, own in rates]
        return Rounds(samples, yardstick="yardstick")

    found = rounds((100, 50), (10, 1), (98, 48), (20, 90))
    assert (len(found.calm), found.all) == (2, 4)
    assert found.median("own") == 49
    assert found.ratio("own", "yardstick") == pytest.approx((0.5 + 48 / 98) / 2)


@pytest.mark.parametrize(("measured", "at_most", "said"), [
    (2.0, False, "met"), (1.9, False, "**not met**"), (2.0, True, "met"), (2.1, True, "**not met**"),
])  # fmt: skip
def test_a_target_is_met_or_not(measured, at_most, said):
    assert Verdict("x", measured, 2, at_most=at_most).row()[-1] == said
