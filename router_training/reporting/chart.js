/* The picture: quality against cost, drawn as SVG. Lines differ in dashes and width as well as in colour. */

const SVG = "http://www.w3.org/2000/svg";

function svg(name, attributes, parent, text) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes || {})) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  if (parent) parent.append(made);
  return made;
}

/** Steps of 1, 2 or 5 times a power of ten, about `count` of them between low and high. */
function steps(low, high, count) {
  const rough = (high - low) / count, power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find(factor => factor * power >= rough);
  const found = [];
  for (let value = Math.ceil(low / step - 1e-9) * step; value <= high + step * 1e-9; value += step) found.push(Number(value.toPrecision(12)));
  return found;
}

function logSteps(low, high) {
  const wide = high / low > 300, factors = wide ? [1] : high / low > 30 ? [1, 3] : [1, 2, 5], found = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++)
    for (const factor of factors) {
      const value = Number((factor * 10 ** power).toPrecision(3));
      if (value >= low && value <= high) found.push(value);
    }
  return found;
}

class Chart {
  constructor(root, models, pick) {
    Object.assign(this, { root, models, pick, log: true, others: [] });
    this.root.addEventListener("pointermove", event => this.hover(event));
    this.root.addEventListener("pointerleave", () => this.clear());
    this.root.addEventListener("click", event => {
      const near = this.nearest(event);
      if (near && near.dial !== undefined) this.pick(near.dial);
    });
  }

  /** Draw everything; `now` is the operating point. */
  draw(tasks, now) {
    const width = Math.max(300, this.root.clientWidth || 720), height = Math.round(Math.min(460, Math.max(300, width * 0.6)));
    Object.assign(this, { tasks, width, height, left: 50, right: 14, top: 14, bottom: 44 });
    this.root.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.root.replaceChildren();
    const points = [...tasks.constants, ...tasks.curve, ...this.others], usd = points.map(point => point.usd * 1000);
    const least = Math.min(...usd), most = Math.max(...usd);
    this.logged = this.log && least > 0 && most > least;
    const room = this.logged ? (most / least) ** 0.07 : (most - least) * 0.06 || most * 0.1 || 1;
    this.x0 = this.logged ? least / room : Math.max(0, least - room);
    this.x1 = this.logged ? most * room : most + room;
    const heights = [...points, ...tasks.hull].map(point => point.quality).concat(heightAt(tasks.oracleHull, most / 1000));
    const pad = (Math.max(...heights) - Math.min(...heights)) * 0.08 || 0.05;
    this.y0 = Math.max(0, Math.min(...heights) - pad);
    this.y1 = Math.min(1, Math.max(...heights) + pad);
    this.axes();
    this.obstacles = [];
    if (tasks.oracleHull) this.line(tasks.oracleHull, "oracle");
    this.line(tasks.mixes, "mixes");
    if (tasks.twinHull) this.line(tasks.twinHull, "twin");
    this.line(tasks.hull, "router");
    const dots = svg("g", {}, this.root);
    for (const point of tasks.curve) svg("circle", { cx: this.x(point.usd), cy: this.y(point.quality), r: 2.6, class: "dot" }, dots);
    const squares = svg("g", {}, this.root);
    for (const one of tasks.constants) svg("rect", { x: this.x(one.usd) - 4.5, y: this.y(one.quality) - 4.5, width: 9, height: 9, class: "single" }, squares);
    const diamonds = svg("g", {}, this.root);
    for (const one of this.others) {
      const [x, y] = [this.x(one.usd), this.y(one.quality)];
      svg("path", { d: `M${x - 6},${y} L${x},${y - 6} L${x + 6},${y} L${x},${y + 6} Z`, class: "other" }, diamonds);
    }
    this.guide = svg("g", {}, this.root);
    this.names();
    this.mark = svg("g", {}, this.root);
    this.over = svg("g", { "pointer-events": "none" }, this.root);
    this.move(now);
  }

  x(usd) {
    const value = usd * 1000, wide = this.width - this.left - this.right;
    const share = this.logged ? Math.log(Math.max(value, 1e-12) / this.x0) / Math.log(this.x1 / this.x0) : (value - this.x0) / (this.x1 - this.x0);
    return this.left + wide * share;
  }

  y(quality) {
    return this.height - this.bottom - (this.height - this.top - this.bottom) * (quality - this.y0) / (this.y1 - this.y0);
  }

