// The live page of `laneloop serve --view`: events in, pictures and a plan of the town out. docs/view.md names the fields.
"use strict";

const $ = (id) => document.getElementById(id);
const SURFACES = { driving: "#4a4f54", bidirectional: "#4a4f54", entry: "#4a4f54", exit: "#4a4f54", onRamp: "#4a4f54", offRamp: "#4a4f54",
  parking: "#43484d", stop: "#43484d", shoulder: "#3b4044", biking: "#5a4038", sidewalk: "#62625d", median: "#34432f", border: "#3d3f3a",
  restricted: "#3a3a33" };
const LIGHTS = ["#ff3b30", "#ffcc00", "#34c759", "#777777"];
const BODIES = { vehicle: "#4aa3ff", walker: "#ff7ad9", prop: "#c2a36b" };
const EGO = "#ffb000";

let from = "ego", source = null, state = null, shapes = [], plan = null;
const view = { x: 0, y: 0, scale: 0, follow: false };

// ---- events ----

function connect() {
  if (source) source.close();
  source = new EventSource("/events?from=" + from);
  source.addEventListener("state", (e) => { state = JSON.parse(e.data); show(); });
  source.addEventListener("shapes", (e) => { shapes = JSON.parse(e.data); });
  source.onopen = () => say("live", false);
  source.onerror = () => {
    const refused = source.readyState === EventSource.CLOSED;
    say(refused ? "no place free; trying again in 5 s" : "the simulator is gone; trying again", true);
    if (refused) setTimeout(connect, 5000);
  };
}

function say(text, bad) {
  $("status").textContent = text;
  $("status").className = bad ? "bad" : "";
}

function show() {
  const s = state;
  $("map").textContent = s.map;
  $("pace").textContent = s.ticks_per_s.toFixed(1);
  $("mode").textContent = s.synchronous ? "synchronous" : "asynchronous";
  $("frame").textContent = s.frame;
  $("time").textContent = s.time_s.toFixed(2) + " s";
  $("clients").textContent = s.clients + " (" + s.streams + " streams, " + s.frames_dropped + " frames dropped)";
  $("weather").textContent = weather(s.weather);
  $("looking").textContent = from === "spectator" ? "" : s.ego ? "actor " + s.ego + ", " + (s.ego_speed_mps * 3.6).toFixed(0) + " km/h"
    : "no actor has the role hero: this is the spectator's view";
  const n = { vehicle: 0, walker: 0, light: 0, sensor: 0 };
  for (const a of s.actors) if (a[1] in n) n[a[1]]++;
  $("counts").textContent = n.vehicle + " vehicles, " + n.walker + " walkers, " + n.light + " lights, " + n.sensor + " sensors, " +
    shapes.length + " shapes";
  document.body.dataset.serial = s.serial;
  picture($("camera"), "/camera.jpg");
  picture($("labels"), "/labels.png");
  if (!plan || plan.episode !== s.episode) loadPlan();
  draw();
}

function weather(w) {
  const sun = w.sun_altitude_angle;
  const words = [sun < -1 ? "night" : sun < 12 ? "low sun" : "day"];
  if (w.cloudiness >= 60) words.push("overcast"); else if (w.cloudiness >= 25) words.push("cloudy");
  if (w.precipitation > 0) words.push("rain " + Math.round(w.precipitation) + " %");
  if (w.wetness > 0 || w.precipitation_deposits > 0) words.push("wet " + Math.round(Math.max(w.wetness, w.precipitation_deposits)) + " %");
  if (w.fog_density > 10) words.push("fog " + Math.round(w.fog_density) + " %");
  return words.join(", ") + " (sun at " + sun.toFixed(0) + "°)";
}

// One request at a time for each picture: a slow connection gets fewer of them, not a queue.
function picture(img, path) {
  if (img.dataset.busy) return;
  img.dataset.busy = "1";
  img.onload = img.onerror = () => { delete img.dataset.busy; };
  img.src = path + "?from=" + from + "&n=" + state.serial;
}

function look(next) {
  from = next;
  for (const name of ["ego", "spectator"]) $("from-" + name).setAttribute("aria-pressed", String(name === from));
  connect();
}

// ---- the plan: roads once per episode, as paths in metres; x to the right, y down, as CARLA's axes seen from above ----

