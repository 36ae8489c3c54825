-- How Snowflake reads the landing bucket. Never CREATE OR REPLACE a stage: its pipes would stop.

-- Of duplicate keys the last wins, as it does in the validator and in the line.
CREATE FILE FORMAT IF NOT EXISTS {{ database }}.RAW.NDJSON
  TYPE = JSON
  COMPRESSION = AUTO
  ALLOW_DUPLICATE = TRUE;

-- The URL ends with "/": without it events_old/ would belong to this stage too.
CREATE STAGE IF NOT EXISTS {{ database }}.RAW.EVENTS_STAGE
  URL = 's3://{{ landing_bucket }}/events/'
  STORAGE_INTEGRATION = {{ storage_integration }}
  FILE_FORMAT = (FORMAT_NAME = '{{ database }}.RAW.NDJSON');
