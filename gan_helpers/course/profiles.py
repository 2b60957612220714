"""`PROFILE`, the one parameter that every notebook has, picks one of three budgets."""

import ast
import difflib
import sys

PROFILES = ("quick", "lesson", "full")


def choose_profile(profile: str, *, quick, lesson, full):
    """Return `quick`, `lesson` or `full`, whichever `profile` names.

    Raises:
        ValueError: `profile` is none of the three, or papermill was given a parameter that the notebook does not have;
            the message lists what is valid.
    """
    if "IPython" in sys.modules and (shell := sys.modules["IPython"].get_ipython()) is not None:
        _check_injected(shell.user_ns.get("In", []))
    choices = dict(zip(PROFILES, (quick, lesson, full)))
    if profile not in choices:
        raise ValueError(f"PROFILE is {profile!r}; it must be one of {', '.join(map(repr, PROFILES))}")
    return choices[profile]


def _check_injected(cells: list[str]) -> None:
    """Raise if papermill has set a name that the notebook's own parameters cell does not set.

    papermill itself only warns, and a run with `-p PROFIL quick` would be a lesson of many minutes. Its values come in
    a cell that begins with "# Parameters", between the notebook's own and the one that chooses the profile.
    """
    own, injected = ["", "", "", *cells][-3:-1]
    if not injected.startswith("# Parameters\n") or "PROFILE" not in (valid := _assigned(own)):
        return
    for name in _assigned(injected):
        if name not in valid:
            close = difflib.get_close_matches(name, valid, n=1)
            said = f" Did you mean {close[0]}?" if close else ""
            raise ValueError(f"{name} is no parameter of this notebook; it has {', '.join(valid)}.{said}")


def _assigned(cell: str) -> list[str]:
    """The names that a cell assigns on its outermost level."""
    try:
        statements = ast.parse(cell).body
    except SyntaxError:
        return []
    targets = [target for statement in statements if isinstance(statement, ast.Assign) for target in statement.targets]
    return [target.id for target in targets if isinstance(target, ast.Name)]
