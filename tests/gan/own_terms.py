"""An objective, a regulariser, an augmentation and networks from outside the package; run as a script, it trains with them.

python own_terms.py FOLDER EPOCHS
"""

import sys
from dataclasses import dataclass

import gan_helpers as gh
from gan_helpers import data
from gan_helpers.runs import recipes, training

import keras  # isort: skip
import tensorflow as tf  # isort: skip


@gh.objectives.register("exponential")
def exponential(look):
    d_loss = tf.reduce_mean(tf.exp(-look.real_logits)) + tf.reduce_mean(tf.exp(look.fake_logits))
    return d_loss, tf.reduce_mean(tf.exp(-look.fake_logits))


@gh.regularisers.register("logit_size")
@dataclass(frozen=True)
class LogitSize:
    weight: float = 0.01

    def __call__(self, look):
        return self.weight * tf.reduce_mean(look.real_logits**2 + look.fake_logits**2)


@gh.augmentation.register("mirror")
def mirror(images, draws, pixel_range):
    return tf.where(draws.uniform("mirror", (tf.shape(images)[0], 1, 1, 1)) < 0.5, images, images[:, :, ::-1])


def generator(latent_dim):
    z = keras.Input((latent_dim,))
    x = keras.layers.Dense(784, activation="tanh")(keras.layers.LeakyReLU(0.2)(keras.layers.Dense(16)(z)))
    return keras.Model(z, keras.layers.Reshape((28, 28, 1))(x))


def discriminator():
    x = keras.Input((28, 28, 1))
    features = gh.layers.MinibatchDiscrimination(4, 2)(keras.layers.Dense(8)(keras.layers.Flatten()(x)))
    return keras.Model(x, gh.layers.SpectralNormalization(keras.layers.Dense(1))(features))


RECIPE = recipes.Recipe(
    *("own", generator, discriminator, 1e-3, 1e-3, "for tests"),
    loss="exponential",
    regularisers="until:9:logit_size:0.02+r1",
    augment="from:3:mirror+shift:2",
    d_steps=2,
    latent_dim=8,
    batch_size=32,
)


def train(folder, epochs, callbacks=()):
    images = data.load_fashion_mnist("test")[0][:256]
    return training.train(RECIPE, folder, epochs=epochs, seed=3, train_images=images, callbacks=callbacks, verbose=0)


if __name__ == "__main__":
    if __package__ is None:  # terms, once registered, belong to their module, not to a script
        import own_terms

    tell = keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: print("epoch", epoch + 1, flush=True))
    own_terms.train(sys.argv[1], int(sys.argv[2]), [tell])
