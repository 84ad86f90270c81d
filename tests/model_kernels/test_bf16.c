/* Convolutions with factors rounded to bf16 (model/kernels/bf16.h): rounding, the order of the sums, and the same bits from every level,
 * also from one that computes with words as CPUs with VDPBF16PS do. That instruction is played by plain C here, as Intel's manual writes
 * it down; on a CPU that has it, the level "avx512bf16" takes part as well. */
#include "base/arena.h"
#include "base/cpu.h"
#include "base/random.h"
#include "model/kernels/conv2d.h"
#include "model/kernels/rows.h"
#include <float.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <setjmp.h>
#include <cmocka.h>

/* ---- a level with the instruction ---- */

static const model_tiles word_tiles;
#define BF16  word_pairs
#define WORDS 1
#define TILES word_tiles
#include "model/kernels/bf16_body.h"

static float half_of(float pair, bool upper)
{
    uint32_t bits;
    memcpy(&bits, &pair, sizeof bits);
    bits = upper ? bits & 0xffff0000u : bits << 16;
    memcpy(&pair, &bits, sizeof pair);
    return pair;
}

static float dot(float sum, float a, float b)
{
    sum = fmaf(half_of(a, true), half_of(b, true), sum);
    return fmaf(half_of(a, false), half_of(b, false), sum);
}

enum { WIDTH = 4 };

static void plain(const model_tile *t, int pixels, int vectors)
{
    for (int m = 0; m < pixels; m++)
        for (int o = 0; o < t->outputs; o++) {
            float sum = 0, *c = (float *)(void *)((char *)t->c + (size_t)m * t->c_step) + o;
            for (int r = 0; r < t->runs; r++)
                for (long k = 0; k < t->steps; k++)
                    sum = dot(sum, ((const float *)(const void *)((const char *)t->a[r] + (size_t)m * t->a_step))[k],
                              t->b[r][k * vectors * WIDTH + o]);
            sum += t->bias ? t->bias[o] : 0;
            sum += t->accumulate ? *c : 0;
            *c = t->relu && sum < 0 ? 0 : sum;
        }
}

static void weights_tile(const model_wtile *t, int channels, int vectors)
{
    for (int m = 0; m < channels; m++)
        for (int i = 0; i < vectors * WIDTH; i++) {
            float *sum = (float *)(void *)((char *)t->sums + (size_t)m * t->sums_step) + i;
            for (int r = 0; r < t->rows; r++)
                for (long q = 0; q < (r + 1 < t->rows ? t->cols : t->last_cols); q++)
                    *sum = dot(
                        *sum,
                        ((const float *)(const void *)((const char *)t->g + (size_t)r * t->g_row + (size_t)q * t->g_step))[m],
                        ((const float *)(const void *)((const char *)t->x[i / WIDTH] + (size_t)r * t->x_row +
                                                       (size_t)q * t->x_step))[i % WIDTH]);
        }
}

#define INSTANCES(m)                                                                                                           \
    static void plain1_##m(const model_tile *t) { plain(t, m, 1); }                                                            \
    static void plain2_##m(const model_tile *t) { plain(t, m, 2); }                                                            \
    static void weights1_##m(const model_wtile *t) { weights_tile(t, m, 1); }                                                  \
    static void weights2_##m(const model_wtile *t) { weights_tile(t, m, 2); }                                                  \
    static void weights3_##m(const model_wtile *t) { weights_tile(t, m, 3); }
INSTANCES(1)
INSTANCES(2)
INSTANCES(3)
static const model_tile_run plain1_table[] = { NULL, plain1_1, plain1_2, plain1_3 },
                            plain2_table[] = { NULL, plain2_1, plain2_2, plain2_3 };
static const model_wtile_run weights1_table[] = { NULL, weights1_1, weights1_2, weights1_3 },
                             weights2_table[] = { NULL, weights2_1, weights2_2, weights2_3 },
                             weights3_table[] = { NULL, weights3_1, weights3_2, weights3_3 };
static const model_tiles word_tiles = { .width = WIDTH,
                                        .plain2_max = 3,
                                        .plain1_max = 3,
                                        .plain2 = plain2_table,
                                        .plain1 = plain1_table,
                                        .channels_max = 3,
                                        .wtile = { weights1_table, weights2_table, weights3_table } };

static const model_kernels word_row = {
    "words",    0, &model_tiles_scalar, &model_loops_scalar, model_winograd_scalar, model_peak_scalar, &model_depthwise_scalar,
    &word_pairs
};

