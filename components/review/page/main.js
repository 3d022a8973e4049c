// The page: a patient is chosen, looked at, drawn on, decided.

import { KEYS, LAYERS, PLANES, REASONS, SEQUENCES, TOOLS } from "/page/choices.js";
import { byId, describe, group, listen } from "/page/controls.js";
import { Drafts } from "/page/drafts.js";
import { Patients } from "/page/patients.js";
import { Stopwatch } from "/page/stopwatch.js";
import * as server from "/page/talk.js";
import { Viewer } from "/page/viewer.js";

export { viewer };

let open = null; // details of the patient on the screen
let loading = 0; // number of the last patient asked for; answers to earlier ones are dropped

const spent = new Stopwatch(); // time at this patient
const viewer = new Viewer(byId("canvas"), { changed: drawn, moved: where });
viewer.windowed = (low, high) => ([byId("low").value, byId("high").value] = [Math.round(low), Math.round(high)]);
const patients = new Patients((row) => show(row));
const drafts = new Drafts(async () => server.keepDraft(open.id, open.scan, await viewer.bytes()), saving);
const sequences = group("sequences", SEQUENCES, showSequence);
const planes = group("planes", PLANES, showPlane);
const tools = group("tools", TOOLS, useTool);

function alarm(text) {
  byId("alarm").textContent = text;
  byId("alarm").hidden = !text;
}

function saving(state, reason = "") {
  const time = new Date().toLocaleTimeString("en-GB");
  const words = { saving: "keeping the drawing …", saved: `drawing kept ${time}`, failed: "drawing NOT kept" };
  byId("saving").textContent = words[state] ?? "";
  byId("saving").className = state;
  alarm(state === "failed" ? `The drawing could not be kept: ${reason} It is tried again every three seconds.` : "");
}

async function show(row) {
  const asked = ++loading;
  if (open && !(await drafts.settle())) {
    alarm("The drawing of the patient before is not kept yet; it is tried again before another patient is opened.");
    return;
  }
  byId("wait").textContent = `opening ${row.patient} …`;
  byId("wait").hidden = false;
  open = null;
  enable();
  try {
    const found = await server.details(row.id);
    const layers = [...found.sequences, "start", "drawn"].map((name) => server.layer(row.id, name));
    const buffers = await Promise.all(layers);
    if (asked !== loading) return;
    const start = buffers.at(-2);
    const drawn = buffers.at(-1);
    const shown = Object.fromEntries(found.sequences.map((name, i) => [name, buffers[i]]));
    await viewer.open(shown, start, drawn);
    if (asked !== loading) return;
    begin(found);
  } catch (error) {
    if (asked === loading) {
      alarm(`${row.patient}: ${error.message}`);
      byId("wait").textContent = "This patient can't be shown.";
    }
  }
}

function begin(found) {
  open = found;
  spent.restart();
  byId("wait").hidden = true;
  byId("patient").textContent = found.patient;
  saving("");
  drafts.forget();
  sequences.enable(found.sequences);
  sequences.press("flair");
  planes.press(viewer.plane);
  tools.press(viewer.tool);
  [byId("low").value, byId("high").value] = [0, 255];
  for (const name of Object.keys(LAYERS)) {
    byId(name).checked = false;
    byId(name).disabled = !found[name];
  }
  byId("mask").checked = true;
  viewer.setOpacity(byId("opacity").value / 100);
  document.body.dataset.ready = found.patient;
  tell();
  measure();
  where();
}

function enable() {
  const shown = Boolean(open);
  const changed = shown && open.changed;
  byId("undo").disabled = !shown || !viewer.canUndo;
  for (const id of ["clear", "copy"]) byId(id).disabled = !shown;
  byId("revert").disabled = byId("save").disabled = !changed;
  byId("accept").disabled = !shown || changed;
  byId("reject").disabled = !shown;
  byId("accept").title = changed ? "The mask was changed: save it, or start again." : "";
  byId("save").title = shown && !changed ? "Nothing is changed yet." : "";
}

