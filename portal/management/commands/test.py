"""`manage.py test`: pytest, with whatever arguments follow."""

import os
import sys
from typing import Any, NoReturn

from django.conf import settings
from django.core.management.base import BaseCommand


class Command(BaseCommand):
    """Run the tests in place of this process, so that pytest's exit code and signals are the command's own."""

    help = "Runs the tests with pytest; all arguments go to it: manage.py test tests/test_bootstrap.py -k interrupted"
    requires_system_checks: list[str] = []

    def run_from_argv(self, argv: list[str]) -> NoReturn:
        """Skip Django's own argument parser: pytest has one."""
        self.handle(arguments=argv[2:])

    def handle(self, *_: str, arguments: list[str], **__: Any) -> NoReturn:
        """Replace this process with pytest, in the folder that holds its configuration."""
        os.chdir(settings.BASE_DIR)
        os.execv(sys.executable, [sys.executable, "-m", "pytest", *arguments])
