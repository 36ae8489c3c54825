"""The request log: one JSON line a post, to standard output in Lambda, to a file in the local run."""

import os
import sys
from collections.abc import Mapping

import orjson


class RequestLog:
    """Appends entries to a file, or prints them; implements the port of the same name."""

    def __init__(self, path: str | None) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644) if path else None

    def write(self, entry: Mapping[str, str | int]) -> None:
        """Append one line in one write, so that lines of several processes never mix."""
        line = orjson.dumps({"log": "request", **entry}) + b"\n"
        if self._file is None:
            sys.stdout.write(line.decode())
        else:
            os.write(self._file, line)
