"""Requests drawn from the API's own description (schemathesis): none breaks the gateway, none learns a secret."""

import pytest
from hypothesis import HealthCheck, given, settings

from tests.gateway.test_bad_traffic import app as app, is_sound

pytestmark = pytest.mark.slow
CASES = 60


def test_requests_that_the_description_allows_or_forbids_are_answered_soundly(app):
    schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed")
    positive, negative = schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE
    schema = schemathesis.openapi.from_asgi("/openapi.json", app)
    operations = [found.ok() for found in schema.get_all_operations()]
    assert {one.label for one in operations} >= {"POST /v1/chat/completions", "GET /v1/explain/{trace_id}"}
    asked = set()
    for operation in operations:
        for mode in (positive, negative) if operation.method == "post" else (positive,):

            @given(case=operation.as_strategy(generation_mode=mode))
            @settings(max_examples=CASES, database=None, suppress_health_check=list(HealthCheck))
            def answered(case):
                asked.add(case.operation.label)
                is_sound(case.call())

            answered()
    assert len(asked) == len(operations)
