"""The odd half of the sample messages: encodings, attachment names, large and misshapen ones.

None of it is made up: each draft has an oddity that real mail has, so that whoever looks at the demo sees it arrive
octet for octet.
"""

import struct
import zlib
from datetime import UTC, datetime
from typing import Final

from mailgate.demo.compose import (
    CRLF,
    Draft,
    Entity,
    Letter,
    archive,
    attachment,
    html,
    multipart,
    noise,
    small_pdf,
    text,
    words,
)
from mailgate.demo.letters import ANNA, ARCHITECT, CUSTOMER, INVOICES, JONAS, PRINTER, SARA, TIMBER

PHOTOS_OCTETS: Final = 1_450_000  # with base64 a message of 2 MB
SCAN_OCTETS: Final = 300_000
_LONG_AGO: Final = datetime(2026, 1, 5, 8, tzinfo=UTC)


def oddities() -> tuple[Draft, ...]:
    """Return the drafts, in the order in which they came."""
    return (*_scripts(), *_attachment_names(), *_structures(), *_misshapen())


def _scripts() -> tuple[Draft, ...]:
    return (
        Draft(
            about="Latin-1 in the body, as 8-bit octets",
            expected=(JONAS,),
            envelope_to=JONAS,
            letter=Letter(
                sender=TIMBER,
                to=JONAS,
                subject="=?iso-8859-1?Q?Lieferschein_f=FCr_Ahorn?=",
                content=text(
                    "Grüß Gott,\n\nder Ahorn liegt in Halle drei bereit. Größe und Güte wie gewünscht.\n",
                    charset="iso-8859-1",
                    encoding="8bit",
                ),
            ),
        ),
        Draft(
            about="French in ISO-8859-15, with the euro sign",
            expected=(ANNA,),
            envelope_to=ANNA,
            letter=Letter(
                sender=ARCHITECT,
                to=ANNA,
                subject=words("Facture réglée: 1 250 €", "iso-8859-15"),
                content=text(
                    "Bonjour,\n\nvotre facture a été réglée ce matin (1 250 €). L'œuvre est magnifique, merci !\n\nClaire\n",
                    charset="iso-8859-15",
                ),
            ),
        ),
        Draft(
            about="a long subject, folded between encoded-words",
            expected=(SARA,),
            envelope_to=SARA,
            letter=Letter(
                sender=f"{words('Büro für Denkmäler')} <amt@denkmal.example>",
                to=SARA,
                subject=words(
                    "Genehmigung der Fensterläden am Gebäude Mühlgässchen 7 einschließlich der gedrechselten Säulen"
                    " und der rückwärtigen Tür zum Gärtchen"
                ),
                content=text("Sehr geehrte Frau Beck,\n\ndie Genehmigung liegt bei uns zur Abholung bereit.\n"),
            ),
        ),
        Draft(
            about="emoji in the subject, base64 text",
            expected=(SARA,),
            envelope_to=SARA,
            letter=Letter(
                sender="Lena Beck <lena@mail.example>",
                to=SARA,
                subject=words("Geburtstag 🎂 am Samstag 🪵🔨"),
                content=text("Kommst du? Es gibt Kuchen, und du darfst ihn sägen. 😄\n", encoding="base64"),
            ),
        ),
        Draft(
            about="Japanese: subject in UTF-8, body in ISO-2022-JP",
            expected=(ANNA,),
            envelope_to=ANNA,
            letter=Letter(
                sender="Hana Mori <mori@kanna.example>",
                to=ANNA,
                subject=words("鉋のご注文ありがとうございます"),
                content=text("アンナ様\n\n鉋は来週発送いたします。\n\n森 花\n", charset="iso-2022-jp", encoding="7bit"),
            ),
        ),
        Draft(
            about="raw UTF-8 in From, To and Subject (RFC 6532)",
            expected=(SARA,),
            envelope_to=SARA,
            letter=Letter(
                sender="Zoë Müßig <zoe@mail.example>",
                to=f"Sära Beck <{SARA}>",
                subject="Drei Schubladen für das Büro in Łódź".encode(),
                content=text("Passt das Maß von 420 mm noch? Grüße, Zoë\n", encoding="8bit"),
            ),
        ),
        Draft(
            about="an 8-bit header: Latin-1 octets that no standard allows",
            expected=(JONAS,),
            envelope_to=JONAS,
            letter=Letter(
                sender="Faxserver <fax@buero.example>",
                to=JONAS,
                subject="Fax von Möbel Grün (2 Blätter)".encode("latin-1"),
                extra=("X-Mailer: Fax 97", "X-Ort: Köln".encode("latin-1")),
                content=text("Das Fax liegt im Eingang.\n", encoding="7bit"),
            ),
        ),
    )


