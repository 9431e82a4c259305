"""Words of teaching and of trying the routing."""

from typing import Final

WORDS: Final[dict[str, tuple[str, str, str]]] = {
    "tc.do": ("Teach…", "Zuordnung lehren…", "Apprendre…"),
    "tc.name": ("Teach by “{s}”…", "An „{s}“ lehren…", "Apprendre par « {s} »…"),
    "tc.title": (
        "Who gets such mail from now on?",
        "Wer bekommt solche Post von nun an?",
        "Qui reçoit ce genre de courrier désormais ?",
    ),
    "tc.lead": (
        "Choose what leads, and to whom. Before anything changes you see what it would also have caught.",
        "Wählen Sie, was führt und zu wem. Bevor sich etwas ändert, sehen Sie, was es noch erfasst hätte.",
        "Choisissez ce qui mène, et vers qui. Avant tout changement, vous voyez ce que cela aurait aussi pris.",
    ),
    "tc.gone": (
        "This message needs nobody any more",
        "Diese Nachricht braucht niemanden mehr",
        "Ce message n'attend plus personne",
    ),
    "tc.gone.what": (
        "Somebody has decided about it.",
        "Jemand hat über sie entschieden.",
        "Quelqu'un a décidé de son sort.",
    ),
    "tc.by": ("What leads", "Was führt", "Ce qui mène"),
    "tc.alias": ("the address {v}", "die Adresse {v}", "l'adresse {v}"),
    "tc.keyword": ("the keyword {v}", "das Schlüsselwort {v}", "le mot-clé {v}"),
    "tc.list": ("the mailing list {v}", "die Mailingliste {v}", "la liste de diffusion {v}"),
    "tc.stood": ("stood in {f}", "stand in {f}", "figurait dans {f}"),
    "tc.none": (
        "Its header offers nothing that could lead: deliver it by hand.",
        "Ihre Kopfzeilen bieten nichts, was führen könnte: Stellen Sie sie von Hand zu.",
        "Son en-tête n'offre rien qui puisse mener : remettez-le à la main.",
    ),
    "tc.to": ("To whom", "Zu wem", "Vers qui"),
    "tc.would": ("What that would change", "Was sich damit ändern würde", "Ce que cela changerait"),
    "tc.first": (
        "Choose both, and it stands here.",
        "Wählen Sie beides, dann steht es hier.",
        "Choisissez les deux, et cela s'affiche ici.",
    ),
    "tc.goes": ("This message goes to {a}.", "Diese Nachricht geht an {a}.", "Ce message va à {a}."),
    "tc.caught": (
        "It would also have led {n} of the last {m} messages elsewhere:",
        "Damit wären auch {n} der letzten {m} Nachrichten anders gegangen:",
        "Cela aurait aussi mené ailleurs {n} des {m} derniers messages :",
    ),
    "tc.caught.one": (
        "It would also have led one of the last {m} messages elsewhere:",
        "Damit wäre auch eine der letzten {m} Nachrichten anders gegangen:",
        "Cela aurait aussi mené ailleurs un des {m} derniers messages :",
    ),
    "tc.caught.none": (
        "None of the last {m} messages would have gone elsewhere.",
        "Keine der letzten {m} Nachrichten wäre anders gegangen.",
        "Aucun des {m} derniers messages ne serait allé ailleurs.",
    ),
    "tc.nobody": ("nobody", "niemand", "personne"),
    "tc.others": (
        "Send the other unrouted ones among them on, too",
        "Auch die anderen ohne Empfänger darunter zustellen",
        "Remettre aussi les autres messages sans destinataire parmi eux",
    ),
    "tc.teach": ("Teach and deliver", "Lehren und zustellen", "Apprendre et remettre"),
    "tc.done": (
        "Learned. {n} messages are on their way.",
        "Gelernt. {n} Nachrichten sind unterwegs.",
        "Appris. {n} messages sont en route.",
    ),
    "tc.done.one": (
        "Learned. The message is on its way.",
        "Gelernt. Die Nachricht ist unterwegs.",
        "Appris. Le message est en route.",
    ),
    "nav.routing": ("Try routing", "Routing testen", "Tester le routage"),
    "tr.lead": (
        "Who would get this message, by which header, and why nobody else? Nothing is delivered here.",
        "Wer bekäme diese Nachricht, durch welche Kopfzeile, und warum sonst niemand? Hier wird nichts zugestellt.",
        "Qui recevrait ce message, par quel en-tête, et pourquoi personne d'autre ? Rien n'est remis ici.",
    ),
    "tr.account": ("Account", "Konto", "Compte"),
    "tr.header": ("Header or whole message", "Kopfzeilen oder ganze Nachricht", "En-têtes ou message entier"),
    "tr.header.what": (
        "Paste it as it came.",
        "Fügen Sie sie ein, wie sie kamen.",
        "Collez-les tels qu'ils sont arrivés.",
    ),
    "tr.do": ("Try", "Testen", "Tester"),
    "tr.stored": (
        "Or choose a stored message",
        "Oder eine gespeicherte Nachricht wählen",
        "Ou choisissez un message gardé",
    ),
    "tr.find": ("Search", "Suchen", "Chercher"),
    "tr.goes": ("It goes to {n} recipients", "Sie geht an {n} Empfänger", "Il va à {n} destinataires"),
    "tr.goes.one": ("It goes to one recipient", "Sie geht an einen Empfänger", "Il va à un destinataire"),
    "tr.nobody": ("It has nobody to go to", "Sie hat keinen Empfänger", "Il n'a pas de destinataire"),
    "tr.fallback.park": (
        "It would wait here for a person.",
        "Sie würde hier auf eine Entscheidung warten.",
        "Il attendrait ici une décision.",
    ),
    "tr.fallback.recipient": (
        "It would go to the recipient that the account names for such mail.",
        "Sie ginge an den Empfänger, den das Konto für solche Post nennt.",
        "Il irait au destinataire que le compte nomme pour ce courrier.",
    ),
    "tr.fallback.notice": (
        "It would go inside a notice to the recipient that the account names for such mail.",
        "Sie ginge in einem Hinweis an den Empfänger, den das Konto für solche Post nennt.",
        "Il irait, dans un avis, au destinataire que le compte nomme pour ce courrier.",
    ),
    "tr.fallback.notify-sender": (
        "It would wait here, and its sender would be told.",
        "Sie würde hier warten, und der Absender würde es erfahren.",
        "Il attendrait ici, et son expéditeur en serait informé.",
    ),
    "tr.code": ("routing code {c}", "Routing-Kürzel {c}", "code de routage {c}"),
    "tr.decided": ("The lines that decided", "Die Zeilen, die entschieden haben", "Les lignes qui ont décidé"),
    "tr.looked": ("Every address that was looked at", "Jede Adresse, die angesehen wurde", "Chaque adresse examinée"),
    "tr.accepted": ("Accepted", "Angenommen", "Acceptée"),
    "tr.refused": ("Passed over", "Übergangen", "Écartée"),
    "tr.empty": ("The answer stands here", "Hier steht die Antwort", "La réponse s'affiche ici"),
    "tr.empty.what": (
        "It is found by the same way as live mail finds its recipients.",
        "Sie wird auf demselben Weg gefunden wie bei echter Post.",
        "Elle est trouvée par la même voie que pour le vrai courrier.",
    ),
    "tr.none": ("No stored message fits.", "Keine gespeicherte Nachricht passt.", "Aucun message gardé ne convient."),
}
