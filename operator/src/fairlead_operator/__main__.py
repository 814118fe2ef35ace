"""Runs the operator: `python -m fairlead_operator`."""

from fairlead_operator.main import run

if __name__ == "__main__":
    run()
