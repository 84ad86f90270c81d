/* model/kernels/depthwise.c — see depthwise.h: what its loops are run on. Knows shapes, no instruction set.
 *
 * Weight gradients: the rows of all images are cut into chunks, whose number depends on the shape only; a task is a chunk and a range of
 * channels. The chunks are added in order, and between two calls a sum is kept exactly, in memory. */
#include "model/kernels/depthwise.h"
#include <string.h>

#define BLOCK_ROWS   4
#define MAX_CHUNKS   16
#define CHUNK_PIXELS 1024
#define SUMS_BYTES   ((size_t)4 << 20) /* all chunks together */
#define CALL_FLOATS  6144              /* that a call of the gradient loop reads: they stay in L1 for all vectors and taps */
#define RANGE        64                /* least channels of a task */

enum { MOST_TAPS = MODEL_CONV2D_MAX_WINDOW * MODEL_CONV2D_MAX_WINDOW, MOST_SEGMENTS = 2 * MODEL_CONV2D_MAX_WINDOW + 1 };

static size_t padded(const model_conv2d *s) { return ((size_t)s->ic + 15) / 16 * 16; }

size_t depthwise_packed_floats(const model_conv2d *s) { return (size_t)s->kh * (size_t)s->kw * padded(s); }

void depthwise_pack(const model_conv2d *s, const float *weights, float *packed)
{
    int taps = s->kh * s->kw;
#pragma omp for schedule(static) nowait
    for (int t = 0; t < taps; t++) {
        float *to = packed + (size_t)t * padded(s);
        for (int c = 0; c < s->ic; c++)
            to[c] = weights[(size_t)c * (size_t)taps + (size_t)t];
        memset(to + s->ic, 0, (padded(s) - (size_t)s->ic) * sizeof *to);
    }
}

/* ---- segments of a row ---- */

/* Outputs begin .. end-1 of a row read inside the image with taps first .. last-1 of a row of taps. */
typedef struct segment {
    int begin, end, first, last;
} segment;

static segment segment_at(const gather *g, int x)
{
    segment s = { x, x + 1, 0, g->taps_w };
    while (s.first < g->taps_w && x * g->step_w + g->dx[s.first] < 0)
        s.first++;
    while (s.last > s.first && x * g->step_w + g->dx[s.last - 1] >= g->in_w)
        s.last--;
    return s;
}

/* Going right, taps enter on the left and leave on the right: at most 2*kw + 1 segments. */
static int cut_row(const gather *g, segment segments[MOST_SEGMENTS])
{
    int count = 0;
    for (int x = 0; x < g->out_w; x++) {
        segment s = segment_at(g, x);
        bool same = count > 0 && segments[count - 1].first == s.first && segments[count - 1].last == s.last;
        if (same)
            segments[count - 1].end = s.end;
        else
            segments[count++] = s;
    }
    return count;
}

/* The taps of a segment of output row y: where each reads for the segment's first pixel, and its number u*kw + v. */
static int taps_of(const gather *g, const segment *s, const float *image, int y, const float *src[MOST_TAPS],
                   int tap[MOST_TAPS])
{
    int count = 0;
    for (int i = 0; i < g->taps_h; i++) {
        int iy = y * g->step_h + g->dy[i];
        if (iy < 0 || iy >= g->in_h)
            continue;
        for (int j = s->first; j < s->last; j++) {
            src[count] = image + ((size_t)iy * g->in_w + (size_t)(s->begin * g->step_w + g->dx[j])) * g->in_pitch;
            tap[count++] = g->u[i] * g->window_w + g->v[j];
        }
    }
    return count;
}

/* Columns of row y: the last of a flattened image may be shorter. */
static int columns_of(const gather *g, int y) { return y + 1 == g->out_h ? g->last_w : g->out_w; }

/* ---- forward and backward-data ---- */

static void run_row(const model_depthwise *k, const gather *g, const gather_operands *o, const segment *segments, int count,
                    const float *image, int y, float *row)
{
    const float *src[MOST_TAPS], *weights[MOST_TAPS];
    int tap[MOST_TAPS], columns = columns_of(g, y);
    size_t pitch = ((size_t)g->channels + 15) / 16 * 16;
    model_depthwise_run r = { .channels = g->channels, .src = src, .weights = weights, .bias = o->bias };
    r.src_step = (size_t)g->step_w * g->in_pitch;
    r.dst_step = g->out_pixel;
    r.accumulate = o->accumulate;
    r.relu = o->relu;
    for (int i = 0; i < count && segments[i].begin < columns; i++) {
        r.taps = taps_of(g, &segments[i], image, y, src, tap);
        for (int t = 0; t < r.taps; t++)
            weights[t] = o->packed + (size_t)tap[t] * pitch;
        r.pixels = (segments[i].end < columns ? segments[i].end : columns) - segments[i].begin;
        r.dst = row + (size_t)segments[i].begin * g->out_pixel;
        k->run(&r);
    }
}

