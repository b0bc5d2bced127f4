// Keys: one map for all kinds of task, shown with "?". Each can be changed, and is kept in this browser.

const kept = 'attune-keys';

export function startKeys(root, digit) {
  const dialog = root.querySelector('[data-keys]');
  const controls = [...root.querySelectorAll('[data-key]')];
  const changed = JSON.parse(localStorage.getItem(kept) ?? '{}');
  const keyOf = control => changed[control.dataset.key] ?? control.dataset.key;
  const same = (one, other) => one.toLowerCase() === other.toLowerCase();
  const labelOf = control => control.getAttribute('aria-label') ?? control.textContent.trim();

  // A key that another control has changes places with it, so that no two have one.
  function change(control, key) {
    const other = controls.find(candidate => candidate !== control && same(keyOf(candidate), key));
    if (other) changed[other.dataset.key] = keyOf(control);
    changed[control.dataset.key] = key;
    localStorage.setItem(kept, JSON.stringify(changed));
    draw();
  }

  function draw() {
    for (const control of controls) {
      const hint = control.closest('label')?.querySelector('kbd');
      if (hint) hint.textContent = keyOf(control);
      control.setAttribute('aria-keyshortcuts', keyOf(control));
    }
    if (!dialog.open) return;
    const at = [...dialog.querySelectorAll('dl input')].indexOf(document.activeElement);
    dialog.querySelector('dl').replaceChildren(...controls.flatMap(control => {
      const [key, what, input] = ['dt', 'dd', 'input'].map(name => document.createElement(name));
      input.value = keyOf(control);
      input.readOnly = true;
      input.setAttribute('aria-label', labelOf(control));
      input.addEventListener('keydown', event => {
        if (['Tab', 'Escape', 'Shift', '?'].includes(event.key) || event.ctrlKey || event.metaKey || event.altKey) return;
        event.preventDefault();
        change(control, event.key);
      });
      key.append(input);
      what.textContent = labelOf(control);
      return [key, what];
    }));
    if (at >= 0) dialog.querySelectorAll('dl input')[at].focus();
  }

  function show() {
    dialog.showModal();
    draw();
  }

  root.querySelector('[data-help]').addEventListener('click', show);
  dialog.querySelector('[data-close]').addEventListener('click', () => dialog.close());
  dialog.querySelector('[data-usual]').addEventListener('click', () => {
    for (const key of Object.keys(changed)) delete changed[key];
    localStorage.removeItem(kept);
    draw();
  });

  addEventListener('keydown', event => {
    if (document.querySelector('dialog[open]') || event.defaultPrevented || event.altKey) return;
    const send = controls.find(control => control.dataset.key === 'Enter');
    if ((event.ctrlKey || event.metaKey) && event.key === 'Enter') {
      event.preventDefault();
      send.click();
    }
    if (event.ctrlKey || event.metaKey || event.target.matches('textarea, select, input:not([type=radio], [type=checkbox])')) return;
    if (event.key === '?') {
      event.preventDefault();
      show();
      return;
    }
    const control = controls.find(candidate => same(keyOf(candidate), event.key));
    if (!control) {
      if (/^[1-9]$/.test(event.key) && digit(Number(event.key), event.target)) event.preventDefault();
      return;
    }
    if ((event.key === 'Enter' || event.key === ' ') && event.target.matches('button, a, summary')) return; // theirs
    event.preventDefault();
    control.click();
    if (control.matches('input')) control.focus();
  });
  draw();
}
