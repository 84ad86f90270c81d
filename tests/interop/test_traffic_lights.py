"""Traffic lights and signs as CARLA's client sees them: states, times, groups, freezing, landmarks, stop places; on a town with signals
where one is at hand (LANELOOP_TOWNS names the folder), else on a small map of our own."""
import glob
import math
import os
import tempfile

import carla
from common import check, connect, main, near, synchronous

RED, YELLOW, GREEN = carla.TrafficLightState.Red, carla.TrafficLightState.Yellow, carla.TrafficLightState.Green


def street():
    """Two lights of one junction's two controllers on a straight road, a stop and a speed sign: OpenDRIVE text."""
    def signal(name, s, kind, subtype='-1'):
        return ('<signal s="%g" t="-4" id="%s" name="%s" dynamic="yes" orientation="-" zOffset="0" country="OpenDRIVE" type="%s" '
                'subtype="%s" value="-1"><validity fromLane="-1" toLane="-1"/></signal>' % (s, name, name, kind, subtype))
    lane = '<lane id="%d" type="%s" level="false">%s</lane>'
    width = '<width sOffset="0" a="3.5" b="0" c="0" d="0"/>'
    return ('<?xml version="1.0"?><OpenDRIVE><header revMajor="1" revMinor="4"/><road name="a" length="300" id="1" junction="-1"><link/>'
            '<planView><geometry s="0" x="0" y="0" hdg="0" length="300"><line/></geometry></planView><lanes><laneSection s="0"><left>'
            + lane % (1, 'driving', width) + '</left><center>' + lane % (0, 'none', '') + '</center><right>' + lane % (-1, 'driving', width)
            + '</right></laneSection></lanes><signals>' + signal('11', 60, '1000001') + signal('12', 120, '1000001')
            + signal('13', 180, '206') + signal('14', 240, '274', '50')
            + '</signals></road><controller id="1" name=""><control signalId="11" type="0"/></controller><controller id="2" name="">'
            '<control signalId="12" type="0"/></controller><junction id="9" name=""><controller id="1" type="0"/>'
            '<controller id="2" type="0"/></junction></OpenDRIVE>')


def phases(world):
    """States over time of one group with its own times."""
    lights = list(world.get_actors().filter('traffic.traffic_light'))
    light = max(lights, key=lambda l: len(l.get_group_traffic_lights()))
    group = light.get_group_traffic_lights()
    check('a group holds its own light', light.id in [g.id for g in group])
    check('pole indices number the group', [g.get_pole_index() for g in group] == list(range(len(group))),
          [g.get_pole_index() for g in group])
    check('default times are 10, 3 and 2 s', (light.get_green_time(), light.get_yellow_time(), light.get_red_time()) == (10, 3, 2))
    for g in group:
        g.set_green_time(1.0)
        g.set_yellow_time(0.5)
        g.set_red_time(0.25)
    world.tick()
    check('times are taken', (light.get_green_time(), light.get_yellow_time(), light.get_red_time()) == (1.0, 0.5, 0.25))
    light.reset_group()
    world.tick()
    seen, together = [], 0
    stages = 0
    for _ in range(200):
        world.tick()
        states = [g.get_state() for g in group]
        together = max(together, sum(s == GREEN for s in states))
        now = light.get_state()
        if not seen or seen[-1][0] != now:
            seen.append([now, 0])
        seen[-1][1] += 1
    inner = seen[1:-1]
    check('green lasts 1 s', all(near(n, 20, 1) for s, n in inner if s == GREEN) and any(s == GREEN for s, n in inner), seen)
    check('yellow lasts 0.5 s', all(near(n, 10, 1) for s, n in inner if s == YELLOW), seen)
    check('green, yellow, red follow one another',
          all((a[0], b[0]) in ((GREEN, YELLOW), (YELLOW, RED), (RED, GREEN)) for a, b in zip(seen, seen[1:])), seen)
    check('not all of a group are green', together < len(group), together)
    check('elapsed time is within the phase', 0 <= light.get_elapsed_time() <= 1.0, light.get_elapsed_time())

    light.freeze(True)
    world.tick()
    check('frozen', light.is_frozen())
    before = [l.get_state() for l in lights]
    for _ in range(60):
        world.tick()
    check('frozen lights stay', [l.get_state() for l in lights] == before)
    light.set_state(carla.TrafficLightState.Off)
    world.tick()
    check('a state is set', light.get_state() == carla.TrafficLightState.Off, light.get_state())
    light.freeze(False)
    for _ in range(60):
        world.tick()
    check('and the cycle takes over again', light.get_state() != carla.TrafficLightState.Off)
    world.reset_all_traffic_lights()
    world.tick()
    first = group[0]
    check('after a reset the first is green', first.get_state() == GREEN, first.get_state())
    world.freeze_all_traffic_lights(True)
    world.tick()
    check('all are frozen', all(l.is_frozen() for l in lights))
    world.freeze_all_traffic_lights(False)


