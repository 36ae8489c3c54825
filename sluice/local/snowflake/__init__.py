"""The Snowflake stand-in: fakesnow's SQL server, Snowpipe's REST calls, streams and tasks in one process.

It executes the project's own SQL. What Snowflake is asked to do is written in `snowflake/`, never here.
"""
