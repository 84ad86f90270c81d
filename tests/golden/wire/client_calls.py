"""Every function of CARLA's Python API that makes the client send something, called once or more. Errors of the server do not matter
here: what was sent is what counts. Returns what V2X listeners heard."""
import time

import carla

failures = []


def call(f, *args):
    try:
        return f(*args)
    except (RuntimeError, IndexError, TypeError, AttributeError) as e:
        failures.append('%s: %s' % (getattr(f, '__name__', f), str(e)[:100]))
        return None


def run(port, version):
    newest = version == '0.9.16'
    client = carla.Client('127.0.0.1', port)
    client.set_timeout(10)
    client.get_server_version()
    world = client.get_world()
    lib, points = world.get_blueprint_library(), world.get_map().get_spawn_points()
    V, L, R, T = carla.Vector3D, carla.Location, carla.Rotation, carla.Transform
    car = world.spawn_actor(lib.find('vehicle.lincoln.mkz_2020' if newest else 'vehicle.tesla.model3'), points[0])
    sensor = world.spawn_actor(lib.find('sensor.camera.rgb'), T(L(1.5, 0, 1.8), R(-8, 0, 0)), car)
    second = world.spawn_actor(lib.find('sensor.camera.rgb'), T(L(-5, 0, 3)), car, carla.AttachmentType.SpringArmGhost)
    walker = world.spawn_actor(lib.filter('walker.*')[0], points[3])
    world.wait_for_tick()
    heard = []

    # world
    for f in (client.get_available_maps, client.get_required_files, client.stop_recorder, world.get_settings, world.get_weather,
              world.get_spectator, world.get_names_of_all_objects, world.reset_all_traffic_lights, world.get_vehicles_light_states):
        call(f)
    call(client.request_file, 'Carla/Maps/OpenDrive/Town01.xodr')
    settings = world.get_settings()
    settings.fixed_delta_seconds = 0.05
    settings.synchronous_mode = True
    call(world.apply_settings, settings)
    settings = world.get_settings()
    settings.fixed_delta_seconds = None
    settings.synchronous_mode = False
    settings.max_substeps = 16
    call(world.apply_settings, settings)
    call(world.set_weather, carla.WeatherParameters.WetCloudySunset)
    call(world.load_map_layer, carla.MapLayer.Buildings)
    call(world.unload_map_layer, carla.MapLayer.All)
    call(world.get_level_bbs, carla.CityObjectLabel.Car)
    call(world.get_environment_objects, carla.CityObjectLabel.Buildings)
    call(world.enable_environment_objects, {1, 1 << 63}, False)
    call(world.freeze_all_traffic_lights, True)
    call(world.cast_ray, L(0, 0, 10), L(0, 0, -10))
    call(world.project_point, L(0, 0, 10), V(0, 0, -1), 20.0)
    call(world.ground_projection, L(0, 0, 10), 20.0)
    call(world.get_random_location_from_navigation)
    texture, floats = carla.TextureColor(2, 1), carla.TextureFloatColor(1, 1)
    texture.set(0, 0, carla.Color(1, 2, 3, 4))
    texture.set(1, 0, carla.Color(250, 251, 252, 253))
    floats.set(0, 0, carla.FloatColor(0.5, 0.25, 0.125, 0.75))
    call(world.apply_color_texture_to_object, 'a', carla.MaterialParameter.Diffuse, texture)
    call(world.apply_float_color_texture_to_objects, ['a', 'b'], carla.MaterialParameter.Normal, floats)
    lights = call(world.get_lightmanager)
    call(lights.set_day_night_cycle, True)
    debug = world.debug
    for shape in ('', 'hud_') if newest else ('',):
        call(getattr(debug, 'draw_%spoint' % shape), L(1, 2, 3), 0.1, carla.Color(9, 8, 7), 2.0)
        call(getattr(debug, 'draw_%sline' % shape), L(1, 2, 3), L(4, 5, 6))
        call(getattr(debug, 'draw_%sarrow' % shape), L(1, 2, 3), L(4, 5, 6))
        call(getattr(debug, 'draw_%sbox' % shape), carla.BoundingBox(L(1, 2, 3), V(4, 5, 6)), R(7, 8, 9))
    call(debug.draw_string, L(1, 2, 3), 'text', True)

    # recorder
    call(client.start_recorder, 'a.log', True)
    call(client.show_recorder_file_info, 'a.log', False)
    call(client.show_recorder_collisions, 'a.log', 'v', 'w')
    call(client.show_recorder_actors_blocked, 'a.log', 30.0, 10.0)
    call(client.replay_file, 'a.log', 1.0, 2.0, 3, True)
    call(client.stop_replayer, True)
    call(client.set_replayer_time_factor, 0.5)
    call(client.set_replayer_ignore_hero, True)
    call(client.set_replayer_ignore_spectator, True)

    # actors
    call(car.set_location, L(1, 2, 3))
    call(car.set_transform, points[1])
    call(car.set_target_velocity, V(1, 2, 3))
    call(car.set_target_angular_velocity, V(1, 2, 3))
    call(car.enable_constant_velocity, V(4, 0, 0))
    call(car.disable_constant_velocity)
    for f in (car.add_impulse, car.add_force, car.add_angular_impulse, car.add_torque):
        call(f, V(10, 20, 30))
    call(car.add_impulse, V(10, 20, 30), L(1, 2, 3))
    call(car.add_force, V(10, 20, 30), L(1, 2, 3))
    call(car.set_simulate_physics, True)
    call(car.set_enable_gravity, True)
    call(car.set_collisions, True)
    call(walker.set_collisions, False)

    # vehicle
    call(car.apply_control, carla.VehicleControl(0.5, -0.25, 0.125, True, True, True, -1))
    call(car.apply_ackermann_control, carla.VehicleAckermannControl(0.1, 0.2, 3, 4, 5))
    call(car.apply_ackermann_controller_settings, carla.AckermannControllerSettings(1, 2, 3, 4, 5, 6))
    call(car.get_ackermann_controller_settings)
    physics = call(car.get_physics_control)
    call(car.apply_physics_control, physics)
    call(car.set_light_state, carla.VehicleLightState(carla.VehicleLightState.LowBeam | carla.VehicleLightState.Fog))
    call(car.get_light_state)
    call(car.open_door, carla.VehicleDoor.All)
    call(car.close_door, carla.VehicleDoor.FL)
    call(car.set_wheel_steer_direction, carla.VehicleWheelLocation.FR_Wheel, 12.5)
    call(car.get_wheel_steer_angle, carla.VehicleWheelLocation.FR_Wheel)
    call(car.show_debug_telemetry, True)
    call(car.enable_carsim, 'simfile')
    call(car.use_carsim_road, True)
    call(car.enable_chrono_physics, 30, 0.002, 'a', 'b', 'c', 'd')

    # walker
    call(walker.apply_control, carla.WalkerControl(V(1, 0, 0), 1.5, True))
    call(walker.get_bones)
    call(walker.set_bones, carla.WalkerBoneControlIn([('crl_root', T(L(1, 2, 3), R(4, 5, 6)))]))
    call(walker.blend_pose, 0.5)
    call(walker.get_pose_from_animation)

    # traffic lights
    for light in list(world.get_actors().filter('traffic.traffic_light'))[:1]:
        call(light.set_state, carla.TrafficLightState.Yellow)
        call(light.set_green_time, 11.0)
        call(light.set_yellow_time, 2.5)
        call(light.set_red_time, 3.5)
        call(light.freeze, True)
        call(light.freeze, False)
        call(light.get_group_traffic_lights)
        call(light.reset_group)
        call(light.get_light_boxes)

    # sensors
    call(second.enable_for_ros)
    call(second.disable_for_ros)
    call(second.is_enabled_for_ros)
    call(second.listen_to_gbuffer, 3, lambda image: None)

    # batches: the 22 commands
    C = carla.command
    spawn = C.SpawnActor(lib.find('vehicle.audi.tt') if lib.filter('vehicle.audi.tt') else lib.filter('vehicle.*')[0], points[5])
    nested = C.SpawnActor(lib.find('sensor.camera.rgb'), T(L(1, 0, 2)), car).then(C.SetSimulatePhysics(C.FutureActor, True))
    made = [lambda: spawn.then(C.SetAutopilot(C.FutureActor, False)), lambda: nested, lambda: C.DestroyActor(12345),
            lambda: C.ApplyVehicleControl(car, carla.VehicleControl(0.25)),
            lambda: C.ApplyVehicleAckermannControl(car, carla.VehicleAckermannControl(0.1, 0.2, 3, 4, 5)),
            lambda: C.ApplyWalkerControl(walker, carla.WalkerControl(V(0, 1, 0), 2.0)), lambda: C.ApplyTransform(car, points[1]),
            lambda: C.ApplyWalkerState(walker, points[3], 1.25), lambda: C.ApplyTargetVelocity(car, V(1, 0, 0)),
            lambda: C.ApplyTargetAngularVelocity(car, V(0, 0, 1)), lambda: C.ApplyImpulse(car, V(1, 0, 0)),
            lambda: C.ApplyForce(car, V(1, 0, 0)), lambda: C.ApplyAngularImpulse(car, V(0, 0, 1)),
            lambda: C.ApplyTorque(car, V(0, 0, 1)), lambda: C.SetSimulatePhysics(car, True), lambda: C.SetEnableGravity(car, True),
            lambda: C.SetAutopilot(car, False, 8000), lambda: C.ShowDebugTelemetry(car.id, False),
            lambda: C.SetVehicleLightState(car, carla.VehicleLightState.Brake), lambda: C.ApplyLocation(car, L(1, 2, 3)),
            lambda: C.ConsoleCommand('stat fps'), lambda: C.SetTrafficLightState(7, carla.TrafficLightState.Green),
            lambda: C.ApplyVehiclePhysicsControl(car, physics)]
    batch = [c for c in map(call, made) if c is not None]
    for one in batch:
        call(client.apply_batch_sync, [one], False)
    call(client.apply_batch, batch[2:6])
    call(client.apply_batch_sync, [C.SetEnableGravity(car, True)], True)

    if newest:
        call(car.set_wheel_pitch_angle, carla.VehicleWheelLocation.FL_Wheel, 12.5)
        call(car.get_wheel_pitch_angle, carla.VehicleWheelLocation.FL_Wheel)
        call(second.set_ignored_vehicles, [car.id, 300])
        call(second.enable_gbuffers, True)
        for f in (car.get_vehicle_bone_world_transforms, debug.clear_debug_shape, debug.clear_debug_string, car.restore_physx_physics,
                  car.get_telemetry_data, world.get_imui_sensor_gravity, car.get_component_names, car.get_bone_names,
                  car.get_socket_names, car.get_bone_world_transforms, car.get_bone_relative_transforms,
                  car.get_socket_world_transforms, car.get_socket_relative_transforms):
            call(f)
        call(lambda: car.bounding_box)
        call(world.set_annotations_traverse_translucency, True)
        call(world.set_imui_sensor_gravity, 9.5)
        call(car.get_component_world_transform, 'body')
        call(car.get_component_relative_transform, 'body')
        second.listen(lambda event: heard.extend((m.power, m.get()) for m in event))
        for _ in range(50):
            time.sleep(0.02)
            if len(heard) >= 2:
                break
        second.stop()

    # traffic manager: what another client asks about it
    manager = call(client.get_trafficmanager, 18766)
    call(car.set_autopilot, True, 18766)
    time.sleep(0.5)
    call(car.set_autopilot, False, 18766)
    call(manager.shut_down)

    call(sensor.destroy)
    call(walker.destroy)
    call(client.generate_opendrive_world, 'no xodr',
         carla.OpendriveGenerationParameters(vertex_distance=2.5, max_road_length=40.0, wall_height=0.5, additional_width=0.25,
                                             smooth_junctions=False, enable_mesh_visibility=True))
    for f in failures:
        print('  refused:', f)
    return heard
