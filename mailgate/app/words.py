"""Words of the app in English and German. One key, one meaning; placeholders by name.

A key with `.one` at its end is the singular, taken when `n` is 1. German addresses the reader with "Sie". Health
conditions have three parts each: the title says what happened, `.what` what it means and what is not affected, `.fix`
what to do; a condition that is not listed here is shown in the engine's own words.
"""

from typing import Final, Literal, get_args

Lang = Literal["en", "de"]
LANGS: Final[tuple[Lang, ...]] = get_args(Lang)

WORDS: Final[dict[str, tuple[str, str]]] = {
    # navigation and frame
    "nav.watch": ("Watch", "Beobachten"),
    "nav.overview": ("Overview", "Übersicht"),
    "nav.live": ("Live", "Live"),
    "nav.unrouted": ("Unrouted", "Ohne Empfänger"),
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
    "do.details": ("Details", "Einzelheiten"),
    "do.details.less": ("Hide details", "Einzelheiten ausblenden"),
    "do.copy": ("Copy", "Kopieren"),
    "do.clear": ("Clear filter", "Filter löschen"),
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
    # conditions, by the engine's code; an account's is told by the class of its error
    "cond.account_failing": ("{subject} cannot be fetched", "{subject} lässt sich nicht abholen"),
    "cond.account_failing.what": (
        "Its mail stays safe at the provider. Other accounts are not affected.",
        "Die Post bleibt sicher beim Provider. Andere Konten sind nicht betroffen.",
    ),
    "cond.account_failing.fix": (
        "MailGate tries again with every session.",
        "MailGate versucht es bei jeder Abholung wieder.",
    ),
    "cond.account_failing.auth": (
        "{host} refuses the login of {subject}",
        "{host} lehnt die Anmeldung von {subject} ab",
    ),
    "cond.account_failing.auth.fix": (
        "Presumably the password was changed at the provider: store the new one with `mailgate secrets set`.",
        "Vermutlich wurde das Kennwort beim Provider geändert: Hinterlegen Sie das neue mit `mailgate secrets set`.",
    ),
    "cond.account_failing.dns": ("The name {host} is not found", "Der Name {host} wird nicht gefunden"),
    "cond.account_failing.dns.fix": (
        "See whether this machine reaches the Internet, and whether the host of {subject} is spelt right.",
        "Prüfen Sie, ob dieser Rechner ins Internet kommt und ob der Host von {subject} richtig geschrieben ist.",
    ),
    "cond.account_failing.connect": ("{host} does not answer", "{host} antwortet nicht"),
    "cond.account_failing.connect.fix": (
        "See whether this machine reaches the Internet, and whether a firewall closes the port.",
        "Prüfen Sie, ob dieser Rechner ins Internet kommt und ob eine Firewall den Port sperrt.",
    ),
    "cond.account_failing.tls": ("No secure connection to {host}", "Keine sichere Verbindung zu {host}"),
    "cond.account_failing.tls.fix": (
        "See whether port and encryption of {subject} fit together in the configuration.",
        "Prüfen Sie, ob Port und Verschlüsselung von {subject} in der Konfiguration zusammenpassen.",
    ),
    "cond.account_failing.cert": (
        "The certificate of {host} is not good",
        "Das Zertifikat von {host} ist nicht gültig",
    ),
    "cond.account_failing.cert.fix": (
        "MailGate does not send a password over such a connection. Ask the provider, or see whether the host name is right.",
        "Über eine solche Verbindung sendet MailGate kein Kennwort. Fragen Sie den Provider, oder prüfen Sie den Hostnamen.",
    ),
    "cond.internal_ill": ("The mail server does not accept mail", "Der Mailserver nimmt keine Post an"),
    "cond.internal_ill.what": (
        "MailGate fetches nothing meanwhile: new mail waits at the provider, and what is here is safe.",
        "MailGate holt solange nichts ab: neue Post wartet beim Provider, und was hier ist, ist sicher.",
    ),
    "cond.internal_ill.fix": (
        "See whether {host} runs and has room on its disks. MailGate goes on by itself as soon as it takes mail again.",
        "Prüfen Sie, ob {host} läuft und Platz auf seinen Platten hat. MailGate macht von selbst weiter, sobald er wieder annimmt.",
    ),
    "cond.internal_config": (
        "The mail server refuses mail from MailGate",
        "Der Mailserver weist Post von MailGate ab",
    ),
    "cond.internal_config.what": (
        "A setting is wrong here or there: login, TLS, or the right to hand over mail. No mail is lost, and none is fetched.",
        "Eine Einstellung stimmt hier oder dort nicht: Anmeldung, TLS oder das Recht, Post abzugeben. Keine Post geht verloren, und keine wird abgeholt.",
    ),
    "cond.internal_config.fix": (
        "Compare [internal] in the configuration with what {host} wants. MailGate goes on by itself.",
        "Vergleichen Sie [internal] in der Konfiguration mit dem, was {host} verlangt. MailGate macht dann von selbst weiter.",
    ),
    "cond.relay_ill": ("The relay {subject} takes no mail", "Das Relay {subject} nimmt keine Post an"),
    "cond.relay_ill.what": (
        "Mail that goes by it waits safely here. Other relays are not affected.",
        "Post, die darüber geht, wartet sicher hier. Andere Relays sind nicht betroffen.",
    ),
    "cond.relay_ill.fix": (
        "See whether the line to the Internet works. MailGate goes on by itself as soon as the relay takes mail again.",
        "Prüfen Sie die Leitung ins Internet. MailGate macht von selbst weiter, sobald das Relay wieder annimmt.",
    ),
    "cond.relay_config": (
        "The relay {subject} refuses mail from MailGate",
        "Das Relay {subject} weist Post von MailGate ab",
    ),
    "cond.relay_config.what": (
        "A setting is wrong here or there: login, TLS, or the right to send. No mail is lost.",
        "Eine Einstellung stimmt hier oder dort nicht: Anmeldung, TLS oder das Recht zu senden. Keine Post geht verloren.",
    ),
    "cond.relay_config.fix": (
        "Compare the settings of {subject} with what the provider wants. MailGate goes on by itself.",
        "Vergleichen Sie die Einstellungen von {subject} mit dem, was der Provider verlangt. MailGate macht dann von selbst weiter.",
    ),
    "cond.relay_cap": (
        "The relay {subject} has taken its mail for today",
        "Das Relay {subject} hat seine Post für heute angenommen",
    ),
    "cond.relay_cap.what": (
        "Its limit of recipients a day is reached. The rest waits here until tomorrow.",
        "Seine Grenze der Empfänger je Tag ist erreicht. Der Rest wartet hier bis morgen.",
    ),
    "cond.relay_cap.fix": (
        "Raise the limit of the relay in the configuration, or let another relay take some of the mail.",
        "Erhöhen Sie die Grenze des Relays in der Konfiguration, oder lassen Sie ein anderes Relay einen Teil übernehmen.",
    ),
    "cond.listener_down": (
        "MailGate does not accept mail from your mail server",
        "MailGate nimmt keine Post von Ihrem Mailserver an",
    ),
    "cond.listener_down.what": (
        "The port for it cannot be opened. Outgoing mail waits at the mail server.",
        "Der Port dafür lässt sich nicht öffnen. Ausgehende Post wartet beim Mailserver.",
    ),
    "cond.listener_down.fix": (
        "See which program has the port, or choose another one in the configuration.",
        "Prüfen Sie, welches Programm den Port belegt, oder wählen Sie in der Konfiguration einen anderen.",
    ),
    "cond.disk_low": ("The disk is nearly full", "Die Platte ist fast voll"),
    "cond.disk_low.what": (
        "MailGate fetches nothing, so that what it has stays safe. New mail waits at the provider.",
        "MailGate holt nichts ab, damit alles Vorhandene sicher bleibt. Neue Post wartet beim Provider.",
    ),
    "cond.disk_low.fix": (
        "Free some space on the disk with the data directory. Fetching goes on by itself.",
        "Schaffen Sie Platz auf der Platte mit dem Datenverzeichnis. Das Abholen geht dann von selbst weiter.",
    ),
    "cond.store_damaged": ("The message store is damaged", "Der Nachrichtenspeicher ist beschädigt"),
    "cond.store_damaged.what": (
        "MailGate takes no mail. New mail waits at the provider, and the damaged file is kept.",
        "MailGate nimmt keine Post an. Neue Post wartet beim Provider, die beschädigte Datei bleibt erhalten.",
    ),
    "cond.store_damaged.fix": (
        "Stop the service, then run `mailgate store check`, and `mailgate store salvage` to save what can be saved.",
        "Beenden Sie den Dienst, rufen Sie `mailgate store check` auf, und `mailgate store salvage`, um zu retten, was geht.",
    ),
    "cond.store_refuses": ("The disk takes nothing", "Die Platte nimmt nichts an"),
    "cond.store_refuses.what": (
        "MailGate takes no mail, and loses none: new mail waits at the provider.",
        "MailGate nimmt keine Post an und verliert keine: Neue Post wartet beim Provider.",
    ),
    "cond.store_refuses.fix": (
        "See whether the disk with the data directory is full or read-only. MailGate goes on by itself.",
        "Prüfen Sie, ob die Platte mit dem Datenverzeichnis voll oder schreibgeschützt ist. MailGate macht von selbst weiter.",
    ),
    "cond.bodies_missing": (
        "The text of messages is missing on the disk",
        "Auf der Platte fehlt der Inhalt von Nachrichten",
    ),
    "cond.bodies_missing.what": (
        "These messages cannot be delivered from here. Other mail is not affected.",
        "Diese Nachrichten lassen sich von hier nicht zustellen. Andere Post ist nicht betroffen.",
    ),
    "cond.bodies_missing.fix": (
        "Check the disk, and run `mailgate store check`. What the provider still holds is fetched again.",
        "Prüfen Sie die Platte und rufen Sie `mailgate store check` auf. Was der Provider noch hat, wird neu abgeholt.",
    ),
    "cond.config_rejected": ("The new configuration has faults", "Die neue Konfiguration hat Fehler"),
    "cond.config_rejected.what": (
        "The old one stays in force; mail is not affected.",
        "Die alte bleibt in Kraft; die Post ist nicht betroffen.",
    ),
    "cond.config_rejected.fix": (
        "Run `mailgate check`: it names each fault with its line and a remedy.",
        "Rufen Sie `mailgate check` auf: Es nennt jeden Fehler mit Zeile und Abhilfe.",
    ),
    "cond.unrouted": ("{n} messages have no recipient", "{n} Nachrichten haben keinen Empfänger"),
    "cond.unrouted.one": ("1 message has no recipient", "1 Nachricht hat keinen Empfänger"),
    "cond.unrouted.what": (
        "No address in the headers belongs to a recipient of your office. The mail is safe here.",
        "Keine Adresse in den Kopfzeilen gehört einem Empfänger Ihres Büros. Die Post liegt sicher hier.",
    ),
    "cond.unrouted.fix": ("Choose who gets it.", "Bestimmen Sie, wer sie bekommt."),
    "cond.parked": ("{n} messages are parked", "{n} Nachrichten sind geparkt"),
    "cond.parked.one": ("1 message is parked", "1 Nachricht ist geparkt"),
    "cond.parked.what": (
        "They could not be delivered and wait for a decision. The mail is safe here.",
        "Sie ließen sich nicht zustellen und warten auf eine Entscheidung. Die Post liegt sicher hier.",
    ),
    "cond.parked.fix": (
        "`mailgate parked` lists them with the reason, and sends on, wraps, exports or deletes them.",
        "`mailgate parked` nennt sie mit dem Grund, stellt sie zu, packt sie ein, schreibt sie heraus oder löscht sie.",
    ),
    "cond.port_taken": ("A port is taken by another program", "Ein Port ist von einem anderen Programm belegt"),
    "cond.port_taken.what": (
        "The part of MailGate that wanted it is not running; the rest is.",
        "Der Teil von MailGate, der ihn braucht, läuft nicht; alles andere läuft.",
    ),
    "cond.port_taken.fix": (
        "End the other program, or name another port in the configuration.",
        "Beenden Sie das andere Programm, oder nennen Sie in der Konfiguration einen anderen Port.",
    ),
    "cond.clock_jumped": ("The clock of this machine has jumped", "Die Uhr dieses Rechners ist gesprungen"),
    "cond.clock_jumped.what": (
        "Planned times were set anew; mail is not affected.",
        "Geplante Zeiten wurden neu gesetzt; die Post ist nicht betroffen.",
    ),
    "cond.clock_jumped.fix": (
        "See whether this machine takes its time from a time server.",
        "Prüfen Sie, ob dieser Rechner seine Zeit von einem Zeitserver bezieht.",
    ),
    "cond.fetch_paused": ("Fetching is paused", "Das Abholen ist angehalten"),
    "cond.fetch_paused.what": (
        "New mail waits at the provider. What was fetched is still delivered.",
        "Neue Post wartet beim Provider. Abgeholtes wird weiter zugestellt.",
    ),
    "cond.fetch_paused.until": ("It goes on by itself: {t}.", "Es geht von selbst weiter: {t}."),
    "cond.fetch_paused.fix": ("Resume when you are ready.", "Setzen Sie fort, sobald Sie möchten."),
    "cond.messages_left": (
        "Not all mail of {subject} can be fetched",
        "Nicht alle Post von {subject} lässt sich abholen",
    ),
    "cond.messages_left.what": (
        "A message is larger than allowed here, or the provider does not hand it out; it stays there. Other mail is not affected.",
        "Eine Nachricht ist größer als hier erlaubt, oder der Provider gibt sie nicht heraus; sie bleibt dort. Andere Post ist nicht betroffen.",
    ),
    "cond.messages_left.fix": (
        "Details say which it is. Raise `max_message_size` in the configuration, or take it from the mailbox by hand.",
        "Die Einzelheiten nennen sie. Heben Sie `max_message_size` in der Konfiguration an, oder holen Sie sie von Hand aus dem Postfach.",
    ),
    "cond.notices_held": (
        "MailGate writes too many messages of its own",
        "MailGate schreibt zu viele eigene Nachrichten",
    ),
    "cond.notices_held.what": (
        "It writes no more of them for up to an hour. Other mail is not affected.",
        "Bis zu einer Stunde lang schreibt es keine mehr. Andere Post ist nicht betroffen.",
    ),
    "cond.notices_held.fix": (
        "The log says what they are about. Raise `notices.per_hour` in the configuration if that many are right.",
        "Das Protokoll sagt, worum es geht. Heben Sie `notices.per_hour` in der Konfiguration an, wenn so viele richtig sind.",
    ),
    "cond.account_stale": (
        "{subject} has not been fetched for long",
        "{subject} wurde seit Langem nicht mit Erfolg abgeholt",
    ),
    "cond.account_stale.what": (
        "Sessions were due, and none has succeeded. New mail waits at the provider.",
        "Sitzungen waren fällig, und keine ist gelungen. Neue Post wartet beim Provider.",
    ),
    "cond.account_stale.fix": (
        "Fetch this account now, and see in Details where it fails.",
        "Holen Sie dieses Konto jetzt ab; die Einzelheiten zeigen, woran es liegt.",
    ),
    "cond.loop": ("Mail goes round in a circle", "Post läuft im Kreis"),
    "cond.loop.what": (
        "Messages that were here before have come back and are parked. Other mail is not affected.",
        "Nachrichten, die schon hier waren, sind zurückgekommen und geparkt. Andere Post ist nicht betroffen.",
    ),
    "cond.loop.fix": (
        "See whether the mail server or the provider forwards mail back into this mailbox.",
        "Prüfen Sie, ob der Mailserver oder der Provider Post in dieses Postfach zurückleitet.",
    ),
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
