"""Lidars, radar, obstacle sensor; normals, optical flow and DVS cameras; the noise of IMU and GNSS: as the client decodes them."""
import math
import queue

import carla
import numpy
from common import check, connect, main, near, skip, synchronous

WIDTH, HEIGHT = 320, 160
DELTA = 0.05


def take(q, frame):
    """The message of `frame`, or None."""
    while True:
        try:
            data = q.get(timeout=5)
        except queue.Empty:
            return None
        if data.frame >= frame:
            return data


class Rig:
    """Sensors on one car, each with its queue."""

    def __init__(self, world, car):
        self.world, self.car, self.sensors, self.queues = world, car, {}, {}

    def add(self, name, kind, where, attach=True, **attributes):
        bp = self.world.get_blueprint_library().find('sensor.' + kind)
        for k, v in attributes.items():
            bp.set_attribute(k, str(v))
        self.sensors[name] = self.world.spawn_actor(bp, where, attach_to=self.car if attach else None)
        self.queues[name] = queue.Queue()
        self.sensors[name].listen(self.queues[name].put)

    def tick(self, *names):
        frame = self.world.tick()
        return [take(self.queues[n], frame) for n in names]

    def remove(self):
        for s in self.sensors.values():
            s.stop()
            s.destroy()
        self.sensors, self.queues = {}, {}


def lidars(world, rig, other):
    roof = carla.Transform(carla.Location(z=2.4))
    common = dict(channels=32, range=50, points_per_second=320000, rotation_frequency=10, upper_fov=10, lower_fov=-30)
    rig.add('lidar', 'lidar.ray_cast', roof, dropoff_general_rate=0, dropoff_intensity_limit=0, atmosphere_attenuation_rate=0.01,
            **common)
    rig.add('tags', 'lidar.ray_cast_semantic', roof, **common)
    angles, previous = [], None
    for i in range(4):
        plain, tagged = rig.tick('lidar', 'tags')
        if not check('lidar %d: both messages' % i, plain is not None and tagged is not None):
            return
        angles.append(plain.horizontal_angle)
    check('half a turn per tick', all(near(abs(a - b), math.pi, 1e-4) for a, b in zip(angles, angles[1:])), angles)
    check('channels', plain.channels == 32 and tagged.channels == 32, plain.channels)
    counts = [plain.get_point_count(c) for c in range(32)]
    check('points per channel add up', sum(counts) == len(plain) and len(plain) > 2000, (sum(counts), len(plain)))
    check('at most 500 per channel and tick', max(counts) <= 500, counts)
    p = numpy.frombuffer(plain.raw_data, numpy.float32).reshape(-1, 4).astype(float)
    check('raw data is x, y, z, intensity', len(p) == len(plain))
    d = numpy.linalg.norm(p[:, :3], axis=1)
    check('within range', d.max() <= 50.001, d.max())
    check('intensity is exp(-rate distance)', abs(p[:, 3] - numpy.exp(-0.01 * d)).max() < 1e-4)
    first = plain[0]
    check('indexing decodes a detection', near(first.point.x, p[0, 0], 1e-6) and near(first.intensity, p[0, 3], 1e-6), first)
    down = numpy.degrees(numpy.arcsin(p[:, 2] / d))
    check('vertical field of view', down.min() >= -30.01 and down.max() <= 10.01, (down.min(), down.max()))
    s = numpy.frombuffer(tagged.raw_data, numpy.dtype([('xyz', numpy.float32, 3), ('cos', numpy.float32), ('id', numpy.uint32),
                                                       ('tag', numpy.uint32)]))
    check('the same points with tags', len(s) == len(p) and abs(s['xyz'] - p[:, :3]).max() < 1e-5, (len(s), len(p)))
    check('tags are CARLA\'s, roads among them', set(s['tag']) <= set(range(29)) and (s['tag'] == 1).sum() > 100, set(s['tag']))
    check('cosines', s['cos'].min() >= 0 and s['cos'].max() <= 1.0001)
    # every point that carries the other car's id lies in its box
    mine = s[s['id'] == other.id]
    world_of, box = numpy.array(tagged.transform.get_matrix()), other.bounding_box
    to_other = numpy.array(other.get_transform().get_inverse_matrix())
    local = (to_other @ world_of @ numpy.c_[mine['xyz'], numpy.ones(len(mine))].T)[:3].T
    centre, extent = [[getattr(v, k) for k in 'xyz'] for v in (box.location, box.extent)]
    off = abs(local - centre) - extent
    check('points of the other car lie in its box', len(mine) > 20 and off.max() < 0.15, (len(mine), off.max() if len(mine) else None))
    check('and no others do', set(s['id']) <= {0, rig.car.id, other.id}, set(s['id']))
    ground = s[(s['tag'] == 1) & (s['id'] == 0)]
    heights = (world_of @ numpy.c_[ground['xyz'], numpy.ones(len(ground))].T)[2]
    town = world.get_map()
    want = numpy.array([town.get_waypoint(tagged.transform.location).transform.location.z])
    check('the road is at the map\'s height', abs(numpy.median(heights) - want[0]) < 0.3, (numpy.median(heights), want))
    rig.remove()


