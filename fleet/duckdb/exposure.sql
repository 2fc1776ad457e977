-- How far is the fleet exposed to what is known to be bad? By finding, subject and version, with the number of hosts. What an exception
-- covers is there all the same: each machine's user may write its policy.
WITH recent AS (
    SELECT * FROM events WHERE event = 'subject' AND day >= (SELECT max(day) - 1 FROM events)
), named AS (
    SELECT unnest(findings) AS finding, false AS excepted, subject, version, host FROM recent
    UNION ALL
    SELECT unnest(excepted), true, subject, version, host FROM recent
)
SELECT finding, subject, version, excepted, count(DISTINCT host) AS hosts
FROM named
WHERE finding IN ('known-malicious', 'known-vulnerable')
GROUP BY ALL
ORDER BY finding, hosts DESC, subject, version, excepted;
