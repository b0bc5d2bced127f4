// Parts of answers, marked. Texts are shown as they are, so that a place on the page is a place in the text: offsets count UTF-16 units. A selection is made
// with the mouse, or with the arrow keys: left and right by word, up and down by sentence, with Ctrl by character, with Shift it grows.

const longestQuote = 160; // characters of a marked part shown in the list
let page; // form, words, say, changed
let field;
let answers;
let marks = [];
let selected = { place: 0, start: 0, end: 0, anchor: 0, focus: 0 };

export function read(form) {
  const answer = { spans: marks.map(({ place, ...mark }) => ({ answer: place, ...mark })) };
  const trust = [...form.querySelectorAll('[data-trust]')].filter(source => source.querySelector(':checked')).map(source => [source.dataset.trust, source.querySelector(':checked').value]);
  if (trust.length > 0) answer.answers = Object.fromEntries(trust);
  return answer;
}

export function missing(answer, words) {
  return answer.spans.length > 0 || page.form.elements.nothing.checked ? null : words['spans-none'];
}

// Where the words, or the sentences, of a text begin and end, without the space around them.
function pieces(text, granularity) {
  const found = [];
  for (const { segment, index } of new Intl.Segmenter(undefined, { granularity }).segment(text)) {
    const inner = segment.trim();
    if (inner === '') continue;
    const start = index + segment.indexOf(inner);
    found.push({ start, end: start + inner.length });
  }
  return found;
}

function characters(text) {
  return [...new Intl.Segmenter(undefined, { granularity: 'grapheme' }).segment(text)].map(piece => piece.index).concat(text.length);
}

// No mark parts what is read as one character: an emoji of several, a letter and its accents.
function whole(answer, start, end) {
  const stops = answer.characters;
  return { start: stops.findLast(stop => stop <= start), end: stops.find(stop => stop >= end) };
}

function offset(box, node, at) {
  const range = document.createRange();
  range.setStart(box, 0);
  range.setEnd(node, at);
  return range.toString().length;
}

function point(box, at) {
  const walker = document.createTreeWalker(box, NodeFilter.SHOW_TEXT);
  let left = at;
  let node = walker.nextNode();
  for (; node && left > node.length; node = walker.nextNode()) left -= node.length;
  return node ? [node, left] : [box, 0];
}

function select(place, anchor, focus) {
  const { box } = answers[place];
  getSelection().setBaseAndExtent(...point(box, anchor), ...point(box, focus));
  selected = { place, anchor, focus, start: Math.min(anchor, focus), end: Math.max(anchor, focus) };
  const caret = document.createRange();
  caret.setStart(...point(box, focus));
  const [at, frame] = [caret.getBoundingClientRect(), box.getBoundingClientRect()];
  if (at.height === 0) return;
  if (at.bottom > frame.bottom) box.scrollTop += at.bottom - frame.bottom;
  else if (at.top < frame.top) box.scrollTop -= frame.top - at.top;
}

// What the browser selected: by mouse, by touch, by a screen reader.
function followSelection() {
  const now = getSelection();
  const place = answers.findIndex(answer => answer.box.contains(now.anchorNode) && answer.box.contains(now.focusNode));
  if (place < 0) return; // a button has the focus: the last one holds
  const { box } = answers[place];
  const [anchor, focus] = [offset(box, now.anchorNode, now.anchorOffset), offset(box, now.focusNode, now.focusOffset)];
  selected = { place, anchor, focus, start: Math.min(anchor, focus), end: Math.max(anchor, focus) };
}

function step(answer, from, isForward, granularity, grows) {
  const { text } = answer;
  if (granularity === 'grapheme') return (isForward ? answer.characters.find(stop => stop > from) : answer.characters.findLast(stop => stop < from)) ?? from;
  const all = answer[granularity];
  if (isForward) return (grows ? all.find(piece => piece.end > from)?.end : all.find(piece => piece.start > from)?.start) ?? text.length;
  return all.findLast(piece => piece.start < from)?.start ?? 0;
}

function onKey(place, event) {
  const answer = answers[place];
  if (event.altKey || event.metaKey) return;
  if (['Delete', 'Backspace'].includes(event.key)) {
    const at = marks.findLastIndex(mark => mark.place === place && mark.start <= selected.focus && selected.focus <= mark.start + mark.length);
    if (at >= 0) remove(at);
  } else if (['Home', 'End'].includes(event.key)) {
    const to = event.key === 'Home' ? 0 : answer.text.length;
    select(place, event.shiftKey ? selected.anchor : to, to);
  } else if (/^Arrow/.test(event.key)) {
    const isSentence = /Up|Down/.test(event.key);
    const isRight = event.key === 'ArrowRight';
    const isForward = isSentence ? event.key === 'ArrowDown' : isRight === (getComputedStyle(answer.box).direction === 'ltr');
    const granularity = isSentence ? 'sentence' : event.ctrlKey ? 'grapheme' : 'word';
    const to = step(answer, selected.focus, isForward, granularity, event.shiftKey);
    select(place, event.shiftKey ? selected.anchor : to, to);
    page.say(selected.start < selected.end ? `“${answer.text.slice(selected.start, selected.end)}”` : '');
  } else {
    return;
  }
  event.preventDefault();
}

