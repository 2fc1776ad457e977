-- Rows of openclaw-verify.event/1 as a table. `files` is a variable: SET VARIABLE files = 'logs/*.jsonl';
-- `events` is without what machines wrote for a time that has not come: one of them with a wrong clock would make every question about
-- the newest day one about a day on which no other machine wrote. future.sql names them.
-- Columns are named, so that no type is guessed from the first rows. Unknown keys of a later version are ignored.
CREATE OR REPLACE VIEW all_events AS
SELECT *, CAST("at" AS DATE) AS day
FROM read_json(
    getvariable('files'),
    format = 'newline_delimited',
    columns = {
        'schema': 'VARCHAR', event: 'VARCHAR', "at": 'TIMESTAMP', host: 'VARCHAR', tool: 'VARCHAR', 'full': 'BOOLEAN',
        policy: 'VARCHAR', 'lock': 'VARCHAR', reviews: 'VARCHAR', advisories: 'VARCHAR',
        subject: 'VARCHAR', kind: 'VARCHAR', source: 'VARCHAR', version: 'VARCHAR', enabled: 'BOOLEAN',
        tree: 'VARCHAR', dependencies: 'VARCHAR', definition: 'VARCHAR', settings: 'VARCHAR', instructions: 'VARCHAR',
        basis: 'VARCHAR', integrity: 'VARCHAR', pinning: 'VARCHAR', provenance: 'VARCHAR', review: 'VARCHAR', advisory: 'VARCHAR',
        level: 'VARCHAR', findings: 'VARCHAR[]', excepted: 'VARCHAR[]', message: 'VARCHAR',
        exit: 'INTEGER', subjects: 'BIGINT', deny: 'BIGINT', warn: 'BIGINT', note: 'BIGINT'
    }
)
WHERE "schema" = 'openclaw-verify.event/1';

CREATE OR REPLACE VIEW events AS
SELECT * FROM all_events WHERE epoch_ms("at") <= epoch_ms(now()) + 5 * 60 * 1000;
