-- What is other than the day before, on hosts that reported on both days? A host says what is new or gone only where it judged everything
-- on the other day: a subject that a run of a part, or of `watch`, did not look at has neither come nor gone.
WITH recent AS (SELECT * FROM events WHERE day >= (SELECT max(day) - 1 FROM events)),
daily AS (
    SELECT host, subject, day, max_by(struct_pack(version, tree, dependencies, definition, settings, instructions, level), "at") AS state
    FROM recent
    WHERE event = 'subject'
    GROUP BY ALL
), days AS (SELECT max(day) AS today FROM recent),
today AS (SELECT * FROM daily WHERE day = (SELECT today FROM days)),
before AS (SELECT * FROM daily WHERE day = (SELECT today - 1 FROM days)),
complete AS (SELECT host, day FROM recent WHERE event = 'run' AND "full" GROUP BY ALL)
SELECT coalesce(t.host, b.host) AS host, coalesce(t.subject, b.subject) AS subject,
    CASE WHEN b.state IS NULL THEN 'new' WHEN t.state IS NULL THEN 'gone' ELSE 'changed' END AS what,
    b.state.version AS was, t.state.version AS is_now
FROM today t FULL JOIN before b USING (host, subject)
WHERE t.state IS DISTINCT FROM b.state
    AND coalesce(t.host, b.host) IN (SELECT host FROM today INTERSECT SELECT host FROM before)
    AND (b.state IS NOT NULL OR t.host IN (SELECT host FROM complete WHERE day = (SELECT today - 1 FROM days)))
    AND (t.state IS NOT NULL OR b.host IN (SELECT host FROM complete WHERE day = (SELECT today FROM days)))
ORDER BY host, subject;
