"""The everyday half of the sample messages: who wrote to whom, and how one can tell.

The office is a small joinery. Each draft shows one way in which a message in a catch-all mailbox names, or hides, the
person it is for.
"""

from typing import Final

from mailgate.demo.compose import DOMAIN, Draft, Entity, Letter, html, multipart, text, words

ANNA: Final = f"anna.lindner@{DOMAIN}"
JONAS: Final = f"jonas.weber@{DOMAIN}"
SARA: Final = f"sara.beck@{DOMAIN}"
INFO: Final = f"info@{DOMAIN}"  # an alias of Sara's mailbox
INVOICES: Final = f"rechnung@{DOMAIN}"  # an alias of Jonas's mailbox

PRINTER: Final = "Druckerei Sommer <post@druckerei-sommer.example>"
TIMBER: Final = "Holzhandel Brandt <verkauf@holz-brandt.example>"
ARCHITECT: Final = "Claire Fontaine <claire@atelier-fontaine.example>"
CUSTOMER: Final = "Familie Okafor <okafor@mail.example>"


def letters() -> tuple[Draft, ...]:
    """Return the drafts, in the order in which they came."""
    return (*_by_envelope(), *_without_envelope(), *_lists_and_notices())


def _by_envelope() -> tuple[Draft, ...]:
    return (
        Draft(
            about="plain text, named by the envelope header",
            expected=(ANNA,),
            envelope_to=ANNA,
            received_for=ANNA,
            letter=Letter(
                sender=CUSTOMER,
                to=f"Anna Lindner <{ANNA}>",
                subject="The table has arrived",
                content=text(
                    "Dear Ms Lindner,\n\nthe oak table stands in our kitchen, and it is lovely. Your two colleagues even\n"
                    "took the old one downstairs. The children have already claimed the ends.\n\nThank you!\nAda Okafor\n",
                    encoding="7bit",
                ),
            ),
        ),
        Draft(
            about="an alias: rechnung@ belongs to Jonas",
            expected=(JONAS,),
            envelope_to=INVOICES,
            received_for=INVOICES,
            letter=Letter(
                sender=TIMBER,
                to=INVOICES,
                subject=words("Rechnung 2291: Eiche, gedämpft"),
                content=text(
                    "Guten Tag,\n\nfür die Lieferung vom Montag (18 Bohlen Eiche, gedämpft) berechnen wir 1.284,60 Euro.\n"
                    "Zahlbar in vierzehn Tagen, bei Zahlung in einer Woche mit zwei Prozent Skonto.\n\n"
                    "Herzliche Grüße aus dem Sägewerk\nPaul Brandt\n"
                ),
            ),
        ),
        Draft(
            about="an alias: info@ belongs to Sara",
            expected=(SARA,),
            envelope_to=INFO,
            letter=Letter(
                sender="Mira Holm <mira.holm@mail.example>",
                to=INFO,
                subject="Do you repair chairs?",
                content=text(
                    "Hello,\n\nwe have six chairs from my grandmother; two of them wobble. Is that something you do,\n"
                    "and may I bring them round on a Saturday?\n\nMira Holm\n",
                    encoding="7bit",
                ),
            ),
        ),
        Draft(
            about="a Bcc: only X-Envelope-To tells that it is for Sara",
            expected=(SARA,),
            envelope_to=SARA,
            letter=Letter(
                sender=PRINTER,
                to="undisclosed-recipients:;",
                subject="Closed between the years",
                content=text(
                    "To all our customers,\n\nthe presses rest from 24 December to 2 January. What reaches us by the 15th\n"
                    "is printed before. We wish you quiet days!\n\nKarla Sommer\n",
                    encoding="7bit",
                ),
            ),
        ),
        *_two_copies(),
        Draft(
            about="one copy that lists two envelope recipients",
            expected=(ANNA, SARA),
            envelope_to=f"{ANNA}, {SARA}",
            letter=Letter(
                sender=ARCHITECT,
                to=f"{ANNA}, {SARA}",
                subject="Site visit on Thursday",
                content=text(
                    "Dear both,\n\nthe plasterers are done, so we can measure the built-in shelves on Thursday at nine.\n"
                    "Please bring the long ladder.\n\nClaire\n",
                    encoding="7bit",
                ),
            ),
        ),
        Draft(
            about="an envelope address in upper case",
            expected=(ANNA,),
            envelope_to="ANNA.Lindner@Office.Example",
            letter=Letter(
                sender="Stadtwerke <service@stadtwerke.example>",
                to="ANNA.LINDNER@OFFICE.EXAMPLE",
                subject=words("Ihr Zählerstand"),
                content=text(
                    "Guten Tag,\n\nbitte lesen Sie bis Monatsende Ihren Stromzähler ab. Ein Foto genügt uns.\n\nIhre Stadtwerke\n"
                ),
            ),
        ),
        Draft(
            about="a sub-address: anna.lindner+werbung@ is Anna's mailbox",
            expected=(ANNA,),
            envelope_to=f"anna.lindner+werbung@{DOMAIN}",
            letter=Letter(
                sender="Werkzeugkiste <angebote@werkzeugkiste.example>",
                to=f"anna.lindner+werbung@{DOMAIN}",
                subject=words("Nur diese Woche: Stechbeitel im Sechserpack"),
                extra=("List-Unsubscribe: <mailto:abmelden@werkzeugkiste.example>", "Precedence: bulk"),
                content=text(
                    "Liebe Freunde scharfer Klingen,\n\nsechs Stechbeitel mit Eschenheft, geschliffen und abgezogen.\n"
                    "Nur solange der Vorrat reicht, also vermutlich bis Freitag.\n"
                ),
            ),
        ),
        Draft(
            about="a forged envelope header further down, below the provider's own",
            expected=(SARA,),
            envelope_to=SARA,
            letter=Letter(
                sender="Kurier Blitz <disposition@kurier-blitz.example>",
                to=SARA,
                subject=words("Abholung heute zwischen 14 und 16 Uhr"),
                extra=(f"X-Envelope-To: {JONAS}",),
                content=text(
                    "Guten Tag,\n\nunser Fahrer holt heute die beiden Türblätter ab. Bitte an die Rampe stellen.\n"
                ),
            ),
        ),
        Draft(
            about="for nobody: the address belonged to someone who has left",
            expected=(),
            envelope_to=f"einkauf.alt@{DOMAIN}",
            letter=Letter(
                sender="Leimkontor <kontor@leimkontor.example>",
                to=f"einkauf.alt@{DOMAIN}",
                subject=words("Ihre Bestellung vom Frühjahr"),
                content=text(
                    "Guten Tag,\n\nder Knochenleim ist wieder lieferbar. Sollen wir die alte Bestellung noch ausführen?\n\n"
                    "Ihr Leimkontor\n"
                ),
            ),
        ),
    )


