"""Several comparisons at once: corrections of a family of metrics, and of several variants."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from scipy.special import ndtr, stdtr

from tests.calibration.data import HEAVY, NORMAL, SMALL, UNEQUAL, UNEQUAL_HEAVY, ZEROS, Kind, moments
from tests.calibration.outcomes import ALPHA, error
from tests.calibration.study import Array, Claim, Generator, Rate, Study
from trialflow.stats import (
    Correction,
    Moments,
    adjusted,
    adjusted_intervals,
    against_control,
    anova,
    chi_square_of_shares,
    difference_in_means,
    dunnett,
    fixed_sequence,
    selected_intervals,
    weighted_bonferroni,
    weighted_holm,
    welch_anova,
)

METRICS = 10
FAMILY_WISE = (Correction.BONFERRONI, Correction.SIDAK, Correction.HOLM, Correction.HOCHBERG, Correction.HOMMEL)
# The last metric weighs most, and comes first in the promised order.
WEIGHTS = np.arange(1.0, METRICS + 1.0)
RATES = (Correction.BENJAMINI_HOCHBERG, Correction.BENJAMINI_YEKUTIELI)


def studies() -> Iterator[Study]:
    """All studies of families."""
    yield from _corrections()
    yield _family_intervals()
    yield from _variants()
    yield from _shares_of_variants()


def scores(generator: Generator, runs: int, *, correlation: float, effects: Array) -> Array:
    """Normal z-statistics (runs, metric) with equal correlation."""
    shared = generator.normal(size=(runs, 1))
    own = generator.normal(size=(runs, len(effects)))
    return effects + np.sqrt(correlation) * shared + np.sqrt(1.0 - correlation) * own


def _corrections() -> Iterator[Study]:
    designs = (
        ("10 metrics, none changed, independent", 0.0, np.zeros(METRICS)),
        ("10 metrics, none changed, correlation .7", 0.7, np.zeros(METRICS)),
        ("10 metrics, 5 changed, independent", 0.0, np.repeat([0.0, 3.0], 5)),
        ("10 metrics, 5 changed, correlation .7", 0.7, np.repeat([0.0, 3.0], 5)),
    )
    for data, correlation, effects in designs:
        null = effects == 0.0

        def draw(
            generator: Generator,
            runs: int,
            correlation: float = correlation,
            effects: Array = effects,
            null: Array = null,
        ) -> Sequence[Array]:
            p = 2.0 * ndtr(-np.abs(scores(generator, runs, correlation=correlation, effects=effects)))
            false = {one: (adjusted(p, one) <= ALPHA)[:, null].any(axis=1) for one in (Correction.NONE, *FAMILY_WISE)}
            ordered = (
                weighted_bonferroni(p, WEIGHTS),
                weighted_holm(p, WEIGHTS),
                fixed_sequence(p[:, ::-1])[:, ::-1],
            )
            weighted = [(one <= ALPHA)[:, null].any(axis=1) for one in ordered]
            shares = []
            for one in RATES:
                found = adjusted(p, one) <= ALPHA
                shares.append(found[:, null].sum(axis=1) / np.maximum(found.sum(axis=1), 1))
            return [*false.values(), *weighted, *shares]

        independent, none = correlation == 0.0, bool(null.all())
        exact = 1.0 - 0.95**METRICS
        yield Study(
            name=f"corrections, {data}",
            family="Corrections of a family",
            data=data,
            rates=(
                Rate(
                    method="no correction (wrong)",
                    quantity="any false alarm",
                    promised=exact if independent and none else ALPHA,
                    claim=Claim.HOLDS if independent and none else Claim.MEASURED,
                ),
                *(
                    Rate(method=name, quantity="any false alarm", promised=ALPHA, claim=Claim.AT_MOST)
                    for name in (
                        *(one.value for one in FAMILY_WISE),
                        "weighted bonferroni",
                        "weighted holm",
                        "fixed sequence",
                    )
                ),
                *(
                    Rate(method=one.value, quantity="false discovery rate", promised=ALPHA, claim=Claim.AT_MOST)
                    for one in RATES
                ),
            ),
            draw=draw,
            block=2000,
            blocks=20,
        )


def _family_intervals() -> Study:
    def draw(generator: Generator, runs: int) -> Sequence[Array]:
        truth = np.repeat([0.0, 0.3], 5)
        n = 200
        control, treatment = (
            Moments(
                n=np.full((runs, METRICS), float(n)),
                mean=centre + generator.normal(size=(runs, METRICS)) / np.sqrt(n),
                m2=generator.chisquare(n - 1, size=(runs, METRICS)),
            )
            for centre in (np.zeros(METRICS), truth)
        )
        estimate = difference_in_means(control, treatment)
        together = [adjusted_intervals(estimate, one, level=0.95) for one in (Correction.BONFERRONI, Correction.SIDAK)]
        p = 2.0 * stdtr(estimate.df, -np.abs(estimate.estimate / estimate.std_error))
        found = adjusted(p, Correction.BENJAMINI_HOCHBERG) <= ALPHA
        with np.errstate(invalid="ignore"):
            selected = selected_intervals(estimate, found, level=0.95)
            missed = found & ~((selected.lower <= truth) & (truth <= selected.upper))
        return (
            *(((one.lower <= truth) & (truth <= one.upper)).all(axis=1) for one in together),
            missed.sum(axis=1) / np.maximum(found.sum(axis=1), 1),
        )

    return Study(
        name="intervals of a family",
        family="Corrections of a family",
        data="10 metrics, 5 changed, independent, 200 / 200",
        rates=(
            Rate(method="Bonferroni's intervals", quantity="coverage of all", promised=0.95, claim=Claim.AT_LEAST),
            Rate(method="Šidák's intervals", quantity="coverage of all", promised=0.95),
            Rate(
                method="intervals of what was selected",
                quantity="false coverage rate",
                promised=ALPHA,
                claim=Claim.AT_MOST,
            ),
        ),
        draw=draw,
        block=1000,
        blocks=20,
    )


def _arms(generator: Generator, runs: int, kind: Kind) -> Moments:
    """Three treatments and a control; the last treatment varies as the kind's treatment does."""
    control, last = kind.pair(generator, runs)
    others = [kind.values(generator, (runs, kind.n_control)) for _ in range(2)]
    arms = [moments(one) for one in (control, *others, last)]
    return Moments(
        n=np.stack([one.n for one in arms], axis=-1),
        mean=np.stack([one.mean for one in arms], axis=-1),
        m2=np.stack([one.m2 for one in arms], axis=-1),
    )


