/* Vehicles through the calls that clients make: what no official Python client can call, refusals and their words, versions. */
#include "tests/town/served.h"
#include <math.h>

static void refused(served *s, wire_method_id method, const void *args, const char *text)
{
    static char room[4096];
    base_error err = { 0 };
    assert_false(client_call(s->client, method, args, room, NULL, &err));
    if (!strstr(err.text, text))
        fail_msg("got \"%s\", want \"%s\"", err.text, text);
}

static wire_actor_id spawn(served *s, const char *id, size_t point)
{
    wire_map_info map;
    served_call(s, WIRE_METHOD_get_map_info, NULL, &map);
    assert_true(point < map.recommended_spawn_points.count);
    wire_transform at = map.recommended_spawn_points.items[point];
    const town_blueprint *b = town_blueprint_find(id);
    wire_args_spawn args = { { 0, id, { NULL, 0 } }, at };
    for (uint32_t uid = 1; uid <= town_blueprint_count(); uid++)
        if (town_blueprint_at(uid) == b)
            args.description.uid = uid;
    wire_actor a;
    served_call(s, WIRE_METHOD_spawn_actor, &args, &a);
    return a.id;
}

static void test_refusals(void **state)
{
    (void)state;
    served *s = served_with_client(16);
    wire_actor_id car = spawn(s, "vehicle.tesla.model3", 0), walker = spawn(s, "walker.pedestrian.0002", 1);
    char text[200];
    snprintf(text, sizeof text, "Responding error from function enable_carsim: CarSim plugin is not enabled.  Actor Id: %u",
             car);
    refused(s, WIRE_METHOD_enable_carsim, &(wire_args_actor_text){ car, "a.sim" }, text);
    refused(s, WIRE_METHOD_use_carsim_road, &(wire_args_actor_flag){ car, true }, "CarSim plugin is not enabled");
    refused(s, WIRE_METHOD_enable_chrono_physics, &(wire_args_chrono){ car, 30, 0.002f, "", "", "", "" },
            "Chrono is not enabled");
    served_call(s, WIRE_METHOD_restore_physx_physics, &(wire_args_actor){ car }, NULL);
    served_call(s, WIRE_METHOD_show_vehicle_debug_telemetry, &(wire_args_actor_flag){ car, true }, NULL);
    snprintf(text, sizeof text, "Responding error from function get_telemetry_data: Actor is not a Vehicle.  Actor Id: %u",
             walker);
    refused(s, WIRE_METHOD_get_telemetry_data, &(wire_args_actor){ walker }, text);
    refused(s, WIRE_METHOD_get_ackermann_controller_settings, &(wire_args_actor){ 4000 },
            "get_ackermann_controller_settings: Actor could not be found in the registry.  Actor Id: 4000");
    refused(s, WIRE_METHOD_apply_ackermann_control_to_vehicle, &(wire_args_ackermann){ .actor = walker },
            "Actor is not a Vehicle");
    refused(s, WIRE_METHOD_restore_physx_physics, &(wire_args_actor){ walker }, "Actor is not a Vehicle");
    refused(s, WIRE_METHOD_open_vehicle_door, &(wire_args_actor_u8){ car, 7 }, "door 7, expected 0 to 6");
    refused(s, WIRE_METHOD_get_wheel_steer_angle, &(wire_args_actor_u8){ car, 4 }, "wheel 4, expected 0 to 3");
    refused(s, WIRE_METHOD_get_wheel_pitch_angle, &(wire_args_actor_u8){ walker, 0 }, "Actor is not a Vehicle");
    refused(s, WIRE_METHOD_get_vehicle_bone_world_transforms, &(wire_args_actor){ walker }, "Actor is not a Vehicle");
    refused(s, WIRE_METHOD_add_actor_force_at_location, &(wire_args_actor_vector_at){ 4000, { 1, 0, 0 }, { 0, 0, 0 } },
            "could not be found in the registry");
    refused(s, WIRE_METHOD_get_actor_component_world_transform, &(wire_args_actor_text){ car, "Spoiler" },
            "Component could not be found in this actor");
    served_stop(s);
}

