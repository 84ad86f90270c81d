"""Collisions: with cars, walkers, props and walls; momentum is kept; the same run twice gives the same events and poses."""
import queue

import carla
from common import check, connect, main, near, synchronous, take

TICKS = 120


def ahead(town, transform, metres, lift):
    there = town.get_waypoint(transform.location).next(metres)[0].transform
    there.location.z += lift
    return there


def scene(client):
    """A car runs into a second one, which stands before a third: events in order, and the poses of every tick."""
    world = client.reload_world()
    synchronous(world)
    town, library = world.get_map(), world.get_blueprint_library()
    start = town.get_spawn_points()[0]
    bp = library.find('vehicle.lincoln.mkz_2020')
    cars = [world.spawn_actor(bp, start), world.spawn_actor(library.find('vehicle.tesla.model3'), ahead(town, start, 20, 0.5)),
            world.spawn_actor(bp, ahead(town, start, 28, 0.5))]
    events, bumpers, clock = queue.Queue(), [], None
    for car in cars:
        bumpers.append(world.spawn_actor(library.find('sensor.other.collision'), carla.Transform(), attach_to=car))
        bumpers[-1].listen(lambda e: events.put((e.frame, e.actor.type_id, e.other_actor.type_id, e.normal_impulse.x, e.normal_impulse.y, e.normal_impulse.z)))
    imu = world.spawn_actor(library.find('sensor.other.imu'), carla.Transform(), attach_to=cars[0])
    beat = queue.Queue()
    imu.listen(beat.put)
    first, poses = None, []
    speeds = []
    for i in range(TICKS):
        cars[0].apply_control(carla.VehicleControl(throttle=0.8 if i < 70 else 0.0))
        frame = world.tick()
        first = first or frame
        take(beat, frame)  # a sensor message of this frame: the collisions of the frame were sent before it
        snapshot = world.get_snapshot()
        poses.append([(t.location.x, t.location.y, t.location.z, t.rotation.yaw) for t in (snapshot.find(c.id).get_transform() for c in cars)])
        speeds.append([snapshot.find(c.id).get_velocity().length() for c in cars])
    seen = []
    try:
        while True:
            event = events.get(timeout=0.3)
            seen.append((event[0] - first,) + event[1:])
    except queue.Empty:
        pass
    for actor in bumpers + [imu]:
        actor.destroy()
    return sorted(seen), poses, speeds


def run_into(world, obstacle, metres, lift, label, words):
    town, library = world.get_map(), world.get_blueprint_library()
    start = town.get_spawn_points()[0]
    car = world.spawn_actor(library.find('vehicle.lincoln.mkz_2020'), start)
    thing = world.spawn_actor(library.filter(obstacle)[0], ahead(town, start, metres, lift))
    events = queue.Queue()
    bumper = world.spawn_actor(library.find('sensor.other.collision'), carla.Transform(), attach_to=car)
    bumper.listen(events.put)
    world.tick()
    for i in range(100):
        car.apply_control(carla.VehicleControl(throttle=0.7))
        world.tick()
        if not events.empty():
            break
    try:
        event = events.get(timeout=1)
        check('a car that meets a %s says so' % label, event.other_actor.id == thing.id and words in event.other_actor.type_id, event.other_actor)
    except queue.Empty:
        check('a car that meets a %s says so' % label, False, 'no event')
    for actor in (bumper, thing, car):
        actor.destroy()
    world.tick()


def run(server, version):
    client = connect(server, 30)
    events, poses, speeds = scene(client)
    check('collisions happened', len(events) >= 2, events[:3])
    pairs = {(e[1], e[2]) for e in events}
    check('both sides of a collision are told', ('vehicle.lincoln.mkz_2020', 'vehicle.tesla.model3') in pairs and
          ('vehicle.tesla.model3', 'vehicle.lincoln.mkz_2020') in pairs, pairs)
    hit = min(e[0] for e in events)
    check('who is hit moves', speeds[hit - 1][1] < 0.3 and max(s[1] for s in speeds[hit:hit + 10]) > 1, speeds[hit])
    check('who hits slows down', speeds[hit + 1][0] < speeds[hit - 1][0] - 0.5, (speeds[hit - 1], speeds[hit + 1]))
    check('the third car was pushed too', max(s[2] for s in speeds) > 0.5, max(s[2] for s in speeds))
    impulse = max((e[3] ** 2 + e[4] ** 2 + e[5] ** 2) ** 0.5 for e in events)
    check('impulses are of the size of the momentum', 500 < impulse < 60000, impulse)
    again = scene(client)
    check('the same run gives the same events', again[0] == events, (len(again[0]), len(events)))
    check('and the same poses', again[1] == poses, next((i for i, (a, b) in enumerate(zip(again[1], poses)) if a != b), None))

    world = client.reload_world()
    synchronous(world)
    run_into(world, 'walker.pedestrian.*', 15, 1.0, 'walker', 'walker')
    run_into(world, 'static.prop.streetbarrier', 15, 0.0, 'prop', 'static.prop')


main(run)