let planAsked = "";
async function loadPlan() {
  if (planAsked === state.episode) return;
  planAsked = state.episode;
  try {
    const answer = await fetch("/map.json");
    const map = await answer.json();
    if (map.episode !== state.episode) { planAsked = ""; return; }
    const isNew = !plan || plan.name !== map.roads.name;
    plan = { episode: map.episode, name: map.roads.name, low: map.roads.low, high: map.roads.high, surfaces: new Map(), marks: [], crosswalks: new Path2D() };
    for (const [type, points] of map.roads.lanes) {
      const color = SURFACES[type];
      if (!color) continue;
      if (!plan.surfaces.has(color)) plan.surfaces.set(color, new Path2D());
      trace(plan.surfaces.get(color), points, true);
    }
    for (const key of ["00", "01", "10", "11"]) plan.marks[key] = new Path2D();
    for (const [yellow, broken, points] of map.roads.marks) trace(plan.marks["" + yellow + broken], points, false);
    for (const points of map.roads.crosswalks) trace(plan.crosswalks, points, true);
    legend(map.tags);
    if (isNew) fit();
    draw();
  } catch (error) { planAsked = ""; }
}

function trace(path, points, closed) {
  path.moveTo(points[0], points[1]);
  for (let i = 2; i < points.length; i += 2) path.lineTo(points[i], points[i + 1]);
  if (closed) path.closePath();
}

function legend(tags) {
  $("legend").replaceChildren(...tags.map(([name, color]) => {
    const item = document.createElement("span"), svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    const rect = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    rect.setAttribute("width", "100%");
    rect.setAttribute("height", "100%");
    rect.setAttribute("fill", color);
    svg.append(rect);
    item.append(svg, name);
    return item;
  }));
}

function fit() {
  if (!plan) return;
  const c = $("above");
  view.x = (plan.low[0] + plan.high[0]) / 2;
  view.y = (plan.low[1] + plan.high[1]) / 2;
  view.scale = 0.94 * Math.min(c.clientWidth / (plan.high[0] - plan.low[0] + 1), c.clientHeight / (plan.high[1] - plan.low[1] + 1));
  setFollow(false);
}

function setFollow(on) {
  view.follow = on;
  $("follow").setAttribute("aria-pressed", String(on));
  if (on && view.scale && view.scale < 8) view.scale = 8;
}

function draw() {
  const c = $("above"), g = c.getContext("2d"), ratio = window.devicePixelRatio || 1;
  if (c.width !== Math.round(c.clientWidth * ratio) || c.height !== Math.round(c.clientHeight * ratio)) {
    c.width = Math.round(c.clientWidth * ratio);
    c.height = Math.round(c.clientHeight * ratio);
  }
  g.setTransform(1, 0, 0, 1, 0, 0);
  g.clearRect(0, 0, c.width, c.height);
  if (!plan || !state) return;
  const ego = state.actors.find((a) => a[0] === state.ego);
  if (view.follow) {
    const [x, y] = ego ? [ego[2], ego[3]] : state.cameras.spectator;
    view.x = x;
    view.y = y;
  }
  const k = view.scale * ratio;
  g.setTransform(k, 0, 0, k, c.width / 2 - view.x * k, c.height / 2 - view.y * k);
  for (const [color, path] of plan.surfaces) { g.fillStyle = color; g.fill(path); }
  g.fillStyle = "#c9c9c966";
  g.fill(plan.crosswalks);
  g.lineWidth = Math.max(0.12, 0.6 / view.scale);
  for (const key of ["00", "01", "10", "11"]) {
    g.strokeStyle = key[0] === "1" ? "#d9b13b" : "#dcdcdc";
    g.setLineDash(key[1] === "1" ? [3, 4.5] : []);
    g.stroke(plan.marks[key]);
  }
  g.setLineDash([]);
  for (const a of state.actors) drawActor(g, a, a[0] === state.ego);
  drawCamera(g, state.cameras[from]);
  for (const s of shapes) drawShape(g, s);
}

const pixels = (n) => n / view.scale;

