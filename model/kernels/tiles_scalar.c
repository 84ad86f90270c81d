/* model/kernels/tiles_scalar.c — tiles.h in plain C: the fallback for any CPU and the text that the other files repeat with registers.
 *
 * 4 pixels x 8 outputs: with 128-bit vectors (SSE2, NEON) 8 sums, 2 B and a broadcast. Multiply, then add: no FMA is assumed. */
#include "model/kernels/tiles.h"

enum { WIDTH = 8 };

static inline float finish(const model_tile *t, float sum, int output, float old)
{
    sum += t->bias ? t->bias[output] : 0.0f;
    sum += t->accumulate ? old : 0.0f;
    return t->relu && sum < 0 ? 0.0f : sum;
}

static inline __attribute__((always_inline)) void plain(const model_tile *t, const int pixels, const int vectors)
{
    float sums[4][2 * WIDTH] = { { 0 } };
    for (int r = 0; r < t->runs; r++) {
        const char *a = (const char *)t->a[r];
        const float *b = t->b[r];
        for (long k = 0; k < t->steps; k++, a += sizeof(float), b += vectors * WIDTH)
            for (int m = 0; m < pixels; m++) {
                float x = *(const float *)(const void *)(a + (size_t)m * t->a_step);
#pragma omp simd
                for (int i = 0; i < vectors * WIDTH; i++)
                    sums[m][i] += x * b[i];
            }
    }
    for (int m = 0; m < pixels; m++) {
        float *c = (float *)(void *)((char *)t->c + (size_t)m * t->c_step);
        for (int i = 0; i < t->outputs; i++)
            c[i] = finish(t, sums[m][i], i, t->accumulate ? c[i] : 0);
    }
}

static inline __attribute__((always_inline)) void wtile(const model_wtile *t, const int channels, const int vectors)
{
    float sums[4][3 * WIDTH];
    for (int m = 0; m < channels; m++)
        for (int i = 0; i < vectors * WIDTH; i++)
            sums[m][i] = t->fresh ? 0 : ((const float *)(const void *)((char *)t->sums + (size_t)m * t->sums_step))[i];
    for (int r = 0; r < t->rows; r++) {
        long cols = r + 1 < t->rows ? t->cols : t->last_cols;
        for (long q = 0; q < cols; q++) {
            const float *g = (const float *)(const void *)((const char *)t->g + (size_t)r * t->g_row + (size_t)q * t->g_step);
            for (int v = 0; v < vectors; v++) {
                const float *x =
                    (const float *)(const void *)((const char *)t->x[v] + (size_t)r * t->x_row + (size_t)q * t->x_step);
                for (int m = 0; m < channels; m++) {
#pragma omp simd
                    for (int i = 0; i < WIDTH; i++)
                        sums[m][v * WIDTH + i] += g[m] * x[i];
                }
            }
        }
    }
    for (int m = 0; m < channels; m++)
        for (int i = 0; i < vectors * WIDTH; i++)
            ((float *)(void *)((char *)t->sums + (size_t)m * t->sums_step))[i] = sums[m][i];
}

#define INSTANCES(m)                                                                                                           \
    static void plain1_##m(const model_tile *t) { plain(t, m, 1); }                                                            \
    static void plain2_##m(const model_tile *t) { plain(t, m, 2); }                                                            \
    static void wtile1_##m(const model_wtile *t) { wtile(t, m, 1); }                                                           \
    static void wtile2_##m(const model_wtile *t) { wtile(t, m, 2); }                                                           \
    static void wtile3_##m(const model_wtile *t) { wtile(t, m, 3); }
INSTANCES(1)
INSTANCES(2)
INSTANCES(3)
INSTANCES(4)
#define TABLE(name)                                                                                                            \
    {                                                                                                                          \
        0, name##_1, name##_2, name##_3, name##_4                                                                              \
    }
static const model_tile_run plain1_table[] = TABLE(plain1), plain2_table[] = TABLE(plain2);
static const model_wtile_run wtile1_table[] = TABLE(wtile1), wtile2_table[] = TABLE(wtile2), wtile3_table[] = TABLE(wtile3);

const model_tiles model_tiles_scalar = {
    .width = WIDTH,
    .plain2_max = 4,
    .plain1_max = 4,
    .plain2 = plain2_table,
    .plain1 = plain1_table,
    .channels_max = 4,
    .wtile = { wtile1_table, wtile2_table, wtile3_table },
};
