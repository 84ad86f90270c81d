"""Vehicles through CARLA's client: physics control, Ackermann control, telemetry, wheels, doors, lights, pushes, blueprints."""
import math

import carla
from common import check, connect, main, near, synchronous


def speed(car):
    v = car.get_velocity()
    return math.hypot(v.x, v.y)


def ticks(world, count):
    for _ in range(count):
        world.tick()


def place(world, car, point):
    """Back to a spawn point, at rest."""
    car.set_simulate_physics(False)
    car.set_transform(point)
    world.tick()
    car.set_simulate_physics(True)
    car.apply_control(carla.VehicleControl())
    ticks(world, 15)


def same_physics(a, b):
    """Names of the fields that differ. Wheel positions are read-only and of the moment."""
    plain = ['max_rpm', 'moi', 'damping_rate_full_throttle', 'damping_rate_zero_throttle_clutch_engaged',
             'damping_rate_zero_throttle_clutch_disengaged', 'use_gear_autobox', 'gear_switch_time', 'clutch_strength', 'final_ratio',
             'mass', 'drag_coefficient', 'use_sweep_wheel_collision', 'center_of_mass']
    wheel = ['tire_friction', 'damping_rate', 'max_steer_angle', 'radius', 'max_brake_torque', 'max_handbrake_torque',
             'lat_stiff_max_load', 'lat_stiff_value', 'long_stiff_value']
    wrong = [n for n in plain if getattr(a, n) != getattr(b, n)]
    wrong += ['wheels[%d].%s' % (i, n) for i in range(len(a.wheels)) for n in wheel
              if getattr(a.wheels[i], n) != getattr(b.wheels[i], n)]
    for curve in ('torque_curve', 'steering_curve'):
        if [(p.x, p.y) for p in getattr(a, curve)] != [(p.x, p.y) for p in getattr(b, curve)]:
            wrong.append(curve)
    if [(g.ratio, g.down_ratio, g.up_ratio) for g in a.forward_gears] != [(g.ratio, g.down_ratio, g.up_ratio) for g in b.forward_gears]:
        wrong.append('forward_gears')
    return wrong


def physics_control(world, car, point):
    p = car.get_physics_control()
    check('CARLA\'s steering angles', [round(w.max_steer_angle) for w in p.wheels] == [70, 70, 0, 0],
          [w.max_steer_angle for w in p.wheels])
    check('CARLA\'s engine', p.moi == 1 and p.clutch_strength == 10 and near(p.damping_rate_full_throttle, 0.15, 1e-6) and
          p.damping_rate_zero_throttle_clutch_engaged == 2 and near(p.damping_rate_zero_throttle_clutch_disengaged, 0.35, 1e-6), p)
    check('CARLA\'s tyres', all(near(w.tire_friction, 3.5, 1e-6) and w.lat_stiff_max_load == 2 and w.lat_stiff_value == 17 and
                               w.long_stiff_value == 1000 for w in p.wheels), p.wheels)
    check('the default car: mass and drag', p.mass == 1845 and near(p.drag_coefficient, 0.15, 1e-6), (p.mass, p.drag_coefficient))
    middle = [sum((w.position.x, w.position.y)[k] for w in p.wheels) / 400 for k in (0, 1)]
    check('wheel positions are centimetres in the world', near(middle[0], point.location.x, 0.5) and near(middle[1], point.location.y, 0.5),
          (middle, point.location))

    def top_of(change, seconds=2.0):
        q = car.get_physics_control()
        change(q)
        car.apply_physics_control(q)
        car.apply_control(carla.VehicleControl(throttle=1.0))
        ticks(world, int(seconds * 20))
        reached = speed(car)
        wrong = same_physics(q, car.get_physics_control())
        place(world, car, point)
        car.apply_physics_control(p)
        world.tick()
        return reached, wrong

    usual, wrong = top_of(lambda q: None)
    check('applied unchanged, read unchanged', wrong == [], wrong)

    def heavier(q):
        q.mass = 3690.0
        q.center_of_mass = carla.Vector3D(0.125, 0.0625, 0.25)
        q.drag_coefficient = 0.3
    reached, wrong = top_of(heavier)
    check('mass: twice the car, little more than half the speed', 0.5 < reached / usual < 0.62, (reached, usual))
    check('mass, centre of mass and drag read back exactly', wrong == [], wrong)

    def weak(q):
        q.torque_curve = [carla.Vector2D(0, 100), carla.Vector2D(5000, 120), carla.Vector2D(15000, 10)]
        q.moi = 2.5
        q.max_rpm = 9000.0
        q.clutch_strength = 5.5
        q.gear_switch_time = 0.25
        q.final_ratio = 5.0
        q.forward_gears = [carla.GearPhysicsControl(3.0, 0.2, 0.5), carla.GearPhysicsControl(1.5, 0.25, 0.75)]
        q.steering_curve = [carla.Vector2D(0, 0.75), carla.Vector2D(50, 0.5)]
        q.use_gear_autobox = True
        wheels = q.wheels
        for i, w in enumerate(wheels):
            w.tire_friction, w.damping_rate, w.radius = 2.0 + i, 0.5, 40.0
            w.max_brake_torque, w.max_handbrake_torque = 700.0 + i, 900.0
            w.lat_stiff_max_load, w.lat_stiff_value, w.long_stiff_value = 3.0, 20.0, 2000.0
            w.max_steer_angle = 40.0 if i < 2 else 5.0
        q.wheels = wheels
    reached, wrong = top_of(weak)
    check('a weak engine is weak', reached < 0.6 * usual, (reached, usual))
    check('engine, gears, curves and wheels read back exactly', wrong == [], wrong)

    def stop_from(mps, change):
        q = car.get_physics_control()
        change(q)
        car.apply_physics_control(q)
        start = car.get_transform()
        forward = start.get_forward_vector()
        car.set_target_velocity(carla.Vector3D(forward.x * mps, forward.y * mps, 0))
        car.apply_control(carla.VehicleControl(brake=1.0))
        ticks(world, 120)
        way = car.get_location().distance(start.location)
        place(world, car, point)
        car.apply_physics_control(p)
        world.tick()
        return way

    def slick(q):
        wheels = q.wheels
        for w in wheels:
            w.tire_friction = 1.0
        q.wheels = wheels

    grip, ice = stop_from(12.0, lambda q: None), stop_from(12.0, slick)
    check('full brake stops as the LB1 fit to CARLA says, or sooner', 6 < grip < 14, grip)
    check('tire_friction: less grip, a longer way', ice > 2 * grip, (ice, grip))


