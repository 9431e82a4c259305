"""What the tray says, in English, German and French. One field, one meaning; placeholders by name."""

import locale
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """One language. Sentences begin small where they follow "MailGate: " in a tooltip."""

    tooltip: str
    today: str
    other_day: str
    running: str
    running_next: str
    working: str
    working_of: str
    unrouted_one: str
    unrouted_many: str
    parked_one: str
    parked_many: str
    and_more: str
    paused: str
    paused_until: str
    account_paused: str
    account_paused_until: str
    account_throttled: str
    account_given_up: str
    stopping: str
    lost: str
    lost_since: str
    no_access: str
    fetch_now: str
    fetch_account: str
    pause: str
    pause_hour: str
    pause_tomorrow: str
    pause_open: str
    resume: str
    open_app: str
    quit: str
    raised_many: str
    ended: str
    refused: str
    no_browser: str
    conditions: Mapping[str, tuple[str, str]]
    """By code, or code and the class of the account's error: what happened, and what to do."""


EN: Final = Words(
    tooltip="MailGate: {text}",
    today="%H:%M",
    other_day="%d/%m %H:%M",
    running="everything is running",
    running_next="everything is running, next session {time}",
    working="fetching",
    working_of="fetching ({taken} of {new})",
    unrouted_one="1 unrouted message",
    unrouted_many="{count} unrouted messages",
    parked_one="1 parked message",
    parked_many="{count} parked messages",
    and_more="{text} (and {count} more)",
    paused="paused",
    paused_until="paused until {time}",
    account_paused="{account} is paused",
    account_paused_until="{account} is paused until {time}",
    account_throttled="{account} is throttled by the provider until {time}",
    account_given_up="{account} waits for another password",
    stopping="the service is stopping",
    lost="no connection",
    lost_since="no connection since {time}",
    no_access="this user may not talk to the service",
    fetch_now="Fetch now",
    fetch_account="Fetch account",
    pause="Pause",
    pause_hour="For one hour",
    pause_tomorrow="Until tomorrow",
    pause_open="Until I resume",
    resume="Resume",
    open_app="Open MailGate",
    quit="Quit the icon (MailGate keeps running)",
    raised_many="{count} things need your attention",
    ended="Over: {text}",
    refused="That did not work",
    no_browser="No browser was found. Open this address: {url}",
    conditions={},  # the engine speaks English itself, and knows the particulars
)

