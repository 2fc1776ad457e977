-- What is other than the day before, on hosts that reported on both days?
WITH daily AS (
    SELECT host, subject, day, max_by(struct_pack(version, tree, dependencies, definition, settings, instructions, level), "at") AS state
    FROM events
    WHERE event = 'subject' AND day >= (SELECT max(day) - 1 FROM events)
    GROUP BY ALL
), days AS (SELECT max(day) AS today FROM events),
today AS (SELECT * FROM daily WHERE day = (SELECT today FROM days)),
before AS (SELECT * FROM daily WHERE day = (SELECT today - 1 FROM days))
SELECT coalesce(t.host, b.host) AS host, coalesce(t.subject, b.subject) AS subject,
    CASE WHEN b.state IS NULL THEN 'new' WHEN t.state IS NULL THEN 'gone' ELSE 'changed' END AS what,
    b.state.version AS was, t.state.version AS is_now
FROM today t FULL JOIN before b USING (host, subject)
WHERE t.state IS DISTINCT FROM b.state
    AND coalesce(t.host, b.host) IN (SELECT host FROM today INTERSECT SELECT host FROM before)
ORDER BY host, subject;
