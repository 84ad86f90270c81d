/* The world: its episode, settings and weather, and the order of a tick. */
#include "base/heap.h"
#include "base/random.h"
#include "sim/town/internal.h"
#include "sim/wire/tag.h"
#include <stdlib.h>
#include <string.h>

town_options town_options_default(void) { return (town_options){ .version = 16, .seed = 1, .quality = 2 }; }

town_settings town_settings_default(void)
{
    return (town_settings){ .substepping = true,
                            .max_substep_delta_s = 0.01,
                            .max_substeps = 10,
                            .deterministic_ragdolls = true,
                            .tile_stream_distance = 3000,
                            .actor_active_distance = 2000,
                            .spectator_as_ego = true };
}

static town_weather clear_noon(void) { return (town_weather){ 5, 0, 0, 10, 0, 45, 2, 0.75f, 0.1f, 0, 1, 0.03f, 0.0331f, 0 }; }

/* Spectator high above the first spawn point, looking down the road. */
static base_pose spectator_pose(const town_map *map)
{
    int count = 0;
    const base_pose *points = map ? town_map_spawn_points(map, &count) : NULL;
    base_pose p = count > 0 ? points[0] : (base_pose){ 0 };
    p.location.z += 10;
    p.rotation.pitch_deg = -20;
    return p;
}

static bool enter_map(town_world *w, const town_map *map, base_error *err)
{
    if (map && (!w->scenery || map != w->map || w->is_painted)) {
        town_scenery_options how = map->scenery;
        how.pool = w->options.pool;
        base_heap_keep(); /* a town is built from large arrays, filled and freed one after another */
        town_scenery *scenery = town_scenery_build_with(map->road, w->options.seed, &how, err);
        if (!scenery) {
            base_heap_release();
            return false;
        }
        town_watch_leave(w->watch);
        town_eye_destroy(w->eye);
        w->eye = NULL;
        town_scenery_destroy(w->scenery);
        w->scenery = scenery;
        w->is_painted = false;
        w->map = map;
        town_watch_enter(w->watch, w);
        base_heap_release();
    }
    w->map = map;
    town_objects_reset(w);
    w->drawn.count = 0;
    base_random r = base_random_start(w->options.seed, "episode", w->episode_number++, 0);
    w->episode_id = base_random_bits(&r) | 1; /* never 0 */
    w->elapsed_s = w->delta_s = 0;
    w->weather = w->weather_told = clear_noon();
    return town_street_lights_create(w, err);
}

town_world *town_world_create(const town_map *map, const town_options *o, base_error *err)
{
    if (o->version < 13 || o->version > 16)
        return base_fail(err, BASE_ARGUMENT, "version 0.9.%d: this world knows 0.9.13 to 0.9.16", o->version), NULL;
    town_world *w = calloc(1, sizeof *w);
    if (!w)
        return base_fail(err, BASE_MEMORY, "out of memory for the world"), NULL;
    w->options = *o;
    w->settings = town_settings_default();
    w->next_id = 1;
    w->replay.time_factor = 1;
    w->imu_gravity_mps2 = (float)TOWN_GRAVITY;
    w->next_stream = 2; /* 1 is the snapshot's */
    town_actor *spectator = town_actor_add(w, TOWN_SPECTATOR, "spectator", spectator_pose(map));
    if (!spectator || !enter_map(w, map, err) || !town_lights_create(w, err)) {
        if (!spectator)
            base_fail(err, BASE_MEMORY, "out of memory for the world");
        town_world_destroy(w);
        return NULL;
    }
    w->spectator = spectator->id;
    return w;
}

void town_world_destroy(town_world *w)
{
    if (!w)
        return;
    town_recorder_stop(w);
    town_replay_stop(w, true);
    for (int i = 0; i < w->actor_count; i++)
        town_actor_free(w->actors[i]);
    town_lights_destroy(w);
    town_street_lights_destroy(w);
    free(w->drawn.shapes);
    town_eye_destroy(w->eye);
    town_scenery_destroy(w->scenery);
    town_shown_free(w);
    free(w->actors);
    free(w->pairs);
    free(w);
}