def _two_copies() -> tuple[Draft, ...]:
    letter = Letter(
        sender=ARCHITECT,
        to=f"Anna Lindner <{ANNA}>",
        cc=f"Jonas Weber <{JONAS}>",
        subject=words("Escalier: les marches en frêne"),
        message_id="<escalier.7@atelier-fontaine.example>",
        content=text(
            "Bonjour à tous les deux,\n\nle client préfère finalement le frêne pour les marches. Pouvez-vous me dire\n"
            "avant vendredi si le délai reste le même ?\n\nBien à vous,\nClaire Fontaine\n"
        ),
    )
    return tuple(
        Draft(
            about=f"one letter to two people, {which} copy: the envelope decides, not To and Cc",
            expected=(address,),
            envelope_to=address,
            received_for=address,
            letter=letter,
        )
        for which, address in (("first", ANNA), ("second", JONAS))
    )


def _without_envelope() -> tuple[Draft, ...]:
    return (
        Draft(
            about="no envelope header: To and Cc name two of us",
            expected=(ANNA, JONAS),
            letter=Letter(
                sender=TIMBER,
                to=f'"Lindner, Anna" <{ANNA}>',
                cc=f"Jonas Weber <{JONAS}>",
                subject=words("Angebot Nussbaum, Türen für das Rathaus"),
                content=text(
                    "Liebe Frau Lindner, lieber Herr Weber,\n\nanbei wie besprochen unser Preis für den Nussbaum: 94 Euro je Quadratmeter,\n"
                    "besäumt und auf Breite gehobelt. Der Preis gilt bis Ende des Monats.\n\nPaul Brandt\n"
                ),
            ),
        ),
        Draft(
            about="no envelope header, and a foreign Cc with Anna's local part: for Jonas alone",
            expected=(JONAS,),
            letter=Letter(
                sender="Bauleitung Rathaus <bau@stadt.example>",
                to=f"Jonas Weber <{JONAS}>",
                cc="Anna Lindner <anna.lindner@stadt.example>",
                subject="Fire doors, second floor",
                content=text(
                    "Hello Jonas,\n\nour own Anna Lindner (what a coincidence!) looks after the fire doors. Please send\n"
                    "the test certificates to both of us.\n",
                    encoding="7bit",
                ),
            ),
        ),
        Draft(
            about="no envelope header: a group in To, with comments and quotes (RFC 5322 section 3.4)",
            expected=(JONAS, SARA),
            letter=Letter(
                sender='"Innung, Tischler" <innung@handwerk.example>',
                to=f'Werkstatt: "Weber, Jonas" <{JONAS}>,\r\n\t{SARA} (Sara, Entwurf);',
                subject="Apprentices' day",
                content=text(
                    "Good morning,\n\non the first Friday in May the schools visit us. Can each of you take four pupils for\n"
                    "an hour? A dovetail joint always goes down well.\n",
                    encoding="7bit",
                ),
            ),
        ),
        Draft(
            about="another provider's header: Envelope-To",
            expected=(SARA,),
            envelope_to=SARA,
            envelope_field="Envelope-To",
            letter=Letter(
                sender="Beschlag & Co <auftrag@beschlag.example>",
                to="Kunden <kunden@beschlag.example>",
                subject=words("Lieferverzögerung bei Scharnieren"),
                content=text(
                    "Guten Tag,\n\ndie verdeckten Scharniere kommen erst in Woche 50. Wir bedauern das sehr.\n"
                ),
            ),
        ),
        Draft(
            about="a Delivered-To, as a forwarding server writes it",
            expected=(ANNA,),
            envelope_to=ANNA,
            envelope_field="Delivered-To",
            letter=Letter(
                sender="Volkshochschule <kurse@vhs.example>",
                to="Teilnehmende <kurse@vhs.example>",
                subject=words("Ihr Kurs „Buchführung für Betriebe“ beginnt"),
                content=text(
                    "Guten Tag,\n\nder Kurs beginnt am Dienstag um 18 Uhr in Raum 12. Bitte Taschenrechner mitbringen.\n"
                ),
            ),
        ),
    )


