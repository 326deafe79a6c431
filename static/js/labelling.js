// Labelling by keyboard. The keys act only while the focus is inside the row to label, and never while a comment is typed.
(function () {
  "use strict";
  var page = document.getElementById("labelling");
  if (!page) return;
  var form = page.querySelector("form.answers");
  var comment = document.getElementById("comment");
  var previous = document.getElementById("previous");

  page.querySelectorAll("kbd, .keys").forEach(function (one) { one.hidden = false; });
  page.focus({ preventScroll: true });

  // The place of the key counts, not what is printed on it: on a French keyboard, "1" needs no Shift.
  function digit(event) {
    if (/^[0-3]$/.test(event.key)) return event.key;
    return /^Digit[0-3]$/.test(event.code) ? event.code.slice(-1) : "";
  }

  page.addEventListener("keydown", function (event) {
    if (event.isComposing) return;
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      form.requestSubmit();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target === comment) {
      if (event.key === "Escape") page.focus();
      return;
    }
    var choice = digit(event) && form.querySelector('[data-key="' + digit(event) + '"]');
    var key = event.key.toLowerCase();
    if (choice) {
      choice.checked = true;
      choice.focus();
    } else if (key === "c") {
      comment.focus();
    } else if (key === "p" && previous) {
      previous.click();
    } else if (event.key === "Enter" && !event.target.closest("a, button, summary")) {
      form.requestSubmit();
    } else {
      return;
    }
    event.preventDefault();
  });
})();
