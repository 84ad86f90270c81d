"""Walkers by CARLA's client: control, bones, and its own pedestrian navigation over the mesh that the server hands out."""
import glob
import math
import os

import carla
from common import check, connect, main, near, synchronous

TICKS = 500


def below(world, actor):
    """Height of a walker's feet above the ground."""
    place, extent = actor.get_transform().location, actor.bounding_box.extent.z
    hits = world.cast_ray(place + carla.Location(z=1.0), place - carla.Location(z=20.0))
    ground = [h.location.z for h in hits if h.label != carla.CityObjectLabel.Pedestrians] # the ray passes through the walker
    return place.z - extent - ground[0] if ground else math.nan


def direct_control(world):
    library = world.get_blueprint_library()
    walkers = library.filter('walker.pedestrian.*')
    check('CARLA\'s walkers are listed', len(walkers) >= 49, len(walkers))
    check('with both generations', {w.get_attribute('generation').as_int() for w in walkers} == {1, 2})
    check('and speeds to choose from', all(len(w.get_attribute('speed').recommended_values) == 3 for w in walkers))
    point = world.get_map().get_spawn_points()[0]
    walker = world.spawn_actor(library.find('walker.pedestrian.0028'), carla.Transform(point.location + carla.Location(z=1), point.rotation))
    for _ in range(20):
        world.tick()
    check('a walker stands on the ground', near(below(world, walker), 0, 0.03), below(world, walker))
    start = walker.get_location()
    ahead = point.get_forward_vector()
    walker.apply_control(carla.WalkerControl(ahead, 1.5))
    for _ in range(20):
        world.tick()
    check('it walks as told', near(start.distance(walker.get_location()), 1.5, 0.1), start.distance(walker.get_location()))
    check('its control is in the snapshot', near(walker.get_control().speed, 1.5, 1e-5), walker.get_control())
    walker.apply_control(carla.WalkerControl(carla.Vector3D(), 0, True))
    world.tick()
    walker.apply_control(carla.WalkerControl())
    high = 0
    for _ in range(30):
        world.tick()
        high = max(high, below(world, walker))
    check('it jumps', 0.5 < high < 1.2 and near(below(world, walker), 0, 0.03), high)
    return walker


def bones(world, walker):
    skeleton = {b.name: b for b in walker.get_bones().bone_transforms}
    check('bones have CARLA\'s names', {'crl_root', 'crl_hips__C', 'crl_Head__C', 'crl_hand__R', 'crl_toeEnd__L'} <= set(skeleton), len(skeleton))
    head = skeleton['crl_Head__C'].world.location
    check('the head is above the feet', near(head.distance(walker.get_location()), 0.7, 0.3), head)
    turned = carla.Transform(skeleton['crl_arm__L'].relative.location, carla.Rotation(pitch=80))
    control = carla.WalkerBoneControlIn()
    control.bone_transforms = [('crl_arm__L', turned)]
    walker.set_bones(control)
    walker.blend_pose(1.0)
    world.tick()
    after = {b.name: b for b in walker.get_bones().bone_transforms}
    check('a bone is set', near(after['crl_arm__L'].relative.rotation.pitch, 80, 0.1), after['crl_arm__L'].relative)
    moved = after['crl_hand__L'].world.location.distance(skeleton['crl_hand__L'].world.location)
    check('what hangs on it moves along', moved > 0.3, moved)
    walker.hide_pose()
    world.tick()
    hidden = {b.name: b for b in walker.get_bones().bone_transforms}
    check('a hidden pose is the animation\'s', near(hidden['crl_arm__L'].relative.rotation.pitch, 0, 10))
    walker.show_pose()
    walker.get_pose_from_animation()
    world.tick()
    taken = {b.name: b for b in walker.get_bones().bone_transforms}
    check('a pose is taken from the animation', near(taken['crl_arm__L'].relative.rotation.pitch, 0, 10))


def lane_under(town, place, margin):
    """What a walker stands on: 'sidewalk', 'crosswalk' or 'else'."""
    if town.get_waypoint(place, project_to_road=False, lane_type=carla.LaneType.Sidewalk) is not None:
        return 'sidewalk'
    return 'crosswalk' if on_crosswalk(town.get_crosswalks(), place, margin) else 'else'


def polygons(corners):
    """get_crosswalks gives one list; every polygon ends with its first corner again."""
    out, current = [], []
    for c in corners:
        current.append(c)
        if len(current) > 2 and c.distance(current[0]) < 1e-3:
            out.append(current)
            current = []
    return out


def on_crosswalk(corners, place, margin):
    for p in polygons(corners):
        inside, close = False, False
        for a, b in zip(p, p[1:]):
            if (a.y > place.y) != (b.y > place.y) and place.x < (b.x - a.x) * (place.y - a.y) / (b.y - a.y) + a.x:
                inside = not inside
            length = math.hypot(b.x - a.x, b.y - a.y)
            t = 0 if length == 0 else max(0, min(1, ((place.x - a.x) * (b.x - a.x) + (place.y - a.y) * (b.y - a.y)) / length ** 2))
            close = close or math.hypot(place.x - a.x - t * (b.x - a.x), place.y - a.y - t * (b.y - a.y)) < margin
        if inside or close:
            return True
    return False


