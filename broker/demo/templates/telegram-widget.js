// EMULATOR of the legacy login widget: puts a frame beside its own script element and, when the frame reports signed
// fields, sends the browser to data-auth-url with them. It knows data-telegram-login, data-auth-url, data-size and
// data-lang; nothing of it is the real script.
(function () {
  "use strict";
  var script = document.currentScript;
  var home = new URL(script.src).origin;
  var given = script.dataset;
  var frame = document.createElement("iframe");
  frame.id = "telegram-login-" + given.telegramLogin;
  frame.title = "EMULATOR: Telegram";
  frame.src = home + "/embed/" + encodeURIComponent(given.telegramLogin) +
    "?origin=" + encodeURIComponent(location.origin) +
    "&return_to=" + encodeURIComponent(location.href) +
    "&size=" + encodeURIComponent(given.size || "large") +
    (given.lang ? "&lang=" + encodeURIComponent(given.lang) : "");
  frame.width = "320";
  frame.height = "520";
  frame.setAttribute("frameborder", "0");
  script.parentNode.insertBefore(frame, script.nextSibling);

  window.addEventListener("message", function (event) {
    if (event.source !== frame.contentWindow || event.origin !== home) { return; }
    var told = JSON.parse(event.data);
    if (told.event !== "auth_user" || !given.authUrl) { return; }
    var target = given.authUrl;
    Object.keys(told.auth_data).forEach(function (name) {
      target += (target.indexOf("?") < 0 ? "?" : "&") + name + "=" + encodeURIComponent(told.auth_data[name]);
    });
    location.assign(target);
  });
})();
