/* Convolution kernels of every instruction set that this CPU has, against the naive loops in double. */
#include "base/arena.h"
#include "base/cpu.h"
#include "base/random.h"
#include "model/kernels/conv2d.h"
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

static const struct {
    const char *shape, *why;
} cases[] = {
    { "n1_ic3oc8_ih16iw24_k3s1p1d1", "the demo's first layer: three channels, half a vector of outputs" },
    { "n1_ic3oc16_ih8iw8_k3s1p1d1", "first layer of base 16" },
    { "n1_ic8oc8_ih16iw40_k3s1p1d1", "base 8 at full resolution: half a vector of outputs" },
    { "n1_ic8oc16_ih9iw33_k3s1p1d1", "odd sizes" },
    { "n2_ic16oc8_ih8iw30_k3s1p1d1", "decoder of base 8, two images" },
    { "n1_ic8oc8_ih6iw20_k3s1p1d1_sp16dp24", "source and destination are slices of wider tensors" },
    { "n1_ic16oc16_ih8iw32_k3s1p1d1", "one full vector of outputs" },
    { "n1_ic16oc16_ih5iw61_k3s1p1d1", "a row that is cut into unequal tiles" },
    { "n1_ic32oc32_ih8iw16_k3s1p1d1", "one panel" },
    { "n1_ic32oc64_ih8iw16_k3s1p1d1_sp64dp64", "two panels, source is half of a concatenation" },
    { "n1_ic5oc24_ih7iw9_k3s1p1d1", "24 outputs: a vector and a half; odd input channels" },
    { "n1_ic24oc40_ih7iw9_k3s1p1d1", "40 outputs: a panel and half a vector" },
    { "n1_ic8oc1_ih9iw9_k1s1p0d1", "head with one class" },
    { "n1_ic8oc2_ih9iw9_k1s1p0d1", "head with two classes" },
    { "n1_ic8oc3_ih9iw9_k1s1p0d1", "head with three classes" },
    { "n1_ic7oc3_ih9iw9_k1s1p0d1", "odd input channels without padding" },
    { "n1_ic33oc17_ih4iw70_k1s1p0d1", "1x1: every tail at once" },
    { "n3_ic64oc20_ih1iw37_k1s1p0d1", "a linear layer" },
    { "n1_ic64oc48_ih1iw300_k1s1p0d1", "a linear layer longer than one segment" },
    { "n2_ic16oc32_ih7iw5_k3s2p1d1", "odd size, stride 2: last row and column reach padding" },
    { "n1_ic16oc32_ih8iw8_k2s2p0d1", "transposed 2x2 read backwards" },
    { "n1_ic8oc16_ih8iw16_k2s2p0d1_sp16dp16", "the same into a concatenation slice" },
    { "n1_ic3oc13_ih12iw14_k3s2p1d1", "ENet's first layer" },
    { "n1_ic4oc16_ih9iw11_k2s3p0d1", "stride larger than the window: pixels that nothing uses" },
    { "n1_ic16oc16_ih9iw9_k1s2p0d1", "1x1 with stride: three of four pixels are not used" },
    { "n1_ic3oc16_ih20iw20_k7s2p3d1", "ResNet's first layer" },
    { "n1_ic32oc32_ih9iw9_k3s1p4d4", "dilation: most taps fall into padding" },
    { "n1_ic16oc16_ih6iw6_k3s1p18d18", "dilation beyond the image: only the centre tap is inside" },
    { "n1_ic16oc16_ih12iw10_k5x1s1p2x0d1", "asymmetric, tall" },
    { "n1_ic16oc16_ih12iw10_k1x5s1p0x2d1", "asymmetric, wide" },
    { "n1_ic8oc8_ih10iw14_k3s1p0d1", "valid convolution of the first U-Net" },
    { "n1_ic16oc32_ih10iw14_k3s1p0d1", "valid convolution, one panel" },
    { "n1_ic16oc16_ih4iw6_k3s1p3d1", "padding larger than half the window: dst is larger than src" },
    { "n1_ic8oc8_ih5iw5_k1s1p2d1", "padding around a 1x1" },
    { "n1_ic16oc16_ih1iw1_k1s1p0d1", "the smallest legal convolution" },
    { "n1_ic16oc16_ih1iw1_k3s1p1d1", "one pixel, all padding" },
    { "n1_ic1oc1_ih3iw3_k3s1p1d1", "one channel each" },
    { "n1_ic128oc128_ih8iw16_k3s1p1d1", "bottom of the demo's network" },
    { "n2_ic3oc8_ih32iw48_k3s1p1d1", "many rows: several chunks of weight gradients" },
    { "n1_ic20oc36_ih17iw21_k4s3x2p2x1d2x1", "everything unequal" },
    { "n1_ic176oc260_ih14iw40_k3s1p1d1", "deep: weight gradients from packed pixels, two calls, half a tile of outputs left" },
    { "n1_ic256oc260_ih4iw36_k2s2p0d1_sp512dp264", "deep transposed 2x2: packed pixels of two slices, without a strip" },
    { "g16n1_ic16oc16_ih9iw21_k3s1p1d1", "depthwise: a vector of channels; a row that is no multiple of 8 pixels" },
    { "g64n2_ic64oc64_ih8iw16_k3s2p1d1", "depthwise with stride: SegFormer, DeepLab's entry" },
    { "g37n1_ic37oc37_ih7iw11_k3s1p1d1_sp41dp40", "depthwise: a tail of channels, slices of wider tensors" },
    { "g5n1_ic5oc5_ih6iw9_k3s1p1d1_sp5dp7", "depthwise: less than a vector" },
    { "g24n1_ic24oc24_ih12iw10_k3s1p4d4", "depthwise, dilated: DeepLabv3+" },
    { "g24n1_ic24oc24_ih5iw6_k3s1p12d12", "depthwise, dilated beyond the image" },
    { "g20n1_ic20oc20_ih11iw13_k5s3p2d1", "depthwise 5x5: more taps than sums in registers, stride 3" },
    { "g32n1_ic32oc32_ih9iw12_k7x1s1p3x0d1", "depthwise, tall" },
    { "g16n1_ic16oc16_ih9iw11_k2s3p0d1", "depthwise: pixels that nothing uses" },
    { "g48n1_ic48oc48_ih9iw33_k1s1p0d1", "depthwise 1x1: a scale per channel" },
    { "g160n2_ic160oc160_ih24iw64_k3s1p1d1", "depthwise: several chunks of weight gradients, ranges of channels" },
    { "g4n1_ic64oc128_ih7iw9_k3s1p1d1", "groups of 16 to 32 channels" },
    { "g2n2_ic6oc10_ih9iw7_k3s2p1d1_sp9dp11", "two odd groups in slices, stride 2" },
    { "g8n1_ic32oc32_ih6iw20_k3s1p2d2", "groups of four: ResNeXt" },
    { "g12n1_ic12oc24_ih6iw7_k3s1p1d1", "one channel a group, two outputs: not depthwise" },
    { "g3n1_ic33oc48_ih5iw40_k1s1p0d1", "grouped 1x1" },
    { "n2_ic172oc257_ih9iw6_k3s2p1d1", "the same with vectors that cross taps, stride 2, two images, one output left" },
};

