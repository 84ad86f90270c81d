/* Vehicles in a world: Ackermann control, pushes at a place, switches, doors, wheels, parts, telemetry. */
#include "sim/town/internal.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static const town_sink deaf = { NULL, NULL, NULL, NULL };

static town_world *plane(void)
{
    town_options o = town_options_default();
    base_error err = { 0 };
    town_world *w = town_world_create(NULL, &o, &err);
    if (!w)
        fail_msg("%s", err.text);
    return w;
}

static uint32_t spawn(town_world *w, const char *id, double x, double y)
{
    base_error err = { 0 };
    town_description d = { 0, id, NULL, 0 };
    uint32_t actor = town_spawn(w, &d, (base_pose){ { x, y, 0 }, { 0, 0, 0 } }, 0, TOWN_RIGID, &err);
    if (!actor)
        fail_msg("%s: %s", id, err.text);
    return actor;
}

static void ticks(town_world *w, int count)
{
    base_error err = { 0 };
    for (int i = 0; i < count; i++)
        if (!town_tick(w, 0.05, deaf, &err))
            fail_msg("tick %d: %s", i, err.text);
}

static town_actor_view view(const town_world *w, uint32_t id)
{
    town_actor_view v;
    assert_true(town_actor_get(w, id, &v));
    return v;
}

static void between(double value, double lo, double hi, const char *what)
{
    if (!(value >= lo && value <= hi))
        fail_msg("%s: got %.6g, want %.6g .. %.6g", what, value, lo, hi);
}

/* ---- Ackermann ---- */

/* Two ticks by hand. PID on the measurement: speed (0.15, 0, 0.25), acceleration (0.01, 0, 0.01), dt 0.05. */
static void test_ackermann_by_hand(void **state)
{
    (void)state;
    town_ackermann_state s = { .settings = town_ackermann_settings_default(), .target = { .steer_rad = 0.2f, .speed_mps = 5 } };
    town_vehicle_control c = { 0 };
    town_ackermann_step(&s, &c, 1, 1.0, 0.05);
    /* speed 0 -> 1: acceleration 20, smoothed 0.2 x 20 = 4; wanted: 0.15 x 4 - 0.25 x 20 < -1, so -1; pedal: 0.01 x (-1 - 4) - 0.01 x
     * 4 / 0.05 = -0.85 */
    between(s.acceleration_mps2, 3.999, 4.001, "smoothed acceleration");
    between(s.accel_target_mps2, -1.001, -0.999, "wanted acceleration");
    between(c.brake, 0.8499, 0.8501, "brake");
    assert_true(c.throttle == 0 && !c.reverse);
    between(c.steer, 0.1999, 0.2001, "steer: 0.2 of 1.0 rad");
    town_ackermann_step(&s, &c, 1, 1.0, 0.05);
    /* acceleration 0.8 x 4 = 3.2; wanted: -1 + 0.15 x 4 = -0.4; pedal: -0.85 + 0.01 x (-0.4 - 3.2) - 0.01 x (3.2 - 4) / 0.05 = -0.726 */
    between(s.accel_target_mps2, -0.401, -0.399, "wanted acceleration, second tick");
    between(c.brake, 0.7259, 0.7261, "brake, second tick");
    s.target.acceleration_mps2 = 0.1f;
    for (int i = 0; i < 100; i++)
        town_ackermann_step(&s, &c, 1, 1.0, 0.05);
    between(s.accel_target_mps2, 0.0999, 0.1001, "no more acceleration than allowed");
}

static void test_ackermann_steers_at_its_rate(void **state)
{
    (void)state;
    town_ackermann_state s = { .settings = town_ackermann_settings_default(),
                               .target = { .steer_rad = 0.5f, .steer_speed_radps = 0.4f } };
    town_vehicle_control c = { 0 };
    for (int i = 1; i <= 10; i++) {
        town_ackermann_step(&s, &c, 0, 1.25, 0.05);
        between((double)c.steer * 1.25, 0.02 * i - 1e-5, 0.02 * i + 1e-5, "steer after a tick at 0.4 rad/s");
    }
    s.target.steer_rad = -9;
    s.target.steer_speed_radps = 0;
    town_ackermann_step(&s, &c, 0, 1.25, 0.05);
    assert_true(c.steer == -1); /* at once, and no further than the wheels go */
}

