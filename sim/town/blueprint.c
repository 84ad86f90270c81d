/* What can be spawned: a table of blueprints with CARLA's attributes.
 *
 * Ids, attribute names, defaults and the versions that introduced them follow CARLA 0.9.13 - 0.9.16. Box sizes and masses are
 * those of CARLA's catalogue as far as public projects report them, rounded; drive power is set per class, see vehicle.c. */
#include "sim/town/internal.h"
#include <string.h>

static const char *const paint[] = { "180,30,30",   "25,60,130",   "200,200,200", "30,30,32",
                                     "235,235,230", "150,145,120", "40,90,60",    NULL };
static const char *const bike_paint[] = { "120,20,20", "20,20,20", "60,80,140", NULL };

#define VEHICLE(NAME, SINCE, ...)                                                                                              \
    {                                                                                                                          \
        .id = "vehicle." NAME, .kind = TOWN_VEHICLE, .since = SINCE, .id_list = { "vehicle." NAME, NULL },                     \
        .vehicle = &(const town_vehicle_spec)                                                                                  \
        {                                                                                                                      \
            __VA_ARGS__                                                                                                        \
        }                                                                                                                      \
    }
#define CAR                                                                                                                    \
    .base_type = "car", .tag = SCENE_TAG_CAR, .wheels = 4, .has_lights = true, .power_kw = 110, .peak_mps2 = 4.5,              \
    .colors = paint
#define BIG .wheels = 4, .has_lights = true, .power_kw = 160, .peak_mps2 = 2.5
#define CYCLE                                                                                                                  \
    .base_type = "bicycle", .tag = SCENE_TAG_BICYCLE, .wheels = 2, .power_kw = 0.8, .peak_mps2 = 1.5, .colors = bike_paint,    \
    .driver = true
#define MOTOR                                                                                                                  \
    .base_type = "motorcycle", .tag = SCENE_TAG_MOTORCYCLE, .wheels = 2, .has_lights = true, .power_kw = 50, .peak_mps2 = 5,   \
    .colors = bike_paint, .driver = true
#define SIZE(X, Y, Z) .extent_m = { X, Y, Z }

#define WALKER(NUMBER, SINCE, GENERATION, GENDER, AGE, WIDE, HIGH)                                                             \
    {                                                                                                                          \
        .id = "walker.pedestrian." NUMBER, .kind = TOWN_WALKER, .since = SINCE,                                                \
        .id_list = { "walker.pedestrian." NUMBER, NULL }, .walker = &(const town_walker_spec)                                  \
        {                                                                                                                      \
            .gender = GENDER, .age = AGE, .generation = GENERATION, .extent_m = { WIDE, WIDE, HIGH }                           \
        }                                                                                                                      \
    }
/* Half sizes are those of CARLA's capsules. */
#define ADULT(NUMBER, GENERATION, GENDER) WALKER(NUMBER, 13, GENERATION, GENDER, "adult", 0.188, 0.93)
#define CHILD(NUMBER, GENERATION, GENDER) WALKER(NUMBER, 13, GENERATION, GENDER, "child", 0.25, 0.55)
#define SENSOR(NAME, SINCE, KIND)                                                                                              \
    {                                                                                                                          \
        .id = NAME, .kind = TOWN_SENSOR, .since = SINCE, .id_list = { NAME, NULL }, .sensor = KIND                             \
    }
#define PROP(NAME, TAG, SIZE_CLASS, X, Y, Z)                                                                                   \
    {                                                                                                                          \
        .id = "static.prop." NAME, .kind = TOWN_PROP, .since = 13, .id_list = { "static.prop." NAME, NULL },                   \
        .prop = &(const town_prop_spec)                                                                                        \
        {                                                                                                                      \
            .size = SIZE_CLASS, .tag = TAG, .extent_m = { X, Y, Z }                                                            \
        }                                                                                                                      \
    }

