/* What a step depends on: the weights, Adam's moments, the step's number and hashes of the seed. All of it is in a
 * checkpoint, so a resumed run cannot tell that it was interrupted. */
#include "model/train.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/cpu.h"
#include "base/file.h"
#include "base/pool.h"
#include "model/checkpoint.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define PATH_BYTES 4096

/* Lifetime: one call of model_train. */
typedef struct run {
    const model_train_options *o;
    const model_batches *batches;
    const model_train_hooks *hooks;
    const char *dir;
    char isa[32];
    bool resumed;
    /* resumed: "algorithms" and "weights_algorithms" of the checkpoint, node name -> algorithm; NULL before there were any: all direct */
    cJSON *stored, *stored_weights;
    model_algorithm *algorithms, *weights_algorithms; /* resumed: the same per node of graph */

    model *net;
    model_graph graph; /* of net, ReLU fused: what the plan runs */
    model_plan *plan;
    model_cpu cpu;
    model_parameters gradients;
    model_optimizer adam;
    size_t bytes; /* of all that training takes */

    uint8_t *rgb, *label, *mask; /* one batch */
    void *loss_scratch;
    FILE *log;

    int64_t step, total_steps, steps_per_epoch;
    double epoch_loss; /* sum over the steps of the open epoch */
    double best_score; /* NaN before the first validation */
    int best_epoch;
} run;

/* ---- state ---- */

static cJSON *print_algorithms(const run *r, model_algorithm (*algorithm)(const model_plan *p, int node))
{
    cJSON *o = cJSON_CreateObject();
    for (int i = 0; i < r->graph.node_count; i++)
        if (r->graph.nodes[i].op == MODEL_OP_CONV2D)
            cJSON_AddStringToObject(o, r->graph.nodes[i].name, model_algorithm_names[algorithm(r->plan, i)]);
    return o;
}

static cJSON *print_training(const run *r)
{
    cJSON *t = cJSON_CreateObject();
    cJSON_AddItemToObject(t, "config", model_train_options_print(r->o));
    cJSON_AddNumberToObject(t, "step", (double)r->step);
    cJSON_AddNumberToObject(t, "steps_per_epoch", (double)r->steps_per_epoch);
    cJSON_AddStringToObject(t, "isa", r->isa);
    cJSON_AddItemToObject(t, "algorithms", print_algorithms(r, model_plan_algorithm));
    cJSON_AddItemToObject(t, "weights_algorithms", print_algorithms(r, model_plan_weights_algorithm));
    cJSON_AddNumberToObject(t, "epoch_loss", r->epoch_loss);
    cJSON_AddNumberToObject(t, "log_bytes", (double)ftell(r->log));
    if (isnan(r->best_score))
        cJSON_AddNullToObject(t, "best_score");
    else
        cJSON_AddNumberToObject(t, "best_score", r->best_score);
    cJSON_AddNumberToObject(t, "best_epoch", r->best_epoch);
    return t;
}

static bool write_checkpoint(run *r, const char *name, bool resumable, base_error *err)
{
    char path[PATH_BYTES];
    if (fflush(r->log) != 0)
        return base_fail(err, BASE_IO, "%s/log.jsonl: %s", r->dir, strerror(errno));
    if (!base_path_join(path, sizeof path, r->dir, name, err))
        return false;
    cJSON *training = print_training(r);
    bool ok = model_checkpoint_write(r->net, resumable ? &r->adam : NULL, r->step, training, path, err);
    cJSON_Delete(training);
    return ok;
}

/* A resumed run must be the same run: every option but the length, the threads and the places. A checkpoint from before "winograd" was
 * an option goes on as it began: its algorithms are all direct, as gradients of weights are in one without "weights_algorithms"; one from
 * before "precision" was fp32. */
static bool began_without(const cJSON *option)
{
    if (!strcmp(option->string, "winograd"))
        return true;
    return !strcmp(option->string, "precision") && !strcmp(cJSON_GetStringValue(option), model_precision_names[MODEL_FP32]);
}