def _lists_and_notices() -> tuple[Draft, ...]:
    return (
        Draft(
            about="a mailing list: neither To nor Cc names anyone of us",
            expected=(JONAS,),
            envelope_to=JONAS,
            return_path="holzforum-bounces+jonas.weber=office.example@lists.example",
            letter=Letter(
                sender="Tore Nyberg <tore@nyberg.example>",
                to="Holzforum <holzforum@lists.example>",
                subject="[holzforum] Steaming beech: how long?",
                extra=(
                    "List-Id: Talk about timber <holzforum.lists.example>",
                    "List-Post: <mailto:holzforum@lists.example>",
                    "List-Unsubscribe: <mailto:holzforum-leave@lists.example>",
                    "Precedence: list",
                ),
                content=text(
                    "Hello everyone,\n\nmy rule was an hour per inch, but the last batch came out pink. What do you do?\n\nTore\n"
                    "_______________________________________________\nholzforum mailing list\n",
                    encoding="7bit",
                ),
            ),
        ),
        Draft(
            about="a newsletter in text and HTML",
            expected=(JONAS,),
            envelope_to=JONAS,
            return_path="bounce-20931@news.druckerei-sommer.example",
            letter=Letter(
                sender="Druckerei Sommer <news@druckerei-sommer.example>",
                to=JONAS,
                subject=words("Neu im Haus: Prägungen ab 50 Stück"),
                extra=(
                    "List-Unsubscribe: <https://news.druckerei-sommer.example/u/20931>",
                    "List-Unsubscribe-Post: List-Unsubscribe=One-Click",
                ),
                content=_newsletter(),
            ),
        ),
        Draft(
            about="a delivery notice with the empty sender <> (RFC 3464)",
            expected=(SARA,),
            envelope_to=SARA,
            return_path="",
            letter=Letter(
                sender="Mail Delivery System <MAILER-DAEMON@mail.example>",
                to=SARA,
                subject="Undelivered mail returned to sender",
                extra=("Auto-Submitted: auto-replied",),
                content=_delivery_notice(),
            ),
        ),
        Draft(
            about="an automatic reply (RFC 3834)",
            expected=(ANNA,),
            envelope_to=ANNA,
            return_path="",
            letter=Letter(
                sender=PRINTER,
                to=ANNA,
                subject=words("Abwesend: Re: Visitenkarten für Sara"),
                extra=("Auto-Submitted: auto-replied", "In-Reply-To: <karten.3@office.example>"),
                content=text(
                    "Ich bin bis Montag auf der Papiermesse. In eiligen Fällen hilft Ihnen Herr Yilmaz gern weiter.\n"
                ),
            ),
        ),
        Draft(
            about="the end of a long thread, with quotes and references",
            expected=(SARA,),
            envelope_to=SARA,
            received_for=SARA,
            letter=Letter(
                sender=CUSTOMER,
                to=f"Sara Beck <{SARA}>",
                subject="Re: Re: Re: Handles for the kitchen",
                extra=(
                    "In-Reply-To: <griffe.9@office.example>",
                    "References: <griffe.1@office.example> <okafor.2@mail.example>\r\n\t<griffe.9@office.example>",
                ),
                content=text(
                    "The round ones, then. All of us agree, which never happens.\n\n> Round or square? I can send\n"
                    "> samples of both.\n>\n>> We are still thinking.\n>>\n>>> Did you choose handles?\n",
                    encoding="7bit",
                ),
            ),
        ),
    )


