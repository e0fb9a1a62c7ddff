"""Endpoints on loopback, for gateways to call."""

import pytest

from tests.faults.fault_server import FaultServer


@pytest.fixture
def upstream():
    one = FaultServer().start()
    yield one
    one.stop()


@pytest.fixture
def second():
    one = FaultServer().start()
    yield one
    one.stop()