static bool same_config(const cJSON *was, const cJSON *is, const char *checkpoint, base_error *err)
{
    static const char *const free_keys[] = { "epochs",           "steps",           "threads", "out", "dataset",
                                             "checkpoint_steps", "memory_limit_mib" };
    for (const cJSON *a = is->child; a; a = a->next) {
        bool skip = false;
        for (size_t i = 0; i < sizeof free_keys / sizeof free_keys[0]; i++)
            skip |= !strcmp(a->string, free_keys[i]);
        const cJSON *b = cJSON_GetObjectItemCaseSensitive(was, a->string);
        if (skip || (b ? cJSON_Compare(a, b, true) : began_without(a)))
            continue;
        char *now = cJSON_PrintUnformatted(a), *then = b ? cJSON_PrintUnformatted(b) : NULL;
        base_fail(err, BASE_ARGUMENT,
                  "%s was trained with \"%s\": %.200s, the configuration says %.200s: resume needs the same; "
                  "F -p CHECKPOINT begins anew from its weights",
                  checkpoint, a->string, then ? then : "nothing", now ? now : "?");
        cJSON_free(now);
        cJSON_free(then);
        return false;
    }
    return true;
}

static bool read_training(run *r, const base_json *state, const char *checkpoint, int64_t *log_bytes, base_error *err)
{
    const char *isa;
    int64_t per_epoch, best_epoch;
    const cJSON *t = base_json_member(state, state->root, "training", err),
                *config = t ? base_json_member(state, t, "config", err) : NULL;
    if (!config)
        return false;
    cJSON *is = model_train_options_print(r->o);
    bool same = is && same_config(config, is, checkpoint, err);
    cJSON_Delete(is);
    if (!same)
        return false;
    if (!base_json_int(state, t, "step", 0, INT64_C(1) << 50, &r->step, err) ||
        !base_json_int(state, t, "steps_per_epoch", 1, INT64_C(1) << 40, &per_epoch, err) ||
        !base_json_string(state, t, "isa", &isa, err) || !base_json_double(state, t, "epoch_loss", &r->epoch_loss, err) ||
        !base_json_int(state, t, "log_bytes", 0, INT64_C(1) << 50, log_bytes, err) ||
        !base_json_int(state, t, "best_epoch", -1, 1 << 30, &best_epoch, err))
        return false;
    const cJSON *best = base_json_member(state, t, "best_score", err);
    if (!best)
        return false;
    r->best_score = cJSON_IsNumber(best) ? best->valuedouble : NAN;
    r->best_epoch = (int)best_epoch;
    snprintf(r->isa, sizeof r->isa, "%s", isa);
    const cJSON *algorithms = cJSON_GetObjectItemCaseSensitive(t, "algorithms"),
                *weights = cJSON_GetObjectItemCaseSensitive(t, "weights_algorithms");
    r->resumed = true;
    if ((algorithms && !(r->stored = cJSON_Duplicate(algorithms, true))) ||
        (weights && !(r->stored_weights = cJSON_Duplicate(weights, true))))
        return base_fail(err, BASE_MEMORY, "%s: no memory for its algorithms", checkpoint);
    if (per_epoch != r->steps_per_epoch)
        return base_fail(err, BASE_ARGUMENT, "%s: an epoch had %lld steps, this dataset gives %lld: not the same data",
                         checkpoint, (long long)per_epoch, (long long)r->steps_per_epoch);
    return true;
}

/* ---- set-up ---- */

static model_description describe(const run *r)
{
    return (
        model_description){ .net = r->o->net, .image_h = r->batches->h, .image_w = r->batches->w, .classes = r->o->classes };
}

/* Weights of a checkpoint into r->net; a network of another kind is refused by what differs. */
static bool take_weights(run *r, const char *checkpoint, base_error *err)
{
    model *other = model_load(checkpoint, err);
    if (!other)
        return false;
    const model_unet_options *a = &other->about.net, *b = &r->net->about.net;
    bool ok = a->variant == b->variant && a->base == b->base && a->depth == b->depth && a->channels == b->channels &&
              a->outputs == b->outputs;
    if (ok)
        memcpy(r->net->weights.values, other->weights.values, other->weights.count * sizeof(float));
    else
        base_fail(
            err, BASE_ARGUMENT,
            "%s holds a U-Net %s base %d depth %d with %d outputs, the configuration asks for %s base %d depth %d with %d",
            checkpoint, model_unet_variant_names[a->variant], a->base, a->depth, a->outputs,
            model_unet_variant_names[b->variant], b->base, b->depth, b->outputs);
    model_destroy(other);
    return ok;
}

