/* laneloop bench kernels — convolution, forward and both backward passes, directly and where they fit by Winograd's algorithms, each
 * checked against the reference, then timed.
 *
 * What counts is the percentage of the peak: multiply-adds from registers, measured in bursts between the runs of the same layer
 * on the same threads. Other work on the machine only ever slows either down, so the fastest run stands against the fastest burst.
 * FLOPs are nominal (padding taps counted, though they are skipped), so small images can exceed 100. A depthwise convolution waits for
 * memory, not for multiply-adds: its GB/s stand below, src and dst counted once. */
#include "base/arena.h"
#include "base/clock.h"
#include "base/cpu.h"
#include "base/pool.h"
#include "base/random.h"
#include "cli/bench.h"
#include "cli/cli.h"
#include "model/kernels/bf16.h"
#include "model/kernels/convolve.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char *const default_shapes[] = {
    /* the demo's U-Net, base 8, 128x256 */
    "n1_ic3oc8_ih128iw256_k3s1p1d1",
    "n1_ic8oc8_ih128iw256_k3s1p1d1",
    "n1_ic16oc8_ih128iw256_k3s1p1d1",
    "n1_ic8oc16_ih64iw128_k3s1p1d1",
    "n1_ic16oc16_ih64iw128_k3s1p1d1",
    "n1_ic32oc16_ih64iw128_k3s1p1d1",
    "n1_ic16oc32_ih32iw64_k3s1p1d1",
    "n1_ic32oc32_ih32iw64_k3s1p1d1",
    "n1_ic64oc64_ih16iw32_k3s1p1d1",
    "n4_ic128oc128_ih8iw16_k3s1p1d1",
    "n1_ic8oc16_ih128iw256_k2s2p0d1_sp16dp16",
    "n1_ic8oc3_ih128iw256_k1s1p0d1",
    /* base 16 and wider, 256x512 */
    "n1_ic3oc16_ih256iw512_k3s1p1d1",
    "n1_ic16oc16_ih256iw512_k3s1p1d1",
    "n1_ic32oc16_ih256iw512_k3s1p1d1",
    "n1_ic32oc32_ih128iw256_k3s1p1d1",
    "n1_ic64oc64_ih64iw128_k3s1p1d1",
    "n1_ic128oc128_ih32iw64_k3s1p1d1",
    "n1_ic256oc256_ih16iw32_k3s1p1d1",
    "n1_ic64oc64_ih256iw512_k3s1p1d1",
    /* other operators */
    "n1_ic32oc64_ih128iw256_k2s2p0d1_sp64dp64",
    "n1_ic32oc64_ih64iw128_k3s2p1d1",
    "n1_ic64oc64_ih64iw128_k3s1p4d4",
    "n1_ic256oc256_ih32iw64_k1s1p0d1",
    /* depthwise and grouped */
    "g32n1_ic32oc32_ih128iw256_k3s1p1d1",
    "g64n1_ic64oc64_ih128iw256_k3s2p1d1",
    "g128n1_ic128oc128_ih32iw64_k3s1p1d1",
    "g256n1_ic256oc256_ih32iw64_k3s1p12d12",
    "g256n1_ic256oc256_ih16iw32_k5s1p2d1",
    "g4n1_ic128oc128_ih32iw64_k3s1p1d1",
};

static const char *const pass_names[MODEL_PASS_COUNT] = { "forward", "backward_data", "backward_weights" };

typedef struct layer {
    model_conv2d s;
    model_algorithm algorithm;
    size_t dst_pixels, src_pixels, weight_count;
    float *src, *dst, *weights, *grad_src, *grad_dst, *grad_weights;
    float *packed[MODEL_PASS_COUNT];
    void *scratch[MODEL_PASS_COUNT];
} layer;

/* Of bf16 what rounding leaves as it is, so that the reference sees the same factors. */
static float *random_floats(size_t count, model_precision precision, base_random *r, base_error *err)
{
    float *p = base_alloc(count * sizeof *p, err);
    for (size_t i = 0; p && i < count; i++) {
        p[i] = (float)base_random_range(r, -1, 1);
        if (precision == MODEL_BF16)
            p[i] = model_bf16_round(p[i]);
    }
    return p;
}

static void layer_destroy(layer *l)
{
    free(l->src), free(l->dst), free(l->weights), free(l->grad_src), free(l->grad_dst), free(l->grad_weights);
    for (int p = 0; p < MODEL_PASS_COUNT; p++)
        free(l->packed[p]), free(l->scratch[p]);
}

