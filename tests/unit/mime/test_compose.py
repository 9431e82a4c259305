"""Messages that MailGate writes, as another parser reads them."""

import email
import email.policy
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.config.templates import shipped_templates
from mailgate.mime.compose import Cover, compose, compose_around, fill
from mailgate.mime.decode import printable
from mailgate.mime.encode import field, quoted_printable
from mailgate.model.address import Address
from mailgate.model.notices import ALLOWED, LANGUAGES, PLACEHOLDERS, Language, NoticeKind, Template

ANNA = Address("anna", "office.example")
COVER = Cover(
    from_=Address("postmaster", "office.example"),
    to=ANNA,
    date="Tue, 24 Nov 2026 08:00:00 +0000",
    message_id="00ff.test@office.example",
)
texts = st.text(max_size=300) | st.text("=?utf-8B\r\n :ü€😀\u202e\x00", max_size=200)


def parsed(octets: bytes) -> EmailMessage:
    return email.message_from_bytes(octets, policy=email.policy.default)


def content(message: EmailMessage) -> str:
    return str(message.get_content()).replace("\r\n", "\n")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", NoticeKind)
def test_every_message_is_read_by_another_parser_as_it_was_meant(kind: NoticeKind, language: Language) -> None:
    template = shipped_templates()[language, kind]
    values = {name: f"«{name}» ÄÖÜ" for name in ALLOWED[kind]}
    message = parsed(compose(template, values, COVER))
    assert message.defects == []
    assert message["Subject"] == fill(template.subject, values)
    assert content(message) == fill(template.text, values)
    assert (message["From"], message["To"]) == ("MailGate <postmaster@office.example>", "anna@office.example")
    assert message["Auto-Submitted"] == "auto-generated"
    assert message.get_content_charset() == "utf-8"


@pytest.mark.parametrize("kind", NoticeKind)
def test_all_languages_say_the_same(kind: NoticeKind) -> None:
    said = [set(fill_names(shipped_templates()[language, kind])) for language in LANGUAGES]
    assert said[0] == said[1] == said[2]


def fill_names(template: Template) -> list[str]:
    return [name for name in PLACEHOLDERS if f"%{{{name}}}" in template.subject + template.text]


@given(subject=texts, name=texts)
def test_nothing_from_outside_begins_a_field_or_a_part(subject: str, name: str) -> None:
    template = Template("Re: %{subject}", "%{from}\n\nSubject: %{subject}\n")
    octets = compose(template, {"subject": subject, "from": name}, COVER)
    assert octets.isascii()
    assert all(len(line) <= 78 for line in octets.split(b"\r\n"))
    assert b"\n" not in octets.replace(b"\r\n", b"")
    message = parsed(octets)
    assert [key.lower() for key in message] == [
        "from", "to", "subject", "date", "message-id", "auto-submitted", "x-auto-response-suppress", "mime-version",
        "content-type", "content-transfer-encoding",
    ]  # fmt: skip
    assert not message.is_multipart()


@given(st.text("".join(map(chr, range(32, 127))) + "üß€😀", max_size=300))
def test_a_subject_is_read_back_as_it_was_written(text: str) -> None:
    text = printable(text)
    header = parsed(field("Subject", text) + b"\r\n")
    assert header["Subject"] == text


@given(st.text("abc .=\tüß€😀\n", max_size=400))
def test_a_body_is_read_back_as_it_was_written(text: str) -> None:
    body = b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    assert content(parsed(body + quoted_printable(text))).removesuffix("\n") == text.removesuffix("\n")


@pytest.mark.parametrize(
    "original",
    [
        b"From: a@b.example\r\nSubject: x\r\n\r\nHello\r\n",
        b"From: a@b.example\nSubject: \xfcber\n\n\x00\xff 8-bit, no line end",
        b"no header at all",
        b"",
    ],
    ids=["plain", "odd", "no header", "empty"],
)
def test_a_message_inside_keeps_its_octets(original: bytes) -> None:
    template = shipped_templates()["de", NoticeKind.UNROUTED]
    around = compose_around(template, {"subject": "Grüße"}, COVER, boundary="=_0123456789abcdef")
    whole = around.before + original + around.after
    _, _, rest = whole.partition(b'filename="message.eml"\r\n\r\n')
    assert rest == original + b"\r\n--=_0123456789abcdef--\r\n"
    message = parsed(around.before + b"From: a@b.example\r\n\r\nHello\r\n" + around.after)
    text, inside = message.iter_parts()
    assert (text.get_content_type(), inside.get_content_type()) == ("text/plain", "message/rfc822")
    assert inside.get_content()["From"] == "a@b.example"


def test_an_answer_names_what_it_answers() -> None:
    cover = Cover(from_=ANNA, to=ANNA, date=COVER.date, message_id="x@y", reply_to_id="<1@peer.example>")
    message = parsed(compose(Template("s", "t\n"), {}, cover))
    assert (message["In-Reply-To"], message["Auto-Submitted"]) == ("<1@peer.example>", "auto-replied")


@pytest.mark.parametrize("odd", ["<a@b>\r\nBcc: x@y", "a@b", "<a b@c>", f"<{'a' * 300}@b>"])
def test_an_odd_message_id_is_not_repeated(odd: str) -> None:
    cover = Cover(from_=ANNA, to=ANNA, date=COVER.date, message_id="x@y", reply_to_id=odd)
    assert b"In-Reply-To" not in compose(Template("s", "t\n"), {}, cover)


def test_an_address_that_ascii_cannot_say_stands_in_the_envelope_alone() -> None:
    cover = Cover(from_=ANNA, to=Address("jürgen", "office.example"), date=COVER.date, message_id="x@y")
    octets = compose(Template("s", "t\n"), {}, cover)
    assert b"\nTo:" not in octets
    assert octets.isascii()
