/* laneloop bench net — whole networks: a training step, fp32 inference, int8 inference, against the peak of the same run.
 *
 * Rounds and bursts of the peak alternate, as in bench kernels; the fastest round stands against the fastest burst, since other work on
 * the machine only ever slows either down. The profile is that of the fastest round, so its times add up to one measured whole. */
#include "base/arena.h"
#include "base/clock.h"
#include "base/cpu.h"
#include "cli/bench.h"
#include "cli/bench_profile.h"
#include "cli/bench_roofline.h"
#include "cli/cli.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum { ROUNDS_MAX = 20000 };

typedef struct net_bench {
    bench_subject_options subject;
    double seconds;
    const char *trace, *roofline;
    bool profile, json, from_stdin;

    bench_subject *s;
    base_spans now, best; /* of the round at work, of the fastest so far */
    double *least_s;      /* per span, of all rounds: each round does the same pieces in the same order */
    double ms[ROUNDS_MAX];
    int rounds;
    double fastest_s, peak, loss;
} net_bench;

/* ---- measuring ---- */
static double time_round(net_bench *b)
{
    bool record = b->profile || b->trace || b->roofline;
    b->now.count = 0;
    double before = base_clock_s();
    b->loss = bench_subject_run(b->s, record ? &b->now : NULL);
    double took = base_clock_s() - before;
    if (b->rounds < ROUNDS_MAX)
        b->ms[b->rounds++] = took * 1e3;
    for (size_t i = 0; i < b->now.count; i++)
        b->least_s[i] = fmin(b->least_s[i], b->now.list[i].end_s - b->now.list[i].start_s);
    if (took < b->fastest_s) {
        b->fastest_s = took;
        if (record) {
            base_spans swap = b->best;
            b->best = b->now;
            b->now = swap;
        }
    }
    return took;
}

static void bursts(net_bench *b, int count)
{
    for (int i = 0; i < count; i++)
        b->peak = fmax(b->peak, bench_subject_peak(b->s, 0.002));
}

/* Time of all threads of this process on a core. */
static double processor_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Every line on stdin is a number of rounds; their times are the answer. */
static bool serve_rounds(net_bench *b, base_error *err)
{
    char line[64];
    printf("{\"ready\":true,\"isa\":\"%s\",\"loss\":%.9g}\n", bench_subject_isa(b->s), b->loss);
    fflush(stdout);
    while (fgets(line, sizeof line, stdin)) {
        int count = 0;
        line[strcspn(line, "\n")] = '\0';
        if (!cli_int("--rounds-from-stdin", line, 1, ROUNDS_MAX, &count, err))
            return false;
        bursts(b, 4);
        double processor = processor_s();
        printf("{\"ms\":[");
        for (int i = 0; i < count; i++) {
            double took = time_round(b);
            printf("%s%.4f", i ? "," : "", took * 1e3);
        }
        processor = processor_s() - processor;
        bursts(b, 4);
        printf("],\"cpu_ms\":%.4f,\"loss\":%.9g}\n", processor * 1e3, b->loss);
        fflush(stdout);
    }
    return true;
}

/* Bytes read and written per second by copying blocks that no core's own cache holds, all threads at once. */
static double copy_rate(int threads)
{
    enum { BLOCK = 32 << 20 };
    unsigned char *memory = base_alloc((size_t)threads * 2 * BLOCK, NULL);
    double best = 0;
    if (memory) /* pages never written are all one page of zeros, which a cache does hold */
        memset(memory, 1, (size_t)threads * 2 * BLOCK);
    for (int round = 0; memory && round < 5; round++) {
        double before = base_clock_s();
#pragma omp parallel for num_threads(threads) schedule(static)
        for (int t = 0; t < threads; t++)
            memcpy(memory + (size_t)t * 2 * BLOCK, memory + ((size_t)t * 2 + 1) * BLOCK, BLOCK);
        double took = base_clock_s() - before;
        best = fmax(best, 2.0 * BLOCK * threads / took);
    }
    free(memory);
    return best;
}

