/* sim/town/internal.h — what the files of this room share. Public types are in town.h. */
#ifndef TOWN_INTERNAL_H
#define TOWN_INTERNAL_H
#include "sim/road/road.h"
#include "sim/scene/scene.h"
#include "sim/town/scenery.h"
#include "sim/town/town.h"

#define TOWN_GRAVITY    9.81 /* m/s^2 */
#define TOWN_ACTORS_MAX 4096

/* ---- blueprints (blueprint.c) ---- */

typedef struct town_vehicle_spec {
    const char *base_type, *special;
    uint8_t tag; /* SCENE_TAG_* */
    int wheels, generation;
    bool doors, has_lights, driver;
    double mass_kg, wheelbase_m, extent_m[3]; /* half sizes */
    double power_kw, peak_mps2;               /* drive: constant acceleration up to the speed where power limits it */
    const char *const *colors;
} town_vehicle_spec;
typedef struct town_walker_spec {
    const char *gender, *age;
    int generation;
    double extent_m[3];
} town_walker_spec;
typedef struct town_prop_spec {
    const char *size;
    uint8_t tag; /* CARLA tags what lies in its folder "Dynamic" (cones, barriers, bins, boxes) and "Static" (benches) so */
    double extent_m[3];
} town_prop_spec;

struct town_blueprint {
    const char *id;
    town_kind kind;
    town_sensor_kind sensor;
    int since;
    const char *id_list[2]; /* id, NULL: the recommended values of ros_name */
    const town_vehicle_spec *vehicle;
    const town_walker_spec *walker;
    const town_prop_spec *prop;
};
uint32_t town_blueprint_uid(const town_blueprint *b);

/* ---- vehicle dynamics (vehicle.c): a plain value, no world needed ---- */

typedef struct town_model_wheel {
    double x_m, y_m; /* from the centre of mass: forward, right */
    double radius_m, rest_load_n;
    double friction;                      /* tyre-road coefficient */
    double stiffness_n, long_stiffness_n; /* per rad of slip angle at a load ratio of 1; per unit of longitudinal slip */
    double saturation;                    /* load ratio at which the former stops growing (PhysX: lat_stiff_max_load) */
    double brake_n, hand_brake_n;         /* at full pedal, at the contact patch */
    double damping_n_per_mps;             /* bearing drag, at the contact patch */
} town_model_wheel;
typedef struct town_vehicle_model {         /* constants derived from town_physics and the box */
    double mass_kg, inertia_kgm2;           /* about the vertical axis */
    double front_m, rear_m;                 /* centre of mass to the axles, both > 0 */
    double track_m;                         /* 0: a two-wheeler */
    base_vec3 center_m;                     /* centre of mass in the actor's frame */
    double stiffness_front, stiffness_rear; /* N/rad per axle at rest */
    double radius_m;                        /* mean of the wheels */
    double drag_n_per_mps2;
    town_model_wheel wheels[4];
    int wheel_count;
} town_vehicle_model;

typedef struct town_wheel_state {
    double load_n, slip_rad, slip, omega_radps, torque_nm, long_n, lat_n; /* wheel's frame; see town_wheel_telemetry */
} town_wheel_state;
typedef struct town_vehicle_state {
    double forward_mps, right_mps, yaw_rate_radps; /* body frame, at the actor's origin */
    double steer;                                  /* share of the steering lock that acts, positive right */
    double throttle, brake;                        /* after the actuators' lag */
    double acceleration_mps2, side_mps2;           /* forward and right, of the last step: load transfer */
    double clutch_nm;                              /* torque that goes through the clutch, at the engine */
    double engine_rpm, shift_left_s;
    int gear; /* engaged: -1, 0, 1.. */
    town_wheel_state wheels[4];
} town_vehicle_state;

town_physics town_vehicle_physics_default(const town_vehicle_spec *spec);
town_vehicle_model town_vehicle_model_of(const town_physics *p, const town_box *box);
base_vec3 town_vehicle_center(const town_physics *p); /* centre of mass, actor's frame */
/* Steering angle of a wheel now, radians: the inner wheel's is its share of max_steer_deg, the outer one's follows from it. */
double town_wheel_angle(const town_physics *p, const town_vehicle_state *s, int wheel);
/* One substep. slope_*_mps2: gravity along the vehicle's forward and right axes; grip: 0 in the air, 1 on a
 * dry road, less on a wet one. */