/* The position in this table is the uid: append, never insert. */
static const town_blueprint table[] = {
    VEHICLE("lincoln.mkz_2020", 13, CAR, .generation = 2, .doors = true, .mass_kg = 1845, .wheelbase_m = 2.88,
            SIZE(2.446, 1.092, 0.745)),
    VEHICLE("tesla.model3", 13, CAR, .generation = 2, .doors = true, .special = "electric", .mass_kg = 1845,
            .wheelbase_m = 2.88, SIZE(2.396, 1.082, 0.744)),
    VEHICLE("lincoln.mkz_2017", 13, CAR, .generation = 1, .mass_kg = 1801, .wheelbase_m = 2.85, SIZE(2.451, 1.064, 0.755)),
    VEHICLE("audi.a2", 13, CAR, .generation = 1, .mass_kg = 1130, .wheelbase_m = 2.41, SIZE(1.853, 0.894, 0.774)),
    VEHICLE("audi.etron", 13, CAR, .generation = 1, .special = "electric", .mass_kg = 2490, .wheelbase_m = 2.93,
            SIZE(2.428, 1.016, 0.824)),
    VEHICLE("audi.tt", 13, CAR, .generation = 1, .mass_kg = 1335, .wheelbase_m = 2.50, SIZE(2.090, 0.997, 0.692)),
    VEHICLE("bmw.grandtourer", 13, CAR, .generation = 1, .mass_kg = 1580, .wheelbase_m = 2.78, SIZE(2.306, 1.121, 0.834)),
    VEHICLE("chevrolet.impala", 13, CAR, .generation = 1, .mass_kg = 1700, .wheelbase_m = 2.83, SIZE(2.679, 1.017, 0.707)),
    VEHICLE("citroen.c3", 13, CAR, .generation = 1, .mass_kg = 1150, .wheelbase_m = 2.54, SIZE(1.994, 0.926, 0.810)),
    VEHICLE("dodge.charger_2020", 13, CAR, .generation = 2, .doors = true, .mass_kg = 1920, .wheelbase_m = 3.05,
            SIZE(2.503, 1.048, 0.767)),
    VEHICLE("dodge.charger_police", 13, CAR, .generation = 1, .special = "emergency", .mass_kg = 1920, .wheelbase_m = 3.05,
            SIZE(2.487, 1.019, 0.771)),
    VEHICLE("ford.crown", 13, CAR, .generation = 2, .doors = true, .special = "taxi", .mass_kg = 1860, .wheelbase_m = 2.91,
            SIZE(2.683, 0.900, 0.786)),
    VEHICLE("ford.mustang", 13, CAR, .generation = 1, .mass_kg = 1420, .wheelbase_m = 2.74, SIZE(2.359, 0.947, 0.650)),
    VEHICLE("jeep.wrangler_rubicon", 13, CAR, .generation = 1, .mass_kg = 1850, .wheelbase_m = 2.42, SIZE(1.933, 0.953, 0.939)),
    VEHICLE("mercedes.coupe", 13, CAR, .generation = 1, .mass_kg = 1675, .wheelbase_m = 2.95, SIZE(2.513, 1.076, 0.825)),
    VEHICLE("mercedes.coupe_2020", 13, CAR, .generation = 2, .doors = true, .mass_kg = 1675, .wheelbase_m = 2.84,
            SIZE(2.337, 1.001, 0.721)),
    VEHICLE("micro.microlino", 13, CAR, .generation = 1, .special = "electric", .mass_kg = 513, .wheelbase_m = 1.57,
            SIZE(1.103, 0.740, 0.690)),
    VEHICLE("mini.cooper_s", 13, CAR, .generation = 1, .mass_kg = 1250, .wheelbase_m = 2.47, SIZE(1.903, 0.985, 0.738)),
    VEHICLE("mini.cooper_s_2021", 13, CAR, .generation = 2, .doors = true, .mass_kg = 1350, .wheelbase_m = 2.50,
            SIZE(2.276, 1.048, 0.883)),
    VEHICLE("nissan.micra", 13, CAR, .generation = 1, .mass_kg = 1045, .wheelbase_m = 2.43, SIZE(1.817, 0.923, 0.750)),
    VEHICLE("nissan.patrol", 13, CAR, .generation = 1, .mass_kg = 2400, .wheelbase_m = 2.97, SIZE(2.302, 0.966, 0.927)),
    VEHICLE("nissan.patrol_2021", 13, CAR, .generation = 2, .doors = true, .mass_kg = 2700, .wheelbase_m = 3.08,
            SIZE(2.782, 1.217, 1.020)),
    VEHICLE("seat.leon", 13, CAR, .generation = 1, .mass_kg = 1320, .wheelbase_m = 2.64, SIZE(2.096, 0.908, 0.737)),
    VEHICLE("toyota.prius", 13, CAR, .generation = 1, .special = "electric", .mass_kg = 1390, .wheelbase_m = 2.70,
            SIZE(2.257, 1.003, 0.762)),
    VEHICLE("tesla.cybertruck", 13, BIG, .base_type = "truck", .tag = SCENE_TAG_TRUCK, .colors = paint, .generation = 1,
            .special = "electric", .mass_kg = 3000, .wheelbase_m = 3.80, SIZE(3.137, 1.195, 1.049)),
    VEHICLE("volkswagen.t2", 13, BIG, .base_type = "van", .tag = SCENE_TAG_CAR, .colors = paint, .generation = 1,
            .mass_kg = 1400, .wheelbase_m = 2.40, SIZE(2.240, 1.034, 1.019)),
    VEHICLE("mercedes.sprinter", 13, BIG, .base_type = "van", .tag = SCENE_TAG_TRUCK, .colors = paint, .generation = 2,
            .doors = true, .mass_kg = 2800, .wheelbase_m = 3.67, SIZE(2.958, 0.994, 1.280)),
    VEHICLE("ford.ambulance", 13, BIG, .base_type = "van", .tag = SCENE_TAG_TRUCK, .generation = 2, .doors = true,
            .special = "emergency", .mass_kg = 3900, .wheelbase_m = 3.50, SIZE(3.183, 1.176, 1.214)),
    VEHICLE("carlamotors.carlacola", 13, BIG, .base_type = "truck", .tag = SCENE_TAG_TRUCK, .colors = paint, .generation = 1,
            .mass_kg = 5500, .wheelbase_m = 3.40, SIZE(2.601, 1.307, 1.237)),
    VEHICLE("carlamotors.firetruck", 13, BIG, .base_type = "truck", .tag = SCENE_TAG_TRUCK, .generation = 2, .doors = true,
            .special = "emergency", .mass_kg = 12000, .wheelbase_m = 4.90, SIZE(4.234, 1.446, 1.914)),
    VEHICLE("mitsubishi.fusorosa", 15, BIG, .base_type = "bus", .tag = SCENE_TAG_BUS, .generation = 2, .mass_kg = 5400,
            .wheelbase_m = 4.55, SIZE(5.136, 1.120, 1.600)),
    VEHICLE("bh.crossbike", 13, CYCLE, .generation = 1, .mass_kg = 85, .wheelbase_m = 1.05, SIZE(0.744, 0.430, 0.860)),
    VEHICLE("diamondback.century", 13, CYCLE, .generation = 1, .mass_kg = 85, .wheelbase_m = 1.00, SIZE(0.821, 0.230, 0.860)),
    VEHICLE("gazelle.omafiets", 13, CYCLE, .generation = 1, .mass_kg = 90, .wheelbase_m = 1.10, SIZE(0.918, 0.230, 0.900)),
    VEHICLE("harley-davidson.low_rider", 13, MOTOR, .generation = 1, .mass_kg = 370, .wheelbase_m = 1.62,
            SIZE(1.178, 0.382, 0.820)),
    VEHICLE("kawasaki.ninja", 13, MOTOR, .generation = 1, .mass_kg = 280, .wheelbase_m = 1.40, SIZE(1.017, 0.398, 0.770)),
    VEHICLE("vespa.zx125", 13, MOTOR, .generation = 1, .mass_kg = 190, .wheelbase_m = 1.28, SIZE(0.902, 0.433, 0.790)),
    VEHICLE("yamaha.yzf", 13, MOTOR, .generation = 1, .mass_kg = 260, .wheelbase_m = 1.38, SIZE(1.105, 0.434, 0.770)),
    ADULT("0001", 1, "female"),
    ADULT("0002", 1, "male"),
    ADULT("0003", 1, "male"),
    ADULT("0004", 1, "male"),
    CHILD("0009", 1, "female"),
    ADULT("0015", 2, "male"),
    SENSOR("sensor.camera.rgb", 13, TOWN_CAMERA_RGB),
    SENSOR("sensor.camera.depth", 13, TOWN_CAMERA_DEPTH),
    SENSOR("sensor.camera.semantic_segmentation", 13, TOWN_CAMERA_SEMANTIC),
    SENSOR("sensor.camera.instance_segmentation", 13, TOWN_CAMERA_INSTANCE),
    SENSOR("sensor.other.collision", 13, TOWN_COLLISION),
    SENSOR("sensor.other.lane_invasion", 13, TOWN_LANE_INVASION),
    SENSOR("sensor.other.gnss", 13, TOWN_GNSS),
    SENSOR("sensor.other.imu", 13, TOWN_IMU),
    { .id = "controller.ai.walker", .kind = TOWN_CONTROLLER, .since = 13, .id_list = { "controller.ai.walker", NULL } },
    PROP("trafficcone01", SCENE_TAG_DYNAMIC, "small", 0.21, 0.21, 0.36),
    PROP("constructioncone", SCENE_TAG_DYNAMIC, "small", 0.17, 0.17, 0.29),
    PROP("streetbarrier", SCENE_TAG_DYNAMIC, "medium", 0.19, 0.61, 0.54),
    PROP("barrel", SCENE_TAG_DYNAMIC, "small", 0.28, 0.28, 0.46),
    PROP("box01", SCENE_TAG_DYNAMIC, "small", 0.30, 0.30, 0.30),
    PROP("container", SCENE_TAG_DYNAMIC, "big", 1.00, 0.55, 0.70),
    PROP("bench01", SCENE_TAG_STATIC, "medium", 0.35, 0.85, 0.45),
    PROP("warningconstruction", SCENE_TAG_DYNAMIC, "medium", 0.30, 0.45, 0.80),
    /* The rest of CARLA's walkers: children are 0009 to 0014, 0048 and 0049, police 0030 and 0032. Its catalogue shows groups of
     * variants of one person; which of them are women it does not say in words, so only their being alike within a group is CARLA's. */
    ADULT("0005", 1, "female"),
    ADULT("0006", 1, "female"),
    ADULT("0007", 1, "female"),
    ADULT("0008", 1, "female"),
    CHILD("0010", 1, "female"),
    CHILD("0011", 1, "female"),
    CHILD("0012", 1, "male"),
    CHILD("0013", 1, "male"),
    CHILD("0014", 1, "male"),
    ADULT("0016", 2, "male"),
    ADULT("0017", 2, "male"),
    ADULT("0018", 2, "female"),
    ADULT("0019", 2, "male"),
    ADULT("0020", 2, "male"),
    ADULT("0021", 2, "male"),
    ADULT("0022", 2, "female"),
    ADULT("0023", 2, "female"),
    ADULT("0024", 2, "female"),
    ADULT("0025", 2, "female"),
    ADULT("0026", 2, "female"),
    ADULT("0027", 2, "male"),
    ADULT("0028", 2, "male"),
    ADULT("0029", 2, "male"),
    ADULT("0030", 2, "male"),
    ADULT("0031", 2, "female"),
    ADULT("0032", 2, "female"),
    ADULT("0033", 2, "female"),
    ADULT("0034", 2, "male"),
    ADULT("0035", 2, "female"),
    ADULT("0036", 2, "female"),
    ADULT("0037", 2, "female"),
    ADULT("0038", 2, "male"),
    ADULT("0039", 2, "female"),
    ADULT("0040", 2, "female"),
    ADULT("0041", 2, "female"),
    ADULT("0042", 2, "male"),
    ADULT("0043", 2, "male"),
    ADULT("0044", 2, "male"),
    ADULT("0045", 2, "male"),
    ADULT("0046", 2, "female"),
    ADULT("0047", 2, "female"),
    CHILD("0048", 2, "male"),
    CHILD("0049", 2, "female"),
    WALKER("0050", 15, 2, "female", "adult", 0.188, 0.93),
    WALKER("0051", 15, 2, "male", "adult", 0.188, 0.93),
    SENSOR("sensor.camera.normals", 14, TOWN_CAMERA_NORMALS),
    SENSOR("sensor.camera.optical_flow", 13, TOWN_CAMERA_FLOW),
    SENSOR("sensor.camera.dvs", 13, TOWN_CAMERA_DVS),
    SENSOR("sensor.lidar.ray_cast", 13, TOWN_LIDAR),
    SENSOR("sensor.lidar.ray_cast_semantic", 13, TOWN_LIDAR_SEMANTIC),
    SENSOR("sensor.other.radar", 13, TOWN_RADAR),
    SENSOR("sensor.other.obstacle", 13, TOWN_OBSTACLE),
    SENSOR("sensor.other.rss", 13, TOWN_RSS),
    VEHICLE("volkswagen.t2_2021", 13, BIG, .base_type = "van", .tag = SCENE_TAG_CAR, .colors = paint, .generation = 2,
            .doors = true, .mass_kg = 1400, .wheelbase_m = 2.40, SIZE(2.221, 0.896, 0.994)),
    VEHICLE("dodge.charger_police_2020", 13, CAR, .generation = 2, .doors = true, .special = "emergency", .mass_kg = 1920,
            .wheelbase_m = 3.05, SIZE(2.619, 1.048, 0.819)),
    VEHICLE("carlamotors.european_hgv", 15, BIG, .base_type = "truck", .tag = SCENE_TAG_TRUCK, .colors = paint, .generation = 2,
            .mass_kg = 8500, .wheelbase_m = 3.90, SIZE(3.968, 1.446, 1.734)),
    SENSOR("sensor.other.v2x", 16, TOWN_V2X),
    SENSOR("sensor.other.v2x_custom", 16, TOWN_V2X_CUSTOM),
};
#define TABLE_COUNT ((uint32_t)(sizeof table / sizeof table[0]))

