/* CARLA's camera attributes that shape the picture: what they ask of a camera's optics, and the camera's own picture.
 *
 * In CARLA glow, lens flare, motion blur and the automatic exposure's memory act with the default attributes too. Here the default
 * attributes stand for the renderer's own picture, which is made without them at no cost: an attribute acts, with all its value, from
 * where it differs from its default. Exposure: the default meters by the weather, which is what CARLA's narrow default range of 10 to
 * 12 EV amounts to; another range or speed meters the picture itself. calibration_constant does nothing, as in the engine of these
 * versions. With quality 3 the defaults act too. */
#include "base/file.h"
#include "sim/town/sense.h"
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

typedef struct float_row {
    const char *id;
    size_t offset; /* of a float in render_optics */
    double factor; /* attribute -> ours */
    double rest;   /* at this value it does nothing */
} float_row;
#define ROW(ID, FIELD)                                                                                                         \
    {                                                                                                                          \
        ID, offsetof(render_optics, FIELD), 1, NAN                                                                             \
    }
#define EFFECT(ID, FIELD, REST)                                                                                                \
    {                                                                                                                          \
        ID, offsetof(render_optics, FIELD), 1, REST                                                                            \
    }
#define SCALED(ID, FIELD, FACTOR)                                                                                              \
    {                                                                                                                          \
        ID, offsetof(render_optics, FIELD), FACTOR, NAN                                                                        \
    }

static const float_row lens_rows[] = {
    ROW("lens_k", distortion.k),
    ROW("lens_kcube", distortion.kcube),
    ROW("lens_x_size", distortion.x_size),
    ROW("lens_y_size", distortion.y_size),
    ROW("lens_circle_multiplier", distortion.multiplier),
    ROW("lens_circle_falloff", distortion.falloff),
};
static const float_row picture_rows[] = {
    ROW("iso", iso),
    ROW("shutter_speed", shutter_per_s),
    ROW("fstop", fstop),
    ROW("exposure_compensation", compensation_ev),
    ROW("exposure_min_bright", min_ev),
    ROW("exposure_max_bright", max_ev),
    ROW("exposure_speed_up", up_ev_per_s),
    ROW("exposure_speed_down", down_ev_per_s),
    ROW("gamma", gamma),
    ROW("slope", slope),
    ROW("toe", toe),
    ROW("shoulder", shoulder),
    ROW("black_clip", black_clip),
    ROW("white_clip", white_clip),
    ROW("temp", temperature_k),
    ROW("tint", tint),
    ROW("chromatic_aberration_intensity", fringe),
    ROW("chromatic_aberration_offset", fringe_offset),
    EFFECT("bloom_intensity", bloom, 0.675),
    EFFECT("lens_flare_intensity", flare, 0.1),
    EFFECT("motion_blur_intensity", blur, 0.45),
    ROW("motion_blur_max_distortion", blur_max_percent),
    SCALED("focal_distance", focus_m, 0.01), /* centimetres */
    ROW("min_fstop", min_fstop),
    ROW("blur_radius", haze_px),
    ROW("blur_amount", haze_km),
};
/* ---- attributes */

static bool read_rows(const town_actor *a, bool all_act, render_optics *o, const float_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        double value;
        if (!town_actor_number(a, rows[i].id, -1e30, 1e30, &value))
            return false;
        float number = !all_act && fabs(value - rows[i].rest) < 1e-6 ? 0 : (float)(value * rows[i].factor);
        memcpy((char *)o + rows[i].offset, &number, sizeof number);
    }
    return true;
}

static float clamped(float x, float lo, float hi) { return fmaxf(lo, fminf(hi, x)); }

static bool read_picture(const town_actor *a, bool all_act, render_optics *o)
{
    const render_optics rest = *o;
    double blades;
    if (!read_rows(a, all_act, o, picture_rows, sizeof picture_rows / sizeof *picture_rows) ||
        !town_actor_number(a, "blade_count", -1e9, 1e9, &blades))
        return false;
    const char *mode = town_actor_attribute(a, "exposure_mode");
    bool metered = all_act || o->min_ev != rest.min_ev || o->max_ev != rest.max_ev || o->up_ev_per_s != rest.up_ev_per_s ||
                   o->down_ev_per_s != rest.down_ev_per_s;
    o->metering = mode && !strcmp(mode, "manual") ? RENDER_METER_MANUAL : metered ? RENDER_METER_PICTURE : RENDER_METER_WEATHER;
    o->own_film = o->slope != rest.slope || o->toe != rest.toe || o->shoulder != rest.shoulder ||
                  o->black_clip != rest.black_clip || o->white_clip != rest.white_clip;
    o->has_focus = o->focus_m != rest.focus_m || o->haze_px > 0;
    o->grain = o->iso > 100 ? o->iso / 100 - 1 : 0;
    /* As the engine: out of range is the range's end. */
    o->temperature_k = clamped(o->temperature_k, 1500, 15000);
    o->tint = clamped(o->tint, -1, 1);
    o->max_ev = fmaxf(o->min_ev, o->max_ev);
    o->blades = (int)fmax(3, fmin(1000, blades));
    if (!town_sense_flag(a, "enable_postprocess_effects"))
        *o = rest; /* the lens is not one of them */
    return true;
}

bool town_optics_create(const town_world *w, town_actor *a)
{
    render_optics o = render_optics_default();
    const bool all_act = w->options.quality >= 3;
    if (!read_rows(a, all_act, &o, lens_rows, sizeof lens_rows / sizeof *lens_rows))
        return false;
    bool is_picture = a->sensor == TOWN_CAMERA_RGB || a->sensor == TOWN_CAMERA_DVS;
    if (is_picture && !read_picture(a, all_act, &o))
        return false;
    if (!render_optics_check(&o, NULL))
        return false;
    if (!render_optics_acts(&o))
        return true; /* as it is drawn */
    struct town_optics *t = a->sense->optics = calloc(1, sizeof *t);
    if (!t)
        return false;
    o.seed = w->options.seed ^ (uint64_t)base_crc32(0, &a->relative, sizeof a->relative)
                                   << 32; /* another grain for each eye of a pair */
    t->is = o;
    t->camera = is_picture ? render_camera_create(&o, NULL) : NULL;
    return t->camera || !is_picture;
}

void town_optics_free(struct town_optics *t)
{
    if (!t)
        return;
    render_camera_destroy(t->camera);
    free(t);
}

bool town_optics_looks_back(const town_actor *a)
{
    const struct town_optics *t = a->sense ? a->sense->optics : NULL;
    return a->sensor == TOWN_CAMERA_FLOW || (t && t->camera && render_optics_needs_motion(&t->is));
}
