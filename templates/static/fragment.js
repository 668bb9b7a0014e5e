// Hands what stands behind the "#" to the broker: read once, removed from the address bar, posted to this very address.
// A fragment that belongs to no login attempt is sent nowhere.
(function () {
  "use strict";
  var fragment = location.hash.slice(1);
  history.replaceState(null, "", location.pathname + location.search);
  var known = new URLSearchParams(fragment);
  document.getElementById("no-script").hidden = true;
  if (!known.get("state") && !known.get("tgAuthResult")) {
    document.getElementById("nothing").hidden = false;
    document.getElementById("nothing").focus();
    return;
  }
  document.getElementById("waiting").hidden = false;
  document.getElementById("fragment").value = fragment;
  document.getElementById("fragment-form").submit();
})();
