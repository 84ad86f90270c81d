"""Questions to the scene, things taken out of it, street lights, drawing, recordings: asked by CARLA's client."""
import os

import carla
from common import asynchronous, check, connect, main, near, synchronous

ANY = carla.CityObjectLabel.Any
BUILDINGS = carla.CityObjectLabel.Buildings


def objects(world):
    things = world.get_environment_objects(ANY)
    check('things of the scenery', len(things) > 500, len(things))
    check('every id is there once', len({t.id for t in things}) == len(things))
    check('each has a name and a box', all(t.name and t.bounding_box.extent.x >= 0 for t in things))
    for label in (BUILDINGS, carla.CityObjectLabel.Roads, carla.CityObjectLabel.Sidewalks, carla.CityObjectLabel.Vegetation,
                  carla.CityObjectLabel.Poles):
        some = world.get_environment_objects(label)
        check('%s can be asked for alone' % label, some and all(t.type == label for t in some), len(some))
    names = world.get_names_of_all_objects()
    check('names of all objects', set(names) == {t.name for t in things}, len(names))

    house = max(world.get_environment_objects(BUILDINGS), key=lambda t: t.bounding_box.extent.z)
    box = house.bounding_box
    top = box.location + carla.Location(z=box.extent.z + 30)
    check('its transform is inside its box', box.contains(house.transform.location + carla.Location(z=1), carla.Transform()))

    def is_there():
        return any(h.label == BUILDINGS for h in world.cast_ray(top, box.location))

    check('a ray meets the building', is_there())
    boxes = len(world.get_level_bbs(BUILDINGS))
    check('boxes of the level', boxes == len(world.get_environment_objects(BUILDINGS)), boxes)
    world.enable_environment_objects({house.id}, False)
    check('taken away, rays pass', not is_there())
    check('and the level has a box less', len(world.get_level_bbs(BUILDINGS)) == boxes - 1)
    world.enable_environment_objects({house.id}, True)
    check('it comes back', is_there())
    world.unload_map_layer(carla.MapLayer.Buildings)
    check('an unloaded layer is gone', len(world.get_level_bbs(BUILDINGS)) == 0 and not is_there())
    world.load_map_layer(carla.MapLayer.Buildings)
    check('and comes back', len(world.get_level_bbs(BUILDINGS)) == boxes and is_there())


def street_lights(server, world):
    manager = world.get_lightmanager()
    lamps = manager.get_all_lights()
    check('street lights', len(lamps) > 10, len(lamps))
    check('all in the street group', len(manager.get_all_lights(carla.LightGroup.Street)) == len(lamps))
    check('dark at noon', not manager.get_turned_on_lights())
    some = lamps[:5]
    manager.turn_on(some)
    manager.set_color(some, carla.Color(200, 100, 50))
    manager.set_intensity(some, 300.0)
    lamps[7].turn_on()
    lamps[7].set_light_group(carla.LightGroup.Building)
    for _ in range(3):
        world.tick()
    check('some are on', {l.id for l in manager.get_turned_on_lights()} == {l.id for l in some} | {lamps[7].id})

    # another client has its own picture of them, and hears what changes
    other = connect(server)
    elsewhere = other.get_world()
    theirs = elsewhere.get_lightmanager()
    seen = {l.id: l for l in theirs.get_all_lights()}
    lit = seen[some[0].id]
    check('another client sees colour and intensity', (lit.color.r, lit.color.g, lit.color.b) == (200, 100, 50)
          and near(lit.intensity, 300, 1e-3) and lit.is_on, (lit.color, lit.intensity))
    check('and the group', seen[lamps[7].id].light_group == carla.LightGroup.Building)
    theirs.turn_off(theirs.get_turned_on_lights())
    for _ in range(6):
        elsewhere.tick()
    check('the first client hears of it', not manager.get_turned_on_lights(), len(manager.get_turned_on_lights()))

    weather = world.get_weather()
    weather.sun_altitude_angle = -30.0
    world.set_weather(weather)
    for _ in range(4):
        world.tick()
    check('lamps go on at night', len(manager.get_turned_on_lights()) == len(lamps), len(manager.get_turned_on_lights()))
    weather.sun_altitude_angle = 45.0
    world.set_weather(weather)
    for _ in range(4):
        world.tick()
    check('and off by day', not manager.get_turned_on_lights())
    del theirs, elsewhere, other


def weathers(world):
    fields = [f for f in dir(carla.WeatherParameters) if not f.startswith('_') and f[0].islower()]
    check('fields of the weather', len(fields) == 14, fields)
    wanted = carla.WeatherParameters(**{f: 3.25 + i for i, f in enumerate(fields)})
    world.set_weather(wanted)
    check('weather comes back as it was set', world.get_weather() == wanted, world.get_weather())
    for preset in ('ClearNoon', 'WetCloudySunset', 'HardRainNight', 'Default'):
        wanted = getattr(carla.WeatherParameters, preset)
        world.set_weather(wanted)
        check('preset %s comes back' % preset, world.get_weather() == wanted, world.get_weather())
    world.set_weather(carla.WeatherParameters.ClearNoon)


def drawings(world, version):
    here = carla.Location(1, 2, 3)
    world.debug.draw_point(here, 0.1, carla.Color(1, 2, 3), 0.5)
    world.debug.draw_line(here, here + carla.Location(x=1), life_time=0.2)
    world.debug.draw_arrow(here, here + carla.Location(x=1), arrow_size=0.3)
    world.debug.draw_box(carla.BoundingBox(here, carla.Vector3D(1, 1, 1)), carla.Rotation(yaw=30), 0.1)
    world.debug.draw_string(here, 'a string', True)
    check('drawings are taken', world.tick() > 0)


