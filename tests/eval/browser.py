"""The live page in headless Chromium, driven over its DevTools pipe (no packages needed).

    browser.py URL EGO [SCREENSHOT.png]

Checks what a person would see: pictures that change, labels in CARLA's colours, a plan with roads and cars, numbers that count, buttons
that work, and no error on the console. Exit status 0, or 1 with a line for each thing that is wrong."""
import base64
import json
import os
import signal
import subprocess
import sys
import tempfile
import time

url, ego = sys.argv[1], int(sys.argv[2])
screenshot = sys.argv[3] if len(sys.argv) > 3 else None
wrong = []


class Browser:
    """Chromium reads commands from descriptor 3 and writes answers to 4, each ended by a zero byte."""

    def __init__(self, profile):
        to_r, self.to = os.pipe()
        self.come, come_w = os.pipe()

        def place():  # descriptors may be 3 and 4 already: by way of high ones
            a, b = os.dup2(to_r, 100), os.dup2(come_w, 101)
            os.dup2(a, 3), os.dup2(b, 4)

        self.process = subprocess.Popen(
            ["chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
             "--disable-background-networking", "--disable-component-update", "--disable-sync", "--window-size=1500,1000",
             "--remote-debugging-pipe", "--user-data-dir=" + profile, "about:blank"],
            preexec_fn=place, close_fds=False, start_new_session=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(to_r), os.close(come_w)
        self.count, self.rest, self.session, self.errors = 0, b"", None, []

    def call(self, method, **parameters):
        self.count += 1
        message = {"id": self.count, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.receive()
            if answer.get("id") == self.count:
                if "error" in answer:
                    raise RuntimeError(method + ": " + str(answer["error"]))
                return answer["result"]

    def receive(self):
        while b"\0" not in self.rest:
            got = os.read(self.come, 1 << 20)
            if not got:
                raise RuntimeError("chromium has ended")
            self.rest += got
        one, self.rest = self.rest.split(b"\0", 1)
        message = json.loads(one)
        if message.get("method") == "Runtime.exceptionThrown":
            self.errors.append(message["params"]["exceptionDetails"].get("exception", {}).get("description", "exception"))
        if message.get("method") == "Log.entryAdded" and message["params"]["entry"]["level"] == "error":
            self.errors.append(message["params"]["entry"]["text"] + " " + message["params"]["entry"].get("url", ""))
        return message

    def eval(self, expression):
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in result:
            raise RuntimeError(expression + ": " + str(result["exceptionDetails"]))
        return result["result"].get("value")


def expect(what, ok, found):
    print(("ok: " if ok else "WRONG: ") + what + ": " + str(found))
    if not ok:
        wrong.append(what)


def until(browser, expression, seconds=30):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = browser.eval(expression)
        if found:
            return found
        time.sleep(0.1)
    return None


# What a canvas made of an element shows: [different colours, mean of red, green, blue].
LOOK = """(id => { const e = document.getElementById(id), c = document.createElement("canvas");
  c.width = 160; c.height = 90; const g = c.getContext("2d"); g.imageSmoothingEnabled = false; g.drawImage(e, 0, 0, 160, 90);
  const d = g.getImageData(0, 0, 160, 90).data, seen = new Map(); let sum = 0;
  for (let i = 0; i < d.length; i += 4) { const k = d[i] + "," + d[i + 1] + "," + d[i + 2]; seen.set(k, (seen.get(k) || 0) + 1); sum += (i + 1) * d[i] % 65521; }
  return { colors: seen.size, keys: [...seen.keys()].slice(0, 40), sum }; })"""

# Chromium's helpers may still write into the profile when its first process has ended: they are ended too, and what they leave is no failure.
with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
    b = Browser(profile)
    try:
        target = b.call("Target.createTarget", url="about:blank")["targetId"]
        b.session = b.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            b.call(domain + ".enable")
        b.call("Emulation.setDeviceMetricsOverride", width=1500, height=1000, deviceScaleFactor=1, mobile=False)
        b.call("Page.navigate", url=url)
        ready = until(b, 'document.readyState === "complete" && Number(document.body.dataset.serial) > 0 && '
                         'document.getElementById("camera").naturalWidth > 0 && document.getElementById("labels").naturalWidth > 0 '
                         '&& plan !== null')
        expect("the page comes up", ready, b.eval('document.getElementById("status").textContent'))
        first = b.eval(LOOK + '("camera")')
        serial, frame = b.eval('Number(document.body.dataset.serial)'), b.eval('Number(document.getElementById("frame").textContent)')
        expect("the camera shows a picture", first["colors"] > 200, first["colors"])
        size = b.eval('[document.getElementById("camera").naturalWidth, document.getElementById("camera").naturalHeight]')
        expect("in the proportions of the hero's camera", size == [480, 320], size)
        labels = b.eval(LOOK + '("labels")')
        expect("labels are CARLA's colours, exactly", "128,64,128" in labels["keys"] and 3 <= labels["colors"] <= 29, labels["keys"])
        roads = b.eval(LOOK + '("above")')
        expect("the plan has roads and cars", roads["colors"] >= 4 and any(k == "74,79,84" for k in roads["keys"]), roads["colors"])
        expect("it moves on", until(b, "Number(document.body.dataset.serial) > %d" % (serial + 5)), serial)
        expect("and so does the world", b.eval('Number(document.getElementById("frame").textContent)') > frame, frame)
        expect("the picture changes", until(b, LOOK + '("camera").sum !== %d' % first["sum"]), first["sum"])
        expect("ticks are counted", until(b, 'Number(document.getElementById("pace").textContent) > 1'),
               b.eval('document.getElementById("pace").textContent'))
        for name, text in (("map", "training_loop"), ("mode", "synchronous"), ("clients", "1 ("), ("weather", "rain 100 %"),
                           ("looking", "actor %d," % ego), ("counts", "4 vehicles, 0 walkers"), ("counts", "2 shapes"),
                           ("legend", "RoadLine"), ("legend", "Fence"), ("legend", "Truck"), ("legend", "GuardRail")):
            found = b.eval('document.getElementById("%s").textContent' % name)
            expect(name, text in found, found)

        b.eval('document.getElementById("follow").click()')
        near = until(b, "view.scale >= 8 && view.follow")
        center = b.eval('(() => { const a = state.actors.find((x) => x[0] === state.ego); return Math.hypot(a[2] - view.x, a[3] - view.y); })()')
        expect("the plan follows the ego", near and center < 5, center)
        time.sleep(0.5)
        middle = b.eval("""(() => { const c = document.getElementById("above"), d = c.getContext("2d").getImageData(c.width / 2 - 20,
            c.height / 2 - 20, 40, 40).data; let n = 0;
            for (let i = 0; i < d.length; i += 4) n += d[i] > 220 && d[i + 1] > 150 && d[i + 1] < 210 && d[i + 2] < 80; return n; })()""")
        expect("the ego is in the middle, and orange", middle > 100, str(middle) + " of 1600 pixels")
        if screenshot:
            shot = b.call("Page.captureScreenshot", format="png")["data"]
            with open(screenshot, "wb") as f:
                f.write(base64.b64decode(shot))
        b.eval('document.getElementById("fit").click()')
        expect("and shows the whole map again", b.eval("!view.follow && view.scale < 8"), b.eval("view.scale"))
        b.eval('document.getElementById("from-spectator").click()')
        expect("the spectator's picture is wide", until(b, 'document.getElementById("camera").naturalHeight === 270'), size)
        expect("nothing went wrong on the console", not b.errors, b.errors)
    finally:
        b.process.terminate()
        b.process.wait(20)
        try:
            os.killpg(b.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
for line in wrong:
    print("failed: " + line)
sys.exit(1 if wrong else 0)
