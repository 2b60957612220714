"""The exercises of lesson 07."""

import re

import numpy as np

from gan_helpers.course.exercises.checks import words
from gan_helpers.course.exercises.exercise import Cell, Exercise, Slip, Test

SETUP = """from gan_helpers.course import gallery"""

# Exercise 7.1: the word that tells each failure of the gallery, in the order in which they are looked for.
FAILURE_WORDS = ("won", "collapse", "oscillation", "range", "sigmoid", "norm", "noise", "rate", "frozen")
LOOK_AT = {
    "A": ("noise", "both accuracies are 1, and where does the dashed line lie?"),
    "B": ("range", "its curves are those of a healthy run; look at the background."),
    "C": ("collapse", "sixteen latent vectors, and how many different pictures?"),
    "D": ("frozen", "one loss is 0 from the beginning: which player is pleased, and which does not answer?"),
    "E": ("sigmoid", "both losses lie still on their dotted lines, as in a draw; do the pictures look like a draw?"),
    "F": ("oscillation", "follow one accuracy from left to right, and the one latent vector on its way."),
}


def _six() -> dict[str, str]:
    """Exercise 7.1: the right answer."""
    from gan_helpers.course import gallery

    return gallery.SIX


def _failure(name) -> str:
    """Exercise 7.1: the failure that a name means, by its telling word; "" for none."""
    said = " ".join(words(name))
    said = re.sub("oscillat(es|ing)", "oscillation", re.sub("collapsed", "collapse", said))
    return next((word for word in FAILURE_WORDS if re.search(rf"\b{word}\b", said)), "")


def _diagnosis(answer) -> dict[str, str]:
    """Exercise 7.1: letters and the failures that are named for them.

    Raises:
        TypeError: it is no dict.
        ValueError: letters are missing.
    """
    if not isinstance(answer, dict):
        raise TypeError('expected a dict such as {"A": "collapse", …}')
    found = {str(letter).strip().upper(): _failure(name) for letter, name in answer.items()}
    if missing := sorted(set(LOOK_AT) - set(found)):
        raise ValueError(f"no answer for run {', '.join(missing)}")
    return found


def _misnamed(letter: str) -> Test:
    return lambda answer: _diagnosis(answer)[letter] != LOOK_AT[letter][0]


def _run_is_healthy(run) -> bool:
    """Exercises 7.2 and 7.3: by the numbers of `gan_helpers.course.gallery`."""
    from gan_helpers.course import gallery

    if not isinstance(run, gallery.Specimen):
        raise TypeError("expected what gallery.train returns")
    if len(run.history) < gallery.ROWS:
        raise ValueError("the run is too short to tell: leave out rows")
    return gallery.is_healthy(run)


def _still(sign: str) -> Test:
    """Exercises 7.2 and 7.3: whether a run's first fault is said with these words."""

    def fits(run) -> bool:
        from gan_helpers.course import gallery

        return sign in gallery.what_is_wrong(run)

    return fits


def _run(real=0.75, fake=0.75, shares=(0.1,) * 10, diversity=0.9, background=10.0, noise=0.0, rows=None):
    """What `gallery.train` returns, with these numbers; a healthy run unless they say otherwise."""
    from gan_helpers.course import gallery
    from gan_helpers.gan.objectives import NonSaturating

    row = {"d_loss": 1.1, "g_loss": 1.0, "d_real_accuracy": real, "d_fake_accuracy": fake}
    pictures = np.zeros((16, 28, 28, 1), np.uint8), np.zeros((10, 28, 28, 1), np.uint8)
    history = [row] * (rows or gallery.ROWS)
    return gallery.Specimen(
        *pictures, history, np.array(shares), diversity, background, NonSaturating(label_noise=noise)
    )


SIGNS = (
    Slip(
        _still("tells"),
        "the discriminator wins: raise the generator's rate, or lower the discriminator's.",
        lambda: [_run(real=0.99, fake=0.98)],
    ),
    Slip(
        _still("accuracies"),
        "the discriminator does not keep up: raise its rate, or lower the generator's.",
        lambda: [_run(fake=0.1)],
    ),
    Slip(
        _still("background"),
        "the background is not black: in which range do the real pixels come, and are the rates too far apart?",
        lambda: [_run(background=127)],
    ),
    Slip(
        _still("classes"),
        "too few classes are in use: bring the two rates closer together.",
        lambda: [_run(shares=(1.0,) + (0.0,) * 9)],
    ),
    Slip(
        _still("diversity"),
        "the diversity is not that of real images: bring the two rates closer together, or lower both.",
        lambda: [_run(diversity=0.02)],
    ),
)


