"""What a pipe is and how it stands: the part that SQL and the REST calls share."""

import json
from dataclasses import dataclass
from datetime import UTC

from chalicelib.core.times import to_text
from sluice.local.snowflake.copy_into import CopyInto
from sluice.local.snowflake.definitions import (
    Location,
    UnsupportedDefinitionError,
    file_format_type,
    pipe_copy,
    snowflake_stage_location,
)
from sluice.local.snowflake.loads import Loads
from sluice.local.snowflake.names import ObjectName
from sluice.local.snowflake.registry import Registry, StoredObject
from sluice.local.snowflake.statements import Kind

RUNNING = "running"
PAUSED = "paused"


@dataclass(frozen=True, slots=True)
class Pipe:
    """A pipe with its COPY and the S3 place it reads from."""

    name: ObjectName
    state: str
    copy: CopyInto
    location: Location


class Pipes:
    """Finds pipes and tells their state (read-only)."""

    def __init__(self, registry: Registry, loads: Loads) -> None:
        self._registry = registry
        self._loads = loads

    def get(self, name: ObjectName) -> Pipe:
        """Read a pipe; raise Snowflake's "does not exist" for an unknown one."""
        return self.read(self._registry.get(Kind.PIPE, name))

    def running(self) -> list[str]:
        """Name the pipes that are not paused."""
        return [str(pipe.name) for pipe in self._registry.all(Kind.PIPE) if pipe.state == RUNNING]

    def into(self, table: ObjectName) -> list[Pipe]:
        """List the pipes that load a table."""
        return [pipe for pipe in map(self.read, self._registry.all(Kind.PIPE)) if pipe.copy.target == table]

    def read(self, stored: StoredObject) -> Pipe:
        """Read a pipe's statement and its stage; raise when the COPY or the format cannot be emulated."""
        copy = pipe_copy(stored.statement, stored.name)
        file_format = self._registry.get(Kind.FILE_FORMAT, copy.file_format)
        if file_format_type(file_format.statement) != "JSON":
            raise UnsupportedDefinitionError("only pipes with a JSON file format are emulated")
        snowflake_stage = self._registry.get(Kind.SNOWFLAKE_STAGE, copy.snowflake_stage)
        location = snowflake_stage_location(snowflake_stage.statement)
        return Pipe(stored.name, stored.state, copy, Location(location.bucket, location.prefix + copy.directory))

    def status_json(self, name: ObjectName) -> str:
        """Answer SYSTEM$PIPE_STATUS."""
        pipe = self.get(name)
        pending = self._loads.pending(str(name))
        status = {"executionState": pipe.state.upper(), "pendingFileCount": pending.files}
        if pending.oldest_at:
            status |= {
                "oldestFileTimestamp": to_text(pending.oldest_at.astimezone(UTC)),
                "oldestPendingFilePath": pending.oldest_path,
            }
        return json.dumps(status)


def paused_state(action: str) -> str:
    """Read ALTER PIPE … SET PIPE_EXECUTION_PAUSED = TRUE|FALSE."""
    states = {"TRUE": PAUSED, "FALSE": RUNNING}
    words = action.replace("=", " ").split()
    if words[:2] != ["SET", "PIPE_EXECUTION_PAUSED"] or words[-1] not in states:
        raise NotImplementedError(f"ALTER PIPE … {action}; only SET PIPE_EXECUTION_PAUSED is emulated")
    return states[words[-1]]
