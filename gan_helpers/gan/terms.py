"""Terms: the small values that say what a training step does, by name, as text, and as data.

An objective, a regulariser, an augmentation is a frozen dataclass or a plain function, registered by name with its kind
(`objectives.register`, `regularisers.register`, `augmentation.register`). From then on it can be called for by that name,
is saved with a GAN, belongs to a run's identity, stands in the table of recipes, and can be written on the command line:

    smoothness:0.05                    the fields in their order
    gradient_penalty:10:one_sided=true or by name
    until:26250:smoothness:0.05        a schedule, its number, and the term that it schedules
    r1:1+gradient_penalty              several, joined by +
"""

import dataclasses
import difflib
import inspect


class Kind:
    """The terms of one kind.

    Args:
        what: what one of them is called in messages.
        module: where they live, for messages.
    """

    def __init__(self, what: str, module: str):
        self.what, self.module = what, module
        self.known: dict[str, object] = {}
        self.short: dict[str, tuple[str, str]] = {}  # a common name: the term's, and a value that is meant by it

    def register(self, name: str):
        """Decorator that makes a term of one's own known by a name: a frozen dataclass whose instances are called, or a function.

        Raises:
            ValueError: the name is no plain word, or another term has it.
        """
        if not name.isidentifier():
            raise ValueError(f"{name!r} is no name for a term: letters, digits and _ only")

        def known_by_name(term):
            before = self.known.get(name)
            if before is not None and (before.__module__, before.__qualname__) != (term.__module__, term.__qualname__):
                raise ValueError(f"there is {self.what} {name!r} already: choose another name")
            self.known[name] = term
            return term

        return known_by_name

    def get(self, term):
        """A term, from its name, its text, what `as_data` gave, or itself.

        Raises:
            ValueError: no such term; the message names the closest, or lists them all.
        """
        if isinstance(term, str):
            return self.parse(term)
        if isinstance(term, dict):
            fields = dict(term)
            made = self._named(fields.pop("name", None))
            fields = {key: tuple(value) if isinstance(value, list) else value for key, value in fields.items()}
            if "term" in fields:
                fields["term"] = self.get(fields["term"])
            return made(**fields) if inspect.isclass(made) else made
        if inspect.isclass(term) and term in self.known.values():
            return term()
        if not callable(term) and not hasattr(term, "after_update"):
            raise ValueError(f"{term!r} is no {self.what}: give a name ({', '.join(self.known)}) or a callable")
        return term

    def get_all(self, terms) -> tuple:
        """Several terms as a tuple: from None, one term, a text with + between, or a list."""
        if terms is None or terms == "":
            return ()
        if isinstance(terms, str):
            terms = terms.split("+")
        return tuple(map(self.get, terms if isinstance(terms, (list, tuple)) else [terms]))

    def parse(self, text: str):
        """One term from its text, like "smoothness:0.05"."""
        name, *values = (word.strip() for word in text.split(":"))
        if name in self.short:
            name, meant = self.short[name]
            values.append(meant)
        made = self._named(name)
        if not inspect.isclass(made):
            if values:
                raise ValueError(f"{self.what} {name!r} takes no values; got {':'.join(values)!r}")
            return made
        fields, order = {}, [f.name for f in dataclasses.fields(made)]
        for i, value in enumerate(values):
            key, equals, rest = value.partition("=")
            key, value = (key, rest) if equals else (order[i] if i < len(order) else None, value)
            if key not in order:
                raise ValueError(f"{text!r}: {name} has no {key or f'value number {i + 1}'}; it has {', '.join(order)}")
            if key == "term":
                fields["term"] = self.parse(":".join(values[i:]))
                break
            fields[key] = _value(value)
        try:
            return made(**fields)
        except TypeError:
            raise ValueError(f"{text!r} is not whole: {name} needs {', '.join(order)}") from None

    def as_data(self, term) -> dict:
        """A term as plain data, ready for JSON; `get` makes it again.

        Raises:
            ValueError: a term without a name cannot be saved; the message says what to add.
        """
        for name, made in self.known.items():
            if term is made:
                return {"name": name}
            if inspect.isclass(made) and type(term) is made:
                fields = {f.name: getattr(term, f.name) for f in dataclasses.fields(made)}
                if "term" in fields:
                    fields["term"] = self.as_data(fields["term"])
                return {"name": name} | {k: list(v) if isinstance(v, tuple) else v for k, v in fields.items()}
        called = getattr(term, "__name__", type(term).__name__)
        raise ValueError(
            f"the {self.what} {called!r} has no name to be saved under: put @gh.{self.module}.register({_word(called)!r}) above "
            "its definition (a function, or a frozen dataclass), and make it at the top of a module"
        )

    def as_text(self, term) -> str:
        """A term as the text that `parse` reads, most defaults left out; for one that has no name, what Python calls it."""
        try:
            data = self.as_data(term)
        except ValueError:
            return getattr(term, "__name__", type(term).__name__)
        return _text(data, self.known)

    def _named(self, name):
        if name not in self.known:
            names = [*self.known, *self.short]
            close = difflib.get_close_matches(str(name), names)
            known = ", ".join(map(repr, close or names))
            raise ValueError(
                f"{name!r} is no {self.what}; {f'did you mean {known}?' if close else f'there are {known}'}"
            )
        return self.known[name]


def resized(term, before, after):
    """A term that was chosen for images of one shape (h, w, c), for images of another; itself where the size is nothing to it."""
    return term.resized(before, after) if hasattr(term, "resized") and tuple(before) != tuple(after) else term


def name_of(term) -> str:
    """What a term's value is called in history and plots."""
    if hasattr(term, "label"):
        return term.label
    if hasattr(term, "term"):  # a schedule
        return name_of(term.term)
    called = getattr(term, "__name__", type(term).__name__)
    return "".join(f"_{c.lower()}" if c.isupper() and i else c.lower() for i, c in enumerate(called))


def _word(called: str) -> str:
    return called if called.isidentifier() else "a_name"


def _value(text: str):
    """A number, true or false, or the text itself."""
    text = text.strip()
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _text(data: dict, known: dict) -> str:
    made = known[data["name"]]
    words, in_order = [data["name"]], True
    for i, f in enumerate(dataclasses.fields(made) if dataclasses.is_dataclass(made) else ()):
        value = data[f.name]
        if isinstance(value, dict):
            words.append(_text(value, known))
        elif (tuple(value) if isinstance(value, list) else value) == f.default and (i or not f.default):
            in_order = False
        else:
            said = str(value).lower() if isinstance(value, bool) else str(value)
            words.append(said if in_order else f"{f.name}={said}")
    return ":".join(words)