uint32_t town_blueprint_count(void) { return TABLE_COUNT; }
const town_blueprint *town_blueprint_at(uint32_t uid) { return uid >= 1 && uid <= TABLE_COUNT ? &table[uid - 1] : NULL; }
uint32_t town_blueprint_uid(const town_blueprint *b) { return (uint32_t)(b - table) + 1; }
const char *town_blueprint_id(const town_blueprint *b) { return b->id; }
town_kind town_blueprint_kind(const town_blueprint *b) { return b->kind; }
int town_blueprint_since(const town_blueprint *b) { return b->since; }

const town_blueprint *town_blueprint_find(const char *id)
{
    for (uint32_t i = 0; i < TABLE_COUNT; i++)
        if (!strcmp(table[i].id, id))
            return &table[i];
    return NULL;
}

/* ---- attributes ---- */

static const char *const truth[] = { "true", "false", NULL };
static const char *const truth_off[] = { "false", "true", NULL };
static const char *const never[] = { "false", NULL };
static const char *const driver_ids[] = { "1", "2", "3", "4", "5", "6", NULL };
static const char *const walker_speeds[] = { "0.0", "1.4", "3.0", NULL }; /* standing, walking, running */
static const char *const exposure_modes[] = { "histogram", "manual", NULL };
static const char *const digits[] = { "0", "1", "2", "3", "4", "5", "6", "7", "8", "9" };

