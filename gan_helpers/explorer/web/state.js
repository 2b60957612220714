"use strict";

// A state as a short string, the same as `state.py` writes and reads.

const VIEWS = [1, 4, 8], FURTHEST = 3;
const FLOAT = String.raw`-?\d+(?:\.\d+)?(?:e-\d+)?`;
const FIELD = new RegExp(`^(?:([zsbwcv])(\\d+)|t(${FLOAT})|([pd]\\d+)~(${FLOAT})|(l))$`);

/** CRC-32, its lower half, in hexadecimal. */
function checksum(text) {
  let crc = 0xffffffff;
  for (const byte of new TextEncoder().encode(text)) {
    crc ^= byte;
    for (let k = 0; k < 8; k++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ((~crc >>> 0) & 0xffff).toString(16).padStart(4, "0");
}

/** The shortest decimal that gives the same number back, as Python writes it. */
function shortest(number) {
  if (number === 0 || Math.abs(number) >= 1e-4) return String(number);
  return number.toExponential().replace(/e-(\d)$/, "e-0$1");
}

/** @returns {string} */
function written(state) {
  const fields = [`z${state.latentDim}`, `s${state.seed}`, `b${state.to}`, `v${state.side}`];
  if (state.walk) fields.push(`w${state.walk}`);
  if (state.straight) fields.push("l");
  if (state.truncation !== 1) fields.push(`t${shortest(state.truncation)}`);
  if (state.classNumber !== null) fields.push(`c${state.classNumber}`);
  for (const [key, offset] of state.offsets) fields.push(`${key}~${shortest(offset)}`);
  const text = fields.join("_");
  return `${text}_${checksum(text)}`;
}

/** The state that a string stands for; an Error where it is none, or a part of one, or out of range. */
function read(text) {
  const whole = text.trim(), cut = whole.lastIndexOf("_"), body = whole.slice(0, Math.max(cut, 0));
  if (!/^z\d+(_[\w.~-]+)*$/.test(body)) {
    throw new Error(`“${text}” is no state of an explorer: that begins with z and the length of a latent vector`);
  }
  const fields = body.split("_").map((field) => FIELD.exec(field));
  if (whole.slice(cut + 1) !== checksum(body) || fields.includes(null)) {
    throw new Error(`the state “${text}” is not whole: copy it again, from the first letter to the last`);
  }
  const numbers = Object.fromEntries(fields.filter((f) => f[1]).map((f) => [f[1], Number(f[2])]));
  const state = {
    latentDim: numbers.z,
    seed: numbers.s ?? 0,
    to: numbers.b ?? 1,
    walk: numbers.w ?? 0,
    straight: fields.some((f) => f[6]),
    truncation: Number(fields.find((f) => f[3])?.[3] ?? 1),
    classNumber: numbers.c ?? null,
    side: numbers.v ?? 1,
    offsets: fields.filter((f) => f[4]).map((f) => [f[4], Number(f[5])]),
  };
  const ranges = [["seed", 2 ** 31 - 1], ["to", 2 ** 31 - 1], ["walk", 100], ["truncation", 1]];
  const wrong = ranges.filter(([name, most]) => !(state[name] >= 0 && state[name] <= most)).map(([name]) => name);
  if (!VIEWS.includes(state.side)) wrong.push("side");
  wrong.push(...state.offsets.filter(([, offset]) => Math.abs(offset) > FURTHEST).map(([key]) => key));
  if (wrong.length) throw new Error(`${wrong.join(", ")} of the state “${text}” out of range`);
  return state;
}
