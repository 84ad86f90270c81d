/* laneloop bench int8 — integer convolutions and whole networks: checked against the scalar definition, then timed beside the dot-product
 * peak and beside the same network in fp32.
 *
 * The peak is measured in bursts between the runs of the same layer on the same threads; the fastest run stands against the fastest
 * burst. Operations are nominal: two per multiply-add, padding taps counted, idle lanes not. */
#include "base/arena.h"
#include "base/clock.h"
#include "base/cpu.h"
#include "base/pool.h"
#include "base/random.h"
#include "cli/bench.h"
#include "cli/cli.h"
#include "model/kernels/conv2d.h"
#include "quant/quant.h"
#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* As in bench kernels: k2s2p0 stands for the transposed convolution that reads [oc] and writes [ic]. */
static const char *const default_shapes[] = {
    "n1_ic3oc8_ih128iw256_k3s1p1d1",   "n1_ic8oc8_ih128iw256_k3s1p1d1",   "n1_ic16oc8_ih128iw256_k3s1p1d1",
    "n1_ic8oc16_ih64iw128_k3s1p1d1",   "n1_ic16oc16_ih64iw128_k3s1p1d1",  "n1_ic32oc16_ih64iw128_k3s1p1d1",
    "n1_ic16oc32_ih32iw64_k3s1p1d1",   "n1_ic32oc32_ih32iw64_k3s1p1d1",   "n1_ic64oc64_ih16iw32_k3s1p1d1",
    "n1_ic128oc128_ih8iw16_k3s1p1d1",  "n1_ic8oc16_ih128iw256_k2s2p0d1",  "n1_ic3oc16_ih256iw512_k3s1p1d1",
    "n1_ic16oc16_ih256iw512_k3s1p1d1", "n1_ic32oc16_ih256iw512_k3s1p1d1", "n1_ic32oc32_ih128iw256_k3s1p1d1",
    "n1_ic64oc64_ih64iw128_k3s1p1d1",  "n1_ic128oc128_ih32iw64_k3s1p1d1", "n1_ic256oc256_ih16iw32_k3s1p1d1",
    "n1_ic64oc64_ih256iw512_k3s1p1d1", "n1_ic32oc64_ih128iw256_k2s2p0d1", "n1_ic64oc64_ih64iw128_k3s2p1d1",
    "n1_ic256oc256_ih32iw64_k1s1p0d1",
};
static const struct {
    int base, h, w;
} default_nets[] = { { 8, 128, 256 }, { 16, 128, 256 }, { 16, 256, 512 }, { 32, 256, 512 } };

typedef struct bench {
    const quant_kernels *kernels;
    const char *level;
    uint32_t bits;
    int threads;
    double seconds;
    bool json;
} bench;

/* ---- layers ---- */
typedef struct layer {
    quant_conv conv;
    bool depthwise;
    quant_view src, dst;
    uint8_t *check; /* what the scalar definition gives */
    void *packed;
    unsigned char *scratch;
    size_t scratch_bytes, dst_bytes;
    int8_t *weights;
    int32_t *bias;
    float *multiplier;
} layer;

static void layer_destroy(layer *l)
{
    free(l->src.data), free(l->dst.data), free(l->check), free(l->packed), free(l->scratch);
    free(l->weights), free(l->bias), free(l->multiplier);
}

static quant_view view_create(int h, int w, int c, base_error *err)
{
    int pitch = (c + 3) / 4 * 4;
    size_t row = (size_t)w * pitch;
    return (quant_view){ base_alloc_zero(h * row + 64, 1, err), h, w, c, pitch, row };
}

