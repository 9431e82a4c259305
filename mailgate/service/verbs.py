"""The verbs that work without an engine, or are one; `__main__` hands them to the command line.

Imports are inside the verbs: a `mailgate status` must not load the store.
"""

import asyncio
import json
import sys
from collections.abc import Coroutine
from pathlib import Path

from mailgate.model.errors import MailgateError
from mailgate.ports.secrets import Secret, SecretStore
from mailgate.service.exits import Exit


class Verbs:
    """Implements `cli.offline.OfflineVerbs`."""

    def run(self, data: Path, config: Path | None, *, with_app: bool) -> int:
        """Run the engine until it is stopped."""
        from mailgate.service.run import run  # noqa: PLC0415

        return run(data, config, with_app=with_app)

    def demo(self, *, directory: Path | None, browser: bool, once: bool) -> int:
        """Run the demo office."""
        from mailgate.service.demo import demo  # noqa: PLC0415

        return demo(directory=directory, browser=browser, once=once)

    def check(self, config: Path, data: Path, *, as_json: bool) -> int:
        """Look a configuration, and the templates and presets in `data`, over and print every fault."""
        from mailgate.config.load import load  # noqa: PLC0415
        from mailgate.config.presets import load_presets  # noqa: PLC0415
        from mailgate.config.report import report  # noqa: PLC0415
        from mailgate.config.templates import load_templates  # noqa: PLC0415

        faults = load(config).faults + load_templates(data).faults
        presets = load_presets(data).fault
        faults += (presets,) if presets else ()
        if as_json:
            print(json.dumps([{"code": f.code, "file": f.file, "line": f.line, "path": f.path, "text": f.text,
                               "remedy": f.remedy, "severity": f.severity} for f in faults]))  # fmt: skip
        else:
            print(report(faults).rstrip() if faults else f"{config}: no faults")
        return Exit.BAD_CONFIG if any(fault.severity == "error" for fault in faults) else Exit.OK

    def secrets_set(self, data: Path, ref: str, value: str) -> int:
        """Store a secret."""
        if not value:
            print("the secret is empty: nothing was stored", file=sys.stderr)
            return Exit.FAILED
        ref = ref if ":" in ref else f"keyring:{ref}"

        async def work() -> None:
            await _secrets(data).set(ref, Secret(value))
            print(f'stored; use it in mailgate.toml as "{ref}"')

        return _try(work())

    def secrets_list(self, data: Path, *, as_json: bool) -> int:
        """Print the references of stored secrets."""

        async def work() -> None:
            names = await _secrets(data).names()
            if as_json:
                print(json.dumps([{"ref": name.ref, "where": name.where} for name in names]))
            else:
                print("\n".join(f"{name.ref}  ({name.where})" for name in names) or "no secrets are stored")

        return _try(work())

    def secrets_delete(self, data: Path, ref: str) -> int:
        """Remove a secret."""
        ref = ref if ":" in ref else f"keyring:{ref}"

        async def work() -> None:
            await _secrets(data).delete(ref)
            print(f"{ref} was removed")

        return _try(work())

    def store_check(self, data: Path, *, as_json: bool) -> int:
        """Look the store over and print what is wrong."""
        from mailgate.adapters.store.check import check_store  # noqa: PLC0415

        try:
            findings = check_store(data)
        except MailgateError as exc:
            print(exc, file=sys.stderr)
            return Exit.BAD_DATA
        if as_json:
            print(json.dumps([{"code": one.code, "text": one.text, "serious": one.serious} for one in findings]))
        else:
            print(
                "\n".join(f"{'SERIOUS ' if one.serious else ''}{one.text}" for one in findings) or "the store is sound"
            )
        return Exit.BAD_DATA if any(one.serious for one in findings) else Exit.OK

    def store_salvage(self, data: Path, target: Path) -> int:
        """Copy what can be read of a damaged database into a new one."""
        from mailgate.adapters.platform.lock import AlreadyRunningError, DataDirLock  # noqa: PLC0415
        from mailgate.adapters.store.salvage import salvage_store  # noqa: PLC0415

        lock = DataDirLock(data)
        try:
            lock.acquire()
        except AlreadyRunningError as exc:
            print(exc, file=sys.stderr)
            return Exit.ALREADY_RUNNING
        try:
            for table, (read, lost) in salvage_store(data, target).items():
                print(f"{table:10} {read} rows read{f', {lost} could not be read' if lost else ''}")
        except MailgateError as exc:
            print(exc, file=sys.stderr)
            return Exit.BAD_DATA
        finally:
            lock.release()
        print(
            f"To use it: move mailgate.db, mailgate.db-wal and mailgate.db-shm away, and {target} in place of the first."
        )
        return Exit.OK

    def tray(self, data: Path) -> int:
        """Run the tray icon."""
        from mailgate.tray.main import main  # noqa: PLC0415

        return main(data)


def _secrets(data: Path) -> SecretStore:
    from mailgate.adapters.platform.files import RealFiles  # noqa: PLC0415
    from mailgate.adapters.platform.rights import check_data_dir  # noqa: PLC0415
    from mailgate.adapters.platform.system import detect  # noqa: PLC0415
    from mailgate.adapters.secrets.store import Secrets  # noqa: PLC0415
    from mailgate.model.settings import SecretSettings  # noqa: PLC0415

    check_data_dir(data)
    return Secrets(data, RealFiles(detect()), SecretSettings().timeout)


def _try(work: Coroutine[object, object, None]) -> int:
    try:
        asyncio.run(work)
    except MailgateError as exc:
        print(exc, file=sys.stderr)
        return Exit.FAILED
    return Exit.OK
