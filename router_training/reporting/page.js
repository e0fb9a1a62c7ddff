/* The page: reads the report, listens, and writes text; whatever came from outside is set as text, never as markup. */

const byId = id => document.getElementById(id);

function put(name, attributes, parent, text) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  if (parent) parent.append(made);
  return made;
}

const known = value => value !== null && value !== undefined && !Number.isNaN(value);
const percent = (share, digits = 1) => known(share) && isFinite(share) ? `${(100 * share).toFixed(digits)}%` : "–";
const signed = (value, digits = 1) => known(value) && isFinite(value) ? `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(digits)}` : "–";
const points = gain => signed(100 * gain);
const short = name => name.length > 26 ? `${name.slice(0, 25)}…` : name;
const count = value => value.toLocaleString("en-US");

/** An amount in USD with three digits, never as a power of ten. */
function plainUsd(value) {
  if (!known(value)) return "–";
  if (value === 0) return "0";
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  return value.toFixed(Math.min(12, digits)).replace(/(\.\d*?)0+$/, "$1").replace(/\.$/, "");
}

class Page {
  constructor(report) {
    this.report = report;
    this.tasks = new Tasks(report);
    this.dial = report.dial;
    this.kind = "won";
    this.shown = 3;
    this.unfolded = new Set();
    this.chart = new Chart(byId("chart"), report.models, dial => this.turn(dial));
    this.slices = [["task type", report.types], ["source", report.sources]].map(([kind, labels]) => [kind, this.tasks.slices(labels)]);
    this.examples = new Map((report.examples.at || []).map((i, k) => [i, k]));
    byId("legend-twin").hidden = !this.tasks.twinHull;
    this.presets();
    this.prices();
    this.listen();
    this.calibration();
    this.compared();
    this.fixed();
    this.repriced();
  }

  listen() {
    const slider = byId("dial");
    slider.addEventListener("input", () => this.turn(Number(slider.value)));
    slider.addEventListener("keydown", event => {
      const step = { ArrowLeft: -0.01, ArrowDown: -0.01, ArrowRight: 0.01, ArrowUp: 0.01, PageDown: -0.1, PageUp: 0.1 }[event.key];
      if (step === undefined) return;
      event.preventDefault();
      this.turn(Math.min(1, Math.max(0, Math.round((this.dial + step) * 100) / 100)));
    });
    for (const one of document.querySelectorAll("[name=axis]"))
      one.addEventListener("change", () => { this.chart.log = one.value === "log"; this.chart.draw(this.tasks, this.now); });
    const redraw = () => { this.chart.draw(this.tasks, this.now); };
    let waiting = 0;
    addEventListener("resize", () => { cancelAnimationFrame(waiting); waiting = requestAnimationFrame(redraw); });
    addEventListener("beforeprint", () => { this.printing = true; this.exampleList(); });
    addEventListener("afterprint", () => { this.printing = false; this.exampleList(); });
  }

  presets() {
    const { report } = this, found = [];
    if (report.equalDial !== null) found.push([`equal quality, ${report.equalDial.toFixed(2)}`, report.equalDial]);
    found.push([`default, ${report.defaultDial.toFixed(2)}`, report.defaultDial]);
    this.buttons = found.map(([name, dial]) => {
      const button = put("button", { type: "button" }, byId("presets"), name);
      button.addEventListener("click", () => this.turn(dial));
      return [button, dial];
    });
  }

  turn(dial) {
    this.dial = dial;
    this.shown = 3;
    this.turned();
  }

  /** Everything that follows from prices. */
  repriced() {
    this.now = this.tasks.at(this.dial);
    this.chart.draw(this.tasks, this.now);
    this.dialTable();
    this.turned();
    document.querySelectorAll("#prices tbody tr").forEach((row, j) => { row.lastChild.textContent = `$${plainUsd(1000 * this.tasks.constants[j].usd)}`; });
  }