/* Modifiable attribute of a sensor: its default is its only recommended value. */
typedef struct sensor_row {
    const char *id;
    town_attribute_type type;
    const char *value[2]; /* value, NULL: doubles as the list of recommended values */
} sensor_row;
#define F(ID, VALUE)                                                                                                           \
    {                                                                                                                          \
        ID, TOWN_FLOAT, { VALUE, NULL }                                                                                        \
    }
#define I(ID, VALUE)                                                                                                           \
    {                                                                                                                          \
        ID, TOWN_INT, { VALUE, NULL }                                                                                          \
    }
#define B(ID, VALUE)                                                                                                           \
    {                                                                                                                          \
        ID, TOWN_BOOL, { VALUE, NULL }                                                                                         \
    }

static const sensor_row camera_rows[] = {
    F("sensor_tick", "0.0"),
    F("fov", "90.0"),
    I("image_size_x", "800"),
    I("image_size_y", "600"),
    F("lens_circle_falloff", "5.0"),
    F("lens_circle_multiplier", "0.0"),
    F("lens_k", "-1.0"),
    F("lens_kcube", "0.0"),
    F("lens_x_size", "0.08"),
    F("lens_y_size", "0.08"),
};
static const sensor_row rgb_rows[] = {
    B("enable_postprocess_effects", "true"),
    F("gamma", "2.2"),
    F("motion_blur_intensity", "0.45"),
    F("motion_blur_max_distortion", "0.35"),
    F("motion_blur_min_object_screen_size", "0.1"),
    F("lens_flare_intensity", "0.1"),
    F("bloom_intensity", "0.675"),
    F("exposure_compensation", "0.0"),
    F("shutter_speed", "200.0"),
    F("iso", "100.0"),
    F("fstop", "1.4"),
    F("exposure_min_bright", "10.0"),
    F("exposure_max_bright", "12.0"),
    F("exposure_speed_up", "3.0"),
    F("exposure_speed_down", "1.0"),
    F("calibration_constant", "16.0"),
    F("focal_distance", "1000.0"),
    F("blur_amount", "1.0"),
    F("blur_radius", "0.0"),
    F("min_fstop", "1.2"),
    I("blade_count", "5"),
    F("slope", "0.88"),
    F("toe", "0.55"),
    F("shoulder", "0.26"),
    F("black_clip", "0.0"),
    F("white_clip", "0.04"),
    F("temp", "6500.0"),
    F("tint", "0.0"),
    F("chromatic_aberration_intensity", "0.0"),
    F("chromatic_aberration_offset", "0.0"),
};
static const sensor_row gnss_rows[] = {
    F("sensor_tick", "0.0"),      I("noise_seed", "0"),       F("noise_lat_stddev", "0.0"), F("noise_lat_bias", "0.0"),
    F("noise_lon_stddev", "0.0"), F("noise_lon_bias", "0.0"), F("noise_alt_stddev", "0.0"), F("noise_alt_bias", "0.0"),
};
static const sensor_row imu_rows[] = {
    F("sensor_tick", "0.0"),          I("noise_seed", "0"),
    F("noise_accel_stddev_x", "0.0"), F("noise_accel_stddev_y", "0.0"),
    F("noise_accel_stddev_z", "0.0"), F("noise_gyro_stddev_x", "0.0"),
    F("noise_gyro_stddev_y", "0.0"),  F("noise_gyro_stddev_z", "0.0"),
    F("noise_gyro_bias_x", "0.0"),    F("noise_gyro_bias_y", "0.0"),
    F("noise_gyro_bias_z", "0.0"),
};