def _newsletter() -> Entity:
    plain = text(
        "Prägungen ab 50 Stück\n\nUnsere neue Presse prägt auch kleine Auflagen, auf Karton bis 600 Gramm.\n"
        "Muster schicken wir Ihnen gern kostenlos zu.\n"
    )
    rich = html(
        "<h1>Prägungen ab 50 Stück</h1>\n<p>Unsere neue Presse prägt auch <b>kleine Auflagen</b>, auf Karton bis 600 Gramm.</p>\n"
        '<p><a href="https://druckerei-sommer.example/muster">Muster bestellen</a></p>'
    )
    return multipart("alternative", plain, rich, boundary="=_news_20931")


def _delivery_notice() -> Entity:
    status = (
        b"Reporting-MTA: dns; mail.example\r\n\r\n"
        b"Final-Recipient: rfc822; tischmeier@mail.example\r\nAction: failed\r\nStatus: 5.1.1\r\n"
        b"Diagnostic-Code: smtp; 550 5.1.1 no such person here\r\n"
    )
    original = (
        f"From: Sara Beck <{SARA}>\r\nTo: tischmeier@mail.example\r\nSubject: Your drawing\r\n"
        f"Message-ID: <zeichnung.4@{DOMAIN}>\r\n"
    ).encode()
    return multipart(
        "report; report-type=delivery-status",
        text("The message below could not be delivered: there is no such person here.\n", encoding="7bit"),
        Entity(("Content-Type: message/delivery-status",), status),
        Entity(("Content-Type: text/rfc822-headers",), original),
        boundary="=_dsn_4",
    )
