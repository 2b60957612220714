"use strict";

// Controls, and what is said of the picture. The worker draws; here a state is asked for, one at a time, and the newest wins.

const root = document.documentElement; // its class says how far the page is: starting, running or failed
const by = (id) => document.getElementById(id);
const facts = JSON.parse(by("facts").textContent);
const SETTLED = 250; // milliseconds without a move, after which a picture is worth remembering and reading aloud
const ALL_IN_TURN = "all in turn", STEP = { each: 60, percent: 2 }; // of a walk that plays

const settings = {
  seed: 0, to: 1, walk: 0, straight: false, truncation: 1, classNumber: facts.kinds && 0, side: 1, offsets: new Map(),
};
const form = document.querySelector("form"), canvas = by("picture"), status = by("status");
const narrow = matchMedia("(max-width: 820px)");

// --- from controls to picture ---

let worker, sent = 0, drawing = null, shown = null, busy = true, asked = true, settling, playing = null;

/** The state that the controls say. */
function stated() {
  const order = new Map(facts.sliders.map(([key], place) => [key, place]));
  const offsets = [...settings.offsets].filter(([, offset]) => offset).sort(([a], [b]) => order.get(a) - order.get(b));
  return { latentDim: facts.latentDim, ...settings, offsets };
}

/** Have the picture drawn: now, or after the one that is being drawn. */
function ask() {
  asked = true;
  if (busy) return;
  [busy, asked] = [true, false];
  const state = stated();
  worker.postMessage({ ask: "draw", number: ++sent, state });
  drawing = state;
}

/** Once a picture stands, the next one waits for the next frame: no more are drawn than can be seen. */
function nextFrame() {
  requestAnimationFrame(() => {
    busy = false;
    if (asked) ask();
  });
}

const HEARD = {
  ready() {
    by("worker").remove();
    by("weights").remove();
    busy = false;
    if (asked) ask();
  },

  picture({ pixels, width, height, lengths }) {
    [canvas.width, canvas.height] = [width, height];
    canvas.getContext("2d").putImageData(new ImageData(pixels, width, height), 0, 0);
    if (root.className !== "running") begin();
    shown = { state: drawing, text: written(drawing), lengths, number: sent };
    canvas.dataset.state = shown.text;
    fit();
    nextFrame();
    if (facts.judge && drawing.side === 1) worker.postMessage({ ask: "judge", number: sent });
    else describe(null); // of many pictures the judge is asked once the moves are over
    if (status.className) say("");
    clearTimeout(settling);
    settling = setTimeout(settle, SETTLED);
  },

  judged({ rows, number }) {
    if (number !== shown.number) return;
    describe(rows);
    if (shown.settled) speak();
  },

  failed({ at, message }) {
    if (at === "start") return fail(message);
    if (at === "draw") nextFrame();
    say(`The last picture stays: ${message}`, true);
  },
};

/** What can wait until the moves are over. */
function settle() {
  if (asked || sent !== shown.number) return;
  shown.settled = true;
  remember(shown.text);
  if (facts.judge && shown.state.side !== 1) worker.postMessage({ ask: "judge", number: sent });
  else speak();
}

/** The line on the picture, for who listens: not at every move. */
function speak() {
  by("spoken").textContent = by("line").textContent;
}

/** The picture as large as there is room: by halves, so that pixels stay even, or smoothly where that would waste room. */
function fit() {
  const room = narrow.matches ? Math.min(256, innerWidth - 24) : facts.room, longest = Math.max(canvas.width, canvas.height);
  let zoom = Math.floor((2 * room) / longest) / 2;
  const smooth = zoom < 1 || zoom * longest < 0.9 * room;
  if (smooth) zoom = room / longest;
  canvas.style.width = `${zoom * canvas.width}px`;
  canvas.classList.toggle("smooth", smooth);
}

// --- what is said of it ---

const percent = (share) => `${Math.round(100 * share)}%`;

/** A line on the picture, and what the judge sees in each image. */
function describe(rows) {
  const { lengths } = shown, n = lengths.length, said = [];
  if (rows) {
    const first = rows.map((row) => row.indexOf(Math.max(...row)));
    const counts = facts.judged.map((_, k) => first.filter((one) => one === k).length);
    const common = counts.indexOf(Math.max(...counts));
    if (n > 1) said.push(`${n} pictures, ${counts[common]} of them `, strong(facts.judged[common]), ". ");
    else said.push(strong(facts.judged[common]), `, ${percent(rows[0][common])}. `);
    chart(facts.judged.map((_, k) => rows.reduce((sum, row) => sum + row[k], 0) / n));
  } else if (n > 1) said.push(`${n} pictures. `);
  const [low, high] = facts.prior, out = lengths.filter((one) => one < low || one > high).length;
  const between = (a, b) => `${a.toFixed(1)} to ${b.toFixed(1)}`;
  const length = n === 1 ? lengths[0].toFixed(1) : between(Math.min(...lengths), Math.max(...lengths));
  const outside = n === 1 ? "outside the prior’s" : `${out} outside the prior’s`;
  said.push(`Latent length ${length}, ${out ? outside : "within the prior’s"} ${between(low, high)}.`);
  by("line").replaceChildren(...said);
  const kind = facts.kinds ? (shown.state.classNumber === null ? `, ${ALL_IN_TURN}` : `, asked for ${facts.kinds[shown.state.classNumber]}`) : "";
  canvas.setAttribute("aria-label", `${n === 1 ? "A generated picture" : `${n} generated pictures`}${kind}. ${by("line").textContent}`);
}

