#include "dataset/inspect.h"
#include <cairo.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MARGIN = 8, CAPTION = 18 };

dataset_sheet_options dataset_sheet_options_default(void)
{
    return (dataset_sheet_options){ .columns = 3, .rows = 4, .cell_width_px = 256, .split = -1 };
}

/* Put packed RGB at (x, y) of a CAIRO_FORMAT_RGB24 surface. */
static void put_rgb(cairo_surface_t *surface, int x, int y, const uint8_t *rgb, int w, int h)
{
    unsigned char *data = cairo_image_surface_get_data(surface);
    size_t pitch = (size_t)cairo_image_surface_get_stride(surface);
    for (int row = 0; row < h; row++) {
        uint32_t *out = (uint32_t *)(void *)(data + (size_t)(y + row) * pitch) + x;
        for (int i = 0; i < w; i++, rgb += 3)
            out[i] = (uint32_t)rgb[0] << 16 | (uint32_t)rgb[1] << 8 | rgb[2];
    }
}

typedef struct sheet_space {
    dataset_image rgb, seg;
    uint8_t *small, *tags; /* at the cell's size */
} sheet_space;

/* RGB on the left, RGB half covered by the tag's colour on the right. */
static bool draw_cell(const dataset *d, const dataset_frame *f, int camera, sheet_space *s, cairo_surface_t *surface, int x,
                      int y, int w, int h, base_error *err)
{
    const dataset_info *info = dataset_info_of(d);
    if (!dataset_read(d, f, camera, DATASET_RGB, &s->rgb, err))
        return false;
    dataset_resize_rgb(s->small, w, h, s->rgb.pixels, s->rgb.width_px, s->rgb.height_px);
    put_rgb(surface, x, y, s->small, w, h);
    if (!info->cameras[camera].has[DATASET_SEG])
        return true;
    if (!dataset_read(d, f, camera, DATASET_SEG, &s->seg, err))
        return false;
    dataset_resize_index(s->tags, w, h, s->seg.pixels, s->seg.width_px, s->seg.height_px);
    for (int i = 0; i < w * h; i++)
        for (int c = 0; c < 3; c++)
            s->small[3 * i + c] = (uint8_t)((s->small[3 * i + c] + info->taxonomy.tags[s->tags[i]].rgb[c] + 1) / 2);
    put_rgb(surface, x + w, y, s->small, w, h);
    return true;
}

static void draw_caption(cairo_t *cr, const dataset_frame *f, int x, int y)
{
    char id[DATASET_ID_BYTES], text[256];
    dataset_frame_id(f, id);
    snprintf(text, sizeof text, "%s  %s  %s  %s  %.1f m/s  offset %+.2f m%s", id, dataset_split_names[f->split], f->map,
             f->weather, f->speed_mps, f->lane_offset_m, f->perturbed ? "  perturbed" : "");
    cairo_move_to(cr, x + 2, y + 13);
    cairo_show_text(cr, text);
}

/* Frames of the chosen split, picked as the options say; returns how many were written to `out`. */
static int pick_frames(const dataset *d, const dataset_sheet_options *o, int most, int *out)
{
    int n = dataset_frame_count(d), of_split = 0, count = 0, seen = 0;
    for (int i = 0; i < n; i++)
        of_split += o->split < 0 || (int)dataset_frame_at(d, i)->split == o->split;
    int left = of_split - o->first;
    for (int i = 0; i < n && count < most && left > 0; i++) {
        if (o->split >= 0 && (int)dataset_frame_at(d, i)->split != o->split)
            continue;
        int at = seen++ - o->first;
        int wanted = o->step ? count * o->step : (int)((int64_t)count * left / (left < most ? left : most));
        if (at == wanted)
            out[count++] = i;
    }
    return count;
}

