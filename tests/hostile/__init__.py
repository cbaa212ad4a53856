"""Servers that want to break, deceive or exhaust whoever polls them, on loopback.

``network``, ``documents``, ``content`` and ``changing`` name the behaviours, each with
what must come of it, and ``good`` ten sources among them; ``server`` plays them. ``python -m tests.hostile`` serves them all
to any other program and prints their addresses.
"""

from tests.hostile import changing, content, documents, good, network
from tests.hostile.behaviour import Behaviour

#: By name, in the order of the modules.
BEHAVIOURS: dict[str, Behaviour] = {
    behaviour.name: behaviour
    for module in (network, documents, content, changing, good)
    for behaviour in module.BEHAVIOURS
}