def ackermann(world, car, point):
    settings = car.get_ackermann_controller_settings()
    check('Ackermann defaults', near(settings.speed_kp, 0.15, 1e-6) and settings.speed_ki == 0 and near(settings.speed_kd, 0.25, 1e-6) and
          near(settings.accel_kp, 0.01, 1e-6) and settings.accel_ki == 0 and near(settings.accel_kd, 0.01, 1e-6), settings)
    wanted = carla.AckermannControllerSettings(speed_kp=0.2, speed_ki=0.0, speed_kd=0.25, accel_kp=0.03, accel_ki=0.0, accel_kd=0.01)
    car.apply_ackermann_controller_settings(wanted)
    world.tick()
    settings = car.get_ackermann_controller_settings()
    check('Ackermann settings read back', near(settings.speed_kp, 0.2, 1e-6) and near(settings.accel_kp, 0.03, 1e-6), settings)
    car.apply_ackermann_control(carla.VehicleAckermannControl(speed=5.0))
    pedal = 0.0
    for _ in range(200):
        world.tick()
        pedal = max(pedal, car.get_control().throttle)
    check('Ackermann control reaches its speed', near(speed(car), 5.0, 0.5), speed(car))
    check('its pedals show in the control', pedal > 0.02, pedal)
    car.apply_ackermann_control(carla.VehicleAckermannControl(steer=-0.15, steer_speed=0.1, speed=5.0))
    world.tick()
    first = car.get_control().steer
    check('it steers at the rate asked for', near(first * math.radians(70), -0.1 * 0.05, 1e-3), first)
    ticks(world, 40)
    check('to the angle asked for', near(car.get_control().steer * math.radians(70), -0.15, 1e-3), car.get_control().steer)
    car.apply_control(carla.VehicleControl(brake=1.0))
    ticks(world, 60)
    check('a plain control ends it', speed(car) < 0.01 and car.get_control().brake == 1, (speed(car), car.get_control()))
    place(world, car, point)


def ackermann_batch(client, world, car, point):
    answers = client.apply_batch_sync([carla.command.ApplyVehicleAckermannControl(car.id, carla.VehicleAckermannControl(speed=3.0))],
                                      True)
    check('Ackermann as a command', not answers[0].has_error(), answers[0].error)
    ticks(world, 150)
    check('which drives', speed(car) > 1.5, speed(car))
    car.apply_control(carla.VehicleControl(brake=1.0))
    ticks(world, 40)
    place(world, car, point)


