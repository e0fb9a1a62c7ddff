"use strict";
/* Figures: everything that is computed, and nothing that is shown. Arrays hold n tasks by m models, row by row. */

const SMALL_SLICE = 30;

/** Unpack what payload.packed wrote; the highest number of an unsigned type is a missing value. */
function unpack(part) {
  if (!part) return null;
  const raw = Uint8Array.from(atob(part.data), sign => sign.charCodeAt(0));
  if (part.type === "f4") return Float64Array.from(new Float32Array(raw.buffer));
  const whole = part.type === "u1" ? raw : new Uint16Array(raw.buffer);
  const missing = part.type === "u1" ? 255 : 65535;
  return Float64Array.from(whole, step => step === missing ? NaN : step / part.scale);
}

/** The judged tasks at prices that may change: `price(prices)` first, then everything else. */
class Tasks {
  constructor(report) {
    Object.assign(this, { n: report.n, m: report.models.length, usdScale: report.usdScale, dials: report.dials });
    for (const name of ["quality", "usd", "seconds", "read", "written", "p", "twinP", "readForecast", "writtenForecast"])
      this[name] = unpack(report[name]);
    this.recorded = this.usd;
    this.listPrices = report.prices;
    this.price(report.prices);
  }

  /** Price every answer and every forecast anew; a recorded cost changes in the proportion of list prices. */
  price(prices) {
    const { n, m } = this;
    this.prices = prices;
    this.usd = new Float64Array(n * m);
    this.usdForecast = new Float64Array(n * m);
    for (let at = 0; at < n * m; at++) {
      const j = at % m, [now, list] = [prices[j], this.listPrices[j]];
      const [expectedIn, expectedOut] = [this.readForecast[at], this.writtenForecast[at]];
      const tokensIn = isNaN(this.read[at]) ? expectedIn : this.read[at];
      const tokensOut = isNaN(this.written[at]) ? expectedOut : this.written[at];
      const before = tokensIn * list[0] + tokensOut * list[1], after = tokensIn * now[0] + tokensOut * now[1];
      const same = now[0] === list[0] && now[1] === list[1];
      this.usd[at] = same ? this.recorded[at] : before > 0 ? this.recorded[at] * after / before : after / 1e6;
      this.usdForecast[at] = (expectedIn * now[0] + expectedOut * now[1]) / 1e6;
    }
    this.constants = Array.from({ length: m }, (_, j) => this.means(new Uint8Array(n).fill(j)));
    this.best = this.order((a, b) => b.quality - a.quality || a.usd - b.usd);
    this.cheapest = this.order((a, b) => a.usd - b.usd || b.quality - a.quality);
    this.mixes = hull(this.constants);
    this.oracle = this.means(this.ideal(null));
    this.random = this.constants.reduce((sum, one) => ({
      usd: sum.usd + one.usd / m, quality: sum.quality + one.quality / m, seconds: sum.seconds + one.seconds / m,
    }), { usd: 0, quality: 0, seconds: 0 });
    const start = this.constants[this.cheapest];
    this.curve = this.dials.map(dial => ({ dial, ...this.means(this.choose(dial)) }));
    this.hull = hull([...this.curve, start]);
    this.twinHull = this.twinP ? hull([...this.dials.map(dial => this.means(this.choose(dial, this.twinP))), start]) : null;
    this.oracleHull = hull([...this.dials.map(dial => this.means(this.ideal(dial))), start]);
    const usd = this.constants.map(one => one.usd);
    this.low = Math.min(...usd);
    this.high = Math.max(...usd);
    this.mixArea = area(this.mixes, this.low, this.high);
    this.lift = area(this.hull, this.low, this.high) - this.mixArea;
  }

  order(compare) {
    return this.constants.map((one, j) => ({ ...one, j })).sort(compare)[0].j;
  }

  /** The chosen model of every task: the highest dial * p - (1 - dial) * usd / scale; ties go to the cheaper, then the first. */
  choose(dial, p = this.p) {
    const { n, m, usdForecast, usdScale } = this, chosen = new Uint8Array(n);
    for (let i = 0, at = 0; i < n; i++) {
      let best = -Infinity, price = Infinity;
      for (let j = 0; j < m; j++, at++) {
        const worth = dial * p[at] - (1 - dial) * usdForecast[at] / usdScale;
        if (worth > best || (worth === best && usdForecast[at] < price)) {
          best = worth;
          price = usdForecast[at];
          chosen[i] = j;
        }
      }
    }
    return chosen;
  }

  /** What one who knows every outcome chooses; without a dial, quality counts first and cost breaks ties. */
  ideal(dial) {
    const { n, m, quality, usd } = this, chosen = new Uint8Array(n);
    const scale = Math.max(...this.constants.map(one => one.usd)) || 1;
    for (let i = 0; i < n; i++) {
      let best = -Infinity, price = Infinity;
      for (let j = 0; j < m; j++) {
        const at = i * m + j, worth = dial === null || dial === 1 ? quality[at] : dial * quality[at] - (1 - dial) * usd[at] / scale;
        if (worth > best || (worth === best && usd[at] < price)) {
          best = worth;
          price = usd[at];
          chosen[i] = j;
        }
      }
    }
    return chosen;
  }

