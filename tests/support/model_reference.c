#include "tests/support/model_reference.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* One node's values, [n][h][w][c]. */
typedef struct tensor {
    double *v;
    int n, h, w, c;
} tensor;

static tensor make(int n, const model_node *node)
{
    return (tensor){ calloc((size_t)n * node->h * node->w * node->c, sizeof(double)), n, node->h, node->w, node->c };
}

static double *at(const tensor *t, int n, int y, int x) { return t->v + (((size_t)n * t->h + y) * t->w + x) * t->c; }

static void conv(const model_node *k, const double *weights, const double *bias, const tensor *src, tensor *dst)
{
    for (int n = 0; n < dst->n; n++)
        for (int y = 0; y < dst->h; y++)
            for (int x = 0; x < dst->w; x++)
                for (int o = 0; o < dst->c; o++) {
                    double sum = bias ? bias[o] : 0;
                    int channels = src->c / k->groups, first = o / (dst->c / k->groups) * channels;
                    for (int i = 0; i < channels; i++)
                        for (int u = 0; u < k->kernel; u++)
                            for (int v = 0; v < k->kernel; v++) {
                                int sy = y * k->stride + u * k->dilation - k->padding,
                                    sx = x * k->stride + v * k->dilation - k->padding;
                                if (sy >= 0 && sy < src->h && sx >= 0 && sx < src->w)
                                    sum += weights[((o * channels + i) * k->kernel + u) * k->kernel + v] *
                                           at(src, n, sy, sx)[first + i];
                            }
                    at(dst, n, y, x)[o] = sum;
                }
}

static void conv_transpose(const double *weights, const double *bias, const tensor *src, tensor *dst)
{
    for (int n = 0; n < dst->n; n++)
        for (int y = 0; y < dst->h; y++)
            for (int x = 0; x < dst->w; x++)
                for (int o = 0; o < dst->c; o++) {
                    double sum = bias[o];
                    for (int i = 0; i < src->c; i++)
                        sum += weights[((i * dst->c + o) * 2 + y % 2) * 2 + x % 2] * at(src, n, y / 2, x / 2)[i];
                    at(dst, n, y, x)[o] = sum;
                }
}

static void batchnorm(const model_node *k, const double *gamma, const double *beta, const tensor *src, tensor *dst)
{
    size_t pixels = (size_t)src->n * src->h * src->w;
    for (int c = 0; c < src->c; c++) {
        double mean = 0, var = 0;
        for (size_t i = 0; i < pixels; i++)
            mean += src->v[i * src->c + c] / (double)pixels;
        for (size_t i = 0; i < pixels; i++)
            var += (src->v[i * src->c + c] - mean) * (src->v[i * src->c + c] - mean) / (double)pixels;
        for (size_t i = 0; i < pixels; i++)
            dst->v[i * src->c + c] = gamma[c] * (src->v[i * src->c + c] - mean) / sqrt(var + (double)k->eps) + beta[c];
    }
}

static void relu(tensor *t, double *margin)
{
    for (size_t i = 0; i < (size_t)t->n * t->h * t->w * t->c; i++) {
        *margin = fmin(*margin, fabs(t->v[i]));
        t->v[i] = fmax(t->v[i], 0);
    }
}

static void maxpool(const tensor *src, tensor *dst, double *margin)
{
    for (int n = 0; n < dst->n; n++)
        for (int y = 0; y < dst->h; y++)
            for (int x = 0; x < dst->w; x++)
                for (int c = 0; c < dst->c; c++) {
                    double best = -INFINITY, second = -INFINITY;
                    for (int k = 0; k < 4; k++) {
                        double v = at(src, n, 2 * y + k / 2, 2 * x + k % 2)[c];
                        second = fmax(second, fmin(v, best));
                        best = fmax(v, best);
                    }
                    if (best > 0 || second < best) /* four zeros after a ReLU stay zeros under a small step */
                        *margin = fmin(*margin, best - second);
                    at(dst, n, y, x)[c] = best;
                }
}

static int reflect(int i, int n) { return i < 0 ? -i : i >= n ? 2 * (n - 1) - i : i; }

static void copy(const model_node *k, const tensor *src, tensor *dst)
{
    int dy = k->op == MODEL_OP_CROP ? k->top : -k->top, dx = k->op == MODEL_OP_CROP ? k->left : -k->left;
    for (int n = 0; n < dst->n; n++)
        for (int y = 0; y < dst->h; y++)
            for (int x = 0; x < dst->w; x++)
                memcpy(at(dst, n, y, x), at(src, n, reflect(y + dy, src->h), reflect(x + dx, src->w)),
                       (size_t)dst->c * sizeof(double));
}

