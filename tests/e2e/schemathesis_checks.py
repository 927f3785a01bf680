"""Extensions of schemathesis for fuzz_api.sh, for rules that OpenAPI cannot express."""

from typing import Any

import schemathesis


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: dict[str, Any]) -> None:
    """Remove the query parameters of CSV from requests with a JSON body, which reject them."""
    if case.media_type == "application/json" and case.meta.generation.mode.is_positive:
        case.query = {name: case.query[name] for name in ["allow_nan"] if name in case.query}


@schemathesis.check
def refusal_beyond_schema(ctx: Any, response: Any, case: Any) -> None:
    """Allow 400 for a request that matches the schema only if its CSV content is invalid.

    JSON lines are exempt: the document describes them as text, and nearly every text is invalid.
    """
    if case.media_type == "application/jsonlines":
        return
    if response.status_code == 400 and case.meta.generation.mode.is_positive:
        code = response.json()["code"]
        assert code == "invalid_csv", f"{code} for a request that the schema allows"


@schemathesis.serializer("application/jsonlines")
def json_lines(_context: Any, value: Any) -> bytes:
    """Send generated text unchanged: the document describes the body as text."""
    return value if isinstance(value, bytes) else str(value).encode()
