#include "cli/bench_subject.h"
#include "base/arena.h"
#include "base/cpu.h"
#include "base/file.h"
#include "base/pool.h"
#include "base/random.h"
#include "model/checkpoint.h"
#include "model/loss.h"
#include "model/optimizer.h"
#include "quant/quant.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const bench_mode_names[] = { "train", "forward", "int8", NULL };

const char *bench_work_name(int work)
{
    static const char *const own[] = { "input", "loss", "adam" };
    return work < MODEL_WORK_COUNT ? model_work_names[work] : own[work - MODEL_WORK_COUNT];
}

struct bench_subject {
    bench_mode mode;
    model_description about;
    int h, w, batch;
    model_cpu cpu;
    uint32_t bits;
    uint8_t *rgb, *label; /* [batch][h][w][3], [batch][h][w] */

    /* train, forward: the graph that the plan runs and its weights (forward: BatchNorm folded) */
    model_graph graph;
    model_parameters weights, gradients;
    model_plan *plan;
    model_optimizer adam;
    model_loss_options loss;
    void *loss_scratch;

    quant_model *quant;
    quant_session *session;
    int32_t *sums; /* [batch][h][w][outputs] */
};

/* ---- creation ---- */
static bool take_images(bench_subject *s, base_error *err)
{
    size_t pixels = (size_t)s->batch * s->h * s->w, channels = (size_t)s->about.net.channels;
    if (!(s->rgb = base_alloc(pixels * channels, err)) || !(s->label = base_alloc(pixels, err)))
        return false;
    base_random r = base_random_start(1, "bench noise", 0, 0);
    for (size_t i = 0; i < pixels * channels; i++)
        s->rgb[i] = (uint8_t)base_random_below(&r, 256);
    uint32_t classes = s->about.net.outputs > 1 ? (uint32_t)s->about.net.outputs : 2;
    for (size_t i = 0; i < pixels; i++)
        s->label[i] = (uint8_t)base_random_below(&r, classes);
    return true;
}

static bool read_image(void *user, int index, uint8_t *rgb, base_error *err)
{
    (void)err;
    const bench_subject *s = user;
    size_t bytes = (size_t)s->h * s->w * s->about.net.channels;
    memcpy(rgb, s->rgb + (size_t)index * bytes, bytes);
    return true;
}

static model *random_model(const bench_subject_options *o, base_error *err)
{
    model_description d = { .net = model_unet_options_default(),
                            .image_h = o->h ? o->h : 256,
                            .image_w = o->w ? o->w : 512,
                            .classes = dataset_classes_default() };
    d.net.base = o->base;
    model *m = model_create(&d, err);
    if (m)
        model_parameters_initialise(&m->graph, &m->weights, MODEL_INIT_KAIMING, 1);
    return m;
}

static bool create_int8(bench_subject *s, const model *m, base_error *err)
{
    quant_options q = quant_options_default();
    q.threads = s->cpu.threads;
    quant_frames frames = { .count = s->batch, .h = s->h, .w = s->w, .read = read_image, .user = s };
    if (!s->quant && !(s->quant = quant_calibrate(m, &q, &frames, NULL, err)))
        return false;
    size_t outputs = (size_t)s->about.net.outputs;
    return (s->session = quant_session_create(s->quant, s->h, s->w, s->cpu.threads, s->bits, err)) &&
           (s->sums = base_alloc((size_t)s->batch * s->h * s->w * outputs * sizeof *s->sums, err));
}

/* Weights; training also gradients and two moments. */
static size_t stores_bytes(const bench_subject *s)
{
    return (s->mode == BENCH_TRAIN ? 4 : 1) * s->graph.store_floats * sizeof(float);
}

/* Training takes the model's weights over: a copy would count as memory of training. */
static bool create_fp32(bench_subject *s, model *m, const bench_subject_options *o, base_error *err)
{
    bool train = s->mode == BENCH_TRAIN;
    if (train) {
        s->loss = model_loss_options_default();
        s->loss.kind = s->about.net.outputs > 1 ? MODEL_LOSS_CE : MODEL_LOSS_BCE;
        model_optimizer_options adam = model_optimizer_options_default();
        size_t pixels = (size_t)s->batch * s->h * s->w;
        if (!model_graph_for(&s->about, s->h, s->w, &s->graph, err) || !model_graph_fuse_relu(&s->graph, err) ||
            !model_parameters_create(&s->gradients, &s->graph, err) ||
            !model_optimizer_create(&s->adam, &s->graph, &adam, err) ||
            !(s->loss_scratch = base_alloc(model_loss_scratch_bytes(pixels, s->about.net.outputs), err)))
            return false;
        s->weights = m->weights;
        m->weights = (model_parameters){ 0 };
    } else if (!model_fold(m, s->h, s->w, &s->graph, &s->weights, err)) {
        return false;
    }
    model_plan_options p = { .batch = s->batch, .training = train, .threads = s->cpu.threads, .isa = o->isa };
    p.winograd = o->winograd;
    p.memory_limit = (size_t)o->limit_mib << 20;
    p.memory_beside = train ? stores_bytes(s) : 0;
    p.precision = o->precision;
    return (s->plan = model_plan_create(&s->graph, &p, err)) != NULL;
}