def rays(world, version):
    spawn = world.get_map().get_spawn_points()[3]
    car = world.spawn_actor(world.get_blueprint_library().find('vehicle.lincoln.mkz_2020'), spawn)
    for _ in range(20):
        world.tick()
    here = car.get_location()
    hits = world.cast_ray(here + carla.Location(z=6), here - carla.Location(z=6))
    labels = [h.label for h in hits]
    check('a ray down meets the car, then the road', labels[0] == carla.CityObjectLabel.Car and carla.CityObjectLabel.Roads in labels
          or carla.CityObjectLabel.RoadLines in labels, labels)
    check('from top to bottom', all(a.location.z >= b.location.z for a, b in zip(hits, hits[1:])), [h.location.z for h in hits])
    ground = world.ground_projection(car.get_transform().transform(carla.Location(x=6, z=2)), 10.0)
    check('ground beside the car', ground is not None and near(ground.location.z, here.z, 0.5), ground)
    ahead = world.project_point(here + carla.Location(z=5), carla.Vector3D(0, 0, -1), 10.0)
    check('a point projected onto the car', ahead is not None and ahead.label == carla.CityObjectLabel.Car, ahead)
    check('nothing in the sky', world.project_point(here + carla.Location(z=50), carla.Vector3D(0, 0, 1), 10.0) is None)
    boxes = world.get_level_bbs(carla.CityObjectLabel.Car)
    check('the car is among the boxes of the level', len(boxes) == 1 and boxes[0].location.distance(here) < 2, boxes)
    if version >= '0.9.16':
        check('gravity of the IMU', near(world.get_imu_gravity() if hasattr(world, 'get_imu_gravity') else 9.81, 9.81, 1e-3))
    car.destroy()
    world.tick()


def generated(client):
    text = client.get_world().get_map().to_opendrive()
    world = client.generate_opendrive_world(text, carla.OpendriveGenerationParameters(
        vertex_distance=2.0, max_road_length=50.0, wall_height=2.0, additional_width=0.6, smooth_junctions=True,
        enable_mesh_visibility=True))
    check('a generated world', world.get_map().name.endswith('OpenDriveMap'), world.get_map().name)
    walls = [t.name for t in world.get_environment_objects(carla.CityObjectLabel.Walls) if t.name.startswith('EdgeWall')]
    check('with walls along its roads', walls, walls)
    return world


def textures(world):
    name = world.get_environment_objects(BUILDINGS)[0].name
    texture = carla.TextureColor(8, 8)
    for x in range(8):
        for y in range(8):
            texture.set(x, y, carla.Color(200, 10, 10, 255))
    world.apply_color_texture_to_object(name, carla.MaterialParameter.Diffuse, texture)
    floats = carla.TextureFloatColor(2, 2)
    world.apply_float_color_texture_to_object(name, carla.MaterialParameter.Diffuse, floats)
    check('textures are taken', True)
    try:
        world.apply_color_texture_to_object('Nobody', carla.MaterialParameter.Diffuse, texture)
        check('an unknown name is refused', False)
    except RuntimeError as e:
        check('an unknown name is refused', 'Nobody' in str(e), e)


def recordings(client, world):
    library = world.get_blueprint_library()
    blueprint = library.find('vehicle.lincoln.mkz_2020')
    blueprint.set_attribute('role_name', 'hero')
    car = world.spawn_actor(blueprint, world.get_map().get_spawn_points()[2])
    for _ in range(10):
        world.tick()
    name = client.start_recorder('scene.log', True)
    check('a recording starts', 'scene.log' in name, name)
    car.apply_control(carla.VehicleControl(throttle=0.7))
    places = [car.get_location()]
    for _ in range(40):
        world.tick()
        places.append(car.get_location())
    client.stop_recorder()
    info = client.show_recorder_file_info('scene.log', False)
    check('it says what it holds', 'vehicle.lincoln.mkz_2020' in info and 'Frames: 41' in info and 'Duration: 2 seconds' in info,
          info[-200:])
    check('and all of it', ' Positions: ' in client.show_recorder_file_info('scene.log', True))
    check('collisions', 'Frames: 41' in client.show_recorder_collisions('scene.log', 'a', 'a'))
    check('blocked actors', 'Frames: 41' in client.show_recorder_actors_blocked('scene.log', 1.0, 100))
    answer = client.replay_file('scene.log', 0.0, 0.0, car.id)
    check('a replay starts', 'scene.log' in answer and '0.00 s - 2.00 s' in answer, answer)
    worst = 0
    for place in places[1:-1]:
        world.tick()
        worst = max(worst, place.distance(car.get_location()))
    check('the car goes where it went', worst < 0.01, worst)
    check('the spectator follows', world.get_spectator().get_location().distance(car.get_location()) < 40)
    client.set_replayer_time_factor(2.0)
    client.set_replayer_ignore_hero(True)
    client.set_replayer_ignore_spectator(True)
    client.stop_replayer(True)
    check('a file that is not there', 'not found' in client.show_recorder_file_info('nowhere.log', False))
    for bad in ('/tmp/escape.log', '../escape.log', '.hidden', ''):
        try:
            client.start_recorder(bad)
            check('%r is refused' % bad, False)
        except RuntimeError as e:
            check('%r is refused' % bad, 'no name for a recording' in str(e), e)
    client.set_replayer_time_factor(1.0)
    car.destroy()
    world.tick()


def run(server, version):
    client = connect(server)
    world = client.get_world()
    objects(world)
    synchronous(world)
    street_lights(server, world)
    weathers(world)
    drawings(world, version)
    rays(world, version)
    textures(world)
    recordings(client, world)
    asynchronous(world)
    generated(client)


main(run, '--recordings', os.path.join(os.environ['HOME'], 'recordings'))
