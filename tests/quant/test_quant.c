/* The quantised network: numbers and ranges by hand; a random U-Net's integers against real arithmetic on the file's own tensors; equality
 * across CPU levels, threads and a round trip through the file; and files that must be refused. */
#include "base/cpu.h"
#include "base/file.h"
#include "base/random.h"
#include "model/safetensors.h"
#include "quant/network.h"
#include "quant/observer.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SEED 7

/* ---- numbers ---- */
static void encode_knows(void **state)
{
    (void)state;
    static const struct {
        float x;
        int want;
    } cases[] = { { 0.05f, 128 },  { 0.15f, 130 },  { 0.25f, 130 }, { -0.05f, 128 },
                  { -0.15f, 126 }, { 12.75f, 255 }, { 99.0f, 255 }, { -99.0f, 0 } };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (quant_encode((quant_params){ 0.1f, 128 }, cases[i].x) != cases[i].want)
            fail_msg("encode(%g) = %d, want %d", (double)cases[i].x, quant_encode((quant_params){ 0.1f, 128 }, cases[i].x),
                     cases[i].want);
}

static void range_gives_params(void **state)
{
    (void)state;
    static const struct {
        float lo, hi;
        double scale;
        int zero;
        const char *why;
    } cases[] = {
        { 0, 6, 6.0 / 255, 0, "ReLU" },
        { -1, 1, 2.0 / 255, 127, "127.5 but for the scale, which float32 rounds up" },
        { 2, 4, 4.0 / 255, 0, "real 0 stays exact" },
        { -4, -2, 4.0 / 255, 255, "negative only" },
        { 0, 0, 0x1p-23, 0, "constant" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        quant_params p = quant_params_from_range(cases[i].lo, cases[i].hi);
        if (p.zero_point != cases[i].zero || fabs((double)p.scale - cases[i].scale) > 1e-7 * cases[i].scale)
            fail_msg("%s: scale %.9g zero point %d, want %.9g %d", cases[i].why, (double)p.scale, p.zero_point, cases[i].scale,
                     cases[i].zero);
        assert_true(quant_decode(p, (uint8_t)p.zero_point) == 0.0f);
    }
}

static void weights_encode(void **state)
{
    (void)state;
    float w[4] = { 0.5f, -1.27f, 0.015f, 0.0f };
    int8_t q[4];
    assert_true(quant_encode_weights(w, 4, 0.0f, 1.0f, q) == 1.27f / 127.0f);
    assert_int_equal(q[0], 50);
    assert_int_equal(q[1], -127);
    assert_int_equal(q[2], 2); /* 1.5 to even */
    assert_int_equal(q[3], 0);
    float none[2] = { 0 };
    assert_true(quant_encode_weights(none, 2, 0.0f, 1.0f, q) == 1.0f); /* a dead channel */
    float tiny[1] = { 1e-12f };
    float scale = quant_encode_weights(tiny, 1, 100.0f, 0.01f, q);
    assert_true(100.0 / ((double)scale * 0.01) <= 0x1p30 * 1.0001); /* the bias still fits */
}

static void rescale_table_is_exact(void **state)
{
    (void)state;
    quant_params a = { 0.02f, 0 }, b = { 0.05f, 100 };
    uint8_t table[256], same[256];
    quant_rescale_table(a, b, table);
    assert_int_equal(table[0], 100);
    assert_int_equal(table[5], 102);
    assert_int_equal(table[255], 202); /* 5.1/0.05 = 102 */
    quant_rescale_table(a, a, same);
    for (int i = 0; i < 256; i++)
        assert_int_equal(same[i], i);
}

static void percentile_cuts_the_tail(void **state)
{
    (void)state;
    enum { N = 100000 };
    float *x = malloc(N * sizeof *x), lo, hi;
    static const struct {
        bool relu;
        double percentile, lo, hi;
        const char *why;
    } cases[] = {
        { true, 99.0, 0.0, 0.99, "a ReLU's 1 % all come off the top" },
        { false, 99.0, 0.005, 0.995, "half a percent on each side" },
        { false, 100.0, 0.00001, 1.0, "everything" },
    };
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        for (int i = 0; i < N; i++)
            x[i] = (float)(i + !cases[k].relu) / N;
        quant_histogram h;
        quant_histogram_start(&h);
        quant_histogram_widen(&h, x, N, 1, 1, 2);
        quant_histogram_count(&h, x, N, 1, 1, 2);
        quant_histogram_range(&h, cases[k].percentile, &lo, &hi);
        /* bins are 1/2048 wide and never more than the share is dropped */
        if (fabs((double)lo - cases[k].lo) > 1.0 / 2048 || fabs((double)hi - cases[k].hi) > 1.0 / 2048 ||
            (double)lo > cases[k].lo + 1e-6 || (double)hi < cases[k].hi - 1e-4)
            fail_msg("%s: range %g..%g, want %g..%g", cases[k].why, (double)lo, (double)hi, cases[k].lo, cases[k].hi);
    }
    free(x);
}

