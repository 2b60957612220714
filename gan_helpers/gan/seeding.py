"""A seed for a while: what was random for the caller goes on as if nothing had been drawn."""

import contextlib
import random

import numpy as np


@contextlib.contextmanager
def seeded(seed: int):
    """Within the block all that Python, NumPy, TensorFlow and Keras draw is a function of `seed`; afterwards their state is back.

    Args:
        seed: an integer in 0…2³² − 1, as NumPy takes it.
    """
    import keras
    from keras.src.backend.common import global_state  # nothing public reads or restores these two states
    from tensorflow.python.eager import context

    names = ("global_random_seed", "global_seed_generator")
    of_keras = {name: global_state.get_global_attribute(name) for name in names}
    of_python, of_numpy = random.getstate(), np.random.get_state()
    tensorflow = context.context()
    of_tensorflow = {name: vars(tensorflow).get(name) for name in ("_seed", "_rng")}
    keras.utils.set_random_seed(seed)
    try:
        yield
    finally:
        random.setstate(of_python)
        np.random.set_state(of_numpy)
        vars(tensorflow).update(of_tensorflow)
        for name, value in of_keras.items():
            global_state.set_global_attribute(name, value)