static void test_ackermann_drives(void **state)
{
    (void)state;
    town_world *w = plane();
    uint32_t car = spawn(w, "vehicle.tesla.model3", 0, 0);
    assert_true(town_ackermann_set(w, car, (town_ackermann){ .steer_rad = 0.1f, .speed_mps = 6 }));
    ticks(w, 800);
    town_actor_view v = view(w, car);
    assert_true(v.ackermann);
    between(hypot(v.velocity_mps.x, v.velocity_mps.y), 5.4, 6.6, "speed after 40 s");
    float angle;
    assert_true(town_wheel_steer_get(w, car, 1, &angle));
    /* the curve takes 0.91 of it at 22 km/h, as it does in CARLA */
    between((double)angle, BASE_DEG(0.1) * 0.87, BASE_DEG(0.1) * 0.94, "angle of the inner wheel");
    /* backwards only after a stop; no jump of the direction at speed */
    assert_true(town_ackermann_set(w, car, (town_ackermann){ .speed_mps = -3 }));
    bool stopped = false;
    double last = 0;
    for (int i = 0; i < 1600; i++) {
        ticks(w, 1);
        v = view(w, car);
        double yaw = BASE_RAD(v.pose.rotation.yaw_deg);
        last = v.velocity_mps.x * cos(yaw) + v.velocity_mps.y * sin(yaw);
        if (v.control.reverse && !stopped) {
            between(last, -0.2, 0.2, "speed when it goes into reverse");
            stopped = true;
        }
    }
    assert_true(stopped);
    between(last, -4, -2, "speed backwards");
    /* a plain control takes over again */
    assert_true(town_vehicle_control_set(w, car, (town_vehicle_control){ .brake = 1 }));
    ticks(w, 60);
    v = view(w, car);
    assert_false(v.ackermann);
    between(hypot(v.velocity_mps.x, v.velocity_mps.y), 0, 0.001, "speed under the plain brake");
    /* settings: stronger gains get there sooner */
    town_ackermann_settings k;
    assert_true(town_ackermann_settings_get(w, car, &k));
    assert_true(k.speed_kp == 0.15f && k.speed_ki == 0 && k.speed_kd == 0.25f && k.accel_kp == 0.01f && k.accel_ki == 0 &&
                k.accel_kd == 0.01f);
    uint32_t other = spawn(w, "vehicle.tesla.model3", 0, 200);
    k.accel_kp = 0.05f;
    assert_true(town_ackermann_settings_set(w, other, k));
    town_vehicle_control_set(w, car, (town_vehicle_control){ 0 });
    town_ackermann_set(w, car, (town_ackermann){ .speed_mps = 6 });
    town_ackermann_set(w, other, (town_ackermann){ .speed_mps = 6 });
    ticks(w, 40);
    double slow = hypot(view(w, car).velocity_mps.x, view(w, car).velocity_mps.y), quick = view(w, other).velocity_mps.x;
    assert_true(quick > 1.5 * slow);
    assert_false(town_ackermann_set(w, car, (town_ackermann){ .speed_mps = NAN }));
    assert_false(town_ackermann_set(w, town_spectator(w), (town_ackermann){ .speed_mps = 1 }));
    town_world_destroy(w);
}

/* ---- pushes ---- */