static const sensor_row dvs_rows[] = {
    F("positive_threshold", "0.3"),
    F("negative_threshold", "0.3"),
    F("sigma_positive_threshold", "0.0"),
    F("sigma_negative_threshold", "0.0"),
    I("refractory_period_ns", "0"),
    B("use_log", "true"),
    F("log_eps", "0.001"),
};
static const sensor_row lidar_rows[] = {
    F("sensor_tick", "0.0"),         I("channels", "32"),    F("range", "10.0"),      I("points_per_second", "56000"),
    F("rotation_frequency", "10.0"), F("upper_fov", "10.0"), F("lower_fov", "-30.0"), F("horizontal_fov", "360.0"),
};
static const sensor_row plain_lidar_rows[] = {
    F("atmosphere_attenuation_rate", "0.004"), I("noise_seed", "0"),
    F("dropoff_general_rate", "0.45"),         F("dropoff_intensity_limit", "0.8"),
    F("dropoff_zero_intensity", "0.4"),        F("noise_stddev", "0.0"),
};
static const sensor_row radar_rows[] = {
    F("sensor_tick", "0.0"), F("horizontal_fov", "30.0"),    F("vertical_fov", "30.0"),
    F("range", "100.0"),     I("points_per_second", "1500"), I("noise_seed", "0"),
};
static const sensor_row obstacle_rows[] = {
    F("sensor_tick", "0.0"),     F("distance", "5.0"),          F("hit_radius", "0.5"),
    B("only_dynamics", "false"), B("debug_linetrace", "false"),
};

