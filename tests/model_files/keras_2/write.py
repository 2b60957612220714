"""Write the small models beside this file with Keras 2, and what it answers: `python write.py`, with tf_keras 2.21.

`cgan` and `dcgan` were there before, of the same Keras: a generator by label with a nested Sequential, and the tutorial's
DCGAN with 8 channels.
"""

from pathlib import Path

import numpy as np
import tensorflow as tf
import tf_keras as keras
from tf_keras import layers

HERE = Path(__file__).parent
rng = np.random.default_rng(0)


def write(name, inputs, outputs, suffixes=(".h5", ".keras")):
    model = inputs if outputs is None else keras.Model(inputs, outputs)
    for weight in model.weights:
        if weight.name not in ("mean:0", "variance:0", "count:0"):  # of Normalization: adapted
            values = rng.normal(0, 0.3, weight.shape)
            weight.assign(np.abs(values) + 0.5 if "variance" in weight.name else values)
    xs = [
        rng.integers(0, 4, [3, *x.shape[1:]]) if x.dtype.is_integer else rng.normal(size=[3, *x.shape[1:]])
        for x in model.inputs
    ]
    xs = [x.astype(tensor.dtype.as_numpy_dtype) for x, tensor in zip(xs, model.inputs)]
    y = np.asarray(model(xs if len(xs) > 1 else xs[0], training=False))
    np.savez_compressed(HERE / f"{name}.npz", y=y, **{f"i{n}": x for n, x in enumerate(xs)})
    model.compile("adam", "mse", metrics=["accuracy"])
    for suffix in suffixes:
        model.save(HERE / f"{name}{suffix}")


def main():
    z = keras.Input((6,), name="a/z")
    x = layers.Dense(36, activation=layers.LeakyReLU(0.1), name="a/dense")(z)
    x = layers.ThresholdedReLU(0.2)(layers.Reshape((3, 3, 4))(x))
    x = layers.ReLU(max_value=1.0, negative_slope=0.1, threshold=0.2)(layers.PReLU(shared_axes=[1, 2])(x))
    x = layers.SpatialDropout2D(0.1)(layers.Conv2DTranspose(3, 4, 2, padding="same", output_padding=1)(x))
    x = layers.SeparableConv2D(4, 3, padding="same")(layers.DepthwiseConv2D(2, depth_multiplier=2)(x))
    x = layers.LayerNormalization([1, 2])(layers.BatchNormalization()(x))
    write("layers", z, layers.Softmax([1, 2])(layers.UpSampling2D(2, interpolation="bilinear")(x)))

    z, label = keras.Input((4,)), keras.Input((1,), dtype="int32")
    code = layers.Flatten()(tf.one_hot(label, 4))
    x = layers.Dense(4)(tf.concat([z * code, tf.cast(label, "float32"), 1 - z], axis=1))
    x = x * tf.math.rsqrt(tf.reduce_mean(tf.square(x), axis=-1, keepdims=True) + 1e-8)
    x = tf.reshape(tf.nn.leaky_relu(x[:, None, 1:3] / [2.0, 3.0] - 1 / (x[:, None, :2] ** 2 + 1)), (-1, 2))
    write("arithmetic", [z, label], tf.nn.tanh(x) * 0.5 + 0.5, [".h5"])

    def block(trainable=True):
        model = keras.Sequential([layers.Dense(4, input_dim=4), layers.BatchNormalization(), layers.Dense(4)])
        model.trainable = trainable
        return model

    q, r = keras.Input((4,)), keras.Input((4,))
    inner = keras.Model([q, r], [block()(q) + r, layers.Dense(3)(r)])
    z, frozen, shared = keras.Input((4,)), block(trainable=False), block()
    shared.compile("adam", "mse")
    left, right = inner([shared(shared(z)), frozen(z)])
    write("nested", z, layers.Concatenate()([left, right]))

    keras.mixed_precision.set_global_policy("mixed_float16")
    z = keras.Input((4,))
    write(
        "half", z, layers.Activation("tanh", dtype="float32")(layers.Dense(4)(layers.LeakyReLU()(layers.Dense(4)(z))))
    )
    keras.mixed_precision.set_global_policy("float32")

    q, r = keras.Input((3, 4)), keras.Input((3, 4))
    x = layers.Attention(use_scale=True)([layers.MultiHeadAttention(2, 3)(query=q, value=r), q])
    norm = layers.Normalization()
    norm.adapt(rng.normal(2, 3, (50, 3, 4)))
    write("attention", [q, r], norm(x))

    model = keras.Sequential([layers.Dense(3), layers.Dense(2, activation="gelu")])
    model.build((None, 4))
    write("built", model, None)
    model.save_weights(HERE / "built_weights.h5")

    z = keras.Input((4,))
    write("hard_sigmoid", z, layers.Dense(2, activation="hard_sigmoid", name="gate")(z), [".h5"])
    write("floormod", z, layers.Dense(2)(z) % 0.3, [".h5"])
    write("lambda", z, layers.Lambda(lambda x: x * 2, name="double")(z), [".h5"])


if __name__ == "__main__":
    main()