bench_subject *bench_subject_create(const bench_subject_options *o, base_error *err)
{
    bench_subject *s = base_alloc_zero(1, sizeof *s, err);
    model *m = NULL;
    if (!s)
        return NULL;
    s->mode = o->mode;
    s->batch = o->batch;
    if (!base_cpu_select(o->isa, &s->bits, err))
        goto failed;
    s->cpu = (model_cpu){ o->precision == MODEL_BF16 ? model_kernels_select_bf16(s->bits) : model_kernels_select(s->bits),
                          o->threads ? o->threads : base_cores() };
    if (o->weights && o->mode == BENCH_INT8 && quant_model_present(o->weights)) {
        if (!(s->quant = quant_model_load(o->weights, err)))
            goto failed;
        s->about = *quant_model_about(s->quant);
    } else {
        if (!(m = o->weights ? model_load(o->weights, err) : random_model(o, err)))
            goto failed;
        s->about = m->about;
    }
    s->h = o->h ? o->h : s->about.image_h;
    s->w = o->w ? o->w : s->about.image_w;
    bool int8 = o->mode == BENCH_INT8;
    if (o->write && !int8 && !model_checkpoint_write(m, NULL, 0, NULL, o->write, err))
        goto failed;
    if (!take_images(s, err) || !(int8 ? create_int8(s, m, err) : create_fp32(s, m, o, err)))
        goto failed;
    if (o->write && int8 && !quant_model_save(s->quant, o->write, err))
        goto failed;
    model_destroy(m);
    return s;
failed:
    model_destroy(m);
    bench_subject_destroy(s);
    return NULL;
}

void bench_subject_destroy(bench_subject *s)
{
    if (!s)
        return;
    quant_session_destroy(s->session);
    quant_model_destroy(s->quant);
    model_plan_destroy(s->plan);
    model_optimizer_destroy(&s->adam);
    model_parameters_destroy(&s->gradients);
    model_parameters_destroy(&s->weights);
    model_graph_destroy(&s->graph);
    free(s->loss_scratch);
    free(s->sums);
    free(s->label);
    free(s->rgb);
    free(s);
}

/* ---- a round ---- */
static void fill_input(bench_subject *s)
{
    model_view in = model_plan_input(s->plan);
    size_t row = (size_t)in.w * in.c;
#pragma omp parallel for num_threads(s->cpu.threads) schedule(static)
    for (int i = 0; i < in.n * in.h; i++)
        model_normalise(s->rgb + (size_t)i * row, (size_t)in.w, in.c, in.data + (size_t)i * in.w * in.pitch, in.pitch);
}

static double run_fp32(bench_subject *s, base_spans *spans)
{
    model_plan_record(s->plan, spans);
    double start = base_spans_start(spans);
    fill_input(s);
    base_spans_end(spans, -1, BENCH_WORK_INPUT, start);
    if (s->mode == BENCH_FORWARD) {
        model_plan_infer(s->plan, &s->weights);
        return 0;
    }
    model_plan_forward(s->plan, &s->weights, MODEL_BATCH_STATISTICS);
    start = base_spans_start(spans);
    model_view logits = model_plan_output(s->plan), grad = model_plan_grad_output(s->plan);
    double loss = model_loss_forward_backward(&s->loss, &logits, s->label, &grad, s->loss_scratch, s->cpu.threads).total;
    base_spans_end(spans, -1, BENCH_WORK_LOSS, start);
    model_plan_backward(s->plan, &s->weights, &s->gradients);
    start = base_spans_start(spans);
    model_optimizer_step(&s->adam, &s->graph, &s->weights, &s->gradients, 1e-3, &s->cpu);
    base_spans_end(spans, -1, BENCH_WORK_ADAM, start);
    model_plan_weights_changed(s->plan);
    return loss;
}

double bench_subject_run(bench_subject *s, base_spans *spans)
{
    if (s->mode != BENCH_INT8)
        return run_fp32(s, spans);
    size_t pixels = (size_t)s->h * s->w;
    quant_session_record(s->session, spans);
    for (int i = 0; i < s->batch; i++)
        quant_session_run(s->session, s->rgb + (size_t)i * pixels * s->about.net.channels, NULL,
                          s->sums + (size_t)i * pixels * s->about.net.outputs);
    return 0;
}