typedef struct tensor {
    float *data;
    size_t count;
} tensor;

static tensor make(size_t count, base_random *r)
{
    tensor t = { base_alloc(count * sizeof(float), NULL), count };
    assert_non_null(t.data);
    for (size_t i = 0; i < count; i++)
        t.data[i] = r ? (float)base_random_range(r, -1, 1) : -777.0f;
    return t;
}

static void assert_near(const char *shape, const char *row, const char *what, size_t index, double got, double want,
                        double tolerance)
{
    if (!(fabs(got - want) <= tolerance))
        fail_msg("%s, %s, %s[%zu]: got %.9g, want %.9g, tolerance %.2g", shape, row, what, index, got, want, tolerance);
}

/* Rounding of a float sum of k products of values in [-1, 1): k/4 * 2^-24 typically; 1e-7*(k + 16) never fails by chance
 * and is far below any single wrong term. */
static double tolerance_of(double terms) { return 1e-7 * (terms + 16); }

static void check_pixels(const char *shape, const char *row, const char *what, const tensor *got, const double *want,
                         int channels, int pitch, double tolerance)
{
    for (size_t i = 0; i < got->count; i++) {
        size_t pixel = i / (size_t)pitch, c = i % (size_t)pitch;
        if (c < (size_t)channels)
            assert_near(shape, row, what, i, got->data[i], want[pixel * (size_t)channels + c], tolerance);
        else if (got->data[i] != -777.0f)
            fail_msg("%s, %s, %s[%zu]: gap between channels and pitch was written", shape, row, what, i);
    }
}