static bool layer_create(layer *l, const bench *b, const model_conv2d *s, base_error *err)
{
    bool transposed = s->kh == 2 && s->stride_h == 2;
    *l = (layer){ .conv = { .ic = transposed ? s->oc : s->ic,
                            .oc = transposed ? s->ic : s->oc,
                            .kh = s->kh,
                            .kw = s->kw,
                            .stride = s->stride_h,
                            .padding = s->padding_h,
                            .dilation = s->dilation_h,
                            .transposed = transposed,
                            .hi = 255.0f } };
    quant_conv *c = &l->conv;
    l->depthwise = model_conv2d_depthwise(s);
    l->src = view_create(transposed ? s->ih / 2 : s->ih, transposed ? s->iw / 2 : s->iw, c->ic, err);
    l->dst = view_create(quant_conv_out(c, l->src.height, c->kh), quant_conv_out(c, l->src.width, c->kw), c->oc, err);
    size_t weights = (size_t)c->kh * c->kw * (l->depthwise ? 1 : c->ic) * c->oc;
    l->dst_bytes = l->dst.height * l->dst.row_bytes;
    l->check = base_alloc_zero(l->dst_bytes + 64, 1, err);
    l->weights = base_alloc(weights, err);
    l->bias = base_alloc_zero(4 * (size_t)c->oc, sizeof(int32_t), err);
    l->multiplier = base_alloc((size_t)c->oc * sizeof(float), err);
    c->weights = l->weights, c->bias = l->bias, c->multiplier = l->multiplier;
    l->scratch_bytes = base_arena_round(b->kernels->conv_scratch_bytes(c, l->src.width));
    l->packed = base_alloc(l->depthwise ? quant_depthwise_packed_bytes(c) : b->kernels->conv_packed_bytes(c), err);
    l->scratch = base_alloc(l->scratch_bytes * b->threads, err);
    if (!l->src.data || !l->dst.data || !l->check || !l->weights || !l->bias || !l->multiplier || !l->packed || !l->scratch) {
        layer_destroy(l);
        return false;
    }
    base_random r = base_random_start(1, "bench int8", (uint64_t)c->ic, (uint64_t)c->oc);
    for (size_t i = 0; i < l->src.height * l->src.row_bytes; i++)
        l->src.data[i] = (uint8_t)base_random_below(&r, 256);
    for (size_t i = 0; i < weights; i++)
        l->weights[i] = (int8_t)((int)base_random_below(&r, 255) - 127);
    for (int o = 0; o < c->oc; o++)
        l->multiplier[o] = (float)(120.0 / (9400.0 * sqrt((double)weights / c->oc)));
    if (l->depthwise)
        quant_depthwise_pack(c, l->packed);
    else
        b->kernels->conv_pack(c, l->packed);
    return true;
}

static void run_layer(const bench *b, layer *l)
{
#pragma omp parallel num_threads(b->threads)
    {
        int t = omp_get_thread_num(), n = omp_get_num_threads(), row0 = l->dst.height * t / n,
            row1 = l->dst.height * (t + 1) / n;
        if (l->depthwise)
            quant_depthwise(b->kernels, &l->conv, l->packed, &l->src, &l->dst, row0, row1);
        else
            b->kernels->conv(&l->conv, l->packed, &l->src, &l->dst, row0, row1, l->scratch + t * l->scratch_bytes);
    }
}

/* A few rows of the scalar definition: first, last and one between. */
static bool check_layer(layer *l, const char *shape, base_error *err)
{
    quant_view want = l->dst;
    want.data = l->check;
    int rows[] = { 0, l->dst.height / 2, l->dst.height - 1 };
    for (int i = 0; i < 3; i++) {
        if (l->depthwise)
            quant_depthwise(quant_kernels_select(0), &l->conv, NULL, &l->src, &want, rows[i], rows[i] + 1);
        else
            quant_kernels_select(0)->conv(&l->conv, NULL, &l->src, &want, rows[i], rows[i] + 1, NULL);
        for (int x = 0; x < want.width; x++)
            if (memcmp(quant_view_at(&want, rows[i], x), quant_view_at(&l->dst, rows[i], x), (size_t)want.channels))
                return base_fail(err, BASE_FORMAT, "%s: row %d, pixel %d is not what the scalar definition gives", shape,
                                 rows[i], x);
    }
    return true;
}

