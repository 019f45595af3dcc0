"""Only what generates examples loads Hypothesis: unit tests run on every save."""

from __future__ import annotations

import hypothesis

# A slow machine is no wrong answer.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")
