"""What fuzz_api.sh adds to schemathesis, for what OpenAPI has no words for."""

import schemathesis


@schemathesis.hook
def before_call(context, case, kwargs):
    """Takes the query for CSV away from a JSON body: together they are always refused."""
    if case.media_type == "application/json" and case.meta.generation.mode.is_positive:
        case.query = {name: case.query[name] for name in ["allow_nan"] if name in case.query}


@schemathesis.check
def refusal_beyond_schema(ctx, response, case):
    """Lets a request that keeps the schema be answered 400 for what its CSV holds, and no more.

    Of a body of JSON lines the document says that it is text, which nearly every text is not.
    """
    if case.media_type == "application/jsonlines":
        return
    if response.status_code == 400 and case.meta.generation.mode.is_positive:
        code = response.json()["code"]
        assert code == "invalid_csv", f"{code} for a request that the schema allows"


@schemathesis.serializer("application/jsonlines")
def json_lines(_context, value) -> bytes:
    """The document says text: what is made up is sent as it is."""
    return value if isinstance(value, bytes) else str(value).encode()
