"""Several replicas of one GAN under `tf.distribute`: what they share in a step, and which part of a batch each learns from.

Each replica takes its slice of the global batch and of its random numbers (`draws`), and the mean of their gradients moves all.
So N replicas at batch size b train the GAN that one trains at N·b, up to the rounding of sums, save for what looks across a batch:
batch norm and minibatch features see a replica's slice alone, a penalty on a share of the batch takes that share of each slice,
dropout draws the same mask for every slice, and an optimizer's `clipnorm` cuts each replica's gradient before the mean is taken.
"""

import keras
import numpy as np
import tensorflow as tf

CHECKED_EVERY = 10  # steps between two looks at whether one of several workers wants to stop


def prepare(gan) -> None:
    """Make a compiled GAN's optimizers and reports right for as many replicas as its strategy has."""
    replicas = gan.distribute_strategy.num_replicas_in_sync
    if replicas == 1:
        return
    for optimizer in (gan.g_optimizer, gan.d_optimizer):
        optimizer.loss_scale_factor = replicas  # Keras sums the replicas' gradients, and divides by this: their mean


def _across_processes(gan) -> bool:
    return isinstance(gan.distribute_strategy, tf.distribute.MultiWorkerMirroredStrategy)


def in_a_row(gan, results: dict) -> dict:
    """What a step reports, as Keras can take it from several workers: float32 (1, n).

    Keras 3.15 takes each number's mean over workers along axis 0, which a scalar does not have ("Invalid reduction dimension 0"),
    and sends two messages for each. In a row they are two for all.
    """
    return {"row": tf.stack(list(results.values()))[None]} if _across_processes(gan) else results


def with_names(gan, train_function):
    """A training function whose results, of several workers `in_a_row`, have their names again."""
    if not _across_processes(gan) or hasattr(train_function, "row_of"):
        return train_function

    def named(iterator):
        return dict(zip(gan.means, train_function(iterator)["row"]))

    named.row_of = train_function
    return named


def _context():
    """The replica that this code runs in, where there are others; otherwise None."""
    context = tf.distribute.get_replica_context()
    return None if context is None or context.num_replicas_in_sync == 1 else context


def average(variables) -> None:
    """In a step: bring float variables that each replica changed by itself, such as batch norm's, to their mean."""
    context, variables = _context(), [variable for variable in variables if variable.dtype == "float32"]
    if context is None or not variables:
        return
    means = context.all_reduce("MEAN", [tf.identity(variable.value) for variable in variables])
    for variable, mean in zip(variables, means):
        variable.assign(mean)


def gathered(values):
    """In a step: what all replicas have, along the first axis: (n, …) → (n · replicas, …)."""
    context = _context()
    return values if context is None else context.all_gather(values, axis=0)


def distributed(batches, strategy, first_epoch: int, grouped):
    """Batches of `gan_helpers.pipeline` shared out among a strategy's replicas: each reads its own slice only, epoch after epoch.

    Keras would have every worker read whole batches, and throw away what is others'.

    Args:
        grouped: brings a replica's batches into the form that a step takes.
    """

    def of_a_worker(context):
        replicas = context.num_replicas_in_sync
        here = replicas // context.num_input_pipelines
        first = here * context.input_pipeline_id
        shares = [grouped(batches.share(first + k, replicas, first_epoch)) for k in range(here)]
        turns = tf.data.Dataset.range(here).repeat()
        return shares[0] if here == 1 else tf.data.Dataset.choose_from_datasets(shares, turns)

    return strategy.distribute_datasets_from_function(of_a_worker)


class InStep(keras.callbacks.Callback):
    """All workers begin at the same step, and stop at the same one: when any of them wants to. It stands last in the list."""

    def __init__(self, strategy):
        super().__init__()

        @tf.function
        def gather(own):
            return strategy.run(lambda: tf.distribute.get_replica_context().all_gather(own[None], axis=0))

        self._gather = gather

    def _of_all(self, number: int) -> list[int]:
        """This worker's number and the others', in the order of the workers."""
        return [int(found) for found in self._gather(tf.constant(number, tf.int64))]

    def on_train_begin(self, logs=None):
        self._wanted = False
        steps = self._of_all(int(np.asarray(self.model.steps)))
        if len(set(steps)) > 1:
            raise ValueError(f"the workers begin at steps {steps}: all of them must see the same run folder")

    def on_train_batch_end(self, batch, logs=None):
        self._wanted |= self.model.stop_training
        self.model.stop_training = (batch + 1) % CHECKED_EVERY == 0 and self._any_wants_to_stop()

    def on_epoch_end(self, epoch, logs=None):
        self._wanted |= self.model.stop_training
        self.model.stop_training = self._any_wants_to_stop()

    def _any_wants_to_stop(self) -> bool:
        return any(self._of_all(int(self._wanted)))
