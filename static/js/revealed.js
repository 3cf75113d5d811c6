// A key that was revealed stands there for a minute. Then it is taken away, and so is the dialog or the page that showed it.

let shown = null;
let until = 0;

function hide() {
  const place = shown;
  shown = null;
  if (!place.isConnected) return;
  place.querySelector("[data-secret]").textContent = "";
  const dialog = place.closest("dialog");
  if (dialog?.open) dialog.close();
  else location.replace(place.dataset.next);
}

function tick() {
  if (!shown?.isConnected) return;
  const left = Math.ceil((until - Date.now()) / 1000);
  if (left <= 0) {
    hide();
    return;
  }
  shown.querySelector("[data-seconds]").textContent = left;
  setTimeout(tick, 250);
}

function look() {
  const found = document.querySelector("[data-revealed]");
  if (!found || found === shown) return;
  shown = found;
  until = Date.now() + Number(found.dataset.revealed) * 1000;
  tick();
}

document.addEventListener("htmx:afterSwap", look);
window.addEventListener("pagehide", () => {
  for (const secret of document.querySelectorAll("[data-revealed] [data-secret]")) secret.textContent = "";
});
look();
