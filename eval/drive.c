#include "eval/drive.h"
#include "base/clock.h"
#include "base/file.h"
#include "dataset/classes.h"
#include "dataset/metrics.h"
#include "eval/overlay.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WARM_UP_TICKS = 10, PICTURES = 6, MAX_INFER_SAMPLES = 1 << 16 };
static const double FREEZE_S = 5.0;

/* ---- route ---- */

bool eval_drive_route(const road_map *map, const base_pose *spawn_points, size_t spawn_count, const eval_drive_options *o,
                      road_route *route, base_error *err)
{
    if ((size_t)o->spawn_point >= spawn_count)
        return base_fail(err, BASE_ARGUMENT, "\"spawn_point\": %d, the map has %zu", o->spawn_point, spawn_count);
    road_waypoint start;
    if (!road_waypoint_at(map, spawn_points[o->spawn_point].location, ROAD_LANE_DRIVING, true, &start))
        return base_fail(err, BASE_ARGUMENT, "spawn point %d is not near a driving lane", o->spawn_point);
    return road_route_follow(map, &start, o->route_m, 1.0, o->seed, route, err);
}

bool eval_drive_route_write(const road_route *route, const char *dir, base_error *err)
{
    base_buffer text = { 0 };
    char path[4096];
    base_buffer_printf(&text, "s_m,x,y,yaw_deg,curvature_1pm,lane_width_m,junction\n");
    for (size_t i = 0; i < route->count; i++) {
        const road_route_point *p = &route->points[i];
        base_buffer_printf(&text, "%.3f,%.3f,%.3f,%.4f,%.6f,%.3f,%d\n", p->s_m, p->x, p->y, p->yaw_deg, p->curvature_per_m,
                           p->lane_width_m, p->junction);
    }
    bool ok = !text.failed || base_fail(err, BASE_MEMORY, "route.csv: out of memory");
    ok = ok && base_path_join(path, sizeof path, dir, "route.csv", err) &&
         base_file_write(path, text.data, text.bytes, false, err);
    base_buffer_free(&text);
    return ok;
}

/* ---- one run ---- */

typedef struct run {
    client *c;
    const eval_drive_options *o;
    eval_driver driver;
    const char *name, *dir;
    eval_predictor *predictor;
    road_map *map;
    road_route route;
    eval_scorer *scorer;
    agents_vehicle vehicle;
    agents_speed_limits limits;
    agents_speed speed;
    eval_follow follow;
    agents_expert expert;
    wire_actor_id car, rgb_camera, seg_camera, collision;
    uint8_t *rgb, *mask, *truth; /* [h][w][3], [h][w], [h][w] */
    bool frozen;
    int drivable_class, line_class;
    uint8_t truth_class[256]; /* tag -> class of the model */
    dataset_confusion confusion;
    double *infer_s;
    long infer_count, ticks;
    double next_picture_m;
    int pictures;
    base_buffer csv;
} run;

static size_t pixels_of(const run *r) { return (size_t)r->o->camera.width_px * r->o->camera.height_px; }

static bool spawn_camera(run *r, const char *blueprint, wire_actor_id *id, base_error *err)
{
    char width[16], height[16], fov[32];
    const dataset_camera *k = &r->o->camera;
    snprintf(width, sizeof width, "%d", k->width_px);
    snprintf(height, sizeof height, "%d", k->height_px);
    snprintf(fov, sizeof fov, "%.6g", k->fov_deg);
    client_attribute attributes[] = { { "image_size_x", width }, { "image_size_y", height }, { "fov", fov } };
    client_spawn_options s = {
        .blueprint = blueprint, .pose = k->mount, .parent = r->car, .attributes = attributes, .attribute_count = 3
    };
    return client_spawn(r->c, &s, id, err) && client_listen(r->c, *id, err);
}