static bool bench_layer(const bench *b, const char *shape, base_error *err)
{
    model_conv2d s;
    layer l;
    if (!model_conv2d_parse(&s, shape, err))
        return false;
    if (model_conv2d_groups(&s) > 1 && (!model_conv2d_depthwise(&s) || (s.kh == 2 && s.stride_h == 2)))
        return base_fail(err, BASE_UNSUPPORTED,
                         "%s: int8 convolutions have one group or are depthwise, transposed ones have one", shape);
    if (!layer_create(&l, b, &s, err))
        return false;
    double best = INFINITY, peak = 0, start = base_clock_s();
    run_layer(b, &l);
    bool ok = check_layer(&l, shape, err);
    for (int i = 0; ok && (i < 3 || base_clock_s() - start < b->seconds); i++) {
        double burst = quant_kernels_peak_ops(b->kernels, b->threads, 0.002);
        peak = burst > peak ? burst : peak;
        for (int j = 0; j < 3; j++) {
            double before = base_clock_s();
            run_layer(b, &l);
            double took = base_clock_s() - before;
            best = took < best ? took : best;
        }
    }
    double gops = model_conv2d_flops(&s) / best * 1e-9;
    if (ok && b->json)
        printf(
            "{\"shape\":\"%s\",\"level\":\"%s\",\"threads\":%d,\"ms\":%.4f,\"gops\":%.2f,\"peak_gops\":%.2f,\"peak_pct\":%.2f}\n",
            shape, b->kernels->name, b->threads, best * 1e3, gops, peak * 1e-9, 100e9 * gops / peak);
    else if (ok)
        printf("%-40s %9.3f %9.0f %8.1f %9.0f\n", shape, best * 1e3, gops, 100e9 * gops / peak, peak * 1e-9);
    fflush(stdout);
    layer_destroy(&l);
    return ok;
}

/* ---- networks ---- */
static bool noise(void *user, int index, uint8_t *rgb, base_error *err)
{
    (void)err;
    const int *size = user;
    base_random r = base_random_start(1, "bench noise", (uint64_t)index, 0);
    for (int i = 0; i < size[0] * size[1] * 3; i++)
        rgb[i] = (uint8_t)base_random_below(&r, 256);
    return true;
}

static double best_of(const bench *b, model_predictor *fp32, quant_session *int8, const uint8_t *rgb, uint8_t *mask)
{
    double best = INFINITY, start = base_clock_s();
    for (int i = 0; i < 10 || base_clock_s() - start < b->seconds; i++) {
        double before = base_clock_s();
        if (int8)
            quant_session_run(int8, rgb, mask, NULL);
        else
            model_predictor_mask(fp32, rgb, mask);
        double took = base_clock_s() - before;
        best = took < best ? took : best;
    }
    return best;
}

static bool bench_net(const bench *b, int base, int h, int w, base_error *err)
{
    model_description d = {
        .net = model_unet_options_default(), .image_h = h, .image_w = w, .classes = dataset_classes_default()
    };
    d.net.base = base;
    int size[2] = { h, w };
    model *m = model_create(&d, err);
    quant_model *q = NULL;
    quant_session *s = NULL;
    model_predictor *p = NULL;
    uint8_t *rgb = base_alloc((size_t)h * w * 3, err), *mask = base_alloc((size_t)h * w, err);
    quant_options qo = quant_options_default();
    qo.threads = b->threads;
    quant_frames frames = { .count = 1, .h = h, .w = w, .read = noise, .user = size };
    if (m)
        model_parameters_initialise(&m->graph, &m->weights, MODEL_INIT_KAIMING, 1);
    bool ok = m && rgb && mask && noise(size, 0, rgb, err) && (q = quant_calibrate(m, &qo, &frames, NULL, err)) &&
              (s = quant_session_create(q, h, w, b->threads, b->bits, err)) &&
              (p = model_predictor_create(m, &(model_predictor_options){ .threads = b->threads, .isa = b->level }, err));
    if (ok) {
        double fp32 = best_of(b, p, NULL, rgb, mask), int8 = best_of(b, NULL, s, rgb, mask);
        double peak = 0;
        for (int i = 0; i < 10; i++)
            peak = fmax(peak, quant_kernels_peak_ops(b->kernels, b->threads, 0.002));
        double gops = 2e-9 * model_graph_macs(&m->graph) / int8;
        if (b->json)
            printf("{\"net\":\"unet_b%d\",\"h\":%d,\"w\":%d,\"level\":\"%s\",\"threads\":%d,\"fp32_ms\":%.3f,\"int8_ms\":%.3f,"
                   "\"ratio\":%.3f,\"gops\":%.1f,\"peak_pct\":%.2f}\n",
                   base, h, w, b->kernels->name, b->threads, fp32 * 1e3, int8 * 1e3, fp32 / int8, gops, 100e9 * gops / peak);
        else
            printf("U-Net base %-3d %4d x %-4d %12.2f ms fp32 %9.2f ms int8 %7.2f x %7.1f %% of the peak\n", base, w, h,
                   fp32 * 1e3, int8 * 1e3, fp32 / int8, 100e9 * gops / peak);
        fflush(stdout);
    }
    model_predictor_destroy(p);
    quant_session_destroy(s);
    quant_model_destroy(q);
    model_destroy(m);
    free(mask);
    free(rgb);
    return ok;
}

