"""Words of the app in English, German and French. One key, one meaning; placeholders by name.

A key with `.one` at its end is the singular, taken when `n` is 1. German addresses the reader with "Sie", French with
"vous"; French is typed with plain spaces and apostrophes here and set by `typeset`. What is not listed here, such as a
new condition, is shown in the engine's own words. Larger themes stand in `vocabulary/`.
"""

import re
from typing import Final, Literal, get_args

from mailgate.app.vocabulary import accounts, conditions, parked, queue, routing, settings

Lang = Literal["en", "de", "fr"]
LANGS: Final[tuple[Lang, ...]] = get_args(Lang)

NAMES: Final[dict[Lang, str]] = {"en": "English", "de": "Deutsch", "fr": "Français"}
"""Each language as it calls itself."""

_BEFORE: Final = re.compile(r" (?=[:;!?»%])|(?<=«) ")
_APOSTROPHE: Final = re.compile(r"(?<=\w)'(?=\w|\{)")
NARROW: Final = "\N{NARROW NO-BREAK SPACE}"


def typeset(text: str) -> str:
    """Return French as it is printed: with the apostrophe that bends, and no line broken before a mark that stands apart.

    Lexique des règles typographiques en usage à l'Imprimerie nationale: `: ; ! ? %` and guillemets keep a space.
    """
    return _APOSTROPHE.sub("\N{RIGHT SINGLE QUOTATION MARK}", _BEFORE.sub(NARROW, text))


