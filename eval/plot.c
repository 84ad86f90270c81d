#include "eval/plot.h"
#include <cairo-svg.h>
#include <cairo.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Okabe and Ito's palette, black last. */
static const double palette[8][3] = {
    { 0.00, 0.45, 0.70 }, { 0.84, 0.37, 0.00 }, { 0.00, 0.62, 0.45 }, { 0.80, 0.47, 0.65 },
    { 0.90, 0.62, 0.00 }, { 0.34, 0.71, 0.91 }, { 0.45, 0.45, 0.45 }, { 0.00, 0.00, 0.00 },
};

typedef struct frame {
    double left, top, width, height; /* plot area, points */
    double x0, x1, y0, y1;           /* data range, already logarithmic where its axis is */
    bool log_x, log_y, down;
} frame;

static double on_axis(bool logarithmic, double value) { return logarithmic ? log10(value) : value; }

static bool usable(const frame *f, double x, double y)
{
    return isfinite(x) && isfinite(y) && (!f->log_x || x > 0) && (!f->log_y || y > 0);
}

static double to_x(const frame *f, double x) { return f->left + (on_axis(f->log_x, x) - f->x0) / (f->x1 - f->x0) * f->width; }

static double to_y(const frame *f, double y)
{
    double share = (on_axis(f->log_y, y) - f->y0) / (f->y1 - f->y0);
    return f->top + (f->down ? share : 1 - share) * f->height;
}

static bool find_range(frame *f, const eval_series *series, int count)
{
    f->x0 = f->y0 = INFINITY;
    f->x1 = f->y1 = -INFINITY;
    for (int i = 0; i < count; i++)
        for (size_t k = 0; k < series[i].count; k++) {
            double x = series[i].x[k], y = series[i].y[k];
            if (!usable(f, x, y))
                continue;
            x = on_axis(f->log_x, x);
            y = on_axis(f->log_y, y);
            f->x0 = fmin(f->x0, x);
            f->x1 = fmax(f->x1, x);
            f->y0 = fmin(f->y0, y);
            f->y1 = fmax(f->y1, y);
        }
    return f->x0 <= f->x1;
}

static void widen(double *lo, double *hi)
{
    double margin = *hi > *lo ? 0.04 * (*hi - *lo) : fmax(0.5, 0.1 * fabs(*lo));
    *lo -= margin;
    *hi += margin;
}

/* 1, 2 or 5 times a power of ten, giving about `wanted` steps. */
static double tick_step(double range, int wanted)
{
    double rough = range / wanted, power = pow(10, floor(log10(rough))), m = rough / power;
    return power * (m < 1.5 ? 1 : m < 3.5 ? 2 : m < 7.5 ? 5 : 10);
}

static void text_at(cairo_t *c, double x, double y, double align, const char *text)
{
    cairo_text_extents_t e;
    cairo_text_extents(c, text, &e);
    cairo_move_to(c, x - align * e.x_advance, y);
    cairo_show_text(c, text);
}

/* Values at which an axis has a line: multiples of a round step; of a logarithmic one 1, 2 and 5 of each decade, decades alone where
 * there are many. */
enum { TICKS_MAX = 64 };

static int find_ticks(bool logarithmic, double lo, double hi, int wanted, double *ticks)
{
    int count = 0;
    if (!logarithmic) {
        double step = tick_step(hi - lo, wanted);
        for (double t = ceil(lo / step) * step; t <= hi + 1e-9 * step && count < TICKS_MAX; t += step)
            ticks[count++] = fabs(t) < 1e-9 * step ? 0 : t;
        return count;
    }
    for (double decade = floor(lo); decade <= hi; decade++)
        for (int digit = 1; digit <= 5 && count < TICKS_MAX; digit += digit == 1 ? 1 : 3) { /* 1, 2, 5 */
            double at = decade + log10(digit);
            if (at >= lo && at <= hi && (digit == 1 || hi - lo < 3))
                ticks[count++] = pow(10, decade) * digit;
        }
    return count;
}

