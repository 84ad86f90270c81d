/* Integer kernels: every level gives the bytes of the scalar definition, for every shape, extreme value and split into row ranges; and the
 * scalar definition gives known answers. */
#include "base/arena.h"
#include "base/cpu.h"
#include "base/random.h"
#include "quant/kernels/kernels.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEED 20

typedef struct shape {
    int ic, oc, ih, iw, k, stride, padding, dilation;
    bool transposed;
    const char *why;
    bool depthwise; /* ic = oc */
} shape;

static const shape shapes[] = {
    { 3, 8, 16, 32, 3, 1, 1, 1, false, "image layer of the demo: packed RGB, one group, narrow output", false },
    { 3, 16, 7, 53, 3, 1, 1, 1, false, "image layer: odd sizes, several tiles a row", false },
    { 8, 8, 9, 27, 3, 1, 1, 1, false, "narrow tiles: one more pixel than a tile holds", false },
    { 16, 8, 5, 26, 3, 1, 1, 1, false, "narrow tiles: exactly one tile", false },
    { 12, 5, 6, 11, 3, 1, 1, 1, false, "narrow tiles: half-empty last group, 3 idle channels", false },
    { 8, 16, 8, 64, 3, 1, 1, 1, false, "one wide vector", false },
    { 16, 32, 8, 16, 3, 1, 1, 1, false, "two wide vectors", false },
    { 32, 48, 4, 13, 3, 1, 1, 1, false, "a full panel and a half one", false },
    { 20, 33, 3, 5, 3, 1, 1, 1, false, "one channel in the last panel", false },
    { 64, 64, 8, 16, 3, 1, 1, 1, false, "bottom of a U-Net of base 8", false },
    { 7, 6, 5, 7, 3, 1, 1, 1, false, "channels that are no multiple of 4", false },
    { 1, 1, 1, 1, 3, 1, 1, 1, false, "one pixel: eight of nine taps are padding", false },
    { 4, 20, 1, 40, 3, 1, 1, 1, false, "one row", false },
    { 5, 9, 40, 1, 3, 1, 1, 1, false, "one column, more rows than a block", false },
    { 8, 24, 6, 9, 3, 1, 0, 1, false, "no padding: tiles read the tensor itself", false },
    { 6, 16, 6, 9, 3, 1, 0, 1, false, "no padding, channels no multiple of 4", false },
    { 8, 16, 9, 11, 3, 2, 1, 1, false, "stride 2, odd size", false },
    { 8, 8, 9, 10, 3, 2, 1, 1, false, "stride 2, narrow", false },
    { 16, 16, 9, 9, 3, 1, 4, 4, false, "dilation 4: five of the nine corner taps are padding", false },
    { 4, 4, 3, 3, 5, 1, 2, 1, false, "5x5 window", false },
    { 4, 7, 2, 2, 3, 1, 3, 1, false, "padding wider than the image", false },
    { 64, 16, 5, 31, 1, 1, 0, 1, false, "1x1", false },
    { 10, 40, 3, 29, 1, 1, 0, 1, false, "1x1, channels no multiple of 4", false },
    { 16, 8, 6, 31, 2, 2, 0, 1, true, "transposed, narrow", false },
    { 32, 16, 3, 16, 2, 2, 0, 1, true, "transposed, one vector", false },
    { 128, 64, 2, 4, 2, 2, 0, 1, true, "transposed, two panels", false },
    { 6, 3, 5, 27, 2, 2, 0, 1, true, "transposed, odd channels", false },
    { 256, 40, 3, 5, 3, 1, 1, 1, false, "many channels", false },
    { 16, 16, 9, 27, 3, 1, 1, 1, false, "depthwise: one vector", true },
    { 32, 32, 9, 12, 3, 2, 1, 1, false, "depthwise: stride 2", true },
    { 24, 24, 5, 7, 3, 1, 1, 1, false, "depthwise: a vector and a half", true },
    { 7, 7, 6, 9, 3, 1, 1, 1, false, "depthwise: less than a vector", true },
    { 45, 45, 4, 9, 5, 3, 2, 1, false, "depthwise: 5x5, stride 3, a tail", true },
    { 20, 20, 7, 8, 3, 1, 6, 6, false, "depthwise: dilated nearly beyond the image", true },
    { 18, 18, 3, 29, 1, 1, 0, 1, false, "depthwise 1x1: half a pair", true },
    { 16, 16, 6, 5, 4, 1, 0, 1, false, "depthwise: even window, no padding", true },
};

