/* model/kernels/batchnorm_body.h — the loops of batch normalisation, a part of loops_body.h. The including file says what a vector is
 * (vector_*.h).
 *
 * UNITS vectors side by side are one row: both sums of each stay in registers for BLOCK rows. Few channels are repeated, as in
 * loops_body.h; many are taken UNITS vectors at a time. Compiled for each number of vectors, so that arrays become registers. */
#define UNITS    (LANES == 16 ? 8 : 4)
#define ROW      (UNITS * LANES) /* floats, WIDE at most */
#define BLOCK    64              /* rows summed before they are added to what was before: fewer roundings in a row */
#define TEMPLATE static inline __attribute__((always_inline))

/* How pixels become rows. */
typedef struct sum_grid {
    size_t rows, repeat, last; /* whole rows, pixels of each, pixels that are left */
    int width;                 /* floats of a row */
    bool packed;               /* channels of a slice that would not fill a vector: rows are copied together first */
} sum_grid;

static sum_grid sum_grid_make(size_t pixels, int channels, bool dense)
{
    sum_grid g = { .repeat = 1, .packed = !dense && channels < LANES };
    if (channels <= ROW / 2 && (dense || g.packed))
        g.repeat = (size_t)(ROW / channels);
    g.rows = pixels / g.repeat;
    g.last = pixels % g.repeat;
    g.width = (int)g.repeat * channels;
    return g;
}

/* left[i] += sum over rows of x - middle, square[i] += sum of its square; the last of the vectors may be a part of one. At most BLOCK
 * rows. */
TEMPLATE void moments_of(const int units, size_t rows, const float *x, size_t step, int width, const float *middle, float *left,
                         float *square)
{
    lane_mask tail = mask_of(width - (units - 1) * LANES);
    vector m[UNITS], l[UNITS], s[UNITS];
#pragma GCC unroll 8
    for (int j = 0; j < units; j++) {
        m[j] = vector_load(middle + j * LANES);
        l[j] = s[j] = vector_zero();
    }
    for (size_t r = 0; r < rows; r++, x += step) {
#pragma GCC unroll 8
        for (int j = 0; j < units; j++) {
            vector v = j + 1 < units ? vector_load(x + j * LANES) : vector_load_lanes(x + j * LANES, &tail);
            v = vector_sub(v, m[j]);
            l[j] = vector_add(l[j], v);
            s[j] = vector_fma(v, v, s[j]);
        }
    }
#pragma GCC unroll 8
    for (int j = 0; j < units; j++) {
        vector_store(left + j * LANES, vector_add(vector_load(left + j * LANES), l[j]));
        vector_store(square + j * LANES, vector_add(vector_load(square + j * LANES), s[j]));
    }
}

/* Constants of batchnorm_sums, per channel or repeated; whole vectors. */
typedef struct sum_terms {
    const float *scale, *shift, *mean;
    float least;
} sum_terms;

/* sums[i] += sum over rows of g where x*scale + shift exceeds `least`, products[i] += sum of that times x - mean. At most BLOCK rows. */
TEMPLATE void products_of(const int units, size_t rows, const float *x, size_t x_step, const float *g, size_t g_step, int width,
                          const sum_terms *t, float *sums, float *products)
{
    lane_mask tail = mask_of(width - (units - 1) * LANES);
    vector s[UNITS], p[UNITS], least = vector_all(t->least);
#pragma GCC unroll 8
    for (int j = 0; j < units; j++)
        s[j] = p[j] = vector_zero();
    for (size_t r = 0; r < rows; r++, x += x_step, g += g_step) {
#pragma GCC unroll 8
        for (int j = 0; j < units; j++) {
            bool whole = j + 1 < units;
            vector v = whole ? vector_load(x + j * LANES) : vector_load_lanes(x + j * LANES, &tail);
            vector k = whole ? vector_load(g + j * LANES) : vector_load_lanes(g + j * LANES, &tail);
            vector y = vector_add(vector_mul(v, vector_load(t->scale + j * LANES)), vector_load(t->shift + j * LANES));
            k = vector_where_above(y, least, k);
            s[j] = vector_add(s[j], k);
            p[j] = vector_fma(k, vector_sub(v, vector_load(t->mean + j * LANES)), p[j]);
        }
    }
#pragma GCC unroll 8
    for (int j = 0; j < units; j++) {
        vector_store(sums + j * LANES, vector_add(vector_load(sums + j * LANES), s[j]));
        vector_store(products + j * LANES, vector_add(vector_load(products + j * LANES), p[j]));
    }
}

