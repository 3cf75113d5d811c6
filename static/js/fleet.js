// The fleet of terminals: ticking a whole page, and the list of new tokens as CSV, made here and sent nowhere.

const FORMULA = /^[=+\-@\t\r]/; // a cell that begins so is run as a formula by spreadsheets

const ticks = (form) => [...form.querySelectorAll('[name="terminal"]')];

function count(form) {
  const chosen = ticks(form).filter((each) => each.checked).length;
  const all = form.querySelector("[data-tick-all]");
  if (all) all.checked = chosen > 0 && chosen === ticks(form).length;
  const told = form.querySelector("[data-ticked]");
  if (told) told.textContent = chosen ? `${chosen} ${told.dataset.words}` : "";
}

document.addEventListener("change", (event) => {
  const form = event.target.closest("[data-ticks]");
  if (!form) return;
  if (event.target.matches("[data-tick-all]")) for (const each of ticks(form)) each.checked = event.target.checked;
  count(form);
});

window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("[data-ticks]")) count(form);
});

const cell = (text) => `"${(FORMULA.test(text) ? `'${text}` : text).replaceAll('"', '""')}"`;

// The words of a row are its text; the mark at the beginning tells spreadsheets that this is UTF-8.
function csvOf(table) {
  const rows = [...table.querySelectorAll("tr")];
  return `\ufeff${rows.map((row) => [...row.cells].map((each) => cell(each.textContent.trim())).join(",")).join("\r\n")}\r\n`;
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-csv]");
  if (!button) return;
  const address = URL.createObjectURL(new Blob([csvOf(button.closest("section").querySelector("table"))], { type: "text/csv" }));
  const link = document.createElement("a");
  link.href = address;
  link.download = button.dataset.csv;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
});