/* Every level that runs here, that one last. */
static const model_kernels *level(size_t index)
{
    const model_kernels *k;
    size_t found = 0;
    for (size_t i = 0; (k = model_kernels_row(i)); i++)
        if ((model_kernels_needs(k) & ~base_cpu_detect()) == 0 && found++ == index)
            return k;
    return found == index ? &word_row : NULL;
}

/* ---- rounding ---- */

static float from_bits(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static void test_rounding(void **state)
{
    (void)state;
    static const struct {
        uint32_t from, to;
        const char *why;
    } cases[] = {
        { 0x3f800000, 0x3f80, "1" },
        { 0x3f808000, 0x3f80, "a tie goes to the even one below" },
        { 0x3f818000, 0x3f82, "a tie goes to the even one above" },
        { 0x3f808001, 0x3f81, "just above a tie" },
        { 0x3f817fff, 0x3f81, "just below a tie" },
        { 0xbf818000, 0xbf82, "the same below zero" },
        { 0x3fffffff, 0x4000, "into the next exponent" },
        { 0x7f7fffff, 0x7f80, "the largest number becomes infinite" },
        { 0x7f7f7fff, 0x7f7f, "the largest that stays finite" },
        { 0x7f800000, 0x7f80, "infinity" },
        { 0xff800000, 0xff80, "minus infinity" },
        { 0x7fc00000, 0x7fc0, "NaN" },
        { 0x7f800001, 0x7fc0, "a signalling NaN whose bits are cut off must not become infinity" },
        { 0xffffffff, 0xffff, "NaN that would overflow" },
        { 0x00000000, 0x0000, "zero" },
        { 0x80000000, 0x8000, "minus zero" },
        { 0x007fffff, 0x0000, "the largest denormal" },
        { 0x80000001, 0x8000, "the smallest denormal, negative" },
        { 0x00800000, 0x0080, "the smallest normal number" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (model_bf16_bits(from_bits(cases[i].from)) != cases[i].to)
            fail_msg("%08x (%s): got %04x, want %04x", cases[i].from, cases[i].why, model_bf16_bits(from_bits(cases[i].from)),
                     cases[i].to);
    base_random r = base_random_start(1, "bf16 rounding", 0, 0);
    for (int i = 0; i < 100000; i++) { /* nearer than either neighbour */
        float x = from_bits(base_random_below(&r, 0x7f000000) + 0x00800000);
        uint32_t got = model_bf16_bits(x);
        double error = fabs((double)from_bits(got << 16) - (double)x);
        if (error > fabs((double)from_bits((got + 1) << 16) - (double)x) ||
            error > fabs((double)from_bits((got - 1) << 16) - (double)x))
            fail_msg("%.9g rounds to %.9g", (double)x, (double)from_bits(got << 16));
    }
}

/* ---- convolutions ---- */

enum { SRC, WEIGHTS, BIAS, GRAD_DST, INPUTS };
enum { DST, GRAD_SRC, GRAD_WEIGHTS, TRANSPOSED, TRANSPOSED_WEIGHTS, OUTPUTS };
static const char *const output_names[] = { "dst", "grad_src", "grad_weights", "transposed dst", "transposed grad_weights" };

typedef struct problem {
    model_conv2d s;
    size_t in[INPUTS], out[OUTPUTS]; /* floats */
    float *inputs[INPUTS];
} problem;

static problem make(const char *shape, base_random *r)
{
    problem p;
    base_error err;
    if (!model_conv2d_parse(&p.s, shape, &err))
        fail_msg("%s", err.text);
    p.s.precision = MODEL_BF16;
    size_t dst = (size_t)p.s.n * model_conv2d_oh(&p.s) * model_conv2d_ow(&p.s) * p.s.dst_pitch,
           src = (size_t)p.s.n * p.s.ih * p.s.iw * p.s.src_pitch,
           weights = (size_t)p.s.oc * model_conv2d_group_channels(&p.s) * p.s.kh * p.s.kw;
    const size_t in[INPUTS] = { src, weights, (size_t)p.s.oc, dst }, out[OUTPUTS] = { dst, src, weights, src, weights };
    memcpy(p.in, in, sizeof in);
    memcpy(p.out, out, sizeof out);
    for (int i = 0; i < INPUTS; i++) {
        p.inputs[i] = base_alloc(in[i] * sizeof(float), NULL);
        for (size_t k = 0; k < in[i]; k++)
            p.inputs[i][k] = (float)base_random_range(r, -1, 1);
    }
    return p;
}

static void problem_free(problem *p)
{
    for (int i = 0; i < INPUTS; i++)
        free(p->inputs[i]);
}

/* All passes, into outputs full of a number that stays in the gaps. */
static void run_all(const model_cpu *cpu, const problem *p, float *out[OUTPUTS])
{
    const model_conv2d *s = &p->s;
    float *packed[2];
    void *scratch[MODEL_PASS_COUNT];
    for (int pass = 0; pass < MODEL_PASS_COUNT; pass++) {
        size_t bytes = model_conv2d_scratch_bytes(cpu, s, (model_pass)pass);
        scratch[pass] = base_alloc(bytes, NULL);
        memset(scratch[pass], 0xff, bytes);
        if (pass == MODEL_BACKWARD_WEIGHTS)
            continue;
        packed[pass] = base_alloc(model_conv2d_packed_bytes(cpu, s, (model_pass)pass), NULL);
        model_conv2d_pack(cpu, s, (model_pass)pass, p->inputs[WEIGHTS], packed[pass]);
    }
    for (int i = 0; i < OUTPUTS; i++) {
        out[i] = base_alloc(p->out[i] * sizeof(float), NULL);
        for (size_t k = 0; k < p->out[i]; k++)
            out[i][k] = -777;
    }
    model_conv2d_forward(cpu, s, p->inputs[SRC], packed[0], p->inputs[BIAS], true, out[DST], scratch[0]);
    model_conv2d_backward_data(cpu, s, p->inputs[GRAD_DST], packed[1], false, out[GRAD_SRC], scratch[1]);
    model_conv2d_backward_weights(cpu, s, p->inputs[SRC], p->inputs[GRAD_DST], out[GRAD_WEIGHTS], NULL, scratch[2]);
    model_conv2d_transposed_forward(cpu, s, p->inputs[GRAD_DST], packed[1], NULL, false, out[TRANSPOSED], scratch[1]);
    model_conv2d_transposed_backward_weights(cpu, s, p->inputs[GRAD_DST], p->inputs[SRC], out[TRANSPOSED_WEIGHTS], NULL,
                                             scratch[2]);
    free(packed[0]), free(packed[1]), free(scratch[0]), free(scratch[1]), free(scratch[2]);
}

static void outputs_free(float *out[OUTPUTS])
{
    for (int i = 0; i < OUTPUTS; i++)
        free(out[i]);
}

static const struct {
    const char *shape, *why;
} cases[] = {
    { "n1_ic3oc8_ih9iw21_k3s1p1d1", "first layer: an odd number of channels and of columns" },
    { "n2_ic16oc16_ih8iw30_k3s1p1d1", "one vector of outputs, two images" },
    { "n1_ic24oc40_ih7iw9_k3s1p1d1_sp31dp44", "slices of wider tensors, tails" },
    { "n1_ic33oc17_ih4iw70_k1s1p0d1", "1x1: flattened, odd channels" },
    { "n1_ic8oc9_ih15iw31_k1s1p0d1", "1x1: several rows of the flattened image, the last one shorter and odd" },
    { "n2_ic16oc32_ih7iw5_k3s2p1d1", "stride 2, odd sizes" },
    { "n1_ic16oc24_ih8iw16_k2s2p0d1_sp20dp24", "transposed 2x2 read backwards" },
    { "n1_ic4oc16_ih9iw11_k2s3p0d1", "pixels that nothing uses" },
    { "n1_ic32oc20_ih9iw9_k3s1p4d4", "dilation: most taps fall into padding" },
    { "n1_ic12oc12_ih12iw10_k5x1s1p2x0d1", "tall window" },
    { "n1_ic16oc16_ih1iw1_k3s1p1d1", "one pixel" },
    { "n2_ic8oc16_ih32iw48_k3s1p1d1", "several chunks of weight gradients" },
    { "n1_ic20oc36_ih17iw21_k4s3x2p2x1d2x1", "everything unequal" },
    { "g4n1_ic20oc32_ih7iw9_k3s1p1d1", "groups" },
    { "g20n1_ic20oc20_ih7iw9_k3s1p1d1", "depthwise: float32" },
};
enum { CASES = sizeof cases / sizeof *cases };

/* A sum of k products of values in [-1, 1), as test_conv2d.c; the products are exact. */
static void check_near(const problem *p, int output, const float *got, const double *want, int channels, int pitch,
                       double terms)
{
    char shape[MODEL_CONV2D_TEXT];
    for (size_t i = 0; i < p->out[output]; i++) {
        size_t pixel = i / (size_t)pitch, c = i % (size_t)pitch;
        double wanted = c < (size_t)channels ? want[pixel * (size_t)channels + c] : -777;
        if (!(fabs((double)got[i] - wanted) <= 1e-7 * (terms + 16)))
            fail_msg("%s, %s[%zu]: got %.9g, want %.9g", model_conv2d_format(&p->s, shape), output_names[output], i,
                     (double)got[i], wanted);
    }
}

/* The float32 passes' references on rounded factors. */
static void check_reference(problem *p, float *out[OUTPUTS])
{
    model_conv2d *s = &p->s;
    double *want[3];
    for (int i = 0; i < 3; i++)
        want[i] = malloc(p->out[i] * sizeof(double));
    for (int i = 0; i < INPUTS && !model_conv2d_depthwise(s); i++)
        for (size_t k = 0; k < p->in[i] && i != BIAS; k++)
            p->inputs[i][k] = model_bf16_round(p->inputs[i][k]);
    model_conv2d_forward_ref(s, p->inputs[SRC], p->inputs[WEIGHTS], p->inputs[BIAS], true, want[DST]);
    model_conv2d_backward_data_ref(s, p->inputs[GRAD_DST], p->inputs[WEIGHTS], want[GRAD_SRC]);
    model_conv2d_backward_weights_ref(s, p->inputs[SRC], p->inputs[GRAD_DST], want[GRAD_WEIGHTS], NULL);
    double taps = (double)s->kh * s->kw;
    check_near(p, DST, out[DST], want[DST], s->oc, s->dst_pitch, s->ic * taps);
    check_near(p, GRAD_SRC, out[GRAD_SRC], want[GRAD_SRC], s->ic, s->src_pitch, s->oc * taps);
    check_near(p, TRANSPOSED, out[TRANSPOSED], want[GRAD_SRC], s->ic, s->src_pitch, s->oc * taps);
    int all = (int)p->in[WEIGHTS];
    double pixels = (double)s->n * model_conv2d_oh(s) * model_conv2d_ow(s);
    check_near(p, GRAD_WEIGHTS, out[GRAD_WEIGHTS], want[GRAD_WEIGHTS], all, all, pixels);
    check_near(p, TRANSPOSED_WEIGHTS, out[TRANSPOSED_WEIGHTS], want[GRAD_WEIGHTS], all, all, pixels);
    free(want[0]), free(want[1]), free(want[2]);
}

/* Every level and every number of threads gives the bits of the first, and those are near the reference. Depthwise passes are float32 and
 * differ between levels by rounding: their threads are compared elsewhere. */
static void test_convolutions(void **state)
{
    (void)state;
    base_random r = base_random_start(2, "bf16 convolutions", 0, 0);
    for (size_t i = 0; i < CASES; i++) {
        problem p = make(cases[i].shape, &r);
        float *first[OUTPUTS];
        run_all(&(model_cpu){ level(0), 1 }, &p, first);
        const model_kernels *k;
        for (size_t n = 0; (k = level(n)) && !model_conv2d_depthwise(&p.s); n++)
            for (int threads = 1; threads <= 3; threads++) {
                float *out[OUTPUTS];
                run_all(&(model_cpu){ k, threads }, &p, out);
                for (int o = 0; o < OUTPUTS; o++)
                    for (size_t at = 0; at < p.out[o]; at++)
                        if (memcmp(&first[o][at], &out[o][at], sizeof(float)) != 0)
                            fail_msg("%s (%s), %s, %d threads: %s[%zu] is %.9g, on %s %.9g", cases[i].shape, cases[i].why,
                                     k->name, threads, output_names[o], at, (double)out[o][at], level(0)->name,
                                     (double)first[o][at]);
                outputs_free(out);
            }
        check_reference(&p, first);
        outputs_free(first);
        problem_free(&p);
    }
}

/* dst with the sums written out: rows of taps inside the image, taps, pairs of channels, the odd one first. */
static void test_order(void **state)
{
    (void)state;
    base_random r = base_random_start(3, "bf16 order", 0, 0);
    problem p = make("n1_ic7oc5_ih6iw9_k3s1p1d1", &r);
    const model_conv2d *s = &p.s;
    for (size_t n = 0; level(n); n++) {
        float *out[OUTPUTS];
        run_all(&(model_cpu){ level(n), 1 }, &p, out);
        for (int y = 0; y < s->ih; y++)
            for (int x = 0; x < s->iw; x++)
                for (int o = 0; o < s->oc; o++) {
                    float sum = 0;
                    for (int t = 0; t < 9; t++) {
                        int iy = y + t / 3 - 1, ix = x + t % 3 - 1;
                        if (iy < 0 || iy >= s->ih || ix < 0 || ix >= s->iw)
                            continue;
                        for (int c = 0; c < 8; c++) {
                            int channel = c ^ 1;
                            if (channel < s->ic)
                                sum = fmaf(model_bf16_round(p.inputs[SRC][(iy * s->iw + ix) * s->ic + channel]),
                                           model_bf16_round(p.inputs[WEIGHTS][(o * s->ic + channel) * 9 + t]), sum);
                        }
                    }
                    sum = fmaxf(sum + p.inputs[BIAS][o], 0);
                    float got = out[DST][(y * s->iw + x) * s->oc + o];
                    if (memcmp(&got, &sum, sizeof sum) != 0)
                        fail_msg("%s: dst(%d, %d, %d) is %.9g, summed in order %.9g", level(n)->name, y, x, o, (double)got,
                                 (double)sum);
                }
        outputs_free(out);
    }
    problem_free(&p);
}

/* Denormals count as zeros, in the factors and in the sums, whatever the caller's mode, which stays as it was. */
static void test_denormals(void **state)
{
    (void)state;
    static const struct {
        float src[2], weights[2], bias, want;
        const char *why;
    } tiny[] = {
        { { 1e-39f, 0 }, { 1e30f, 0 }, 0, 0, "a denormal factor" },
        { { 0x1p-70f, 0 }, { 0x1p-70f, 0 }, 0, 0, "a product below the smallest normal number" },
        { { 0x1p-100f, 0x1p-100f }, { 0x1.8p-26f, -0x1p-26f }, 0, 0, "a sum below it" },
        { { 0x1p-60f, 0 }, { 0x1.8p-66f, 0 }, -0x1p-126f, 0, "a sum below it with the bias" },
        { { 0x1p-60f, 0x1p-60f }, { 0x1p-60f, 0x1p-60f }, 0, 0x1p-119f, "small, but normal" },
        { { INFINITY, 1 }, { 1, 1 }, 0, INFINITY, "infinity" },
    };
    volatile float least = FLT_MIN, half = 0.5f;
    for (size_t i = 0; i < sizeof tiny / sizeof *tiny; i++)
        for (size_t n = 0; level(n); n++) {
            if (level(n) == &word_row)
                continue; /* its fmaf is a library's and may use the CPU's mode or not */
            model_conv2d s;
            assert_true(model_conv2d_parse(&s, "n1_ic2oc1_ih1iw1_k1s1p0d1", NULL));
            s.precision = MODEL_BF16;
            model_cpu cpu = { level(n), 1 };
            float packed[64], dst = -1;
            assert_true(model_conv2d_packed_bytes(&cpu, &s, MODEL_FORWARD) <= sizeof packed);
            void *scratch = base_alloc(model_conv2d_scratch_bytes(&cpu, &s, MODEL_FORWARD), NULL);
            model_conv2d_pack(&cpu, &s, MODEL_FORWARD, tiny[i].weights, packed);
            model_conv2d_forward(&cpu, &s, tiny[i].src, packed, &tiny[i].bias, false, &dst, scratch);
            if (dst != tiny[i].want)
                fail_msg("%s, %s: got %.9g, want %.9g", level(n)->name, tiny[i].why, (double)dst, (double)tiny[i].want);
            free(scratch);
        }
    assert_true(least * half > 0);
}

/* float32 work must not ask for a CPU with the instruction; bf16 takes it where it is. */
static void test_selection(void **state)
{
    (void)state;
    uint32_t all = CPU_SSE2 | CPU_AVX2 | CPU_AVX512 | CPU_AVX512_VNNI | CPU_AVX512_BF16;
#if defined(__x86_64__)
    assert_string_equal(model_kernels_name(model_kernels_select(all)), "avx512");
    assert_string_equal(model_kernels_name(model_kernels_select_bf16(all)), "avx512bf16");
    assert_string_equal(model_kernels_name(model_kernels_select_bf16(CPU_SSE2 | CPU_AVX2)), "avx2");
#else
    (void)all;
#endif
    assert_string_equal(model_kernels_name(model_kernels_select_bf16(0)), "scalar");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rounding),  cmocka_unit_test(test_convolutions), cmocka_unit_test(test_order),
        cmocka_unit_test(test_denormals), cmocka_unit_test(test_selection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
