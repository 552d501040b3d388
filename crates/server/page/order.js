// Ordering a picture.

import { byId, say } from './dom.js';
import { clearFaults, fieldOf, form, markFault, openAround } from './fields.js';
import { chosen, masksOf } from './pictures.js';
import { showRecent } from './recent.js';
import { JOBS, askForJson, sizeOf } from './service.js';

const USUAL_SIZE = { paint: '512', classic: '1200x800', fast: '512' };

/** The photograph of the job ordered last, shown until its first preview. */
export let sketch = { id: null, photograph: null };

export async function order(event) {
  event.preventDefault();
  clearFaults();
  if (!picturesAreChosen()) return;
  setSending(true);
  try {
    const photograph = chosen.content[0].file;
    const job = await askForJson(JOBS, { method: 'POST', body: orderForm() });
    sketch = { id: job.id, photograph };
    if (byId('init').value === 'result') startFrom('');
    // Whoever follows the address shows the job.
    location.hash = job.id;
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
export function startFrom(what) {
  byId('init').value = what;
  form.querySelectorAll('[data-start]').forEach(part => { part.hidden = part.dataset.start !== what; });
}

/** Offers the finished `job` to start from, unless another one was chosen for that. */
export function offerToStartFrom(job) {
  const option = byId('init').querySelector('[value="result"]');
  if (option.selected) return;
  option.dataset.job = job.id;
  option.textContent = `the result ${job.id.slice(-8)}`;
  option.hidden = option.disabled = false;
}

/** Fills in the order of the same picture at twice the size, which goes on from this one. */
export function orderLarger(job) {
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
  // The page asks for a key by itself then.
  if (problem.status === 401) return;
  // `style[1]` is the second style.
  const [, name, index] = /^(\w+)(?:\[(\d+)\])?$/.exec(problem.field) ?? [];
  if (name && fieldOf(name)) return markFault(name, problem.message.replace(`${name}: `, ''), index ?? 0);
  const advice = problem.status === 0 ? ' See whether it is among the recent pictures before sending it again.' : '';
  say(byId('order-fault'), problem.message + advice);
  showRecent();
}

/** Whether the key of whoever sits here lets them order. */
export function allowOrders(allowed) {
  byId('submit').disabled = !allowed;
}

export function hintUsualSize() {
  byId('size').placeholder = USUAL_SIZE[new FormData(form).get('preset')];
}