def _variants() -> Iterator[Study]:
    designs = (
        (NORMAL, "normal, 4 × 500"),
        (HEAVY, "lognormal(1.5), 4 × 500"),
        (ZEROS, "95 % zeros, 4 × 500"),
        (SMALL, "normal, 4 × 8"),
        (UNEQUAL, "normal, 3 × 950 + 50, spread 1 : 2"),
        (UNEQUAL_HEAVY, "lognormal(1.5), 3 × 950 + 50"),
    )
    for kind, name in designs:

        def draw(generator: Generator, runs: int, kind: Kind = kind) -> Sequence[Array]:
            arms = _arms(generator, runs, kind)
            family = dunnett(against_control(arms), level=0.95)
            return (
                welch_anova(arms).p_value <= ALPHA,
                anova(arms).p_value <= ALPHA,
                (family.p_value <= ALPHA).any(axis=1),
            )

        # Dunnett's critical value is that of equal spreads; unequal ones make the comparisons less alike.
        welch = Claim.HOLDS if kind in (NORMAL, UNEQUAL) else Claim.MEASURED
        classical = Claim.HOLDS if kind in (NORMAL, SMALL) else Claim.MEASURED
        together = {NORMAL: Claim.HOLDS, UNEQUAL: Claim.AT_MOST}.get(kind, Claim.MEASURED)
        yield Study(
            name=f"variants, {name}",
            family="Several variants",
            data=name,
            rates=(
                error("Welch's analysis of variance", welch),
                error("classical analysis of variance", classical),
                Rate(method="Dunnett", quantity="any false alarm", promised=ALPHA, claim=together),
            ),
            draw=draw,
            block=250 if kind in (NORMAL, HEAVY, UNEQUAL) else 100,
            blocks=16 if kind in (NORMAL, HEAVY, UNEQUAL) else 20,
        )


def _shares_of_variants() -> Iterator[Study]:
    for share, sizes, claim in (
        (0.1, (2000, 2000, 2000, 2000), Claim.HOLDS),
        (0.1, (1900, 100, 100, 100), Claim.MEASURED),
        (0.1, (20, 20, 20, 20), Claim.MEASURED),
        (0.002, (2000, 2000, 2000, 2000), Claim.MEASURED),
    ):

        def draw(
            generator: Generator, runs: int, share: float = share, sizes: tuple[int, ...] = sizes
        ) -> Sequence[Array]:
            n = np.broadcast_to(np.asarray(sizes, dtype=float), (runs, len(sizes)))
            arms = Moments.from_proportion(n=n, successes=generator.binomial(sizes, share, size=(runs, len(sizes))))
            return (chi_square_of_shares(arms).p_value <= ALPHA,)

        equal = len(set(sizes)) == 1
        data = f"share {share:g}, " + (f"4 × {sizes[0]}" if equal else " + ".join(map(str, sizes)))
        yield Study(
            name=f"variants, {data}",
            family="Several variants",
            data=data,
            rates=(error("chi-square of shares", claim),),
            draw=draw,
            block=2000,
            blocks=10,
        )
