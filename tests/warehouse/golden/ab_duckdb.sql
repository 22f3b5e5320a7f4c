WITH seen AS (
    SELECT exposures.unit AS unit,
      exposures.arm AS arm,
      exposures.cell AS cell,
      min(exposures."at") AS "at"
    FROM (
        SELECT unit_id AS unit,
          CASE CAST(variant AS VARCHAR) WHEN 'control' THEN 0 WHEN 'treatment' THEN 1 WHEN 'second' THEN 2 ELSE -1 END
              AS arm,
          CASE CAST(device AS VARCHAR) WHEN 'ios' THEN 1 WHEN 'android' THEN 2 ELSE 0 END
              + CASE CAST(country AS VARCHAR) WHEN 'de' THEN 3 ELSE 0 END AS cell,
          exposed_at AS "at"
        FROM exposures
        WHERE experiment = 'small-world'
          AND exposed_at >= '2024-03-27 23:00:00+00:00'
          AND exposed_at < '2024-04-03 22:00:00+00:00'
          AND unit_id IS NOT NULL
      ) AS exposures
    GROUP BY exposures.unit, exposures.arm, exposures.cell
  ),
ranked AS (
    SELECT seen.unit AS unit,
      seen.arm AS arm,
      seen.cell AS cell,
      seen."at" AS "at",
      first_value(seen.arm) OVER (PARTITION BY seen.unit ORDER BY seen."at", seen.arm, seen.cell) AS first_arm,
      first_value(seen.cell) OVER (PARTITION BY seen.unit ORDER BY seen."at", seen.arm, seen.cell) AS first_cell
    FROM seen
  ),
units AS (
    SELECT ranked.unit AS unit,
      min(ranked.first_arm) AS arm,
      min(ranked.first_cell) AS cell,
      min(ranked."at") AS "at",
      CAST(CAST(timezone('Europe/Berlin', CAST(min(ranked."at") AS TIMESTAMP WITH TIME ZONE)) AS DATE)
          - CAST('2024-03-28' AS DATE) AS INTEGER) AS entered,
      CAST(CAST(timezone('Europe/Berlin', CAST(min(CASE
          WHEN (ranked.arm != ranked.first_arm) THEN ranked."at" END) AS TIMESTAMP WITH TIME ZONE)) AS DATE)
          - CAST('2024-03-28' AS DATE) AS INTEGER) AS left_on
    FROM ranked
    GROUP BY ranked.unit
  ),
seen_before AS (
    SELECT DISTINCT units.unit AS unit
    FROM (
        SELECT unit_id AS unit,
          CAST(CAST(timezone('Europe/Berlin', CAST(occurred_at AS TIMESTAMP WITH TIME ZONE)) AS DATE)
              - CAST('2024-03-28' AS DATE) AS INTEGER) AS day
        FROM visits
        WHERE occurred_at >= '2024-03-13 23:00:00+00:00'
          AND occurred_at < '2024-04-02 22:00:00+00:00'
      ) AS earlier_visits
    JOIN units ON earlier_visits.unit = units.unit
    WHERE earlier_visits.day < units.entered
      AND earlier_visits.day >= units.entered - 14
  ),
units_with_past AS (
    SELECT units.unit AS unit,
      units.arm AS arm,
      units.cell + CASE WHEN (seen_before.unit IS NULL) THEN 0 ELSE 6 END AS cell,
      units."at" AS "at",
      units.entered AS entered,
      units.left_on AS left_on
    FROM units
    LEFT OUTER JOIN seen_before ON seen_before.unit = units.unit
  ),
