"""In the manner of CARLA's vehicle_physics.py: impulses, forces, velocities and physics parameters that act as mechanics says."""
import math

import carla
from common import check, connect, main, near, synchronous

DELTA = 0.02


def speed(actor):
    return actor.get_velocity().length()


def run(server, version):
    client = connect(server)
    world = client.get_world()
    synchronous(world, DELTA)
    library, town = world.get_blueprint_library(), world.get_map()
    start = town.get_spawn_points()[0]
    ahead = start.get_forward_vector()
    car = world.spawn_actor(library.find('vehicle.mini.cooper_s'), start)
    mass = car.get_physics_control().mass

    def rest():
        car.apply_control(carla.VehicleControl(hand_brake=True))
        car.set_transform(start)
        car.set_target_velocity(carla.Vector3D(0, 0, 0))
        car.set_target_angular_velocity(carla.Vector3D(0, 0, 0))
        for i in range(100):
            world.tick()
        car.apply_control(carla.VehicleControl(manual_gear_shift=True, gear=0))
        world.tick()

    def along(vector):
        return vector.x * ahead.x + vector.y * ahead.y

    rest()
    check('at rest', speed(car) < 0.02, speed(car))
    # add_impulse: momentum; one tick later the speed is impulse / mass
    wanted = 10.0
    car.add_impulse(carla.Vector3D(wanted * mass * ahead.x, wanted * mass * ahead.y, 0))
    world.tick()
    world.tick()
    check('an impulse of m v gives v', near(along(car.get_velocity()), wanted, 0.1 * wanted), along(car.get_velocity()))
    before = car.get_location()
    for i in range(25):
        world.tick()
    check('and the car moves on', car.get_location().distance(before) > 3, car.get_location().distance(before))

    # add_force acts for one tick: the same momentum over n ticks
    rest()
    for i in range(25):
        car.add_force(carla.Vector3D(mass * 8.0 * ahead.x, mass * 8.0 * ahead.y, 0))
        world.tick()
    world.tick()
    check('a force m a for t gives a t', near(along(car.get_velocity()), 8.0 * 25 * DELTA, 0.2 * 4.0), along(car.get_velocity()))

    rest()
    car.set_target_velocity(carla.Vector3D(7 * ahead.x, 7 * ahead.y, 0))
    world.tick()
    check('target velocity', near(along(car.get_velocity()), 7, 0.5), along(car.get_velocity()))
    rest()
    car.enable_constant_velocity(carla.Vector3D(5, 0, 0))
    speeds = []
    for i in range(100):
        world.tick()
        speeds.append(along(car.get_velocity()))
    check('constant velocity holds', near(min(speeds[5:]), 5, 0.3) and near(max(speeds[5:]), 5, 0.3), (min(speeds[5:]), max(speeds[5:])))
    car.disable_constant_velocity()
    car.apply_control(carla.VehicleControl(brake=1.0))
    for i in range(150):
        world.tick()
    check('and can be given up', speed(car) < 0.3, speed(car))

    # the same throttle: twice the mass, half the acceleration
    def sprint(factor):
        physics = car.get_physics_control()
        physics.mass = mass * factor
        physics.use_gear_autobox = True
        car.apply_physics_control(physics)
        rest()
        car.apply_control(carla.VehicleControl(throttle=0.5))
        for i in range(100):
            world.tick()
        return speed(car)

    light, heavy = sprint(1.0), sprint(2.0)
    check('a heavier car gains speed more slowly', 0.3 * light < heavy < 0.8 * light, (light, heavy))
    physics = car.get_physics_control()
    check('mass comes back', near(physics.mass, 2 * mass, 0.5), physics.mass)
    physics.mass = mass
    car.apply_physics_control(physics)

    # nothing falls without gravity, a car at height falls by g t^2 / 2 with it
    high = carla.Transform(start.location + carla.Location(z=50), start.rotation)
    car.set_transform(high)
    car.set_target_velocity(carla.Vector3D(0, 0, 0))
    world.tick()
    z0, t0 = car.get_location().z, world.get_snapshot().timestamp.elapsed_seconds
    for i in range(50):
        world.tick()
    fallen, t = z0 - car.get_location().z, world.get_snapshot().timestamp.elapsed_seconds - t0
    check('it falls by g', near(fallen, 0.5 * 9.81 * t * t, 0.6), (fallen, 0.5 * 9.81 * t * t))
    for i in range(150):
        world.tick()
    check('and lands upright on its wheels', abs(car.get_location().z - start.location.z) < 1.0 and abs(car.get_transform().rotation.roll) < 5, car.get_transform())
    check('finite after all', all(math.isfinite(v) for v in (car.get_location().x, car.get_location().y, car.get_location().z)))
    car.destroy()


main(run)