static const char *const scenarios[] = { "highway", "rural", "urban", NULL };
static const char *const path_loss_models[] = { "winner", "geometric", NULL };
static const sensor_row v2x_rows[] = {
    F("sensor_tick", "0.0"),          I("noise_seed", "0"),
    F("transmit_power", "21.5"),      F("receiver_sensitivity", "-99.0"),
    F("frequency_ghz", "5.9"),        F("combined_antenna_gain", "10.0"),
    F("path_loss_exponent", "2.7"),   F("d_ref", "1.0"),
    F("filter_distance", "500.0"),    B("use_etsi_fading", "true"),
    F("custom_fading_stddev", "0.0"),
};
static const sensor_row cam_rows[] = {
    F("gen_cam_min", "0.1"),          F("gen_cam_max", "1.0"),          B("fixed_rate", "false"),
    F("noise_lat_stddev", "0.0"),     F("noise_lat_bias", "0.0"),       F("noise_lon_stddev", "0.0"),
    F("noise_lon_bias", "0.0"),       F("noise_alt_stddev", "0.0"),     F("noise_alt_bias", "0.0"),
    F("noise_head_stddev", "0.0"),    F("noise_head_bias", "0.0"),      F("noise_accel_stddev_x", "0.0"),
    F("noise_accel_stddev_y", "0.0"), F("noise_accel_stddev_z", "0.0"), F("noise_yawrate_stddev", "0.0"),
    F("noise_yawrate_bias", "0.0"),   F("noise_vel_stddev_x", "0.0"),
};