touched AS (
    SELECT 0 AS measure,
      units_with_past.unit AS unit,
      units_with_past.arm AS arm,
      units_with_past.cell AS cell,
      units_with_past.entered AS entered,
      units_with_past.left_on AS left_on,
      facts.day - units_with_past.entered AS age,
      CAST(1 AS DOUBLE PRECISION) AS amount
    FROM (
        SELECT unit_id AS unit,
          occurred_at AS "at",
          CAST(CAST(timezone('Europe/Berlin', CAST(occurred_at AS TIMESTAMP WITH TIME ZONE)) AS DATE)
              - CAST('2024-03-28' AS DATE) AS INTEGER) AS day
        FROM events
        WHERE (name = 'buy')
          AND occurred_at >= '2024-03-13 23:00:00+00:00'
          AND occurred_at < '2024-04-03 22:00:00+00:00'
      ) AS facts
    JOIN units_with_past ON facts.unit = units_with_past.unit
    WHERE units_with_past.arm >= 0
      AND (facts."at" >= units_with_past."at" OR facts.day - units_with_past.entered < 0 AND facts.day
          - units_with_past.entered >= -14)
    UNION ALL
    SELECT 1 AS measure,
      units_with_past.unit AS unit,
      units_with_past.arm AS arm,
      units_with_past.cell AS cell,
      units_with_past.entered AS entered,
      units_with_past.left_on AS left_on,
      facts.day - units_with_past.entered AS age,
      coalesce(CAST(facts.value AS DOUBLE PRECISION), CAST(0.0 AS DOUBLE PRECISION)) AS amount
    FROM (
        SELECT unit_id AS unit,
          occurred_at AS "at",
          CAST(CAST(timezone('Europe/Berlin', CAST(occurred_at AS TIMESTAMP WITH TIME ZONE)) AS DATE)
              - CAST('2024-03-28' AS DATE) AS INTEGER) AS day,
          amount AS value
        FROM events
        WHERE (name = 'buy')
          AND occurred_at >= '2024-03-13 23:00:00+00:00'
          AND occurred_at < '2024-04-03 22:00:00+00:00'
      ) AS facts
    JOIN units_with_past ON facts.unit = units_with_past.unit
    WHERE units_with_past.arm >= 0
      AND (facts."at" >= units_with_past."at" OR facts.day - units_with_past.entered < 0 AND facts.day
          - units_with_past.entered >= -14)
    UNION ALL
    SELECT 2 AS measure,
      units_with_past.unit AS unit,
      units_with_past.arm AS arm,
      units_with_past.cell AS cell,
      units_with_past.entered AS entered,
      units_with_past.left_on AS left_on,
      facts.day - units_with_past.entered AS age,
      CAST(1 AS DOUBLE PRECISION) AS amount
    FROM (
        SELECT unit_id AS unit,
          occurred_at AS "at",
          CAST(CAST(timezone('Europe/Berlin', CAST(occurred_at AS TIMESTAMP WITH TIME ZONE)) AS DATE)
              - CAST('2024-03-28' AS DATE) AS INTEGER) AS day
        FROM events
        WHERE (name = 'view')
          AND occurred_at >= '2024-03-13 23:00:00+00:00'
          AND occurred_at < '2024-04-03 22:00:00+00:00'
      ) AS facts
    JOIN units_with_past ON facts.unit = units_with_past.unit
    WHERE units_with_past.arm >= 0
      AND (facts."at" >= units_with_past."at" OR facts.day - units_with_past.entered < 0 AND facts.day
          - units_with_past.entered >= -14)
    UNION ALL
    SELECT 3 AS measure,
      units_with_past.unit AS unit,
      units_with_past.arm AS arm,
      units_with_past.cell AS cell,
      units_with_past.entered AS entered,
      units_with_past.left_on AS left_on,
      facts.day - units_with_past.entered AS age,
      CAST(1 AS DOUBLE PRECISION) AS amount
    FROM (
        SELECT unit_id AS unit,
          occurred_at AS "at",
          CAST(CAST(timezone('Europe/Berlin', CAST(occurred_at AS TIMESTAMP WITH TIME ZONE)) AS DATE)
              - CAST('2024-03-28' AS DATE) AS INTEGER) AS day
        FROM events
        WHERE occurred_at >= '2024-03-13 23:00:00+00:00'
          AND occurred_at < '2024-04-03 22:00:00+00:00'
      ) AS facts
    JOIN units_with_past ON facts.unit = units_with_past.unit
    WHERE units_with_past.arm >= 0
      AND (facts."at" >= units_with_past."at" OR facts.day - units_with_past.entered < 0 AND facts.day
          - units_with_past.entered >= -14)
  ),
parts AS (
    SELECT 0 AS metric,
      0 AS position,
      0 AS measure,
      0 AS from_day,
      2 AS to_day,
      1 AS windowed
    UNION ALL
    SELECT 1 AS metric,
      0 AS position,
      1 AS measure,
      0 AS from_day,
      0 AS to_day,
      0 AS windowed
    UNION ALL
    SELECT 2 AS metric,
      0 AS position,
      1 AS measure,
      0 AS from_day,
      0 AS to_day,
      0 AS windowed
    UNION ALL
    SELECT 2 AS metric,
      1 AS position,
      2 AS measure,
      0 AS from_day,
      0 AS to_day,
      0 AS windowed
    UNION ALL
    SELECT 3 AS metric,
      0 AS position,
      3 AS measure,
      1 AS from_day,
      3 AS to_day,
      1 AS windowed
  ),
