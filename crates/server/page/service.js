// Talking to the service. Addresses are relative to the page, which may lie behind any path.

export const JOBS = 'v1/jobs';
const LONGEST_BACKOFF_SECONDS = 30;

export const STATES = {
  queued: 'Waiting', running: 'Painting', succeeded: 'Finished', failed: 'It did not work', canceled: 'Canceled',
};

export const sizeOf = job => job.recipe.stages.at(-1);
export const isFinished = job => ['succeeded', 'failed', 'canceled'].includes(job.status);

/** Where the page finds what the service links to as `path`: a proxy may have put a path before it that nobody told of. */
export const here = path => path.slice(path.lastIndexOf('/v1/') + 1);

/** What went wrong, as the service tells it (application/problem+json) or as near to that as can be had. */
export class Problem extends Error {
  constructor({ title, detail = '', field = null, status = 0, retryAfter = 0 }) {
    super(detail || title);
    Object.assign(this, { title, detail, field, status, retryAfter });
  }

  /** Whether the same request may well succeed a little later. */
  get willPass() {
    return [0, 408, 429].includes(this.status) || this.status >= 500;
  }
}

/** Fetches `path`; throws a `Problem` for whatever is neither a success nor 304. A 401 is told to the whole page: `locked`. */
export async function ask(path, options = {}) {
  const response = await fetch(path, options).catch(() => {
    throw new Problem({ title: 'The service cannot be reached.' });
  });
  if (response.ok || response.status === 304) return response;
  const told = await response.json().catch(() => ({}));
  const title = `The service answered ${response.status}.`;
  if (response.status === 401) dispatchEvent(new Event('locked'));
  throw new Problem({ title, ...told, status: response.status, retryAfter: retryAfter(response) });
}

/** Fetches the JSON at `path`. */
export async function askForJson(path, options = {}) {
  const response = await ask(path, options);
  return response.json().catch(() => {
    throw new Problem({ title: 'The answer was cut off.' });
  });
}

export function retryAfter(response) {
  return Number(response.headers.get('Retry-After')) || 1;
}

export function backoff(failures) {
  const jitter = 0.75 + Math.random() / 2;
  return Math.min(LONGEST_BACKOFF_SECONDS, 2 ** (failures - 1)) * jitter;
}

export function pause(seconds) {
  return new Promise(resolve => setTimeout(resolve, seconds * 1000));
}