#define EACH_UNITS(width, call)                                                                                                \
    switch (((width) + LANES - 1) / LANES) {                                                                                   \
    case 1: call(1); break;                                                                                                    \
    case 2: call(2); break;                                                                                                    \
    case 3: call(3); break;                                                                                                    \
    case 4:                                                                                                                    \
        call(4);                                                                                                               \
        break;                                                                                                                 \
        EACH_UNITS_ABOVE_4(call)                                                                                               \
    }
#if LANES == 16
#define EACH_UNITS_ABOVE_4(call)                                                                                               \
    case 5: call(5); break;                                                                                                    \
    case 6: call(6); break;                                                                                                    \
    case 7: call(7); break;                                                                                                    \
    case 8:                                                                                                                    \
        call(8);                                                                                                               \
        break;
#else
#define EACH_UNITS_ABOVE_4(call)
#endif

static void moments_rows(size_t rows, const float *x, size_t step, int width, const float *middle, float *left, float *square)
{
    for (size_t r = 0; r < rows; r += BLOCK, x += BLOCK * step) {
        size_t some = rows - r < BLOCK ? rows - r : BLOCK;
#define CALL(units) moments_of(units, some, x, step, width, middle, left, square)
        EACH_UNITS(width, CALL)
    }
#undef CALL
}

static void products_rows(size_t rows, const float *x, size_t x_step, const float *g, size_t g_step, int width,
                          const sum_terms *t, float *sums, float *products)
{
    for (size_t r = 0; r < rows; r += BLOCK, x += BLOCK * x_step, g += BLOCK * g_step) {
        size_t some = rows - r < BLOCK ? rows - r : BLOCK;
#define CALL(units) products_of(units, some, x, x_step, g, g_step, width, t, sums, products)
        EACH_UNITS(width, CALL)
    }
#undef CALL
}

/* values[first ..] of `count` channels as often as `width` holds them, then zeros. */
static void repeat_values(const float *values, int count, int width, float wide[ROW])
{
    for (int i = 0; i < ROW; i++)
        wide[i] = i < width ? values[i % count] : 0;
}

/* Values less a guess of their mean, the first pixels' average, are summed with their squares in one look: what a guess that lies some
 * deviations beside the mean costs is that square's part of the variance, a few units in the last place. */
static void loop_moments(size_t pixels, int channels, const float *a, int a_pitch, float *means, float *squares)
{
    sum_grid g = sum_grid_make(pixels, channels, a_pitch == channels);
    size_t guessed = pixels < 4 ? pixels : 4, step = g.repeat * (size_t)a_pitch;
    memset(means, 0, (size_t)channels * sizeof *means);
    for (size_t p = 0; p < guessed; p++) {
        const float *x = a + p * (size_t)a_pitch;
        FOR_VALUES(channels, { means[i] += x[i] / (float)guessed; });
    }
    for (int first = 0; first < g.width; first += ROW) {
        int width = g.width - first < ROW ? g.width - first : ROW, count = channels - first < width ? channels - first : width;
        float middle[ROW], left[ROW] = { 0 }, square[ROW] = { 0 }, row[ROW], lefts[ROW];
        repeat_values(means + first, count, width, middle);
        if (!g.packed)
            moments_rows(g.rows, a + first, step, width, middle, left, square);
        for (size_t r = 0; g.packed && r < g.rows; r++) {
            model_copy_pixels(row, (size_t)channels, a + r * step, (size_t)a_pitch, channels, g.repeat);
            moments_rows(1, row, 0, width, middle, left, square);
        }
        if (g.last > 0) {
            memcpy(row, middle, sizeof row);
            model_copy_pixels(row, (size_t)channels, a + g.rows * step, (size_t)a_pitch, channels, g.last);
            moments_rows(1, row, 0, width, middle, left, square);
        }
        fold(left, count, width, lefts);
        fold(square, count, width, squares + first);
        for (int c = 0; c < count; c++) {
            means[first + c] += lefts[c] / (float)pixels;
            squares[first + c] -= lefts[c] * lefts[c] / (float)pixels;
            squares[first + c] = squares[first + c] > 0 ? squares[first + c] : 0;
        }
    }
}

