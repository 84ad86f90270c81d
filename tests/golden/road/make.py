"""Answers of CARLA's own map code, for tests/road/test_official.c.

    python -m venv build/venv && build/venv/bin/pip install carla==0.9.16
    build/venv/bin/python tests/golden/road/make.py MAP.xodr [STEP_M] > tests/golden/road/MAP.txt

Lines: T from to | W waypoint x y z pitch yaw width lane_change junction left_type right_type right_color |
N waypoint count waypoints (9.7 m ahead) | P the same behind | A x y z waypoint (nearest driving lane of a place).
A waypoint is road section lane s. Committed files use a step of 40 m."""
import random
import sys

import carla

path = sys.argv[1]
step = float(sys.argv[2]) if len(sys.argv) > 2 else 40.0
world = carla.Map("map", open(path).read())
draw = random.Random(1)


def name(w):
    return "%d %d %d %.17g" % (w.road_id, w.section_id, w.lane_id, w.s)


def mark(m, what):
    return -1 if m is None else int(getattr(m, what))


for a, b in world.get_topology():
    print("T", name(a), name(b))
for w in world.generate_waypoints(step):
    t = w.transform
    left, right = w.left_lane_marking, w.right_lane_marking
    print("W", name(w), "%.9g %.9g %.9g %.9g %.9g %.9g" % (t.location.x, t.location.y, t.location.z, t.rotation.pitch,
          t.rotation.yaw, w.lane_width), int(w.lane_change), int(w.is_junction), mark(left, "type"), mark(right, "type"),
          mark(right, "color"))
    for kind, found in (("N", w.next(9.7)), ("P", w.previous(9.7))):
        print(kind, name(w), len(found), *sorted(name(x) for x in found))
    place = carla.Location(t.location.x + draw.uniform(-4, 4), t.location.y + draw.uniform(-4, 4), t.location.z)
    print("A %.9g %.9g %.9g" % (place.x, place.y, place.z), name(world.get_waypoint(place)))
