"""The synthetic source: users with a configured behaviour, or players of a game, who register, buy, bet and win.

Pure functions: parameters in, Arrow out; no clock, no file.
"""

from include.firstday.generator.events import events
from include.firstday.generator.postcodes import postcodes

__all__ = ["events", "postcodes"]
