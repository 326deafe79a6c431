// Conveniences only: every page works without this file.
(function () {
  "use strict";
  var root = document.documentElement;
  var system = window.matchMedia("(prefers-color-scheme: dark)");
  var button = document.getElementById("theme");

  function dark() {
    return root.dataset.theme ? root.dataset.theme === "dark" : system.matches;
  }

  function nameButton() {
    var label = dark() ? button.dataset.toLight : button.dataset.toDark;
    button.setAttribute("aria-label", label);
    button.title = label;
  }

  function remember(theme) {
    try {
      if (theme) localStorage.setItem("theme", theme); else localStorage.removeItem("theme");
    } catch (refused) { /* the choice lasts for this page only */ }
  }

  if (button) {
    button.hidden = false;
    nameButton();
    system.addEventListener("change", nameButton);
    button.addEventListener("click", function () {
      var theme = dark() ? "light" : "dark";
      var follows = (theme === "dark") === system.matches;
      if (follows) delete root.dataset.theme; else root.dataset.theme = theme;
      remember(follows ? null : theme);
      nameButton();
    });
  }

  // The answer to a form that was sent is shown whatever its status: a refusal is a page that says why.
  document.addEventListener("htmx:beforeSwap", function (event) {
    if (event.detail.requestConfig.verb !== "post") return;
    event.detail.shouldSwap = true;
    event.detail.isError = false;
  });

  // The menu of the header closes on a click elsewhere, and on Escape.
  var menu = document.getElementById("menu");
  if (menu) {
    document.addEventListener("click", function (event) { if (!menu.contains(event.target)) menu.open = false; });
    menu.addEventListener("keydown", function (event) {
      if (event.key === "Escape" && menu.open) { menu.open = false; menu.querySelector("summary").focus(); }
    });
  }

  // Copy buttons appear where the browser can copy.
  function showCopy(scope) {
    if (!navigator.clipboard) return;
    scope.querySelectorAll("[data-copy]").forEach(function (one) { one.hidden = false; });
  }
  showCopy(document);
  document.addEventListener("htmx:afterSettle", function (event) { showCopy(event.target); });

  document.addEventListener("click", function (event) {
    var copy = event.target.closest("[data-copy]");
    if (copy) {
      navigator.clipboard.writeText(copy.dataset.copy).then(function () {
        var name = copy.textContent;
        copy.textContent = copy.dataset.done;
        setTimeout(function () { copy.textContent = name; }, 1500);
      });
      return;
    }
    // A row opens its object, except when text is being selected or a link was meant.
    var row = event.target.closest("tr[data-href]");
    if (!row || event.target.closest("a, button, summary") || String(window.getSelection())) return;
    if (event.ctrlKey || event.metaKey) window.open(row.dataset.href); else window.location.assign(row.dataset.href);
  });
})();
