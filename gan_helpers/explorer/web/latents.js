"use strict";

// The latent vectors that a seed draws, as `gan_helpers.gan.latent.sample` draws them in TensorFlow; and the ways between them.

/**
 * Four numbers of 32 bits from a counter and a key: Philox4x32-10.
 * Salmon, Moraes, Dror, Shaw, "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011.
 */
function philox(counter, key) {
  let [a, b, c, d] = counter, [k, l] = key;
  for (let round = 0; round < 10; round++) {
    const [highA, lowA] = product64(0xd2511f53, a), [highC, lowC] = product64(0xcd9e8d57, c);
    [a, b, c, d] = [(highC ^ b ^ k) >>> 0, lowC, (highA ^ d ^ l) >>> 0, lowA];
    [k, l] = [(k + 0x9e3779b9) >>> 0, (l + 0xbb67ae85) >>> 0];
  }
  return [a, b, c, d];
}

/** The upper and the lower 32 bits of a product. */
function product64(x, y) {
  const high = x >>> 16, low = x & 0xffff, top = y >>> 16, bottom = y & 0xffff;
  const middle = high * bottom + ((low * bottom) >>> 16), other = low * top + (middle & 0xffff);
  return [high * top + (middle >>> 16) + (other >>> 16), Math.imul(x, y) >>> 0];
}

/** Key and counter of a seed, two whole numbers of 64 bits with a sign: TensorFlow's stateless generators scramble it so. */
function keyed(first, second) {
  const words = (n) => [n >>> 0, n < 0 ? 0xffffffff : Math.floor(n / 2 ** 32)];
  const mixed = philox([...words(first), ...words(second)], [0x3ec8f720, 0x02461e29]);
  return { key: mixed.slice(0, 2), above: mixed.slice(2) };
}

/** Latent vectors of a seed: Float32Array of n · length numbers. The seed of the stream is `stream_of((seed, -1), "latents")`. */
function sampled(n, length, seed) {
  const folded = keyed(seed, -1);
  const { key, above } = keyed(philox([0, 0, ...folded.above], folded.key)[0] | 0, 0);
  const drawn = new Float32Array(4 * Math.ceil((n * length) / 4));
  for (let k = 0; k < drawn.length; k += 4) {
    const bits = philox([k / 4, 0, ...above], key);
    drawn.set(normal(bits[0], bits[1]), k);
    drawn.set(normal(bits[2], bits[3]), k + 2);
  }
  return drawn.subarray(0, n * length);
}

/** Two standard normal numbers of two uniform ones, by Box and Muller. */
function normal(x, y) {
  const [first, second] = [x, y].map((bits) => (bits & 0x7fffff) / 2 ** 23);
  const long = Math.fround(Math.sqrt(-2 * Math.log(Math.max(first, 1e-7)))), turn = Math.fround(2 * Math.PI * second);
  return [Math.sin(turn) * long, Math.cos(turn) * long];
}

/** The point `share` of the way from one latent vector to another: on the sphere, as `latent.slerp`, or straight. */
function between(a, b, share, straight) {
  const length = (v) => Math.hypot(...v), [longA, longB] = [length(a), length(b)];
  const line = () => a.map((x, k) => (1 - share) * x + share * b[k]);
  if (straight || !longA || !longB) return line();
  let cosine = 0;
  for (let k = 0; k < a.length; k++) cosine += (a[k] / longA) * (b[k] / longB);
  const angle = Math.acos(Math.min(1, Math.max(-1, cosine)));
  if (Math.sin(angle) < 1e-4) {
    if (cosine > 0) return line();
    throw new Error("a and b are opposite: every great circle through them is as short; choose another b");
  }
  const [fromA, fromB] = [Math.sin((1 - share) * angle) / Math.sin(angle), Math.sin(share * angle) / Math.sin(angle)];
  const long = (1 - share) * longA + share * longB;
  return a.map((x, k) => (fromA * (x / longA) + fromB * (b[k] / longB)) * long);
}
