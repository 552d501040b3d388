// The studio: order a picture, watch it being painted, take it home.
// It knows only the HTTP API: POST /v1/jobs, then GET the job again and again until it is finished.

const JOBS = '/v1/jobs';
const HOLD_SECONDS = 25;
const GIVE_UP_SECONDS = HOLD_SECONDS + 20;
const LONGEST_BACKOFF_SECONDS = 30;
const STATES = {
  queued: 'Waiting', running: 'Painting', succeeded: 'Finished', failed: 'It did not work', canceled: 'Canceled',
};
const SERIES = ['total', 'content', 'style', 'tv'];
// A PNG of one white pixel: the mask of a style that goes everywhere, where the next one has a mask.
const EVERYWHERE = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR42mP4DwABAQEAHLCMmQAAAABJRU5ErkJggg==';
const USUAL_SIZE = { paint: '512', classic: '1200x800', fast: '512' };

const byId = id => document.getElementById(id);
const form = byId('order');
const isFinished = job => ['succeeded', 'failed', 'canceled'].includes(job.status);
const sizeOf = job => job.recipe.stages.at(-1);

function element(tag, properties = {}, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}

/** Shows `text` in `node`, or hides the node when there is nothing to say. */
function say(node, text) {
  // Setting the same text again would make a screen reader repeat it.
  if (node.textContent !== text) node.textContent = text;
  node.hidden = text === '';
}

// ---- Talking to the service ------------------------------------------------

/** What went wrong, as the service tells it (application/problem+json) or as near to that as can be had. */
class Problem extends Error {
  constructor({ title, detail = '', field = null, status = 0, retryAfter = 0 }) {
    super(detail || title);
    Object.assign(this, { title, detail, field, status, retryAfter });
  }

  /** Whether the same request may well succeed a little later. */
  get willPass() {
    return [0, 408, 429].includes(this.status) || this.status >= 500;
  }
}

/** Fetches `path`; throws a `Problem` for whatever is neither a success nor 304. */
async function ask(path, options = {}) {
  const response = await fetch(path, options).catch(() => {
    throw new Problem({ title: 'The service cannot be reached.' });
  });
  if (response.ok || response.status === 304) return response;
  const told = await response.json().catch(() => ({}));
  const title = `The service answered ${response.status}.`;
  throw new Problem({ title, ...told, status: response.status, retryAfter: retryAfter(response) });
}

function retryAfter(response) {
  return Number(response.headers.get('Retry-After')) || 1;
}

function backoff(failures) {
  const jitter = 0.75 + Math.random() / 2;
  return Math.min(LONGEST_BACKOFF_SECONDS, 2 ** (failures - 1)) * jitter;
}

function pause(seconds) {
  return new Promise(resolve => setTimeout(resolve, seconds * 1000));
}

// ---- Choosing pictures -----------------------------------------------------

const chosen = { content: [], style: [], initial: [] };

const fieldOf = name => form.querySelector(`[data-field~="${CSS.escape(name)}"]`);

function choosePictures(role, files) {
  const fresh = [...files].map(file => ({ file, url: URL.createObjectURL(file) }));
  // A new photograph takes the place of the old one; styles gather.
  // How many of them there may be is the operator's to say, and the service's to refuse.
  hangPictures(role, role === 'style' ? [...chosen.style, ...fresh] : fresh.slice(-1));
}

function hangPictures(role, pictures) {
  chosen[role] = pictures;
  const field = fieldOf(role);
  field.querySelector('.tiles').replaceChildren(...pictures.map(picture => tileOf(role, picture)));
  field.classList.toggle('has-pictures', pictures.length > 0);
  clearFault(field);
  if (role === 'style') showMasks();
}