void town_vehicle_step(const town_physics *p, const town_vehicle_model *m, town_vehicle_state *s, const town_vehicle_control *c,
                       double slope_forward_mps2, double slope_right_mps2, double grip, double dt_s);
double town_curve_at(const town_curve_point *points, int count, double x); /* linear, clamped at the ends */

/* ---- Ackermann control (ackermann.c): a plain value, no world needed ---- */

typedef struct town_ackermann_state {
    bool active;
    town_ackermann target;
    town_ackermann_settings settings;
    struct town_pid {
        double integral, input_before;
    } speed, acceleration;
    double speed_mps, acceleration_mps2; /* of the vehicle, the latter smoothed */
    double accel_target_mps2, pedal;     /* pedal: -1 .. 1, positive drives forward */
    bool reverse;
} town_ackermann_state;
town_ackermann_settings town_ackermann_settings_default(void);
/* Forget everything but the settings: the controller starts from rest. */
void town_ackermann_reset(town_ackermann_state *s);
/* The control for the next tick of dt_s. control: the one before it; steer_max_rad: of the inner front wheel. */
void town_ackermann_step(town_ackermann_state *s, town_vehicle_control *control, double speed_mps, double steer_max_rad,
                         double dt_s);

/* ---- actors (actor.c) ---- */

typedef struct town_camera {
    int width_px, height_px;
    double fov_deg;
} town_camera;

typedef struct town_light {
    int signal; /* index in the road map */
    int group, stage;
    float green_s, yellow_s, red_s, elapsed_s;
    int state;           /* 0 red, 1 yellow, 2 green, 3 off */
    bool frozen;         /* its group, as of the last tick */
    uint32_t pole_index; /* within its group */
} town_light;

typedef struct town_actor {
    uint32_t id, parent;
    town_kind kind;
    town_sensor_kind sensor;
    const town_blueprint *blueprint;
    const char *type_id;
    town_attribute *attributes; /* one block with their texts behind */
    int attribute_count;
    town_box box;
    uint8_t tag; /* SCENE_TAG_* */
    base_pose pose;
    base_vec3 place_before, velocity_before; /* at the start of the tick */
    base_vec3 velocity, acceleration;        /* world, m/s */
    base_vec3 angular_radps;                 /* world axes; vehicles turn about z only */
    base_vec3 force, impulse;                /* collected for the next tick */
    base_vec3 angular_impulse;               /* degrees */
    base_vec3 torque;                        /* degrees */
    double turn_nms, turn_nm;                /* about z: of impulses and forces that do not meet the centre of mass */
    bool simulate_physics, gravity, collisions, on_ground;
    double fall_mps;                   /* vertical speed of bodies in the air, downwards negative */
    double ground_m, slope_x, slope_y; /* plane under the body: height at ground_at, and its slopes along world x and y */
    base_vec3 ground_at;
    bool constant_velocity;
    base_vec3 constant_mps; /* actor frame */
    /* attachment */
    base_pose relative;
    town_attachment attachment;
    /* vehicles */
    town_vehicle_control control;
    town_physics physics;
    town_vehicle_model model;
    town_vehicle_state state;
    float speed_limit_kmh;
    uint32_t light_id;
    int light_state;
    uint32_t vehicle_lights, doors_open;
    town_ackermann_state ackermann;
    bool wheels_posed; /* physics are off and a client turned the wheels: */
    float posed_steer_deg[4], posed_pitch_deg[4];
    uint8_t color[3];
    double wheel_turn_deg; /* how far the wheels have rolled */
    /* walkers */
    town_walker_control walker;
    double stride; /* phase of the steps, 0..1 */
    bool carried;  /* had no physics in the last tick either, when it was at ... */
    base_vec3 carried_to;
    bool dead;                        /* stays where it is and takes no more controls */
    struct town_bone_pose *bone_pose; /* what the client made of the skeleton (bones.c); NULL: nothing */
    /* sensors */
    uint32_t stream_id;
    double sensor_tick_s, next_measure_s;
    bool has_measured;
    town_camera camera;
    uint64_t noise_seed, spawn_frame;
    struct town_sense *sense;
    base_vec3 spring_location; /* last place of a spring-arm camera */
    /* traffic lights and signs */
    const char *sign_id; /* OpenDRIVE id, borrowed from the map; else NULL */
    town_light *light;
} town_actor;

