// EMULATOR of Google Identity Services: google.accounts.id with initialize, prompt, renderButton, cancel and
// disableAutoSelect, the elements #g_id_onload and .g_id_signin, and the cookie g_csrf_token. Nothing of it is the real
// script, and the prompt is a frame here where a browser would draw it.
(function () {
  "use strict";
  var script = new URL(document.currentScript.src);
  var home = script.origin + "/gsi/";
  var frames = [];
  var dialog = null;
  var set = {};

  var style = document.createElement("link");
  style.rel = "stylesheet";
  style.href = home + "style";
  document.head.appendChild(style);

  function address(page, more) {
    var url = new URL(home + page);
    var said = Object.assign({ client_id: set.client_id, nonce: set.nonce, origin: location.origin }, more);
    said.hl = said.hl || script.searchParams.get("hl") || document.documentElement.lang;
    Object.keys(said).forEach(function (name) { if (said[name]) { url.searchParams.set(name, said[name]); } });
    return url.href;
  }

  function frame(src, width, height, title) {
    var made = document.createElement("iframe");
    made.src = src;
    made.title = "EMULATOR: " + title;
    made.width = width;
    made.height = height;
    made.style.border = "0";
    made.style.maxWidth = "100%";
    frames.push(made);
    return made;
  }

  function csrf() {
    var token = crypto.randomUUID().replace(/-/g, "");
    document.cookie = "g_csrf_token=" + token + "; path=/; max-age=600" + (location.protocol === "https:" ? "; secure" : "");
    return token;
  }

  function give(answer) {
    if (set.callback) {
      set.callback(answer);
      return;
    }
    var form = document.createElement("form");
    form.method = "post";
    form.action = set.login_uri || location.href;
    var fields = Object.assign({ client_id: set.client_id, g_csrf_token: csrf() }, answer);
    Object.keys(fields).forEach(function (name) {
      var field = document.createElement("input");
      field.type = "hidden";
      field.name = name;
      field.value = fields[name];
      form.appendChild(field);
    });
    document.body.appendChild(form);
    form.submit();
  }

  function cancel() {
    if (dialog) { dialog.remove(); }
    dialog = null;
  }

  window.addEventListener("message", function (event) {
    var ours = frames.some(function (one) { return one.contentWindow === event.source; });
    if (!ours || event.origin !== script.origin) { return; }
    if (event.data.leave) {
      location.assign(event.data.leave + "&g_csrf_token=" + csrf());
    } else if (event.data.credential) {
      cancel();
      give(event.data);
    } else {
      cancel();
    }
  });

  var id = {
    initialize: function (given) { set = given; },
    prompt: function () {
      cancel();
      dialog = frame(address("prompt"), Math.min(380, innerWidth - 16), 150, "One Tap");
      dialog.id = "credential_picker_iframe";
      Object.assign(dialog.style, { position: "fixed", top: "8px", right: "8px", zIndex: 9999, borderRadius: "12px" });
      document.body.appendChild(dialog);
    },
    renderButton: function (parent, look) {
      var mode = set.ux_mode === "redirect" ? { ux_mode: "redirect", login_uri: set.login_uri } : {};
      parent.classList.add("g_id_signin");
      parent.replaceChildren(frame(
        address("button", Object.assign({ hl: look.locale, state: look.state }, mode)), look.width || 280, 44, "Google"
      ));
    },
    cancel: cancel,
    disableAutoSelect: function () {}
  };
  window.google = { accounts: { id: id } };

  function start() {
    var onload = document.getElementById("g_id_onload");
    if (onload) {
      var said = onload.dataset;
      id.initialize({
        client_id: said.client_id, nonce: said.nonce, login_uri: said.login_uri, ux_mode: said.ux_mode,
        callback: said.callback ? window[said.callback] : undefined
      });
      document.querySelectorAll(".g_id_signin").forEach(function (place) { id.renderButton(place, place.dataset); });
      if (said.auto_prompt !== "false") { id.prompt(); }
    }
    if (window.onGoogleLibraryLoad) { window.onGoogleLibraryLoad(); }
  }
  if (document.readyState === "loading") {
    document.addEventListener("DOMContentLoaded", start);
  } else {
    start();
  }
})();