totals AS (
    SELECT parts.metric AS metric,
      touched.unit AS unit,
      touched.arm AS arm,
      touched.cell AS cell,
      touched.left_on AS left_on,
      parts.windowed AS windowed,
      touched.entered + CASE WHEN (parts.windowed = 1) THEN parts.to_day WHEN (touched.age > 0) THEN touched.age
          ELSE 0 END AS day,
      sum(CASE WHEN (parts.position = 0 AND touched.age >= 0) THEN touched.amount
          ELSE CAST(0.0 AS DOUBLE PRECISION) END) AS numerator,
      sum(CASE WHEN (parts.position = 1 AND touched.age >= 0) THEN touched.amount
          ELSE CAST(0.0 AS DOUBLE PRECISION) END) AS denominator,
      sum(CASE WHEN (parts.position = 0 AND touched.age < 0) THEN touched.amount ELSE CAST(0.0 AS DOUBLE PRECISION) END)
          AS pre_numerator,
      sum(CASE WHEN (parts.position = 1 AND touched.age < 0) THEN touched.amount ELSE CAST(0.0 AS DOUBLE PRECISION) END)
          AS pre_denominator
    FROM touched
    JOIN parts ON touched.measure = parts.measure
    WHERE (touched.age < 0 OR parts.windowed = 0 OR touched.age >= parts.from_day AND touched.age <= parts.to_day)
      AND touched.entered + CASE WHEN (parts.windowed = 1) THEN parts.to_day WHEN (touched.age > 0) THEN touched.age
          ELSE 0 END <= 6
      AND (touched.left_on IS NULL OR touched.entered + CASE WHEN (parts.windowed = 1) THEN parts.to_day
          WHEN (touched.age > 0) THEN touched.age ELSE 0 END < touched.left_on)
    GROUP BY parts.metric, touched.unit, touched.arm, touched.cell, touched.left_on, parts.windowed, touched.entered
        + CASE WHEN (parts.windowed = 1) THEN parts.to_day WHEN (touched.age > 0) THEN touched.age ELSE 0 END
  ),
running AS (
    SELECT totals.metric AS metric,
      totals.arm AS arm,
      totals.cell AS cell,
      totals.day AS day,
      totals.left_on AS left_on,
      sum(totals.numerator)
          OVER (PARTITION BY totals.metric, totals.unit ORDER BY totals.day ROWS BETWEEN UNBOUNDED PRECEDING
          AND CURRENT ROW) AS numerator_1,
      sum(totals.denominator)
          OVER (PARTITION BY totals.metric, totals.unit ORDER BY totals.day ROWS BETWEEN UNBOUNDED PRECEDING
          AND CURRENT ROW) AS denominator_1,
      sum(totals.pre_numerator)
          OVER (PARTITION BY totals.metric, totals.unit ORDER BY totals.day ROWS BETWEEN UNBOUNDED PRECEDING
          AND CURRENT ROW) AS pre_numerator_1,
      sum(totals.pre_denominator)
          OVER (PARTITION BY totals.metric, totals.unit ORDER BY totals.day ROWS BETWEEN UNBOUNDED PRECEDING
          AND CURRENT ROW) AS pre_denominator_1,
      sum(totals.numerator)
          OVER (PARTITION BY totals.metric, totals.unit ORDER BY totals.day ROWS BETWEEN UNBOUNDED PRECEDING
          AND CURRENT ROW) - totals.numerator AS numerator_0,
      sum(totals.denominator)
          OVER (PARTITION BY totals.metric, totals.unit ORDER BY totals.day ROWS BETWEEN UNBOUNDED PRECEDING
          AND CURRENT ROW) - totals.denominator AS denominator_0,
      sum(totals.pre_numerator)
          OVER (PARTITION BY totals.metric, totals.unit ORDER BY totals.day ROWS BETWEEN UNBOUNDED PRECEDING
          AND CURRENT ROW) - totals.pre_numerator AS pre_numerator_0,
      sum(totals.pre_denominator)
          OVER (PARTITION BY totals.metric, totals.unit ORDER BY totals.day ROWS BETWEEN UNBOUNDED PRECEDING
          AND CURRENT ROW) - totals.pre_denominator AS pre_denominator_0
    FROM totals
    WHERE totals.windowed = 0
  ),
