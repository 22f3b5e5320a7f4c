"""Small experiments with the calendars that a test asks for."""

from __future__ import annotations

from datetime import date

from trialflow.spec import Experiment, parse_experiment

TEXT = """\
slug: {slug}
title: A test
hypothesis: It works.
mechanism: By magic.
owner: somebody
unit: user
source: shop
layer: test
audience: Everybody
variants:
  - {{name: control, role: {role}, weight: 0.5}}
  - {{name: treatment, role: treatment, weight: 0.5}}
calendar: {{first_day: {first}, last_day: {last}, maturity_days: {maturity}, max_extension_days: {extension}}}
metrics:
  primary: {{metric: orders, minimum_effect: {{relative: 0.01}}}}
replay: {replay}
"""


def experiment(
    first: str,
    last: str,
    *,
    slug: str = "test",
    maturity: int = 0,
    extension: int = 0,
    replay: bool = True,
    role: str = "control",
) -> Experiment:
    """A promise that is only looked at for its calendar."""
    text = TEXT.format(
        slug=slug,
        first=date.fromisoformat(first),
        last=date.fromisoformat(last),
        maturity=maturity,
        extension=extension,
        replay=str(replay).lower(),
        role=role,
    )
    return parse_experiment(text, f"{slug}.yaml")