typedef struct problem {
    model_conv2d s;
    tensor src, weights, bias, grad_dst;
    double *dst, *grad_src, *grad_weights, *grad_bias; /* wanted */
} problem;

static problem problem_make(const model_conv2d *s, base_random *r)
{
    problem p = { .s = *s };
    size_t out = (size_t)s->n * model_conv2d_oh(s) * model_conv2d_ow(s), in = (size_t)s->n * s->ih * s->iw;
    p.src = make(in * s->src_pitch, r);
    p.weights = make((size_t)s->oc * model_conv2d_group_channels(s) * s->kh * s->kw, r);
    p.bias = make((size_t)(s->oc > s->ic ? s->oc : s->ic), r);
    p.grad_dst = make(out * s->dst_pitch, r);
    p.dst = malloc(out * s->oc * sizeof(double));
    p.grad_src = malloc(in * s->ic * sizeof(double));
    p.grad_weights = malloc(p.weights.count * sizeof(double));
    p.grad_bias = malloc((size_t)s->oc * sizeof(double));
    model_conv2d_backward_data_ref(s, p.grad_dst.data, p.weights.data, p.grad_src);
    model_conv2d_backward_weights_ref(s, p.src.data, p.grad_dst.data, p.grad_weights, p.grad_bias);
    return p;
}

static void problem_free(problem *p)
{
    free(p->src.data), free(p->weights.data), free(p->bias.data), free(p->grad_dst.data);
    free(p->dst), free(p->grad_src), free(p->grad_weights), free(p->grad_bias);
}

static float *packed_weights(const model_cpu *cpu, const problem *p, model_pass pass)
{
    float *packed = base_alloc(model_conv2d_packed_bytes(cpu, &p->s, pass), NULL);
    model_conv2d_pack(cpu, &p->s, pass, p->weights.data, packed);
    return packed;
}

/* Scratch full of NaN: nothing may depend on what was there. */
static void *scratch_for(const model_cpu *cpu, const model_conv2d *s, model_pass pass)
{
    size_t bytes = model_conv2d_scratch_bytes(cpu, s, pass);
    void *scratch = base_alloc(bytes, NULL);
    memset(scratch, 0xff, bytes);
    return scratch;
}

static void check_forward(const model_cpu *cpu, problem *p, const char *shape)
{
    const model_conv2d *s = &p->s;
    const char *row = model_kernels_name(cpu->kernels);
    float *packed = packed_weights(cpu, p, MODEL_FORWARD);
    void *scratch = scratch_for(cpu, s, MODEL_FORWARD);
    tensor dst = make(p->grad_dst.count, NULL);
    for (int relu = 0; relu < 2; relu++) {
        const float *bias = relu ? p->bias.data : NULL;
        model_conv2d_forward_ref(s, p->src.data, p->weights.data, bias, relu, p->dst);
        model_conv2d_forward(cpu, s, p->src.data, packed, bias, relu, dst.data, scratch);
        check_pixels(shape, row, relu ? "dst with bias and ReLU" : "dst", &dst, p->dst, s->oc, s->dst_pitch,
                     tolerance_of((double)s->ic * s->kh * s->kw));
    }
    free(packed), free(scratch), free(dst.data);
}

