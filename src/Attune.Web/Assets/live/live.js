// Keeps a page's figures as they are now: the server says that something happened, and the page takes its own new content. The drawings stay the server's.
// Without a stream, where a proxy cuts it off say, the page looks again by itself.

const root = document.querySelector('[data-live]');
const state = document.querySelector('[data-live-state]');
const leastBetween = 1000, withoutStream = 30000;
let busy = false, again = false;

const say = text => {
  if (state && state.textContent !== text) state.textContent = text;
};

async function refresh() {
  if (busy) {
    again = true;
    return;
  }
  busy = true;
  try {
    const reply = await fetch(location.href, { redirect: 'manual' });
    if (reply.type === 'opaqueredirect') {
      location.reload(); // signed out meanwhile
      return;
    }
    if (reply.ok) put(new DOMParser().parseFromString(await reply.text(), 'text/html').querySelector('[data-live]'));
  } catch {
    say(state?.dataset.off);
  } finally {
    setTimeout(() => {
      busy = false;
      if (again) {
        again = false;
        refresh();
      }
    }, leastBetween);
  }
}

// What is open stays open, and what has the focus keeps it.
function put(fresh) {
  if (!fresh) return;
  const open = [...root.querySelectorAll('details[open][id]')].map(details => details.id);
  const focus = root.contains(document.activeElement) ? document.activeElement : null;
  const place = focus && [...root.querySelectorAll('a, button, summary, input, select')].indexOf(focus);
  const scrolled = [...root.querySelectorAll('.wide')].map(box => box.scrollLeft);
  root.replaceChildren(...fresh.childNodes);
  for (const id of open) document.getElementById(id)?.setAttribute('open', '');
  [...root.querySelectorAll('.wide')].forEach((box, i) => box.scrollLeft = scrolled[i] ?? 0);
  if (focus) root.querySelectorAll('a, button, summary, input, select')[place]?.focus({ preventScroll: true });
}

let timer = null;
function withoutEvents() {
  say(state?.dataset.off);
  timer ??= setInterval(refresh, withoutStream);
}

if (root) {
  if (typeof EventSource === 'undefined') {
    withoutEvents();
  } else {
    const source = new EventSource(root.dataset.live);
    source.addEventListener('metrics', refresh);
    source.addEventListener('open', () => {
      say(state?.dataset.on);
      clearInterval(timer);
      timer = null;
    });
    source.addEventListener('error', () => {
      if (source.readyState === EventSource.CLOSED) withoutEvents(); // refused; otherwise the browser tries again by itself
      else say(state?.dataset.off);
    });
  }
}