function tileOf(role, picture) {
  const { name } = picture.file;
  const image = element('img', { src: picture.url, alt: name, title: name });
  // The service judges what is a picture; this one merely has no likeness to show.
  image.onerror = () => image.replaceWith(element('span', { className: 'nameplate' }, name));
  const remove = element('button', { type: 'button', title: 'Remove', ariaLabel: `Remove ${name}` }, '×');
  remove.onclick = () => {
    hangPictures(role, chosen[role].filter(other => other !== picture));
    byId(role).focus();
  };
  return element('li', {}, image, remove);
}

function acceptPictures(role) {
  const [input, field] = [byId(role), fieldOf(role)];
  input.addEventListener('change', () => {
    choosePictures(role, input.files);
    input.value = ''; // so that the same file can be chosen again
  });
  field.addEventListener('dragover', () => field.classList.add('is-over'));
  field.addEventListener('dragleave', () => field.classList.remove('is-over'));
  field.addEventListener('drop', event => {
    field.classList.remove('is-over');
    if (event.dataTransfer.files.length > 0) choosePictures(role, event.dataTransfer.files);
  });
}

/** Two masks can be chosen for each style: where in the result it goes, and which part of the painting counts. */
function showMasks() {
  byId('masks').replaceChildren(...chosen.style.map(maskRow));
  byId('no-masks').hidden = chosen.style.length > 0;
  clearFault(fieldOf('mask'));
}

function maskRow(style) {
  const image = element('img', { src: style.url, alt: style.file.name });
  image.onerror = () => image.replaceWith(element('span', { className: 'nameplate' }, style.file.name));
  const masks = [maskPicker(style, 'mask', 'Where it goes'), maskPicker(style, 'style_mask', 'What of it counts')];
  return element('li', {}, element('span', { className: 'thumb' }, image), element('div', {}, ...masks));
}

function maskPicker(style, role, purpose) {
  const given = style[role];
  const input = element('input', { type: 'file', accept: byId('content').accept });
  const label = element('label', { className: 'pick' }, input, element('span', {}, given ? `${purpose}: ${given.name}` : purpose));
  input.dataset.role = role;
  input.ariaLabel = `${purpose}, for ${style.file.name}${given ? `: ${given.name}` : ''}`;
  input.onchange = () => setMask(style, role, input.files[0] ?? null);
  if (!given) return label;
  const remove = element('button', { type: 'button', title: 'Remove', ariaLabel: `Remove ${given.name}` }, '×');
  remove.onclick = () => setMask(style, role, null);
  return element('span', { className: 'picked' }, label, remove);
}

function setMask(style, role, file) {
  style[role] = file;
  showMasks();
  const row = byId('masks').children[chosen.style.indexOf(style)];
  row.querySelector(`[data-role="${role}"]`).focus();
}

/** The masks of a role, up to the last one that is given. */
function masksOf(role) {
  const last = chosen.style.findLastIndex(style => style[role]);
  const everywhere = () => new File([Uint8Array.from(atob(EVERYWHERE), byte => byte.charCodeAt(0))], 'everywhere.png');
  return chosen.style.slice(0, last + 1).map(style => style[role] ?? everywhere());
}

/** Lets the fields take drops, and keeps a picture dropped beside them from replacing the page. */
function keepDropsOnThePage() {
  for (const kind of ['dragover', 'drop']) addEventListener(kind, event => event.preventDefault());
}

// ---- Ordering --------------------------------------------------------------

/** The photograph of the job ordered last, shown until its first preview. */
let sketch = { id: null, photograph: null };

async function order(event) {
  event.preventDefault();
  clearFaults();
  if (!picturesAreChosen()) return;
  setSending(true);
  try {
    const photograph = chosen.content[0].file;
    const job = await (await ask(JOBS, { method: 'POST', body: orderForm() })).json();
    sketch = { id: job.id, photograph };
    if (byId('init').value === 'result') startFrom('');
    history.pushState(null, '', `#${job.id}`);
    followAddress();
  } catch (problem) {
    showOrderProblem(problem);
  } finally {
    setSending(false);
  }
}

