// Tells the answer to the window that opened this one, or has it in a frame: to the app's origin alone, and only that the
// browser enforces. Nothing is listened to. Where nobody waits, the answer goes to the app's page as it would otherwise.
(function () {
  "use strict";
  var answer = document.currentScript.dataset;
  var go_on = document.getElementById("continue");
  var waiting = window.parent !== window ? window.parent : window.opener;
  if (!waiting || waiting.closed) {
    location.replace(go_on.href);
    return;
  }
  waiting.postMessage({ type: "authorization_response", response: JSON.parse(answer.response) }, answer.origin);
  go_on.remove();
  document.getElementById("waiting").hidden = true;
  document.getElementById("told").hidden = false;
  window.close();
})();