def radar(rig, other):
    front = carla.Transform(carla.Location(x=2.6, z=0.8))
    rig.add('radar', 'other.radar', front, points_per_second=10000, horizontal_fov=20, vertical_fov=10)
    rig.car.enable_constant_velocity(carla.Vector3D(3, 0, 0))
    other.enable_constant_velocity(carla.Vector3D(8, 0, 0))
    for i in range(8):
        data, = rig.tick('radar')
    if check('radar data', data is not None and len(data) > 50, data):
        n = data.get_detection_count() if hasattr(data, 'get_detection_count') else len(data)
        check('as many as it says', n == len(list(data)), n)
        a = numpy.frombuffer(data.raw_data, numpy.float32).reshape(-1, 4)
        v, azimuth, altitude, depth = a.T
        check('within its fields of view', abs(azimuth).max() <= math.radians(10.001) and abs(altitude).max() <= math.radians(5.001))
        cosine = numpy.cos(azimuth) * numpy.cos(altitude)
        away = abs(v - 5 * cosine) < 0.3
        still = abs(v + 3 * cosine) < 0.3
        check('a car that leaves at 5 m/s', away.sum() > 10, sorted(set(numpy.round(v, 1))))
        check('the rest comes nearer at 3 m/s', (away | still).mean() > 0.95, (away | still).mean())
        d = data[0]
        check('indexing decodes a detection', near(d.velocity, v[0], 1e-6) and near(d.depth, depth[0], 1e-6), d)
    rig.car.disable_constant_velocity()
    other.disable_constant_velocity()
    rig.remove()


def obstacle(rig, other):
    rig.add('obstacle', 'other.obstacle', carla.Transform(carla.Location(z=1.0)), distance=60, hit_radius=0.4, only_dynamics='true')
    event, = rig.tick('obstacle')
    if check('obstacle ahead', event is not None):
        check('is the other car', event.other_actor.id == other.id, event.other_actor)
        gap = rig.car.get_location().distance(other.get_location()) - other.bounding_box.extent.x
        check('its distance', near(event.distance, gap, 1.5), (event.distance, gap))
        check('told by the sensor', event.actor.id == rig.sensors['obstacle'].id, event.actor)
    rig.remove()
    rig.add('obstacle', 'other.obstacle', carla.Transform(carla.Location(z=1.0)), distance=2, hit_radius=0.3)
    for i in range(3):
        rig.world.tick()
    check('nothing within two metres', rig.queues['obstacle'].empty())
    rig.remove()


