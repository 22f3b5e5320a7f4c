"""One realistic promise with everything it rests on, and ways to change it."""

from __future__ import annotations

from datetime import date
from typing import Any

import yaml

from trialflow.spec.catalog import Catalog
from trialflow.spec.parsing import parse_metric, parse_source

TODAY = date(2026, 2, 16)

EXPERIMENT = """\
slug: search-ranker-v2
title: Two-tower ranker on the search page
hypothesis: >-
  Ranking search results by the two-tower model raises the share of users who buy within a week of their
  first search by at least 2 %.
mechanism: The model sees co-purchases that the BM25 ranker cannot see, so the first page holds more wanted items.
owner: search-relevance@shop.example
slack_channel: "#search-experiments"
source: shop_events
unit: user_id
layer: search_page
audience: Signed-in users of the web shop who search at least once
variants:
  - name: control
    role: control
    weight: 0.5
    model_version: bm25-2025-11
  - name: two_tower
    role: treatment
    weight: 0.5
    model_version: two-tower-2.3.1
metrics:
  primary:
    metric: purchase_rate
    minimum_effect: {relative: 0.02}
  secondary: [revenue_per_user, basket_value]
  guardrails:
    - metric: search_errors
      margin: {relative: 0.05}
    - metric: complaint_rate
      margin: {absolute: 0.0005}
  diagnostics: [searches_per_user]
segments:
  - dimension: device
    values: [phone, desktop]
calendar:
  first_day: 2026-03-02
  last_day: 2026-03-29
  maturity_days: 6
  max_extension_days: 14
  time_zone: Europe/Berlin
  ramp:
    - day: 2026-03-02
      weights: {control: 0.9, two_tower: 0.1}
    - day: 2026-03-05
      weights: {control: 0.5, two_tower: 0.5}
analysis:
  alpha: 0.05
  power: 0.9
  stopping:
    policy: group_sequential
    looks: [14, 21]
  variance_reduction: {method: cuped, pre_period_days: 28}
  multiplicity: holm
  novelty: {policy: required, early_days: 3, late_days: 4, horizon_days: 14}
decision:
  rollout:
    - {share: 0.25, days: 3}
    - {share: 1.0, days: 7}
"""

SOURCE = """\
name: shop_events
grain: units
description: The shop's event tables
exposures:
  table: analytics.exposures
  unit: user_id
  variant: variant
  timestamp: exposed_at
  experiment: experiment
  segments: {device: device, country: country}
facts:
  purchases: {table: analytics.events, unit: user_id, timestamp: occurred_at, filter: name = 'purchase'}
  searches: {table: analytics.events, unit: user_id, timestamp: occurred_at, filter: name = 'search'}
  errors: {table: analytics.errors, unit: user_id, timestamp: occurred_at}
population: {table: analytics.visits, unit: user_id, timestamp: occurred_at}
complete: {by: marker}
"""

MOMENTS_SOURCE = """\
name: published
grain: daily_moments
description: Published moments per day
moments: {table: published_moments}
exposures: {table: published_exposures}
complete: {by: marker}
"""

METRICS = {
    "purchase_rate": """\
name: purchase_rate
kind: proportion
source: shop_events
measure: {fact: purchases}
direction: increase
window: {to_day: 6}
owner: search-relevance
description: Share of users who buy within a week of their first search
""",
    "revenue_per_user": """\
name: revenue_per_user
kind: mean
source: shop_events
measure: {fact: purchases, value: amount}
direction: increase
unit: EUR
cap: {value: 500}
owner: finance
description: Revenue per exposed user
""",
    "basket_value": """\
name: basket_value
kind: ratio
source: shop_events
measure: {fact: purchases, value: amount}
denominator: {fact: purchases}
direction: increase
owner: finance
description: Revenue per purchase
""",
    "search_errors": """\
name: search_errors
kind: count
source: shop_events
measure: {fact: errors}
direction: decrease
owner: search-platform
description: Errors per exposed user
""",
    "complaint_rate": """\
name: complaint_rate
kind: proportion
source: shop_events
measure: {fact: errors, filter: kind = 'complaint'}
direction: decrease
owner: support
description: Share of users who complain
""",
    "searches_per_user": """\
name: searches_per_user
kind: count
source: shop_events
measure: {fact: searches}
direction: increase
owner: search-relevance
description: Searches per exposed user
""",
    "week_retention": """\
name: week_retention
kind: retention
source: shop_events
measure: {fact: searches}
direction: increase
window: {from_day: 1, to_day: 6}
owner: search-relevance
description: Share of users who search again within a week
""",
    "clicks": """\
name: clicks
kind: mean
source: published
measure: {fact: clicks}
direction: increase
owner: archive
description: Published clicks per user
""",
}


def catalog(**changed: str) -> Catalog:
    """The shop's catalog; keyword arguments replace or add the text of metrics or sources by name."""
    sources = {"shop_events": SOURCE, "published": MOMENTS_SOURCE}
    source_texts = {name: changed.get(name, text) for name, text in sources.items()}
    metric_texts = METRICS | {name: text for name, text in changed.items() if name not in sources}
    return Catalog(
        metrics={name: parse_metric(text, f"metrics/{name}.yaml") for name, text in metric_texts.items()},
        sources={name: parse_source(text, f"sources/{name}.yaml") for name, text in source_texts.items()},
    )


def changed(text: str, changes: dict[str, Any]) -> str:
    """The YAML text with values set at dotted paths; `...` removes the field."""
    document = yaml.safe_load(text)
    for dotted, value in changes.items():
        *sections, leaf = dotted.split(".")
        holder = document
        for section in sections:
            holder = holder[int(section)] if isinstance(holder, list) else holder.setdefault(section, {})
        if value is ...:
            del holder[leaf]
        elif isinstance(holder, list):
            holder[int(leaf)] = value
        else:
            holder[leaf] = value
    return yaml.safe_dump(document, sort_keys=False)
