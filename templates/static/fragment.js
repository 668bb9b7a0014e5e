// Hands what stands behind the "#" to the broker: read once, removed from the address bar, posted to this very address.
// A fragment that belongs to no login attempt is sent nowhere.
(function () {
  "use strict";
  var fragment = location.hash.slice(1);
  history.replaceState(null, "", location.pathname + location.search);
  var known = new URLSearchParams(fragment);
  if (!known.get("state") && !known.get("tgAuthResult")) {
    document.getElementById("waiting").hidden = true;
    document.getElementById("nothing").hidden = false;
    document.getElementById("nothing").focus();
    return;
  }
  document.getElementById("fragment").value = fragment;
  document.getElementById("fragment-form").submit();
})();
