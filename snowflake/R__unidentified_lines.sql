-- Lines without an id or a source. The transform lets none through; whatever reaches the bucket by another
-- door is shown here, because CORE, which knows an event by (SOURCE, ID), cannot hold it.
CREATE OR REPLACE VIEW {{ database }}.OPS.UNIDENTIFIED_LINES AS
SELECT LINE, FILENAME, FILE_ROW, LOADED_AT
FROM {{ database }}.RAW.EVENTS
WHERE ID IS NULL OR SOURCE IS NULL;
