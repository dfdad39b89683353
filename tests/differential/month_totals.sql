-- A month's bill by SQL: written from the README and docs/decisions.md, not from the code.
-- Numbers go from the files' text to DECIMAL, never through a double. `files` holds the month's
-- seed, hour folder (null in the flat layout) and content; `plans` the seed's rules.

-- Every record. The quotes around the numbers keep the JSON reader from making doubles of them.
CREATE TEMP TABLE records AS
WITH quoted AS (
    SELECT seed, hour, regexp_replace(
        body,
        '("(?:value|pricePerUnit)"\s*:\s*)(-?[0-9][0-9.eE+-]*)', '\1"\2"', 'g') AS body
    FROM files
), records AS (
    SELECT seed, hour, unnest(from_json(body, '[{
        "externalPayerId": "VARCHAR", "dimension": "VARCHAR", "value": "VARCHAR",
        "pricePerUnit": "VARCHAR", "subscriptionId": "VARCHAR", "instanceId": "VARCHAR",
        "podName": "VARCHAR", "hostName": "VARCHAR", "timestamp": "VARCHAR"}]'),
        recursive := true)
    FROM quoted
)
SELECT
    seed, dimension, subscriptionId, instanceId, podName, hostName,
    externalPayerId AS payer,
    nullif(trim(externalPayerId), '') AS contract,
    "value"::DECIMAL(38, 12) AS quantity,
    pricePerUnit::DECIMAL(38, 12) AS price,
    coalesce(hour, CAST(date_trunc('hour', "timestamp"::TIMESTAMPTZ) AT TIME ZONE 'UTC' AS VARCHAR))
        AS hour,
    coalesce(podName, '') <> '' OR coalesce(instanceId, '') <> '' AS has_identity
FROM records;

-- Of several measurements of one pod or instance and hour the largest counts.
CREATE TEMP TABLE ranked AS
SELECT records.*, duplicates = 'max' AND has_identity AND 1 < row_number() OVER (
    PARTITION BY seed, hour, payer, dimension, subscriptionId, instanceId, podName, hostName,
        has_identity
    ORDER BY quantity DESC, price DESC NULLS LAST) AS dropped
FROM records JOIN plans USING (seed);

CREATE TEMP TABLE counted AS SELECT * FROM ranked WHERE NOT dropped;

CREATE TEMP TABLE totals AS
SELECT seed, contract, dimension, sum(quantity) AS total
FROM counted WHERE contract IS NOT NULL GROUP BY ALL;

-- What the formulas read, exactly: totals have at most 6 decimals where there are formulas, and
-- prices at most 8. Else it is an error.
CREATE TEMP TABLE priced AS
SELECT seed, contract,
    coalesce(sum(quantity::DECIMAL(24, 6) * coalesce(price, 0)::DECIMAL(14, 8)), 0) AS cpu_price,
    coalesce(bool_or(price IS NULL AND quantity > 0), false) AS unpriced
FROM counted JOIN plans USING (seed)
WHERE dimension = 'cpu_core_hours' AND formulas AND contract IS NOT NULL
    AND CASE WHEN quantity = quantity::DECIMAL(24, 6)
            AND coalesce(price, 0) = coalesce(price, 0)::DECIMAL(14, 8)
        THEN true ELSE error('too many decimals for these formulas') END
GROUP BY ALL;

CREATE TEMP TABLE inputs AS
SELECT seed, contract, any_value(rounding) AS rounding,
    coalesce(sum(total) FILTER (dimension = 'cpu_core_hours'), 0) AS cpu,
    coalesce(sum(total) FILTER (dimension = 'replica_hours'), 0) AS replicas,
    coalesce(sum(total) FILTER (dimension = 'storage_allocated_byte_hours'), 0) AS bytes,
    coalesce(any_value(cpu_price), 0) AS cpu_price,
    coalesce(any_value(unpriced), false) AS failed
FROM totals JOIN plans USING (seed) LEFT JOIN priced USING (seed, contract)
WHERE formulas GROUP BY seed, contract;

CREATE TEMP TABLE amounts AS
SELECT seed, contract, dimension, total::DECIMAL(38, 12) AS amount, rounding
FROM totals JOIN plans USING (seed) WHERE NOT formulas
UNION ALL
SELECT seed, contract, 'compute_units', (cpu * 2 + (floor(replicas)::HUGEINT // 3))::DECIMAL(38, 12),
    rounding FROM inputs WHERE NOT failed
UNION ALL
SELECT seed, contract, 'uneven', greatest(cpu, replicas) - least(cpu, replicas), rounding
FROM inputs WHERE NOT failed;

-- The two amounts that have other decimals: prices have 14, and 1 / 2^30 has 30 of its own.
CREATE TEMP TABLE cents AS
SELECT seed, contract, 'cents' AS dimension, (cpu_price * 100)::DECIMAL(38, 14) AS amount, rounding
FROM inputs WHERE NOT failed;

CREATE TEMP TABLE gib AS
SELECT seed, contract, (bytes::DECIMAL(32, 6) * 1000000)::HUGEINT AS n,
    1000000::HUGEINT << 30 AS d, rounding
FROM inputs WHERE NOT failed;

CREATE TEMP TABLE gib_rounded AS
SELECT *, CASE rounding
    WHEN 'floor' THEN n // d
    WHEN 'ceiling' THEN (n + d - 1) // d
    ELSE (2 * n + d) // (2 * d) END AS quantity
FROM gib;

-- 5^30: a remainder of r / (10^6 * 2^30) is r * 5^30 / 10^36.
CREATE TEMP TABLE quantities AS
SELECT seed, contract, dimension, rounded::VARCHAR AS quantity, plain(amount - rounded) AS remainder
FROM (SELECT *, whole(amount, rounding) AS rounded FROM amounts)
UNION ALL
SELECT seed, contract, dimension, rounded::VARCHAR, plain(amount - rounded)
FROM (SELECT *, whole(amount, rounding) AS rounded FROM cents)
UNION ALL
SELECT seed, contract, 'storage_gib_hours', quantity::VARCHAR, plain(
    CASE WHEN n < quantity * d THEN '-' ELSE '' END || '0.'
    || lpad((abs(n - quantity * d) * 931322574615478515625::HUGEINT)::VARCHAR, 36, '0'))
FROM gib_rounded;
