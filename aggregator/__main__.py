"""`python -m aggregator`, and the console script.

Worker processes import the main module again, so nothing heavy is imported here.
"""

import gc

#: For `gc.set_threshold`. Imports and batches make much that stays, and few cycles:
#: looking for those after every 700 objects took an eighth of the main process's time.
COLLECT_AFTER = 50_000, 50, 20


def main() -> None:
    gc.set_threshold(*COLLECT_AFTER)
    from aggregator.cli import main as run_command

    try:
        run_command()
    finally:
        # Else Python looks for cycles in all that a crawl has made, once more before it
        # ends: an eighth of the CPU of one in which nothing changed.
        gc.freeze()


if __name__ == "__main__":
    main()