  /** Everything that follows from the dial. */
  turned() {
    const { tasks, report } = this, now = this.now = tasks.at(this.dial), best = report.models[tasks.best];
    byId("dial").value = this.dial;
    byId("dial-value").textContent = this.dial.toFixed(2);
    for (const [button, dial] of this.buttons) button.setAttribute("aria-pressed", String(Math.abs(dial - this.dial) < 1e-6));
    const gain = now.gain, share = now.share;
    byId("quality").textContent = percent(now.quality);
    byId("quality-note").textContent = `best single model: ${percent(now.fixed.quality)}`;
    byId("cost").textContent = `$${plainUsd(1000 * now.usd)}`;
    byId("cost-note").textContent = `best single model: $${plainUsd(1000 * now.fixed.usd)}`;
    byId("saved").textContent = known(share.value) ? percent(1 - share.value, 0) : "–";
    byId("saved-note").textContent = known(share.low) ? `95%: ${percent(1 - share.high, 0)} to ${percent(1 - share.low, 0)}` : "";
    byId("seconds").textContent = isNaN(now.seconds) ? "–" : now.seconds.toPrecision(2);
    byId("seconds-note").textContent = isNaN(now.seconds) ? "not recorded" : `best single model: ${now.fixed.seconds.toPrecision(2)}`;
    const spoken = `dial ${this.dial.toFixed(2)}: quality ${percent(now.quality)}, ${percent(share.value, 0)} of the cost of ${best}`;
    byId("dial").setAttribute("aria-valuetext", spoken);
    byId("chart-text").textContent = `Quality against cost. At ${spoken}. A mix of single models at that cost has quality ${percent(now.mix)}. ` +
      tasks.constants.map((one, j) => `${report.models[j]}: quality ${percent(one.quality)}, $${plainUsd(1000 * one.usd)} per 1,000 tasks`).join("; ") + ".";
    byId("live").textContent = this.sentence(now, best);
    this.shares(now);
    this.chart.move(now);
    this.ways(now);
    cancelAnimationFrame(this.waiting);
    this.waiting = requestAnimationFrame(() => { this.sliceTables(); this.exampleList(); });
  }

  sentence(now, best) {
    const { gain, share } = now;
    const cost = share.high < 1 ? `${percent(1 - share.value, 0)} less` : share.low > 1 ? `${percent(share.value - 1, 0)} more` : "about as much";
    const span = `(95%: ${points(gain.low)} to ${points(gain.high)})`, size = points(gain.value).slice(1);
    const quality = gain.low > 0 ? `answers better by ${size} points ${span}` : gain.high < 0
      ? `answers worse by ${size} points ${span}` : `answers as well, as far as these tasks can tell: ${points(gain.value)} points ${span}`;
    const over = 100 * (now.quality - now.mix);
    return `At this dial the router costs ${cost} than always ${best} and ${quality}. It stands ${Math.abs(over).toFixed(1)} points ${over >= 0 ? "above" : "below"} a mix of single models at the same cost.`
      .replace("about as much than", "about as much as");
  }

  shares(now) {
    const root = byId("shares");
    root.replaceChildren();
    const order = now.shares.map((share, j) => [share, j]).filter(([share]) => share > 0).sort((a, b) => b[0] - a[0]);
    for (const [share, j] of order) {
      put("span", { class: "who" }, root, short(this.report.models[j]));
      put("i", {}, put("span", { class: "track" }, root)).style.width = `${100 * share}%`;
      put("span", { class: "share" }, root, percent(share, share < 0.01 ? 1 : 0));
    }
    const never = now.shares.length - order.length;
    if (never) put("span", { class: "faint never" }, root, `${never} ${never > 1 ? "models are" : "model is"} not asked at this dial`);
  }

  prices() {
    const body = document.querySelector("#prices tbody"), form = byId("prices");
    this.report.models.forEach((name, j) => {
      const row = put("tr", {}, body);
      put("th", { scope: "row" }, row, name);
      ["read", "written"].forEach((kind, k) => {
        const field = put("input", { type: "number", min: "0", step: "any", inputmode: "decimal", "aria-label": `${name}, USD per million tokens ${kind}` }, put("td", {}, row));
        field.defaultValue = String(this.report.prices[j][k]);
        field.addEventListener("input", () => this.reprice());
      });
      put("td", { class: "wide" }, row);
    });
    form.addEventListener("submit", event => event.preventDefault());
    form.addEventListener("reset", () => setTimeout(() => this.reprice()));
  }