def _attachment_names() -> tuple[Draft, ...]:
    drawing = small_pdf("Drawing 12")
    return (
        Draft(
            about="an attachment named as RFC 2231 has it: filename*=",
            expected=(ANNA,),
            envelope_to=ANNA,
            letter=Letter(
                sender=PRINTER,
                to=ANNA,
                subject=words("Angebot Briefbögen und Umschläge"),
                content=multipart(
                    "mixed",
                    text(
                        "Liebe Frau Lindner,\n\nanbei das Angebot: 2.000 Briefbögen, Büttenpapier, zweifarbig.\n\nKarla Sommer\n"
                    ),
                    attachment(
                        small_pdf("Offer 5512"),
                        "application/pdf",
                        "attachment;\r\n\tfilename*=UTF-8''Angebot%205512%20%28Briefb%C3%B6gen%29.pdf",
                    ),
                    boundary="=_angebot_5512",
                ),
            ),
        ),
        Draft(
            about="an attachment named by encoded-words, as many programs do",
            expected=(ANNA,),
            envelope_to=ANNA,
            letter=Letter(
                sender=ARCHITECT,
                to=ANNA,
                subject=words("Devis signé"),
                content=multipart(
                    "mixed",
                    text("Bonjour,\n\nvoici le devis signé pour les étagères de l'entrée.\n\nClaire\n"),
                    attachment(
                        small_pdf("Devis 88"),
                        'application/pdf;\r\n\tname="=?UTF-8?B?RGV2aXNfc2lnbsOpX8OpdMOpLnBkZg==?="',
                        'attachment;\r\n\tfilename="=?UTF-8?B?RGV2aXNfc2lnbsOpX8OpdMOpLnBkZg==?="',
                    ),
                    boundary="=_devis_88",
                ),
            ),
        ),
        Draft(
            about="an attachment whose name is cut in pieces (RFC 2231 section 3)",
            expected=(SARA,),
            envelope_to=SARA,
            letter=Letter(
                sender="Statik Kranz <buero@statik-kranz.example>",
                to=SARA,
                subject="Staircase, drawing 12",
                content=multipart(
                    "mixed",
                    text("Here is the drawing with the loads.\n", encoding="7bit"),
                    attachment(
                        drawing,
                        "application/pdf",
                        "attachment;\r\n\tfilename*0*=UTF-8''Treppe%20f%C3%BCr%20das%20;\r\n\tfilename*1*=B%C3%BCrgerhaus%20;"
                        '\r\n\tfilename*2="Blatt 12.pdf"',
                    ),
                    boundary="=_statik_12",
                ),
            ),
        ),
        Draft(
            about="a scanned invoice of 400 KB for the alias rechnung@",
            expected=(JONAS,),
            envelope_to=INVOICES,
            letter=Letter(
                sender="Schleiferei Vogt <vogt@schleiferei.example>",
                to=INVOICES,
                subject=words("Rechnung für geschärfte Sägeblätter"),
                content=multipart(
                    "mixed",
                    text("Anbei die Rechnung als Scan.\n", encoding="7bit"),
                    attachment(noise(SCAN_OCTETS, "scan"), "image/tiff", 'attachment; filename="scan0007.tif"'),
                    boundary="=_scan_7",
                ),
            ),
        ),
        Draft(
            about="photographs: 2 MB in one archive",
            expected=(SARA,),
            envelope_to=SARA,
            letter=Letter(
                sender=CUSTOMER,
                to=SARA,
                subject="Photographs of the finished kitchen",
                content=multipart(
                    "mixed",
                    text(
                        "Dear Ms Beck,\n\nas promised, for your website. The cat is optional.\n\nAda Okafor\n",
                        encoding="7bit",
                    ),
                    attachment(
                        archive(
                            {
                                "kitchen-1.raw": noise(PHOTOS_OCTETS // 2, "kitchen"),
                                "kitchen-with-cat.raw": noise(PHOTOS_OCTETS // 2, "cat"),
                            }
                        ),
                        "application/zip",
                        'attachment; filename="kitchen.zip"',
                    ),
                    boundary="=_photos",
                ),
            ),
        ),
    )


def _structures() -> tuple[Draft, ...]:
    invitation = (
        b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Fontaine//Calendar//EN\r\nMETHOD:REQUEST\r\nBEGIN:VEVENT\r\n"
        b"UID:visit-31@atelier-fontaine.example\r\nDTSTAMP:20260105T080000Z\r\nDTSTART:20260122T080000Z\r\n"
        b"DTEND:20260122T093000Z\r\nSUMMARY:Site visit\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    )
    forwarded = Letter(
        sender="Kita Regenbogen <leitung@kita.example>",
        to="okafor@mail.example",
        subject=words("Suchen: kleine Werkbank für Vorschüler"),
        content=text("Wer kennt eine Tischlerei, die so etwas baut?\n", encoding="7bit"),
        message_id="<werkbank.1@kita.example>",
        dated=False,
    )
    return (
        Draft(
            about="HTML without a text part, and one line of 20,000 characters",
            expected=(JONAS,),
            envelope_to=JONAS,
            letter=Letter(
                sender="Messe Holz <presse@messe-holz.example>",
                to=JONAS,
                subject="Hall plan",
                content=html("<p>" + "Stand &middot; " * 1340 + "</p>", encoding="8bit"),
            ),
        ),
        Draft(
            about="a picture inside the text (multipart/related)",
            expected=(ANNA,),
            envelope_to=ANNA,
            letter=Letter(
                sender="Lack und Farbe <muster@lack.example>",
                to=ANNA,
                subject="Your colour: walnut, dark",
                content=multipart(
                    'related; type="text/html"',
                    html(
                        '<p>This is the shade: <img src="cid:shade@lack.example" width="80" height="80" alt="dark brown"></p>'
                    ),
                    attachment(
                        _one_dot(), "image/png", 'inline; filename="shade.png"', "Content-ID: <shade@lack.example>"
                    ),
                    boundary="=_shade",
                ),
            ),
        ),
        Draft(
            about="an invitation (text/calendar)",
            expected=(ANNA,),
            envelope_to=ANNA,
            letter=Letter(
                sender=ARCHITECT,
                to=ANNA,
                subject="Invitation: site visit",
                content=multipart(
                    "alternative",
                    text("Site visit, Thursday at nine.\n", encoding="7bit"),
                    Entity(("Content-Type: text/calendar; method=REQUEST; charset=utf-8",), invitation),
                    boundary="=_visit_31",
                ),
            ),
        ),
        Draft(
            about="another message as an attachment (message/rfc822)",
            expected=(ANNA,),
            envelope_to=ANNA,
            letter=Letter(
                sender=CUSTOMER,
                to=ANNA,
                subject="Fwd: a small workbench",
                content=multipart(
                    "mixed",
                    text("This came round at the nursery. I told them about you!\n", encoding="7bit"),
                    Entity(("Content-Type: message/rfc822",), forwarded.octets(0, _LONG_AGO)),
                    boundary="=_fwd",
                ),
            ),
        ),
        Draft(
            about="nothing but an attachment: an order as a table",
            expected=(JONAS,),
            envelope_to=JONAS,
            letter=Letter(
                sender="Bestellautomat <noreply@beschlag.example>",
                to=JONAS,
                subject="Order 77120",
                content=attachment(
                    "Artikel;Stück;Preis\r\nScharnier, verdeckt;40;3,90\r\nGriff, rund;12;5,20\r\n".encode(),
                    "text/csv; charset=utf-8",
                    'attachment; filename="order-77120.csv"',
                ),
            ),
        ),
    )


def _misshapen() -> tuple[Draft, ...]:
    return (
        Draft(
            about="bare LF: lines that do not end as mail's lines do",
            expected=(JONAS,),
            envelope_to=JONAS,
            letter=Letter(
                sender="cron <root@maschinen.example>",
                to=JONAS,
                subject="CNC-1: daily report",
                content=Entity(
                    ("Content-Type: text/plain; charset=us-ascii",),
                    b"parts cut: 118\nparts rejected: 2\n.oil is low\r\nspindle hours: 4102\n",
                ),
            ),
        ),
        Draft(
            about="dots at the beginning of lines, one of them alone",
            expected=(SARA,),
            envelope_to=SARA,
            letter=Letter(
                sender="Mira Holm <mira.holm@mail.example>",
                to=SARA,
                subject="The chairs, dotted",
                content=text(
                    "A list, with dots, since my keyboard has no dashes:\n.\n. two chairs wobble\n.. one of them badly\n"
                    "... the third creaks\n.\nMira\n",
                    encoding="7bit",
                ),
            ),
        ),
        Draft(
            about="an empty body",
            expected=(ANNA,),
            envelope_to=ANNA,
            letter=Letter(
                sender=CUSTOMER,
                to=ANNA,
                subject="Yes, please go ahead (no text)",
                content=Entity(("Content-Type: text/plain",), b""),
            ),
        ),
        Draft(
            about="no Date, no Message-ID, no Subject: from a doorbell",
            expected=(JONAS,),
            envelope_to=JONAS,
            letter=Letter(
                sender="doorbell@office.example",
                to=JONAS,
                subject="",
                message_id="",
                dated=False,
                content=Entity(("Content-Type: text/plain",), b"Somebody rang." + CRLF),
            ),
        ),
        Draft(
            about="signed: a single changed octet would break it (RFC 1847)",
            expected=(ANNA,),
            envelope_to=ANNA,
            letter=Letter(
                sender="Kanzlei Abt <abt@kanzlei.example>",
                to=ANNA,
                subject="Lease, second draft",
                content=multipart(
                    'signed; micalg=sha-256;\r\n\tprotocol="application/pkcs7-signature"',
                    text(
                        "Dear Ms Lindner,\n\nclause four now says what we agreed.  \n\nI. Abt\n",
                        encoding="quoted-printable",
                    ),
                    attachment(
                        noise(900, "signature"),
                        'application/pkcs7-signature; name="smime.p7s"',
                        'attachment; filename="smime.p7s"',
                    ),
                    boundary="=_signed",
                ),
            ),
        ),
    )


def _one_dot() -> bytes:
    """Return a PNG picture of one dark brown dot."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)  # one by one, eight bits, RGB
    pixels = zlib.compress(b"\0" + bytes((0x4A, 0x2F, 0x1D)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