static void loop_batchnorm_sums(size_t pixels, int channels, bool relu, const float *a, int a_pitch, const float *grad,
                                int grad_pitch, const float *scale, const float *shift, const float *mean, float *sums,
                                float *products)
{
    sum_grid g = sum_grid_make(pixels, channels, a_pitch == channels && grad_pitch == channels);
    size_t x_step = g.repeat * (size_t)a_pitch, g_step = g.repeat * (size_t)grad_pitch;
    for (int first = 0; first < g.width; first += ROW) {
        int width = g.width - first < ROW ? g.width - first : ROW, count = channels - first < width ? channels - first : width;
        float wide[3][ROW], s[ROW] = { 0 }, p[ROW] = { 0 }, x[ROW], k[ROW];
        repeat_values(scale + first, count, width, wide[0]);
        repeat_values(shift + first, count, width, wide[1]);
        repeat_values(mean + first, count, width, wide[2]);
        sum_terms t = { wide[0], wide[1], wide[2], relu ? 0 : -INFINITY };
        if (!g.packed)
            products_rows(g.rows, a + first, x_step, grad + first, g_step, width, &t, s, p);
        for (size_t r = 0; r < g.rows + (g.last > 0); r++) {
            if (!g.packed && r < g.rows)
                continue;
            size_t here = r < g.rows ? g.repeat : g.last;
            memset(k, 0, sizeof k);
            memcpy(x, wide[2], sizeof x);
            model_copy_pixels(x, (size_t)channels, a + r * x_step, (size_t)a_pitch, channels, here);
            model_copy_pixels(k, (size_t)channels, grad + r * g_step, (size_t)grad_pitch, channels, here);
            products_rows(1, x, 0, k, 0, width, &t, s, p);
        }
        fold(s, count, width, sums + first);
        fold(p, count, width, products + first);
    }
}

/* ---- apply ---- */

static void loop_affine(size_t pixels, int channels, bool relu, bool past, const float *a, int a_pitch, const float *scale,
                        const float *shift, float *dst, int dst_pitch)
{
    sum_grid g = sum_grid_make(pixels, channels, a_pitch == channels && dst_pitch == channels);
    if (g.packed) /* pixel by pixel */
        g = (sum_grid){ pixels, 1, 0, channels, false };
    size_t x_step = g.repeat * (size_t)a_pitch, y_step = g.repeat * (size_t)dst_pitch;
    vector least = vector_all(relu ? 0 : -INFINITY);
    past = past && channels % LANES == 0 && dst_pitch % LANES == 0 && (uintptr_t)dst % sizeof(vector) == 0;
    for (int first = 0; first < g.width; first += ROW) {
        int width = g.width - first < ROW ? g.width - first : ROW, count = channels - first < width ? channels - first : width;
        float wide[2][ROW];
        repeat_values(scale + first, count, width, wide[0]);
        repeat_values(shift + first, count, width, wide[1]);
        for (size_t r = 0; r < g.rows + (g.last > 0); r++) {
            const float *x = a + first + r * x_step;
            float *y = dst + first + r * y_step;
            int here = r < g.rows ? width : (int)g.last * channels;
            for (int j = 0; j < here; j += LANES) {
                vector k = vector_load(wide[0] + j), h = vector_load(wide[1] + j);
                if (past) {
                    vector_store_past(y + j, vector_max(vector_add(vector_mul(vector_load(x + j), k), h), least));
                } else if (j + LANES <= here) {
                    vector_store(y + j, vector_max(vector_add(vector_mul(vector_load(x + j), k), h), least));
                } else {
                    lane_mask tail = mask_of(here - j);
                    vector v = vector_add(vector_mul(vector_load_lanes(x + j, &tail), k), h);
                    vector_store_lanes(y + j, &tail, vector_max(v, least));
                }
            }
        }
    }
    if (past)
        vector_fence();
}