static void histogram_ignores_threads(void **state)
{
    (void)state;
    enum { PIXELS = 5000, CHANNELS = 5, PITCH = 8 };
    float *x = malloc(PIXELS * PITCH * sizeof *x);
    base_random r = base_random_start(SEED, "histogram", 0, 0);
    for (int i = 0; i < PIXELS * PITCH; i++)
        x[i] = i % PITCH < CHANNELS ? (float)base_random_normal(&r) : NAN; /* gaps must not be read */
    quant_histogram *h = calloc(2, sizeof *h);
    for (int t = 0; t < 2; t++) {
        quant_histogram_start(&h[t]);
        quant_histogram_widen(&h[t], x, PIXELS, CHANNELS, PITCH, 1 + 3 * t);
        quant_histogram_count(&h[t], x, PIXELS, CHANNELS, PITCH, 1 + 3 * t);
    }
    uint64_t total = 0;
    for (int b = 0; b < QUANT_BINS; b++)
        total += h[0].counts[b];
    assert_int_equal(total, PIXELS * CHANNELS);
    assert_true(h[0].finite);
    assert_memory_equal(&h[0], &h[1], sizeof h[0]);
    x[2] = INFINITY;
    quant_histogram_widen(&h[0], x, PIXELS, CHANNELS, PITCH, 2);
    assert_false(h[0].finite);
    free(h);
    free(x);
}

/* ---- a random U-Net ---- */
typedef struct frames_seed {
    int h, w;
} frames_seed;

/* Blobs of colour and some noise: enough structure that channels differ. */
static bool read_frame(void *user, int index, uint8_t *rgb, base_error *err)
{
    (void)err;
    const frames_seed *f = user;
    base_random r = base_random_start(SEED, "frame", (uint64_t)index, 0);
    double phase[3] = { base_random_range(&r, 0, 6), base_random_range(&r, 0, 6), base_random_range(&r, 0, 6) };
    for (int y = 0; y < f->h; y++)
        for (int x = 0; x < f->w; x++)
            for (int c = 0; c < 3; c++) {
                double v = 128 + 90 * sin(0.17 * x + phase[c]) * cos(0.11 * y * (c + 1)) + base_random_range(&r, -30, 30);
                rgb[(y * f->w + x) * 3 + c] = (uint8_t)fmin(fmax(v, 0), 255);
            }
    return true;
}

static model *random_model(model_unet_variant variant, int base, int depth, int outputs, int h, int w)
{
    base_error err;
    model_description d = {
        .net = model_unet_options_default(), .image_h = h, .image_w = w, .classes = dataset_classes_default()
    };
    d.net.variant = variant;
    d.net.base = base;
    d.net.depth = depth;
    d.net.outputs = outputs;
    if (outputs == 1)
        d.classes.count = 2;
    model *m = model_create(&d, &err);
    if (!m)
        fail_msg("%s", err.text);
    model_parameters_initialise(&m->graph, &m->weights, MODEL_INIT_KAIMING, SEED);
    for (int i = 0; i < m->graph.parameter_count; i++) { /* statistics and affine parts that matter */
        const model_parameter *p = &m->graph.parameters[i];
        base_random r = base_random_start(SEED, "statistics", (uint64_t)i, 0);
        float *v = model_parameter_at(&m->graph, &m->weights, i);
        for (size_t k = 0; k < p->count; k++)
            switch (p->kind) {
            case MODEL_PARAMETER_GAMMA: v[k] = (float)base_random_range(&r, 0.5, 1.5); break;
            case MODEL_PARAMETER_BETA:
            case MODEL_PARAMETER_BIAS:
            case MODEL_PARAMETER_MEAN: v[k] = (float)base_random_range(&r, -0.3, 0.3); break;
            case MODEL_PARAMETER_VAR: v[k] = (float)base_random_range(&r, 0.5, 2.0); break;
            default: break;
            }
    }
    return m;
}

static quant_model *calibrate(const model *m, quant_options o, int count)
{
    base_error err;
    frames_seed seed = { m->about.image_h, m->about.image_w };
    quant_frames frames = { .count = count, .h = seed.h, .w = seed.w, .read = read_frame, .user = &seed };
    quant_model *q = quant_calibrate(m, &o, &frames, NULL, &err);
    if (!q)
        fail_msg("%s", err.text);
    return q;
}

