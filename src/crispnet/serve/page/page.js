/* The page: photographs come in, are shown beside others of their renditions, and go out. No library, no build step.
 *
 * A *wish* is what the controls say of one photograph; it has the names of the server's interface (/api/openapi.json).
 * A *side* is what one side of the picture shows: "own" (the wish), "camera", or "look:NAME".
 */
"use strict";

const $ = (id) => document.getElementById(id);
const PLAIN = { look: "phone", other: "", strength: 1, white_balance: "as-shot", tint: 0, exposure: 0, match: false };
const REST = 700; // ms without a change before the full rendering is ordered
const RAW_OR_PICTURE = /\.jpe?g$/i;
const WARMEST = 588, COOLEST = 40; // mired, at the ends of the slider of temperature

let offer = null; // what the server offers
let photographs = []; // see `add`
let chosen = null; // the photograph that is shown
let mode = "divider"; // or "diagonal", "single", "map"
let sides = { left: "camera", right: "own" };
let view = { scale: 1, x: 0, y: 0, fitted: true }; // screen = picture x scale + (x, y), in CSS pixels
let division = 0.5; // where the divider is, in shares of the stage
let picking = false; // whether the next click picks a grey
let orders = new Map(); // id of a job → what to do when it is done

/* ---- Asking the server ---- */

class Refusal extends Error {}

