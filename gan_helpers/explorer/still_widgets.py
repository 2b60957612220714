"""Stand-ins for controls of ipywidgets where that is missing: nothing can be pulled, but every cell runs and shows its picture.

try:
    import ipywidgets as widgets
except ImportError:
    from gan_helpers.explorer import still_widgets as widgets
"""

from types import SimpleNamespace

from gan_helpers.setup_check import without_sliders


class StillControl:
    """Holds what it is told and calls its observers, as a control does; displayed, it says why it cannot be moved."""

    def __init__(self, children=(), **settings):
        self._observers = []
        self.__dict__.update({**settings, "layout": SimpleNamespace(width=None), "children": children})

    def __setattr__(self, name, new):
        changed = name == "value" and new != getattr(self, "value", None)
        super().__setattr__(name, new)
        if changed:
            for handler in self._observers:
                handler(SimpleNamespace(new=new))

    def observe(self, handler, name):
        """Call `handler` when the value changes; no other trait changes by itself."""
        self._observers.append(handler)

    def on_click(self, handler):
        """Call `handler` when `click` is called."""
        self.click = lambda: handler(self)

    def add_class(self, name):
        """Nothing is shown, so nothing has a style."""

    remove_class = add_class

    def _repr_mimebundle_(self, include=None, exclude=None):
        print(without_sliders())
        return {}


def jslink(*_):
    """Two controls that a browser would keep equal; there is no browser."""


BoundedIntText = Button = Dropdown = FloatSlider = HBox = HTML = Image = IntSlider = Play = Text = VBox = StillControl