static void test_pushes_turn(void **state)
{
    (void)state;
    town_world *w = plane();
    uint32_t middle = spawn(w, "vehicle.tesla.model3", 0, 0), nose = spawn(w, "vehicle.tesla.model3", 0, 20),
             spun = spawn(w, "vehicle.tesla.model3", 0, 40), steady = spawn(w, "vehicle.tesla.model3", 0, 60);
    ticks(w, 2);
    /* in the air nothing but the push acts: v = p / m, r = x p / I */
    uint32_t all[] = { middle, nose, spun, steady };
    for (int i = 0; i < 4; i++) {
        town_pose_set(w, all[i], (base_pose){ { 0, 20 * i, 50 }, { 0, 0, 0 } });
        town_gravity_set(w, all[i], false);
    }
    assert_true(town_impulse_add_at(w, middle, (base_vec3){ 0, 1845, 0 }, (base_vec3){ 0, 0, 50.45 }));
    assert_true(town_impulse_add_at(w, nose, (base_vec3){ 0, 1845, 0 }, (base_vec3){ 2, 20, 50.45 }));
    assert_true(town_torque_add(w, spun, (base_vec3){ 0, 0, 1e6 })); /* degrees: 17453 N m for 0.05 s */
    assert_true(town_force_add_at(w, steady, (base_vec3){ 0, 36900, 0 }, (base_vec3){ -2, 60, 50.45 }));
    double inertia = town_actor_find(w, nose)->model.inertia_kgm2;
    ticks(w, 1);
    between(view(w, middle).velocity_mps.y, 0.999, 1.001, "v of a push through the centre");
    between(view(w, middle).angular_velocity_dps.z, -1e-9, 1e-9, "... which does not turn it");
    between(view(w, nose).velocity_mps.y, 0.99, 1.001, "v of a push at the nose");
    between(view(w, nose).angular_velocity_dps.z / BASE_DEG(2 * 1845 / inertia), 0.999, 1.001,
            "yaw rate of a push at the nose");
    between(view(w, spun).angular_velocity_dps.z / (1e6 * 0.05 / inertia), 0.999, 1.001, "yaw rate of a torque");
    between(view(w, steady).angular_velocity_dps.z / BASE_DEG(-2 * 36900 * 0.05 / inertia), 0.999, 1.001,
            "yaw rate of a force");
    between(view(w, steady).pose.location.z, 50, 50, "no gravity, no fall");
    double rate = view(w, spun).angular_velocity_dps.z;
    ticks(w, 10);
    between(view(w, spun).angular_velocity_dps.z / rate, 0.999, 1.001, "a torque acts for one tick only");
    town_gravity_set(w, steady, true);
    ticks(w, 10);
    between(view(w, steady).pose.location.z, 48, 49.5, "falls again");
    assert_false(town_impulse_add_at(w, middle, (base_vec3){ 0, NAN, 0 }, (base_vec3){ 0, 0, 0 }));
    town_world_destroy(w);
}

/* ---- switches ---- */

static void test_switches(void **state)
{
    (void)state;
    town_world *w = plane();
    uint32_t car = spawn(w, "vehicle.tesla.model3", 0, 0), wall = spawn(w, "vehicle.tesla.model3", 15, 0);
    ticks(w, 2);
    assert_true(town_constant_velocity_set(w, car, true, (base_vec3){ 8, 0, 0 }));
    ticks(w, 20);
    between(view(w, car).velocity_mps.x, 7.9, 8.1, "constant velocity");
    assert_true(town_collisions_set(w, car, false));
    ticks(w, 60);
    between(view(w, car).pose.location.x, 30, 33, "went through the other car");
    between(view(w, wall).pose.location.x, 14.999, 15.001, "which did not notice");
    assert_true(town_constant_velocity_set(w, car, false, (base_vec3){ 0, 0, 0 }));
    ticks(w, 20);
    between(view(w, car).velocity_mps.x, 7, 7.9, "rolls on");
    assert_true(town_angular_velocity_set(w, car, (base_vec3){ 0, 0, 90 }));
    ticks(w, 1);
    between(view(w, car).pose.rotation.yaw_deg, 0.5, 4.6, "turned by the target angular velocity, against the tyres");
    assert_true(town_simulate_physics_set(w, car, false));
    town_actor_view before = view(w, car);
    assert_true(town_impulse_add(w, car, (base_vec3){ 1e5, 0, 0 }));
    town_vehicle_control_set(w, car, (town_vehicle_control){ .throttle = 1 });
    ticks(w, 20);
    town_actor_view after = view(w, car);
    assert_memory_equal(&before.pose, &after.pose, sizeof before.pose);
    assert_true(after.velocity_mps.x == 0 && after.acceleration_mps2.x == 0 && after.angular_velocity_dps.z == 0);
    assert_true(town_pose_set(w, car, (base_pose){ { 0, 50, 3 }, { 0, 90, 0 } }));
    ticks(w, 5);
    between(view(w, car).pose.location.z, 3, 3, "it may stand in the air");
    assert_true(town_simulate_physics_set(w, car, true));
    ticks(w, 40);
    between(view(w, car).pose.location.z, -0.01, 0.01, "until physics are back");
    between(view(w, car).velocity_mps.y, 1, 10, "and it drives on from rest, without the push it got meanwhile");
    town_world_destroy(w);
}

/* ---- doors, wheels, parts ---- */

