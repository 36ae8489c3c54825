-- One row for each event, known by (SOURCE, ID). Client address and user agent stay in RAW.EVENTS.LINE:
-- personal data has one place.
CREATE TABLE IF NOT EXISTS {{ database }}.CORE.EVENTS (
  ID VARCHAR,
  SOURCE VARCHAR,
  TYPE VARCHAR,
  TIME TIMESTAMP_TZ,
  SUBJECT VARCHAR,
  DATASCHEMA VARCHAR,
  RECEIVED_AT TIMESTAMP_TZ,
  RECEIPT_ID VARCHAR,
  RECEIPT_INDEX NUMBER(38, 0),
  RECEIPT_COUNT NUMBER(38, 0),
  PRINCIPAL VARCHAR,
  DATA VARIANT,
  EXTENSIONS OBJECT,
  FILENAME VARCHAR,
  FILE_ROW NUMBER(38, 0),
  LOADED_AT TIMESTAMP_LTZ
);

-- Runs when the stream has rows, on serverless compute. Insert-only: the first of a (SOURCE, ID) to arrive
-- stays, and of several arriving together the first by RECEIVEDAT, file, row. TRY_ casts: a text that is
-- no time leaves a NULL here and itself in RAW, never a lost row.
CREATE TASK IF NOT EXISTS {{ database }}.CORE.LOAD_EVENTS
  TARGET_COMPLETION_INTERVAL = '1 MINUTE'
  USER_TASK_MINIMUM_TRIGGER_INTERVAL_IN_SECONDS = 10
  WHEN SYSTEM$STREAM_HAS_DATA('{{ database }}.RAW.EVENTS_STREAM')
AS
MERGE INTO {{ database }}.CORE.EVENTS AS kept
USING (
  SELECT
    ID,
    SOURCE,
    TYPE,
    TRY_CAST(TIME AS TIMESTAMP_TZ) AS TIME,
    SUBJECT,
    DATASCHEMA,
    TRY_CAST(RECEIVEDAT AS TIMESTAMP_TZ) AS RECEIVED_AT,
    RECEIPTID AS RECEIPT_ID,
    TRY_CAST(RECEIPTINDEX AS NUMBER(38, 0)) AS RECEIPT_INDEX,
    TRY_CAST(RECEIPTCOUNT AS NUMBER(38, 0)) AS RECEIPT_COUNT,
    PRINCIPAL,
    DATA,
    OBJECT_DELETE(
      AS_OBJECT(LINE),
      'specversion', 'id', 'source', 'type', 'time', 'subject', 'dataschema', 'datacontenttype',
      'data', 'data_base64', 'receivedat', 'receiptid', 'receiptindex', 'receiptcount',
      'principal', 'clientip', 'useragent', 'replayof', 'replayattempt'
    ) AS EXTENSIONS,
    FILENAME,
    FILE_ROW,
    LOADED_AT
  FROM {{ database }}.RAW.EVENTS_STREAM
  WHERE ID IS NOT NULL AND SOURCE IS NOT NULL
  QUALIFY ROW_NUMBER() OVER (PARTITION BY SOURCE, ID ORDER BY RECEIVEDAT, FILENAME, FILE_ROW) = 1
) AS arrived
ON kept.SOURCE = arrived.SOURCE AND kept.ID = arrived.ID
WHEN NOT MATCHED THEN INSERT (
  ID, SOURCE, TYPE, TIME, SUBJECT, DATASCHEMA, RECEIVED_AT, RECEIPT_ID, RECEIPT_INDEX, RECEIPT_COUNT,
  PRINCIPAL, DATA, EXTENSIONS, FILENAME, FILE_ROW, LOADED_AT
) VALUES (
  arrived.ID, arrived.SOURCE, arrived.TYPE, arrived.TIME, arrived.SUBJECT, arrived.DATASCHEMA,
  arrived.RECEIVED_AT, arrived.RECEIPT_ID, arrived.RECEIPT_INDEX, arrived.RECEIPT_COUNT,
  arrived.PRINCIPAL, arrived.DATA, arrived.EXTENSIONS, arrived.FILENAME, arrived.FILE_ROW, arrived.LOADED_AT
);

ALTER TASK {{ database }}.CORE.LOAD_EVENTS RESUME;