function measure() {
  if (!open || !viewer.start) return;
  const { now, before, both } = viewer.counts();
  const size = (voxels) => (open.voxel_ml === null ? `${new Intl.NumberFormat("en").format(voxels)} voxels` : `${(voxels * open.voxel_ml).toFixed(2)} ml`);
  open.changed = now !== both || before !== both;
  byId("volume").textContent = size(now);
  byId("started").textContent = size(before);
  byId("dice").textContent = now + before ? ((2 * both) / (now + before)).toFixed(3) : "1.000";
  enable();
}

// What has been decided on this patient.
function tell() {
  const last = open.decisions.at(-1);
  const words = (one) =>
    `${one.decision}${one.reason ? ` (${one.reason})` : ""} by ${one.reviewer}, ${one.utc.replace("T", " ").replace("Z", " UTC")}`;
  byId("decided").textContent = last ? `${words(last)}.` : "Open.";
  byId("note").textContent = open.note;
  byId("note").hidden = !open.note;
  byId("past").hidden = open.decisions.length < 2;
  byId("history").replaceChildren(
    ...open.decisions.map((one) => Object.assign(document.createElement("li"), { textContent: words(one) })),
  );
}

function where() {
  if (!open && !viewer.start) return;
  const { number, count } = viewer.slice;
  byId("where").textContent = `${viewer.plane === "all" ? "axial" : viewer.plane} slice ${number} of ${count}`;
}

function drawn() {
  if (!open) return;
  measure();
  patients.update(open.id, { draft: true });
  drafts.touch();
}

function showSequence(name) {
  if (!open?.sequences.includes(name)) return;
  viewer.showSequence(name);
  [byId("low").value, byId("high").value] = viewer.windows[name];
  sequences.press(name);
}

function showPlane(name) {
  viewer.setPlane(name);
  planes.press(name);
}

function useTool(name) {
  viewer.setTool(name);
  tools.press(name);
}

function resize(by) {
  byId("size").value = Number(byId("size").value) + by;
  byId("size").dispatchEvent(new Event("input"));
}

function toggle(id) {
  if (byId(id).disabled) return;
  byId(id).checked = !byId(id).checked;
  byId(id).dispatchEvent(new Event("change"));
}

async function showLayer(name) {
  if (!byId(name).checked) return viewer.hideOverlay(name);
  try {
    await viewer.showOverlay(name, await server.layer(open.id, name), LAYERS[name]);
  } catch (error) {
    alarm(error.message);
  }
}

async function decide(decision, reason = "") {
  if (!open) return;
  const decided = open;
  const seconds = spent.seconds.toFixed(1);
  try {
    await drafts.busy;
    const bytes = decision === "corrected" ? await viewer.bytes() : null;
    const { scan, revision: base } = decided;
    const made = await server.decide(decided.id, decision, { scan, base, seconds, reason, bytes });
    drafts.forget();
    alarm(made.note);
    byId("saving").textContent = `${decided.patient}: ${decision}`;
    byId("saving").className = "saved";
    patients.update(decided.id, { state: made.state, draft: false });
    count();
    if (!patients.nextOpen()) await show(patients.current);
  } catch (error) {
    alarm(`${decided.patient} is NOT decided: ${error.message}`);
    byId("saving").textContent = "decision NOT kept";
    byId("saving").className = "failed";
  }
}

async function revert() {
  viewer.revert();
  await drafts.settle();
  if (!open) return;
  await server.dropDraft(open.id).catch((error) => alarm(error.message));
  patients.update(open.id, { draft: false });
}

function count() {
  const all = patients.rows.length;
  byId("left").textContent = patients.left ? `${patients.left} of ${all} left` : `All ${all} decided`;
}

function press(id) {
  if (!byId(id).disabled) byId(id).click();
}

