// Showing a job: how it stands, its picture, and ways on from there.

import { showCurve } from './curve.js';
import { byId, definition, element, say } from './dom.js';
import { offerToStartFrom, orderLarger, sketch } from './order.js';
import { showRecent } from './recent.js';
import { STATES, ask, here, isFinished, sizeOf } from './service.js';

async function cancel(job) {
  byId('cancel').disabled = true;
  try {
    await ask(here(job.links.cancel), { method: 'POST' });
  } catch (problem) {
    byId('cancel').disabled = false;
    say(byId('trouble'), problem.message);
  }
}

export function clearJob(id) {
  delete byId('job').dataset.status;
  for (const part of ['state', 'where', 'trouble', 'failure']) say(byId(part), '');
  for (const part of ['cancel', 'outcome', 'losses']) byId(part).hidden = true;
  byId('bar').value = 0;
  for (const part of ['facts', 'notices']) byId(part).replaceChildren();
  clearPicture(id);
}

/** Shows the job as it is now. `preview` is the address of its picture so far: null where none is new, undefined where nobody knows. */
export function showJob(job, preview) {
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
  showPicture(job, preview);
  showCurve(job);
  if (isNewState) showRecent();
}

export function showLostJob(problem) {
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
    link.href = `${here(job.links.result)}?format=${format}&download=${name}`;
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

/** Hangs the result, or the preview there is. */
function showPicture(job, preview) {
  Object.assign(byId('picture'), frameOf(job));
  if (job.status === 'succeeded') hang(job, 'result', () => fromHere(here(job.links.result)));
  else if (preview) hang(job, 'preview', () => fromHere(here(preview)));
  else if (preview === undefined && job.progress.losses.length > 0) {
    hang(job, 'preview', () => freshCopy(fromHere(here(job.links.preview))));
  }
}

/** The page may load nothing from elsewhere: a service that keeps its pictures there is to send them itself. */
function fromHere(address) {
  return `${address}${address.includes('?') ? '&' : '?'}redirect=no`;
}

function frameOf(job) {
  const { width, height } = sizeOf(job);
  return { width, height };
}

/** Hangs the picture that `address` leads to once it has arrived whole: until then the last one stays. */
async function hang(job, kind, address) {
  const turn = ++picturesAsked;
  const image = element('img', { id: 'picture', ...frameOf(job) });
  image.alt = kind === 'result' ? 'The finished picture' : 'The picture so far';
  image.dataset.kind = kind;
  try {
    image.src = await address();
    await image.decode();
  } catch {
    // A preview that is not there yet is asked for again with the next news of the job; of a result there are no more.
    if (kind === 'result') setTimeout(() => turn === picturesAsked && hang(job, kind, address), 5000);
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