def gears(world, car, point):
    p = car.get_physics_control()
    q = car.get_physics_control()
    q.forward_gears = [carla.GearPhysicsControl(2.0, 0.1, 0.3), carla.GearPhysicsControl(1.0, 0.1, 0.3)]
    car.apply_physics_control(q)
    car.apply_control(carla.VehicleControl(throttle=0.3, manual_gear_shift=True, gear=2))
    ticks(world, 20)
    check('manual gear', car.get_control().gear == 2 and speed(car) > 0.5, (car.get_control().gear, speed(car)))
    car.apply_control(carla.VehicleControl(throttle=1.0, manual_gear_shift=True, gear=0))
    before = speed(car)
    ticks(world, 20)
    check('neutral drives nothing', speed(car) <= before, (speed(car), before))
    place(world, car, point)
    car.apply_control(carla.VehicleControl(throttle=0.5, reverse=True))
    ticks(world, 30)
    forward = car.get_transform().get_forward_vector()
    v = car.get_velocity()
    check('reverse', v.x * forward.x + v.y * forward.y < -0.5 and car.get_control().gear == -1, (v, car.get_control().gear))
    place(world, car, point)
    car.apply_physics_control(p)
    world.tick()


def wheels_and_doors(world, car, point, version):
    left, right = carla.VehicleWheelLocation.FL_Wheel, carla.VehicleWheelLocation.FR_Wheel
    car.apply_control(carla.VehicleControl(steer=1.0))
    ticks(world, 30)
    angles = car.get_wheel_steer_angle(left), car.get_wheel_steer_angle(right)
    check('at full lock the inner wheel turns by 70 degrees, the outer one by 48', near(angles[1], 70, 0.5) and near(angles[0], 48, 3), angles)
    check('rear wheels do not steer', car.get_wheel_steer_angle(carla.VehicleWheelLocation.BL_Wheel) == 0)
    car.set_simulate_physics(False)
    car.set_wheel_steer_direction(left, -12.5)
    world.tick()
    check('a wheel turned by hand', car.get_wheel_steer_angle(left) == -12.5, car.get_wheel_steer_angle(left))
    if version == '0.9.16':
        car.set_wheel_pitch_angle(right, 45.0)
        world.tick()
        check('a wheel rolled by hand', car.get_wheel_pitch_angle(right) == 45.0, car.get_wheel_pitch_angle(right))
        names = car.get_bone_names()
        bones = car.get_bone_world_transforms()
        check('bones: the base and four wheels', len(names) == 5 and len(bones) == 5, names)
        check('get_vehicle_bone_world_transforms says the same', len(car.get_vehicle_bone_world_transforms()) == 5)
        turned = (bones[1].rotation.yaw - car.get_transform().rotation.yaw + 540) % 360 - 180
        check('the bone of the turned wheel', near(turned, -12.5, 0.1), turned)
        radius = car.get_physics_control().wheels[0].radius / 100
        check('wheels stand on the ground', all(near(b.location.z - car.get_location().z, radius, 0.25) for b in bones[1:]),
              [b.location.z for b in bones])
        relative = car.get_bone_relative_transforms()
        wheelbase = relative[1].location.x - relative[3].location.x
        check('their distance is the wheelbase', near(wheelbase, 2.88, 0.05), wheelbase)
        sockets = dict(zip(car.get_socket_names(), car.get_socket_relative_transforms()))
        check('lamps are sockets', near(sockets['HeadLight_Left'].location.x, car.bounding_box.extent.x, 0.1), sorted(sockets))
        check('components', 'VehicleMesh' in car.get_component_names(), car.get_component_names())
        at = car.get_component_world_transform('VehicleMesh').location
        check('the root component is where the car is', at.distance(car.get_location()) < 0.01, at)
        try:
            car.get_component_world_transform('Nothing')
            check('a component that is not there', False)
        except RuntimeError as e:
            check('a component that is not there', 'Component could not be found in this actor' in str(e), e)
    place(world, car, point)
    for door in (carla.VehicleDoor.FL, carla.VehicleDoor.Trunk if hasattr(carla.VehicleDoor, 'Trunk') else carla.VehicleDoor.RR,
                 carla.VehicleDoor.All):
        car.open_door(door)
        car.close_door(door)
    world.tick()
    check('doors', car.is_alive)