  /** Read the price table; a field that holds no price keeps the report's. */
  reprice() {
    const fields = [...document.querySelectorAll("#prices input")];
    let changed = 0;
    const prices = this.report.prices.map((pair, j) => pair.map((price, k) => {
      const field = fields[2 * j + k], typed = field.value === "" || !field.validity.valid ? price : Number(field.value);
      field.classList.toggle("changed", typed !== price);
      changed += typed !== price;
      return typed;
    }));
    byId("reset").disabled = changed === 0 && fields.every(field => field.validity.valid && field.value !== "");
    this.tasks.price(prices);
    this.chart.others = changed || !this.report.comparison ? [] : this.report.comparison.rows;
    this.repriced();
    byId("edited").textContent = changed ? `At these prices the router's curve lies ${points(this.tasks.lift)} points above mixes of single models on average (at the report's: ${points(this.report.judged.lift.value)}). The sentence at the top and the figures for comparison stay as they were judged.` : "";
  }

  ways(now) {
    const { tasks, report } = this, body = document.querySelector("#ways tbody"), best = tasks.constants[tasks.best];
    const timed = tasks.constants.some(one => !isNaN(one.seconds));
    body.replaceChildren();
    const add = (name, point, kind = "") => {
      const row = put("tr", kind ? { class: kind } : {}, body);
      put("th", { scope: "row" }, row, name);
      const cells = [percent(point.quality), `$${plainUsd(1000 * point.usd)}`, best.usd > 0 ? percent(point.usd / best.usd, 0) : "–", percent(heightAt(tasks.mixes, point.usd))];
      for (const text of cells) put("td", {}, row, text);
      if (timed) put("td", {}, row, isNaN(point.seconds) ? "–" : point.seconds.toPrecision(2));
    };
    document.querySelector("#ways .timed").hidden = !timed;
    const order = tasks.constants.map((one, j) => j).sort((a, b) => tasks.constants[a].usd - tasks.constants[b].usd);
    for (const j of order) {
      const marks = [j === tasks.cheapest && "cheapest", j === tasks.best && "best"].filter(Boolean);
      add(`always ${report.models[j]}${marks.length ? ` (${marks.join(", ")})` : ""}`, tasks.constants[j]);
    }
    add(`router, dial ${this.dial.toFixed(2)}`, now, "ours rule");
    if (tasks.twinP) add(`labels shuffled, dial ${this.dial.toFixed(2)}`, tasks.means(tasks.choose(this.dial, tasks.twinP)), "rule");
    add("random choice", tasks.random);
    add("oracle", tasks.oracle);
  }

  compared() {
    const found = this.report.comparison;
    if (!found) return;
    byId("compared").hidden = false;
    byId("legend-other").hidden = false;
    this.chart.others = found.rows;
    const doubtful = found.rows.some(row => !row.unseen);
    byId("compared-note").textContent = `On the same ${count(found.n_tasks)} tasks, beside ${found.reference}; bold where the whole 95% interval lies on one side. At the report's prices.` +
      (doubtful ? " A star marks what may have learned from some of these tasks, which can only flatter it." : "");
    const table = byId("comparison"), head = put("tr", {}, put("thead", {}, table)), body = put("tbody", {}, table);
    for (const name of ["way", "quality", "1,000 tasks", "lift", "quality, difference", "cost, ratio", "lift, difference"]) put("th", { scope: "col" }, head, name);
    const cell = (row, one, show, none) => {
      if (!one) return put("td", {}, row, "–");
      const sure = known(one.low) && known(one.high) && (one.low > none || one.high < none);
      put("td", sure ? { class: "sure" } : {}, row, `${show(one.value)} (${show(one.low)} to ${show(one.high)})`);
    };
    for (const one of found.rows) {
      const row = put("tr", one.name === found.reference ? { class: "ours" } : {}, body);
      put("th", { scope: "row" }, row, one.name + (one.unseen ? "" : " *"));
      put("td", {}, row, percent(one.quality));
      put("td", {}, row, `$${plainUsd(1000 * one.usd)}`);
      put("td", {}, row, known(one.lift) ? points(one.lift) : "–");
      cell(row, one.quality_difference, points, 0);
      cell(row, one.cost_ratio, value => percent(value, 0), 1);
      cell(row, one.lift_difference, points, 0);
    }
  }

