// The live page: it sends what is written to the server on this computer, and shows the answer.
const $ = (id) => document.getElementById(id);

const EXAMPLES = {
  "hours of sleep and study": { job: "derive", network: `X: input(N, 2)
y: target(N, 1)
W1: parameter(2, 3)
W2: parameter(3, 1)
z2 = X @ W1
a2 = sigmoid(z2)
z3 = a2 @ W2
yhat = sigmoid(z3)
J = sum((y - yhat)**2) / 2` },
  "softmax regression": { job: "derive", network: `X: input(N, D)
Y: one_hot(N, K)
W: parameter(D, K)
b: parameter(1, K)
lam: scalar
p = softmax(X @ W + b)
J = -sum(Y * log(p)) / N + lam / 2 * sum(W**2)` },
  "attention": { job: "derive", network: `X: input(N, D)
Y: target(N, H)
Wq: parameter(D, H)
Wk: parameter(D, H)
Wv: parameter(D, H)
S = (X @ Wq) @ (X @ Wk).T
A = softmax(S)
J = sum((A @ (X @ Wv) - Y)**2) / 2` },
  "layer norm": { job: "derive", network: `X: input(N, D)
G: input(N, D)
g: parameter(1, D)
b: parameter(1, D)
W: parameter(D, D)
h = X @ W
m = h - mean(h, axis=1, keepdims=True)
s = sqrt(mean(m**2, axis=1, keepdims=True) + 1e-5)
J = sum(G * (m / s * g + b))` },
  "least squares, as a formula": { job: "formula", formula: "norm(A*x - y)^2 + lam/2 * norm(x)^2" },
  "a derivation with a mistake": { job: "proofread", kind: "md", network: "", text: `The error of the output is

$$\\delta^{(3)} = -(y - \\hat{y}) \\odot f'(z^{(3)})$$

and it goes back through $W^{(2)}$:

$$\\delta^{(2)} = \\delta^{(3)} (W^{(2)})^T \\odot f(z^{(2)})$$

so that

$$\\frac{\\partial J}{\\partial W^{(1)}} = X^T \\delta^{(2)}$$` },
};
EXAMPLES["a derivation with a mistake"].network = EXAMPLES["hours of sleep and study"].network;

// The key of the address is kept for this tab and taken out of the address.
const address = new URL(location.href);
if (address.searchParams.get("key")) {
  sessionStorage.setItem("key", address.searchParams.get("key"));
  address.searchParams.delete("key");
  history.replaceState(null, "", address);
}
const KEY = sessionStorage.getItem("key") ?? "";

const state = { job: "derive", network: "", formula: "", text: "", kind: "md", wrt: [] };
let running = null;
let waiting = 0;
let shown = "";

async function ask(request, signal) {
  const response = await fetch("answer", {
    method: "POST", signal, body: JSON.stringify(request),
    headers: { "Content-Type": "application/json", "X-Symbackprop-Token": KEY },
  });
  if (response.status === 403) return { problem: { message: "This tab has no key: open the address that `symbackprop page` printed." } };
  if (response.status === 413) return { problem: { message: "This text is too long for the page; use the command line." } };
  if (!response.ok) return { problem: { message: `The server answered ${response.status}.` } };
  return response.json();
}

async function update() {
  running?.abort();
  const mine = (running = new AbortController());
  const isDerived = state.job !== "proofread";
  if (!state[{ derive: "network", formula: "formula", proofread: "text" }[state.job]].trim()) return blank();
  const slow = setTimeout(() => document.body.classList.add("busy"), 150);
  try {
    const request = isDerived
      ? { job: "derive", wrt: state.wrt, ...(state.job === "formula" ? { formula: state.formula } : { network: state.network }) }
      : { job: "proofread", text: state.text, kind: state.kind, network: state.network };
    const answer = await ask(request, mine.signal);
    if (mine.signal.aborted) return;
    remember();
    show(answer);
    if (isDerived && !answer.problem) {
      const checked = await ask({ ...request, job: "check" }, mine.signal);
      if (!mine.signal.aborted) showCheck(checked);
    }
  } catch (error) {
    if (error.name !== "AbortError") say("The server has stopped. Start it again with `symbackprop page`; your text stays here.");
  } finally {
    clearTimeout(slow);
    if (running === mine) document.body.classList.remove("busy");
  }
}

