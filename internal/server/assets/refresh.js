// Loads the page's content again while somebody looks at it, so that a watch can be followed.
// Everything works without it. It waits while a form is being filled in or text is selected.
(function () {
  "use strict";
  var main = document.querySelector("main[data-refresh]");
  var every = main ? Number(main.dataset.refresh) * 1000 : 0;
  if (!every) return;
  var touched = false;
  main.addEventListener("input", function () { touched = true; });

  function busy() {
    var at = document.activeElement;
    return document.hidden || touched || (at && main.contains(at) && at !== main) || String(getSelection()) !== "";
  }
  function again() {
    if (busy()) return;
    var url = new URL(location.href);
    url.searchParams.delete("done");
    fetch(url, { credentials: "same-origin", redirect: "error" }).then(function (answer) {
      return answer.ok ? answer.text() : Promise.reject(new Error(answer.status));
    }).then(function (text) {
      var page = new DOMParser().parseFromString(text, "text/html");
      var fresh = page.querySelector("main");
      if (!fresh || busy()) return;
      main.querySelectorAll("details[open]").forEach(function (open) {
        var twin = open.id && fresh.querySelector("#" + CSS.escape(open.id));
        if (twin) twin.open = true;
      });
      main.innerHTML = fresh.innerHTML;
      document.title = page.title;
      main.classList.remove("stale");
      if (!fresh.dataset.refresh) clearInterval(timer);
    }).catch(function () { main.classList.add("stale"); });
  }
  var timer = setInterval(again, every);
  document.addEventListener("visibilitychange", again);
})();
