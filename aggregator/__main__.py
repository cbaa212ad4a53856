"""`python -m aggregator`, and the console script.

Worker processes import the main module again, so nothing heavy is imported here.
"""


def main() -> None:
    from aggregator.cli import main as run_command

    run_command()


if __name__ == "__main__":
    main()