/* Where the tyres touch the ground, from the physics control: positions are in the world, centimetres. */
static bool read_wheels(run *r, eval_score_options *score, base_error *err)
{
    wire_args_actor args = { r->car };
    wire_vehicle_physics p;
    client_state state;
    if (!client_call(r->c, WIRE_METHOD_get_physics_control, &args, &p, NULL, err))
        return false;
    if (!client_state_get(r->c, r->car, &state))
        return base_fail(err, BASE_REMOTE, "the vehicle is not in the snapshot");
    if (p.wheels.count != EVAL_MAX_WHEELS)
        return base_fail(err, BASE_UNSUPPORTED, "%s has %zu wheels, four are expected", r->o->vehicle, p.wheels.count);
    score->wheel_count = EVAL_MAX_WHEELS;
    for (int i = 0; i < EVAL_MAX_WHEELS; i++) {
        const wire_vector3 *cm = &p.wheels.items[i].position;
        score->wheels[i] = base_pose_to_local(&state.pose, (base_vec3){ cm->x / 100.0, cm->y / 100.0, cm->z / 100.0 });
        score->wheels[i].z = 0;
        if (base_vec3_length(score->wheels[i]) > 10)
            return base_fail(err, BASE_REMOTE, "%s: wheel %d is %.1f m from the vehicle", r->o->vehicle, i,
                             base_vec3_length(score->wheels[i]));
    }
    return true;
}

static bool set_scene(run *r, base_error *err)
{
    wire_weather w;
    size_t spawn_count;
    const char *xodr, *map_name;
    const base_pose *spawn_points;
    if (!wire_weather_preset(&w, r->o->weather))
        return base_fail(err, BASE_ARGUMENT, "weather %s is unknown", r->o->weather);
    if (!client_synchronous(r->c, r->o->dt_s, err) || !client_weather_set(r->c, &w, err) ||
        !(map_name = client_map_name(r->c, err)) || !(xodr = client_map_xodr(r->c, err)) ||
        !(spawn_points = client_spawn_points(r->c, &spawn_count, err)) ||
        !(r->map = road_map_parse(xodr, strlen(xodr), map_name, NULL, err)) ||
        !eval_drive_route(r->map, spawn_points, spawn_count, r->o, &r->route, err))
        return false;
    if (r->route.length_m < r->o->route_m - 1)
        return base_fail(err, BASE_ARGUMENT, "the route from spawn point %d ends after %.0f m, %.0f m are asked for",
                         r->o->spawn_point, r->route.length_m, r->o->route_m);
    client_spawn_options car = { .blueprint = r->o->vehicle, .pose = spawn_points[r->o->spawn_point] };
    client_spawn_options collision = { .blueprint = "sensor.other.collision" };
    if (!client_spawn(r->c, &car, &r->car, err))
        return false;
    collision.parent = r->car;
    if (!client_spawn(r->c, &collision, &r->collision, err) || !client_listen(r->c, r->collision, err))
        return false;
    if (r->driver == EVAL_DRIVER_EXPERT)
        return true;
    return spawn_camera(r, "sensor.camera.rgb", &r->rgb_camera, err) &&
           spawn_camera(r, "sensor.camera.semantic_segmentation", &r->seg_camera, err);
}

/* The car drops from its spawn height and the sensors begin: these ticks are not part of the run. */
static bool warm_up(run *r, base_error *err)
{
    wire_vehicle_control hold = { .brake = 1 };
    for (int i = 0; i < WARM_UP_TICKS; i++)
        if (!client_control(r->c, r->car, hold, err) || !client_tick(r->c, err))
            return false;
    client_collision ignored;
    while (client_collision_next(r->c, r->collision, &ignored))
        ;
    return true;
}

static bool prepare_masks(run *r, base_error *err)
{
    size_t pixels = pixels_of(r);
    r->rgb = malloc(pixels * 3);
    r->mask = calloc(pixels, 1);
    r->truth = malloc(pixels);
    r->infer_s = malloc(MAX_INFER_SAMPLES * sizeof *r->infer_s);
    if (!r->rgb || !r->mask || !r->truth || !r->infer_s)
        return base_fail(err, BASE_MEMORY, "out of memory");
    uint8_t class_of_tag[256];
    dataset_taxonomy taxonomy = dataset_taxonomy_carla();
    dataset_classes classes = dataset_classes_default();
    r->drivable_class = 1;
    r->line_class = 2;
    if (r->predictor) {
        const eval_predictor_info *info = eval_predictor_about(r->predictor);
        if (info->width_px != r->o->camera.width_px || info->height_px != r->o->camera.height_px)
            return base_fail(err, BASE_ARGUMENT, "the model expects images of %dx%d, the camera gives %dx%d", info->width_px,
                             info->height_px, r->o->camera.width_px, r->o->camera.height_px);
        r->drivable_class = eval_predictor_class(r->predictor, r->o->drivable_class);
        r->line_class = eval_predictor_class(r->predictor, r->o->line_class);
        if (r->drivable_class < 0 && r->line_class < 0)
            return base_fail(err, BASE_ARGUMENT, "the model has neither a class \"%s\" nor \"%s\"", r->o->drivable_class,
                             r->o->line_class);
    }
    r->confusion = dataset_confusion_start(3);
    if (!dataset_classes_resolve(&classes, &taxonomy, class_of_tag, err))
        return false;
    for (int i = 0; i < 256; i++) { /* images carry the numbers of the server's release */
        wire_tag tag = wire_tag_from_wire((uint8_t)i, client_version(r->c));
        r->truth_class[i] = tag == WIRE_TAG_COUNT ? DATASET_IGNORED : class_of_tag[tag];
    }
    return true;
}

