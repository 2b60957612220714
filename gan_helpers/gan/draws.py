"""The random numbers of a training step: named streams, each a function of (run seed, step) alone.

So a run that was stopped goes on as if it had not been, and no draw depends on how many others there are. A stream is drawn
for the whole global batch; where a batch is shared out among replicas (`tf.distribute`), each takes its slice.
"""

import zlib
from dataclasses import dataclass, replace

# What the first version called by number: runs that it began go on with the same draws.
_NUMBERED = {"latents": 0, "penalty": 2, "shift": 3}


def stream_of(seed, name: str, *path):
    """The seed of one stream of random numbers.

    Args:
        seed: pair of integers, such as (run seed, step).
        name: of the stream.
        path: integers that tell apart the draws within it.

    Returns:
        int64 (2,), a function of all of them.
    """
    import tensorflow as tf

    pair = tf.stack([tf.cast(part, tf.int64) for part in seed])
    if name == "label_noise":  # as the first version drew it
        return tf.random.experimental.stateless_split(pair, 2)[path[-1]]
    for number in (_NUMBERED.get(name, zlib.crc32(name.encode()) >> 1), *path):
        pair = tf.random.experimental.stateless_fold_in(pair, number)
    return pair


@dataclass(frozen=True)
class Draws:
    """What a step, or a part of it, draws its random numbers from.

    Attributes:
        seed: the run's.
        step: number of the step, an int or an int64 scalar.
        path: integers that tell apart the parts of a step, such as 0 for its real images and 1 for its generated ones.
    """

    seed: object = 0
    step: object = 0
    path: tuple = ()

    def within(self, *path):
        """The draws of one part of this step."""
        return replace(self, path=(*self.path, *path))

    def normal(self, name: str, shape, axis: int = 0):
        """Standard normal numbers of the stream `name`, float32; `axis` is the one that counts the examples."""
        import tensorflow as tf

        return self._slice(tf.random.stateless_normal, name, shape, axis)

    def uniform(self, name: str, shape, low=0.0, high=1.0, axis: int = 0):
        """Numbers between low and high of the stream `name`: float32, or whole ones below `high` where both are whole."""
        import tensorflow as tf

        whole = isinstance(low, int) and isinstance(high, int)
        settings = dict(minval=low, maxval=high, dtype=tf.int32 if whole else tf.float32)
        return self._slice(tf.random.stateless_uniform, name, shape, axis, **settings)

    def _slice(self, draw, name, shape, axis, **settings):
        """This replica's part of what is drawn for all."""
        import tensorflow as tf

        seed = stream_of((self.seed, self.step), name, *self.path)
        context = tf.distribute.get_replica_context()
        replicas = 1 if context is None else context.num_replicas_in_sync
        if replicas == 1:
            return draw(shape, seed, **settings)
        known = [n if isinstance(n, int) else None for n in shape] if isinstance(shape, (tuple, list)) else None
        shape = tf.unstack(tf.convert_to_tensor(shape, tf.int32))
        n = shape[axis]
        shape[axis] = n * replicas
        rows = n * tf.cast(context.replica_id_in_sync_group, tf.int32) + tf.range(n)
        own = tf.gather(draw(tf.stack(shape), seed, **settings), rows, axis=axis)
        return own if known is None else tf.ensure_shape(own, known)
