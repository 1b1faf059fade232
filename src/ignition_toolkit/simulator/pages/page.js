// Tells the simulator what happens on a page; nothing that is typed is told, only where.
(function () {
  "use strict";
  function nameOf(element) {
    if (!element || !element.closest) return "document";
    var named = element.closest("[id], [data-label], [data-component-path]") || element;
    return named.id || named.dataset.label || named.dataset.componentPath || named.tagName.toLowerCase();
  }
  function tell(act, target) {
    var body = JSON.stringify({ act: act, target: target, page: location.pathname });
    return fetch("/simulator/journal", { method: "POST", keepalive: true, body: body }).catch(function () {});
  }
  window.simulator = { tell: tell, nameOf: nameOf };
  ["click", "input", "change", "keydown", "mousedown", "mouseup"].forEach(function (act) {
    document.addEventListener(act, function (event) { tell(act, nameOf(event.target)); }, true);
  });
  tell("load", "document");
})();