/* log.jsonl: emptied, or cut back to what the checkpoint knows of. */
static bool open_log(run *r, int64_t keep_bytes, base_error *err)
{
    char path[PATH_BYTES];
    if (!base_path_join(path, sizeof path, r->dir, "log.jsonl", err))
        return false;
    if (!base_file_exists(path))
        keep_bytes = 0; /* resumed from another run's checkpoint */
    r->log = fopen(path, keep_bytes > 0 ? "r+b" : "wb");
    if (!r->log)
        return base_fail(err, BASE_IO, "%s: %s", path, strerror(errno));
    if (fseek(r->log, 0, SEEK_END) != 0 || ftell(r->log) < keep_bytes)
        return base_fail(err, BASE_FORMAT, "%s: has %ld bytes, the checkpoint was written after %lld", path, ftell(r->log),
                         (long long)keep_bytes);
    if (ftruncate(fileno(r->log), (off_t)keep_bytes) != 0 || fseek(r->log, (long)keep_bytes, SEEK_SET) != 0)
        return base_fail(err, BASE_IO, "%s: %s", path, strerror(errno));
    return true;
}

static bool write_config(const run *r, base_error *err)
{
    char path[PATH_BYTES];
    cJSON *o = model_train_options_print(r->o);
    char *text = cJSON_Print(o);
    bool ok = text ? base_path_join(path, sizeof path, r->dir, "config.json", err) &&
                         base_file_write(path, text, strlen(text), false, err)
                   : base_fail(err, BASE_MEMORY, "%s/config.json: no memory", r->dir);
    cJSON_free(text);
    cJSON_Delete(o);
    return ok;
}

/* How the checkpoint says that each convolution is computed. `key` is the name of `stored`. */
static bool take_algorithms(const run *r, const char *key, const cJSON *stored, model_algorithm **algorithms, base_error *err)
{
    if (!(*algorithms = base_alloc_zero((size_t)r->graph.node_count, sizeof **algorithms, err)))
        return false;
    for (int i = 0; stored && i < r->graph.node_count; i++) {
        if (r->graph.nodes[i].op != MODEL_OP_CONV2D)
            continue;
        const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(stored, r->graph.nodes[i].name));
        int a = 0;
        while (name && a < MODEL_ALGORITHM_COUNT && strcmp(name, model_algorithm_names[a]))
            a++;
        if (!name || a == MODEL_ALGORITHM_COUNT)
            return base_fail(err, BASE_FORMAT, "state.json: \"%s\": \"%s\": direct, winograd2 or winograd4 expected, found %s",
                             key, r->graph.nodes[i].name, name ? name : "none");
        (*algorithms)[i] = (model_algorithm)a;
    }
    return true;
}

static bool take_memory(run *r, base_error *err)
{
    const model_train_options *o = r->o;
    uint32_t bits;
    if (!model_graph_for(&r->net->about, r->batches->h, r->batches->w, &r->graph, err) ||
        !model_graph_fuse_relu(&r->graph, err))
        return false;
    if (r->resumed && (!take_algorithms(r, "algorithms", r->stored, &r->algorithms, err) ||
                       !take_algorithms(r, "weights_algorithms", r->stored_weights, &r->weights_algorithms, err)))
        return false;
    size_t pixels = (size_t)o->batch * r->batches->h * r->batches->w, loss = model_loss_scratch_bytes(pixels, o->net.outputs);
    model_plan_options p = { .batch = o->batch, .training = true, .threads = o->threads, .isa = r->isa[0] ? r->isa : NULL };
    p.winograd = o->winograd;
    p.precision = o->precision;
    p.algorithms = r->algorithms;
    p.weights_algorithms = r->weights_algorithms;
    p.memory_limit = (size_t)o->memory_limit_mib << 20;
    p.memory_beside = 4 * r->graph.store_floats * sizeof(float) + 5 * pixels + loss; /* gradients and moments are stores too */
    if (!(r->plan = model_plan_create(&r->graph, &p, err)))
        return r->isa[0] && err && err->code != BASE_MEMORY ? base_fail_in(err, "the run began on %s", r->isa) : false;
    snprintf(r->isa, sizeof r->isa, "%s", model_plan_isa(r->plan));
    if (!base_cpu_select(r->isa, &bits, err))
        return false;
    r->cpu = (model_cpu){ model_kernels_select(bits), o->threads ? o->threads : base_cores() };
    r->bytes = p.memory_beside + model_plan_bytes(r->plan);
    return (r->rgb = base_alloc(pixels * 3, err)) && (r->label = base_alloc(pixels, err)) &&
           (r->mask = base_alloc(pixels, err)) && (r->loss_scratch = base_alloc(loss, err));
}

