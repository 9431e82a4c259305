"""Words of teaching and of trying the routing."""

from typing import Final

WORDS: Final[dict[str, tuple[str, str]]] = {
    "tc.do": ("Teach…", "Zuordnung lehren…"),
    "tc.name": ("Teach by “{s}”…", "An „{s}“ lehren…"),
    "tc.title": ("Who gets such mail from now on?", "Wer bekommt solche Post von nun an?"),
    "tc.lead": (
        "Choose what leads, and to whom. Before anything changes you see what it would also have caught.",
        "Wählen Sie, was führt und zu wem. Bevor sich etwas ändert, sehen Sie, was es noch erfasst hätte.",
    ),
    "tc.gone": ("This message needs nobody any more", "Diese Nachricht braucht niemanden mehr"),
    "tc.gone.what": ("Somebody has decided about it.", "Jemand hat über sie entschieden."),
    "tc.by": ("What leads", "Was führt"),
    "tc.alias": ("the address {v}", "die Adresse {v}"),
    "tc.keyword": ("the keyword {v}", "das Schlüsselwort {v}"),
    "tc.list": ("the mailing list {v}", "die Mailingliste {v}"),
    "tc.stood": ("stood in {f}", "stand in {f}"),
    "tc.none": (
        "Its header offers nothing that could lead: deliver it by hand.",
        "Ihre Kopfzeilen bieten nichts, was führen könnte: Stellen Sie sie von Hand zu.",
    ),
    "tc.to": ("To whom", "Zu wem"),
    "tc.would": ("What that would change", "Was sich damit ändern würde"),
    "tc.first": (
        "Choose both, and it stands here.",
        "Wählen Sie beides, dann steht es hier.",
    ),
    "tc.goes": ("This message goes to {a}.", "Diese Nachricht geht an {a}."),
    "tc.caught": (
        "It would also have led {n} of the last {m} messages elsewhere:",
        "Sie hätte auch {n} der letzten {m} Nachrichten anders geführt:",
    ),
    "tc.caught.one": (
        "It would also have led one of the last {m} messages elsewhere:",
        "Sie hätte auch eine der letzten {m} Nachrichten anders geführt:",
    ),
    "tc.caught.none": (
        "None of the last {m} messages would have gone elsewhere.",
        "Keine der letzten {m} Nachrichten wäre anders gegangen.",
    ),
    "tc.nobody": ("nobody", "niemand"),
    "tc.others": (
        "Send the other unrouted ones among them on, too",
        "Auch die anderen ohne Empfänger darunter zustellen",
    ),
    "tc.teach": ("Teach and deliver", "Lehren und zustellen"),
    "tc.done": ("Learned. {n} messages are on their way.", "Gelernt. {n} Nachrichten sind unterwegs."),
    "tc.done.one": ("Learned. The message is on its way.", "Gelernt. Die Nachricht ist unterwegs."),
    "nav.routing": ("Try routing", "Routing testen"),
    "tr.lead": (
        "Who would get this message, by which header, and why nobody else? Nothing is delivered here.",
        "Wer bekäme diese Nachricht, durch welche Kopfzeile, und warum sonst niemand? Hier wird nichts zugestellt.",
    ),
    "tr.account": ("Account", "Konto"),
    "tr.header": ("Header or whole message", "Kopfzeilen oder ganze Nachricht"),
    "tr.header.what": ("Paste it as it came.", "Fügen Sie sie ein, wie sie kamen."),
    "tr.do": ("Try", "Testen"),
    "tr.stored": ("Or choose a stored message", "Oder eine gespeicherte Nachricht wählen"),
    "tr.find": ("Search", "Suchen"),
    "tr.goes": ("It goes to {n} recipients", "Sie geht an {n} Empfänger"),
    "tr.goes.one": ("It goes to one recipient", "Sie geht an einen Empfänger"),
    "tr.nobody": ("It has nobody to go to", "Sie hat keinen Empfänger"),
    "tr.fallback.park": ("It would wait here for a person.", "Sie würde hier auf eine Entscheidung warten."),
    "tr.fallback.recipient": (
        "It would go to the recipient that the account names for such mail.",
        "Sie ginge an den Empfänger, den das Konto für solche Post nennt.",
    ),
    "tr.fallback.notice": (
        "It would go inside a notice to the recipient that the account names for such mail.",
        "Sie ginge in einem Hinweis an den Empfänger, den das Konto für solche Post nennt.",
    ),
    "tr.fallback.notify-sender": (
        "It would wait here, and its sender would be told.",
        "Sie würde hier warten, und der Absender würde es erfahren.",
    ),
    "tr.code": ("routing code {c}", "Routing-Kürzel {c}"),
    "tr.decided": ("The lines that decided", "Die Zeilen, die entschieden haben"),
    "tr.looked": ("Every address that was looked at", "Jede Adresse, die angesehen wurde"),
    "tr.accepted": ("Accepted", "Angenommen"),
    "tr.refused": ("Passed over", "Übergangen"),
    "tr.empty": ("The answer stands here", "Hier steht die Antwort"),
    "tr.empty.what": (
        "It is found by the same way as live mail finds its recipients.",
        "Sie wird auf demselben Weg gefunden wie bei echter Post.",
    ),
    "tr.none": ("No stored message fits.", "Keine gespeicherte Nachricht passt."),
}
