"""In the manner of CARLA's tutorial.py and sensor_synchronization.py: a car on autopilot with sensors of every kind that sends each frame,
all of them brought together by frame number; pictures saved to disk."""
import glob
import os
import queue
import random
import tempfile
import time

import carla
import numpy
from common import check, connect, main, skip, synchronous, traffic_manager

TICKS = 20


def save(world, car):
    """tutorial.py: a depth camera whose pictures go to files in CARLA's logarithmic palette."""
    bp = world.get_blueprint_library().find('sensor.camera.depth')
    bp.set_attribute('image_size_x', '64')
    bp.set_attribute('image_size_y', '48')
    eye = world.spawn_actor(bp, carla.Transform(carla.Location(x=1.5, z=2.4)), attach_to=car)
    with tempfile.TemporaryDirectory() as folder:
        eye.listen(lambda image: image.save_to_disk(os.path.join(folder, '%06d.png' % image.frame), carla.ColorConverter.LogarithmicDepth))
        frames = [world.tick() for i in range(5)]
        eye.stop()
        time.sleep(0.5)  # the last picture may still be on its way to its file
        names = sorted(os.path.basename(f) for f in glob.glob(os.path.join(folder, '*.png')))
        check('pictures are saved by frame', len(names) >= 4 and set(names) <= {'%06d.png' % f for f in frames}, (names, frames))
        heads = [open(os.path.join(folder, n), 'rb').read(8) for n in names]
        check('and are PNG files', all(h == b'\x89PNG\r\n\x1a\n' for h in heads), heads)
    eye.destroy()


def run(server, version):
    client = connect(server, 20)
    world = client.get_world()
    random.seed(1)
    library = world.get_blueprint_library()
    bp = random.choice([b for b in library.filter('vehicle') if int(b.get_attribute('number_of_wheels')) == 4])
    if bp.has_attribute('color'):
        bp.set_attribute('color', random.choice(bp.get_attribute('color').recommended_values))
    start = random.choice(world.get_map().get_spawn_points())
    car = world.spawn_actor(bp, start)
    check('created', car.is_alive and car.type_id == bp.id, car)
    location = car.get_location()
    synchronous(world)
    manager = traffic_manager(client)
    car.set_autopilot(True, manager.get_port())
    for i in range(60):
        world.tick()
    check('the car drives away', car.get_location().distance(location) > 3, car.get_location().distance(location))
    location = car.get_location()
    car.set_simulate_physics(False)
    car.set_location(location + carla.Location(x=40))
    world.tick()
    check('moved by hand without physics', abs(car.get_location().x - location.x - 40) < 0.5, (car.get_location(), location))
    car.set_simulate_physics(True)
    save(world, car)

    # other cars around, one after another
    transform = start
    transform.location += carla.Location(x=40, y=-3.2)
    more = []
    for i in range(10):
        transform.location.x += 8.0
        npc = world.try_spawn_actor(library.find('vehicle.tesla.model3'), transform)
        if npc is not None:
            more.append(npc)
            npc.set_autopilot(True, manager.get_port())
    check('others are spawned around', len(more) >= 5, len(more))

    # sensor_synchronization.py: one queue for all, (frame, name)
    wanted = {'rgb': 'sensor.camera.rgb', 'tags': 'sensor.camera.semantic_segmentation', 'lidar': 'sensor.lidar.ray_cast', 'radar': 'sensor.other.radar',
              'imu': 'sensor.other.imu', 'gnss': 'sensor.other.gnss'}
    sensors, everything, seen = {}, queue.Queue(), {}
    for name, kind in wanted.items():
        try:
            bp = library.find(kind)
        except IndexError:
            skip('%s in step with the others' % name, 'the server offers no %s' % kind)
            continue
        for key, value in (('image_size_x', '160'), ('image_size_y', '80'), ('points_per_second', '20000'), ('rotation_frequency', '20')):
            if bp.has_attribute(key):
                bp.set_attribute(key, value)
        sensors[name] = world.spawn_actor(bp, carla.Transform(carla.Location(x=1.0, z=2.2)), attach_to=car)
        sensors[name].listen(lambda data, name=name: everything.put((data.frame, name, data)))
    complete, lag = 0, 0
    for i in range(TICKS):
        frame = world.tick()
        got = {}
        try:
            while len(got) < len(sensors):
                number, name, data = everything.get(timeout=2)
                lag += number != frame
                got[name] = data
        except queue.Empty:
            pass
        complete += set(got) == set(sensors)
        seen = got
    check('%d sensors in step for %d ticks' % (len(sensors), TICKS), complete == TICKS and lag == 0, (complete, lag))
    if 'lidar' in seen:
        points = numpy.frombuffer(seen['lidar'].raw_data, numpy.float32).reshape(-1, 4)
        check('lidar sees something', len(points) > 50 and numpy.isfinite(points).all(), len(points))
    if 'radar' in seen:
        hits = numpy.frombuffer(seen['radar'].raw_data, numpy.float32).reshape(-1, 4)
        check('radar measures', numpy.isfinite(hits).all(), len(hits))
    for s in sensors.values():
        s.destroy()
    for npc in more + [car]:
        npc.set_autopilot(False, manager.get_port())
    # not with a tick of its own: apply_batch_sync keeps the interpreter's lock while it waits for the frame, and threads that still free the
    # callbacks of the sensors want it before they take a snapshot
    answers = client.apply_batch_sync([carla.command.DestroyActor(x) for x in more + [car]], False)
    world.tick()
    check('all are destroyed', not any(a.error for a in answers), [a.error for a in answers if a.error])
    manager.shut_down()


main(run)
