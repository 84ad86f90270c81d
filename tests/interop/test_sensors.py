"""RGB and segmentation cameras, frame-exact for 100 ticks; depth, IMU, GNSS; a collision."""
import math
import queue

import carla
import numpy
from common import check, connect, listening, main, near, pixels, skip, synchronous, take

WIDTH, HEIGHT, TICKS = 320, 160, 100


def run(server, version):
    client = connect(server)
    world = client.get_world()
    library = world.get_blueprint_library()
    town = world.get_map()
    start = town.get_spawn_points()[0]
    synchronous(world)
    car = world.spawn_actor(library.find('vehicle.lincoln.mkz_2020'), start)
    where = carla.Transform(carla.Location(x=1.5, z=1.8), carla.Rotation(pitch=-8))
    sensors, queues = {}, {}
    for name, kind in (('rgb', 'camera.rgb'), ('tags', 'camera.semantic_segmentation'), ('depth', 'camera.depth'),
                       ('instance', 'camera.instance_segmentation'), ('imu', 'other.imu'), ('gnss', 'other.gnss')):
        try:
            bp = library.find('sensor.' + kind)
        except IndexError:
            skip(name, 'the server offers no sensor.' + kind)
            continue
        if bp.has_attribute('image_size_x'):
            bp.set_attribute('image_size_x', str(WIDTH))
            bp.set_attribute('image_size_y', str(HEIGHT))
            bp.set_attribute('fov', '90')
        sensors[name] = world.spawn_actor(bp, where, attach_to=car)
        queues[name] = queue.Queue()
        sensors[name].listen(queues[name].put)
    collisions = queue.Queue()
    bumper = world.spawn_actor(library.find('sensor.other.collision'), carla.Transform(), attach_to=car)
    bumper.listen(collisions.put)
    check('sensors are listening', all(listening(s) for s in sensors.values()))

    exact = {name: 0 for name in sensors}
    poses = 0
    last = {}
    for i in range(TICKS):
        car.apply_control(carla.VehicleControl(throttle=0.4))
        frame = world.tick()
        for name in sensors:
            data = take(queues[name], frame)
            exact[name] += data is not None and data.frame == frame
            last[name] = data
        if last['rgb'] is not None:
            seen, snapshot = last['rgb'].transform, car.get_transform()
            poses += near(seen.location.distance(snapshot.location), math.hypot(1.5, 1.8), 0.3)
    for name in sensors:
        check('%s: the data of each of %d frames' % (name, TICKS), exact[name] == TICKS, exact[name])
        check('%s: nothing else came' % name, queues[name].empty(), queues[name].qsize())
    check('camera rides on the car', poses == TICKS, poses)

    rgb, tags = last['rgb'], last['tags']
    check('image size and field of view', (rgb.width, rgb.height) == (WIDTH, HEIGHT) and near(rgb.fov, 90, 1e-4), rgb)
    a = pixels(rgb)
    check('colour image has contrast', a[:, :, :3].std() > 10, a[:, :, :3].std())
    check('alpha is 255', (a[:, :, 3] == 255).all())
    t = pixels(tags)
    ids = set(numpy.unique(t[:, :, 2]).tolist())
    check('tag is in red alone', (t[:, :, 0] == 0).all() and (t[:, :, 1] == 0).all())
    check('tags are CARLA\'s', ids <= set(range(29)), ids)
    check('sees road and lane lines', 1 in ids and 24 in ids, ids)
    below = t[HEIGHT * 3 // 4:, WIDTH // 3:WIDTH * 2 // 3, 2]
    check('road in front of the car', (below == 1).mean() + (below == 24).mean() > 0.9, (below == 1).mean())
    check('sky above', (t[0, :, 2] == 11).mean() > 0.2, (t[0, :, 2] == 11).mean())
    if 'depth' in last:
        d = pixels(last['depth']).astype(numpy.float64)
        metres = (d[:, :, 2] + 256 * d[:, :, 1] + 65536 * d[:, :, 0]) / (256 ** 3 - 1) * 1000
        # a flat road 1.8 m (and the spawn height) below a camera that looks 8 degrees down
        row = HEIGHT - 1
        angle = math.radians(8) + math.atan((row + 0.5 - HEIGHT / 2) / (WIDTH / 2))
        height = last['depth'].transform.location.z - town.get_waypoint(last['depth'].transform.location).transform.location.z
        pitch = -math.radians(last['depth'].transform.rotation.pitch)
        angle = pitch + math.atan((row + 0.5 - HEIGHT / 2) / (WIDTH / 2))
        want = height / math.sin(angle) * math.cos(angle - pitch)
        check('depth of the road', near(metres[row, WIDTH // 2], want, 0.1 * want), (metres[row, WIDTH // 2], want))
        check('sky is far', metres[0, t[0, :, 2] == 11].min() > 900 if (t[0, :, 2] == 11).any() else True)
    if 'instance' in last:
        check('instance image carries the same tags', (pixels(last['instance'])[:, :, 2] == t[:, :, 2]).all())
    if 'imu' in last:
        check('imu feels gravity', near(last['imu'].accelerometer.z, 9.81, 2.0), last['imu'].accelerometer)
    if 'gnss' in last:
        geo = town.transform_to_geolocation(last['gnss'].transform.location)
        check('gnss agrees with the map', near(last['gnss'].latitude, geo.latitude, 1e-9) and near(last['gnss'].longitude, geo.longitude, 1e-9),
              (last['gnss'].latitude, geo.latitude, last['gnss'].longitude, geo.longitude))

    # a sensor that measures every second tick
    bp = library.find('sensor.camera.rgb')
    for k, v in (('image_size_x', '64'), ('image_size_y', '32'), ('sensor_tick', '0.1')):
        bp.set_attribute(k, v)
    slow, slow_q = world.spawn_actor(bp, where, attach_to=car), queue.Queue()
    slow.listen(slow_q.put)
    for i in range(20):
        world.tick()
    sensors['rgb'].stop()
    check('stopped sensor', not listening(sensors['rgb']))
    slow.stop()
    check('sensor_tick 0.1 s at 0.05 s: every second frame', 9 <= slow_q.qsize() <= 11, slow_q.qsize())
    slow.destroy()

    # collision: another car in the way
    check('no collision so far', collisions.empty())
    ahead = town.get_waypoint(car.get_transform().location).next(15.0)[0].transform
    ahead.location.z += 0.5
    other = world.spawn_actor(library.filter('vehicle.*')[0], ahead)
    car.apply_control(carla.VehicleControl(throttle=0.0, brake=0.0))
    for i in range(200):
        here = car.get_transform()
        to = other.get_transform().location - here.location
        bearing = math.degrees(math.atan2(to.y, to.x)) - here.rotation.yaw if i else 0.0
        steer = max(-0.7, min(0.7, ((bearing + 180) % 360 - 180) / 45))
        car.apply_control(carla.VehicleControl(throttle=0.6, steer=steer))
        frame = world.tick()
        if not collisions.empty():
            break
    hit = collisions.get(timeout=2) if not collisions.empty() else None
    if check('collision is reported', hit is not None):
        check('with the other car', hit.other_actor.id == other.id, hit.other_actor)
        impulse = hit.normal_impulse
        check('with an impulse', impulse.length() > 10, impulse)

    # A sensor that is stopped while its data arrive may crash CARLA's client (docs/protocol.md): all is taken in before.
    check('data up to the last frame', all(take(queues[name], frame) for name in sensors if name != 'rgb'))
    for s in list(sensors.values()) + [bumper, other, car]:
        check('destroyed %s' % s.type_id, s.destroy())
    world.tick()
    check('nothing of ours is left', len(world.get_actors().filter('vehicle.*')) == 0)


main(run)
