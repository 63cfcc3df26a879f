"""`python -m tenure`, which is `tenure`."""

from tenure.commands import main

if __name__ == "__main__":
    main()
