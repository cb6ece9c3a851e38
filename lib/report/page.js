(function () {
  var tip = document.getElementById("tip");
  function show(handler, event, item, value) {
    tip.textContent = "";
    if (!value) { tip.style.display = "none"; return; }
    var table = tip.appendChild(document.createElement("table"));
    Object.keys(value).forEach(function (key) {
      var row = table.insertRow();
      row.insertCell().textContent = key;
      row.insertCell().textContent = value[key];
    });
    tip.style.display = "block";
    var box = tip.getBoundingClientRect();
    tip.style.left = Math.max(4, Math.min(event.clientX + 14, innerWidth - box.width - 8)) + "px";
    tip.style.top = Math.max(4, Math.min(event.clientY + 14, innerHeight - box.height - 8)) + "px";
  }
  document.querySelectorAll("figure").forEach(function (figure) {
    var spec = JSON.parse(figure.querySelector("script").textContent);
    new vega.View(vega.parse(spec), {renderer: "svg", hover: false,
                                     container: figure.querySelector(".plot")})
      .tooltip(show).runAsync();
  });
})();
