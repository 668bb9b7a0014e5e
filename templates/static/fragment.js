// Hands what stands behind the "#" to the broker: read once, removed from the address bar, posted to this very address.
// A fragment without any of what the form wants belongs to no login, and is sent nowhere.
(function () {
  "use strict";
  var fragment = location.hash.slice(1);
  history.replaceState(null, "", location.pathname + location.search);
  var known = new URLSearchParams(fragment);
  var form = document.getElementById("fragment-form");
  var wanted = (form.dataset.wants || "state tgAuthResult").split(" ");
  document.getElementById("no-script").hidden = true;
  if (!wanted.some(function (name) { return known.get(name); })) {
    document.getElementById("nothing").hidden = false;
    document.getElementById("nothing").focus();
    return;
  }
  document.getElementById("waiting").hidden = false;
  document.getElementById("fragment").value = fragment;
  form.submit();
})();
