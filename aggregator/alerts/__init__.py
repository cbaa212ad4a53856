"""Somebody is told: what is wrong with a source for so long that a person must look.

``silence`` and ``judge`` decide and are pure, ``wording`` has the sentences,
``lookout`` remembers what is open, ``webhook`` tells.
"""

from aggregator.alerts.lookout import Lookout, open_alerts
from aggregator.alerts.webhook import deliver

__all__ = ["Lookout", "deliver", "open_alerts"]