static void concat(const model_node *k, const tensor *nodes, tensor *dst)
{
    for (size_t i = 0; i < (size_t)dst->n * dst->h * dst->w; i++) {
        double *to = dst->v + i * dst->c;
        for (int j = 0; j < k->input_count; to += nodes[k->inputs[j++]].c)
            memcpy(to, nodes[k->inputs[j]].v + i * nodes[k->inputs[j]].c, (size_t)nodes[k->inputs[j]].c * sizeof(double));
    }
}

double *reference_forward(const model_graph *g, const double *params, const double *input, int n, double *margin)
{
    double closest = INFINITY;
    tensor *t = calloc((size_t)g->node_count, sizeof *t);
    for (int i = 0; i < g->node_count; i++) {
        const model_node *k = &g->nodes[i];
        const tensor *src = &t[k->inputs[0]];
        const double *weight = k->weight >= 0 ? params + g->parameters[k->weight].offset : NULL;
        const double *bias = k->bias >= 0 ? params + g->parameters[k->bias].offset : NULL;
        t[i] = make(n, k);
        switch (k->op) {
        case MODEL_OP_INPUT: memcpy(t[i].v, input, (size_t)n * k->h * k->w * k->c * sizeof(double)); break;
        case MODEL_OP_CONV2D: conv(k, weight, bias, src, &t[i]); break;
        case MODEL_OP_CONV_TRANSPOSE2D: conv_transpose(weight, bias, src, &t[i]); break;
        case MODEL_OP_BATCHNORM: batchnorm(k, weight, bias, src, &t[i]); break;
        case MODEL_OP_RELU: memcpy(t[i].v, src->v, (size_t)n * k->h * k->w * k->c * sizeof(double)); break;
        case MODEL_OP_MAXPOOL: maxpool(src, &t[i], &closest); break;
        case MODEL_OP_REFLECT_PAD:
        case MODEL_OP_CROP: copy(k, src, &t[i]); break;
        case MODEL_OP_CONCAT: concat(k, t, &t[i]); break;
        }
        if (k->op == MODEL_OP_RELU || k->relu)
            relu(&t[i], &closest);
    }
    double *out = t[g->output].v;
    for (int i = 0; i < g->node_count; i++)
        if (i != g->output)
            free(t[i].v);
    free(t);
    if (margin)
        *margin = closest;
    return out;
}

static double cross_entropy(const model_loss_options *o, const double *z, const uint8_t *labels, size_t pixels, int k)
{
    double sum = 0, weights = 0;
    for (size_t i = 0; i < pixels; i++) {
        if (labels[i] == MODEL_LABEL_IGNORE)
            continue;
        double w = o->weighted ? (double)o->class_weights[labels[i]] : 1, total = 0;
        for (int c = 0; c < k; c++)
            total += exp(z[i * k + c]);
        sum += w * (k == 1 ? log(1 + exp(z[i])) - labels[i] * z[i] : log(total) - z[i * k + labels[i]]);
        weights += w;
    }
    return weights > 0 ? sum / weights : 0;
}

static double dice(const model_loss_options *o, const double *z, const uint8_t *labels, size_t pixels, int k)
{
    double loss = 0, s = (double)o->dice_smooth;
    for (int c = 0; c < k; c++) {
        double both = 0, p_sum = 0, y_sum = 0;
        for (size_t i = 0; i < pixels; i++) {
            if (labels[i] == MODEL_LABEL_IGNORE)
                continue;
            double total = 0, y = k == 1 ? labels[i] : labels[i] == c;
            for (int j = 0; j < k; j++)
                total += exp(z[i * k + j]);
            double p = k == 1 ? 1 / (1 + exp(-z[i])) : exp(z[i * k + c]) / total;
            both += p * y;
            p_sum += p;
            y_sum += y;
        }
        loss += (1 - (2 * both + s) / (p_sum + y_sum + s)) / k;
    }
    return loss;
}

double reference_loss(const model_loss_options *o, const double *z, const uint8_t *labels, size_t pixels, int outputs)
{
    double loss = 0;
    if (o->kind != MODEL_LOSS_DICE)
        loss += cross_entropy(o, z, labels, pixels, outputs);
    if (o->kind == MODEL_LOSS_DICE || o->kind == MODEL_LOSS_BCE_DICE || o->kind == MODEL_LOSS_CE_DICE)
        loss += dice(o, z, labels, pixels, outputs);
    return loss;
}
