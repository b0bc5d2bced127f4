// The board of a ranking: answers on levels, the best on top, level ones side by side, the rest not placed. It shows what the fields
// "rank" of the answers say and changes them: by a click (next rank), by dragging, by arrow keys, by a digit (that rank).

const farEnough = 5; // pixels from where the pointer went down: less is a click

export function startRanking(root, words, say, changed) {
  const board = root.querySelector('[data-board]');
  const fields = [...root.querySelectorAll('[data-rank]')];
  const texts = [...root.querySelectorAll('[data-text]')].map(text => text.textContent.trim().slice(0, 120));
  const letter = place => String.fromCharCode(65 + place);
  const fill = (text, ...values) => text.replace(/\{(\d)\}/g, (_, index) => values[index]);

  function levels() {
    const ranks = fields.map(field => Number(field.value));
    return [...new Set(ranks)].filter(rank => rank > 0).sort((one, other) => one - other)
      .map(rank => ranks.flatMap((own, place) => (own === rank ? [place] : [])));
  }

  function write(next) {
    for (const field of fields) field.value = '0';
    next.filter(level => level.length > 0).forEach((level, index) => level.forEach(place => { fields[place].value = String(index + 1); }));
  }

  // To: { level } joins a level, { gap } makes one of its own before that level, {} takes it out.
  function move(place, to) {
    const next = levels().map(level => level.filter(other => other !== place));
    if (to.gap !== undefined) next.splice(to.gap, 0, [place]);
    else if (to.level !== undefined) next[to.level].push(place);
    write(next);
    draw();
    board.querySelector(`[data-chip="${place}"]`).focus();
    const rank = fields[place].value;
    say(rank === '0' ? fill(words.unplaced, letter(place)) : fill(words.placed, letter(place), rank));
    changed();
  }

  // One step up or down: out of a level to a place of its own, from there into the next level.
  function step(place, by) {
    const all = levels();
    const at = all.findIndex(level => level.includes(place));
    if (at < 0) move(place, { gap: all.length });
    else if (all[at].length > 1) move(place, { gap: by < 0 ? at : at + 1 });
    else if (all[at + by]) move(place, { level: at + by });
  }

  function rankAt(place, rank) {
    const all = levels().map(level => level.filter(other => other !== place)).filter(level => level.length > 0);
    write(all);
    move(place, rank <= all.length ? { level: rank - 1 } : { gap: all.length });
  }

  function element(name, className, data, ...content) {
    const made = document.createElement(name);
    if (className) made.className = className;
    Object.assign(made.dataset, data);
    made.append(...content);
    return made;
  }

  function chip(place) {
    const text = element('span', 'snippet', {}, texts[place]);
    text.dir = 'auto';
    const made = element('button', 'chip', { chip: place }, element('b', '', {}, letter(place)), text);
    made.type = 'button';
    const rank = fields[place].value;
    made.setAttribute('aria-label', rank === '0' ? fill(words.unplaced, letter(place)) : fill(words.placed, letter(place), rank));
    made.setAttribute('aria-describedby', 'ranking-hint');
    made.addEventListener('click', () => { if (fields[place].value === '0') move(place, { gap: levels().length }); });
    made.addEventListener('keydown', event => {
      if (event.key === 'ArrowUp') step(place, -1);
      else if (event.key === 'ArrowDown') step(place, 1);
      else if (event.key === 'Delete' || event.key === 'Backspace') move(place, {});
      else if (/^[1-9]$/.test(event.key) && Number(event.key) <= fields.length) rankAt(place, Number(event.key));
      else return;
      event.preventDefault();
    });
    made.addEventListener('pointerdown', event => { if (event.button === 0) drag(made, place, event); });
    return made;
  }

  function drag(made, place, start) {
    let isMoving = false;
    const swallow = click => click.stopPropagation();
    const target = event => document.elementFromPoint(event.clientX, event.clientY)?.closest('[data-gap], [data-level], [data-tray]');
    const mark = over => {
      board.querySelectorAll('.over').forEach(other => other.classList.remove('over'));
      over?.classList.add('over');
    };
    function moved(event) {
      const [x, y] = [event.clientX - start.clientX, event.clientY - start.clientY];
      if (!isMoving && Math.hypot(x, y) < farEnough) return;
      isMoving = true;
      board.classList.add('dragging');
      made.classList.add('moving');
      made.style.translate = `${x}px ${y}px`;
      mark(target(event));
    }
    function ended(event) {
      for (const [name, listener] of listeners) removeEventListener(name, listener);
      if (!isMoving) return;
      addEventListener('click', swallow, { capture: true }); // the one that ends a drag, if the browser makes it
      setTimeout(() => removeEventListener('click', swallow, { capture: true }));
      const over = event.type === 'pointerup' ? target(event) : null;
      board.classList.remove('dragging');
      made.classList.remove('moving');
      made.style.translate = '';
      mark(null);
      if (over?.dataset.gap !== undefined) move(place, { gap: Number(over.dataset.gap) });
      else if (over?.dataset.level !== undefined && !over.contains(made)) move(place, { level: Number(over.dataset.level) });
      else if (over?.dataset.tray !== undefined) move(place, {});
    }
    const listeners = [['pointermove', moved], ['pointerup', ended], ['pointercancel', ended]];
    for (const [name, listener] of listeners) addEventListener(name, listener);
  }

  function draw() {
    const all = levels();
    const list = element('ol', 'levels', {});
    all.forEach((level, index) => {
      list.append(element('li', 'gap', { gap: index }));
      list.append(element('li', 'level', { level: index }, element('span', 'number', {}, String(1 + all.slice(0, index).flat().length)), ...level.map(chip)));
    });
    list.append(element('li', all.length === 0 ? 'gap first' : 'gap', { gap: all.length }, all.length === 0 ? words.first : ''));
    list.querySelectorAll('.gap:empty').forEach(gap => gap.setAttribute('role', 'presentation'));
    const placed = all.flat();
    const tray = element('div', 'tray', { tray: '' }, element('span', 'muted', {}, words.tray), ...fields.flatMap((_, place) => (placed.includes(place) ? [] : [chip(place)])));
    board.replaceChildren(list, tray);
  }

  for (const field of fields) field.addEventListener('change', draw);
  root.querySelector('[data-to-ranking]').addEventListener('click', () => board.querySelector('[data-chip]').focus());
  draw();
}
