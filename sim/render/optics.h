/* sim/render/optics.h — a camera of its own: what its lens, shutter, sensor and film make of the light that render_frame gives out
 * as radiance. CARLA's camera attributes name the numbers; Unreal's public documentation says what most of them mean.
 *
 * Usual order: render_camera_create once per camera, render_camera_develop for each of its pictures, render_camera_destroy.
 *
 *   light -> motion blur -> depth of field -> lens (distortion, fringes, glow, flare) -> exposure -> grain -> white balance -> film -> gamma
 *
 * A camera remembers its exposure from picture to picture. The same settings and the same pictures give the same bytes, for any number
 * of threads and on every instruction set. Labels never pass through here: render_distort moves them, whole pixels at a time. */
#ifndef SIM_RENDER_OPTICS_H
#define SIM_RENDER_OPTICS_H
#include "sim/render/render.h"

/* The picture at (u, v), counted from its middle in widths and heights (-1/2 .. 1/2), shows what a pinhole would show at
 *     (u (1 + x_size c b), v (1 + y_size c b))   with   r = sqrt(u2 + v2), c = min(1, (multiplier r)^falloff), b = k + kcube r
 * and the nearest edge where that is outside. A multiplier of 0 bends nothing. */
typedef struct render_distortion {
    float k, kcube, x_size, y_size, multiplier, falloff;
} render_distortion;

typedef enum render_metering {
    RENDER_METER_WEATHER, /* the environment's exposure: sun and sky are known, nothing is measured */
    RENDER_METER_PICTURE, /* the mean of what is seen, approached over time */
    RENDER_METER_MANUAL   /* iso, shutter and fstop */
} render_metering;

typedef struct render_optics {
    /* exposure, in stops of EV100: 12 is a street in clear noon sun */
    render_metering metering;
    float iso, shutter_per_s, fstop; /* manual: EV100 = log2(fstop2 shutter 100 / iso) */
    float min_ev, max_ev;            /* metered from the picture: within these */
    float up_ev_per_s,
        down_ev_per_s;     /* ... towards the bright, towards the dark; in the last 1.5 stops in proportion to the rest */
    float compensation_ev; /* 1 = twice as bright */
    /* film */
    bool own_film;                                      /* false: the renderer's own curve */
    float slope, toe, shoulder, black_clip, white_clip; /* Unreal's: ends and middle of the curve over the logarithm */
    float gamma;                                        /* 2.2 leaves the picture as it is, more lifts the dark */
    float temperature_k, tint;                          /* of the light that shall look white; 6500, 0: the light as it is */
    /* sensor */
    float grain;   /* 1 = the noise of ISO 200, growing with the root of light and sensitivity; 0 = none */
    uint64_t seed; /* of the grain */
    /* lens */
    render_distortion distortion;
    float fringe,
        fringe_offset; /* chromatic aberration: 1 shifts red by 1 % of the picture at the edge; none within the offset (0..1) */
    float bloom, flare; /* share of light above white that glows around its source, that comes back as ghosts */
    /* shutter */
    float blur, blur_max_percent; /* share of 1/30 s that it is open; longest trail in percent of the picture's width */
    /* depth of field */
    bool has_focus;
    float focus_m, min_fstop; /* the opening is the larger of fstop and min_fstop */
    int blades;               /* 3..16 of the diaphragm, more: a circle */
    float haze_px, haze_km;   /* blur with distance: radius at infinity in a picture 1920 wide; half of it at haze_km */
} render_optics;

render_optics render_optics_default(void); /* a camera that shows render_frame's own picture */
bool render_optics_check(const render_optics *o, base_error *err);
/* Does it show anything else than render_frame's own picture (its distortion included)? */
bool render_optics_acts(const render_optics *o);
bool render_optics_needs_motion(const render_optics *o);
bool render_optics_needs_depth(const render_optics *o);

/* What falls into the camera. */
typedef struct render_exposed {
    const float *radiance; /* [height][width][4] of render_frame */
    const float *motion;   /* [height][width][2] of render_frame over the last motion_s seconds; NULL: everything stood still */
    const float *depth;    /* [height][width] of render_frame; when render_optics_needs_depth */
    int width, height;     /* 1..4096 */
    double fov_deg;
    float exposure; /* the environment's */
    double motion_s;
    double time_s;    /* a clock, for the exposure's speed */
    uint64_t picture; /* its number: another grain in each */
} render_exposed;

typedef struct render_camera render_camera;
render_camera *render_camera_create(const render_optics *o, base_error *err);
void render_camera_destroy(render_camera *c);
/* bgra: [height][width][4], alpha 255. pool may be NULL. False: out of memory. */
bool render_camera_develop(render_camera *c, base_pool *pool, const render_exposed *in, uint8_t *bgra, base_error *err);
float render_camera_ev(const render_camera *c); /* EV100 of the last picture, compensation left out */

/* Where (pixels from the upper left corner) a pinhole would show what the lens shows at *x, *y. */
void render_distortion_source(const render_distortion *d, int width, int height, double *x, double *y);
bool render_distortion_acts(const render_distortion *d);
/* Move a picture of labels as the lens does: each pixel of dst is a pixel of src, never a mean. bytes: of a pixel, 4 or 8. */
void render_distort(const render_distortion *d, base_pool *pool, int width, int height, int bytes, const void *src, void *dst);
#endif
