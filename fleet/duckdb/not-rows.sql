-- Which files have lines that are no row, and so count nowhere else? A run was cut off there (also one whose first row was written behind
-- such a line is short of it), the rows are of another version, or what was written is not true. Asked of JSONL, after events.sql.
SELECT file, "schema", count(*) AS lines
FROM lines
WHERE NOT is_row
GROUP BY ALL
ORDER BY file, "schema";
