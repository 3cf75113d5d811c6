// Copy buttons: data-copy holds a public value, data-copy-from names the element whose text is copied (a secret is
// never in an attribute), with the words of data-copy-after before it. The icon becomes a tick for two seconds, and the live region says it.

async function write(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return writeByHand(text);
  }
}

// Where the clipboard interface is missing (plain HTTP on another host) or was refused.
function writeByHand(text) {
  const host = document.querySelector("dialog[open]") || document.body;
  const field = document.createElement("textarea");
  field.value = text;
  field.className = "visually-hidden";
  host.append(field);
  field.select();
  const done = document.execCommand("copy");
  field.value = "";
  field.remove();
  return done;
}

function say(near, text) {
  const region = near.closest("dialog")?.querySelector("[data-live]") || document.querySelector("body > [data-live]");
  if (!region) return;
  region.textContent = "";
  // An unchanged text would not be read a second time; a fresh one after a pause is.
  setTimeout(() => { region.textContent = text; }, 50);
}

async function copy(button) {
  const text = button.dataset.copy ?? document.querySelector(button.dataset.copyFrom)?.textContent.trim();
  if (!text || !(await write((button.dataset.copyAfter || "") + text))) {
    say(button, button.dataset.failed || "");
    return;
  }
  button.classList.add("is-copied");
  say(button, button.dataset.copied);
  const words = button.querySelector("[data-copy-words]");
  const before = words?.textContent;
  if (words) words.textContent = button.dataset.copied;
  button.focus();
  setTimeout(() => {
    button.classList.remove("is-copied");
    if (words) words.textContent = before;
  }, 2000);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copy], [data-copy-from]");
  if (button && !button.classList.contains("is-copied")) copy(button);
});
