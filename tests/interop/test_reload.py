"""The world is loaded again ten times, with traffic and a camera each time: nothing stays behind, memory stays flat."""
import os

import carla
from common import camera, check, connect, main, synchronous, take

ROUNDS = 10


def fill(client, world):
    """Cars, walkers and a camera, some ticks."""
    synchronous(world)
    library, points = world.get_blueprint_library(), world.get_map().get_spawn_points()
    bp = library.find('vehicle.lincoln.mkz_2020')
    batch = [carla.command.SpawnActor(bp, p).then(carla.command.ApplyVehicleControl(carla.command.FutureActor, carla.VehicleControl(throttle=0.5)))
             for p in points[:20]]
    cars = client.apply_batch_sync(batch, True)
    eye, images = camera(world, 'rgb', carla.Transform(carla.Location(x=1.5, z=1.8)), world.get_actor(cars[0].actor_id))
    got = 0
    for i in range(10):
        frame = world.tick()
        image = take(images, frame)
        got += image is not None and image.frame == frame
    eye.stop()
    return got


def descriptors(server):
    return len(os.listdir('/proc/%d/fd' % server.process.pid))


def run(server, version):
    client = connect(server, 30)
    world = client.get_world()
    fill(client, world)
    episodes, memory, frames, files, left, first_id = [world.id], [], 0, [], 0, 0
    previous = world.get_snapshot().frame
    growing = True
    for i in range(ROUNDS):
        world = client.reload_world()
        episodes.append(world.id)
        left += len([a for a in world.get_actors() if a.type_id.startswith(('vehicle.', 'sensor.'))])
        frames += fill(client, world)
        now = world.get_snapshot().frame
        growing &= now > previous
        previous = now
        memory.append(server.resident_kib())
        files.append(descriptors(server))
    check('%d reloads, %d episodes' % (ROUNDS, ROUNDS + 1), len(set(episodes)) == ROUNDS + 1, episodes)
    check('no actor outlives its episode', left == 0, left)
    check('every frame of every episode came', frames == 10 * ROUNDS, frames)
    check('frame numbers never go back', growing)
    # the first rounds fill caches and the allocator's pools
    check('memory is flat', memory[-1] < 1.03 * memory[2] + 2048, memory)
    check('connections do not pile up', files[-1] <= files[1] + 2, files)
    print('# resident KiB after each reload: %s' % memory)
    names = client.get_available_maps()
    for i in range(4):
        world = client.load_world(names[i % len(names)])
        check('load %d is the map asked for' % i, world.get_map().name.split('/')[-1] == names[i % len(names)].split('/')[-1], world.get_map().name)


main(run)
