/* model/kernels/vector_scalar.h — inside the kernels: a vector of 4 floats in plain C (SSE2 and NEON have registers of that size),
 * as the bodies compiled per instruction set see it. Multiply, then add: no FMA is assumed. */
#ifndef MODEL_KERNELS_VECTOR_SCALAR_H
#define MODEL_KERNELS_VECTOR_SCALAR_H
#include <string.h>

#define LANES 4
typedef float vector __attribute__((vector_size(16)));
typedef int lane_mask; /* lanes that count */

static inline vector vector_all(float x) { return (vector){ x, x, x, x }; }
static inline vector vector_zero(void) { return vector_all(0); }
static inline vector vector_load(const float *p)
{
    vector x;
    memcpy(&x, p, sizeof x);
    return x;
}
static inline void vector_store(float *p, vector x) { memcpy(p, &x, sizeof x); }
/* Where a CPU can: to memory past the caches. */
static inline void vector_store_past(float *p, vector x) { vector_store(p, x); }
static inline void vector_fence(void) {}
static inline vector vector_add(vector x, vector y) { return x + y; }
static inline vector vector_sub(vector x, vector y) { return x - y; }
static inline vector vector_mul(vector x, vector y) { return x * y; }
static inline vector vector_max(vector x, vector y)
{
    for (int i = 0; i < LANES; i++)
        x[i] = x[i] > y[i] ? x[i] : y[i];
    return x;
}
static inline vector vector_fma(vector x, vector y, vector z) { return x * y + z; }
/* z where x > y, else 0 */
static inline vector vector_where_above(vector x, vector y, vector z)
{
    for (int i = 0; i < LANES; i++)
        z[i] = x[i] > y[i] ? z[i] : 0;
    return z;
}
static inline lane_mask mask_of(int count) { return count < 0 ? 0 : count > LANES ? LANES : count; }
static inline vector vector_load_lanes(const float *p, const lane_mask *m)
{
    if (*m == LANES)
        return vector_load(p);
    vector x = vector_zero();
    for (int i = 0; i < *m; i++)
        x[i] = p[i];
    return x;
}
static inline void vector_store_lanes(float *p, const lane_mask *m, vector x)
{
    if (*m == LANES)
        vector_store(p, x);
    else
        for (int i = 0; i < *m; i++)
            p[i] = x[i];
}
#endif
