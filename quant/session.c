/* Running the integer network: places for all tensors planned ahead in one arena, then a list of steps with a barrier between them. A step is
 * cut into pieces of rows, and threads take the next piece when they are done with one: a thread that shares its core, as beside a simulator,
 * takes fewer. */
#include "quant/network.h"
#include "base/arena.h"
#include "base/pool.h"
#include <omp.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* Where the output of a node lives. Several nodes share a block: a concat and the branches written into it, a crop and its source. */
typedef struct place {
    int block;     /* index into blocks; -1: the caller's image; -2: nowhere */
    size_t offset; /* of the first byte within the block */
    int h, w, c, pitch;
    size_t row_bytes;
} place;

typedef struct block {
    size_t bytes, offset;
    int first, last; /* nodes (steps) that write or read it */
} block;

typedef struct step {
    int node;
    quant_conv conv; /* CONV2D, CONV_TRANSPOSE2D */
    void *packed;
    int32_t *bias; /* corrected */
    quant_head head;
    const uint8_t *tables[MODEL_MAX_INPUTS]; /* CONCAT: branches to copy */
    bool copies[MODEL_MAX_INPUTS];
    bool idle; /* a concat that all branches are written into: a step for observers only */
    /* A concat whose last branch is the step before it: a piece is copied right after that branch's, while the lines that both write
     * are in the cache. */
    bool follows;
    atomic_int taken; /* pieces */
} step;

struct quant_session {
    const quant_model *q;
    const quant_kernels *kernels;
    model_graph graph; /* folded, for this size */
    place *places;     /* per node */
    block *blocks;
    int block_count;
    step *steps; /* per node that computes something */
    int step_count;
    unsigned char *arena;
    size_t arena_bytes, packed_bytes;
    unsigned char *scratch; /* threads x scratch_bytes */
    size_t scratch_bytes;
    int threads;
    float *head_scale;
    base_spans *spans; /* NULL: nobody wants to know */
};

#define IMAGE   (-1)
#define NOWHERE (-2)

static int round_up4(int value) { return (value + 3) / 4 * 4; }

/* ---- places ---- */
static place place_dense(int block_index, const model_node *n)
{
    int pitch = round_up4(n->c);
    return (place){ block_index, 0, n->h, n->w, n->c, pitch, (size_t)n->w * pitch };
}

/* The concat that input `node` is written into directly, and its first channel there; -1 when it has a block of its own. Only a
 * convolution with the concat's own parameters can be: a pool or a crop would have to copy anyway. */
static int written_into(const quant_session *s, int node, int *channel)
{
    const model_graph *g = &s->graph;
    model_op op = g->nodes[node].op;
    if (op != MODEL_OP_CONV2D && op != MODEL_OP_CONV_TRANSPOSE2D)
        return -1;
    for (int i = node + 1; i < g->node_count; i++) {
        const model_node *n = &g->nodes[i];
        int first = 0;
        for (int k = 0; n->op == MODEL_OP_CONCAT && k < n->input_count; first += g->nodes[n->inputs[k++]].c)
            if (n->inputs[k] == node && quant_params_equal(quant_node_params(s->q, g, node), quant_node_params(s->q, g, i))) {
                *channel = first;
                return i;
            }
    }
    return -1;
}

static void touch(quant_session *s, int node, int step_node)
{
    int b = s->places[node].block;
    if (b < 0)
        return;
    s->blocks[b].first = s->blocks[b].first < step_node ? s->blocks[b].first : step_node;
    s->blocks[b].last = s->blocks[b].last > step_node ? s->blocks[b].last : step_node;
}

static int add_block(quant_session *s, const place *p, int node)
{
    /* 64 bytes of slack: kernels read up to a whole group of channels past the last pixel */
    s->blocks[s->block_count] = (block){ .bytes = base_arena_round(p->h * p->row_bytes + 64), .first = node, .last = node };
    return s->block_count++;
}

static void choose_places(quant_session *s)
{
    const model_graph *g = &s->graph;
    int last = quant_last_layer(g);
    for (int i = 0; i < g->node_count; i++)
        s->places[i].block = NOWHERE;
    for (int i = 0; i < g->node_count; i++) {
        const model_node *n = &g->nodes[i];
        place *p = &s->places[i];
        int into, channel;
        if (n->op == MODEL_OP_INPUT) {
            *p = (place){ IMAGE, 0, n->h, n->w, n->c, n->c, (size_t)n->w * n->c };
        } else if (n->op == MODEL_OP_CROP && i > last) {
            continue; /* of the logits: the last layer reads less instead */
        } else if (n->op == MODEL_OP_CROP) {
            *p = s->places[n->inputs[0]];
            p->offset += n->top * p->row_bytes + (size_t)n->left * p->pitch;
            p->h = n->h;
            p->w = n->w;
        } else if (i == last) {
            continue;
        } else if ((into = written_into(s, i, &channel)) >= 0) {
            place *joint = &s->places[into];
            if (joint->block == NOWHERE) {
                *joint = place_dense(0, &g->nodes[into]);
                joint->block = add_block(s, joint, i);
            }
            *p = *joint;
            p->offset += (size_t)channel;
            p->c = n->c;
        } else if (p->block == NOWHERE) {
            *p = place_dense(0, n);
            p->block = add_block(s, p, i);
        }
        touch(s, i, i);
        for (int k = 0; k < n->input_count; k++)
            touch(s, n->inputs[k], i);
    }
    touch(s, g->nodes[last].inputs[0], last);
}

