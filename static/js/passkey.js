// Passkeys: a form with data-passkey ("create" or "get") sends what the browser's authenticator says in its hidden field.
// What the browser has to be asked stands in data-options, or is fetched from data-options-url.

const decode = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (each) => each.charCodeAt(0));
const encode = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

const possible = Boolean(window.PublicKeyCredential) && !/^[\d.]+$|:/.test(location.hostname);

function forBrowser({ publicKey }) {
  const options = { ...publicKey, challenge: decode(publicKey.challenge) };
  if (options.user) options.user = { ...options.user, id: decode(options.user.id) };
  for (const list of ["excludeCredentials", "allowCredentials"]) {
    if (options[list]) options[list] = options[list].map((key) => ({ ...key, id: decode(key.id) }));
  }
  return { publicKey: options };
}

function forServer(credential) {
  const response = {};
  for (const part of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
    if (credential.response[part]) response[part] = encode(credential.response[part]);
  }
  if (credential.response.getTransports) response.transports = credential.response.getTransports();
  return {
    id: credential.id, rawId: encode(credential.rawId), type: credential.type, response,
    clientExtensionResults: credential.getClientExtensionResults(), authenticatorAttachment: credential.authenticatorAttachment,
  };
}

async function optionsOf(form) {
  if (form.dataset.options) return JSON.parse(form.dataset.options);
  const answer = await fetch(form.dataset.optionsUrl, { headers: { Accept: "application/json" } });
  return (await answer.json()).request_options;
}

async function use(button) {
  const form = button.form;
  const failed = form.querySelector("[data-passkey-failed]");
  failed.hidden = true;
  button.setAttribute("aria-busy", "true");
  try {
    const credential = await navigator.credentials[form.dataset.passkey](forBrowser(await optionsOf(form)));
    form.querySelector('input[name$="credential"]').value = JSON.stringify(forServer(credential));
    form.requestSubmit();
  } catch {
    failed.hidden = false; // the person said no, took too long, or there is no passkey
  } finally {
    button.removeAttribute("aria-busy");
  }
}

function prepare(root) {
  if (possible) return;
  for (const form of root.querySelectorAll("form[data-passkey]")) {
    form.hidden = Boolean(form.dataset.optionsUrl); // where a passkey is all there is to send
    form.querySelector("[data-passkey-impossible]").hidden = false;
    form.querySelector("[data-passkey-use]").hidden = true;
  }
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-passkey-use]");
  if (button && button.getAttribute("aria-busy") !== "true") use(button);
});

document.addEventListener("htmx:afterSwap", (event) => prepare(event.target));
prepare(document);
