"""Training in bfloat16, on processors that are built for it: the same network, its heavy sums in 16 bits.

Weights, optimizers, batch norm statistics, losses and the last layer of each network stay float32 (Micikevicius et al.,
"Mixed Precision Training", ICLR 2018, section 3; bfloat16 keeps float32's exponents, so no loss scaling is needed:
Kalamkar et al., "A Study of BFLOAT16 for Deep Learning Training", 2019).
"""

import os
from pathlib import Path

import keras
import tensorflow as tf
from keras import layers

LARGEST_MAP = 7 * 7  # pixels
PRECISIONS = ("auto", "float32", "bfloat16")


def has_amx() -> bool:
    """Whether TensorFlow multiplies bfloat16 matrices in hardware: this processor has Intel's AMX, as Linux reports it, and
    no environment variable keeps oneDNN from it.

    AVX512-BF16 alone does not count: without AMX the twin was slower than float32 (`benchmarks/throughput.py` in bfloat16,
    run with ONEDNN_MAX_CPU_ISA=AVX512_CORE_BF16).
    """
    highest = os.environ.get("ONEDNN_MAX_CPU_ISA", "ALL").upper()
    if os.environ.get("TF_ENABLE_ONEDNN_OPTS") == "0" or not ("AMX" in highest or highest in ("ALL", "DEFAULT")):
        return False
    cpuinfo = Path("/proc/cpuinfo")
    return cpuinfo.exists() and "amx_bf16" in cpuinfo.read_text(errors="replace").split()


def choose_precision(precision: str = "auto") -> str:
    """ "float32" or "bfloat16"; "auto" is bfloat16 where training runs on a CPU that has AMX.

    Raises:
        ValueError: another name.
    """
    if precision not in PRECISIONS:
        raise ValueError(f"precision is {precision!r}; it must be one of {', '.join(map(repr, PRECISIONS))}")
    if precision == "auto":
        return "bfloat16" if has_amx() and not tf.config.list_physical_devices("GPU") else "float32"
    return precision


def twin(model: keras.Model) -> keras.Model:
    """A model that shares every variable with `model` and computes the same, in bfloat16 up to the last layer with weights.

    Convolutions, dense layers, batch norm and dropout get a faster form, layers without state Keras' own bfloat16. Any
    other layer is called as it is, in its own precision.

    Args:
        model: functional or sequential.
    """
    last = max((i for i, layer in enumerate(model.layers) if layer.weights), default=0)
    beside_it = [layer for layer in model.layers[:last] if layer.weights and layer.input is model.layers[last].input]
    in_float32 = [*beside_it, *model.layers[last:]]

    def share(layer):
        if isinstance(layer, layers.InputLayer):
            return layer
        if compute := _FASTER.get(type(layer), lambda _: None)(layer):
            return _Twin(layer, compute, tf.float32 if layer in in_float32 else tf.bfloat16)
        if type(layer) in _WITHOUT_STATE and layer not in in_float32:
            return type(layer).from_config({**layer.get_config(), "dtype": "bfloat16"})
        return layer

    return keras.models.clone_model(model, clone_function=share)


class _Twin(layers.Layer):
    """Calls `compute(x, training)` in place of the layer whose variables it uses."""

    def __init__(self, layer, compute, precision):
        super().__init__(name=layer.name, autocast=False)
        self.layer, self.compute, self.precision = layer, compute, precision

    def call(self, x, training=False, mask=None):
        return self.compute(tf.cast(x, self.precision), training)


_WITHOUT_STATE = (
    *(layers.LeakyReLU, layers.ReLU, layers.Activation),
    *(layers.Reshape, layers.Flatten, layers.UpSampling2D, layers.Add, layers.Multiply),
)


def _dense(layer):
    """Dense, of vectors."""

    def compute(x, training):
        return _finish(layer, tf.matmul(x, tf.cast(layer.kernel, x.dtype)))

    return compute


def _finish(layer, x):
    """Bias and activation of a layer."""
    return layer.activation(tf.nn.bias_add(x, tf.cast(layer.bias, x.dtype)) if layer.use_bias else x)


def _convolution(layer):
    """Conv2D; a stride of 2 as space-to-depth followed by stride 1."""
    stride = layer.strides[0]
    if not _is_plain(layer):
        return None

    def compute(x, training):
        kernel = tf.cast(layer.kernel, x.dtype)
        if layer.padding == "valid" or x.shape[1] % stride or x.shape[2] % stride:
            return _finish(layer, tf.nn.conv2d(x, kernel, stride, layer.padding.upper()))
        if stride > 1:
            x, kernel = tf.nn.space_to_depth(x, stride), _kernel_of_phases(kernel, stride)
        return _finish(layer, _conv(x, kernel))

    return compute


def _transposed_convolution(layer):
    """Conv2DTranspose; a stride of 2 as stride 1 followed by depth-to-space (Shi et al., CVPR 2016, section 3)."""
    stride = layer.strides[0]
    if not _is_plain(layer) or layer.padding != "same" or layer.output_padding is not None:
        return None

    def compute(x, training):
        x = _conv_transpose(x, _kernel_of_phases(tf.cast(layer.kernel, x.dtype), stride))
        return _finish(layer, tf.nn.depth_to_space(x, stride) if stride > 1 else x)

    return compute


