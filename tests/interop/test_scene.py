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


def run(server, version):
    client = connect(server)
    world = client.get_world()
    objects(world)


main(run)
