"""Our map room against carla.Map, built by the official client from the same OpenDRIVE text: every question that a client can ask a
map, on every map of the project and on CARLA's towns (LANELOOP_TOWNS, else ../shared/maps; skipped with a reason without them).

The official answers are collected first, the same questions go to build/release/tools/mapask in one run, then both are compared.
A table per map says how many answers were compared and how far apart they are; the checks below it are the verdict.

    python test_maps.py build/release/laneloop 0.9.16 [MAP.xodr ...]"""
import glob
import json
import math
import os
import random
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree

import carla
import numpy

from common import check, skip

STEP = 2.0          # metres between compared waypoints
TIE = 5e-3          # metres: lanes whose distances differ by less are equally near (chords stand off their curves by as much)
AHEAD = 9.7         # metres of next and previous
ANY = -2 & 0xffffffff
# Shares that may differ. get_waypoint: where two chords of a bend are equally near to a place inside it. Yaw and pitch: the official client takes slopes for angles, and metres of reference line for metres of lane;
# ours are exact, more than a degree apart on a few tapers and steep tight ramps.
ALLOWED = {'get_waypoint: road, section, lane': 0.001, 'get_waypoint: s': 0.003, 'waypoint yaw': 0.002, 'waypoint pitch': 0.002}
DRIVING = 2
RELEASE = int(sys.argv[2].split('.')[2])
HERE = os.path.dirname(os.path.abspath(__file__))


def name(w):
    return None if w is None else [w.road_id, w.section_id, w.lane_id, w.s]


def text(n):
    return '%d %d %d %.17g' % tuple(n)


def place(n):
    """A waypoint's name to compare and sort by: s to a hundredth of a millimetre."""
    return None if n is None else (n[0], n[1], n[2], round(n[3], 5) + 0.0)


def places(names):
    return sorted(place(n) for n in names)


def apart(found):
    """The same places without repetitions: the official client may give an end twice, a rounding error apart."""
    return [p for i, p in enumerate(found) if i == 0 or p[:3] != found[i - 1][:3] or abs(p[3] - found[i - 1][3]) > 1e-6]


def turn(a, b):
    return abs((a - b + 180) % 360 - 180)


def same_lane(a, b):
    return a is not None and b is not None and a[:3] == b[:3]


class Questions:
    """Questions and the official answers; `judge` gets both answers of each when ours are in."""

    def __init__(self, path):
        self.path, self.lines, self.judges = path, [], []

    def ask(self, line, judge):
        self.lines.append(line)
        self.judges.append(judge)

    def answer(self, program):
        done = subprocess.run([program, self.path], input='\n'.join(self.lines) + '\n', capture_output=True, text=True, timeout=600)
        if done.returncode:
            raise RuntimeError(done.stderr.strip())
        answers = done.stdout.splitlines()
        if len(answers) != len(self.lines):
            raise RuntimeError('%d questions, %d answers' % (len(self.lines), len(answers)))
        for line, judge, ours in zip(self.lines, self.judges, answers):
            judge(json.loads(ours), line)


class Row:
    """One line of the table: how many answers were compared, how many differ, how far apart they are."""

    def __init__(self, what, unit=''):
        self.allowed = ALLOWED.get(what, 0.0)
        self.what, self.unit, self.count, self.wrong, self.ties, self.sum, self.max, self.examples = what, unit, 0, 0, 0, 0.0, 0.0, []

    def add(self, equal, distance=0.0, example=''):
        self.count += 1
        self.sum += distance
        self.max = max(self.max, distance)
        if not equal:
            self.wrong += 1
            if len(self.examples) < 3:
                self.examples.append(example)

    def line(self):
        far = '  mean %.2g max %.2g %s' % (self.sum / self.count, self.max, self.unit) if self.unit and self.count else ''
        ties = '  %d ties' % self.ties if self.ties else ''
        return '# %-34s %8d compared %6d differ%s%s' % (self.what, self.count, self.wrong, far, ties)


