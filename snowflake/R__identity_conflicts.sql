-- Events that came again under a (SOURCE, ID) already kept, with other content. CORE keeps the first;
-- here is what the later one said. TO_JSON compares by value, whatever the order of keys. TIME is not compared:
-- a client that names none gets another at each retry.
CREATE OR REPLACE VIEW {{ database }}.OPS.IDENTITY_CONFLICTS AS
SELECT
  later.SOURCE AS SOURCE,
  later.ID AS ID,
  later.RECEIVEDAT AS RECEIVEDAT,
  later.RECEIPTID AS RECEIPTID,
  later.RECEIPTINDEX AS RECEIPTINDEX,
  later.PRINCIPAL AS PRINCIPAL,
  later.TYPE AS TYPE,
  kept.TYPE AS KEPT_TYPE,
  later.SUBJECT AS SUBJECT,
  kept.SUBJECT AS KEPT_SUBJECT,
  later.DATASCHEMA AS DATASCHEMA,
  kept.DATASCHEMA AS KEPT_DATASCHEMA,
  later.DATA AS DATA,
  kept.DATA AS KEPT_DATA,
  later.EXTENSIONS AS EXTENSIONS,
  kept.EXTENSIONS AS KEPT_EXTENSIONS,
  later.LINE AS LINE,
  later.FILENAME AS FILENAME,
  later.FILE_ROW AS FILE_ROW,
  kept.FILENAME AS KEPT_FILENAME,
  kept.FILE_ROW AS KEPT_FILE_ROW
FROM (
  SELECT
    *,
    OBJECT_DELETE(
      AS_OBJECT(LINE),
      'specversion', 'id', 'source', 'type', 'time', 'subject', 'dataschema', 'datacontenttype',
      'data', 'data_base64', 'receivedat', 'receiptid', 'receiptindex', 'receiptcount',
      'principal', 'clientip', 'useragent', 'replayof', 'replayattempt'
    ) AS EXTENSIONS
  FROM {{ database }}.RAW.EVENTS
) AS later
JOIN {{ database }}.CORE.EVENTS AS kept
  ON kept.SOURCE = later.SOURCE AND kept.ID = later.ID
WHERE (later.FILENAME <> kept.FILENAME OR later.FILE_ROW <> kept.FILE_ROW)
  AND (
    later.TYPE IS DISTINCT FROM kept.TYPE
    OR later.SUBJECT IS DISTINCT FROM kept.SUBJECT
    OR later.DATASCHEMA IS DISTINCT FROM kept.DATASCHEMA
    OR TO_JSON(later.DATA) IS DISTINCT FROM TO_JSON(kept.DATA)
    OR TO_JSON(later.EXTENSIONS) IS DISTINCT FROM TO_JSON(kept.EXTENSIONS)
  );
