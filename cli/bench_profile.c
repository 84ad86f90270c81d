#include "cli/bench_profile.h"
#include "base/file.h"
#include <stdlib.h>
#include <string.h>

typedef struct cost {
    double flops, bytes;
} cost;

static double elements(const bench_profile *p, int node)
{
    const model_node *n = &p->graph->nodes[node];
    return (double)p->batch * n->h * n->w * n->c;
}

static bool convolves(const model_node *n) { return n->op == MODEL_OP_CONV2D || n->op == MODEL_OP_CONV_TRANSPOSE2D; }

/* Work of no node. */
static cost cost_outside(const bench_profile *p, int work)
{
    double store = (double)p->graph->store_floats * 4, image = elements(p, 0), logits = elements(p, p->graph->output);
    switch (work) {
    case MODEL_WORK_PACK: return (cost){ 0, 2.0 * (double)p->graph->weight_floats * 4 };
    case BENCH_WORK_INPUT: return (cost){ 0, 5 * image };
    case BENCH_WORK_LOSS: return (cost){ 0, 8 * logits };
    case BENCH_WORK_ADAM: return (cost){ 0, 7 * store }; /* weight, moments: read and written; gradient: read */
    default: return (cost){ 0, 0 };
    }
}

/* Whether a BatchNorm did the pooling behind it too, which then has no time of its own. */
static bool pooled_in(const bench_profile *p, const base_span *s)
{
    if (s->node + 1 >= p->graph->node_count || p->graph->nodes[s->node + 1].op != MODEL_OP_MAXPOOL ||
        s->work == MODEL_WORK_AGAIN)
        return false;
    for (size_t i = 0; i < p->spans->count; i++)
        if (p->spans->list[i].node == s->node + 1 && p->spans->list[i].work == s->work)
            return false;
    return true;
}

/* Both passes' reads and writes; with a pooling, forward writes its output and backward reads that one's gradient and writes the sum. */
static double batchnorm_bytes(const bench_profile *p, const base_span *s, double src, double dst)
{
    double pooled = pooled_in(p, s) ? dst / 4 : 0;
    if (s->work == MODEL_WORK_AGAIN)
        return src + dst;
    return s->work == MODEL_WORK_FORWARD ? 2 * src + dst + pooled : 3 * src + 2 * dst + (pooled > 0 ? dst + pooled : 0);
}

static cost cost_of(const bench_profile *p, const base_span *s)
{
    if (s->node < 0)
        return cost_outside(p, s->work);
    const model_node *n = &p->graph->nodes[s->node];
    if (s->work == MODEL_WORK_PACK)
        return (cost){ 0, 2.0 * (double)p->graph->parameters[n->weight].count * 4 };
    if (n->op == MODEL_OP_INPUT || n->op == MODEL_OP_CONCAT)
        return (cost){ 0, 0 };                         /* the plan decides how much of a concat is copied */
    int images = p->mode == BENCH_INT8 ? 1 : p->batch; /* an int8 session runs one at a time */
    double share = (double)images / p->batch, unit = (p->mode == BENCH_INT8 ? 1.0 : 4.0) * share;
    double src = unit * elements(p, n->inputs[0]), dst = unit * elements(p, s->node);
    bool forward = s->work == MODEL_WORK_FORWARD || s->work == MODEL_WORK_AGAIN;
    if (convolves(n) && s->work != MODEL_WORK_BACKWARD) {
        double taps = n->op == MODEL_OP_CONV_TRANSPOSE2D ? 1 : (double)n->kernel * n->kernel;
        double weights = (double)p->graph->parameters[n->weight].count * (p->mode == BENCH_INT8 ? 1 : 4);
        double channels = (double)p->graph->nodes[n->inputs[0]].c / (n->groups > 1 ? n->groups : 1);
        double flops = 2 * taps * share * elements(p, s->node) * channels;
        return (cost){ flops, src + dst + weights };
    }
    switch (n->op) {
    case MODEL_OP_BATCHNORM: return (cost){ 0, batchnorm_bytes(p, s, src, dst) };
    case MODEL_OP_MAXPOOL: return (cost){ 0, forward ? src + dst : 2 * src + dst };
    case MODEL_OP_CONV2D: return (cost){ 0, 3 * dst }; /* the gradient of the ReLU inside */
    default: return (cost){ 0, forward ? src + dst : 2 * src + dst };
    }
}

double bench_profile_flops(const bench_profile *p)
{
    double sum = 0;
    for (size_t i = 0; i < p->spans->count; i++)
        if (p->spans->list[i].work != MODEL_WORK_AGAIN) /* no work that a step is for */
            sum += cost_of(p, &p->spans->list[i]).flops;
    return sum;
}

static void add(bench_profile_total *t, const bench_profile *p, size_t index)
{
    const base_span *s = &p->spans->list[index];
    cost c = cost_of(p, s);
    double seconds = s->end_s - s->start_s;
    t->flops += c.flops;
    t->bytes += c.bytes;
    t->round_s += seconds;
    t->least_s += p->least_s ? p->least_s[index] : seconds;
}

bool bench_profile_node(const bench_profile *p, size_t index, bench_profile_total *total)
{
    const base_span *s = p->spans->list;
    for (size_t i = 0; i < index; i++)
        if (s[i].node == s[index].node && s[i].work == s[index].work)
            return false;
    *total = (bench_profile_total){ 0 };
    for (size_t i = index; i < p->spans->count; i++)
        if (s[i].node == s[index].node && s[i].work == s[index].work)
            add(total, p, i);
    return true;
}