def level_copy(text):
    """The map without superelevation, or None when it has none. The official client reads superelevation and does nothing with it."""
    tree = xml.etree.ElementTree.fromstring(text.encode())
    found = False
    for lateral in tree.iter('lateralProfile'):
        for record in lateral.findall('superelevation'):
            found |= any(float(record.get(k)) for k in 'abcd')
            lateral.remove(record)
    return xml.etree.ElementTree.tostring(tree, encoding='unicode') if found else None


class Banks:
    """Superelevation by road id and s, straight from the text."""

    def __init__(self, text):
        self.records = {int(road.get('id')): [[float(r.get(k)) for k in 'sabcd'] for r in road.iter('superelevation')]
                        for road in xml.etree.ElementTree.fromstring(text.encode()).iter('road')}

    def at(self, road, s):
        before = [r for r in self.records[road] if r[0] <= s] or self.records[road][:1]
        start, a, b, c, d = before[-1] if before else [0.0] * 5
        u = s - start
        return a + u * (b + u * (c + u * d))


class Compare:
    def __init__(self, path, text):
        self.text = text
        self.map = carla.Map('map', self.text)
        self.lengths = {int(r.get('id')): float(r.get('length')) for r in xml.etree.ElementTree.fromstring(self.text.encode()).iter('road')}
        self.q = Questions(path)
        self.draw = random.Random(1)
        self.rows = {}

    def row(self, what, unit=''):
        return self.rows.setdefault(what, Row(what, unit))

    def lists(self):
        """Whole lists: waypoints, topology, crosswalks, junctions, landmarks."""
        theirs = {place(name(w)) for w in self.map.generate_waypoints(STEP)}

        def waypoints(ours, _):
            found = {place(n) for n in ours}
            for n in found | theirs:
                self.row('generate_waypoints').add(n in found and n in theirs, example=n)
        self.q.ask('waypoints %g' % STEP, waypoints)

        edges = {(place(name(a)), place(name(b))) for a, b in self.map.get_topology()}

        def topology(ours, _):
            # CARLA leaves out dead ends, where its own look-up finds no waypoint; ours pairs them with the lane's end
            found = {(place(a), place(b)) for a, b in ours if not (same_lane(a, b) and abs(a[3] - b[3]) > 1e-9 and (place(a), place(b)) not in edges)}
            for e in found | edges:
                self.row('topology edges').add(e in found and e in edges, example=e)
        self.q.ask('topology', topology)

        corners = [(c.x, c.y, c.z) for c in self.map.get_crosswalks()]

        def crosswalks(ours, _):
            # roads come in a different order: compare as polygons, found by their first corner
            self.row('crosswalk corners', 'm').add(len(ours) == len(corners), example=(len(ours), len(corners)))
            left = list(map(tuple, ours))
            for c in corners:
                best = min(left, key=lambda o: math.dist(o, c), default=None)
                far = math.dist(best, c) if best else 9.0
                self.row('crosswalk corners', 'm').add(far < 0.01, far, (c, best))
                if best:
                    left.remove(best)
        self.q.ask('crosswalks %d' % RELEASE, crosswalks)

        def key(l):
            return (l['road_id'], l['id'], round(l['s'], 4))
        fields = ('id', 'name', 'type', 'sub_type', 'country', 'unit', 'text', 'road_id', 's', 't', 'is_dynamic', 'value', 'height', 'width',
                  'h_offset', 'pitch', 'roll')
        marks = []
        for l in self.map.get_all_landmarks():
            t = l.transform
            d = {f: getattr(l, f) for f in fields}
            d['lanes'] = sorted([a, b] for a, b in l.get_lane_validities())
            d['transform'] = [t.location.x, t.location.y, t.location.z, t.rotation.pitch, t.rotation.yaw, t.rotation.roll]
            d['group'] = sorted(key({f: getattr(g, f) for f in ('id', 'road_id', 's')}) for g in self.map.get_landmark_group(l))
            marks.append(d)
        self.theirs_landmarks = marks

        def landmarks(ours, _):
            self.ours_landmarks = ours
            for i, o in enumerate(ours):
                o['lanes'] = sorted([min(l), max(l)] for l in o['lanes'])
                o['index'] = i
            left = [o for o in ours if not o['painted'] or RELEASE < 16]
            for d in marks:
                d['lanes'] = [[min(l), max(l)] for l in d['lanes']]
                near = [o for o in left if (o['road_id'], o['id']) == (d['road_id'], d['id']) and abs(o['s'] - d['s']) < 1e-4]
                o = min(near, key=lambda o: o['lanes'] != d['lanes'], default=None)
                if o:
                    left.remove(o)
                else:
                    self.row('landmarks').add(False, example=('missing', key(d)))
                    continue
                differ = [f for f in fields if (abs(o[f] - d[f]) > 2e-5 if isinstance(d[f], float) else o[f] != d[f])]
                differ += ['lanes'] if o['lanes'] != d['lanes'] else []
                self.row('landmarks').add(not differ, example=(key(d), [(f, d[f], o[f]) for f in differ]))
                far = math.dist(o['transform'][:3], d['transform'][:3])
                turned = max(turn(a, b) for a, b in zip(o['transform'][3:], d['transform'][3:]))
                self.row('landmark places', 'm').add(far < 0.01 and turned < 0.1, far, (key(d), d['transform'], o['transform']))
            for o in left:
                self.row('landmarks').add(False, example=('ours alone', key(o), o['lanes']))
        self.q.ask('landmarks %d' % RELEASE, landmarks)

        junctions = {}
        for w in self.map.generate_waypoints(STEP):
            if w.is_junction and w.junction_id not in junctions:
                junctions[w.junction_id] = w.get_junction()

        def boxes(ours, _):
            found = {j['id']: j for j in ours}
            for id, j in junctions.items():
                o, b = found.get(id), j.bounding_box
                far = 9.0 if o is None else max(math.dist(o['center'], (b.location.x, b.location.y, b.location.z)),
                                                math.dist(o['extent'], (b.extent.x, b.extent.y, b.extent.z)))
                self.row('junction boxes', 'm').add(far < 0.01, far, (id, str(b), o))
        self.q.ask('junctions', boxes)
        for id, j in junctions.items():
            for types in (carla.LaneType.Driving, carla.LaneType.Any):
                pairs = sorted((place(name(a)), place(name(b))) for a, b in j.get_waypoints(types))

                def through(ours, line, pairs=pairs):
                    ours = sorted((place(a), place(b)) for a, b in ours)
                    self.row('junction ways').add(ours == pairs, example=(line, pairs[:3], ours[:3]))
                self.q.ask('through %d %d' % (id, int(types) & 0xffffffff), through)

    def about(self, w):
        n, t = name(w), w.transform
        left, right = w.left_lane_marking, w.right_lane_marking
        expect = {'width': w.lane_width, 'type': int(w.lane_type), 'junction': w.junction_id if w.is_junction else -1,
                  'change': int(w.lane_change), 'left': place(name(w.get_left_lane())), 'right': place(name(w.get_right_lane()))}
        sides = [(s, m and [int(m.type), int(m.color), m.width, int(m.lane_change)]) for s, m in (('left_mark', left), ('right_mark', right))]

        def judge(ours, line):
            far = math.dist(ours['pose'][:3], (t.location.x, t.location.y, t.location.z))
            self.row('waypoint positions', 'm').add(far <= 0.01, far, (line, str(t), ours['pose']))
            yaw = turn(ours['pose'][4], t.rotation.yaw)
            self.row('waypoint yaw', 'degrees').add(yaw < 1, yaw, (line, str(t), ours['pose']))
            pitch = turn(ours['pose'][3], t.rotation.pitch)
            self.row('waypoint pitch', 'degrees').add(pitch < 1, pitch, (line, str(t), ours['pose']))
            self.row('lane widths', 'm').add(abs(ours['width'] - expect['width']) < 1e-4, abs(ours['width'] - expect['width']), line)
            for k in ('type', 'junction', 'change'):
                self.row('lane %s' % k).add(ours[k] == expect[k], example=(line, expect[k], ours[k]))
            for k in ('left', 'right'):
                self.row('neighbour lanes').add(place(ours[k]) == expect[k], example=(line, expect[k], ours[k]))
            for k, m in sides:
                if m is not None:
                    same = ours[k][:2] == m[:2] and abs(ours[k][2] - m[2]) < 1e-4 and ours[k][3] == m[3]
                    self.row('lane marks').add(same, example=(line, k, m, ours[k]))
        self.q.ask('about ' + text(n), judge)

    def along(self, w, verb, what, found, distance):
        expect = apart(places(name(x) for x in found))

        def judge(ours, line):
            ours = apart(places(ours))
            same = len(ours) == len(expect) and all(a[:3] == b[:3] and abs(a[3] - b[3]) < 1e-3 for a, b in zip(ours, expect))
            far = max([abs(a[3] - b[3]) for a, b in zip(ours, expect)], default=0.0) if same else 0.0
            self.row(what, 'm').add(same, far, (line, expect[:4], ours[:4]))
        self.q.ask('%s %s %g' % (verb, text(name(w)), distance), judge)

    def until(self, w):
        """Until the lane's end and start, without the last point. There the official client adds up to the road's end and, by rounding, may
        land on the next road; going back it leaps by what lies ahead. Where a step or that leap finds nothing it crashes: not asked."""
        step = 5.0
        if stays(w, w.next(step)):
            self.until_list('until_end', 'next_until_lane_end', w, w.next_until_lane_end(step), step)
        last = w
        while stays(w, last.previous(step)):
            last = last.previous(step)[0]
        leap = self.lengths[w.road_id] - last.s if w.lane_id < 0 else last.s
        if last is not w and leap > 1e-6 and last.previous(leap + 0.01):
            self.until_list('until_start', 'previous_until_lane_start', w, w.previous_until_lane_start(step), step)

    def until_list(self, verb, what, w, found, step):
        found = [place(name(x)) for x in found][:-1]

        def judge(ours, line):
            ours = [place(n) for n in ours]
            same = len(ours) in (len(found), len(found) + 1) and all(a[:3] == b[:3] and abs(a[3] - b[3]) < 1e-3 for a, b in zip(ours, found))
            self.row(what).add(same, example=(line, found[-3:], ours[-3:]))
        self.q.ask('%s %s %g' % (verb, text(name(w)), step), judge)

    def nearest(self, at, types, project):
        w = self.map.get_waypoint(at, project, carla.LaneType(types))
        n, where = name(w), w and w.transform.location
        question = '%.9g %.9g %.9g %d %d' % (at.x, at.y, at.z, types & 0xffffffff, project)

        def judge(ours, line):
            ids = self.row('get_waypoint: road, section, lane')
            if n is None or ours is None:
                ids.add(n is None and ours is None, 0, (line, n, ours))
            elif same_lane(n, ours):
                ids.add(True)
                far, row = abs(n[3] - ours[3]), self.row('get_waypoint: s', 'm')
                other = far > 0.01 and self.map.get_waypoint_xodr(ours[0], ours[2], max(ours[3], 0.0))
                # on a slope, a place nearest to the joint of two chords has another s on either of them
                tie = bool(other) and abs(at.distance(other.transform.location) - at.distance(where)) < TIE
                row.ties += tie
                row.add(far <= 0.01 or tie, 0.0 if tie else far, (line, n, ours))
            else:
                # lanes that run over each other in junctions are equally near: there rounding chooses
                other = self.map.get_waypoint_xodr(ours[0], ours[2], max(ours[3], 0.0))
                tie = other is not None and abs(at.distance(other.transform.location) - at.distance(where)) < TIE
                ids.ties += tie
                ids.add(tie, 0, (line, n, ours))
        self.q.ask('at_carla ' + question, judge)

        def judge_exact(ours, line):
            if n is None or ours is None:
                return
            other = self.map.get_waypoint_xodr(ours[0], ours[2], max(ours[3], 0.0))
            if other is not None:
                nearer = at.distance(where) - at.distance(other.transform.location)
                self.row('exact nearest is no farther', 'm').add(nearer > -1e-3, max(nearer, 0), (line, n, ours, nearer))
        self.q.ask('at ' + question, judge_exact)

    def queries(self):
        every = self.map.generate_waypoints(STEP)
        for i, w in enumerate(every):
            self.about(w)
            self.along(w, 'next', 'next', w.next(AHEAD), AHEAD)
            self.along(w, 'previous', 'previous', w.previous(AHEAD), AHEAD)
            t = w.transform.location
            self.nearest(carla.Location(t.x + self.draw.uniform(-4, 4), t.y + self.draw.uniform(-4, 4), t.z), DRIVING, True)
            if i % 7 == 0:
                self.nearest(carla.Location(t.x + self.draw.uniform(-4, 4), t.y + self.draw.uniform(-4, 4), t.z), DRIVING, False)
                x = self.map.get_waypoint_xodr(w.road_id, w.lane_id, w.s + 1)
                self.q.ask('xodr %d %d %.17g' % (w.road_id, w.lane_id, carla_float(w.s + 1)), self.named('get_waypoint_xodr', name(x)))
            if i % 11 == 0:
                self.until(w)
            if i % 29 == 0:
                for stop in (False, True):
                    self.ahead(w, 60.0, stop)
            if i % 13 == 0:
                self.geo(t)
        self.grid(every)

    def named(self, what, expect):
        def judge(ours, line):
            self.row(what).add(place(ours) == place(expect), example=(line, expect, ours))
        return judge

    def ahead(self, w, distance, stop):
        found = w.get_landmarks(distance, stop)
        expect = sorted((l.road_id, l.id, round(l.s, 4)) for l in found)
        far = {(l.road_id, l.id, round(l.s, 4)): l.distance for l in found}

        def judge(ours, line):
            marks = [(self.ours_landmarks[i], d) for i, d, _ in ours if not self.ours_landmarks[i]['painted'] or RELEASE < 16]
            got = sorted((m['road_id'], m['id'], round(m['s'], 4)) for m, _ in marks)
            differ = max([abs(d - far[k]) for m, d in marks for k in [(m['road_id'], m['id'], round(m['s'], 4))] if k in far], default=0.0)
            self.row('landmarks ahead', 'm').add(got == expect and differ < 0.01, differ, (line, expect, got, differ))
        self.q.ask('ahead %s %g %d' % (text(name(w)), distance, stop), judge)

    def geo(self, t):
        g = self.map.transform_to_geolocation(t)

        def judge(ours, line):
            far = max(abs(ours[0] - g.latitude), abs(ours[1] - g.longitude))
            self.row('transform_to_geolocation', 'degrees').add(far < 1e-9 and abs(ours[2] - g.altitude) < 1e-6, far, (line, str(g), ours))
        self.q.ask('geo %d %.9g %.9g %.9g' % (RELEASE, t.x, t.y, t.z), judge)
        if hasattr(self.map, 'geolocation_to_transform'):
            back = self.map.geolocation_to_transform(g)

            def judge_back(ours, line):
                far = math.dist(ours, (back.x, back.y, back.z))
                self.row('geolocation_to_transform', 'm').add(far < 0.001, far, (line, str(back), ours))
            self.q.ask('location %d %.17g %.17g %.17g' % (RELEASE, g.latitude, g.longitude, g.altitude), judge_back)

    def grid(self, every):
        """Places on a grid over the whole map, on and off the roads, half a metre above the height of the nearest road."""
        if not every:
            return
        xs, ys, zs = (numpy.array([getattr(w.transform.location, axis) for w in every]) for axis in 'xyz')
        for i in range(32):
            for k in range(32):
                x, y = xs.min() - 20 + (numpy.ptp(xs) + 40) * i / 31, ys.min() - 20 + (numpy.ptp(ys) + 40) * k / 31
                at = carla.Location(x, y, zs[numpy.argmin((xs - x) ** 2 + (ys - y) ** 2)] + 0.5)
                self.nearest(at, DRIVING, True)
                self.nearest(at, ANY - (1 << 32), True)

    def groups(self):
        """After the landmarks' answer is in: which of them switch together."""
        q = Questions(self.q.path)
        byname = {(o['road_id'], o['id'], round(o['s'], 4)): o['index'] for o in self.ours_landmarks}
        for d in self.theirs_landmarks:
            k = (d['road_id'], d['id'], round(d['s'], 4))
            if k in byname:
                def judge(ours, line, d=d):
                    got = sorted((self.ours_landmarks[i]['road_id'], self.ours_landmarks[i]['id'], round(self.ours_landmarks[i]['s'], 4)) for i in ours)
                    self.row('landmark groups').add(sorted(set(map(tuple, d['group']))) == sorted(set(got)), example=(line, d['group'][:6], got[:6]))
                q.ask('group %d' % byname[k], judge)
        return q

    def banked(self, text, path, program):
        """The map as it is: each of our lane centres is the official one, turned with the cross-section about the reference line."""
        banks, q = Banks(text), Questions(path)
        for w in self.map.generate_waypoints(STEP):
            t, bank = w.transform, banks.at(w.road_id, w.s)
            # offset to the left of the reference line, which has no lane offset in these maps: sum of the widths between
            inner = [self.map.get_waypoint_xodr(w.road_id, k, w.s) for k in range(1, abs(w.lane_id))] if w.lane_id > 0 else [
                self.map.get_waypoint_xodr(w.road_id, -k, w.s) for k in range(1, abs(w.lane_id))]
            left = (sum(x.lane_width for x in inner) + w.lane_width / 2) * (1 if w.lane_id > 0 else -1)
            yaw = math.radians(t.rotation.yaw + (180 if w.lane_id > 0 else 0))
            aside = left * (math.cos(bank) - 1)  # CARLA's y points to the right of OpenDRIVE's
            expect = (t.location.x + aside * math.sin(yaw), t.location.y - aside * math.cos(yaw), t.location.z + left * math.sin(bank))

            def judge(ours, line, expect=expect):
                far = math.dist(ours['pose'][:3], expect)
                self.row('positions with superelevation', 'm').add(far <= 0.01, far, (line, expect, ours['pose']))
            q.ask('about ' + text_of(w), judge)
        q.answer(program)

    def run(self, program):
        self.lists()
        self.queries()
        self.q.answer(program)
        self.groups().answer(program)


