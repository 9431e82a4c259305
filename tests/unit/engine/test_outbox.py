"""Messages that MailGate writes: they go by the queue, are marked, and never storm."""

import email
import email.policy
from dataclasses import replace
from datetime import timedelta

from mailgate.config.faults import Fault
from mailgate.config.templates import LoadedTemplates, shipped_templates
from mailgate.model.address import parse_address
from mailgate.model.entry import EntryState
from mailgate.model.events import NoticeWritten
from mailgate.model.notices import Notice, NoticeKind, NoticeSettings
from mailgate.model.status import Reply
from mailgate.policy.loops import is_own_notice
from tests.fakes.eventually import eventually, eventually_by
from tests.fakes.transport import FakeTransport, Say
from tests.unit.engine.desk import ANNA, Desk, config, running

NOTICE = Notice(NoticeKind.OVERSIZE, parse_address(ANNA), {"subject": "Grüße", "size": "30 MB"}, about="office")


async def test_a_notice_is_mail_like_any_other_with_an_empty_sender() -> None:
    async with running(Desk()) as desk:
        name = await desk.engine.outbox.send(NOTICE)
        await eventually(lambda: len(desk.transport.said) == 1, "a delivery")
        [said] = desk.transport.said
        assert (said.entry, said.sender, said.recipients) == (name, None, (ANNA,))
        message = email.message_from_bytes(said.octets, policy=email.policy.default)
        assert message["Subject"] == "A message too large waits at the provider: Grüße"
        assert message["From"] == "MailGate <postmaster@office.example>"
        assert (message["Auto-Submitted"], message["X-MailGate-Loop"] is not None) == ("auto-generated", True)
        assert is_own_notice(said.octets, desk.engine.pipeline.loop_key)
        entry, steps = await desk.engine.trace(name)
        assert [step.stage.value for step in steps][:1] == ["written"]
        assert (entry.source.account, entry.glance.subject) == ("", message["Subject"])
        assert [event for event in desk.events if isinstance(event, NoticeWritten)] == [
            NoticeWritten(entry=name, kind="oversize", recipient=ANNA, about="office")
        ]
        assert await desk.store.ledger("") == {}


async def test_no_more_than_so_many_are_written_in_an_hour_over_restarts_too() -> None:
    desk = Desk(config(notices=NoticeSettings(per_hour=3)))
    async with running(desk):
        assert all([await desk.engine.outbox.send(NOTICE) for _ in range(3)])
        assert await desk.engine.outbox.send(NOTICE) == ""
        assert "notices_held" in desk.conditions
        assert await desk.engine.outbox.send(replace(NOTICE, kind=NoticeKind.TEST)), "a person waits for it"
    desk.new_engine()
    async with running(desk):
        assert await desk.engine.outbox.send(NOTICE) == ""
        await desk.advance(timedelta(minutes=61))
        assert await desk.engine.outbox.send(NOTICE)
        assert "notices_held" not in desk.conditions


async def test_a_notice_that_is_refused_waits_for_a_person_and_nobody_is_told() -> None:
    refused: Say = Reply(550, "5.1.1 unknown")
    desk = Desk(transport=FakeTransport(refused))
    async with running(desk):
        name = await desk.engine.outbox.send(NOTICE)

        async def parked() -> bool:
            return (await desk.engine.message(name)).state is EntryState.PARKED

        await eventually_by(parked, "the notice to be parked")
        assert len(desk.transport.said) == 1


async def test_another_language_is_in_force_at_once() -> None:
    desk = Desk()
    async with running(desk):
        await desk.reload(replace(desk.config, notices=NoticeSettings(language="fr", sender="gate@office.example")))
        octets = desk.engine.outbox.octets(NOTICE, desk.clock.now())
        message = email.message_from_bytes(octets, policy=email.policy.default)
        assert message["Subject"].startswith("Un message trop volumineux")
        assert message["From"] == "MailGate <gate@office.example>"


async def test_templates_with_a_fault_change_nothing() -> None:
    desk = Desk()
    fault = Fault(code="T01", file="oversize.txt", line=3, path="", text="There is no `%{x}`.", remedy="Mend it.")
    async with running(desk):
        desk.templates = LoadedTemplates(shipped_templates(), (fault,))
        assert not await desk.reload(replace(desk.config, notices=NoticeSettings(language="de")))
        assert "config_rejected" in desk.conditions
        assert desk.engine.outbox.language == "en"