def _is_plain(layer) -> bool:
    return (
        layer.strides[0] == layer.strides[1]
        and layer.kernel_size[0] == layer.kernel_size[1]
        and tuple(layer.dilation_rate) == (1, 1)
        and getattr(layer, "groups", 1) == 1
        and layer.data_format == "channels_last"
    )


def _kernel_of_phases(kernel, stride: int):
    """The kernel (k, k, c, d) of a strided convolution as (K, K, stride²·c, d): that of stride 1 on space-to-depth."""
    k, _, c, d = kernel.shape
    before = max(k - stride, 0) // 2  # TensorFlow's SAME padding, where the stride divides the size
    front = -before % stride
    taps = -(-(front + k) // stride)
    back = taps * stride - k - front
    kernel = tf.pad(kernel, [[front, back], [front, back], [0, 0], [0, 0]])
    kernel = tf.transpose(tf.reshape(kernel, (taps, stride, taps, stride, c, d)), (0, 2, 1, 3, 4, 5))
    return tf.reshape(kernel, (taps, taps, stride * stride * c, d))


@tf.custom_gradient
def _conv(x, kernel):
    """Convolution, stride 1, SAME."""
    return _correlate(x, kernel), lambda dy: (_spread(dy, kernel), _kernel_gradient(x, dy, kernel.shape))


@tf.custom_gradient
def _conv_transpose(x, kernel):
    """Its transpose: kernel (k, k, output channels, input channels)."""
    return _spread(x, kernel), lambda dy: (_correlate(dy, kernel), _kernel_gradient(dy, x, kernel.shape))


def _correlate(x, kernel):
    return tf.nn.conv2d(x, kernel, 1, "SAME")


def _spread(y, kernel):
    return tf.nn.conv2d_transpose(y, kernel, tf.concat([tf.shape(y)[:3], [kernel.shape[2]]], 0), 1, "SAME")


def _kernel_gradient(x, dy, shape):
    """On small maps of many channels one matrix product a tap of the kernel: on AMX twice as fast as TensorFlow's own.

    On larger maps the taps' copies cost more than they save.
    """
    k, _, c, d = shape
    if min(c, d) < 32 or x.shape[1] * x.shape[2] > LARGEST_MAP:
        return tf.raw_ops.Conv2DBackpropFilter(
            input=x, filter_sizes=shape, out_backprop=dy, strides=[1, 1, 1, 1], padding="SAME"
        )
    h, w = x.shape[1:3]
    before, after = (k - 1) // 2, k // 2
    x = tf.pad(x, [[0, 0], [before, after], [before, after], [0, 0]])
    dy = tf.reshape(dy, (-1, d))
    taps = [tf.reshape(x[:, i : i + h, j : j + w], (-1, c)) for i in range(k) for j in range(k)]
    return tf.reshape(tf.stack([tf.matmul(tap, dy, transpose_a=True) for tap in taps]), shape)


def _batch_norm(layer):
    """TensorFlow's fused kernel, with Keras' biased variance in the moving statistics."""
    if layer.axis not in (-1, 3):
        return None

    def compute(x, training):
        shape, channels = tf.shape(x), x.shape[-1]
        x = x if len(x.shape) == 4 else tf.reshape(x, (-1, 1, 1, x.shape[-1]))
        use_batch = bool(training) and layer.trainable
        y, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=x,
            scale=layer.gamma.value if layer.scale else tf.ones([channels]),
            offset=layer.beta.value if layer.center else tf.zeros([channels]),
            mean=tf.zeros([0]) if use_batch else layer.moving_mean.value,
            variance=tf.zeros([0]) if use_batch else layer.moving_variance.value,
            epsilon=layer.epsilon,
            is_training=use_batch,
        )
        if use_batch:
            n = tf.cast(tf.size(x) / tf.shape(x)[-1], tf.float32)
            m = layer.momentum
            layer.moving_mean.assign(m * layer.moving_mean + (1 - m) * mean)
            layer.moving_variance.assign(m * layer.moving_variance + (1 - m) * variance * (n - 1) / n)
        return tf.reshape(y, shape)

    return compute


def _dropout(layer):
    """Two masks' worth of randomness from each 32-bit word; the rate is kept to 1/65536."""
    if not layer.rate or layer.noise_shape is not None:
        return None

    def compute(x, training):
        if not training:
            return x
        size = tf.size(x)
        seed = tf.cast(layer.seed_generator.next(), tf.int32)
        words = tf.random.stateless_uniform([(size + 1) // 2], seed, minval=None, maxval=None, dtype=tf.uint32)
        halves = tf.reshape(tf.bitcast(words, tf.uint16), [-1])[:size]
        kept = tf.reshape(halves, tf.shape(x)) >= round(layer.rate * 65536)
        return tf.where(kept, x / (1 - layer.rate), 0)

    return compute


_FASTER = {
    layers.Dense: _dense,
    layers.Conv2D: _convolution,
    layers.Conv2DTranspose: _transposed_convolution,
    layers.BatchNormalization: _batch_norm,
    layers.Dropout: _dropout,
}