def text_of(w):
    return text(name(w))


def carla_float(x):
    import struct
    return struct.unpack('f', struct.pack('f', x))[0]


def stays(w, found):
    return len(found) == 1 and found[0].road_id == w.road_id


def maps():
    root = os.path.join(HERE, '..', '..')
    ours = sorted(glob.glob(os.path.join(root, 'configs', 'maps', '*.xodr'))) + [os.path.join(root, 'tests', 'golden', 'road', 'junction.xodr')]
    towns = os.environ.get('LANELOOP_TOWNS') or os.path.join(root, '..', 'shared', 'maps')
    found = sorted(glob.glob(os.path.join(towns, '*', '*.xodr')))
    if not found:
        skip("CARLA's towns", 'no OpenDRIVE files under %s (set LANELOOP_TOWNS)' % towns)
    return ours + found


def main():
    program = os.path.join(os.path.dirname(sys.argv[1]), 'tools', 'mapask')
    failed = False
    for path in sys.argv[3:] or maps():
        title = '/'.join(os.path.normpath(path).split(os.sep)[-2:])
        start = time.time()
        with open(path) as f:
            whole = f.read()
        level = level_copy(whole)
        if level is None:
            c = Compare(path, whole)
            c.run(program)
        else:
            with tempfile.NamedTemporaryFile('w', suffix='.xodr') as f:
                f.write(level)
                f.flush()
                c = Compare(f.name, level)
                c.run(program)
                c.banked(whole, path, program)
        print('# %s, %d questions, %.0f s' % (title, len(c.q.lines), time.time() - start))
        for row in c.rows.values():
            print(row.line())
            for e in row.examples:
                print('#     differs: %s' % str(e)[:300])
        for row in c.rows.values():
            failed |= not check('%s: %s' % (title, row.what), row.wrong <= row.allowed * row.count, '%d of %d differ' % (row.wrong, row.count))
    sys.stdout.flush()
    os._exit(1 if failed else 0)


main()