town_actor *town_actor_find(const town_world *w, uint32_t id);
/* The actor's attribute, or its blueprint's default, or NULL. */
const char *town_actor_attribute(const town_actor *a, const char *id);
bool town_actor_number(const town_actor *a, const char *id, double lo, double hi, double *out); /* false: absent or no number */
void town_actor_free(town_actor *a);
/* Add an actor that no blueprint describes (spectator, traffic light); 0: out of room. */
town_actor *town_actor_add(town_world *w, town_kind kind, const char *type_id, base_pose pose);
/* Put every attached actor where its parent is now; parents first. */
void town_attachments_update(town_world *w, double dt_s);

/* ---- walkers (walker.c) ---- */

#define TOWN_WALKER_MPS_MAX  20.0
#define TOWN_WALKER_JUMP_MPS 4.2 /* upwards, of CARLA's character movement */
/* The velocity that a control asks for: direction times speed, level, at most TOWN_WALKER_MPS_MAX. */
base_vec3 town_walker_wish(const town_walker_control *c);
/* At the start of a tick: a walker without physics goes where its client puts it, and its velocity is what that amounts to. */
void town_walker_carried(town_actor *a, bool carried, double dt_s);
void town_walker_stride(town_actor *a, double dt_s); /* the steps go on with the speed */

/* ---- surroundings (ground.c) ---- */

/* Height of the ground under (x, y), searched downwards from z; false: nothing below. */
bool town_ground_at(const town_world *w, double x, double y, double z, double *height);

/* ---- collisions (collide.c) ---- */

typedef struct town_contact {
    base_vec3 point;  /* world */
    base_vec3 normal; /* unit, horizontal, from b towards a */
    double depth_m;   /* > 0 */
} town_contact;

scene_box town_box_in_world(const base_pose *actor, const town_box *box);
/* Contact of two boxes standing on the ground: their outlines seen from above, when their heights overlap. */
bool town_boxes_contact(const scene_box *a, const scene_box *b, town_contact *c);
/* Solid scenery that the box touches, and its tag. Ground and anything lower than a kerb is not solid. */
bool town_scenery_contact(const town_world *w, const scene_box *box, town_contact *c, uint8_t *tag);
/* Which bodies can meet within dt_s, once per tick; then contacts, once per substep: push apart, exchange impulses, note events. */
void town_collisions_prepare(town_world *w, double dt_s);
void town_collisions_resolve(town_world *w);
bool town_spawn_blocked(const town_world *w, const base_pose *pose, const town_box *box);

/* ---- the world (world.c) ---- */

typedef struct town_event { /* one collision of a tick */
    uint32_t actor, other;
    uint8_t other_tag;           /* when other is 0 */
    base_vec3 normal_impulse_ns; /* on actor */
} town_event;
#define TOWN_EVENTS_MAX 256

struct town_map {
    road_map *road; /* never NULL */
    char *xodr;     /* zero-terminated */
    size_t xodr_bytes;
    town_scenery_options scenery; /* how its surroundings are built */
    unsigned char *navigation;    /* CARLA's file of it for walkers; NULL: none */
    size_t navigation_bytes;
};

typedef struct town_light_client { /* who asked for the street lights */
    char name[64];
    bool is_behind;
    uint64_t since_frame;
} town_light_client;
#define TOWN_LIGHT_CLIENTS_MAX 64

struct town_world {
    const town_map *map;   /* NULL: a flat plane */
    town_scenery *scenery; /* NULL with map NULL */
    town_options options;
    town_settings settings;
    town_weather weather, weather_told; /* what acts; what was said, with CARLA's -1 for "as it is" */
    float imu_gravity_mps2;
    bool is_painted; /* objects have colours that clients gave: the next episode builds the scenery anew */
    uint16_t layers; /* of the map that are loaded, TOWN_LAYER_* */
    uint64_t episode_id, episode_number, frame;
    double elapsed_s, delta_s;
    town_actor **actors; /* in order of id */
    int actor_count, actor_capacity;
    uint32_t next_id, next_stream, spectator;
    struct town_signals *signals; /* groups of lights and the places where signals act (lights.c); NULL: none */
    town_event events[TOWN_EVENTS_MAX];
    int event_count;
    struct town_pair {
        int a, b;
    } * pairs; /* indices of actors that may meet in this tick; b -1: scenery */
    int pair_count, pair_capacity;
    struct town_street { /* street lights (street_lights.c) */
        town_street_light *lights;
        int count;
        bool day_night, is_night;
        town_light_client clients[TOWN_LIGHT_CLIENTS_MAX];
        int client_count;
    } street;
    struct town_drawn {           /* debug_shapes.c */
        town_debug_shape *shapes; /* NULL until the first */
        int count;
    } drawn;
    struct town_shown {                   /* instances of all actors, for cameras and rays (shown.c) */
        scene_instance *instances, *last; /* of this frame and of the one it was last asked for */
        scene_instance *before; /* [count]: where the instances were one frame ago; as they are when nobody looked then */
        int count, last_count, capacity;
        uint64_t frame; /* of instances; 0: none */
    } shown;
    struct town_recorder *recorder; /* NULL: none (recorder.c) */
    struct town_replayer *replayer; /* NULL: none (replayer.c) */
    struct town_replay {
        double time_factor;
        bool ignore_hero, ignore_spectator;
    } replay;
    struct town_eye *eye;     /* renderer and its buffers (sensor_camera.c) */
    struct town_watch *watch; /* somebody looks on (watch.c); NULL: nobody. Borrowed */
};

