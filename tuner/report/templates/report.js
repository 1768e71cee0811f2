"use strict";
(() => {
  const svgElement = (name, attributes) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
  };

  // What if the limit were …? Looks up what the search answered; computes only where things lie in the picture.
  const source = document.getElementById("what-if-data");
  const slider = document.getElementById("limit");
  if (source && slider) {
    const { start, sentences, own, steps, choices, rows: ends, charts } = JSON.parse(source.textContent);
    const sentence = document.getElementById("what-if-answer");
    const text = document.getElementById("limit-text");
    const back = document.getElementById("limit-back");
    const rows = document.querySelectorAll("#what-if-table tbody tr");
    const figure = document.getElementById("tradeoff");

    const share = (chart, ms) => {
      const [low, high] = chart.x;
      const at = chart.log ? Math.log(ms / low) / Math.log(high / low) : (ms - low) / (high - low);
      return Math.min(1, Math.max(0, at));
    };
    const overlays = figure ? [...figure.querySelectorAll("svg")].map((svg, index) => {
      const chart = charts[index];
      const marks = svg.querySelector(".role-mark").parentNode;
      const under = svgElement("g", { class: "explored" });
      const over = svgElement("g", { class: "explored" });
      const shade = under.appendChild(svgElement("rect", { y: 0, height: chart.height, class: "explored-shade" }));
      const line = under.appendChild(svgElement("path", { class: "explored-line" }));
      const name = over.appendChild(svgElement("text", { y: chart.height - 8, class: "explored-limit" }));
      const ring = over.appendChild(svgElement("circle", { r: 10, class: "explored-ring" }));
      const size = over.appendChild(svgElement("text", { class: "explored-size" }));
      marks.prepend(under);
      marks.append(over);
      return (limit, limitText, [ms, cost, sizeText]) => {
        const at = share(chart, limit) * chart.width;
        shade.setAttribute("x", at);
        shade.setAttribute("width", chart.width - at);
        line.setAttribute("d", `M${at},0V${chart.height}`);
        const turned = at > chart.width * 0.8;
        name.textContent = `limit ${limitText}`;
        name.setAttribute("x", at + (turned ? -7 : 7));
        name.setAttribute("text-anchor", turned ? "end" : "start");
        const across = share(chart, ms) * chart.width;
        const down = chart.height * (1 - (cost - chart.y[0]) / (chart.y[1] - chart.y[0]));
        const inside = down >= 0 && down <= chart.height;
        ring.style.display = size.style.display = inside ? "" : "none";
        ring.setAttribute("cx", across);
        ring.setAttribute("cy", down);
        size.textContent = sizeText;
        size.setAttribute("x", across);
        size.setAttribute("y", down > chart.height - 60 ? down - 20 : down + 28);
        size.setAttribute("text-anchor", across > chart.width - 40 ? "end" : across < 40 ? "start" : "middle");
      };
    }) : [];

    const show = () => {
      const at = Number(slider.value);
      const [limit, limitText, choice, opening, probability, confidence] = steps[at];
      const words = { "%opening": opening, "%probability": probability, "%confidence": confidence };
      sentence.replaceChildren(...(own && at === start ? own : sentences[choice]).map(([piece, strong]) => {
        const made = document.createElement(strong ? "b" : "span");
        made.textContent = words[piece] ?? piece;
        return made;
      }));
      text.textContent = limitText;
      slider.setAttribute("aria-valuetext", limitText);
      const here = ends.findIndex(last => choice <= last);
      rows.forEach((row, index) => row.classList.toggle("here", index === here));
      const moved = at !== start;
      if (figure) figure.classList.toggle("exploring", moved);
      if (back) back.hidden = !moved;
      overlays.forEach(draw => draw(limit, limitText, choices[choice]));
    };
    slider.addEventListener("input", show);
    if (back) back.addEventListener("click", () => { slider.value = start; show(); slider.focus(); });
    if (slider.value !== String(start)) slider.value = start; // a browser may remember where it was left
    show();
    const limits = document.getElementById("what-if-limits");
    if (limits) { limits.open = false; limits.classList.add("foldable"); }
  }

  // A button copies a command; where the browser lets no page use the clipboard, the text is selected instead.
  for (const code of document.querySelectorAll(".code")) {
    const text = code.querySelector("pre");
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = "Copy";
    const told = document.createElement("span");
    told.className = "unseen";
    told.setAttribute("role", "status");
    const tell = words => {
      button.textContent = told.textContent = words;
      setTimeout(() => { button.textContent = "Copy"; told.textContent = ""; }, 2000);
    };
    const select = () => {
      getSelection().selectAllChildren(text);
      tell(document.execCommand("copy") ? "Copied" : "Selected");
    };
    button.addEventListener("click", () => {
      if (!navigator.clipboard) select();
      else navigator.clipboard.writeText(text.textContent).then(() => tell("Copied"), select);
    });
    code.append(button, told);
  }

  // Tables sort by the column whose heading is pressed; what is unknown stays at the end.
  for (const table of document.querySelectorAll("table.sortable")) {
    const body = table.tBodies[0];
    const headings = [...table.tHead.rows[0].cells];
    const key = (row, column) => {
      const cell = row.cells[column];
      const raw = cell.dataset.sort ?? cell.querySelector("data")?.value ?? cell.textContent.trim();
      const number = Number(raw.replaceAll(",", ""));
      return raw === "" || raw === "–" ? null : Number.isNaN(number) ? raw : number;
    };
    headings.forEach((heading, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...heading.childNodes);
      heading.append(button);
      button.addEventListener("click", () => {
        const descending = heading.getAttribute("aria-sort") === "ascending";
        headings.forEach(each => each.removeAttribute("aria-sort"));
        heading.setAttribute("aria-sort", descending ? "descending" : "ascending");
        const rows = [...body.rows].map((row, place) => [key(row, column), place, row]);
        rows.sort(([one, place], [other, otherPlace]) => {
          if (one === null || other === null) return (one === null) - (other === null) || place - otherPlace;
          const order = typeof one === "number" && typeof other === "number"
            ? one - other : String(one).localeCompare(String(other));
          return (descending ? -order : order) || place - otherPlace;
        });
        body.append(...rows.map(([, , row]) => row));
      });
    });
  }
})();