/* What a run that begins anew must not leave for a later resume to find. */
static bool remove_old(const run *r, const char *name, base_error *err)
{
    char path[PATH_BYTES];
    return base_path_join(path, sizeof path, r->dir, name, err) && base_dir_remove(path, err);
}

static bool set_up(run *r, model_start start, const char *checkpoint, base_error *err)
{
    const model_train_options *o = r->o;
    char last[PATH_BYTES];
    int64_t log_bytes = 0;
    r->steps_per_epoch = (r->batches->train_count + o->batch - 1) / o->batch;
    r->total_steps = r->steps_per_epoch * o->epochs;
    if (o->steps > 0 && o->steps < r->total_steps)
        r->total_steps = o->steps;
    model_description d = describe(r);
    if (!(r->net = model_create(&d, err)) || !model_parameters_create(&r->gradients, &r->net->graph, err) ||
        !model_optimizer_create(&r->adam, &r->net->graph, &o->adam, err))
        return false;
    if (start == MODEL_START_RESUME) {
        base_json state;
        model_description stored;
        if (!base_path_join(last, sizeof last, r->dir, "checkpoints/last", err))
            return false;
        checkpoint = checkpoint ? checkpoint : last;
        if (!model_state_read(checkpoint, &state, &stored, err))
            return false;
        bool ok = read_training(r, &state, checkpoint, &log_bytes, err);
        base_json_free(&state);
        if (!ok || !take_weights(r, checkpoint, err) || !model_optimizer_read(&r->adam, r->net, checkpoint, r->step, err))
            return false;
    } else {
        model_parameters_initialise(&r->net->graph, &r->net->weights, (model_init)o->init, o->seed);
        if (checkpoint && !take_weights(r, checkpoint, err))
            return false;
    }
    if (!take_memory(r, err) || !base_dir_create(r->dir, err))
        return false;
    if (start == MODEL_START_ANEW && (!remove_old(r, "checkpoints/last", err) || !remove_old(r, "model", err)))
        return false;
    return write_config(r, err) && open_log(r, log_bytes, err);
}

static void tear_down(run *r)
{
    if (r->log)
        fclose(r->log);
    free(r->loss_scratch);
    free(r->mask);
    free(r->label);
    free(r->rgb);
    model_plan_destroy(r->plan);
    free(r->algorithms);
    free(r->weights_algorithms);
    cJSON_Delete(r->stored);
    cJSON_Delete(r->stored_weights);
    model_graph_destroy(&r->graph);
    model_optimizer_destroy(&r->adam);
    model_parameters_destroy(&r->gradients);
    model_destroy(r->net);
}

/* ---- one step, one validation ---- */

static void fill_input(run *r)
{
    model_view in = model_plan_input(r->plan);
    size_t pixels = (size_t)in.h * in.w;
#pragma omp parallel for num_threads(r->cpu.threads) schedule(static)
    for (int i = 0; i < in.n; i++)
        model_normalise(r->rgb + (size_t)i * pixels * (size_t)in.c, pixels, in.c,
                        in.data + (size_t)i * pixels * (size_t)in.pitch, in.pitch);
}