void depthwise_run(const model_depthwise *k, const gather *g, const gather_operands *o)
{
    segment segments[MOST_SEGMENTS];
    int count = cut_row(g, segments), blocks = (g->out_h + BLOCK_ROWS - 1) / BLOCK_ROWS;
#pragma omp for schedule(dynamic, 1) nowait
    for (int task = 0; task < g->images * blocks; task++) {
        int image = task / blocks, y0 = task % blocks * BLOCK_ROWS,
            y1 = y0 + BLOCK_ROWS < g->out_h ? y0 + BLOCK_ROWS : g->out_h;
        const float *src = o->src + (size_t)image * g->in_h * g->in_w * g->in_pitch;
        float *dst = o->dst + g->out_first + (size_t)image * g->out_image;
        for (int y = y0; y < y1; y++)
            run_row(k, g, o, segments, count, src, y, dst + (size_t)y * g->out_row);
    }
}

/* ---- weight gradients ---- */

static int chunk_count(const model_conv2d *s)
{
    long rows = (long)s->n * model_conv2d_oh(s), by_pixels = rows * model_conv2d_ow(s) / CHUNK_PIXELS;
    long chunks = rows < MAX_CHUNKS ? rows : MAX_CHUNKS;
    if (chunks > by_pixels)
        chunks = by_pixels;
    while (chunks > 1 && (size_t)chunks * depthwise_packed_floats(s) * sizeof(float) > SUMS_BYTES)
        chunks /= 2;
    return chunks < 1 ? 1 : (int)chunks;
}

size_t depthwise_weights_scratch_bytes(const model_conv2d *s)
{
    return (size_t)chunk_count(s) * depthwise_packed_floats(s) * sizeof(float);
}

/* Channels first_channel .. +channels of one row, added to sums [taps][pitch]. */
static void add_row(const model_depthwise *k, const gather *g, const segment *segments, int count, const float *image,
                    const float *grad, int y, int first_channel, int channels, float *sums, size_t pitch)
{
    const float *src[MOST_TAPS], *from[MODEL_DEPTHWISE_TAPS];
    float *to[MODEL_DEPTHWISE_TAPS];
    int tap[MOST_TAPS], columns = columns_of(g, y), most = CALL_FLOATS / (g->taps_h + 1) / channels;
    model_depthwise_sums s = { .channels = channels, .src = from, .sums = to, .grad_step = g->out_pixel };
    s.src_step = (size_t)g->step_w * g->in_pitch;
    most = most < 16 ? 16 : most;
    for (int i = 0; i < count && segments[i].begin < columns; i++) {
        int taps = taps_of(g, &segments[i], image + first_channel, y, src, tap);
        int end = segments[i].end < columns ? segments[i].end : columns;
        for (int x = segments[i].begin; x < end; x += most)
            for (int t = 0; t < taps; t += s.taps) {
                s.taps = taps - t < MODEL_DEPTHWISE_TAPS ? taps - t : MODEL_DEPTHWISE_TAPS;
                s.pixels = end - x < most ? end - x : most;
                s.grad = grad + (size_t)x * g->out_pixel + first_channel;
                for (int j = 0; j < s.taps; j++) {
                    from[j] = src[t + j] + (size_t)(x - segments[i].begin) * s.src_step;
                    to[j] = sums + (size_t)tap[t + j] * pitch + first_channel;
                }
                k->sums(&s);
            }
    }
}

void depthwise_weights_run(const model_depthwise *k, const model_conv2d *s, const float *src, const float *grad_dst,
                           float *grad_weights, void *scratch, int threads)
{
    gather g = gather_forward(s);
    segment segments[MOST_SEGMENTS];
    int count = cut_row(&g, segments), chunks = chunk_count(s), taps = s->kh * s->kw;
    int wanted = threads == 1 ? 1 : (4 * threads + chunks - 1) / chunks, most = (s->ic + RANGE - 1) / RANGE;
    int ranges = wanted < most ? wanted : most, vectors = (int)(padded(s) / 16);
    size_t floats = depthwise_packed_floats(s);
    float *sums = scratch;
#pragma omp parallel num_threads(threads)
    {
#pragma omp for schedule(dynamic, 1)
        for (int task = 0; task < chunks * ranges; task++) {
            int chunk = task / ranges, range = task % ranges;
            int first = vectors * range / ranges * 16, last = vectors * (range + 1) / ranges * 16;
            float *own = sums + (size_t)chunk * floats;
            for (int t = 0; t < taps; t++)
                memset(own + (size_t)t * padded(s) + first, 0, (size_t)(last - first) * sizeof *own);
            long rows = (long)g.images * g.out_h;
            for (long at = rows * chunk / chunks; at < rows * (chunk + 1) / chunks; at++) {
                size_t image = (size_t)(at / g.out_h), y = (size_t)(at % g.out_h);
                add_row(k, &g, segments, count, src + image * g.in_h * g.in_w * g.in_pitch,
                        grad_dst + image * g.out_image + y * g.out_row, (int)y, first, (last < s->ic ? last : s->ic) - first,
                        own, padded(s));
            }
        }
#pragma omp for schedule(static)
        for (int c = 0; c < s->ic; c++)
            for (int t = 0; t < taps; t++) {
                float sum = 0;
                for (int chunk = 0; chunk < chunks; chunk++)
                    sum += sums[(size_t)chunk * floats + (size_t)t * padded(s) + (size_t)c];
                grad_weights[(size_t)c * (size_t)taps + (size_t)t] = sum;
            }
    }
}
