-- Which hosts have other bytes under a version that many hosts have? One bad mirror, one tampered host.
--
-- Asked of each digest by itself. A digest is rare where at most 1 in 1000 hosts with this subject and version has it, and nine of ten
-- rows say one and the same: so neither a version that is being rolled out, nor a skill of one host alone, nor settings that every host
-- has for itself are named. Fewer than 100 rows of a version say nothing.
WITH recent AS (
    SELECT * FROM events WHERE event = 'subject' AND day >= (SELECT max(day) - 1 FROM events)
), counted AS (
    -- First without hosts: few groups are left of all rows.
    SELECT subject, version, tree, dependencies, definition, count(*) AS rows FROM recent GROUP BY ALL
), measured AS (
    SELECT subject, version, part, digest, sum(rows) AS rows
    FROM (UNPIVOT counted ON tree, dependencies, definition INTO NAME part VALUE digest)
    GROUP BY ALL
), shared AS (
    SELECT *, sum(rows) OVER same AS everywhere, max(rows) OVER same AS usual
    FROM measured
    WINDOW same AS (PARTITION BY subject, version, part)
), candidates AS (
    SELECT * FROM shared WHERE everywhere >= 100 AND usual >= 0.9 * everywhere AND rows <= greatest(10, 0.01 * everywhere)
)
SELECT min(host) AS host, c.subject, c.version, part, digest, count(DISTINCT host) AS hosts, any_value(everywhere)::BIGINT AS rows
FROM candidates c
JOIN recent r ON r.subject = c.subject AND r.version IS NOT DISTINCT FROM c.version AND digest IN (r.tree, r.dependencies, r.definition)
WHERE c.rows < usual
GROUP BY ALL
HAVING count(DISTINCT host) <= greatest(1, any_value(everywhere) / 1000)
ORDER BY host, c.subject, part;
