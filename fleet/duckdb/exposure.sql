-- How far is the fleet exposed to what is known to be bad? By finding, subject and version, with the number of hosts.
SELECT finding, subject, version, count(DISTINCT host) AS hosts
FROM (SELECT unnest(findings) AS finding, subject, version, host, day FROM events WHERE event = 'subject')
WHERE finding IN ('known-malicious', 'known-vulnerable') AND day >= (SELECT max(day) - 1 FROM events)
GROUP BY ALL
ORDER BY finding, hosts DESC, subject, version;