static void check_backward(const model_cpu *cpu, problem *p, const char *shape)
{
    const model_conv2d *s = &p->s;
    const char *row = model_kernels_name(cpu->kernels);
    float *packed = packed_weights(cpu, p, MODEL_BACKWARD_DATA);
    void *scratch = scratch_for(cpu, s, MODEL_BACKWARD_DATA);
    tensor grad_src = make(p->src.count, NULL);
    double tolerance = tolerance_of((double)s->oc * s->kh * s->kw);
    model_conv2d_backward_data(cpu, s, p->grad_dst.data, packed, false, grad_src.data, scratch);
    check_pixels(shape, row, "grad_src", &grad_src, p->grad_src, s->ic, s->src_pitch, tolerance);

    /* added to itself it doubles */
    model_conv2d_backward_data(cpu, s, p->grad_dst.data, packed, true, grad_src.data, scratch);
    size_t count = (size_t)s->n * s->ih * s->iw * s->ic;
    double *twice = malloc(count * sizeof *twice);
    for (size_t i = 0; i < count; i++)
        twice[i] = 2 * p->grad_src[i];
    check_pixels(shape, row, "grad_src accumulated", &grad_src, twice, s->ic, s->src_pitch, 2 * tolerance);

    /* as a transposed convolution, with bias and ReLU */
    for (size_t i = 0; i < count; i++) {
        double v = p->grad_src[i] + p->bias.data[i % (size_t)s->ic];
        twice[i] = v > 0 ? v : 0;
    }
    model_conv2d_transposed_forward(cpu, s, p->grad_dst.data, packed, p->bias.data, true, grad_src.data, scratch);
    check_pixels(shape, row, "transposed dst", &grad_src, twice, s->ic, s->src_pitch, tolerance);
    free(packed), free(scratch), free(grad_src.data), free(twice);
}

static void check_weights(const model_cpu *cpu, problem *p, const char *shape)
{
    const model_conv2d *s = &p->s;
    const char *row = model_kernels_name(cpu->kernels);
    void *scratch = scratch_for(cpu, s, MODEL_BACKWARD_WEIGHTS);
    tensor grad_weights = make(p->weights.count, NULL), grad_bias = make((size_t)(s->oc > s->ic ? s->oc : s->ic), NULL);
    double terms = (double)s->n * model_conv2d_oh(s) * model_conv2d_ow(s), tolerance = tolerance_of(terms);
    model_conv2d_backward_weights(cpu, s, p->src.data, p->grad_dst.data, grad_weights.data, grad_bias.data, scratch);
    for (size_t i = 0; i < grad_weights.count; i++)
        assert_near(shape, row, "grad_weights", i, grad_weights.data[i], p->grad_weights[i], tolerance);
    for (size_t i = 0; i < (size_t)s->oc; i++)
        assert_near(shape, row, "grad_bias", i, grad_bias.data[i], p->grad_bias[i], tolerance);

    /* transposed: src and grad_dst exchange their parts, the bias belongs to the other side */
    model_conv2d_transposed_backward_weights(cpu, s, p->grad_dst.data, p->src.data, grad_weights.data, grad_bias.data, scratch);
    for (size_t i = 0; i < grad_weights.count; i++)
        assert_near(shape, row, "transposed grad_weights", i, grad_weights.data[i], p->grad_weights[i], tolerance);
    for (int c = 0; c < s->ic; c++) {
        double sum = 0;
        for (size_t i = (size_t)c; i < p->src.count; i += (size_t)s->src_pitch)
            sum += p->src.data[i];
        assert_near(shape, row, "transposed grad_bias", (size_t)c, grad_bias.data[c], sum,
                    tolerance_of((double)s->n * s->ih * s->iw));
    }
    free(scratch), free(grad_weights.data), free(grad_bias.data);
}

