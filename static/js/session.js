// The session ends by the server's clock. A minute before, this says so and offers to stay; at the end it leaves the page.
// Asking the server how long it still lasts is no sign of life there; pressing the button is.

const warning = document.querySelector("[data-session]");
const form = warning?.querySelector("form");
const WARN = 60;
let timer = null;

function after(seconds, act) {
  clearTimeout(timer);
  timer = setTimeout(act, Math.max(0, seconds) * 1000);
}

async function ask(options) {
  const answer = await fetch(form.action, { headers: { Accept: "application/json" }, redirect: "manual", ...options });
  return answer.ok ? answer.json() : null;
}

function place() {
  // In an open dialog everything outside of it cannot be reached.
  (document.querySelector("dialog[open]") || document.body).prepend(warning);
}

function show({ left, can_last: canLast }) {
  if (left > WARN) {
    hide();
    after(left - WARN, check);
    return;
  }
  place();
  warning.querySelector("[data-session-ends]").hidden = !canLast;
  warning.querySelector("[data-session-over]").hidden = canLast;
  form.hidden = !canLast;
  warning.hidden = false;
  after(left + 1, check);
}

function hide() {
  const held = warning.contains(document.activeElement);
  warning.hidden = true;
  if (held) document.getElementById("main")?.focus();
}

// Another window may have kept the session alive meanwhile, or ended it.
async function check() {
  try {
    const state = await ask();
    if (state && state.left > 0) show(state);
    else location.reload(); // to the sign-in page, and from there back here
  } catch {
    after(30, check); // no connection: what is on the screen stays there
  }
}

form?.addEventListener("submit", async (event) => {
  event.preventDefault();
  try {
    const state = await ask({ method: "POST", body: new FormData(form) });
    if (state) show(state);
    else location.reload();
  } catch {
    after(5, check);
  }
});

if (form) {
  after(Number(warning.dataset.left) - WARN, check);
  // A dialog that closes takes what stands in it away.
  document.addEventListener("close", () => { if (!warning.hidden) place(); }, true);
  // A computer that slept does not count the seconds.
  document.addEventListener("visibilitychange", () => { if (!document.hidden) check(); });
}
