// A conversation with a model. Every step is on the server before it counts: what the page shows is what a reload would show, apart from the message that is
// being written, which lies in the draft.
import { call, kept, work } from '../server.js';

const longestWait = 15000;
let page; // form, words, say, changed
let parts;
let view;
let isBusy = false;
let problem = null;

const last = () => view.turns.at(-1);
const answered = () => view.turns.filter(turn => turn.answers);
const chosen = () => view.turns.filter(turn => turn.chosen !== null);

export function read(form) {
  const conversation = form.querySelector('[name="conversation"]:checked')?.value;
  return conversation ? { answers: { conversation } } : {};
}

export function missing(answer, words) {
  if (isBusy) return words['chat-busy'];
  if (answered().some(turn => turn.chosen === null)) return words['chat-open'];
  if (chosen().length < view.minimumTurns) return words['chat-more'].replace('{0}', view.minimumTurns);
  if (parts.message.value.trim() !== '') return words['chat-unsent'];
  return answer.answers ? null : words['chat-verdict'];
}

function element(name, className, ...content) {
  const made = document.createElement(name);
  made.className = className;
  made.append(...content);
  return made;
}

function bubble(className, who, text) {
  const body = element('div', 'text-of');
  body.lang = '';
  body.dir = 'auto';
  if (text.html === undefined) {
    body.textContent = text;
    body.classList.add('text');
  } else {
    body.innerHTML = text.html; // made safe by the server
  }
  return element('li', className, element('small', 'muted', who), body);
}

function drawLog() {
  const items = [];
  for (const turn of answered()) {
    items.push(bubble('you', page.words['chat-you'], turn.prompt));
    if (turn === last() || turn.chosen === null) continue;
    const item = bubble('model', page.words['chat-model'], turn.answers[turn.chosen]);
    for (const other of turn.answers.filter((_, place) => place !== turn.chosen)) {
      const hidden = element('details', 'other muted', element('summary', '', page.words['chat-other']));
      const body = element('div', 'text-of');
      body.dir = 'auto';
      body.innerHTML = other.html;
      hidden.append(body);
      item.append(hidden);
    }
    items.push(item);
  }
  if (isBusy && !last()?.isChoosing) items.push(bubble('you', page.words['chat-you'], parts.message.value));
  parts.log.replaceChildren(...items);
  parts.empty.hidden = items.length > 0;
}

function draw() {
  drawLog();
  const turn = last()?.answers ? last() : null;
  const isWriting = isBusy && !turn?.isChoosing;
  const isOpen = turn !== null && turn.chosen === null;
  parts.pending.hidden = turn === null || isWriting;
  if (turn && !isWriting) {
    parts.which.textContent = page.words[isOpen ? 'chat-which' : 'chat-chosen'];
    parts.shown.forEach((place, index) => {
      if (place.dataset.turn === `${turn.number}`) return;
      place.dataset.turn = turn.number;
      place.innerHTML = turn.answers[index].html || `<p class="muted">${page.words['chat-silent']}</p>`;
    });
    parts.answers.forEach((answer, place) => { answer.classList.toggle('taken', turn.chosen === place); });
    for (const choice of parts.choices) choice.setAttribute('aria-pressed', `${isTaken(turn, choice)}`);
  }
  const isFull = answered().length >= view.maximumTurns;
  parts.composer.hidden = isOpen || isWriting || isFull;
  parts.full.hidden = !isFull || isOpen;
  parts.writing.hidden = !isWriting;
  parts.end.hidden = chosen().length < view.minimumTurns;
  parts.problem.hidden = problem === null;
  if (problem !== null) parts.why.textContent = problem;
  parts.say.textContent = page.words[problem === null ? 'chat-say' : 'chat-again'];
}

function isTaken(turn, choice) {
  const { place, strength } = meaning(choice);
  return turn.chosen === place && (strength === null || turn.strength === strength);
}

