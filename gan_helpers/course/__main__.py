"""`python -m gan_helpers.course …`: see `notebooks`."""

from gan_helpers.course.notebooks import main

if __name__ == "__main__":
    main()