function picturesAreChosen() {
  if (chosen.style.length === 0) markFault('style', 'Choose at least one painting.');
  if (chosen.content.length === 0) markFault('content', 'Choose the photograph to paint.');
  const lacksInitial = byId('init').value === 'picture' && chosen.initial.length === 0;
  if (lacksInitial) markFault('initial', 'Choose the picture to start from.');
  return chosen.style.length > 0 && chosen.content.length > 0 && !lacksInitial;
}

function orderForm() {
  const body = new FormData();
  // The options go first: a wrong one is refused before the pictures have travelled.
  for (const [name, value] of new FormData(form)) {
    if (value.trim() !== '') body.append(name, value.trim());
  }
  const start = byId('init');
  if (start.value === 'noise') body.append('init', 'noise');
  else body.delete('seed');
  if (start.value === 'result') body.append('initial_job', start.selectedOptions[0].dataset.job);
  for (const role of ['content', 'style']) chosen[role].forEach(({ file }) => body.append(role, file));
  for (const role of ['mask', 'style_mask']) masksOf(role).forEach(file => body.append(role, file));
  if (start.value === 'picture') body.append('initial', chosen.initial[0].file);
  return body;
}

/** What the painting is to start from: '' for the photograph, 'noise', 'picture' or 'result'. */
function startFrom(what) {
  byId('init').value = what;
  form.querySelectorAll('[data-start]').forEach(part => { part.hidden = part.dataset.start !== what; });
}

/** Offers the finished `job` to start from, unless another one was chosen for that. */
function offerToStartFrom(job) {
  const option = byId('init').querySelector('[value="result"]');
  if (option.selected) return;
  option.dataset.job = job.id;
  option.textContent = `the result ${job.id.slice(-8)}`;
  option.hidden = option.disabled = false;
}

/** Fills in the order of the same picture at twice the size, which goes on from this one. */
function orderLarger(job) {
  startFrom('');
  offerToStartFrom(job);
  startFrom('result');
  const { width, height } = sizeOf(job);
  const isExact = job.recipe.style_fit === 'stretch';
  byId('size').value = isExact ? `${2 * width}x${2 * height}` : 2 * Math.max(width, height);
  byId('stages').value = '';
  form.elements.preset.value = job.recipe.preset;
  openAround(byId('init'));
  clearFaults();
  const lacking = ['content', 'style'].filter(role => chosen[role].length === 0);
  for (const role of lacking.reverse()) markFault(role, 'Choose again what it was painted from.');
  if (lacking.length === 0) byId('submit').focus();
}

function setSending(sending) {
  byId('submit').disabled = sending;
  byId('submit').textContent = sending ? 'Sending …' : 'Paint it';
}

function showOrderProblem(problem) {
  // `style[1]` is the second style.
  const [, name, index] = /^(\w+)(?:\[(\d+)\])?$/.exec(problem.field) ?? [];
  if (name && fieldOf(name)) return markFault(name, problem.message.replace(`${name}: `, ''), index ?? 0);
  const advice = problem.status === 0 ? ' See whether it is among the recent pictures before sending it again.' : '';
  say(byId('order-fault'), problem.message + advice);
  showRecent();
}

/** Says at the field called `name` what is wrong with it, or with the picture in it that stands at `index`. */
function markFault(name, text, index) {
  const field = fieldOf(name);
  clearFault(field);
  field.classList.add('at-fault');
  field.append(element('p', { className: 'fault', id: `${name}-fault`, role: 'alert' }, text));
  openAround(field);
  const row = field.querySelectorAll('li')[index];
  row?.classList.add('is-wrong');
  const input = row?.querySelector(`[data-role="${name}"]`) ?? field.querySelector('input, select');
  input?.setAttribute('aria-invalid', 'true');
  input?.setAttribute('aria-describedby', `${name}-fault`);
  input?.focus();
}

function openAround(node) {
  for (let around = node.closest('details'); around; around = around.parentElement.closest('details')) around.open = true;
}

