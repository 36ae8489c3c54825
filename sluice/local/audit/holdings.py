"""What the buckets hold, object by object: each is read once, and what it holds is remembered in a file.

It is believed only as long as the object is there, with the etag it had when it was read.
"""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeAlias

import orjson

from chalicelib.core import firehose_errors, spill
from chalicelib.core.dead_letters import PREFIX as FAILED
from chalicelib.core.failed_event import Stage
from sluice.local.audit.contents import Contents, Indexes, Reader, read_failed_events, read_firehose_errors, read_lines
from sluice.local.audit.stores import StoredObject, Stores
from sluice.local.whole_file import write_whole

EVENTS = "events/"
"""Where files of events land."""

_FORMAT = 1
"""Raised when `Contents` changes: what an older checkout remembered is then read again."""

_AT_ONCE = 8
"""Objects read at the same time."""

Held: TypeAlias = Mapping[str, Contents]
"""What the objects under one prefix hold, by key."""


class Holdings:
    """The landing and the dead-letter bucket of one run. Every call lists the objects anew and reads new ones."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores
        self._known = _recall(stores.contents_cache)
        self._listed: dict[str, set[str]] = {}
        """What the last look at each place found, by the place."""
        self._is_new = False

    def events(self) -> Held:
        """Return what files of events hold, copies that were made to load a file again among them."""
        return self._held(self._stores.landing_bucket, EVENTS, read_lines)

    def spilled(self) -> Held:
        """Return what waits for the stream."""
        return self._held(self._stores.landing_bucket, spill.PREFIX, read_lines)

    def failed_events(self, stage: Stage) -> Held:
        """Return the failed events of a stage; those of Firehose lie in landing, as it wrote them itself."""
        kept = self._held(self._stores.dead_letter_bucket, f"{FAILED}stage={stage.value}/", read_failed_events)
        if stage is not Stage.FIREHOSE:
            return kept
        return {**kept, **self._held(self._stores.landing_bucket, firehose_errors.PREFIX, read_firehose_errors)}

    def remember(self) -> None:
        """Keep what was read for the next command; what is no longer there is forgotten. Writes the cache file."""
        if self._is_new:
            listed = set().union(*self._listed.values())
            self._known = {name: known for name, known in self._known.items() if name in listed}
            write_whole(self._stores.contents_cache, orjson.dumps({"format": _FORMAT, "objects": self._known}))
            self._is_new = False

    def _held(self, bucket: str, prefix: str, read: Reader) -> Held:
        objects = list(self._stores.objects(bucket, prefix))
        self._listed[f"{bucket}/{prefix}"] = {f"{bucket}/{found.key}" for found in objects}
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            contents = list(pool.map(partial(self._contents, bucket, read), objects))
        return {found.key: held for found, held in zip(objects, contents, strict=True) if held}

    def _contents(self, bucket: str, read: Reader, found: StoredObject) -> Contents | None:
        """Return what an object holds; None when it has gone since it was listed."""
        name = f"{bucket}/{found.key}"
        etag, contents = self._known.get(name, ("", None))
        if contents is None or etag != found.etag:
            body = self._stores.body(bucket, found.key)
            if body is None:
                return None
            contents = read(found.key, body)
            self._known[name] = (found.etag, contents)
            self._is_new = True
        return contents


def _recall(path: Path) -> dict[str, tuple[str, Contents]]:
    """Read the cache file; what is not ours, or of another format, is nothing."""
    try:
        stored = orjson.loads(path.read_bytes())
        if stored["format"] != _FORMAT:
            return {}
        return {name: (etag, _contents(**held)) for name, (etag, held) in stored["objects"].items()}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _contents(*, lines: int, ours: Indexes, **texts: list[str]) -> Contents:
    return Contents(lines, ours, **{name: tuple(each) for name, each in texts.items()})