def places(world):
    """Landmarks, junctions, boxes and stop places agree with the map."""
    town = world.get_map()
    lights = list(world.get_actors().filter('traffic.traffic_light'))
    ids = {l.get_opendrive_id() for l in lights}
    marks = [m for m in town.get_all_landmarks_of_type('1000001')]
    check('every light is a landmark', ids <= {m.id for m in marks}, sorted(ids)[:5])
    found = [world.get_traffic_light(m) for m in marks]
    check('every landmark has its light', all(f is not None and f.get_opendrive_id() == m.id for f, m in zip(found, marks)),
          [m.id for f, m in zip(found, marks) if f is None][:5])
    check('a light by its OpenDRIVE id', world.get_traffic_light_from_opendrive_id(marks[0].id).id == found[0].id)
    signs = town.get_all_landmarks_of_type('274') + [m for m in town.get_all_landmarks_of_type('206') if m.name != 'Stencil_STOP']
    missing = [m.id for m in signs if world.get_traffic_sign(m) is None]
    check('every speed and stop landmark has its actor', not missing, missing)
    check('signs are of CARLA\'s kinds',
          {a.type_id.rsplit('.', 1)[0] if 'speed' in a.type_id else a.type_id for a in world.get_actors().filter('traffic.*')}
          <= {'traffic.traffic_light', 'traffic.stop', 'traffic.yield', 'traffic.speed_limit', 'traffic.unknown'},
          {a.type_id for a in world.get_actors().filter('traffic.*')})

    off, empty, boxes, affected = [], 0, [], 0
    for light in lights:
        stops = light.get_stop_waypoints()
        empty += not stops
        for w in stops:
            box = light.get_transform().transform(light.trigger_volume.location)
            if w.transform.location.distance(carla.Location(box.x, box.y, w.transform.location.z)) > 12:
                off.append((light.id, w.transform.location))
        lanes = light.get_affected_lane_waypoints()
        affected += any(w is not None and w.lane_type == carla.LaneType.Driving for w in lanes)
        boxes.append(light.get_light_boxes())
    check('every light has stop waypoints', empty == 0, empty)
    check('near its trigger volume', not off, off[:3])
    check('every light has affected driving lanes', affected == len(lights), (affected, len(lights)))
    check('every light has boxes of its lamps above the road',
          all(b and 0.1 < b[0].extent.z < 2 and b[0].location.z > 1 for b in boxes), boxes[:1])
    waypoints = lights[0].get_stop_waypoints()
    ahead = world.get_traffic_lights_from_waypoint(waypoints[0].previous(5.0)[0], 40.0)
    check('lights ahead of a stop place', lights[0].id in [a.id for a in ahead], [a.id for a in ahead])
    junctions = {w.get_junction().id: w.get_junction() for edge in town.get_topology() for w in edge if w.is_junction}
    wrong, controlled = [], 0
    for j in junctions:
        inside = world.get_traffic_lights_in_junction(j)
        controlled += bool(inside)
        if inside and {i.id for i in inside} != {g.id for g in inside[0].get_group_traffic_lights()}:
            wrong.append(j)
    check('the lights of a junction are one group', not wrong and (controlled > 0 or not junctions), (wrong, controlled))


def at_a_light(world):
    """A car that stands before a light knows it; one elsewhere does not."""
    library = world.get_blueprint_library()
    lights = list(world.get_actors().filter('traffic.traffic_light'))
    world.freeze_all_traffic_lights(True)
    known = 0
    for light in lights[:4]:
        light.set_state(RED)
        w = light.get_stop_waypoints()[0]
        place = w.transform
        place.location.z += 0.5
        car = world.spawn_actor(library.find('vehicle.tesla.model3'), place)
        for _ in range(10):
            world.tick()
        known += car.is_at_traffic_light() and car.get_traffic_light() is not None and car.get_traffic_light_state() == RED
        light.set_state(GREEN)
        world.tick()
        known += car.get_traffic_light_state() == GREEN
        car.destroy()
        world.tick()
    check('cars at lights know the light and its state', known == 2 * len(lights[:4]), known)
    point = max(world.get_map().get_spawn_points(), key=lambda p: min(p.location.distance(l.get_location()) for l in lights))
    car = world.spawn_actor(library.find('vehicle.tesla.model3'), point)
    for _ in range(5):
        world.tick()
    check('a car elsewhere is at none', not car.is_at_traffic_light() and car.get_traffic_light() is None)
    light = lights[0]
    car.destroy()
    world.tick()
    world.freeze_all_traffic_lights(False)


def judge(server, version):
    client = connect(server)
    world = client.get_world()
    print('# map %s' % world.get_map().name)
    synchronous(world)
    world.tick()
    phases(world)
    places(world)
    at_a_light(world)


towns = [t for t in glob.glob(os.path.join(os.environ.get('LANELOOP_TOWNS', ''), '*', '*.xodr'))
         if os.environ.get('LANELOOP_TOWNS') and os.environ.get('TOWN', 'Town10HD') in t and 'signalReference' in open(t).read()]
if towns:
    main(judge, '--map', towns[0])
else:
    with tempfile.NamedTemporaryFile('w', suffix='.xodr') as f:
        f.write(street())
        f.flush()
        main(judge, '--map', f.name)