/* ---- gradients behind a pool ---- */

/* Two rows of x as `width` 2x2 windows, of which y = x*scale + shift, ReLU, was pooled: the pool's gradient goes to (accumulate: is added
 * at) the first largest y of each window; then the sums of batchnorm_sums over both rows. */
static void loop_batchnorm_pool_sums(int width, int channels, bool relu, bool accumulate, const float *x, int x_pitch,
                                     const float *pooled, int pooled_pitch, float *g, int g_pitch, const float *scale,
                                     const float *shift, const float *mean, float *sums, float *products)
{
    size_t x_row = 2 * (size_t)width * (size_t)x_pitch, g_row = 2 * (size_t)width * (size_t)g_pitch;
    vector zero = vector_zero(), least = vector_all(relu ? 0 : -INFINITY);
    memset(sums, 0, (size_t)channels * sizeof *sums);
    memset(products, 0, (size_t)channels * sizeof *products);
    for (int i = 0; i < width; i++, x += 2 * (size_t)x_pitch, g += 2 * (size_t)g_pitch, pooled += pooled_pitch)
        for (int c = 0; c < channels; c += LANES) {
            lane_mask m = mask_of(channels - c);
            vector k = vector_load_lanes(scale + c, &m), h = vector_load_lanes(shift + c, &m),
                   middle = vector_load_lanes(mean + c, &m);
            vector v[4], y[4], old[4], win = vector_load_lanes(pooled + c, &m);
            float *at[4] = { g + c, g + g_pitch + c, g + g_row + c, g + g_row + g_pitch + c };
            v[0] = vector_load_lanes(x + c, &m);
            v[1] = vector_load_lanes(x + x_pitch + c, &m);
            v[2] = vector_load_lanes(x + x_row + c, &m);
            v[3] = vector_load_lanes(x + x_row + x_pitch + c, &m);
#pragma GCC unroll 4
            for (int t = 0; t < 4; t++) {
                y[t] = vector_max(vector_add(vector_mul(v[t], k), h), least);
                old[t] = accumulate ? vector_load_lanes(at[t], &m) : zero;
            }
            /* y[0] is in front where y[1] is not above it, and so on */
            vector top = vector_max(y[1], y[0]), low = vector_max(y[3], y[2]);
            vector lower = vector_where_above(low, top, win), upper = vector_sub(win, lower);
            vector second = vector_where_above(y[1], y[0], upper), fourth = vector_where_above(y[3], y[2], lower);
            old[0] = vector_add(old[0], vector_sub(upper, second));
            old[1] = vector_add(old[1], second);
            old[2] = vector_add(old[2], vector_sub(lower, fourth));
            old[3] = vector_add(old[3], fourth);
            vector sum = zero, product = zero;
#pragma GCC unroll 4
            for (int t = 0; t < 4; t++) {
                vector_store_lanes(at[t], &m, old[t]);
                vector kept = vector_where_above(y[t], least, old[t]);
                sum = vector_add(sum, kept);
                product = vector_fma(kept, vector_sub(v[t], middle), product);
            }
            vector_store_lanes(sums + c, &m, vector_add(vector_load_lanes(sums + c, &m), sum));
            vector_store_lanes(products + c, &m, vector_add(vector_load_lanes(products + c, &m), product));
        }
}
#undef TEMPLATE
