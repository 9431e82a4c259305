"""A desktop without a screen: Xvfb with a tray host, and a session bus with a keyring (Secret Service)."""

import os
import re
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.servers.base import Server, ServerError, program, unix_answers

TOOL_TIMEOUT_S: Final = 30.0
SETTLED_S: Final = 0.2
_TRAY: Final = '("panel" "trayer")'
_WINDOW: Final = re.compile(r'(\s*)0x\w+ (?:"(.*?)": \(|\(has no name\): ).*?(\d+)x(\d+)[+-].*\+(-?\d+)\+(-?\d+)\s*$')


@dataclass(frozen=True, slots=True)
class TrayIcon:
    """A window that sits in the tray, by its title and its place on the screen."""

    title: str
    x: int
    y: int
    width: int
    height: int


class Display(Server):
    """Xvfb and trayer, an XEmbed system tray. Give programs the variables of `env()`."""

    name = "display"

    def __init__(self, size: str = "1280x800", *, tray: bool = True) -> None:
        super().__init__()
        self.size, self.tray = size, tray
        self.display = ""
        self._tray: subprocess.Popen[bytes] | None = None

    def command(self) -> Sequence[str]:
        # -displayfd picks a free display number and writes it once the server is ready.
        server = f"exec {program('Xvfb')} -displayfd 3 -screen 0 {self.size}x24 -nolisten tcp -noreset"
        return ["/bin/sh", "-c", f"{server} 3>display.number"]

    def ready(self) -> bool:
        number = self.dir / "display.number"
        text = number.read_text().strip() if number.exists() else ""
        if not text:
            return False
        self.display = f":{text}"
        if self.tray and self._tray is None:
            looks = "--edge top --align right --widthtype request --height 32 --SetDockType true --expand true"
            self._tray = subprocess.Popen(
                [program("trayer"), *looks.split()],
                env=self.env(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        return not self.tray or (_TRAY in self._windows() and self._takes_icons())

    def env(self) -> dict[str, str]:
        """Return the environment of a program on this display."""
        return dict(os.environ) | {"DISPLAY": self.display}

    def tray_icons(self) -> list[TrayIcon]:
        """Return what sits in the tray now."""
        lines = self._windows().splitlines()
        start = next((n for n, line in enumerate(lines) if _TRAY in line), len(lines))
        icons = []
        for line in lines[start + 1 :]:
            found = _WINDOW.match(line)
            if found and len(found[1]) <= _indent(lines[start]):
                break
            if found and found[2]:
                width, height, x, y = map(int, found.group(3, 4, 5, 6))
                icons.append(TrayIcon(found[2], x, y, width, height))
        return icons

    def settled(self) -> bool:
        """Whether the tray has icons, and none has moved for a moment: a tray makes room after it took one in."""
        before = self.tray_icons()
        time.sleep(SETTLED_S)
        return before != [] and self.tray_icons() == before

    def click(self, icon: TrayIcon, button: int = 1) -> None:
        """Click into the middle of an icon: 1 is left, 3 is right."""
        x, y = icon.x + icon.width // 2, icon.y + icon.height // 2
        self._tool("xdotool", "mousemove", str(x), str(y), "click", str(button))

    def press(self, *keys: str) -> None:
        """Press keys, by their X names: `Down`, `Return`."""
        self._tool("xdotool", "key", *keys)

    def screenshot(self, png: Path) -> None:
        """Write a picture of the whole screen."""
        self._tool("import", "-silent", "-window", "root", str(png))

    def stop(self) -> None:
        if self._tray is not None:
            self._tray.terminate()
            self._tray.wait(10)
            self._tray = None
        super().stop()

    def _takes_icons(self) -> bool:
        """Whether the tray owns its selection: its window is there before, and an icon that asks then finds no tray."""
        from Xlib import display as xdisplay  # noqa: PLC0415 it comes with pystray, and only where there is X

        peer = xdisplay.Display(self.display)
        try:
            owner = peer.get_selection_owner(peer.intern_atom("_NET_SYSTEM_TRAY_S0"))
            return bool(owner)  # the window, or 0 where nobody owns it
        finally:
            peer.close()

    def _windows(self) -> str:
        return self._tool("xwininfo", "-root", "-tree")

    def _tool(self, name: str, *args: str) -> str:
        call = [program(name), *args]
        return subprocess.run(
            call, env=self.env(), capture_output=True, text=True, timeout=TOOL_TIMEOUT_S, check=True
        ).stdout


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


class SessionBus(Server):
    """A D-Bus session bus with gnome-keyring's Secret Service, its login collection unlocked.

    Without `keyring` there is none: the case in which a program must say that it cannot keep secrets.
    """

    name = "bus"

    def __init__(self, *, keyring: bool = True) -> None:
        super().__init__()
        self.keyring = keyring
        self._keyring: subprocess.Popen[bytes] | None = None

    @property
    def socket_path(self) -> Path:
        """Where the bus listens."""
        return self.dir / "bus.sock"

    def configure(self) -> None:
        (self.dir / "runtime").mkdir(mode=0o700)
        (self.dir / "home").mkdir(mode=0o700)
        (self.dir / "bus.conf").write_text(
            '<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN" '
            '"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">\n'
            f"<busconfig><type>session</type><listen>unix:path={self.socket_path}</listen><auth>EXTERNAL</auth>"
            '<policy context="default"><allow send_destination="*" eavesdrop="true"/>'
            '<allow eavesdrop="true"/><allow own="*"/></policy></busconfig>\n'
        )

    def command(self) -> Sequence[str]:
        return [program("dbus-daemon"), "--config-file", str(self.dir / "bus.conf"), "--nofork", "--nopidfile"]

    def env(self) -> dict[str, str]:
        """Return the environment of a program on this bus, with a home of its own."""
        return dict(os.environ) | {
            "DBUS_SESSION_BUS_ADDRESS": f"unix:path={self.socket_path}",
            "XDG_RUNTIME_DIR": str(self.dir / "runtime"),
            "HOME": str(self.dir / "home"),
            "XDG_DATA_HOME": str(self.dir / "home" / "data"),
        }

    def environment(self) -> Mapping[str, str]:
        return self.env()

    def ready(self) -> bool:
        if not unix_answers(self.socket_path):
            return False
        if not self.keyring:
            return True
        if self._keyring is None:
            self._keyring = subprocess.Popen(
                [program("gnome-keyring-daemon"), "--foreground", "--components=secrets", "--unlock"],
                env=self.env(),
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            if self._keyring.stdin is not None:
                self._keyring.stdin.write(b"test\n")  # the collection's password
                self._keyring.stdin.close()
        return self._owned("org.freedesktop.secrets")

    def store(self, label: str, secret: str, **attributes: str) -> None:
        """Store a secret, as a foreign program would."""
        self._secret_tool("store", f"--label={label}", *_flat(attributes), secret=secret)

    def lookup(self, **attributes: str) -> str:
        """Return a secret, as a foreign program finds it; empty when there is none."""
        return self._secret_tool("lookup", *_flat(attributes))

    def stop(self) -> None:
        if self._keyring is not None:
            self._keyring.terminate()
            self._keyring.wait(10)
            self._keyring = None
        super().stop()

    def _owned(self, bus_name: str) -> bool:
        call = [program("dbus-send"), "--session", "--print-reply", "--dest=org.freedesktop.DBus"]
        call += ["/org/freedesktop/DBus", "org.freedesktop.DBus.NameHasOwner", f"string:{bus_name}"]
        done = subprocess.run(call, env=self.env(), capture_output=True, text=True, timeout=TOOL_TIMEOUT_S, check=False)
        return "boolean true" in done.stdout

    def _secret_tool(self, *args: str, secret: str = "") -> str:
        call = [program("secret-tool"), *args]
        done = subprocess.run(
            call, env=self.env(), input=secret, capture_output=True, text=True, timeout=TOOL_TIMEOUT_S, check=False
        )
        if done.returncode and args[0] == "store":
            raise ServerError(done.stderr)
        return done.stdout


def _flat(attributes: Mapping[str, str]) -> list[str]:
    return [text for pair in attributes.items() for text in pair]
