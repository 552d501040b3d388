// Choosing pictures: the photograph, the paintings, their masks, and a picture to start from.

import { byId, element } from './dom.js';
import { clearFault, fieldOf } from './fields.js';

// A PNG of one white pixel: the mask of a style that goes everywhere, where the next one has a mask.
const EVERYWHERE = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR42mP4DwABAQEAHLCMmQAAAABJRU5ErkJggg==';

/** The files of each role; a style's masks hang on it. */
export const chosen = { content: [], style: [], initial: [] };

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

export function acceptPictures(role) {
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
export function masksOf(role) {
  const last = chosen.style.findLastIndex(style => style[role]);
  const everywhere = () => new File([Uint8Array.from(atob(EVERYWHERE), byte => byte.charCodeAt(0))], 'everywhere.png');
  return chosen.style.slice(0, last + 1).map(style => style[role] ?? everywhere());
}

/** Lets the fields take drops, and keeps a picture dropped beside them from replacing the page. */
export function keepDropsOnThePage() {
  for (const kind of ['dragover', 'drop']) addEventListener(kind, event => event.preventDefault());
}
