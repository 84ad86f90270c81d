/* Which tensors exist when, and at which bytes.
 *
 * Recomputation. A value that backward steps read would live from its forward step over the loss to that backward step. When it is
 * `dropped` it ends with its last reader of the forward pass, and a second buffer (`again`) takes the values that are computed once
 * more, by the same kernels from the same inputs and so to the same bits, just before the first backward step that needs them; what that
 * needs in turn is computed again first. Values inside a concat are never dropped, so that a chain ends in its own block of the network. */
#include "base/arena.h"
#include "model/plan_inside.h"
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* ---- places ---- */

static int new_buffer(model_plan *p, size_t bytes)
{
    p->buffers[p->buffer_count] = (model_plan_buffer){ .bytes = base_arena_round(bytes), .first = INT_MAX, .last = -1 };
    return p->buffer_count++;
}

static model_plan_slot new_slot(model_plan *p, int node)
{
    int channels = p->graph->nodes[node].c;
    return (model_plan_slot){ new_buffer(p, model_plan_pixels(p, node) * (size_t)channels * sizeof(float)), channels, 0 };
}

/* The concat that node i can write straight into: its channels then need no copy. -1 when there is none or several. */
static int home_of(const model_graph *g, int i)
{
    int home = -1;
    if (g->nodes[i].op == MODEL_OP_INPUT || i == g->output)
        return -1; /* the caller reads and writes these: they stay packed */
    for (int k = i + 1; k < g->node_count; k++)
        for (int j = 0; g->nodes[k].op == MODEL_OP_CONCAT && j < g->nodes[k].input_count; j++)
            if (g->nodes[k].inputs[j] == i) {
                if (home >= 0)
                    return -1;
                home = k;
            }
    return home;
}

/* Channel at which input i of concat k begins. */
static int channel_in(const model_graph *g, int k, int i)
{
    int channel = 0;
    for (int j = 0; g->nodes[k].inputs[j] != i; j++)
        channel += g->nodes[g->nodes[k].inputs[j]].c;
    return channel;
}

static model_plan_slot slot_in(const model_graph *g, const model_plan_slot *home, int k, int i)
{
    return (model_plan_slot){ home->buffer, home->pitch, home->channel + channel_in(g, k, i) };
}

/* Concats (higher indices) come first so that their inputs can be placed inside. */
void model_plan_place_values(model_plan *p)
{
    const model_graph *g = p->graph;
    for (int i = g->node_count - 1; i >= 0; i--) {
        int home = home_of(g, i);
        p->values[i] = home >= 0 ? slot_in(g, &p->values[home], home, i) : new_slot(p, i);
    }
    p->tensor_count = p->buffer_count;
}

/* Whether the gradient call of node i writes that of its input `from` as the kernels can: adding to what later consumers wrote
 * only for convolution and pooling, at the pitch of the values for pooling and BatchNorm, in place for a concat. */
static bool can_write_grad(const model_plan *p, int i, int from, bool accumulate)
{
    const model_node *node = &p->graph->nodes[i];
    if (node->op == MODEL_OP_CONCAT)
        return !accumulate && home_of(p->graph, from) == i;
    if (accumulate && node->op != MODEL_OP_CONV2D && node->op != MODEL_OP_MAXPOOL)
        return false;
    return (node->op != MODEL_OP_MAXPOOL && node->op != MODEL_OP_BATCHNORM) || p->grads[from].pitch == p->values[from].pitch;
}

static model_plan_slot grad_slot(model_plan *p, int i, const bool *wanted)
{
    const model_graph *g = p->graph;
    int home = home_of(g, i), reader = i + 1;
    if (home >= 0 && wanted[home])
        return slot_in(g, &p->grads[home], home, i);
    /* BatchNorm turns the gradient of its output into that of its input on the spot */
    while (reader < g->node_count && !(g->nodes[reader].op == MODEL_OP_BATCHNORM && g->nodes[reader].inputs[0] == i))
        reader++;
    if (reader < g->node_count && model_graph_consumers(g, i) == 1 && p->grads[reader].pitch == g->nodes[i].c)
        return p->grads[reader];
    return new_slot(p, i);
}

void model_plan_join_pools(model_plan *p)
{
    const model_graph *g = p->graph;
    for (int i = 1; i + 1 < g->node_count; i++) {
        const model_node *n = &g->nodes[i], *next = &g->nodes[i + 1];
        if (n->op == MODEL_OP_BATCHNORM && next->op == MODEL_OP_MAXPOOL && next->inputs[0] == i && n->h % 2 == 0 &&
            n->w % 2 == 0) {
            p->works[i].pool = i + 1;
            p->works[i + 1].inside = true;
        }
    }
}

