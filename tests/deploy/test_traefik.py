"""What is particular to Traefik: a router that names a middleware that does not exist."""

from http import HTTPStatus

from tests import processes
from tests.deploy import gateways
from tests.tokens.clients import Edge

SECRET = "kh_api_live_of_the_client"


def test_a_router_with_a_misspelt_middleware_is_not_served(traefik: str, tmp_path):
    misspelt = {"middlewares: [live-payment_transaction.edit]": "middlewares: [life-payment_transaction.edit]"}
    with processes.payment_core("200 OK", echoes=False) as keyhouse, processes.payment_core() as core:
        ports = {"keyhouse": keyhouse.port, "core": core.port}
        with gateways.traefik(traefik, tmp_path / "gateway", credential="none", **ports, **misspelt) as server:
            edge = Edge(server.port)
            assert processes.wait_until(lambda: edge.ask("/v1/statements/", SECRET).status == HTTPStatus.OK)
            before = len(core.asked)
            assert edge.ask("/v1/payments/", SECRET).status == HTTPStatus.NOT_FOUND
            assert len(core.asked) == before