DE: Final = Words(
    tooltip="MailGate: {text}",
    today="%H:%M",
    other_day="%d.%m. %H:%M",
    running="alles läuft",
    running_next="alles läuft, nächste Abholung {time}",
    working="holt ab",
    working_of="holt ab ({taken} von {new})",
    unrouted_one="1 Nachricht ohne Empfänger",
    unrouted_many="{count} Nachrichten ohne Empfänger",
    parked_one="1 geparkte Nachricht",
    parked_many="{count} geparkte Nachrichten",
    and_more="{text} (und {count} weitere)",
    paused="angehalten",
    paused_until="angehalten bis {time}",
    account_paused="{account} ist angehalten",
    account_paused_until="{account} ist angehalten bis {time}",
    account_throttled="{account} ist vom Provider gedrosselt bis {time}",
    account_given_up="{account} wartet auf ein anderes Kennwort",
    stopping="der Dienst wird beendet",
    lost="keine Verbindung",
    lost_since="keine Verbindung seit {time}",
    no_access="dieser Benutzer hat keinen Zugriff auf den Dienst",
    fetch_now="Jetzt abholen",
    fetch_account="Konto abholen",
    pause="Anhalten",
    pause_hour="Eine Stunde",
    pause_tomorrow="Bis morgen",
    pause_open="Bis ich fortsetze",
    resume="Fortsetzen",
    open_app="MailGate öffnen",
    quit="Symbol beenden (MailGate läuft weiter)",
    raised_many="{count} Dinge brauchen Ihre Aufmerksamkeit",
    ended="Vorbei: {text}",
    refused="Das ging nicht",
    no_browser="Kein Browser gefunden. Öffnen Sie diese Adresse: {url}",
    conditions={
        "account_failing": (
            "{subject} lässt sich nicht abholen",
            "Die Post bleibt sicher beim Provider. Die Übersicht zeigt den Grund.",
        ),
        "account_failing.auth": (
            "{host} lehnt die Anmeldung von {subject} ab",
            "Vermutlich wurde das Kennwort beim Provider geändert: `mailgate secrets set` hinterlegt das neue.",
        ),
        "account_stale": (
            "{subject} wurde seit Langem nicht mit Erfolg abgeholt",
            "Die Post bleibt sicher beim Provider. `mailgate account test {subject}` zeigt, woran es liegt.",
        ),
        "bodies_missing": (
            "Nachrichten haben ihren Inhalt verloren",
            "Prüfen Sie die Platte und rufen Sie `mailgate store check` auf.",
        ),
        "notices_held": (
            "MailGate schreibt zu viele eigene Nachrichten",
            "Das Protokoll sagt, worum es geht. `notices.per_hour` ist die Grenze.",
        ),
        "config_rejected": (
            "Die neue Konfiguration hat Fehler",
            "Die alte bleibt in Kraft. Rufen Sie `mailgate check` auf.",
        ),
        "disk_low": (
            "Die Platte ist fast voll",
            "Schaffen Sie Platz. Neue Post wartet sicher beim Provider, und das Abholen geht von selbst weiter.",
        ),
        "internal_config": (
            "Der Mailserver weist Post von MailGate ab",
            "Vergleichen Sie [internal] in der Konfiguration mit dem, was er verlangt. Neue Post wartet beim Provider.",
        ),
        "internal_ill": (
            "Der Mailserver nimmt keine Post an",
            "Prüfen Sie, ob er läuft und Platz hat. Neue Post wartet beim Provider, und alles geht von selbst weiter.",
        ),
        "listener_down": (
            "MailGate nimmt keine Post vom Mailserver an",
            "Prüfen Sie, welches Programm den Port belegt. Ausgehende Post wartet beim Mailserver.",
        ),
        "loop": (
            "Post läuft im Kreis",
            "Prüfen Sie, ob der Mailserver oder der Provider Post in dieses Postfach zurückleitet.",
        ),
        "relay_cap": (
            "Ein Relay hat seine Post für heute angenommen",
            "Der Rest wartet bis morgen. Erhöhen Sie seine Grenze, oder lassen Sie ein anderes Relay einen Teil übernehmen.",
        ),
        "relay_cap_ahead": (
            "Auf ein Relay wartet mehr Post, als es heute annimmt",
            "Was zu viel ist, geht morgen. Frieren Sie ein, was warten kann, oder erhöhen Sie seine Grenze.",
        ),
        "relay_config": (
            "Ein Relay weist Post von MailGate ab",
            "Vergleichen Sie Anmeldung und TLS mit dem, was der Provider verlangt. Die Post wartet sicher hier.",
        ),
        "relay_ill": (
            "Ein Relay nimmt keine Post an",
            "Prüfen Sie die Leitung ins Internet. Die Post wartet sicher hier, und alles geht von selbst weiter.",
        ),
        "deletions_ignored": (
            "{subject} behält gelöschte Post",
            "Der Provider bestätigt das Löschen und führt die Nachrichten wieder auf. Löschen Sie sie dort von Hand.",
        ),
        "messages_left": (
            "Nicht alle Post von {subject} lässt sich abholen",
            "Eine Nachricht ist zu groß, oder der Provider gibt sie nicht heraus; sie bleibt dort. Die Übersicht nennt sie.",
        ),
        "parked": ("Geparkte Nachrichten", "`mailgate log` nennt sie, `mailgate explain` sagt, warum."),
        "port_taken": (
            "Ein Port ist von einem anderen Programm belegt",
            "Beenden Sie das andere Programm, oder nennen Sie in der Konfiguration einen anderen Port.",
        ),
        "relay_missing": (
            "Post wartet auf das Relay {subject}, das es nicht mehr gibt",
            "Sie wartet sicher hier. `mailgate queue relay` sendet sie über ein anderes.",
        ),
        "store_damaged": (
            "Der Nachrichtenspeicher ist beschädigt",
            "Neue Post wartet beim Provider. Beenden Sie den Dienst und rufen Sie `mailgate store check` auf.",
        ),
        "store_refuses": (
            "Der Nachrichtenspeicher nimmt nichts an",
            "Schaffen Sie Platz auf der Platte. MailGate macht von selbst weiter.",
        ),
        "unrouted": ("Nachrichten ohne Empfänger", "Bestimmen Sie unter „Ohne Empfänger“, wer sie bekommt."),
    },
)