/* Lowest offset at which block b meets no block that is alive at the same time. Blocks are placed in the order of their birth. */
static void place_block(quant_session *s, int b)
{
    block *own = &s->blocks[b];
    bool moved = true;
    while (moved) {
        moved = false;
        for (int i = 0; i < b; i++) {
            const block *o = &s->blocks[i];
            bool together = o->first <= own->last && own->first <= o->last;
            if (together && own->offset < o->offset + o->bytes && o->offset < own->offset + own->bytes) {
                own->offset = o->offset + o->bytes;
                moved = true;
            }
        }
    }
    if (own->offset + own->bytes > s->arena_bytes)
        s->arena_bytes = own->offset + own->bytes;
}

/* ---- steps ---- */
static quant_view view_of(const quant_session *s, int node, const uint8_t *rgb)
{
    const place *p = &s->places[node];
    /* the image is only ever read: quant_view has no const form */
    uint8_t *base = p->block == IMAGE ? (uint8_t *)(uintptr_t)rgb : s->arena + s->blocks[p->block].offset;
    return (quant_view){ base + p->offset, p->h, p->w, p->c, p->pitch, p->row_bytes };
}

static bool plan_conv(quant_session *s, step *t, base_error *err)
{
    const model_graph *g = &s->graph;
    const model_node *n = &g->nodes[t->node];
    const quant_layer *l = quant_layer_find(s->q, n->name);
    quant_params src = quant_node_params(s->q, g, n->inputs[0]);
    bool transposed = n->op == MODEL_OP_CONV_TRANSPOSE2D, pixels = g->nodes[quant_origin(g, n->inputs[0])].op == MODEL_OP_INPUT;
    if (!(t->bias = base_alloc((size_t)l->oc * (transposed ? 4 : 1) * sizeof *t->bias, err)))
        return false;
    quant_corrected_bias(l, src, pixels, t->bias);
    if (l->last) {
        if (!(s->head_scale = base_alloc(l->oc * sizeof *s->head_scale, err)))
            return false;
        for (int o = 0; o < l->oc; o++)
            s->head_scale[o] = src.scale * l->weight_scale[o];
        t->head = (quant_head){ l->ic, l->oc, l->weights, t->bias, s->head_scale };
        return true;
    }
    t->conv = (quant_conv){ .ic = l->ic,
                            .oc = l->oc,
                            .kh = n->kernel,
                            .kw = n->kernel,
                            .stride = n->stride,
                            .padding = n->padding,
                            .dilation = n->dilation,
                            .transposed = transposed,
                            .weights = l->weights,
                            .bias = t->bias,
                            .multiplier = l->multiplier,
                            .lo = n->relu ? 0.0f : (float)-l->out.zero_point,
                            .hi = (float)(255 - l->out.zero_point),
                            .zero_point = l->out.zero_point,
                            .src_zero_point = (uint8_t)src.zero_point };
    size_t bytes = s->kernels->conv_packed_bytes(&t->conv);
    if (!(t->packed = base_alloc(bytes, err)))
        return false;
    s->kernels->conv_pack(&t->conv, t->packed);
    s->packed_bytes += bytes;
    size_t scratch = base_arena_round(s->kernels->conv_scratch_bytes(&t->conv, s->places[n->inputs[0]].w));
    s->scratch_bytes = scratch > s->scratch_bytes ? scratch : s->scratch_bytes;
    return true;
}

