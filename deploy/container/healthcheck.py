"""Ends with 0 where Keyhouse lives; the container's runtime asks, inside the container: healthcheck.py <port>."""

import os
import sys
from http import HTTPStatus
from http.client import HTTPConnection

host = os.environ.get("KEYHOUSE_HOSTS", "localhost").split(",")[0]
connection = HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=3)
connection.request("GET", "/livez", headers={"Host": host})  # it answers to its own names alone
sys.exit(connection.getresponse().status != HTTPStatus.OK)
