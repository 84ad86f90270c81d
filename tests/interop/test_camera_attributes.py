"""Attributes of a camera's exposure, lens, shutter and film act on its own pictures; labels behind a lens stay labels."""
import carla
import numpy
from common import camera, check, connect, main, pixels, synchronous, take


def level(image):
    return pixels(image)[:, :, :3].mean()


def run(server, version):
    world = connect(server).get_world()
    synchronous(world)
    car = world.spawn_actor(world.get_blueprint_library().find('vehicle.lincoln.mkz_2020'), world.get_map().get_spawn_points()[0])
    where = carla.Transform(carla.Location(x=1.5, z=1.8), carla.Rotation(pitch=-8))
    lens = dict(lens_circle_multiplier=3.0, lens_circle_falloff=3.0)
    rig = {name: camera(world, kind, where, car, **attributes) for name, kind, attributes in (
        ('plain', 'rgb', {}),
        ('written out', 'rgb', dict(exposure_mode='histogram', gamma=2.2, bloom_intensity=0.675, motion_blur_intensity=0.45)),
        ('1/2000 s', 'rgb', dict(exposure_mode='manual', shutter_speed=2000)),
        ('1/4000 s', 'rgb', dict(exposure_mode='manual', shutter_speed=4000)),
        ('iso 200', 'rgb', dict(exposure_mode='manual', shutter_speed=4000, iso=200)),
        ('metered', 'rgb', dict(exposure_min_bright=-5, exposure_max_bright=20, exposure_speed_down=5)),
        ('lens', 'rgb', lens),
        ('leaderboard', 'rgb', dict(chromatic_aberration_intensity=0.5, chromatic_aberration_offset=0, **lens)),
        ('blur', 'rgb', dict(motion_blur_intensity=0.9, motion_blur_max_distortion=5)),
        ('no blur', 'rgb', dict(motion_blur_intensity=0.9, motion_blur_max_distortion=0)),
        ('warm', 'rgb', dict(temp=9000)),
        ('tags', 'semantic_segmentation', {}),
        ('lens tags', 'semantic_segmentation', lens),
        ('depth', 'depth', {}),
        ('lens depth', 'depth', lens),
    )}

    def tick(count):
        for _ in range(count):
            frame = world.tick()
            seen = {name: take(images, frame) for name, (_, images) in rig.items()}
        return seen

    seen = tick(20)  # the car has settled
    check('every camera sends every picture', all(i is not None for i in seen.values()), seen)
    picture = {name: pixels(image).astype(int) for name, image in seen.items()}
    check('attributes are echoed', rig['lens'][0].attributes['lens_circle_multiplier'].startswith('3'), rig['lens'][0].attributes)
    check('defaults written out are defaults', (picture['plain'] == picture['written out']).all())
    check('half the shutter, darker', level(seen['1/4000 s']) < level(seen['1/2000 s']) - 15)
    check('... and twice the iso makes up for it', abs(level(seen['iso 200']) - level(seen['1/2000 s'])) < 2)
    check('alpha is 255', all((p[:, :, 3] == 255).all() for p in picture.values()))
    rim = numpy.ones((160, 320), bool)
    rim[40:120, 80:240] = False
    apart = numpy.abs(picture['lens'] - picture['plain']).max(axis=2) > 8
    check('the lens bends the rim and leaves the middle', apart[rim].mean() > 0.2 and apart[75:85, 150:170].mean() < 0.02,
          (apart[rim].mean(), apart[75:85, 150:170].mean()))
    check('fringes differ from the lens alone', (picture['leaderboard'] != picture['lens']).any())
    check('a warm picture', picture['warm'][:, :, 2].mean() > picture['plain'][:, :, 2].mean() > 0
          and picture['warm'][:, :, 0].mean() < picture['plain'][:, :, 0].mean() - 5)
    ids = [set(numpy.unique(picture[n][:, :, 2]).tolist()) for n in ('tags', 'lens tags')]
    check('tags behind a lens are tags', ids[1] <= ids[0] and (picture['tags'] != picture['lens tags']).any(), ids)
    metres = [p[:, :, 2] + 256 * p[:, :, 1] + 65536 * p[:, :, 0] for p in (picture['depth'], picture['lens depth'])]
    check('depth behind a lens is a depth that was there', numpy.isin(metres[1], metres[0]).all())
    still = numpy.abs(picture['blur'] - picture['no blur'])  # the one is developed: it averages the light of an edge, not its bytes
    check('standing still: no trails', still.max() <= 8 and (still > 1).mean() < 0.01, (still.max(), (still > 1).mean()))

    car.enable_constant_velocity(carla.Vector3D(12, 0, 0))
    seen = tick(4)
    rows = [numpy.abs(numpy.diff(pixels(seen[n]).astype(int)[120:, :, 1], axis=0)).mean() for n in ('no blur', 'blur')]
    check('driving: the road trails', rows[1] < 0.8 * rows[0], rows)
    car.disable_constant_velocity()
    noon, plain = level(seen['metered']), level(seen['plain'])
    weather = world.get_weather()
    weather.sun_altitude_angle = 0.5
    world.set_weather(weather)
    seen = tick(1)
    check('dusk comes at once', level(seen['metered']) < 0.7 * noon, (noon, level(seen['metered'])))
    seen = tick(80)
    check('... and the metered camera gets used to it', abs(level(seen['metered']) - noon) < 0.2 * noon, (noon, level(seen['metered'])))
    check('... which the default does in part', level(seen['plain']) < plain - 10, (plain, level(seen['plain'])))

    bp = world.get_blueprint_library().find('sensor.camera.rgb')
    bp.set_attribute('iso', '0')
    try:
        world.spawn_actor(bp, where, attach_to=car)
        check('a sensor that sees nothing is refused', False)
    except RuntimeError as e:
        check('a sensor that sees nothing is refused', 'invalid actor description' in str(e), e)
    for sensor, _ in rig.values():
        sensor.stop()


main(run, '--quality', '1')
