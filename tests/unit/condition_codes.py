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
    modules = [ast.parse(path.read_text("utf-8")) for path in SOURCE.rglob("*.py")]
    hops = _of_hops(modules)
    return frozenset(code for module in modules for code, info in _in_module(module, hops) if also_info or not info)


def _of_hops(modules: list[ast.Module]) -> dict[str, set[str]]:
    """Return the codes that hops are made with, by attribute: those are raised as `hop.ill`."""
    found: dict[str, set[str]] = {}
    for module in modules:
        for node in ast.walk(module):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Hop":
                for key in node.keywords:
                    if isinstance(key.value, ast.Constant) and isinstance(key.value.value, str):
                        found.setdefault(key.arg or "", set()).add(key.value.value)
    return found


def _in_module(module: ast.Module, hops: dict[str, set[str]]) -> Iterator[tuple[str, bool]]:
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
            case ast.Attribute(value=ast.Name(id="hop"), attr=attribute):
                yield from ((code, info) for code in hops.get(attribute, ()))
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
