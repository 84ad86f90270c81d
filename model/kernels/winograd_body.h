/* model/kernels/winograd_body.h — the source of the transforms of winograd_transforms.h, compiled once per instruction set. The including
 * file names the table (WINOGRAD) and includes what a vector is (vector_*.h).
 *
 * Channels are the vector axis. Both transforms go through a small buffer that stays in L1: first one way, then the other, so that
 * six vectors in and six out fit the registers of any level. Neighbouring tiles share two columns of inputs, which are transformed
 * along their height once. */
#include "model/kernels/winograd_transforms.h"
#include <math.h>
#include <string.h>

#define TEMPLATE static inline __attribute__((always_inline))
#define CHUNK    8 /* tiles whose columns are in the buffer at once: 34 x 6 vectors, 13 KiB of 64-byte ones */

/* For each of the m + 2 positions of a line; constants, so that arrays become registers. */
#define EACH_SIDE(X)                                                                                                           \
    X(0)                                                                                                                       \
    X(1)                                                                                                                       \
    X(2)                                                                                                                       \
    X(3)                                                                                                                       \
    if (m == 4) {                                                                                                              \
        X(4)                                                                                                                   \
        X(5)                                                                                                                   \
    }

static const float root_half = 0.70710678118654752f, root_two = 1.41421356237309505f;

/* m + 2 inputs of one line. */
TEMPLATE void input_line(const int m, const vector d[WINOGRAD_SIDE], vector r[WINOGRAD_SIDE])
{
    if (m == 2) {
        r[0] = vector_sub(d[0], d[2]);
        r[1] = vector_add(d[2], d[1]);
        r[2] = vector_sub(d[2], d[1]);
        r[3] = vector_sub(d[3], d[1]);
        return;
    }
    vector even_a = vector_fma(vector_all(-2), d[2], d[4]), odd_a = vector_fma(vector_all(-2), d[1], d[3]);
    vector even_b = vector_fma(vector_all(-0.5f), d[2], d[4]), odd_b = vector_fma(vector_all(-0.5f), d[1], d[3]);
    r[0] = vector_fma(vector_all(-2.5f), d[2], vector_add(d[0], d[4]));
    r[1] = vector_fma(vector_all(root_half), odd_a, even_a);
    r[2] = vector_fma(vector_all(-root_half), odd_a, even_a);
    r[3] = vector_fma(vector_all(root_two), odd_b, even_b);
    r[4] = vector_fma(vector_all(-root_two), odd_b, even_b);
    r[5] = vector_fma(vector_all(-2.5f), d[3], vector_add(d[1], d[5]));
}

/* m outputs of one line of m + 2 products. */
TEMPLATE void output_line(const int m, const vector p[WINOGRAD_SIDE], vector r[4])
{
    vector sum_a = vector_add(p[1], p[2]), odd_a = vector_sub(p[1], p[2]);
    if (m == 2) {
        r[0] = vector_add(p[0], sum_a);
        r[1] = vector_add(odd_a, p[3]);
        return;
    }
    vector sum_b = vector_add(p[3], p[4]), odd_b = vector_sub(p[3], p[4]);
    r[0] = vector_add(p[0], vector_add(sum_a, sum_b));
    r[1] = vector_mul(vector_all(root_half), vector_fma(vector_all(2), odd_b, odd_a)); /* b = 2a */
    r[2] = vector_fma(vector_all(2), sum_b, vector_mul(vector_all(0.5f), sum_a));
    r[3] = vector_fma(vector_all(2 * root_two), odd_b, vector_fma(vector_all(root_half / 2), odd_a, p[5]));
}

/* ---- inputs ---- */

/* Inputs of one column, transformed along its height, to t. Rows beside the image have step 0 and point to zeros. */
TEMPLATE void input_column(const int m, const float *const rows[WINOGRAD_SIDE], const size_t steps[WINOGRAD_SIDE], size_t x,
                           const lane_mask *lanes, float *t)
{
    vector d[WINOGRAD_SIDE], r[WINOGRAD_SIDE];
#define LOAD(i) d[i] = vector_load_lanes(rows[i] + x * steps[i], lanes);
    EACH_SIDE(LOAD)
#undef LOAD
    input_line(m, d, r);
#define STORE(i) vector_store(t + i * LANES, r[i]);
    EACH_SIDE(STORE)
#undef STORE
}

/* One tile from its transformed columns. */
TEMPLATE void input_tile(const int m, const float *t, float *v, size_t position)
{
    for (int i = 0; i < m + 2; i++, t += LANES, v += (m + 2) * (long)position) {
        vector d[WINOGRAD_SIDE], r[WINOGRAD_SIDE];
#define LOAD(j) d[j] = vector_load(t + j * (m + 2) * LANES);
        EACH_SIDE(LOAD)
#undef LOAD
        input_line(m, d, r);
#define STORE(j) vector_store(v + j * position, r[j]);
        EACH_SIDE(STORE)
#undef STORE
    }
}

