"use strict";

// A network as `graph.py` writes it: steps, each of which makes one value of those before it. Every value has a place of its
// own in one memory, for a few examples at a time, so that a picture costs no allocation.

const AT_ONCE = 8; // examples that are computed together
const BLOCK = 1 << 16; // numbers of a block of rows that goes through the product: it stays in the processor's cache

class Network {
  /**
   * @param {{steps: object[], output: number}} graph
   * @param {Float32Array[]} arrays its weights.
   */
  constructor(graph, arrays) {
    this.steps = graph.steps;
    this.output = graph.output;
    let end = 0;
    const room = (count) => {
      const at = end;
      end += 16 * Math.ceil(count / 4);
      return { at, count };
    };
    let patches = BLOCK, sums = BLOCK;
    const values = this.steps.map((step) => room(AT_ONCE * step.size + 3 * step.size));
    const kernels = this.steps.map((step) => {
      if (!("kernel" in step)) return null;
      step.columns = arrays[step.bias].length * (step.op === "spread" ? step.window[0] * step.window[1] : 1);
      step.inner = arrays[step.kernel].length / step.columns;
      step.panels = Math.ceil(step.columns / 8);
      const widest = Math.max(step.inner, 8 * step.panels);
      step.block = Math.max(4, 4 * Math.floor(BLOCK / widest / 4)); // rows
      patches = Math.max(patches, step.block * step.inner);
      sums = Math.max(sums, step.block * 8 * step.panels);
      return room(8 * step.panels * step.inner);
    });
    const [patchRoom, sumRoom] = [room(patches), room(sums)];
    const memory = new WebAssembly.Memory({ initial: Math.ceil(end / 65536) + 1 });
    const view = ({ at, count }) => new Float32Array(memory.buffer, at, count);
    this.product = new WebAssembly.Instance(new WebAssembly.Module(productModule()), { page: { memory } }).exports.product;
    this.values = values.map(view);
    this.patches = view(patchRoom);
    this.sums = view(sumRoom);
    this.steps.forEach((step, k) => {
      for (const name of ["bias", "scale", "shift", "table"]) if (name in step) step[name] = arrays[step[name]];
      if (kernels[k]) step.kernel = inPanels(arrays[step.kernel], view(kernels[k]), step);
    });
  }

  /**
   * @param {Float32Array[]} inputs for each input of the model its numbers, n examples one after the other.
   * @returns {Float32Array} what it makes of them.
   */
  run(inputs, n) {
    const size = this.steps[this.output].size, outcome = new Float32Array(n * size);
    for (let first = 0; first < n; first += AT_ONCE) {
      const count = Math.min(AT_ONCE, n - first);
      this.steps.forEach((step, k) => {
        const to = this.values[k];
        if (step.op === "input") to.set(inputs[step.which].subarray(first * step.size, (first + count) * step.size));
        else OPERATIONS[step.op](this, step, step.from.map((value) => this.values[value]), to, count);
      });
      outcome.set(this.values[this.output].subarray(0, count * size), first * size);
    }
    return outcome;
  }
}

/** The kernel (inner, columns) in panels of eight columns, as the product takes it; missing columns are 0. */
function inPanels(kernel, to, { inner, columns, panels }) {
  let at = 0;
  for (let panel = 0; panel < panels; panel++) {
    for (let i = 0; i < inner; i++) {
      for (let j = 8 * panel; j < 8 * panel + 8; j++) to[at++] = j < columns ? kernel[i * columns + j] : 0;
    }
  }
  return to;
}

/** Rows times the kernel, block by block; `use` is told each block's first row, and how many it has; its sums are in network.sums. */
function inBlocks(network, step, rows, source, use) {
  for (let first = 0; first < rows; first += step.block) {
    const count = Math.min(step.block, rows - first), address = source(first, count);
    network.product(address, step.kernel.byteOffset, network.sums.byteOffset, 4 * Math.ceil(count / 4), step.inner, step.panels);
    use(first, count);
  }
}

/** To each row of sums the bias, and to its place. */
function withBias({ sums }, { columns, panels, bias }, to, first, count) {
  for (let row = 0, at = 0, out = first * columns; row < count; row++, at += 8 * panels) {
    for (let j = 0; j < columns; j++) to[out++] = sums[at + j] + bias[j];
  }
}

