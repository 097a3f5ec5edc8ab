// Everything works without this file. It makes what is there more comfortable, and tells the page around
// the frame how it ended.
(function () {
  "use strict";
  var framed = window.parent !== window;
  if (framed) document.documentElement.classList.add("framed");

  // The end, for the page around the frame. Which one that is nobody knows here: the activation token
  // is of use only together with the integrator's API key.
  var done = document.getElementById("done");
  function tell(what) {
    if (!framed) return;
    if (what === "success" && done) {
      window.parent.postMessage({ type: "success", data: { activation_token: done.dataset.activationToken } }, "*");
    } else {
      window.parent.postMessage({ type: "close" }, "*");
    }
  }
  if (done) tell("success");
  document.querySelectorAll("[data-close]").forEach(function (link) {
    link.addEventListener("click", function (event) {
      tell(link.dataset.close);
      if (framed && link.dataset.close === "success") event.preventDefault();
    });
  });

  // Frames of other origins do not get the focus by autofocus. In a frame each step begins at its title, so
  // that it is read, and Tab does not go on behind the frame.
  var first = document.querySelector("[autofocus]"), title = document.querySelector("h1");
  if (first) {
    first.focus();
  } else if (framed && title) {
    title.tabIndex = -1;
    title.focus({ preventScroll: true });
  }

  // Escape leaves as the cross does, where nothing would have to be typed again.
  var corner = document.querySelector("[data-escape]");
  function touched(field) {
    if (field.type === "checkbox" || field.type === "radio") return field.checked !== field.defaultChecked;
    if (field.options) return Array.from(field.options).some(function (o) { return o.selected !== o.defaultSelected && !(o.index === 0 && o.selected); });
    return "defaultValue" in field && field.value !== field.defaultValue;
  }
  document.addEventListener("keydown", function (event) {
    if (event.key !== "Escape" || event.defaultPrevented || event.isComposing || !framed || !corner) return;
    if (!Array.from(document.querySelectorAll("form input, form select")).some(touched)) corner.click();
  });

  // Secrets can be shown while they are typed.
  document.querySelectorAll("[data-secret]").forEach(function (box) {
    var input = box.querySelector("input");
    var button = document.createElement("button");
    button.type = "button";
    button.className = "show";
    button.setAttribute("aria-controls", input.id);
    function name() {
      button.textContent = input.type === "password" ? box.dataset.show : box.dataset.hide;
      button.setAttribute("aria-label", button.textContent + ": " + box.dataset.label);
    }
    button.addEventListener("click", function () {
      input.type = input.type === "password" ? "text" : "password";
      name();
    });
    name();
    box.appendChild(button);
    input.form.addEventListener("submit", function () { input.type = "password"; name(); });
  });

  // A form is sent once, however often its button is pressed.
  document.querySelectorAll("form[data-once]").forEach(function (form) {
    form.addEventListener("submit", function (event) {
      if (form.dataset.sent) { event.preventDefault(); return; }
      form.dataset.sent = "yes";
      form.setAttribute("aria-busy", "true");
    });
    window.addEventListener("pageshow", function () {
      delete form.dataset.sent;
      form.removeAttribute("aria-busy");
    });
  });

  // The check goes on without loading the page again and again.
  var progress = document.getElementById("progress"), now = document.getElementById("status");
  var said = document.getElementById("said"), again = 0; // it is read out now and then, not with every number
  function say(text) {
    now.textContent = text;
    if (Date.now() < again) return;
    said.textContent = text;
    again = Date.now() + 10000;
  }
  var failures = 0;
  function poll() {
    var stop = new AbortController(), patience = setTimeout(function () { stop.abort(); }, 20000);
    fetch(progress.dataset.poll, { cache: "no-store", credentials: "omit", signal: stop.signal }).then(function (answer) {
      if (answer.redirected || !answer.ok && answer.status < 500) { window.location.replace(answer.redirected ? answer.url : progress.dataset.poll); return null; }
      if (!answer.ok) throw new Error("status " + answer.status);
      return answer.text();
    }).then(function (text) {
      if (text === null) return;
      failures = 0;
      var page = new DOMParser().parseFromString(text, "text/html");
      var next = page.getElementById("progress"), status = page.getElementById("status");
      if (!next || !status) { window.location.replace(progress.dataset.poll); return; }
      var open = document.querySelector("#endpoints[open]"), focused = progress.contains(document.activeElement);
      progress.innerHTML = next.innerHTML;
      var details = document.getElementById("endpoints");
      if (details && open) details.open = true;
      if (details && focused) details.querySelector("summary").focus();
      if (now.textContent !== status.textContent) say(status.textContent);
      setTimeout(poll, 700);
    }).catch(function () {
      failures++;
      if (failures === 3) { again = 0; say(progress.dataset.lost); }
      setTimeout(poll, Math.min(10000, 1000 * failures));
    }).finally(function () { clearTimeout(patience); });
  }
  if (progress) {
    document.getElementById("reload").hidden = true;
    setTimeout(poll, 700);
  }
})();
