"""In the manner of CARLA's generate_traffic.py: vehicles on autopilot with lights, walkers with and without controllers, in batches."""
import random

import carla
from common import check, connect, main, skip, synchronous, traffic_manager

VEHICLES, WALKERS = 20, 15


def run(server, version):
    client = connect(server, 30)
    world = client.get_world()
    random.seed(3)
    manager = traffic_manager(client)
    manager.set_global_distance_to_leading_vehicle(2.5)
    manager.set_random_device_seed(3)
    synchronous(world)
    library, town = world.get_blueprint_library(), world.get_map()
    bps = sorted((b for b in library.filter('vehicle.*') if int(b.get_attribute('number_of_wheels')) == 4), key=lambda b: b.id)
    points = town.get_spawn_points()
    random.shuffle(points)

    SpawnActor, SetAutopilot, FutureActor = carla.command.SpawnActor, carla.command.SetAutopilot, carla.command.FutureActor
    batch = []
    for n, transform in enumerate(points[:VEHICLES]):
        bp = random.choice(bps)
        if bp.has_attribute('color'):
            bp.set_attribute('color', random.choice(bp.get_attribute('color').recommended_values))
        if bp.has_attribute('driver_id'):
            bp.set_attribute('driver_id', random.choice(bp.get_attribute('driver_id').recommended_values))
        bp.set_attribute('role_name', 'hero' if n == 0 else 'autopilot')
        batch.append(SpawnActor(bp, transform).then(SetAutopilot(FutureActor, True, manager.get_port())))
    answers = client.apply_batch_sync(batch, True)
    vehicles = [a.actor_id for a in answers if not a.error]
    check('all vehicles spawn', len(vehicles) == VEHICLES, [a.error for a in answers if a.error])
    for actor in world.get_actors(vehicles):
        manager.update_vehicle_lights(actor, True)

    # walkers: with a navigation mesh where the server has one, else on the sidewalks of the map
    world.set_pedestrians_seed(3)
    places, mesh = [], world.get_random_location_from_navigation() is not None
    for i in range(WALKERS):
        location = world.get_random_location_from_navigation() if mesh else None
        if location is None:
            waypoint = town.get_waypoint(points[VEHICLES + i].location, lane_type=carla.LaneType.Sidewalk) or town.get_waypoint(points[VEHICLES + i].location)
            location = waypoint.transform.location + carla.Location(z=1.0)
        places.append(location)
    walker_bps = library.filter('walker.pedestrian.*')
    batch = []
    for location in places:
        bp = random.choice(walker_bps)
        if bp.has_attribute('is_invincible'):
            bp.set_attribute('is_invincible', 'false')
        batch.append(SpawnActor(bp, carla.Transform(location)))
    walkers = [a.actor_id for a in client.apply_batch_sync(batch, True) if not a.error]
    check('most walkers spawn', len(walkers) >= WALKERS * 2 // 3, len(walkers))
    controller_bp = library.find('controller.ai.walker')
    led, free = walkers[::2], walkers[1::2]
    answers = client.apply_batch_sync([SpawnActor(controller_bp, carla.Transform(), w) for w in led], True)
    controllers = [a.actor_id for a in answers if not a.error]
    check('each second one gets a controller', len(controllers) == len(led), [a.error for a in answers if a.error])
    actors = world.get_actors(walkers + controllers)
    check('all are in the world', len(actors) == len(walkers) + len(controllers))
    check('a controller knows its walker', {c.parent.id for c in world.get_actors(controllers)} == set(led))
    world.tick()
    before = {a.id: a.get_location() for a in world.get_actors(vehicles + walkers)}
    for c in world.get_actors(controllers):
        c.start()  # takes physics and collisions from its walker: CARLA's client moves it along the mesh
        if mesh:
            c.go_to_location(places[0])
            c.set_max_speed(1.4)
    for w in world.get_actors(free):
        w.apply_control(carla.WalkerControl(carla.Vector3D(1, 0, 0), 1.4, False))
    manager.global_percentage_speed_difference(30.0)
    for i in range(200):
        world.tick()
    moved = {a.id: a.get_location().distance(before[a.id]) for a in world.get_actors(vehicles + walkers)}
    check('vehicles drive', sum(moved[v] > 5 for v in vehicles) >= 0.8 * len(vehicles), sorted(round(moved[v], 1) for v in vehicles)[:6])
    check('walkers walk', sum(moved[w] > 1 for w in free) >= 0.7 * len(free), sorted(round(moved[w], 1) for w in free)[:6])
    if mesh:
        check('walkers with a controller follow it', sum(moved[w] > 1 for w in led) >= 0.7 * len(led), sorted(round(moved[w], 1) for w in led)[:6])
    else:
        skip('walkers with a controller follow it', 'this server has no navigation mesh; controllers are accepted and lead nowhere')
    hero = [v for v in world.get_actors().filter('vehicle.*') if v.attributes['role_name'] == 'hero']
    check('the hero is known by its role', len(hero) == 1 and hero[0].id in vehicles)

    # and away with all of them, as the example does
    for c in world.get_actors(controllers):
        c.stop()
    answers = client.apply_batch_sync([carla.command.DestroyActor(x) for x in vehicles + controllers + walkers], True)
    check('all are destroyed', not any(a.error for a in answers), [a.error for a in answers if a.error])
    world.tick()
    check('nothing is left', not len(world.get_actors().filter('vehicle.*')) and not len(world.get_actors().filter('walker.*')))
    manager.shut_down()


main(run)
