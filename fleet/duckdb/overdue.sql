-- Which hosts reached no verdict for a day before the newest row? Also those that only failed, or judged no more than a part.
WITH newest AS (SELECT max("at") AS "at" FROM events)
SELECT host, max("at") FILTER (event = 'run' AND whole) AS last_verdict, max("at") FILTER (event = 'failed') AS last_failure,
    max_by(message, "at") FILTER (event = 'failed') AS why
FROM events
WHERE host IS NOT NULL
GROUP BY host
HAVING coalesce(max("at") FILTER (event = 'run' AND whole) < (SELECT "at" FROM newest) - INTERVAL 1 DAY, true)
ORDER BY host;
