"""A gateway on a real socket, over endpoints on real sockets."""

import asyncio
import socket
import threading
from contextlib import contextmanager

import uvicorn

from orchestrator.gateway.app import create_app
from orchestrator.gateway.clients import clients_of
from orchestrator.gateway.protocol import PatientProtocol
from orchestrator.gateway.routing import Routing, reference_of
from orchestrator.gateway.service import Service
from orchestrator.health import Health
from orchestrator.settings import Settings
from router_training.contract import ModelCard

ABLE = frozenset({"text", "tools", "vision"})


def card(name, url, price=1.0, **options):
    return ModelCard(name, price, 2 * price, base_url=url, capabilities=ABLE, timeout_s=20.0, **options)


def cards_of(*servers, **options):
    """One card per server: "m0" is the cheapest."""
    return {f"m{i}": card(f"m{i}", server.url, 10.0**i, **options) for i, server in enumerate(servers)}


def service_over(cards, *, policy=None, answer_model=None, models=None, feedback=None, **settings):
    service = Service(Settings(**settings))
    clients = clients_of(cards, service.session, {}) if models is None else models
    service.routing = Routing(
        "test", policy, answer_model, cards, clients, Health(), feedback, 0.8, reference_of(policy, cards)
    )
    return service


@contextmanager
def serving(app):
    """Serve an application in a thread; yield its address."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", http=PatientProtocol))
        thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])), daemon=True)
        thread.start()
        while not server.started:
            assert thread.is_alive()
            thread.join(0.01)
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            server.should_exit = True
            thread.join(20)
            assert not thread.is_alive()


@contextmanager
def gateway(*servers, service=None, **options):
    """Serve the gateway over these endpoints; yield (address, service, what was served)."""
    service = service or service_over(cards_of(*servers), **options)
    served = []
    service.watchers.append(served.append)
    with serving(create_app(service)) as url:
        yield url, service, served