static const char *temporary_directory(char path[64])
{
    snprintf(path, 64, "/tmp/laneloop-quant-XXXXXX");
    assert_non_null(mkdtemp(path));
    return path;
}

/* Folding changes the order of operations only: float logits with and without it agree to rounding. */
static void folding_keeps_the_function(void **state)
{
    (void)state;
    base_error err;
    model *m = random_model(MODEL_UNET_SAME, 4, 2, 3, 24, 32);
    model_graph g;
    model_parameters folded;
    if (!model_fold(m, 24, 32, &g, &folded, &err))
        fail_msg("%s", err.text);
    model_plan *a = model_plan_create(&m->graph, &(model_plan_options){ .batch = 1, .threads = 1 }, &err);
    model_plan *b = model_plan_create(&g, &(model_plan_options){ .batch = 1, .threads = 1 }, &err);
    uint8_t rgb[24 * 32 * 3];
    read_frame(&(frames_seed){ 24, 32 }, 0, rgb, NULL);
    model_view in_a = model_plan_input(a), in_b = model_plan_input(b);
    model_normalise(rgb, 24 * 32, 3, in_a.data, in_a.pitch);
    model_normalise(rgb, 24 * 32, 3, in_b.data, in_b.pitch);
    model_plan_infer(a, &m->weights);
    model_plan_infer(b, &folded);
    model_view x = model_plan_output(a), y = model_plan_output(b);
    double worst = 0, largest = 0;
    for (int i = 0; i < 24 * 32; i++)
        for (int c = 0; c < 3; c++) {
            worst = fmax(worst, fabs((double)x.data[i * x.pitch + c] - (double)y.data[i * y.pitch + c]));
            largest = fmax(largest, fabs((double)x.data[i * x.pitch + c]));
        }
    /* eleven layers of float32, each off by a few units in the last place */
    if (!(worst < 2e-5 * largest))
        fail_msg("logits differ by %g of %g", worst, largest);
    model_plan_destroy(a);
    model_plan_destroy(b);
    model_parameters_destroy(&folded);
    model_graph_destroy(&g);
    model_destroy(m);
}

/* Bytes of every node of one run, dense. */
typedef struct captured {
    char name[MODEL_NAME_BYTES];
    uint8_t *bytes;
    int h, w, c;
    quant_params params;
} captured;
typedef struct capture {
    captured list[128];
    int count;
} capture;

static void keep(void *user, const char *name, const quant_view *out, quant_params params)
{
    capture *c = user;
    captured *k = &c->list[c->count++];
    snprintf(k->name, sizeof k->name, "%s", name);
    k->h = out->height, k->w = out->width, k->c = out->channels;
    k->params = params;
    k->bytes = malloc((size_t)k->h * k->w * k->c);
    for (int y = 0; y < k->h; y++)
        for (int x = 0; x < k->w; x++)
            memcpy(k->bytes + ((size_t)y * k->w + x) * k->c, quant_view_at(out, y, x), (size_t)k->c);
}

static void capture_free(capture *c)
{
    for (int i = 0; i < c->count; i++)
        free(c->list[i].bytes);
    c->count = 0;
}

static const captured *captured_find(const capture *c, const char *name)
{
    for (int i = 0; i < c->count; i++)
        if (!strcmp(c->list[i].name, name))
            return &c->list[i];
    return NULL;
}

/* A network, its engine's bytes for one image, and the file's tensors: what the reference below reads. */
typedef struct reference {
    model_graph g;
    capture bytes;
    model_safetensors file;
    const uint8_t *rgb;
    long checked, ties;
} reference;

/* Real value of node i at (y, x, c); outside of the image what padding stands for. */
static double real_at(const reference *r, int i, int y, int x, int c)
{
    const model_node *n = &r->g.nodes[i];
    bool outside = y < 0 || y >= n->h || x < 0 || x >= n->w;
    if (n->op == MODEL_OP_INPUT)
        return outside ? (128 - 127.5) / 127.5 : (r->rgb[(y * n->w + x) * n->c + c] - 127.5) / 127.5;
    if (n->op == MODEL_OP_CROP)
        return real_at(r, n->inputs[0], y + n->top, x + n->left, c);
    const captured *k = captured_find(&r->bytes, n->name);
    if (!k)
        fail_msg("no bytes of %s", n->name);
    if (n->op == MODEL_OP_REFLECT_PAD)
        return outside ? (128 - 127.5) / 127.5 : (k->bytes[((size_t)y * k->w + x) * k->c + c] - 127.5) / 127.5;
    return outside ? 0.0 : (double)k->params.scale * (k->bytes[((size_t)y * k->w + x) * k->c + c] - k->params.zero_point);
}

