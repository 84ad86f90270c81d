"""Batches: each command that CARLA's Python module has (ApplyLocation, ConsoleCommand, SetTrafficLightState and ShowDebugTelemetry are C++ only) does what
its function does, failures stand beside successes, FutureActor is the spawned one."""
import carla
from carla import command
from common import check, connect, main, near, synchronous, traffic_manager


def run(server, version):
    client = connect(server)
    world = client.get_world()
    synchronous(world)
    town, library = world.get_map(), world.get_blueprint_library()
    points = town.get_spawn_points()
    bp, walker_bp = library.find('vehicle.lincoln.mkz_2020'), library.filter('walker.pedestrian.*')[0]

    def do(*commands, tick=True):
        return client.apply_batch_sync(list(commands), tick)

    frame = world.tick()
    answers = do(command.SpawnActor(bp, points[0]), command.SpawnActor(bp, points[5]),
                 command.SpawnActor(walker_bp, carla.Transform(points[10].location + carla.Location(z=1))),
                 command.SpawnActor(bp, points[0]), command.DestroyActor(987654))
    check('one answer per command, in order', [a.has_error() for a in answers] == [False, False, False, True, True], [a.error for a in answers])
    check('a taken place is an error', 'collision' in answers[3].error, answers[3].error)
    check('do_tick ticks once', world.get_snapshot().frame == frame + 1, (frame, world.get_snapshot().frame))
    do(tick=False)
    check('an empty batch without do_tick does not', world.get_snapshot().frame == frame + 1)
    first, second, walker = (world.get_actor(a.actor_id) for a in answers[:3])

    def fine(name, *commands):
        errors = [a.error for a in do(*commands) if a.has_error()]
        return check('%s is accepted' % name, not errors, errors)

    # FutureActor: spawned and attached in one go, with what comes after it
    answers = do(command.SpawnActor(library.find('sensor.other.imu'), carla.Transform(), first),
                 command.SpawnActor(bp, points[15]).then(command.ApplyVehicleControl(command.FutureActor, carla.VehicleControl(throttle=0.5)))
                 .then(command.SetVehicleLightState(command.FutureActor, carla.VehicleLightState(carla.VehicleLightState.Brake))))
    check('spawn with a parent and with commands after it', not any(a.has_error() for a in answers), [a.error for a in answers])
    imu, third = (world.get_actor(a.actor_id) for a in answers)
    check('the parent is the one named', imu.parent.id == first.id)
    world.tick()
    check('what came after the spawn was done to it', near(third.get_control().throttle, 0.5, 1e-6) and
          third.get_light_state() == carla.VehicleLightState.Brake, (third.get_control(), third.get_light_state()))

    fine('ApplyVehicleControl', command.ApplyVehicleControl(first, carla.VehicleControl(throttle=0.7)))
    for i in range(20):
        world.tick()
    check('ApplyVehicleControl drives', first.get_velocity().length() > 1, first.get_velocity().length())
    fine('ApplyVehicleAckermannControl', command.ApplyVehicleAckermannControl(second, carla.VehicleAckermannControl(speed=4.0, acceleration=2.0)))
    for i in range(80):
        world.tick()
    check('ApplyVehicleAckermannControl reaches its speed', near(second.get_velocity().length(), 4.0, 1.0), second.get_velocity().length())
    fine('ApplyVehicleControl', command.ApplyVehicleControl(second, carla.VehicleControl(brake=1)), command.ApplyVehicleControl(first, carla.VehicleControl(brake=1)))
    place = walker.get_location()
    fine('ApplyWalkerControl', command.ApplyWalkerControl(walker, carla.WalkerControl(carla.Vector3D(1, 0, 0), 2.0, False)))
    for i in range(20):
        world.tick()
    check('ApplyWalkerControl walks', walker.get_location().x - place.x > 1, walker.get_location().x - place.x)
    target = carla.Transform(place + carla.Location(x=-3), carla.Rotation(yaw=90))
    fine('ApplyWalkerState', command.ApplyWalkerState(walker, target, 0.0))
    check('ApplyWalkerState puts it there', walker.get_location().distance(target.location) < 1.5, walker.get_location())
    physics = first.get_physics_control()
    physics.mass = 2345.0
    fine('ApplyVehiclePhysicsControl', command.ApplyVehiclePhysicsControl(first, physics))
    check('ApplyVehiclePhysicsControl changes the mass', near(first.get_physics_control().mass, 2345.0, 0.1), first.get_physics_control().mass)
    for i in range(40):
        world.tick()
    fine('ApplyTransform', command.ApplyTransform(first, points[20]))
    check('ApplyTransform moves', first.get_location().distance(points[20].location) < 1.0)
    ahead = points[20].get_forward_vector()
    fine('ApplyTargetVelocity', command.ApplyTargetVelocity(first, carla.Vector3D(6 * ahead.x, 6 * ahead.y, 0)))
    check('ApplyTargetVelocity sets the speed', near(first.get_velocity().length(), 6, 1.0), first.get_velocity().length())
    fine('ApplyVehicleControl', command.ApplyVehicleControl(first, carla.VehicleControl(brake=1)))
    for i in range(60):
        world.tick()
    fine('ApplyVehicleControl', command.ApplyVehicleControl(first, carla.VehicleControl()))
    fine('ApplyTargetAngularVelocity', command.ApplyTargetAngularVelocity(first, carla.Vector3D(0, 0, 40)))
    fine('ApplyImpulse', command.ApplyImpulse(first, carla.Vector3D(8000 * ahead.x, 8000 * ahead.y, 0)))
    check('ApplyImpulse gives momentum', first.get_velocity().length() > 1, first.get_velocity().length())
    for i in range(60):
        fine_again = do(command.ApplyForce(second, carla.Vector3D(0, 0, 0)))
    check('ApplyForce is accepted', not fine_again[0].has_error(), fine_again[0].error)
    fine('ApplyVehicleControl', command.ApplyVehicleControl(second, carla.VehicleControl()))
    forward = second.get_transform().get_forward_vector()
    for i in range(20):
        do(command.ApplyForce(second, carla.Vector3D(9000 * forward.x, 9000 * forward.y, 0)))
    check('ApplyForce accelerates', second.get_velocity().length() > 1, second.get_velocity().length())
    fine('ApplyAngularImpulse', command.ApplyAngularImpulse(second, carla.Vector3D(0, 0, 3000)))
    fine('ApplyTorque', command.ApplyTorque(second, carla.Vector3D(0, 0, 3000)))
    fine('SetSimulatePhysics', command.SetSimulatePhysics(second, False))
    place = second.get_location()
    for i in range(10):
        world.tick()
    check('SetSimulatePhysics(False) freezes', second.get_location().distance(place) < 1e-3, second.get_location().distance(place))
    fine('SetSimulatePhysics', command.SetSimulatePhysics(second, True))
    high = carla.Transform(points[30].location + carla.Location(z=20), points[30].rotation)
    fine('SetEnableGravity', command.SetEnableGravity(second, False), command.ApplyTransform(second, high),
         command.ApplyTargetVelocity(second, carla.Vector3D(0, 0, 0)))
    for i in range(20):
        world.tick()
    check('SetEnableGravity(False): nothing falls', abs(second.get_location().z - high.location.z) < 1.0, second.get_location().z - high.location.z)
    fine('SetEnableGravity', command.SetEnableGravity(second, True))
    for i in range(20):
        world.tick()
    check('SetEnableGravity(True): it falls', second.get_location().z < high.location.z - 2, second.get_location().z - high.location.z)
    fine('SetVehicleLightState', command.SetVehicleLightState(first.id, 3))
    world.tick()
    # by number: the module takes the flags of an actor object for a bool
    check('SetVehicleLightState', first.get_light_state() == 3, first.get_light_state())
    manager = traffic_manager(client)
    fine('ApplyTransform', command.ApplyTransform(third, points[15]), command.ApplyTargetVelocity(third, carla.Vector3D(0, 0, 0)))
    fine('SetAutopilot', command.SetAutopilot(third, True, manager.get_port()))
    start = third.get_location()
    for i in range(60):
        world.tick()
    check('SetAutopilot drives', third.get_location().distance(start) > 3, third.get_location().distance(start))
    fine('SetAutopilot', command.SetAutopilot(third, False, manager.get_port()))
    manager.shut_down()
    # sent without waiting: done before the tick that is sent behind it
    client.apply_batch([command.DestroyActor(x) for x in (imu, first, second, third, walker)])
    world.tick()
    left = [x.type_id for x in world.get_actors() if x.type_id.startswith(('vehicle.', 'walker.', 'sensor.'))]
    check('a batch without waiting is done before the next tick', not left, left)


main(run)