uint64_t town_episode_id(const town_world *w) { return w->episode_id; }
uint64_t town_frame(const town_world *w) { return w->frame; }
double town_elapsed_s(const town_world *w) { return w->elapsed_s; }
double town_delta_s(const town_world *w) { return w->delta_s; }
town_settings town_settings_get(const town_world *w) { return w->settings; }
town_weather town_weather_get(const town_world *w) { return w->weather_told; }
const town_map *town_world_map(const town_world *w) { return w->map; }
uint8_t town_tag_number(const town_world *w, uint8_t tag)
{
    return wire_tag_to_wire((wire_tag)tag, (wire_version)w->options.version);
}

void town_weather_set(town_world *w, const town_weather *weather)
{
    /* CARLA's "Default" preset has -1 everywhere, which stands for "as it is". */
    float *now = &w->weather.cloudiness, *told = &w->weather_told.cloudiness;
    const float *next = &weather->cloudiness;
    for (size_t i = 0; i < sizeof *weather / sizeof(float); i++) {
        if (isfinite(next[i]))
            told[i] = next[i];
        bool angle = &next[i] == &weather->sun_azimuth_deg || &next[i] == &weather->sun_altitude_deg;
        if (isfinite(next[i]) && (next[i] >= 0 || (angle && next[i] != -1)))
            now[i] = next[i];
    }
    town_street_lights_daylight(w);
}

float town_imu_gravity_get(const town_world *w) { return w->imu_gravity_mps2; }

bool town_imu_gravity_set(town_world *w, float mps2, base_error *err)
{
    if (!isfinite(mps2))
        return base_fail(err, BASE_ARGUMENT, "gravity of the IMU: %g m/s2, a finite number expected", (double)mps2);
    w->imu_gravity_mps2 = mps2;
    return true;
}

bool town_settings_set(town_world *w, const town_settings *s, base_error *err)
{
    if (s->has_fixed_delta && !(s->fixed_delta_s > 0 && s->fixed_delta_s <= 10))
        return base_fail(err, BASE_ARGUMENT, "fixed_delta_seconds is %g, expected above 0 and at most 10", s->fixed_delta_s);
    if (!(s->max_substep_delta_s > 0 && s->max_substep_delta_s <= 10) || s->max_substeps < 1 || s->max_substeps > 1000)
        return base_fail(err, BASE_ARGUMENT, "substeps of %g s, at most %d: expected 0 .. 10 s and 1 .. 1000",
                         s->max_substep_delta_s, s->max_substeps);
    if (!isfinite(s->max_culling_distance) || !isfinite(s->tile_stream_distance) || !isfinite(s->actor_active_distance))
        return base_fail(err, BASE_ARGUMENT, "a distance in the settings is not finite");
    w->settings = *s;
    return true;
}

/* Everything but the spectator goes. */
static void clear_actors(town_world *w)
{
    int count = 0;
    for (int i = 0; i < w->actor_count; i++)
        if (w->actors[i]->kind == TOWN_SPECTATOR)
            w->actors[count++] = w->actors[i];
        else
            town_actor_free(w->actors[i]);
    w->actor_count = count;
    town_lights_destroy(w);
}

bool town_episode_restart(town_world *w, const town_map *map, bool reset_settings, base_error *err)
{
    if (!enter_map(w, map, err)) /* the scenery first: when it fails the old episode goes on */
        return false;
    town_recorder_stop(w);
    town_replay_stop(w, true);
    clear_actors(w);
    town_actor *spectator = w->actors[0];
    spectator->pose = spectator_pose(map);
    spectator->velocity = spectator->acceleration = (base_vec3){ 0, 0, 0 };
    if (reset_settings)
        w->settings = town_settings_default();
    return town_lights_create(w, err);
}

/* ---- the tick ---- */

bool town_tick(town_world *w, double dt_s, town_sink sink, base_error *err)
{
    if (!(dt_s > 0 && dt_s <= 10))
        return base_fail(err, BASE_ARGUMENT, "a step of %g s, expected above 0 and at most 10", dt_s);
    town_lights_tick(w, dt_s);
    town_physics_tick(w, dt_s);
    town_replay_tick(w, dt_s);
    w->frame++;
    w->elapsed_s += dt_s;
    w->delta_s = dt_s;
    town_debug_tick(w);
    town_attachments_update(w, dt_s);
    town_recorder_tick(w, dt_s);
    if (sink.tick)
        sink.tick(sink.user);
    return sink.measurement ? town_sensors_measure(w, &sink, err) : true;
}
