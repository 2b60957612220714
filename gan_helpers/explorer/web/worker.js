"use strict";

// Draws, beside the page's own thread: a state in, the picture as pixels out. See `Scenery.draw` in picture.py.

let facts, generator, judge, directions, drawn; // drawn: the last picture's images, and how many
const ends = new Map(); // latent vectors by seed

const ANSWERS = {
  start({ facts: given, weights }) {
    facts = given;
    const arrays = arraysOf(bytesOf(weights), facts.arrays);
    const take = (graph) => graph && new Network(graph, arrays.slice(graph.first, graph.first + graph.count));
    [generator, judge, directions] = [take(facts.generator), take(facts.judge), arrays[facts.directions]];
    return { kind: "ready" };
  },

  draw({ state, number }) {
    const n = state.side ** 2, latents = latentsOf(state, n), kinds = new Float32Array(n);
    if (facts.kinds) kinds.forEach((_, k) => (kinds[k] = state.classNumber ?? k % facts.kinds.length));
    const inputs = facts.latentPlace === 0 ? [latents, kinds] : [kinds, latents];
    const images = inLevels(generator.run(inputs, n));
    drawn = { images, n };
    const lengths = Array.from({ length: n }, (_, k) => Math.hypot(...one(latents, k)));
    return { kind: "picture", number, ...sheetOf(images, state.side), lengths };
  },

  judge({ number }) {
    const { images, n } = drawn, logits = judge.run([Float32Array.from(images)], n), count = logits.length / n;
    const rows = Array.from({ length: n }, (_, k) => {
      const row = [...logits.subarray(k * count, (k + 1) * count)], most = Math.max(...row);
      const odds = row.map((x) => Math.exp(x - most)), sum = odds.reduce((a, b) => a + b);
      return odds.map((x) => x / sum);
    });
    return { kind: "judged", number, rows };
  },
};

const one = (latents, k) => latents.subarray(k * facts.latentDim, (k + 1) * facts.latentDim);

/** The latent vectors of a state: walked, truncated, moved. */
function latentsOf(state, n) {
  const [a, b] = [state.seed, state.to].map((seed) => {
    if (!ends.has(seed)) {
      if (ends.size > 50) ends.clear();
      ends.set(seed, sampled(facts.most, facts.latentDim, seed));
    }
    return ends.get(seed);
  });
  const move = new Float32Array(facts.latentDim);
  for (const [key, offset] of state.offsets) {
    const place = Number(key.slice(1));
    if (key[0] === "d") move[place] += offset;
    else one(directions, place).forEach((x, k) => (move[k] += offset * x));
  }
  const latents = new Float32Array(n * facts.latentDim);
  for (let k = 0; k < n; k++) {
    const begin = one(a, k), end = one(b, k);
    const walked = state.walk === 0 ? begin : state.walk === 100 ? end : between(begin, end, state.walk / 100, state.straight);
    one(latents, k).forEach((_, j, row) => (row[j] = Math.fround(walked[j] * state.truncation) + move[j]));
  }
  return latents;
}

/** The network's floats as grey levels or levels of colour. */
function inLevels(pixels) {
  const [low, high] = facts.pixelRange, scale = 255 / (high - low), levels = new Uint8ClampedArray(pixels.length);
  for (let k = 0; k < pixels.length; k++) {
    if (!Number.isFinite(pixels[k])) throw new Error(`${facts.name} gives NaN or infinity: its weights are broken`);
    levels[k] = (pixels[k] - low) * scale; // rounded and clipped by the array itself
  }
  return levels;
}

/** The images side by side on white, as `images.grid` lays them; one alone as it is. */
function sheetOf(images, side) {
  const [height, width, channels] = facts.imageShape, gap = side === 1 ? 0 : 2;
  const wide = side * (width + gap) + gap, tall = side * (height + gap) + gap;
  const pixels = new Uint8ClampedArray(4 * wide * tall).fill(255);
  for (let image = 0, at = 0; image < side * side; image++) {
    const top = gap + Math.floor(image / side) * (height + gap), left = gap + (image % side) * (width + gap);
    for (let y = 0; y < height; y++) {
      let to = 4 * ((top + y) * wide + left);
      for (let x = 0; x < width; x++, to += 4, at += channels) {
        for (let c = 0; c < 3; c++) pixels[to + c] = images[channels === 1 ? at : at + c];
      }
    }
  }
  return { pixels, width: wide, height: tall };
}

onmessage = ({ data }) => {
  try {
    const answer = ANSWERS[data.ask](data);
    postMessage(answer, answer.pixels ? [answer.pixels.buffer] : []);
  } catch (error) {
    postMessage({ kind: "failed", at: data.ask, number: data.number, message: error.message });
  }
};
