"""The documents there are, and the writing of those whose content changed.

`desk` reads the store once for all of them; `feeds`, `archives`, `profiles`, `agenda`,
`pages` and `lists` say what each shows; `publishing` writes; `status` tells of the sources.
"""

from aggregator.documents.archives import archives_of
from aggregator.documents.desk import Channel, Desk, Edition, channels, day_of
from aggregator.documents.feeds import feed_names
from aggregator.documents.publishing import editions, opened, publish, recover, stand
from aggregator.documents.status import STATUS, count_states, status, write_status

__all__ = [
    "STATUS",
    "Channel",
    "Desk",
    "Edition",
    "archives_of",
    "channels",
    "count_states",
    "day_of",
    "editions",
    "feed_names",
    "opened",
    "publish",
    "recover",
    "stand",
    "status",
    "write_status",
]
