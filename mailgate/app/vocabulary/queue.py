"""Words of the queue: what has not left yet, and what is done about it."""

from typing import Final

WORDS: Final[dict[str, tuple[str, str, str]]] = {
    "nav.queue": ("Queue", "Warteschlange", "File d'attente"),
    "q.lead": (
        "{n} messages have not left yet.",
        "{n} Nachrichten sind noch nicht abgegangen.",
        "{n} messages ne sont pas encore partis.",
    ),
    "q.lead.one": (
        "One message has not left yet.",
        "Eine Nachricht ist noch nicht abgegangen.",
        "Un message n'est pas encore parti.",
    ),
    "q.empty": ("The queue is empty", "Die Warteschlange ist leer", "La file d'attente est vide"),
    "q.empty.what": (
        "Everything that your office handed over has left.",
        "Alles, was Ihr Büro übergeben hat, ist abgegangen.",
        "Tout ce que votre bureau a remis est parti.",
    ),
    "q.nohit": (
        "No message in the queue fits “{q}”.",
        "Keine Nachricht in der Warteschlange passt zu „{q}“.",
        "Aucun message de la file ne convient à « {q} ».",
    ),
    "q.search": ("Search subject, address", "Betreff, Adresse suchen", "Chercher objet, adresse"),
    "q.pick": (
        "Pick a message to see its recipients and answers.",
        "Wählen Sie eine Nachricht, um Empfänger und Antworten zu sehen.",
        "Choisissez un message pour voir ses destinataires et les réponses.",
    ),
    "q.gone": (
        "This message is not in the queue any more",
        "Diese Nachricht ist nicht mehr in der Warteschlange",
        "Ce message n'est plus dans la file d'attente",
    ),
    "q.state.received": ("Waiting", "Wartet", "En attente"),
    "q.state.ready": ("Waiting", "Wartet", "En attente"),
    "q.state.retry": ("Retry", "Neuer Versuch", "Nouvel essai"),
    "q.state.held": ("Held", "Zurückgehalten", "Retenu"),
    "q.state.frozen": ("Frozen", "Eingefroren", "Gelé"),
    "q.state.active": ("Sending", "Wird gesendet", "Envoi en cours"),
    "q.state.parked": ("Parked", "Geparkt", "Mis de côté"),
    "q.state.done": ("Delivered", "Zugestellt", "Remis"),
    "q.next": ("next try {t}", "nächster Versuch {t}", "prochain essai {t}"),
    "q.until": ("until {t}", "bis {t}", "jusqu'à {t}"),
    "q.since": ("since {t}", "seit {t}", "depuis {t}"),
    "q.more": ("{a} and {n} more", "{a} und {n} weitere", "{a} et {n} autres"),
    "q.relay": ("Relay", "Relay", "Relais"),
    "q.internal": ("mail server", "Mailserver", "serveur de messagerie"),
    "q.tries": ("Attempts", "Versuche", "Tentatives"),
    "q.answer": ("Last answer", "Letzte Antwort", "Dernière réponse"),
    "q.do.send": ("Send now", "Jetzt senden", "Envoyer maintenant"),
    "q.do.freeze": ("Freeze", "Einfrieren", "Geler"),
    "q.do.thaw": ("Thaw", "Auftauen", "Dégeler"),
    "q.do.remove": ("Remove", "Entfernen", "Retirer"),
    "q.done.send": ("Sending now.", "Wird jetzt gesendet.", "Envoi en cours."),
    "q.done.freeze": (
        "Frozen. It stays until you thaw it.",
        "Eingefroren. Bleibt liegen, bis Sie auftauen.",
        "Gelé. Il reste jusqu'à ce que vous le dégeliez.",
    ),
    "q.done.thaw": (
        "Thawed. It leaves with the next run.",
        "Aufgetaut. Geht mit dem nächsten Lauf ab.",
        "Dégelé. Il part avec le prochain passage.",
    ),
    "q.done.remove": (
        "It is removed in 10 seconds.",
        "Sie wird in 10 Sekunden entfernt.",
        "Il est retiré dans 10 secondes.",
    ),
    "q.rm.title": ("Remove this message?", "Diese Nachricht entfernen?", "Retirer ce message ?"),
    "q.rm.told": (
        "“{s}” goes back to {a} with a note that it was not sent. You can undo this for 10 seconds.",
        "„{s}“ geht an {a} zurück, mit dem Hinweis, dass sie nicht gesendet wurde. 10 Sekunden lang umkehrbar.",
        "« {s} » retourne à {a}, avec l'avis qu'il n'a pas été envoyé. Vous pouvez annuler pendant 10 secondes.",
    ),
    "q.rm.untold": (
        "“{s}” is not sent, and nobody is told: {why} You can undo this for 10 seconds.",
        "„{s}“ wird nicht gesendet, und niemand erfährt es: {why} 10 Sekunden lang umkehrbar.",
        "« {s} » n'est pas envoyé, et personne n'en est informé : {why} Vous pouvez annuler pendant 10 secondes.",
    ),
}