static double element(const model_safetensors *s, const char *layer, const char *part, size_t index)
{
    char name[MODEL_TENSOR_NAME_BYTES];
    snprintf(name, sizeof name, "%s.%s", layer, part);
    const model_tensor *t = model_safetensors_find(s, name);
    if (!t)
        fail_msg("file has no %s", name);
    assert_true(index * model_dtype_bytes(t->dtype) < t->bytes);
    if (t->dtype == MODEL_I8)
        return ((const int8_t *)t->data)[index];
    int32_t word;
    memcpy(&word, (const char *)t->data + 4 * index, 4);
    float number;
    memcpy(&number, &word, 4);
    return t->dtype == MODEL_I32 ? (double)word : (double)number;
}

/* Convolution `i` in real numbers: dequantised weights, bias and source, in double. */
static double real_conv(const reference *r, int i, int y, int x, int o, double src_scale)
{
    const model_node *n = &r->g.nodes[i];
    int from = n->inputs[0], ic = r->g.nodes[from].c, k = n->kernel;
    bool transposed = n->op == MODEL_OP_CONV_TRANSPOSE2D;
    double scale = element(&r->file, n->name, "weight_scale", (size_t)o);
    double sum = element(&r->file, n->name, "bias", (size_t)o) * src_scale * scale;
    for (int c = 0; c < ic; c++)
        for (int u = 0; u < k; u++)
            for (int v = 0; v < k; v++) {
                if (transposed) {
                    if (y % 2 == u && x % 2 == v)
                        sum += scale * element(&r->file, n->name, "weight", (((size_t)c * n->c + o) * 2 + u) * 2 + v) *
                               real_at(r, from, y / 2, x / 2, c);
                } else {
                    sum += scale * element(&r->file, n->name, "weight", (((size_t)o * ic + c) * k + u) * k + v) *
                           real_at(r, from, y - n->padding + u, x - n->padding + v, c);
                }
            }
    return n->relu ? fmax(sum, 0.0) : sum;
}

/* One stored byte against its real value: rint(real/scale) + zero point, clamped. Within `slack` steps of a tie the
 * neighbour is right too. */
static void check_byte(reference *r, const model_node *n, quant_params p, double real, double slack, int got, int y, int x,
                       int o)
{
    double steps = real / (double)p.scale;
    int want = (int)fmin(fmax(rint(steps) + p.zero_point, 0), 255);
    bool tie = fabs(fabs(steps - trunc(steps)) - 0.5) < slack;
    r->checked++;
    r->ties += tie;
    if (got != want && !(tie && abs(got - want) == 1))
        fail_msg("%s (%d,%d,%d): byte %d, real arithmetic gives %.5f -> %d", n->name, y, x, o, got, steps + p.zero_point, want);
}

static void check_node(reference *r, const quant_model *q, int i)
{
    const model_node *n = &r->g.nodes[i];
    const captured *k = captured_find(&r->bytes, n->name);
    if (!k || n->op == MODEL_OP_REFLECT_PAD)
        return; /* the input, crops, the logits */
    double src_scale = (double)quant_node_params(q, &r->g, n->inputs[0]).scale;
    /* whole borders, where padding shows, and a scatter of inner pixels */
    for (int y = 0; y < n->h; y++)
        for (int x = 0; x < n->w; x++) {
            bool border = y == 0 || x == 0 || y == n->h - 1 || x == n->w - 1;
            if (!border && (y * 31 + x * 17) % 5)
                continue;
            for (int o = 0; o < n->c; o++) {
                double real = 0, slack = 1e-4; /* float32 against double */
                if (n->op == MODEL_OP_MAXPOOL) {
                    real = -INFINITY;
                    for (int t = 0; t < 4; t++)
                        real = fmax(real, real_at(r, n->inputs[0], 2 * y + t / 2, 2 * x + t % 2, o));
                } else if (n->op == MODEL_OP_CONCAT) {
                    int first = r->g.nodes[n->inputs[0]].c, branch = o >= first;
                    real = real_at(r, n->inputs[branch], y, x, branch ? o - first : o);
                } else {
                    real = real_conv(r, i, y, x, o, src_scale);
                    /* 127.5 * an odd sum of weights was rounded to an integer: half a unit of the accumulator */
                    if (r->g.nodes[quant_origin(&r->g, n->inputs[0])].op == MODEL_OP_INPUT)
                        slack += 0.5 * element(&r->file, n->name, "multiplier", (size_t)o);
                }
                check_byte(r, n, k->params, real, slack, k->bytes[((size_t)y * k->w + x) * k->c + o], y, x, o);
            }
        }
}

