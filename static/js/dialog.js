// Links with data-dialog open their own page's question in the one <dialog>; its forms are sent by htmx and answer into it.
// Without this file every such link is a page like any other; where a request fails, it becomes one again.
// A form with data-answers is too large for a dialog and stays a page; only what answers it opens in the dialog.

const dialog = document.getElementById("dialog");
const body = document.getElementById("dialog-body");
let opener = null;

const keeps = () => Boolean(body.querySelector("[data-show-once]"));

function open(link) {
  if (!dialog.contains(link)) opener = link; // one question may lead to another; the focus goes back to where it all began
  link.setAttribute("aria-busy", "true");
  htmx.ajax("GET", link.href, { target: body, swap: "innerHTML" }).catch(() => location.assign(link.href));
}

function close() {
  if (!keeps()) dialog.close();
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-dialog]");
  if (!link || !window.htmx || event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  open(link);
});

dialog?.addEventListener("click", (event) => {
  if (event.target.closest("[data-dialog-close]")) {
    event.preventDefault();
    close();
  }
});

// A click beside the dialog lands on the dialog itself; one that began inside (selecting text) does not count.
let beganBeside = false;
dialog?.addEventListener("pointerdown", (event) => { beganBeside = event.target === dialog; });
dialog?.addEventListener("click", (event) => {
  if (event.target === dialog && beganBeside) close();
});

dialog?.addEventListener("close", () => {
  if (dialog.open) return; // told late: the next question stands there already
  // What was asked for has changed meanwhile, and so has the page below.
  if (body.querySelector("[data-stale]")) location.reload();
  body.replaceChildren();
  dialog.removeAttribute("closedby");
  origin()?.focus();
});

// Where the focus goes back to: a link in a menu that has closed meanwhile gives it to the menu's button.
function origin() {
  if (!opener?.isConnected) return document.getElementById("main");
  return opener.checkVisibility() ? opener : opener.closest("details")?.querySelector("summary");
}

// A server that answers with a whole page (a redirect that was followed, a sign-in page) means: go there.
body?.addEventListener("htmx:beforeSwap", (event) => {
  const { xhr, requestConfig } = event.detail;
  if (xhr.status === 422 && requestConfig.elt.matches("[data-answers]")) {
    // Something is wrong in the form on the page: there it is told, and there the focus goes.
    event.detail.target = requestConfig.elt;
    event.detail.swapOverride = "outerHTML";
  } else if (/<html[\s>]/i.test(xhr.responseText.slice(0, 2000))) {
    event.detail.shouldSwap = false;
    location.assign(xhr.responseURL || location.href);
  }
});

// A verb that leads back to the page below keeps its filter, its order and its place in the list.
body?.addEventListener("htmx:beforeOnLoad", (event) => {
  const next = event.detail.xhr.getResponseHeader("HX-Redirect");
  if (!next || new URL(next, location.href).pathname !== location.pathname) return;
  event.preventDefault();
  location.reload();
});

function dress(forms) {
  for (const form of forms) {
    form.setAttribute("hx-post", form.getAttribute("action"));
    form.setAttribute("hx-target", "#dialog-body");
    form.setAttribute("hx-swap", "innerHTML");
    htmx.process(form);
  }
}

body?.addEventListener("htmx:afterSwap", () => {
  opener?.removeAttribute("aria-busy");
  dress(body.querySelectorAll('form[method="post"]'));
  if (keeps()) dialog.setAttribute("closedby", "none");
  if (!dialog.open) dialog.showModal();
  focusFirst();
});

function focusFirst() {
  const first = body.querySelector('[aria-invalid="true"], [autofocus]') || body.querySelector(".verb-main :is(input:not([type=hidden], [type=radio]), [type=radio]:checked, select, textarea, button)")
    || body.querySelector(".verb-foot :is(a, button)");
  first?.focus();
  dialog.scrollTop = 0;
}

document.getElementById("main")?.addEventListener("htmx:afterSwap", (event) => {
  dress(event.currentTarget.querySelectorAll("form[data-answers]"));
  const wrong = event.currentTarget.querySelector('[aria-invalid="true"], [tabindex="-1"].invalid-feedback, .alert');
  wrong?.focus();
  wrong?.scrollIntoView({ block: "center" });
});

if (window.htmx && dialog) dress(document.querySelectorAll("main form[data-answers]"));

// Nothing came back, or nothing that can be shown: before the dialog is open, the page itself; afterwards, a sentence.
function failed(event) {
  opener?.removeAttribute("aria-busy");
  const page = event.detail.elt?.closest?.("main form[data-answers]");
  if (!dialog.open && !page) {
    location.assign(event.detail.pathInfo.requestPath);
    return;
  }
  const place = dialog.open ? body.querySelector(".verb-main") : page;
  if (!place || place.querySelector("[data-dialog-failed]")) return;
  const notice = document.createElement("p");
  notice.className = "notice notice-bad";
  notice.dataset.dialogFailed = "";
  notice.setAttribute("role", "alert");
  notice.textContent = dialog.dataset.failed;
  if (dialog.open) place.prepend(notice);
  else place.querySelector(".form-actions, .verb-foot").before(notice); // beside the button that was pressed
}

for (const name of ["htmx:responseError", "htmx:sendError", "htmx:timeout"]) document.addEventListener(name, failed);
