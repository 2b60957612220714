// What computes a page's pictures: the product in WebAssembly SIMD or in plain JavaScript, or onnxruntime-web.
//
//     node benchmarks/page_runtime.mjs [FOLDER]      prints the table of benchmarks/results/page_runtime.md
//
// FOLDER: where `npm install onnxruntime-web@1.30.0 onnx-proto@8.0.1` was called; without it that row is left out. The network
// has the shape of `course_dcgan`, with random weights. All on one thread, in V8, as in Chromium; of ROUNDS rounds, in which
// each takes its turn, the least and the median count.

import fs from "node:fs";
import { createRequire } from "node:module";
import os from "node:os";
import path from "node:path";
import vm from "node:vm";

const ROUNDS = 200, VIEWS = [1, 16];
const web = new URL("../gan_helpers/explorer/web/", import.meta.url);
const source = ["kernel.js", "runtime.js"].map((name) => fs.readFileSync(new URL(name, web), "utf8")).join("\n");
const { Network } = vm.runInThisContext(`${source}\n({ Network })`);

const random = (...shape) => Float32Array.from({ length: shape.reduce((a, b) => a * b) }, () => (Math.random() - 0.5) / 8);
const weights = {
  dense: random(64, 3136), first: random(64, 64, 4, 4), second: random(64, 32, 4, 4), last: random(1, 32, 3, 3),
};

/** The page's own runtime. Its kernels are laid out otherwise; random numbers are as good in any order. */
function own() {
  const arrays = [], array = (numbers) => arrays.push(numbers) - 1, steps = [];
  const step = (op, size, settings = {}) => steps.push({ op, size, from: steps.length ? [steps.length - 1] : [], ...settings });
  const normed = (channels, size) => {
    step("scale", size, { scale: array(new Float32Array(channels).fill(1)), shift: array(new Float32Array(channels)) });
    step("activate", size, { kind: "leaky", parameter: 0.2 });
  };
  step("input", 64, { which: 0 });
  step("multiply", 3136, { kernel: array(weights.dense), bias: array(new Float32Array(3136)) });
  normed(3136, 3136);
  const doubled = (side, before, after, kernel) => {
    step("spread", 4 * side * side * after, {
      kernel: array(kernel), bias: array(new Float32Array(after)), window: [4, 4], strides: [2, 2], pad: [1, 1],
      shape: [side, side, before], outcome: [2 * side, 2 * side, after],
    });
    normed(after, 4 * side * side * after);
  };
  doubled(7, 64, 64, weights.first);
  doubled(14, 64, 32, weights.second);
  step("convolve", 784, {
    kernel: array(weights.last), bias: array(new Float32Array(1)), window: [3, 3], strides: [1, 1], pad: [1, 1],
    shape: [28, 28, 32], outcome: [28, 28, 1],
  });
  step("activate", 784, { kind: "tanh", parameter: 0 });
  return new Network({ steps, output: steps.length - 1 }, arrays);
}

/** The same product in plain JavaScript: four rows by four columns at a time, in float32. */
function plain(network) {
  const all = new Float32Array(network.values[0].buffer), f = Math.fround;
  return (a, b, c, rows, inner, panels) => {
    [a, b, c] = [a / 4, b / 4, c / 4];
    for (let panel = 0; panel < 2 * panels; panel++) {
      for (let row = 0; row < rows; row += 4) {
        let k = b + (panel >> 1) * inner * 8 + 4 * (panel & 1), at = a + row * inner;
        let c00 = f(0), c01 = f(0), c02 = f(0), c03 = f(0), c10 = f(0), c11 = f(0), c12 = f(0), c13 = f(0);
        let c20 = f(0), c21 = f(0), c22 = f(0), c23 = f(0), c30 = f(0), c31 = f(0), c32 = f(0), c33 = f(0);
        for (let i = 0; i < inner; i++, k += 8, at++) {
          const x0 = all[k], x1 = all[k + 1], x2 = all[k + 2], x3 = all[k + 3];
          const y0 = all[at], y1 = all[at + inner], y2 = all[at + 2 * inner], y3 = all[at + 3 * inner];
          c00 = f(c00 + f(y0 * x0)); c01 = f(c01 + f(y0 * x1)); c02 = f(c02 + f(y0 * x2)); c03 = f(c03 + f(y0 * x3));
          c10 = f(c10 + f(y1 * x0)); c11 = f(c11 + f(y1 * x1)); c12 = f(c12 + f(y1 * x2)); c13 = f(c13 + f(y1 * x3));
          c20 = f(c20 + f(y2 * x0)); c21 = f(c21 + f(y2 * x1)); c22 = f(c22 + f(y2 * x2)); c23 = f(c23 + f(y2 * x3));
          c30 = f(c30 + f(y3 * x0)); c31 = f(c31 + f(y3 * x1)); c32 = f(c32 + f(y3 * x2)); c33 = f(c33 + f(y3 * x3));
        }
        const out = c + row * 8 * panels + 4 * panel, width = 8 * panels;
        all.set([c00, c01, c02, c03], out);
        all.set([c10, c11, c12, c13], out + width);
        all.set([c20, c21, c22, c23], out + 2 * width);
        all.set([c30, c31, c32, c33], out + 3 * width);
      }
    }
  };
}