/* Every stored tensor of the engine, recomputed in real arithmetic from the engine's previous tensors and the file. */
static void integers_are_the_real_network(void **state)
{
    (void)state;
    static const struct {
        model_unet_variant variant;
        int base, depth, outputs, h, w;
        quant_observer observer;
        quant_concat concat;
        const char *why;
    } cases[] = {
        { MODEL_UNET_SAME, 8, 3, 3, 32, 48, QUANT_MINMAX, QUANT_CONCAT_TABLE, "the demo's kind" },
        { MODEL_UNET_SAME, 5, 2, 3, 22, 30, QUANT_PERCENTILE, QUANT_CONCAT_SHARED,
          "odd channels, padded image, shared scales" },
        { MODEL_UNET_ORIGINAL, 4, 2, 1, 27, 30, QUANT_MINMAX, QUANT_CONCAT_TABLE, "no padding, cropped skips, one output" },
    };
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        base_error err;
        char dir[64], file[128];
        model *m = random_model(cases[k].variant, cases[k].base, cases[k].depth, cases[k].outputs, cases[k].h, cases[k].w);
        quant_options o = quant_options_default();
        o.observer = cases[k].observer;
        o.concat = cases[k].concat;
        quant_model *q = calibrate(m, o, 3);
        temporary_directory(dir);
        if (!quant_model_save(q, dir, &err))
            fail_msg("%s: %s", cases[k].why, err.text);
        uint8_t *rgb = malloc((size_t)cases[k].h * cases[k].w * 3);
        read_frame(&(frames_seed){ cases[k].h, cases[k].w }, 1, rgb, NULL);
        reference r = { .rgb = rgb };
        snprintf(file, sizeof file, "%s/%s", dir, QUANT_FILE);
        if (!model_safetensors_read(&r.file, file, &err) || !model_fold_graph(&m->about, cases[k].h, cases[k].w, &r.g, &err))
            fail_msg("%s: %s", cases[k].why, err.text);
        quant_session *s = quant_session_create(q, cases[k].h, cases[k].w, 2, base_cpu_detect(), &err);
        if (!s)
            fail_msg("%s: %s", cases[k].why, err.text);
        quant_session_observe(s, rgb, keep, &r.bytes);
        for (int i = 0; i < r.g.node_count; i++)
            check_node(&r, q, i);
        /* the last layer: sums times scales are the real logits */
        int outputs = cases[k].outputs, last = quant_last_layer(&r.g);
        const model_node *out = &r.g.nodes[r.g.output];
        int top = out->op == MODEL_OP_CROP ? out->top : 0, left = out->op == MODEL_OP_CROP ? out->left : 0;
        int32_t *logits = malloc((size_t)cases[k].h * cases[k].w * outputs * sizeof *logits);
        uint8_t *mask = malloc((size_t)cases[k].h * cases[k].w);
        quant_session_run(s, rgb, mask, logits);
        double src_scale = (double)quant_node_params(q, &r.g, r.g.nodes[last].inputs[0]).scale;
        for (int p = 0; p < cases[k].h * cases[k].w; p++) {
            int best = 0;
            double best_logit = -INFINITY;
            for (int c = 0; c < outputs; c++) {
                double real = real_conv(&r, last, p / cases[k].w + top, p % cases[k].w + left, c, src_scale);
                double got = logits[p * outputs + c] * src_scale * element(&r.file, "head", "weight_scale", (size_t)c);
                if (fabs(real - got) > 1e-5 * (fabs(real) + 1))
                    fail_msg("%s: logit %d of pixel %d is %.7g, real arithmetic gives %.7g", cases[k].why, c, p, got, real);
                best = got > best_logit ? c : best;
                best_logit = fmax(got, best_logit);
            }
            assert_int_equal(mask[p], outputs == 1 ? logits[p] >= 0 : best);
        }
        if (r.checked < 5000 || r.ties * 100 > r.checked)
            fail_msg("%s: %ld values checked, %ld ties: the comparison shows too little", cases[k].why, r.checked, r.ties);
        free(mask);
        free(logits);
        free(rgb);
        quant_session_destroy(s);
        capture_free(&r.bytes);
        model_safetensors_free(&r.file);
        model_graph_destroy(&r.g);
        quant_model_destroy(q);
        model_destroy(m);
        base_dir_remove(dir, NULL);
    }
}

