-- The tables from Parquet, in place of events.sql.
CREATE OR REPLACE VIEW all_events AS
SELECT * FROM read_parquet('parquet/*/*.parquet', hive_partitioning = true);

CREATE OR REPLACE VIEW events AS
SELECT * FROM all_events WHERE epoch_ms("at") <= epoch_ms(now()) + 5 * 60 * 1000;