/* This frame's image of a camera: as large as the buffers that it goes to, whatever server sent it. */
static bool camera_image(run *r, wire_actor_id camera, client_image *image, base_error *err)
{
    const dataset_camera *k = &r->o->camera;
    if (!client_image_get(r->c, camera, image, err))
        return false;
    return (image->width_px == k->width_px && image->height_px == k->height_px) ||
           base_fail(err, BASE_FORMAT, "camera %u: an image of %d x %d pixels, %d x %d were asked for", camera, image->width_px,
                     image->height_px, k->width_px, k->height_px);
}

/* The model's mask in terms of 0 other, 1 drivable, 2 line, against the simulator's labels of the same frame. */
static bool compare_with_truth(run *r, base_error *err)
{
    client_image image;
    size_t pixels = pixels_of(r);
    if (!camera_image(r, r->seg_camera, &image, err))
        return false;
    uint8_t *three = r->rgb; /* free for scratch: the network has seen it */
    dataset_tags_from_bgra(r->truth, image.bgra, pixels);
    for (size_t i = 0; i < pixels; i++) {
        r->truth[i] = r->truth_class[r->truth[i]];
        three[i] = r->mask[i] == r->line_class ? 2 : r->mask[i] == r->drivable_class ? 1 : 0;
    }
    return dataset_confusion_add(&r->confusion, r->truth, three, pixels, err);
}

static bool take_mask(run *r, double time_s, base_error *err)
{
    client_image image;
    size_t pixels = pixels_of(r);
    if (r->driver == EVAL_DRIVER_ALL_ROAD) {
        memset(r->mask, r->drivable_class, pixels);
        return true;
    }
    if (r->driver == EVAL_DRIVER_FROZEN && time_s > FREEZE_S)
        r->frozen = true;
    if (r->frozen)
        return true;
    if (!camera_image(r, r->rgb_camera, &image, err))
        return false;
    dataset_rgb_from_bgra(r->rgb, image.bgra, pixels);
    if (!eval_predictor_run(r->predictor, r->rgb, image.width_px, image.height_px, r->mask, err))
        return false;
    if (r->infer_count < MAX_INFER_SAMPLES)
        r->infer_s[r->infer_count++] = eval_predictor_last_s(r->predictor);
    return true;
}

static bool save_picture(run *r, const eval_path *path, base_error *err)
{
    char file[4096];
    if (!r->predictor || r->pictures >= PICTURES || eval_scorer_place(r->scorer).s_m < r->next_picture_m)
        return true;
    if (snprintf(file, sizeof file, "%s/%s_%d.png", r->dir, r->name, r->pictures) >= (int)sizeof file)
        return base_fail(err, BASE_ARGUMENT, "%s: path too long", r->dir);
    r->pictures++;
    r->next_picture_m += r->route.length_m / PICTURES;
    eval_overlay_options v = {
        .camera = &r->o->camera, .drivable_class = r->drivable_class, .line_class = r->line_class, .path = path
    };
    return eval_overlay_write(file, &v, r->rgb, r->mask, err);
}

/* The command that a navigation system would give: the arc of the junction that the car is in. */
static eval_command command_at(const run *r, double s_m)
{
    road_route_point here = road_route_at(&r->route, s_m);
    eval_command command = { .option = here.option };
    if (here.junction < 0 || r->o->junction != EVAL_JUNCTION_MAP_ARC)
        return command;
    size_t i = road_route_locate(&r->route, (base_vec3){ here.x, here.y, here.z }, s_m - 1, s_m + 1).index, first = i, last = i;
    while (first > 0 && r->route.points[first - 1].junction == here.junction)
        first--;
    while (last + 1 < r->route.count && r->route.points[last + 1].junction == here.junction)
        last++;
    const road_route_point *a = &r->route.points[first], *b = &r->route.points[last];
    command.junction_arc = true;
    command.arc_length_m = fmax(1, b->s_m - a->s_m);
    command.arc_turn_rad = BASE_RAD(base_wrap_deg(b->yaw_deg - a->yaw_deg));
    return command;
}