TEMPLATE void input(const int m, const winograd_input *t)
{
    static const float zeros[LANES];
    float buffer[(CHUNK * 4 + 2) * WINOGRAD_SIDE * LANES] __attribute__((aligned(64)));
    for (int begin = 0; begin < t->tiles; begin += CHUNK) {
        int tiles = t->tiles - begin < CHUNK ? t->tiles - begin : CHUNK, first = t->first + begin * m;
        for (int c = 0; c < t->channels; c += LANES) {
            const lane_mask lanes = mask_of(t->channels - c);
            const float *rows[WINOGRAD_SIDE];
            size_t steps[WINOGRAD_SIDE];
            for (int i = 0; i < m + 2; i++) {
                rows[i] = t->rows[i] ? t->rows[i] + c : zeros;
                steps[i] = t->rows[i] ? t->pitch : 0;
            }
            for (int i = 0, done = 0; i < tiles; i++) {
                for (; done < i * m + m + 2; done++) {
                    float *to = buffer + (size_t)done * (m + 2) * LANES;
                    if (first + done >= 0 && first + done < t->columns)
                        input_column(m, rows, steps, (size_t)(first + done), &lanes, to);
                    else
                        memset(to, 0, (m + 2) * LANES * sizeof *to);
                }
                input_tile(m, buffer + (size_t)i * m * (m + 2) * LANES, t->v + (size_t)(begin + i) * t->v_tile + c,
                           t->v_position);
            }
        }
    }
}

/* ---- outputs ---- */

typedef struct epilogue {
    lane_mask lanes;
    vector bias, least;
    bool accumulate;
} epilogue;

TEMPLATE void finish(const epilogue *e, float *dst, vector x)
{
    x = vector_add(x, e->bias);
    if (e->accumulate)
        x = vector_add(x, vector_load_lanes(dst, &e->lanes));
    vector_store_lanes(dst, &e->lanes, vector_max(e->least, x)); /* NaN passes: the second operand wins */
}

/* One tile of one vector of channels: products along the height to a buffer, then each row of outputs. */
TEMPLATE void output_tile(const int m, const winograd_output *t, const epilogue *e, const float *y, float *dst, int columns)
{
    float buffer[4][WINOGRAD_SIDE][LANES] __attribute__((aligned(64)));
    for (int j = 0; j < m + 2; j++, y += t->y_position) {
        vector p[WINOGRAD_SIDE], r[4];
#define LOAD(i) p[i] = vector_load(y + i * (m + 2) * t->y_position);
        EACH_SIDE(LOAD)
#undef LOAD
        output_line(m, p, r);
        vector_store(buffer[0][j], r[0]);
        vector_store(buffer[1][j], r[1]);
        if (m == 4) {
            vector_store(buffer[2][j], r[2]);
            vector_store(buffer[3][j], r[3]);
        }
    }
    for (int k = 0; k < m && k < t->rows; k++, dst += t->row) {
        for (int j = 0; j < m && columns > 2 * m; j++) /* of the next tile: a store to a line that is not there waits for it */
            __builtin_prefetch(dst + (size_t)(m + j) * t->pixel, 1);
        vector p[WINOGRAD_SIDE], r[4];
#define LOAD(j) p[j] = vector_load(buffer[k][j]);
        EACH_SIDE(LOAD)
#undef LOAD
        output_line(m, p, r);
        finish(e, dst, r[0]);
        if (columns > 1)
            finish(e, dst + t->pixel, r[1]);
        if (m == 4 && columns > 2)
            finish(e, dst + 2 * t->pixel, r[2]);
        if (m == 4 && columns > 3)
            finish(e, dst + 3 * t->pixel, r[3]);
    }
}

TEMPLATE void output(const int m, const winograd_output *t)
{
    static const float zeros[LANES];
    for (int i = 0; i < t->tiles; i++)
        for (int c = 0; c < t->channels; c += LANES) {
            epilogue e = { .lanes = mask_of(t->channels - c), .accumulate = t->accumulate };
            e.bias = vector_load_lanes(t->bias ? t->bias + c : zeros, &e.lanes);
            e.least = vector_all(t->relu ? 0.0f : -INFINITY);
            output_tile(m, t, &e, t->y + (size_t)i * t->y_tile + c, t->dst + (size_t)(i * m) * t->pixel + c,
                        t->columns - i * m);
        }
}

/* ---- weights, in double ---- */

