"""Episode settings: all of them come back, bad ones are refused, sub-steps and time steps do what they say."""
import queue

import carla
from common import asynchronous, camera, check, connect, main, near, synchronous, take


def drive(world, delta, ticks, substep, most):
    """Distance of a car under constant throttle, and the time that passed."""
    settings = world.get_settings()
    settings.synchronous_mode, settings.fixed_delta_seconds = True, delta
    settings.substepping, settings.max_substep_delta_time, settings.max_substeps = True, substep, most
    world.apply_settings(settings)
    start = world.get_map().get_spawn_points()[0]
    car = world.spawn_actor(world.get_blueprint_library().find('vehicle.lincoln.mkz_2020'), start)
    world.tick()
    began = world.get_snapshot().timestamp.elapsed_seconds
    car.apply_control(carla.VehicleControl(throttle=0.6))
    for i in range(ticks):
        world.tick()
    after = world.get_snapshot().timestamp.elapsed_seconds - began
    distance = car.get_transform().location.distance(start.location)
    car.destroy()
    world.tick()
    return distance, after


def refused(world, **changes):
    settings = world.get_settings()
    for key, value in changes.items():
        setattr(settings, key, value)
    try:
        world.apply_settings(settings)
        return False
    except RuntimeError:
        return True


def run(server, version):
    client = connect(server)
    world = client.get_world()
    wanted = world.get_settings()
    wanted.synchronous_mode = True
    wanted.fixed_delta_seconds = 0.025
    wanted.no_rendering_mode = True
    wanted.substepping = True
    wanted.max_substep_delta_time = 0.005
    wanted.max_substeps = 7
    wanted.max_culling_distance = 123.0
    wanted.deterministic_ragdolls = False
    wanted.tile_stream_distance = 1234.0
    wanted.actor_active_distance = 567.0
    wanted.spectator_as_ego = False
    world.apply_settings(wanted)
    check('all settings come back', world.get_settings() == wanted, world.get_settings())
    check('another client sees them', connect(server).get_world().get_settings() == wanted)

    # without rendering nothing comes from cameras, but the world goes on
    start = world.get_map().get_spawn_points()[0]
    eye, images = camera(world, 'rgb', carla.Transform(start.location + carla.Location(z=2), start.rotation), width=64, height=32)
    for i in range(5):
        frame = world.tick()
    check('no picture without rendering', take(images, frame, 0.3) is None)
    wanted.no_rendering_mode = False
    world.apply_settings(wanted)
    frame = world.tick()
    check('pictures again with rendering', take(images, frame) is not None)
    eye.destroy()
    check('time moved by the step', near(world.get_snapshot().timestamp.delta_seconds, 0.025, 1e-6), world.get_snapshot().timestamp.delta_seconds)

    # the same 5 s in coarser and finer steps
    fine, t1 = drive(world, 0.05, 100, 0.005, 10)
    coarse, t2 = drive(world, 0.1, 50, 0.01, 10)
    usual, t3 = drive(world, 0.05, 100, 0.01, 10)
    check('5 s are 5 s', near(t1, 5, 1e-4) and near(t2, 5, 1e-4) and near(t3, 5, 1e-4), (t1, t2, t3))
    check('distance does not hang on the sub-steps', near(fine, usual, 0.02 * usual) and near(coarse, usual, 0.03 * usual), (fine, usual, coarse))

    wanted = world.get_settings()
    check('a step of a minute is refused', refused(world, synchronous_mode=True, fixed_delta_seconds=60.0))
    check('no sub-steps at all are refused', refused(world, substepping=True, max_substeps=0))
    check('refused settings change nothing', world.get_settings() == wanted, world.get_settings())

    # asynchronous with a fixed step: simulated time is frames times the step
    settings = world.get_settings()
    settings.synchronous_mode, settings.fixed_delta_seconds = False, 0.02
    world.apply_settings(settings)
    a = world.wait_for_tick().timestamp
    for i in range(20):
        b = world.wait_for_tick().timestamp
    check('asynchronous with a fixed step', near(b.elapsed_seconds - a.elapsed_seconds, 0.02 * (b.frame - a.frame), 1e-4), (a, b))

    # a new world with reset_settings returns to the defaults, without it keeps them
    synchronous(world)
    world = client.reload_world(False)
    check('settings survive a reload that keeps them', world.get_settings().synchronous_mode)
    world = client.reload_world()
    check('settings are reset by a reload', not world.get_settings().synchronous_mode)
    asynchronous(world)


main(run)
