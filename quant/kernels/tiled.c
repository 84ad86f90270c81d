#include "quant/kernels/tiled.h"
#include "quant/kernels/levels.h"
#include "base/arena.h"
#include <assert.h>
#include <string.h>

/* Rows of the source that are staged at once. Weights are read once per block, so blocks are as tall as a strip in half of a
 * 1 MiB L2 allows: tall ones for small images, whose weights are large. */
#define STRIP_BYTES ((size_t)384 << 10)
#define MAX_BLOCK   16 /* output rows */

static int round_up(int value, int step) { return (value + step - 1) / step * step; }
static int min_int(int a, int b) { return a < b ? a : b; }

/* The shared tile serves three taps with one broadcast. */
static bool is_shared(const quant_conv *c) { return !c->transposed && c->kw == 3 && c->stride == 1 && c->dilation == 1; }

static int staged_channels(const quant_tiler *k, const quant_conv *c) { return round_up(c->ic, k->group); }
static int groups_of(const quant_tiler *k, const quant_conv *c) { return staged_channels(k, c) / k->group; }
static int panel_channels(const quant_tiler *k) { return k->lanes * k->vectors; }
static int panels_of(const quant_tiler *k, const quant_conv *c) { return (c->oc + panel_channels(k) - 1) / panel_channels(k); }

/* Vectors in panel p. */
static int panel_vectors(const quant_tiler *k, const quant_conv *c, int p)
{
    return min_int(k->vectors, (c->oc - p * panel_channels(k) + k->lanes - 1) / k->lanes);
}

/* Multiply-add steps of one output. */
static int steps_of(const quant_tiler *k, const quant_conv *c) { return (c->transposed ? 1 : c->kh * c->kw) * groups_of(k, c); }

static size_t vector_bytes(const quant_tiler *k) { return (size_t)k->lanes * k->group * k->element_bytes; }
static size_t panel_bytes(const quant_tiler *k, const quant_conv *c) /* of a full panel */
{
    return base_arena_round(k->vectors * vector_bytes(k) * steps_of(k, c));
}
static int padded_oc(const quant_tiler *k, const quant_conv *c) { return panels_of(k, c) * panel_channels(k); }

static int phases_of(const quant_conv *c) { return c->transposed ? 4 : 1; }

/* packed: int32 bias[phase][padded oc], float multiplier[padded oc], then phases x panels of weights. */
static size_t row_of_oc_bytes(const quant_tiler *k, const quant_conv *c)
{
    return base_arena_round(sizeof(int32_t) * padded_oc(k, c));
}
static size_t header_bytes(const quant_tiler *k, const quant_conv *c) { return (phases_of(c) + 1) * row_of_oc_bytes(k, c); }

size_t quant_tiled_packed_bytes(const quant_tiler *k, const quant_conv *c)
{
    return header_bytes(k, c) + phases_of(c) * panels_of(k, c) * panel_bytes(k, c);
}

static void put(const quant_tiler *k, unsigned char **at, int8_t weight)
{
    if (k->element_bytes == 1) {
        *(int8_t *)*at = weight;
    } else {
        int16_t wide = weight;
        memcpy(*at, &wide, sizeof wide);
    }
    *at += k->element_bytes;
}

/* One vector of weights: channels g*group.. of tap (ky, kx) for output channels o.. */
static void pack_vector(const quant_tiler *k, const quant_conv *c, int phase, int o, int ky, int kx, int g, unsigned char **at)
{
    for (int lane = 0; lane < k->lanes; lane++)
        for (int j = 0; j < k->group; j++) {
            int i = g * k->group + j;
            int8_t weight = 0;
            if (o + lane < c->oc && i < c->ic)
                weight = c->transposed ? c->weights[((size_t)phase * c->oc + o + lane) * c->ic + i]
                                       : c->weights[(((size_t)(o + lane) * c->kh + ky) * c->kw + kx) * c->ic + i];
            put(k, at, weight);
        }
}

/* sum of byte * weight = sum of (byte - flip) * weight + flip * sum of weights. Wraps as the sums themselves may on their way. */
static void add_flip(const quant_tiler *k, const quant_conv *c, int phase, unsigned char *row)
{
    size_t window = c->transposed ? (size_t)c->ic : (size_t)c->kh * c->kw * c->ic;
    for (int o = 0; o < c->oc; o++) {
        const int8_t *w = c->weights + ((size_t)phase * c->oc + o) * window;
        uint32_t sum = 0, bias;
        for (size_t i = 0; i < window; i++)
            sum += (uint32_t)w[i];
        memcpy(&bias, row + sizeof bias * o, sizeof bias);
        bias += k->flip * sum;
        memcpy(row + sizeof bias * o, &bias, sizeof bias);
    }
}