def cameras(rig, version):
    front = carla.Transform(carla.Location(x=1.5, z=1.8), carla.Rotation(pitch=-8))
    size = dict(image_size_x=WIDTH, image_size_y=HEIGHT)
    rig.add('tags', 'camera.instance_segmentation', front, **size)
    rig.add('normals', 'camera.normals', front, **size)
    rig.add('flow', 'camera.optical_flow', front, **size)
    rig.add('dvs', 'camera.dvs', front, **size)
    rig.car.enable_constant_velocity(carla.Vector3D(10, 0, 0))
    for i in range(5):
        tags, normals, flow = rig.tick('tags', 'normals', 'flow')
    rig.car.disable_constant_velocity()
    if not check('normals and flow come', None not in (tags, normals, flow)):
        return
    t = numpy.frombuffer(tags.raw_data, numpy.uint8).reshape(HEIGHT, WIDTH, 4)
    n = numpy.frombuffer(normals.raw_data, numpy.uint8).reshape(HEIGHT, WIDTH, 4)
    road = t[:, :, 2] == 1
    blue, red = n[:, :, 0][road].astype(float), n[:, :, 2][road].astype(float)
    check('normals of the road point up', (blue > 250).mean() > 0.95 and abs(numpy.median(red) - 128) < 8, (blue.mean(), red.mean()))
    f = numpy.frombuffer(flow.raw_data, numpy.float32).reshape(HEIGHT, WIDTH, 2)
    check('flow lies in -2 .. 2', numpy.isfinite(f).all() and abs(f).max() <= 2)
    check('the road comes down the picture', f[-10:, WIDTH // 2, 1].max() < -0.02, f[-10:, WIDTH // 2, 1])
    check('and apart to the sides', f[-10:, -5, 0].min() > 0 > f[-10:, 5, 0].max(), (f[-10:, -5, 0], f[-10:, 5, 0]))
    check('its colours can be drawn', len(flow.get_color_coded_flow().raw_data) == WIDTH * HEIGHT * 4)
    events = None
    while not rig.queues['dvs'].empty():
        events = rig.queues['dvs'].get()
    if check('dvs events come', events is not None and len(events) > 100, events):
        a = numpy.frombuffer(events.raw_data, numpy.dtype([('x', '<u2'), ('y', '<u2'), ('t', '<i8'), ('pol', '?')]))
        check('dvs: pixels of the picture', (a['x'] < WIDTH).all() and (a['y'] < HEIGHT).all())
        check('dvs: in order of time', (numpy.diff(a['t']) >= 0).all())
        check('dvs: of the last step', a['t'].min() >= (events.timestamp - DELTA) * 1e9 - 2e3 and a['t'].max() <= events.timestamp * 1e9 + 2e3,
              (a['t'].min(), a['t'].max(), events.timestamp))
        check('dvs: both signs', 0.05 < a['pol'].mean() < 0.95, a['pol'].mean())
        check('dvs: image of the client', (events.width, events.height) == (WIDTH, HEIGHT) and len(events.to_image()) > 0)
    if hasattr(rig.sensors['tags'], 'listen_to_gbuffer'):
        rig.add('rgb', 'camera.rgb', front, **size)
        refused = ''
        try:
            rig.sensors['rgb'].listen_to_gbuffer(carla.GBufferTextureID.SceneDepth, lambda image: None)
        except RuntimeError as e:
            refused = str(e)
        check('g-buffers are refused in words', 'buffer' in refused.lower(), refused)
    rig.remove()


def noise(world, version):
    """A thousand measurements of sensors that stand still, against the numbers in their attributes."""
    library = world.get_blueprint_library()
    place = carla.Transform(carla.Location(x=5, y=6, z=7), carla.Rotation(yaw=30))
    rig = Rig(world, None)
    rig.add('imu', 'other.imu', place, attach=False, noise_accel_stddev_x=0.5, noise_accel_stddev_z=0.1, noise_gyro_stddev_y=0.02,
            noise_gyro_bias_y=0.3, noise_gyro_bias_z=-0.1, noise_seed=7)
    rig.add('gnss', 'other.gnss', place, attach=False, noise_lat_stddev=1e-5, noise_lat_bias=2e-4, noise_alt_stddev=0.5, noise_alt_bias=-3,
            noise_seed=7)
    rig.add('still', 'other.gnss', place, attach=False)
    rows = []
    count = 1000
    for i in range(count):
        imu, gnss, still = rig.tick('imu', 'gnss', 'still')
        a, g = imu.accelerometer, imu.gyroscope
        rows.append((a.x, a.y, a.z, g.x, g.y, g.z, gnss.latitude - still.latitude, gnss.longitude - still.longitude,
                     gnss.altitude - still.altitude))
    compass = imu.compass
    mean, deviation = numpy.mean(rows, axis=0), numpy.std(rows, axis=0)
    want_mean = (0, 0, 9.81, 0, 0.3, -0.1, 2e-4, 0, -3)
    want = (0.5, 0, 0.1, 0, 0.02, 0, 1e-5, 0, 0.5)
    for k, name in enumerate(('accel x', 'accel y', 'accel z', 'gyro x', 'gyro y', 'gyro z', 'latitude', 'longitude', 'altitude')):
        # mean within 4 of its own deviations; deviation within 4 / sqrt(2 n)
        tolerance = 4 * want[k] / math.sqrt(count) + 1e-5 * max(1, abs(want_mean[k]))
        tolerance = tolerance if name not in ('latitude', 'longitude') else 4 * want[k] / math.sqrt(count) + 1e-12
        check('%s: mean' % name, near(mean[k], want_mean[k], tolerance), (mean[k], want_mean[k]))
        check('%s: deviation' % name, near(deviation[k], want[k], want[k] * 4 / math.sqrt(2 * count) + 1e-5 * (want[k] == 0)),
              (deviation[k], want[k]))
    z = (numpy.array(rows)[:, 0] - mean[0]) / deviation[0]
    check('the noise is normal', near((z ** 3).mean(), 0, 0.35) and near((z ** 4).mean(), 3, 0.7), ((z ** 3).mean(), (z ** 4).mean()))
    check('draws do not follow each other', abs((z[1:] * z[:-1]).mean()) < 0.13, (z[1:] * z[:-1]).mean())
    check('compass from north, clockwise', near(compass, math.radians(120), 1e-4), compass)
    rig.remove()


def sensor_ticks(world):
    rig = Rig(world, None)
    place = carla.Transform(carla.Location(z=5))
    kinds = ('lidar.ray_cast', 'lidar.ray_cast_semantic', 'other.radar', 'other.imu', 'other.gnss', 'camera.normals',
             'camera.optical_flow', 'camera.depth')
    for kind in kinds:
        bp = world.get_blueprint_library().find('sensor.' + kind)
        size = dict(image_size_x=32, image_size_y=16) if bp.has_attribute('image_size_x') else {}
        rig.add(kind, kind, place, attach=False, sensor_tick=0.2, **size)
    for i in range(20):
        world.tick()
    last = world.tick()
    for kind in kinds:
        got = []
        while not rig.queues[kind].empty():
            got.append(rig.queues[kind].get().frame)
        steps = {b - a for a, b in zip(got, got[1:])}
        check('%s: every fourth frame by sensor_tick' % kind, len(got) in (5, 6) and steps == {4}, got)
    rig.remove()


def attributes(library, version):
    """What CARLA's blueprints offer, with its defaults."""
    camera = {'fov': '90.0', 'image_size_x': '800', 'image_size_y': '600', 'sensor_tick': '0.0', 'lens_circle_falloff': '5.0',
              'lens_circle_multiplier': '0.0', 'lens_k': '-1.0', 'lens_kcube': '0.0', 'lens_x_size': '0.08', 'lens_y_size': '0.08'}
    lidar = {'channels': '32', 'range': '10.0', 'points_per_second': '56000', 'rotation_frequency': '10.0', 'upper_fov': '10.0',
             'lower_fov': '-30.0', 'horizontal_fov': '360.0', 'sensor_tick': '0.0'}
    want = {
        'camera.normals': camera, 'camera.optical_flow': camera,
        'camera.dvs': dict(camera, positive_threshold='0.3', negative_threshold='0.3', sigma_positive_threshold='0.0',
                           sigma_negative_threshold='0.0', refractory_period_ns='0', use_log='true', log_eps='0.001', gamma='2.2'),
        'lidar.ray_cast_semantic': lidar,
        'lidar.ray_cast': dict(lidar, atmosphere_attenuation_rate='0.004', dropoff_general_rate='0.45', dropoff_intensity_limit='0.8',
                               dropoff_zero_intensity='0.4', noise_stddev='0.0', noise_seed='0'),
        'other.radar': {'horizontal_fov': '30.0', 'vertical_fov': '30.0', 'range': '100.0', 'points_per_second': '1500',
                        'sensor_tick': '0.0', 'noise_seed': '0'},
        'other.obstacle': {'distance': '5.0', 'hit_radius': '0.5', 'only_dynamics': 'false', 'debug_linetrace': 'false',
                           'sensor_tick': '0.0'},
        'other.rss': {}, 'other.lane_invasion': {}, 'other.collision': {},
    }
    integers = {'image_size_x', 'image_size_y', 'channels', 'points_per_second', 'noise_seed', 'refractory_period_ns'}
    for kind, values in want.items():
        bp = library.find('sensor.' + kind)
        got = {a.id: a for a in bp}
        missing = {k: v for k, v in values.items() if k not in got or got[k].recommended_values[0] != v}
        check('%s: attributes' % kind, not missing, missing)
        wrong = [k for k in values if k in got and got[k].type != (carla.ActorAttributeType.Int if k in integers else
                                                                   carla.ActorAttributeType.Bool if values[k] in ('true', 'false') else
                                                                   carla.ActorAttributeType.Float)]
        check('%s: types' % kind, not wrong, wrong)
        if not values:
            check('%s: no attributes of its own' % kind, set(got) <= {'role_name', 'ros_name'}, set(got))


def run(server, version):
    client = connect(server)
    world = client.get_world()
    library = world.get_blueprint_library()
    synchronous(world, DELTA)
    attributes(library, version)
    start = world.get_map().get_spawn_points()[0]
    car = world.spawn_actor(library.find('vehicle.lincoln.mkz_2020'), start)
    ahead = world.get_map().get_waypoint(start.location).next(14.0)[0].transform
    ahead.location.z += 0.5
    other = world.spawn_actor(library.find('vehicle.audi.tt'), ahead)
    for i in range(20):
        world.tick()
    rig = Rig(world, car)
    lidars(world, rig, other)
    obstacle(rig, other)
    radar(rig, other)
    cameras(rig, version)
    noise(world, version)
    sensor_ticks(world)
    for a in (other, car):
        check('destroyed %s' % a.type_id, a.destroy())


main(run)