const OPERATIONS = {
  multiply(network, step, [from], to, n) {
    const source = (first) => from.byteOffset + 4 * first * step.inner;
    inBlocks(network, step, (n * step.size) / step.columns, source, (first, count) => withBias(network, step, to, first, count));
  },

  // Each place's window, laid out as a row: the convolution is a product then.
  convolve(network, step, [from], to, n) {
    const [height, width, channels] = step.shape, [outHeight, outWidth] = step.outcome;
    const [tall, wide] = step.window, [down, right] = step.strides, [top, left] = step.pad;
    const { patches } = network, line = width * channels, row = wide * channels;
    const gather = (first, count) => {
      let at = 0;
      for (let place = first; place < first + count; place++) {
        const image = Math.floor(place / (outHeight * outWidth)), inImage = place - image * outHeight * outWidth;
        const y = Math.floor(inImage / outWidth) * down - top, x = (inImage % outWidth) * right - left;
        const begin = Math.max(0, -x) * channels, end = Math.min(wide, width - x) * channels;
        for (let i = y; i < y + tall; i++, at += row) {
          if (i < 0 || i >= height) {
            for (let k = 0; k < row; k++) patches[at + k] = 0;
            continue;
          }
          const source = (image * height + i) * line + x * channels;
          for (let k = 0; k < begin; k++) patches[at + k] = 0;
          for (let k = begin; k < end; k++) patches[at + k] = from[source + k];
          for (let k = end; k < row; k++) patches[at + k] = 0;
        }
      }
      return patches.byteOffset;
    };
    inBlocks(network, step, n * outHeight * outWidth, gather, (first, count) => withBias(network, step, to, first, count));
  },

  // The transposed convolution: each place's product is a window of the outcome, and windows that overlap are added.
  spread(network, step, [from], to, n) {
    const [height, width] = step.shape, [outHeight, outWidth, channels] = step.outcome;
    const [tall, wide] = step.window, [down, right] = step.strides, [top, left] = step.pad;
    const { sums } = network, { bias } = step;
    for (let at = 0; at < n * step.size; ) for (let c = 0; c < channels; c++) to[at++] = bias[c];
    const source = (first) => from.byteOffset + 4 * first * step.inner;
    inBlocks(network, step, n * height * width, source, (first, count) => {
      for (let place = first; place < first + count; place++) {
        const image = Math.floor(place / (height * width)), inImage = place - image * height * width;
        const y = Math.floor(inImage / width) * down - top, x = (inImage % width) * right - left;
        const begin = Math.max(0, -x) * channels, end = Math.min(wide, outWidth - x) * channels;
        let at = (place - first) * 8 * step.panels;
        for (let i = y; i < y + tall; i++, at += wide * channels) {
          if (i < 0 || i >= outHeight) continue;
          const out = ((image * outHeight + i) * outWidth + x) * channels;
          for (let k = begin; k < end; k++) to[out + k] += sums[at + k];
        }
      }
    });
  },

  // The row of a table that a class has.
  lookup(network, { size, table }, [from], to, n) {
    for (let k = 0; k < n; k++) to.set(table.subarray(from[k] * size, (from[k] + 1) * size), k * size);
  },

  scale(network, step, [from], to, n) {
    const { scale, shift } = step, channels = scale.length;
    for (let at = 0; at < n * step.size; ) {
      for (let c = 0; c < channels; c++, at++) to[at] = from[at] * scale[c] + shift[c];
    }
  },

  activate(network, { size, kind, parameter }, [from], to, n) {
    const f = ACTIVATIONS[kind];
    if (kind === "leaky") for (let at = 0; at < n * size; at++) to[at] = from[at] > 0 ? from[at] : parameter * from[at];
    else for (let at = 0; at < n * size; at++) to[at] = f(from[at], parameter);
  },

  // Channels of each place brought to the length 1.
  unit(network, { size, channels }, [from], to, n) {
    for (let at = 0; at < n * size; at += channels) {
      let squares = 0;
      for (let c = at; c < at + channels; c++) squares += from[c] * from[c];
      const by = Math.min(1 / Math.sqrt(squares), 1e12);
      for (let c = at; c < at + channels; c++) to[c] = from[c] * by;
    }
  },

  // Two values of one size, or the second with one number for each channel of an example.
  combine(network, { from: [, second], size, how }, [one, other], to, n) {
    const width = network.steps[second].size;
    for (let example = 0; example < n; example++) {
      const begin = example * size, row = example * width;
      for (let at = 0, c = 0; at < size; at++, c = c + 1 === width ? 0 : c + 1) {
        const x = one[begin + at], y = other[row + c];
        to[begin + at] = how === "add" ? x + y : how === "multiply" ? x * y : x - y;
      }
    }
  },

  // Channels one behind the other.
  join(network, step, from, to, n) {
    const total = step.channels.reduce((a, b) => a + b);
    let begin = 0;
    from.forEach((values, k) => {
      const width = step.channels[k];
      for (let place = 0; place < (n * step.size) / total; place++) {
        for (let c = 0; c < width; c++) to[place * total + begin + c] = values[place * width + c];
      }
      begin += width;
    });
  },

  enlarge(network, { shape, outcome, smooth }, [from], to, n) {
    const [height, width, channels] = shape, [outHeight, outWidth] = outcome;
    const between = (k, size, outSize) => {
      if (!smooth) return [Math.floor((k * size) / outSize), Math.floor((k * size) / outSize), 0];
      const at = ((k + 0.5) * size) / outSize - 0.5;
      return [Math.max(Math.floor(at), 0), Math.min(Math.ceil(at), size - 1), at - Math.floor(at)];
    };
    let out = 0;
    for (let image = 0; image < n; image++) {
      for (let y = 0; y < outHeight; y++) {
        const [above, below, down] = between(y, height, outHeight);
        for (let x = 0; x < outWidth; x++) {
          const [left, right, across] = between(x, width, outWidth);
          const place = (i, j) => ((image * height + i) * width + j) * channels;
          const [aboveLeft, aboveRight] = [place(above, left), place(above, right)];
          const [belowLeft, belowRight] = [place(below, left), place(below, right)];
          for (let c = 0; c < channels; c++) {
            const high = from[aboveLeft + c] + (from[aboveRight + c] - from[aboveLeft + c]) * across;
            const low = from[belowLeft + c] + (from[belowRight + c] - from[belowLeft + c]) * across;
            to[out++] = high + (low - high) * down;
          }
        }
      }
    }
  },

  pool(network, { shape, outcome, window, strides, how }, [from], to, n) {
    const [height, width, channels] = shape, [outHeight, outWidth] = outcome;
    let out = 0;
    for (let image = 0; image < n; image++) {
      for (let y = 0; y < outHeight; y++) {
        for (let x = 0; x < outWidth; x++) {
          for (let c = 0; c < channels; c++) {
            let most = -Infinity, sum = 0;
            for (let i = 0; i < window[0]; i++) {
              for (let j = 0; j < window[1]; j++) {
                const one = from[((image * height + y * strides[0] + i) * width + x * strides[1] + j) * channels + c];
                most = one > most ? one : most;
                sum += one;
              }
            }
            to[out++] = how === "max" ? most : sum / (window[0] * window[1]);
          }
        }
      }
    }
  },

  // A part of the map, or zeros around it.
  border(network, { shape, outcome, offset }, [from], to, n) {
    const [height, width, channels] = shape, [outHeight, outWidth] = outcome;
    let out = 0;
    for (let image = 0; image < n; image++) {
      for (let y = offset[0]; y < offset[0] + outHeight; y++) {
        for (let x = offset[1]; x < offset[1] + outWidth; x++) {
          const inside = y >= 0 && y < height && x >= 0 && x < width;
          const source = ((image * height + y) * width + x) * channels;
          for (let c = 0; c < channels; c++) to[out++] = inside ? from[source + c] : 0;
        }
      }
    }
  },
};