static wire_vehicle_control decide(run *r, const eval_step *step, eval_follow_output *out, base_error *err, bool *ok)
{
    double s_m = eval_scorer_place(r->scorer).s_m;
    wire_vehicle_control control = { 0 };
    *out = (eval_follow_output){ 0 };
    *ok = true;
    if (r->driver == EVAL_DRIVER_EXPERT) {
        agents_ego ego = { step->pose, step->speed_mps, step->yaw_rate_dps };
        agents_expert_step a = agents_expert_drive(&r->expert, &ego, r->o->dt_s);
        return (wire_vehicle_control){ .throttle = (float)a.throttle, .steer = (float)a.steer, .brake = (float)a.brake };
    }
    if (!take_mask(r, step->time_s, err)) {
        *ok = false;
        return control;
    }
    eval_command command = command_at(r, s_m);
    *out = eval_follow_step(&r->follow, r->mask, step->speed_mps, BASE_RAD(step->yaw_rate_dps), &command);
    *ok = save_picture(r, &out->path, err) && (!r->predictor || r->frozen || compare_with_truth(r, err));
    agents_speed_options speed = agents_speed_options_default();
    agents_speed_plan plan = { fmin(out->wanted_mps, r->o->max_speed_mps), 0 };
    if (r->o->longitudinal == EVAL_LONGITUDINAL_PRIVILEGED)
        plan = agents_route_speed(&r->route, s_m, &r->limits, false);
    agents_pedals pedals = agents_speed_step(&speed, &r->speed, plan.speed_mps, plan.accel_mps2, step->speed_mps, r->o->dt_s);
    control.steer = (float)out->steer;
    control.throttle = (float)pedals.throttle;
    control.brake = (float)pedals.brake;
    return control;
}

static bool observe(run *r, double time_s, const wire_vehicle_control *last, eval_step *step, base_error *err)
{
    client_state state;
    client_collision hit;
    if (!client_state_get(r->c, r->car, &state))
        return base_fail(err, BASE_REMOTE, "the vehicle vanished from the snapshot");
    *step = (eval_step){ .time_s = time_s,
                         .pose = state.pose,
                         .speed_mps = base_vec3_length(state.velocity_mps),
                         .yaw_rate_dps = state.angular_velocity_dps.z,
                         .steer = last->steer,
                         .throttle = last->throttle,
                         .brake = last->brake };
    while (client_collision_next(r->c, r->collision, &hit)) {
        step->collisions++;
        step->collision_actor = hit.other;
        step->collision_kind = strstr(hit.other_type, "vehicle")  ? EVAL_COLLISION_VEHICLE
                               : strstr(hit.other_type, "walker") ? EVAL_COLLISION_PEDESTRIAN
                                                                  : EVAL_COLLISION_LAYOUT;
    }
    return true;
}

static void log_tick(run *r, const eval_step *s, const eval_follow_output *out)
{
    road_route_place p = eval_scorer_place(r->scorer);
    base_buffer_printf(&r->csv, "%.2f,%.3f,%.3f,%.3f,%.3f,%.3f,%.4f,%.4f,%.4f,%.4f,%.3f,%.3f,%.4f,%.3f,%s,%.3f\n", s->time_s,
                       s->pose.location.x, s->pose.location.y, s->pose.rotation.yaw_deg, s->speed_mps, s->yaw_rate_dps,
                       s->steer, s->throttle, s->brake, out->curvature_1pm, p.s_m, p.lateral_m, p.curvature_per_m,
                       eval_scorer_excursion(r->scorer),
                       r->driver == EVAL_DRIVER_EXPERT ? "expert" : eval_follow_state_name(out->state), out->path.rms_m);
}

