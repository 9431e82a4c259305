"""Words of the app in English and German. One key, one meaning; placeholders by name.

A key with `.one` at its end is the singular, taken when `n` is 1. German addresses the reader with "Sie". What is
not listed here, such as a new condition, is shown in the engine's own words. Larger themes stand in `vocabulary/`.
"""

from typing import Final, Literal, get_args

from mailgate.app.vocabulary import accounts, conditions, parked, queue, routing, settings

Lang = Literal["en", "de"]
LANGS: Final[tuple[Lang, ...]] = get_args(Lang)

WORDS: Final[dict[str, tuple[str, str]]] = {
    # navigation and frame
    "nav.watch": ("Watch", "Beobachten"),
    "nav.setup": ("Set up", "Einrichten"),
    "nav.overview": ("Overview", "Übersicht"),
    "nav.live": ("Live", "Live"),
    "nav.unrouted": ("Unrouted", "Ohne Empfänger"),
    "nav.parked": ("Parked", "Geparkt"),
    "nav.more": ("More", "Mehr"),
    "menu.dark": ("Dark colours", "Dunkle Farben"),
    "menu.light": ("Light colours", "Helle Farben"),
    "menu.language": ("Deutsch", "English"),
    "menu.keys": ("Keyboard shortcuts", "Tastenkürzel"),
    "frame.lost": (
        "No answer from MailGate since {t}. This is the last picture; it tries again by itself.",
        "Keine Antwort von MailGate seit {t}. Dies ist das letzte Bild; neue Versuche laufen von selbst.",
    ),
    "frame.lost.never": (
        "No answer from MailGate. It tries again by itself.",
        "Keine Antwort von MailGate. Neue Versuche laufen von selbst.",
    ),
    # engine, as the chip at the foot of the side bar says it
    "engine.running": ("Running", "Läuft"),
    "engine.stopping": ("Stopping", "Wird beendet"),
    "engine.paused": ("Paused", "Angehalten"),
    "engine.fetching": ("Fetching", "Holt ab"),
    "engine.attention": ("Attention", "Achtung"),
    "engine.error": ("Trouble", "Störung"),
    "engine.lost": ("No answer", "Keine Antwort"),
    # actions
    "do.fetch": ("Fetch now", "Jetzt abholen"),
    "do.stop": ("Stop fetching", "Abholung beenden"),
    "do.cancel": ("Cancel", "Abbrechen"),
    "do.close": ("Close", "Schließen"),
    "do.pause": ("Pause", "Anhalten"),
    "do.resume": ("Resume", "Fortsetzen"),
    "do.resume.fetch": ("Resume fetching", "Abholen fortsetzen"),
    "do.retry.account": ("Fetch this account", "Dieses Konto abholen"),
    "do.choose": ("Choose recipients", "Empfänger wählen"),
    "do.decide": ("Decide", "Entscheiden"),
    "do.details": ("Details", "Einzelheiten"),
    "do.details.less": ("Hide details", "Einzelheiten ausblenden"),
    "do.copy": ("Copy", "Kopieren"),
    "do.clear": ("Clear filter", "Filter löschen"),
    "do.undo": ("Undo", "Rückgängig"),
    "do.back": ("Back", "Zurück"),
    "do.older": ("Older", "Ältere"),
    "do.newer": ("Newer", "Neuere"),
    # fetching
    "fetch.starting": ("Connecting…", "Verbindet…"),
    "fetch.busy": ("Fetching…", "Holt ab…"),
    "fetch.progress": ("Fetching {i} of {n}", "Holt ab: {i} von {n}"),
    "fetch.stopping": ("Stopping…", "Wird beendet…"),
    "fetch.done": ("{n} messages fetched: {what}.", "{n} Nachrichten abgeholt: {what}."),
    "fetch.done.one": ("1 message fetched: {what}.", "1 Nachricht abgeholt: {what}."),
    "fetch.delivered": ("{n} delivered", "{n} zugestellt"),
    "fetch.parked": ("{n} parked", "{n} geparkt"),
    "fetch.waiting": ("{n} waiting for the mail server", "{n} warten auf den Mailserver"),
    "fetch.waiting.one": ("1 waiting for the mail server", "1 wartet auf den Mailserver"),
    "fetch.none": ("No new mail.", "Keine neue Post."),
    "fetch.failed": (
        "Not every account could be fetched: the overview says why.",
        "Nicht jedes Konto ließ sich abholen: Die Übersicht sagt, warum.",
    ),
    "fetch.left": (
        "{n} messages stay at the provider: the overview says why.",
        "{n} Nachrichten bleiben beim Provider: Die Übersicht sagt, warum.",
    ),
    "fetch.left.one": (
        "1 message stays at the provider: the overview says why.",
        "1 Nachricht bleibt beim Provider: Die Übersicht sagt, warum.",
    ),
    "copied": ("Copied.", "Kopiert."),
    # why something was not done, by the engine's code; another code is told in the engine's own words
    "refused": ("That was not done: {why}", "Das wurde nicht ausgeführt: {why}"),
    "refused.not_running": (
        "That was not done: MailGate does not answer.",
        "Das wurde nicht ausgeführt: MailGate antwortet nicht.",
    ),
    "refused.store_busy": (
        "That was not done: the message store does not answer just now.",
        "Das wurde nicht ausgeführt: Der Nachrichtenspeicher antwortet gerade nicht.",
    ),
    # the first line of the overview
    "ov.moving": ("Mail is moving", "Die Post läuft"),
    "ov.attention": ("Mail is moving, {n} things need you", "Die Post läuft, {n} Dinge brauchen Sie"),
    "ov.attention.one": ("Mail is moving, one thing needs you", "Die Post läuft, eine Sache braucht Sie"),
    "ov.some": ("Mail is moving, but not from every mailbox", "Die Post läuft, aber nicht aus jedem Postfach"),
    "ov.provider": ("Mail stops at the provider", "Die Post stockt beim Provider"),
    "ov.server": ("Mail stops before the mail server", "Die Post stockt vor dem Mailserver"),
    "ov.gate": ("MailGate takes no mail", "MailGate nimmt keine Post an"),
    "ov.paused": ("Fetching is paused", "Das Abholen ist angehalten"),
    "ov.paused.until": ("Fetching is paused until {t}", "Das Abholen ist bis {t} angehalten"),
    "ov.off": ("No account is switched on", "Kein Konto ist eingeschaltet"),
    "ov.stopping": ("MailGate is stopping", "MailGate wird beendet"),
    "ov.lost": ("MailGate does not answer", "MailGate antwortet nicht"),
    "ov.loading": ("Overview", "Übersicht"),
    "ov.since": (
        "Service running since {since}, last mail {ago}.",
        "Dienst läuft seit {since}, letzte Nachricht {ago}.",
    ),
    "ov.since.nothing": (
        "Service running since {since}, no mail yet.",
        "Dienst läuft seit {since}, noch keine Nachricht.",
    ),
    # the path picture of the overview
    "path.name": ("Path of inbound mail", "Weg der eingehenden Post"),
    "path.in": ("Inbound", "Eingang"),
    "path.provider": ("Provider", "Provider"),
    "path.gate": ("MailGate", "MailGate"),
    "path.server": ("Mail server", "Mailserver"),
    "path.accounts": ("{n} of {m} accounts", "{n} von {m} Konten"),
    "path.account": ("1 account", "1 Konto"),
    "path.account.sick": ("no access", "kein Zugang"),
    "path.accounts.none": ("no account", "kein Konto"),
    "path.onway": ("{n} on the way", "{n} unterwegs"),
    "path.halted": ("takes no mail", "nimmt nichts an"),
    "path.paused": ("paused", "angehalten"),
    "path.accepts": ("accepts mail", "nimmt an"),
    "path.silent": ("no answer", "keine Antwort"),
    "path.broken": ("mail stops here", "hier stockt die Post"),
    # the numbers of the overview
    "fact.next": ("Next session", "Nächste Abholung"),
    "fact.next.paused": ("paused until you resume", "angehalten, bis Sie fortsetzen"),
    "fact.next.now": ("running now", "läuft gerade"),
    "fact.next.none": ("none planned", "keine geplant"),
    "fact.last": ("Last session", "Letzte Abholung"),
    "fact.last.fine": ("no errors", "keine Fehler"),
    "fact.last.failed": ("{n} accounts with errors", "{n} Konten mit Fehlern"),
    "fact.last.failed.one": ("1 account with an error", "1 Konto mit Fehler"),
    "fact.last.none": ("not yet", "noch keine"),
    "fact.today": ("Delivered today", "Heute zugestellt"),
    "fact.today.last": ("last mail {ago}", "letzte Nachricht {ago}"),
    "fact.today.none": ("no mail yet", "noch keine Nachricht"),
    "fact.waiting": ("Waiting", "Wartend"),
    "fact.waiting.none": ("everything has been handed over", "alles ist übergeben"),
    "fact.waiting.first": ("on the way to the mail server", "unterwegs zum Mailserver"),
    "fact.waiting.again": ("{n} will be tried again", "{n} mit neuem Versuch"),
    "chart.title": ("Messages per hour, last 24 hours", "Nachrichten je Stunde, letzte 24 Stunden"),
    "chart.span": ("{a} to {b}", "{a} bis {b}"),
    "chart.bar": ("{n} messages", "{n} Nachrichten"),
    "chart.bar.one": ("1 message", "1 Nachricht"),
    "chart.total": ("{n} messages in 24 hours", "{n} Nachrichten in 24 Stunden"),
    "chart.total.one": ("1 message in 24 hours", "1 Nachricht in 24 Stunden"),
    "health.title": ("Needs your attention", "Braucht Ihre Aufmerksamkeit"),
    "health.fine": ("Nothing needs you", "Nichts braucht Sie"),
    "health.fine.accounts": ("{n} accounts answer", "{n} Konten antworten"),
    "health.fine.accounts.one": ("the account answers", "das Konto antwortet"),
    "health.fine.server": ("the mail server accepts mail", "der Mailserver nimmt an"),
    "health.fine.unrouted": ("no message lacks a recipient", "keine Nachricht ist ohne Empfänger"),
    # live
    "live.lead": (
        "What MailGate says to the servers, and what they answer.",
        "Was MailGate den Servern sagt, und was sie antworten.",
    ),
    "live.in": ("Inbound transfer", "Eingehende Übertragung"),
    "live.filter": ("Only lines with…", "Nur Zeilen mit…"),
    "live.waiting": (
        "Nothing here yet. Lines appear as mail moves.",
        "Noch nichts. Zeilen erscheinen, sobald Post läuft.",
    ),
    "live.nohit": ("No line contains “{q}”.", "Keine Zeile enthält „{q}“."),
    "live.running": ("Live", "Live"),
    "live.paused": ("Paused: {n} new lines", "Angehalten: {n} neue Zeilen"),
    "live.paused.one": ("Paused: 1 new line", "Angehalten: 1 neue Zeile"),
    "live.gap": ("some lines were missed here", "hier fehlen Zeilen"),
    # unrouted
    "un.lead": (
        "{n} messages have nobody to go to. They are safe here; you choose who gets them.",
        "{n} Nachrichten haben keinen Empfänger. Sie liegen sicher hier; Sie bestimmen, wer sie bekommt.",
    ),
    "un.lead.one": (
        "One message has nobody to go to. It is safe here; you choose who gets it.",
        "Eine Nachricht hat keinen Empfänger. Sie liegt sicher hier; Sie bestimmen, wer sie bekommt.",
    ),
    "un.empty": ("Every message has a recipient", "Jede Nachricht hat einen Empfänger"),
    "un.empty.what": (
        "A message comes here when no address in its headers belongs to a recipient of your office. Nothing is lost: you then choose who gets it.",
        "Hierher kommt eine Nachricht, wenn keine Adresse in ihren Kopfzeilen einem Empfänger Ihres Büros gehört. Verloren geht nichts: Sie bestimmen dann, wer sie bekommt.",
    ),
    "un.deliver": ("Deliver to…", "Zustellen an…"),
    "un.deliver.name": ("Deliver “{s}” to…", "„{s}“ zustellen an…"),
    "un.nosubject": ("(no subject)", "(kein Betreff)"),
    "un.nosender": ("(no sender)", "(kein Absender)"),
    "un.range": ("{a} to {b} of {n}", "{a} bis {b} von {n}"),
    "un.pick.title": ("Who gets this message?", "Wer bekommt diese Nachricht?"),
    "un.pick.from": ("From {a}", "Von {a}"),
    "un.pick.do": ("Deliver", "Zustellen"),
    "un.pick.filter": ("Only addresses with…", "Nur Adressen mit…"),
    "un.pick.none": ("No recipient is configured.", "Kein Empfänger ist eingerichtet."),
    "un.pick.nohit": ("No address contains “{q}”.", "Keine Adresse enthält „{q}“."),
    "un.done": ("On its way to {a}.", "Unterwegs zu {a}."),
    # why a message has nobody to go to, by the engine's code; another code is told in the engine's own words
    "why.no_own_address": (
        "No header names an address in a domain of account {account}.",
        "Keine Kopfzeile nennt eine Adresse in einer Domain des Kontos {account}.",
    ),
    "why.header_missing": (
        "{fields}, the only header that account {account} looks in, is missing.",
        "{fields}, die einzige Kopfzeile, in der das Konto {account} nachsieht, fehlt.",
    ),
    "why.unknown_recipient": (
        "No recipient has the addresses {addresses}, which stand in {fields}.",
        "Kein Empfänger hat eine der Adressen {addresses}, die in {fields} stehen.",
    ),
    "why.unknown_recipient.one": (
        "No recipient has the address {addresses}, which stands in {fields}.",
        "Kein Empfänger hat die Adresse {addresses}, die in {fields} steht.",
    ),
    "list.and": ("{all} and {last}", "{all} und {last}"),
    "list.more": ("{all} and {n} more", "{all} und {n} weitere"),
    # keyboard
    "keys.title": ("Keyboard shortcuts", "Tastenkürzel"),
    "keys.search": ("Filter", "Filter"),
    "keys.help": ("This list", "Diese Liste"),
    "keys.leave": ("Leave a dialog", "Dialog verlassen"),
    "keys.escape": ("Escape", "Esc"),
    # time; the forms that a number takes
    "time.now": ("just now", "gerade eben"),
    "time.minutes": ("{n} minutes ago", "vor {n} Minuten"),
    "time.minutes.one": ("a minute ago", "vor einer Minute"),
    "time.hours": ("{n} hours ago", "vor {n} Stunden"),
    "time.hours.one": ("an hour ago", "vor einer Stunde"),
    "time.days": ("{n} days ago", "vor {n} Tagen"),
    "time.days.one": ("a day ago", "vor einem Tag"),
    "time.soon": ("in a moment", "gleich"),
    "time.in.minutes": ("in {n} minutes", "in {n} Minuten"),
    "time.in.minutes.one": ("in a minute", "in einer Minute"),
    "time.in.hours": ("in {n} hours", "in {n} Stunden"),
    "time.in.hours.one": ("in an hour", "in einer Stunde"),
    "time.in.days": ("in {n} days", "in {n} Tagen"),
    "time.in.days.one": ("in a day", "in einem Tag"),
    "age.minutes": ("{n} min", "{n} min"),
    "age.hours": ("{n} h", "{n} h"),
    "age.days": ("{n} days", "{n} Tage"),
    "age.days.one": ("1 day", "1 Tag"),
    **accounts.WORDS,
    **conditions.WORDS,
    **parked.WORDS,
    **queue.WORDS,
    **routing.WORDS,
    **settings.WORDS,
}


def say(lang: Lang, key: str, **values: object) -> str:
    """Return the words of `key`, its singular when `n` is 1, with the placeholders filled in.

    Raises:
        KeyError: there is no such key, or a placeholder was not given.
    """
    if values.get("n") == 1 and f"{key}.one" in WORDS:
        key = f"{key}.one"
    return WORDS[key][LANGS.index(lang)].format(**values)


def knows(key: str) -> bool:
    """Return whether there are words for `key`."""
    return key in WORDS


def language_of(accepted: str) -> Lang:
    """Return the language of a reader whose browser sends this `Accept-Language` (RFC 9110 section 12.5.4).

    The order is taken as given and weights are not read: browsers list by preference. English when none fits.
    """
    for tag in accepted.split(","):
        match tag.strip()[:2].casefold():
            case "en":
                return "en"
            case "de":
                return "de"
            case _:
                continue
    return "en"
