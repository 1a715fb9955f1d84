"""How many users register by hour of the day and day of the week, UTC."""

import numpy as np

from include.firstday.generator.chance import Floats, Ints
from include.firstday.use_case.generator import Generator

HOURS = 24
PEAK_HOUR = 20
EPOCH_WEEKDAY = 3  # 1970-01-01 was a Thursday, and Monday is 0


def registrations(config: Generator, minutes: Ints) -> Floats:
    """Expected registrations of each minute since 1970; over a working day their mean is `registrations_per_minute`."""
    hours = minutes // 60
    by_hour = 1 + config.season.daily_swing * np.cos(2 * np.pi * (hours % HOURS - PEAK_HOUR) / HOURS)
    is_weekend = (hours // HOURS + EPOCH_WEEKDAY) % 7 >= 5
    by_day = np.where(is_weekend, config.season.weekend_factor, 1.0)
    return np.asarray(np.maximum(config.registrations_per_minute * by_hour * by_day, 1e-9))