typedef struct offer_list {
    town_attribute_offer *offers;
    int count, version;
} offer_list;

static void add(offer_list *l, town_attribute_offer offer)
{
    if (offer.since <= l->version && l->count < TOWN_ATTRIBUTES_MAX)
        l->offers[l->count++] = offer;
}

static void add_choice(offer_list *l, const char *id, town_attribute_type type, const char *const *recommended, bool restricted,
                       int since)
{
    add(l, (town_attribute_offer){ id, type, recommended[0], recommended, true, restricted, since });
}

static void add_fixed(offer_list *l, const char *id, town_attribute_type type, const char *value, int since)
{
    add(l, (town_attribute_offer){ id, type, value, NULL, false, false, since });
}

static void add_rows(offer_list *l, const sensor_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++)
        add_choice(l, rows[i].id, rows[i].type, rows[i].value, false, 13);
}
#define ADD_ROWS(L, ROWS) add_rows(L, ROWS, sizeof ROWS / sizeof ROWS[0])

static void add_vehicle(offer_list *l, const town_vehicle_spec *v)
{
    if (v->colors)
        add_choice(l, "color", TOWN_COLOR, v->colors, false, 13);
    if (v->driver)
        add_choice(l, "driver_id", TOWN_INT, driver_ids, true, 13);
    add_choice(l, "sticky_control", TOWN_BOOL, truth, false, 13);
    add_choice(l, "terramechanics", TOWN_BOOL, truth_off, false, 14);
    add_fixed(l, "object_type", TOWN_STRING, "", 13);
    add_fixed(l, "base_type", TOWN_STRING, v->base_type, 14);
    add_fixed(l, "special_type", TOWN_STRING, v->special ? v->special : "", 14);
    add_fixed(l, "number_of_wheels", TOWN_INT, digits[v->wheels], 13);
    add_fixed(l, "generation", TOWN_INT, digits[v->generation], 13);
    add_fixed(l, "has_dynamic_doors", TOWN_BOOL, v->doors ? "true" : "false", 14);
    add_fixed(l, "has_lights", TOWN_BOOL, v->has_lights ? "true" : "false", 14);
}