// Of eight steps 1 is "left, much better", 4 "left, slightly", 5 "right, slightly"; a button of a side says nothing of how much.
function meaning(choice) {
  if (choice.dataset.choose !== undefined) return { place: Number(choice.dataset.choose), strength: null };
  const step = Number(choice.dataset.step);
  return step <= 4 ? { place: 0, strength: 5 - step } : { place: 1, strength: step - 4 };
}

// Until there is an answer: the same step sent again is the same step. 502 is the model's failure, and for the person to try again.
async function insist(path, body) {
  for (let wait = 500; ; wait = Math.min(wait * 2, longestWait)) {
    let why = page.words['chat-waiting'];
    try {
      const reply = await call('PUT', path, body);
      if (reply.status < 500 || reply.status === 502) return reply;
      why = kept(reply) ?? why;
    } catch {
      // no network, or the server restarts
    }
    page.say(why);
    await new Promise(resolve => { setTimeout(resolve, wait); });
  }
}

async function failed(reply) {
  problem = { 401: page.words['signed-out'], 404: page.words.gone, 410: page.words.gone }[reply.status] ?? reply.content?.detail ?? page.words.refused;
  if (reply.status === 409) { // another window went on
    const now = await call('GET', `/leases/${work.lease}/chat`).catch(() => null);
    if (now?.ok) view = now.content;
  }
}

function keep(turn) {
  view.turns = [...view.turns.filter(other => other.number !== turn.number), turn].sort((one, other) => one.number - other.number);
}

async function send() {
  const text = parts.message.value;
  if (isBusy || parts.composer.hidden || text.trim() === '') return;
  const number = last() && !last().answers ? last().number : view.turns.length + 1;
  [isBusy, problem] = [true, null];
  draw();
  page.say(page.words['chat-writing']);
  const reply = await insist(`/leases/${work.lease}/chat/${number}`, { prompt: text });
  isBusy = false;
  if (reply.ok) {
    keep(reply.content);
    parts.message.value = '';
    page.changed();
  } else {
    await failed(reply);
  }
  draw();
  page.say(reply.ok ? page.words['chat-arrived'] : '');
  if (reply.ok) parts.which.focus();
  else parts.message.focus();
}

async function choose(choice) {
  const turn = last();
  if (isBusy || parts.pending.hidden || !turn?.answers) return;
  const { place, strength } = meaning(choice);
  const before = { ...turn };
  [isBusy, problem] = [true, null];
  Object.assign(turn, { chosen: place, strength, isChoosing: true });
  draw();
  const reply = await insist(`/leases/${work.lease}/chat/${turn.number}/choice`, { place, strength });
  isBusy = false;
  if (reply.ok) {
    keep(reply.content);
    page.changed();
  } else {
    keep(before);
    await failed(reply);
  }
  draw();
  page.say(reply.ok ? page.words['chat-taken'].replace('{0}', String.fromCharCode(65 + place)) : '');
  if (reply.ok && !parts.composer.hidden) parts.message.focus();
}

export function start(given) {
  page = given;
  const chat = page.form.querySelector('[data-chat]');
  const one = name => chat.querySelector(`[data-${name}]`);
  const all = selector => [...chat.querySelectorAll(selector)];
  parts = {
    ...Object.fromEntries(['log', 'empty', 'pending', 'which', 'composer', 'message', 'say', 'writing', 'full', 'end', 'problem', 'why'].map(name => [name, one(name)])),
    shown: all('[data-shown]'), answers: all('.answer'), choices: all('[data-choose], [data-step]'),
  };
  view = JSON.parse(chat.dataset.chat);
  parts.say.addEventListener('click', send);
  parts.message.addEventListener('keydown', event => {
    if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault(); // it sends the message, not the whole conversation
    send();
  });
  for (const choice of parts.choices) choice.addEventListener('click', () => choose(choice));

  const turn = last();
  if (turn && turn.answers && parts.message.value === turn.prompt) parts.message.value = ''; // the draft is older than the answers
  const isUnanswered = turn && !turn.answers;
  if (isUnanswered && parts.message.value.trim() === '') parts.message.value = turn.prompt;
  draw();
  if (isUnanswered && parts.message.value === turn.prompt && view.hasModel) send(); // it was sent already, and the page was gone before the answers were there
}