bool model_plan_place_grads(model_plan *p, base_error *err)
{
    const model_graph *g = p->graph;
    int n = g->node_count;
    bool *wanted = calloc((size_t)n * 2, sizeof *wanted);
    if (!wanted)
        return base_fail(err, BASE_MEMORY, "plan: no memory for %d nodes", n);
    bool *written = wanted + n; /* by a consumer that comes later in the graph */
    for (int i = 0; i < n; i++) {
        wanted[i] = g->nodes[i].weight >= 0;
        for (int k = 0; k < g->nodes[i].input_count; k++)
            wanted[i] |= wanted[g->nodes[i].inputs[k]];
    }
    for (int i = n - 1; i >= 0; i--)
        if (wanted[i])
            p->grads[i] = grad_slot(p, i, wanted);
    bool ok = true;
    written[g->output] = true;
    for (int i = n - 1; i > 0 && ok; i--) {
        const model_node *node = &g->nodes[i];
        if (!wanted[i])
            continue;
        if (!written[i]) {
            ok = base_fail(err, BASE_UNSUPPORTED, "plan: node %s leads nowhere: it cannot be trained", node->name);
            break;
        }
        for (int k = 0; k < node->input_count; k++) {
            int from = node->inputs[k];
            if (!wanted[from])
                continue;
            p->works[i].grad_input = true;
            p->works[i].accumulate = written[from];
            if (!can_write_grad(p, i, from, written[from])) {
                ok = base_fail(err, BASE_UNSUPPORTED,
                               "plan: node %s (%s) cannot share the gradient of %s with its other readers", node->name,
                               model_op_name(node->op), g->nodes[from].name);
                break;
            }
            written[from] = true;
        }
    }
    p->tensor_count = p->buffer_count;
    free(wanted);
    return ok;
}

/* ---- steps and lives ---- */

static void touch(model_plan *p, model_plan_slot s, int moment)
{
    model_plan_buffer *b = &p->buffers[s.buffer];
    b->first = moment < b->first ? moment : b->first;
    b->last = moment > b->last ? moment : b->last;
}

/* Append a step; returns its moment. */
static int new_step(model_plan *p, model_plan_kind kind, int node)
{
    const model_plan_work *w = &p->works[node];
    size_t bytes = kind == MODEL_PLAN_BACKWARD ? w->backward.bytes : w->forward.bytes;
    int moment = p->step_count + (p->step_count >= p->graph->node_count);
    model_plan_step *s = &p->steps[p->step_count++];
    *s = (model_plan_step){ kind, node, -1 };
    if (bytes > 0) {
        s->work = new_buffer(p, bytes);
        touch(p, (model_plan_slot){ .buffer = s->work }, moment);
    }
    return moment;
}

/* Have the values of a node where backward steps find them, at the end of the steps so far. */
static void have(model_plan *p, int node)
{
    const model_node *n = &p->graph->nodes[node];
    if (p->again[node].buffer >= 0)
        return;
    for (int k = 0; k < n->input_count; k++)
        have(p, n->inputs[k]);
    p->again[node] = new_slot(p, node);
    int moment = new_step(p, MODEL_PLAN_AGAIN, node);
    touch(p, p->again[node], moment);
    for (int k = 0; k < n->input_count; k++)
        touch(p, p->again[n->inputs[k]], moment);
}

/* Backward steps; a pooling that belongs to its BatchNorm has none. */
static bool reads_input(const model_plan *p, int i)
{
    const model_node *n = &p->graph->nodes[i];
    return n->op == MODEL_OP_CONV2D || n->op == MODEL_OP_CONV_TRANSPOSE2D || n->op == MODEL_OP_BATCHNORM ||
           (n->op == MODEL_OP_MAXPOOL && !p->works[i].inside);
}
static bool reads_output(const model_node *n) { return n->op == MODEL_OP_RELU || (n->op == MODEL_OP_CONV2D && n->relu); }

static void backward_step(model_plan *p, int i)
{
    const model_node *n = &p->graph->nodes[i];
    if (reads_input(p, i))
        have(p, n->inputs[0]);
    if (reads_output(n))
        have(p, i);
    int moment = new_step(p, MODEL_PLAN_BACKWARD, i);
    if (reads_input(p, i))
        touch(p, p->again[n->inputs[0]], moment);
    if (reads_output(n))
        touch(p, p->again[i], moment);
    touch(p, p->grads[i], moment);
    if (p->works[i].pool)
        touch(p, p->grads[p->works[i].pool], moment);
    for (int k = 0; k < n->input_count && p->works[i].grad_input; k++)
        if (p->grads[n->inputs[k]].buffer >= 0)
            touch(p, p->grads[n->inputs[k]], moment);
}

/* Offsets by first fit, largest first: each buffer goes to the lowest place that is free during its whole life. Returns the
 * bytes used. */
