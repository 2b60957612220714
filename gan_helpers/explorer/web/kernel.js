"use strict";

// The one product of matrices that all layers with weights are computed by, in WebAssembly SIMD, written out here
// instruction by instruction: nothing has to be built, and a browser compiles it in a millisecond.
//
//   product(a, b, c, rows, inner, panels):   c[r][j] = Σ_i a[r][i] · b[i][j]   in float32; addresses are in bytes
//
// a: rows of `inner` numbers. b: panels of eight columns, each `inner` times eight numbers. c: rows of `panels` times eight
// numbers. Four rows by eight columns are summed at a time, in eight registers; so `rows` is a multiple of four.

const FOUR = [0, 1, 2, 3];

/** The bytes of the module: it imports page.memory and exports `product`. */
function productModule() {
  const i32 = 0x7f, v128 = 0x7b;
  const given = ["a", "b", "c", "rows", "inner", "panels"];
  const integers = ["panel", "row", "left", "width", "b_at", ...FOUR.map((r) => `a${r}`)];
  const sums = FOUR.flatMap((r) => [`low${r}`, `high${r}`]);
  const vectors = [...sums, "b_low", "b_high", "x"];
  const names = [...given, ...integers, ...vectors];

  // Numbers as WebAssembly writes them: seven bits a byte.
  const unsigned = (n) => (n < 128 ? [n] : [(n & 127) | 128, ...unsigned(n >>> 7)]);
  const signed = (n) => (n < 64 ? [n] : [(n & 127) | 128, ...signed(n >> 7)]); // none here is below 0

  const get = (name) => [0x20, ...unsigned(names.indexOf(name))];
  const set = (name, value) => [...value, 0x21, ...unsigned(names.indexOf(name))];
  const number = (n) => [0x41, ...signed(n)];
  const add = (x, y) => [...x, ...y, 0x6a];
  const times = (x, y) => [...x, ...y, 0x6c];
  const forward = (name, by) => set(name, add(get(name), number(by)));
  const simd = (operation) => [0xfd, ...unsigned(operation)];
  const load = (name, offset) => [...get(name), ...simd(0x00), 4, ...unsigned(offset)];
  const store = (address, offset, name) => [...address, ...get(name), ...simd(0x0b), 4, ...unsigned(offset)];
  const loadOneFourTimes = (name) => [...get(name), ...simd(0x09), 2, 0];
  const zero = [...simd(0x0c), ...new Array(16).fill(0)];
  const addFloats = (x, y) => [...x, ...y, ...simd(0xe4)];
  const timesFloats = (x, y) => [...x, ...y, ...simd(0xe6)];
  const loopWhile = (body, condition) => [0x03, 0x40, ...body, ...condition, 0x0d, 0, 0x0b];
  const below = (name, end) => [...get(name), ...get(end), 0x49];

  const oneTerm = [
    ...set("b_low", load("b_at", 0)),
    ...set("b_high", load("b_at", 16)),
    ...forward("b_at", 32),
    ...FOUR.flatMap((r) => [
      ...set("x", loadOneFourTimes(`a${r}`)),
      ...set(`low${r}`, addFloats(get(`low${r}`), timesFloats(get("x"), get("b_low")))),
      ...set(`high${r}`, addFloats(get(`high${r}`), timesFloats(get("x"), get("b_high")))),
      ...forward(`a${r}`, 4),
    ]),
    ...set("left", add(get("left"), [0x41, 0x7f])), // − 1
  ];
  const addressOfRow = (r, base, width) => add(get(base), times(add(get("row"), number(r)), width));
  const fourRows = [
    ...sums.flatMap((name) => set(name, zero)),
    ...FOUR.flatMap((r) => set(`a${r}`, addressOfRow(r, "a", times(get("inner"), number(4))))),
    ...set("b_at", add(get("b"), times(times(get("panel"), get("inner")), number(32)))),
    ...set("left", get("inner")),
    ...loopWhile(oneTerm, get("left")),
    ...FOUR.flatMap((r) => {
      const address = add(addressOfRow(r, "c", get("width")), times(get("panel"), number(32)));
      return [...store(address, 0, `low${r}`), ...store(address, 16, `high${r}`)];
    }),
    ...forward("row", 4),
  ];
  const body = [
    ...set("width", times(get("panels"), number(32))),
    ...loopWhile([
      ...set("row", number(0)),
      ...loopWhile(fourRows, below("row", "rows")),
      ...forward("panel", 1),
    ], below("panel", "panels")),
    0x0b,
  ];

  const section = (id, content) => [id, ...unsigned(content.length), ...content];
  const text = (word) => [word.length, ...new TextEncoder().encode(word)];
  const code = [2, ...unsigned(integers.length), i32, ...unsigned(vectors.length), v128, ...body];
  return new Uint8Array([
    0, 0x61, 0x73, 0x6d, 1, 0, 0, 0,
    ...section(1, [1, 0x60, given.length, ...given.map(() => i32), 0]),
    ...section(2, [1, ...text("page"), ...text("memory"), 2, 0, 1]),
    ...section(3, [1, 0]),
    ...section(7, [1, ...text("product"), 0, 0]),
    ...section(10, [1, ...unsigned(code.length), ...code]),
  ]);
}
