"""One GAN: two players, one training step, and a slow-moving average of the generator."""

import dataclasses
import warnings

import keras
import numpy as np
import tensorflow as tf

from gan_helpers import augmentation, bfloat16, data, images, latent, losses, preflight
from gan_helpers.generators import class_count, generate, is_conditional


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

PUSH = 0.05  # of the pixel range: the step of the gradient penalty's finite differences


@keras.saving.register_keras_serializable("gan_helpers")
class GAN(keras.Model):
    """A generator and a discriminator that train against each other, through Keras' own `compile` and `fit`.

    Each step draws latents, lets both players look at the same generated images, and updates both at once. Latents and
    label noise are functions of (seed, step) alone, so a run that goes on after a stop repeats the uninterrupted one.

    Args:
        generator: Keras functional or sequential model, (n, latent_dim) → (n, h, w, c).
        discriminator: Keras model, (n, h, w, c) → logits (n, 1). A conditional GAN has a second input of both, integer
            classes (n,), and is fitted on batches (images, classes).
        loss: a name ("non_saturating") or a callable like `gan_helpers.NonSaturating(label_smoothing=0.1)`.
        latent_dim: length of a latent vector; default the generator's input.
        pixel_range: of the images that both work on; default what the generator's last activation implies.
        ema_decay: of the moving average of the generator's weights, in [0, 1); it starts low and ramps up, as
            min(ema_decay, (1 + step) / (10 + step)), so that a short run is not dragged down by its first steps
            (TensorFlow's ExponentialMovingAverage; GANs: Yazıcı et al., ICLR 2019).
        gamma: weight of the discriminator's gradient penalties R1 and R2 (`gradient_penalty`); 0 is without.
        gamma_until: steps with these penalties, and none after them; None keeps them to the end.
        shift: pixels by which images are moved at most before the discriminator sees them (`augmentation.shifted`); 0 is
            without.
        shift_after: steps without shifts before them. A young discriminator has learned nothing by heart, and learns more
            slowly what moves.
        seed: of latents, label noise, the penalties' noise and the shifts; an integer of at most 64 bits.

    What cannot be right is refused by `compile`, or by `fit` at the first batch, before a step (`preflight`).

    Attributes:
        trained_on: "fashion_mnist" or "other", by the images that `fit` was given last; None where nothing tells.

    Metrics, means over an epoch: `d_loss`, `g_loss`, and `d_real_accuracy`, `d_fake_accuracy`: the shares of real
    images that the discriminator calls real, and of generated ones that it calls generated.

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
        gamma=0.0,
        gamma_until=None,
        shift=0,
        shift_after=0,
        seed=0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        preflight.check_loss(loss)
        if latent_dim not in (None, generator.inputs[0].shape[-1]):
            raise ValueError(
                f"latent_dim is {latent_dim}, but the generator takes vectors of length {generator.inputs[0].shape[-1]}"
            )
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
        if not 0 <= gamma < float("inf"):
            raise ValueError(f"gamma is {gamma}; it must be 0 or a positive number")
        if not (gamma_until is None or isinstance(gamma_until, int) and gamma_until >= 0):
            raise ValueError(f"gamma_until is {gamma_until!r}; it must be None or a whole number of steps, at least 0")
        height = generator.output_shape[1]
        if not (isinstance(shift, int) and 0 <= shift < height):
            raise ValueError(f"shift is {shift!r}; it must be a whole number of pixels, from 0 to {height - 1}")
        if not (isinstance(shift_after, int) and shift_after >= 0):
            raise ValueError(f"shift_after is {shift_after!r}; it must be a whole number of steps, at least 0")
        self.generator = generator
        self.discriminator = discriminator
        self.ema_generator = keras.models.clone_model(generator)
        self.ema_generator.set_weights(generator.get_weights())
        self.ema_generator.trainable = False
        self.objective = losses.get(loss)
        self.conditional = is_conditional(generator)
        self.latent_dim = generator.inputs[0].shape[-1]
        self.pixel_range = (
            images.pixel_range_of(generator) if pixel_range is None else images.check_pixel_range(pixel_range)
        )
        self.ema_decay = float(ema_decay)
        self.gamma, self.gamma_until = float(gamma), gamma_until
        self.shift, self.shift_after = shift, shift_after
        if not (isinstance(seed, (int, np.integer)) and -(2**63) <= seed < 2**63):
            raise ValueError(f"seed is {seed!r}; it must be an integer of at most 64 bits")
        self.seed = int(seed)
        self.trained_on = None
        self.steps = self.add_weight(name="steps", shape=(), dtype="int64", initializer="zeros", trainable=False)
        self.means = {
            name: keras.metrics.Mean(name) for name in ("d_loss", "g_loss", "d_real_accuracy", "d_fake_accuracy")
        }
        self.built = True  # both players are; nothing is left to be built by a first batch

    def compile(
        self, g_optimizer=None, d_optimizer=None, precision="float32", jit_compile=False, checks="refuse", **kwargs
    ):
        """As in Keras, with one optimizer per player; default Adam(2e-4, β₁ 0.5) for both (Radford et al. 2016, section 4).

        Args:
            g_optimizer, d_optimizer: Keras optimizers, or their names.
            precision: "float32" trains the networks as they are; "bfloat16" trains with 16-bit sums and float32 weights
                (`gan_helpers.bfloat16`); "auto" takes bfloat16 where the processor is built for it, and otherwise
                float32. `gan.precision` says which it is. Images are always generated in float32.
            jit_compile: off unless asked for: on a CPU, XLA halves the speed of these networks.
            checks: what happens where training cannot be right (a discriminator that ends in a sigmoid, a player without
                trainable weights, pixels out of range, …): "refuse" it, or "warn" and train all the same.

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
        for generator in (self.generator, self.ema_generator):
            generator.trained_on = origin  # it goes where the generator goes

    @property
    def metrics(self):
        return list(self.means.values())

    def sample_latents(self, n, seed):
        """Latent vectors from the prior that training uses: float32 (n, latent_dim), a function of the seed alone."""
        return latent.sample(n, self.latent_dim, seed)

    def train_step(self, batch):
        real_images, classes = batch if self.conditional else (batch, None)
        seed = (self.seed, self.steps.value)
        latents = self.sample_latents(tf.shape(real_images)[0], seed)
        generator, discriminator = self.players_in_training(classes)
        with tf.GradientTape() as g_tape, tf.GradientTape() as d_tape:
            with d_tape.stop_recording():  # the discriminator's gradient does not reach into the generator
                fake_images = self.shifted(generator(latents, training=True), seed, 1)
            real_images = self.shifted(real_images, seed, 0)
            real_logits = discriminator(real_images, training=True)
            fake_logits = discriminator(fake_images, training=True)
            d_loss, g_loss = self.objective(real_logits, fake_logits, seed)
            looked_at = (real_images, real_logits), (fake_images, fake_logits)
            penalised = d_loss + self.gradient_penalty(discriminator, seed, *looked_at)
        d_gradients = d_tape.gradient(penalised, self.discriminator.trainable_variables)
        g_gradients = g_tape.gradient(g_loss, self.generator.trainable_variables)
        self.d_optimizer.apply(d_gradients, self.discriminator.trainable_variables)
        self.g_optimizer.apply(g_gradients, self.generator.trainable_variables)
        self.update_ema()
        self.steps.assign_add(1)

        self.means["d_loss"].update_state(d_loss)
        self.means["g_loss"].update_state(g_loss)
        self.means["d_real_accuracy"].update_state(self.called_real(real_logits))
        self.means["d_fake_accuracy"].update_state(1 - self.called_real(fake_logits))
        return {name: mean.result() for name, mean in self.means.items()}

    def players_in_training(self, classes=None):
        """Generator and discriminator as a training step calls them: themselves, or their faster twins in bfloat16.

        Args:
            classes: of the batch, (n,), for a conditional GAN: both are told them, so that an image has to look real *as
                one of its class* (Mirza, Osindero, "Conditional Generative Adversarial Nets", 2014, section 3.2).
        """
        if classes is None:
            return self._twins()

        def told(player):  # fewer images than classes are the first of the batch
            return lambda x, training: player([x, classes[: tf.shape(x)[0]]], training=training)

        return tuple(map(told, self._twins()))

    def shifted(self, x, seed, i: int):
        """Images as the discriminator gets to see them: each moved by up to `shift` pixels, black coming in at the edges.

        Args:
            x: float32 (n, h, w, c).
            seed: pair of integers that fixes the moves, such as (run seed, step).
            i: 0 for the real images of a step, 1 for the generated ones.
        """
        if not self.shift:
            return x
        stream = latent.stream_of(seed, latent.SHIFT_STREAM)
        seeds = tf.random.experimental.stateless_fold_in(stream, i)
        _, step = seed
        pixels = tf.where(step >= self.shift_after, self.shift, 0)
        return augmentation.shifted(x, pixels, seeds, fill=self.pixel_range[0], at_most=self.shift)

    def gradient_penalty(self, discriminator, seed, *looked_at):
        """R1 + R2: γ/2 times the squared length of the logit's gradient, on a quarter of the real and of the generated images.

        A discriminator that is steep around the images drags the generator to and fro; this keeps it flat where they are
        (Mescheder, Geiger, Nowozin, "Which Training Methods for GANs do actually Converge?", ICML 2018, section 4.1). The
        length is estimated without second derivatives: a push ε, normal with standard deviation σ, changes the logit by
        ε·∇D, whose mean square is σ²|∇D|² (as Lin et al., "Diffusion Adversarial Post-Training for One-Step Video
        Generation", 2025, do for R1). A quarter of a batch at each step costs as much as a batch at each fourth one.

        Args:
            discriminator: as `players_in_training` gives it.
            seed: pair of integers that fixes the pushes, such as (run seed, step).
            looked_at: pairs of images and their logits.

        Returns:
            float32 scalar; 0 where γ is 0, and from step `gamma_until` on.
        """
        if not self.gamma:
            return 0.0
        if self.gamma_until is None:
            return self._gradient_penalty(discriminator, seed, looked_at)
        _, step = seed
        return tf.cond(  # what is not wanted is not computed
            tf.less(tf.cast(step, tf.int64), self.gamma_until),
            lambda: self._gradient_penalty(discriminator, seed, looked_at),
            lambda: 0.0,
        )

    def _gradient_penalty(self, discriminator, seed, looked_at):
        low, high = self.pixel_range
        push = PUSH * (high - low)
        seeds = latent.stream_of(seed, latent.PENALTY_STREAM)
        total = 0.0
        for i, (x, logits) in enumerate(looked_at):
            n = (tf.shape(x)[0] + 3) // 4
            noise = tf.random.stateless_normal(tf.shape(x[:n]), tf.random.experimental.stateless_fold_in(seeds, i))
            pushed = discriminator(x[:n] + push * noise, training=True)
            total += tf.reduce_mean(tf.square((pushed - logits[:n]) / push))
        return self.gamma / 2 * total

    def called_real(self, logits):
        """1 where the discriminator calls an image real, 0 where it calls it generated: float32 (n, 1)."""
        sign = 1 if getattr(self.objective, "real_label", 1) else -1  # some objectives label real images 0
        return tf.cast(sign * logits > 0, tf.float32)

    def update_ema(self):
        """Move the average a little towards the generator, batch norm statistics included."""
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
            self.trained_on = self._origin_of(batch) or self.trained_on
        return x

    def _origin_of(self, batch) -> str | None:
        """As `data.origin_of`, of a batch in `pixel_range`."""
        return data.origin_of(images.to_uint8(batch[0] if self.conditional else batch, self.pixel_range))

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
        if isinstance(epoch_of_order := getattr(x, "epoch", None), tf.Variable):
            callbacks.insert(
                0, keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: epoch_of_order.assign(epoch))
            )
        if isinstance(x, tf.data.Dataset):
            kwargs.setdefault("shuffle", False)  # a dataset brings its own order, and Keras would warn
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

    def call(self, latents, training=False):
        """Images of the averaged generator as floats in `pixel_range`, (n, h, w, c); a conditional one takes [latents, classes]."""
        return self.ema_generator(latents, training=training)

    def generate(self, n: int, seed: int = 0, ema: bool = True, classes=None) -> np.ndarray:
        """n new images of the averaged generator (of the raw one with ema=False): uint8 (n, h, w, c).

        Args:
            classes: of a conditional GAN: integers (n,), or one for all; default all classes in turn.
        """
        if n < 1:
            raise ValueError(f"n is {n}; it must be at least 1")
        if self.conditional:
            known = class_count(self.generator) or len(data.CLASS_NAMES)
            classes = np.arange(n) % known if classes is None else np.broadcast_to(classes, n)
        generator = self.ema_generator if ema else self.generator
        return generate(generator, self.sample_latents(n, seed), self.pixel_range, classes=classes)

    def get_config(self):
        # A loss of ours is kept as its settings; a callable of the user's own must be registered with Keras.
        loss = self.objective
        loss = (
            {"name": "non_saturating", **dataclasses.asdict(loss)}
            if isinstance(loss, losses.NonSaturating)
            else keras.saving.serialize_keras_object(loss)
        )
        return {
            "generator": keras.saving.serialize_keras_object(self.generator),
            "discriminator": keras.saving.serialize_keras_object(self.discriminator),
            "loss": loss,
            "pixel_range": list(self.pixel_range),
            "ema_decay": self.ema_decay,
            "gamma": self.gamma,
            "gamma_until": self.gamma_until,
            "shift": self.shift,
            "shift_after": self.shift_after,
            "seed": self.seed,
            "trained_on": self.trained_on,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        trained_on = config.pop("trained_on", None)
        settings = dict(config["loss"])
        config["loss"] = (
            losses.LOSSES[settings.pop("name")](**settings)
            if settings.get("name") in losses.LOSSES
            else keras.saving.deserialize_keras_object(settings)
        )
        for player in ("generator", "discriminator"):
            config[player] = keras.saving.deserialize_keras_object(config[player])
        gan = cls(**config)
        gan.trained_on = trained_on if trained_on in data.ORIGINS else None
        return gan

    def get_compile_config(self):
        optimizers = {
            name: keras.saving.serialize_keras_object(getattr(self, name)) for name in ("g_optimizer", "d_optimizer")
        }
        return {**optimizers, "precision": self.precision, "checks": self.checks}

    def compile_from_config(self, config):
        optimizers = {
            name: keras.saving.deserialize_keras_object(config[name]) for name in ("g_optimizer", "d_optimizer")
        }
        self.compile(**optimizers, precision=config.get("precision", "float32"), checks=config.get("checks", "refuse"))