static bool drive(run *r, void (*progress_line)(void *, const char *), void *user, base_error *err)
{
    eval_status status = EVAL_RUNNING;
    wire_vehicle_control control = { .brake = 1 };
    long per_second = lround(1 / r->o->dt_s);
    base_buffer_printf(&r->csv,
                       "time_s,x,y,yaw_deg,speed_mps,yaw_rate_dps,steer,throttle,brake,curvature_cmd_1pm,s_m,cross_track_m,"
                       "curvature_1pm,excursion_m,state,fit_rms_m\n");
    for (;; r->ticks++) {
        eval_step step;
        eval_follow_output out;
        bool ok;
        if (!observe(r, (double)r->ticks * r->o->dt_s, &control, &step, err))
            return false;
        status = eval_scorer_step(r->scorer, &step);
        control = decide(r, &step, &out, err, &ok);
        if (!ok)
            return false;
        log_tick(r, &step, &out);
        if (progress_line && r->ticks % per_second == 0) {
            char line[160];
            snprintf(line, sizeof line, "%s: %.0f of %.0f m, %.1f m/s, off centre %+.2f m", r->name,
                     eval_scorer_place(r->scorer).s_m, r->route.length_m, step.speed_mps,
                     eval_scorer_place(r->scorer).lateral_m);
            progress_line(user, line);
        }
        if (status != EVAL_RUNNING)
            return !r->csv.failed || base_fail(err, BASE_MEMORY, "out of memory for the log of the drive");
        if (!client_control(r->c, r->car, control, err) || !client_tick(r->c, err))
            return false;
    }
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void add_number(cJSON *object, const char *key, double value)
{
    cJSON_AddItemToObject(object, key, isfinite(value) ? cJSON_CreateNumber(value) : cJSON_CreateNull());
}

static cJSON *print_result(const run *r, const eval_drive_result *result)
{
    const eval_score *s = &result->score;
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "run", result->name);
    cJSON_AddStringToObject(o, "driver", eval_driver_names[r->driver]);
    cJSON_AddStringToObject(o, "status", eval_status_name(s->status));
    cJSON_AddStringToObject(o, "leaderboard", eval_leaderboard_names[r->o->leaderboard]);
    cJSON_AddStringToObject(o, "longitudinal",
                            r->driver == EVAL_DRIVER_EXPERT ? "privileged" : eval_longitudinal_names[r->o->longitudinal]);
    cJSON_AddStringToObject(o, "junction", eval_junction_names[r->o->junction]);
    cJSON_AddStringToObject(o, "map", road_map_describe(r->map).name); /* the server's, whatever the options ask for */
    cJSON_AddStringToObject(o, "server_version", client_version_text(r->c));
    add_number(o, "route_m", s->route_m);
    add_number(o, "route_length_m", s->route_length_m);
    add_number(o, "route_completion_pct", s->route_completion_pct);
    add_number(o, "collisions", s->collisions);
    add_number(o, "lane_departures", s->lane_departures);
    add_number(o, "junction_departures", s->junction_departures);
    add_number(o, "first_departure_m", s->first_departure_m);
    add_number(o, "departure_s", s->departure_s);
    add_number(o, "max_excursion_m", s->max_excursion_m);
    add_number(o, "mean_cross_track_m", s->mean_cross_track_m);
    add_number(o, "rms_cross_track_m", s->rms_cross_track_m);
    add_number(o, "p95_cross_track_m", s->p95_cross_track_m);
    add_number(o, "max_cross_track_m", s->max_cross_track_m);
    add_number(o, "mean_heading_error_deg", s->mean_heading_error_deg);
    add_number(o, "lane_route_m", s->lane_route_m);
    add_number(o, "lane_mean_cross_track_m", s->lane_mean_cross_track_m);
    add_number(o, "mean_speed_mps", s->mean_speed_mps);
    add_number(o, "steer_rate_per_s", s->steer_rate_per_s);
    add_number(o, "outside_pct", s->outside_pct);
    add_number(o, "penalty", s->penalty);
    add_number(o, "driving_score_pct", s->driving_score_pct);
    add_number(o, "time_s", s->time_s);
    add_number(o, "ticks", (double)result->ticks);
    add_number(o, "lost_images", (double)result->lost_images);
    add_number(o, "infer_ms", result->infer_ms);
    add_number(o, "road_iou", result->road_iou);
    add_number(o, "line_iou", result->line_iou);
    cJSON_AddItemToObject(o, "options", base_options_print(r->o, eval_drive_table, eval_drive_table_count));
    return o;
}

