#include "eval/drive.h"
#include "model/plan.h"
#include <stddef.h>
#include <string.h>

const char *const eval_driver_names[] = { "expert", "model", "control_all_road", "control_untrained", "control_frozen", NULL };
const char *const eval_longitudinal_names[] = { "privileged", "perception", NULL };
const char *const eval_junction_names[] = { "map_arc", "none", NULL };

bool eval_driver_uses_model(eval_driver d)
{
    return d == EVAL_DRIVER_MODEL || d == EVAL_DRIVER_UNTRAINED || d == EVAL_DRIVER_FROZEN;
}

eval_drive_options eval_drive_options_default(void)
{
    eval_follow_options f = eval_follow_options_default();
    eval_drive_options o = {
        .map = "driving_loop",
        .seed = 1,
        .weather = "ClearNoon",
        .vehicle = "vehicle.lincoln.mkz_2020",
        .route_m = 1250,
        .dt_s = 0.05,
        .leaderboard = EVAL_LEADERBOARD_2_1,
        .max_speed_mps = 9,
        .lateral_mps2 = 2.0,
        .deviation_m = 8,
        .lane_width_m = 3.5,
        .lookahead_s = f.pursuit.gain_s,
        .lookahead_m = f.pursuit.base_m,
        .filter_gain = f.filter_gain,
        .drivable_class = "drivable",
        .line_class = "lane_line",
    };
    o.camera = (dataset_camera){
        .name = "front", .width_px = 256, .height_px = 128, .fov_deg = 90, .mount = { { 1.5, 0, 1.8 }, { -8, 0, 0 } }
    };
    for (int i = 0; i < EVAL_DRIVERS; i++)
        o.runs[i] = true;
    return o;
}

static bool read_runs(void *field, const base_json *j, const cJSON *value, base_error *err)
{
    bool *runs = field;
    if (!cJSON_IsArray(value))
        return base_json_fail(j, value, err, "\"runs\": a list of drivers expected");
    memset(runs, 0, EVAL_DRIVERS * sizeof *runs);
    for (const cJSON *v = value->child; v; v = v->next) {
        int d = 0;
        while (d < EVAL_DRIVERS && !(cJSON_IsString(v) && !strcmp(v->valuestring, eval_driver_names[d])))
            d++;
        if (d == EVAL_DRIVERS)
            return base_json_fail(j, v, err,
                                  "\"runs\": \"expert\", \"model\", \"control_all_road\", \"control_untrained\" or "
                                  "\"control_frozen\" expected, found %s%.60s",
                                  cJSON_IsString(v) ? "" : "no string", cJSON_IsString(v) ? v->valuestring : "");
        runs[d] = true;
    }
    return true;
}

static cJSON *print_runs(const void *field)
{
    const bool *runs = field;
    cJSON *list = cJSON_CreateArray();
    for (int i = 0; i < EVAL_DRIVERS; i++)
        if (runs[i])
            cJSON_AddItemToArray(list, cJSON_CreateString(eval_driver_names[i]));
    return list;
}

static const base_option_custom runs_option = { read_runs, print_runs };

#define CAMERA(member) offsetof(dataset_camera, member)
static const base_option camera_table[] = {
    { "width_px", BASE_OPTION_INT, CAMERA(width_px), 0, 16, 4096, NULL, NULL, NULL, "px" },
    { "height_px", BASE_OPTION_INT, CAMERA(height_px), 0, 16, 4096, NULL, NULL, NULL, "px" },
    { "fov_deg", BASE_OPTION_DOUBLE, CAMERA(fov_deg), 0, 10, 170, NULL, NULL, NULL, "horizontal field of view" },
    { "x_m", BASE_OPTION_DOUBLE, CAMERA(mount.location.x), 0, -10, 10, NULL, NULL, NULL, "m, forward of the vehicle's origin" },
    { "y_m", BASE_OPTION_DOUBLE, CAMERA(mount.location.y), 0, -10, 10, NULL, NULL, NULL, "m, right" },
    { "z_m", BASE_OPTION_DOUBLE, CAMERA(mount.location.z), 0, 0.1, 10, NULL, NULL, NULL, "m, up" },
    { "pitch_deg", BASE_OPTION_DOUBLE, CAMERA(mount.rotation.pitch_deg), 0, -89, 89, NULL, NULL, NULL, "positive looks up" },
    { "yaw_deg", BASE_OPTION_DOUBLE, CAMERA(mount.rotation.yaw_deg), 0, -180, 180, NULL, NULL, NULL, "positive looks right" },
};
#undef CAMERA

