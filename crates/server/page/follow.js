// Following a job to its end: by the events that the service sends, or where those do not come through, by asking again and
// again.

import { byId, say } from './dom.js';
import { showJob, showLostJob } from './job.js';
import { JOBS, Problem, ask, askForJson, backoff, isFinished, pause, retryAfter } from './service.js';

/** Streams of events that may fail to open, one after another, before the page does without. */
const MOST_FAILURES = 2;
/** How long a stream may take to tell how the job stands, which it does first of all. */
const FIRST_WORD_SECONDS = 10;
/** How long a stream may be silent before the page looks whether it has missed anything: somebody on the way may hold it back. */
const QUIET_SECONDS = 40;
/** How long an answer may be held back until there are news, and how long the page waits for it. */
const HOLD_SECONDS = 25;
const GIVE_UP_SECONDS = HOLD_SECONDS + 20;

const pathOf = id => `${JOBS}/${encodeURIComponent(id)}`;

/** Shows the job `id` as it goes on, until it has ended or `signal` says that nobody looks any more. */
export async function follow(id, signal) {
  if (await followEvents(id, signal)) return;
  if (!signal.aborted) await followByAsking(id, signal);
}

// ---- By events -------------------------------------------------------------

/** Follows the job by events; false where they do not come through. */
function followEvents(id, signal) {
  return new Promise(resolve => {
    const stream = new EventSource(`${pathOf(id)}/events`);
    let job = null;
    let losses = [];
    let failures = 0;
    let watch = null;

    const end = isDone => {
      clearTimeout(watch);
      stream.close();
      resolve(isDone);
    };
    const listenOn = () => {
      clearTimeout(watch);
      watch = setTimeout(lookForMissed, 1000 * (job ? QUIET_SECONDS : FIRST_WORD_SECONDS));
    };
    /** Where the service knows more than the stream has told, the stream is no good. */
    const lookForMissed = async () => {
      const now = await askForJson(pathOf(id), { signal }).catch(() => null);
      if (now && now.revision !== job?.revision) end(false);
      else listenOn();
    };
    const show = preview => {
      job.progress.losses = losses;
      showJob(job, preview);
    };
    const on = (name, take) => stream.addEventListener(name, event => {
      listenOn();
      take(JSON.parse(event.data));
    });

    signal.addEventListener('abort', () => end(true));
    stream.addEventListener('open', () => { failures = 0; });
    on('state', state => {
      job = state;
      show(null);
      if (isFinished(job)) end(true);
    });
    on('losses', ({ losses: fresh }) => {
      losses = withFresh(losses, fresh);
      if (job) show(null);
    });
    on('preview', ({ preview }) => job && show(preview));
    stream.addEventListener('error', () => {
      failures += 1;
      // A browser tries no more where it was refused, and does not say why: whoever asks instead hears it.
      if (stream.readyState === EventSource.CLOSED || failures >= MOST_FAILURES) end(false);
    });
    listenOn();
  });
}

/** What is fresh goes before all that was heard from its place on: a job that starts over tells its losses again. */
function withFresh(heard, fresh) {
  if (fresh.length === 0) return heard;
  const [first] = fresh;
  const isBefore = entry => entry.stage < first.stage || (entry.stage === first.stage && entry.epoch < first.epoch);
  return [...heard.filter(isBefore), ...fresh];
}

// ---- By asking -------------------------------------------------------------

async function followByAsking(id, signal) {
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
  const response = await ask(`${pathOf(id)}${held ? `?wait=${HOLD_SECONDS}` : ''}`, {
    signal: AbortSignal.any([signal, limit]),
    headers: held ? { 'If-None-Match': revision } : {},
  });
  if (response.status === 304) return { job: null, revision: null, retryAfter: retryAfter(response) };
  const job = await response.json().catch(() => {
    throw new Problem({ title: 'The answer was cut off.' });
  });
  return { job, revision: response.headers.get('ETag'), retryAfter: retryAfter(response) };
}
