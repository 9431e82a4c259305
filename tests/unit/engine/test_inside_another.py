"""A message that goes inside another one: what is said around it, by why it does."""

import email
import email.policy
from email.message import EmailMessage

import pytest

from mailgate.model.notices import NoticeSettings
from mailgate.model.routing_options import Fallback
from mailgate.model.status import Reply, SmtpStage
from mailgate.ports.store import MessageFilter
from tests.fakes.eventually import eventually
from tests.unit.engine.desk import ANNA, Desk, account, config, running

STRANGE = b"Return-Path: <lena@peer.example>\r\nFrom: Lena <lena@peer.example>\r\nTo: nobody@office.example\r\nSubject: %{id} Gr\xfc\xdfe\r\n\r\ntwo octets: \xff\x80\r\n"


def office(**notices: str) -> Desk:
    return Desk(
        config(
            account(fallback=Fallback.NOTICE, fallback_recipient=ANNA),
            notices=NoticeSettings(language="de", **notices),  # type: ignore[arg-type]
        )
    )


async def told(desk: Desk, number: int = 1) -> EmailMessage:
    await eventually(lambda: len(desk.transport.said) == number, "the delivery")
    message = email.message_from_bytes(desk.transport.said[-1].octets, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


async def test_what_has_nobody_to_go_to_goes_inside_a_notice_octet_for_octet() -> None:
    async with running(office(sender="gate@office.example")) as desk:
        desk.box().messages["uid-1"] = STRANGE
        await desk.fetched()
        message = await told(desk)
        assert (message["From"], message["To"]) == ("MailGate <gate@office.example>", ANNA)
        assert message["Subject"].startswith("Nachricht ohne Empfänger: %{id}")
        assert message.get_body() is not None
        text = message.get_body().get_content()  # type: ignore[union-attr]
        assert "Von: Lena <lena@peer.example>" in text
        assert "Postfach office" in text
        [said] = desk.transport.said
        assert b"Content-Type: message/rfc822" in said.octets
        assert b"\r\n\r\n" + STRANGE + b"\r\n--" in said.octets
        entry, steps = await desk.engine.trace(said.entry)
        assert any("inside a notice" in one.text for one in steps)
        assert [one.name for one in (await desk.engine.messages(MessageFilter(), before="", limit=9))[0]] == [
            entry.name
        ]


async def test_what_was_refused_goes_inside_a_plain_message_with_the_reason() -> None:
    desk = Desk(config(notices=NoticeSettings(language="fr")))
    desk.transport.say.append((Reply(554, "5.6.0 bad MIME"), SmtpStage.TEXT))
    async with running(desk):
        desk.put(1)
        await desk.fetched()
        message = await told(desk, 2)
        [inner] = message.iter_attachments()
        assert inner.get_content_type() == "application/octet-stream"
        assert message["Subject"] == "letter 1"
        body = message.get_body()
        assert body is not None
        assert "5.6.0 bad MIME" in body.get_content()
        assert "message.eml" in body.get_content()


@pytest.mark.parametrize("language", ["de", "en", "fr"])
async def test_each_language_has_its_words_for_it(language: str) -> None:
    desk = Desk(
        config(
            account(fallback=Fallback.NOTICE, fallback_recipient=ANNA),
            notices=NoticeSettings(language=language),  # type: ignore[arg-type]
        )
    )
    async with running(desk):
        desk.box().messages["uid-1"] = STRANGE
        await desk.fetched()
        message = await told(desk)
        template = desk.templates.templates[language, "unrouted"]  # type: ignore[index]
        assert message["Subject"].startswith(template.subject.partition("%{")[0])
