"""Where an explorer stands, as a short string that can be copied, mailed, put into a URL, and brought back."""

import math
import re
import zlib
from dataclasses import dataclass

VIEWS = (1, 4, 8)  # images per row of the picture, and rows
FURTHEST = 3.0  # of a slider: the prior's standard deviation is 1, so few numbers of a latent vector lie beyond 3

_FLOAT = r"-?\d+(?:\.\d+)?(?:e-\d+)?"  # as `repr` writes what lies between -3 and 3
_FIELD = re.compile(
    rf"(?P<key>[zsbwcv])(?P<number>\d+)|t(?P<truncation>{_FLOAT})|(?P<name>[pd]\d+)~(?P<offset>{_FLOAT})|(?P<straight>l)"
)


@dataclass(frozen=True)
class State:
    """Everything that decides an explorer's picture, but for the generator.

    Attributes:
        latent_dim: length of a latent vector.
        seed: draws the latent vectors A.
        to: the seed that draws the latent vectors B.
        walk: how far from A to B, in percent.
        straight: walk on the straight line, not on the sphere.
        truncation: strength, 0…1.
        class_number: of a conditional generator; None: all classes in turn.
        side: images per row, and rows.
        offsets: ("p0", 1.5) for principal direction 0, ("d17", -0.3) for dimension 17, those that are not 0.
    """

    latent_dim: int
    seed: int = 0
    to: int = 1
    walk: int = 0
    straight: bool = False
    truncation: float = 1.0
    class_number: int | None = None
    side: int = 1
    offsets: tuple[tuple[str, float], ...] = ()

    def __post_init__(self):
        ranges = (("seed", 2**31 - 1), ("to", 2**31 - 1), ("walk", 100), ("truncation", 1))
        wrong = [name for name, most in ranges if not 0 <= getattr(self, name) <= most]
        wrong += ["side"] if self.side not in VIEWS else []
        wrong += [name for name, offset in self.offsets if not -FURTHEST <= offset <= FURTHEST]
        if wrong:
            raise ValueError(f"{', '.join(wrong)} of {self!r} out of range")

    def __str__(self) -> str:
        fields = [f"z{self.latent_dim}", f"s{self.seed}", f"b{self.to}", f"v{self.side}"]
        fields += [f"w{self.walk}"] if self.walk else []
        fields += ["l"] if self.straight else []
        fields += [f"t{_shortest(self.truncation)}"] if self.truncation != 1 else []
        fields += [f"c{self.class_number}"] if self.class_number is not None else []
        fields += [f"{name}~{_shortest(offset)}" for name, offset in self.offsets]
        text = "_".join(fields)
        return f"{text}_{_checksum(text)}"

    @classmethod
    def parse(cls, text: str) -> "State":
        """The state that `str(state)` stands for.

        Raises:
            ValueError: it is no such string, or a part of one, or a changed one.
        """
        body, _, checksum = str(text).strip().rpartition("_")
        if not re.fullmatch(r"z\d+(_[\w.~-]+)*", body):
            raise ValueError(
                f"{text!r} is no state of an explorer: that begins with z and the length of a latent vector"
            )
        fields = [_FIELD.fullmatch(field) for field in body.split("_")]
        if checksum != _checksum(body) or not all(fields):
            raise ValueError(f"the state {text!r} is not whole: copy it again, from the first letter to the last")
        numbers = {field["key"]: field["number"] for field in fields if field["key"]}
        return cls(
            latent_dim=int(numbers["z"]),
            seed=int(numbers.get("s", 0)),
            to=int(numbers.get("b", 1)),
            walk=int(numbers.get("w", 0)),
            straight=any(field["straight"] for field in fields),
            truncation=next((float(field["truncation"]) for field in fields if field["truncation"]), 1.0),
            class_number=int(numbers["c"]) if "c" in numbers else None,
            side=int(numbers.get("v", 1)),
            offsets=tuple((field["name"], float(field["offset"])) for field in fields if field["name"]),
        )


def _shortest(number: float) -> str:
    """The shortest decimal that gives the same float back."""
    if not math.isfinite(number):
        raise ValueError(f"a number of a state is {number}; it must be finite")
    return repr(float(number)).removesuffix(".0")


def _checksum(text: str) -> str:
    """Against slips in copying: CRC-32, its lower half."""
    return f"{zlib.crc32(text.encode()) & 0xFFFF:04x}"
