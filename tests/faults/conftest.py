"""Servers that fail, on loopback."""

import pytest

from tests.faults.fault_server import FaultServer


@pytest.fixture
def faulty():
    one = FaultServer().start()
    yield one
    one.stop()


@pytest.fixture
def healthy():
    one = FaultServer().start()
    yield one
    one.stop()