async function ask(path, options = {}) {
  for (let attempt = 0; ; attempt++) {
    let answer;
    try {
      answer = await fetch(`api/${path}`, options);
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new Refusal("The server does not answer. It may have been stopped. Start `crispnet serve` again.");
    }
    if (answer.ok) return answer;
    const told = await answer.json().catch(() => ({}));
    if (answer.status !== 429 || attempt > 30 || options.impatient) throw new Refusal(told.detail || `Error ${answer.status}.`);
    await pause(400);
  }
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const asJson = async (path, options) => (await ask(path, options)).json();
const asUrl = async (path, options) => URL.createObjectURL(await (await ask(path, options)).blob());
const query = (values) => new URLSearchParams(values).toString();
const say = (words) => { $("live").textContent = words; };

/* ---- Photographs ---- */

function add(file) {
  const photograph = {
    file, name: file.name, id: null, state: "waiting", error: "",
    wish: { ...PLAIN, look: offer.default }, past: [], future: [],
    facts: null, camera: undefined, cameraUrl: null, thumbnail: null, pictures: new Map(), differences: null, job: null,
  };
  photographs.push(photograph);
  return photograph;
}

async function bring(files) {
  if (!offer) return;
  const pictures = files.filter((file) => RAW_OR_PICTURE.test(file.name));
  const raws = files.filter((file) => !RAW_OR_PICTURE.test(file.name));
  const stem = (name) => name.replace(/\.[^.]*$/, "").toLowerCase();
  const added = raws.map(add);
  for (const picture of pictures) {
    const owner = [...added, ...photographs].find((each) => stem(each.name) === stem(picture.name));
    if (owner) owner.beside = picture;
    else added.push(add(picture)); // the server says why it is none
  }
  if (!chosen && added.length) choose(added[0]);
  drawStrip();
  for (const owner of photographs.filter((each) => each.id && each.beside)) await bringPicture(owner);
  await send();
}

let sending = false;
async function send() {
  if (sending) return;
  sending = true;
  for (let next; (next = photographs.find((each) => each.state === "waiting")); ) {
    await sendOne(next);
    drawStrip();
  }
  sending = false;
}

async function sendOne(photograph) {
  photograph.state = "sending";
  drawStrip();
  try {
    if (photograph.file.size > offer.most_bytes) {
      throw new Refusal(`${photograph.name} has ${megabytes(photograph.file.size)}. At most ${megabytes(offer.most_bytes)} `
        + "were needed. Develop it with `crispnet develop`, or start `crispnet serve` with a larger --max-upload.");
    }
    const path = `photographs?${query({ name: photograph.name })}`;
    const { id } = await asJson(path, { method: "POST", body: photograph.file });
    if (photograph.state === "removed") { forget(id); return; }
    photograph.id = id;
    photograph.file = null;
    photograph.state = "opening";
    drawStrip();
    if (photograph.beside) await bringPicture(photograph);
    if (photograph === chosen) await show();
    const small = await picture(photograph, photograph.wish, photograph === chosen ? "quick" : "draft");
    photograph.thumbnail = small.url;
    photograph.state = "ready";
    say(`${photograph.name} is there.`);
  } catch (error) {
    fail(photograph, error);
  }
  if (photograph === chosen) await show();
}

async function bringPicture(photograph) {
  const file = photograph.beside;
  photograph.beside = null;
  try {
    await ask(`photographs/${photograph.id}/camera?${query({ name: file.name })}`, { method: "PUT", body: file });
    photograph.camera = undefined;
    photograph.cameraUrl = photograph.differences = null;
    for (const key of [...photograph.pictures.keys()]) if (key.includes('"match":true')) photograph.pictures.delete(key);
    if (photograph === chosen && photograph.state === "ready") await show();
  } catch (error) {
    fail(photograph, error);
  }
}

const megabytes = (bytes) => `${Math.round(bytes / 1e6)} MB`;

function fail(photograph, error) {
  if (photograph.state === "removed") return;
  photograph.state = "failed";
  photograph.error = error.message;
  say(`${photograph.name} failed. ${error.message}`);
  drawStrip();
  if (photograph === chosen) drawState();
}

const going = new Set(); // ids that the server may still have

function forget(id) {
  going.add(id);
  ask(`photographs/${id}`, { method: "DELETE" }).catch(() => {}).finally(() => going.delete(id));
}

function remove(photograph) {
  const place = photographs.indexOf(photograph);
  photographs.splice(place, 1);
  photograph.state = "removed";
  if (photograph.id) forget(photograph.id);
  for (const { url } of photograph.pictures.values()) URL.revokeObjectURL(url);
  if (photograph === chosen) choose(photographs[Math.min(place, photographs.length - 1)] || null);
  drawStrip();
}

function choose(photograph) {
  chosen = photograph;
  view.fitted = true;
  setPicking(false);
  for (const image of Object.values(images)) image.removeAttribute("src");
  drawStrip();
  drawSides();
  drawFacts();
  drawDifferences();
  drawControls();
  show();
}

/* ---- Pictures of a photograph ---- */

const keyOf = (wish) => JSON.stringify(wish);

/** Give a rendering, from what is here already or from the server: its address, and its size in pixels. */
async function picture(photograph, wish, size, options) {
  const key = `${size} ${keyOf(wish)}`;
  if (!photograph.pictures.has(key)) {
    const url = await asUrl(`photographs/${photograph.id}/proof?${query({ ...wish, size })}`, options);
    keep(photograph, key, await opened(url));
  }
  return photograph.pictures.get(key);
}

function keep(photograph, key, shown) {
  photograph.pictures.set(key, shown);
  const old = [...photograph.pictures.keys()].filter((each) => photograph.pictures.get(each).url !== photograph.thumbnail);
  while (old.length > 24) {
    const first = old.shift();
    URL.revokeObjectURL(photograph.pictures.get(first).url);
    photograph.pictures.delete(first);
  }
}

async function opened(url) {
  const image = new Image();
  image.src = url;
  await image.decode();
  return { url, width: image.naturalWidth, height: image.naturalHeight };
}

/** What a side shows of a photograph: a wish, or "camera". */
function wishOf(side, photograph) {
  if (side === "camera") return "camera";
  if (side === "own") return photograph.wish;
  return { ...photograph.wish, look: side.slice(5), other: "", strength: 1, match: false };
}

let showing = 0;
/** Show what was chosen: quickly, then what is known of it, then at full size. */
async function show({ draft = false } = {}) {
  const turn = ++showing, photograph = chosen;
  drawState();
  if (!photograph || !photograph.id || photograph.state === "failed") { drawStage(); return; }
  const current = () => turn === showing && photograph === chosen;
  try {
    for (const [place, side] of [["right", sides.right], ["left", sides.left]]) {
      if (place === "left" && (mode === "single" || mode === "map")) continue;
      const wish = wishOf(side, photograph);
      if (wish === "camera") { if (photograph.camera === undefined || !draft) await findCamera(photograph); }
      else await picture(photograph, wish, draft && !wish.match ? "draft" : "quick");
      if (!current()) return;
      drawStage();
    }
    if (photograph.state === "opening") photograph.state = "ready";
    if (draft) return;
    if (!photograph.facts) photograph.facts = await asJson(`photographs/${photograph.id}`);
    if (!current()) return;
    drawFacts();
    drawControls();
    drawStage();
    drawHistogram(await asJson(`photographs/${photograph.id}/histogram?${query({ ...photograph.wish, size: "quick" })}`));
    await findCamera(photograph);
    if (!current()) return;
    drawStage();
    await measure(photograph);
    if (!current()) return;
    drawDifferences();
    drawStage();
    clearTimeout(resting);
    resting = setTimeout(() => orderFull(photograph), REST);
  } catch (error) {
    if (!current()) return;
    if (photograph.state === "ready" && photograph.thumbnail) complain(error.message);
    else fail(photograph, error);
  }
}

let resting = 0;

async function findCamera(photograph) {
  if (photograph.camera !== undefined) return;
  try {
    const camera = await asJson(`photographs/${photograph.id}/place`);
    const shown = await opened(await asUrl(`photographs/${photograph.id}/camera`));
    Object.assign(photograph, { camera, cameraUrl: shown.url });
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    photograph.camera = null;
    photograph.cameraReason = error.message;
  }
  if (photograph !== chosen) return;
  if (!photograph.camera) {
    if (sides.left === "camera") sides.left = "look:plain";
    if (mode === "map") setMode("divider");
  }
  drawSides();
  drawControls();
}

async function measure(photograph) {
  if (!photograph.camera || !photograph.camera.place) { photograph.differences = null; return; }
  const key = keyOf(photograph.wish);
  if (photograph.differences && photograph.differences.key === key) return;
  const asked = query(photograph.wish);
  const figures = await asJson(`photographs/${photograph.id}/differences?${asked}`);
  const map = new Uint16Array(await (await ask(`photographs/${photograph.id}/differences/map?${asked}`)).arrayBuffer());
  photograph.differences = { key, map, ...figures };
}

/* ---- Full renderings ---- */

async function orderFull(photograph) {
  if (photograph !== chosen || !photograph.id) return;
  for (const side of mode === "single" || mode === "map" ? ["right"] : ["right", "left"]) {
    const wish = wishOf(sides[side], photograph);
    if (wish === "camera") continue;
    const key = `full ${keyOf(wish)}`;
    if (photograph.pictures.has(key) || [...orders.values()].some((each) => each.key === key && each.photograph === photograph)) continue;
    for (const [id, each] of orders) { // of what is no longer wished for
      if (each.kind === "view" && each.photograph === photograph && each.side === side) cancelOrder(id);
    }
    await order(photograph, wish, "view", { key, side, done: (job) => showFull(photograph, key, job) });
  }
}

async function showFull(photograph, key, job) {
  keep(photograph, key, await opened(await asUrl(`jobs/${job.id}/picture`)));
  if (photograph === chosen) drawStage();
}

async function order(photograph, controls, kind, more) {
  try {
    const job = await asJson("jobs", posted({ photograph: photograph.id, kind, controls }));
    orders.set(job.id, { photograph, kind, job, ...more });
    watch();
  } catch (error) {
    complain(error.message);
  }
}

function cancelOrder(id) {
  orders.delete(id);
  ask(`jobs/${id}`, { method: "DELETE" }).catch(() => {});
}

let watching = false;
async function watch() {
  if (watching) return;
  watching = true;
  while (orders.size) {
    drawProgress();
    await pause(250);
    let told = [];
    try { told = await asJson("jobs"); } catch (error) { complain(error.message); break; }
    const known = new Map(told.map((job) => [job.id, job]));
    for (const [id, each] of [...orders]) {
      const job = known.get(id);
      each.job = job || each.job;
      if (job && (job.state === "waiting" || job.state === "developing")) continue;
      orders.delete(id);
      if (job && job.state === "done") await Promise.resolve(each.done(job)).catch((error) => complain(error.message));
      else if (job && job.state === "failed") complain(job.error);
      else if (job && job.state === "cancelled" && each.kind !== "view") { each.photograph.saving = false; drawStrip(); }
    }
  }
  watching = false;
  drawProgress();
  drawState();
}

function save(photograph, kind) {
  photograph.saving = true;
  drawStrip();
  return order(photograph, photograph.wish, kind, {
    done: (job) => {
      photograph.saving = false;
      photograph.saved = true;
      const link = document.createElement("a");
      link.href = `api/jobs/${job.id}/picture`;
      link.download = job.name;
      link.click();
      $("saved").textContent = `${job.name} developed in ${job.seconds.toFixed(1)} s. ${job.notes.join(" ")}`;
      drawStrip();
    },
  });
}

/* ---- Reports, in a tab of their own ---- */

/** Open a tab at once, which browsers allow only on a click, and fill it when the report is there. */
async function report(make) {
  const tab = window.open("about:blank");
  try {
    let job = await make();
    while (job.state === "waiting" || job.state === "developing") {
      await pause(300);
      job = await asJson(`jobs/${job.id}`);
    }
    if (job.state !== "done") throw new Refusal(job.error || "Cancelled.");
    const address = new URL(`api/jobs/${job.id}/picture`, location.href).href;
    if (tab) tab.location = address;
    return address;
  } catch (error) {
    if (tab) tab.close();
    throw error;
  }
}

const posted = (body) => ({ method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json" } });

async function reportOn(photograph) {
  $("saved").textContent = "Comparing at full size…";
  try {
    await report(() => asJson("jobs", posted({ photograph: photograph.id, kind: "report", controls: photograph.wish })));
    $("saved").textContent = "The report is in a tab of its own.";
  } catch (error) {
    complain(error.message);
  }
}

const scored = []; // ids of pictures that were brought to be scored

async function scorePair(event) {
  event.preventDefault();
  const words = $("score-words"), brought = [];
  words.textContent = "Comparing…";
  $("score-go").disabled = true;
  try {
    await report(async () => {
      for (const id of ["score-result", "score-reference"]) {
        const file = $(id).files[0];
        brought.push((await asJson(`photographs?${query({ name: file.name })}`, { method: "POST", body: file })).id);
        scored.push(brought.at(-1)); // the report lies with them
      }
      return asJson("scores", posted({ result: brought[0], reference: brought[1], align: $("score-align").checked }));
    });
    words.textContent = "The report is in a tab of its own.";
  } catch (error) {
    words.textContent = error.message;
  }
  $("score-go").disabled = false;
}

/* ---- Drawing: the picture ---- */

const stage = $("stage"), images = { left: $("side-left").firstElementChild, right: $("side-right").firstElementChild };

/** The frame that everything is laid out in: the full picture's pixels. */
function frame() {
  if (!chosen) return null;
  if (chosen.facts) return { width: chosen.facts.width, height: chosen.facts.height };
  const any = [...chosen.pictures.values()][0];
  return any ? { width: any.width * 4, height: any.height * 4 } : null;
}

/** The best picture that is here for a side. */
function bestOf(side) {
  const wish = wishOf(side, chosen), { pictures } = chosen;
  if (wish === "camera") return chosen.cameraUrl ? { url: chosen.cameraUrl, place: chosen.camera.place, level: "" } : null;
  for (const [size, level] of [["full", ""], ["quick", "quick rendering"], ["draft", "draft"]]) {
    const found = pictures.get(`${size} ${keyOf(wish)}`);
    if (found) return { ...found, level };
  }
  return null;
}

function nameOf(side) {
  if (side === "camera") return "camera's picture";
  if (side !== "own") return side.slice(5);
  const { look, other, strength, match } = chosen.wish;
  const mixed = other && strength < 1 ? `${look} ${Math.round(100 * strength)} % over ${other}` : look;
  return match ? `${mixed}, matched` : mixed;
}

function drawStage() {
  const whole = frame();
  const seen = Boolean(whole) && chosen.state !== "failed";
  if (whole && view.fitted) fit(whole);
  for (const side of ["left", "right"]) {
    const single = mode === "single" || mode === "map";
    const best = seen && !(side === "left" && single) ? bestOf(sides[side]) : null;
    const image = images[side], tag = $(`tag-${side}`);
    tag.textContent = seen && !(side === "left" && single) ? nameOf(sides[side]) : "";
    if (!best) { if (!seen || (side === "left" && single)) image.hidden = true; continue; }
    if (image.getAttribute("src") !== best.url) image.src = best.url;
    image.alt = `${chosen.name}: ${nameOf(sides[side])}`;
    image.hidden = false;
    image.dataset.level = best.level;
    const place = best.place || { top: 0, left: 0, height: 1, width: 1 };
    lay(image, { left: place.left * whole.width, top: place.top * whole.height, width: place.width * whole.width, height: place.height * whole.height });
    image.parentElement.classList.toggle("crisp", view.scale * devicePixelRatio >= 2 && !best.level);
  }
  drawMap(whole, seen);
  drawDivision(seen && (mode === "divider" || mode === "diagonal"));
  $("zoom-words").textContent = !seen ? "" : view.fitted ? "fit" : `${Math.round(view.scale * devicePixelRatio * 100)} %`;
  stage.classList.toggle("near", !view.fitted);
  const level = seen && bestOf(sides.right);
  $("state").textContent = seen ? (level && level.level ? `${level.level}…` : "") : $("state").textContent;
}

function lay(element, box) {
  element.style.width = `${box.width}px`;
  element.style.height = `${box.height}px`;
  element.style.transform = `translate(${view.x + box.left * view.scale}px, ${view.y + box.top * view.scale}px) scale(${view.scale})`;
}

function fit(whole) {
  const { clientWidth, clientHeight } = stage;
  view.scale = Math.min(clientWidth / whole.width, clientHeight / whole.height);
  view.x = (clientWidth - whole.width * view.scale) / 2;
  view.y = (clientHeight - whole.height * view.scale) / 2;
}

function drawDivision(seen) {
  const divider = $("divider"), edge = $("edge"), left = $("side-left"), right = $("side-right");
  divider.hidden = !seen;
  edge.toggleAttribute("hidden", !seen || mode !== "diagonal");
  right.style.clipPath = left.style.clipPath = "";
  if (!seen) return;
  const width = stage.clientWidth, height = stage.clientHeight, middle = division * width;
  divider.style.left = `${middle}px`;
  divider.setAttribute("aria-valuenow", Math.round(100 * division));
  divider.setAttribute("aria-valuetext", `${Math.round(100 * division)} % ${nameOf(sides.left)}, the rest ${nameOf(sides.right)}`);
  divider.classList.toggle("slanted", mode === "diagonal");
  const slant = mode === "diagonal" ? slope() * height / 2 : 0; // the rising diagonal of the picture
  left.style.clipPath = `polygon(0 0, ${middle + slant}px 0, ${middle - slant}px 100%, 0 100%)`;
  right.style.clipPath = `polygon(${middle + slant}px 0, 100% 0, 100% 100%, ${middle - slant}px 100%)`;
  drawEdge(edge, middle, slant, height);
}

/** How far the diagonal of the picture goes across for each pixel that it goes up. */
function slope() {
  const whole = frame();
  return whole.width / whole.height;
}

function drawEdge(edge, middle, slant, height) {
  for (const line of edge.children) {
    for (const [name, value] of Object.entries({ x1: middle + slant, y1: 0, x2: middle - slant, y2: height })) line.setAttribute(name, value);
  }
}

function drawMap(whole, seen) {
  const canvas = $("map"), differences = chosen && chosen.differences;
  canvas.hidden = !(seen && mode === "map" && differences);
  if (canvas.hidden) { $("readout").hidden = true; return; }
  if (canvas.drawn !== differences) {
    canvas.drawn = differences;
    canvas.width = differences.width;
    canvas.height = differences.height;
    const image = new ImageData(differences.width, differences.height);
    const colours = offer.colours.map((code) => [1, 3, 5].map((at) => parseInt(code.slice(at, at + 2), 16)));
    differences.map.forEach((hundredths, place) => {
      const [red, green, blue] = hundredths === 65535 ? [128, 128, 128]
        : colours[Math.min(255, Math.round(hundredths / 100 / offer.largest * 255))];
      image.data.set([red, green, blue, 255], 4 * place);
    });
    canvas.getContext("2d").putImageData(image, 0, 0);
  }
  lay(canvas, { left: 0, top: 0, width: whole.width, height: whole.height });
}

/** Say how large the difference is under the pointer, or in the middle of the stage for who has none. */
function read(x, y) {
  const readout = $("readout"), whole = frame(), differences = chosen && chosen.differences;
  readout.hidden = !(mode === "map" && differences && whole);
  if (readout.hidden) return;
  const column = Math.floor((x - view.x) / view.scale / whole.width * differences.width);
  const row = Math.floor((y - view.y) / view.scale / whole.height * differences.height);
  const inside = row >= 0 && column >= 0 && row < differences.height && column < differences.width;
  const hundredths = inside ? differences.map[row * differences.width + column] : 65535;
  readout.textContent = hundredths === 65535 ? "ΔE –" : `ΔE ${(hundredths / 100).toFixed(1)} = ${(hundredths / 100 / offer.jnd).toFixed(1)} JND`;
}

/* ---- Drawing: the rest ---- */

function drawState() {
  const trouble = $("trouble"), failed = chosen && chosen.state === "failed";
  $("empty").hidden = photographs.length > 0;
  trouble.hidden = !failed;
  trouble.replaceChildren();
  if (failed) {
    const head = document.createElement("p"), reason = document.createElement("p");
    head.className = "big";
    head.textContent = `${chosen.name} was not developed`;
    reason.textContent = chosen.error;
    trouble.append(head, reason);
  }
  const words = { waiting: "waiting…", sending: "sending…", opening: "opening…" };
  if (chosen && words[chosen.state]) $("state").textContent = words[chosen.state];
  else if (!chosen || failed) $("state").textContent = "";
  $("save-all").hidden = photographs.filter((each) => each.state === "ready").length < 2;
}

function complain(words) {
  say(words);
  $("saved").textContent = words;
}

function drawStrip() {
  const strip = $("strip");
  const marks = { waiting: "waiting", sending: "sending", opening: "opening", failed: "failed" };
  while (strip.children.length > photographs.length) strip.lastElementChild.remove();
  photographs.forEach((photograph, place) => {
    const item = strip.children[place] || strip.appendChild(itemOfStrip());
    item.photograph = photograph;
    const [pick, away] = item.querySelectorAll("button"), [image, name, mark] = pick.children;
    pick.setAttribute("aria-current", photograph === chosen);
    pick.title = photograph.error || photograph.name;
    if (photograph.thumbnail) image.src = photograph.thumbnail;
    else image.removeAttribute("src");
    name.textContent = photograph.name;
    const word = marks[photograph.state] || (photograph.saving ? "developing" : photograph.saved ? "saved" : "");
    mark.textContent = word;
    mark.hidden = !word;
    mark.className = `mark${photograph.state === "failed" ? " bad" : word && word !== "saved" ? " busy" : ""}`;
    away.setAttribute("aria-label", `Remove ${photograph.name}`);
  });
  drawState();
  drawProgress();
}

function itemOfStrip() {
  const item = document.createElement("li"), pick = document.createElement("button"), away = document.createElement("button");
  pick.type = away.type = "button";
  pick.className = "pick";
  away.className = "away";
  away.textContent = "×";
  const image = document.createElement("img"), name = document.createElement("span"), mark = document.createElement("span");
  image.alt = "";
  name.className = "name";
  pick.append(image, name, mark);
  pick.addEventListener("click", () => choose(item.photograph));
  away.addEventListener("click", () => remove(item.photograph));
  item.append(pick, away);
  return item;
}

function drawProgress() {
  const coming = photographs.filter((each) => ["waiting", "sending", "opening"].includes(each.state));
  const saving = [...orders.values()].filter((each) => each.kind !== "view");
  const open = coming.length + saving.length;
  if (!open) { drawProgress.most = 0; $("progress").hidden = true; return; }
  drawProgress.most = Math.max(drawProgress.most || 0, open);
  $("progress").hidden = drawProgress.most < 2 && !saving.length;
  $("bar").max = drawProgress.most;
  $("bar").value = drawProgress.most - open + (saving.length ? 0.5 : 0);
  const current = saving.find((each) => each.job.state === "developing") || saving[0];
  $("progress-words").textContent = coming.length
    ? `${drawProgress.most - open} of ${drawProgress.most}: ${coming[0].name}`
    : `${drawProgress.most - open} of ${drawProgress.most} developed: ${current.job.name}`;
}

function cancelAll() {
  for (const photograph of photographs.filter((each) => each.state === "waiting" || each.state === "sending")) remove(photograph);
  for (const [id, each] of [...orders]) if (each.kind !== "view") { cancelOrder(id); each.photograph.saving = false; }
  drawStrip();
  say("Cancelled.");
}

function drawHistogram(counts) {
  const canvas = $("histogram"), context = canvas.getContext("2d"), { width, height } = canvas;
  context.clearRect(0, 0, width, height);
  const highest = Math.max(...["red", "green", "blue"].flatMap((name) => counts[name].slice(1, -1)), 1);
  const tops = (name) => counts[name].map((count) => height - 3 - Math.min(1, Math.sqrt(count / highest)) * (height - 12));
  for (const [name, fill, line] of [["red", "#c8403c", "#ff8f88"], ["green", "#3f9a4c", "#8fdc98"], ["blue", "#3f68c8", "#9dbcff"]]) {
    const path = new Path2D(), high = tops(name);
    high.forEach((top, place) => path.lineTo((place + 0.5) / high.length * width, top));
    context.strokeStyle = line;
    context.lineWidth = 2;
    context.stroke(path);
    path.lineTo(width, height);
    path.lineTo(0, height);
    context.globalAlpha = 0.35;
    context.fillStyle = fill;
    context.fill(path);
    context.globalAlpha = 1;
  }
  const [black, white] = [counts.black, counts.white].map((shares) => Math.max(...shares));
  context.fillStyle = "#ff6b5e";
  if (black > 0.001) triangle(context, 0, 1);
  if (white > 0.001) triangle(context, width, -1);
  const words = (share) => share < 0.0005 ? "0 %" : `${(100 * share).toFixed(1)} %`;
  $("clipping").textContent = `Clipped to black ${words(black)}, to white ${words(white)}`;
  canvas.setAttribute("aria-label", `Histogram. Clipped to black ${words(black)}, to white ${words(white)}.`);
}

function triangle(context, x, direction) {
  context.beginPath();
  context.moveTo(x, 0);
  context.lineTo(x + 26 * direction, 0);
  context.lineTo(x, 26);
  context.fill();
}

function drawDifferences() {
  const differences = chosen && chosen.differences;
  $("difference").hidden = !differences;
  if (!differences) return;
  $("de-mean").textContent = differences.mean.toFixed(2);
  $("de-p95").textContent = differences.p95.toFixed(2);
  $("de-jnd").textContent = `${(100 * differences.below_jnd).toFixed(0)} %`;
}

function drawBar() {
  $("colours").style.background = `linear-gradient(90deg, ${offer.colours.filter((_, place) => place % 15 === 0).join(", ")})`;
  const most = offer.largest / offer.jnd;
  const ticks = [...Array(Math.floor(most) + 1).keys()].map((count) => [count, count ? String(count) : "0 JND"]);
  $("ticks").replaceChildren(...ticks.slice(0, -1).concat([[most, `${most.toFixed(1)}+`]]).map(([count, words]) => {
    const tick = document.createElement("span");
    tick.textContent = words;
    tick.style.left = `${100 * count / most}%`;
    return tick;
  }));
}

const SHOT = [
  ["camera", (exif) => [exif.make, exif.model].filter(Boolean).join(" ")],
  ["lens", (exif) => exif.lens],
  ["taken", (exif) => exif.datetime && exif.datetime.replace(/^(\d+):(\d+):/, "$1-$2-")],
  ["exposure", (exif) => [
    exif.exposure_time && (exif.exposure_time < 0.5 ? `1/${Math.round(1 / exif.exposure_time)} s` : `${exif.exposure_time} s`),
    exif.aperture && `f/${exif.aperture.toFixed(1)}`, exif.iso && `ISO ${Math.round(exif.iso)}`,
    exif.focal_length && `${exif.focal_length.toFixed(1).replace(".0", "")} mm`].filter(Boolean).join(", ")],
];

function drawFacts() {
  const told = chosen && chosen.facts, shot = $("shot"), body = $("values").tBodies[0];
  shot.replaceChildren();
  body.replaceChildren();
  $("notes").replaceChildren();
  if (!told) return;
  const light = `${Math.round(told.light.kelvin)} K, tint ${signed(told.light.tint, 0)}`;
  const rows = [...SHOT.map(([name, words]) => [name, words(told.exif)]), ["light", light], ["size", `${told.width} × ${told.height}`]];
  for (const [name, words] of rows.filter(([, each]) => each)) {
    const term = document.createElement("dt"), value = document.createElement("dd");
    term.textContent = name;
    value.textContent = words;
    shot.append(term, value);
  }
  for (const note of told.notes) $("notes").appendChild(document.createElement("li")).textContent = note;
  for (const { name, value, source } of told.values) {
    const row = body.insertRow(), head = document.createElement("th");
    head.scope = "row";
    head.textContent = name;
    row.append(head);
    const cell = row.insertCell(), from = document.createElement("span");
    cell.textContent = value;
    from.textContent = source;
    from.className = "dim";
    cell.append(from);
  }
}

/* ---- Controls ---- */

const signed = (value, digits) => `${value > 0 ? "+" : value < 0 ? "−" : ""}${Math.abs(value).toFixed(digits)}`;

function drawControls() {
  const wish = chosen ? chosen.wish : { ...PLAIN, look: offer.default };
  const open = Boolean(chosen) && chosen.state !== "failed";
  for (const control of $("form").elements) if (control.id !== "undo" && control.id !== "redo") control.disabled = !open;
  $("look").value = wish.look;
  $("card").href = `looks/${encodeURIComponent(wish.look)}`;
  $("strength").value = Math.round(100 * wish.strength);
  $("strength-words").textContent = `${Math.round(100 * wish.strength)} %`;
  drawOther(wish);
  drawLight(wish);
  $("exposure").value = wish.exposure;
  $("exposure-words").textContent = `${signed(wish.exposure, 2)} EV`;
  $("exposure").setAttribute("aria-valuetext", `${signed(wish.exposure, 2)} EV`);
  drawMatch(wish, open);
  $("undo").disabled = !open || !chosen.past.length;
  $("redo").disabled = !open || !chosen.future.length;
}

function drawOther(wish) {
  const others = offer.looks.map((look) => look.name).filter((name) => name !== wish.look);
  const other = wish.other || chosen && chosen.other || "plain";
  $("other").replaceChildren(...others.map((name) => new Option(name, name)));
  $("other").value = others.includes(other) ? other : others[0] || "";
}

function drawLight(wish) {
  const told = wish.white_balance === "as-shot" ? chosen && chosen.facts && chosen.facts.light
    : chosen.lights && chosen.lights[wish.white_balance] || { kelvin: Number(wish.white_balance), tint: wish.tint };
  const { kelvin, tint } = told || { kelvin: 5500, tint: 0 };
  $("kelvin").value = WARMEST - 1e6 / kelvin;
  $("kelvin-words").textContent = told ? `${Math.round(kelvin / 10) * 10} K` : "";
  $("kelvin").setAttribute("aria-valuetext", $("kelvin-words").textContent);
  $("tint").value = tint;
  $("tint-words").textContent = told ? signed(tint, 0) : "";
  const preset = [...$("preset").options].find((each) => each.value === wish.white_balance);
  $("preset").value = preset && !wish.tint ? preset.value : "custom";
}

function drawMatch(wish, open) {
  const belongs = Boolean(chosen && chosen.camera && chosen.camera.place);
  $("match").checked = wish.match;
  $("match").disabled = !open || !belongs;
  for (const id of ["block-light", "block-exposure"]) {
    for (const control of $(id).querySelectorAll("input, select, button")) control.disabled = !open || wish.match;
  }
  const words = !chosen || chosen.camera === undefined ? ""
    : !chosen.camera ? "The raw holds no picture of the camera's. Add the JPEG that the camera wrote with it to compare."
    : !belongs ? chosen.camera.reason
    : wish.match ? "The camera's picture says how light it is, and of which colour."
    : `Compared with ${chosen.camera.picture}, ${chosen.camera.width} × ${chosen.camera.height}.`;
  $("match-words").textContent = words;
  if (!belongs) $("difference").hidden = true;
  const map = document.querySelector('input[name="mode"][value="map"]');
  map.disabled = !belongs;
}

/** Change the wish; what is still moving is shown as a draft, and remembered once it rests. */
function wishFor(change, { moving = false } = {}) {
  if (!chosen) return;
  if (!chosen.before) chosen.before = chosen.wish;
  chosen.wish = { ...chosen.wish, ...change };
  if (!moving) remember();
  drawControls();
  redraw(moving);
}

function remember() {
  if (chosen.before && keyOf(chosen.before) !== keyOf(chosen.wish)) {
    chosen.past.push(chosen.before);
    chosen.future = [];
  }
  chosen.before = null;
}

let drawing = false, again = null;
/** Render as often as can be, and never more than one rendering behind. */
async function redraw(draft) {
  again = again === null ? draft : again && draft;
  if (drawing && draft) return;
  if (drawing && !draft) { showing++; }
  drawing = true;
  while (again !== null) {
    const small = again;
    again = null;
    await show({ draft: small });
  }
  drawing = false;
}

function step(from, to) {
  if (!chosen || !chosen[from].length) return;
  chosen[to].push(chosen.wish);
  chosen.wish = chosen[from].pop();
  chosen.before = null;
  drawControls();
  redraw(false);
}

function lightWish() {
  const kelvin = 1e6 / (WARMEST - Number($("kelvin").value));
  return { white_balance: String(Math.round(Math.min(25000, Math.max(1700, kelvin)))), tint: Number($("tint").value) };
}

async function pickGrey(x, y) {
  setPicking(false);
  const whole = frame(), across = (x - view.x) / view.scale / whole.width, down = (y - view.y) / view.scale / whole.height;
  if (!(across >= 0 && across <= 1 && down >= 0 && down <= 1)) return;
  try {
    const found = await asJson(`photographs/${chosen.id}/grey?${query({ across, down })}`);
    chosen.lights = { ...chosen.lights, [found.white_balance]: found };
    wishFor({ white_balance: found.white_balance, tint: 0 });
    say(`White balance from a grey: ${Math.round(found.kelvin)} K, tint ${signed(found.tint, 0)}`);
  } catch (error) {
    complain(error.message);
    $("state").textContent = error.message;
  }
}

function setPicking(wanted) {
  picking = wanted;
  stage.classList.toggle("picking", wanted);
  $("grey").setAttribute("aria-pressed", wanted);
}

function setMode(wanted) {
  mode = wanted;
  document.querySelector(`input[name="mode"][value="${wanted}"]`).checked = true;
  $("readout").hidden = true;
  drawStage();
}

function drawSides() {
  const options = [["own", "your rendering"], ["camera", "camera's picture"], ...offer.looks.map((look) => [`look:${look.name}`, `look: ${look.name}`])];
  for (const side of ["left", "right"]) {
    const select = $(side === "left" ? "side-a" : "side-b");
    select.replaceChildren(...options.map(([value, words]) => new Option(words, value)));
    if (chosen && chosen.camera === null) select.querySelector('[value="camera"]').disabled = true;
    select.value = sides[side];
  }
}

/* ---- Zoom and pan ---- */

function zoom(factor, x = stage.clientWidth / 2, y = stage.clientHeight / 2) {
  const whole = frame();
  if (!whole) return;
  const fitting = Math.min(stage.clientWidth / whole.width, stage.clientHeight / whole.height);
  const least = Math.min(fitting, 1 / devicePixelRatio); // a picture smaller than the stage can be seen one to one, too
  const scale = Math.min(16 / devicePixelRatio, Math.max(least, view.scale * factor));
  view.fitted = Math.abs(scale / fitting - 1) < 0.001;
  view.x = x - (x - view.x) * scale / view.scale;
  view.y = y - (y - view.y) * scale / view.scale;
  view.scale = scale;
  hold(whole);
}

function pan(across, down) {
  const whole = frame();
  if (!whole || view.fitted) return;
  view.x += across;
  view.y += down;
  hold(whole);
}

/** Keep the picture where it can be seen. */
function hold(whole) {
  const keep = (at, length, room) => length <= room ? (room - length) / 2 : Math.min(0, Math.max(room - length, at));
  view.x = keep(view.x, whole.width * view.scale, stage.clientWidth);
  view.y = keep(view.y, whole.height * view.scale, stage.clientHeight);
  drawStage();
}

const oneToOne = (x, y) => zoom(1 / devicePixelRatio / view.scale, x, y);
const fitAgain = () => { view.fitted = true; drawStage(); };

const pointers = new Map();
function place(event) {
  const box = stage.getBoundingClientRect();
  return { x: event.clientX - box.left, y: event.clientY - box.top };
}

stage.addEventListener("pointerdown", (event) => {
  if (!chosen || event.target.closest("#divider, button") || event.button) return;
  if (picking) { pickGrey(place(event).x, place(event).y); return; }
  pointers.set(event.pointerId, place(event));
  if (!view.fitted || event.pointerType === "mouse") stage.setPointerCapture(event.pointerId);
  stage.classList.add("moving");
});
stage.addEventListener("pointermove", (event) => {
  const now = place(event), before = pointers.get(event.pointerId);
  read(now.x, now.y);
  if (!before) return;
  const others = [...pointers].filter(([id]) => id !== event.pointerId).map(([, each]) => each);
  if (others.length) {
    const distance = (one) => Math.hypot(one.x - others[0].x, one.y - others[0].y) || 1;
    zoom(distance(now) / distance(before), (now.x + others[0].x) / 2, (now.y + others[0].y) / 2);
  } else pan(now.x - before.x, now.y - before.y);
  pointers.set(event.pointerId, now);
});
for (const name of ["pointerup", "pointercancel"]) {
  stage.addEventListener(name, (event) => {
    pointers.delete(event.pointerId);
    if (!pointers.size) stage.classList.remove("moving");
  });
}
stage.addEventListener("dblclick", (event) => {
  if (event.target.closest("#divider, button")) return;
  const { x, y } = place(event);
  if (view.fitted) oneToOne(x, y);
  else fitAgain();
});
stage.addEventListener("wheel", (event) => {
  if (!chosen) return;
  event.preventDefault();
  const { x, y } = place(event);
  zoom(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0018)), x, y);
}, { passive: false });
stage.addEventListener("keydown", (event) => {
  if (event.target !== stage || event.ctrlKey || event.metaKey || event.altKey) return;
  const steps = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] };
  const keys = {
    "+": () => zoom(1.4), "=": () => zoom(1.4), "-": () => zoom(1 / 1.4), 0: fitAgain, 1: () => oneToOne(),
    Enter: () => { if (picking) pickGrey(stage.clientWidth / 2, stage.clientHeight / 2); },
    Escape: () => setPicking(false),
    "[": () => neighbour(-1), "]": () => neighbour(1),
  };
  if (steps[event.key] && !view.fitted) pan(...steps[event.key]);
  else if (steps[event.key] && view.fitted && mode === "map") read(stage.clientWidth / 2, stage.clientHeight / 2);
  else if (keys[event.key]) keys[event.key]();
  else return;
  event.preventDefault();
  if (mode === "map") read(stage.clientWidth / 2, stage.clientHeight / 2);
});