/* ---- printing ---- */
static int compare_ms(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void print_row(net_bench *b, double flops, double rss_mib)
{
    const bench_subject *s = b->s;
    const model_unet_options *net = &bench_subject_about(s)->net;
    qsort(b->ms, (size_t)b->rounds, sizeof *b->ms, compare_ms);
    double median = b->ms[b->rounds / 2], pct = 100 * flops / b->fastest_s / b->peak;
    double plan_mib = (double)bench_subject_bytes(s) / (1 << 20);
    char cpu[128];
    base_cpu_model(cpu, sizeof cpu);
    if (b->json)
        printf(
            "{\"net\":\"unet\",\"variant\":\"%s\",\"base\":%d,\"depth\":%d,\"h\":%d,\"w\":%d,\"batch\":%d,\"mode\":\"%s\",\"winograd\":\"%s\",\"precision\":\"%s\",\"isa\":"
            "\"%s\",\"threads\":%d,\"rounds\":%d,\"ms\":%.4f,\"ms_min\":%.4f,\"ms_max\":%.4f,\"images_per_s\":%.3f,"
            "\"gflop\":%.4f,\"peak_gflops\":%.1f,\"peak_pct\":%.2f,\"plan_mib\":%.1f,\"peak_rss_mib\":%.1f,\"cpu\":\"%s\"}\n",
            model_unet_variant_names[net->variant], net->base, net->depth, bench_subject_height(s), bench_subject_width(s),
            b->subject.batch, bench_mode_names[b->subject.mode], model_winograd_names[b->subject.winograd],
            model_precision_names[b->subject.precision], bench_subject_isa(s), bench_subject_threads(s), b->rounds, median,
            b->ms[0], b->ms[b->rounds - 1], b->subject.batch / median * 1e3, flops * 1e-9, b->peak * 1e-9, pct, plan_mib,
            rss_mib, cpu);
    else
        printf(
            "%s\nU-Net base %d, %d x %d, batch %d, %s%s, kernels %s, %d threads, %d rounds\n"
            "%.2f ms median (%.2f to %.2f), %.2f images/s, %.2f %s, %.1f %% of %.0f %s, %.1f MiB planned, %.1f MiB resident at most\n",
            cpu, net->base, bench_subject_height(s), bench_subject_width(s), b->subject.batch,
            bench_mode_names[b->subject.mode], b->subject.precision == MODEL_BF16 ? " in bf16" : "", bench_subject_isa(s),
            bench_subject_threads(s), b->rounds, median, b->ms[0], b->ms[b->rounds - 1], b->subject.batch / median * 1e3,
            flops * 1e-9, b->subject.mode == BENCH_INT8 ? "Gop" : "GFLOP", pct, b->peak * 1e-9,
            bench_profile_unit(b->subject.mode), plan_mib, rss_mib);
}

static bool draw_roofline(const net_bench *b, const bench_profile *p, base_error *err)
{
    char title[160];
    snprintf(title, sizeof title, "U-Net base %d, %d x %d, batch %d, %s, %s, %d thread%s", bench_subject_about(b->s)->net.base,
             bench_subject_height(b->s), bench_subject_width(b->s), b->subject.batch, bench_mode_names[b->subject.mode],
             bench_subject_isa(b->s), bench_subject_threads(b->s), bench_subject_threads(b->s) == 1 ? "" : "s");
    return bench_roofline_write(b->roofline, p, title, err);
}

/* ---- one run ---- */
static bool take_spans(base_spans *s, size_t capacity, base_error *err)
{
    *s = (base_spans){ .list = base_alloc(capacity * sizeof *s->list, err), .capacity = capacity };
    return s->list != NULL;
}

static bool measure(net_bench *b, base_error *err)
{
    if (!(b->s = bench_subject_create(&b->subject, err)))
        return false;
    size_t nodes = (size_t)bench_subject_graph(b->s)->node_count, most = (7 * nodes + 8) * (size_t)b->subject.batch;
    if (!take_spans(&b->now, most, err) || !take_spans(&b->best, most, err) ||
        !(b->least_s = base_alloc(most * sizeof *b->least_s, err)))
        return false;
    for (size_t i = 0; i < most; i++)
        b->least_s[i] = INFINITY;
    b->fastest_s = INFINITY;
    b->loss = bench_subject_run(b->s, &b->now); /* pages, packed weights, clocks; and what work there is */
    bench_profile p = {
        .graph = bench_subject_graph(b->s), .mode = b->subject.mode, .batch = b->subject.batch, .spans = &b->now
    };
    double flops = bench_profile_flops(&p);
    if (b->subject.write && !bench_subject_write(b->s, b->subject.write, err))
        return false;
    if (b->from_stdin && !serve_rounds(b, err))
        return false;
    double start = base_clock_s();
    while (!b->from_stdin && b->rounds < ROUNDS_MAX && (b->rounds < 5 || base_clock_s() - start < b->seconds)) {
        bursts(b, 2);
        time_round(b);
    }
    if (b->rounds == 0)
        return base_fail(err, BASE_ARGUMENT, "--rounds-from-stdin: stdin ended before a round was asked for");
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
    p.spans = &b->best;
    p.least_s = b->least_s;
    p.round_s = b->fastest_s;
    p.peak = b->peak;
    p.copy = b->profile || b->roofline ? copy_rate(bench_subject_threads(b->s)) : 0;
    if (b->profile)
        bench_profile_print(stdout, &p, b->json);
    print_row(b, flops, (double)use.ru_maxrss / 1024);
    return (!b->trace || bench_profile_trace(b->trace, &p, err)) && (!b->roofline || draw_roofline(b, &p, err));
}

int cli_bench_net(int argc, char **argv)
{
    static const cli_command command = {
        "laneloop bench net [--mode train|forward|int8] [--net unet] [--base N | --weights DIR] [--size HxW] [--batch N] [--threads N]\n"
        "       [--isa NAME] [--winograd NAME] [--precision NAME] [--memory-limit MIB] [--seconds S | --rounds-from-stdin] [--profile]\n"
        "       [--trace FILE] [--roofline FILE] [--write DIR] [--json]",
        "Time rounds of a whole network on noise: a training step (forward, cross-entropy, backward, Adam), fp32 inference from bytes to\n"
        "logits, or int8 inference. Weights are random or those of a model directory. % of the peak: fastest round, fastest burst.",
        "laneloop bench net --mode train --base 32 --size 256x512 --batch 4 --profile",
    };
    const char *mode = "train", *net = "unet", *base = NULL, *size = NULL, *batch = NULL, *threads = NULL, *seconds = NULL,
               *winograd = NULL, *limit = NULL, *precision = NULL;
    net_bench *b = calloc(1, sizeof *b);
    if (!b) {
        base_error none;
        base_fail(&none, BASE_MEMORY, "out of memory");
        return cli_fail(&none);
    }
    *b = (net_bench){ .subject = { .base = 16, .batch = 1 }, .seconds = 1 };
    const cli_flag flags[] = {
        { "--mode", "MODE", "train, forward or int8 (default train)", &mode, NULL },
        { "--net", "NAME", "unet (the only one so far)", &net, NULL },
        { "--base", "N", "channels of its first level, random weights (default 16)", &base, NULL },
        { "--weights", "DIR", "the network of a model directory; int8: of an int8 model too", &b->subject.weights, NULL },
        { "--size", "HxW", "rows x columns of an image (default 256x512, with --weights as trained)", &size, NULL },
        { "--batch", "N", "images a round (default 1)", &batch, NULL },
        { "--threads", "N", "OpenMP threads; default one per core", &threads, NULL },
        { "--isa", "NAME", "instruction set; default LANELOOP_ISA, else the best of this CPU", &b->subject.isa, NULL },
        { "--winograd", "NAME", "of fp32 3x3 convolutions: off, f2, f4 or auto (default: f4 where it pays)", &winograd, NULL },
        { "--precision", "NAME", "of the factors in convolutions, training and fp32 inference: fp32 or bf16 (default fp32)",
          &precision, NULL },
        { "--memory-limit", "MIB", "train: drop values and compute them again until tensors, weights and moments fit", &limit,
          NULL },
        { "--seconds", "S", "time for the rounds, at least five of them (default 1)", &seconds, NULL },
        { "--rounds-from-stdin", NULL,
          "answer each line, a number of rounds, with their times as JSON: for taking turns with another program", NULL,
          &b->from_stdin },
        { "--profile", NULL, "ms, GFLOP/s (int8: Gop/s), % of the peak and GB/s of every node in the fastest round", NULL,
          &b->profile },
        { "--trace", "FILE", "the fastest round as a Chrome trace", &b->trace, NULL },
        { "--roofline", "FILE", "each convolution against the roof of peak and memory, as an SVG picture", &b->roofline, NULL },
        { "--write", "DIR", "the network, its images and results, for another program to run", &b->subject.write, NULL },
        { "--json", NULL, "one JSON line, with --profile one more per node", NULL, &b->json },
    };
    base_error err;
    char tail;
    uint32_t bits;
    bool sized = true;
    int status = cli_parse(&command, flags, sizeof flags / sizeof *flags, argc, argv, NULL, 0, 0, NULL), kind = 0;
    if (status != CLI_GO)
        goto done;
    while (bench_mode_names[kind] && strcmp(bench_mode_names[kind], mode) != 0)
        kind++;
    b->subject.mode = (bench_mode)kind;
    if (size)
        sized = sscanf(size, "%5dx%5d%c", &b->subject.h, &b->subject.w, &tail) == 2 && b->subject.h >= 16 &&
                b->subject.h <= 8192 && b->subject.w >= 16 && b->subject.w <= 8192;
    if (!bench_mode_names[kind])
        status = cli_usage(&command, "--mode: expected train, forward or int8, found '%s'", mode);
    else if (strcmp(net, "unet") != 0)
        status = cli_usage(&command, "--net: expected unet, found '%s'", net);
    else if (!sized)
        status = cli_usage(&command, "--size: expected HxW with 16..8192 each, found '%s'", size);
    else if (base && b->subject.weights)
        status = cli_usage(&command, "--base is of random weights: not with --weights");
    else if (seconds && b->from_stdin)
        status = cli_usage(&command, "--seconds: not with --rounds-from-stdin, which is told how many");
    else if (winograd && kind == BENCH_INT8)
        status = cli_usage(&command, "--winograd is of fp32: not with --mode int8");
    else if (limit && kind != BENCH_TRAIN)
        status = cli_usage(&command, "--memory-limit is of training: only with --mode train");
    else if (precision && kind == BENCH_INT8)
        status = cli_usage(&command, "--precision is of float networks: not with --mode int8");
    else if (!cli_name("--precision", precision, model_precision_names, &b->subject.precision, &err) ||
             !cli_name("--winograd", winograd, model_winograd_names, &b->subject.winograd, &err) ||
             !cli_int("--base", base, 1, 256, &b->subject.base, &err) ||
             !cli_int("--memory-limit", limit, 1, 1 << 30, &b->subject.limit_mib, &err) ||
             !cli_int("--batch", batch, 1, 256, &b->subject.batch, &err) ||
             !cli_int("--threads", threads, 1, 1024, &b->subject.threads, &err) ||
             !cli_double("--seconds", seconds, 0.001, 600, &b->seconds, &err) || !base_cpu_select(b->subject.isa, &bits, &err))
        status = cli_usage(&command, "%s", err.text);
    else
        status = measure(b, &err) ? 0 : cli_fail(&err);
done:
    bench_subject_destroy(b->s);
    free(b->now.list);
    free(b->best.list);
    free(b->least_s);
    free(b);
    return status;
}
