/* Winograd convolutions of every instruction set that this CPU has, against the naive loops in double. */
#include "base/arena.h"
#include "base/cpu.h"
#include "base/random.h"
#include "model/kernels/winograd.h"
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#define GAP (-777.0f) /* between channels and pitch: must stay */

static const struct {
    const char *shape, *why;
} cases[] = {
    { "n1_ic16oc16_ih8iw16_k3s1p1d1", "whole tiles of both sizes, one vector of outputs" },
    { "n1_ic8oc8_ih16iw40_k3s1p1d1", "half a vector of outputs: pairs of channels" },
    { "n1_ic3oc8_ih16iw24_k3s1p1d1", "an odd number of channels in pairs" },
    { "n1_ic3oc3_ih9iw10_k3s1p1d1", "tails of both, odd size" },
    { "n1_ic32oc64_ih12iw20_k3s1p1d1_sp64dp80", "two panels; slices of wider tensors" },
    { "n1_ic40oc24_ih7iw9_k3s1p1d1_sp41dp25", "a vector and a half of outputs; pitches that align nothing" },
    { "n2_ic17oc33_ih13iw11_k3s1p1d1", "two images, one channel more than vectors hold" },
    { "n3_ic16oc32_ih5iw5_k3s1p1d1", "blocks that run over rows and images" },
    { "n1_ic16oc16_ih1iw1_k3s1p1d1", "one pixel, all padding" },
    { "n1_ic16oc16_ih1iw33_k3s1p1d1", "one row" },
    { "n1_ic16oc16_ih33iw1_k3s1p1d1", "one column" },
    { "n1_ic16oc16_ih3iw3_k3s1p0d1", "one output" },
    { "n1_ic12oc20_ih10iw15_k3s1p0d1", "valid convolution; its gradient has padding 2" },
    { "n1_ic12oc20_ih10iw15_k3s1p2d1", "full convolution; its gradient is a valid one" },
    { "n1_ic16oc20_ih9iw14_k3s1p0x1d1", "padding of one direction" },
    { "n1_ic16oc16_ih40iw70_k3s1p1d1", "several blocks, rows cut between them" },
    { "n1_ic128oc96_ih8iw16_k3s1p1d1", "deep" },
};

/* Of winograd.h. */
static double bound_of(int tile, double products) { return (tile == 2 ? 1e-7 : 3e-7) * (products + 16); }

typedef struct problem {
    model_conv2d s;
    size_t in, out, weight_count; /* floats */
    float *src, *weights, *bias, *grad_dst;
    double *dst, *grad_src; /* wanted; dst with bias and ReLU */
    double *grad_weights;   /* wanted; [weight_count], then of the bias */
} problem;

static float *random_floats(size_t count, base_random *r)
{
    float *p = base_alloc(count * sizeof *p, NULL);
    assert_non_null(p);
    for (size_t i = 0; i < count; i++)
        p[i] = (float)base_random_range(r, -1, 1);
    return p;
}

static problem problem_make(const model_conv2d *s, base_random *r)
{
    problem p = { .s = *s };
    size_t in = (size_t)s->n * s->ih * s->iw, out = (size_t)s->n * model_conv2d_oh(s) * model_conv2d_ow(s);
    p.in = in * s->src_pitch;
    p.out = out * s->dst_pitch;
    p.weight_count = (size_t)s->oc * s->ic * 9;
    p.src = random_floats(p.in, r);
    p.weights = random_floats(p.weight_count, r);
    p.bias = random_floats((size_t)s->oc, r);
    p.grad_dst = random_floats(p.out, r);
    p.dst = malloc(out * s->oc * sizeof(double));
    p.grad_src = malloc(in * s->ic * sizeof(double));
    model_conv2d_forward_ref(s, p.src, p.weights, p.bias, true, p.dst);
    model_conv2d_backward_data_ref(s, p.grad_dst, p.weights, p.grad_src);
    p.grad_weights = malloc((p.weight_count + (size_t)s->oc) * sizeof(double));
    model_conv2d_backward_weights_ref(s, p.src, p.grad_dst, p.grad_weights, p.grad_weights + p.weight_count);
    return p;
}