/* Signal to quantisation noise of the logits, in dB. */
static double logit_sqnr(const model *m, const quant_model *q, int frame)
{
    int h = m->about.image_h, w = m->about.image_w, outputs = m->about.net.outputs;
    size_t count = (size_t)h * w * outputs;
    uint8_t *rgb = malloc((size_t)h * w * 3);
    float *want = malloc(count * sizeof *want);
    int32_t *sums = malloc(count * sizeof *sums);
    read_frame(&(frames_seed){ h, w }, frame, rgb, NULL);
    model_predictor *p = model_predictor_create(m, NULL, NULL);
    quant_session *s = quant_session_create(q, h, w, 1, base_cpu_detect(), NULL);
    assert_non_null(p);
    assert_non_null(s);
    model_predictor_logits(p, rgb, want);
    quant_session_run(s, rgb, NULL, sums);
    model_graph g;
    assert_true(model_fold_graph(&m->about, h, w, &g, NULL));
    const quant_layer *l = quant_layer_find(q, "head");
    double scale = (double)quant_node_params(q, &g, g.nodes[quant_last_layer(&g)].inputs[0]).scale, signal = 0, noise = 0;
    for (size_t i = 0; i < count; i++) {
        double got = sums[i] * scale * (double)l->weight_scale[i % outputs];
        signal += (double)want[i] * (double)want[i];
        noise += ((double)want[i] - got) * ((double)want[i] - got);
    }
    model_graph_destroy(&g);
    quant_session_destroy(s);
    model_predictor_destroy(p);
    free(sums);
    free(want);
    free(rgb);
    return 10 * log10(signal / noise);
}

/* Random weights are the hard case (nothing was trained to be robust), yet eight bits leave the logits recognisable. 15 dB is the
 * alarm level of a trained network. */
static void logits_survive(void **state)
{
    (void)state;
    model *m = random_model(MODEL_UNET_SAME, 8, 3, 3, 64, 64);
    for (int observer = 0; quant_observer_names[observer]; observer++)
        for (int concat = 0; quant_concat_names[concat]; concat++) {
            quant_options o = quant_options_default();
            o.observer = (quant_observer)observer;
            o.concat = (quant_concat)concat;
            quant_model *q = calibrate(m, o, 4);
            double db = logit_sqnr(m, q, 17); /* a frame that calibration has not seen */
            print_message("# %s, %s: logits at %.1f dB\n", quant_observer_names[observer], quant_concat_names[concat], db);
            if (!(db > 15))
                fail_msg("%s, %s: %.1f dB", quant_observer_names[observer], quant_concat_names[concat], db);
            quant_model_destroy(q);
        }
    model_destroy(m);
}

/* ---- equality ---- */
static void same_mask_everywhere(void **state)
{
    (void)state;
    enum { H = 40, W = 56, N = H * W };
    base_error err;
    model *m = random_model(MODEL_UNET_SAME, 8, 3, 3, H, W);
    quant_model *q = calibrate(m, quant_options_default(), 2);
    uint8_t rgb[N * 3], want_mask[N], mask[N];
    static int32_t want[N * 3], got[N * 3];
    size_t count;
    const base_cpu_level *levels = base_cpu_levels(&count);
    uint32_t here = base_cpu_detect();
    for (int frame = 0; frame < 2; frame++) {
        read_frame(&(frames_seed){ H, W }, frame, rgb, NULL);
        quant_session *s = quant_session_create(q, H, W, 1, 0, &err);
        assert_non_null(s);
        assert_string_equal(quant_session_level(s), "scalar");
        quant_session_run(s, rgb, want_mask, want);
        quant_session_destroy(s);
        for (size_t l = 0; l < count; l++)
            for (int threads = 1; threads <= 4; threads *= 2) {
                if (levels[l].bits & ~here)
                    continue;
                s = quant_session_create(q, H, W, threads, levels[l].bits, &err);
                assert_non_null(s);
                for (int again = 0; again < 2; again++) { /* the arena keeps nothing between frames */
                    memset(got, 0, sizeof got);
                    memset(mask, 99, sizeof mask);
                    quant_session_run(s, rgb, mask, got);
                    if (memcmp(want, got, sizeof got) || memcmp(want_mask, mask, N))
                        fail_msg("level %s, %d threads, run %d: differs from scalar with one thread", levels[l].name, threads,
                                 again);
                }
                quant_session_destroy(s);
            }
    }
    quant_model_destroy(q);
    model_destroy(m);
}

