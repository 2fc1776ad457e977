-- Which hosts wrote rows for a time that has not come? Their clock is wrong, or what they write is not true. No other question counts
-- these rows.
SELECT host, count(*) AS rows, max("at") AS newest
FROM all_events
WHERE epoch_ms("at") > epoch_ms(now()) + 5 * 60 * 1000
GROUP BY ALL
ORDER BY host;