function blank() {
  for (const id of ["problem", "derived", "marked"]) $(id).hidden = true;
  $("chips").replaceChildren();
  shown = "";
  say("Write a network and its cost, or paste a derivation of your own; or choose an example.");
}

function say(words) { $("state").textContent = words; }

function show(answer) {
  const problem = answer.problem;
  $("problem").hidden = !problem;
  document.body.classList.toggle("stale", Boolean(problem) && shown === state.job);
  markLine(problem?.line ?? 0);
  if (problem) {
    const where = problem.line ? `line ${problem.line}, column ${problem.column}` : "";
    $("problem").replaceChildren(element("h1", problem.message));
    say(where ? `This cannot be read: ${where}.` : "This cannot be answered.");
    if (shown !== state.job) for (const id of ["derived", "marked"]) $(id).hidden = true;
    return;
  }
  shown = state.job;
  say("");
  $("derived").hidden = state.job === "proofread";
  $("marked").hidden = state.job !== "proofread";
  if (state.job === "proofread") {
    $("marked").innerHTML = answer.marked;
    return;
  }
  $("result").innerHTML = answer.result;
  $("steps").innerHTML = answer.steps;
  $("net").innerHTML = answer.network;
  code("latex", answer.latex, "gradients.tex");
  code("numpy", answer.numpy, "gradients.py");
  graph(answer.graph);
  $("verdicts").replaceChildren(element("span", `${answer.count} steps; being proved …`, "quiet"));
  $("check").replaceChildren(element("p", "The gradient check is running …", "quiet"));
  chips(answer.names);
  $("written").textContent = answer.written;
  for (const id of ["written", "edit"]) $(id).hidden = state.job !== "formula";
}

function showCheck(answer) {
  if (answer.problem) {
    $("verdicts").replaceChildren(element("span", answer.problem.message, "quiet"));
    $("check").replaceChildren(element("p", answer.problem.message));
    return;
  }
  $("steps").innerHTML = answer.steps;
  $("check").innerHTML = answer.check;
  $("verdicts").replaceChildren(...answer.verdicts.map(({ verdict, words }) => {
    const kind = { right: "right", wrong: "wrong" }[verdict] ?? "unread";
    const mark = document.createElement("span");
    mark.className = `mark ${kind}`;
    mark.innerHTML = `<svg viewBox="0 0 20 20" aria-hidden="true"><use href="#m-${kind}"/></svg>`;
    mark.append(words);
    return mark;
  }));
}

function element(name, text, kind = "") {
  const made = document.createElement(name);
  made.textContent = text;
  if (kind) made.className = kind;
  return made;
}

// The picture has a style of its own, which it may keep as an image.
function graph(svg) {
  const picture = document.createElement("img");
  picture.src = `data:image/svg+xml,${encodeURIComponent(svg)}`;
  picture.alt = "The computation graph: formulas in boxes, and below each name its adjoint";
  $("graph").replaceChildren(picture);
}

function code(id, text, file) {
  const copy = button("Copy", () => copied(copy, text));
  const save = element("a", "Download", "copy save");
  save.href = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
  save.download = file;
  const pre = document.createElement("pre");
  pre.append(element("code", text));
  $(id).replaceChildren(copy, save, pre);
}

function button(words, act) {
  const made = element("button", words, "copy");
  made.type = "button";
  made.addEventListener("click", act);
  return made;
}

async function copied(where, text) {
  await navigator.clipboard.writeText(text);
  const before = where.textContent;
  where.textContent = "Copied";
  say("Copied");
  setTimeout(() => { where.textContent = before; say(""); }, 1200);
}

// Names with their shapes; a parameter can be switched off, and then its gradient is not derived.
function chips(names) {
  $("chips").replaceChildren(...names.map(({ name, role, shape }) => {
    const isParameter = role === "parameter";
    const chip = element(isParameter ? "button" : "span", name, "chip");
    chip.append(element("span", shape));
    chip.title = role;
    if (isParameter) {
      const on = !state.wrt.length || state.wrt.includes(name);
      chip.type = "button";
      chip.setAttribute("aria-pressed", on);
      chip.title = on ? "derived with respect to this parameter" : "held fixed";
      chip.addEventListener("click", () => {
        const all = names.filter((each) => each.role === "parameter").map((each) => each.name);
        const chosen = (state.wrt.length ? state.wrt : all).filter((each) => each !== name).concat(on ? [] : [name]);
        state.wrt = chosen.length === all.length || !chosen.length ? [] : all.filter((each) => chosen.includes(each));
        update();
      });
    }
    return chip;
  }));
}