static bool plan_steps(quant_session *s, base_error *err)
{
    const model_graph *g = &s->graph;
    int last = quant_last_layer(g);
    for (int i = 1; i <= last; i++) {
        const model_node *n = &g->nodes[i];
        step *t = &s->steps[s->step_count];
        t->node = i;
        if (n->op == MODEL_OP_CONCAT) {
            const quant_layer *l = quant_layer_find(s->q, n->name);
            t->idle = true;
            for (int k = 0; k < n->input_count; k++) {
                t->copies[k] = s->places[n->inputs[k]].block != s->places[i].block;
                t->tables[k] = l->tables[k];
                t->idle = t->idle && !t->copies[k];
            }
            int before = s->step_count > 0 ? s->steps[s->step_count - 1].node : 0;
            t->follows = !t->idle && before == n->inputs[n->input_count - 1] && !t->copies[n->input_count - 1];
        } else if ((n->op == MODEL_OP_CONV2D || n->op == MODEL_OP_CONV_TRANSPOSE2D) && !plan_conv(s, t, err)) {
            return false;
        }
        s->step_count += n->op != MODEL_OP_CROP;
    }
    return true;
}

quant_session *quant_session_create(const quant_model *q, int h, int w, int threads, uint32_t cpu_bits, base_error *err)
{
    quant_session *s = base_alloc_zero(1, sizeof *s, err);
    if (!s)
        return NULL;
    s->q = q;
    s->threads = threads > 0 ? threads : base_cores();
    s->kernels = quant_kernels_select(cpu_bits);
    if (!model_fold_graph(&q->about, h, w, &s->graph, err))
        goto failed;
    size_t nodes = (size_t)s->graph.node_count;
    if (!(s->places = base_alloc_zero(nodes, sizeof *s->places, err)) ||
        !(s->blocks = base_alloc_zero(nodes, sizeof *s->blocks, err)) ||
        !(s->steps = base_alloc_zero(nodes, sizeof *s->steps, err)))
        goto failed;
    choose_places(s);
    for (int b = 0; b < s->block_count; b++)
        place_block(s, b);
    if (!plan_steps(s, err) || !(s->arena = base_alloc_zero(s->arena_bytes, 1, err)) ||
        !(s->scratch = base_alloc_zero((size_t)s->threads, s->scratch_bytes, err)))
        goto failed;
    return s;
failed:
    quant_session_destroy(s);
    return NULL;
}

void quant_session_destroy(quant_session *s)
{
    if (!s)
        return;
    for (int i = 0; s->steps && i < s->graph.node_count; i++) {
        free(s->steps[i].packed);
        free(s->steps[i].bias);
    }
    free(s->scratch);
    free(s->arena);
    free(s->steps);
    free(s->blocks);
    free(s->places);
    free(s->head_scale);
    model_graph_destroy(&s->graph);
    free(s);
}

/* ---- running ---- */
static int reflect(int i, int size)
{
    while (i < 0 || i >= size)
        i = i < 0 ? -i : 2 * (size - 1) - i;
    return i;
}

static void reflect_pad(const model_node *n, const quant_view *src, const quant_view *dst, int row0, int row1)
{
    for (int y = row0; y < row1; y++)
        for (int x = 0; x < dst->width; x++)
            memcpy(quant_view_at(dst, y, x),
                   quant_view_at(src, reflect(y - n->top, src->height), reflect(x - n->left, src->width)),
                   (size_t)dst->channels);
}

static void concat(const quant_session *s, const step *t, const uint8_t *rgb, int row0, int row1)
{
    const model_node *n = &s->graph.nodes[t->node];
    quant_view dst = view_of(s, t->node, rgb);
    for (int k = 0; k < n->input_count; k++) {
        quant_view src = view_of(s, n->inputs[k], rgb);
        dst.channels = src.channels;
        if (t->copies[k])
            s->kernels->map(&src, &dst, t->tables[k], row0, row1);
        dst.data += src.channels;
    }
}

/* What the output is cropped to, if it is: the 1x1 convolution commutes with it. */
static quant_view cropped(const quant_session *s, quant_view v)
{
    const model_graph *g = &s->graph;
    for (int i = g->output; g->nodes[i].op == MODEL_OP_CROP; i = g->nodes[i].inputs[0])
        v.data += g->nodes[i].top * v.row_bytes + (size_t)g->nodes[i].left * v.pitch;
    v.height = g->nodes[g->output].h;
    v.width = g->nodes[g->output].w;
    return v;
}

static void run_rows(const quant_session *s, const step *t, const uint8_t *rgb, uint8_t *mask, int32_t *logits, int row0,
                     int row1, void *scratch)
{
    const model_node *n = &s->graph.nodes[t->node];
    quant_view src = view_of(s, n->inputs[0], rgb), dst;
    bool last = t->head.weights != NULL;
    if (last)
        src = cropped(s, src);
    else
        dst = view_of(s, t->node, rgb);
    if (last)
        s->kernels->head(&t->head, &src, mask, logits, row0, row1);
    else if (n->op == MODEL_OP_CONV2D || n->op == MODEL_OP_CONV_TRANSPOSE2D)
        s->kernels->conv(&t->conv, t->packed, &src, &dst, row0, row1, scratch);
    else if (n->op == MODEL_OP_MAXPOOL)
        s->kernels->pool2x2(&src, &dst, row0, row1);
    else if (n->op == MODEL_OP_REFLECT_PAD)
        reflect_pad(n, &src, &dst, row0, row1);
    else if (n->op == MODEL_OP_CONCAT)
        concat(s, t, rgb, row0, row1);
}