states AS (
    SELECT totals.metric AS metric,
      totals.arm AS arm,
      totals.cell AS cell,
      totals.day AS day,
      totals.left_on AS left_on,
      CASE WHEN (totals.metric IN (0, 3)) THEN CASE WHEN (totals.numerator > 0) THEN CAST(1.0 AS DOUBLE PRECISION)
          ELSE CAST(0.0 AS DOUBLE PRECISION) END ELSE totals.numerator END AS numerator_1,
      totals.denominator AS denominator_1,
      CASE WHEN (totals.metric IN (0, 3)) THEN CASE WHEN (totals.pre_numerator > 0) THEN CAST(1.0 AS DOUBLE PRECISION)
          ELSE CAST(0.0 AS DOUBLE PRECISION) END ELSE totals.pre_numerator END AS pre_numerator_1,
      totals.pre_denominator AS pre_denominator_1,
      CAST(0.0 AS DOUBLE PRECISION) AS numerator_0,
      CAST(0.0 AS DOUBLE PRECISION) AS denominator_0,
      CAST(0.0 AS DOUBLE PRECISION) AS pre_numerator_0,
      CAST(0.0 AS DOUBLE PRECISION) AS pre_denominator_0
    FROM totals
    WHERE totals.windowed = 1
    UNION ALL
    SELECT running.metric AS metric,
      running.arm AS arm,
      running.cell AS cell,
      running.day AS day,
      running.left_on AS left_on,
      CASE WHEN (running.metric IN (0, 3)) THEN CASE WHEN (running.numerator_1 > 0) THEN CAST(1.0 AS DOUBLE PRECISION)
          ELSE CAST(0.0 AS DOUBLE PRECISION) END ELSE running.numerator_1 END AS numerator_1,
      running.denominator_1 AS denominator_1,
      CASE WHEN (running.metric IN (0, 3)) THEN CASE
          WHEN (running.pre_numerator_1 > 0) THEN CAST(1.0 AS DOUBLE PRECISION) ELSE CAST(0.0 AS DOUBLE PRECISION) END
          ELSE running.pre_numerator_1 END AS pre_numerator_1,
      running.pre_denominator_1 AS pre_denominator_1,
      CASE WHEN (running.metric IN (0, 3)) THEN CASE WHEN (running.numerator_0 > 0) THEN CAST(1.0 AS DOUBLE PRECISION)
          ELSE CAST(0.0 AS DOUBLE PRECISION) END ELSE running.numerator_0 END AS numerator_0,
      running.denominator_0 AS denominator_0,
      CASE WHEN (running.metric IN (0, 3)) THEN CASE
          WHEN (running.pre_numerator_0 > 0) THEN CAST(1.0 AS DOUBLE PRECISION) ELSE CAST(0.0 AS DOUBLE PRECISION) END
          ELSE running.pre_numerator_0 END AS pre_numerator_0,
      running.pre_denominator_0 AS pre_denominator_0
    FROM running
  ),
moved AS (
    SELECT states.metric AS metric,
      states.arm AS arm,
      states.cell AS cell,
      states.day AS day,
      states.left_on AS left_on,
      sum(states.numerator_1 - states.numerator_0) AS s0,
      sum(states.denominator_1 - states.denominator_0) AS s1,
      sum(states.pre_numerator_1 - states.pre_numerator_0) AS s2,
      sum(states.pre_denominator_1 - states.pre_denominator_0) AS s3,
      sum(states.numerator_1 * states.numerator_1 - states.numerator_0 * states.numerator_0) AS s4,
      sum(states.numerator_1 * states.denominator_1 - states.numerator_0 * states.denominator_0) AS s5,
      sum(states.numerator_1 * states.pre_numerator_1 - states.numerator_0 * states.pre_numerator_0) AS s6,
      sum(states.numerator_1 * states.pre_denominator_1 - states.numerator_0 * states.pre_denominator_0) AS s7,
      sum(states.denominator_1 * states.denominator_1 - states.denominator_0 * states.denominator_0) AS s8,
      sum(states.denominator_1 * states.pre_numerator_1 - states.denominator_0 * states.pre_numerator_0) AS s9,
      sum(states.denominator_1 * states.pre_denominator_1 - states.denominator_0 * states.pre_denominator_0) AS s10,
      sum(states.pre_numerator_1 * states.pre_numerator_1 - states.pre_numerator_0 * states.pre_numerator_0) AS s11,
      sum(states.pre_numerator_1 * states.pre_denominator_1 - states.pre_numerator_0 * states.pre_denominator_0) AS s12,
      sum(states.pre_denominator_1 * states.pre_denominator_1 - states.pre_denominator_0 * states.pre_denominator_0)
          AS s13
    FROM states
    GROUP BY states.metric, states.arm, states.cell, states.day, states.left_on
  )
