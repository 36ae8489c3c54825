"""Snowflake functions that fakesnow lacks: macros for DuckDB, and the rewriting that calls them."""

import re
from collections.abc import Callable, Mapping

import sqlglot
from sqlglot import exp

MACROS = (
    """
CREATE OR REPLACE MACRO {database}.main._as_object(value) AS
  CASE WHEN json_type(value) = 'OBJECT' THEN value END;
""",
    # a JSON pointer reaches every key; a path would trip over "$" and quotes
    """
CREATE OR REPLACE MACRO {database}.main._object_delete(object, doomed) AS
  CASE WHEN object IS NOT NULL THEN (
    SELECT COALESCE(json_group_object(key, value), '{{}}'::JSON)
    FROM (
      SELECT key, json_extract(object, '/' || replace(replace(key, '~', '~0'), '/', '~1')) AS value
      FROM (SELECT unnest(json_keys(object)) AS key)
    )
    WHERE NOT list_contains(doomed::VARCHAR[], key)
  ) END;
""",
    # the same for equal values: Snowflake keeps an object's keys sorted, DuckDB as they were written
    """
CREATE OR REPLACE MACRO {database}.main._comparable_json(value) AS (
  SELECT string_agg(fullkey || chr(31) || type || chr(31) || COALESCE(atom::VARCHAR, ''), chr(30) ORDER BY fullkey)
  FROM json_tree(value)
);
""",
)

SystemFunctions = Mapping[str, Callable[[str], str | bool | int]]
TableFunctions = Mapping[str, Callable[[Mapping[str, exp.Expr]], str]]
"""By name: from the arguments, by their names, to the SELECT that gives the function's rows."""

_CONCERNED = re.compile(r"\b(?:AS_OBJECT|OBJECT_DELETE|TO_JSON|COPY_HISTORY|SYSTEM\$\w+)\s*\(", re.IGNORECASE)
_COMPARISONS = (exp.EQ, exp.NEQ, exp.NullSafeEQ, exp.NullSafeNEQ)


def rewrite_functions(sql: str, system_functions: SystemFunctions, table_functions: TableFunctions) -> str:
    """Replace the functions named here; a statement without them comes back as it was."""
    if not _CONCERNED.search(sql):
        return sql
    statement = sqlglot.parse_one(sql, read="snowflake")
    if isinstance(statement, exp.Command):
        return sql
    for node in reversed(list(statement.bfs())):  # innermost first: calls stand inside calls
        if isinstance(node, exp.TableFromRows):
            replacement = _rows_of(node, table_functions)
        else:
            replacement = _rewritten(node, system_functions)
        if replacement is not node:
            node.replace(replacement)
    return statement.sql(dialect="snowflake")


def _rewritten(node: exp.Expr, system_functions: SystemFunctions) -> exp.Expr:
    if isinstance(node, _COMPARISONS) and all(isinstance(side, exp.JSONFormat) for side in _sides(node)):
        return _compared_by_value(node)
    if not isinstance(node, exp.Anonymous):
        return node
    name = node.name.upper()
    if name == "AS_OBJECT":
        return exp.func("_AS_OBJECT", *node.expressions)
    if name == "OBJECT_DELETE":
        target, *keys = node.expressions
        return exp.func("_OBJECT_DELETE", target, exp.Anonymous(this="ARRAY_CONSTRUCT", expressions=keys))
    return _computed(node, system_functions) if name in system_functions else node


def _rows_of(node: exp.TableFromRows, table_functions: TableFunctions) -> exp.Expr:
    """Put a SELECT in the place of TABLE(…COPY_HISTORY(…)); other table functions are fakesnow's."""
    call = node.this.expression if isinstance(node.this, exp.Dot) else node.this
    answer = table_functions.get(call.name.upper()) if isinstance(call, exp.Anonymous) else None
    if answer is None:
        return node
    arguments = {kwarg.this.name.upper(): kwarg.args["expression"] for kwarg in call.find_all(exp.Kwarg)}
    rows = exp.Subquery(this=sqlglot.parse_one(answer(arguments), read="snowflake"), alias=node.args.get("alias"))
    return rows if rows.alias else rows.as_(call.name)


def _sides(node: exp.Expr) -> tuple[exp.Expr, exp.Expr]:
    return node.args["this"], node.args["expression"]


def _compared_by_value(node: exp.Expr) -> exp.Expr:
    left, right = (exp.func("_COMPARABLE_JSON", side.this) for side in _sides(node))
    return type(node)(this=left, expression=right)


def _computed(node: exp.Anonymous, system_functions: SystemFunctions) -> exp.Expr:
    if len(node.expressions) != 1 or not node.expressions[0].is_string:
        raise NotImplementedError(f"{node.name} takes one name in quotes")
    return exp.convert(system_functions[node.name.upper()](node.expressions[0].name))