void quant_tiled_pack(const quant_tiler *k, const quant_conv *c, void *packed)
{
    memset(packed, 0, quant_tiled_packed_bytes(k, c));
    unsigned char *row = packed;
    for (int phase = 0; phase < phases_of(c); phase++, row += row_of_oc_bytes(k, c)) {
        memcpy(row, c->bias + (size_t)phase * c->oc, sizeof(int32_t) * c->oc);
        if (k->flip)
            add_flip(k, c, phase, row);
    }
    memcpy(row, c->multiplier, sizeof(float) * c->oc);
    int kh = c->transposed ? 1 : c->kh, kw = c->transposed ? 1 : c->kw, groups = groups_of(k, c);
    int outer = is_shared(c) ? groups : kw, inner = is_shared(c) ? kw : groups;
    for (int phase = 0; phase < phases_of(c); phase++)
        for (int p = 0; p < panels_of(k, c); p++) {
            unsigned char *at =
                (unsigned char *)packed + header_bytes(k, c) + ((size_t)phase * panels_of(k, c) + p) * panel_bytes(k, c);
            for (int ky = 0; ky < kh; ky++)
                for (int a = 0; a < outer; a++)
                    for (int b = 0; b < inner; b++)
                        for (int v = 0; v < panel_vectors(k, c, p); v++)
                            pack_vector(k, c, phase, p * panel_channels(k) + v * k->lanes, ky, is_shared(c) ? b : a,
                                        is_shared(c) ? a : b, &at);
        }
}

/* ---- staging ---- */
void quant_stage_u8(const uint8_t *src, int pixels, int channels, int pitch, void *dst, int staged)
{
    uint8_t *d = dst;
    if (pitch == staged) {
        memcpy(d, src, (size_t)pixels * pitch);
        return;
    }
    if (channels == 3 && pitch == 3 && staged == 4) { /* packed RGB: a 4-byte load per pixel, the last pixel byte by byte */
        for (int x = 0; x + 1 < pixels; x++) {
            uint32_t rgb;
            memcpy(&rgb, src + 3 * x, 4);
            rgb &= 0x00ffffff;
            memcpy(d + 4 * x, &rgb, 4);
        }
        src += 3 * (pixels - 1);
        d += 4 * (pixels - 1);
        memcpy(d, src, 3);
        d[3] = 0;
        return;
    }
    if (channels == staged && channels % 8 == 0) {
        for (int x = 0; x < pixels; x++, src += pitch, d += staged)
            for (int i = 0; i < channels; i += 8)
                memcpy(d + i, src + i, 8);
        return;
    }
    for (int x = 0; x < pixels; x++, src += pitch, d += staged) {
        memset(d + channels, 0, (size_t)(staged - channels));
        memcpy(d, src, (size_t)channels);
    }
}

/* Output rows per block, source rows and pixels of its strip. */
typedef struct strip {
    int block, rows, width;
    size_t row_bytes;
} strip;

static strip plan_strip(const quant_tiler *k, const quant_conv *c, int src_width)
{
    strip s = { .width = src_width + 2 * c->padding };
    s.row_bytes = (size_t)s.width * staged_channels(k, c) * k->element_bytes;
    int window = c->transposed ? 1 : c->dilation * (c->kh - 1) + 1, stride = c->transposed ? 1 : c->stride;
    s.block = MAX_BLOCK;
    while (s.block > 1 && ((size_t)(s.block - 1) * stride + window) * s.row_bytes > STRIP_BYTES)
        s.block--;
    s.rows = (s.block - 1) * stride + window;
    return s;
}

size_t quant_tiled_scratch_bytes(const quant_tiler *k, const quant_conv *c, int src_width)
{
    strip s = plan_strip(k, c, src_width);
    return s.rows * s.row_bytes + 64; /* a tile reads whole groups only, but broadcasts may be wider than the last one */
}

static void fill(const quant_tiler *k, unsigned char *dst, size_t elements, uint8_t value)
{
    if (k->element_bytes == 1)
        memset(dst, value ^ k->flip, elements);
    else
        for (size_t i = 0; i < elements; i++)
            memcpy(dst + 2 * i, &(int16_t){ value }, 2);
}

static void stage_rows(const quant_tiler *k, const quant_conv *c, const strip *s, const quant_view *src, int first, int rows,
                       unsigned char *dst)
{
    size_t channels = staged_channels(k, c), border = channels * c->padding;
    for (int r = 0; r < rows; r++, dst += s->row_bytes) {
        int y = first + r;
        if (y < 0 || y >= src->height) {
            fill(k, dst, (size_t)s->width * channels, c->src_zero_point);
            continue;
        }
        fill(k, dst, border, c->src_zero_point);
        k->stage(quant_view_at(src, y, 0), src->width, c->ic, src->pitch, dst + border * k->element_bytes, (int)channels);
        fill(k, dst + (border + src->width * channels) * k->element_bytes, border, c->src_zero_point);
    }
}

