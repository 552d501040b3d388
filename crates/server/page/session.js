// Who sits here: where the service takes a key, the page asks for it and hands it over. What it gets is a cookie that no script
// sees; the key is kept nowhere.

import { byId, say } from './dom.js';
import { ask, askForJson } from './service.js';

const SESSION = 'v1/session';

/** Whether the page shows what it is for, or asks for a key. */
const isOpen = () => document.body.dataset.door !== 'closed';

/** Asks who sits here. Opens the page to them and tells `opened` what they may do, or asks for a key. */
export async function enter(opened) {
  // A service that does not answer now says so where it is needed.
  const session = await askForJson(SESSION).catch(() => ({ keys: false, name: null, scopes: ['submit', 'read'] }));
  const isStranger = session.keys && session.name === null;
  say(byId('who'), session.name ?? '');
  byId('account').hidden = session.name === null;
  if (isStranger) return close('');
  delete document.body.dataset.door;
  byId('login').hidden = true;
  say(byId('allowed'), lacking(session.scopes));
  opened(session);
}

/** Asks for a key. What was chosen on the page stays, and is there again afterwards. */
function close(reason) {
  document.body.dataset.door = 'closed';
  document.title = 'impasto: log in';
  byId('account').hidden = true;
  byId('login').hidden = false;
  say(byId('login-reason'), reason);
  byId('key').focus();
}

/** What the key does not allow, in a sentence. */
function lacking(scopes) {
  const [submits, reads] = ['submit', 'read'].map(scope => scopes.includes(scope));
  if (submits && reads) return '';
  if (submits) return 'Your key lets you order pictures, but not look at them: it lacks the scope “read”.';
  if (reads) return 'Your key lets you look at pictures, but not order any: it lacks the scope “submit”.';
  return 'Your key lets you neither order pictures nor look at them: it lacks the scopes “submit” and “read”.';
}

async function logIn(opened) {
  const key = byId('key');
  fault('');
  byId('log-in').disabled = true;
  try {
    await ask(SESSION, {
      method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ key: key.value.trim() }),
    });
    key.value = '';
    await enter(opened);
    if (!isOpen()) fault('The key is right, but the browser keeps no cookie for this page.');
  } catch (problem) {
    fault(problem.message);
  } finally {
    byId('log-in').disabled = false;
    if (!isOpen()) key.focus();
  }
}

function fault(text) {
  say(byId('key-fault'), text);
  byId('login').classList.toggle('at-fault', text !== '');
  if (text === '') byId('key').removeAttribute('aria-invalid');
  else byId('key').setAttribute('aria-invalid', 'true');
}

async function logOut() {
  byId('log-out').disabled = true;
  try {
    await ask(SESSION, { method: 'DELETE' });
    // Afresh: whoever sits here next finds nothing that was chosen or shown.
    history.replaceState(null, '', location.pathname);
    location.reload();
  } catch (problem) {
    byId('log-out').disabled = false;
    say(byId('order-fault'), problem.message);
  }
}

/** Lets people in and out: `opened` hears whenever somebody is let in, `closed` when their session is over. */
export function keepDoor(opened, closed) {
  byId('login').addEventListener('submit', event => {
    event.preventDefault();
    logIn(opened);
  });
  byId('key').addEventListener('input', () => fault(''));
  byId('log-out').addEventListener('click', logOut);
  addEventListener('locked', () => {
    if (!isOpen()) return;
    closed();
    close('Your session is over: log in again. What you have chosen is still here.');
  });
  enter(opened);
}
