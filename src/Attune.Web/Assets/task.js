// A task's page: what was given, drafts, active time, a sign of life. The page itself is drawn on the server; this adds what moves.
import { call, deliver, deliverWaiting, draftOf, offerUndo, read, root, say, words, work } from './server.js';
import { startKeys } from './keys.js';
import { startRanking } from './ranking.js';

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
  return { seconds: time.earlier.seconds + seconds, activeSeconds: time.earlier.activeSeconds + Math.min(time.active / 1000, seconds) };
}
for (const kind of ['pointermove', 'pointerdown', 'keydown', 'scroll', 'input']) {
  addEventListener(kind, () => { time.input = performance.now(); }, { passive: true, capture: true });
}
setInterval(tick, 1000);
tick();

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
  if (other) {
    answer[other === 'cannot' ? 'cannotJudge' : 'bothBad'] = true;
    answer.reason = form.elements.reason.value || null;
  } else if (work.kind === 'pair' && value('step')) {
    answer.step = Number(value('step'));
  } else if (work.kind === 'best' && value('best')) {
    answer.best = Number(value('best'));
  } else if (work.kind === 'rank') {
    answer.ranks = competition(all('[data-rank]').map(rank => Number(rank.value)));
  } else if (work.kind === 'rate') {
    answer.ratings = all('[data-axis]').filter(axis => axis.querySelector(':checked'))
      .map(axis => ({ axis: axis.dataset.axis, value: Number(axis.querySelector(':checked').value), steps: 7, answer: Number(axis.dataset.place) }));
  }
  return answer;
}

// 1, 2, 2, 4: equal numbers are level, and n answers ahead make it n + 1; 0 was not placed.
function competition(ranks) {
  return ranks.map(own => (own === 0 ? 0 : 1 + ranks.filter(other => other > 0 && other < own).length));
}

function missing(answer) {
  if (answer.bothBad || answer.cannotJudge || answer.step || answer.best !== undefined || answer.ratings?.length > 0) return null;
  if (!answer.ranks) return words.empty;
  return new Set(answer.ranks.filter(rank => rank > 0)).size > 1 || answer.ranks.every(rank => rank === 1) ? null : words.levels;
}

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
  all('details').forEach(details => { details.open = details.querySelector('textarea').value !== ''; });
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

function showMeaning(step) {
  const meaning = form.querySelector('[data-meaning]');
  if (meaning) meaning.textContent = step?.getAttribute('aria-label') ?? '';
}

form.addEventListener('input', event => {
  const field = event.target;
  if (field.name === 'other') all('[name="step"], [name="best"]').forEach(choice => { choice.checked = false; });
  else if (['step', 'best'].includes(field.name) || field.matches('[data-rank], .likert input')) all('[name="other"]').forEach(other => { other.checked = false; });
  showMeaning(form.querySelector('[name="step"]:checked'));
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

// A digit without a control of its own: the rating of the axis that has the focus, or of the first one that is open.
function rate(digit, target) {
  const axes = all('[data-axis]');
  const axis = target.closest('[data-axis]') ?? axes.find(candidate => !candidate.querySelector(':checked'));
  const choice = axis?.querySelector(`[value="${digit}"]`);
  if (!choice) return false;
  choice.click();
  (axes[axes.indexOf(axis) + 1]?.querySelector('input') ?? choice).focus();
  return true;
}

restore();
showMeaning(form.querySelector('[name="step"]:checked'));
if (work.kind === 'rank') {
  startRanking(form, words, say, () => {
    all('[name="other"]').forEach(other => { other.checked = false; });
    keep();
  });
}
for (const text of root.querySelectorAll('.text-of')) {
  if (text.scrollHeight > text.clientHeight + 1) text.tabIndex = 0; // what scrolls has to be reached by keyboard
}
startKeys(root, rate);
offerUndo();
deliverWaiting();
