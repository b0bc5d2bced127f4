// Talks with the model through the same address as any program: /v1/chat/completions, streamed.
const talk = document.getElementById("talk");
const texts = JSON.parse(talk.dataset.texts);
const byId = id => document.getElementById(id);
const [turns, problem, words, send, stop] = ["turns", "problem", "words", "send", "stop"].map(byId);
const messages = [];
let running = null;

const key = () => sessionStorage.getItem("attune-key") ?? "";
if (talk.dataset.needsKey === "yes" && !key()) byId("access").hidden = false;
byId("access").addEventListener("submit", event => {
  event.preventDefault();
  sessionStorage.setItem("attune-key", byId("key").value.trim());
  byId("access").hidden = true;
  words.focus();
});

function show(role, text) {
  const turn = document.createElement("section");
  turn.className = `turn ${role}`;
  const who = document.createElement("p");
  who.className = "who";
  who.textContent = texts[role];
  const said = document.createElement("p");
  said.className = "said";
  said.dir = "auto";
  said.textContent = text;
  turn.append(who, said);
  turns.append(turn);
  turn.scrollIntoView({ block: "end" });
  return said;
}

function fail(text) {
  problem.textContent = text;
  problem.hidden = !text;
}

// Events are separated by an empty line; a piece of the network may end anywhere.
async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let held = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    held += value;
    for (let end; (end = held.indexOf("\n\n")) >= 0; held = held.slice(end + 2)) {
      const data = held.slice(0, end).replace(/^data: /, "");
      if (data === "[DONE]") return;
      yield JSON.parse(data);
    }
  }
}

async function ask() {
  const headers = { "Content-Type": "application/json" };
  if (key()) headers.Authorization = `Bearer ${key()}`;
  const system = byId("system").value.trim();
  const reply = await fetch("v1/chat/completions", {
    method: "POST", headers, signal: running.signal,
    body: JSON.stringify({
      model: talk.dataset.model, stream: true,
      messages: system ? [{ role: "system", content: system }, ...messages] : messages,
      temperature: Number(byId("temperature").value), top_p: Number(byId("top-p").value), max_completion_tokens: byId("tokens").value ? Number(byId("tokens").value) : undefined, // as many as there is room for
    }),
  });
  if (!reply.ok) {
    if (reply.status === 401) { sessionStorage.removeItem("attune-key"); byId("access").hidden = false; }
    throw new Error((await reply.json().catch(() => null))?.detail ?? `${texts.failed} (${reply.status})`);
  }
  return reply.body;
}

byId("say").addEventListener("submit", async event => {
  event.preventDefault();
  const text = words.value.trim();
  if (!text || running) return;
  fail("");
  messages.push({ role: "user", content: text });
  const mine = show("user", text);
  words.value = "";
  running = new AbortController();
  send.disabled = true;
  stop.disabled = false;
  const said = show("assistant", "");
  let ended = false;
  try {
    for await (const piece of events(await ask())) {
      if (piece.error) throw new Error(piece.error.message);
      said.textContent += piece.choices?.[0]?.delta?.content ?? "";
    }
    ended = true;
  } catch (error) {
    if (error.name !== "AbortError") fail(error instanceof TypeError ? texts.unreachable : error.message);
  }
  if (ended || said.textContent) {
    messages.push({ role: "assistant", content: said.textContent });
    if (!said.textContent) said.textContent = texts.nothing;
  } else {
    // Nothing came: what was said goes back to be sent again.
    messages.pop();
    said.parentElement.remove();
    mine.parentElement.remove();
    words.value ||= text;
  }
  running = null;
  send.disabled = false;
  stop.disabled = true;
  words.focus();
});

words.addEventListener("keydown", event => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    byId("say").requestSubmit();
  }
});
stop.addEventListener("click", () => running?.abort());
byId("again").addEventListener("click", () => {
  running?.abort();
  messages.length = 0;
  turns.replaceChildren();
  fail("");
  words.focus();
});
