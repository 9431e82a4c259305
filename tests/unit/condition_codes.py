"""The codes of all health conditions that the source can raise, read off the source itself."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import mailgate

SOURCE: Final = Path(mailgate.__file__).parent
RAISERS: Final = frozenset({"raise_", "_say_count"})
"""Methods whose first argument is a code."""


def raised(*, also_info: bool) -> frozenset[str]:
    """Return the codes; those that are raised for information alone only when `also_info`."""
    return frozenset(
        code
        for path in SOURCE.rglob("*.py")
        for code, info in _in_module(ast.parse(path.read_text("utf-8")))
        if also_info or not info
    )


def _in_module(module: ast.Module) -> Iterator[tuple[str, bool]]:
    """Yield each code with whether it is of severity info."""
    texts = _assigned(module)
    for node in ast.walk(module):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in RAISERS):
            continue
        info = any(
            key.arg == "severity" and isinstance(key.value, ast.Attribute) and key.value.attr == "INFO"
            for key in node.keywords
        )
        match node.args[0]:
            case ast.Constant(value=str(code)):
                yield code, info
            case ast.Name(id=name):
                yield from ((code, info) for code in texts.get(name, ()))
            case _:
                pass


def _assigned(module: ast.Module) -> dict[str, set[str]]:
    """Return the texts that each name is given anywhere in the module."""
    found: dict[str, set[str]] = {}
    for node in ast.walk(module):
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=str(text))):
                found.setdefault(name, set()).add(text)
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.Constant(value=str(text))):
                found.setdefault(name, set()).add(text)
            case _:
                pass
    return found
