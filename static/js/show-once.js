// The secret that is shown once. It is only ever a text node; nothing here stores it, and it is gone with "Done" and with
// the page. Until the person says that it is stored, neither Done nor Esc nor a click beside the dialog takes it away.

const shown = () => document.querySelector("[data-show-once]");
const stored = () => !shown() || Boolean(shown().querySelector("[data-stored]")?.checked);

function wipe() {
  for (const secret of document.querySelectorAll("[data-secret]")) secret.textContent = "";
}

function download(button) {
  const secret = document.querySelector("[data-secret]").textContent.trim();
  const address = URL.createObjectURL(new Blob([`${secret}\n`], { type: "text/plain" }));
  const link = document.createElement("a");
  link.href = address;
  link.download = button.dataset.download;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}

function done() {
  const next = new URL(shown().dataset.next, location.href);
  wipe();
  shown().remove();
  // "back" then skips the page that showed it; the page below a dialog is loaded anew, even where only a place in it is meant
  if (next.pathname + next.search === location.pathname + location.search) location.reload();
  else location.replace(next);
}

document.addEventListener("change", (event) => {
  if (!event.target.matches("[data-stored]")) return;
  shown().querySelector("[data-done]").disabled = !event.target.checked;
});

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-download], [data-done]");
  if (!button) return;
  if (button.matches("[data-download]")) download(button);
  else if (stored()) done();
});

// A dialog with a secret is not left by Esc; older browsers do not know closedby, so the event is refused as well.
document.addEventListener("cancel", (event) => {
  if (event.target.querySelector?.("[data-show-once]")) event.preventDefault();
}, true);

window.addEventListener("beforeunload", (event) => {
  if (!stored()) event.preventDefault();
});

window.addEventListener("pagehide", wipe);