/* ---- table ---- */
static const char *op_name(const bench_profile *p, int node)
{
    return node >= 0 ? model_op_name(p->graph->nodes[node].op) : "";
}

static void print_number(FILE *out, bool json, const char *key, double value, bool there)
{
    if (json && there)
        fprintf(out, ",\"%s\":%.2f", key, value);
    else if (json)
        fprintf(out, ",\"%s\":null", key);
    else if (there)
        fprintf(out, " %9.1f", value);
    else
        fprintf(out, " %9s", "-");
}

/* ms, least ms, GFLOP/s, % of the peak, GB/s */
static void print_total(FILE *out, const bench_profile *p, bool json, const bench_profile_total *t)
{
    fprintf(out, json ? ",\"ms\":%.4f,\"ms_min\":%.4f" : " %9.3f %9.3f", t->round_s * 1e3, t->least_s * 1e3);
    double rate = t->least_s > 0 ? 1 / t->least_s : 0;
    print_number(out, json, "gflops", t->flops * rate * 1e-9, t->flops * rate > 0);
    print_number(out, json, "peak_pct", 100 * t->flops * rate / p->peak, t->flops * rate > 0);
    print_number(out, json, "gbs", t->bytes * rate * 1e-9, t->bytes * rate > 0);
}

static void print_nodes(FILE *out, const bench_profile *p, bool json)
{
    for (size_t i = 0; i < p->spans->count; i++) {
        const base_span *s = &p->spans->list[i];
        bench_profile_total t;
        if (!bench_profile_node(p, i, &t))
            continue;
        const char *name = s->node >= 0 ? p->graph->nodes[s->node].name : "", *op = op_name(p, s->node);
        if (json)
            fprintf(out, "{\"node\":\"%s\",\"op\":\"%s\",\"work\":\"%s\"", name, op, bench_work_name(s->work));
        else
            fprintf(out, "%-22s %-16s %-16s", name, op, bench_work_name(s->work));
        print_total(out, p, json, &t);
        fprintf(out, json ? "}\n" : "\n");
    }
}

static void print_kinds(FILE *out, const bench_profile *p)
{
    bool *done = calloc(p->spans->count + 1, sizeof *done);
    for (size_t i = 0; done && i < p->spans->count; i++) {
        const base_span *s = &p->spans->list[i];
        bench_profile_total t = { 0 };
        if (done[i])
            continue;
        for (size_t k = i; k < p->spans->count; k++) {
            const base_span *o = &p->spans->list[k];
            if (o->work != s->work || strcmp(op_name(p, o->node), op_name(p, s->node)) != 0)
                continue;
            done[k] = true;
            add(&t, p, k);
        }
        fprintf(out, "%-22s %-16s %-16s", "all", op_name(p, s->node), bench_work_name(s->work));
        print_total(out, p, false, &t);
        fprintf(out, " %7.1f %%\n", 100 * t.round_s / p->round_s);
    }
    free(done);
}

const char *bench_profile_unit(bench_mode mode) { return mode == BENCH_INT8 ? "Gop/s" : "GFLOP/s"; }

void bench_profile_print(FILE *out, const bench_profile *p, bool json)
{
    bench_profile_total all = { 0 };
    for (size_t i = 0; i < p->spans->count; i++)
        add(&all, p, i);
    if (!json)
        fprintf(out, "%-22s %-16s %-16s %9s %9s %9s %9s %9s\n", "node", "operation", "work", "ms", "least ms",
                bench_profile_unit(p->mode), "% peak", "GB/s");
    print_nodes(out, p, json);
    if (json)
        return;
    fprintf(out, "\n");
    print_kinds(out, p);
    fprintf(out, "%-56s", "all");
    print_total(out, p, false, &all);
    fprintf(out, "\n\nnodes %.3f ms of the round's %.3f ms (%.1f %%); copying large blocks moves %.1f GB/s\n",
            all.round_s * 1e3, p->round_s * 1e3, 100 * all.round_s / p->round_s, p->copy * 1e-9);
}

/* ---- trace ---- */
bool bench_profile_trace(const char *path, const bench_profile *p, base_error *err)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *f = open_memstream(&text, &bytes);
    if (!f)
        return base_fail(err, BASE_MEMORY, "%s: no memory for the trace", path);
    double zero = p->spans->count ? p->spans->list[0].start_s : 0;
    fprintf(f, "{\"traceEvents\":[\n");
    for (size_t i = 0; i < p->spans->count; i++) {
        const base_span *s = &p->spans->list[i];
        double seconds = s->end_s - s->start_s;
        cost c = cost_of(p, s);
        fprintf(f,
                "%s{\"name\":\"%s\",\"cat\":\"%s\",\"ph\":\"X\",\"ts\":%.3f,\"dur\":%.3f,\"pid\":1,\"tid\":1,"
                "\"args\":{\"gflop\":%.4f,\"mbytes\":%.3f,\"peak_pct\":%.1f}}",
                i ? ",\n" : "", s->node >= 0 ? p->graph->nodes[s->node].name : bench_work_name(s->work),
                bench_work_name(s->work), (s->start_s - zero) * 1e6, seconds * 1e6, c.flops * 1e-9, c.bytes * 1e-6,
                seconds > 0 ? 100 * c.flops / seconds / p->peak : 0);
    }
    fprintf(f, "\n]}\n");
    bool ok = fclose(f) == 0 && text;
    ok = ok ? base_file_write(path, text, bytes, false, err) : base_fail(err, BASE_MEMORY, "%s: no memory for the trace", path);
    free(text);
    return ok;
}