function clearFault(field) {
  field.classList.remove('at-fault');
  field.querySelector('.fault')?.remove();
  field.querySelector('.is-wrong')?.classList.remove('is-wrong');
  const input = field.querySelector('[aria-invalid]');
  for (const name of ['aria-invalid', 'aria-describedby']) input?.removeAttribute(name);
}

function clearFaults() {
  form.querySelectorAll('.at-fault').forEach(clearFault);
  say(byId('order-fault'), '');
}

// ---- Watching a job --------------------------------------------------------

let watching = new AbortController();

/** Shows the job that the address names, so that a reload or a link finds it again. */
function followAddress() {
  watching.abort();
  watching = new AbortController();
  const id = location.hash.slice(1);
  byId('welcome').hidden = id !== '';
  byId('job').hidden = id === '';
  document.title = 'impasto';
  markCurrent();
  if (id === '') return;
  clearJob(id);
  bringIntoView(byId('job'));
  watch(id, watching.signal);
}

/** On a narrow screen the job stands far below the form. */
function bringIntoView(node) {
  const { top } = node.getBoundingClientRect();
  if (top < 0 || top > innerHeight / 2) node.scrollIntoView();
}

async function watch(id, signal) {
  let revision = null;
  let failures = 0;
  while (!signal.aborted) {
    const news = await askForNews(id, revision, signal).catch(problem => ({ problem }));
    if (signal.aborted) return;
    if (news.problem && !news.problem.willPass) return showLostJob(news.problem);
    failures = news.problem ? failures + 1 : 0;
    say(byId('trouble'), news.problem ? `${news.problem.title} Trying again …` : '');
    if (news.job) showJob(news.job);
    if (news.job && isFinished(news.job)) return;
    // The place in line and the time left change without a revision: after a quiet wait they are asked for afresh.
    if (!news.problem) revision = news.revision;
    await pause(news.problem ? Math.max(news.problem.retryAfter, backoff(failures)) : news.retryAfter);
  }
}

/** Asks for the job: at once, or as soon as it differs from `revision`. */
async function askForNews(id, revision, signal) {
  const limit = AbortSignal.timeout(GIVE_UP_SECONDS * 1000);
  const held = revision !== null;
  const response = await ask(`${JOBS}/${encodeURIComponent(id)}${held ? `?wait=${HOLD_SECONDS}` : ''}`, {
    signal: AbortSignal.any([signal, limit]),
    headers: held ? { 'If-None-Match': revision } : {},
  });
  if (response.status === 304) return { job: null, revision: null, retryAfter: retryAfter(response) };
  const job = await response.json().catch(() => {
    throw new Problem({ title: 'The answer was cut off.' });
  });
  return { job, revision: response.headers.get('ETag'), retryAfter: retryAfter(response) };
}

async function cancel(job) {
  byId('cancel').disabled = true;
  try {
    await ask(job.links.cancel, { method: 'POST' });
  } catch (problem) {
    byId('cancel').disabled = false;
    say(byId('trouble'), problem.message);
  }
}

// ---- Showing a job ---------------------------------------------------------

function clearJob(id) {
  delete byId('job').dataset.status;
  for (const part of ['state', 'where', 'trouble', 'failure']) say(byId(part), '');
  for (const part of ['cancel', 'outcome', 'losses']) byId(part).hidden = true;
  byId('bar').value = 0;
  for (const part of ['facts', 'notices']) byId(part).replaceChildren();
  clearPicture(id);
}

function showJob(job) {
  const isNewState = byId('job').dataset.status !== job.status;
  byId('job').dataset.status = job.status;
  say(byId('state'), STATES[job.status]);
  say(byId('where'), whereabouts(job));
  say(byId('failure'), job.error?.message ?? '');
  byId('notices').replaceChildren(...job.notices.map(notice => element('li', {}, notice)));
  byId('bar').value = job.progress.fraction;
  document.title = titleOf(job);
  showCancel(job);
  showOutcome(job);
  showFacts(job);
  showPicture(job);
  showCurve(job);
  if (isNewState) showRecent();
}

