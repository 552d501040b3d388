// Small helpers around the document.

export const byId = id => document.getElementById(id);

export function element(tag, properties = {}, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}

/** Shows `text` in `node`, or hides the node when there is nothing to say. */
export function say(node, text) {
  // Setting the same text again would make a screen reader repeat it.
  if (node.textContent !== text) node.textContent = text;
  node.hidden = text === '';
}

export function definition(term, value, className = '') {
  return element('div', { className }, element('dt', {}, term), element('dd', {}, value));
}