typedef enum values { RANDOM, ALL_255_MINUS_128, ALL_255_MINUS_127, ALL_255_PLUS_127, ALL_0, VALUES } values;
static const char *const values_names[] = { "random", "255 x -128", "255 x -127", "255 x 127",
                                            "0 x -128" }; /* the extreme of levels that take 128 off */

/* A convolution with its operands; src sits in a wider tensor when gap > 0. */
typedef struct problem {
    quant_conv conv;
    bool depthwise;
    quant_view src, dst;
    uint8_t *src_block, *dst_block;
    size_t dst_bytes;
    int8_t *weights;
    int32_t *bias;
    float *multiplier;
} problem;

static size_t weight_count(const problem *p)
{
    const quant_conv *c = &p->conv;
    return (size_t)c->kh * c->kw * (p->depthwise ? 1 : c->ic) * c->oc;
}

static void fill_values(problem *p, values v, base_random *r, size_t src_bytes)
{
    static const int weight_of[] = { 0, -128, -127, 127, -128 };
    for (size_t i = 0; i < src_bytes; i++)
        p->src_block[i] = v == RANDOM ? (uint8_t)base_random_below(r, 256) : v == ALL_0 ? 0 : 255;
    for (size_t i = 0; i < weight_count(p); i++)
        p->weights[i] = (int8_t)(v == RANDOM ? (int)base_random_below(r, 256) - 128 : weight_of[v]);
}

static problem problem_create(const shape *s, values v, int gap, base_random *r)
{
    problem p = { .depthwise = s->depthwise,
                  .conv = { .ic = s->ic,
                            .oc = s->oc,
                            .kh = s->k,
                            .kw = s->k,
                            .stride = s->stride,
                            .padding = s->padding,
                            .dilation = s->dilation,
                            .transposed = s->transposed } };
    int oh = quant_conv_out(&p.conv, s->ih, s->k), ow = quant_conv_out(&p.conv, s->iw, s->k);
    int pitch = s->ic == 3 && !gap ? 3 : (s->ic + 3) / 4 * 4 + gap;
    size_t row = (size_t)s->iw * pitch + 8 * gap, src_bytes = s->ih * row + gap + 64;
    p.src_block = calloc(src_bytes, 1);
    p.src = (quant_view){ p.src_block + gap, s->ih, s->iw, s->ic, pitch, row };
    int dst_pitch = (s->oc + 3) / 4 * 4 + gap;
    p.dst_bytes = (size_t)oh * ow * dst_pitch + gap + 64;
    p.dst_block = malloc(p.dst_bytes);
    memset(p.dst_block, 0xa5, p.dst_bytes);
    p.dst = (quant_view){ p.dst_block + gap, oh, ow, s->oc, dst_pitch, (size_t)ow * dst_pitch };
    p.weights = malloc(weight_count(&p));
    int biases = s->oc * (s->transposed ? 4 : 1);
    p.bias = malloc(sizeof(int32_t) * biases);
    p.multiplier = malloc(sizeof(float) * s->oc);
    fill_values(&p, v, r, src_bytes);
    /* sums of random operands spread over about +-74*127*sqrt(K): scale most of them into the byte's range */
    double spread = 9400.0 * sqrt((double)(s->depthwise ? 1 : s->ic) * s->k * s->k);
    for (int o = 0; o < biases; o++)
        p.bias[o] = (int32_t)base_random_range(r, -spread, spread);
    for (int o = 0; o < s->oc; o++)
        p.multiplier[o] = (float)(base_random_range(r, 20, 200) / spread);
    p.conv.zero_point = (int32_t)base_random_below(r, 256);
    p.conv.lo = base_random_below(r, 2) ? 0.0f : (float)-p.conv.zero_point;
    p.conv.hi = (float)(255 - p.conv.zero_point);
    p.conv.src_zero_point = v == RANDOM ? (uint8_t)base_random_below(r, 256) : 255;
    p.conv.weights = p.weights;
    p.conv.bias = p.bias;
    p.conv.multiplier = p.multiplier;
    return p;
}