FR: Final = Words(
    tooltip="MailGate\N{NARROW NO-BREAK SPACE}: {text}",
    today="%H:%M",
    other_day="%d/%m %H:%M",
    running="tout fonctionne",
    running_next="tout fonctionne, prochaine relève {time}",
    working="relève en cours",
    working_of="relève en cours ({taken} sur {new})",
    unrouted_one="1 message sans destinataire",
    unrouted_many="{count} messages sans destinataire",
    parked_one="1 message mis de côté",
    parked_many="{count} messages mis de côté",
    and_more="{text} (et {count} autres)",
    paused="suspendu",
    paused_until="suspendu jusqu'à {time}",
    account_paused="{account} est suspendu",
    account_paused_until="{account} est suspendu jusqu'à {time}",
    account_throttled="{account} est ralenti par le fournisseur jusqu'à {time}",
    account_given_up="{account} attend un autre mot de passe",
    stopping="le service s'arrête",
    lost="pas de connexion",
    lost_since="pas de connexion depuis {time}",
    no_access="cet utilisateur n'a pas accès au service",
    fetch_now="Relever maintenant",
    fetch_account="Relever un compte",
    pause="Suspendre",
    pause_hour="Pendant une heure",
    pause_tomorrow="Jusqu'à demain",
    pause_open="Jusqu'à ma reprise",
    resume="Reprendre",
    open_app="Ouvrir MailGate",
    quit="Fermer l'icône (MailGate continue)",
    raised_many="{count} choses demandent votre attention",
    ended="Terminé\N{NARROW NO-BREAK SPACE}: {text}",
    refused="Cela n'a pas réussi",
    no_browser="Aucun navigateur trouvé. Ouvrez cette adresse\N{NARROW NO-BREAK SPACE}: {url}",
    conditions={
        "account_failing": (
            "{subject} ne peut pas être relevé",
            "Le courrier reste en sûreté chez le fournisseur. La vue d'ensemble montre la raison.",
        ),
        "account_failing.auth": (
            "{host} refuse l'identification de {subject}",
            "Le mot de passe a sans doute changé chez le fournisseur\N{NARROW NO-BREAK SPACE}: `mailgate secrets set` enregistre le nouveau.",
        ),
        "account_stale": (
            "{subject} n'a pas été relevé depuis longtemps",
            "Le courrier reste en sûreté chez le fournisseur. `mailgate account test {subject}` montre où cela échoue.",
        ),
        "bodies_missing": (
            "Des messages ont perdu leur contenu",
            "Vérifiez le disque et lancez `mailgate store check`.",
        ),
        "notices_held": (
            "MailGate écrit trop de messages de sa part",
            "Le journal dit de quoi il s'agit. `notices.per_hour` est la limite.",
        ),
        "config_rejected": (
            "La nouvelle configuration a des erreurs",
            "L'ancienne reste en vigueur. Lancez `mailgate check`.",
        ),
        "disk_low": (
            "Le disque est presque plein",
            "Libérez de la place. Le nouveau courrier attend chez le fournisseur, et la relève reprend d'elle-même.",
        ),
        "internal_config": (
            "Le serveur de messagerie refuse le courrier de MailGate",
            "Comparez [internal] dans la configuration avec ce qu'il exige. Le nouveau courrier attend chez le fournisseur.",
        ),
        "internal_ill": (
            "Le serveur de messagerie n'accepte pas de courrier",
            "Vérifiez qu'il fonctionne et qu'il a de la place. Le nouveau courrier attend chez le fournisseur, et tout reprend de soi-même.",
        ),
        "listener_down": (
            "MailGate n'accepte pas de courrier du serveur de messagerie",
            "Cherchez quel programme occupe le port. Le courrier sortant attend sur le serveur de messagerie.",
        ),
        "loop": (
            "Du courrier tourne en rond",
            "Vérifiez si le serveur de messagerie ou le fournisseur renvoie du courrier dans cette boîte.",
        ),
        "relay_cap": (
            "Un relais a pris son courrier pour aujourd'hui",
            "Le reste attend jusqu'à demain. Augmentez sa limite, ou laissez un autre relais en prendre une partie.",
        ),
        "relay_cap_ahead": (
            "Plus de courrier attend un relais qu'il n'en prend aujourd'hui",
            "Le surplus partira demain. Gelez ce qui peut attendre, ou augmentez sa limite.",
        ),
        "relay_config": (
            "Un relais refuse le courrier de MailGate",
            "Comparez connexion et TLS avec ce que le fournisseur exige. Le courrier attend ici en sûreté.",
        ),
        "relay_ill": (
            "Un relais ne prend pas de courrier",
            "Vérifiez la ligne vers Internet. Le courrier attend ici en sûreté, et tout reprend de soi-même.",
        ),
        "deletions_ignored": (
            "{subject} garde du courrier supprimé",
            "Le fournisseur confirme la suppression et montre de nouveau les messages. Supprimez-les là à la main.",
        ),
        "messages_left": (
            "Tout le courrier de {subject} ne peut pas être relevé",
            "Un message est trop grand, ou le fournisseur ne le livre pas\N{NARROW NO-BREAK SPACE}; il y reste. La vue d'ensemble le nomme.",
        ),
        "parked": ("Des messages mis de côté", "`mailgate log` les nomme, `mailgate explain` dit pourquoi."),
        "port_taken": (
            "Un port est occupé par un autre programme",
            "Arrêtez l'autre programme, ou nommez un autre port dans la configuration.",
        ),
        "relay_missing": (
            "Du courrier attend le relais {subject}, qui n'existe plus",
            "Il attend ici en sûreté. `mailgate queue relay` l'envoie par un autre.",
        ),
        "store_damaged": (
            "La base de messages est endommagée",
            "Le nouveau courrier attend chez le fournisseur. Arrêtez le service et lancez `mailgate store check`.",
        ),
        "store_refuses": (
            "La base de messages n'accepte rien",
            "Libérez de la place sur le disque. MailGate continue de lui-même.",
        ),
        "unrouted": (
            "Des messages sans destinataire",
            "Choisissez sous «\N{NARROW NO-BREAK SPACE}Sans destinataire\N{NARROW NO-BREAK SPACE}» qui les reçoit.",
        ),
    },
)


def reader_words(environ: Mapping[str, str] = os.environ, *, system: str | None = None) -> Words:
    """Return the words in the reader's language: German or French where the locale is, English everywhere else.

    `system` is the locale's name where the environment says nothing (Windows, macOS); None asks the C library.
    Of the variables the first that is set counts, in the order POSIX gives them (XBD section 8.2).
    """
    named = next((value for name in ("LC_ALL", "LC_MESSAGES", "LANG") if (value := environ.get(name))), "")
    if not named:
        named = system if system is not None else locale.getlocale()[0] or ""
    # "de_AT.UTF-8" by POSIX, "de-AT" on macOS, "German_Austria" on Windows
    language = named.replace("-", "_").partition("_")[0].partition(".")[0].lower()
    match language:
        case "de" | "german":
            return DE
        case "fr" | "french":
            return FR
        case _:
            return EN