/** The same network in ONNX, on one thread of onnxruntime-web. */
async function onnx(folder) {
  const require = createRequire(path.join(path.resolve(folder), "package.json"));
  const { onnx: proto } = require("onnx-proto");
  const ort = require("onnxruntime-web");
  ort.env.wasm.numThreads = 1;
  const initializer = [], node = [];
  const float = (name, dims, numbers) => initializer.push({ name, dims, dataType: 1, rawData: new Uint8Array(numbers.buffer) });
  const ints = (name, values) => ({ name, type: 7, ints: values });
  const call = (opType, input, attribute = []) => {
    const output = `v${node.length}`;
    node.push({ opType, input, output: [output], attribute });
    return output;
  };
  const normed = (x, channels) => {
    for (const [name, fill] of [["one", 1], ["zero", 0]]) float(`${name}${x}`, [channels], new Float32Array(channels).fill(fill));
    const at = [x, `one${x}`, `zero${x}`, `zero${x}`, `one${x}`];
    return call("LeakyRelu", [call("BatchNormalization", at)], [{ name: "alpha", type: 1, f: 0.2 }]);
  };
  float("dense", [64, 3136], weights.dense);
  float("first", [64, 64, 4, 4], weights.first);
  float("second", [64, 32, 4, 4], weights.second);
  float("last", [1, 32, 3, 3], weights.last);
  initializer.push({ name: "shape", dims: [4], dataType: 7, rawData: new Uint8Array(BigInt64Array.from([-1n, 64n, 7n, 7n]).buffer) });
  let x = call("Reshape", [normed(call("MatMul", ["latents", "dense"]), 3136), "shape"]);
  for (const [name, channels] of [["first", 64], ["second", 32]]) {
    x = normed(call("ConvTranspose", [x, name], [ints("strides", [2, 2]), ints("pads", [1, 1, 1, 1])]), channels);
  }
  x = call("Tanh", [call("Conv", [x, "last"], [ints("pads", [1, 1, 1, 1])])]);
  const tensor = (name, dims) => ({ name, type: { tensorType: { elemType: 1, shape: { dim: dims } } } });
  const model = proto.ModelProto.encode({
    irVersion: 8, opsetImport: [{ domain: "", version: 13 }],
    graph: { name: "g", node, initializer, input: [tensor("latents", [{ dimParam: "n" }, { dimValue: 64 }])], output: [tensor(x, [{ dimParam: "n" }, ...[1, 28, 28].map((dimValue) => ({ dimValue }))])] },
  }).finish();
  const session = await ort.InferenceSession.create(model, { executionProviders: ["wasm"] });
  return (latents, n) => session.run({ latents: new ort.Tensor("float32", latents, [n, 64]) });
}

const ways = { "WebAssembly SIMD": own(), "plain JavaScript": own() };
ways["plain JavaScript"].product = plain(ways["plain JavaScript"]);
const latents = random(64 * Math.max(...VIEWS));
const [one, other] = Object.values(ways).map((network) => network.run([latents], 3));
if (one.some((x, k) => Math.abs(x - other[k]) > 1e-5)) throw new Error("the two products do not agree");
const runs = Object.fromEntries(Object.entries(ways).map(([name, network]) => [name, (z, n) => network.run([z], n)]));
if (process.argv[2]) runs["onnxruntime-web"] = await onnx(process.argv[2]);

console.log("| network computed by | pictures | least ms | median ms |\n| --- | --- | --- | --- |");
for (const n of VIEWS) {
  const taken = Object.fromEntries(Object.keys(runs).map((name) => [name, []]));
  for (let round = 0; round < ROUNDS / Math.sqrt(n); round++) {
    for (const [name, run] of Object.entries(runs)) {
      const began = performance.now();
      await run(latents.slice(0, 64 * n), n);
      taken[name].push(performance.now() - began);
    }
  }
  for (const [name, times] of Object.entries(taken)) {
    times.sort((a, b) => a - b);
    console.log(`| ${name} | ${n} | ${times[0].toFixed(1)} | ${times[times.length >> 1].toFixed(1)} |`);
  }
}
console.log(`\nnode ${process.version}; ${os.cpus()[0].model}, ${os.cpus().length} cores, load average ${os.loadavg()[0].toFixed(1)}.`);
