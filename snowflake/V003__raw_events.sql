-- Every line that landed, as it landed: one row a line, doubles included. Insert-only.
CREATE TABLE IF NOT EXISTS {{ database }}.RAW.EVENTS (
  ID VARCHAR,
  SOURCE VARCHAR,
  TYPE VARCHAR,
  TIME VARCHAR,
  SUBJECT VARCHAR,
  DATASCHEMA VARCHAR,
  RECEIVEDAT VARCHAR,
  RECEIPTID VARCHAR,
  RECEIPTINDEX VARCHAR,
  RECEIPTCOUNT VARCHAR,
  PRINCIPAL VARCHAR,
  DATA VARIANT,
  LINE VARIANT,
  FILENAME VARCHAR,
  FILE_ROW NUMBER(38, 0),
  LOADED_AT TIMESTAMP_LTZ
);

-- Before the pipe, so that not even the first file escapes it.
CREATE STREAM IF NOT EXISTS {{ database }}.RAW.EVENTS_STREAM
  ON TABLE {{ database }}.RAW.EVENTS
  APPEND_ONLY = TRUE;

-- Called over REST with file names, never by AUTO_INGEST. With SKIP_FILE one cast that fails would cost
-- the whole file, so attributes stay text. METADATA$START_SCAN_TIME is when the file was read;
-- CURRENT_TIMESTAMP would be when the pipe was compiled.
CREATE PIPE IF NOT EXISTS {{ database }}.RAW.EVENTS_PIPE AS
COPY INTO {{ database }}.RAW.EVENTS (
  ID, SOURCE, TYPE, TIME, SUBJECT, DATASCHEMA,
  RECEIVEDAT, RECEIPTID, RECEIPTINDEX, RECEIPTCOUNT, PRINCIPAL,
  DATA, LINE, FILENAME, FILE_ROW, LOADED_AT
)
FROM (
  SELECT
    $1:id::VARCHAR,
    $1:source::VARCHAR,
    $1:type::VARCHAR,
    $1:time::VARCHAR,
    $1:subject::VARCHAR,
    $1:dataschema::VARCHAR,
    $1:receivedat::VARCHAR,
    $1:receiptid::VARCHAR,
    $1:receiptindex::VARCHAR,
    $1:receiptcount::VARCHAR,
    $1:principal::VARCHAR,
    $1:data,
    $1,
    METADATA$FILENAME,
    METADATA$FILE_ROW_NUMBER,
    METADATA$START_SCAN_TIME
  FROM @{{ database }}.RAW.EVENTS_STAGE
)
FILE_FORMAT = (FORMAT_NAME = '{{ database }}.RAW.NDJSON')
ON_ERROR = SKIP_FILE;
