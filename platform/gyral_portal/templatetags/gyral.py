"""How numbers, times and fields are written on pages."""

import math
import re
from datetime import datetime
from typing import Any

from django import template
from django.forms import BoundField
from django.utils import timezone
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString, mark_safe

from gyral.metrics.metric import title_of
from gyral_portal import style
from gyral_portal.prose import prose
from gyral_submissions.models import Benchmark

register = template.Library()

MISSING = "–"
MINUS = "−"
_SPAN = re.compile(r"`([^`\n]+)`")


@register.simple_tag
def stylesheet() -> SafeString:
    """All rules, in the page itself."""
    return mark_safe(f"<style>{style.TEXT}</style>")  # noqa: S308 - our own file


@register.filter
def markdown(text: str | None) -> SafeString:
    """What somebody wrote of their model; nothing of nothing."""
    return mark_safe(prose(text or ""))  # noqa: S308 - it comes out of a sanitiser


@register.filter
def score(value: float | None, digits: int = 3) -> str:
    """A score with a fixed number of digits and a real minus sign; a dash where there is none.

    >>> score(0.30149), score(-0.0204), score(None), score(-0.0001)
    ('0.301', '−0.020', '–', '0.000')
    """
    if value is None or not math.isfinite(value):
        return MISSING
    # Boards write thousands: a format that is known beforehand takes half as long.
    text = f"{value:.3f}" if digits == 3 else f"{value:.{digits}f}"
    if value >= 0:
        return text
    text = text.removeprefix("-")
    return MINUS + text if float(text) != 0 else text


@register.filter
def p_value(value: float | None) -> str:
    """A p-value as papers write it; a dash where there is none.

    >>> p_value(0.0412), p_value(0.00099), p_value(None)
    ('.041', '< .001', '–')
    """
    if value is None or not math.isfinite(value):
        return MISSING
    return "< .001" if value < 0.001 else f"{value:.3f}".removeprefix("0")


@register.filter
def metric_name(name: str) -> str:
    """A metric as people write it; unknown ones keep their identifier.

    >>> metric_name("pearson"), metric_name("other")
    ('Pearson r', 'other')
    """
    return title_of(name)


@register.filter
def unit_name(unit: str) -> str:
    """What a ceiling bounds: r, r² or a share of choices."""
    return {"r2": "r²", "share": "shares of choices"}.get(unit, unit)


# What the filter ``ceiling`` reads of a cell, score or region.
CEILING = (
    *("ceiling", "ceiling_low", "ceiling_high", "ceiling_unit"),
    *("ceiling_lower", "ceiling_lower_low", "ceiling_lower_high"),
)


@register.filter
def ceiling(cell: Any) -> str:
    """The ceiling of a cell or region: with its interval, or for RDMs from the lower bound on; a dash without one.

    >>> ceiling({"ceiling": 0.75, "ceiling_low": 0.71, "ceiling_high": 0.79, "ceiling_unit": "r2"})
    '0.75 (0.71 to 0.79) in r²'
    >>> ceiling({"ceiling": 0.67, "ceiling_lower": 0.37, "ceiling_unit": "r"}), ceiling({"ceiling": None})
    ('0.37 to 0.67 in r', '–')
    >>> bound = {"ceiling_lower": 0.37, "ceiling_lower_low": 0.3, "ceiling_lower_high": 0.44}
    >>> ceiling({"ceiling": 0.67, "ceiling_low": 0.6, "ceiling_high": 0.73, "ceiling_unit": "r"} | bound)
    '0.37 (0.30 to 0.44) to 0.67 (0.60 to 0.73) in r'
    """
    said = cell if isinstance(cell, dict) else {name: getattr(cell, name) for name in CEILING}
    if said.get("ceiling") is None:
        return MISSING
    ends = [_with_interval(said, name) for name in ("ceiling_lower", "ceiling") if said.get(name) is not None]
    return f"{' to '.join(ends)} in {unit_name(said['ceiling_unit'])}"


def _with_interval(said: dict[str, Any], name: str) -> str:
    low, high = said.get(f"{name}_low"), said.get(f"{name}_high")
    interval = "" if low is None or high is None else f" ({score(low, 2)} to {score(high, 2)})"
    return score(said[name], 2) + interval


_CEILINGS = {
    "ncsnr": "what repeats of a stimulus share",
    "split-half": "halves of the repeats",
    "loso": "what subjects share, one left out in turn",
    "extrapolation": "what endlessly many other subjects would predict",
    "consistency": "what other subjects predict, without their noise",
    "published": "the literature, named below",
    "rdm-bounds": "dissimilarities of the other subjects (below) and of all (above)",
    "people's agreement": "the choice of most other people (below) and of most people (above)",
}


@register.filter
def ceiling_from(kind: str | None) -> str:
    """Where a ceiling comes from, in words; unknown estimators keep their name.

    >>> ceiling_from("ncsnr"), ceiling_from("none"), ceiling_from("other")
    ('what repeats of a stimulus share', 'nothing: no bound of this score is known', 'other')
    """
    if kind in (None, "", "none"):
        return "nothing: no bound of this score is known"
    return _CEILINGS.get(str(kind), str(kind))


