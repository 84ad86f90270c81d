/* model/kernels/strip.c — see gather.h. */
#include "base/arena.h"
#include "model/kernels/gather.h"
#include "model/kernels/rows.h"
#include <string.h>

strip strip_plan(const gather *g, int block, int pitch)
{
    if (g->taps_h == 0 || g->taps_w == 0)
        return (strip){ .block = block, .pitch = pitch };
    strip p = { .block = block, .pitch = pitch };
    int dense = (block - 1) * g->step_h + g->dy[g->taps_h - 1] - g->dy[0] + 1;
    p.sparse = g->taps_h * block < dense;
    p.rows = p.sparse ? g->taps_h * block : dense;
    p.cols = (g->out_w - 1) * g->step_w + g->dx[g->taps_w - 1] - g->dx[0] + 1;
    /* One vector of slack: tiles of weight gradients read whole vectors past the last channel. Rows start 64-byte aligned. */
    p.row = ((size_t)p.cols * (size_t)pitch + 15) / 16 * 16;
    p.bytes = base_arena_round(((size_t)p.rows * p.row + 64) * sizeof(float));
    return p;
}

/* Copy pixels, clearing what the wider pitch adds. Images have three channels and become four. */
static void copy_pixels(float *dst, int dst_pitch, const float *src, int src_pitch, int channels, int count)
{
    if (dst_pitch == channels && src_pitch == channels) {
        memcpy(dst, src, (size_t)count * (size_t)channels * sizeof *dst);
    } else if (dst_pitch == 4 && channels == 3) {
        for (int i = 0; i < count; i++) {
            memcpy(dst + 4 * i, src + (size_t)src_pitch * (size_t)i, 3 * sizeof *dst);
            dst[4 * i + 3] = 0;
        }
    } else {
        model_copy_pixels(dst, (size_t)dst_pitch, src, (size_t)src_pitch, channels, (size_t)count);
        for (int i = 0; i < count && dst_pitch > channels; i++)
            dst[i * dst_pitch + channels] = 0;
    }
}

static void fill_row(const strip *p, const gather *g, const float *image, int iy, bool zero_rows, float *row)
{
    size_t pitch = (size_t)p->pitch;
    if (iy < 0 || iy >= g->in_h) {
        if (zero_rows)
            memset(row, 0, p->row * sizeof *row);
        return;
    }
    int width = iy + 1 == g->in_h && g->last_w != g->out_w ? g->last_w : g->in_w;
    int first = g->dx[0], begin = first < 0 ? 0 : first, end = first + p->cols < width ? first + p->cols : width;
    if (end < begin)
        end = begin = first < 0 ? 0 : first;
    int left = begin - first < p->cols ? begin - first : p->cols, middle = left < p->cols ? end - begin : 0;
    memset(row, 0, (size_t)left * pitch * sizeof *row);
    if (middle > 0 && g->bf16)
        g->bf16->channel_pairs(row + (size_t)left * pitch, pitch, image + ((size_t)iy * g->in_w + (size_t)begin) * g->in_pitch,
                               (size_t)g->in_pitch, g->src_channels, (size_t)middle);
    else if (middle > 0)
        copy_pixels(row + (size_t)left * pitch, p->pitch, image + ((size_t)iy * g->in_w + (size_t)begin) * g->in_pitch,
                    g->in_pitch, g->channels, middle);
    memset(row + (size_t)(left + middle) * pitch, 0, (p->row - (size_t)(left + middle) * pitch) * sizeof *row);
}

void strip_fill(const strip *p, const gather *g, const float *image, int y0, int count, bool zero_rows, float *rows)
{
    int first = y0 * g->step_h;
    if (!p->sparse) {
        int held = (count - 1) * g->step_h + g->dy[g->taps_h - 1] - g->dy[0] + 1;
        for (int i = 0; i < held; i++)
            fill_row(p, g, image, first + g->dy[0] + i, zero_rows, rows + (size_t)i * p->row);
        return;
    }
    for (int i = 0; i < g->taps_h; i++)
        for (int y = 0; y < count; y++)
            fill_row(p, g, image, first + y * g->step_h + g->dy[i], zero_rows, rows + (size_t)strip_row(p, g, y, i) * p->row);
}
