"""Keeps NULL timestamps NULL on their way to the connector: fakesnow's conversion turns them into 1970."""

from collections.abc import Callable
from typing import Any

import pyarrow as pa

Conversion = Callable[[pa.Table, Any], pa.Table]


def keeping_nulls(convert: Conversion) -> Conversion:
    """Wrap fakesnow's conversion of a result so that the structs it makes of timestamps keep their NULLs."""

    def converted(table: pa.Table, rowtype: Any) -> pa.Table:
        result = convert(table, rowtype)
        columns = [
            _masked(new.combine_chunks(), old) if pa.types.is_struct(new.type) and old.null_count else new
            for new, old in zip(result.columns, table.columns, strict=True)
        ]
        return pa.Table.from_arrays(columns, schema=result.schema)

    return converted


def _masked(structs: Any, original: pa.ChunkedArray) -> pa.Array:
    array = structs.combine_chunks() if isinstance(structs, pa.ChunkedArray) else structs
    children = [array.field(index).fill_null(0) for index in range(array.type.num_fields)]
    mask = original.is_null().combine_chunks()
    return pa.StructArray.from_arrays(children, fields=list(array.type), mask=mask)
