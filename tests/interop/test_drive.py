"""World, map, blueprints, a car that drives for 100 synchronous ticks, snapshots, destroying."""
import math

import carla
from common import check, connect, main, near, synchronous


def run(server, version):
    client = connect(server)
    check('client and server say the same version', client.get_client_version() == client.get_server_version() == version,
          (client.get_client_version(), client.get_server_version()))
    world = client.get_world()
    check('world has an id', world.id != 0, world.id)
    check('available maps', len(client.get_available_maps()) > 0)

    # map: parsed by CARLA's own code from our OpenDRIVE text
    town = world.get_map()
    check('map has a name', town.name != '', town.name)
    points = town.get_spawn_points()
    check('map has spawn points', len(points) > 0)
    waypoint = town.get_waypoint(points[0].location)
    check('waypoint at a spawn point', waypoint is not None and waypoint.lane_type == carla.LaneType.Driving)
    check('spawn point stands on its lane', waypoint.transform.location.distance(points[0].location) < 1.0,
          waypoint.transform.location.distance(points[0].location))
    turn = (waypoint.transform.rotation.yaw - points[0].rotation.yaw + 180) % 360 - 180
    check('spawn point looks along its lane', abs(turn) < 5, turn)
    check('a waypoint follows', len(waypoint.next(5.0)) > 0)
    check('topology', len(town.get_topology()) > 0)

    # blueprints
    library = world.get_blueprint_library()
    check('vehicles', len(library.filter('vehicle.*')) > 0)
    bp = library.find('vehicle.lincoln.mkz_2020')
    check('ego blueprint', bp.id == 'vehicle.lincoln.mkz_2020' and bp.has_tag('vehicle'))
    check('number of wheels is an integer', int(bp.get_attribute('number_of_wheels')) == 4)
    bp.set_attribute('role_name', 'hero')
    camera_bp = library.find('sensor.camera.rgb')
    camera_bp.set_attribute('image_size_x', '320')
    check('attribute can be set', camera_bp.get_attribute('image_size_x').as_int() == 320)

    # weather and spectator
    weather = carla.WeatherParameters.ClearNoon
    weather.sun_altitude_angle = 33.0
    world.set_weather(weather)
    check('weather comes back', near(world.get_weather().sun_altitude_angle, 33.0, 1e-5), world.get_weather().sun_altitude_angle)

    synchronous(world)
    settings = world.get_settings()
    check('settings come back', settings.synchronous_mode and near(settings.fixed_delta_seconds, 0.05, 1e-12))

    # spawn
    start = points[0]
    car = world.spawn_actor(bp, start)
    check('spawned', car.id != 0 and car.type_id == 'vehicle.lincoln.mkz_2020' and car.attributes['role_name'] == 'hero', car)
    check('the place is taken', world.try_spawn_actor(bp, start) is None)
    extent = car.bounding_box.extent
    check('box of a car', 1.5 < extent.x < 3.5 and 0.7 < extent.y < 1.5 and 0.4 < extent.z < 1.5, extent)
    spectator = world.get_spectator()
    spectator.set_transform(carla.Transform(start.location + carla.Location(z=30), carla.Rotation(pitch=-90)))
    frame = world.tick()
    snapshot = world.get_snapshot()
    check('snapshot of the tick', snapshot.frame == frame and near(snapshot.timestamp.delta_seconds, 0.05, 1e-6))
    check('actor is in the snapshot', snapshot.has_actor(car.id))
    check('spectator moved', near(spectator.get_transform().location.z, start.location.z + 30, 0.01), spectator.get_transform())
    check('car stands at its spawn point', car.get_transform().location.distance(start.location) < 1.0,
          car.get_transform().location.distance(start.location))

    # drive
    frames, times, speeds = [], [], []
    for i in range(100):
        car.apply_control(carla.VehicleControl(throttle=0.5))
        frames.append(world.tick())
        times.append(world.get_snapshot().timestamp.elapsed_seconds)
        v = car.get_velocity()
        speeds.append(math.sqrt(v.x * v.x + v.y * v.y))
    check('100 ticks, one frame each', frames == list(range(frame + 1, frame + 101)), frames[:5])
    check('time advances by the step', all(near(b - a, 0.05, 1e-6) for a, b in zip(times, times[1:])))
    moved = car.get_transform().location.distance(start.location)
    check('car moved', moved > 10, moved)
    check('car is fast', speeds[-1] > 3, speeds[-1])
    check('speed grows from rest', speeds[20] < speeds[60], (speeds[20], speeds[60]))
    heading = math.radians(start.rotation.yaw)
    ahead = car.get_transform().location - start.location
    check('car moved forward', ahead.x * math.cos(heading) + ahead.y * math.sin(heading) > 5)
    check('control is echoed', near(car.get_control().throttle, 0.5, 1e-6), car.get_control())
    car.apply_control(carla.VehicleControl(brake=1.0))
    for i in range(100):
        world.tick()
    v = car.get_velocity()
    check('car stops', math.sqrt(v.x * v.x + v.y * v.y) < 0.1, v)

    # moving by hand
    car.set_simulate_physics(False)
    car.set_transform(points[-1])
    world.tick()
    check('car was put elsewhere', car.get_transform().location.distance(points[-1].location) < 1.0)

    # steering: positive is to the right, yaw grows
    car.set_simulate_physics(True)
    car.set_transform(start)
    world.tick()
    for i in range(40):
        car.apply_control(carla.VehicleControl(throttle=0.4, steer=0.3))
        world.tick()
    turned = (car.get_transform().rotation.yaw - start.rotation.yaw + 180) % 360 - 180
    check('steering to the right turns to the right', turned > 5, turned)

    physics = car.get_physics_control()
    check('physics control', physics.mass > 500 and len(physics.wheels) == 4, physics.mass)

    # batches
    batch = [carla.command.SpawnActor(bp, points[-1]).then(carla.command.ApplyVehicleControl(carla.command.FutureActor, carla.VehicleControl())),
             carla.command.DestroyActor(999999)]
    answers = client.apply_batch_sync(batch, True)
    check('batch spawns and reports an error', len(answers) == 2 and answers[0].actor_id != 0 and not answers[0].has_error() and answers[1].has_error(),
          [(a.actor_id, a.error) for a in answers])
    check('batch actor exists', world.get_actor(answers[0].actor_id) is not None)
    answers = client.apply_batch_sync([carla.command.DestroyActor(answers[0].actor_id)], True)
    check('batch destroys', not answers[0].has_error(), answers[0].error)

    # rays: straight down from above the spawn point is the road
    hit = world.ground_projection(start.location + carla.Location(z=2), 20.0)
    check('ground is a road', hit is not None and hit.label == carla.CityObjectLabel.Roads, hit and hit.label)

    check('destroyed', car.destroy())
    world.tick()
    check('gone from the snapshot', not world.get_snapshot().has_actor(car.id))
    settings.synchronous_mode = False
    settings.fixed_delta_seconds = None
    world.apply_settings(settings)


main(run)
