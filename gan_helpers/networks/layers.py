"""Layers that Keras lacks: what tells a discriminator of the whole batch, and what holds its slope."""

import keras
from keras import ops

registered = keras.saving.register_keras_serializable("gan_helpers")


@registered
class MinibatchDiscrimination(keras.layers.Layer):
    """Features of how close each example of a batch is to the others, beside its own: a collapse can then be seen.

    f (n, a) and a learned tensor T (a, kernels, size) give each example a matrix M = f T. For each kernel b the new feature is
    o_b = Σ_j exp(−‖M_ib − M_jb‖₁) over the batch, the example itself (which gives 1) included.

    Source: Salimans et al., "Improved Techniques for Training GANs", NeurIPS 2016, section 3.2.

    Args:
        kernels: new features, at least 1.
        size: length of the vectors that are compared, at least 1.

    Shapes: (n, a) → (n, a + kernels), float32.

    Raises:
        ValueError: a number below 1; examples that are no vectors.
    """

    def __init__(self, kernels: int = 32, size: int = 8, **kwargs):
        super().__init__(**kwargs)
        for name, value in (("kernels", kernels), ("size", size)):
            if not isinstance(value, int) or value < 1:
                raise ValueError(f"{name} is {value!r}; it must be a whole number, at least 1")
        self.kernels, self.size = kernels, size

    def build(self, input_shape):
        if len(input_shape) != 2:
            raise ValueError(
                f"MinibatchDiscrimination takes vectors (n, a); got {tuple(input_shape)}: flatten them first"
            )
        self.kernel = self.add_weight(name="kernel", shape=(input_shape[-1], self.kernels * self.size))

    def call(self, x):
        matrices = ops.reshape(ops.matmul(x, self.kernel), (-1, self.kernels, self.size))
        apart = ops.sum(ops.abs(matrices[:, None] - matrices[None]), axis=-1)  # (n, n, kernels)
        return ops.concatenate([x, ops.sum(ops.exp(-apart), axis=1)], axis=-1)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], input_shape[-1] + self.kernels)

    def get_config(self):
        return {**super().get_config(), "kernels": self.kernels, "size": self.size}


@registered
class MinibatchStandardDeviation(keras.layers.Layer):
    """One more feature: by how much the features of a group of examples differ; 0 where all are the same.

    The standard deviation of each feature over the group, averaged over all features and places, stands beside the features
    of each member. Source: Karras, Aila, Laine, Lehtinen, "Progressive Growing of GANs", ICLR 2018, section 3.

    Args:
        group: examples in a group, at least 2; a batch that it does not divide is one group.

    Shapes: (n, …, c) → (n, …, c + 1), float32.

    Raises:
        ValueError: a group below 2.
    """

    def __init__(self, group: int = 4, **kwargs):
        super().__init__(**kwargs)
        if not isinstance(group, int) or group < 2:
            raise ValueError(f"group is {group!r}; it must be a whole number, at least 2")
        self.group = group

    def call(self, x):
        n = ops.shape(x)[0]
        group = ops.where(n % self.group == 0, self.group, n)
        features = ops.reshape(x, (n // group, group, -1))
        centred = features - ops.mean(features, axis=1, keepdims=True)
        spread = ops.mean(ops.sqrt(ops.mean(ops.square(centred), axis=1) + 1e-8), axis=-1)  # (groups,)
        each = ops.reshape(ops.broadcast_to(spread[:, None], (n // group, group)), (n, *[1] * (len(x.shape) - 1)))
        return ops.concatenate([x, ops.broadcast_to(each, (*ops.shape(x)[:-1], 1))], axis=-1)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], input_shape[-1] + 1)

    def get_config(self):
        return {**super().get_config(), "group": self.group}


@registered
class LearnedPoint(keras.layers.Layer):
    """The same trained point for every example, whatever comes in: Dirac-GAN's generator.

    Source: Mescheder, Geiger, Nowozin, "Which Training Methods for GANs do actually Converge?", ICML 2018, section 2.

    Args:
        start: the d coordinates that it begins with.

    Shapes: (n, …) → (n, d), float32.
    """

    def __init__(self, start=(0.0,), **kwargs):
        super().__init__(**kwargs)
        self.start = tuple(map(float, start))

    def build(self, input_shape):
        begin = lambda shape, dtype=None: ops.convert_to_tensor(self.start, dtype)  # noqa: E731
        self.point = self.add_weight(name="point", shape=(len(self.start),), initializer=begin)

    def call(self, x):
        return ops.broadcast_to(self.point, (ops.shape(x)[0], len(self.start)))

    def compute_output_shape(self, input_shape):
        return (input_shape[0], len(self.start))

    def get_config(self):
        return {**super().get_config(), "start": list(self.start)}


@registered
class SpectralNormalization(keras.layers.SpectralNormalization):
    """A layer whose kernel, as a matrix, stretches no vector: it is divided by its largest singular value, σ.

    Miyato et al., "Spectral Normalization for Generative Adversarial Networks", ICLR 2018, section 2.1; σ by power iteration
    (appendix A). Keras' own layer of this name overwrites its kernel with the normalised one at each training call: the
    optimizer's steps then act on another kernel than it believes, a second call in the same step sees another layer, and no
    gradient flows through σ. Here the kernel stays what the optimizer makes it; calls see kernel / σ, in training and after.

    Args:
        layer: a Dense or convolution layer, or an Embedding.
        power_iterations: per training call, at least 1.
    """

    def call(self, inputs, training=False):
        if training:
            self.vector_u.assign(self._next_u())
        with keras.StatelessScope(state_mapping=[(self.kernel, self.normalized_kernel())]):
            return ops.cast(self.layer(inputs), inputs.dtype)

    def _next_u(self):
        """The left singular vector after further power iterations."""
        weights, u = ops.reshape(self.kernel, [-1, self.kernel_shape[-1]]), self.vector_u.value
        for _ in range(self.power_iterations):
            v = ops.normalize(ops.matmul(u, ops.transpose(weights)), axis=None, epsilon=1e-12)
            u = ops.normalize(ops.matmul(v, weights), axis=None, epsilon=1e-12)
        return ops.stop_gradient(u)

    def normalized_kernel(self):
        """kernel / σ, of the kernel's shape; a kernel of zeros stays what it is."""
        weights = ops.reshape(self.kernel, [-1, self.kernel_shape[-1]])
        u = self.vector_u.value
        v = ops.normalize(ops.matmul(u, ops.transpose(weights)), axis=None, epsilon=1e-12)
        sigma = ops.sum(ops.matmul(ops.stop_gradient(v), weights) * ops.stop_gradient(u))
        return self.kernel / ops.where(sigma == 0, 1.0, sigma)