static void problem_destroy(problem *p)
{
    free(p->src_block);
    free(p->dst_block);
    free(p->weights);
    free(p->bias);
    free(p->multiplier);
}

/* Run in `parts` row ranges into a fresh copy of the destination block. */
static uint8_t *run(const quant_kernels *k, const problem *p, int parts)
{
    uint8_t *block = malloc(p->dst_bytes);
    memset(block, 0xa5, p->dst_bytes);
    quant_view dst = p->dst;
    dst.data = block + (p->dst.data - p->dst_block);
    if (p->depthwise) {
        void *weights = base_alloc(quant_depthwise_packed_bytes(&p->conv), NULL);
        quant_depthwise_pack(&p->conv, weights);
        for (int i = 0; i < parts; i++)
            quant_depthwise(k, &p->conv, weights, &p->src, &dst, dst.height * i / parts, dst.height * (i + 1) / parts);
        free(weights);
        return block;
    }
    void *packed = base_alloc(k->conv_packed_bytes(&p->conv), NULL);
    void *scratch = base_alloc(k->conv_scratch_bytes(&p->conv, p->src.width), NULL);
    k->conv_pack(&p->conv, packed);
    for (int i = 0; i < parts; i++)
        k->conv(&p->conv, packed, &p->src, &dst, dst.height * i / parts, dst.height * (i + 1) / parts, scratch);
    free(packed);
    free(scratch);
    return block;
}

static void check_equal(const uint8_t *want, const uint8_t *got, size_t bytes, const char *level, const shape *s,
                        const char *what)
{
    for (size_t i = 0; i < bytes; i++)
        if (want[i] != got[i])
            fail_msg("%s, ic%d oc%d %dx%d k%d s%d p%d d%d%s (%s), %s: byte %zu is %d, scalar gives %d", level, s->ic, s->oc,
                     s->ih, s->iw, s->k, s->stride, s->padding, s->dilation, s->transposed ? " transposed" : "", s->why, what,
                     i, got[i], want[i]);
}

/* Levels that this CPU runs, without the scalar one; list has room for 16. */
static size_t usable_levels(const quant_kernels **list)
{
    size_t count, n = 0;
    const quant_kernels *const *all = quant_kernels_all(&count);
    for (size_t i = 0; i < count && n < 16; i++)
        if (all[i]->needs && (all[i]->needs & ~base_cpu_detect()) == 0)
            list[n++] = all[i];
    return n;
}

static void levels_agree(void **state)
{
    (void)state;
    size_t count;
    const quant_kernels *const *all = quant_kernels_all(&count), *levels[16];
    size_t n = usable_levels(levels);
    if (n == 0) {
        print_message("skip: this CPU has none of the SIMD levels\n");
        skip();
    }
    base_random r = base_random_start(SEED, "test", 0, 0);
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
        for (int v = 0; v < VALUES; v++)
            for (int gap = 0; gap <= 8; gap += 8) {
                problem p = problem_create(&shapes[i], (values)v, gap, &r);
                uint8_t *want = run(all[0], &p, 1);
                for (size_t l = 0; l < n; l++)
                    for (int parts = 1; parts <= 4; parts *= 2) {
                        uint8_t *got = run(levels[l], &p, parts);
                        check_equal(want, got, p.dst_bytes, levels[l]->name, &shapes[i], values_names[v]);
                        free(got);
                    }
                free(want);
                problem_destroy(&p);
            }
}