/* Pieces of at least 8 rows, four for each thread where there are so many: weights are read once per piece. */
static int pieces_of(int rows, int threads, bool with_concat)
{
    int pieces = threads == 1 ? 1 : rows / 8 < 4 * threads ? rows / 8 : 4 * threads;
    if (with_concat && pieces < rows / 16)
        pieces = rows / 16; /* what they write together should fit a core's own cache */
    return pieces < threads ? (rows < threads ? rows : threads) : pieces;
}

/* As many pieces of step t as this thread gets; `concat`, when not NULL, is done with it. */
static void run_step(const quant_session *s, step *t, const step *concat, const uint8_t *rgb, uint8_t *mask, int32_t *logits,
                     int thread, int threads)
{
    int rows = t->head.weights ? s->graph.nodes[s->graph.output].h : s->graph.nodes[t->node].h;
    int pieces = pieces_of(rows, threads, concat != NULL);
    void *scratch = s->scratch + (size_t)thread * s->scratch_bytes;
    for (int i; (i = atomic_fetch_add(&t->taken, 1)) < pieces;) {
        int row0 = (int)((long)rows * i / pieces), row1 = (int)((long)rows * (i + 1) / pieces);
        run_rows(s, t, rgb, mask, logits, row0, row1, scratch);
        if (concat)
            run_rows(s, concat, rgb, mask, logits, row0, row1, scratch);
    }
}

/* All threads arrive before any leaves. OpenMP's own barrier sleeps when waiting is passive (as beside a simulator it must be), 20 to 30
 * us for each of the 30 layers, which the small ones finish in less; this one spins about that long before it gives the core away. */
typedef struct meeting {
    atomic_int waiting, round;
} meeting;

static void meet(meeting *m, int threads)
{
    int round = atomic_load(&m->round);
    if (atomic_fetch_add(&m->waiting, 1) == threads - 1) {
        atomic_store(&m->waiting, 0);
        atomic_store(&m->round, round + 1);
        return;
    }
    for (int spins = 0; atomic_load(&m->round) == round; spins++) {
        if (spins > 2000)
            sched_yield();
#if defined(__x86_64__)
        else
            __builtin_ia32_pause();
#endif
    }
}

static void run(quant_session *s, const uint8_t *rgb, uint8_t *mask, int32_t *logits, quant_observe observe, void *user)
{
    meeting m = { 0 };
    for (int i = 0; i < s->step_count; i++)
        atomic_store(&s->steps[i].taken, 0);
#pragma omp parallel num_threads(s->threads)
    {
        int thread = omp_get_thread_num(), threads = omp_get_num_threads();
        for (int i = 0; i < s->step_count; i++) {
            if (s->steps[i].idle && !observe)
                continue;
            const step *concat = i + 1 < s->step_count && s->steps[i + 1].follows && !observe ? &s->steps[i + 1] : NULL;
            base_spans *spans = thread == 0 ? s->spans : NULL;
            double start = base_spans_start(spans);
            run_step(s, &s->steps[i], concat, rgb, mask, logits, thread, threads);
            meet(&m, threads);
            base_spans_end(spans, s->steps[i].node, MODEL_WORK_FORWARD, start);
            i += concat != NULL;
            if (observe && !s->steps[i].head.weights) {
#pragma omp single
                {
                    quant_view out = view_of(s, s->steps[i].node, rgb);
                    observe(user, s->graph.nodes[s->steps[i].node].name, &out,
                            quant_node_params(s->q, &s->graph, s->steps[i].node));
                }
            }
        }
    }
}

void quant_session_run(quant_session *s, const uint8_t *rgb, uint8_t *mask, int32_t *logits)
{
    run(s, rgb, mask, logits, NULL, NULL);
}

void quant_session_observe(quant_session *s, const uint8_t *rgb, quant_observe observe, void *user)
{
    run(s, rgb, NULL, NULL, observe, user);
}

void quant_session_record(quant_session *s, base_spans *spans) { s->spans = spans; }
const model_graph *quant_session_graph(const quant_session *s) { return &s->graph; }
int quant_session_outputs(const quant_session *s) { return s->q->about.net.outputs; }
const char *quant_session_level(const quant_session *s) { return s->kernels->name; }
size_t quant_session_bytes(const quant_session *s)
{
    return s->arena_bytes + s->packed_bytes + (size_t)s->threads * s->scratch_bytes;
}
