"""Writing a file that others may read at any moment, or that a kill must not leave half written."""

import os
from pathlib import Path


def write_whole(path: Path, content: bytes) -> None:
    """Replace a file in one step: whoever reads it meanwhile sees the old one or the new one. The last writer wins."""
    new = path.with_name(f"{path.name}.{os.getpid()}.new")
    new.write_bytes(content)
    new.replace(path)
