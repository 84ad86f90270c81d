"""Our C client beside CARLA's own: vehicles of ours on a traffic manager that CARLA's client hosts, and lane invasions of one drive as both
clients compute them. The programs are those of examples/."""
import os
import re
import subprocess
import sys
import time

import carla
from common import STALLED, answers, check, connect, free_port, main, synchronous

examples = os.path.join(os.path.dirname(sys.argv[1]), 'examples')


def run_example(name, *arguments):
    done = subprocess.run([os.path.join(examples, name), *map(str, arguments)], capture_output=True, text=True, timeout=120)
    return done.returncode, (done.stdout + done.stderr).strip()


def remote_traffic_manager(server, client):
    port = free_port()
    manager = client.get_trafficmanager(port)
    fastest = {}
    for slower in (0, 60):
        status, text = run_example('remote_traffic_manager', '127.0.0.1', server.port, port, 3, 200, slower)
        match = re.search(r'3 vehicles, 200 ticks: ([\d.]+) m each, fastest ([\d.]+) m/s', text)
        if 'no answer to synchronous_tick' in text and answers(server):
            sys.stdout.flush()
            os._exit(STALLED)  # CARLA's manager waits for itself: see end_of
        if not check('remote traffic manager drives with %d %% off the limit' % slower, status == 0 and match and float(match[1]) > 5, text):
            return
        fastest[slower] = float(match[2])
    check('set_percentage_speed_difference slows vehicles down', fastest[60] < 0.75 * fastest[0], fastest)
    status, text = run_example('remote_traffic_manager', '127.0.0.1', server.port, 1, 1, 1, 0)
    check('no manager: one clear line', status == 1 and 'no traffic manager is registered for port 1' in text, text)
    manager.shut_down()


def lane_invasions(server, client):
    """Drive across marks in both directions; the same frames and marks from both clients."""
    world = client.get_world()
    synchronous(world)
    blueprints = world.get_blueprint_library()
    start = world.get_map().get_spawn_points()[0]
    car = world.spawn_actor(blueprints.find('vehicle.lincoln.mkz_2020'), start)
    car.set_simulate_physics(False)
    sensor = world.spawn_actor(blueprints.find('sensor.other.lane_invasion'), carla.Transform(), attach_to=car)
    theirs = {}
    sensor.listen(lambda e: theirs.setdefault(e.frame, []).extend(str(m.type) for m in e.crossed_lane_markings))
    world.tick()
    frames = 160
    watcher = subprocess.Popen([os.path.join(examples, 'watch_car'), '127.0.0.1', str(server.port), str(car.id), str(frames)],
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    lines = []
    forward, right, at = start.get_forward_vector(), start.get_right_vector(), start.location
    side = 0.0
    for i in range(frames + 40):
        side += 0.07 if (i // 50) % 2 == 0 else -0.11
        at += forward * 0.2
        car.set_transform(carla.Transform(at + right * side, start.rotation))
        world.tick()
        if not lines:  # joined? its first line says from which frame on
            time.sleep(0.02)
            if os.get_blocking(watcher.stdout.fileno()):
                os.set_blocking(watcher.stdout.fileno(), False)
            first = watcher.stdout.readline()
            if first:
                lines.append(first)
    os.set_blocking(watcher.stdout.fileno(), True)
    rest, _ = watcher.communicate(timeout=60)
    ours = {}
    begin = int(lines[0].split()[-1]) if lines else 0
    for line in rest.splitlines():
        match = re.match(r'frame (\d+): crossed (\w+)', line)
        if match:
            ours.setdefault(int(match[1]), []).append(match[2])
    theirs = {f: sorted(m) for f, m in theirs.items() if begin < f <= begin + frames}
    ours = {f: sorted(m) for f, m in ours.items() if begin < f <= begin + frames}  # one that waits may see fewer snapshots than frames
    check('lane invasions: there are some', len(theirs) >= 4, theirs)
    check('lane invasions: same frames and marks', ours == theirs, 'ours %s, theirs %s' % (ours, theirs))
    sensor.destroy()
    car.destroy()


def run(server, version):
    client = connect(server)
    lane_invasions(server, client)
    client.reload_world()
    remote_traffic_manager(server, client)


main(run, '--map', 'training_loop')
