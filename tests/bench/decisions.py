"""How fast Keyhouse decides, beside what is usually taken for it, in one run.

    python -m tests.bench.decisions [--quick] [--database sqlite|postgresql|both] [--tokens 1000,1000000]
                                    [--parts process,http,nginx] [--rounds 9] [--seconds 3]

In process: `decide()` and the whole WSGI callable against django-rest-knox, djangorestframework-api-key and Django REST
framework's TokenAuthentication. Over HTTP: all of them under the same server with the options of `manage.py serve`, one
process on one core, wrk on the other, against an empty 204 to the same requests. Behind nginx: the recipe of
`deploy/nginx`. Everything is measured in turn, round by round; the calmer half of the rounds counts.

Databases of its own are made, filled and dropped: SQLite files in a temporary folder, and `keyhouse_bench_*` on the
server of --postgresql. Besides the packages of requirements-bench.txt, wrk and nginx are needed for their parts.
"""

import argparse
import importlib
import importlib.util
import os
import shutil
import signal
import sys

PACKAGES = ("knox", "rest_framework_api_key", "psycopg", "pytest_django")
INSTALL = "python -m pip install --require-hashes -r requirements-test.txt -r requirements-bench.txt"
PARTS = {"process": [], "http": ["wrk"], "nginx": ["wrk", "nginx"]}
"""What is measured, and the programs that it takes."""
PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])


def main() -> int:
    """Measure what the command line asks for and print it."""
    options = read_options()
    if missing := what_is_missing(options.parts):
        sys.stderr.write(f"{missing}\n")
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what was started is ended
    os.environ["PATH"] = PATH
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    for line in importlib.import_module("tests.bench.comparison").compare(options):
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
    return 0


def what_is_missing(parts: list[str]) -> str:
    """Return a sentence about what has to be installed first; empty where nothing has."""
    if any(importlib.util.find_spec(name) is None for name in PACKAGES):
        return f"What Keyhouse is compared with is not installed. Run: {INSTALL}"
    programs = {program for part in parts for program in PARTS[part] if shutil.which(program, path=PATH) is None}
    return f"Not installed: {', '.join(sorted(programs))}. Debian's packages: wrk, nginx-light" if programs else ""


def read_options() -> argparse.Namespace:
    """Return what the command line says."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="only to see that it works: little of everything")
    parser.add_argument("--database", choices=["sqlite", "postgresql", "both"], default="both")
    parser.add_argument("--tokens", help="sizes, smallest first (default: 1000,1000000)")
    parser.add_argument("--parts", default=None, help="process,http,nginx (default: all; process if quick)")
    parser.add_argument("--rounds", type=int, help="rounds after the one that warms up (default: 9)")
    parser.add_argument("--seconds", type=float, help="of each measurement over HTTP; in process a tenth (default: 3)")
    parser.add_argument(
        "--postgresql", default="postgres://postgres@127.0.0.1:5432", help="server to make databases on"
    )
    options = parser.parse_args()
    parts = (options.parts or ("process" if options.quick else ",".join(PARTS))).split(",")
    if unknown := set(parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    options.parts = [part for part in PARTS if part in parts]
    options.tokens = [int(size) for size in (options.tokens or ("100" if options.quick else "1000,1000000")).split(",")]
    options.rounds = options.rounds or (2 if options.quick else 9)
    options.seconds = options.seconds or (0.2 if options.quick else 3)
    return options


if __name__ == "__main__":
    sys.exit(main())