@register.filter
def split_words(name: str) -> str:
    """How stimuli are held out, in words; unknown splits keep their name.

    >>> split_words("contiguous-5"), split_words("leave-one-group-out")
    ('5 parts of consecutive stimuli, each held out in turn', 'each group of stimuli (run, story) held out in turn')
    """
    kind, _, folds = name.rpartition("-")
    if kind.startswith("leave-one-group-out") or name.startswith("leave-one-group-out"):
        return "each group of stimuli (run, story) held out in turn"
    what = {"contiguous": "consecutive stimuli", "grouped": "whole groups of stimuli"}.get(kind.partition("-")[0])
    return f"{folds} parts of {what}, each held out in turn" if what and folds.isdecimal() else name


@register.filter
def readout_name(name: str) -> str:
    """A readout as people say it; unknown ones keep their name.

    >>> readout_name("ridge"), readout_name("other")
    ('ridge regression', 'other')
    """
    return {"ridge": "ridge regression"}.get(name, name)


@register.filter
def milliseconds(seconds: float) -> str:
    """A time after stimulus onset.

    >>> milliseconds(0.05), milliseconds(-0.1)
    ('50 ms', '−100 ms')
    """
    return f"{1000 * seconds:g} ms".replace("-", MINUS)


@register.filter
def percent(value: float | None) -> str:
    """A share in whole percent; a dash where there is none.

    >>> percent(0.876), percent(None)
    ('88 %', '–')
    """
    return MISSING if value is None else score(100 * value, 0) + " %"


@register.filter
def seconds(value: float | None) -> str:
    """A duration in the two largest units that matter.

    >>> seconds(4.2), seconds(185), seconds(7500), seconds(None)
    ('4 s', '3 min 5 s', '2 h 5 min', '–')
    """
    if value is None:
        return MISSING
    whole = max(0, round(value))
    hours, minutes, rest = whole // 3600, whole % 3600 // 60, whole % 60
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


@register.filter
def size(value: int | None) -> str:
    """A number of bytes in a readable unit.

    >>> size(900), size(2_400_000)
    ('900 B', '2.3 MiB')
    """
    number = float(value or 0)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if number < 1024 or unit == "GiB":
            break
        number /= 1024
    return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"


@register.filter
def count(value: int | None) -> str:
    """A large number in thousands.

    >>> count(950), count(4_300_000), count(None)
    ('950', '4.3 M', '–')
    """
    if value is None:
        return MISSING
    for limit, unit in ((10**9, "G"), (10**6, "M"), (10**4, "k")):
        if value >= limit:
            return f"{value / (1000 if unit == 'k' else limit):.3g} {unit}"
    return f"{value}"


@register.filter
def region_title(name: str, benchmark: Benchmark) -> str:
    """What pages call a region of a benchmark."""
    return benchmark.region_title(name)


@register.filter
def canary_reason(finding: dict[str, Any], benchmark: Benchmark) -> str:
    """What a canary saw, with the title of the region where it scored best in place of the name.

    >>> made = Benchmark(regions=[{"name": "lh_V4", "title": "Left V4"}])
    >>> canary_reason({"reason": "It reaches r = 0.008 at best, in lh_V4.", "score": {"region": "lh_V4"}}, made)
    'It reaches r = 0.008 at best, in Left V4.'
    >>> canary_reason({"reason": "Runs 1-5 reach r = -0.008 at best.", "score": None}, made)
    'Runs 1-5 reach r = −0.008 at best.'
    """
    reason, name = _real_minus(str(finding["reason"])), (finding.get("score") or {}).get("region", "")
    if not name:
        return reason
    # As canaries write it: "in NAME" inside a sentence, or "NAME: " before one.
    where = rf"(?<=\bin ){re.escape(name)}(?=[\s,.;:])|^{re.escape(name)}(?=: )"
    return re.sub(where, lambda _: benchmark.region_title(name), reason)


def _real_minus(text: str) -> str:
    """Negative numbers in a sentence with the sign that numbers have elsewhere; hyphens stay."""
    return re.sub(r"(?<![\w.-])-(?=\.?\d)", MINUS, text)


@register.filter
def moment(value: datetime | None) -> SafeString:
    """A moment in UTC, machine-readable too."""
    if value is None:
        return SafeString(MISSING)
    utc = timezone.localtime(value, timezone.get_fixed_timezone(0))
    return format_html('<time datetime="{}">{} UTC</time>', utc.isoformat(), utc.strftime("%Y-%m-%d %H:%M"))


@register.filter
def code_spans(text: str) -> SafeString:
    """Text whose `words between backticks` become code; what is not marked as safe is escaped."""
    return mark_safe(_SPAN.sub(r"<code>\1</code>", conditional_escape(text)))  # noqa: S308 - escaped just before


@register.inclusion_tag("field.html")
def field(bound: BoundField) -> dict[str, Any]:
    """A form field with its label, help and errors beside it, tied together for screen readers."""
    kind = getattr(bound.field.widget, "input_type", "")
    grouped = bool(bound.use_fieldset)
    needed = bound.field.required or bound.name in getattr(bound.form, "needed", ())
    return {
        "field": bound,
        "grouped": grouped,
        "checkbox": kind == "checkbox" and not grouped,
        "optional": not needed and bound.field.initial is None,
    }
