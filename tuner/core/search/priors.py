"""Every prior of the search, with where it is from.

"Curves": 173 measured curves of duration over memory from 40 public sources;
the 102 of them in ``bench/data/curves.jsonl``, with the noise of raw samples in
``bench/data/noise.jsonl``, are what the benchmark replays. "Assumed": wide
enough that data soon outweigh it. All spreads are standard deviations of the
logarithm of a duration; docs/search.md explains the model.
"""

from __future__ import annotations

import math

# Level. Assumed: nobody knows how long a function takes, so it is nearly flat.
LEVEL_VARIANCE = 25.0
ARCHITECTURE_VARIANCE = 0.2**2
"""Of a second architecture's level against the first's. Assumed."""
ARCHITECTURE_MISFIT_VARIANCE = 0.03**2
"""Of its shape against the first's. Assumed."""
PAYLOAD_LEVEL_VARIANCE = 2.0**2
"""A payload may well take fifty times as long as another. Assumed."""
PAYLOAD_MISFIT_VARIANCE = 0.2**2
"""Payloads of one function may scale differently: one waits where another computes. Assumed."""

# Shape and misfit
SHAPE_KINDS = (0.38, 0.34, 0.11, 0.09, 0.08)
"""Curves: CPU with a floor 67, with almost none 59, mild (waiting with some CPU) 19, super-linear first steps 16,
flat 12; their ranges of floor, exponent and saturation are in ``shapes.py``."""
MISFIT_LENGTH = 0.4
"""Of the misfit's Gaussian process, in log memory. Curves: threads, cliffs and rising ends are as wide."""
MISFIT_SPREADS = (0.01, 0.03, 0.08, 0.2)
MISFIT_PRIOR = (0.25, 0.35, 0.27, 0.13)
"""Curves: the family misses them by 2.6 % in the median, 5 % at the 75th percentile and 8 % at the 90th, in sample."""
MISFIT_PRIOR_WITH_CPU_TIME = (0.45, 0.38, 0.13, 0.04)
"""Threads and waiting are most of what the family misses, and CPU times show them. Assumed."""

# Noise of one invocation, and of its execution environment
NOISE_SPREADS = tuple(0.006 * 1.5**i for i in range(14))
NOISE_CENTRE, SHORT_NOISE_CENTRE = 0.07, 0.25
"""Middle of the prior over NOISE_SPREADS, log-normal with a spread of 1, for long and for short durations. Curves: the
median spread is 0.08 from 20 ms on and 0.35 below, the prior's middles a little lower."""
SHORT_LOG_MS = math.log(20.0)
ENVIRONMENT_SPREADS = (0.005, 0.04, 0.09)
ENVIRONMENT_PRIOR = (0.33, 0.34, 0.33)
"""Curves: sizes that must be equal, on one environment each, differ by 5 to 12 %; a function that waits does not."""
COLD_OFFSET = 0.5
"""How much slower the first invocation of an environment is, init apart. Assumed, as the two that follow."""
COLD_OFFSET_VARIANCE = 0.8**2
COLD_NOISE_VARIANCE = 0.25**2

# Slow outliers: a thin tail or a second mode. Curves: a tight core and rare values two to eight times larger.
TAIL_FACTORS = (2.0, 2.5, 3.1, 3.8, 5.0)
"""How much slower an invocation of the thin tail is, equally likely."""
OUTLIER_RANGE = (math.log(1.7), math.log(6.0))
"""An outlier's own excess is uniform in log over this; the core's noise comes on top."""
THIN_TAIL = (0.4, 40.0)
"""Beta prior of the thin tail's share: about 1 %, anywhere from 0 to 5 %. Curves: 0.5 % lie above twice the median."""
SECOND_MODE = (3.0, 12.0)
"""Beta prior of a second mode's share: about 20 %, from 6 to 39 %. All of it is slower by one factor."""
SECOND_MODE_PRIOR = 0.05
"""Curves: one size in ten has more than 13 % of its invocations above twice the median, some of them in a mode."""
MODE_RANGE = (math.log(1.5), math.log(8.0))
"""A second mode's factor is uniform in log over this."""
OUTLIER_SHARE = 0.4
"""No more of the warm invocations are taken for outliers: else the slow mode is the core."""

