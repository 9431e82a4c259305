"""Words of health conditions, by the engine's code; an account's is told by the class of its error.

Three parts each: the title says what happened, `.what` what it means and what is not affected, `.fix` what to do.
"""

from typing import Final

WORDS: Final[dict[str, tuple[str, str, str]]] = {
    "cond.account_failing": (
        "{subject} cannot be fetched",
        "{subject} lässt sich nicht abholen",
        "Le compte {subject} ne peut pas être relevé",
    ),
    "cond.account_failing.what": (
        "Its mail stays safe at the provider. Other accounts are not affected.",
        "Die Post bleibt sicher beim Provider. Andere Konten sind nicht betroffen.",
        "Son courrier reste en sûreté chez le fournisseur. Les autres comptes ne sont pas touchés.",
    ),
    "cond.account_failing.fix": (
        "MailGate tries again with every session.",
        "MailGate versucht es bei jeder Abholung wieder.",
        "MailGate essaie de nouveau à chaque relève.",
    ),
    "cond.account_failing.auth": (
        "{host} refuses the login of {subject}",
        "{host} lehnt die Anmeldung von {subject} ab",
        "{host} refuse l'identification de {subject}",
    ),
    "cond.account_failing.auth.fix": (
        "Presumably the password was changed at the provider: store the new one with `mailgate secrets set`.",
        "Vermutlich wurde das Kennwort beim Provider geändert: Hinterlegen Sie das neue mit `mailgate secrets set`.",
        "Le mot de passe a sans doute été changé chez le fournisseur : enregistrez le nouveau par `mailgate secrets set`.",
    ),
    "cond.account_failing.dns": (
        "The name {host} is not found",
        "Der Name {host} wird nicht gefunden",
        "Le nom {host} est introuvable",
    ),
    "cond.account_failing.dns.fix": (
        "See whether this machine reaches the Internet, and whether the host of {subject} is spelt right.",
        "Prüfen Sie, ob dieser Rechner ins Internet kommt und ob der Host von {subject} richtig geschrieben ist.",
        "Vérifiez que cette machine a accès à Internet, et que l'hôte de {subject} est bien écrit.",
    ),
    "cond.account_failing.connect": ("{host} does not answer", "{host} antwortet nicht", "{host} ne répond pas"),
    "cond.account_failing.connect.fix": (
        "See whether this machine reaches the Internet, and whether a firewall closes the port.",
        "Prüfen Sie, ob dieser Rechner ins Internet kommt und ob eine Firewall den Port sperrt.",
        "Vérifiez que cette machine a accès à Internet, et qu'aucun pare-feu ne ferme le port.",
    ),
    "cond.account_failing.tls": (
        "No secure connection to {host}",
        "Keine sichere Verbindung zu {host}",
        "Pas de connexion sûre à {host}",
    ),
    "cond.account_failing.tls.fix": (
        "See whether port and encryption of {subject} fit together in the configuration.",
        "Prüfen Sie, ob Port und Verschlüsselung von {subject} in der Konfiguration zusammenpassen.",
        "Vérifiez que le port et le chiffrement de {subject} vont ensemble dans la configuration.",
    ),
    "cond.account_failing.cert": (
        "The certificate of {host} is not good",
        "Das Zertifikat von {host} ist nicht gültig",
        "Le certificat de {host} n'est pas valable",
    ),
    "cond.account_failing.cert.fix": (
        "MailGate does not send a password over such a connection. Ask the provider, or see whether the host name is right.",
        "Über eine solche Verbindung sendet MailGate kein Kennwort. Fragen Sie den Provider, oder prüfen Sie den Hostnamen.",
        "MailGate n'envoie pas de mot de passe par une telle connexion. Interrogez le fournisseur, ou vérifiez le nom de l'hôte.",
    ),
    "cond.internal_ill": (
        "The mail server does not accept mail",
        "Der Mailserver nimmt keine Post an",
        "Le serveur de messagerie n'accepte pas de courrier",
    ),
    "cond.internal_ill.what": (
        "MailGate fetches nothing meanwhile: new mail waits at the provider, and what is here is safe.",
        "MailGate holt solange nichts ab: neue Post wartet beim Provider, und was hier ist, ist sicher.",
        "MailGate ne relève rien entre-temps : le nouveau courrier attend chez le fournisseur, et ce qui est ici est en sûreté.",
    ),
    "cond.internal_ill.fix": (
        "See whether {host} runs and has room on its disks. MailGate goes on by itself as soon as it takes mail again.",
        "Prüfen Sie, ob {host} läuft und Platz auf seinen Platten hat. MailGate macht von selbst weiter, sobald er wieder annimmt.",
        "Vérifiez que {host} fonctionne et qu'il a de la place sur ses disques. MailGate continue de lui-même dès qu'il accepte de nouveau.",
    ),
    "cond.internal_config": (
        "The mail server refuses mail from MailGate",
        "Der Mailserver weist Post von MailGate ab",
        "Le serveur de messagerie refuse le courrier de MailGate",
    ),
    "cond.internal_config.what": (
        "A setting is wrong here or there: login, TLS, or the right to hand over mail. No mail is lost, and none is fetched.",
        "Eine Einstellung stimmt hier oder dort nicht: Anmeldung, TLS oder das Recht, Post abzugeben. Keine Post geht verloren, und keine wird abgeholt.",
        "Un réglage est faux ici ou là-bas : connexion, TLS ou droit de remettre du courrier. Aucun courrier n'est perdu, et aucun n'est relevé.",
    ),
    "cond.internal_config.fix": (
        "Compare [internal] in the configuration with what {host} wants. MailGate goes on by itself.",
        "Vergleichen Sie [internal] in der Konfiguration mit dem, was {host} verlangt. MailGate macht dann von selbst weiter.",
        "Comparez [internal] dans la configuration avec ce que {host} exige. MailGate continue ensuite de lui-même.",
    ),
    "cond.relay_ill": (
        "The relay {subject} takes no mail",
        "Das Relay {subject} nimmt keine Post an",
        "Le relais {subject} ne prend pas de courrier",
    ),
    "cond.relay_ill.what": (
        "Mail that goes by it waits safely here. Other relays are not affected.",
        "Post, die darüber geht, wartet sicher hier. Andere Relays sind nicht betroffen.",
        "Le courrier qui passe par lui attend ici en sûreté. Les autres relais ne sont pas touchés.",
    ),
    "cond.relay_ill.fix": (
        "See whether the line to the Internet works. MailGate goes on by itself as soon as the relay takes mail again.",
        "Prüfen Sie die Leitung ins Internet. MailGate macht von selbst weiter, sobald das Relay wieder annimmt.",
        "Vérifiez la ligne vers Internet. MailGate continue de lui-même dès que le relais accepte de nouveau.",
    ),
    "cond.relay_config": (
        "The relay {subject} refuses mail from MailGate",
        "Das Relay {subject} weist Post von MailGate ab",
        "Le relais {subject} refuse le courrier de MailGate",
    ),
    "cond.relay_config.what": (
        "A setting is wrong here or there: login, TLS, or the right to send. No mail is lost.",
        "Eine Einstellung stimmt hier oder dort nicht: Anmeldung, TLS oder das Recht zu senden. Keine Post geht verloren.",
        "Un réglage est faux ici ou là-bas : connexion, TLS ou droit d'envoyer. Aucun courrier n'est perdu.",
    ),
    "cond.relay_config.fix": (
        "Compare the settings of {subject} with what the provider wants. MailGate goes on by itself.",
        "Vergleichen Sie die Einstellungen von {subject} mit dem, was der Provider verlangt. MailGate macht dann von selbst weiter.",
        "Comparez les réglages de {subject} avec ce que le fournisseur exige. MailGate continue ensuite de lui-même.",
    ),
    "cond.relay_cap": (
        "The relay {subject} has taken its mail for today",
        "Das Relay {subject} hat seine Post für heute angenommen",
        "Le relais {subject} a pris son courrier pour aujourd'hui",
    ),
    "cond.relay_cap.what": (
        "Its limit of recipients a day is reached. The rest waits here until tomorrow.",
        "Seine Grenze der Empfänger je Tag ist erreicht. Der Rest wartet hier bis morgen.",
        "Sa limite de destinataires par jour est atteinte. Le reste attend ici jusqu'à demain.",
    ),
    "cond.relay_cap.fix": (
        "Raise the limit of the relay in the configuration, or let another relay take some of the mail.",
        "Erhöhen Sie die Grenze des Relays in der Konfiguration, oder lassen Sie ein anderes Relay einen Teil übernehmen.",
        "Augmentez la limite du relais dans la configuration, ou laissez un autre relais en prendre une partie.",
    ),
    "cond.relay_cap_ahead": (
        "More mail waits for the relay {subject} than it takes today",
        "Auf das Relay {subject} wartet mehr Post, als es heute annimmt",
        "Plus de courrier attend le relais {subject} qu'il n'en prend aujourd'hui",
    ),
    "cond.relay_cap_ahead.what": (
        "What waits for today exceeds its limit of recipients a day. What is too much goes tomorrow.",
        "Was heute hinaus soll, übersteigt seine Grenze der Empfänger je Tag. Was zu viel ist, geht morgen.",
        "Ce qui doit partir aujourd'hui dépasse sa limite de destinataires par jour. Le surplus partira demain.",
    ),
    "cond.relay_cap_ahead.fix": (
        "Freeze what can wait, raise the limit of the relay in the configuration, or let another relay take some of the mail.",
        "Frieren Sie ein, was warten kann, erhöhen Sie die Grenze des Relays in der Konfiguration, oder lassen Sie ein anderes Relay einen Teil übernehmen.",
        "Gelez ce qui peut attendre, augmentez la limite du relais dans la configuration, ou laissez un autre relais en prendre une partie.",
    ),
    "cond.relay_missing": (
        "Mail waits for the relay {subject}, which is no more",
        "Post wartet auf das Relay {subject}, das es nicht mehr gibt",
        "Du courrier attend le relais {subject}, qui n'existe plus",
    ),
    "cond.relay_missing.what": (
        "It waits safely here. Other relays and incoming mail are not affected.",
        "Sie wartet sicher hier. Andere Relays und eingehende Post sind nicht betroffen.",
        "Il attend ici en sûreté. Les autres relais et le courrier entrant ne sont pas touchés.",
    ),
    "cond.relay_missing.fix": (
        "Send it by another relay: `mailgate queue relay --to NAME --relay {subject}`.",
        "Senden Sie sie über ein anderes Relay: `mailgate queue relay --to NAME --relay {subject}`.",
        "Envoyez-le par un autre relais : `mailgate queue relay --to NAME --relay {subject}`.",
    ),
    "cond.listener_down": (
        "MailGate does not accept mail from your mail server",
        "MailGate nimmt keine Post von Ihrem Mailserver an",
        "MailGate n'accepte pas de courrier de votre serveur de messagerie",
    ),
    "cond.listener_down.what": (
        "The port for it cannot be opened. Outgoing mail waits at the mail server.",
        "Der Port dafür lässt sich nicht öffnen. Ausgehende Post wartet beim Mailserver.",
        "Le port ne peut pas être ouvert. Le courrier sortant attend sur le serveur de messagerie.",
    ),
    "cond.listener_down.fix": (
        "See which program has the port, or choose another one in the configuration.",
        "Prüfen Sie, welches Programm den Port belegt, oder wählen Sie in der Konfiguration einen anderen.",
        "Cherchez quel programme occupe le port, ou choisissez-en un autre dans la configuration.",
    ),
    "cond.disk_low": ("The disk is nearly full", "Die Platte ist fast voll", "Le disque est presque plein"),
    "cond.disk_low.what": (
        "MailGate fetches nothing, so that what it has stays safe. New mail waits at the provider.",
        "MailGate holt nichts ab, damit alles Vorhandene sicher bleibt. Neue Post wartet beim Provider.",
        "MailGate ne relève rien, pour que tout ce qu'il a reste en sûreté. Le nouveau courrier attend chez le fournisseur.",
    ),
    "cond.disk_low.fix": (
        "Free some space on the disk with the data directory. Fetching goes on by itself.",
        "Schaffen Sie Platz auf der Platte mit dem Datenverzeichnis. Das Abholen geht dann von selbst weiter.",
        "Libérez de la place sur le disque du répertoire de données. La relève reprend d'elle-même.",
    ),
    "cond.store_damaged": (
        "The message store is damaged",
        "Der Nachrichtenspeicher ist beschädigt",
        "La base de messages est endommagée",
    ),
    "cond.store_damaged.what": (
        "MailGate takes no mail. New mail waits at the provider, and the damaged file is kept.",
        "MailGate nimmt keine Post an. Neue Post wartet beim Provider, die beschädigte Datei bleibt erhalten.",
        "MailGate ne prend pas de courrier. Le nouveau attend chez le fournisseur, et le fichier endommagé est conservé.",
    ),
    "cond.store_damaged.fix": (
        "Stop the service, then run `mailgate store check`, and `mailgate store salvage` to save what can be saved.",
        "Beenden Sie den Dienst, rufen Sie `mailgate store check` auf, und `mailgate store salvage`, um zu retten, was geht.",
        "Arrêtez le service, puis lancez `mailgate store check`, et `mailgate store salvage` pour sauver ce qui peut l'être.",
    ),
    "cond.store_refuses": ("The disk takes nothing", "Die Platte nimmt nichts an", "Le disque n'accepte rien"),
    "cond.store_refuses.what": (
        "MailGate takes no mail, and loses none: new mail waits at the provider.",
        "MailGate nimmt keine Post an und verliert keine: Neue Post wartet beim Provider.",
        "MailGate ne prend pas de courrier et n'en perd pas : le nouveau attend chez le fournisseur.",
    ),
    "cond.store_refuses.fix": (
        "See whether the disk with the data directory is full or read-only. MailGate goes on by itself.",
        "Prüfen Sie, ob die Platte mit dem Datenverzeichnis voll oder schreibgeschützt ist. MailGate macht von selbst weiter.",
        "Vérifiez si le disque du répertoire de données est plein ou en lecture seule. MailGate continue de lui-même.",
    ),
    "cond.bodies_missing": (
        "The text of messages is missing on the disk",
        "Auf der Platte fehlt der Inhalt von Nachrichten",
        "Le contenu de messages manque sur le disque",
    ),
    "cond.bodies_missing.what": (
        "These messages cannot be delivered from here. Other mail is not affected.",
        "Diese Nachrichten lassen sich von hier nicht zustellen. Andere Post ist nicht betroffen.",
        "Ces messages ne peuvent pas être remis d'ici. Le reste du courrier n'est pas touché.",
    ),
    "cond.bodies_missing.fix": (
        "Check the disk, and run `mailgate store check`. What the provider still holds is fetched again.",
        "Prüfen Sie die Platte und rufen Sie `mailgate store check` auf. Was der Provider noch hat, wird neu abgeholt.",
        "Vérifiez le disque et lancez `mailgate store check`. Ce que le fournisseur a encore est relevé de nouveau.",
    ),
    "cond.config_rejected": (
        "The new configuration has faults",
        "Die neue Konfiguration hat Fehler",
        "La nouvelle configuration a des erreurs",
    ),
    "cond.config_rejected.what": (
        "The old one stays in force; mail is not affected.",
        "Die alte bleibt in Kraft; die Post ist nicht betroffen.",
        "L'ancienne reste en vigueur ; le courrier n'est pas touché.",
    ),
    "cond.config_rejected.fix": (
        "Run `mailgate check`: it names each fault with its line and a remedy.",
        "Rufen Sie `mailgate check` auf: Es nennt jeden Fehler mit Zeile und Abhilfe.",
        "Lancez `mailgate check` : il nomme chaque erreur avec sa ligne et le remède.",
    ),
    "cond.unrouted": (
        "{n} messages have no recipient",
        "{n} Nachrichten haben keinen Empfänger",
        "{n} messages sont sans destinataire",
    ),
    "cond.unrouted.one": (
        "1 message has no recipient",
        "1 Nachricht hat keinen Empfänger",
        "1 message est sans destinataire",
    ),
    "cond.unrouted.what": (
        "No address in the headers belongs to a recipient of your office. The mail is safe here.",
        "Keine Adresse in den Kopfzeilen gehört einem Empfänger Ihres Büros. Die Post liegt sicher hier.",
        "Aucune adresse des en-têtes n'appartient à un destinataire de votre bureau. Le courrier est en sûreté ici.",
    ),
    "cond.unrouted.fix": ("Choose who gets it.", "Bestimmen Sie, wer sie bekommt.", "Choisissez qui les reçoit."),
    "cond.parked": ("{n} messages are parked", "{n} Nachrichten sind geparkt", "{n} messages sont mis de côté"),
    "cond.parked.one": ("1 message is parked", "1 Nachricht ist geparkt", "1 message est mis de côté"),
    "cond.parked.what": (
        "They could not be delivered and wait for a decision. The mail is safe here.",
        "Sie ließen sich nicht zustellen und warten auf eine Entscheidung. Die Post liegt sicher hier.",
        "Ils n'ont pas pu être remis et attendent une décision. Le courrier est en sûreté ici.",
    ),
    "cond.parked.fix": ("Decide what becomes of them.", "Bestimmen Sie, was aus ihnen wird.", "Décidez de leur sort."),
    "cond.port_taken": (
        "A port is taken by another program",
        "Ein Port ist von einem anderen Programm belegt",
        "Un port est occupé par un autre programme",
    ),
    "cond.port_taken.what": (
        "The part of MailGate that wanted it is not running; the rest is.",
        "Der Teil von MailGate, der ihn braucht, läuft nicht; alles andere läuft.",
        "La partie de MailGate qui en a besoin ne fonctionne pas ; le reste fonctionne.",
    ),
    "cond.port_taken.fix": (
        "End the other program, or name another port in the configuration.",
        "Beenden Sie das andere Programm, oder nennen Sie in der Konfiguration einen anderen Port.",
        "Arrêtez l'autre programme, ou nommez un autre port dans la configuration.",
    ),
    "cond.clock_jumped": (
        "The clock of this machine has jumped",
        "Die Uhr dieses Rechners ist gesprungen",
        "L'horloge de cette machine a sauté",
    ),
    "cond.clock_jumped.what": (
        "Planned times were set anew; mail is not affected.",
        "Geplante Zeiten wurden neu gesetzt; die Post ist nicht betroffen.",
        "Les heures prévues ont été recalculées ; le courrier n'est pas touché.",
    ),
    "cond.clock_jumped.fix": (
        "See whether this machine takes its time from a time server.",
        "Prüfen Sie, ob dieser Rechner seine Zeit von einem Zeitserver bezieht.",
        "Vérifiez que cette machine prend l'heure d'un serveur de temps.",
    ),
    "cond.fetch_paused": ("Fetching is paused", "Das Abholen ist angehalten", "La relève est suspendue"),
    "cond.fetch_paused.what": (
        "New mail waits at the provider. What was fetched is still delivered.",
        "Neue Post wartet beim Provider. Abgeholtes wird weiter zugestellt.",
        "Le nouveau courrier attend chez le fournisseur. Ce qui a été relevé est encore remis.",
    ),
    "cond.fetch_paused.until": (
        "It goes on by itself: {t}.",
        "Es geht von selbst weiter: {t}.",
        "Elle reprend d'elle-même : {t}.",
    ),
    "cond.fetch_paused.fix": (
        "Resume when you are ready.",
        "Setzen Sie fort, sobald Sie möchten.",
        "Reprenez quand vous voulez.",
    ),
    "cond.deletions_ignored": (
        "{subject} keeps mail that was deleted",
        "{subject} behält gelöschte Post",
        "{subject} garde du courrier supprimé",
    ),
    "cond.deletions_ignored.what": (
        "The provider confirms that messages are deleted, and lists them again. They are left there, and nothing is fetched twice; the mailbox may get full.",
        "Der Provider bestätigt, dass Nachrichten gelöscht sind, und führt sie wieder auf. Sie bleiben dort, und nichts wird doppelt abgeholt; das Postfach kann voll werden.",
        "Le fournisseur confirme que des messages sont supprimés, et les montre de nouveau. Ils y restent, et rien n'est relevé deux fois ; la boîte peut se remplir.",
    ),
    "cond.deletions_ignored.fix": (
        'Look in the mailbox\'s settings at the provider whether it keeps a copy of fetched mail, and delete them there by hand; or set `delete = "never"` for the account.',
        'Sehen Sie in den Einstellungen des Postfachs beim Provider nach, ob es abgeholte Post behält, und löschen Sie sie dort von Hand; oder setzen Sie `delete = "never"` für das Konto.',
        'Regardez dans les réglages de la boîte chez le fournisseur si elle garde le courrier relevé, et supprimez-le là à la main ; ou mettez `delete = "never"` pour le compte.',
    ),
    "cond.messages_left": (
        "Not all mail of {subject} can be fetched",
        "Nicht alle Post von {subject} lässt sich abholen",
        "Tout le courrier de {subject} ne peut pas être relevé",
    ),
    "cond.messages_left.what": (
        "A message is larger than allowed here, or the provider does not hand it out; it stays there. Other mail is not affected.",
        "Eine Nachricht ist größer als hier erlaubt, oder der Provider gibt sie nicht heraus; sie bleibt dort. Andere Post ist nicht betroffen.",
        "Un message est plus grand que permis ici, ou le fournisseur ne le livre pas ; il y reste. Le reste du courrier n'est pas touché.",
    ),
    "cond.messages_left.fix": (
        "The account lists what is too large: have it fetched now or tonight, or deleted there. Details name the rest: take it from the mailbox by hand.",
        "Das Konto führt auf, was zu groß ist: Lassen Sie es jetzt oder heute Nacht abholen, oder dort löschen. Die Einzelheiten nennen das Übrige: Holen Sie es von Hand aus dem Postfach.",
        "Le compte énumère ce qui est trop grand : faites-le relever maintenant ou cette nuit, ou supprimer là-bas. Les détails nomment le reste : prenez-le à la main dans la boîte.",
    ),
    "cond.notices_held": (
        "MailGate writes too many messages of its own",
        "MailGate schreibt zu viele eigene Nachrichten",
        "MailGate écrit trop de messages de sa part",
    ),
    "cond.notices_held.what": (
        "It writes no more of them for up to an hour. Other mail is not affected.",
        "Bis zu einer Stunde lang schreibt es keine mehr. Andere Post ist nicht betroffen.",
        "Il n'en écrit plus pendant une heure au plus. Le reste du courrier n'est pas touché.",
    ),
    "cond.notices_held.fix": (
        "The log says what they are about. Raise `notices.per_hour` in the configuration if that many are right.",
        "Das Protokoll sagt, worum es geht. Heben Sie `notices.per_hour` in der Konfiguration an, wenn so viele richtig sind.",
        "Le journal dit de quoi il s'agit. Augmentez `notices.per_hour` dans la configuration si ce nombre est juste.",
    ),
    "cond.account_stale": (
        "{subject} has not been fetched for long",
        "{subject} wurde seit Langem nicht mit Erfolg abgeholt",
        "Le compte {subject} n'a pas été relevé depuis longtemps",
    ),
    "cond.account_stale.what": (
        "Sessions were due, and none has succeeded. New mail waits at the provider.",
        "Sitzungen waren fällig, und keine ist gelungen. Neue Post wartet beim Provider.",
        "Des relèves étaient prévues, et aucune n'a réussi. Le nouveau courrier attend chez le fournisseur.",
    ),
    "cond.account_stale.fix": (
        "Fetch this account now, and see in Details where it fails.",
        "Holen Sie dieses Konto jetzt ab; die Einzelheiten zeigen, woran es liegt.",
        "Relevez ce compte maintenant ; les détails montrent où cela échoue.",
    ),
    "cond.loop": ("Mail goes round in a circle", "Post läuft im Kreis", "Du courrier tourne en rond"),
    "cond.loop.what": (
        "Messages that were here before have come back and are parked. Other mail is not affected.",
        "Nachrichten, die schon hier waren, sind zurückgekommen und geparkt. Andere Post ist nicht betroffen.",
        "Des messages déjà passés ici sont revenus et sont mis de côté. Le reste du courrier n'est pas touché.",
    ),
    "cond.loop.fix": (
        "See whether the mail server or the provider forwards mail back into this mailbox.",
        "Prüfen Sie, ob der Mailserver oder der Provider Post in dieses Postfach zurückleitet.",
        "Vérifiez si le serveur de messagerie ou le fournisseur renvoie du courrier dans cette boîte.",
    ),
}