/* Two hundred shapes that nobody chose. */
static void random_shapes_agree(void **state)
{
    (void)state;
    size_t count;
    const quant_kernels *const *all = quant_kernels_all(&count), *levels[16];
    size_t n = usable_levels(levels);
    for (int i = 0; i < 200; i++) {
        base_random r = base_random_start(SEED, "shape", (uint64_t)i, 0);
        shape s = { .ic = 1 + (int)base_random_below(&r, 40),
                    .oc = 1 + (int)base_random_below(&r, 70),
                    .ih = 1 + (int)base_random_below(&r, 24),
                    .iw = 1 + (int)base_random_below(&r, 70),
                    .why = "random" };
        s.transposed = base_random_below(&r, 5) == 0;
        s.k = s.transposed ? 2 : 1 + 2 * (int)base_random_below(&r, 2);
        s.stride = s.transposed ? 2 : 1 + (int)base_random_below(&r, 2);
        s.dilation = s.transposed ? 1 : 1 + (int)base_random_below(&r, 2);
        s.padding = s.transposed ? 0 : s.dilation * (s.k / 2);
        s.depthwise = !s.transposed && base_random_below(&r, 4) == 0;
        s.oc = s.depthwise ? s.ic : s.oc;
        problem p = problem_create(&s, RANDOM, (int)base_random_below(&r, 3), &r);
        uint8_t *want = run(all[0], &p, 1);
        for (size_t l = 0; l < n; l++) {
            uint8_t *got = run(levels[l], &p, 1 + (int)base_random_below(&r, 3));
            check_equal(want, got, p.dst_bytes, levels[l]->name, &s, "random");
            free(got);
        }
        free(want);
        problem_destroy(&p);
    }
}

static void pool_and_map_agree(void **state)
{
    (void)state;
    static const int channels[] = { 1, 3, 4, 8, 12, 16, 24, 64, 100 };
    size_t count;
    const quant_kernels *const *all = quant_kernels_all(&count), *levels[16];
    size_t n = usable_levels(levels);
    base_random r = base_random_start(SEED, "pool", 0, 0);
    uint8_t table[256];
    for (int i = 0; i < 256; i++)
        table[i] = (uint8_t)base_random_below(&r, 256);
    for (size_t i = 0; i < sizeof channels / sizeof channels[0]; i++) {
        int c = channels[i], pitch = (c + 3) / 4 * 4 + 4, h = 9, w = 151; /* wider than the block of a lookup holds */
        size_t bytes = (size_t)h * w * pitch + 64;
        uint8_t *src_block = malloc(bytes), *want = malloc(bytes), *got = malloc(bytes);
        for (size_t b = 0; b < bytes; b++)
            src_block[b] = (uint8_t)base_random_below(&r, 256);
        quant_view src = { src_block, h, w, c, pitch, (size_t)w * pitch };
        for (int op = 0; op < 3; op++) {
            quant_view dst = { want, op ? h : h / 2, op ? w : w / 2, c, pitch, (size_t)(op ? w : w / 2) * pitch };
            for (size_t l = 0; l <= n; l++) {
                const quant_kernels *k = l ? levels[l - 1] : all[0];
                dst.data = l ? got : want;
                memset(dst.data, 0x5a, bytes);
                for (int part = 0; part < 2; part++) {
                    int row0 = dst.height * part / 2, row1 = dst.height * (part + 1) / 2;
                    if (op)
                        k->map(&src, &dst, op == 1 ? table : NULL, row0, row1);
                    else
                        k->pool2x2(&src, &dst, row0, row1);
                }
                if (l && memcmp(want, got, bytes))
                    fail_msg("%s: %s of %d channels differs from the scalar one", k->name, op ? "map" : "pool", c);
            }
        }
        free(src_block);
        free(want);
        free(got);
    }
}

