// Lets Google's script show its prompt, and a button where one is wanted, and posts what they give to our callback.
// Where it does not come, the links of the page are all there is, and all there need be.
window.onGoogleLibraryLoad = function () {
  "use strict";
  var form = document.getElementById("one-tap");
  var google = window.google.accounts.id;
  google.initialize({
    client_id: form.dataset.clientId,
    nonce: form.dataset.nonce,
    auto_select: false, // who uses a browser next signs in by a click of theirs, or not at all
    use_fedcm_for_prompt: true,
    use_fedcm_for_button: true,
    callback: function (given) {
      form.elements.credential.value = given.credential;
      form.elements.select_by.value = given.select_by || "";
      form.submit();
    }
  });
  var place = document.getElementById("one-tap-button");
  if (place) {
    google.renderButton(place, { type: "standard", size: "large", width: 280, locale: document.documentElement.lang });
  }
  google.prompt();
};
