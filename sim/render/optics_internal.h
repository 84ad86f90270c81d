/* sim/render/optics_internal.h — what the files of the camera share.
 *
 *   render_optics.c       settings, and the way of a picture from light to bytes
 *   render_optics_lens.c  distortion of pictures and labels
 *   render_optics_tone.c  exposure, white balance, film
 *   render_optics_blur.c  motion blur and depth of field
 *   render_optics_glow.c  glow and ghosts of what is brighter than white
 *
 * A pixel is a vector of four floats (red, green, blue, unused), which every processor adds and multiplies alike: one build serves all. */
#ifndef SIM_RENDER_OPTICS_INTERNAL_H
#define SIM_RENDER_OPTICS_INTERNAL_H
#include "sim/render/optics.h"

typedef float optics_px __attribute__((vector_size(16), may_alias));
typedef struct optics_plane { /* a picture, and how large it is */
    optics_px *at;
    int width, height;
    size_t capacity;
} optics_plane;

bool optics_plane_resize(optics_plane *p, int width, int height, base_error *err);

typedef int32_t optics_mask __attribute__((vector_size(16), may_alias)); /* of a comparison: 0 or -1 */

static inline optics_px optics_clamp(optics_px x, float lo, float hi)
{
    optics_mask below = x<lo, above = x> hi;
    optics_px low = (optics_px){ 0 } + lo, high = (optics_px){ 0 } + hi;
    x = (optics_px)(((optics_mask)low & below) | ((optics_mask)x & ~below));
    return (optics_px)(((optics_mask)high & above) | ((optics_mask)x & ~above));
}

/* The mean of four neighbours. */
static inline optics_px optics_mix(const optics_px *p, int right, int down, float fx, float fy)
{
    optics_px upper = p[0] + (p[right] - p[0]) * fx, lower = p[down] + (p[down + right] - p[down]) * fx;
    return upper + (lower - upper) * fy;
}

/* ... at (x, y) in pixels, where the middle of the first is (0.5, 0.5); outside: the edge's. */
static inline optics_px optics_sample(const optics_px *at, int width, int height, float x, float y)
{
    float most_x = (float)(width - 1), most_y = (float)(height - 1);
    x -= 0.5f;
    y -= 0.5f;
    x = x > 0 ? (x < most_x ? x : most_x) : 0;
    y = y > 0 ? (y < most_y ? y : most_y) : 0;
    int x0 = (int)x, y0 = (int)y;
    return optics_mix(at + (size_t)y0 * (size_t)width + (size_t)x0, x0 + 1 < width, y0 + 1 < height ? width : 0, x - (float)x0,
                      y - (float)y0);
}

/* ---- lens: the factor on u, v over r2, tabulated */
enum { OPTICS_BEND_STEPS = 1024 };
typedef struct optics_bend {
    float at[OPTICS_BEND_STEPS + 2]; /* c b at r2 = i / (2 OPTICS_BEND_STEPS) */
} optics_bend;
void optics_bend_fill(optics_bend *b, const render_distortion *d);
static inline float optics_bend_at(const optics_bend *b, float r2) /* 0 <= r2 <= 1/2 */
{
    float x = r2 * (2 * OPTICS_BEND_STEPS);
    int i = (int)x;
    return b->at[i] + (b->at[i + 1] - b->at[i]) * (x - (float)i);
}

/* ---- tone: eight bits and a fraction of eight more by the bits of a float */
enum {
    OPTICS_STEP_BITS = 9, /* per octave */
    OPTICS_OCTAVE_LEAST = -14,
    OPTICS_OCTAVES = 20,
    OPTICS_CODES = OPTICS_OCTAVES << OPTICS_STEP_BITS
};
#define OPTICS_CODE_LEAST 6.103515625e-5f /* 2^OPTICS_OCTAVE_LEAST */
#define OPTICS_CODE_MOST  63.99f          /* below 2^(OPTICS_OCTAVE_LEAST + OPTICS_OCTAVES) */
void optics_film_fill(uint16_t codes[OPTICS_CODES], const render_optics *o);
/* Rows of the matrix that makes light of the temperature and tint white. */
void optics_white_balance(float temperature_k, float tint, float matrix[3][3]);
float optics_exposure_of_ev(float ev);
float optics_ev_of_exposure(float exposure);
/* EV100 at which the mean of the picture becomes middle grey; NAN when all is black. */
float optics_meter(const render_exposed *in);
/* One step of dt_s from ev towards target. */
float optics_adapt(const render_optics *o, float ev, float target, double dt_s);

/* ---- blur: from src, which may not be dst */
void optics_motion_blur(const render_optics *o, base_pool *pool, const render_exposed *in, const optics_px *src,
                        optics_px *dst);
void optics_focus(const render_optics *o, base_pool *pool, const render_exposed *in, const optics_px *src, optics_px *dst);

/* ---- glow: dst = src and what lies above white at this exposure, spread. levels and ghosts are scratch. */
enum { OPTICS_GLOW_LEVELS = 6 };
bool optics_glow(const render_optics *o, base_pool *pool, const optics_px *src, int width, int height, float exposure,
                 optics_plane levels[OPTICS_GLOW_LEVELS], optics_plane *ghosts, optics_px *dst, base_error *err);
#endif