/* The Python client has no way to name the place of a push; C++ clients have. */
static void test_pushes_at_a_place(void **state)
{
    (void)state;
    served *s = served_with_client(16);
    wire_actor_id car = spawn(s, "vehicle.tesla.model3", 0);
    base_error err = { 0 };
    client_state before, after;
    if (!client_synchronous(s->client, 0.05, &err))
        fail_msg("%s", err.text);
    for (int i = 0; i < 20; i++)
        assert_true(client_tick(s->client, &err));
    assert_true(client_state_get(s->client, car, &before));
    base_mat3 m = base_rotation_matrix(before.pose.rotation);
    base_vec3 forward = base_mat3_apply(&m, (base_vec3){ 1, 0, 0 }), right = base_mat3_apply(&m, (base_vec3){ 0, 1, 0 });
    served_call(s, WIRE_METHOD_set_actor_target_velocity,
                &(wire_args_actor_vector){ car, wire_vector3_from_vec3(base_vec3_scale(forward, 10)) }, NULL);
    base_vec3 nose = base_vec3_add(before.pose.location, base_vec3_scale(forward, 2));
    wire_args_actor_vector_at push = { car, wire_vector3_from_vec3(base_vec3_scale(right, 3000)),
                                       wire_vector3_from_vec3(nose) };
    served_call(s, WIRE_METHOD_add_actor_impulse_at_location, &push, NULL);
    assert_true(client_tick(s->client, &err));
    assert_true(client_state_get(s->client, car, &after));
    assert_true(after.angular_velocity_dps.z > 5 && after.angular_velocity_dps.z < BASE_DEG(2 * 3000 / 2500.0));
    for (int i = 0; i < 20; i++) /* until it runs straight again */
        assert_true(client_tick(s->client, &err));
    assert_true(client_state_get(s->client, car, &after));
    push.location = wire_vector3_from_vec3(base_vec3_add(after.pose.location, base_vec3_scale(forward, 2)));
    push.vector = wire_vector3_from_vec3(base_vec3_scale(right, -60000));
    served_call(s, WIRE_METHOD_add_actor_force_at_location, &push, NULL);
    assert_true(client_tick(s->client, &err));
    assert_true(client_state_get(s->client, car, &after));
    assert_true(after.angular_velocity_dps.z < -5);
    served_stop(s);
}

static void test_dead_walkers(void **state)
{
    (void)state;
    served *s = served_with_client(15);
    wire_actor_id car = spawn(s, "vehicle.tesla.model3", 0), walker = spawn(s, "walker.pedestrian.0002", 1);
    base_error err = { 0 };
    client_state before, after;
    if (!client_synchronous(s->client, 0.05, &err))
        fail_msg("%s", err.text);
    wire_args_walker_control go = { walker, { { 1, 0, 0 }, 1.5f, false } };
    served_call(s, WIRE_METHOD_apply_control_to_walker, &go, NULL);
    for (int i = 0; i < 20; i++)
        assert_true(client_tick(s->client, &err));
    assert_true(client_state_get(s->client, walker, &before) && base_vec3_length(before.velocity_mps) > 1);
    served_call(s, WIRE_METHOD_set_actor_dead, &(wire_args_actor){ walker }, NULL);
    for (int i = 0; i < 10; i++)
        assert_true(client_tick(s->client, &err));
    assert_true(client_state_get(s->client, walker, &after) && base_vec3_length(after.velocity_mps) < 0.01);
    refused(s, WIRE_METHOD_apply_control_to_walker, &go, "apply_control_to_walker: Walker is already dead");
    refused(s, WIRE_METHOD_set_actor_dead, &(wire_args_actor){ walker }, "Walker is already dead");
    refused(s, WIRE_METHOD_set_actor_dead, &(wire_args_actor){ car }, "Actor does not match the expected type");
    refused(s, WIRE_METHOD_set_actor_dead, &(wire_args_actor){ 4000 }, "could not be found in the registry");
    served_stop(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_pushes_at_a_place),
        cmocka_unit_test(test_dead_walkers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
