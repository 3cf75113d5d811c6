// A form with data-unsaved is not left by accident while what is typed there is not saved. A link with data-save-first asks first,
// in the dialog, whether to save; everything else that leads away is asked about by the browser.

const dialog = document.getElementById("dialog");
const body = document.getElementById("dialog-body");
const form = document.querySelector("form[data-unsaved]");

let leaving = false;
let wanted = null;

const dirty = () => Boolean(form) && [...form.elements].some((field) => "defaultValue" in field && field.type !== "hidden" && field.value !== field.defaultValue);

function ask(link) {
  wanted = link;
  body.replaceChildren(document.getElementById(link.dataset.saveFirst).content.cloneNode(true));
  dialog.showModal();
  body.querySelector("[data-save-and-go]").focus();
}

function go() {
  leaving = true;
  location.assign(wanted.href);
}

async function saveAndGo(button) {
  button.disabled = true;
  const answer = await fetch(form.action, { method: "POST", body: new FormData(form), headers: { "HX-Request": "true" } }).catch(() => null);
  if (answer?.headers.has("HX-Redirect")) return go();
  if (!answer) {
    button.disabled = false;
    body.querySelector("[data-save-failed]").hidden = false;
    return undefined;
  }
  // What cannot be saved is told where it is told at any other time.
  leaving = true;
  return form.submit();
}

form?.addEventListener("submit", () => { leaving = true; });

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-save-first]");
  if (link && dirty() && !event.button && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey) {
    event.preventDefault();
    ask(link);
  }
});

body?.addEventListener("click", (event) => {
  const save = event.target.closest("[data-save-and-go]");
  if (save) saveAndGo(save);
  else if (event.target.closest("[data-go]")) go();
});

// Says beside the button that something is not saved, while it is so.
form?.addEventListener("input", () => form.toggleAttribute("data-dirty", dirty()));

window.addEventListener("beforeunload", (event) => {
  if (!leaving && dirty()) event.preventDefault();
});

window.addEventListener("pageshow", (event) => {
  if (event.persisted) leaving = false;
});