static void calibration_repeats(void **state)
{
    (void)state;
    base_error err;
    model *m = random_model(MODEL_UNET_SAME, 4, 2, 3, 24, 32);
    unsigned char *bytes[2] = { 0 };
    size_t sizes[2];
    for (int i = 0; i < 2; i++) {
        char dir[64], file[128];
        quant_options o = quant_options_default();
        o.threads = 1 + i;
        quant_model *q = calibrate(m, o, 3);
        snprintf(file, sizeof file, "%s/%s", temporary_directory(dir), QUANT_FILE);
        assert_true(quant_model_save(q, dir, &err));
        assert_true(base_file_read(file, 1 << 24, &bytes[i], &sizes[i], &err));
        quant_model_destroy(q);
        base_dir_remove(dir, NULL);
    }
    assert_int_equal(sizes[0], sizes[1]);
    assert_memory_equal(bytes[0], bytes[1], sizes[0]);
    free(bytes[0]);
    free(bytes[1]);
    model_destroy(m);
}

static void other_sizes_run(void **state)
{
    (void)state;
    base_error err;
    model *m = random_model(MODEL_UNET_SAME, 8, 3, 3, 64, 64);
    quant_model *q = calibrate(m, quant_options_default(), 2);
    enum { H = 37, W = 51 };
    uint8_t rgb[H * W * 3], a[H * W], b[H * W];
    read_frame(&(frames_seed){ H, W }, 3, rgb, NULL);
    for (int level = 0; level < 2; level++) {
        quant_session *s = quant_session_create(q, H, W, 2, level ? base_cpu_detect() : 0, &err);
        if (!s)
            fail_msg("%s", err.text);
        quant_session_run(s, rgb, level ? b : a, NULL);
        quant_session_destroy(s);
    }
    assert_memory_equal(a, b, H * W);
    quant_model_destroy(q);
    model_destroy(m);
}

/* ---- the file ---- */
static void file_round_trip(void **state)
{
    (void)state;
    base_error err;
    char dir[64], again_dir[64], file[128], again_file[128];
    model *m = random_model(MODEL_UNET_SAME, 4, 2, 3, 24, 32);
    quant_model *q = calibrate(m, quant_options_default(), 2);
    cJSON *note = cJSON_CreateObject();
    cJSON_AddNumberToObject(note, "frames", 2);
    assert_true(quant_model_note(q, note, &err));
    cJSON_Delete(note);
    temporary_directory(dir);
    temporary_directory(again_dir);
    assert_false(quant_model_present(dir));
    assert_true(quant_model_save(q, dir, &err));
    assert_true(quant_model_present(dir));
    snprintf(file, sizeof file, "%s/%s", dir, QUANT_FILE);
    snprintf(again_file, sizeof again_file, "%s/%s", again_dir, QUANT_FILE);
    quant_model *again = quant_model_load(dir, &err);
    if (!again)
        fail_msg("%s", err.text);
    assert_memory_equal(&quant_model_about(again)->net, &m->about.net, sizeof m->about.net);
    assert_true(quant_model_save(again, again_dir, &err));
    unsigned char *a, *b;
    size_t na, nb;
    assert_true(base_file_read(file, 1 << 24, &a, &na, &err) && base_file_read(again_file, 1 << 24, &b, &nb, &err));
    assert_int_equal(na, nb);
    assert_memory_equal(a, b, na);
    free(a);
    free(b);
    quant_model *by_file = quant_model_load(file, &err);
    assert_non_null(by_file);
    quant_model_destroy(by_file);
    quant_model_destroy(again);
    quant_model_destroy(q);
    model_destroy(m);
    base_dir_remove(dir, NULL);
    base_dir_remove(again_dir, NULL);
}

/* Replace the only occurrence of a text in the header by one of the same length. */
static void patch(unsigned char *bytes, size_t count, const char *from, const char *to)
{
    size_t n = strlen(from);
    assert_int_equal(n, strlen(to));
    for (size_t i = 0; i + n <= count; i++)
        if (!memcmp(bytes + i, from, n)) {
            memcpy(bytes + i, to, n);
            return;
        }
    fail_msg("no \"%s\" to patch", from);
}