function neighbour(by) {
  const next = photographs[photographs.indexOf(chosen) + by];
  if (next) choose(next);
}

const divider = $("divider");
divider.addEventListener("pointerdown", (event) => { divider.setPointerCapture(event.pointerId); event.preventDefault(); divider.focus(); });
divider.addEventListener("pointermove", (event) => {
  if (divider.hasPointerCapture(event.pointerId)) divide(place(event).x / stage.clientWidth);
});
divider.addEventListener("keydown", (event) => {
  const steps = { ArrowLeft: -0.02, ArrowRight: 0.02, ArrowDown: -0.02, ArrowUp: 0.02, PageDown: -0.1, PageUp: 0.1, Home: -1, End: 1 };
  if (!(event.key in steps)) return;
  divide(division + steps[event.key]);
  event.preventDefault();
});

function divide(share) {
  division = Math.min(1, Math.max(0, share));
  drawDivision(true);
}

/* ---- What is pressed ---- */

function listen() {
  const files = $("files"), pictures = $("picture-file");
  for (const id of ["open", "open-too"]) $(id).addEventListener("click", () => files.click());
  files.addEventListener("change", () => { bring([...files.files]); files.value = ""; });
  $("beside").addEventListener("click", () => pictures.click());
  pictures.addEventListener("change", async () => {
    if (chosen && pictures.files.length) { chosen.beside = pictures.files[0]; await bringPicture(chosen); }
    pictures.value = "";
  });
  $("form").addEventListener("submit", (event) => event.preventDefault());
  $("side-a").addEventListener("change", (event) => { sides.left = event.target.value; show(); });
  $("side-b").addEventListener("change", (event) => { sides.right = event.target.value; show(); });
  for (const radio of document.querySelectorAll('input[name="mode"]')) {
    radio.addEventListener("change", () => { setMode(radio.value); show(); });
  }
  $("zoom-in").addEventListener("click", () => zoom(1.4));
  $("zoom-out").addEventListener("click", () => zoom(1 / 1.4));
  $("zoom-fit").addEventListener("click", fitAgain);
  $("zoom-one").addEventListener("click", () => oneToOne());

  $("look").addEventListener("change", (event) => wishFor({ look: event.target.value, other: "", strength: 1 }));
  slider("strength", () => {
    const strength = Number($("strength").value) / 100;
    return { strength, other: strength < 1 ? $("other").value : "" };
  });
  $("other").addEventListener("change", (event) => {
    chosen.other = event.target.value;
    if (chosen.wish.other) wishFor({ other: chosen.other });
  });
  $("preset").addEventListener("change", (event) => {
    wishFor(event.target.value === "custom" ? lightWish() : { white_balance: event.target.value, tint: 0 });
  });
  for (const id of ["kelvin", "tint"]) slider(id, lightWish);
  slider("exposure", () => ({ exposure: Number($("exposure").value) }));
  $("grey").addEventListener("click", () => { setPicking(!picking); if (picking) stage.focus(); });
  $("match").addEventListener("change", (event) => {
    wishFor(event.target.checked ? { match: true, white_balance: "as-shot", tint: 0, exposure: 0 } : { match: false });
  });
  $("undo").addEventListener("click", () => step("past", "future"));
  $("redo").addEventListener("click", () => step("future", "past"));
  $("reset").addEventListener("click", () => wishFor({ ...PLAIN, look: offer.default }));
  $("save").addEventListener("click", () => { $("saved").textContent = "Developing…"; save(chosen, $("format").value); });
  $("save-all").addEventListener("click", async () => {
    for (const photograph of photographs.filter((each) => each.state === "ready")) await save(photograph, $("format").value);
  });
  $("cancel").addEventListener("click", cancelAll);
  $("report").addEventListener("click", () => reportOn(chosen));
  $("score").addEventListener("click", () => $("score-dialog").showModal());
  $("score-close").addEventListener("click", () => $("score-dialog").close());
  $("score-form").addEventListener("submit", scorePair);
  $("theme").addEventListener("click", () => setTheme(document.documentElement.dataset.theme === "light" ? "dark" : "light"));
  document.addEventListener("keydown", (event) => {
    if (!(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== "z") return;
    event.preventDefault();
    if (event.shiftKey) step("future", "past");
    else step("past", "future");
  });
  for (const name of ["dragenter", "dragover"]) {
    document.addEventListener(name, (event) => { event.preventDefault(); document.body.classList.add("dropping"); });
  }
  document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) document.body.classList.remove("dropping"); });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    document.body.classList.remove("dropping");
    bring([...event.dataTransfer.files]);
  });
  new ResizeObserver(() => drawStage()).observe(stage);
  addEventListener("pagehide", (event) => { // who leaves takes everything along
    if (event.persisted) return;
    const left = [...photographs.map((each) => each.id), ...scored, ...going].filter(Boolean);
    if (left.length) fetch("api/leavings", { ...posted({ photographs: left }), keepalive: true }); // one: more are dropped
  });
}

function slider(id, change) {
  $(id).addEventListener("input", () => wishFor(change(), { moving: true }));
  $(id).addEventListener("change", () => wishFor(change()));
}

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  try { localStorage.setItem("theme", theme); } catch { /* a browser may keep nothing */ }
}

async function begin() {
  let theme = matchMedia("(prefers-color-scheme: light)").matches ? "light" : "dark";
  try { theme = localStorage.getItem("theme") || theme; } catch { /* likewise */ }
  document.documentElement.dataset.theme = theme;
  try {
    offer = await asJson("offer");
  } catch (error) {
    $("empty").firstElementChild.textContent = error.message;
    return;
  }
  $("look").replaceChildren(...offer.looks.map((look) => new Option(look.name, look.name)));
  drawSides();
  drawBar();
  drawControls();
  listen();
  document.body.dataset.ready = "yes";
}

begin();