static void problem_free(problem *p)
{
    free(p->src), free(p->weights), free(p->bias), free(p->grad_dst), free(p->dst), free(p->grad_src), free(p->grad_weights);
}

/* One pass on memory of its own: scratch full of NaN, nothing may depend on what was there. */
static float *run(const model_cpu *cpu, const problem *p, model_pass pass, int tile, bool twice)
{
    const model_conv2d *s = &p->s;
    size_t count = pass == MODEL_FORWARD ? p->out : p->in, bytes = model_winograd_scratch_bytes(cpu, s, pass, tile);
    float *packed = base_alloc(model_winograd_packed_bytes(cpu, s, pass, tile), NULL),
          *got = base_alloc(count * sizeof *got, NULL);
    void *scratch = base_alloc(bytes, NULL);
    memset(packed, 0xff, model_winograd_packed_bytes(cpu, s, pass, tile));
    memset(scratch, 0xff, bytes);
    for (size_t i = 0; i < count; i++)
        got[i] = GAP;
    model_winograd_pack(cpu, s, pass, tile, p->weights, packed);
    if (pass == MODEL_FORWARD)
        model_winograd_forward(cpu, s, tile, p->src, packed, p->bias, true, got, scratch);
    else
        model_winograd_backward_data(cpu, s, tile, p->grad_dst, packed, false, got, scratch);
    if (twice)
        model_winograd_backward_data(cpu, s, tile, p->grad_dst, packed, true, got, scratch);
    free(packed), free(scratch);
    return got;
}

/* Gradients of weights, then of the bias, on scratch full of NaN. */
static float *run_weights(const model_cpu *cpu, const model_conv2d *s, int tile, const float *src, const float *grad_dst)
{
    size_t weights = (size_t)s->oc * s->ic * 9, count = weights + (size_t)s->oc + 1;
    size_t bytes = model_winograd_scratch_bytes(cpu, s, MODEL_BACKWARD_WEIGHTS, tile);
    float *got = base_alloc(count * sizeof *got, NULL);
    unsigned char *scratch = base_alloc(bytes + 64, NULL);
    memset(scratch, 0xff, bytes + 64);
    for (size_t i = 0; i < count; i++)
        got[i] = GAP;
    model_winograd_backward_weights(cpu, s, tile, src, grad_dst, got, got + weights, scratch);
    for (size_t i = bytes; i < bytes + 64; i++)
        assert_int_equal(scratch[i], 0xff);
    assert_true(got[count - 1] == GAP);
    free(scratch);
    return got;
}

/* Every gradient within `bound` of the reference. */
static void check_weights(const problem *p, const model_cpu *cpu, int tile, const float *got, double bound)
{
    char shape[MODEL_CONV2D_TEXT];
    for (size_t i = 0; i < p->weight_count + (size_t)p->s.oc; i++)
        if (!(fabs((double)got[i] - p->grad_weights[i]) <= bound))
            fail_msg("%s, %s, tile %d, gradient of %s[%zu]: got %.9g, want %.9g, bound %.2g", model_conv2d_format(&p->s, shape),
                     model_kernels_name(cpu->kernels), tile, i < p->weight_count ? "weights" : "weights, then bias", i,
                     (double)got[i], p->grad_weights[i], bound);
}

