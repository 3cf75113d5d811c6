#!/usr/bin/env python3
"""Run Keyhouse's commands; on a machine that has only Python, prepare what they need first."""

import os
import sys

from portal import bootstrap


def main() -> None:
    """Hand the command line to Django, inside an environment that has it."""
    command = sys.argv[1] if len(sys.argv) > 1 else ""
    bootstrap.enter(command)
    if command == "demo":
        os.environ["KEYHOUSE_DEMO"] = "1"
    if command == "test":
        os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

    from django.core.exceptions import ImproperlyConfigured  # Django is there only after bootstrap.enter()
    from django.core.management import execute_from_command_line
    from environs import EnvError

    try:
        execute_from_command_line(sys.argv)
    except (EnvError, ImproperlyConfigured) as error:
        bootstrap.stop(str(error))


if __name__ == "__main__":
    main()
