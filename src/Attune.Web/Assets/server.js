// Talks to the server. What is on its way lies in this browser until the server has said what became of it, so a lost network, a restart
// of the server or a closed page loses nothing; the same answer sent twice is one judgment.

export const root = document.querySelector('[data-work]');
export const work = JSON.parse(root.dataset.work);
export const words = work.words;

const parcels = `attune-parcel-${work.person}-`;
const last = `attune-last-${work.person}`;
const sent = 'attune-sent';
export const draftOf = lease => `attune-draft-${lease}`;

export function say(text) {
  root.querySelector('[data-state]').textContent = text;
}

export function read(name) {
  try {
    return JSON.parse(localStorage.getItem(name));
  } catch {
    localStorage.removeItem(name);
    return null;
  }
}

export async function call(method, path, body) {
  const response = await fetch(`/api/v1${path}`, {
    method,
    headers: { 'content-type': 'application/json', RequestVerificationToken: work.forgery },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const text = await response.text();
  let content = null;
  try {
    content = text ? JSON.parse(text) : null;
  } catch {
    // a proxy's page, say
  }
  return { status: response.status, ok: response.ok, content };
}

// What the server says of why it cannot take something now, and that nothing is lost; null where it says nothing, as a proxy in its place.
export function kept(reply) {
  const why = reply.content?.detail ?? reply.content?.title;
  return why ? words.kept.replace('{0}', why) : null;
}

// Tries until there is an answer. 401 and 429 and what is the server's own trouble pass; everything else is final.
async function persist(path, body) {
  for (let wait = 500; ; wait = Math.min(wait * 2, 15000)) {
    let why = words.waiting;
    try {
      const reply = await call('POST', path, body);
      if (reply.status < 500 && reply.status !== 429) return reply;
      why = kept(reply) ?? why;
    } catch {
      // no network: wait and try again
    }
    say(why);
    await Promise.race([
      new Promise(resolve => { setTimeout(resolve, wait); }),
      new Promise(resolve => { addEventListener('online', resolve, { once: true }); }),
    ]);
  }
}

let isBusy = false;

// A parcel: the lease it ends, where it goes, what it says, and the form as it was, for taking it back. Resolves to false where it was not taken.
export async function deliver(parcel) {
  if (isBusy) return false;
  isBusy = true;
  const name = parcels + parcel.lease;
  localStorage.setItem(name, JSON.stringify(parcel));
  say(words.sending);
  const reply = await persist(parcel.path, parcel.body);
  isBusy = false;
  if (reply.status === 401) {
    say(words['signed-out']);
    return false;
  }
  if (reply.status === 400 && !parcel.isSecond) { // the page's token is of another session: once more from a fresh page
    localStorage.setItem(name, JSON.stringify({ ...parcel, isSecond: true }));
    location.reload();
    return true;
  }
  localStorage.removeItem(name);
  if (!reply.ok && reply.status !== 410) {
    say({ 404: words.gone, 409: words.conflict }[reply.status] ?? `${words.refused} ${reply.content?.detail ?? ''}`);
    return false;
  }
  localStorage.removeItem(draftOf(parcel.lease));
  if (reply.ok && parcel.fields) sessionStorage.setItem(sent, '1');
  if (parcel.fields) localStorage.setItem(last, JSON.stringify({ lease: parcel.lease, fields: parcel.fields }));
  location.reload();
  return true;
}

// What an earlier page could not deliver.
export async function deliverWaiting() {
  for (const name of Object.keys(localStorage).filter(key => key.startsWith(parcels))) {
    const parcel = read(name);
    if (parcel) {
      say(words.again);
      if (await deliver(parcel)) return true;
    }
  }
  return false;
}

// The page after an answer: who listens to it begins at the content, and hears that the answer arrived unless something else was said since.
export function welcome() {
  if (!sessionStorage.getItem(sent)) return;
  sessionStorage.removeItem(sent);
  document.getElementById('content').focus({ preventScroll: true });
  setTimeout(() => { if (root.querySelector('[data-state]').textContent === '') say(words.sent); }, 200); // what a live region holds from the start is not read out
}

export function offerUndo() {
  const undo = root.querySelector('[data-undo]');
  undo?.addEventListener('click', async () => {
    const lease = undo.dataset.undo;
    undo.disabled = true;
    const reply = await persist(`/leases/${lease}/undo`, {});
    if (!reply.ok) {
      say(reply.content?.detail ?? words.refused);
      return;
    }
    const before = read(last);
    if (before?.lease === lease) localStorage.setItem(draftOf(lease), JSON.stringify(before.fields));
    localStorage.removeItem(last);
    location.reload();
  });
}
