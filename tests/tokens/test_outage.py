"""A database that goes away under load and comes back: the short version of the campaign, on databases of its own."""

import subprocess
import sys

import pytest

from tests.campaigns import clusters
from tests.processes import ROOT


def campaign(*words: str) -> str:
    """Run the campaign; return what it said, all of it where it failed."""
    command = [sys.executable, "-m", "tests.campaigns.outage", *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr[-2_000:]
    return done.stdout


def test_while_the_file_is_gone_or_locked_every_answer_is_503():
    """DESIGN 6: 503 for a real fault, and good again by itself."""
    said = campaign("--database", "sqlite", "--ways", "moved", "locked", "--seconds", "1.5")
    assert said.count("as promised") == 2, said


def test_while_the_server_is_frozen_every_answer_is_503():
    """The hardest way: connections stand, the kernel takes new ones, and nobody answers."""
    if clusters.programs() is None:
        pytest.skip("no PostgreSQL on this machine (apt-get install postgresql)")
    said = campaign("--database", "postgresql", "--ways", "frozen", "--seconds", "3")
    assert said.count("as promised") == 1, said
