"""`python -m fairlead_cli` is `fairlead`."""

from fairlead_cli.main import run

if __name__ == "__main__":
    run()
