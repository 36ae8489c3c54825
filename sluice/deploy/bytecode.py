"""Compiled modules beside their sources: compiling the layer's 680 sources is two thirds of a cold start.

Lambda keeps nothing between cold starts, and here each worker unpacks a layer of its own. The compiled files name no
times and are not checked against their sources, which never change in a zip. Source: PEP 552.
"""

import importlib.util
import marshal
import sys
import warnings
from collections.abc import Mapping
from pathlib import PurePosixPath

_UNCHECKED_HASH = (0b01).to_bytes(4, "little")


def with_bytecode(files: Mapping[str, bytes], python: str) -> dict[str, bytes]:
    """Return files with compiled modules added; without, when they are for another Python than the one that runs."""
    if python != f"{sys.version_info.major}.{sys.version_info.minor}":
        return dict(files)
    sources = {name: content for name, content in files.items() if name.endswith(".py")}
    compiled = {_cached(name): _bytecode(name, content) for name, content in sources.items()}
    return {**files, **{name: content for name, content in compiled.items() if content}}


def _cached(name: str) -> str:
    """Return where Python looks for a module's compiled form. Source: PEP 3147."""
    path = PurePosixPath(name)
    return str(path.parent / "__pycache__" / f"{path.stem}.{sys.implementation.cache_tag}.pyc")


def _bytecode(name: str, source: bytes) -> bytes | None:
    """Return a module's compiled form; None for what is no module, such as a template that looks like one."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of other people's code
            code = compile(source, name, "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        return None
    head = importlib.util.MAGIC_NUMBER + _UNCHECKED_HASH + importlib.util.source_hash(source)
    return head + marshal.dumps(code)
