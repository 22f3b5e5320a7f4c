"""Numbers to words. Shares stay in [0, 1] everywhere else; only here do they become percent and percentage points."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from trialflow.spec.experiment import Amount
from trialflow.spec.metric import Metric, MetricKind, Ranked

NOT_AVAILABLE = "not available"
MINUS = "\N{MINUS SIGN}"
MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
SMALLEST_P = 0.0001
ISO_DAY = re.compile(r"(?<![\w-])\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])\b(?![-\d])")
MOST_DECIMALS = 8


def decimals_for(spread: float | None, *, digits: int = 2) -> int:
    """Decimals that show `digits` significant digits of a spread: an estimate is no finer than its uncertainty."""
    if spread is None or not math.isfinite(spread) or spread <= 0:
        return 2
    return min(max(digits - 1 - math.floor(math.log10(spread)), 0), MOST_DECIMALS)


def fixed(value: float, decimals: int) -> str:
    """A plain number: thousands separated, a real minus sign, never a negative zero."""
    if math.isinf(value):
        return f"{MINUS}∞" if value < 0 else "∞"
    text = f"{abs(value):,.{decimals}f}"
    negative = value < 0 and any(digit in text for digit in "123456789")
    return MINUS + text if negative else text


def signed(value: float, decimals: int) -> str:
    """As `fixed`, with a plus sign in front of positive numbers."""
    text = fixed(value, decimals)
    positive = value > 0 and (math.isinf(value) or any(digit in text for digit in "123456789"))
    return f"+{text}" if positive else text


def significant(value: float, digits: int = 3) -> str:
    """A number with so many significant digits, trailing zeros of the decimals dropped."""
    text = fixed(value, decimals_for(abs(value), digits=digits))
    return text.rstrip("0").rstrip(".") if "." in text else text


def percent(share: float, decimals: int | None = None) -> str:
    """A share as percent; without `decimals` three significant digits."""
    return f"{significant(share * 100)}%" if decimals is None else f"{fixed(share * 100, decimals)}%"


def p_value(value: float | None) -> str:
    """`p = 0.0086`; very small ones as a bound, because further digits carry nothing."""
    if value is None:
        return f"p {NOT_AVAILABLE}"
    return f"p < {SMALLEST_P}" if value < SMALLEST_P else f"p = {probability(value)}"


def probability(value: float | None) -> str:
    """A probability left as a number (p-values, alpha spent), two significant digits."""
    if value is None:
        return NOT_AVAILABLE
    if 0 < value < SMALLEST_P:
        return f"< {SMALLEST_P}"
    return significant(value, 2) if value < 0.99 else significant(value, 3)  # 0.995 must not read as 1


def day(value: date) -> str:
    """`14 March 2014`."""
    return f"{value.day} {MONTHS[value.month - 1]} {value.year}"


def short_day(value: date) -> str:
    """`14 Mar 2014`."""
    return f"{value.day} {MONTHS[value.month - 1][:3]} {value.year}"


def rewritten_days(text: str, how: Callable[[date], str]) -> str:
    """The text with each `2014-03-14` as `how` writes it; people also write what is no day (`2014-02-30`), and it stays."""

    def written(found: re.Match[str]) -> str:
        try:
            return how(date.fromisoformat(found.group(0)))
        except ValueError:
            return found.group(0)

    return ISO_DAY.sub(written, text)


def period(first: date, last: date) -> str:
    """Both days inclusive: `1 to 14 March 2014`."""
    if first == last:
        return day(first)
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day} to {day(last)}"
    start = day(first) if first.year != last.year else f"{first.day} {MONTHS[first.month - 1]}"
    return f"{start} to {day(last)}"


def days(first: date, last: date) -> tuple[date, ...]:
    """Every day from first to last, both inclusive."""
    return tuple(first + timedelta(days=step) for step in range((last - first).days + 1))


def whole(value: float) -> str:
    """A count: `44,700`."""
    return fixed(value, 0)


def counted(count: int, noun: str, plural: str = "") -> str:
    """`1 look`, `3 looks`."""
    return f"{whole(count)} {noun if count == 1 else plural or noun + 's'}"


def listed(items: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    *rest, last = items or ("",)
    return f"{', '.join(rest)} and {last}" if rest else last


def plain(name: str) -> str:
    """A column name as words: `user_id` is a user."""
    return name.removesuffix("_id").replace("_", " ")


def sentence(text: str) -> str:
    """With a capital first letter, a full stop and days in words; names of metrics and variants keep their own spelling."""
    stripped = rewritten_days(text.strip(), day)
    if not stripped:
        return ""
    first = stripped.split(" ", 1)[0]
    name = not first.replace("-", "").replace("'", "").isalpha()
    start = stripped if name else stripped[0].upper() + stripped[1:]
    return start + ("" if stripped[-1] in ".!?:" else ".")


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricScale:
    """How values and effects of one metric are written: `factor` × number, then the suffix or the unit."""

    factor: float
    value_suffix: str
    effect_unit: str

    def decimals(self, *bounds: float | None) -> int:
        """Decimals for numbers whose interval has these ends (on the metric's own scale)."""
        ends = [bound * self.factor for bound in bounds if bound is not None and math.isfinite(bound)]
        return decimals_for((max(ends) - min(ends)) / 2 if len(ends) > 1 else abs(ends[0]) if ends else None)

    def value(self, value: float | None, decimals: int) -> str:
        """A variant's level: `19.02%`, `52.46 rounds`."""
        return NOT_AVAILABLE if value is None else f"{fixed(value * self.factor, decimals)}{self.value_suffix}"

    def level(self, value: float | None, decimals: int) -> str:
        """A variant's level where the unit stands elsewhere: `19.02%`, `52.46`."""
        suffix = self.value_suffix if self.value_suffix == "%" else ""
        return NOT_AVAILABLE if value is None else f"{fixed(value * self.factor, decimals)}{suffix}"

    def number(self, effect: float | None, decimals: int) -> str:
        """An effect without its unit (tables say the unit in the column)."""
        return NOT_AVAILABLE if effect is None else signed(effect * self.factor, decimals)

    def effect(self, effect: float | None, decimals: int) -> str:
        """An effect with its unit: `−0.82 percentage points`."""
        return NOT_AVAILABLE if effect is None else f"{signed(effect * self.factor, decimals)} {self.effect_unit}"

    def span(self, lower: float | None, upper: float | None, decimals: int) -> str:
        """`−1.33 to −0.31`; an open end is said so."""
        if lower is None and upper is None:
            return NOT_AVAILABLE
        if lower is None or lower == -math.inf:
            return "unbounded" if upper in (None, math.inf) else f"at most {self.number(upper, decimals)}"
        if upper is None or upper == math.inf:
            return f"at least {self.number(lower, decimals)}"
        return f"{self.number(lower, decimals)} to {self.number(upper, decimals)}"


RELATIVE = MetricScale(factor=100.0, value_suffix="%", effect_unit="%")


def scale_of(metric: Metric | None, unit: str) -> MetricScale:
    """The scale of a metric; `unit` is the experiment's randomisation unit, for metrics that state no unit."""
    if metric is not None and (metric.kind in (MetricKind.PROPORTION, MetricKind.RETENTION) or metric.unit == "share"):
        return MetricScale(factor=100.0, value_suffix="%", effect_unit="percentage points")
    written = metric.unit if metric is not None else ""
    if written in ("%", "percent"):
        return MetricScale(factor=1.0, value_suffix="%", effect_unit="percentage points")
    by_event = metric is not None and metric.ranked is Ranked.EVENTS
    label = written or ("per event" if by_event else f"per {plain(unit)}")
    return MetricScale(factor=1.0, value_suffix=f" {label}", effect_unit=label)


def relative_span(lower: float | None, upper: float | None, decimals: int) -> str:
    """A relative interval: `−7.0% to −1.6%`."""
    text = RELATIVE.span(lower, upper, decimals)
    if text in (NOT_AVAILABLE, "unbounded"):
        return "unbounded"  # a relative effect whose interval has no ends: the control is too close to zero
    return " to ".join(f"{part}%" for part in text.split(" to "))


def relative(value: float | None, decimals: int) -> str:
    """A relative effect: `−4.3%`."""
    return NOT_AVAILABLE if value is None else f"{signed(value * 100, decimals)}%"


def amount(size: Amount, scale: MetricScale) -> str:
    """A promised size: `1 percentage point`, `2% of the control value`."""
    if size.relative is not None:
        return f"{percent(size.relative)} of the control value"
    return absolute(size.absolute or 0.0, scale)


def absolute(size: float, scale: MetricScale) -> str:
    """A size without a sign, on the metric's own scale: `0.5 percentage points`."""
    number = significant(size * scale.factor)
    unit = "percentage point" if number == "1" and scale.effect_unit == "percentage points" else scale.effect_unit
    return f"{number} {unit}"