EXERCISES: dict[str, Exercise] = {
    "7.1": Exercise(
        title="six diagnoses",
        prompt="""Name the fault of each run. Use the names of the gallery, which are its headings; `print(*gallery.FAILURES, sep=", ")` lists them.""",
        stub="""answer_1 = ...  # {"A": "…", "B": "…", "C": "…", "D": "…", "E": "…", "F": "…"}""",
        answer="answer_1",
        hints=(
            "begin with the runs whose background is not black, or whose accuracies stand at exactly 0 or 1.",
            "where both accuracies are 1, read off the discriminator's loss, and compare it with the dashed line.",
        ),
        is_right=lambda answer: all(_diagnosis(answer)[letter] == right for letter, (right, _) in LOOK_AT.items()),
        why="Six faults by their charts: no single panel would have told them all.",
        solution="""answer_1 = {
    "A": "label noise's floor",
    "B": "pixels out of range",
    "C": "collapse",
    "D": "a frozen player",
    "E": "a sigmoid too many",
    "F": "oscillation",
}""",
        because="""Begin with what stands still at an end of its scale.

- **D**: the generator's loss is 0 from the beginning, and nothing generated is ever called generated. The discriminator does not answer: a frozen player.
- **E**: both losses stand still on their dotted lines from step 200 on. That would be a draw, and the pictures are no draw. The discriminator answers the same to everything: a sigmoid too many.
- **A**: both accuracies are 1, and the discriminator's loss lies on the dashed line, which is not at 0. Label noise's floor.
- **B**: the curves are those of a healthy run, but the background is grey. Pixels out of range.
- **C**: one picture, sixteen times, and a discriminator's loss above log 4. Collapse.
- **F**: what is left. The accuracy on generated images swings up and down, and the one latent vector changes its kind. Oscillation.""",
        afterwards=(Cell("markdown", "Run C once more:"), Cell("code", 'gallery.show("C")')),
        slips=tuple(
            Slip(_misnamed(letter), f"run {letter} is something else: {hint}", lambda made=made: [_six() | made])
            for (letter, (_, hint)), made in zip(
                LOOK_AT.items(),
                (
                    {"A": "the discriminator has won"},
                    {"B": "oscillation"},
                    {"C": "batch norm's leak"},
                    {"D": "collapse"},
                    {"E": "a frozen player"},
                    {"F": "collapse"},
                ),
            )
        ),
        right=lambda: [
            _six(),
            {letter.lower(): name.upper() for letter, name in _six().items()},
            _six()
            | {"A": "Label noise", "B": "Pixels are out of range.", "C": "it has collapsed", "F": "it oscillates"},
        ],
        raising=lambda: [("collapse", "expected a dict"), ({"A": "collapse"}, "no answer for run B, C, D, E, F")],
    ),
    "7.2": Exercise(
        title="repair run C",
        prompt="""Two of the runs are yours to repair. `gallery.settings_of("C")` shows how a run was trained (so name it first). Change what you think is wrong, train for ten seconds, look at `gallery.chart(mended_c)`, and have it checked. A run counts as healthy if both accuracies lie between 0.50 and 0.95, at least 4.5 classes are in use, the diversity lies between 0.5 and 1.5, and the background is black. The healthy run keeps all of these with room to spare on each of the three seeds.

Repair run C: `mended_c = gallery.train(gallery.Settings(g_rate=…, d_rate=…))`.""",
        stub="mended_c = ...",
        answer="mended_c",
        hints=(
            "which of the two players is too slow for the other?",
            "the healthy run's rates are the defaults of `gallery.Settings()`; do others work too?",
        ),
        is_right=_run_is_healthy,
        why="The discriminator keeps up, so no single picture stays right for long.",
        solution="mended_c = gallery.train(gallery.Settings(g_rate=2e-3, d_rate=2e-3), seed=7)",
        because="""The discriminator learned at a tenth of the generator's rate (`gallery.settings_of("C")`). Equal rates let it keep up.""",
        slips=SIGNS,
        afterwards=(Cell("code", "gallery.chart(mended_c)", ("nbval-ignore-output",)),),
        right=lambda: [_run(), _run(real=0.9, fake=0.6, diversity=1.2)],
        raising=lambda: [("healthy", "what gallery.train returns"), (_run(rows=3), "too short")],
    ),
    "7.3": Exercise(
        title="repair run A",
        prompt="""Repair run A. *Keep its label noise*, and mend what was hidden behind it.""",
        stub="mended_a = ...",
        answer="mended_a",
        hints=(
            "which fault does the noise disguise?",
            '`loss="non_saturating:0.0:0.3"` is the label noise. What else differs from the healthy run?',
        ),
        is_right=lambda run: _run_is_healthy(run) and run.objective.label_noise >= 0.3,
        why="With rates that match, label noise does no harm; before, it only hid who had won.",
        solution='mended_a = gallery.train(gallery.Settings(loss="non_saturating:0.0:0.3"), seed=7)',
        because="""The floor of 0.85 was reached because the generator learned at a hundredth of the discriminator's rate. With equal rates the noise may stay.""",
        slips=(
            *SIGNS,
            Slip(
                lambda run: run.objective.label_noise < 0.3,
                "healthy, but without the noise: keep loss='non_saturating:0.0:0.3'.",
                lambda: [_run()],
            ),
        ),
        afterwards=(Cell("code", "gallery.chart(mended_a)", ("nbval-ignore-output",)),),
        right=lambda: [_run(noise=0.3)],
    ),
}