static void check_shape(const model_conv2d *s, base_random *r, int threads)
{
    char shape[MODEL_CONV2D_TEXT];
    model_conv2d_format(s, shape);
    problem p = problem_make(s, r);
    const model_kernels *k;
    for (size_t i = 0; (k = model_kernels_row(i)); i++) {
        if (model_kernels_needs(k) & ~base_cpu_detect())
            continue;
        model_cpu cpu = { k, threads };
        check_forward(&cpu, &p, shape);
        check_backward(&cpu, &p, shape);
        check_weights(&cpu, &p, shape);
    }
    problem_free(&p);
}

static void test_cases(void **state)
{
    (void)state;
    base_random r = base_random_start(1, "test_conv2d", 0, 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        model_conv2d s;
        base_error err;
        if (!model_conv2d_parse(&s, cases[i].shape, &err))
            fail_msg("%s (%s): %s", cases[i].shape, cases[i].why, err.text);
        char text[MODEL_CONV2D_TEXT];
        assert_string_equal(model_conv2d_format(&s, text), cases[i].shape);
        check_shape(&s, &r, 2);
    }
}

static void test_random_shapes(void **state)
{
    (void)state;
    const char *given = getenv("TEST_SEED");
    uint64_t seed = given ? strtoull(given, NULL, 10) : 20261122;
    print_message("seed %llu (TEST_SEED)\n", (unsigned long long)seed);
    base_random r = base_random_start(seed, "test_conv2d shapes", 0, 0);
    for (int done = 0; done < 130;) {
        model_conv2d s = { .n = 1 + (int)base_random_below(&r, 2),
                           .ic = 1 + (int)base_random_below(&r, 40),
                           .oc = 1 + (int)base_random_below(&r, 70),
                           .ih = 1 + (int)base_random_below(&r, 14),
                           .iw = 1 + (int)base_random_below(&r, 40),
                           .kh = 1 + (int)base_random_below(&r, 4),
                           .kw = 1 + (int)base_random_below(&r, 4),
                           .stride_h = 1 + (int)base_random_below(&r, 3),
                           .stride_w = 1 + (int)base_random_below(&r, 3),
                           .padding_h = (int)base_random_below(&r, 4),
                           .padding_w = (int)base_random_below(&r, 4),
                           .dilation_h = 1 + (int)base_random_below(&r, 3),
                           .dilation_w = 1 + (int)base_random_below(&r, 3) };
        if (base_random_below(&r, 2)) { /* half of them as networks use them */
            s.kh = s.kw = 3;
            s.stride_h = s.stride_w = s.dilation_h = s.dilation_w = s.padding_h = s.padding_w = 1;
        }
        switch (base_random_below(&r, 4)) { /* a quarter depthwise, a quarter grouped */
        case 0: s.groups = s.oc = s.ic; break;
        case 1:
            s.groups = 1 + (int)base_random_below(&r, 5);
            s.ic = s.groups * (1 + s.ic / 4);
            s.oc = s.groups * (1 + s.oc / 4);
            break;
        default: break;
        }
        s.src_pitch = s.ic + (int)base_random_below(&r, 2) * (int)base_random_below(&r, 9);
        s.dst_pitch = s.oc + (int)base_random_below(&r, 2) * (int)base_random_below(&r, 9);
        if (!model_conv2d_check(&s, NULL))
            continue;
        check_shape(&s, &r, 1 + (int)base_random_below(&r, 3));
        done++;
    }
}

