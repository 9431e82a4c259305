"""Telling internal servers apart by what they say when we connect."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.config.kinds import server_kinds
from mailgate.model.settings import InternalKind
from mailgate.policy.kinds import detect, hints_for

EXCHANGE_OFFERS = (
    "mail.office.example Hello [192.0.2.9]\nSIZE 37748736\nPIPELINING\nX-ANONYMOUSTLS\nAUTH NTLM\nX-EXPS GSSAPI NTLM"
)


@pytest.mark.parametrize(
    ("greeting", "offers", "kind"),
    [
        ("mail.office.example Microsoft ESMTP MAIL Service ready at Tue, 24 Nov 2026 09:00:00 +0100", "", "exchange"),
        ("mail.office.example ESMTP", EXCHANGE_OFFERS, "exchange"),
        (
            "AM5EUR03FT012.mail.protection.outlook.com Microsoft ESMTP MAIL Service ready at Tue, 24 Nov 2026 08:00:00 +0000",
            "x\nSIZE 157286400",
            "microsoft365",
        ),
        ("domino.office.example ESMTP Service (HCL Domino Release 12.0.2) ready at Tue, 24 Nov 2026", "", "domino"),
        ("domino.office.example ESMTP Service (Lotus Domino Release 8.5.3FP6 HF1) ready", "", "domino"),
        ("mail.office.example ESMTP Postfix (Debian/GNU)", "", "postfix"),
        ("mail.office.example ESMTP Exim 4.96 Tue, 24 Nov 2026 09:00:00 +0100", "", "postfix"),
        ("mail.office.example Kerio Connect 9.4.2 ESMTP ready", "", "kerio"),
        ("mail.office.example ESMTP ready", "mail\nPIPELINING\nSIZE 100", None),
        ("", "", None),
    ],
)
def test_a_server_is_known_by_its_greeting_or_by_what_it_offers(greeting: str, offers: str, kind: str | None) -> None:
    assert detect(server_kinds(), greeting, offers) == (InternalKind(kind) if kind else None)


@given(st.text(), st.text())
def test_whatever_a_server_says_it_is_a_kind_or_none(greeting: str, offers: str) -> None:
    assert detect(server_kinds(), greeting, offers) in {None, *InternalKind}


def test_hints_are_filled_in_with_what_is_known_and_end_with_those_for_all() -> None:
    known = server_kinds()
    hints = hints_for(known, InternalKind.POSTFIX, {"gateway": "192.0.2.9", "domain": ""})
    commands = [command for hint in hints for command in hint.commands]
    assert 'postconf -e "mynetworks = $(postconf -h mynetworks) 192.0.2.9/32"' in commands
    assert [hint.title.en for hint in hints][-len(known.hints) :] == [hint.title.en for hint in known.hints]
    exchange = hints_for(known, InternalKind.EXCHANGE, {})
    assert any("%{domain}" in command for hint in exchange for command in hint.commands)


def test_a_server_of_no_known_kind_gets_the_hints_for_any() -> None:
    known = server_kinds()
    assert hints_for(known, None, {}) == hints_for(known, InternalKind.OTHER, {})