function made(kind, text, attributes = {}) {
  const element = Object.assign(document.createElement(kind), attributes);
  if (text !== null) element.textContent = text;
  return element;
}

const strong = (text) => made("b", text);

/** A bar for each class, the most probable ones where there are many. */
function chart(shares) {
  let order = shares.map((_, k) => k), title = facts.guessed ? "Seen as clothes" : "What the judge sees";
  if (shares.length > facts.bars) {
    order = order.sort((a, b) => shares[b] - shares[a]).slice(0, facts.bars);
    title = `The ${facts.bars} most probable of ${shares.length} classes`;
  }
  const table = made("table", null);
  table.append(made("caption", title));
  for (const k of order) {
    const row = table.insertRow(), bar = made("i", "");
    row.append(made("th", facts.judged[k], { scope: "row" }));
    row.insertCell().append(bar);
    bar.style.width = `${100 * shares[k]}%`;
    row.insertCell().textContent = percent(shares[k]);
  }
  by("chart").replaceChildren(table);
}

/** The status line; with nothing to say, what stands there otherwise. */
function say(text, wrong = false) {
  status.textContent = text || facts.note;
  status.className = wrong ? "wrong" : "";
}

// --- controls ---

const sliders = []; // the eight on the page: {input, output, label, key}
const signed = (x) => `${x < 0 ? "−" : x > 0 ? "+" : ""}${Math.abs(x).toFixed(1)}`;

/** Set all controls to the settings. */
function show() {
  if (facts.kinds) by("class").value = settings.classNumber ?? ALL_IN_TURN;
  for (const name of ["seed", "to", "walk", "truncation"]) by(name).value = settings[name];
  by("view").value = settings.side;
  by("path").value = settings.straight ? "straight" : "";
  turnPage();
  readOut();
}

function readOut() {
  document.querySelector("output[for=walk]").value = `${settings.walk}%`;
  document.querySelector("output[for=truncation]").value = settings.truncation.toFixed(2);
  for (const { key, output } of sliders) output.value = signed(settings.offsets.get(key) ?? 0);
}

/** Give the sliders the names and offsets of their page. */
function turnPage() {
  const [, first, end] = facts.pages[by("pages").value];
  sliders.forEach((slider, k) => {
    slider.box.hidden = first + k >= end;
    if (slider.box.hidden) return;
    const [key, words, tip] = facts.sliders[first + k];
    slider.key = key;
    slider.label.textContent = words;
    slider.input.title = tip;
    slider.input.value = settings.offsets.get(key) ?? 0;
  });
  readOut();
}

function change(name, value) {
  settings[name] = value;
  readOut();
  ask();
}

/** A whole number in a seed's range; null where the field holds something else. */
function seedIn(input) {
  return input.validity.valid && input.value !== "" ? Number(input.value) : null;
}

function makeControls() {
  facts.pages.forEach(([words], k) => by("pages").append(made("option", words, { value: k })));
  for (let k = 0; k < Math.max(...facts.pages.map(([, first, end]) => end - first)); k++) {
    const box = made("div", null, { className: "slide" }), id = `slider-${k}`;
    const input = made("input", null, { type: "range", min: -facts.furthest, max: facts.furthest, step: 0.1, id });
    const slider = { box, input, label: made("label", "", { htmlFor: id }), output: made("output", "") };
    slider.output.htmlFor = id;
    box.append(slider.label, slider.output, input);
    input.addEventListener("input", () => {
      settings.offsets.set(slider.key, Number(input.value));
      change("offsets", settings.offsets);
    });
    sliders.push(slider);
    by("sliders").append(box);
  }
  by("class-field").hidden = !facts.kinds;
  facts.kinds?.forEach((name, k) => by("class").append(made("option", name, { value: k })));
  by("class").append(made("option", ALL_IN_TURN, { value: ALL_IN_TURN }));
  const on = (id, event, act) => by(id).addEventListener(event, act);
  form.addEventListener("submit", (event) => event.preventDefault());
  on("class", "change", ({ target }) => change("classNumber", target.value === ALL_IN_TURN ? null : Number(target.value)));
  on("view", "change", ({ target }) => change("side", Number(target.value)));
  on("path", "change", ({ target }) => change("straight", target.value === "straight"));
  on("truncation", "input", ({ target }) => change("truncation", Number(target.value)));
  on("walk", "input", ({ target }) => (pause(), change("walk", Number(target.value))));
  for (const name of ["seed", "to"]) {
    on(name, "input", ({ target }) => seedIn(target) !== null && change(name, seedIn(target)));
    on(name, "change", ({ target }) => {
      if (seedIn(target) === null) say("A seed is a whole number from 0 to 2147483647.", true);
      target.value = settings[name];
    });
  }
  on("pages", "change", turnPage);
  on("surprise", "click", surprise);
  on("play", "click", () => (playing === null ? play() : pause()));
  on("reset", "click", reset);
  on("undo", "click", () => step(-1));
  on("redo", "click", () => step(+1));
  on("save", "click", save);
  on("copy", "click", copy);
  on("state", "change", ({ target }) => paste(target.value));
  on("state", "blur", writeState);
  narrow.addEventListener("change", () => shown && fit());
  addEventListener("hashchange", fromAddress);
}

