-- Who ran this digest, and when was it seen first and last? SET VARIABLE digest = 'git-sha256:…';
SELECT host, subject, version, min("at") AS first_seen, max("at") AS last_seen
FROM events
WHERE event = 'subject' AND getvariable('digest') IN (tree, dependencies, definition)
GROUP BY ALL
ORDER BY host, subject;