def telemetry(world, car, point):
    car.apply_control(carla.VehicleControl(throttle=0.6))
    ticks(world, 30)
    t = car.get_telemetry_data()
    check('telemetry: speed', near(t.speed, speed(car), 0.05), (t.speed, speed(car)))
    check('telemetry: engine and gear', t.engine_rpm > 500 and t.gear == 1 and near(t.throttle, 0.6, 1e-6), (t.engine_rpm, t.gear))
    load = sum(w.tire_load for w in t.wheels)
    check('telemetry: the tyres carry the car', near(load / (1845 * 9.81), 1, 0.02), load)
    check('telemetry: they push it', all(w.long_force > 100 and w.torque > 0 and w.long_slip > 0 and w.omega > 0 for w in t.wheels),
          [(w.long_force, w.torque, w.long_slip) for w in t.wheels])
    w = t.wheels[0]
    check('telemetry: normalised force', near(w.normalized_long_force, abs(w.long_force) * w.normalized_tire_load / w.tire_load, 1e-3))
    place(world, car, point)


def pushes(world, car, point):
    forward = point.get_forward_vector()
    car.add_impulse(carla.Vector3D(forward.x * 1845 * 3, forward.y * 1845 * 3, 0))
    world.tick()
    check('an impulse of 3 m/s times the mass', near(speed(car), 3, 0.2), speed(car))
    place(world, car, point)
    for _ in range(20):
        car.add_force(carla.Vector3D(forward.x * 1845 * 4, forward.y * 1845 * 4, 0))
        world.tick()
    check('a force of 4 m/s2 for a second', near(speed(car), 4, 0.5), speed(car))
    place(world, car, point)
    car.set_target_velocity(carla.Vector3D(forward.x * 10, forward.y * 10, 0))
    world.tick()
    car.add_torque(carla.Vector3D(0, 0, -5e6))
    world.tick()
    check('a torque', car.get_angular_velocity().z < -5, car.get_angular_velocity())
    place(world, car, point)
    car.set_target_velocity(carla.Vector3D(forward.x * 10, forward.y * 10, 0))
    car.set_target_angular_velocity(carla.Vector3D(0, 0, 20))
    world.tick()
    check('a target angular velocity', 2 < car.get_angular_velocity().z <= 20.5, car.get_angular_velocity())
    place(world, car, point)
    car.enable_constant_velocity(carla.Vector3D(6, 0, 0))
    ticks(world, 20)
    steady = speed(car)
    car.disable_constant_velocity()
    ticks(world, 20)
    check('constant velocity, and its end', near(steady, 6, 0.05) and speed(car) < 5.9, (steady, speed(car)))
    place(world, car, point)
    car.set_simulate_physics(False)
    car.apply_control(carla.VehicleControl(throttle=1.0))
    before = car.get_transform()
    ticks(world, 10)
    check('without physics it stays, at rest', car.get_transform() == before and speed(car) == 0, car.get_transform())
    place(world, car, point)
    up = carla.Transform(point.location + carla.Location(z=5), point.rotation)
    car.set_enable_gravity(False)
    car.set_transform(up)
    ticks(world, 20)
    hangs = car.get_location().z
    car.set_enable_gravity(True)
    ticks(world, 40)
    check('gravity', near(hangs, up.location.z, 0.1) and car.get_location().z < hangs - 3, (hangs, car.get_location().z))
    place(world, car, point)


def collisions(world, car, point):
    forward = point.get_forward_vector()
    beyond = carla.Transform(point.location + carla.Location(forward.x * 10, forward.y * 10, 0), point.rotation)
    other = world.spawn_actor(world.get_blueprint_library().find('vehicle.audi.a2'), beyond)
    ticks(world, 10)
    car.set_collisions(False)
    car.enable_constant_velocity(carla.Vector3D(10, 0, 0))
    ticks(world, 40)
    car.disable_constant_velocity()
    way = car.get_location().distance(point.location)
    check('without collisions it passes through', way > 18 and other.get_velocity().length() < 0.1, (way, other.get_velocity()))
    place(world, car, point)
    car.set_collisions(True)
    car.enable_constant_velocity(carla.Vector3D(10, 0, 0))
    ticks(world, 25)
    car.disable_constant_velocity()
    check('with them it pushes', other.get_location().distance(beyond.location) > 1, other.get_location())
    other.destroy()
    place(world, car, point)


