"""50 vehicles on CARLA's own traffic manager for 1,000 ticks: none leaves the road, none stands still for ever."""
import math
import os
import subprocess
import sys

import carla
from common import CRASHED, STALLED, check, connect, main, official_towns, skip, synchronous, traffic_manager

VEHICLES, TICKS, DELTA = 50, 1000, 0.05
GOES = 5  # on one map
BUNDLED = 'country_loop', 'mountain_road', 'town_grid', 'highway_ring'


def nearest_lane(town, location):
    return town.get_waypoint(location, project_to_road=True, lane_type=carla.LaneType.Driving | carla.LaneType.Bidirectional)


def drive(server, label):
    client = connect(server, 30)
    world = client.get_world()
    synchronous(world, DELTA)
    town, library = world.get_map(), world.get_blueprint_library()
    bps = [b for b in library.filter('vehicle.*') if b.get_attribute('base_type').as_str() == 'car'] if library.find(
        'vehicle.lincoln.mkz_2020').has_attribute('base_type') else [library.find('vehicle.lincoln.mkz_2020')]
    # the traffic manager's steering gains swing this one, of 1.6 m wheelbase, from side to side after a tight turn
    bps = [b for b in bps if b.id != 'vehicle.micro.microlino']
    points = town.get_spawn_points()
    step = max(1, len(points) // VEHICLES)
    batch = [carla.command.SpawnActor(bps[i % len(bps)], p) for i, p in enumerate(points[::step][:VEHICLES])]
    spawned = [a.actor_id for a in client.apply_batch_sync(batch, True) if not a.has_error()]
    cars = [world.get_actor(i) for i in spawned]
    check('%s: %d vehicles' % (label, VEHICLES), len(cars) == VEHICLES, len(cars))
    manager = traffic_manager(client)
    manager.set_random_device_seed(7)
    manager.set_osm_mode(False)
    client.apply_batch_sync([carla.command.SetAutopilot(c, True, manager.get_port()) for c in cars], True)
    ids = [c.id for c in cars]
    last, travelled, still, longest = {}, dict.fromkeys(ids, 0.0), dict.fromkeys(ids, 0), dict.fromkeys(ids, 0)
    off, lost, worst = {}, set(), 0.0
    for tick in range(TICKS):
        world.tick()
        snapshot = world.get_snapshot()
        for i in ids:
            state = snapshot.find(i)
            if state is None:
                lost.add(i)
                continue
            here = state.get_transform().location
            moved = here.distance(last[i]) if i in last else 0
            last[i] = here
            travelled[i] += moved
            still[i] = still[i] + 1 if moved < 0.01 * DELTA else 0
            longest[i] = max(longest[i], still[i])
            if tick % 5 == 0:
                lane = nearest_lane(town, here)
                # the middle of the car beyond the edge of the nearest lane that one may drive on
                beyond = math.hypot(here.x - lane.transform.location.x, here.y - lane.transform.location.y) - 0.5 * lane.lane_width
                worst = max(worst, beyond)
                if beyond > 0:
                    off[i] = off.get(i, 0) + 1
    waiting = {c.id for c in cars if c.id not in lost and c.is_at_traffic_light()}
    # longer on end than a light is red with all of its group's other lights before it, 15 s each, and at no light now
    patience = max([40] + [15 * len(l.get_group_traffic_lights()) + 10 for l in world.get_actors().filter('traffic.traffic_light')])
    stuck = [i for i in ids if i not in lost and longest[i] * DELTA > patience and i not in waiting]
    total = sum(travelled.values())
    print('# %s: %d vehicles x %d ticks: %.0f m together, mean %.1f m/s; off the road: %d vehicles (worst %.2f m beyond a lane\'s edge); '
          'stood still longest %.1f s' % (label, len(ids), TICKS, total, total / len(ids) / (TICKS * DELTA), len(off), max(0, worst),
                                          max(longest.values()) * DELTA))
    check('%s: all vehicles are still there' % label, not lost, lost)
    check('%s: no vehicle leaves the road' % label, not off, off)
    check('%s: no vehicle is stuck' % label, not stuck, stuck)
    check('%s: traffic flows' % label, total / len(ids) > 50, total / len(ids))
    for c in cars:
        c.set_autopilot(False, manager.get_port())
    manager.shut_down()


def each_map(program, version):
    """Each map in a process and on a server of its own: CARLA's manager hangs in about one of 3,000 ticks (see end_of), and then only
    that map is driven again."""
    towns = official_towns()
    maps = ['driving_loop', *BUNDLED, *(towns[t] for t in ('Town01', 'Town03') if t in towns)]
    if 'Town01' not in towns:
        skip('traffic on CARLA\'s towns', 'LANELOOP_TOWNS names no folder with Town01')
    worst = 0
    for name in maps:
        for go in range(GOES):
            done = subprocess.run([sys.executable, *sys.argv[:3], name], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            if done.returncode != STALLED and (done.returncode != CRASHED or go == GOES - 1):
                break
            print('# ' + done.stdout.strip().replace('\n', '\n# '), flush=True)
        if done.returncode == STALLED:
            skip('traffic on ' + name, 'CARLA\'s client hung %d times while the server answered and ticked' % GOES)
            continue
        print(done.stdout, end='', flush=True)
        if done.returncode and 'not ok ' not in done.stdout:
            check('traffic on %s runs to its end' % name, False, done.returncode)
        worst = worst or done.returncode
    return worst


if len(sys.argv) > 3:
    main(lambda server, version: drive(server, os.path.basename(sys.argv[3]).replace('.xodr', '')), '--map', sys.argv[3])
sys.exit(1 if each_map(sys.argv[1], sys.argv[2]) else 0)