typedef struct weight_line {
    double r[WINOGRAD_SIDE];
} weight_line;

TEMPLATE weight_line weights_of_line(const int m, double g0, double g1, double g2)
{
    if (m == 2)
        return (weight_line){ { g0, (g0 + g2 + g1) * 0.5, (g0 + g2 - g1) * 0.5, g2 } };
    double even_a = g0 + 0.5 * g2, odd_a = M_SQRT1_2 * g1, even_b = g0 + 2 * g2, odd_b = M_SQRT2 * g1;
    return (weight_line){ { g0, (even_a + odd_a) * (-2.0 / 3), (even_a - odd_a) * (-2.0 / 3), (even_b + odd_b) * (1.0 / 6),
                            (even_b - odd_b) * (1.0 / 6), g2 } };
}

TEMPLATE void weights(const int m, const double g[9][WINOGRAD_OUTPUTS], float *u, size_t position, int step)
{
    double half[WINOGRAD_SIDE][3][WINOGRAD_OUTPUTS];
    float done[WINOGRAD_SIDE][WINOGRAD_SIDE][WINOGRAD_OUTPUTS];
    for (int j = 0; j < 3; j++) {
#pragma omp simd
        for (int o = 0; o < WINOGRAD_OUTPUTS; o++) {
            weight_line l = weights_of_line(m, g[j][o], g[3 + j][o], g[6 + j][o]);
            half[0][j][o] = l.r[0], half[1][j][o] = l.r[1], half[2][j][o] = l.r[2], half[3][j][o] = l.r[3];
            if (m == 4)
                half[4][j][o] = l.r[4], half[5][j][o] = l.r[5];
        }
    }
    for (int i = 0; i < m + 2; i++) {
#pragma omp simd
        for (int o = 0; o < WINOGRAD_OUTPUTS; o++) {
            weight_line l = weights_of_line(m, half[i][0][o], half[i][1][o], half[i][2][o]);
            done[i][0][o] = (float)l.r[0], done[i][1][o] = (float)l.r[1];
            done[i][2][o] = (float)l.r[2], done[i][3][o] = (float)l.r[3];
            if (m == 4)
                done[i][4][o] = (float)l.r[4], done[i][5][o] = (float)l.r[5];
        }
    }
    for (int i = 0; i < m + 2; i++)
        for (int j = 0; j < m + 2; j++, u += position) {
            if (step == 1)
                memcpy(u, done[i][j], sizeof done[i][j]);
            else
                for (int o = 0; o < WINOGRAD_OUTPUTS; o++)
                    u[o * step] = done[i][j][o];
        }
}

/* ---- gradients of weights ---- */

/* m gradients of outputs of one line. */
TEMPLATE void gradient_line(const int m, const vector y[4], vector r[WINOGRAD_SIDE])
{
    r[0] = y[0];
    if (m == 2) {
        r[1] = vector_add(y[0], y[1]);
        r[2] = vector_sub(y[0], y[1]);
        r[3] = y[1];
        return;
    }
    vector even_a = vector_fma(vector_all(0.5f), y[2], y[0]), odd_a = vector_fma(vector_all(0.5f), y[3], y[1]);
    vector even_b = vector_fma(vector_all(2), y[2], y[0]), odd_b = vector_fma(vector_all(2), y[3], y[1]);
    r[1] = vector_fma(vector_all(root_half), odd_a, even_a);
    r[2] = vector_fma(vector_all(-root_half), odd_a, even_a);
    r[3] = vector_fma(vector_all(root_two), odd_b, even_b);
    r[4] = vector_fma(vector_all(-root_two), odd_b, even_b);
    r[5] = y[3];
}

/* For each of the m rows or columns of a tile of outputs. */
#define EACH_OUTPUT(X)                                                                                                         \
    X(0)                                                                                                                       \
    X(1)                                                                                                                       \
    if (m == 4) {                                                                                                              \
        X(2)                                                                                                                   \
        X(3)                                                                                                                   \
    }

TEMPLATE void gradient_tile(const int m, const winograd_input *t, int c, int x, float *v)
{
    const lane_mask lanes = mask_of(t->channels - c);
    float buffer[WINOGRAD_SIDE][4][LANES] __attribute__((aligned(64)));
    for (int j = 0; j < m; j++) {
        vector y[4], r[WINOGRAD_SIDE];
        bool inside = x + j < t->columns;
        size_t at = (size_t)(x + j) * t->pitch + (size_t)c;
#define LOAD(i) y[i] = inside && t->rows[i] ? vector_load_lanes(t->rows[i] + at, &lanes) : vector_zero();
        EACH_OUTPUT(LOAD)
#undef LOAD
        gradient_line(m, y, r);
#define STORE(i) vector_store(buffer[i][j], r[i]);
        EACH_SIDE(STORE)
#undef STORE
    }
    for (int i = 0; i < m + 2; i++, v += (m + 2) * (long)t->v_position) {
        vector y[4], r[WINOGRAD_SIDE];
#define LOAD(j) y[j] = vector_load(buffer[i][j]);
        EACH_OUTPUT(LOAD)
#undef LOAD
        gradient_line(m, y, r);
#define STORE(j) vector_store(v + j * t->v_position, r[j]);
        EACH_SIDE(STORE)
#undef STORE
    }
}