function surprise() {
  pause();
  Object.assign(settings, { walk: 0, seed: Math.floor(Math.random() * 100_000) });
  show();
  ask();
}

function reset() {
  pause();
  settings.offsets.clear();
  Object.assign(settings, { truncation: 1, walk: 0 });
  show();
  ask();
}

function play() {
  if (settings.walk === 100) settings.walk = 0;
  by("play").textContent = "Pause";
  playing = setInterval(() => {
    settings.walk = Math.min(100, settings.walk + STEP.percent);
    by("walk").value = settings.walk;
    change("walk", settings.walk);
    if (settings.walk === 100) pause();
  }, STEP.each);
}

function pause() {
  clearInterval(playing);
  playing = null;
  by("play").textContent = "Play";
}

// --- states ---

let past = [], now = -1;

/** Put a state after those before it, and show it. */
function remember(text) {
  if (text !== past[now]) {
    past = [...past.slice(0, now + 1), text];
    now = past.length - 1;
  }
  if (document.activeElement !== by("state")) writeState();
}

/** What is shown, in the field for states: unless somebody writes there, or something wrong is to be corrected. */
function writeState() {
  if (!status.className && now >= 0) by("state").value = past[now];
}

function step(direction) {
  remember(written(stated())); // which may not be drawn yet
  if (!(now + direction in past)) return say(`There is nothing to ${direction < 0 ? "undo" : "redo"}.`);
  now += direction;
  put(read(past[now]));
  say("");
}

/** Set the controls to a state, and have it drawn. */
function put(state) {
  pause();
  const { latentDim, offsets, ...others } = state;
  Object.assign(settings, others, { offsets: new Map(offsets) });
  show();
  ask();
}

function paste(text) {
  try {
    put(checked(read(text)));
    say("");
  } catch (error) {
    say(`The last picture stays: ${error.message}`, true);
  }
}

/** FILE.html#STATE opens with that state. */
function fromAddress() {
  if (location.hash.length > 1) paste(location.hash.slice(1));
}

/** A state, if this generator can draw it; an Error otherwise. */
function checked(state) {
  if (state.latentDim !== facts.latentDim) {
    throw new Error(`the state is of a generator with latent vectors of length ${state.latentDim}; this one’s have ${facts.latentDim}`);
  }
  if (state.classNumber !== null && !(facts.kinds && state.classNumber < facts.kinds.length)) {
    throw new Error(`the state names class ${state.classNumber}, which this generator does not know`);
  }
  const known = new Set(facts.sliders.map(([key]) => key)), unknown = state.offsets.filter(([key]) => !known.has(key));
  if (unknown.length) throw new Error(`the state moves ${unknown.map(([key]) => key).join(", ")}, which this page does not have`);
  return state;
}

async function copy() {
  const text = written(stated()), field = by("state");
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    field.value = text;
    field.select();
    document.execCommand("copy");
  }
  by("copy").textContent = "Copied";
  setTimeout(() => (by("copy").textContent = "Copy state"), 1500);
}

/** The picture as a PNG file, about as large as on the screen. */
function save() {
  if (!shown) return;
  const zoom = Math.max(1, Math.round(facts.saved / Math.max(canvas.width, canvas.height)));
  const large = made("canvas", null, { width: zoom * canvas.width, height: zoom * canvas.height });
  const context = large.getContext("2d"), name = `${facts.name.replace(/[^A-Za-z0-9_-]+/g, "-")}_${shown.text}.png`;
  context.imageSmoothingEnabled = false;
  context.drawImage(canvas, 0, 0, large.width, large.height);
  large.toBlob((blob) => {
    const address = URL.createObjectURL(blob);
    made("a", null, { href: address, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(address), 10_000);
    say(`Saved as ${name}`);
  });
}

// --- the beginning, and where there is none ---

/** The first picture stands in place of the still one. */
function begin() {
  root.className = "running";
  canvas.hidden = false;
  by("still").remove();
}

function fail(reason) {
  root.className = "failed";
  by("line").textContent = `This browser could not start the generator: ${reason}`;
}

makeControls();
show();
say("");
fromAddress();
try {
  worker = new Worker(URL.createObjectURL(new Blob([by("worker").textContent], { type: "text/javascript" })));
  worker.onmessage = ({ data }) => HEARD[data.kind](data);
  worker.onerror = (event) => fail(event.message);
  worker.postMessage({ ask: "start", facts, weights: by("weights").textContent });
} catch (error) {
  fail(error.message);
}