// The numbers of lines beside the network; the line of an error stands out.
function markLine(bad) {
  const lines = Math.max($("network").value.split("\n").length, 1);
  document.querySelector(".gutter").replaceChildren(...Array.from({ length: lines }, (_, k) => {
    const number = element("span", String(k + 1));
    if (k + 1 === bad) number.className = "bad";
    return number;
  }));
  $("network").rows = Math.max(lines + 1, 8);
  $("network").setAttribute("aria-invalid", Boolean(bad));
}

// Tabs, also by arrow keys.
for (const list of document.querySelectorAll('[role="tablist"]')) {
  const tabs = [...list.querySelectorAll('[role="tab"]')];
  tabs.forEach((tab, k) => {
    tab.addEventListener("click", () => select(tabs, tab));
    tab.addEventListener("keydown", (event) => {
      const to = { ArrowRight: k + 1, ArrowLeft: k - 1, Home: 0, End: tabs.length - 1 }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      const next = tabs[(to + tabs.length) % tabs.length];
      select(tabs, next);
      next.focus();
    });
  });
}

function select(tabs, tab) {
  for (const each of tabs) {
    each.setAttribute("aria-selected", each === tab);
    each.tabIndex = each === tab ? 0 : -1;
    if (each.id.startsWith("tab-")) $(each.getAttribute("aria-controls")).hidden = each !== tab;
  }
  if (tab.id.startsWith("job-")) setJob(tab.id.slice(4));
}

function setJob(job, ask = true) {
  state.job = job;
  $("sheet-text").hidden = job !== "proofread";
  $("sheet-formula").hidden = job !== "formula";
  $("sheet-network").hidden = job === "formula";
  $("network-label").textContent = job === "derive" ? "A network and its cost" : "Its network (leave it empty if the text defines it)";
  $("derived").hidden = $("marked").hidden = $("problem").hidden = true;
  shown = "";
  $("chips").replaceChildren();
  if (ask) update();
}

// The state in the address, behind #, which no server sees.
async function packed() {
  const stream = new Blob([JSON.stringify(state)]).stream().pipeThrough(new CompressionStream("deflate-raw"));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

async function unpacked(text) {
  const bytes = Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (char) => char.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return JSON.parse(await new Response(stream).text());
}

async function remember() {
  const text = await packed();
  history.replaceState(null, "", text.length <= 8000 ? `#${text}` : location.pathname);
}

function fill(given) {
  for (const key of ["network", "formula", "text"]) state[key] = typeof given[key] === "string" ? given[key] : "";
  state.kind = ["md", "tex", "txt"].includes(given.kind) ? given.kind : "md";
  state.wrt = Array.isArray(given.wrt) ? given.wrt.filter((name) => typeof name === "string") : [];
  $("network").value = state.network;
  $("formula").value = state.formula;
  $("text").value = state.text;
  $("kind").value = state.kind;
  const tab = $(`job-${["formula", "proofread"].includes(given.job) ? given.job : "derive"}`);
  select(document.querySelectorAll('[id^="job-"]'), tab);
  markLine(0);
}

for (const id of ["network", "formula", "text", "kind"]) {
  $(id).addEventListener("input", () => {
    state[id] = $(id).value;
    if (id === "network" || id === "formula") { state.wrt = []; markLine(0); }
    clearTimeout(waiting);
    waiting = setTimeout(update, 250);
  });
}
for (const id of ["network", "formula", "text"]) {
  $(id).addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { clearTimeout(waiting); update(); }
    if (event.key === "Escape") $(id).blur();
  });
}
for (const name of Object.keys(EXAMPLES)) $("example").append(new Option(name));
$("example").addEventListener("change", () => {
  if (EXAMPLES[$("example").value]) fill(EXAMPLES[$("example").value]);
  $("example").value = "";
});
$("edit").addEventListener("click", () => fill({ job: "derive", network: $("written").textContent, wrt: state.wrt }));
$("link").addEventListener("click", async () => {
  const text = await packed();
  if (text.length > 8000) say("This is too long for a link.");
  else await copied($("link"), `${location.origin}${location.pathname}#${text}`);
});

if (location.hash.length > 1) unpacked(location.hash.slice(1)).then(fill, blank); else { markLine(0); blank(); }