#define AT(member) offsetof(eval_drive_options, member)
const base_option eval_drive_table[] = {
    { "map", BASE_OPTION_STRING, AT(map), 256, 0, 0, NULL, NULL, NULL, "bundled map or OpenDRIVE file (embedded simulator)" },
    { "seed", BASE_OPTION_U64, AT(seed), 0, 0, 0, NULL, NULL, NULL, "of town, route and the untrained control" },
    { "weather", BASE_OPTION_STRING, AT(weather), 64, 0, 0, NULL, NULL, NULL, "CARLA preset" },
    { "vehicle", BASE_OPTION_STRING, AT(vehicle), 96, 0, 0, NULL, NULL, NULL, "blueprint" },
    { "camera", BASE_OPTION_OBJECT, AT(camera), sizeof camera_table / sizeof *camera_table, 0, 0, NULL, camera_table, NULL,
      "as trained" },
    { "spawn_point", BASE_OPTION_INT, AT(spawn_point), 0, 0, 1e6, NULL, NULL, NULL, "index" },
    { "route_m", BASE_OPTION_DOUBLE, AT(route_m), 0, 20, 1e6, NULL, NULL, NULL, "length" },
    { "dt_s", BASE_OPTION_DOUBLE, AT(dt_s), 0, 0.005, 0.1, NULL, NULL, NULL, "one tick" },
    { "longitudinal", BASE_OPTION_ENUM, AT(longitudinal), 0, 0, 0, eval_longitudinal_names, NULL, NULL,
      "who chooses the speed" },
    { "junction", BASE_OPTION_ENUM, AT(junction), 0, 0, 0, eval_junction_names, NULL, NULL, "steering inside junctions" },
    { "leaderboard", BASE_OPTION_ENUM, AT(leaderboard), 0, 0, 0, eval_leaderboard_names, NULL, NULL, "version of the score" },
    { "max_speed_mps", BASE_OPTION_DOUBLE, AT(max_speed_mps), 0, 1, 60, NULL, NULL, NULL, "" },
    { "lateral_mps2", BASE_OPTION_DOUBLE, AT(lateral_mps2), 0, 0.5, 8, NULL, NULL, NULL, "in bends" },
    { "deviation_m", BASE_OPTION_DOUBLE, AT(deviation_m), 0, 1, 50, NULL, NULL, NULL, "ends the run" },
    { "lane_width_m", BASE_OPTION_DOUBLE, AT(lane_width_m), 0, 2, 6, NULL, NULL, NULL, "expected" },
    { "lookahead_s", BASE_OPTION_DOUBLE, AT(lookahead_s), 0, 0, 3, NULL, NULL, NULL, "of pure pursuit" },
    { "lookahead_m", BASE_OPTION_DOUBLE, AT(lookahead_m), 0, 0, 20, NULL, NULL, NULL, "of pure pursuit" },
    { "filter_gain", BASE_OPTION_DOUBLE, AT(filter_gain), 0, 0.01, 1, NULL, NULL, NULL, "weight of a new image" },
    { "drivable_class", BASE_OPTION_STRING, AT(drivable_class), 32, 0, 0, NULL, NULL, NULL, "name in the model's classes" },
    { "line_class", BASE_OPTION_STRING, AT(line_class), 32, 0, 0, NULL, NULL, NULL, "name in the model's classes" },
    { "winograd", BASE_OPTION_ENUM, AT(winograd), 0, 0, 0, model_winograd_names, NULL, NULL,
      "3x3 convolutions of an fp32 model: off, f2, f4 or auto (f4 where it pays)" },
    { "runs", BASE_OPTION_CUSTOM, AT(runs), 0, 0, 0, NULL, NULL, &runs_option, "drivers" },
};
#undef AT
const size_t eval_drive_table_count = sizeof eval_drive_table / sizeof *eval_drive_table;

bool eval_drive_options_check(const eval_drive_options *o, base_error *err)
{
    wire_weather w;
    if (!wire_weather_preset(&w, o->weather))
        return base_fail(err, BASE_ARGUMENT, "\"weather\": \"%s\" is none of CARLA's presets (ClearNoon, WetSunset, ...)",
                         o->weather);
    return true;
}