function add(button) {
  const answer = answers[selected.place];
  const { start, end } = whole(answer, selected.start, selected.end);
  if (start >= end) {
    page.say(page.words['spans-select']);
    return;
  }
  const mark = { place: selected.place, start, length: end - start, category: button.dataset.category };
  const known = marks.find(other => other.place === mark.place && other.start === start && other.length === mark.length && other.category === mark.category);
  if (!known) marks.push(page.form.querySelector('[data-severities]').dataset.severities === '0' ? mark : { ...mark, severity: 1 });
  page.form.elements.nothing.checked = false;
  keep();
  draw();
  if (document.activeElement === answer.box) select(mark.place, end, end);
  page.say(`${button.dataset.name}: “${answer.text.slice(start, end)}”`);
}

function remove(at) {
  const [mark] = marks.splice(at, 1);
  keep();
  draw();
  answers[mark.place].box.focus();
  select(mark.place, mark.start, mark.start);
  page.say(page.words['spans-removed']);
}

function keep() {
  field.value = JSON.stringify(marks);
  page.changed();
}

const button = category => page.form.querySelector(`[data-category="${CSS.escape(category)}"]`);

function element(name, className, ...content) {
  const made = document.createElement(name);
  made.className = className;
  made.append(...content);
  return made;
}

// The text in pieces between the ends of marks; where several meet, their lines lie below one another.
function drawText(answer, place) {
  const own = marks.filter(mark => mark.place === place);
  const ends = [...new Set([0, answer.text.length, ...own.flatMap(mark => [mark.start, mark.start + mark.length])])].sort((one, other) => one - other);
  const content = ends.slice(0, -1).map((start, index) => {
    let piece = document.createTextNode(answer.text.slice(start, ends[index + 1]));
    own.filter(mark => mark.start <= start && start < mark.start + mark.length).forEach((mark, depth) => {
      const { line, number } = button(mark.category).dataset;
      piece = element('mark', `line-${line} colour-${number} depth-${Math.min(depth, 3)}`, piece);
      if (mark.start === start) piece.dataset.number = number;
    });
    return piece;
  });
  answer.box.replaceChildren(...content);
}

function drawList(answer, place) {
  answer.list.replaceChildren(...marks.flatMap((mark, at) => {
    if (mark.place !== place) return [];
    const { name, line, number } = button(mark.category).dataset;
    const text = answer.text.slice(mark.start, mark.start + mark.length);
    const quote = element('q', '', text.length > longestQuote ? `${text.slice(0, longestQuote)}…` : text);
    quote.dir = 'auto';
    const title = element('span', 'title', element('b', `badge line-${line} colour-${number}`, number), ` ${name}`);
    const row = element('li', '', title, quote);
    const select = page.form.querySelector('[data-severities]').content.querySelector('select')?.cloneNode(true);
    if (select) {
      select.value = `${mark.severity}`;
      select.addEventListener('change', () => {
        mark.severity = Number(select.value);
        keep();
      });
      row.append(select);
    }
    const note = element('input', '');
    note.value = mark.note ?? '';
    note.maxLength = 1000;
    note.dir = 'auto';
    note.placeholder = page.words['spans-note'];
    note.setAttribute('aria-label', `${page.words['spans-note']}: ${name}, “${text}”`);
    note.addEventListener('input', () => {
      mark.note = note.value || undefined;
      keep();
    });
    const gone = element('button', 'link', page.words['spans-delete']);
    gone.type = 'button';
    gone.setAttribute('aria-label', `${page.words['spans-delete']}: ${name}, “${text}”`);
    gone.addEventListener('click', () => remove(at));
    row.append(note, gone);
    return [row];
  }));
}

function draw() {
  answers.forEach(drawText);
  answers.forEach(drawList);
}

export function start(given) {
  page = given;
  field = page.form.elements.spans;
  answers = [...page.form.querySelectorAll('[data-markable]')].map((box, place) => {
    const text = JSON.parse(box.dataset.markable);
    return { box, text, list: page.form.querySelectorAll('[data-marks]')[place], word: pieces(text, 'word'), sentence: pieces(text, 'sentence'), characters: characters(text) };
  });
  try {
    marks = JSON.parse(field.value || '[]').filter(mark => answers[mark.place] && button(mark.category));
  } catch {
    marks = [];
  }
  answers.forEach(({ box }, place) => {
    for (const change of ['beforeinput', 'paste', 'cut', 'drop', 'dragstart']) box.addEventListener(change, event => event.preventDefault()); // it has a caret and is not for writing
    box.addEventListener('compositionend', draw);
    box.addEventListener('keydown', event => onKey(place, event));
    box.addEventListener('focus', () => { if (selected.place !== place) selected = { place, start: 0, end: 0, anchor: 0, focus: 0 }; });
  });
  for (const category of page.form.querySelectorAll('[data-category]')) {
    category.addEventListener('pointerdown', event => event.preventDefault()); // or the text would lose its selection
    category.addEventListener('click', () => add(category));
  }
  page.form.elements.nothing.addEventListener('change', event => {
    if (!event.target.checked || marks.length === 0) return;
    marks = [];
    keep();
    draw();
  });
  document.addEventListener('selectionchange', followSelection);
  draw();
}