def lights_and_engines(world, car):
    flags = carla.VehicleLightState(carla.VehicleLightState.LowBeam | carla.VehicleLightState.LeftBlinker | carla.VehicleLightState.Fog)
    car.set_light_state(flags)
    world.tick()
    check('lights', car.get_light_state() == flags, car.get_light_state())
    check('lights of all vehicles', world.get_vehicles_light_states()[car.id] == flags, world.get_vehicles_light_states())
    check('no failure', car.get_failure_state() == carla.VehicleFailureState.NONE)
    car.show_debug_telemetry(True)
    car.enable_carsim('no/such.sim')
    car.use_carsim_road(True)
    if hasattr(car, 'restore_physx_physics'):
        car.restore_physx_physics()
    car.apply_control(carla.VehicleControl(throttle=0.5))
    ticks(world, 20)
    check('it drives on after calls for other engines', speed(car) > 1, speed(car))


def blueprints(world, version):
    library = world.get_blueprint_library().filter('vehicle.*')
    kinds = {}
    new = ['base_type', 'special_type', 'has_lights', 'has_dynamic_doors', 'terramechanics']
    for b in library:
        missing = [n for n in ['role_name', 'sticky_control', 'object_type', 'number_of_wheels', 'generation', 'ros_name'] + new
                   if not b.has_attribute(n)]
        if missing:
            check('attributes of ' + b.id, False, missing)
        kinds.setdefault(b.get_attribute('base_type').as_str(), []).append(b)
    count = {k: len(v) for k, v in kinds.items()}
    check('kinds of vehicles', count.get('car', 0) >= 20 and count.get('van', 0) >= 4 and count.get('truck', 0) >= 3 and
          count.get('bus', 0) >= 1 and count.get('motorcycle', 0) == 4 and count.get('bicycle', 0) == 3, count)
    wheels = {k: {b.get_attribute('number_of_wheels').as_int() for b in v} for k, v in kinds.items()}
    check('wheels by kind', wheels['car'] == {4} and wheels['bicycle'] == {2} and wheels['motorcycle'] == {2}, wheels)
    check('bicycles have no lights', not any(b.get_attribute('has_lights').as_bool() for b in kinds['bicycle']))
    special = {b.id for b in library if b.get_attribute('special_type').as_str() == 'emergency'}
    check('the emergency ones', {'vehicle.ford.ambulance', 'vehicle.carlamotors.firetruck', 'vehicle.dodge.charger_police'} <= special, special)
    color = world.get_blueprint_library().find('vehicle.tesla.model3').get_attribute('color')
    check('colours to choose from', len(color.recommended_values) >= 3 and color.is_modifiable, color)
    points = world.get_map().get_spawn_points()
    boxes = {}
    for b in library:
        b.set_attribute('role_name', 'test')
        car = world.try_spawn_actor(b, points[5])
        if not check('spawn ' + b.id, car is not None):
            continue
        e = car.bounding_box.extent
        boxes[b.id] = (e.x, e.y, e.z)
        wheels = b.get_attribute('number_of_wheels').as_int()
        if len(car.get_physics_control().wheels) != wheels or car.attributes['role_name'] != 'test':
            check('physics of ' + b.id, False, car.attributes)
        car.destroy()
        world.tick()
    check('sizes are plausible', all(0.7 < x < 6 and 0.15 < y < 1.5 and 0.6 < z < 2 for x, y, z in boxes.values()), boxes)
    x, y, z = boxes['vehicle.tesla.model3']
    check('the Model 3 has CARLA\'s size', near(x, 2.396, 0.01) and near(y, 1.082, 0.01) and near(z, 0.744, 0.01), (x, y, z))


def run(server, version):
    client = connect(server)
    world = client.get_world()
    synchronous(world)
    blueprints(world, version)
    point = world.get_map().get_spawn_points()[0]
    car = world.spawn_actor(world.get_blueprint_library().find('vehicle.tesla.model3'), point)
    ticks(world, 15)
    physics_control(world, car, point)
    ackermann(world, car, point)
    ackermann_batch(client, world, car, point)
    gears(world, car, point)
    wheels_and_doors(world, car, point, version)
    if version == '0.9.16':
        telemetry(world, car, point)
    pushes(world, car, point)
    collisions(world, car, point)
    lights_and_engines(world, car)
    car.destroy()
    client.apply_batch_sync([], True)
    check('the client is still served', client.get_server_version() == version)


main(run)