/* Finite, and within a million metres of the origin: what every body's pose is at any time. */
bool town_pose_is_sane(const base_pose *p);

/* ---- physics of a tick (physics.c) ---- */
void town_physics_tick(town_world *w, double dt_s);

/* ---- traffic lights (lights.c) ---- */
bool town_lights_create(town_world *w, base_error *err);
void town_lights_destroy(town_world *w);
/* Phases move on; every vehicle learns the light it stands at and the speed limit that holds. */
void town_lights_tick(town_world *w, double dt_s);

void town_debug_tick(town_world *w); /* what is over goes (debug_shapes.c) */

/* ---- recordings (recorder.c, replayer.c) ---- */
void town_recorder_tick(town_world *w, double dt_s); /* the tick is computed: write it down */
void town_replay_tick(town_world *w, double dt_s);   /* physics are done: put the replayed actors in their places */

/* ---- lamps that light their surroundings (lamps.c) ---- */
struct render_lamp;
/* Street lights that are on and the lamps of vehicles, in the order of the list and of the actors: at most _most. */
int town_lamps_most(const town_world *w);
int town_lamps_list(const town_world *w, struct render_lamp *lamps);
/* What the lenses of a vehicle with these lights give off: glow[SCENE_GLOWS]. */
void town_lamps_glow(uint32_t vehicle_lights, float *glow);

/* ---- scenery objects (objects.c), street lights (street_lights.c) ---- */
void town_objects_reset(town_world *w);
bool town_street_lights_create(town_world *w, base_error *err); /* those of the scenery, as they are at first */
void town_street_lights_destroy(town_world *w);
void town_street_lights_daylight(town_world *w); /* the weather has changed */

/* ---- what moves (shown.c) ---- */
bool town_shown_update(town_world *w, base_error *err);
/* The same list for somebody else: instances[actor_count * TOWN_SCENERY_PARTS], returns how many. */
int town_shown_list(const town_world *w, scene_instance *instances);
void town_shown_free(town_world *w);

/* ---- who looks on (watch.c); a watch of NULL is nobody ---- */
/* Around every change of the scenery: waits until the picture that is being drawn is done. */
void town_watch_hold(struct town_watch *w);
void town_watch_release(struct town_watch *w);
/* The world's scenery or map is about to go, or has come. */
void town_watch_leave(struct town_watch *w);
void town_watch_enter(struct town_watch *w, const town_world *world);

/* ---- sensors (sensor.c: which is due; sensor_*.c: what it measures) ---- */
struct town_sense; /* settings and memory of one sensor (sense.h) */
/* Read the attributes; false when one is out of its range. */
bool town_sense_create(const town_world *w, town_actor *sensor);
void town_sense_free(struct town_sense *s);
/* Every sensor that is due and that somebody listens to. */
bool town_sensors_measure(town_world *w, const town_sink *sink, base_error *err);
/* Filled in: who measured, when and where. */
town_measurement town_measurement_of(const town_world *w, const town_actor *sensor);
base_pose town_drawable(base_pose p); /* the nearest pose that the renderer takes */
struct render_environment;
struct render_environment town_environment(const town_world *w); /* light and air of this frame */
struct town_eye *town_eye_create(town_world *w, base_error *err);
void town_eye_destroy(struct town_eye *e);
bool town_cameras_measure(town_world *w, town_actor *const *due, int count, const town_sink *sink, base_error *err);
void town_collisions_measure(town_world *w, const town_sink *sink);
void town_imu_measure(town_world *w, town_actor *sensor, const town_sink *sink);
void town_gnss_measure(town_world *w, town_actor *sensor, const town_sink *sink);

#endif