double bench_subject_peak(const bench_subject *s, double seconds)
{
    return s->mode == BENCH_INT8 ? quant_kernels_peak_ops(quant_kernels_select(s->bits), s->cpu.threads, seconds)
                                 : model_kernels_peak_flops(&s->cpu, seconds);
}

/* ---- looking at it ---- */
const model_description *bench_subject_about(const bench_subject *s) { return &s->about; }
int bench_subject_height(const bench_subject *s) { return s->h; }
int bench_subject_width(const bench_subject *s) { return s->w; }
int bench_subject_threads(const bench_subject *s) { return s->cpu.threads; }

const model_graph *bench_subject_graph(const bench_subject *s)
{
    return s->mode == BENCH_INT8 ? quant_session_graph(s->session) : &s->graph;
}

const char *bench_subject_isa(const bench_subject *s)
{
    return s->mode == BENCH_INT8 ? quant_session_level(s->session) : model_plan_isa(s->plan);
}

size_t bench_subject_bytes(const bench_subject *s)
{
    if (s->mode == BENCH_INT8)
        return quant_session_bytes(s->session);
    return model_plan_bytes(s->plan) + stores_bytes(s);
}

/* ---- for another program ---- */
typedef struct dump {
    model_tensor *tensors;
    int count, capacity;
    base_error err;
    bool failed;
} dump;

/* The bytes of a layer, packed; `observe` of a session. */
static void keep_layer(void *user, const char *name, const quant_view *out, quant_params params)
{
    (void)params;
    dump *d = user;
    char full[MODEL_TENSOR_NAME_BYTES];
    size_t row = (size_t)out->width * out->channels;
    uint8_t *bytes = d->failed || d->count == d->capacity ? NULL : base_alloc(row * out->height, &d->err);
    if (!bytes) {
        d->failed = true;
        return;
    }
    for (int y = 0; y < out->height; y++)
        for (int x = 0; x < out->width; x++)
            memcpy(bytes + y * row + (size_t)x * out->channels, quant_view_at(out, y, x), (size_t)out->channels);
    snprintf(full, sizeof full, "layer.%s", name);
    d->tensors[d->count++] = model_tensor_make(full, MODEL_U8, 3, (int64_t[]){ out->height, out->width, out->channels }, bytes);
}

bool bench_subject_write(bench_subject *s, const char *dir, base_error *err)
{
    char path[4096];
    const model_graph *g = bench_subject_graph(s);
    dump d = { .capacity = g->node_count + 2 };
    float *packed = NULL;
    int own = 0; /* leading tensors whose data the subject owns */
    bool ok = false;
    if (!base_dir_create(dir, err) || !base_path_join(path, sizeof path, dir, "round.safetensors", err) ||
        !(d.tensors = base_alloc_zero((size_t)d.capacity, sizeof *d.tensors, err)))
        goto done;
    int64_t rgb[] = { s->batch, s->h, s->w, s->about.net.channels }, logits[] = { s->batch, s->h, s->w, s->about.net.outputs };
    if (s->mode == BENCH_INT8) {
        d.tensors[d.count++] = model_tensor_make("logits", MODEL_I32, 4, logits, s->sums);
    } else if (s->mode == BENCH_FORWARD) {
        model_view out = model_plan_output(s->plan);
        size_t pixels = (size_t)out.n * out.h * out.w;
        if (!(packed = base_alloc(pixels * (size_t)out.c * sizeof *packed, err)))
            goto done;
        for (size_t i = 0; i < pixels; i++)
            memcpy(packed + i * (size_t)out.c, out.data + i * (size_t)out.pitch, (size_t)out.c * sizeof *packed);
        d.tensors[d.count++] = model_tensor_make("logits", MODEL_F32, 4, logits, packed);
    } else {
        d.tensors[d.count++] = model_tensor_make("label", MODEL_U8, 3, rgb, s->label);
    }
    d.tensors[d.count++] = model_tensor_make("rgb", MODEL_U8, 4, rgb, s->rgb);
    own = d.count;
    if (s->mode == BENCH_INT8)
        quant_session_observe(s->session, s->rgb, keep_layer, &d);
    if (d.failed)
        base_fail(err, BASE_MEMORY, "%s: no memory for the layers", path);
    else
        ok = model_safetensors_write(path, d.tensors, (size_t)d.count, NULL, 0, err);
done:
    for (int i = own; d.tensors && i < d.count; i++)
        free((void *)(uintptr_t)d.tensors[i].data);
    free(d.tensors);
    free(packed);
    return ok;
}
