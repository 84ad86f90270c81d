"""CARLA's official client against ours on one server, in one run, turn and turn about: round trips of an RPC, and frames per second of one
camera in synchronous mode. Usage: compare.py LANELOOP OUR_BENCH ROUNDS

OUR_BENCH is tests/bench/client/client_bench.c, which does the same with our client and prints two numbers. The ratio of each round is ours
to theirs within that round; printed are its median and its range over the rounds, so that a slow moment of the machine shows as spread."""
import json
import os
import statistics
import subprocess
import sys
import time

import carla

CALLS, FRAMES, WIDTH, HEIGHT = 2000, 200, 320, 240


class Server:
    def __init__(self, program):
        ready, write = os.pipe()
        self.process = subprocess.Popen([program, 'serve', '--port', '0', '--ready-fd', str(write)], stdin=subprocess.PIPE,
                                        pass_fds=[write])
        os.close(write)
        self.port = json.loads(os.fdopen(ready).readline())['rpc_port']

    def stop(self):
        self.process.stdin.close()
        self.process.wait(20)


def round_trips(client):
    """Microseconds per call, median: get_server_version is one round trip of `version`."""
    times = []
    for _ in range(CALLS):
        start = time.perf_counter()
        client.get_server_version()
        times.append(time.perf_counter() - start)
    return 1e6 * statistics.median(times)


def camera_frames(client):
    """Synchronous ticks per second with one camera, each waited for."""
    import queue
    world = client.get_world()
    settings = world.get_settings()
    settings.synchronous_mode, settings.fixed_delta_seconds = True, 0.05
    world.apply_settings(settings)
    library = world.get_blueprint_library()
    bp = library.find('sensor.camera.rgb')
    bp.set_attribute('image_size_x', str(WIDTH))
    bp.set_attribute('image_size_y', str(HEIGHT))
    car = world.spawn_actor(library.find('vehicle.lincoln.mkz_2020'), world.get_map().get_spawn_points()[0])
    camera = world.spawn_actor(bp, carla.Transform(carla.Location(1.5, 0, 1.8)), attach_to=car)
    images = queue.Queue()
    camera.listen(images.put)
    for i in range(FRAMES + 20):
        if i == 20:
            start = time.perf_counter()
        frame = world.tick()
        while images.get(timeout=10).frame != frame:
            pass
    rate = FRAMES / (time.perf_counter() - start)
    camera.destroy()
    car.destroy()
    settings.synchronous_mode, settings.fixed_delta_seconds = False, None
    world.apply_settings(settings)
    return rate


def ours(program, port):
    out = subprocess.run([program, str(port), str(CALLS), str(FRAMES), str(WIDTH), str(HEIGHT)], capture_output=True, text=True,
                         check=True).stdout
    return json.loads(out)


def theirs(port):
    client = carla.Client('127.0.0.1', port)
    client.set_timeout(20)
    return {'call_us': round_trips(client), 'frames_per_s': camera_frames(client)}


def main():
    program, bench, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])
    server = Server(program)
    rows = []
    for i in range(rounds):  # who goes first alternates
        if i % 2:
            b = theirs(server.port)
            a = ours(bench, server.port)
        else:
            a = ours(bench, server.port)
            b = theirs(server.port)
        rows.append((a, b))
    server.stop()
    for key, unit, better in (('call_us', 'us per call', 'less'), ('frames_per_s', 'frames/s', 'more')):
        mine, other = [a[key] for a, _ in rows], [b[key] for _, b in rows]
        ratios = [x / y for x, y in zip(mine, other)]
        print('%-12s ours %.1f, official %.1f %s (medians of %d rounds); ratio %.3f (%.3f to %.3f), %s is better' %
              (key, statistics.median(mine), statistics.median(other), unit, rounds, statistics.median(ratios), min(ratios), max(ratios),
               better))
    sys.stdout.flush()
    os._exit(0)  # CARLA's client keeps threads that may outlast the interpreter


main()