/* Every output within `bound` of want times factor, gaps untouched. */
static void check(const problem *p, const model_cpu *cpu, int tile, const char *what, const float *got, const double *want,
                  double factor, double bound)
{
    const model_conv2d *s = &p->s;
    bool forward = want == p->dst;
    size_t count = forward ? p->out : p->in, pitch = (size_t)(forward ? s->dst_pitch : s->src_pitch);
    size_t channels = (size_t)(forward ? s->oc : s->ic);
    char shape[MODEL_CONV2D_TEXT];
    for (size_t i = 0; i < count; i++) {
        size_t c = i % pitch;
        if (c >= channels && got[i] != GAP)
            fail_msg("%s, %s, tile %d, %s[%zu]: gap between channels and pitch was written", model_conv2d_format(s, shape),
                     model_kernels_name(cpu->kernels), tile, what, i);
        if (c < channels && !(fabs((double)got[i] - factor * want[i / pitch * channels + c]) <= factor * bound))
            fail_msg("%s, %s, tile %d, %s[%zu]: got %.9g, want %.9g, bound %.2g", model_conv2d_format(s, shape),
                     model_kernels_name(cpu->kernels), tile, what, i, (double)got[i], factor * want[i / pitch * channels + c],
                     factor * bound);
    }
}

static bool usable(const model_kernels *k) { return (model_kernels_needs(k) & ~base_cpu_detect()) == 0; }

static void check_shape(const model_conv2d *s, base_random *r, int threads)
{
    problem p = problem_make(s, r);
    const model_kernels *k;
    assert_true(model_winograd_fits(s));
    for (size_t row = 0; (k = model_kernels_row(row)); row++)
        for (int tile = 2; usable(k) && tile <= 4; tile += 2) {
            model_cpu cpu = { k, threads };
            double forward = bound_of(tile, 9.0 * s->ic), backward = bound_of(tile, 9.0 * s->oc);
            float *dst = run(&cpu, &p, MODEL_FORWARD, tile, false), *grad = run(&cpu, &p, MODEL_BACKWARD_DATA, tile, false),
                  *twice = run(&cpu, &p, MODEL_BACKWARD_DATA, tile, true);
            check(&p, &cpu, tile, "dst", dst, p.dst, 1, forward);
            check(&p, &cpu, tile, "grad_src", grad, p.grad_src, 1, backward);
            check(&p, &cpu, tile, "grad_src accumulated", twice, p.grad_src, 2, backward);
            free(dst), free(grad), free(twice);
            float *weights = run_weights(&cpu, s, tile, p.src, p.grad_dst);
            check_weights(&p, &cpu, tile, weights, bound_of(tile, (double)s->n * model_conv2d_oh(s) * model_conv2d_ow(s)));
            free(weights);
        }
    problem_free(&p);
}

static void test_cases(void **state)
{
    (void)state;
    base_random r = base_random_start(1, "test_winograd", 0, 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        model_conv2d s;
        base_error err;
        if (!model_conv2d_parse(&s, cases[i].shape, &err))
            fail_msg("%s (%s): %s", cases[i].shape, cases[i].why, err.text);
        check_shape(&s, &r, 2);
    }
}

static void test_random_shapes(void **state)
{
    (void)state;
    const char *given = getenv("TEST_SEED");
    uint64_t seed = given ? strtoull(given, NULL, 10) : 20261128;
    print_message("seed %llu (TEST_SEED)\n", (unsigned long long)seed);
    base_random r = base_random_start(seed, "test_winograd shapes", 0, 0);
    for (int done = 0; done < 60;) {
        model_conv2d s = { .n = 1 + (int)base_random_below(&r, 3),
                           .ic = 1 + (int)base_random_below(&r, 70),
                           .oc = 1 + (int)base_random_below(&r, 70),
                           .ih = 1 + (int)base_random_below(&r, 18),
                           .iw = 1 + (int)base_random_below(&r, 40),
                           .kh = 3,
                           .kw = 3,
                           .stride_h = 1,
                           .stride_w = 1,
                           .padding_h = (int)base_random_below(&r, 3),
                           .padding_w = (int)base_random_below(&r, 3),
                           .dilation_h = 1,
                           .dilation_w = 1 };
        s.src_pitch = s.ic + (int)base_random_below(&r, 2) * (int)base_random_below(&r, 9);
        s.dst_pitch = s.oc + (int)base_random_below(&r, 2) * (int)base_random_below(&r, 9);
        if (!model_conv2d_check(&s, NULL))
            continue;
        check_shape(&s, &r, 1 + (int)base_random_below(&r, 3));
        done++;
    }
}