static void draw_axes(cairo_t *c, const frame *f, const eval_plot_options *o)
{
    char text[32];
    double ticks[TICKS_MAX];
    cairo_set_font_size(c, 10);
    cairo_set_line_width(c, 0.5);
    int count = find_ticks(f->log_x, f->x0, f->x1, f->width > 300 ? 8 : 5, ticks);
    for (int i = 0; i < count; i++) {
        double px = to_x(f, ticks[i]);
        cairo_set_source_rgb(c, 0.88, 0.88, 0.88);
        cairo_move_to(c, px, f->top);
        cairo_line_to(c, px, f->top + f->height);
        cairo_stroke(c);
        cairo_set_source_rgb(c, 0.25, 0.25, 0.25);
        snprintf(text, sizeof text, "%g", ticks[i]);
        text_at(c, px, f->top + f->height + 13, 0.5, text);
    }
    count = find_ticks(f->log_y, f->y0, f->y1, 6, ticks);
    for (int i = 0; i < count; i++) {
        double py = to_y(f, ticks[i]);
        cairo_set_source_rgb(c, 0.88, 0.88, 0.88);
        cairo_move_to(c, f->left, py);
        cairo_line_to(c, f->left + f->width, py);
        cairo_stroke(c);
        cairo_set_source_rgb(c, 0.25, 0.25, 0.25);
        snprintf(text, sizeof text, "%.3g", ticks[i]);
        text_at(c, f->left - 5, py + 3.5, 1, text);
    }
    cairo_set_source_rgb(c, 0.25, 0.25, 0.25);
    cairo_rectangle(c, f->left, f->top, f->width, f->height);
    cairo_stroke(c);
    if (o->x_label)
        text_at(c, f->left + 0.5 * f->width, f->top + f->height + 28, 0.5, o->x_label);
    if (o->y_label) {
        cairo_save(c);
        cairo_translate(c, 11, f->top + 0.5 * f->height);
        cairo_rotate(c, -1.5707963267948966);
        text_at(c, 0, 0, 0.5, o->y_label);
        cairo_restore(c);
    }
    if (o->title) {
        cairo_select_font_face(c, "sans-serif", CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_BOLD);
        cairo_set_font_size(c, 12);
        text_at(c, f->left, f->top - 8, 0, o->title);
        cairo_select_font_face(c, "sans-serif", CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_NORMAL);
    }
}

static const double DOT_RADIUS = 2.5; /* points */

static double radius_of(const eval_series *s) { return s->width > 0 ? s->width : DOT_RADIUS; }

static void draw_dots(cairo_t *c, const frame *f, const eval_series *s)
{
    for (size_t k = 0; k < s->count; k++) {
        if (!usable(f, s->x[k], s->y[k]))
            continue;
        cairo_arc(c, to_x(f, s->x[k]), to_y(f, s->y[k]), radius_of(s), 0, 6.283185307179586);
        cairo_fill(c);
    }
}

typedef struct box {
    double x0, y0, x1, y1;
} box;

static bool apart(const box *a, const box *b) { return a->x1 <= b->x0 || b->x1 <= a->x0 || a->y1 <= b->y0 || b->y1 <= a->y0; }

/* Does text in the box stay in the plot area and off all dots and earlier labels? */
static bool is_free(const frame *f, const box *b, const eval_series *series, int count, const box *labels, int label_count)
{
    if (b->x0 < f->left || b->y0 < f->top || b->x1 > f->left + f->width || b->y1 > f->top + f->height)
        return false;
    for (int i = 0; i < label_count; i++)
        if (!apart(b, &labels[i]))
            return false;
    for (int i = 0; i < count; i++)
        for (size_t k = 0; series[i].dots && k < series[i].count; k++) {
            if (!usable(f, series[i].x[k], series[i].y[k]))
                continue;
            double x = to_x(f, series[i].x[k]), y = to_y(f, series[i].y[k]), r = radius_of(&series[i]);
            if (!apart(b, &(box){ x - r, y - r, x + r, y + r }))
                return false;
        }
    return true;
}

/* Beside its dot, right or left, else a little above or below; where all of that is taken, right. */
static void draw_labels(cairo_t *c, const frame *f, const eval_series *series, int count)
{
    enum { LABELS_MAX = 128, PLACES = 8 };
    static const double place[PLACES][3] = { { 5, 3, 0 },   { -5, 3, 1 },  { 5, -6, 0 },  { 5, 12, 0 },
                                             { -5, -6, 1 }, { -5, 12, 1 }, { 5, -15, 0 }, { 5, 21, 0 } };
    box taken[LABELS_MAX];
    int labels = 0;
    cairo_set_font_size(c, 8);
    for (int i = 0; i < count; i++)
        for (size_t k = 0; series[i].dots && series[i].labels && k < series[i].count; k++) {
            const char *text = series[i].labels[k];
            if (!text || !usable(f, series[i].x[k], series[i].y[k]))
                continue;
            cairo_text_extents_t e;
            cairo_text_extents(c, text, &e);
            double x = to_x(f, series[i].x[k]), y = to_y(f, series[i].y[k]);
            box at[PLACES];
            int chosen = -1;
            for (int q = 0; q < PLACES && chosen < 0; q++) {
                double left = x + place[q][0] - place[q][2] * e.x_advance, foot = y + place[q][1];
                at[q] = (box){ left, foot - 7, left + e.x_advance, foot + 2 };
                if (is_free(f, &at[q], series, count, taken, labels))
                    chosen = q;
            }
            chosen = chosen < 0 ? 0 : chosen;
            const double *rgb = palette[(unsigned)series[i].color % 8];
            cairo_set_source_rgb(c, rgb[0], rgb[1], rgb[2]);
            text_at(c, at[chosen].x0, at[chosen].y1 - 2, 0, text);
            if (labels < LABELS_MAX)
                taken[labels++] = at[chosen];
        }
}

