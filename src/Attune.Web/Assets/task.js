// A task's page: what was given, drafts, active time, a sign of life. The page itself is drawn on the server; this adds what moves.
import { call, deliver, deliverWaiting, draftOf, offerUndo, read, root, say, welcome, words, work } from './server.js';
import { startKeys } from './keys.js';
import * as chat from './kinds/chat.js';
import * as comparison from './kinds/comparison.js';
import * as question from './kinds/question.js';
import * as spans from './kinds/spans.js';
import * as text from './kinds/text.js';

// What belongs to a kind of task: read(form) gives its part of the answer, missing(answer, words) what has to be said first, start(page) what moves,
// and digit(number, target), where there is one, takes number keys that no control has.
const kinds = {
  pair: comparison, rank: comparison, best: comparison, rate: comparison,
  question, verify: question, review: question,
  write: text, fix: text, message: text,
  chat, spans,
};
const kind = kinds[work.kind];
const form = root.querySelector('[data-answer]');
const place = draftOf(work.lease);

// Active time: with focus and input; what follows the last input by more than the limit is idle. A draft keeps the times of earlier pages.
const time = { shown: performance.now(), active: 0, from: null, input: performance.now(), earlier: { seconds: 0, activeSeconds: 0 } };
function tick() {
  const now = performance.now();
  const isActive = document.hasFocus() && now - time.input < work.idleSeconds * 1000;
  if (isActive && time.from !== null) time.active += now - time.from;
  time.from = isActive ? now : null;
}
function spent() {
  tick();
  const seconds = (performance.now() - time.shown) / 1000;
  return {
    seconds: time.earlier.seconds + seconds,
    activeSeconds: time.earlier.activeSeconds + Math.min(time.active / 1000, seconds),
    ...(written.typed + written.pasted > 0 && { typedCharacters: written.typed, pastedCharacters: written.pasted }),
  };
}
for (const event of ['pointermove', 'pointerdown', 'keydown', 'scroll', 'input']) {
  addEventListener(event, () => { time.input = performance.now(); }, { passive: true, capture: true });
}
setInterval(tick, 1000);
tick();

// How much was typed and how much was pasted: counts alone, never what. A draft keeps the counts of earlier pages.
const written = { typed: 0, pasted: 0 };
let standing = null; // what stays of a field once its selection is replaced
const isText = field => field.matches('textarea, input:not([type]), input[type="text"]');
form.addEventListener('beforeinput', ({ target }) => {
  standing = isText(target) ? target.value.length - (target.selectionEnd - target.selectionStart) : null;
});
form.addEventListener('input', ({ target, inputType = '' }) => {
  if (standing === null || !isText(target)) return;
  const added = Math.max(0, target.value.length - standing);
  standing = null;
  if (/^insertFrom(Paste|Drop|Yank)/.test(inputType)) written.pasted += added;
  else if (inputType.startsWith('insert') && inputType !== 'insertCompositionText') written.typed += added;
});
form.addEventListener('compositionend', ({ data }) => { written.typed += data.length; });

const all = selector => [...form.querySelectorAll(selector)];
const value = name => form.querySelector(`[name="${name}"]:checked`)?.value;

function given() {
  const answer = {
    ...spent(),
    flags: all('[name="flag"]:checked').map(flag => flag.value),
    interfaceVersion: work.version,
    comment: form.elements.comment.value || null,
    notes: all('[data-note]').map(note => note.value),
  };
  const other = value('other');
  if (!other) return { ...answer, ...kind.read(form) };
  if (other === 'both-bad') answer.bothBad = true;
  else answer.cannotJudge = true;
  if (other === 'image-missing') answer.flags.push(other);
  answer.reason = form.elements.reason.value || null;
  return answer;
}

const missing = answer => (answer.bothBad || answer.cannotJudge ? null : kind.missing(answer, words));

