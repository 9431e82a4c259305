"""Messages that are too large, by the API: listed, and decided about."""

import httpx
import msgspec
import pytest

from mailgate.contract import v1
from mailgate.ports.stages import LargeMessage
from tests.unit.api.office import Office

HEADER = b"From: Peer <peer@out.example>\r\nSubject: Plans\r\n\r\n"


async def listed(client: httpx.AsyncClient) -> tuple[v1.OversizeMessage, ...]:
    answer = await client.get("/api/v1/oversize")
    assert answer.status_code == 200, answer.text
    return msgspec.json.decode(answer.content, type=v1.OversizeList).messages


async def test_they_are_listed_with_sender_subject_and_size(office: Office) -> None:
    async with office.client() as client:
        assert await listed(client) == ()
        await office.engine.oversize.found("office", (), [LargeMessage("u7", 30_000_000, HEADER)])
        [one] = await listed(client)
    assert (one.id, one.account, one.uid, one.size) == (1, "office", "u7", 30_000_000)
    assert (one.from_, one.subject, one.wish, one.by) == ("Peer <peer@out.example>", "Plans", "none", "")


@pytest.mark.parametrize("wish", ["fetch", "tonight", "delete", "leave"])
async def test_what_is_decided_is_in_the_list(office: Office, wish: str) -> None:
    await office.engine.oversize.found("office", (), [LargeMessage("u7", 30_000_000, HEADER)])
    async with office.client() as client:
        answer = await client.post("/api/v1/oversize/1", json={"wish": wish})
        [one] = await listed(client)
    assert answer.status_code == 200, answer.text
    assert (one.wish, one.by, one.due is not None) == (wish, "the API", wish == "tonight")


@pytest.mark.parametrize(("number", "wish", "status"), [(9, "leave", 404), (1, "explode", 400), (0, "leave", 400)])
async def test_what_is_not_there_or_not_known_changes_nothing(
    office: Office, number: int, wish: str, status: int
) -> None:
    await office.engine.oversize.found("office", (), [LargeMessage("u7", 30_000_000, HEADER)])
    async with office.client() as client:
        answer = await client.post(f"/api/v1/oversize/{number}", json={"wish": wish})
        [one] = await listed(client)
    assert (answer.status_code, one.wish) == (status, "none")
