"""Every spawn point of every map at hand takes a car, all at the same time, and the cars stand where they were put."""
import carla
from common import Server, check, connect, main, official_towns, skip, synchronous

TICKS = 30


def stand(client, world, label):
    town = world.get_map()
    points = town.get_spawn_points()
    synchronous(world)
    bp = world.get_blueprint_library().find('vehicle.lincoln.mkz_2020')
    answers = client.apply_batch_sync([carla.command.SpawnActor(bp, p) for p in points], True)
    errors = [(i, a.error) for i, a in enumerate(answers) if a.has_error()]
    check('%s: all %d spawn points are free' % (label, len(points)), not errors, errors[:3])
    for i in range(TICKS):
        world.tick()
    snapshot = world.get_snapshot()
    moved, tilted, off, height = [], [], [], []
    for point, answer in zip(points, answers):
        if answer.has_error():
            continue
        here = snapshot.find(answer.actor_id).get_transform()
        moved.append(here.location.distance_2d(point.location) if hasattr(here.location, 'distance_2d') else
                     ((here.location.x - point.location.x) ** 2 + (here.location.y - point.location.y) ** 2) ** 0.5)
        turned = (here.rotation.yaw - point.rotation.yaw + 180) % 360 - 180
        tilted.append(max(abs(here.rotation.roll), abs(turned)))
        waypoint = town.get_waypoint(here.location, project_to_road=False)
        off.append(waypoint is None or waypoint.lane_type != carla.LaneType.Driving)
        if waypoint:
            height.append(abs(here.location.z - waypoint.transform.location.z))
    check('%s: cars stay where they are put' % label, max(moved) < 1.0, max(moved))
    check('%s: and upright' % label, max(tilted) < 10, max(tilted))
    check('%s: each on a driving lane' % label, sum(off) == 0, sum(off))
    check('%s: and on the ground' % label, max(height) < 0.6, max(height))
    answers = client.apply_batch_sync([carla.command.DestroyActor(a.actor_id) for a in answers if not a.has_error()], True)
    check('%s: all are destroyed' % label, not any(a.has_error() for a in answers))


def run(server, version):
    client = connect(server, 60)
    for name in client.get_available_maps():
        stand(client, client.load_world(name), name.split('/')[-1])
    towns = official_towns()
    if not towns:
        skip('spawn points of CARLA\'s towns', 'LANELOOP_TOWNS names no folder with them')
    for name in sorted(towns):
        if name not in ('Town01', 'Town02', 'Town10HD'):
            continue
        other = Server(server.program, '--carla-version', version, '--map', towns[name])
        client = connect(other, 60)
        stand(client, client.get_world(), name)
        check('%s: server stops' % name, other.stop() == 0)


main(run)
