"""Drives the tray's process: docked in a real tray, clicked by a real pointer, photographed."""

import signal
import subprocess
import sys
from pathlib import Path
from typing import Final, Self

from PIL import Image

from tests.servers.base import wait_for
from tests.servers.desktop import Display

PATIENCE_S: Final = 60.0
SCREEN: Final = "400x120"
PICTURES: Final = Path(__file__).parent.parent / "pictures"


class Tray:
    """The tray's process and its icon's window."""

    def __init__(self, display: Display, data_dir: Path) -> None:
        self._display = display
        self._env = display.env() | {"PYSTRAY_BACKEND": "xorg", "LC_ALL": "de_DE.UTF-8", "TZ": "UTC"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "mailgate", "tray", "--data", str(data_dir)],
            env=self._env,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.window = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()

    def docked(self) -> Self:
        """Wait until the icon sits in the tray."""
        wait_for(self._display.settled, PATIENCE_S, "an icon in the tray")
        self.window = self.xdotool("search", "--classname", "MailGateSystemTrayIcon")
        return self

    def xdotool(self, *words: str) -> str:
        done = subprocess.run(["xdotool", *words], env=self._env, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def click(self) -> None:
        [icon] = self._display.tray_icons()
        self._display.click(icon)

    def says(self, text: str) -> None:
        """Wait until this is the tooltip."""
        wait_for(lambda: self.title() == text, PATIENCE_S, text)

    def title(self) -> str:
        return self.xdotool("getwindowname", self.window)

    def picture(self, name: str) -> Image.Image:
        """Return the icon as it is on the screen, and keep it under a name, with its whole desktop."""
        PICTURES.mkdir(exist_ok=True)
        path = PICTURES / f"tray-{name}.png"
        subprocess.run(["import", "-silent", "-window", self.window, str(path)], env=self._env, check=True)
        self._display.screenshot(PICTURES / f"tray-{name}-desktop.png")
        with Image.open(path) as image:
            return image.convert("RGB")

    def end(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
        """Ask the process to end, and return its exit code and what it complained about."""
        self.process.send_signal(number)
        _, complaints = self.process.communicate(timeout=PATIENCE_S)
        return self.process.returncode, complaints
