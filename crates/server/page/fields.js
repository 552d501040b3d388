// The fields of the order, and what is wrong with them.

import { byId, element, say } from './dom.js';

export const form = byId('order');

export const fieldOf = name => form.querySelector(`[data-field~="${CSS.escape(name)}"]`);

/** Says at the field called `name` what is wrong with it, or with the picture in it that stands at `index`. */
export function markFault(name, text, index) {
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

export function openAround(node) {
  for (let around = node.closest('details'); around; around = around.parentElement.closest('details')) around.open = true;
}

export function clearFault(field) {
  field.classList.remove('at-fault');
  field.querySelector('.fault')?.remove();
  field.querySelector('.is-wrong')?.classList.remove('is-wrong');
  const input = field.querySelector('[aria-invalid]');
  for (const name of ['aria-invalid', 'aria-describedby']) input?.removeAttribute(name);
}

export function clearFaults() {
  form.querySelectorAll('.at-fault').forEach(clearFault);
  say(byId('order-fault'), '');
}