static void test_doors(void **state)
{
    (void)state;
    town_world *w = plane();
    uint32_t car = spawn(w, "vehicle.tesla.model3", 0, 0), shut = spawn(w, "vehicle.audi.a2", 0, 10);
    assert_true(town_door_set(w, car, 1, true) && view(w, car).doors_open == 2);
    assert_true(town_door_set(w, car, TOWN_DOORS, true) && view(w, car).doors_open == 63);
    assert_true(town_door_set(w, car, 0, false) && view(w, car).doors_open == 62);
    assert_true(town_door_set(w, car, TOWN_DOORS, false) && view(w, car).doors_open == 0);
    assert_true(town_door_set(w, shut, 0, true) && view(w, shut).doors_open == 0);
    assert_false(town_door_set(w, car, TOWN_DOORS + 1, true));
    assert_false(town_door_set(w, car, -1, true));
    assert_false(town_door_set(w, town_spectator(w), 0, true));
    town_world_destroy(w);
}

static void test_wheels(void **state)
{
    (void)state;
    town_world *w = plane();
    uint32_t car = spawn(w, "vehicle.tesla.model3", 0, 0);
    float left, right, angle;
    ticks(w, 1);
    assert_true(town_wheel_steer_set(w, car, 0, 20)); /* physics are on: no effect */
    assert_true(town_wheel_steer_get(w, car, 0, &left) && left == 0);
    town_vehicle_control_set(w, car, (town_vehicle_control){ .steer = -0.5f });
    ticks(w, 30);
    assert_true(town_wheel_steer_get(w, car, 0, &left) && town_wheel_steer_get(w, car, 1, &right));
    between((double)left, -35.01, -34.5, "inner wheel of a left turn");
    assert_true(right > left && right < -20);
    town_vehicle_control_set(w, car, (town_vehicle_control){ .throttle = 0.3f });
    ticks(w, 30);
    town_actor_view v = view(w, car);
    assert_true(town_wheel_pitch_get(w, car, 2, &angle));
    between((double)angle, 0, 360, "how far it rolled");
    assert_true(angle > 0 && v.pose.location.x > 0.5);
    town_simulate_physics_set(w, car, false);
    assert_true(town_wheel_steer_set(w, car, 0, 33) && town_wheel_pitch_set(w, car, 3, 12));
    assert_true(town_wheel_steer_get(w, car, 0, &left) && left == 33);
    assert_true(town_wheel_pitch_get(w, car, 3, &angle) && angle == 12);
    town_part bones[TOWN_PARTS_MAX];
    assert_int_equal(town_actor_parts(w, car, TOWN_PART_BONES, bones), 5);
    between(bones[1].pose.rotation.yaw_deg, 33, 33, "the bone turns with its wheel");
    town_simulate_physics_set(w, car, true);
    assert_true(town_wheel_steer_get(w, car, 0, &left) && left != 33); /* the model's again */
    assert_false(town_wheel_steer_get(w, car, 4, &left));
    assert_false(town_wheel_steer_set(w, car, 0, NAN));
    uint32_t bike = spawn(w, "vehicle.yamaha.yzf", 0, 20);
    assert_true(town_wheel_steer_get(w, bike, 1, &left));
    assert_false(town_wheel_steer_get(w, bike, 2, &left));
    town_world_destroy(w);
}

static void test_parts(void **state)
{
    (void)state;
    town_world *w = plane();
    uint32_t car = spawn(w, "vehicle.lincoln.mkz_2020", 0, 0);
    town_part p[TOWN_PARTS_MAX];
    town_physics physics;
    town_physics_get(w, car, &physics);
    assert_int_equal(town_actor_parts(w, car, TOWN_PART_BONES, p), 5);
    assert_string_equal(p[0].name, "Vehicle_Base");
    assert_string_equal(p[2].name, "Wheel_Front_Right");
    for (int i = 0; i < 4; i++)
        assert_memory_equal(&p[1 + i].pose.location, &physics.wheels[i].position_m, sizeof(base_vec3));
    assert_int_equal(town_actor_parts(w, car, TOWN_PART_COMPONENTS, p), 6);
    assert_string_equal(p[0].name, "VehicleMesh");
    town_box box = view(w, car).box;
    assert_memory_equal(&p[1].pose.location, &box.center, sizeof box.center);
    int count = town_actor_parts(w, car, TOWN_PART_SOCKETS, p);
    assert_int_equal(count, 5);
    for (int i = 0; i < count; i++) /* on the body, none inside or beyond it */
        assert_true(fabs(p[i].pose.location.x) <= box.extent.x && fabs(p[i].pose.location.y) <= box.extent.y &&
                    p[i].pose.location.z > 0.3 && p[i].pose.location.z <= 2 * box.extent.z);
    assert_true(p[0].pose.location.x > 2 && p[0].pose.location.y < 0 && p[2].pose.rotation.yaw_deg == 180);
    assert_int_equal(town_actor_parts(w, spawn(w, "vehicle.bh.crossbike", 0, 20), TOWN_PART_BONES, p), 3);
    assert_int_equal(town_actor_parts(w, town_spectator(w), TOWN_PART_COMPONENTS, p), 1);
    assert_int_equal(town_actor_parts(w, town_spectator(w), TOWN_PART_BONES, p), 0);
    assert_int_equal(town_actor_parts(w, 9999, TOWN_PART_BONES, p), -1);
    town_world_destroy(w);
}

