"""What the commands do, and where concrete classes are put together.

``wiring`` is the composition root; ``cycle`` is ``once``, ``service`` is ``run``,
``stories`` what an operator decides, ``commands`` the rest.
"""

from aggregator.app.commands import (
    add_source,
    export_opml,
    probe,
    publish,
    retag,
    serving_store_metrics,
    status,
)
from aggregator.app.cycle import CycleReport, once
from aggregator.app.stories import merge_stories, split_story, withdraw
from aggregator.app.wiring import open_store, user_agent

__all__ = [
    "CycleReport",
    "add_source",
    "export_opml",
    "merge_stories",
    "once",
    "open_store",
    "probe",
    "publish",
    "retag",
    "serving_store_metrics",
    "split_story",
    "status",
    "user_agent",
    "withdraw",
]
