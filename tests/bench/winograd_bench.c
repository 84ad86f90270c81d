/* What Winograd does for a whole U-Net: forward pass and training step by direct convolution, F(2x2,3x3) and F(4x4,3x3), one thread.
 *
 *     build/release/tests/bench/winograd_bench [BASE [ROUNDS [BATCH]]]        default 16 8 1; 256x512
 *
 * The three take turns, and what counts is the processor time of the thread, so that other work on the machine disturbs little. The
 * fastest round stands; logits are compared with the direct ones first. */
#include "base/cpu.h"
#include "base/random.h"
#include "model/model.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { H = 256, W = 512, MODES = 3 };
static const int modes[MODES] = { MODEL_WINOGRAD_OFF, MODEL_WINOGRAD_F2, MODEL_WINOGRAD_F4 };

static double thread_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double least(double a, double b) { return a < b ? a : b; }

static bool bench_forward(const model *m, int rounds, base_error *err)
{
    model_predictor *p[MODES] = { NULL };
    int outputs = m->about.net.outputs;
    size_t count = (size_t)H * W * (size_t)outputs;
    uint8_t *rgb = malloc((size_t)H * W * 3), *mask = malloc((size_t)H * W);
    float *logits[2] = { malloc(count * sizeof(float)), malloc(count * sizeof(float)) };
    double best[MODES] = { INFINITY, INFINITY, INFINITY }, error[MODES] = { 0 }, square = 0;
    base_random r = base_random_start(1, "winograd bench", 0, 0);
    bool ok = rgb && mask && logits[0] && logits[1];
    for (size_t i = 0; ok && i < (size_t)H * W * 3; i++)
        rgb[i] = (uint8_t)base_random_below(&r, 256);
    for (int i = 0; ok && i < MODES; i++) {
        ok = (p[i] = model_predictor_create(m, &(model_predictor_options){ .threads = 1, .winograd = modes[i] }, err)) != NULL;
        if (ok)
            model_predictor_logits(p[i], rgb, logits[i > 0]);
        for (size_t k = 0; ok && k < count; k++) {
            square += i == 0 ? (double)logits[0][k] * (double)logits[0][k] : 0;
            error[i] = fmax(error[i], i ? fabs((double)logits[1][k] - (double)logits[0][k]) : 0);
        }
    }
    for (int round = 0; ok && round < rounds; round++)
        for (int i = 0; i < MODES; i++) {
            double before = thread_s();
            model_predictor_mask(p[i], rgb, mask);
            best[i] = least(best[i], thread_s() - before);
        }
    double gflop = 2e-9 * model_graph_macs(&m->graph), rms = sqrt(square / (double)count);
    for (int i = 0; ok && i < MODES; i++)
        printf("%-14s %-5s %9.2f ms %8.1f GFLOP/s %6.2f x %8.1f MiB   largest difference of a logit %.1e, rms of logits %.2f\n",
               "forward", model_winograd_names[modes[i]], 1e3 * best[i], gflop / best[i], best[0] / best[i],
               (double)model_predictor_bytes(p[i]) / (1 << 20), error[i], rms);
    for (int i = 0; i < MODES; i++)
        model_predictor_destroy(p[i]);
    free(rgb), free(mask), free(logits[0]), free(logits[1]);
    return ok;
}

/* Forward, a gradient that is the logits themselves, backward, and weights that changed: all of a step but loss and update. */
static void step(model_plan *p, model *m, model_parameters *gradients)
{
    model_plan_weights_changed(p);
    model_plan_forward(p, &m->weights, MODEL_BATCH_STATISTICS);
    model_view logits = model_plan_output(p), grad = model_plan_grad_output(p);
    for (size_t i = 0; i < (size_t)logits.n * H * W; i++)
        for (int c = 0; c < logits.c; c++)
            grad.data[i * (size_t)grad.pitch + (size_t)c] = 1e-5f * logits.data[i * (size_t)logits.pitch + (size_t)c];
    model_plan_backward(p, &m->weights, gradients);
}

static bool bench_training(model *m, int rounds, int batch, base_error *err)
{
    model_graph g;
    model_parameters gradients = { 0 };
    model_plan *p[MODES] = { NULL };
    double best[MODES] = { INFINITY, INFINITY, INFINITY };
    if (!model_graph_for(&m->about, H, W, &g, err))
        return false;
    bool ok = model_graph_fuse_relu(&g, err) && model_parameters_create(&gradients, &g, err);
    for (int i = 0; ok && i < MODES; i++) {
        const model_plan_options o = { .batch = batch, .training = true, .threads = 1, .winograd = modes[i] };
        base_random r = base_random_start(2, "winograd bench", 0, 0);
        if (!(ok = (p[i] = model_plan_create(&g, &o, err)) != NULL))
            break;
        model_view in = model_plan_input(p[i]);
        for (size_t k = 0; k < (size_t)batch * H * W * (size_t)in.pitch; k++)
            in.data[k] = (float)base_random_range(&r, -1, 1);
    }
    for (int round = 0; ok && round < rounds; round++)
        for (int i = 0; i < MODES; i++) {
            double before = thread_s();
            step(p[i], m, &gradients);
            best[i] = least(best[i], thread_s() - before);
        }
    for (int i = 0; ok && i < MODES; i++)
        printf("%-14s %-5s %9.2f ms %8.2f images/s %5.2f x %8.1f MiB\n", "training step", model_winograd_names[modes[i]],
               1e3 * best[i], batch / best[i], best[0] / best[i], (double)model_plan_bytes(p[i]) / (1 << 20));
    for (int i = 0; i < MODES; i++)
        model_plan_destroy(p[i]);
    model_parameters_destroy(&gradients);
    model_graph_destroy(&g);
    return ok;
}

int main(int argc, char **argv)
{
    base_error err = { 0 };
    char cpu[128];
    int base = argc > 1 ? atoi(argv[1]) : 16, rounds = argc > 2 ? atoi(argv[2]) : 8, batch = argc > 3 ? atoi(argv[3]) : 1;
    model_description d = {
        .net = model_unet_options_default(), .image_h = H, .image_w = W, .classes = dataset_classes_default()
    };
    d.net.base = base;
    d.net.outputs = d.classes.count;
    model *m = model_create(&d, &err);
    if (m)
        model_parameters_initialise(&m->graph, &m->weights, MODEL_INIT_KAIMING, 1);
    base_cpu_model(cpu, sizeof cpu);
    printf("%s, one thread: U-Net base %d, 256x512, batch %d in training\n", cpu, base, batch);
    bool ok = m && bench_forward(m, rounds, &err) && bench_training(m, (rounds + 1) / 2, batch, &err);
    if (!ok)
        fprintf(stderr, "winograd_bench: %s\n", err.text[0] ? err.text : "no memory");
    model_destroy(m);
    return ok ? 0 : 1;
}