/* Whole numbers come out of F(2x2) to the last bit: its constants are powers of two, and no sum here needs more than 24 bits. */
static void test_whole_numbers_are_exact(void **state)
{
    (void)state;
    base_random r = base_random_start(4, "test_winograd", 0, 0);
    model_conv2d s;
    const model_kernels *k;
    assert_true(model_conv2d_parse(&s, "n2_ic20oc11_ih9iw26_k3s1p1d1_sp23dp11", NULL));
    problem p = problem_make(&s, &r);
    for (size_t i = 0; i < p.in; i++)
        p.src[i] = (float)(int)(16 * p.src[i]);
    for (size_t i = 0; i < p.out; i++)
        p.grad_dst[i] = (float)(int)(16 * p.grad_dst[i]);
    model_conv2d_backward_weights_ref(&s, p.src, p.grad_dst, p.grad_weights, p.grad_weights + p.weight_count);
    for (size_t row = 0; (k = model_kernels_row(row)); row++)
        if (usable(k)) {
            model_cpu cpu = { k, 2 };
            float *got = run_weights(&cpu, &s, 2, p.src, p.grad_dst);
            check_weights(&p, &cpu, 2, got, 0);
            free(got);
        }
    problem_free(&p);
}

/* Too large for the whole reference: many tiles and many channels, whose sums are kept from stage to stage by one task. Samples, and the
 * same bytes for every thread count. */
static void test_stages_of_weights(void **state)
{
    (void)state;
    base_random r = base_random_start(5, "test_winograd", 0, 0);
    model_conv2d s;
    const model_kernels *k;
    assert_true(model_conv2d_parse(&s, "n1_ic130oc121_ih41iw67_k3s1p1d1", NULL));
    float *src = random_floats((size_t)s.ih * s.iw * s.ic, &r), *grad_dst = random_floats((size_t)s.ih * s.iw * s.oc, &r);
    size_t count = (size_t)s.ic * s.oc * 9;
    for (size_t row = 0; (k = model_kernels_row(row)); row++)
        if (usable(k)) {
            model_cpu cpu = { k, 1 };
            float *one = run_weights(&cpu, &s, 4, src, grad_dst);
            for (int i = 0; i < 300; i++) {
                size_t at = i == 0 ? count - 1 : base_random_below(&r, (uint32_t)count);
                double want = model_conv2d_backward_weights_at(&s, src, grad_dst, at);
                if (!(fabs((double)one[at] - want) <= bound_of(4, (double)s.ih * s.iw)))
                    fail_msg("%s: gradient of weight %zu: got %.9g, want %.9g", model_kernels_name(k), at, (double)one[at],
                             want);
            }
            for (cpu.threads = 2; cpu.threads <= 4; cpu.threads += 2) {
                float *more = run_weights(&cpu, &s, 4, src, grad_dst);
                if (memcmp(one, more, (count + (size_t)s.oc) * sizeof *one) != 0)
                    fail_msg("%s: gradients differ between 1 and %d threads", model_kernels_name(k), cpu.threads);
                free(more);
            }
            free(one);
        }
    free(src), free(grad_dst);
}

/* Weights whose transform is known: a window with one 1 shifts the image, so that small whole numbers must come out to the last bit
 * in F(2x2), whose constants are powers of two. */
