"""How good the rules are: precision, recall and F1 on labelled files, a module a kind."""

from aggregator.evaluate.evaluation import Evaluation
from aggregator.evaluate.events import evaluate_events
from aggregator.evaluate.figures import Counts
from aggregator.evaluate.stories import evaluate_stories
from aggregator.evaluate.topics import evaluate_topics

__all__ = [
    "Counts",
    "Evaluation",
    "evaluate_events",
    "evaluate_stories",
    "evaluate_topics",
]
