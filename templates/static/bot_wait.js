// Asks every few seconds whether somebody has answered in the chat, and then loads the page again, which goes on by itself.
// Whatever else comes back, the page shows better than a script could. Without scripts the page loads itself again.
(function () {
  "use strict";
  function ask() {
    fetch(location.href, { headers: { accept: "application/json" }, cache: "no-store" })
      .then(function (answer) {
        return answer.ok ? answer.json() : { answered: true };
      })
      .then(function (said) {
        if (said.answered) {
          location.reload();
          return;
        }
        setTimeout(ask, 2000);
      })
      .catch(function () {
        setTimeout(ask, 5000);
      });
  }
  setTimeout(ask, 2000);
})();
