"""The OpenAPI document: what it says of every operation, and that it says it of every route there is."""

import json
from typing import Any

from docs.build import openapi_document, operations
from mailgate.contract import v1
from tests.unit.api.office import Office

DOCUMENT: dict[str, Any] = json.loads(json.dumps(openapi_document()))
SHAPES = {
    name: shape
    for name, shape in vars(v1).items()
    if isinstance(shape, type) and issubclass(shape, (v1.Shape, v1.Wish)) and shape not in {v1.Shape, v1.Wish}
}


def test_every_operation_has_an_id_a_summary_and_a_sentence() -> None:
    found = [(operation["operationId"], operation) for _, _, operation in operations()]
    assert len({name for name, _ in found}) == len(found)
    for name, operation in found:
        assert name.isalpha(), name
        assert name[0].islower(), name
        assert operation["summary"], name
        assert operation["description"].endswith("."), name
        assert operation["security"] == [{"token": []}], name


def test_every_refusal_is_described_as_problem_details() -> None:
    for method, path, operation in operations():
        refusals = {status: said for status, said in operation["responses"].items() if status >= "4"}
        assert {"401", "403", "500"} <= set(refusals), path
        if operation.get("requestBody"):
            assert {"400", "413"} <= set(refusals), (method, path)
        for said in refusals.values():
            [(media_type, content)] = said["content"].items()
            assert media_type == "application/problem+json"
            assert content["schema"]["$ref"] == "#/components/schemas/Problem"


def test_every_answer_and_every_wish_is_a_shape_of_the_contract() -> None:
    assert set(DOCUMENT["components"]["schemas"]) == {*SHAPES, "EntryState", "ParkReason"}  # words of queries


def test_every_parameter_is_described() -> None:
    for _, path, operation in operations():
        for parameter in operation.get("parameters", []):
            assert parameter.get("description"), (path, parameter["name"])


async def test_a_running_engine_gives_the_document_that_is_committed(office: Office) -> None:
    async with office.client() as client:
        answer = await client.get("/api/v1/schema/openapi.json")
    assert answer.json() == DOCUMENT


async def test_every_route_of_the_api_is_in_the_document(office: Office) -> None:
    routes = {
        route.path_format
        for route in office.api.routes
        if route.path.startswith("/api/v1/") and not route.path.startswith("/api/v1/schema")
    }
    assert routes - set(DOCUMENT["paths"]) == {"/api/v1/events/stream"}  # a websocket: OpenAPI has no word for it
