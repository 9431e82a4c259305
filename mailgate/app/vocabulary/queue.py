"""Words of the queue: what has not left yet, and what is done about it."""

from typing import Final

WORDS: Final[dict[str, tuple[str, str]]] = {
    "nav.queue": ("Queue", "Warteschlange"),
    "q.lead": ("{n} messages have not left yet.", "{n} Nachrichten sind noch nicht abgegangen."),
    "q.lead.one": ("One message has not left yet.", "Eine Nachricht ist noch nicht abgegangen."),
    "q.empty": ("The queue is empty", "Die Warteschlange ist leer"),
    "q.empty.what": (
        "Everything that your office handed over has left.",
        "Alles, was Ihr Büro übergeben hat, ist abgegangen.",
    ),
    "q.nohit": ("No message in the queue fits “{q}”.", "Keine Nachricht in der Warteschlange passt zu „{q}“."),
    "q.search": ("Search subject, address", "Betreff, Adresse suchen"),
    "q.pick": (
        "Pick a message to see its recipients and answers.",
        "Wählen Sie eine Nachricht, um Empfänger und Antworten zu sehen.",
    ),
    "q.gone": ("This message is not in the queue any more", "Diese Nachricht ist nicht mehr in der Warteschlange"),
    "q.state.received": ("Waiting", "Wartet"),
    "q.state.ready": ("Waiting", "Wartet"),
    "q.state.retry": ("Retry", "Neuer Versuch"),
    "q.state.held": ("Held", "Zurückgehalten"),
    "q.state.frozen": ("Frozen", "Eingefroren"),
    "q.state.active": ("Sending", "Wird gesendet"),
    "q.state.parked": ("Parked", "Geparkt"),
    "q.state.done": ("Delivered", "Zugestellt"),
    "q.next": ("next try {t}", "nächster Versuch {t}"),
    "q.until": ("until {t}", "bis {t}"),
    "q.since": ("since {t}", "seit {t}"),
    "q.more": ("{a} and {n} more", "{a} und {n} weitere"),
    "q.relay": ("Relay", "Relay"),
    "q.internal": ("mail server", "Mailserver"),
    "q.tries": ("Attempts", "Versuche"),
    "q.answer": ("Last answer", "Letzte Antwort"),
    "q.do.send": ("Send now", "Jetzt senden"),
    "q.do.freeze": ("Freeze", "Einfrieren"),
    "q.do.thaw": ("Thaw", "Auftauen"),
    "q.do.remove": ("Remove", "Entfernen"),
    "q.done.send": ("Sending now.", "Wird jetzt gesendet."),
    "q.done.freeze": ("Frozen. It stays until you thaw it.", "Eingefroren. Bleibt liegen, bis Sie auftauen."),
    "q.done.thaw": ("Thawed. It leaves with the next run.", "Aufgetaut. Geht mit dem nächsten Lauf ab."),
    "q.done.remove": (
        "It is removed in 10 seconds.",
        "Sie wird in 10 Sekunden entfernt.",
    ),
    "q.rm.title": ("Remove this message?", "Diese Nachricht entfernen?"),
    "q.rm.told": (
        "“{s}” goes back to {a} with a note that it was not sent. You can undo this for 10 seconds.",
        "„{s}“ geht an {a} zurück, mit dem Hinweis, dass sie nicht gesendet wurde. 10 Sekunden lang umkehrbar.",
    ),
    "q.rm.untold": (
        "“{s}” is not sent, and nobody is told: {why} You can undo this for 10 seconds.",
        "„{s}“ wird nicht gesendet, und niemand erfährt es: {why} 10 Sekunden lang umkehrbar.",
    ),
}