function showLostJob(problem) {
  byId('job').dataset.status = 'lost';
  say(byId('state'), problem.status === 404 ? 'There is no such picture' : problem.title);
  say(byId('failure'), problem.detail);
}

function whereabouts(job) {
  if (job.status === 'queued') return placeInLine(job.queue_position);
  if (job.status === 'running') return job.progress.losses.length > 0 ? placeInRecipe(job.progress) : 'getting ready';
  if (job.status !== 'succeeded' || !job.started_at) return '';
  return `painted in ${duration((new Date(job.finished_at) - new Date(job.started_at)) / 1000)}`;
}

function placeInLine(position) {
  if (position == null) return '';
  return position <= 1 ? 'next in line' : `number ${position} in line`;
}

function placeInRecipe({ stage, stages, epoch, epochs, eta_seconds: left }) {
  const place = `stage ${stage} of ${stages}, epoch ${epoch} of ${epochs}`;
  return left > 0 ? `${place}; about ${duration(left)} left` : place;
}

function duration(seconds) {
  if (seconds < 60) return `${Math.max(1, Math.round(seconds))} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

function titleOf(job) {
  const done = `${Math.floor(100 * job.progress.fraction)} %`;
  return `${job.status === 'running' ? done : STATES[job.status]} · impasto`;
}

function showCancel(job) {
  const button = byId('cancel');
  button.hidden = isFinished(job);
  button.disabled = job.cancel_requested;
  button.textContent = job.cancel_requested ? 'Canceling …' : 'Cancel';
  button.onclick = () => cancel(job);
}

/** Ways on from a finished picture. */
function showOutcome(job) {
  byId('outcome').hidden = job.status !== 'succeeded';
  if (job.status !== 'succeeded') return;
  for (const link of byId('downloads').querySelectorAll('a')) {
    const { format } = link.dataset;
    const name = `impasto-${job.id.slice(-8)}${format === 'png16' ? '-16' : ''}`;
    // The service adds the ending.
    link.href = `${job.links.result}?format=${format}&download=${name}`;
  }
  byId('larger').onclick = () => orderLarger(job);
  offerToStartFrom(job);
}

function showFacts(job) {
  const { width, height } = sizeOf(job);
  const { backbone, device, precision } = job.fingerprint ?? {};
  const facts = {
    Preset: job.recipe.preset,
    Size: `${width} × ${height}`,
    Backbone: backbone ?? job.recipe.backbone,
    'Computed on': [device, precision].filter(Boolean).join(', '),
    Ordered: new Date(job.created_at).toLocaleString([], { dateStyle: 'medium', timeStyle: 'short' }),
  };
  const known = Object.entries(facts).filter(([, value]) => value);
  byId('facts').replaceChildren(...known.map(([term, value]) => definition(term, value)));
}

function definition(term, value, className = '') {
  return element('div', { className }, element('dt', {}, term), element('dd', {}, value));
}

// ---- The picture -----------------------------------------------------------

let picturesAsked = 0;
let pictureShown = 0;

function clearPicture(id) {
  const isOurs = id === sketch.id;
  const image = element('img', { id: 'picture', alt: '', className: 'sketch', hidden: !isOurs });
  if (isOurs) image.src = URL.createObjectURL(sketch.photograph);
  byId('picture').replaceWith(image);
  byId('no-picture').hidden = isOurs;
  pictureShown = ++picturesAsked; // what is still under way belongs to another job
}

/** Hangs the result, or the preview there is, once it has arrived whole: until then the last one stays. */
async function showPicture(job) {
  const { width, height } = sizeOf(job);
  Object.assign(byId('picture'), { width, height });
  const isResult = job.status === 'succeeded';
  if (!isResult && job.progress.losses.length === 0) return;
  const turn = ++picturesAsked;
  const image = element('img', { id: 'picture', width, height });
  image.alt = isResult ? 'The finished picture' : 'The picture so far';
  image.dataset.kind = isResult ? 'result' : 'preview';
  try {
    image.src = isResult ? job.links.result : await freshCopy(job.links.preview);
    await image.decode();
  } catch {
    // A preview that is not there yet is asked for again with the next news of the job; of a result there are no more.
    if (isResult) setTimeout(() => turn === picturesAsked && showPicture(job), 5000);
    return;
  }
  if (turn < pictureShown) return;
  pictureShown = turn;
  byId('picture').replaceWith(image);
  byId('no-picture').hidden = true;
}

/** An address of what stands at `path` now: an image element alone would show again what it showed before. */
async function freshCopy(path) {
  const response = await ask(path, { cache: 'no-cache' });
  const address = URL.createObjectURL(await response.blob());
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
  return address;
}

// ---- The curve of the losses -----------------------------------------------

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

function showCurve(job) {
  const entries = job.progress.losses.filter(entry => entry.total > 0);
  byId('losses').hidden = entries.length === 0;
  curveShown = entries.length > 0 ? { entries, stages: job.recipe.stages } : null;
  drawCurve();
}

function drawCurve() {
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

// ---- Recent pictures -------------------------------------------------------

async function showRecent() {
  // The list is a convenience: the page does without.
  const { jobs } = await ask(`${JOBS}?limit=12`).then(response => response.json()).catch(() => ({ jobs: [] }));
  const list = byId('recent').querySelector('ul');
  const hung = new Map([...list.children].map(tile => [tile.dataset.key, tile]));
  list.replaceChildren(...jobs.map(job => hung.get(`${job.id} ${job.status}`) ?? recentTile(job)));
  byId('recent').hidden = jobs.length === 0;
  markCurrent();
}

function recentTile(job) {
  const { width, height } = sizeOf(job);
  const title = `${STATES[job.status]}: ${job.recipe.preset}, ${width} × ${height}`;
  const view = job.status === 'succeeded'
    ? element('img', { src: `${job.links.result}?format=jpeg`, alt: '', loading: 'lazy' })
    : element('span', { className: 'nameplate' }, STATES[job.status]);
  const tile = element('li', {}, element('a', { href: `#${job.id}`, title, ariaLabel: title }, view));
  tile.dataset.key = `${job.id} ${job.status}`;
  return tile;
}

