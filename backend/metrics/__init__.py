"""What one process counts and measures, for Prometheus; docs/observability.md lists all of it.

Names begin with ``chat_``, units are seconds, bytes and plain numbers (https://prometheus.io/docs/practices/naming/).
A label has few values, all of them known to the code: no user, no session, no text.

`families` has what is counted as it happens, `middleware` measures requests, `state` reads at each scrape what the
services know anyway, `loop_lag` watches the event loop.
"""

from backend.metrics.families import Metrics
from backend.metrics.middleware import Measure

__all__ = ["Measure", "Metrics"]