static size_t packed_bytes(const model_cpu *cpu, const layer *l, int pass)
{
    return pass == MODEL_BACKWARD_WEIGHTS ? 0 : model_convolve_packed_bytes(cpu, l->algorithm, &l->s, (model_pass)pass);
}

static bool layer_create(layer *l, const model_cpu *cpu, const model_conv2d *s, model_algorithm algorithm, base_error *err)
{
    base_random r = base_random_start(1, "bench kernels", (uint64_t)s->ic, (uint64_t)s->oc);
    *l = (layer){ .s = *s, .algorithm = algorithm };
    l->dst_pixels = (size_t)s->n * model_conv2d_oh(s) * model_conv2d_ow(s);
    l->src_pixels = (size_t)s->n * s->ih * s->iw;
    l->weight_count = (size_t)s->oc * model_conv2d_group_channels(s) * s->kh * s->kw;
    l->src = random_floats(l->src_pixels * s->src_pitch, s->precision, &r, err);
    l->grad_src = random_floats(l->src_pixels * s->src_pitch, s->precision, &r, err);
    l->dst = random_floats(l->dst_pixels * s->dst_pitch, s->precision, &r, err);
    l->grad_dst = random_floats(l->dst_pixels * s->dst_pitch, s->precision, &r, err);
    l->weights = random_floats(l->weight_count, s->precision, &r, err);
    l->grad_weights = random_floats(l->weight_count, s->precision, &r, err);
    bool ok = l->src && l->grad_src && l->dst && l->grad_dst && l->weights && l->grad_weights;
    for (int p = 0; p < MODEL_PASS_COUNT; p++) {
        l->packed[p] = base_alloc(packed_bytes(cpu, l, p), err);
        l->scratch[p] = base_alloc(model_convolve_scratch_bytes(cpu, algorithm, s, (model_pass)p), err);
        ok = ok && l->packed[p] && l->scratch[p];
        if (ok && p != MODEL_BACKWARD_WEIGHTS)
            model_convolve_pack(cpu, algorithm, s, (model_pass)p, l->weights, l->packed[p]);
    }
    if (!ok)
        layer_destroy(l);
    return ok;
}

static void run_pass(const model_cpu *cpu, const layer *l, model_pass pass)
{
    if (pass == MODEL_FORWARD)
        model_convolve_forward(cpu, l->algorithm, &l->s, l->src, l->packed[pass], NULL, false, l->dst, l->scratch[pass]);
    else if (pass == MODEL_BACKWARD_DATA)
        model_convolve_backward_data(cpu, l->algorithm, &l->s, l->grad_dst, l->packed[pass], false, l->grad_src,
                                     l->scratch[pass]);
    else
        model_convolve_backward_weights(cpu, l->algorithm, &l->s, l->src, l->grad_dst, l->grad_weights, NULL, l->scratch[pass]);
}

/* Compare random outputs of the pass with the reference; rounding grows with the number of products in a sum, and F(4x4) may round
 * three times as badly (winograd.h). *most: the largest error found. */
static bool check_pass(const layer *l, model_pass pass, const char *shape, double *most, base_error *err)
{
    const model_conv2d *s = &l->s;
    double unit = l->algorithm == MODEL_WINOGRAD4 ? 3e-7 : 1e-7;
    *most = 0;
    base_random r = base_random_start(2, "bench kernels samples", (uint64_t)pass, 0);
    int samples = pass == MODEL_BACKWARD_WEIGHTS ? 100 : 2000;
    size_t channels = pass == MODEL_FORWARD ? (size_t)s->oc : (size_t)s->ic;
    for (int i = 0; i < samples; i++) {
        double want, got, terms;
        size_t at;
        if (pass == MODEL_BACKWARD_WEIGHTS) {
            at = base_random_below(&r, (uint32_t)l->weight_count);
            want = model_conv2d_backward_weights_at(s, l->src, l->grad_dst, at);
            got = (double)l->grad_weights[at];
            terms = (double)l->dst_pixels;
        } else {
            size_t pixels = pass == MODEL_FORWARD ? l->dst_pixels : l->src_pixels;
            size_t pixel = base_random_below(&r, (uint32_t)pixels), c = base_random_below(&r, (uint32_t)channels);
            at = pixel * channels + c;
            if (pass == MODEL_FORWARD) {
                want = model_conv2d_forward_at(s, l->src, l->weights, pixel, (int)c);
                got = (double)l->dst[pixel * (size_t)s->dst_pitch + c];
            } else {
                want = model_conv2d_backward_data_at(s, l->grad_dst, l->weights, pixel, (int)c);
                got = (double)l->grad_src[pixel * (size_t)s->src_pitch + c];
            }
            terms = (double)s->kh * s->kw * (pass == MODEL_FORWARD ? s->ic : s->oc) / model_conv2d_groups(s);
        }
        if (!(fabs(got - want) <= unit * (terms + 16)))
            return base_fail(err, BASE_FORMAT, "%s, %s, %s: element %zu is %.9g, the reference says %.9g", shape,
                             model_algorithm_names[l->algorithm], pass_names[pass], at, got, want);
        *most = fmax(*most, fabs(got - want));
    }
    return true;
}

