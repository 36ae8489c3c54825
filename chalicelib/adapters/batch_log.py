"""The batch log: one JSON line a batch, to standard output in Lambda, to a file where the local run wants one."""

import os
import sys
import time
from collections.abc import Mapping
from typing import Any

import orjson

from chalicelib.core.metrics import log_line


class BatchLog:
    """Appends the lines of one log to a file, or prints them. CloudWatch takes the metrics out of what is printed."""

    def __init__(self, log: str, deploy_stage: str, path: str | None = None) -> None:
        self._log = log
        self._deploy_stage = deploy_stage
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644) if path else None

    def write(self, facts: Mapping[str, Any]) -> None:
        """Append one line in one write, so that lines of several processes never mix."""
        line = log_line(self._log, self._deploy_stage, int(time.time() * 1000), facts)
        text = orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)
        if self._file is None:
            sys.stdout.write(text.decode())
            sys.stdout.flush()
        else:
            os.write(self._file, text)