  /** Mean cost, quality and seconds of a choice, and who was asked how often. */
  means(chosen, rows = null) {
    const { m } = this, count = rows ? rows.length : this.n, shares = new Array(m).fill(0);
    let usd = 0, quality = 0, seconds = 0, timed = 0;
    for (let k = 0; k < count; k++) {
      const i = rows ? rows[k] : k, at = i * m + chosen[i];
      usd += this.usd[at];
      quality += this.quality[at];
      shares[chosen[i]] += 1 / count;
      if (!isNaN(this.seconds[at])) { seconds += this.seconds[at]; timed++; }
    }
    return { usd: usd / count, quality: quality / count, seconds: timed ? seconds / timed : NaN, shares };
  }

  /** Means at a dial, beside the best constant on the same tasks, with 95 % intervals by the central limit theorem. */
  at(dial, rows = null, chosen = this.choose(dial)) {
    const count = rows ? rows.length : this.n, { m, best } = this;
    const means = this.means(chosen, rows), fixed = this.means(new Uint8Array(this.n).fill(best), rows);
    const share = fixed.usd > 0 ? means.usd / fixed.usd : NaN;
    let gains = 0, squares = 0, residuals = 0;
    for (let k = 0; k < count; k++) {
      const i = rows ? rows[k] : k, at = i * m + chosen[i], other = i * m + best;
      const gain = this.quality[at] - this.quality[other], residual = this.usd[at] - share * this.usd[other];
      gains += gain;
      squares += gain * gain;
      residuals += residual * residual;
    }
    const gain = gains / count, spread = Math.sqrt(Math.max(0, squares / count - gain * gain) / Math.max(1, count - 1));
    const shareSpread = Math.sqrt(residuals / count / Math.max(1, count - 1)) / fixed.usd;
    const interval = (value, half) => count < 2 ? { value, low: NaN, high: NaN } : { value, low: value - 1.96 * half, high: value + 1.96 * half };
    return { dial, chosen, ...means, fixed, gain: interval(gain, spread), share: interval(share, shareSpread), mix: heightAt(this.mixes, means.usd) };
  }

  /** Every single model on some tasks, and what the best mix of them, chosen in hindsight, reaches at a cost. */
  controls(rows, usd) {
    const constants = Array.from({ length: this.m }, (_, j) => this.means(new Uint8Array(this.n).fill(j), rows));
    return { constants, mix: heightAt(hull(constants), usd) };
  }

  /** Tasks by label: [{name, rows}], the largest first. */
  slices(labels) {
    if (!labels) return [];
    const of = unpack(labels.of), rows = labels.names.map(() => []);
    of.forEach((label, i) => rows[label].push(i));
    return labels.names.map((name, k) => ({ name, rows: rows[k] })).filter(slice => slice.rows.length).sort((a, b) => b.rows.length - a.rows.length);
  }

  /** Sort tasks at a choice into won, lost and wasted; what was wasted is what the cheapest answer as good would have saved. */
  verdicts(chosen) {
    const { n, m, quality, usd, p, best } = this, found = { won: [], lost: [], wasted: [] };
    let waste = 0, spent = 0;
    for (let i = 0; i < n; i++) {
      const own = i * m + chosen[i], gain = quality[own] - quality[i * m + best];
      let least = usd[own];
      for (let j = 0; j < m; j++) if (quality[i * m + j] >= quality[own] && usd[i * m + j] < least) least = usd[i * m + j];
      const extra = usd[own] - least;
      spent += usd[own];
      waste += extra;
      if (gain > 0) found.won.push({ i, weight: gain * (1 - p[i * m + best]) });
      if (gain < 0) found.lost.push({ i, weight: -gain * p[own] });
      if (quality[own] > 0 && extra > 0.5 * usd[own]) found.wasted.push({ i, weight: extra, saved: extra });
    }
    for (const list of Object.values(found)) list.sort((a, b) => b.weight - a.weight || a.i - b.i);
    return { ...found, wasteShare: spent > 0 ? waste / spent : 0 };
  }
}

/** The least concave, rising curve over points, by Andrew's monotone chain. */
function hull(points) {
  const corners = [];
  for (const { usd, quality } of [...points].sort((a, b) => a.usd - b.usd || b.quality - a.quality)) {
    if (corners.length && quality <= corners[corners.length - 1].quality) continue;
    while (corners.length > 1) {
      const [a, b] = corners.slice(-2);
      if ((quality - a.quality) * (b.usd - a.usd) < (b.quality - a.quality) * (usd - a.usd)) break;
      corners.pop();
    }
    corners.push({ usd, quality });
  }
  return corners;
}

/** The quality that a hull offers at a cost. */
function heightAt(corners, usd) {
  if (usd <= corners[0].usd) return corners[0].quality;
  for (let k = 1; k < corners.length; k++) {
    const [a, b] = [corners[k - 1], corners[k]];
    if (usd <= b.usd) return a.quality + (b.quality - a.quality) * (usd - a.usd) / (b.usd - a.usd);
  }
  return corners[corners.length - 1].quality;
}

/** The mean height of a hull between two costs. */
function area(corners, low, high) {
  if (!(high > low)) return heightAt(corners, high);
  const stops = [low, ...corners.map(corner => corner.usd).filter(usd => usd > low && usd < high), high];
  let sum = 0;
  for (let k = 1; k < stops.length; k++)
    sum += (stops[k] - stops[k - 1]) * (heightAt(corners, stops[k]) + heightAt(corners, stops[k - 1])) / 2;
  return sum / (high - low);
}