static void test_shifts_are_exact(void **state)
{
    (void)state;
    base_random r = base_random_start(3, "test_winograd", 0, 0);
    model_conv2d s;
    const model_kernels *k;
    assert_true(model_conv2d_parse(&s, "n1_ic5oc5_ih7iw9_k3s1p1d1", NULL));
    problem p = problem_make(&s, &r);
    for (size_t i = 0; i < p.in; i++)
        p.src[i] = (float)(int)(16 * p.src[i]);
    for (size_t i = 0; i < p.weight_count; i++) /* output o is input channel o, moved by tap o */
        p.weights[i] = i / 45 == i / 9 % 5 && i % 9 == i / 45;
    memset(p.bias, 0, (size_t)s.oc * sizeof *p.bias);
    model_conv2d_forward_ref(&s, p.src, p.weights, p.bias, true, p.dst);
    for (size_t row = 0; (k = model_kernels_row(row)); row++)
        if (usable(k)) {
            model_cpu cpu = { k, 1 };
            float *dst = run(&cpu, &p, MODEL_FORWARD, 2, false);
            check(&p, &cpu, 2, "shifted image", dst, p.dst, 1, 0);
            free(dst);
        }
    problem_free(&p);
}

static void test_thread_counts(void **state)
{
    (void)state;
    static const char *const shapes[] = { "n2_ic16oc16_ih33iw64_k3s1p1d1", "n1_ic64oc96_ih16iw32_k3s1p1d1",
                                          "n1_ic8oc8_ih32iw65_k3s1p0d1", "n3_ic40oc24_ih9iw17_k3s1p1d1",
                                          "n1_ic24oc20_ih50iw130_k3s1p2d1" };
    base_random r = base_random_start(2, "test_winograd", 0, 0);
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        model_conv2d s;
        const model_kernels *k;
        assert_true(model_conv2d_parse(&s, shapes[i], NULL));
        problem p = problem_make(&s, &r);
        for (size_t row = 0; (k = model_kernels_row(row)); row++)
            for (int tile = 2; usable(k) && tile <= 4; tile += 2) {
                float *first[MODEL_PASS_COUNT] = { NULL };
                const size_t counts[MODEL_PASS_COUNT] = { p.out, p.in, p.weight_count + (size_t)s.oc };
                for (int threads = 1; threads <= 4; threads *= 2) {
                    model_cpu cpu = { k, threads };
                    for (int pass = 0; pass < MODEL_PASS_COUNT; pass++) {
                        float *got = pass == MODEL_BACKWARD_WEIGHTS ? run_weights(&cpu, &s, tile, p.src, p.grad_dst)
                                                                    : run(&cpu, &p, (model_pass)pass, tile, false);
                        if (first[pass] && memcmp(first[pass], got, counts[pass] * sizeof *got) != 0)
                            fail_msg("%s, %s, tile %d: pass %d differs between 1 and %d threads", shapes[i],
                                     model_kernels_name(k), tile, pass, threads);
                        if (first[pass])
                            free(got);
                        else
                            first[pass] = got;
                    }
                }
                free(first[0]), free(first[1]), free(first[2]);
            }
        problem_free(&p);
    }
}

static void test_what_fits(void **state)
{
    (void)state;
    static const struct {
        const char *shape;
        bool fits;
    } list[] = {
        { "n1_ic8oc8_ih9iw9_k3s1p1d1", true },    { "n1_ic8oc8_ih9iw9_k3s1p2d1", true },
        { "n1_ic8oc8_ih9iw9_k3s1p3d1", false },   { "n1_ic8oc8_ih9iw9_k3s2p1d1", false },
        { "n1_ic8oc8_ih9iw9_k3s1p2d2", false },   { "n1_ic8oc8_ih9iw9_k1s1p0d1", false },
        { "n1_ic8oc8_ih9iw9_k5x3s1p1d1", false },
    };
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        model_conv2d s;
        assert_true(model_conv2d_parse(&s, list[i].shape, NULL));
        if (model_winograd_fits(&s) != list[i].fits)
            fail_msg("%s: expected %s", list[i].shape, list[i].fits ? "to fit" : "not to fit");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_random_shapes),
        cmocka_unit_test(test_shifts_are_exact),
        cmocka_unit_test(test_whole_numbers_are_exact),
        cmocka_unit_test(test_stages_of_weights),
        cmocka_unit_test(test_thread_counts),
        cmocka_unit_test(test_what_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
