// Runs before the first paint, so that a remembered theme never flashes. Nothing remembered: the system decides.
(function () {
  try {
    var theme = localStorage.getItem("theme");
    if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  } catch (refused) { /* storage is refused by the browser: the system decides */ }
})();