SELECT answer.metric,
  answer.arm,
  answer.cell,
  answer.day,
  answer.left_on,
  answer.units,
  answer.s0,
  answer.s1,
  answer.s2,
  answer.s3,
  answer.s4,
  answer.s5,
  answer.s6,
  answer.s7,
  answer.s8,
  answer.s9,
  answer.s10,
  answer.s11,
  answer.s12,
  answer.s13
FROM (
    SELECT -1 AS metric,
      units_with_past.arm AS arm,
      units_with_past.cell AS cell,
      units_with_past.entered AS day,
      units_with_past.left_on AS left_on,
      count(*) AS units,
      CAST(NULL AS DOUBLE PRECISION) AS s0,
      CAST(NULL AS DOUBLE PRECISION) AS s1,
      CAST(NULL AS DOUBLE PRECISION) AS s2,
      CAST(NULL AS DOUBLE PRECISION) AS s3,
      CAST(NULL AS DOUBLE PRECISION) AS s4,
      CAST(NULL AS DOUBLE PRECISION) AS s5,
      CAST(NULL AS DOUBLE PRECISION) AS s6,
      CAST(NULL AS DOUBLE PRECISION) AS s7,
      CAST(NULL AS DOUBLE PRECISION) AS s8,
      CAST(NULL AS DOUBLE PRECISION) AS s9,
      CAST(NULL AS DOUBLE PRECISION) AS s10,
      CAST(NULL AS DOUBLE PRECISION) AS s11,
      CAST(NULL AS DOUBLE PRECISION) AS s12,
      CAST(NULL AS DOUBLE PRECISION) AS s13
    FROM units_with_past
    GROUP BY units_with_past.arm, units_with_past.cell, units_with_past.entered, units_with_past.left_on
    UNION ALL
    SELECT signed.metric AS metric,
      signed.arm AS arm,
      signed.cell AS cell,
      signed.day AS day,
      CAST(NULL AS INTEGER) AS left_on,
      CAST(NULL AS BIGINT) AS units,
      sum(signed.s0) AS s0,
      sum(signed.s1) AS s1,
      sum(signed.s2) AS s2,
      sum(signed.s3) AS s3,
      sum(signed.s4) AS s4,
      sum(signed.s5) AS s5,
      sum(signed.s6) AS s6,
      sum(signed.s7) AS s7,
      sum(signed.s8) AS s8,
      sum(signed.s9) AS s9,
      sum(signed.s10) AS s10,
      sum(signed.s11) AS s11,
      sum(signed.s12) AS s12,
      sum(signed.s13) AS s13
    FROM (
        SELECT moved.metric AS metric,
          moved.arm AS arm,
          moved.cell AS cell,
          moved.day AS day,
          moved.s0 AS s0,
          moved.s1 AS s1,
          moved.s2 AS s2,
          moved.s3 AS s3,
          moved.s4 AS s4,
          moved.s5 AS s5,
          moved.s6 AS s6,
          moved.s7 AS s7,
          moved.s8 AS s8,
          moved.s9 AS s9,
          moved.s10 AS s10,
          moved.s11 AS s11,
          moved.s12 AS s12,
          moved.s13 AS s13
        FROM moved
        UNION ALL
        SELECT moved.metric AS metric,
          moved.arm AS arm,
          moved.cell AS cell,
          moved.left_on AS day,
          -moved.s0 AS s0,
          -moved.s1 AS s1,
          -moved.s2 AS s2,
          -moved.s3 AS s3,
          -moved.s4 AS s4,
          -moved.s5 AS s5,
          -moved.s6 AS s6,
          -moved.s7 AS s7,
          -moved.s8 AS s8,
          -moved.s9 AS s9,
          -moved.s10 AS s10,
          -moved.s11 AS s11,
          -moved.s12 AS s12,
          -moved.s13 AS s13
        FROM moved
        WHERE moved.left_on IS NOT NULL
      ) AS signed
    GROUP BY signed.metric, signed.arm, signed.cell, signed.day
  ) AS answer
ORDER BY answer.metric, answer.arm, answer.cell, answer.day, answer.left_on;
