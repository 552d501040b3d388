// The pictures that were ordered last.

import { byId, element } from './dom.js';
import { JOBS, STATES, askForJson, here, sizeOf } from './service.js';

export async function showRecent() {
  // The list is a convenience: the page does without.
  const { jobs } = await askForJson(`${JOBS}?limit=12`).catch(() => ({ jobs: [] }));
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
    ? element('img', { src: `${here(job.links.result)}?format=jpeg`, alt: '', loading: 'lazy' })
    : element('span', { className: 'nameplate' }, STATES[job.status]);
  const tile = element('li', {}, element('a', { href: `#${job.id}`, title, ariaLabel: title }, view));
  tile.dataset.key = `${job.id} ${job.status}`;
  return tile;
}

export function markCurrent() {
  for (const link of byId('recent').querySelectorAll('a')) {
    link.ariaCurrent = link.hash === location.hash ? 'page' : null;
  }
}

/** Takes the pictures down: whoever comes next may not see them. */
export function clearRecent() {
  byId('recent').querySelector('ul').replaceChildren();
  byId('recent').hidden = true;
}
