/* model/kernels/vector_neon.h — inside the kernels: a vector of 8 floats in two registers of 4, as the bodies compiled per instruction
 * set see it. Two, because a packed panel is 8 or 16 outputs wide then, as on AVX2, and every float of src serves more multiply-adds. */
#ifndef MODEL_KERNELS_VECTOR_NEON_H
#define MODEL_KERNELS_VECTOR_NEON_H
#include <arm_neon.h>

#define LANES 8
typedef struct vector {
    float32x4_t low, high;
} vector;
typedef int lane_mask; /* lanes that count */

static inline vector vector_all(float x) { return (vector){ vdupq_n_f32(x), vdupq_n_f32(x) }; }
static inline vector vector_zero(void) { return vector_all(0); }
static inline vector vector_load(const float *p) { return (vector){ vld1q_f32(p), vld1q_f32(p + 4) }; }
static inline void vector_store(float *p, vector x)
{
    vst1q_f32(p, x.low);
    vst1q_f32(p + 4, x.high);
}
static inline vector vector_add(vector x, vector y) { return (vector){ vaddq_f32(x.low, y.low), vaddq_f32(x.high, y.high) }; }
static inline vector vector_sub(vector x, vector y) { return (vector){ vsubq_f32(x.low, y.low), vsubq_f32(x.high, y.high) }; }
static inline vector vector_mul(vector x, vector y) { return (vector){ vmulq_f32(x.low, y.low), vmulq_f32(x.high, y.high) }; }
static inline vector vector_max(vector x, vector y) /* NaN where x or y is */
{
    return (vector){ vmaxq_f32(x.low, y.low), vmaxq_f32(x.high, y.high) };
}
/* x*y + z, rounded once */
static inline vector vector_fma(vector x, vector y, vector z)
{
    return (vector){ vfmaq_f32(z.low, x.low, y.low), vfmaq_f32(z.high, x.high, y.high) };
}
static inline lane_mask mask_of(int count) { return count < 0 ? 0 : count > LANES ? LANES : count; }
static inline vector vector_load_lanes(const float *p, const lane_mask *m)
{
    if (*m == LANES)
        return vector_load(p);
    float lanes[LANES] = { 0 };
    for (int i = 0; i < *m; i++)
        lanes[i] = p[i];
    return vector_load(lanes);
}
static inline void vector_store_lanes(float *p, const lane_mask *m, vector x)
{
    float lanes[LANES];
    if (*m == LANES) {
        vector_store(p, x);
        return;
    }
    vector_store(lanes, x);
    for (int i = 0; i < *m; i++)
        p[i] = lanes[i];
}
#endif
