-- Rows of openclaw-verify.event/1 as a table. `files` is a variable: SET VARIABLE files = 'logs/*.jsonl';
-- `events` is without what machines wrote for a time that has not come: one of them with a wrong clock would make every question about
-- the newest day one about a day on which no other machine wrote. future.sql names them.
-- Columns are named, so that no type is guessed from the first rows. Unknown keys of a later version are ignored.
-- A line that was cut off stops no question: it is in `lines`, as are rows of another version and those without what each row has, and
-- not-rows.sql counts them. DuckDB gives a line that is no JSON object as one of nulls, and null for a value of another type.
-- `at` is read as text: a time out of DuckDB's range would be an error of the whole question, and 'infinity' one that is never past.
CREATE OR REPLACE VIEW lines AS
SELECT *, coalesce(
    "schema" = 'openclaw-verify.event/1' AND event IS NOT NULL AND findings IS NOT NULL AND excepted IS NOT NULL
    AND (event <> 'subject' OR subject IS NOT NULL)
    AND regexp_matches("at", '^[0-9]{4}-') AND try_cast("at" AS TIMESTAMP) IS NOT NULL, false) AS is_row
FROM read_json(
    getvariable('files'),
    format = 'newline_delimited',
    ignore_errors = true,
    filename = 'file',
    columns = {
        'schema': 'VARCHAR', event: 'VARCHAR', "at": 'VARCHAR', host: 'VARCHAR', tool: 'VARCHAR', 'full': 'BOOLEAN', whole: 'BOOLEAN',
        policy: 'VARCHAR', 'lock': 'VARCHAR', reviews: 'VARCHAR', advisories: 'VARCHAR',
        subject: 'VARCHAR', kind: 'VARCHAR', source: 'VARCHAR', version: 'VARCHAR', enabled: 'BOOLEAN',
        tree: 'VARCHAR', dependencies: 'VARCHAR', definition: 'VARCHAR', settings: 'VARCHAR', instructions: 'VARCHAR',
        basis: 'VARCHAR', integrity: 'VARCHAR', pinning: 'VARCHAR', provenance: 'VARCHAR', review: 'VARCHAR', advisory: 'VARCHAR',
        level: 'VARCHAR', findings: 'VARCHAR[]', excepted: 'VARCHAR[]', message: 'VARCHAR',
        exit: 'INTEGER', subjects: 'BIGINT', deny: 'BIGINT', warn: 'BIGINT', note: 'BIGINT'
    }
);

CREATE OR REPLACE VIEW all_events AS
SELECT * EXCLUDE (file, is_row) REPLACE (CAST("at" AS TIMESTAMP) AS "at"), CAST(CAST("at" AS TIMESTAMP) AS DATE) AS day
FROM lines
WHERE is_row;

CREATE OR REPLACE VIEW events AS
SELECT * FROM all_events WHERE epoch_ms("at") <= epoch_ms(now()) + 5 * 60 * 1000;