TEMPLATE void gradient(const int m, const winograd_input *t)
{
    for (int i = 0; i < t->tiles; i++)
        for (int c = 0; c < t->channels; c += LANES)
            gradient_tile(m, t, c, t->first + i * m, t->v + (size_t)i * t->v_tile + c);
}

/* Three taps of one line of m + 2 sums. */
TEMPLATE void weight_gradient_line(const int m, const vector q[WINOGRAD_SIDE], vector r[3])
{
    vector sum_a = vector_add(q[1], q[2]), odd_a = vector_sub(q[1], q[2]);
    if (m == 2) {
        r[0] = vector_fma(vector_all(0.5f), sum_a, q[0]);
        r[1] = vector_mul(vector_all(0.5f), odd_a);
        r[2] = vector_fma(vector_all(0.5f), sum_a, q[3]);
        return;
    }
    vector sum_b = vector_add(q[3], q[4]), odd_b = vector_sub(q[3], q[4]);
    r[0] = vector_fma(vector_all(-2.0f / 3), sum_a, vector_fma(vector_all(1.0f / 6), sum_b, q[0]));
    r[1] = vector_fma(vector_all(-2.0f / 3 * root_half), odd_a, vector_mul(vector_all(1.0f / 6 * root_two), odd_b));
    r[2] = vector_fma(vector_all(1.0f / 3), vector_sub(sum_b, sum_a), q[5]);
}

TEMPLATE void weight_gradient(const int m, const float *sums, size_t position, int channels, float *grad)
{
    for (int c = 0; c < channels; c += LANES, sums += LANES, grad += 9 * LANES) {
        float half[3][WINOGRAD_SIDE][LANES] __attribute__((aligned(64))), taps[9][LANES] __attribute__((aligned(64)));
        for (int j = 0; j < m + 2; j++) {
            vector q[WINOGRAD_SIDE], r[3];
#define LOAD(i) q[i] = vector_load(sums + (i * (m + 2) + j) * position);
            EACH_SIDE(LOAD)
#undef LOAD
            weight_gradient_line(m, q, r);
            vector_store(half[0][j], r[0]);
            vector_store(half[1][j], r[1]);
            vector_store(half[2][j], r[2]);
        }
        for (int i = 0; i < 3; i++) {
            vector q[WINOGRAD_SIDE], r[3];
#define LOAD(j) q[j] = vector_load(half[i][j]);
            EACH_SIDE(LOAD)
#undef LOAD
            weight_gradient_line(m, q, r);
            vector_store(taps[3 * i], r[0]);
            vector_store(taps[3 * i + 1], r[1]);
            vector_store(taps[3 * i + 2], r[2]);
        }
        int count = channels - c < LANES ? channels - c : LANES;
        for (int l = 0; l < count; l++)
            for (int k = 0; k < 9; k++)
                grad[9 * l + k] = taps[k][l];
    }
}

/* ---- instances ---- */

static void input2(const winograd_input *t) { input(2, t); }
static void input4(const winograd_input *t) { input(4, t); }
static void output2(const winograd_output *t) { output(2, t); }
static void output4(const winograd_output *t) { output(4, t); }
static void weights2(const double g[9][WINOGRAD_OUTPUTS], float *u, size_t position, int step)
{
    weights(2, g, u, position, step);
}
static void weights4(const double g[9][WINOGRAD_OUTPUTS], float *u, size_t position, int step)
{
    weights(4, g, u, position, step);
}
static void gradient2(const winograd_input *t) { gradient(2, t); }
static void gradient4(const winograd_input *t) { gradient(4, t); }
static void weight_gradient2(const float *sums, size_t position, int channels, float *grad)
{
    weight_gradient(2, sums, position, channels, grad);
}
static void weight_gradient4(const float *sums, size_t position, int channels, float *grad)
{
    weight_gradient(4, sums, position, channels, grad);
}

const model_winograd WINOGRAD[2] = { { input2, output2, weights2, gradient2, weight_gradient2 },
                                     { input4, output4, weights4, gradient4, weight_gradient4 } };