function markCurrent() {
  for (const link of byId('recent').querySelectorAll('a')) {
    link.ariaCurrent = link.hash === location.hash ? 'page' : null;
  }
}

// ---- What the service has --------------------------------------------------

/** Offers no backbone that would be refused. */
async function showBackbones() {
  const { backbones } = await ask('/v1/backbones').then(response => response.json()).catch(() => ({ backbones: [] }));
  for (const { name, available } of backbones) {
    const option = [...byId('backbone').options].find(option => option.value === name);
    if (option) Object.assign(option, { value: name, disabled: !available, text: available ? name : `${name}: not to be had here` });
  }
}

// ---- Opening the studio ----------------------------------------------------

function hintUsualSize() {
  byId('size').placeholder = USUAL_SIZE[new FormData(form).get('preset')];
}

acceptPictures('content');
acceptPictures('style');
acceptPictures('initial');
byId('init').addEventListener('change', () => startFrom(byId('init').value));
keepDropsOnThePage();
form.addEventListener('submit', order);
form.addEventListener('change', hintUsualSize);
form.addEventListener('input', ({ target }) => target.closest('.field') && clearFault(target.closest('.field')));
addEventListener('hashchange', followAddress);
new ResizeObserver(drawCurve).observe(byId('curve'));
hintUsualSize();
startFrom(byId('init').value); // which a browser may have kept over a reload
followAddress();
showRecent();
showBackbones();