typedef struct timing {
    double ms, gflops, peak_gflops;
    double error; /* largest that the check found */
} timing;

/* One thread is timed by its own processor time, which other work on the machine cannot stretch; several by the wall clock. */
static double pass_clock_s(const model_cpu *cpu)
{
    struct timespec t;
    if (cpu->threads > 1)
        return base_clock_s();
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Runs and bursts of the peak in turn for `seconds`, at least eight of each: fewer may all fall into one slice of another process. */
static timing time_pass(const model_cpu *cpu, const layer *l, model_pass pass, double seconds)
{
    double best = INFINITY, peak = 0, start = base_clock_s();
    for (int i = 0; i < 8 || base_clock_s() - start < seconds; i++) {
        double burst = model_kernels_peak_flops(cpu, 0.002);
        peak = burst > peak ? burst : peak;
        for (int j = 0; j < 3; j++) {
            double before = pass_clock_s(cpu);
            run_pass(cpu, l, pass);
            double took = pass_clock_s(cpu) - before;
            best = took < best ? took : best;
        }
    }
    return (timing){ best * 1e3, model_conv2d_flops(&l->s) / best * 1e-9, peak * 1e-9, 0 };
}

/* Every value of src and dst once: what a pass has to read and write. */
static double pass_gbytes(const layer *l) { return 4e-9 * ((double)l->src_pixels * l->s.ic + (double)l->dst_pixels * l->s.oc); }

static void print_layer(const model_cpu *cpu, const layer *l, const char *shape, const timing *t, double peak, bool json)
{
    const char *algorithm = model_algorithm_names[l->algorithm];
    for (int p = 0; json && p < MODEL_PASS_COUNT; p++)
        printf(
            "{\"shape\":\"%s\",\"pass\":\"%s\",\"algorithm\":\"%s\",\"precision\":\"%s\",\"isa\":\"%s\",\"threads\":%d,\"ms\":%.4f,\"gflops\":%.2f,"
            "\"peak_gflops\":%.2f,\"peak_pct\":%.2f,\"gb_per_s\":%.2f,\"max_error\":%.3g}\n",
            shape, pass_names[p], algorithm, model_precision_names[l->s.precision], model_kernels_name(cpu->kernels),
            cpu->threads, t[p].ms, t[p].gflops, peak, 100 * t[p].gflops / peak, pass_gbytes(l) / t[p].ms * 1e3, t[p].error);
    if (json)
        return;
    printf("%-40s %-9s", l->algorithm == MODEL_DIRECT ? shape : "", algorithm);
    for (int p = 0; p < MODEL_PASS_COUNT; p++)
        printf("  %8.3f %5.1f", t[p].ms, 100 * t[p].gflops / peak);
    printf("  %7.0f  %7.1e\n", peak, t[MODEL_FORWARD].error);
    if (!model_conv2d_depthwise(&l->s))
        return;
    printf("%-40s %-9s", "", "GB/s");
    for (int p = 0; p < MODEL_PASS_COUNT; p++)
        printf("  %8.1f %5s", pass_gbytes(l) / t[p].ms * 1e3, "");
    printf("\n");
}

static bool bench_shape(const model_cpu *cpu, const char *shape, model_precision precision, model_algorithm algorithm,
                        double seconds, bool json, base_error *err)
{
    model_conv2d s;
    layer l;
    if (!model_conv2d_parse(&s, shape, err))
        return false;
    s.precision = precision;
    if (!model_convolve_fits(algorithm, &s))
        return true;
    if (!layer_create(&l, cpu, &s, algorithm, err))
        return false;
    bool ok = true;
    timing t[MODEL_PASS_COUNT];
    double peak = 0; /* of the layer: its best burst, during whichever pass */
    for (int p = 0; ok && p < MODEL_PASS_COUNT; p++) {
        double error;
        run_pass(cpu, &l, (model_pass)p);
        ok = check_pass(&l, (model_pass)p, shape, &error, err);
        if (!ok)
            break;
        t[p] = time_pass(cpu, &l, (model_pass)p, seconds);
        t[p].error = error;
        peak = t[p].peak_gflops > peak ? t[p].peak_gflops : peak;
    }
    if (ok)
        print_layer(cpu, &l, shape, t, peak, json);
    fflush(stdout);
    layer_destroy(&l);
    return ok;
}

int cli_bench_kernels(int argc, char **argv)
{
    static const cli_command command = {
        "laneloop bench kernels [SHAPE ...] [--algorithm NAME] [--precision NAME] [--isa NAME] [--threads N] [--seconds S] [--json]",
        "Time convolution passes (forward, backward data, backward weights) against the multiply-add peak of the same run,\n"
        "directly and, where they fit, by Winograd F(2x2,3x3) and F(4x4,3x3); work is counted as that of the direct sum. Each result\n"
        "is compared with the reference before it is timed. A shape reads n1_ic32oc32_ih128iw256_k3s1p1d1, with groups in front\n"
        "g32n1_ic32oc32_...; depthwise ones (as many groups as channels) also say GB/s of src and dst.",
        "laneloop bench kernels n1_ic32oc32_ih128iw256_k3s1p1d1 --threads 1",
    };
    const char *isa = NULL, *threads_text = NULL, *seconds_text = NULL, *algorithm = NULL, *precision_text = NULL, *shapes[64];
    bool json = false;
    const cli_flag flags[] = {
        { "--isa", "NAME",
          "instruction set: scalar, avx2, avx512, neon, for bf16 avx512bf16 too; default LANELOOP_ISA, else the best of this CPU",
          &isa, NULL },
        { "--algorithm", "NAME", "direct, winograd2 or winograd4 alone; default all that fit", &algorithm, NULL },
        { "--precision", "NAME", "of the factors: fp32 or bf16 (default fp32)", &precision_text, NULL },
        { "--threads", "N", "OpenMP threads; default one per core", &threads_text, NULL },
        { "--seconds", "S", "time for each pass of each shape; default 0.15", &seconds_text, NULL },
        { "--json", NULL, "one JSON line per pass", NULL, &json },
    };
    int count = 0, status = cli_parse(&command, flags, sizeof flags / sizeof *flags, argc, argv, shapes, 0, 64, &count);
    if (status != CLI_GO)
        return status;
    base_error err;
    int threads = 0, precision = MODEL_FP32;
    double seconds = 0.15;
    uint32_t bits;
    if (!cli_name("--precision", precision_text, model_precision_names, &precision, &err) ||
        !cli_int("--threads", threads_text, 1, 1024, &threads, &err) ||
        !cli_double("--seconds", seconds_text, 0.001, 600, &seconds, &err))
        return cli_usage(&command, "%s", err.text);
    int first = 0, last = MODEL_ALGORITHM_COUNT - 1;
    if (algorithm) {
        while (first <= last && strcmp(algorithm, model_algorithm_names[first]))
            first++;
        if (first > last)
            return cli_usage(&command, "--algorithm: direct, winograd2 or winograd4 expected, found '%s'", algorithm);
        last = first;
    }
    if (!base_cpu_select(isa, &bits, &err))
        return cli_fail(&err);
    model_cpu cpu = { precision == MODEL_BF16 ? model_kernels_select_bf16(bits) : model_kernels_select(bits),
                      threads ? threads : base_cores() };
    if (!json) {
        char name[128];
        base_cpu_model(name, sizeof name);
        printf("%s, kernels %s, %s, %d threads; ms and %% of the multiply-add peak (GFLOP/s, last column)\n", name,
               model_kernels_name(cpu.kernels), model_precision_names[precision], cpu.threads);
        printf("%-40s %-9s  %14s  %14s  %14s  %7s  %7s\n", "shape", "algorithm", "forward", "backward data", "backw. weights",
               "peak", "error");
    }
    int total = count ? count : (int)(sizeof default_shapes / sizeof *default_shapes);
    for (int i = 0; i < total; i++)
        for (int a = first; a <= last; a++)
            if (!bench_shape(&cpu, count ? shapes[i] : default_shapes[i], (model_precision)precision, (model_algorithm)a,
                             seconds, json, &err))
                return cli_fail(&err);
    return 0;
}
