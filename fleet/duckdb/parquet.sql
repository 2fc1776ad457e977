-- The table from Parquet, in place of events.sql.
CREATE OR REPLACE VIEW events AS
SELECT * FROM read_parquet('parquet/*/*.parquet', hive_partitioning = true);