# CPU time over duration. Assumed from the examples, run on the embedded AWS.
CPU_RATIO_OFFSET = 0.03
"""Added to a ratio before its logarithm is taken: below some per cent the rest of the process decides."""
CPU_COMMON_ERROR = 0.08
"""Spread of what all sizes' ratios are off by: how a share is kept, and what counts as CPU time."""
CPU_OWN_ERROR = 0.08
"""Spread of what one size's ratio is off by, beside the scatter of its invocations."""
CPU_SCATTER = 0.15
"""Spread of one invocation's ratio."""
CPU_WIDE_SHARE, CPU_WIDE_FACTOR = 0.05, 5.0
"""With this probability the ratios are off by this factor more: the family is not the function's."""
UNTHROTTLED = 1.3
"""Above so many times its share an invocation was not held back: it is shorter than a period of the CPU's quota."""

# Earlier runs. Assumed; ``python -m bench nights`` measures what follows from it.
RUN_SPREAD = 0.03
"""By how much the durations of two runs an hour apart differ as a whole."""
DAYS_TO_DOUBLE = 10.0
"""After so many days this run's own part of that has twice the variance."""
CHANGED_PRIOR = 0.05
"""That the function is another one than in the latest run, when that has just ended …"""
CHANGED_PRIOR_PER_DAY = 0.01
"""… for each day since …"""
MOST_CHANGED_PRIOR = 0.5
"""… and at most."""
CHANGED_SHAPE_SHARE = 0.3
"""Of the changes, how many leave nothing of the curve; the others move the level."""
CHANGED_LEVEL_SPREAD = 0.5
"""How far a change moves the level."""

# Short functions, which run in steps of the CPU quota's period (``cpu_quota.py``)
QUOTA_PRIOR = 0.2
"""That a function as short as QUOTA_FASTEST_MS is best described so, against the smooth family. With one half, short
published curves missed their goal a point more often."""
QUOTA_FASTEST_MS = 350.0
"""Of a function whose fastest size takes longer, steps of 20 ms are no part worth looking for."""
QUOTA_DISTURBED = 0.02
"""Where other work on the machine moved a duration further than this, in log, steps cannot be told from it."""
QUOTA_CPU_MS = (2.0, 180.0)
"""CPU time at full speed: log-uniform."""
QUOTA_NO_WAIT = 0.4
"""That a function only computes."""
QUOTA_WAIT_MS = (0.5, 400.0)
"""Else its waiting, in all: log-uniform."""
QUOTA_WAITS = (1, 2, 3, 4)
"""In so many waits, equally likely, with bursts of CPU between them, before and after."""
QUOTA_PIECES = 2.0
"""Dirichlet prior of how CPU time and waiting are spread over the pieces."""
QUOTA_THREADED, QUOTA_PARALLEL = 0.33, (0.3, 1.0)
"""That a function computes on two threads, and then the share of its CPU time that they do side by side; uniform."""
QUOTA_STARTS_MS = (0.0, 3.25, 7.0)
"""After the period's begin: where handlers were seen to start (0, 3 to 3.5 and 7 ms)."""
QUOTA_STARTS = ((6.0, 5.2, 1.5), (0.6, 0.8, 0.8))
"""How often invocations start at each of them: Dirichlet priors, one near to what was seen of a function."""
QUOTA_STARTS_PRIOR = (0.6, 0.4)
QUOTA_JITTERS = (0.01, 0.03)
"""Spread of one invocation's CPU time. Seen: 1 to 2 %."""
QUOTA_MISFITS = (0.012, 0.05)
"""Of a size's mean. The mechanism's error on the one function that was seen is 3 % in the median, 10 % at most."""
QUOTA_MISFIT_LENGTH = 0.15
QUOTA_EDGE_MISFIT = 0.25
"""And, of the spread of a size's invocations, so much: how often each of its modes is met is not known."""
QUOTA_ENVIRONMENT = 0.015
"""Environments of equal hosts. Seen: 1 to 2 % away from edges."""
QUOTA_OTHER_HOSTS, QUOTA_OTHER_SHARES = (-0.154, 0.095), (0.08, 0.02)
"""CPU time on other hosts, in log, and their share. Seen in one Region at full speed: 2.5 GHz 90 %, 2.9 and 3.0 GHz
8 %, AMD 2 %."""
QUOTA_CLOCK_MS = 0.15
"""Spread of what a duration has besides: waking up, the clock's resolution."""
QUOTA_OWN_NOISE = 0.012
"""Spread of an invocation within a mode."""
QUOTA_WAIT_JITTERS = (0.015, 0.04)
"""Spread of one invocation's waits. Assumed."""
QUOTA_CPU_ERRORS = (0.02, 0.08)
"""Spread of what all CPU times are off by, if they are observed; equally likely. Assumed, as CPU_COMMON_ERROR."""
QUOTA_TAIL = 0.01
"""Share of slow outliers that the likelihood allows for."""
