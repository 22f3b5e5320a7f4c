"""A look: one entry of the ledger of alpha."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum


class LookPurpose(StrEnum):
    """What a look spends alpha on; each purpose has its own budget."""

    EFFICACY = "efficacy"
    NON_INFERIORITY = "non_inferiority"
    HARM = "harm"


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One recorded look. Once recorded, information and boundary never change: alpha is spent once.

    `information` = 1 / std_error² of the contrast, `alpha_spent` is cumulative, `boundary` in standard errors (99 where
    nothing can be stopped yet), `z` the statistic (positive on the side the purpose looks at: good for efficacy and
    non-inferiority, bad for harm), `crossed` whether it lies beyond the boundary. `revision` counts re-evaluations of the
    same look on restated data, which keep the recorded information and boundary and change only `z`, `crossed` and
    `data_fingerprint`.
    """

    experiment: str
    variant: str
    metric: str
    purpose: LookPurpose
    as_of: date
    information: float
    alpha_spent: float
    boundary: float
    z: float
    crossed: bool
    data_fingerprint: str
    revision: int = 0