  sliceTables() {
    const { tasks, report } = this, root = byId("slice-tables"), best = report.models[tasks.best];
    const twin = tasks.twinP ? tasks.choose(this.dial, tasks.twinP) : null, ideal = tasks.ideal(null);
    root.replaceChildren();
    for (const [kind, slices] of this.slices) {
      if (slices.length < 2) continue;
      const controls = [];
      byId("slices").hidden = false;
      const table = put("table", {}, put("div", { class: "scroll" }, root)), head = put("tr", {}, put("thead", {}, table));
      put("caption", {}, table, `By ${kind}; best: always ${best}, cheapest: always ${report.models[tasks.cheapest]}, mix: the best mix of single models at the router's cost, chosen in hindsight for these very tasks, shuffled: the twin trained on shuffled labels`);
      const names = [kind, "tasks", "router", "best", "difference", "95% interval", "cost share", "mix", "cheapest", "random", ...(twin ? ["shuffled"] : []), "oracle"];
      for (const name of names) put("th", { scope: "col" }, head, name);
      const body = put("tbody", {}, table);
      for (const { name, rows } of slices) {
        const found = tasks.at(this.dial, rows, this.now.chosen), row = put("tr", rows.length < SMALL_SLICE ? { class: "thin" } : {}, body);
        const { constants, mix } = tasks.controls(rows, found.usd), chance = constants.reduce((sum, one) => sum + one.quality / tasks.m, 0);
        controls.push({ name, n: rows.length, constants });
        const sure = rows.length >= SMALL_SLICE && (found.gain.low > 0 || found.gain.high < 0);
        put("th", { scope: "row" }, row, name);
        put("td", {}, row, count(rows.length));
        put("td", {}, row, percent(found.quality));
        put("td", {}, row, percent(constants[tasks.best].quality));
        put("td", sure ? { class: "sure" } : {}, row, points(found.gain.value));
        put("td", { class: "interval" }, row, known(found.gain.low) ? `${points(found.gain.low)} to ${points(found.gain.high)}` : "–");
        put("td", {}, row, percent(found.share.value, 0));
        put("td", {}, row, percent(mix));
        put("td", {}, row, percent(constants[tasks.cheapest].quality));
        put("td", {}, row, percent(chance));
        if (twin) put("td", {}, row, percent(tasks.means(twin, rows).quality));
        put("td", {}, row, percent(tasks.means(ideal, rows).quality));
      }
      this.singleModels(root, kind, controls);
    }
  }

  singleModels(root, kind, controls) {
    const fold = put("details", { "data-kind": kind }, root), { models } = this.report;
    fold.open = this.unfolded.has(kind);
    fold.addEventListener("toggle", () => this.unfolded[fold.open ? "add" : "delete"](kind));
    put("summary", {}, fold, `Every single model by ${kind}`);
    const table = put("table", {}, put("div", { class: "scroll" }, fold)), head = put("tr", {}, put("thead", {}, table));
    for (const name of [kind, "tasks", ...models]) put("th", { scope: "col" }, head, name);
    const body = put("tbody", {}, table);
    for (const { name, n, constants } of controls) {
      const row = put("tr", n < SMALL_SLICE ? { class: "thin" } : {}, body);
      put("th", { scope: "row" }, row, name);
      put("td", {}, row, count(n));
      for (const one of constants) put("td", {}, row, percent(one.quality));
    }
  }

  calibration() {
    const root = byId("calibration");
    for (const [name, one] of Object.entries(this.report.judged.calibration)) {
      const figure = put("figure", {}, root), picture = svg("svg", { role: "img", "aria-label": `${name}: calibration error ${one.ece.toFixed(3)}, Brier score ${one.brier.toFixed(3)}` }, figure);
      reliability(picture, one.bins, name);
      const caption = put("figcaption", {}, figure);
      put("strong", {}, caption, name);
      put("div", { class: "faint" }, caption, `ECE ${one.ece.toFixed(3)}, Brier ${one.brier.toFixed(3)}`);
    }
  }

