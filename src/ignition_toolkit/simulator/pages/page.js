// Tells the simulator what happens on a page; nothing that is typed is told, only where.
(function () {
  "use strict";
  function nameOf(element) {
    if (!element || !element.closest) return "document";
    var named = element.closest("[id], [data-label], [data-component-path]") || element;
    return named.id || named.dataset.label || named.dataset.componentPath || named.tagName.toLowerCase();
  }
  // What outlives the page is told also when the act leads away from it.
  function tell(act, target, outlives) {
    var body = JSON.stringify({ act: act, target: target, page: location.pathname });
    return fetch("/simulator/journal", { method: "POST", keepalive: Boolean(outlives), body: body }).catch(function () {});
  }
  // Never returns to the browser. The first rounds are told, all of them unless their number is given,
  // so that the journal shows that it goes on.
  function loop(beats) {
    for (var left = beats || Infinity; ; left--) {
      if (left <= 0) continue;
      var request = new XMLHttpRequest();
      request.open("POST", "/simulator/journal", false);
      try { request.send(JSON.stringify({ act: "beat", target: "loop", page: location.pathname })); } catch (error) { void error; }
      var until = Date.now() + 50;
      while (Date.now() < until) { void 0; }
    }
  }
  window.simulator = { tell: tell, nameOf: nameOf, loop: loop };
  ["click", "input", "change", "keydown", "mousedown", "mouseup"].forEach(function (act) {
    document.addEventListener(act, function (event) { tell(act, nameOf(event.target), true); }, true);
  });
  tell("load", "document", true);
})();