def same_side(town, a, b):
    first, second = (town.get_waypoint(p, lane_type=carla.LaneType.Sidewalk) for p in (a, b))
    return (first.road_id, first.lane_id > 0) == (second.road_id, second.lane_id > 0)


def pedestrians(client, world, version, count=20):
    town = world.get_map()
    margin = 1.5 if version == '0.9.16' else 3.0  # earlier clients mirror the outlines of crosswalks and shift them
    world.set_pedestrians_seed(3)
    world.set_pedestrians_cross_factor(0.0)
    places = [world.get_random_location_from_navigation() for _ in range(200)]
    check('random places are given', all(p is not None for p in places))
    wrong = [p for p in places if town.get_waypoint(p, project_to_road=False, lane_type=carla.LaneType.Sidewalk) is None]
    check('all on sidewalks', not wrong, (len(wrong), [(round(p.x, 1), round(p.y, 1)) for p in wrong[:4]]))
    span = max(a.distance(b) for a in places[:50] for b in places[:50])
    check('all over the map', span > 100, span)
    library = world.get_blueprint_library()
    kinds = library.filter('walker.pedestrian.*')
    walkers = []
    for i, p in enumerate(places):
        walker = world.try_spawn_actor(kinds[i % len(kinds)], carla.Transform(p + carla.Location(z=1.0)))
        if walker:
            walkers.append(walker)
        if len(walkers) == count:
            break
    check('%d walkers are spawned' % count, len(walkers) == count, len(walkers))
    controllers = [world.spawn_actor(library.find('controller.ai.walker'), carla.Transform(), w) for w in walkers]
    world.tick()
    for c in controllers:
        c.start()
        c.go_to_location(world.get_random_location_from_navigation())
        c.set_max_speed(1.4)
    before = [w.get_location() for w in walkers]
    last, path = before, [0.0] * count
    kinds_seen, seen, feet, speeds = {}, 0, 0.0, []
    for t in range(TICKS):
        world.tick()
        here = [w.get_location() for w in walkers]
        path = [p + a.distance(b) for p, a, b in zip(path, last, here)]
        last = here
        if t % 10 == 0 and t > 20:
            for w, h in zip(walkers, here):
                kind = lane_under(town, h, margin)
                speeds.append(w.get_velocity().length())
                kinds_seen[kind] = kinds_seen.get(kind, 0) + 1
                seen += 1
                if kind == 'sidewalk':
                    feet = max(feet, abs(below(world, w)))
    print('# %d walkers, %d ticks: %s; way %.1f to %.1f m' % (count, TICKS, kinds_seen, min(path), max(path)))
    moving = sum(p > 10 for p in path)
    check('they walk', moving >= 0.8 * count, (moving, [round(p, 1) for p in path]))
    check('and have the velocity of their way', near(sum(speeds) / len(speeds), sum(path) / count / (TICKS * 0.05), 0.1), sum(speeds) / len(speeds))
    check('on sidewalks and crosswalks', kinds_seen.get('else', 0) <= 0.01 * seen, kinds_seen)
    check('with their feet on the ground', feet < 0.2, feet)

    # who may cross anywhere does: a target on the other side of the road is reached
    world.set_pedestrians_cross_factor(1.0)
    bold = [c for c in controllers[:5]]
    for c in bold:
        c.stop()
    world.tick()
    for c in bold:
        c.start()
    targets = []
    for c, w in zip(bold, walkers):
        here = w.get_location()
        other = min((p for p in places if p.distance(here) > 8 and not same_side(town, p, here)), key=lambda p: p.distance(here))
        targets.append(other)
        c.set_max_speed(3.0)
        c.go_to_location(other)
    reached = set()
    for _ in range(600):
        world.tick()
        reached |= {i for i, (w, p) in enumerate(zip(walkers, targets)) if math.hypot(w.get_location().x - p.x, w.get_location().y - p.y) < 3}
    check('with the crossing factor at 1 walkers cross roads', len(reached) >= 3, (len(reached), [w.get_location().distance(p) for w, p in zip(walkers, targets)]))
    for c in controllers:
        c.stop()
    client.apply_batch_sync([carla.command.DestroyActor(a) for a in controllers + walkers], True)
    world.tick()
    check('all are gone', len(world.get_actors().filter('walker.*')) == 0)


def judge(server, version):
    client = connect(server)
    world = client.get_world()
    print('# map %s' % world.get_map().name)
    synchronous(world)
    world.tick()
    walker = direct_control(world)
    bones(world, walker)
    walker.destroy()
    world.tick()
    pedestrians(client, world, version)


town = os.environ.get('TOWN', 'Town10HD')
found = glob.glob(os.path.join(os.environ['LANELOOP_TOWNS'], '2020', town + '.xodr')) if os.environ.get('LANELOOP_TOWNS') else []
main(judge, '--map', found[0] if found else 'training_loop')
