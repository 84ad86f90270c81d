"""Several clients at once: one ticks, all see; two and five with cameras of their own; one killed in the middle of a stream; one whose
callback is slow; one of another release."""
import os
import signal
import subprocess
import sys
import time

import carla
from common import Server, asynchronous, camera, check, connect, main, skip, synchronous, take

# A client in a process of its own: listens to a camera on the car it is told, prints frames and the state of the car at each.
FOLLOWER = """
import queue, sys, os
sys.path.insert(0, os.environ['INTEROP'])
import carla
from common import camera
client = carla.Client('127.0.0.1', int(sys.argv[1]))
client.set_timeout(20)
world = client.get_world()
car = world.get_actor(int(sys.argv[2]))
eye, images = camera(world, 'semantic_segmentation', carla.Transform(carla.Location(x=1.5, z=1.8)), car, width=int(sys.argv[4]), height=int(sys.argv[4]) // 2)
print('ready', flush=True)
for i in range(int(sys.argv[3])):
    image = images.get(timeout=20)
    print(image.frame, '%.4f %.4f' % (image.transform.location.x, image.transform.location.y), flush=True)
eye.stop()
eye.destroy()
os._exit(0)  # CARLA's client may abort in its own threads when the interpreter ends
"""

# What a program of another release would do; every step says that it was reached.
STRANGER = """
import carla, sys, os
client = carla.Client('127.0.0.1', int(sys.argv[1]))
client.set_timeout(5)
print('server', client.get_server_version(), flush=True)
print('maps', len(client.get_available_maps()), flush=True)
world = client.get_world()
print('world', flush=True)
print('map', len(world.get_map().get_spawn_points()), flush=True)
print('blueprints', len(world.get_blueprint_library()), flush=True)
os._exit(0)
"""


def follow(server, car, ticks, width):
    env = dict(os.environ, INTEROP=os.path.dirname(os.path.abspath(__file__)), PYTHONDONTWRITEBYTECODE='1')
    p = subprocess.Popen([sys.executable, '-c', FOLLOWER, str(server.port), str(car.id), str(ticks), str(width)], stdout=subprocess.PIPE,
                         text=True, env=env)
    return p


def several(server, world, cars, count, ticks):
    synchronous(world)
    world.tick()
    followers = [follow(server, cars[i], ticks, 160) for i in range(count)]
    ready = [p.stdout.readline().strip() for p in followers]
    check('%d clients with cameras' % count, ready == ['ready'] * count, ready)
    frames = []
    for i in range(ticks):
        for car in cars[:count]:
            car.apply_control(carla.VehicleControl(throttle=0.4))
        frames.append(world.tick())
    outputs = [p.communicate(timeout=60)[0].split('\n') for p in followers]
    seen = [[int(line.split()[0]) for line in out if line] for out in outputs]
    check('%d clients: each got each frame once' % count, all(s == frames for s in seen), [(len(s), s[:2]) for s in seen])
    check('%d clients ended well' % count, all(p.returncode == 0 for p in followers), [p.returncode for p in followers])


def killed_in_stream(server, client, world, car):
    """SIGKILL while a large camera streams to it; SIGSTOP is the same without the end of the connection."""
    p = follow(server, car, 1000, 1024)
    check('a client to be killed', p.stdout.readline().strip() == 'ready')
    for i in range(5):
        world.tick()
    p.send_signal(signal.SIGKILL)
    began = time.time()
    for i in range(10):
        world.tick()
    check('a client killed in the middle of a stream holds nobody up', time.time() - began < 8, time.time() - began)
    p.wait()
    p.stdout.close()
    for actor in world.get_actors().filter('sensor.camera.*'):
        actor.destroy()
    frozen = follow(server, car, 1000, 2048)
    check('a client to be stopped', frozen.stdout.readline().strip() == 'ready')
    world.tick()
    frozen.send_signal(signal.SIGSTOP)
    client.set_timeout(30)
    began = time.time()
    for i in range(6):
        world.tick()
    took = time.time() - began
    check('a client that stops reading holds a tick up for 10 s and no longer', took < 20, took)
    frozen.kill()
    frozen.wait()
    frozen.stdout.close()
    for actor in world.get_actors().filter('sensor.camera.*'):
        actor.destroy()


def run(server, version):
    client = connect(server, 20)
    world = client.get_world()
    synchronous(world)
    points = world.get_map().get_spawn_points()
    bp = world.get_blueprint_library().find('vehicle.lincoln.mkz_2020')
    cars = [world.spawn_actor(bp, p) for p in points[::len(points) // 6][:5]]
    world.tick()

    # a second connection of this process: what one does the other sees at once
    other = connect(server).get_world()
    cars[0].apply_control(carla.VehicleControl(throttle=0.3, steer=0.1))
    frame = world.tick()
    twin = other.get_actor(cars[0].id)
    while other.get_snapshot().frame < frame:
        time.sleep(0.01)
    check('a second client sees the same state', twin.get_transform() == cars[0].get_transform() and twin.get_control() == cars[0].get_control())
    bp.set_attribute('role_name', 'second')
    theirs = other.spawn_actor(bp, points[len(points) // 2 + 3])
    world.tick()
    check('the first sees what the second spawned', world.get_actor(theirs.id).attributes['role_name'] == 'second')
    check('and may destroy it', world.get_actor(theirs.id).destroy())

    several(server, world, cars, 2, 40)
    several(server, world, cars, 5, 40)
    killed_in_stream(server, client, world, cars[0])

    # a slow callback of one client slows a synchronous world, but loses nothing
    slow = []
    eye, images = camera(world, 'rgb', carla.Transform(carla.Location(x=1.5, z=1.8)), cars[1])
    eye.stop()
    eye.listen(lambda image: (time.sleep(0.05), slow.append(image.frame)))
    frames = [world.tick() for i in range(20)]
    deadline = time.time() + 5
    while len(slow) < 20 and time.time() < deadline:
        time.sleep(0.05)
    check('a slow callback gets every frame', slow == frames, (len(slow), slow[:2], frames[:2]))
    eye.destroy()
    for car in cars:
        car.destroy()
    asynchronous(world)

    strange = Server(server.program, '--carla-version', '0.9.15' if version == '0.9.16' else '0.9.16')
    result = subprocess.run([sys.executable, '-c', STRANGER, str(strange.port)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
    print('# %s client, other server: status %d: %s' % (version, result.returncode, result.stdout.strip().replace('\n', ' | ')))
    check('a client of another release learns the server\'s', 'server 0.9.1' in result.stdout, result.stdout)
    check('and is warned', 'WARNING: Version mismatch' in result.stdout, result.stdout)
    check('the server outlives it', strange.process.poll() is None)
    check('and still answers', connect(strange).get_server_version() != version)
    check('the other server stops', strange.stop() == 0)


main(run)
