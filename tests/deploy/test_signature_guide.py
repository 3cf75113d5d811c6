"""`docs/guides/signatures.md`: every file in it is written out and run, against a real Keyhouse."""

import ast
import http.client
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests import processes
from tests.factories import SETUP
from tests.processes import HOST, ROOT, Server
from tests.tokens.keys.conftest import House
from tests.tokens.keys.conftest import house as house_with_keys  # noqa: F401  a fixture
from tokens.keys import lifecycle
from tokens.keys.slots import SLOTS

pytestmark = pytest.mark.django_db(transaction=True)
GUIDE = (ROOT / "docs" / "guides" / "signatures.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"^```python\n# (\w+\.py)\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL))
BODY = '{"type": "payment.settled", "ä": 1}'
PRIMARY, SECONDARY = "hmac_primary", "hmac_secondary"

# Each driver reads what it is given as JSON and prints what came of it.
BELIEVE = """
import json, sys, by_hand, receiver, os
told = []
for body, headers in json.load(sys.stdin):
    sent = body.encode(), headers
    told.append([receiver.believed(*sent), by_hand.believed(os.environ["KEY"], *sent)])
print(json.dumps(told))
"""
SEND = "import json, sys, sender; print(json.dumps([sender.signed(body) for body in json.load(sys.stdin)]))"
ASK = """
import json, sys, httpx, keyhouse_signatures
told = []
for verb, body, *headers, about in json.load(sys.stdin):
    try:
        told.append(getattr(keyhouse_signatures, verb)(body.encode(), *headers, **about))
    except httpx.HTTPStatusError as refused:
        told.append(refused.response.status_code)
    except httpx.HTTPError:
        told.append("no answer")
print(json.dumps(told))
"""


@pytest.fixture
def house(house_with_keys: House) -> House:  # noqa: F811
    return house_with_keys


@pytest.fixture(scope="module")
def portal(django_db_setup, tmp_path_factory) -> Iterator[Server]:
    with processes.portal(tmp_path_factory.mktemp("portal"), workers=1, KEYHOUSE_USAGE_FLUSH_SECONDS="3600") as server:
        yield server


class Programs:
    """The guide's files in a folder of their own, and ways to run them."""

    def __init__(self, folder: Path, house: House, port: int) -> None:
        self._folder, self._house, self._port = folder, house, port
        self._about = {"entity": house.merchant.entity_id, "mode": "live"}
        for name, text in FILES.items():
            (folder / name).write_text(text, encoding="utf-8")

    def run(self, driver: str, given: list, **environment: str) -> list:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("KEYHOUSE_", "DJANGO_"))}
        own = {"PYTHONPATH": str(self._folder), "KEYHOUSE_URL": f"http://{HOST}:{self._port}"}
        own |= {"KEYHOUSE_GATEWAY": self._house.gateway_secret} | environment
        words = [sys.executable, "-c", driver]
        done = subprocess.run(
            words, env=kept | own, input=json.dumps(given), capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def sign(self, **about: str) -> dict:
        return self.run(ASK, [["sign", BODY, self._about | about]])[0]

    def verify(self, headers: dict, body: str = BODY, **about: str) -> bool:
        return self.run(ASK, [["is_good", body, headers, self._about | about]])[0]

    def believed(self, key: str, headers: dict, body: str = BODY) -> list[bool]:
        """Return what the library and the lines by hand make of a message, for somebody who has this key."""
        return self.run(BELIEVE, [[body, headers]], KEY=key)[0]

    def send(self, key: str) -> dict:
        return self.run(SEND, [BODY], KEY=key)[0]


@pytest.fixture
def programs(tmp_path: Path, house: House, portal: Server) -> Programs:
    return Programs(tmp_path, house, portal.port)


def test_the_guide_has_no_file_that_is_not_run():
    assert set(FILES) == {"receiver.py", "by_hand.py", "sender.py", "keyhouse_signatures.py"}
    assert GUIDE.count("```python") == len(FILES)
    for text in FILES.values():
        assert ast.parse(text)
        assert max(map(len, text.splitlines())) <= 120


def test_what_keyhouse_signs_a_merchant_believes_and_nothing_else(programs: Programs, house: House):
    """S4-3, S4-19: with either key, by the library and by hand."""
    signed = programs.sign()
    for name in (PRIMARY, SECONDARY):
        assert programs.believed(house.secrets[name], signed) == [True, True]
    _, other = lifecycle.create(house.sibling, SLOTS[PRIMARY], mode="live", by=SETUP)
    assert programs.believed(other, signed) == [False, False]
    late = signed | {"webhook-timestamp": str(int(time.time()) - 301)}
    for headers, body in [
        (signed, f"{BODY} "),
        (signed | {"webhook-id": "msg_other"}, BODY),
        (signed | {"webhook-signature": "v1,AAAA"}, BODY),
        (signed | {"webhook-timestamp": "x"}, BODY),
        (late, BODY),
        ({}, BODY),
    ]:
        assert programs.believed(house.secrets[PRIMARY], headers, body) == [False, False], headers


def test_what_a_merchant_signs_keyhouse_believes_once(programs: Programs, house: House):
    """S4-3, S4-19."""
    for name in (PRIMARY, SECONDARY):
        sent = programs.send(house.secrets[name])
        assert programs.verify(sent, f"{BODY} ") is False
        assert programs.verify({name.title(): value for name, value in sent.items()} | {"Host": "x"}) is True
        assert programs.verify(sent) is False, "a replay"
    assert programs.verify(programs.send(house.secrets[PRIMARY]), entity=house.channel.entity_id) is True


def test_the_double_run_is_as_the_table_says(programs: Programs, house: House):
    """S4-5, S4-19, S4-22: at each step the merchant's systems go on, whichever key they have."""
    lifecycle.revoke(house.key(SECONDARY), by=SETUP)
    old = house.secrets[PRIMARY]

    def works(key: str) -> list[bool]:
        return [*programs.believed(key, programs.sign()), programs.verify(programs.send(key))]

    assert works(old) == [True] * 3
    _, new = lifecycle.create(house.merchant, SLOTS[SECONDARY], mode="live", by=SETUP)
    assert works(old) == works(new) == [True] * 3
    lifecycle.promote(house.merchant, mode="live", by=SETUP)
    assert works(old) == works(new) == [True] * 3
    signed = programs.sign()
    first = signed["webhook-signature"].split(" ")[0]
    assert programs.believed(new, signed | {"webhook-signature": first}) == [True, True], "the new key's comes first"
    lifecycle.revoke(house.key(SECONDARY), by=SETUP)
    assert works(new) == [True] * 3
    assert works(old) == [False] * 3


def test_what_cannot_be_answered_is_a_fault_of_the_question(programs: Programs, house: House):
    assert programs.sign(entity="mer_0000000000000000") == 404
    assert programs.sign(mode="other") == 400
    assert programs.sign(mode="test") == 409
    about = {"entity": house.merchant.entity_id, "mode": "live"}
    assert programs.run(ASK, [["sign", BODY, about]], KEYHOUSE_GATEWAY="nonsense") == [401]
    nobody = f"http://{HOST}:{processes.free_port()}"
    assert programs.run(ASK, [["is_good", BODY, {}, about]], KEYHOUSE_URL=nobody) == ["no answer"]


def test_nothing_that_machines_ask_is_reached_through_the_portals_server(
    nginx: str, house: House, portal: Server, tmp_path
):
    """`deploy/nginx/keyhouse/inner.conf`, in a real nginx: however the path is written, it is not there."""
    port, recipe = processes.free_port(), ROOT / "deploy" / "nginx" / "keyhouse" / "inner.conf"
    server_block = f"""
    server {{
        listen {HOST}:{port};
        include {recipe};
        location / {{ proxy_pass http://{HOST}:{portal.port}; proxy_set_header Host $host; }}
    }}"""
    query = f"entity={house.merchant.entity_id}&mode=live"

    def status(at: int, path: str, method: str = "POST") -> int:
        with closing(http.client.HTTPConnection(HOST, at, timeout=30)) as line:
            line.request(method, path, headers={"X-Keyhouse-Gateway": house.gateway_secret})
            return line.getresponse().status

    with processes.nginx(nginx, tmp_path / "nginx", port=port, http=server_block) as server:
        assert status(portal.port, f"/gateway/signatures?{query}") == 200
        assert status(server.port, "/livez", "GET") == 200
        for path in [
            "/gateway/signatures", "/gateway/signatures/", "/gateway/signatures/verify", "/gateway/keys",
            "/%67ateway/signatures", "/gateway/%73ignatures", "//gateway/signatures", "/./gateway/signatures",
            "/x/../gateway/signatures", "/gateway//signatures", "/gateway", "/oauth/introspect", "/oauth/%69ntrospect",
            "/metrics", "/gateway%2Fsignatures", "/gateway/authorize",
        ]:  # fmt: skip
            assert status(server.port, f"{path}?{query}") == 404, path