_TYPED: Final[dict[str, tuple[str, str, str]]] = {
    # navigation and frame
    "nav.watch": ("Watch", "Beobachten", "Surveiller"),
    "nav.setup": ("Set up", "Einrichten", "Configurer"),
    "nav.overview": ("Overview", "Übersicht", "Vue d'ensemble"),
    "nav.overview.short": ("Overview", "Übersicht", "Aperçu"),  # a fifth of a phone's width
    "nav.live": ("Live", "Live", "En direct"),
    "nav.unrouted": ("Unrouted", "Ohne Empfänger", "Sans destinataire"),
    "nav.unrouted.short": ("Unrouted", "Ohne Empfänger", "Sans dest."),
    "nav.parked": ("Parked", "Geparkt", "Mis de côté"),
    "nav.more": ("More", "Mehr", "Plus"),
    "menu.dark": ("Dark colours", "Dunkle Farben", "Couleurs sombres"),
    "menu.light": ("Light colours", "Helle Farben", "Couleurs claires"),
    "menu.language": ("Language", "Sprache", "Langue"),
    "menu.keys": ("Keyboard shortcuts", "Tastenkürzel", "Raccourcis clavier"),
    "frame.lost": (
        "No answer from MailGate since {t}. This is the last picture; it tries again by itself.",
        "Keine Antwort von MailGate seit {t}. Dies ist das letzte Bild; neue Versuche laufen von selbst.",
        "Aucune réponse de MailGate depuis {t}. Ceci est la dernière image ; de nouveaux essais se font d'eux-mêmes.",
    ),
    "frame.lost.never": (
        "No answer from MailGate. It tries again by itself.",
        "Keine Antwort von MailGate. Neue Versuche laufen von selbst.",
        "Aucune réponse de MailGate. De nouveaux essais se font d'eux-mêmes.",
    ),
    # engine, as the chip at the foot of the side bar says it
    "engine.running": ("Running", "Läuft", "En service"),
    "engine.stopping": ("Stopping", "Wird beendet", "S'arrête"),
    "engine.paused": ("Paused", "Angehalten", "Suspendu"),
    "engine.fetching": ("Fetching", "Holt ab", "Relève en cours"),
    "engine.attention": ("Attention", "Achtung", "Attention"),
    "engine.error": ("Trouble", "Störung", "Panne"),
    "engine.lost": ("No answer", "Keine Antwort", "Pas de réponse"),
    # actions
    "do.fetch": ("Fetch now", "Jetzt abholen", "Relever maintenant"),
    "do.stop": ("Stop fetching", "Abholung beenden", "Arrêter la relève"),
    "do.cancel": ("Cancel", "Abbrechen", "Abandonner"),
    "do.close": ("Close", "Schließen", "Fermer"),
    "do.pause": ("Pause", "Anhalten", "Suspendre"),
    "do.resume": ("Resume", "Fortsetzen", "Reprendre"),
    "do.resume.fetch": ("Resume fetching", "Abholen fortsetzen", "Reprendre la relève"),
    "do.retry.account": ("Fetch this account", "Dieses Konto abholen", "Relever ce compte"),
    "do.choose": ("Choose recipients", "Empfänger wählen", "Choisir les destinataires"),
    "do.decide": ("Decide", "Entscheiden", "Décider"),
    "do.account": ("Look at the account", "Konto ansehen", "Voir le compte"),
    "do.details": ("Details", "Einzelheiten", "Détails"),
    "do.details.less": ("Hide details", "Einzelheiten ausblenden", "Masquer les détails"),
    "do.copy": ("Copy", "Kopieren", "Copier"),
    "do.clear": ("Clear filter", "Filter löschen", "Effacer le filtre"),
    "do.undo": ("Undo", "Rückgängig", "Annuler"),
    "do.back": ("Back", "Zurück", "Retour"),
    "do.older": ("Older", "Ältere", "Plus anciens"),
    "do.newer": ("Newer", "Neuere", "Plus récents"),
    # fetching
    "fetch.starting": ("Connecting…", "Verbindet…", "Connexion…"),
    "fetch.busy": ("Fetching…", "Holt ab…", "Relève en cours…"),
    "fetch.progress": ("Fetching {i} of {n}", "Holt ab: {i} von {n}", "Relève : {i} sur {n}"),
    "fetch.stopping": ("Stopping…", "Wird beendet…", "Arrêt en cours…"),
    "fetch.done": (
        "{n} messages fetched: {what}.",
        "{n} Nachrichten abgeholt: {what}.",
        "{n} messages relevés : {what}.",
    ),
    "fetch.done.one": ("1 message fetched: {what}.", "1 Nachricht abgeholt: {what}.", "1 message relevé : {what}."),
    "fetch.delivered": ("{n} delivered", "{n} zugestellt", "{n} remis"),
    "fetch.parked": ("{n} parked", "{n} geparkt", "{n} mis de côté"),
    "fetch.waiting": (
        "{n} waiting for the mail server",
        "{n} warten auf den Mailserver",
        "{n} attendent le serveur de messagerie",
    ),
    "fetch.waiting.one": (
        "1 waiting for the mail server",
        "1 wartet auf den Mailserver",
        "1 attend le serveur de messagerie",
    ),
    "fetch.none": ("No new mail.", "Keine neue Post.", "Pas de nouveau courrier."),
    "fetch.failed": (
        "Not every account could be fetched: the overview says why.",
        "Nicht jedes Konto ließ sich abholen: Die Übersicht sagt, warum.",
        "Tous les comptes n'ont pas pu être relevés : la vue d'ensemble dit pourquoi.",
    ),
    "fetch.left": (
        "{n} messages stay at the provider: the overview says why.",
        "{n} Nachrichten bleiben beim Provider: Die Übersicht sagt, warum.",
        "{n} messages restent chez le fournisseur : la vue d'ensemble dit pourquoi.",
    ),
    "fetch.left.one": (
        "1 message stays at the provider: the overview says why.",
        "1 Nachricht bleibt beim Provider: Die Übersicht sagt, warum.",
        "1 message reste chez le fournisseur : la vue d'ensemble dit pourquoi.",
    ),
    "copied": ("Copied.", "Kopiert.", "Copié."),
    # why something was not done, by the engine's code; another code is told in the engine's own words
    "refused": ("That was not done: {why}", "Das wurde nicht ausgeführt: {why}", "Cela n'a pas été fait : {why}"),
    "refused.not_running": (
        "That was not done: MailGate does not answer.",
        "Das wurde nicht ausgeführt: MailGate antwortet nicht.",
        "Cela n'a pas été fait : MailGate ne répond pas.",
    ),
    "refused.store_busy": (
        "That was not done: the message store does not answer just now.",
        "Das wurde nicht ausgeführt: Der Nachrichtenspeicher antwortet gerade nicht.",
        "Cela n'a pas été fait : la base de messages ne répond pas pour l'instant.",
    ),
    # the first line of the overview
    "ov.moving": ("Mail is moving", "Die Post läuft", "Le courrier circule"),
    "ov.attention": (
        "Mail is moving, {n} things need you",
        "Die Post läuft, {n} Dinge brauchen Sie",
        "Le courrier circule, {n} choses demandent votre attention",
    ),
    "ov.attention.one": (
        "Mail is moving, one thing needs you",
        "Die Post läuft, eine Sache braucht Sie",
        "Le courrier circule, une chose demande votre attention",
    ),
    "ov.some": (
        "Mail is moving, but not from every mailbox",
        "Die Post läuft, aber nicht aus jedem Postfach",
        "Le courrier circule, mais pas depuis chaque boîte",
    ),
    "ov.provider": (
        "Mail stops at the provider",
        "Die Post stockt beim Provider",
        "Le courrier s'arrête chez le fournisseur",
    ),
    "ov.server": (
        "Mail stops before the mail server",
        "Die Post stockt vor dem Mailserver",
        "Le courrier s'arrête devant le serveur de messagerie",
    ),
    "ov.gate": ("MailGate takes no mail", "MailGate nimmt keine Post an", "MailGate ne prend pas de courrier"),
    "ov.paused": ("Fetching is paused", "Das Abholen ist angehalten", "La relève est suspendue"),
    "ov.paused.until": (
        "Fetching is paused until {t}",
        "Das Abholen ist bis {t} angehalten",
        "La relève est suspendue jusqu'à {t}",
    ),
    "ov.off": ("No account is switched on", "Kein Konto ist eingeschaltet", "Aucun compte n'est activé"),
    "ov.stopping": ("MailGate is stopping", "MailGate wird beendet", "MailGate s'arrête"),
    "ov.lost": ("MailGate does not answer", "MailGate antwortet nicht", "MailGate ne répond pas"),
    "ov.loading": ("Overview", "Übersicht", "Vue d'ensemble"),
    "ov.since": (
        "Service running since {since}, last mail {ago}.",
        "Dienst läuft seit {since}, letzte Nachricht {ago}.",
        "Service en marche depuis {since}, dernier message {ago}.",
    ),
    "ov.since.nothing": (
        "Service running since {since}, no mail yet.",
        "Dienst läuft seit {since}, noch keine Nachricht.",
        "Service en marche depuis {since}, encore aucun message.",
    ),
    # the path picture of the overview
    "path.name": ("Path of inbound mail", "Weg der eingehenden Post", "Chemin du courrier entrant"),
    "path.in": ("Inbound", "Eingang", "Entrée"),
    "path.provider": ("Provider", "Provider", "Fournisseur"),
    "path.gate": ("MailGate", "MailGate", "MailGate"),
    "path.server": ("Mail server", "Mailserver", "Serveur"),
    "path.accounts": ("{n} of {m} accounts", "{n} von {m} Konten", "{n}/{m} comptes"),
    "path.account": ("1 account", "1 Konto", "1 compte"),
    "path.account.sick": ("no access", "kein Zugang", "pas d'accès"),
    "path.accounts.none": ("no account", "kein Konto", "aucun compte"),
    "path.onway": ("{n} on the way", "{n} unterwegs", "{n} en route"),
    "path.halted": ("takes no mail", "nimmt nichts an", "ne prend rien"),
    "path.paused": ("paused", "angehalten", "suspendu"),
    "path.accepts": ("accepts mail", "nimmt an", "accepte"),
    "path.silent": ("no answer", "keine Antwort", "pas de réponse"),
    "path.broken": ("mail stops here", "hier stockt die Post", "le courrier s'arrête ici"),
    # the numbers of the overview
    "fact.next": ("Next session", "Nächste Abholung", "Prochaine relève"),
    "fact.next.paused": (
        "paused until you resume",
        "angehalten, bis Sie fortsetzen",
        "suspendue jusqu'à votre reprise",
    ),
    "fact.next.now": ("running now", "läuft gerade", "en cours"),
    "fact.next.none": ("none planned", "keine geplant", "aucune prévue"),
    "fact.last": ("Last session", "Letzte Abholung", "Dernière relève"),
    "fact.last.fine": ("no errors", "keine Fehler", "sans erreur"),
    "fact.last.failed": ("{n} accounts with errors", "{n} Konten mit Fehlern", "{n} comptes en erreur"),
    "fact.last.failed.one": ("1 account with an error", "1 Konto mit Fehler", "1 compte en erreur"),
    "fact.last.none": ("not yet", "noch keine", "pas encore"),
    "fact.today": ("Delivered today", "Heute zugestellt", "Remis aujourd'hui"),
    "fact.today.last": ("last mail {ago}", "letzte Nachricht {ago}", "dernier message {ago}"),
    "fact.today.none": ("no mail yet", "noch keine Nachricht", "encore aucun message"),
    "fact.waiting": ("Waiting", "Wartend", "En attente"),
    "fact.waiting.none": ("everything has been handed over", "alles ist übergeben", "tout a été remis"),
    "fact.waiting.first": (
        "on the way to the mail server",
        "unterwegs zum Mailserver",
        "en route vers le serveur de messagerie",
    ),
    "fact.waiting.again": ("{n} will be tried again", "{n} mit neuem Versuch", "{n} à essayer de nouveau"),
    "chart.title": (
        "Messages per hour, last 24 hours",
        "Nachrichten je Stunde, letzte 24 Stunden",
        "Messages par heure, dernières 24 heures",
    ),
    "chart.span": ("{a} to {b}", "{a} bis {b}", "{a} à {b}"),
    "chart.bar": ("{n} messages", "{n} Nachrichten", "{n} messages"),
    "chart.bar.one": ("1 message", "1 Nachricht", "1 message"),
    "chart.total": ("{n} messages in 24 hours", "{n} Nachrichten in 24 Stunden", "{n} messages en 24 heures"),
    "chart.total.one": ("1 message in 24 hours", "1 Nachricht in 24 Stunden", "1 message en 24 heures"),
    "health.title": ("Needs your attention", "Braucht Ihre Aufmerksamkeit", "Demande votre attention"),
    "health.fine": ("Nothing needs you", "Nichts braucht Sie", "Rien ne demande votre attention"),
    "health.fine.accounts": ("{n} accounts answer", "{n} Konten antworten", "{n} comptes répondent"),
    "health.fine.accounts.one": ("the account answers", "das Konto antwortet", "le compte répond"),
    "health.fine.server": (
        "the mail server accepts mail",
        "der Mailserver nimmt an",
        "le serveur de messagerie accepte",
    ),
    "health.fine.unrouted": (
        "no message lacks a recipient",
        "keine Nachricht ist ohne Empfänger",
        "aucun message n'est sans destinataire",
    ),
    # live
    "live.lead": (
        "What MailGate says to the servers, and what they answer.",
        "Was MailGate den Servern sagt, und was sie antworten.",
        "Ce que MailGate dit aux serveurs, et ce qu'ils répondent.",
    ),
    "live.in": ("Inbound transfer", "Eingehende Übertragung", "Transfert entrant"),
    "live.filter": ("Only lines with…", "Nur Zeilen mit…", "Seulement les lignes avec…"),
    "live.filter.short": ("Filter", "Filter", "Filtrer"),  # beside a button on a phone
    "live.waiting": (
        "Nothing here yet. Lines appear as mail moves.",
        "Noch nichts. Zeilen erscheinen, sobald Post läuft.",
        "Rien pour l'instant. Les lignes paraissent quand du courrier circule.",
    ),
    "live.nohit": ("No line contains “{q}”.", "Keine Zeile enthält „{q}“.", "Aucune ligne ne contient « {q} »."),
    "live.running": ("Live", "Live", "En direct"),
    "live.paused": ("Paused: {n} new lines", "Angehalten: {n} neue Zeilen", "Suspendu : {n} nouvelles lignes"),
    "live.paused.one": ("Paused: 1 new line", "Angehalten: 1 neue Zeile", "Suspendu : 1 nouvelle ligne"),
    "live.gap": ("some lines were missed here", "hier fehlen Zeilen", "des lignes manquent ici"),
    # unrouted
    "un.lead": (
        "{n} messages have nobody to go to. They are safe here; you choose who gets them.",
        "{n} Nachrichten haben keinen Empfänger. Sie liegen sicher hier; Sie bestimmen, wer sie bekommt.",
        "{n} messages n'ont pas de destinataire. Ils sont en sûreté ici ; vous choisissez qui les reçoit.",
    ),
    "un.lead.one": (
        "One message has nobody to go to. It is safe here; you choose who gets it.",
        "Eine Nachricht hat keinen Empfänger. Sie liegt sicher hier; Sie bestimmen, wer sie bekommt.",
        "Un message n'a pas de destinataire. Il est en sûreté ici ; vous choisissez qui le reçoit.",
    ),
    "un.empty": (
        "Every message has a recipient",
        "Jede Nachricht hat einen Empfänger",
        "Chaque message a un destinataire",
    ),
    "un.empty.what": (
        "A message comes here when no address in its headers belongs to a recipient of your office. Nothing is lost: you then choose who gets it.",
        "Hierher kommt eine Nachricht, wenn keine Adresse in ihren Kopfzeilen einem Empfänger Ihres Büros gehört. Verloren geht nichts: Sie bestimmen dann, wer sie bekommt.",
        "Un message arrive ici quand aucune adresse de ses en-têtes n'appartient à un destinataire de votre bureau. Rien n'est perdu : vous choisissez alors qui le reçoit.",
    ),
    "un.deliver": ("Deliver to…", "Zustellen an…", "Remettre à…"),
    "un.deliver.name": ("Deliver “{s}” to…", "„{s}“ zustellen an…", "Remettre « {s} » à…"),
    "un.nosubject": ("(no subject)", "(kein Betreff)", "(sans objet)"),
    "un.nosender": ("(no sender)", "(kein Absender)", "(sans expéditeur)"),
    "un.range": ("{a} to {b} of {n}", "{a} bis {b} von {n}", "{a} à {b} sur {n}"),
    "un.pick.title": ("Who gets this message?", "Wer bekommt diese Nachricht?", "Qui reçoit ce message ?"),
    "un.pick.from": ("From {a}", "Von {a}", "De {a}"),
    "un.pick.do": ("Deliver", "Zustellen", "Remettre"),
    "un.pick.filter": ("Only addresses with…", "Nur Adressen mit…", "Seulement les adresses avec…"),
    "un.pick.none": (
        "No recipient is configured.",
        "Kein Empfänger ist eingerichtet.",
        "Aucun destinataire n'est configuré.",
    ),
    "un.pick.nohit": (
        "No address contains “{q}”.",
        "Keine Adresse enthält „{q}“.",
        "Aucune adresse ne contient « {q} ».",
    ),
    "un.done": ("On its way to {a}.", "Unterwegs zu {a}.", "En route vers {a}."),
    # why a message has nobody to go to, by the engine's code; another code is told in the engine's own words
    "why.no_own_address": (
        "No header names an address in a domain of account {account}.",
        "Keine Kopfzeile nennt eine Adresse in einer Domain des Kontos {account}.",
        "Aucun en-tête ne nomme une adresse dans un domaine du compte {account}.",
    ),
    "why.header_missing": (
        "{fields}, the only header that account {account} looks in, is missing.",
        "{fields}, die einzige Kopfzeile, in der das Konto {account} nachsieht, fehlt.",
        "{fields}, le seul en-tête où cherche le compte {account}, manque.",
    ),
    "why.unknown_recipient": (
        "No recipient has the addresses {addresses}, which stand in {fields}.",
        "Kein Empfänger hat eine der Adressen {addresses}, die in {fields} stehen.",
        "Aucun destinataire n'a l'une des adresses {addresses}, qui figurent dans {fields}.",
    ),
    "why.unknown_recipient.one": (
        "No recipient has the address {addresses}, which stands in {fields}.",
        "Kein Empfänger hat die Adresse {addresses}, die in {fields} steht.",
        "Aucun destinataire n'a l'adresse {addresses}, qui figure dans {fields}.",
    ),
    "list.and": ("{all} and {last}", "{all} und {last}", "{all} et {last}"),
    "list.more": ("{all} and {n} more", "{all} und {n} weitere", "{all} et {n} autres"),
    # keyboard
    "keys.title": ("Keyboard shortcuts", "Tastenkürzel", "Raccourcis clavier"),
    "keys.search": ("Filter", "Filter", "Filtre"),
    "keys.help": ("This list", "Diese Liste", "Cette liste"),
    "keys.leave": ("Leave a dialog", "Dialog verlassen", "Quitter une boîte de dialogue"),
    "keys.escape": ("Escape", "Esc", "Échap"),
    # time; the forms that a number takes
    "time.now": ("just now", "gerade eben", "à l'instant"),
    "time.minutes": ("{n} minutes ago", "vor {n} Minuten", "il y a {n} minutes"),
    "time.minutes.one": ("a minute ago", "vor einer Minute", "il y a une minute"),
    "time.hours": ("{n} hours ago", "vor {n} Stunden", "il y a {n} heures"),
    "time.hours.one": ("an hour ago", "vor einer Stunde", "il y a une heure"),
    "time.days": ("{n} days ago", "vor {n} Tagen", "il y a {n} jours"),
    "time.days.one": ("a day ago", "vor einem Tag", "il y a un jour"),
    "time.soon": ("in a moment", "gleich", "dans un instant"),
    "time.in.minutes": ("in {n} minutes", "in {n} Minuten", "dans {n} minutes"),
    "time.in.minutes.one": ("in a minute", "in einer Minute", "dans une minute"),
    "time.in.hours": ("in {n} hours", "in {n} Stunden", "dans {n} heures"),
    "time.in.hours.one": ("in an hour", "in einer Stunde", "dans une heure"),
    "time.in.days": ("in {n} days", "in {n} Tagen", "dans {n} jours"),
    "time.in.days.one": ("in a day", "in einem Tag", "dans un jour"),
    "age.minutes": ("{n} min", "{n} min", "{n} min"),
    "age.hours": ("{n} h", "{n} h", "{n} h"),
    "age.days": ("{n} days", "{n} Tage", "{n} jours"),
    "age.days.one": ("1 day", "1 Tag", "1 jour"),
    **accounts.WORDS,
    **conditions.WORDS,
    **parked.WORDS,
    **queue.WORDS,
    **routing.WORDS,
    **settings.WORDS,
}

WORDS: Final[dict[str, tuple[str, str, str]]] = {key: (en, de, typeset(fr)) for key, (en, de, fr) in _TYPED.items()}


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
            case "fr":
                return "fr"
            case _:
                continue
    return "en"
