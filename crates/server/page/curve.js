// The curve of the losses, and its legend.

import { byId, definition } from './dom.js';

const SERIES = ['total', 'content', 'style', 'tv'];
/** Entries that are drawn at the most, spread evenly: no screen shows more. */
const MOST_POINTS = 400;
const MARGIN = { top: 12, right: 12, bottom: 28, left: 48 };
const NARROWEST_LABEL = 64;
const shortNumber = new Intl.NumberFormat('en', { maximumSignificantDigits: 3 });
const lossText = loss => (loss == null ? '–' : shortNumber.format(loss));
let curveShown = null;

function svg(tag, attributes, text = '') {
  const node = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.textContent = text;
  return node;
}

export function showCurve(job) {
  const entries = thinned(job.progress.losses.filter(entry => entry.total > 0));
  byId('losses').hidden = entries.length === 0;
  curveShown = entries.length > 0 ? { entries, stages: job.recipe.stages } : null;
  drawCurve();
}

export function drawCurve() {
  if (!curveShown) return;
  const plot = plotOf(curveShown);
  const lines = SERIES.map(name => lineOf(name, plot)).reverse(); // the total on top
  const canvas = byId('curve');
  canvas.setAttribute('viewBox', `0 0 ${plot.width} ${plot.height}`);
  canvas.setAttribute('aria-label', inWords(plot.entries));
  canvas.replaceChildren(...lossAxis(plot), ...stageAxis(plot), ...lines, ...headsOf(plot));
  canvas.dataset.points = plot.entries.length;
  canvas.onpointermove = event => pointAt(plot, event.clientX - canvas.getBoundingClientRect().left);
  canvas.onpointerleave = () => readOff(plot, plot.entries.at(-1));
  readOff(plot, plot.entries.at(-1));
}

/** Where everything goes: the epochs of all stages on a linear axis, losses on a logarithmic one. */
function plotOf({ entries, stages }) {
  const { clientWidth: width, clientHeight: height } = byId('curve');
  const starts = [0];
  for (const stage of stages) starts.push(starts.at(-1) + stage.epochs);
  const losses = entries.flatMap(entry => SERIES.map(name => entry[name])).filter(loss => loss > 0);
  // A twentieth of a decade of air, so that a flat curve still has a height.
  const low = Math.log10(Math.min(...losses)) - 0.05;
  const high = Math.log10(Math.max(...losses)) + 0.05;
  const across = epoch => MARGIN.left + epoch / starts.at(-1) * (width - MARGIN.left - MARGIN.right);
  return {
    width, height, entries, stages, starts, low, high, across,
    x: entry => across(starts[entry.stage - 1] + entry.epoch),
    y: loss => MARGIN.top + (high - Math.log10(loss)) / (high - low) * (height - MARGIN.top - MARGIN.bottom),
  };
}

function lossAxis({ low, high, width, y }) {
  const steps = high - low > 3 ? [1] : high - low > 0.7 ? [1, 2, 5] : [1, 1.5, 2, 3, 4, 5, 6, 8];
  const decades = Array.from({ length: Math.ceil(high) - Math.floor(low) }, (_, index) => Math.floor(low) + index);
  const ticks = decades.flatMap(decade => steps.map(step => step * 10 ** decade));
  const seen = ticks.filter(tick => Math.log10(tick) >= low && Math.log10(tick) <= high);
  return seen.flatMap(tick => [
    svg('line', { class: 'grid', x1: MARGIN.left, x2: width - MARGIN.right, y1: y(tick), y2: y(tick) }),
    svg('text', { class: 'loss', x: MARGIN.left - 8, y: y(tick) + 4 }, shortNumber.format(tick)),
  ]);
}

function stageAxis(plot) {
  return plot.stages.flatMap((stage, index) => {
    const [left, right] = [plot.across(plot.starts[index]), plot.across(plot.starts[index + 1])];
    const size = right - left < NARROWEST_LABEL ? '' : `${stage.width} × ${stage.height}`;
    return [
      upright('stage', left, plot),
      svg('text', { class: 'size', x: (left + right) / 2, y: plot.height - 8 }, size),
    ];
  });
}

function upright(className, x, { height }) {
  return svg('line', { class: className, x1: x, x2: x, y1: MARGIN.top, y2: height - MARGIN.bottom });
}

/** One loss as a line, broken between stages: at another size it is another loss. */
function lineOf(name, { entries, stages, x, y }) {
  const pieces = stages.map((_, index) => {
    const points = entries.filter(entry => entry.stage === index + 1 && entry[name] > 0);
    const places = points.map(entry => `${x(entry).toFixed(1)} ${y(entry[name]).toFixed(1)}`);
    return places.length > 0 ? `M${places.join('L')}` : '';
  });
  return svg('path', { class: `line ${name}`, d: pieces.join('') });
}

/** A dot at the latest loss: the first one of a stage is no line yet. */
function headsOf({ entries, x, y }) {
  const last = entries.at(-1);
  const there = SERIES.filter(name => last[name] > 0);
  return there.map(name => svg('circle', { class: name, cx: x(last), cy: y(last[name]), r: 3.5 }));
}

function pointAt(plot, left) {
  const distance = entry => Math.abs(plot.x(entry) - left);
  const nearest = plot.entries.reduce((best, entry) => (distance(entry) < distance(best) ? entry : best));
  readOff(plot, nearest);
  byId('curve').append(upright('pointer', plot.x(nearest), plot));
}

/** Tells the losses of one entry in the legend. */
function readOff({ stages }, entry) {
  byId('curve').querySelector('.pointer')?.remove();
  const place = definition(stages.length > 1 ? `stage ${entry.stage}, epoch` : 'epoch', entry.epoch, 'place');
  const losses = SERIES.map(name => definition(name, lossText(entry[name]), name));
  byId('legend').replaceChildren(place, ...losses);
}

function inWords(entries) {
  const [first, last] = [entries[0], entries.at(-1)];
  const changes = SERIES.map(name => `${name} from ${lossText(first[name])} to ${lossText(last[name])}`);
  return `Losses over ${entries.length} reports: ${changes.join(', ')}.`;
}

/** `entries`, or as many of them as can be told apart, the first and the last among them. */
function thinned(entries) {
  const step = Math.ceil(entries.length / MOST_POINTS);
  return entries.filter((_, index) => index % step === 0 || index === entries.length - 1);
}