static void test_telemetry(void **state)
{
    (void)state;
    town_world *w = plane();
    uint32_t car = spawn(w, "vehicle.tesla.model3", 0, 0);
    town_telemetry t;
    ticks(w, 10);
    assert_true(town_telemetry_get(w, car, &t));
    between((double)(t.wheels[0].load_n + t.wheels[1].load_n + t.wheels[2].load_n + t.wheels[3].load_n),
            1845 * TOWN_GRAVITY - 5, 1845 * TOWN_GRAVITY + 5, "weight at rest");
    assert_true(t.wheels[0].normalized_load > 0.99f && t.wheels[0].normalized_load < 1.01f && t.speed_mps == 0);
    town_vehicle_control_set(w, car, (town_vehicle_control){ .throttle = 0.7f });
    ticks(w, 40);
    assert_true(town_telemetry_get(w, car, &t));
    town_actor_view v = view(w, car);
    between((double)t.speed_mps, v.velocity_mps.x - 1e-3, v.velocity_mps.x + 1e-3, "speed");
    between((double)t.engine_rpm / ((double)t.speed_mps / 0.36 * 9 * 60 / (2 * BASE_PI)), 1, 1.5,
            "engine speed: gear and clutch slip");
    double along = 0;
    for (int i = 0; i < 4; i++) {
        along += (double)t.wheels[i].long_force_n;
        between((double)t.wheels[i].torque_nm / ((double)t.wheels[i].long_force_n * 0.36), 0.99, 1.01,
                "torque over force x radius");
    }
    between(along / 1845 / v.acceleration_mps2.x, 1.0, 1.15, "tyres push what accelerates, and the losses");
    assert_true(t.wheels[2].load_n > t.wheels[0].load_n && t.gear == 1 && t.throttle == 0.7f && t.drag_n > 0);
    assert_false(town_telemetry_get(w, town_spectator(w), &t));
    town_world_destroy(w);
}

/* The same calls make the same bytes, with everything above in play. */
static void test_repeatable(void **state)
{
    (void)state;
    town_actor_view seen[2][3];
    for (int run = 0; run < 2; run++) {
        town_world *w = plane();
        uint32_t id[3];
        for (int i = 0; i < 3; i++)
            id[i] = spawn(w, i == 2 ? "vehicle.yamaha.yzf" : "vehicle.tesla.model3", 0, 12 * i);
        town_ackermann_set(w, id[0], (town_ackermann){ .steer_rad = 0.3f, .speed_mps = 9, .acceleration_mps2 = 2 });
        town_vehicle_control_set(w, id[1], (town_vehicle_control){ .throttle = 1, .steer = -0.2f });
        town_vehicle_control_set(w, id[2], (town_vehicle_control){ .throttle = 0.8f, .steer = 0.1f });
        ticks(w, 60);
        town_impulse_add_at(w, id[1], (base_vec3){ 500, 900, 0 }, (base_vec3){ 3, 12, 0 });
        town_torque_add(w, id[2], (base_vec3){ 0, 0, 5000 });
        ticks(w, 60);
        for (int i = 0; i < 3; i++)
            seen[run][i] = view(w, id[i]);
        town_world_destroy(w);
    }
    for (int i = 0; i < 3; i++) {
        assert_memory_equal(&seen[0][i].pose, &seen[1][i].pose, sizeof(base_pose));
        assert_memory_equal(&seen[0][i].velocity_mps, &seen[1][i].velocity_mps, sizeof(base_vec3));
        assert_true(hypot(seen[0][i].velocity_mps.x, seen[0][i].velocity_mps.y) > 0.5);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ackermann_by_hand),
        cmocka_unit_test(test_ackermann_steers_at_its_rate),
        cmocka_unit_test(test_ackermann_drives),
        cmocka_unit_test(test_pushes_turn),
        cmocka_unit_test(test_switches),
        cmocka_unit_test(test_doors),
        cmocka_unit_test(test_wheels),
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_telemetry),
        cmocka_unit_test(test_repeatable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
