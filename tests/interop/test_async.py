"""Asynchronous mode: the world runs by itself, snapshots come, a camera sends; a second client sees the first one's actors."""
import queue
import time

import carla
from common import check, connect, main


def run(server, version):
    client = connect(server)
    world = client.get_world()
    check('asynchronous at the start', not world.get_settings().synchronous_mode)
    a = world.wait_for_tick()
    b = world.wait_for_tick()
    check('frames go on by themselves', b.frame > a.frame, (a.frame, b.frame))
    check('simulation time goes on', b.timestamp.elapsed_seconds > a.timestamp.elapsed_seconds)
    seen = []
    callback = world.on_tick(lambda s: seen.append(s.frame))
    time.sleep(1.0)
    world.remove_on_tick(callback)
    check('tick callbacks', len(seen) > 5, len(seen))
    check('frames grow', all(x < y for x, y in zip(seen, seen[1:])))

    bp = world.get_blueprint_library().find('vehicle.lincoln.mkz_2020')
    car = world.spawn_actor(bp, world.get_map().get_spawn_points()[0])
    camera_bp = world.get_blueprint_library().find('sensor.camera.rgb')
    camera_bp.set_attribute('image_size_x', '160')
    camera_bp.set_attribute('image_size_y', '80')
    camera = world.spawn_actor(camera_bp, carla.Transform(carla.Location(x=1.5, z=1.8)), attach_to=car)
    images = queue.Queue()
    camera.listen(images.put)
    car.apply_control(carla.VehicleControl(throttle=0.6))
    time.sleep(2.0)
    check('images come', images.qsize() > 3, images.qsize())
    check('car moves by itself', car.get_velocity().length() > 0.5, car.get_velocity().length())

    other = connect(server).get_world()
    other.wait_for_tick()
    mine = other.get_actors().filter('vehicle.*')
    check('a second client sees the car', [x.id for x in mine] == [car.id], [x.id for x in mine])
    check('and where it is', mine[0].get_transform().location.distance(car.get_transform().location) < 20)
    camera.destroy()
    car.destroy()
    world.wait_for_tick()
    world.wait_for_tick()
    check('gone for both', len(other.get_actors().filter('vehicle.*')) == 0)
    check('unknown actor', world.get_actor(123456) is None)
    try:
        client.load_world('NoSuchTown')
        check('a map that does not exist is refused', False)
    except RuntimeError as e:
        check('a map that does not exist is refused', 'NoSuchTown' in str(e) or 'not found' in str(e), e)


main(run)