static void draw_series(cairo_t *c, const frame *f, const eval_series *s)
{
    const double *rgb = palette[(unsigned)s->color % 8], dash[] = { 4, 3 };
    cairo_set_source_rgb(c, rgb[0], rgb[1], rgb[2]);
    if (s->dots) {
        draw_dots(c, f, s);
        return;
    }
    cairo_set_line_width(c, s->width > 0 ? s->width : 1.5);
    cairo_set_line_join(c, CAIRO_LINE_JOIN_ROUND);
    cairo_set_dash(c, dash, s->dashed ? 2 : 0, 0);
    bool down = false;
    for (size_t k = 0; k < s->count; k++) {
        if (!usable(f, s->x[k], s->y[k])) {
            down = false;
            continue;
        }
        if (down)
            cairo_line_to(c, to_x(f, s->x[k]), to_y(f, s->y[k]));
        else
            cairo_move_to(c, to_x(f, s->x[k]), to_y(f, s->y[k]));
        down = true;
    }
    cairo_stroke(c);
    cairo_set_dash(c, dash, 0, 0);
}

static void draw_legend(cairo_t *c, const frame *f, const eval_plot_options *o, const eval_series *series, int count)
{
    int named = 0;
    for (int i = 0; i < count; i++)
        named += series[i].name && series[i].name[0];
    double y = o->legend_below ? f->top + f->height - 14 * named + 6 : f->top + 14;
    cairo_set_font_size(c, 10);
    for (int i = 0; i < count; i++) {
        if (!series[i].name || !series[i].name[0])
            continue;
        const double *rgb = palette[(unsigned)series[i].color % 8], dash[] = { 4, 3 };
        double right = f->left + f->width - 8;
        cairo_text_extents_t e;
        cairo_text_extents(c, series[i].name, &e);
        cairo_set_source_rgba(c, 1, 1, 1, 0.8);
        cairo_rectangle(c, right - e.x_advance - 30, y - 10, e.x_advance + 34, 14);
        cairo_fill(c);
        cairo_set_source_rgb(c, rgb[0], rgb[1], rgb[2]);
        if (series[i].dots) {
            cairo_arc(c, right - e.x_advance - 12, y - 3.5, DOT_RADIUS, 0, 6.283185307179586);
            cairo_fill(c);
        } else {
            cairo_set_line_width(c, 2);
            cairo_set_dash(c, dash, series[i].dashed ? 2 : 0, 0);
            cairo_move_to(c, right - e.x_advance - 26, y - 3.5);
            cairo_line_to(c, right - e.x_advance - 6, y - 3.5);
            cairo_stroke(c);
            cairo_set_dash(c, dash, 0, 0);
        }
        cairo_set_source_rgb(c, 0.1, 0.1, 0.1);
        text_at(c, right, y, 1, series[i].name);
        y += 14;
    }
}

static cairo_status_t append(void *closure, const unsigned char *data, unsigned int length)
{
    return base_buffer_append(closure, data, length) ? CAIRO_STATUS_SUCCESS : CAIRO_STATUS_WRITE_ERROR;
}

bool eval_plot_lines(base_buffer *svg, const eval_plot_options *o, const eval_series *series, int count, base_error *err)
{
    double width = o->width ? o->width : 560, height = o->height ? o->height : 300;
    frame f = { .left = 56,
                .top = 26,
                .width = width - 68,
                .height = height - 64,
                .log_x = o->log_x,
                .log_y = o->log_y,
                .down = o->same_scale };
    if (!find_range(&f, series, count))
        return base_fail(err, BASE_ARGUMENT, "plot \"%s\": no finite value to draw", o->title ? o->title : "");
    if (o->y_max > o->y_min) {
        f.y0 = on_axis(f.log_y, o->y_min);
        f.y1 = on_axis(f.log_y, o->y_max);
    } else {
        widen(&f.y0, &f.y1);
    }
    widen(&f.x0, &f.x1);
    if (o->same_scale) { /* shrink the area to the data's proportions */
        double unit = fmin(f.width / (f.x1 - f.x0), f.height / (f.y1 - f.y0));
        f.width = unit * (f.x1 - f.x0);
        f.height = unit * (f.y1 - f.y0);
    }
    base_buffer text = { 0 };
    cairo_surface_t *surface = cairo_svg_surface_create_for_stream(append, &text, width, height);
    cairo_svg_surface_set_document_unit(surface, CAIRO_SVG_UNIT_PX);
    cairo_t *c = cairo_create(surface);
    cairo_select_font_face(c, "sans-serif", CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_NORMAL);
    draw_axes(c, &f, o);
    cairo_save(c);
    cairo_rectangle(c, f.left, f.top, f.width, f.height);
    cairo_clip(c);
    for (int i = 0; i < count; i++)
        draw_series(c, &f, &series[i]);
    draw_labels(c, &f, series, count);
    cairo_restore(c);
    draw_legend(c, &f, o, series, count);
    cairo_status_t status = cairo_status(c);
    cairo_destroy(c);
    cairo_surface_finish(surface);
    if (status == CAIRO_STATUS_SUCCESS)
        status = cairo_surface_status(surface);
    cairo_surface_destroy(surface);
    bool ok = status == CAIRO_STATUS_SUCCESS && base_buffer_append(svg, text.data, text.bytes);
    base_buffer_free(&text);
    return ok || base_fail(err, BASE_MEMORY, "plot \"%s\": %s", o->title ? o->title : "", cairo_status_to_string(status));
}
