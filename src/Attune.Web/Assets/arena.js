// The arena works without this: it adds keys for the vote, Ctrl and Enter to send, and keeps a form from being sent twice.

const vote = document.querySelector('[data-vote]');

addEventListener('submit', event => {
  const form = event.target;
  if (form.dataset.sent) {
    event.preventDefault();
    return;
  }
  form.dataset.sent = 'true';
  const state = form.querySelector('[data-state]');
  if (state) state.textContent = state.dataset.busy;
});

addEventListener('pageshow', () => {
  for (const form of document.querySelectorAll('form')) delete form.dataset.sent;
});

addEventListener('keydown', event => {
  const isText = event.target.matches('input, textarea, select');
  if (isText) {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey) && event.target.form) {
      event.preventDefault();
      event.target.form.requestSubmit();
    }
    return;
  }
  if (!vote || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  vote.querySelector(`[data-key="${CSS.escape(event.key.toLowerCase())}"]`)?.click();
});
