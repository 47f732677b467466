"use strict";
// The time that the latest calls waited (bars), the time that 1C took (dots), the deadline (a line).
const bars = width => width < 500 ? 36 : 60;

function svg(name, attributes, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

// A round number of milliseconds not below `value`.
function ceiling(value) {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 1)));
  return [1, 1.5, 2, 3, 4, 5, 8, 10].map(n => n * power).find(n => n >= value);
}

// decisions: the oldest first; words: (ms) => text, (decision) => title, (decision) => time
function chart(decisions, deadline, width, ms, title, deadlineWord, time) {
  const places = bars(width), shown = decisions.slice(-places);
  const height = 190, left = 58, right = 8, top = 16, bottom = 22;
  const longest = Math.max(0, ...shown.flatMap(d => [d.took_ms, d.onec_took_ms || 0]));
  // A 1C that takes ten seconds must not press everything else flat.
  const most = ceiling(Math.min(Math.max(longest, deadline * 1.1), deadline * 2.5));
  const y = value => top + (height - top - bottom) * (1 - Math.min(value, most) / most);
  const slot = (width - left - right) / places;
  const drawing = svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img" });
  for (const mark of [0, most / 2, most]) {
    drawing.append(
      svg("line", { class: "grid", x1: left, x2: width - right, y1: y(mark), y2: y(mark) }),
      svg("text", { class: "axis", x: left - 6, y: y(mark) + 4, "text-anchor": "end" }, ms(mark)),
    );
  }
  shown.forEach((decision, i) => {
    const x = width - right - (shown.length - i) * slot;
    const tall = Math.max(2, y(0) - y(decision.took_ms));
    const mark = svg("g", {}, svg("title", {}, title(decision)));
    mark.append(
      svg("rect", { class: "hit", x, y: top, width: slot, height: height - top - bottom }),
      svg("rect", {
        class: `bar r-${RESULTS.includes(decision.result) ? decision.result : "skipped"}`,
        x: x + slot * 0.15, y: y(0) - tall, width: Math.max(1.5, slot * 0.7), height: tall, rx: 1,
      }),
    );
    if (decision.onec_took_ms !== null) {
      mark.append(svg("circle", { class: "onec", cx: x + slot / 2, cy: y(decision.onec_took_ms), r: Math.min(3.5, slot * 0.4) }));
    }
    drawing.append(mark);
  });
  // When the first and the last one were.
  const first = width - right - shown.length * slot, ends = [[shown[0], first, "start"], [shown.at(-1), width - right, "end"]];
  for (const [decision, x, anchor] of shown.length * slot < 180 ? ends.slice(1) : ends) {
    drawing.append(svg("text", { class: "axis", x, y: height - 6, "text-anchor": anchor }, time(decision)));
  }
  drawing.append(
    svg("line", { class: "deadline", x1: left, x2: width - right, y1: y(deadline), y2: y(deadline) }),
    svg("text", { class: "deadline-word", x: left + 4, y: y(deadline) - 4 }, `${deadlineWord} ${ms(deadline)}`),
  );
  return drawing;
}
