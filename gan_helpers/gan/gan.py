"""One GAN: two players, one training step, and a slow-moving average of the generator."""

import dataclasses
import warnings

import keras
import numpy as np
import tensorflow as tf

from gan_helpers import data, images
from gan_helpers.gan import augmentation, bfloat16, latent, objectives, preflight, regularisers, replicas, terms
from gan_helpers.gan.augmentation import Adaptive, Shift
from gan_helpers.gan.draws import Draws
from gan_helpers.gan.generators import arranged, generate, in_turn, inputs_of, is_conditional, learned_from, range_of
from gan_helpers.gan.look import Look
from gan_helpers.gan.regularisers import Smoothness
from gan_helpers.gan.schedules import From, Until


def grow_gpu_memory() -> None:
    """Let TensorFlow take GPU memory as it needs it, not all at once. Without a GPU, nothing happens and the CPU is used."""
    for gpu in tf.config.list_physical_devices("GPU"):
        try:
            tf.config.experimental.set_memory_growth(gpu, True)
        except RuntimeError:
            warnings.warn(
                f"{gpu.name} was in use before gan_helpers was imported, so its memory is already taken as a whole. "
                "To change that, restart the kernel and import gan_helpers first.",
                stacklevel=2,
            )


grow_gpu_memory()

LOSSES, ACCURACIES = (
    ("d_loss", "g_loss"),
    ("d_real_accuracy", "d_fake_accuracy"),
)  # what `fit` reports of every GAN, or most


def terms_of_former(settings: dict) -> dict:
    """Today's `regularisers` and `augment` from settings of before they were values, which are taken out of `settings`."""
    gamma, until, shift, after = (settings.pop(name, None) for name in _FORMER)
    found = {}
    if gamma:
        found["regularisers"] = (Smoothness(gamma) if until is None else Until(until, Smoothness(gamma)),)
    if shift:
        found["augment"] = (From(after, Shift(shift)) if after else Shift(shift),)
    return found


_FORMER = ("gamma", "gamma_until", "shift", "shift_after")


def refuse_former_keywords(keywords: dict) -> None:
    """ValueError that names the new form, where any of the keywords is one of before there were terms."""
    former = [name for name in _FORMER if name in keywords]
    if not former:
        return
    asked, kind = ("regularisers", regularisers) if former[0].startswith("gamma") else ("augment", augmentation)
    new = terms_of_former({"gamma": 0.05, "shift": 1, **keywords}).get(asked)
    instead = f"write {asked}={kind.as_text(*new)!r}" if new else "leave it out"
    raise ValueError(f"{former[0]} is a term now: {instead}")


def _by_name(given) -> dict:
    """Regularisers by the names under which they are reported."""
    found = {}
    for term in regularisers.get_all(given):
        name = terms.name_of(term)
        while name in found or name in LOSSES + ACCURACIES:
            name += "_2"
        found[name] = term
    return found


def _with_their_policy(given, calls_real) -> tuple:
    """Augmentations, and the `Adaptive` among them or None."""
    everything = augmentation.get_all(given)
    policies = [term for term in everything if isinstance(term, Adaptive)]
    acting = tuple(term for term in everything if not isinstance(term, Adaptive))
    if len(policies) > 1:
        raise ValueError("there are two Adaptive among the augmentations: one decides for all")
    if policies and not acting:
        raise ValueError(
            "Adaptive decides how often augmentations act, and there is none: augment=[Shift(2), Adaptive()]"
        )
    if policies and calls_real is None:
        raise ValueError(
            "Adaptive reads how many real images are called real, and with this objective no logit means that: take another "
            "objective, or augmentations without it"
        )
    return acting, policies[0] if policies else None


def _with_the_same_masks(network, critic):
    """A critic that begins each call with the same random state, so that dropout drops the same units; None without any."""
    states = [variable for variable in network.non_trainable_variables if "seed_generator" in variable.path]
    if not states:
        return None
    first = [tf.identity(state.value) for state in states]

    def steady(x):
        for state, value in zip(states, first):
            state.assign(value)
        return critic(x)

    return steady