byId("low").addEventListener("input", grey);
byId("high").addEventListener("input", grey);
function grey() {
  const low = Math.min(Number(byId("low").value), Number(byId("high").value) - 1);
  if (open) viewer.setWindow(low, Number(byId("high").value));
}
byId("opacity").addEventListener("input", () => {
  byId("mask").checked = true;
  viewer.setOpacity(byId("opacity").value / 100);
});
byId("mask").addEventListener("change", () => viewer.setOpacity(byId("mask").checked ? byId("opacity").value / 100 : 0));
for (const name of Object.keys(LAYERS)) byId(name).addEventListener("change", () => showLayer(name));
byId("size").addEventListener("input", () => {
  byId("sized").value = byId("size").value;
  viewer.setTool(viewer.tool, Number(byId("size").value));
});
byId("fill").addEventListener("change", () => viewer.setTool(viewer.tool, viewer.size, byId("fill").checked));
byId("undo").addEventListener("click", () => viewer.undo());
byId("clear").addEventListener("click", () => viewer.clearSlice());
byId("copy").addEventListener("click", () => viewer.copySlice());
byId("revert").addEventListener("click", revert);
byId("accept").addEventListener("click", () => decide("accepted"));
byId("save").addEventListener("click", () => decide("corrected"));
byId("reject").addEventListener("click", () => byId("reasons").showModal());
byId("help").addEventListener("click", () => byId("keys").showModal());
REASONS.forEach((reason, at) => {
  const button = document.createElement("button");
  button.append(reason, " ", Object.assign(document.createElement("kbd"), { textContent: at + 1 }));
  button.addEventListener("click", () => {
    byId("reasons").close();
    decide("rejected", reason);
  });
  byId("reasonlist").append(button);
});
byId("reasons").addEventListener("keydown", (event) => byId("reasonlist").children[event.key - 1]?.click());

// Volume and Dice follow the pen, not only its strokes.
let frame = 0;
byId("canvas").addEventListener("pointermove", (event) => {
  if (!event.buttons || viewer.tool === "look" || frame) return;
  frame = requestAnimationFrame(() => {
    frame = 0;
    measure();
  });
});

window.addEventListener("beforeunload", (event) => {
  if (drafts.failed || drafts.busy) event.preventDefault();
});

describe(KEYS);
listen(
  {
    "?": () => byId("keys").showModal(),
    J: () => patients.step(1),
    K: () => patients.step(-1),
    N: () => patients.nextOpen(),
    1: () => showSequence("pre"),
    2: () => showSequence("flair"),
    3: () => showSequence("post"),
    A: () => showPlane("axial"),
    C: () => showPlane("coronal"),
    S: () => showPlane("sagittal"),
    M: () => showPlane("all"),
    L: () => useTool("look"),
    B: () => useTool("brush"),
    E: () => useTool("eraser"),
    ",": () => viewer.move(0, 0, -1),
    ".": () => viewer.move(0, 0, 1),
    PageUp: () => viewer.move(0, 0, 1),
    PageDown: () => viewer.move(0, 0, -1),
    ArrowLeft: () => viewer.move(-1, 0),
    ArrowRight: () => viewer.move(1, 0),
    ArrowUp: () => viewer.move(0, 1),
    ArrowDown: () => viewer.move(0, -1),
    " ": () => viewer.stamp(),
    "[": () => resize(-2),
    "]": () => resize(2),
    F: () => toggle("fill"),
    Z: () => press("undo"),
    "Ctrl+Z": () => press("undo"),
    X: () => press("clear"),
    V: () => press("copy"),
    O: () => toggle("mask"),
    T: () => toggle(byId("reference").disabled ? "prediction" : "reference"),
    P: () => toggle("probability"),
    "Shift+A": () => press("accept"),
    "Shift+S": () => press("save"),
    "Shift+R": () => press("reject"),
  },
  { open: () => Boolean(open) },
);

enable();
try {
  await viewer.attach();
  const found = await server.list();
  byId("task").textContent = `${found.references ? "References" : "Predictions"}, reviewed by ${found.reviewer}`;
  byId("before").textContent = found.references ? "source's own" : "model's";
  for (const id of ["reference", "probability"]) byId(id).parentElement.hidden = found.references;
  byId("prediction").parentElement.hidden = !found.references;
  patients.fill(found.patients);
  count();
  const last = patients.rows[found.position];
  if (last) patients.choose(last);
  else if (!patients.nextOpen()) patients.step(0);
} catch (error) {
  alarm(error.message);
}