static void bad_files_are_refused(void **state)
{
    (void)state;
    base_error err;
    char dir[64], file[128];
    model *m = random_model(MODEL_UNET_SAME, 4, 1, 3, 8, 8);
    quant_model *q = calibrate(m, quant_options_default(), 1);
    snprintf(file, sizeof file, "%s/%s", temporary_directory(dir), QUANT_FILE);
    assert_true(quant_model_save(q, dir, &err));
    unsigned char *good;
    size_t count;
    assert_true(base_file_read(file, 1 << 24, &good, &count, &err));
    unsigned char *bad = malloc(count);

    static const struct {
        const char *from, *to, *says;
    } patches[] = {
        { "\\\"base\\\":4", "\\\"base\\\":8", "shape" },
        { "\\\"depth\\\":1", "\\\"depth\\\":2", "tensor" },
        { "\\\"format\\\":1", "\\\"format\\\":9", "format 9, this build reads 1" },
        { "\\\"outputs\\\":3", "\\\"outputs\\\":2", "outputs" },
        { "\\\"image_h\\\":8", "\\\"image_h\\\":0", "image_h" },
        { "laneloop.quant", "laneloop.quatn", "laneloop.quant" },
        { "head.weight\"", "haed.weight\"", "head.weight" },
        { "unet", "tenu", "tenu" },
        /* more weights than the file has bytes: refused before memory is taken for them */
        { "\\\"base\\\":4,\\\"depth\\\":1", "\\\"base\\\":8,\\\"depth\\\":3", "weights" },
    };
    for (size_t i = 0; i < sizeof patches / sizeof patches[0]; i++) {
        memcpy(bad, good, count);
        patch(bad, count, patches[i].from, patches[i].to);
        assert_true(base_file_write(file, bad, count, false, &err));
        err.text[0] = '\0';
        quant_model *loaded = quant_model_load(dir, &err);
        if (loaded)
            fail_msg("took a file with %s", patches[i].to);
        if (!strstr(err.text, QUANT_FILE) || (!strstr(err.text, patches[i].says) && strcmp(patches[i].says, "shape")))
            fail_msg("%s: \"%s\" names not the file and \"%s\"", patches[i].to, err.text, patches[i].says);
    }
    /* cut anywhere: an error that names the file, never a model */
    for (size_t cut = 0; cut < count; cut += 1 + count / 97) {
        assert_true(base_file_write(file, good, cut, false, &err));
        if (quant_model_load(dir, &err) || !strstr(err.text, QUANT_FILE))
            fail_msg("cut at %zu of %zu: %s", cut, count, err.text);
    }
    /* any bit flipped: refused, or a model that still runs within its bounds */
    base_random r = base_random_start(SEED, "flip", 0, 0);
    int refused = 0;
    for (int i = 0; i < 400; i++) {
        memcpy(bad, good, count);
        bad[base_random_below(&r, (uint32_t)count)] ^= (unsigned char)(1u << base_random_below(&r, 8));
        assert_true(base_file_write(file, bad, count, false, &err));
        quant_model *loaded = quant_model_load(dir, &err);
        refused += !loaded;
        if (!loaded)
            continue;
        uint8_t rgb[8 * 8 * 3] = { 0 }, mask[8 * 8];
        quant_session *s = quant_session_create(loaded, 8, 8, 1, base_cpu_detect(), &err);
        if (s) {
            quant_session_run(s, rgb, mask, NULL);
            for (int p = 0; p < 64; p++)
                assert_true(mask[p] < 3);
        }
        quant_session_destroy(s);
        quant_model_destroy(loaded);
    }
    if (refused < 100) /* most of this small file is header and scales */
        fail_msg("only %d of 400 flips were refused", refused);
    free(bad);
    free(good);
    quant_model_destroy(q);
    model_destroy(m);
    base_dir_remove(dir, NULL);
}

static void diverged_network_is_refused(void **state)
{
    (void)state;
    base_error err;
    model *m = random_model(MODEL_UNET_SAME, 4, 1, 3, 8, 8);
    model_parameter_at(&m->graph, &m->weights, 0)[0] = NAN;
    frames_seed seed = { 8, 8 };
    quant_frames frames = { .count = 1, .h = 8, .w = 8, .read = read_frame, .user = &seed };
    quant_options o = quant_options_default();
    assert_null(quant_calibrate(m, &o, &frames, NULL, &err));
    assert_non_null(strstr(err.text, "encoder.0"));
    frames.count = 0;
    assert_null(quant_calibrate(m, &o, &frames, NULL, &err));
    o.percentile = 40;
    frames.count = 1;
    assert_null(quant_calibrate(m, &o, &frames, NULL, &err));
    assert_non_null(strstr(err.text, "percentile"));
    model_destroy(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(encode_knows),
        cmocka_unit_test(range_gives_params),
        cmocka_unit_test(weights_encode),
        cmocka_unit_test(rescale_table_is_exact),
        cmocka_unit_test(percentile_cuts_the_tail),
        cmocka_unit_test(histogram_ignores_threads),
        cmocka_unit_test(folding_keeps_the_function),
        cmocka_unit_test(integers_are_the_real_network),
        cmocka_unit_test(logits_survive),
        cmocka_unit_test(same_mask_everywhere),
        cmocka_unit_test(calibration_repeats),
        cmocka_unit_test(other_sizes_run),
        cmocka_unit_test(file_round_trip),
        cmocka_unit_test(bad_files_are_refused),
        cmocka_unit_test(diverged_network_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
