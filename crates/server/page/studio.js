// The studio: order a picture, watch it being painted, take it home. It knows only the HTTP API.

import { drawCurve } from './curve.js';
import { byId } from './dom.js';
import { clearFault, form } from './fields.js';
import { follow } from './follow.js';
import { clearJob } from './job.js';
import { allowOrders, hintUsualSize, order, startFrom } from './order.js';
import { acceptPictures, keepDropsOnThePage } from './pictures.js';
import { clearRecent, markCurrent, showRecent } from './recent.js';
import { askForJson } from './service.js';
import { keepDoor } from './session.js';

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
  follow(id, watching.signal);
}

/** On a narrow screen the job stands far below the form. */
function bringIntoView(node) {
  const { top } = node.getBoundingClientRect();
  if (top < 0 || top > innerHeight / 2) node.scrollIntoView();
}

/** Offers no backbone that would be refused. */
async function showBackbones() {
  const { backbones } = await askForJson('v1/backbones').catch(() => ({ backbones: [] }));
  for (const { name, available } of backbones) {
    const option = [...byId('backbone').options].find(option => option.value === name);
    const text = available ? name : `${name}: not to be had here`;
    if (option) Object.assign(option, { value: name, disabled: !available, text });
  }
}

/** Shows somebody what they may see. */
function open({ scopes }) {
  allowOrders(scopes.includes('submit'));
  followAddress();
  if (!scopes.includes('read')) return;
  showRecent();
  showBackbones();
}

/** Takes down what only those may see who are logged in. */
function close() {
  watching.abort();
  byId('job').hidden = true;
  clearRecent();
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
keepDoor(open, close);