// Drafts: at once in this browser, soon on the server, and again until the server has them.
function fields() {
  const values = {};
  for (const field of form.elements) {
    if (!field.name) continue;
    if (field.type === 'radio' || field.type === 'checkbox') { if (field.checked) values[field.name] = field.value; } else values[field.name] = field.value;
  }
  return { at: Date.now(), values, ...spent() };
}
function fill(saved) {
  for (const field of form.elements) {
    if (!field.name) continue;
    if (field.type === 'radio' || field.type === 'checkbox') field.checked = saved.values[field.name] === field.value;
    else field.value = saved.values[field.name] ?? field.value;
  }
  time.earlier = { seconds: saved.seconds, activeSeconds: saved.activeSeconds };
  written.typed += saved.typedCharacters ?? 0;
  written.pasted += saved.pastedCharacters ?? 0;
  all('details').forEach(details => { details.open = (details.querySelector('textarea')?.value ?? '') !== ''; });
}
let unsaved = null;
let isSaving = false;
function keep() {
  unsaved = JSON.stringify(fields());
  localStorage.setItem(place, unsaved);
}
async function save() {
  if (unsaved === null || isSaving) return;
  const content = unsaved;
  isSaving = true;
  try {
    const reply = await call('PUT', `/leases/${work.lease}/draft`, { content });
    if (reply.status < 500 && unsaved === content) unsaved = null;
  } catch {
    // later
  }
  isSaving = false;
}
setInterval(save, 2000);

function restore() {
  let there = null;
  try {
    there = JSON.parse(work.draft);
  } catch {
    // an older page's
  }
  const here = read(place);
  const saved = [here, there].filter(draft => draft?.values).sort((one, other) => other.at - one.at)[0];
  if (!saved) return;
  if (saved === here && here.at !== there?.at) unsaved = JSON.stringify(here); // the last page was gone before the server had it
  fill(saved);
  say(words.restored);
}

// "Cannot judge" and the like exclude a decision, and the other way round.
function decided() {
  all('[name="other"]').forEach(other => { other.checked = false; });
}
form.addEventListener('input', event => {
  const field = event.target;
  if (field.name === 'other') all('[data-decides][type="radio"]:not(.likert input)').forEach(choice => { choice.checked = false; });
  else if (field.matches('[data-decides]')) decided();
  say('');
  keep();
});
form.addEventListener('submit', event => {
  event.preventDefault();
  const answer = given();
  const fault = missing(answer);
  if (fault) say(fault);
  else post('/leases/submit', { token: work.token, answer }, fields());
});
async function post(path, body, was) {
  all('button').forEach(button => { button.disabled = true; });
  unsaved = null;
  if (!await deliver({ lease: work.lease, path, body, fields: was })) all('button').forEach(button => { button.disabled = false; });
}

const giveBack = reason => post('/leases/release', { token: work.token, reason });
form.querySelector('[data-skip]').addEventListener('click', () => giveBack('skip'));
const report = root.querySelector('[data-report]');
form.querySelector('[data-broken]').addEventListener('click', () => {
  report.returnValue = '';
  report.showModal();
});
report.querySelector('[data-close]').addEventListener('click', () => report.close(''));
report.addEventListener('close', () => { if (report.returnValue === 'send') giveBack(`broken: ${report.querySelector('textarea').value}`); });

// A sign of life while somebody is at it.
setInterval(() => {
  if (time.from !== null) call('POST', '/leases/heartbeat', { token: work.token }).catch(() => {});
}, work.heartbeatSeconds * 1000);

// Instructions stand open where there is room beside the task, and wherever their version was not seen before.
const instruction = root.querySelector('[data-instruction]');
if (instruction) {
  const seen = `attune-instruction-${work.project}`;
  const isNew = localStorage.getItem(seen) !== instruction.dataset.instruction;
  instruction.querySelector('.new').hidden = !isNew;
  instruction.open = isNew || matchMedia('(min-width: 1100px)').matches;
  localStorage.setItem(seen, instruction.dataset.instruction);
}

welcome();
restore();
kind.start?.({
  form, words, say,
  changed: () => {
    decided();
    keep();
  },
});
for (const shown of root.querySelectorAll('.text-of')) {
  if (shown.scrollHeight > shown.clientHeight + 1) shown.tabIndex = 0; // what scrolls has to be reached by keyboard
}
startKeys(root, (digit, target) => kind.digit?.(form, digit, target) ?? false);
offerUndo();
deliverWaiting();
root.dataset.ready = ''; // keys are listened to from here on