@keras.saving.register_keras_serializable("gan_helpers")
class GAN(keras.Model):
    """A generator and a discriminator that train against each other, through Keras' own `compile` and `fit`.

    Each step draws latents, lets both players look at the same generated images, and updates both. All random numbers are
    functions of (seed, step) alone, so a run that goes on after a stop repeats the uninterrupted one.

    Args:
        generator: Keras functional or sequential model, (n, latent_dim) → images (n, h, w, c), or points of a toy (n, d).
        discriminator: Keras model, (n, h, w, c) → logits (n, 1). A conditional GAN has a second input of both, integer
            classes (n,), and is fitted on batches (images, classes).
        loss: the objective (`gan_helpers.gan.objectives`): a name such as "hinge", a value such as
            `NonSaturating(label_smoothing=0.1)`, or a function of one's own, look → (d_loss, g_loss).
        latent_dim: length of a latent vector; default the generator's input.
        pixel_range: of the images that both work on; default what the generator's last activation implies; points have none.
        ema_decay: of the moving average of the generator's weights, in [0, 1); it starts low and ramps up, as
            min(ema_decay, (1 + step) / (10 + step)), so that a short run is not dragged down by its first steps
            (TensorFlow's ExponentialMovingAverage; GANs: Yazıcı et al., ICLR 2019).
        regularisers: what is added to the discriminator's loss (`gan_helpers.gan.regularisers`): one, or a list, as values like
            `Smoothness(0.05)`, or as text: "r1:1.0+gradient_penalty:10".
        augment: how images are changed before the discriminator sees them (`gan_helpers.gan.augmentation`), likewise: "shift:1".
        d_steps: the discriminator's steps per step of the generator, each on a batch of its own: `fit` takes so many batches at
            once, and counts them as one step. In the last one both players learn from the same look.
        seed: of every random number of a step; an integer of at most 64 bits.

    What cannot be right is refused by `compile`, or by `fit` at the first batch, before a step (`preflight`).

    Attributes:
        trained_on: which images it learned from: "fashion_mnist"; the hash of another `Dataset` (64 hex digits), where `train`
            was given it; "other", by the images that `fit` was given last; None where nothing tells.
        class_names: of that data set's classes, in their order, as text; () where nothing tells.

    Metrics, means over an epoch: `d_loss`, `g_loss`; the value of each regulariser; and, where the objective knows which
    logit means "real", `d_real_accuracy`, `d_fake_accuracy`: the shares of real images that the discriminator calls real,
    and of generated ones that it calls generated.

    Raises:
        ValueError: shapes that do not fit together, or values out of range.
    """

    def __init__(
        self,
        generator,
        discriminator,
        loss="non_saturating",
        latent_dim=None,
        pixel_range=None,
        ema_decay=0.999,
        regularisers=(),
        augment=(),
        d_steps=1,
        seed=0,
        **kwargs,
    ):
        refuse_former_keywords(kwargs)
        super().__init__(**kwargs)
        preflight.check_loss(loss)
        self.latent_dim = inputs_of(generator).latent_dim
        if latent_dim not in (None, self.latent_dim):
            raise ValueError(f"latent_dim is {latent_dim}, but the generator takes vectors of length {self.latent_dim}")
        if generator.output_shape[1:] != discriminator.inputs[0].shape[1:]:
            raise ValueError(
                f"the generator makes images of shape {generator.output_shape[1:]}, "
                f"but the discriminator takes {discriminator.inputs[0].shape[1:]}"
            )
        if is_conditional(generator) != is_conditional(discriminator):
            one, other = ("generator", "discriminator")[:: 1 if is_conditional(generator) else -1]
            raise ValueError(f"the {one} takes a class, the {other} does not: either both are conditional or none is")
        if discriminator.output_shape[1:] != (1,):
            raise ValueError(
                f"the discriminator must end in one logit, shape (n, 1); it ends in {discriminator.output_shape}"
            )
        if not 0 <= ema_decay < 1:
            raise ValueError(f"ema_decay is {ema_decay}; it must lie in [0, 1)")
        if isinstance(d_steps, bool) or not isinstance(d_steps, int) or d_steps < 1:
            raise ValueError(f"d_steps is {d_steps!r}; it must be a whole number, at least 1")
        self.generator = generator
        self.discriminator = discriminator
        self.ema_generator = keras.models.clone_model(generator)
        self.ema_generator.set_weights(generator.get_weights())
        self.ema_generator.trainable = False
        self.objective = objectives.get(loss)
        self.calls_real = getattr(self.objective, "calls_real", None)
        self.regularisers = _by_name(regularisers)
        self.augment, self.adaptive = _with_their_policy(augment, self.calls_real)
        self.d_steps = d_steps
        self.conditional = is_conditional(generator)
        self.pixel_range = range_of(generator, pixel_range)
        self.ema_generator.pixel_range = self.pixel_range  # so that it goes where the generator goes
        self.ema_decay = float(ema_decay)
        if not (isinstance(seed, (int, np.integer)) and -(2**63) <= seed < 2**63):
            raise ValueError(f"seed is {seed!r}; it must be an integer of at most 64 bits")
        self.seed = int(seed)
        self._class_names = ()
        self.trained_on = None
        self.steps = self.add_weight(name="steps", shape=(), dtype="int64", initializer="zeros", trainable=False)
        accuracies = () if self.calls_real is None else ACCURACIES
        probability = ()
        if self.adaptive is not None:
            probability = ("augment_probability",)
            self.augment_probability = self.add_weight(name=probability[0], initializer="zeros", trainable=False)
        names = (*LOSSES, *accuracies, *self.regularisers, *probability)
        self.means = {name: keras.metrics.Mean(name) for name in names}
        self.built = True  # both players are; nothing is left to be built by a first batch

    def compile(
        self, g_optimizer=None, d_optimizer=None, precision="float32", jit_compile=False, checks="refuse", **kwargs
    ):
        """As in Keras, with one optimizer per player; default Adam(2e-4, β₁ 0.5) for both (Radford et al. 2016, section 4).

        Args:
            g_optimizer, d_optimizer: Keras optimizers, or their names.
            precision: "float32" trains the networks as they are; "bfloat16" trains with 16-bit sums and float32 weights
                (`gan_helpers.gan.bfloat16`); "auto" takes bfloat16 where the processor is built for it, and otherwise
                float32. `gan.precision` says which it is. Images are always generated in float32.
            jit_compile: off unless asked for: on a CPU, XLA halves the speed of these networks.
            checks: what happens where training cannot be right (a discriminator that ends in a sigmoid, a player without
                trainable weights, pixels out of range, …): "refuse" it, or "warn" and train all the same.
            kwargs: others of Keras' settings, such as steps_per_execution=50: so many steps at once, which saves small networks
                much of their time; callbacks then look at a step only after so many.

        Raises:
            ValueError: an unknown precision; what cannot be right; one optimizer for both players, or a setting of Keras'
                `compile` that a GAN has no use for.
        """
        preflight.check_settings("compile", kwargs)
        if checks not in ("refuse", "warn"):
            raise ValueError(f"checks is {checks!r}; it must be 'refuse' or 'warn'")
        self.checks = checks
        self._report(preflight.of_players(self))
        self.precision = bfloat16.choose_precision(precision)
        players = (self.generator, self.discriminator)
        # Held in a function, where Keras does not see them: they own no variable, and are not saved.
        twins = tuple(map(bfloat16.twin, players)) if self.precision == "bfloat16" else players
        self._twins = lambda: twins
        super().compile(optimizer=None, jit_compile=jit_compile, **kwargs)
        self.g_optimizer = keras.optimizers.get(g_optimizer or keras.optimizers.Adam(2e-4, beta_1=0.5))
        self.d_optimizer = keras.optimizers.get(d_optimizer or keras.optimizers.Adam(2e-4, beta_1=0.5))
        preflight.check_optimizers(self.g_optimizer, self.d_optimizer)
        for name, player in (("g_optimizer", self.generator), ("d_optimizer", self.discriminator)):
            optimizer = getattr(self, name)
            optimizer.build(player.trainable_variables)
            preflight.check_optimizer_is_of(optimizer, name, player.trainable_variables)
        replicas.prepare(self)

    def _report(self, wrong: list[str]) -> None:
        """Refuse what cannot be right, or say it, as `compile` was told."""
        if wrong and self.checks == "refuse":
            raise ValueError(f"{wrong[0]} (compile(checks='warn') trains it all the same)")
        for sentence in wrong:
            warnings.warn(f"{sentence}; it is trained all the same", stacklevel=3)

    @property
    def trained_on(self) -> str | None:
        return self._trained_on

    @trained_on.setter
    def trained_on(self, origin):
        self._trained_on = origin
        self._tell_generators()

    @property
    def class_names(self) -> tuple[str, ...]:
        return tuple(self._class_names) or (data.CLASS_NAMES if self.trained_on == "fashion_mnist" else ())

    @class_names.setter
    def class_names(self, names):
        self._class_names = tuple(names)
        self._tell_generators()

    def _tell_generators(self):
        """What is known of the images goes where the generator goes."""
        for generator in (self.generator, self.ema_generator):
            generator.trained_on, generator.class_names = self.trained_on, self.class_names

    @property
    def metrics(self):
        return list(self.means.values())

    def sample_latents(self, n, seed):
        """Latent vectors from the prior that training uses: float32 (n, latent_dim), a function of the seed alone."""
        return latent.sample(n, self.latent_dim, seed)

    def train_step(self, batch):
        for turn, (real, classes, draws) in enumerate(self.parts(batch), start=1):
            generator, critic = self.players_in_training(classes)
            with tf.GradientTape() as g_tape, tf.GradientTape() as d_tape:
                with d_tape.stop_recording():  # the discriminator's gradient does not reach into the generator
                    fake = generator(draws.normal("latents", (tf.shape(real)[0], self.latent_dim)), training=True)
                    fake = self.augmented(fake, draws.within(1))
                real = self.augmented(real, draws.within(0))
                look = self.look(real, fake, critic, draws)
                d_loss, g_loss = self.objective(look)
                penalties = self.penalties(look)
                penalised = sum(penalties.values(), d_loss)
            d_gradients = d_tape.gradient(penalised, self.discriminator.trainable_variables)
            self.d_optimizer.apply(d_gradients, self.discriminator.trainable_variables)
            limits = self.limits()
            if turn == self.d_steps:
                g_gradients = g_tape.gradient(g_loss, self.generator.trainable_variables)
                self.g_optimizer.apply(g_gradients, self.generator.trainable_variables)
        self.update_ema()
        self.steps.assign_add(1)
        return self.report(look, d_loss=d_loss, g_loss=g_loss, **penalties, **limits)

    @property
    def own_variables(self) -> list:
        """What a step changes beside both players, their average and their optimizers."""
        return [self.steps] if self.adaptive is None else [self.steps, self.augment_probability]

    def parts(self, batch):
        """A batch as the discriminator's turns get to see it: `d_steps` parts, each (images, classes or None, draws).

        The last part's draws are those of a step with one turn; both players learn from its look.
        """
        real, classes = batch if self.conditional else (batch, None)
        draws = Draws(self.seed, self.steps.value)
        if self.d_steps == 1:
            return [(real, classes, draws)]
        # Of parts whose size it does not know, TensorFlow adds gradients now in one order and now in another.
        n = (real.shape[0] or tf.shape(real)[0]) // self.d_steps
        parts = [slice(turn * n, (turn + 1) * n) for turn in range(self.d_steps)]
        # 1000: far from the numbers that tell apart the parts of one turn.
        draws = [draws.within(1000 + turn) for turn in range(1, self.d_steps)] + [draws]
        return [(real[i], None if classes is None else classes[i], mine) for i, mine in zip(parts, draws)]

    def players_in_training(self, classes=None):
        """Generator and discriminator as a training step calls them: themselves, or their faster twins in bfloat16.

        Args:
            classes: of the batch, (n,), for a conditional GAN: both are told them, so that an image has to look real *as
                one of its class* (Mirza, Osindero, "Conditional Generative Adversarial Nets", 2014, section 3.2).
        """
        if classes is None:
            return self._twins()

        generator, discriminator = self._twins()

        def of(x):  # fewer images than classes are the first of the batch
            return classes[: tf.shape(x)[0]]

        return (
            lambda x, training: generator(arranged(self.generator, x, of(x)), training=training),
            lambda x, training: discriminator([x, of(x)], training=training),
        )

    def augmented(self, x, draws):
        """Images as the discriminator gets to see them, changed by each augmentation in turn.

        Args:
            x: float32 (n, h, w, c).
            draws: of the real images, or of the generated ones.
        """
        for k, term in enumerate(self.augment):
            own = draws.within(k) if k else draws
            changed = term(x, own, self.pixel_range)
            x = changed if self.adaptive is None else self.adaptive(changed, x, own, self.augment_probability.value)
        return x

    def look(self, real, fake, critic, draws) -> Look:
        """What this step has seen; `critic` is the discriminator as `players_in_training` gives it."""

        def in_training(x):
            return critic(x, training=True)

        logits = in_training(real), in_training(fake)
        steady = _with_the_same_masks(self._twins()[1], in_training) if self.regularisers else None
        return Look(*logits, real, fake, in_training, steady, self.pixel_range, draws)

    def penalties(self, look: Look) -> dict:
        """What each regulariser adds to the discriminator's loss, by name: float32 scalars."""
        named = ((k, name, term) for k, (name, term) in enumerate(self.regularisers.items()) if callable(term))
        draws = look.draws
        return {
            name: term(dataclasses.replace(look, draws=draws.within(100 + k) if k else draws))
            for k, name, term in named
        }

    def limits(self) -> dict:
        """What each regulariser that changes weights says of them after an update, by name."""
        weights = self.discriminator.trainable_variables
        return {
            name: term.after_update(weights)
            for name, term in self.regularisers.items()
            if hasattr(term, "after_update")
        }

    def report(self, look: Look, **values) -> dict:
        """The metrics so far in this epoch, with this step's losses, penalties, and what the discriminator called right."""
        if self.calls_real is not None:
            called_real = self.calls_real(look.real_logits)
            values["d_real_accuracy"] = tf.cast(called_real, tf.float32)
            values["d_fake_accuracy"] = 1 - tf.cast(self.calls_real(look.fake_logits), tf.float32)
        if self.adaptive is not None:
            values["augment_probability"] = tf.identity(self.augment_probability.value)
            called_real = replicas.gathered(called_real)
            self.augment_probability.assign(self.adaptive.next_probability(self.augment_probability.value, called_real))
        for name, value in values.items():
            self.means[name].update_state(value)
        return replicas.in_a_row(self, {name: mean.result() for name, mean in self.means.items()})

    def update_ema(self):
        """Move the average a little towards the generator, batch norm statistics included."""
        replicas.average(
            [weight for player in (self.generator, self.discriminator) for weight in player.non_trainable_weights]
        )
        step = tf.cast(self.steps.value, tf.float32)
        decay = tf.minimum(self.ema_decay, (1.0 + step) / (10.0 + step))
        for average, weight in zip(self.ema_generator.weights, self.generator.weights):
            average.assign(weight + decay * (average - weight))

    def check_before_fit(self, x, y=None, batch_size=None, callbacks=()):
        """Look at everything that `fit` is given, the first batch included, before a step; `fit` itself does so too.

        Returns:
            What to give to `fit` in place of `x`: a generator yields its first batch again.

        Raises:
            ValueError: what cannot be trained, or cannot be right; with `compile(checks="warn")` the latter is a warning.
        """
        if not self.compiled:
            raise ValueError("the GAN is not compiled yet: call gan.compile() before gan.fit()")
        preflight.check_callbacks(callbacks)
        if self.checks == "refuse":  # a player may have been frozen since it was compiled
            self._report(preflight.of_players(self))
        batch, x = preflight.first_batch(x, y, batch_size)
        if batch is not preflight.UNSEEN:
            self._report(preflight.of_batch(self, batch))
            self.trained_on = getattr(x, "trained_on", None) or self._origin_of(batch) or self.trained_on
            self.class_names = getattr(x, "class_names", None) or self._class_names
        return x

    def _origin_of(self, batch) -> str | None:
        """As `data.origin_of`, of a batch in `pixel_range`."""
        if self.pixel_range is None:
            return "other"
        return data.origin_of(images.to_uint8(batch[0] if self.conditional else batch, self.pixel_range))

    def _in_groups(self, x, y, batch_size):
        """What `fit` is given, with as many batches at once as the discriminator has steps: x, y, and the batch size."""
        k = self.d_steps
        if k == 1:
            return x, y, batch_size
        if not isinstance(x, tf.data.Dataset):
            if not hasattr(x, "shape"):
                raise ValueError(f"with d_steps={k}, fit takes arrays or a tf.data.Dataset: use gh.pipeline(images)")
            batch_size = k * (batch_size or 32)  # 32 as in Keras
            kept = len(x) - len(x) % batch_size % k  # so that the last batch, too, falls into k equal parts
            return x[:kept], None if y is None else y[:kept], batch_size
        size = tf.nest.flatten(x.element_spec)[0].shape[0]
        if size is None:
            batch, x = preflight.first_batch(x)
            return x.rebatch(k * len(tf.nest.flatten(batch)[0]), drop_remainder=True), None, None
        groups = int(x.cardinality()) // k
        x = x.rebatch(k * size, drop_remainder=True)
        return x.apply(tf.data.experimental.assert_cardinality(groups)) if groups > 0 else x, None, None

    def fit(self, x=None, y=None, batch_size=None, epochs=1, verbose="auto", callbacks=None, initial_epoch=0, **kwargs):
        """As in Keras. A dataset from `gan_helpers.pipeline` is told its epoch, so its order does not depend on stops.

        Where a `Checkpoint` has seen this GAN finish epochs, and `initial_epoch` is not given, `epochs` more follow them.

        An interrupt (Ctrl-C, or the notebook's stop button) ends the training as its end would: callbacks write what they
        have, and the KeyboardInterrupt says how to go on.

        Raises:
            ValueError: what cannot be trained, or cannot be right, before a step (`check_before_fit`).
        """
        preflight.check_settings("fit", kwargs)
        callbacks = list(keras.tree.flatten(callbacks or []))
        x = self.check_before_fit(x, y, batch_size, callbacks)
        done = max(
            (callback.epochs_done(self) for callback in callbacks if hasattr(callback, "epochs_done")), default=0
        )
        if initial_epoch not in (0, done) and done:
            raise ValueError(f"initial_epoch is {initial_epoch}, and the run has finished {done} epochs: leave it out")
        if not initial_epoch:
            epochs, initial_epoch = epochs + done, done
        strategy = self.distribute_strategy
        shared = strategy.num_replicas_in_sync > 1 and hasattr(x, "share")
        if shared:
            kwargs.setdefault("steps_per_epoch", int(x.cardinality()) // self.d_steps)
            x = replicas.distributed(x, strategy, initial_epoch, lambda share: self._in_groups(share, None, None)[0])
        elif isinstance(epoch_of_order := getattr(x, "epoch", None), tf.Variable):
            callbacks.insert(
                0, keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: epoch_of_order.assign(epoch))
            )
        if shared or isinstance(x, tf.data.Dataset):
            kwargs.setdefault("shuffle", False)  # a dataset brings its own order, and Keras would warn
        if not shared:
            x, y, batch_size = self._in_groups(x, y, batch_size)
        begun = []
        all_begun = keras.callbacks.LambdaCallback(on_train_begin=lambda logs: begun.append(True))
        try:
            return super().fit(
                x, y, batch_size, epochs, verbose, [*callbacks, all_begun], initial_epoch=initial_epoch, **kwargs
            )
        except KeyboardInterrupt:
            for callback in callbacks if begun else ():
                callback.on_train_end()
            said = [callback.how_to_go_on() for callback in callbacks if hasattr(callback, "how_to_go_on")]
            raise KeyboardInterrupt(*(said or ["Stopped. Another call of fit trains on from here."])) from None
        finally:
            for callback in callbacks:
                getattr(callback, "release", lambda: None)()

    def make_train_function(self, force=False):
        """As in Keras; what several workers report in a row is given its names back."""
        super().make_train_function(force)
        self.train_function = replicas.with_names(self, self.train_function)
        return self.train_function

    def call(self, latents, training=False):
        """Images of the averaged generator as floats in `pixel_range`, (n, h, w, c); a conditional one takes [latents, classes]."""
        return self.ema_generator(latents, training=training)

    def generate(self, n: int, seed: int = 0, ema: bool = True, classes=None) -> np.ndarray:
        """n new images of the averaged generator (of the raw one with ema=False): uint8 (n, h, w, c); or points, float32 (n, d).

        Args:
            classes: of a conditional GAN: integers (n,), or one for all; default all its classes in turn.
        """
        if n < 1:
            raise ValueError(f"n is {n}; it must be at least 1")
        if self.conditional:
            classes = in_turn(self.generator, n) if classes is None else np.broadcast_to(classes, n)
        generator = self.ema_generator if ema else self.generator
        return generate(generator, self.sample_latents(n, seed), self.pixel_range, classes=classes)

    def get_config(self):
        return {
            "generator": keras.saving.serialize_keras_object(self.generator),
            "discriminator": keras.saving.serialize_keras_object(self.discriminator),
            "loss": objectives.as_data(self.objective),
            "pixel_range": None if self.pixel_range is None else list(self.pixel_range),
            "ema_decay": self.ema_decay,
            "regularisers": [regularisers.as_data(term) for term in self.regularisers.values()],
            "augment": [augmentation.as_data(term) for term in (*self.augment, self.adaptive) if term is not None],
            "d_steps": self.d_steps,
            "seed": self.seed,
            "trained_on": self.trained_on,
            "class_names": list(self.class_names),
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        learned = {name: config.pop(name, None) for name in ("trained_on", "class_names")}
        if "class_name" in config["loss"]:  # as the first version kept a function of one's own
            config["loss"] = keras.saving.deserialize_keras_object(config["loss"])
        for player in ("generator", "discriminator"):
            config[player] = keras.saving.deserialize_keras_object(config[player])
        gan = cls(**config | terms_of_former(config))
        learned_from(gan, learned)
        return gan

    def get_compile_config(self):
        optimizers = {
            name: keras.saving.serialize_keras_object(getattr(self, name)) for name in ("g_optimizer", "d_optimizer")
        }
        for description in optimizers.values():
            description["config"]["loss_scale_factor"] = (
                None  # it says how many replicas there were (`replicas.prepare`)
            )
        others = {name: getattr(self, name) for name in ("precision", "checks", "steps_per_execution")}
        return {**optimizers, **others}

    def compile_from_config(self, config):
        optimizers = {
            name: keras.saving.deserialize_keras_object(config[name]) for name in ("g_optimizer", "d_optimizer")
        }
        former = {"precision": "float32", "checks": "refuse", "steps_per_execution": 1}  # what older files do not say
        self.compile(**optimizers, **{name: config.get(name, value) for name, value in former.items()})
