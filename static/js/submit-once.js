// A form is sent once: a double click, or Enter on Enter, makes one token. (The server holds to it as well.)

const sent = new WeakSet();

function buttons(form) {
  return [...form.elements].filter((element) => element.type === "submit");
}

function release(form) {
  sent.delete(form);
  for (const button of buttons(form)) {
    button.disabled = false;
    button.removeAttribute("aria-busy");
    if (button.dataset.words) button.textContent = button.dataset.words;
  }
}

// In the capture phase: before htmx hears of it.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post" || form.closest("[data-session]")) return; // staying signed in may be said again
  if (sent.has(form)) {
    event.preventDefault();
    event.stopImmediatePropagation();
    return;
  }
  sent.add(form);
  // Disabled a moment later, when the browser has taken down which button was pressed.
  setTimeout(() => {
    for (const button of buttons(form)) {
      button.disabled = true;
      button.setAttribute("aria-busy", "true");
      if (!button.dataset.working) continue; // what takes a moment says so
      button.dataset.words = button.textContent;
      button.textContent = button.dataset.working;
    }
  });
}, true);

// An answer that leaves the form in place (an error, a lost connection) lets it be sent again; one that leads away does not.
document.addEventListener("htmx:afterRequest", (event) => {
  const form = event.detail.elt?.closest?.("form");
  if (form?.isConnected && !event.detail.xhr?.getResponseHeader("HX-Redirect")) setTimeout(() => release(form));
});

// Back to a page the browser had kept.
window.addEventListener("pageshow", (event) => {
  if (event.persisted) for (const form of document.forms) release(form);
});
