// A task's page: keys, drafts, active time, heartbeat, sending. The page itself is drawn on the server; this adds what moves.
// What was given is kept in this browser until the server has said that it is in its log, so a lost network or a restart loses nothing.

const root = document.querySelector('[data-work]');
const work = JSON.parse(root.dataset.work);
const form = root.querySelector('[data-answer]');
const state = root.querySelector('[data-state]');
const place = `attune-draft-${work.lease}`;
const last = 'attune-last';
const words = work.words;

const time = { shown: performance.now(), active: 0, from: null, input: performance.now() };

function say(text) {
  state.textContent = text;
}

async function call(method, path, body) {
  const response = await fetch(`/api/v1${path}`, {
    method,
    headers: { 'content-type': 'application/json', RequestVerificationToken: work.forgery },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const text = await response.text();
  const content = text ? JSON.parse(text) : null;
  return { status: response.status, ok: response.ok, content };
}

// Active time: with focus and input; what follows the last input by more than the limit is idle.
function tick() {
  const now = performance.now();
  const isActive = document.hasFocus() && now - time.input < work.idleSeconds * 1000;
  if (isActive && time.from !== null) time.active += now - time.from;
  time.from = isActive ? now : null;
}
for (const kind of ['pointermove', 'pointerdown', 'keydown', 'scroll', 'input']) {
  addEventListener(kind, () => { time.input = performance.now(); }, { passive: true });
}
setInterval(tick, 1000);

function value(name) {
  return form.querySelector(`[name="${name}"]:checked`)?.value;
}

function given() {
  tick();
  const answer = {
    flags: [],
    seconds: (performance.now() - time.shown) / 1000,
    activeSeconds: Math.min(time.active, performance.now() - time.shown) / 1000,
    interfaceVersion: work.version,
    comment: form.elements.comment.value || null,
    notes: [...form.querySelectorAll('[name="note"]')].map(note => note.value),
  };
  const other = value('other');
  if (other === 'both-bad') answer.bothBad = true;
  else if (other === 'cannot') answer.cannotJudge = true;
  if (other) answer.reason = form.elements.reason.value || null;
  if (other) return answer;
  if (work.kind === 'pair' && value('step')) answer.step = Number(value('step'));
  if (work.kind === 'best' && value('best')) answer.best = Number(value('best'));
  if (work.kind === 'rank') answer.ranks = competition([...form.querySelectorAll('[name="rank"]')].map(rank => Number(rank.value)));
  if (work.kind === 'rate') {
    answer.ratings = [...form.querySelectorAll('fieldset[data-axis]')]
      .filter(axis => axis.querySelector(':checked'))
      .map(axis => ({ axis: axis.dataset.axis, value: Number(axis.querySelector(':checked').value), steps: 7, answer: Number(axis.dataset.place) }));
  }
  return answer;
}

// 1, 2, 2, 4: equal numbers are level, and n answers ahead make it n + 1; 0 was not placed.
function competition(ranks) {
  return ranks.map(own => (own === 0 ? 0 : 1 + ranks.filter(other => other > 0 && other < own).length));
}

function isAnswered(answer) {
  return answer.bothBad || answer.cannotJudge || answer.step || answer.best !== undefined || answer.ranks?.some(rank => rank > 0) || answer.ratings?.length > 0;
}

// Drafts: at once in this browser, soon on the server.
function fields() {
  return [...form.querySelectorAll('input, textarea, select')].map(field => (field.type === 'radio' ? field.checked : field.value));
}
function fill(saved) {
  form.querySelectorAll('input, textarea, select').forEach((field, index) => {
    if (field.type === 'radio') field.checked = saved[index] === true;
    else if (saved[index] !== undefined) field.value = saved[index];
  });
  form.querySelectorAll('details').forEach(details => { details.open = details.querySelector('textarea').value !== ''; });
}
let saving = null;
function keep() {
  const content = JSON.stringify(fields());
  localStorage.setItem(place, content);
  clearTimeout(saving);
  saving = setTimeout(() => call('PUT', `/leases/${work.lease}/draft`, { content }).catch(() => {}), 1000);
}
form.addEventListener('input', event => {
  if (event.target.name === 'step' || event.target.name === 'best') form.querySelectorAll('[name="other"]').forEach(other => { other.checked = false; });
  if (event.target.name === 'other') form.querySelectorAll('[name="step"], [name="best"]').forEach(step => { step.checked = false; });
  keep();
});
try {
  const saved = localStorage.getItem(place) ?? work.draft;
  if (saved) {
    fill(JSON.parse(saved));
    say(words.restored);
  }
} catch {
  localStorage.removeItem(place);
}

// Sending: until the server has it, again and again; the same answer twice is one judgment.
let isSending = false;
async function send(path, body, done) {
  if (isSending) return;
  isSending = true;
  form.querySelectorAll('button').forEach(button => { button.disabled = true; });
  for (let wait = 1000; ; wait = Math.min(wait * 2, 30000)) {
    try {
      const reply = await call('POST', path, body);
      if (reply.status < 500 && reply.status !== 429) {
        isSending = false;
        form.querySelectorAll('button').forEach(button => { button.disabled = false; });
        if (reply.ok) done(reply.content);
        else say(reply.content?.detail ?? words.refused);
        return;
      }
    } catch {
      // no network: wait and try again
    }
    say(words.waiting);
    await new Promise(resolve => setTimeout(resolve, wait));
  }
}
form.addEventListener('submit', event => {
  event.preventDefault();
  const answer = given();
  if (!isAnswered(answer)) {
    say(words.empty);
    return;
  }
  say(words.sending);
  send('/leases/submit', { token: work.token, answer }, () => {
    localStorage.removeItem(place);
    localStorage.setItem(last, JSON.stringify({ lease: work.lease, page: location.pathname }));
    location.reload();
  });
});
function giveBack(reason) {
  send('/leases/release', { token: work.token, reason }, () => {
    localStorage.removeItem(place);
    location.reload();
  });
}
form.querySelector('[data-skip]').addEventListener('click', () => giveBack('skip'));
form.querySelector('[data-broken]').addEventListener('click', () => {
  const why = prompt(words['broken-why']);
  if (why !== null) giveBack(`broken: ${why}`);
});

const undo = form.querySelector('[data-undo]');
const before = JSON.parse(localStorage.getItem(last) ?? 'null');
if (before?.page === location.pathname && before.lease !== work.lease) {
  undo.hidden = false;
  undo.addEventListener('click', () => {
    localStorage.removeItem(last);
    send(`/leases/${before.lease}/undo`, {}, () => location.reload());
  });
}

// A sign of life while somebody is at it.
setInterval(() => {
  if (time.from !== null) call('POST', '/leases/heartbeat', { token: work.token }).catch(() => {});
}, 60000);

// Keys: one map for all kinds of task; each can be changed, and is kept in this browser.
const changed = JSON.parse(localStorage.getItem('attune-keys') ?? '{}');
const controls = [...form.querySelectorAll('[data-key]')];
const keyOf = control => changed[control.dataset.key] ?? control.dataset.key;
const dialog = form.querySelector('[data-keys]');
function labelOf(control) {
  return control.getAttribute('aria-label') ?? control.closest('label')?.textContent.trim() ?? control.textContent.trim();
}
function showKeys() {
  const list = dialog.querySelector('dl');
  list.replaceChildren(...controls.flatMap(control => {
    const key = document.createElement('dt');
    const input = document.createElement('input');
    input.value = keyOf(control);
    input.size = 6;
    input.setAttribute('aria-label', labelOf(control));
    input.addEventListener('keydown', event => {
      if (event.key === 'Tab' || event.key === 'Escape') return;
      event.preventDefault();
      event.stopPropagation();
      input.value = event.key;
      changed[control.dataset.key] = event.key;
      localStorage.setItem('attune-keys', JSON.stringify(changed));
    });
    key.append(input);
    const what = document.createElement('dd');
    what.textContent = labelOf(control);
    return [key, what];
  }));
  dialog.showModal();
}
root.querySelector('[data-help]').addEventListener('click', showKeys);
dialog.querySelector('[data-close]').addEventListener('click', () => dialog.close());
addEventListener('keydown', event => {
  if (dialog.open || event.ctrlKey || event.metaKey || event.altKey) return;
  const isTyping = event.target.matches('textarea, input:not([type=radio]), select');
  if (isTyping) return;
  if (event.key === '?') {
    event.preventDefault();
    showKeys();
    return;
  }
  const control = controls.find(candidate => !candidate.hidden && keyOf(candidate) === event.key);
  if (!control || (event.key === 'Enter' && event.target.matches('button, a, summary'))) return;
  event.preventDefault();
  control.click();
  if (control.type === 'radio') control.focus();
});