static bool train_step(run *r, base_error *err)
{
    const model_train_options *o = r->o;
    double start = base_clock_s();
    int64_t epoch = r->step / r->steps_per_epoch, within = r->step % r->steps_per_epoch;
    if (!r->batches->train(r->batches->user, (uint64_t)epoch, (int)(within * o->batch), o->batch, r->rgb, r->label, err))
        return false;
    fill_input(r);
    model_plan_forward(r->plan, &r->net->weights, MODEL_BATCH_STATISTICS);
    model_view logits = model_plan_output(r->plan), grad = model_plan_grad_output(r->plan);
    model_loss_value loss = model_loss_forward_backward(&o->loss, &logits, r->label, &grad, r->loss_scratch, r->cpu.threads);
    if (!isfinite(loss.total))
        return base_fail(err, BASE_ARGUMENT,
                         "step %lld: the loss is %g: the training diverged; lower \"lr\" (%g) or raise \"warmup_steps\"",
                         (long long)r->step + 1, loss.total, o->schedule.lr);
    model_plan_backward(r->plan, &r->net->weights, &r->gradients);
    double lr = model_schedule_lr(&o->schedule, r->step, r->total_steps, r->steps_per_epoch);
    model_optimizer_step(&r->adam, &r->net->graph, &r->net->weights, &r->gradients, lr, &r->cpu);
    model_plan_weights_changed(r->plan);
    r->step++;
    r->epoch_loss += loss.total;
    fprintf(r->log,
            "{\"kind\":\"step\",\"step\":%lld,\"epoch\":%lld,\"lr\":%.9g,\"loss\":%.9g,"
            "\"cross_entropy\":%.9g,\"dice\":%.9g,\"seconds\":%.4f}\n",
            (long long)r->step, (long long)epoch, lr, loss.total, loss.cross_entropy, loss.dice, base_clock_s() - start);
    if (fflush(r->log) != 0) /* after each line: a live page follows the file */
        return base_fail(err, BASE_IO, "%s/log.jsonl: %s", r->dir, strerror(errno));
    return true;
}

/* Whether the road's surface is a class: a net for lines alone has no road IoU. */
static bool tells_roads(const dataset_classes *c)
{
    uint32_t road = dataset_road_bits(c);
    for (int i = 0; i < c->count; i++)
        for (int k = 0; (road >> i & 1) && k < c->list[i].tag_count; k++)
            if (!strcasecmp(c->list[i].tags[k], "Roads") || !strcasecmp(c->list[i].tags[k], "Road"))
                return true;
    return false;
}

static bool validate(run *r, model_epoch *e, base_error *err)
{
    int count = r->batches->val_count, batch = r->o->batch;
    size_t pixels = (size_t)r->batches->h * r->batches->w;
    double sum = 0;
    e->confusion = dataset_confusion_start(r->o->classes.count);
    for (int first = 0; first < count; first += batch) {
        int n = count - first < batch ? count - first : batch;
        if (!r->batches->val(r->batches->user, first, n, r->rgb, r->label, err))
            return false;
        fill_input(r); /* of a short last batch the rest are images of the batch before; nothing below looks at them */
        model_plan_infer(r->plan, &r->net->weights);
        model_view logits = model_plan_output(r->plan), none = { 0 };
        logits.n = n;
        sum += n * model_loss_forward_backward(&r->o->loss, &logits, r->label, &none, r->loss_scratch, r->cpu.threads).total;
        model_decide(logits.data, logits.pitch, r->o->net.outputs, (size_t)n * pixels, r->mask);
        if (!dataset_confusion_add(&e->confusion, r->label, r->mask, (size_t)n * pixels, err))
            return false;
    }
    e->val_loss = sum / count;
    e->mean_iou = dataset_mean_iou(&e->confusion, NULL);
    uint32_t road = dataset_road_bits(&r->o->classes);
    e->road_iou = tells_roads(&r->o->classes) ? dataset_union_iou(&e->confusion, road) : NAN;
    return true;
}

static void add_pct(cJSON *o, const char *key, double share)
{
    if (isfinite(share))
        cJSON_AddNumberToObject(o, key, round(share * 1e6) / 1e4); /* four decimals of a per cent */
    else
        cJSON_AddNullToObject(o, key);
}

static bool log_epoch(run *r, const model_epoch *e, base_error *err)
{
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "kind", "epoch");
    cJSON_AddNumberToObject(o, "epoch", e->epoch);
    cJSON_AddNumberToObject(o, "step", (double)e->step);
    cJSON_AddNumberToObject(o, "train_loss", e->train_loss);
    cJSON_AddNumberToObject(o, "val_frames", r->batches->val_count);
    if (r->batches->val_count > 0) {
        cJSON_AddNumberToObject(o, "val_loss", e->val_loss);
        add_pct(o, "miou_pct", e->mean_iou);
        cJSON *each = cJSON_AddObjectToObject(o, "iou_pct");
        for (int c = 0; c < r->o->classes.count; c++)
            add_pct(each, r->o->classes.list[c].name, dataset_iou(&e->confusion, c));
        add_pct(o, "road_iou_pct", e->road_iou);
    }
    cJSON_AddNumberToObject(o, "seconds", round(e->seconds * 1e3) / 1e3);
    char *text = cJSON_PrintUnformatted(o);
    bool ok = text && fprintf(r->log, "%s\n", text) > 0;
    cJSON_free(text);
    cJSON_Delete(o);
    return ok || base_fail(err, BASE_IO, "%s/log.jsonl: %s", r->dir, strerror(errno));
}

