"""What the interop programs share: starting our server, checks that print one line each, connecting CARLA's client."""
import faulthandler
import json
import multiprocessing
import os
import queue
import signal
import socket
import subprocess
import sys
import time
import traceback

import carla
import numpy

failed = multiprocessing.Value('i', 0)  # checks, of the process that runs them and of the one that waits for it


class Server:
    """`laneloop serve` on ports of its own choosing; it ends when its standard input does."""

    def __init__(self, program, *args):
        ready, write = os.pipe()
        self.process = subprocess.Popen([program, 'serve', '--port', '0', '--ready-fd', str(write), *args], stdin=subprocess.PIPE,
                                        stdout=subprocess.DEVNULL, stderr=sys.stderr, pass_fds=[write])
        os.close(write)
        line = os.fdopen(ready).readline()
        if not line:
            raise RuntimeError('laneloop serve ended before it was ready (status %s)' % self.process.wait())
        ports = json.loads(line)
        self.port = ports['rpc_port']
        self.program = program

    def resident_kib(self):
        with open('/proc/%d/status' % self.process.pid) as status:
            return next(int(line.split()[1]) for line in status if line.startswith('VmRSS'))

    def stop(self):
        self.process.stdin.close()
        return self.process.wait(10)


def check(name, condition, seen=''):
    failed.value += not condition
    print('%s %s%s' % ('ok' if condition else 'not ok', name, '' if condition else ': ' + str(seen)), flush=True)
    return condition


def skip(name, why):
    print('skip %s: %s' % (name, why), flush=True)


def near(a, b, tolerance):
    return abs(a - b) <= tolerance


def connect(server, timeout=10.0):
    client = carla.Client('127.0.0.1', server.port)
    client.set_timeout(timeout)
    return client


def official_towns():
    """CARLA's own maps, which do not belong to this repository: {name: path}; their folder is LANELOOP_TOWNS or ../shared/maps."""
    top, towns = os.environ.get('LANELOOP_TOWNS', '../shared/maps'), {}
    for folder, _, files in sorted(os.walk(top)):
        towns.update((f[:-5], os.path.join(folder, f)) for f in files if f.endswith('.xodr'))
    return towns


def synchronous(world, delta=0.05):
    settings = world.get_settings()
    settings.synchronous_mode = True
    settings.fixed_delta_seconds = delta
    world.apply_settings(settings)


def asynchronous(world):
    settings = world.get_settings()
    settings.synchronous_mode = False
    settings.fixed_delta_seconds = None
    world.apply_settings(settings)


def pixels(image):
    return numpy.frombuffer(image.raw_data, numpy.uint8).reshape(image.height, image.width, 4)


def take(q, frame, timeout=5):
    """Messages up to and with `frame`; the last one, or None."""
    while True:
        try:
            data = q.get(timeout=timeout)
        except queue.Empty:
            return None
        if data.frame >= frame:
            return data


def listening(sensor):
    """A property up to 0.9.15, a method since."""
    return sensor.is_listening() if callable(sensor.is_listening) else sensor.is_listening


def camera(world, kind, where, parent=None, width=320, height=160, **attributes):
    """A camera that listens, and the queue of what it sends."""
    bp = world.get_blueprint_library().find('sensor.camera.' + kind)
    for key, value in dict(image_size_x=width, image_size_y=height, fov=90, **attributes).items():
        bp.set_attribute(key, str(value))
    sensor, images = world.spawn_actor(bp, where, attach_to=parent), queue.Queue()
    sensor.listen(images.put)
    return sensor, images


def free_port():
    """A port that nobody listens on at the moment."""
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


def traffic_manager(client):
    """A synchronous traffic manager that waits for its first tick. Its worker starts in asynchronous mode; the client's first tick can
    catch it between the two modes, and then both wait for each other for ever (see `end_of`)."""
    manager = client.get_trafficmanager(free_port())
    manager.set_synchronous_mode(True)
    time.sleep(0.3)
    return manager


PATIENCE = 240  # seconds that the checks of one program may take
IDLE = 25       # seconds without a tenth of a second of work after which they have stalled: longer than any time-out in them
STALLED = 75    # exit status: the client hung, the server did not
CRASHED = 76    # exit status: the client's process died of a signal with no failed check before, the server is well

PROBE = """
import carla, sys
client = carla.Client('127.0.0.1', int(sys.argv[1]))
client.set_timeout(10)
world = client.get_world()
before = world.get_snapshot().frame
after = world.tick() if world.get_settings().synchronous_mode else world.wait_for_tick(10).frame
sys.exit(0 if after > before else 1)
"""


def answers(server):
    """Does a client of another process find the server well?"""
    fine = subprocess.run([sys.executable, '-c', PROBE, str(server.port)], timeout=60).returncode == 0
    print('# ended early; the server %s' % ('answers and ticks: it was the client' if fine else 'is not well either'), flush=True)
    return fine


def work_of(process):
    """Processor seconds of a process and all that it started, dead or alive."""
    try:
        with open('/proc/%d/stat' % process) as stat:
            ticks = sum(map(int, stat.read().rpartition(')')[2].split()[11:15]))
        with open('/proc/%d/task/%d/children' % (process, process)) as children:
            return ticks / os.sysconf('SC_CLK_TCK') + sum(map(work_of, map(int, children.read().split())))
    except FileNotFoundError:  # it ended meanwhile
        return 0.0


def end_of(child, server):
    """Exit status of the process that runs the checks. One that stalls says where and is killed; then a client of another process
    asks the server: when it answers and ticks, the checks hung inside CARLA's client, whose traffic manager does that now and then
    (TrafficManagerLocal wakes its two waits without holding their mutex)."""
    begun = moved = time.monotonic()
    work = 0
    while time.monotonic() < min(begun + PATIENCE, moved + IDLE):
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status)
        done = work_of(child)
        if abs(done - work) > 0.1:
            work, moved = done, time.monotonic()
        time.sleep(0.05)
    os.kill(child, signal.SIGABRT)
    time.sleep(1)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return STALLED if answers(server) else 1


def main(run, *server_args):
    """Start a server, run the checks in a process of their own, say when they end early, stop the server."""
    program, version = sys.argv[1], sys.argv[2]
    server = Server(program, '--carla-version', version, *server_args)
    sys.stdout.flush()
    child = os.fork()
    if not child:
        faulthandler.enable(sys.stdout)
        try:
            run(server, version)
        except Exception:
            traceback.print_exc(file=sys.stdout)
            check('runs to its end', False, traceback.format_exc(limit=1).strip().splitlines()[-1])
        sys.stdout.flush()
        # CARLA's client keeps threads alive that may outlast the interpreter's end; the checks are what counts.
        os._exit(1 if failed.value else 0)
    status = end_of(child, server)
    if status < 0:
        crashed = not failed.value and answers(server)
        check('runs to its end', False, signal.Signals(-status).name)
        status = CRASHED if crashed else 1
    if not check('server stops when its input ends', server.stop() == 0):
        status = 1
    os._exit(status)
