-- The same rows as Parquet, one folder a day. Variables: files (JSONL). The target is parquet/ in the working folder.
-- Sorted by subject, so that a question about one subject reads few row groups.
COPY (SELECT * FROM all_events ORDER BY day, subject, version)
TO 'parquet' (FORMAT parquet, COMPRESSION zstd, PARTITION_BY (day), OVERWRITE_OR_IGNORE);