static bool end_epoch(run *r, double epoch_started_s, base_error *err)
{
    model_epoch e = {
        .epoch = (int)((r->step - 1) / r->steps_per_epoch), .step = r->step, .mean_iou = NAN, .road_iou = NAN, .val_loss = NAN
    };
    int64_t steps = r->step - e.epoch * r->steps_per_epoch;
    e.train_loss = r->epoch_loss / (double)steps;
    if (r->batches->val_count > 0 && !validate(r, &e, err))
        return false;
    e.seconds = base_clock_s() - epoch_started_s;
    r->epoch_loss = 0;
    bool better = isnan(r->best_score) || isnan(e.mean_iou) || e.mean_iou > r->best_score;
    if (better) {
        r->best_score = e.mean_iou;
        r->best_epoch = e.epoch;
    }
    if (!log_epoch(r, &e, err) || (better && !write_checkpoint(r, "model", false, err)))
        return false;
    if (r->hooks->epoch)
        r->hooks->epoch(r->hooks->user, &e);
    return write_checkpoint(r, "checkpoints/last", true, err);
}

static bool run_steps(run *r, model_train_result *result, base_error *err)
{
    double epoch_started_s = base_clock_s();
    while (r->step < r->total_steps) {
        if (!train_step(r, err))
            return false;
        bool epoch_done = r->step % r->steps_per_epoch == 0 || r->step == r->total_steps;
        if (epoch_done) {
            if (!end_epoch(r, epoch_started_s, err))
                return false;
            epoch_started_s = base_clock_s();
        } else if (r->o->checkpoint_steps > 0 && r->step % r->o->checkpoint_steps == 0 &&
                   !write_checkpoint(r, "checkpoints/last", true, err)) {
            return false;
        }
        base_progress_step(r->hooks->progress, (uint64_t)r->step, NULL);
        if (r->hooks->stop && r->hooks->stop() && r->step < r->total_steps) {
            result->stopped = true;
            return epoch_done || write_checkpoint(r, "checkpoints/last", true, err);
        }
    }
    return true;
}

static int count_convolutions(const run *r, bool winograd)
{
    int count = 0;
    for (int i = 0; i < r->graph.node_count; i++)
        count += r->graph.nodes[i].op == MODEL_OP_CONV2D && (!winograd || model_plan_algorithm(r->plan, i) != MODEL_DIRECT);
    return count;
}

bool model_train(const model_train_options *o, const model_batches *batches, const char *run_dir, model_start start,
                 const char *checkpoint, const model_train_hooks *hooks, model_train_result *result, base_error *err)
{
    run r = { .o = o, .batches = batches, .hooks = hooks, .dir = run_dir, .best_score = NAN, .best_epoch = -1 };
    model_train_options checked = *o;
    *result = (model_train_result){ 0 };
    bool ok = model_train_options_check(&checked, err);
    r.o = &checked;
    ok = ok && set_up(&r, start, checkpoint, err);
    if (ok) {
        int64_t first = r.step;
        double started_s = base_clock_s();
        base_log_write(
            hooks->log, BASE_LOG_INFO,
            "training %zu parameters, %lld steps of %d images %d x %d, %.1f MiB, %d values recomputed, kernels %s, %s, Winograd in %d of %d convolutions",
            model_graph_trainable_count(&r.graph), (long long)r.total_steps, o->batch, batches->w, batches->h,
            (double)r.bytes / (1 << 20), model_plan_recomputed(r.plan), r.isa, model_precision_names[o->precision],
            count_convolutions(&r, true), count_convolutions(&r, false));
        ok = run_steps(&r, result, err);
        double seconds = base_clock_s() - started_s;
        snprintf(result->isa, sizeof result->isa, "%s", r.isa);
        result->memory_bytes = r.bytes;
        result->recomputed = model_plan_recomputed(r.plan);
        result->steps = r.step;
        result->total_steps = r.total_steps;
        result->best_score = r.best_score;
        result->best_epoch = r.best_epoch;
        result->seconds = seconds;
        result->images_per_s = seconds > 0 ? (double)((r.step - first) * o->batch) / seconds : 0;
    }
    tear_down(&r);
    return ok;
}