function drawActor(g, [, kind, x, y, yaw, cx, cy, ex, ey, , light], isEgo) {
  if (kind === "light" || kind === "sign") {
    g.fillStyle = kind === "light" ? LIGHTS[light] || LIGHTS[3] : "#b0b6bb";
    g.beginPath();
    g.arc(x, y, Math.max(0.6, pixels(kind === "light" ? 4 : 2)), 0, 2 * Math.PI);
    g.fill();
    return;
  }
  if (!BODIES[kind]) return;
  g.save();
  g.translate(x, y);
  g.rotate(yaw * Math.PI / 180);
  const w = Math.max(ex, pixels(3)), h = Math.max(ey, pixels(2)); // never too small to see
  g.fillStyle = isEgo ? EGO : BODIES[kind];
  g.fillRect(cx - w, cy - h, 2 * w, 2 * h);
  if (kind === "vehicle") { // where its windscreen is
    g.fillStyle = "#10141899";
    g.fillRect(cx + 0.25 * w, cy - 0.85 * h, 0.3 * w, 1.7 * h);
  }
  g.restore();
}

function drawCamera(g, [x, y, yaw, fov]) {
  const reach = Math.max(12, pixels(40)), a = (yaw - fov / 2) * Math.PI / 180, b = (yaw + fov / 2) * Math.PI / 180;
  g.fillStyle = "#ffffff22";
  g.beginPath();
  g.moveTo(x, y);
  g.arc(x, y, reach, a, b);
  g.closePath();
  g.fill();
}

function drawShape(g, [kind, color, x, y, x2, y2, yaw, size, text]) {
  g.strokeStyle = g.fillStyle = color;
  g.lineWidth = Math.max(size, pixels(1.5));
  g.beginPath();
  if (kind === "point") {
    g.arc(x, y, Math.max(0.3, pixels(3)), 0, 2 * Math.PI);
    g.fill();
  } else if (kind === "text") {
    const m = g.getTransform(), at = m.transformPoint(new DOMPoint(x, y)); // in pixels: fonts of less than one are not drawn well
    g.save();
    g.setTransform(1, 0, 0, 1, 0, 0);
    g.font = 13 * m.a / view.scale + "px system-ui, sans-serif";
    g.fillText(text, at.x, at.y);
    g.restore();
  } else if (kind === "box") {
    g.save();
    g.translate(x, y);
    g.rotate(yaw * Math.PI / 180);
    g.strokeRect(-x2, -y2, 2 * x2, 2 * y2);
    g.restore();
  } else {
    g.moveTo(x, y);
    g.lineTo(x2, y2);
    if (kind === "arrow") {
      const d = Math.atan2(y2 - y, x2 - x), r = Math.max(1, pixels(8));
      for (const turn of [2.6, -2.6]) { g.moveTo(x2, y2); g.lineTo(x2 + r * Math.cos(d + turn), y2 + r * Math.sin(d + turn)); }
    }
    g.stroke();
  }
}

// ---- hands ----

const above = $("above");
let held = null;
above.addEventListener("pointerdown", (e) => { held = [e.clientX, e.clientY]; above.setPointerCapture(e.pointerId); });
above.addEventListener("pointerup", () => { held = null; });
above.addEventListener("pointermove", (e) => {
  if (held) {
    setFollow(false);
    view.x -= (e.clientX - held[0]) / view.scale;
    view.y -= (e.clientY - held[1]) / view.scale;
    held = [e.clientX, e.clientY];
    draw();
  } else if (state && view.scale) {
    const box = above.getBoundingClientRect();
    const x = view.x + (e.clientX - box.left - box.width / 2) / view.scale, y = view.y + (e.clientY - box.top - box.height / 2) / view.scale;
    let best = null, least = pixels(14);
    for (const a of state.actors) {
      const d = Math.hypot(a[2] - x, a[3] - y);
      if (d < least) { least = d; best = a; }
    }
    $("hover").textContent = best ? best[0] + " " + best[11] + (best[12] ? " (" + best[12] + ")" : "") + ", " + best[9].toFixed(1) + " m/s" : "";
  }
});
above.addEventListener("wheel", (e) => {
  e.preventDefault();
  view.scale = Math.max(0.02, Math.min(80, view.scale * Math.exp(-e.deltaY / 500)));
  draw();
}, { passive: false });
$("fit").onclick = fit;
$("follow").onclick = () => { setFollow(!view.follow); draw(); };
$("from-ego").onclick = () => look("ego");
$("from-spectator").onclick = () => look("spectator");
window.addEventListener("resize", draw);
connect();
