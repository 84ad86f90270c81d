"""Questions to the scene, things taken out of it, street lights, drawing, recordings: asked by CARLA's client."""
import math

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


def run(server, version):
    client = connect(server)
    world = client.get_world()
    objects(world)
    synchronous(world)
    street_lights(server, world)
    weathers(world)
    drawings(world, version)
    asynchronous(world)


main(run)
