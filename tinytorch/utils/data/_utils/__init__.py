"""Helpers of the loader."""

from __future__ import annotations

#: Seconds after which the ends of a connection look whether the other one is still there.
MP_STATUS_CHECK_INTERVAL = 5.0

from . import collate as collate  # noqa: E402  (they use the number above)
from . import fetch as fetch  # noqa: E402
from . import pin_memory as pin_memory  # noqa: E402
from . import worker as worker  # noqa: E402