  axes() {
    const group = svg("g", { class: "axes" }, this.root), foot = this.height - this.bottom;
    for (const value of this.logged ? logSteps(this.x0, this.x1) : steps(this.x0, this.x1, this.width < 480 ? 4 : 6)) {
      const x = this.x(value / 1000);
      svg("line", { x1: x, x2: x, y1: this.top, y2: foot }, group);
      svg("text", { x, y: foot + 17, "text-anchor": "middle" }, group, plainUsd(value));
    }
    for (const value of steps(this.y0 * 100, this.y1 * 100, 6)) {
      const y = this.y(value / 100);
      svg("line", { x1: this.left, x2: this.width - this.right, y1: y, y2: y }, group);
      svg("text", { x: this.left - 7, y: y + 4, "text-anchor": "end" }, group, `${value}%`);
    }
    svg("text", { x: (this.left + this.width - this.right) / 2, y: this.height - 8, "text-anchor": "middle", class: "title" }, group, "cost of 1,000 tasks in USD");
    svg("text", { x: 13, y: (this.top + foot) / 2, "text-anchor": "middle", class: "title", transform: `rotate(-90 13 ${(this.top + foot) / 2})` }, group, "quality");
  }

  /** A hull, sampled, because a straight mix is bent by the logarithmic axis. */
  line(corners, kind) {
    const path = [], right = this.width - this.right;
    const low = this.x(corners[0].usd);
    for (let x = Math.max(this.left, low); x <= right; x += 2) {
      const share = (x - this.left) / (right - this.left);
      const usd = (this.logged ? this.x0 * (this.x1 / this.x0) ** share : this.x0 + share * (this.x1 - this.x0)) / 1000;
      const point = [x, this.y(heightAt(corners, usd))];
      path.push(point.map(value => value.toFixed(1)).join(","));
      this.obstacles.push(point);
    }
    if (path.length) svg("polyline", { points: path.join(" "), class: `line ${kind}` }, this.root);
  }

  /** Write each model's name where it covers least: no other name, no point, few of the lines. */
  names() {
    const group = svg("g", { class: "names" }, this.root), taken = [], led = [];
    const points = [...this.tasks.constants.map(one => [this.x(one.usd), this.y(one.quality)])];
    const order = points.map((_, j) => j).sort((a, b) => points[a][0] - points[b][0]);
    for (const j of order) {
      const [px, py] = points[j], text = svg("text", {}, group, this.models[j]);
      const wide = text.getComputedTextLength() || this.models[j].length * 7, high = 15;
      let best = null;
      for (const radius of [9, 16, 26, 40, 56])
        for (const [dx, dy] of [[1, 0.3], [-1, 0.3], [0, 1.1], [0, -0.5], [1, 1], [-1, 1], [1, -0.6], [-1, -0.6]]) {
          const left = dx > 0 ? px + radius : dx < 0 ? px - radius - wide : px - wide / 2;
          const base = dx !== 0 && dy === 0.3 ? py + 4 : dy > 0 ? py + radius * dy + 9 : py + radius * dy - 4;
          const box = [left - 2, base - 12, left + wide + 2, base + 4];
          if (box[0] < this.left || box[2] > this.width - 2 || box[1] < 0 || box[3] > this.height - this.bottom) continue;
          const inside = ([x, y]) => x > box[0] && x < box[2] && y > box[1] && y < box[3];
          const overlaps = taken.filter(other => box[0] < other[2] && box[2] > other[0] && box[1] < other[3] && box[3] > other[1]).length;
          const square = points.filter(([x, y]) => x > box[0] - 6 && x < box[2] + 6 && y > box[1] - 6 && y < box[3] + 6).length;
          const lead = radius > 20 ? this.leader(px, py, box) : [];
          const crossed = lead.filter(([x, y]) => taken.some(other => x > other[0] && x < other[2] && y > other[1] && y < other[3])).length;
          const cost = overlaps * 500 + square * 200 + crossed * 60 + this.obstacles.filter(inside).length * 4 + led.filter(inside).length * 40 + radius;
          if (!best || cost < best.cost) best = { cost, left, base, box, radius };
        }
      if (!best) { text.remove(); continue; }
      text.setAttribute("x", best.left);
      text.setAttribute("y", best.base);
      taken.push(best.box);
      if (best.radius > 20) {
        const lead = this.leader(px, py, best.box), [x, y] = lead[lead.length - 1];
        led.push(...lead);
        svg("line", { x1: px, y1: py, x2: x, y2: y, class: "leader" }, this.guide);
      }
    }
  }

  /** Samples of the line from a point to the nearest place of a name's box. */
  leader(px, py, box) {
    const x = Math.min(Math.max(px, box[0]), box[2]), y = Math.min(Math.max(py, box[1]), box[3]);
    return Array.from({ length: 13 }, (_, k) => [px + (x - px) * k / 12, py + (y - py) * k / 12]);
  }

  /** Move the ring that marks the dial, and the line to the best single model's cost. */
  move(now) {
    if (!this.mark) return;
    this.now = now;
    this.mark.replaceChildren();
    const best = this.tasks.constants[this.tasks.best], x = this.x(now.usd), y = this.y(now.quality);
    const bx = this.x(best.usd), by = this.y(best.quality);
    svg("path", { d: `M${bx},${by} H${x} V${y}`, class: "saving" }, this.mark);
    svg("circle", { cx: x, cy: y, r: 9, class: "now" }, this.mark);
    svg("circle", { cx: x, cy: y, r: 3.5, class: "now-dot" }, this.mark);
  }