static void heads_agree(void **state)
{
    (void)state;
    size_t count;
    const quant_kernels *const *all = quant_kernels_all(&count), *levels[16];
    size_t n = usable_levels(levels);
    for (int i = 0; i < 60; i++) {
        base_random r = base_random_start(SEED, "head", (uint64_t)i, 0);
        int ic = 1 + (int)base_random_below(&r, i % 5 ? 20 : 90), classes = 1 + (int)base_random_below(&r, 6), h = 3,
            w = 1 + (int)base_random_below(&r, 40);
        int pitch = (ic + 3) / 4 * 4 + 4 * (int)base_random_below(&r, 2);
        uint8_t *src_block = malloc((size_t)h * w * pitch + 64);
        int8_t weights[90 * 6];
        int32_t bias[6];
        float scale[6];
        bool ties = i % 3 == 0; /* few distinct sums: many ties, which must go to the lowest class */
        for (size_t b = 0; b < (size_t)h * w * pitch + 64; b++)
            src_block[b] = (uint8_t)base_random_below(&r, ties ? 2 : 256);
        for (int j = 0; j < ic * classes; j++)
            weights[j] = (int8_t)(ties ? (int)base_random_below(&r, 3) - 1 : (int)base_random_below(&r, 256) - 128);
        for (int o = 0; o < classes; o++) {
            bias[o] = ties ? 0 : (int32_t)base_random_below(&r, 20000) - 10000;
            scale[o] = ties ? 0.25f : (float)base_random_range(&r, 0.001, 0.01);
        }
        quant_head head = { ic, classes, weights, bias, scale };
        quant_view src = { src_block, h, w, ic, pitch, (size_t)w * pitch };
        uint8_t want_mask[3 * 40], got_mask[3 * 40];
        int32_t want[3 * 40 * 6], got[3 * 40 * 6];
        all[0]->head(&head, &src, want_mask, want, 0, h);
        for (size_t l = 0; l < n; l++) {
            memset(got_mask, 0xee, sizeof got_mask);
            levels[l]->head(&head, &src, got_mask, got, 0, 1);
            levels[l]->head(&head, &src, got_mask, got, 1, h);
            if (memcmp(want, got, sizeof(int32_t) * h * w * classes) || memcmp(want_mask, got_mask, (size_t)h * w))
                fail_msg("%s: head %d, ic %d, %d classes, width %d differs from the scalar one", levels[l]->name, i, ic,
                         classes, w);
            levels[l]->head(&head, &src, got_mask, NULL, 0, h); /* without logits */
            assert_memory_equal(want_mask, got_mask, (size_t)h * w);
        }
        free(src_block);
    }
}

/* One pixel, one channel, weight 1: acc = bias + src. What requantisation makes of it (quantization.md 6.4). */
static uint8_t requantise(int32_t acc, float multiplier, int32_t zero_point, bool relu, const quant_kernels *k)
{
    int8_t weight = 0;
    uint8_t src_block[68] = { 0 }, dst_block[68];
    quant_conv c = { .ic = 1,
                     .oc = 1,
                     .kh = 1,
                     .kw = 1,
                     .stride = 1,
                     .dilation = 1,
                     .weights = &weight,
                     .bias = &acc,
                     .multiplier = &multiplier,
                     .lo = relu ? 0.0f : (float)-zero_point,
                     .hi = (float)(255 - zero_point),
                     .zero_point = zero_point };
    quant_view src = { src_block, 1, 1, 1, 4, 4 }, dst = { dst_block, 1, 1, 1, 4, 4 };
    void *packed = base_alloc(k->conv_packed_bytes(&c), NULL), *scratch = base_alloc(k->conv_scratch_bytes(&c, 1), NULL);
    k->conv_pack(&c, packed);
    k->conv(&c, packed, &src, &dst, 0, 1, scratch);
    free(packed);
    free(scratch);
    return dst_block[0];
}

