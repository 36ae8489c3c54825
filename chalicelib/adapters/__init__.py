"""The only place that speaks to AWS, to Snowflake and to the clock."""