static bool write_files(run *r, const eval_drive_result *result, base_error *err)
{
    char path[4096];
    cJSON *object = print_result(r, result);
    char *text = cJSON_Print(object);
    cJSON_Delete(object);
    bool ok = text || base_fail(err, BASE_MEMORY, "out of memory");
    ok = ok && (snprintf(path, sizeof path, "%s/%s.csv", r->dir, r->name) < (int)sizeof path ||
                base_fail(err, BASE_ARGUMENT, "%s: path too long", r->dir));
    ok = ok && base_file_write(path, r->csv.data, r->csv.bytes, false, err);
    if (ok) {
        snprintf(path, sizeof path, "%s/%s.json", r->dir, r->name);
        ok = base_file_write(path, text, strlen(text), false, err);
    }
    free(text);
    return ok && eval_drive_route_write(&r->route, r->dir, err);
}

static bool start_drivers(run *r, base_error *err)
{
    eval_score_options score = eval_score_options_default();
    score.leaderboard = (eval_leaderboard)r->o->leaderboard;
    score.dt_s = r->o->dt_s;
    score.deviation_m = r->o->deviation_m;
    if (!read_wheels(r, &score, err) || !agents_vehicle_read(r->c, r->car, &r->vehicle, err) ||
        !(r->scorer = eval_scorer_create(r->map, &r->route, &score, err)))
        return false;
    r->limits = agents_speed_limits_default();
    r->limits.cruise_mps = r->o->max_speed_mps;
    r->limits.lateral_mps2 = r->o->lateral_mps2;
    r->limits.limit_share = 0;
    if (r->driver == EVAL_DRIVER_EXPERT) {
        agents_expert_options e = agents_expert_options_default();
        e.vehicle = r->vehicle;
        e.limits = r->limits;
        e.stop_at_end = false;
        agents_expert_start(&r->expert, &r->route, &e);
        return true;
    }
    eval_follow_options f = eval_follow_options_default();
    f.path = (eval_path_options){ r->o->camera, r->drivable_class, r->line_class, r->o->lane_width_m, 25 };
    f.vehicle = r->vehicle;
    f.dt_s = r->o->dt_s;
    f.filter_gain = r->o->filter_gain;
    f.pursuit.gain_s = r->o->lookahead_s;
    f.pursuit.base_m = r->o->lookahead_m;
    f.limits = r->limits;
    r->follow = eval_follow_start(&f);
    return true;
}

/* Destroy what the run spawned, newest first; the first failure is kept only when the run itself went well. */
static bool clear_scene(run *r, base_error *err)
{
    wire_actor_id ids[] = { r->seg_camera, r->rgb_camera, r->collision, r->car };
    bool ok = true;
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
        if (ids[i] && !client_destroy(r->c, ids[i], ok ? err : NULL))
            ok = false;
    return ok;
}

bool eval_drive_run(client *c, const eval_drive_options *o, eval_driver driver, const char *name, eval_predictor *predictor,
                    const char *dir, void (*progress_line)(void *user, const char *line), void *user, eval_drive_result *result,
                    base_error *err)
{
    run r = { .c = c, .o = o, .driver = driver, .name = name, .dir = dir, .predictor = predictor };
    bool ok = set_scene(&r, err) && prepare_masks(&r, err) && warm_up(&r, err) && start_drivers(&r, err) &&
              drive(&r, progress_line, user, err);
    if (r.car)
        ok = clear_scene(&r, ok ? err : NULL) && ok;
    if (ok) {
        *result = (eval_drive_result){ .score = eval_scorer_result(r.scorer),
                                       .ticks = r.ticks,
                                       .lost_images = r.follow.lost_images,
                                       .infer_ms = NAN,
                                       .road_iou = NAN,
                                       .line_iou = NAN };
        snprintf(result->name, sizeof result->name, "%s", name);
        if (r.infer_count) {
            qsort(r.infer_s, (size_t)r.infer_count, sizeof *r.infer_s, by_value);
            result->infer_ms = 1e3 * r.infer_s[r.infer_count / 2];
            result->road_iou = dataset_union_iou(&r.confusion, 1u << 1 | 1u << 2);
            result->line_iou = dataset_iou(&r.confusion, 2);
        }
        ok = write_files(&r, result, err);
    }
    eval_scorer_destroy(r.scorer);
    road_route_free(&r.route);
    road_map_destroy(r.map);
    base_buffer_free(&r.csv);
    free(r.infer_s);
    free(r.truth);
    free(r.mask);
    free(r.rgb);
    return ok;
}