static void add_sensor(offer_list *l, town_sensor_kind kind)
{
    switch (kind) {
    case TOWN_CAMERA_RGB:
        ADD_ROWS(l, camera_rows);
        ADD_ROWS(l, rgb_rows);
        add_choice(l, "exposure_mode", TOWN_STRING, exposure_modes, true, 13);
        break;
    case TOWN_CAMERA_DVS:
        ADD_ROWS(l, camera_rows);
        ADD_ROWS(l, rgb_rows);
        add_choice(l, "exposure_mode", TOWN_STRING, exposure_modes, true, 13);
        ADD_ROWS(l, dvs_rows);
        break;
    case TOWN_CAMERA_DEPTH:
    case TOWN_CAMERA_SEMANTIC:
    case TOWN_CAMERA_INSTANCE:
    case TOWN_CAMERA_NORMALS:
    case TOWN_CAMERA_FLOW: ADD_ROWS(l, camera_rows); break;
    case TOWN_GNSS: ADD_ROWS(l, gnss_rows); break;
    case TOWN_IMU: ADD_ROWS(l, imu_rows); break;
    case TOWN_LIDAR: ADD_ROWS(l, plain_lidar_rows); /* fall through */
    case TOWN_LIDAR_SEMANTIC: ADD_ROWS(l, lidar_rows); break;
    case TOWN_RADAR: ADD_ROWS(l, radar_rows); break;
    case TOWN_OBSTACLE: ADD_ROWS(l, obstacle_rows); break;
    case TOWN_V2X:
    case TOWN_V2X_CUSTOM:
        ADD_ROWS(l, v2x_rows);
        add_choice(l, "scenario", TOWN_STRING, scenarios, true, 16);
        add_choice(l, "path_loss_model", TOWN_STRING, path_loss_models, true, 16);
        if (kind == TOWN_V2X)
            ADD_ROWS(l, cam_rows);
        break;
    case TOWN_COLLISION:
    case TOWN_LANE_INVASION:
    case TOWN_RSS:
    case TOWN_SENSOR_NONE: break;
    }
}

int town_blueprint_attributes(const town_blueprint *b, int version, town_attribute_offer *offers)
{
    static const char *const vehicle_roles[] = { "autopilot", "scenario", "ego_vehicle", NULL };
    static const char *const camera_roles[] = { "front",       "back",      "left",       "right", "front_left",
                                                "front_right", "back_left", "back_right", NULL };
    static const char *const walker_roles[] = { "pedestrian", NULL };
    static const char *const prop_roles[] = { "prop", NULL };
    offer_list l = { offers, 0, version };
    const char *const *roles = b->kind == TOWN_VEHICLE  ? vehicle_roles
                               : b->kind == TOWN_SENSOR ? camera_roles
                               : b->kind == TOWN_PROP   ? prop_roles
                                                        : walker_roles;
    add_choice(&l, "role_name", TOWN_STRING, roles, false, 13);
    add_choice(&l, "ros_name", TOWN_STRING, b->id_list, false, 15);
    if (b->vehicle)
        add_vehicle(&l, b->vehicle);
    if (b->kind == TOWN_SENSOR)
        add_sensor(&l, b->sensor);
    if (b->walker) {
        add_choice(&l, "speed", TOWN_FLOAT, walker_speeds, false, 13);
        add_choice(&l, "is_invincible", TOWN_BOOL, truth, false, 13);
        add_choice(&l, "use_wheelchair", TOWN_BOOL, never, true, 16);
        add_fixed(&l, "gender", TOWN_STRING, b->walker->gender, 13);
        add_fixed(&l, "generation", TOWN_INT, digits[b->walker->generation], 13);
        add_fixed(&l, "age", TOWN_STRING, b->walker->age, 13);
        add_fixed(&l, "can_use_wheelchair", TOWN_BOOL, "false", 16);
    }
    if (b->prop)
        add_fixed(&l, "size", TOWN_STRING, b->prop->size, 13);
    return l.count;
}
