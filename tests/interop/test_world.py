"""Loading worlds, several clients, the traffic manager inside CARLA's client, calls that scripts make in passing."""
import os
import subprocess
import sys
import time

import carla
from common import asynchronous, check, connect, main, near, synchronous, traffic_manager

DOOMED = """
import carla, os, sys
client = carla.Client('127.0.0.1', int(sys.argv[1]))
client.set_timeout(10)
world = client.get_world()
settings = world.get_settings()
settings.synchronous_mode = True
settings.fixed_delta_seconds = 0.05
world.apply_settings(settings)
car = world.spawn_actor(world.get_blueprint_library().find('vehicle.lincoln.mkz_2020'), world.get_map().get_spawn_points()[1])
world.tick()
print(car.id, flush=True)
os.kill(os.getpid(), 9)
"""


def run(server, version):
    client = connect(server)
    world = client.get_world()
    maps = client.get_available_maps()
    here = world.get_map().name
    other = [m for m in maps if m.split('/')[-1] != here.split('/')[-1]][0]
    first = world.id
    car = world.spawn_actor(world.get_blueprint_library().find('vehicle.lincoln.mkz_2020'), world.get_map().get_spawn_points()[0])
    world.wait_for_tick()
    world = client.load_world(other)
    check('another world is another episode', world.id != first, world.id)
    check('its map', world.get_map().name.split('/')[-1] == other.split('/')[-1], world.get_map().name)
    world.wait_for_tick()
    check('its actors are new', len(world.get_actors().filter('vehicle.*')) == 0)
    second = world.id
    world = client.reload_world()
    check('a reloaded world is a new episode', world.id not in (first, second))

    # what scripts call in passing
    try:
        check('environment objects', isinstance(world.get_environment_objects(), list))
    except RuntimeError as e:
        check('what the simulator does not have, it says', 'not available in this simulator' in str(e), e)
    point = world.get_map().get_spawn_points()[0].location
    hits = world.cast_ray(point + carla.Location(z=5), point - carla.Location(z=5))
    check('a ray down hits the road', len(hits) > 0 and hits[0].label == carla.CityObjectLabel.Roads, [h.label for h in hits])
    world.debug.draw_point(point, life_time=1.0)
    world.debug.draw_string(point, 'here')
    check('drawing is accepted', client.get_server_version() == version)
    check('traffic lights can be asked for', isinstance(world.get_actors().filter('traffic.*'), carla.ActorList))

    # a client that is killed in synchronous mode must not take the server with it
    killed = subprocess.run([sys.executable, '-c', DOOMED, str(server.port)], stdout=subprocess.PIPE, timeout=60)
    check('a client died in synchronous mode', killed.returncode == -9 and killed.stdout.strip() != b'', killed)
    check('the server still answers', client.get_server_version() == version)
    asynchronous(world)
    check('and ticks again', world.wait_for_tick().frame > 0)
    left = world.get_actor(int(killed.stdout))
    check('the dead client left its car', left is not None)
    check('another client destroys it', left.destroy())

    # CARLA's traffic manager runs inside the client and drives by batches
    synchronous(world)
    library = world.get_blueprint_library()
    points = world.get_map().get_spawn_points()
    step = max(1, len(points) // 5)
    cars = [world.try_spawn_actor(library.find('vehicle.lincoln.mkz_2020'), p) for p in points[::step][:4]]
    cars = [c for c in cars if c is not None]
    check('cars for the traffic manager', len(cars) >= 2, len(cars))
    world.tick()
    manager = traffic_manager(client)
    manager.set_random_device_seed(1)
    start = [c.get_transform().location for c in cars]
    for c in cars:
        c.set_autopilot(True, manager.get_port())
    town, off = world.get_map(), 0
    for i in range(200):
        world.tick()
        off += any(town.get_waypoint(c.get_transform().location, project_to_road=False) is None for c in cars)
    moved = [c.get_transform().location.distance(s) for c, s in zip(cars, start)]
    check('the traffic manager drives every car', min(moved) > 10, moved)
    check('and keeps them on the road', off < 10, off)
    for c in cars:
        c.set_autopilot(False, manager.get_port())
    manager.shut_down()
    answers = client.apply_batch_sync([carla.command.DestroyActor(c) for c in cars], True)
    check('all are destroyed', not any(a.has_error() for a in answers), [a.error for a in answers])
    asynchronous(world)


main(run)