const ACTIVATIONS = {
  relu6: (x) => Math.min(Math.max(x, 0), 6),
  elu: (x, alpha) => (x > 0 ? x : alpha * Math.expm1(x)),
  selu: (x) => 1.0507009873554805 * (x > 0 ? x : 1.6732632423543772 * Math.expm1(x)),
  silu: (x) => x / (1 + Math.exp(-x)),
  softplus: (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))),
  tanh: Math.tanh,
  sigmoid: (x) => 1 / (1 + Math.exp(-x)),
};

// --- weights as the page holds them ---

/** Bytes of a text in base64. */
function bytesOf(base64) {
  const text = atob(base64), bytes = new Uint8Array(text.length);
  for (let k = 0; k < bytes.length; k++) bytes[k] = text.charCodeAt(k);
  return bytes.buffer;
}

let halves; // what each of the 65,536 numbers of 16 bits stands for

/** A number in float16. */
function half(bits) {
  const exponent = (bits >> 10) & 31, fraction = (bits & 1023) / 1024;
  return (bits & 0x8000 ? -1 : 1) * (exponent ? 2 ** (exponent - 15) * (1 + fraction) : 2 ** -14 * fraction);
}

/** Arrays one after the other, each a number of float16 or float32. */
function arraysOf(buffer, layout) {
  halves ??= Float32Array.from({ length: 65536 }, (_, bits) => half(bits));
  let at = 0;
  return layout.map(({ count, bits }) => {
    const numbers = bits === 16 ? new Uint16Array(buffer, at, count) : new Float32Array(buffer, at, count);
    at += 4 * Math.ceil((count * bits) / 32);
    return bits === 16 ? Float32Array.from(numbers, (one) => halves[one]) : numbers;
  });
}