  nearest(event) {
    const frame = this.root.getBoundingClientRect(), scale = this.width / frame.width;
    const px = (event.clientX - frame.left) * scale, py = (event.clientY - frame.top) * scale;
    let found = null;
    const look = (point, extra) => {
      const distance = Math.hypot(this.x(point.usd) - px, this.y(point.quality) - py);
      if (distance < 45 && (!found || distance < found.distance)) found = { ...point, ...extra, distance };
    };
    this.tasks.curve.forEach(point => look(point, {}));
    this.tasks.constants.forEach((point, j) => look(point, { name: this.models[j] }));
    this.others.forEach(point => look(point, { seconds: NaN }));
    look(this.tasks.oracle, { name: "oracle" });
    look(this.tasks.random, { name: "random choice" });
    return found;
  }

  hover(event) {
    const point = this.nearest(event);
    if (!point) return this.clear();
    this.over.replaceChildren();
    const x = this.x(point.usd), y = this.y(point.quality);
    svg("circle", { cx: x, cy: y, r: 7, class: "hovered" }, this.over);
    const lines = describe(point, this.tasks, this.models);
    const box = svg("rect", { rx: 6, class: "tip" }, this.over), text = svg("text", { class: "tip-text" }, this.over);
    lines.forEach((line, k) => svg("tspan", { x: 0, dy: k ? "1.35em" : 0, class: k ? "" : "tip-head" }, text, line));
    const size = text.getBBox(), wide = size.width + 20, high = size.height + 16;
    const left = x + 14 + wide > this.width ? Math.max(2, x - 14 - wide) : x + 14;
    const top = Math.min(Math.max(2, y - high / 2), this.height - high - 2);
    Object.entries({ x: left, y: top, width: wide, height: high }).forEach(([key, value]) => box.setAttribute(key, value));
    text.setAttribute("transform", `translate(${left + 10},${top + 8 - size.y})`);
  }

  clear() {
    if (this.over) this.over.replaceChildren();
  }
}

/** What is said of a point on hover: a heading and some lines. */
function describe(point, tasks, models) {
  const best = tasks.constants[tasks.best], lines = [point.name ?? `dial ${point.dial.toFixed(2)}`];
  lines.push(`quality ${percent(point.quality)}`, `$${plainUsd(point.usd * 1000)} per 1,000 tasks`);
  if (best.usd > 0) lines.push(`${percent(point.usd / best.usd, 0)} of what ${short(models[tasks.best])} costs`);
  if (!isNaN(point.seconds)) lines.push(`${point.seconds.toPrecision(2)} s on average`);
  if (point.dial !== undefined)
    point.shares.map((share, j) => [share, models[j]]).filter(([share]) => share > 0.004).sort((a, b) => b[0] - a[0]).slice(0, 5)
      .forEach(([share, name]) => lines.push(`${percent(share, 0)} to ${short(name)}`));
  return lines;
}

/** One model's reliability: forecast across, quality up, with error bars; the diagonal is where forecasts hold. */
function reliability(root, bins, named) {
  const size = 190, at = share => 34 + share * (size - 46), up = share => size - 26 - share * (size - 36);
  root.setAttribute("viewBox", `0 0 ${size} ${size}`);
  const group = svg("g", { class: "axes" }, root);
  for (const share of [0, 0.5, 1]) {
    svg("line", { x1: at(share), x2: at(share), y1: up(0), y2: up(1) }, group);
    svg("line", { x1: at(0), x2: at(1), y1: up(share), y2: up(share) }, group);
    svg("text", { x: at(share), y: size - 12, "text-anchor": share === 1 ? "end" : "middle" }, group, `${share * 100}%`);
    if (share) svg("text", { x: 30, y: up(share) + 4, "text-anchor": "end" }, group, `${share * 100}%`);
  }
  svg("line", { x1: at(0), y1: up(0), x2: at(1), y2: up(1), class: "diagonal" }, root);
  for (const bin of bins) {
    const x = at(bin.forecast), half = 1.96 * bin.standard_error;
    svg("line", { x1: x, x2: x, y1: up(Math.max(0, bin.quality - half)), y2: up(Math.min(1, bin.quality + half)), class: "whisker" }, root);
  }
  svg("polyline", { points: bins.map(bin => `${at(bin.forecast).toFixed(1)},${up(bin.quality).toFixed(1)}`).join(" "), class: "line router thin" }, root);
  for (const bin of bins) {
    const dot = svg("circle", { cx: at(bin.forecast), cy: up(bin.quality), r: 3.2, class: "dot" }, root);
    svg("title", {}, dot, `${named}: forecast ${percent(bin.forecast)}, found ${percent(bin.quality)}, ${bin.n} tasks`);
  }
}