static void requantisation_knows(void **state)
{
    (void)state;
    static const struct {
        int32_t acc;
        int want;
        const char *why;
    } cases[] = {
        { 0, 10, "zero point" },       { 5, 10, "0.5 goes to the even 0" },
        { 15, 12, "1.5 goes to 2" },   { 25, 12, "2.5 goes to 2" },
        { -15, 8, "-1.5 goes to -2" }, { 100000, 255, "clamps high" },
        { -100000, 0, "clamps low" },  { 16777217, 255, "past float's integers" },
    };
    size_t count;
    const quant_kernels *const *all = quant_kernels_all(&count), *levels[17] = { all[0] };
    size_t n = 1 + usable_levels(levels + 1);
    float m = (0.5f * 0.2f) / 1.0f;
    for (size_t l = 0; l < n; l++) {
        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
            int got = requantise(cases[i].acc, m, 10, false, levels[l]);
            if (got != cases[i].want)
                fail_msg("%s: acc %d (%s) gives %d, want %d", levels[l]->name, cases[i].acc, cases[i].why, got, cases[i].want);
        }
        assert_int_equal(requantise(-15, m, 10, true, levels[l]), 10); /* ReLU stops at the zero point */
        assert_int_equal(requantise(15, m, 10, true, levels[l]), 12);
        assert_int_equal(requantise(INT32_MAX, 1.0f, 0, false, levels[l]), 255);
        assert_int_equal(requantise(INT32_MIN, 1.0f, 255, false, levels[l]), 0);
    }
}

/* A 3x3 convolution by hand: the padding reads the zero point, and the bias takes its share back. */
static void padding_is_real_zero(void **state)
{
    (void)state;
    int8_t weights[9];
    memset(weights, 1, sizeof weights);
    int32_t bias = -9 * 7; /* -zero_point * sum of weights */
    float multiplier = 1.0f;
    quant_conv c = { .ic = 1,
                     .oc = 1,
                     .kh = 3,
                     .kw = 3,
                     .stride = 1,
                     .padding = 1,
                     .dilation = 1,
                     .weights = weights,
                     .bias = &bias,
                     .multiplier = &multiplier,
                     .lo = -100.0f,
                     .hi = 155.0f,
                     .zero_point = 100,
                     .src_zero_point = 7 };
    uint8_t src_block[4 * 4 + 64] = { 0 }, dst_block[4 * 4 + 64];
    src_block[0] = 7 + 1, src_block[4] = 7 + 2, src_block[8] = 7 - 3, src_block[12] = 7 + 4; /* real 1 2 / -3 4 */
    quant_view src = { src_block, 2, 2, 1, 4, 8 }, dst = { dst_block, 2, 2, 1, 4, 8 };
    size_t count;
    quant_kernels_all(&count)[0]->conv(&c, NULL, &src, &dst, 0, 2, NULL);
    for (int i = 0; i < 4; i++)
        assert_int_equal(dst_block[4 * i], 100 + 1 + 2 - 3 + 4);
}

static void selection(void **state)
{
    (void)state;
    assert_string_equal(quant_kernels_select(0)->name, "scalar");
#if defined(__x86_64__)
    assert_string_equal(quant_kernels_select(CPU_SSE2 | CPU_AVX2)->name, "avx2");
    assert_string_equal(quant_kernels_select(CPU_SSE2 | CPU_AVX2 | CPU_AVX_VNNI)->name, "avx2vnni");
    assert_string_equal(quant_kernels_select(CPU_SSE2 | CPU_AVX2 | CPU_AVX512)->name, "avx2");
    assert_string_equal(quant_kernels_select(CPU_SSE2 | CPU_AVX2 | CPU_AVX512 | CPU_AVX512_VNNI)->name, "avx512vnni");
#elif defined(__aarch64__)
    assert_string_equal(quant_kernels_select(CPU_NEON)->name, "neon");
    assert_string_equal(quant_kernels_select(CPU_NEON | CPU_DOTPROD)->name, "neondot");
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requantisation_knows),
        cmocka_unit_test(padding_is_real_zero),
        cmocka_unit_test(levels_agree),
        cmocka_unit_test(random_shapes_agree),
        cmocka_unit_test(pool_and_map_agree),
        cmocka_unit_test(heads_agree),
        cmocka_unit_test(selection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