/* Every pass gives the same bits for 1, 2 and 4 threads. */
static void test_thread_counts(void **state)
{
    (void)state;
    static const char *const shapes[] = { "n2_ic3oc8_ih40iw64_k3s1p1d1",      "n1_ic16oc16_ih33iw64_k3s1p1d1",
                                          "n1_ic64oc96_ih16iw32_k3s1p1d1",    "n3_ic32oc64_ih9iw17_k3s2p1d1",
                                          "n1_ic16oc8_ih32iw64_k2s2p0d1",     "n1_ic128oc160_ih8iw16_k3s1p1d1",
                                          "n1_ic192oc256_ih16iw32_k3s1p1d1",  "g80n2_ic80oc80_ih33iw70_k3s1p1d1",
                                          "g96n1_ic96oc96_ih31iw40_k5s2p2d1", "g4n2_ic64oc96_ih17iw33_k3s1p1d1" };
    base_random r = base_random_start(2, "test_conv2d", 0, 0);
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        model_conv2d s;
        assert_true(model_conv2d_parse(&s, shapes[i], NULL));
        problem p = problem_make(&s, &r);
        const model_kernels *k;
        for (size_t row = 0; (k = model_kernels_row(row)); row++) {
            if (model_kernels_needs(k) & ~base_cpu_detect())
                continue;
            tensor first[4] = { { 0 } };
            for (int threads = 1; threads <= 4; threads *= 2) {
                model_cpu cpu = { k, threads };
                tensor out[4] = { make(p.grad_dst.count, NULL), make(p.src.count, NULL), make(p.weights.count, NULL),
                                  make((size_t)s.oc, NULL) };
                float *packed = packed_weights(&cpu, &p, MODEL_FORWARD), *back = packed_weights(&cpu, &p, MODEL_BACKWARD_DATA);
                void *scratch[3];
                for (int pass = 0; pass < MODEL_PASS_COUNT; pass++)
                    scratch[pass] = scratch_for(&cpu, &s, (model_pass)pass);
                model_conv2d_forward(&cpu, &s, p.src.data, packed, p.bias.data, false, out[0].data, scratch[0]);
                model_conv2d_backward_data(&cpu, &s, p.grad_dst.data, back, false, out[1].data, scratch[1]);
                model_conv2d_backward_weights(&cpu, &s, p.src.data, p.grad_dst.data, out[2].data, out[3].data, scratch[2]);
                for (int t = 0; t < 4; t++) {
                    if (threads > 1 && memcmp(first[t].data, out[t].data, out[t].count * sizeof(float)) != 0)
                        fail_msg("%s, %s: output %d differs between 1 and %d threads", shapes[i], model_kernels_name(k), t,
                                 threads);
                    if (threads == 1)
                        first[t] = out[t];
                    else
                        free(out[t].data);
                }
                free(packed), free(back), free(scratch[0]), free(scratch[1]), free(scratch[2]);
            }
            for (int t = 0; t < 4; t++)
                free(first[t].data);
        }
        problem_free(&p);
    }
}

static void test_refused_shapes(void **state)
{
    (void)state;
    static const struct {
        const char *shape, *says;
    } bad[] = {
        { "n1_ic32oc32_ih128iw256_k3s1p1d1x", "cannot read 'x'" },
        { "n1_ic32oc32_ih128iw256", "cannot read" },
        { "g3n1_ic32oc33_ih8iw8_k3s1p1d1", "3 groups do not divide 32 channels" },
        { "gn1_ic32oc32_ih8iw8_k3s1p1d1", "the number of groups" },
        { "g99999n1_ic32oc32_ih8iw8_k3s1p1d1", "groups is 99999" },
        { "n0_ic32oc32_ih128iw256_k3s1p1d1", "n is 0" },
        { "n1_ic32oc32_ih2iw2_k3s1p0d1", "does not fit" },
        { "n1_ic32oc32_ih8iw8_k17s1p8d1", "kh is 17" },
        { "n1_ic32oc32_ih8iw8_k3s0p1d1", "stride_h is 0" },
        { "n1_ic32oc32_ih8iw8_k3s1p1d1_sp16dp32", "src_pitch is 16" },
        { "n1_ic60000oc60000_ih8iw8_k3s1p1d1", "weights are too many" },
        { "n1_ic99999999999999999999oc1_ih8iw8_k3s1p1d1", "cannot read" },
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        model_conv2d s;
        base_error err = { 0 };
        if (model_conv2d_parse(&s, bad[i].shape, &err) || !strstr(err.text, bad[i].says))
            fail_msg("%s: said '%s', expected it to be refused with '%s'", bad[i].shape, err.text, bad[i].says);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_random_shapes),
        cmocka_unit_test(test_thread_counts),
        cmocka_unit_test(test_refused_shapes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
