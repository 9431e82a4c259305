"""What most verbs take: which engine is meant, and how to print what it says."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, TypeVar

from cyclopts import Parameter

from mailgate.cli import show
from mailgate.client.discover import default_data_dir, find_engine
from mailgate.client.errors import ClientError

if TYPE_CHECKING:
    from mailgate.client.http import EngineClient

CONFIG_FILE: Final = "mailgate.toml"

FAILED: Final = 1
INTERRUPTED: Final = 130  # as a shell says it: 128 and SIGINT

ConfigFile = Annotated[Path | None, Parameter(help="Configuration file, if not mailgate.toml in the data directory.")]

T = TypeVar("T")


@Parameter(name="*")
@dataclass(frozen=True)
class Place:
    """Which engine."""

    data: Annotated[Path | None, Parameter(help="The engine's data directory; MAILGATE_DATA also names it.")] = None

    @property
    def data_dir(self) -> Path:
        """The data directory that was named, or the usual one."""
        return self.data or default_data_dir()

    def config_file(self, named: Path | None) -> Path:
        """The configuration file that was named, or the usual one."""
        return named or self.data_dir / CONFIG_FILE


@Parameter(name="*")
@dataclass(frozen=True)
class Asked(Place):
    """Which engine, and how to print."""

    json: Annotated[bool, Parameter(help="Print JSON, in the shapes of the API.")] = False

    def say(self, shape: T, words: Callable[[T], str]) -> None:
        """Print a shape of the API: as JSON, or in words."""
        print(show.as_json(shape) if self.json else words(shape))


def with_engine(asked: Asked, work: Callable[["EngineClient"], Awaitable[int]]) -> int:
    """Do `work` with the engine that is meant, and return the exit code; what fails is told on standard error."""
    from mailgate.client.http import EngineClient  # noqa: PLC0415 `mailgate run` must not hold a second HTTP library

    async def talk() -> int:
        async with EngineClient(find_engine(asked.data_dir), name="cli") as engine:
            return await work(engine)

    try:
        return asyncio.run(talk())
    except ClientError as exc:
        print(show.as_json({"error": str(exc), "code": exc.code}) if asked.json else exc, file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