  exampleList() {
    const { tasks, report } = this, found = tasks.verdicts(this.now.chosen), root = byId("examples"), focused = document.activeElement?.dataset?.kind;
    const best = report.models[tasks.best];
    const kinds = {
      won: ["won", `the router's answer is better than that of ${best}`],
      lost: ["lost", `the router's answer is worse than that of ${best}; the most confident first`],
      wasted: ["wasted", "the answer is right, but one at less than half its price is as good; the dearest first"],
    };
    byId("examples-note").textContent = `At the dial above, of ${count(tasks.n)} tasks: ${count(found.won.length)} won, ${count(found.lost.length)} lost, ${count(found.wasted.length)} wasted. ` +
      `Always asking the cheapest model that is as good as the one asked would save ${percent(found.wasteShare, 0)} of the money: that is what better forecasts could still bring.`;
    root.replaceChildren();
    const bar = put("div", { class: "kinds", role: "group", "aria-label": "Kind of example" }, root);
    for (const [kind, [name]] of Object.entries(kinds)) {
      const button = put("button", { type: "button", "data-kind": kind, "aria-pressed": String(kind === this.kind) }, bar, `${name} (${count(found[kind].length)})`);
      button.addEventListener("click", () => { this.kind = kind; this.shown = 3; this.exampleList(); });
      if (focused === kind) button.focus();
    }
    for (const kind of this.printing ? Object.keys(kinds) : [this.kind]) this.someExamples(root, found[kind], kinds[kind]);
  }

  someExamples(root, list, [name, meaning]) {
    const told = list.filter(one => this.examples.has(one.i));
    put("h3", {}, root, `${name[0].toUpperCase()}${name.slice(1)}: ${meaning}`);
    if (!told.length) put("p", { class: "faint" }, root, list.length ? "None of these is among the tasks whose prompts this page holds." : "None.");
    for (const one of told.slice(0, this.printing ? 2 : this.shown)) this.example(root, one);
    if (told.length <= this.shown) return;
    const more = put("button", { type: "button", "data-kind": "more" }, root, `${Math.min(5, told.length - this.shown)} more of ${count(told.length)}`);
    more.addEventListener("click", () => { this.shown += 5; this.exampleList(); });
  }

  example(root, { i, saved }) {
    const { tasks, report } = this, { m } = tasks, k = this.examples.get(i), chosen = this.now.chosen[i], { examples } = report;
    const box = put("article", { class: "example" }, root);
    put("div", { class: "faint small" }, box, `task ${examples.ids[k]}`);
    put("pre", { tabindex: "0", "aria-label": "prompt" }, box, examples.prompts[k]);
    const worth = j => this.dial * tasks.p[i * m + j] - (1 - this.dial) * tasks.usdForecast[i * m + j] / tasks.usdScale;
    const order = report.models.map((_, j) => j).sort((a, b) => (b === chosen) - (a === chosen) || worth(b) - worth(a));
    const next = order[1], own = i * m + chosen;
    let reason = `Asked ${report.models[chosen]}: worth ${worth(chosen).toFixed(3)} = ${this.dial.toFixed(2)} × ${percent(tasks.p[own], 0)} − ${(1 - this.dial).toFixed(2)} × $${plainUsd(tasks.usdForecast[own])} / $${plainUsd(tasks.usdScale)}`;
    if (next !== undefined) reason += `; next is ${report.models[next]} with ${worth(next).toFixed(3)}`;
    if (saved) reason += `. The cheapest answer as good would have saved $${plainUsd(1000 * saved)} per 1,000 such tasks`;
    put("p", { class: "small" }, box, `${reason}.`);
    const answers = report.examples.answers?.[k], table = put("table", {}, put("div", { class: "scroll" }, box)), head = put("tr", {}, put("thead", {}, table));
    for (const name of ["model", "forecast", "quality", "1,000 cost", ...(answers ? ["said"] : [])]) put("th", name === "said" ? { scope: "col", class: "said" } : { scope: "col" }, head, name);
    const body = put("tbody", {}, table);
    for (const j of order) {
      const at = i * m + j, row = put("tr", j === chosen ? { class: "ours" } : {}, body), quality = tasks.quality[at];
      put("th", { scope: "row" }, row, report.models[j] + (j === chosen ? " (asked)" : ""));
      put("td", {}, row, percent(tasks.p[at], 0));
      const cell = put("td", {}, row);
      if (quality === 0 || quality === 1) put("span", { class: `tag ${quality ? "good" : "bad"}` }, cell, quality ? "right" : "wrong");
      else cell.textContent = quality.toFixed(2);
      put("td", {}, row, `$${plainUsd(1000 * tasks.usd[at])}`);
      if (answers) put("div", { class: "clamp" }, put("td", { class: "said" }, row), answers[j] ?? "–");
    }
  }