bool dataset_sheet(const dataset *d, const dataset_sheet_options *o, dataset_image *sheet, base_error *err)
{
    const dataset_info *info = dataset_info_of(d);
    if (o->columns < 1 || o->columns > 32 || o->rows < 1 || o->rows > 32 || o->cell_width_px < 64 || o->cell_width_px > 1024 ||
        o->first < 0 || o->step < 0 || o->split >= DATASET_SPLITS)
        return base_fail(err, BASE_ARGUMENT, "a sheet of %d x %d cells of %d pixels: 1 to 32 and 64 to 1024 expected",
                         o->columns, o->rows, o->cell_width_px);
    if (o->camera < 0 || o->camera >= info->camera_count || !info->cameras[o->camera].has[DATASET_RGB])
        return base_fail(err, BASE_ARGUMENT, "%s: camera %d has no colour images", dataset_dir(d), o->camera);
    const dataset_camera *c = &info->cameras[o->camera];
    int frames[32 * 32], count = pick_frames(d, o, o->columns * o->rows, frames);
    if (count == 0)
        return base_fail(err, BASE_ARGUMENT, "%s: no frame to show from number %d on%s%s", dataset_dir(d), o->first,
                         o->split < 0 ? "" : " in split ", o->split < 0 ? "" : dataset_split_names[o->split]);
    int w = o->cell_width_px, h = (int)((int64_t)w * c->height_px / c->width_px),
        columns = count < o->columns ? count : o->columns, rows = (count + columns - 1) / columns;
    h = h < 1 ? 1 : h;
    int cell_w = 2 * w + MARGIN, cell_h = h + CAPTION + MARGIN;
    cairo_surface_t *surface =
        cairo_image_surface_create(CAIRO_FORMAT_RGB24, columns * cell_w + MARGIN, rows * cell_h + MARGIN);
    cairo_t *cr = cairo_create(surface);
    sheet_space space = { .small = malloc((size_t)w * (size_t)h * 3), .tags = malloc((size_t)w * (size_t)h) };
    bool ok = false;
    if (cairo_status(cr) != CAIRO_STATUS_SUCCESS || !space.small || !space.tags) {
        base_fail(err, BASE_MEMORY, "cannot make a sheet of %d x %d pixels", columns * cell_w + MARGIN, rows * cell_h + MARGIN);
        goto done;
    }
    cairo_set_source_rgb(cr, 0.12, 0.13, 0.15);
    cairo_paint(cr);
    cairo_surface_flush(surface);
    for (int i = 0; i < count; i++)
        if (!draw_cell(d, dataset_frame_at(d, frames[i]), o->camera, &space, surface, MARGIN + i % columns * cell_w,
                       MARGIN + i / columns * cell_h, w, h, err))
            goto done;
    cairo_surface_mark_dirty(surface);
    cairo_set_source_rgb(cr, 0.9, 0.9, 0.9);
    cairo_select_font_face(cr, "sans-serif", CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_NORMAL);
    cairo_set_font_size(cr, 11);
    for (int i = 0; i < count; i++)
        draw_caption(cr, dataset_frame_at(d, frames[i]), MARGIN + i % columns * cell_w, MARGIN + i / columns * cell_h + h);
    cairo_surface_flush(surface);
    if (!dataset_image_resize(sheet, columns * cell_w + MARGIN, rows * cell_h + MARGIN, DATASET_RGB8, err))
        goto done;
    uint8_t *out = sheet->pixels;
    for (int y = 0; y < sheet->height_px; y++) {
        const uint32_t *row = (const uint32_t *)(const void *)(cairo_image_surface_get_data(surface) +
                                                               (size_t)y * (size_t)cairo_image_surface_get_stride(surface));
        for (int x = 0; x < sheet->width_px; x++, out += 3) {
            out[0] = (uint8_t)(row[x] >> 16);
            out[1] = (uint8_t)(row[x] >> 8);
            out[2] = (uint8_t)row[x];
        }
    }
    ok = true;
done:
    free(space.small);
    free(space.tags);
    dataset_image_free(&space.rgb);
    dataset_image_free(&space.seg);
    cairo_destroy(cr);
    cairo_surface_destroy(surface);
    return ok;
}
