"""Irregularity of heartbeats. Knows nothing of BioT or AWS."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean


@dataclass(frozen=True)
class Settings:
    irregular_from: float
    fewest_beats: int


def settings_from(environment: Mapping[str, str]) -> Settings:
    """Read IRREGULAR_FROM, a share of the mean interval, and FEWEST_BEATS. Raises ValueError."""
    try:
        settings = Settings(float(environment.get("IRREGULAR_FROM", "0.1")), int(environment.get("FEWEST_BEATS", "30")))
    except ValueError:
        raise ValueError("IRREGULAR_FROM and FEWEST_BEATS must be numbers") from None
    if not (0 < settings.irregular_from < 1 and settings.fewest_beats >= 3):
        raise ValueError("IRREGULAR_FROM must be between 0 and 1, and FEWEST_BEATS 3 or more")
    return settings


def irregularity(intervals: object, settings: Settings) -> float | None:
    """Return how much successive intervals between beats, in milliseconds, differ, as a share of their mean.

    It is the root mean square of successive differences over the mean: a demonstration, not a diagnosis. None where
    there are too few intervals, or where one is not a plausible interval.
    """
    if not isinstance(intervals, list) or len(intervals) < settings.fewest_beats:
        return None
    if not all(isinstance(item, int | float) and 200 <= item <= 3000 for item in intervals):
        return None
    steps = [later - earlier for earlier, later in pairwise(intervals)]
    return math.sqrt(fmean(step * step for step in steps)) / fmean(intervals)
