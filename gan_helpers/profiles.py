"""`PROFILE`, the one parameter that every notebook has, picks one of three budgets."""

PROFILES = ("quick", "lesson", "full")


def choose_profile(profile: str, *, quick, lesson, full):
    """Return `quick`, `lesson` or `full`, whichever `profile` names.

    Raises:
        ValueError: `profile` is none of the three; the message lists them.
    """
    choices = dict(zip(PROFILES, (quick, lesson, full)))
    if profile not in choices:
        raise ValueError(f"PROFILE is {profile!r}; it must be one of {', '.join(map(repr, PROFILES))}")
    return choices[profile]