static size_t pack_buffers(model_plan *p)
{
    size_t total = 0;
    for (int i = 0; i < p->buffer_count; i++)
        p->buffers[i].placed = p->buffers[i].last < 0; /* never touched: takes no place */
    for (;;) {
        model_plan_buffer *b = NULL;
        for (int i = 0; i < p->buffer_count; i++)
            if (!p->buffers[i].placed && (!b || p->buffers[i].bytes > b->bytes))
                b = &p->buffers[i];
        if (!b)
            return total;
        b->offset = 0;
        for (bool moved = true; moved;) {
            moved = false;
            for (int i = 0; i < p->buffer_count; i++) {
                const model_plan_buffer *o = &p->buffers[i];
                bool together = o->placed && o->first <= b->last && b->first <= o->last;
                if (together && o->offset < b->offset + b->bytes && b->offset < o->offset + o->bytes) {
                    b->offset = o->offset + o->bytes;
                    moved = true;
                }
            }
        }
        b->placed = true;
        total = b->offset + b->bytes > total ? b->offset + b->bytes : total;
    }
}

size_t model_plan_lay_out(model_plan *p)
{
    const model_graph *g = p->graph;
    int n = g->node_count;
    p->step_count = 0;
    p->buffer_count = p->tensor_count;
    for (int i = 0; i < p->buffer_count; i++)
        p->buffers[i].first = INT_MAX, p->buffers[i].last = -1;
    for (int i = 0; i < n; i++) {
        int moment = new_step(p, MODEL_PLAN_FORWARD, i);
        touch(p, p->values[i], moment);
        for (int k = 0; k < g->nodes[i].input_count; k++)
            touch(p, p->values[g->nodes[i].inputs[k]], moment);
        if (p->works[i].pool)
            touch(p, p->values[p->works[i].pool], moment);
        p->again[i] = p->values[i];
        if (p->dropped[i])
            p->again[i].buffer = -1;
    }
    touch(p, p->values[0], 0);         /* filled before the first node */
    touch(p, p->values[g->output], n); /* read by the loss */
    if (p->training) {
        touch(p, p->grads[g->output], n);
        for (int i = n - 1; i > 0; i--)
            if (p->grads[i].buffer >= 0 && !p->works[i].inside)
                backward_step(p, i);
    }
    return pack_buffers(p);
}

/* ---- what to drop ---- */

typedef struct candidate {
    int node;
    size_t bytes;
    double cost; /* of computing a byte again, in bytes that memory moves in that time */
} candidate;

/* A core moves about one byte in the time of 20 operations of a convolution. */
static double cost_of(const model_graph *g, const model_node *n)
{
    switch (n->op) {
    case MODEL_OP_CONV2D: return 2 + (double)n->kernel * n->kernel * g->nodes[n->inputs[0]].c / 40;
    case MODEL_OP_CONV_TRANSPOSE2D: return 2 + (double)g->nodes[n->inputs[0]].c / 40;
    case MODEL_OP_MAXPOOL: return 5;
    default: return 2;
    }
}

static int compare(const void *a, const void *b)
{
    const candidate *x = a, *y = b;
    if (x->cost != y->cost)
        return x->cost < y->cost ? -1 : 1;
    if (x->bytes != y->bytes)
        return x->bytes > y->bytes ? -1 : 1;
    return x->node - y->node;
}

/* Values that backward steps read, in a buffer of their own, in the order in which they are dropped. */
static int find_candidates(const model_plan *p, candidate *list)
{
    const model_graph *g = p->graph;
    int count = 0;
    for (int i = 1; i < g->node_count; i++) {
        const model_node *n = &g->nodes[i];
        if (i == g->output || home_of(g, i) >= 0 || n->op == MODEL_OP_CONCAT || n->op == MODEL_OP_CROP)
            continue;
        bool read = reads_output(n) && p->grads[i].buffer >= 0;
        for (int k = i + 1; k < g->node_count; k++)
            read |= reads_input(p, k) && g->nodes[k].inputs[0] == i && p->grads[k].buffer >= 0;
        if (read)
            list[count++] = (candidate){ i, p->buffers[p->values[i].buffer].bytes, cost_of(g, n) };
    }
    qsort(list, (size_t)count, sizeof *list, compare);
    return count;
}

size_t model_plan_fit(model_plan *p, size_t limit)
{
    size_t bytes = model_plan_lay_out(p), least = bytes;
    candidate *list = bytes > limit ? calloc((size_t)p->graph->node_count, sizeof *list) : NULL;
    if (!list)
        return bytes;
    int count = find_candidates(p, list), best = 0, used = 0;
    while (bytes > limit && used < count) {
        p->dropped[list[used++].node] = true;
        bytes = model_plan_lay_out(p);
        if (bytes < least) {
            least = bytes;
            best = used;
        }
    }
    for (int i = best; i < used; i++)
        p->dropped[list[i].node] = false;
    /* Some of them were no help where it is tight: keep those after all, the dearest first. */
    size_t most = least > limit ? least : limit;
    for (int i = best; i-- > 0;) {
        p->dropped[list[i].node] = false;
        if (model_plan_lay_out(p) > most)
            p->dropped[list[i].node] = true;
    }
    free(list);
    return model_plan_lay_out(p);
}