int cli_bench_int8(int argc, char **argv)
{
    static const cli_command command = {
        "laneloop bench int8 [SHAPE ...] [--isa NAME] [--threads N] [--seconds S] [--json]",
        "Time int8 convolutions (requantisation and ReLU included) against the dot-product peak of the same run, and whole U-Nets against\n"
        "fp32 as infer runs it (with Winograd where that pays). Each layer is compared with the scalar definition before it is timed.\n"
        "With shapes: those layers only.",
        "laneloop bench int8 n1_ic16oc16_ih64iw128_k3s1p1d1 --threads 1",
    };
    const char *isa = NULL, *threads_text = NULL, *seconds_text = NULL, *shapes[64];
    bench b = { .seconds = 0.15 };
    const cli_flag flags[] = {
        { "--isa", "NAME",
          "instruction set: scalar, avx2, avx2vnni, avx512vnni, avx512vbmi, neon, neondot; default LANELOOP_ISA, else the best of this CPU",
          &isa, NULL },
        { "--threads", "N", "OpenMP threads; default one per core", &threads_text, NULL },
        { "--seconds", "S", "time for each layer; default 0.15", &seconds_text, NULL },
        { "--json", NULL, "one JSON line per layer or network", NULL, &b.json },
    };
    int count = 0, status = cli_parse(&command, flags, sizeof flags / sizeof *flags, argc, argv, shapes, 0, 64, &count);
    if (status != CLI_GO)
        return status;
    base_error err;
    if (!cli_int("--threads", threads_text, 1, 1024, &b.threads, &err) ||
        !cli_double("--seconds", seconds_text, 0.001, 600, &b.seconds, &err))
        return cli_usage(&command, "%s", err.text);
    if (!base_cpu_select(isa, &b.bits, &err))
        return cli_fail(&err);
    b.level = isa;
    b.threads = b.threads ? b.threads : base_cores();
    b.kernels = quant_kernels_select(b.bits);
    if (!b.json) {
        char name[128];
        base_cpu_model(name, sizeof name);
        printf("%s, kernels %s, %d threads\n%-40s %9s %9s %8s %9s\n", name, b.kernels->name, b.threads, "shape", "ms", "Gop/s",
               "% peak", "peak");
    }
    int total = count ? count : (int)(sizeof default_shapes / sizeof *default_shapes);
    for (int i = 0; i < total; i++)
        if (!bench_layer(&b, count ? shapes[i] : default_shapes[i], &err))
            return cli_fail(&err);
    for (size_t i = 0; !count && i < sizeof default_nets / sizeof *default_nets; i++)
        if (!bench_net(&b, default_nets[i].base, default_nets[i].h, default_nets[i].w, &err))
            return cli_fail(&err);
    return 0;
}