  fixed() {
    const { judged } = this.report, { published } = judged, body = document.querySelector("#figures tbody");
    for (const sentence of this.report.notMeasured) put("li", {}, byId("not-measured"), sentence);
    const interval = (one, show) => one === null ? "–" : one.low === null ? show(one.value) : `${show(one.value)} (${show(one.low)} to ${show(one.high)})`;
    const number = value => known(value) ? value.toFixed(3) : "–", share = value => known(value) ? percent(value, 0) : "never";
    const plus = value => known(value) ? signed(value, 3) : "–";
    const listed = (table, show) => Object.entries(table).map(([key, value]) => `${show(value)} at ${percent(Number(key), 0)}`).join(", ");
    const rows = [
      ["hull lift over mixes", interval(judged.lift, plus), "quality above the best mix of single models, averaged over their range of cost"],
      ["the same of the shuffled twin", interval(judged.twin_lift, plus), "what knowing costs alone brings"],
      ["learned about quality", interval(judged.learned_lift, plus), "the difference of the two"],
      ["the same of the oracle", plus(judged.oracle_lift), "what perfect forecasts would bring"],
      ["AIQ", `${interval(judged.aiq, number)}; mixes ${number(judged.constants_aiq)}`, "RouterBench: mean quality over that range of cost"],
      ["cost at the best single model's quality", interval(judged.cost_at_best, share), "read off the curve of these very tasks, so a little flattering"],
      ["cost at a share of its quality", listed(published.cost_at, share), "as above"],
      ["APGR", number(published.apgr), "RouteLLM: mean share of the gap between cheapest and best recovered; tossing a coin gives 0.5"],
      ["CPT", listed(published.cpt, share), "RouteLLM: cost, between cheapest and best, that recovers that share of the gap"],
      ["PerfGain, CostSave", `${known(published.perf_gain) ? signed(100 * published.perf_gain) + "%" : "–"}, ${share(published.cost_save)}`, "LLMRouterBench: best dial over the best single model; cheapest dial that is as good"],
      ["arena score", number(published.arena_score), "RouterArena, at the default dial"],
      ["regret to the oracle", number(published.regret), "quality lost against it, at the default dial"],
      ["share of the oracle's gain", share(published.oracle_share), "of what it gains over the best single model, at the default dial"],
      ["most used model", `${published.most_used}, ${share(published.most_used_share)}; entropy ${number(published.entropy)}`, "entropy 0: always one model, 1: all alike"],
      ["decisions that stay", Object.entries(judged.robustness).map(([name, value]) => `${name} ${share(value)}`).join(", ") || "–", "when a prompt is written differently, at the default dial"],
      ["seconds", Object.entries(published.latency_s).map(([key, value]) => `${percent(Number(key), 0)} within ${value.toPrecision(2)}`).join(", ") || "–", "of the recorded calls, at the default dial"],
    ];
    for (const [name, value, meaning] of rows) {
      const row = put("tr", {}, body);
      put("th", { scope: "row" }, row, name);
      put("td", { class: "words" }, row, value);
      put("td", { class: "words faint small" }, row, meaning);
    }
    put("p", { class: "faint small" }, byId("figures").parentElement, `Intervals hold 95%: bias-corrected percentiles of ${count(judged.n_boot)} paired bootstrap resamples of tasks. Those that move with the dial are means ± 1.96 standard errors.`);
  }

  dialTable() {
    const table = byId("dials"), { tasks, report } = this;
    table.replaceChildren();
    const head = put("tr", {}, put("thead", {}, table)), body = put("tbody", {}, table);
    for (const name of ["dial", "quality", "1,000 tasks", "mix at that cost", ...report.models]) put("th", { scope: "col" }, head, name);
    for (const point of tasks.curve) {
      const row = put("tr", {}, body);
      put("th", { scope: "row" }, row, String(point.dial));
      for (const text of [percent(point.quality), `$${plainUsd(1000 * point.usd)}`, percent(heightAt(tasks.mixes, point.usd)), ...point.shares.map(share => percent(share, 0))]) put("td", {}, row, text);
    }
  }
}

new Page(JSON.parse(byId("report").textContent));