/* ---- tiles ---- */
/* One output row of one panel, cut into near-equal tiles. */
static void run_row(const quant_tile *t, const uint8_t *src, uint8_t *dst, int width, const quant_tile_kernel *kernels,
                    int most)
{
    int tiles = (width + most - 1) / most;
    for (int i = 0; i < tiles; i++) {
        int x0 = (int)((long)width * i / tiles), x1 = (int)((long)width * (i + 1) / tiles);
        kernels[x1 - x0](t, src + x0 * t->pixel_bytes, dst + x0 * t->dst_bytes);
    }
}

/* Rows of a source that tiles can read: the tensor itself, or a strip of it. */
typedef struct source {
    const uint8_t *data; /* padded row `first` of the image, padded column 0 */
    int first;
    size_t pixel_bytes, row_bytes;
} source;

static void run_block(const quant_tiler *k, const quant_conv *c, const unsigned char *packed, const source *src,
                      const quant_view *dst, int row0, int row1)
{
    bool shared = is_shared(c);
    for (int p = 0; p < panels_of(k, c); p++) {
        int n = panel_vectors(k, c, p), o = p * panel_channels(k);
        quant_tile tile = { .pixel_bytes = (ptrdiff_t)src->pixel_bytes * (c->transposed ? 1 : c->stride),
                            .tap_bytes = (ptrdiff_t)src->pixel_bytes * c->dilation,
                            .row_bytes = (ptrdiff_t)src->row_bytes * c->dilation,
                            .kh = c->transposed ? 1 : c->kh,
                            .kw = c->transposed ? 1 : c->kw,
                            .groups = groups_of(k, c),
                            .multiplier = (const float *)(const void *)(packed + phases_of(c) * row_of_oc_bytes(k, c)) + o,
                            .lo = c->lo,
                            .hi = c->hi,
                            .zero_point = c->zero_point,
                            .dst_bytes = (ptrdiff_t)dst->pitch * (c->transposed ? 2 : 1),
                            .channels = min_int(c->oc - o, panel_channels(k)) };
        for (int y = row0; y < row1; y++) {
            int src_row = c->transposed ? y / 2 : y * c->stride; /* in padded rows */
            const uint8_t *first_tap = src->data + (size_t)(src_row - src->first) * src->row_bytes;
            for (int dx = 0; dx < (c->transposed ? 2 : 1); dx++) {
                int phase = c->transposed ? 2 * (y % 2) + dx : 0;
                tile.bias = (const int32_t *)(const void *)(packed + phase * row_of_oc_bytes(k, c)) + o;
                tile.weights = packed + header_bytes(k, c) + ((size_t)phase * panels_of(k, c) + p) * panel_bytes(k, c);
                run_row(&tile, first_tap, quant_view_at(dst, y, dx) + o, c->transposed ? dst->width / 2 : dst->width,
                        shared ? k->shared[n] : k->plain[n], shared ? k->shared_max[n] : k->plain_max[n]);
            }
        }
    }
}

void quant_tiled_conv(const quant_tiler *k, const quant_conv *c, const void *packed, const quant_view *src,
                      const quant_view *dst, int row0, int row1, void *scratch)
{
    /* Without padding, u8 tiles read the tensor itself: a pixel must be at least whole groups wide. */
    if (k->element_bytes == 1 && !k->flip && c->padding == 0 && src->pitch >= staged_channels(k, c)) {
        source direct = { src->data, 0, (size_t)src->pitch, src->row_bytes };
        run_block(k, c, packed, &direct, dst, row0, row1);
        return;
    }
    strip s = plan_strip(k, c, src->width);
    for (int y = row0; y < row1;) {
        int end = min_int(y + s.block, row1), first, last; /* padded source rows first..last */
        if (c->transposed) {
            first = y / 2;
            last = (end - 1) / 2;
        } else {
            first = y * c->stride;
            last = (end - 1) * c->stride + c->dilation * (c->kh - 1);
        }
        assert(last - first < s.rows);
        stage_rows(k, c, &s, src, first - c->padding, last - first + 1, scratch);
        source staged = { scratch, first, (size_t)staged_channels(k, c) * k->element_bytes, s.row_bytes };
        run_block(k, c, packed, &staged, dst, y, end);
        y = end;
    }
}

void quant_map_unrolled(const quant_view *src, const quant_view *dst, const uint8_t table[256], int row0, int row1)
{
    for (int y = row0; y < row1; y++) {
        const uint8_t *s = quant_view_at(src, y, 0);
        uint8_t *d = quant_view_at(dst, y, 0);
        for (int x = 0; x < dst->width; x++, s += src->pitch, d += dst->pitch) {
            if (!table) {
                memcpy(d, s, (size_t)dst->channels);
                continue;
            }
            int i = 0;
            for (; i + 4 <= dst->channels; i += 4) {
                uint8_t q[4] = { table[s[i]], table[s[i + 1]], table[s[i + 2]], table[s[i + 3]] };
                memcpy(d + i, q, 4);
            }
            for (; i < dst->channels; i++)
                d[i] = table[s[i]];
        }
    }
}
